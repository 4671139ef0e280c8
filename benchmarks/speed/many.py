"""Many tenants with many small tables: what a test costs beyond its data."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from . import limits
from .bench import Bench, Chapter
from .data import DataSet
from .growth import Growth
from .ours import bare, clean, collect
from .process import Ran
from .project import write_audit, write_bare
from .rounds import Work

_ROWS_OF_A_TENANT = 10


def measure(bench: Bench) -> Chapter:
    """Measure all tables, and fewer of them."""
    sizes = bench.sizes
    tenants = sizes.item_tenants
    data = DataSet("many", tenants * _ROWS_OF_A_TENANT, tenants, tables=sizes.tables)
    counts = sorted({max(1, sizes.tables * part // 4) for part in (1, 2, 3, 4)})
    with bench.stacks.holding(data):
        folder = write_audit(bench.folder / "many", bench.layout(data), data)
        works: dict[str, Work] = {"collection": lambda: collect(folder, sizes.limit)}
        growth = Growth(
            f"tables of each of {tenants:,} tenants", ("audit", "scans", "pytest alone")
        )
        for count in counts:
            idle = write_bare(bench.folder / f"bare-tables-{count}", tenants * count)
            options = [f"--parity-tables={name}" for name in data.table_names[:count]]
            works |= growth.point(
                count,
                partial(_audit, folder=folder, limit=sizes.limit, options=options),
                partial(limits.digest_by_tenant, bench.stacks, data, count),
                partial(bare, idle, sizes.limit),
            )
        measured = bench.rounds(works)
    facts = {"tables": sizes.tables, "tests": tenants * sizes.tables}
    return Chapter(measured, facts, {"tables": growth.curve(measured)})


def _audit(folder: Path, limit: float, options: Sequence[str]) -> Ran:
    return clean(folder, limit, "--tenants=all", *options).ran
