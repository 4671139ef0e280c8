"""Lines in order, however many there are: sorted runs on disk, merged at the end."""

from __future__ import annotations

import gzip
import heapq
import pickle
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

Line = tuple[tuple[object, ...], bytes]  # what it is ordered by, and the line

_TEXT = itemgetter(1)


class SortedLines:
    """Takes lines in any order; gives them back by their order, and by text where that is one.

    The runs are files without names in ``directory``: whatever ends the process removes them.
    ``lines`` and ``size`` (in bytes) are what a run holds at most, in memory; ``runs`` are merged
    at a time, each of them an open file.
    """

    def __init__(
        self, directory: Path, lines: int = 20_000, size: int = 8_000_000, runs: int = 64
    ) -> None:
        self._directory = directory
        self._most_lines, self._most_bytes, self._most_runs = lines, size, runs
        self._lines: list[Line] = []
        self._bytes = 0
        self._runs: list[list[IO[bytes]]] = []  # by how often their lines have been merged
        self._open = ExitStack()

    def add(self, order: tuple[object, ...], line: bytes) -> None:
        """Take a line; raises :class:`OSError` where the directory cannot be written."""
        self._lines.append((order, line))
        self._bytes += len(line)
        if len(self._lines) >= self._most_lines or self._bytes >= self._most_bytes:
            self._keep(self._sorted(), 0)
            self._lines, self._bytes = [], 0

    def merged(self) -> Iterator[bytes]:
        """Yield all lines in their order."""
        runs = (_read(run) for level in self._runs for run in level)
        return map(_TEXT, heapq.merge(*runs, self._sorted()))

    def close(self) -> None:
        """Let go of the runs."""
        self._open.close()

    def _sorted(self) -> list[Line]:
        self._lines.sort()
        return self._lines

    def _keep(self, lines: Iterable[Line], level: int) -> None:
        """Write a run; many of one level become one of the next."""
        run = self._open.enter_context(TemporaryFile(dir=self._directory))  # noqa: SIM115
        with gzip.GzipFile(fileobj=run, mode="wb", compresslevel=1) as file:
            for line in lines:
                pickle.dump(line, file, protocol=pickle.HIGHEST_PROTOCOL)
        if level == len(self._runs):
            self._runs.append([])
        self._runs[level].append(run)
        if len(self._runs[level]) == self._most_runs:
            runs, self._runs[level] = self._runs[level], []
            self._keep(heapq.merge(*map(_read, runs)), level + 1)
            for each in runs:
                each.close()


def _read(run: IO[bytes]) -> Iterator[Line]:
    run.seek(0)
    with gzip.GzipFile(fileobj=run) as file:
        while file.peek(1):
            yield pickle.load(file)  # noqa: S301 - what this process has written itself
