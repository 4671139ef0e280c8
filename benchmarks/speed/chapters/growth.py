"""How the time of an audit grows with the rows, the tenants and the drifts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from .. import bare_scans
from ..audits import clean, drifted, run_empty_tests
from ..bench import Bench, Chapter
from ..data_sets import DataSet
from ..process import Ran
from ..projects import write_audit, write_empty_tests
from ..rounds import Measured, Work

_SERIES = ("audit", "cheapest digest", "pytest alone")


@dataclass
class Growth:
    """A growth curve: its points, and what is measured at each of them."""

    axis: str
    series: Sequence[str] = _SERIES
    log: bool = False
    points: list[int] = field(default_factory=list)

    def point(self, at: int, *works: Work) -> dict[str, Work]:
        """Add a point; return its works by the names that they are measured under."""
        self.points.append(at)
        return {_name(at, series): work for series, work in zip(self.series, works, strict=True)}

    def curve(self, measured: Mapping[str, Measured]) -> dict[str, Any]:
        """Return the medians; a point that failed is null."""
        return {
            "axis": self.axis,
            "log": self.log,
            "points": self.points,
            "series": {
                series: [measured[_name(at, series)].median for at in self.points]
                for series in self.series
            },
        }


def _name(at: int, series: str) -> str:
    return f"{at:,}: {series}"


def by_rows(bench: Bench) -> Chapter:
    """Measure an eighth, a quarter, a half and all of the rows."""
    sizes = bench.sizes
    parts = [sizes.rows // part for part in (8, 4, 2, 1)]
    sets = [DataSet(f"rows_{rows}", rows, sizes.tenants) for rows in parts]
    growth = Growth("rows a side")
    return _measure(bench, "rows", growth, dict(zip(parts, sets, strict=True)))


def by_tenants(bench: Bench) -> Chapter:
    """Measure a quarter of the rows, as those of one tenant and as those of many."""
    rows = bench.sizes.rows // 4
    counts = [count for count in (1, 10, 100, 1000) if count <= rows // 16]
    sets = {count: DataSet(f"tenants_{count}", rows, count) for count in counts}
    growth = Growth(f"tenants that share {rows:,} rows a side", log=True)
    return _measure(bench, "tenants", growth, sets)


def by_drifts(bench: Bench) -> Chapter:
    """Measure a quarter of the rows without drift, and with more and more of it."""
    rows, tenants = bench.sizes.rows // 4, bench.sizes.tenants
    counts = [count for count in (10, 100, 1_000, 10_000, 100_000) if count <= rows // 5]
    sets = {0: DataSet("drifts_0", rows, tenants)} | {
        count: DataSet(f"drifts_{count}", rows, tenants, drifts=count, legacy_of="drifts_0")
        for count in counts
    }
    growth = Growth(f"drifted rows of {rows:,} a side", log=True)
    return _measure(bench, "drifts", growth, sets)


def _measure(bench: Bench, name: str, growth: Growth, sets: Mapping[int, DataSet]) -> Chapter:
    with bench.stacks.holding(*sets.values()):
        works: dict[str, Work] = {}
        for at, data in sets.items():
            works |= growth.point(at, *_works(bench, data))
        measured = bench.rounds(works)
    return Chapter(measured, curves={name: growth.curve(measured)})


def _works(bench: Bench, data: DataSet) -> tuple[Work, Work, Work]:
    limit = bench.sizes.limit
    folder = write_audit(bench.folder / data.schema, bench.layout(data), data)
    idle = write_empty_tests(bench.folder / f"bare-{data.schema}", data.tenants)
    return (
        partial(_audit, folder, limit, data),
        partial(bare_scans.digest, bench.stacks, data),
        partial(run_empty_tests, idle, limit),
    )


def _audit(folder: Path, limit: float, data: DataSet) -> Ran:
    if data.drifts:
        return drifted(folder, limit, data.planted).ran
    return clean(folder, limit)
