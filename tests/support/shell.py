"""Runs commands from a report in a shell."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path


def shell(folder: Path, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command line in a shell, like a user who pastes it."""
    return subprocess.run(  # noqa: S602 - a shell is what it is about
        command,
        shell=True,
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def found(output: str) -> dict[str, str]:
    """Return the terminal's text about each check, by the command that repeats the check."""
    pattern = (
        r"(?ms)^(?!FAILED )(\S[^\n]*: (?:DRIFT|NOT PROVEN)\n(?:  [^\n]*\n)*?)  again: ([^\n]*)$"
    )
    return {command: said for said, command in re.findall(pattern, output)}


def assert_repeats(folder: Path, command: str, said: str, **variables: str) -> None:
    """Require that a command prints the same about the check, and exits with 1."""
    done = shell(folder, command, **variables)
    assert done.returncode == 1, done.stdout + done.stderr
    assert said in found(done.stdout).values(), done.stdout + done.stderr
    assert "ERROR" not in done.stderr
