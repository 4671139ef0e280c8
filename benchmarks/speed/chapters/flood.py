"""A table of which a fifth is drifted: whether all rows are reported, and the memory for it."""

from __future__ import annotations

from typing import Any

from ..audits import Audit, drifted
from ..bench import Bench, Chapter
from ..data_sets import DataSet
from ..process import Ran
from ..projects import write_audit
from ..rounds import in_rounds


def measure(bench: Bench) -> Chapter:
    """Run the audit once."""
    sizes = bench.sizes
    data = DataSet("flood", sizes.rows, sizes.tenants, drifts=sizes.flood)
    found: list[Audit] = []

    def audit() -> Ran:
        found.append(drifted(folder, sizes.limit, data.planted))
        return found[-1].ran

    with bench.stacks.holding(data):
        folder = write_audit(bench.folder / "flood", bench.layout(data), data)
        measured = in_rounds({"audit": audit}, 1, bench.log)
    facts: dict[str, Any] = {"planted": data.drifts}
    if found:
        facts |= {"counted": sum(found[0].drift.values()), "in drift.jsonl.gz": found[0].lines}
    return Chapter(measured, facts)
