"""The command that repeats one check of a run, for use in a shell."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from ..characters import shell_word
from ..inventory import exact_term
from ..model import CheckKey, Invocation


def rerun_command(invocation: Invocation, key: CheckKey) -> str:
    """Return the command line that repeats a check. Its exit code is not 0 if rows differ."""
    words = [*invocation.program, f"--tenants={exact_term(key.whose)}"]
    if key.subject is not None:
        words.append(f"--parity-tables={exact_term(key.subject)}")
    words += [*invocation.options, *_test(invocation, invocation.tests.get(key.name, ""))]
    return shell_line(invocation.environment, words)


def shell_line(variables: Mapping[str, str], words: Iterable[str]) -> str:
    """Return the line for a shell that calls a program with variables."""
    assigned = [f"{name}={shell_word(value) if value else ''}" for name, value in variables.items()]
    return " ".join([*assigned, *map(shell_word, words)])


def _test(invocation: Invocation, nodeid: str) -> list[str]:
    """Return the test's node id relative to the current folder, as a list.

    The list is empty if the path cannot be part of a node id.
    """
    path, _, names = nodeid.partition("::")
    if not path or "[" in path:
        return []
    path = os.path.normpath(os.path.join(invocation.root, path)).replace(os.sep, "/")  # noqa: PTH118
    return [f"{path}::{names}"]
