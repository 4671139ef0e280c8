"""Processes, and what they take: seconds on the clock, and memory with all their children."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import psutil

_SAMPLE_SECONDS = 0.02
_MEGABYTE = 1e6
_TOLD = 2000  # characters of the output that an error tells


class Failed(Exception):
    """Something that was to be measured did not do what it is measured for."""


@dataclass(frozen=True)
class Ran:
    """A process that has ended: its seconds, its highest resident memory, and what it printed."""

    seconds: float
    peak_mb: float
    code: int
    output: str

    @property
    def last_words(self) -> str:
        """The end of its output."""
        return self.output.strip()[-_TOLD:]


def run(command: Sequence[str | Path], folder: Path, limit: float) -> Ran:
    """Run a command to its end; raises Failed if that takes more than ``limit`` seconds."""
    with tempfile.TemporaryFile() as output:
        began = perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=_clean(),
        )
        try:
            peak = _watch(process, began + limit)
        except subprocess.TimeoutExpired as late:
            raise Failed(f"not done in {limit:,.0f} s") from late
        finally:
            _end(process)
        seconds = perf_counter() - began
        output.seek(0)
        said = output.read().decode(errors="replace")
        return Ran(seconds, peak / _MEGABYTE, process.returncode, said)


def _watch(process: subprocess.Popen[bytes], until: float) -> int:
    """Wait for a process; return the most bytes that it and its children held at a time."""
    family, peak = psutil.Process(process.pid), 0
    while True:
        with suppress(subprocess.TimeoutExpired):
            process.wait(_SAMPLE_SECONDS)
            return peak
        peak = max(peak, _resident(family))
        if perf_counter() > until:
            raise subprocess.TimeoutExpired(process.args, until)


def _resident(family: psutil.Process) -> int:
    held = 0
    with suppress(psutil.NoSuchProcess):  # it may end while it is looked at
        for each in (family, *family.children(recursive=True)):
            held += each.memory_info().rss
    return held


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of a process that was not waited for to its end."""
    if process.poll() is None:
        for child in psutil.Process(process.pid).children(recursive=True):
            child.kill()
        process.kill()
        process.wait()


def _clean() -> dict[str, str]:
    """Return the environment without what an outer pytest or a demo put there.

    Python keeps what it has compiled, as it does for a user: else each process would compile all
    that it imports, the peers' no less than ours.
    """
    foreign = ("PYTEST", "COV_", "MIGRATION_DRIFT", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
