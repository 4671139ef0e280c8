"""Many tenants with many small tables: the cost of a test beyond its data."""

from __future__ import annotations

from functools import partial

from .. import bare_scans
from ..audits import clean, collect, run_empty_tests
from ..bench import Bench, Chapter
from ..data_sets import DataSet
from ..projects import write_audit, write_empty_tests
from ..rounds import Work
from .growth import Growth

_ROWS_OF_A_TENANT = 10


def measure(bench: Bench) -> Chapter:
    """Measure a quarter, a half, three quarters and all of the tables."""
    sizes = bench.sizes
    tenants = sizes.item_tenants
    data = DataSet("many", tenants * _ROWS_OF_A_TENANT, tenants, tables=sizes.tables)
    counts = sorted({max(1, sizes.tables * part // 4) for part in (1, 2, 3, 4)})
    with bench.stacks.holding(data):
        folder = write_audit(bench.folder / "many", bench.layout(data), data)
        works: dict[str, Work] = {"collection": partial(collect, folder, sizes.limit)}
        growth = Growth(
            f"tables of each of {tenants:,} tenants", ("audit", "scans", "pytest alone")
        )
        for count in counts:
            idle = write_empty_tests(bench.folder / f"bare-tables-{count}", tenants * count)
            options = [f"--parity-tables={name}" for name in data.table_names[:count]]
            works |= growth.point(
                count,
                partial(clean, folder, sizes.limit, "--tenants=all", *options),
                partial(bare_scans.digest_by_tenant, bench.stacks, data, count),
                partial(run_empty_tests, idle, sizes.limit),
            )
        measured = bench.rounds(works)
    facts = {"tables": sizes.tables, "tests": tenants * sizes.tables}
    return Chapter(measured, facts, {"tables": growth.curve(measured)})
