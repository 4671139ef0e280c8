"""The display of progress: one line of a terminal, or an occasional line in a log."""

from __future__ import annotations

import os
from collections.abc import Callable
from time import monotonic
from typing import Protocol, TextIO

EVERY = 300.0  # seconds between log lines. CI systems kill silent jobs only after longer.


class Screen(Protocol):
    """Shows a changing text beside the output of pytest."""

    def show(self, text: Callable[[int | None], str]) -> None:
        """Show the result of ``text`` for the available width, which is None if it is unlimited."""

    def hide(self) -> None:
        """Remove the text, so that the next output of pytest does not collide with it."""


class StatusLine:
    """A status line below the line that pytest writes.

    The cursor is restored to pytest's position, so that neither needs the other's column. The
    cursor is moved down by ESC D, which scrolls at the bottom of the terminal and keeps the column.
    A newline does not keep the column.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._shown = False

    def show(self, text: Callable[[int | None], str]) -> None:
        """Draw the line over the previous one, without wrapping if the terminal became narrower."""
        line = text(os.get_terminal_size(self._file.fileno()).columns - 1)
        self._write(f"\x1bD\x1b[A\x1b7\x1b[B\r\x1b[?7l{line}\x1b[K\x1b[?7h\x1b8")
        self._shown = True

    def hide(self) -> None:
        """Clear everything below pytest's line."""
        if self._shown:
            self._write("\x1b7\x1b[B\r\x1b[J\x1b8")
            self._shown = False

    def _write(self, codes: str) -> None:
        self._file.write(codes)
        self._file.flush()


class RareLines:
    """Writes a plain line every few minutes."""

    def __init__(
        self, file: TextIO, column: Callable[[], int], clock: Callable[[], float] = monotonic
    ) -> None:
        self._file = file
        self._column = column
        self._clock = clock
        self._due = clock() + EVERY

    def show(self, text: Callable[[int | None], str]) -> None:
        """Write a line if enough time has passed since the last one."""
        if self._clock() >= self._due:
            self._due = self._clock() + EVERY
            start = "\n" if self._column() else ""
            self._file.write(f"{start}{text(None)}\n")
            self._file.flush()

    def hide(self) -> None:
        """Do nothing: lines in a log are not removed."""
