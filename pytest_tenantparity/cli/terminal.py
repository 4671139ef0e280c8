"""What all commands print, and how they end."""

from __future__ import annotations

import sys

import typer

from ..characters import on_one_line


def say(line: str) -> None:
    """Print ``line`` to a terminal of any encoding, with hidden characters as code points."""
    encoding = sys.stdout.encoding or "utf-8"
    typer.echo(on_one_line(line).encode(encoding, "backslashreplace").decode(encoding))


def refused(why: str) -> typer.Exit:
    """Print why a command cannot be done, and return its end with exit code 2.

    Each line of ``why`` is an error of its own, such as one of several wrong settings.
    """
    for line in why.split("\n"):
        typer.echo(f"ERROR: {on_one_line(line)}", err=True)
    return typer.Exit(2)
