"""Progress of a run's scans, reported by the process that runs each scan."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from ..model import Side
from ..wire import from_wire, to_wire


@dataclass(frozen=True, slots=True)
class Scan:
    """One side of a table that is being read, and the ``share`` of it that has been read or begun.

    ``again``: the table is read a second time, for the rows that differ.
    """

    table: str
    side: Side
    place: str
    share: float = 0.0
    again: bool = False


Watch = Callable[[Scan], object]


def unwatched(scan: Scan) -> None:
    """Ignore the progress of a scan."""
    del scan


def teller(watch: Watch, scan: Scan) -> Callable[[float], None]:
    """Return a function that calls ``watch`` with the share of the table read or begun."""

    def tell(share: float) -> None:
        nonlocal scan
        scan = replace(scan, share=share, again=scan.again or share < scan.share)
        watch(scan)

    return tell


@dataclass(frozen=True)
class Scans:
    """The scans of all processes that share ``folder``, each in a small file.

    Without a folder, no scan is recorded. A disk error hides the progress, and does not fail a
    check.
    """

    folder: Path | None = None

    def tell(self, scan: Scan) -> None:
        """Write the progress of ``scan`` to its file."""
        if self.folder is None:
            return
        name = sha256(f"{scan.side} {scan.place} {scan.table!a}".encode()).hexdigest()
        path = self.folder / "scans" / f"{name}.json"
        with suppress(OSError, ValueError):
            path.parent.mkdir(exist_ok=True)
            new = path.with_suffix(".new")
            new.write_text(json.dumps(to_wire(scan)), encoding="utf-8")
            new.replace(path)

    def __iter__(self) -> Iterator[Scan]:
        """Yield the last recorded progress of each scan."""
        if self.folder is None:
            return
        for path in sorted((self.folder / "scans").glob("*.json")):
            with suppress(OSError, ValueError):
                yield from_wire(Scan, json.loads(path.read_text(encoding="utf-8")))
