"""External merge sort of lines, with encrypted runs (Knuth, The Art of Computer Programming, 5.4).

SQLite could sort the lines too, but it writes the sort keys to disk unencrypted. If a table has no
key, its sort key is the whole row. See docs/decisions/0019-sorting-the-drift-lines.md.
"""

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

from ...sealed import Seal

Line = tuple[tuple[object, ...], bytes]  # the sort key, and the text

_TEXT = itemgetter(1)
_BLOCK = 1 << 15  # bytes encrypted at a time: each run in a merge keeps one block in memory


class SortedLines:
    """Lines that are added in any order, and read in the order of their sort keys, then texts.

    A run has at most ``lines`` lines and about ``size`` bytes. It is sorted in memory, then written
    to an unnamed file in ``directory``, encrypted by ``seal``. When a level has ``runs`` runs, they
    are merged into one run of the next level. This limits the number of open files.
    """

    def __init__(
        self,
        directory: Path,
        seal: Seal,
        lines: int = 20_000,
        size: int = 8_000_000,
        runs: int = 64,
    ) -> None:
        self._directory, self._seal = directory, seal
        self._most_lines, self._most_bytes, self._most_runs = lines, size, runs
        self._lines: list[Line] = []
        self._bytes = 0
        self._levels: list[list[IO[bytes]]] = []  # runs, by the number of merges of their lines
        self._open = ExitStack()

    def add(self, key: tuple[object, ...], text: bytes) -> None:
        """Add a line. Raises :class:`OSError` if the directory cannot be written."""
        self._lines.append((key, text))
        self._bytes += len(text)
        if len(self._lines) >= self._most_lines or self._bytes >= self._most_bytes:
            self._write_run(sorted(self._lines), level=0)
            self._lines, self._bytes = [], 0

    def merged(self) -> Iterator[bytes]:
        """Yield the texts of all lines in order."""
        runs = (self._read_run(run) for level in self._levels for run in level)
        return map(_TEXT, heapq.merge(*runs, sorted(self._lines)))

    def close(self) -> None:
        """Close the files of all runs, which deletes them."""
        self._open.close()

    def _write_run(self, lines: Iterable[Line], level: int) -> None:
        run = self._open.enter_context(TemporaryFile(dir=self._directory))  # noqa: SIM115
        with (
            self._seal.writing(run, _BLOCK) as sealed,
            gzip.GzipFile(fileobj=sealed, mode="wb", compresslevel=1) as file,
        ):
            for line in lines:
                pickle.dump(line, file, protocol=pickle.HIGHEST_PROTOCOL)
        if level == len(self._levels):
            self._levels.append([])
        self._levels[level].append(run)
        if len(self._levels[level]) == self._most_runs:
            runs, self._levels[level] = self._levels[level], []
            self._write_run(heapq.merge(*map(self._read_run, runs)), level + 1)
            for each in runs:
                each.close()

    def _read_run(self, run: IO[bytes]) -> Iterator[Line]:
        run.seek(0)
        with self._seal.reading(run, _BLOCK) as sealed, gzip.GzipFile(fileobj=sealed) as file:
            while file.peek(1):
                yield pickle.load(file)  # noqa: S301 - written and authenticated by this process
