"""A terminal for tests: pytest writes to a pseudo-terminal, which pyte renders."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import termios
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from select import select
from time import monotonic
from typing import Any

import pyte
import pytest

from .forkserver import Forked
from .project import Project

COLUMNS, LINES = 100, 24
_PATIENCE = 60.0  # seconds


@dataclass
class Terminal:
    """A process, and the screen that it writes to."""

    process: Forked
    _reader: int
    _screen: Any = field(default_factory=lambda: pyte.HistoryScreen(COLUMNS, LINES, history=5_000))

    def __post_init__(self) -> None:
        self._stream = pyte.ByteStream(self._screen)
        self.said = b""

    def wait_for(self, seen: Callable[[], bool]) -> None:
        """Read until ``seen`` returns true. Fail the test if that takes too long."""
        end = monotonic() + _PATIENCE
        while not seen():
            if monotonic() > end or not self._read(0.05):
                pytest.fail(f"it is not to be seen:\n{self.text}")

    def finish(self) -> int:
        """Read to the end, and return the exit code."""
        end = monotonic() + _PATIENCE
        while self._read(_PATIENCE):
            if monotonic() > end:
                pytest.fail(f"the process does not end:\n{self.text}")
        return self.process.wait(_PATIENCE)

    @property
    def lines(self) -> list[str]:
        """All lines, including those scrolled away, without trailing spaces."""
        rows = [*self._screen.history.top, *(self._screen.buffer[y] for y in range(LINES))]
        return ["".join(row[x].data for x in range(COLUMNS)).rstrip() for row in rows]

    @property
    def text(self) -> str:
        """The text of all lines."""
        return "\n".join(self.lines).rstrip()

    @property
    def below(self) -> str:
        """The line below the cursor."""
        row = self._screen.buffer[self._screen.cursor.y + 1]
        return "".join(row[x].data for x in range(COLUMNS)).rstrip()

    def _read(self, patience: float) -> bool:
        """Read the available output. Return whether more may follow."""
        ready, _, _ = select([self._reader], [], [], patience)
        if not ready:
            return True
        try:
            said = os.read(self._reader, 65_536)
        except OSError:  # on Linux: all writers have closed
            return False
        self.said += said
        self._stream.feed(said)
        return bool(said)


@contextmanager
def pytest_in_terminal(
    project: Project, *args: str, environment: Mapping[str, str] | None = None
) -> Iterator[Terminal]:
    """Run pytest in a project, on its own terminal. Kill it if it still runs at the end."""
    reader, writer = pty.openpty()
    fcntl.ioctl(writer, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    own = {key: value for key, value in os.environ.items() if key not in ("CI", "BUILD_NUMBER")}
    output = Path(os.ttyname(writer))
    process = project.forks.start(
        args, project.path, output, output, own | {"TERM": "xterm"} | dict(environment or {})
    )
    os.close(writer)
    try:
        yield Terminal(process, reader)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(_PATIENCE)
        os.close(reader)
