"""The command that makes one check of a run once more, to be pasted into a shell."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from ..characters import shell_word
from ..inventory import exact_term
from ..model import ANY_TABLE, CheckKey


@dataclass(frozen=True, slots=True)
class Again:
    """How pytest was called, but for what selects checks and for what only shows them.

    ``environment`` are variables that steer a run, ``program`` is how pytest was called, ``root``
    is the folder of the node ids, from the folder where pytest was called.
    """

    environment: dict[str, str] = field(default_factory=dict)
    program: tuple[str, ...] = ("pytest",)
    options: tuple[str, ...] = ("--fail-on-drift",)
    root: str = "."

    def command(self, key: CheckKey) -> str:
        """Return the command line; pasted where pytest was called, it does not end with 0."""
        words = [*self.program, f"--tenants={exact_term(key.tenant)}"]
        if key.table != ANY_TABLE:
            words.append(f"--parity-tables={exact_term(key.table)}")
        words += [*self.options, *self._test(key.check)]
        variables = [
            f"{name}={shell_word(value) if value else ''}"
            for name, value in self.environment.items()
        ]
        return " ".join([*variables, *map(shell_word, words)])

    def _test(self, check: str) -> list[str]:
        """Return the node id, without parameters; none for a path that no node id can have."""
        path, _, names = check.partition("::")
        if "[" in path:
            return []
        path = os.path.normpath(os.path.join(self.root, path)).replace(os.sep, "/")  # noqa: PTH118
        return [f"{path}::{names.partition('[')[0]}"]
