"""The command that repeats one check of a run, for use in a shell."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from ..characters import shell_word
from ..inventory import exact_term
from ..model import CheckKey


@dataclass(frozen=True, slots=True)
class Invocation:
    """The call of pytest, without options that select checks or only change the output.

    - ``environment``: variables that affect the verdict.
    - ``tests``: node ids of the tests without parameters, by check name.
    - ``program``: the command without options.
    - ``root``: folder of the node ids, relative to the folder where pytest was called.
    """

    environment: dict[str, str] = field(default_factory=dict)
    tests: dict[str, str] = field(default_factory=dict)
    program: tuple[str, ...] = ("pytest",)
    options: tuple[str, ...] = ("--fail-on-drift",)
    root: str = "."

    def rerun(self, key: CheckKey) -> str:
        """Return the command line that repeats a check. Its exit code is not 0 if rows differ."""
        words = [*self.program, f"--tenants={exact_term(key.whose)}"]
        if key.subject is not None:
            words.append(f"--parity-tables={exact_term(key.subject)}")
        words += [*self.options, *self._test(self.tests.get(key.name, ""))]
        variables = [
            f"{name}={shell_word(value) if value else ''}"
            for name, value in self.environment.items()
        ]
        return " ".join([*variables, *map(shell_word, words)])

    def _test(self, nodeid: str) -> list[str]:
        """Return the test's node id relative to the current folder, as a list.

        The list is empty if the path cannot be part of a node id.
        """
        path, _, names = nodeid.partition("::")
        if not path or "[" in path:
            return []
        path = os.path.normpath(os.path.join(self.root, path)).replace(os.sep, "/")  # noqa: PTH118
        return [f"{path}::{names}"]
