"""Runs a process, and measures its seconds and its memory, with all child processes."""

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
_SHOWN = 2000  # characters of the output that an error shows


class Failed(Exception):
    """A process or a query that is measured failed, or its result is wrong."""


@dataclass(frozen=True)
class Ran:
    """A process that has ended: its seconds, its highest resident memory, and what it printed."""

    seconds: float
    peak_mb: float
    code: int
    output: str

    @property
    def end_of_output(self) -> str:
        """The end of its output."""
        return self.output.strip()[-_SHOWN:]


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
        text = output.read().decode(errors="replace")
        return Ran(seconds, peak / _MEGABYTE, process.returncode, text)


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
    """Return the environment without the variables of an outer pytest or a demo.

    Python keeps compiled modules, as it does for a user. Otherwise each process, of the peers as
    well, would compile all that it imports.
    """
    foreign = ("PYTEST", "COV_", "MIGRATION_DRIFT", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
