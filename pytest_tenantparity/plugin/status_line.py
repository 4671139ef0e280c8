"""Where progress is shown: on one line of a terminal, or rarely in a log."""

from __future__ import annotations

import os
from collections.abc import Callable
from time import monotonic
from typing import Protocol, TextIO

EVERY = 300.0  # seconds between the lines in a log: a CI that kills silent jobs waits longer


class Screen(Protocol):
    """Shows a text that changes, beside what pytest writes."""

    def show(self, text: Callable[[int | None], str]) -> None:
        """Show what ``text`` gives for a width; None is any."""

    def hide(self) -> None:
        """Take away what pytest's next words would collide with."""


class StatusLine:
    """A line of its own, below the one that pytest is writing.

    pytest's cursor is put back where it was, so neither has to know of the other's column. Moving
    down by ESC D scrolls at the bottom of the terminal and keeps the column; a line end does not.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._shown = False

    def show(self, text: Callable[[int | None], str]) -> None:
        """Draw the line over the last one; without wrapping, should the terminal be narrower."""
        line = text(os.get_terminal_size(self._file.fileno()).columns - 1)
        self._write(f"\x1bD\x1b[A\x1b7\x1b[B\r\x1b[?7l{line}\x1b[K\x1b[?7h\x1b8")
        self._shown = True

    def hide(self) -> None:
        """Clear all below pytest's line."""
        if self._shown:
            self._write("\x1b7\x1b[B\r\x1b[J\x1b8")
            self._shown = False

    def _write(self, codes: str) -> None:
        self._file.write(codes)
        self._file.flush()


class RareLines:
    """A plain line every few minutes."""

    def __init__(
        self, file: TextIO, column: Callable[[], int], clock: Callable[[], float] = monotonic
    ) -> None:
        self._file = file
        self._column = column
        self._clock = clock
        self._due = clock() + EVERY

    def show(self, text: Callable[[int | None], str]) -> None:
        """Write a line, if it is time."""
        if self._clock() >= self._due:
            self._due = self._clock() + EVERY
            start = "\n" if self._column() else ""
            self._file.write(f"{start}{text(None)}\n")
            self._file.flush()

    def hide(self) -> None:
        """Leave the lines where they are."""
