"""One shared table of many tenants: limits, audits and peers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from . import limits
from .bench import Bench, Chapter
from .data import SIDES, DataSet, tenant_sizes
from .ours import bare, clean, drifted
from .peers import DATA_DIFF, DATACOMPY, RELADIFF, Peers, Way, of_tenants, up_to
from .process import Failed, Ran
from .project import write_audit, write_bare, write_whole
from .rounds import Work
from .wire import counting

SAMPLE = 20
"""So many tenants are given to a peer one by one; an audit has all of them."""
HELD_BY_DATACOMPY = 500_000
"""Rows a side; it holds both sides in memory, and what it makes of them."""


def measure(bench: Bench) -> Chapter:
    """Measure all that is about one table."""
    sizes = bench.sizes
    data = DataSet("whole", sizes.rows, sizes.tenants)
    drift = DataSet("drift", sizes.rows, sizes.tenants, drifts=sizes.drifts, legacy_of="whole")
    with bench.stacks.holding(data, drift):
        with bench.stacks.connect("modern") as connection:
            owned = tenant_sizes(connection, data)
        middle, smallest = middle_of(owned), list(owned)[-1]
        facts: dict[str, Any] = {
            "tenants": sizes.tenants,
            "rows of the mid-size tenant": owned[middle],
            "rows of the smallest tenant": owned[smallest],
        }
        works = _limits(bench, data) | _ours(bench, data, drift, middle, smallest)
        if bench.with_peers:
            ways = _tuned(bench, data, drift, middle)
            works |= _peers(bench, data, drift, ways, sample_of(owned))
            works |= _peers_of_one(bench, data, ways["one tenant"], middle, smallest)
            facts |= {f"reladiff tuned, {work}": str(way) for work, way in ways.items()}
            facts["tenants given to peers"] = len(sample_of(owned))
            facts["rows given to datacompy"] = min(sizes.rows, HELD_BY_DATACOMPY)
        measured = bench.rounds(works)
        return Chapter(measured, facts | _wire(bench, data))


def middle_of(owned: Mapping[int, int]) -> int:
    """Return the tenant that owns the median row, tenants being in the order of their sizes."""
    seen, half = 0, sum(owned.values()) / 2
    for tenant, rows in owned.items():
        seen += rows
        if seen >= half:
            return tenant
    raise ValueError("there are no tenants")


def sample_of(owned: Mapping[int, int]) -> list[int]:
    """Return evenly spaced tenants, each the middle of its part of the order by size.

    Of the few large tenants there is less in it than in the whole, to the peers' advantage.
    """
    tenants = list(owned)
    parts = min(SAMPLE, len(tenants))
    return [tenants[(2 * part + 1) * len(tenants) // (2 * parts)] for part in range(parts)]


def _limits(bench: Bench, data: DataSet) -> dict[str, Work]:
    return {
        "count(*)": partial(limits.count, bench.stacks, data),
        "cheapest digest": partial(limits.digest, bench.stacks, data),
        "cheapest digest by tenant": partial(limits.digest_by_tenant, bench.stacks, data),
    }


def _ours(
    bench: Bench, data: DataSet, drift: DataSet, middle: int, smallest: int
) -> dict[str, Work]:
    folder, limit = bench.folder, bench.sizes.limit
    audit = write_audit(folder / "audit", bench.layout(data), data)
    drifting = write_audit(folder / "drift", bench.layout(drift), drift)
    whole = write_whole(folder / "whole", bench.layout(data), data)
    one = write_bare(folder / "bare-1", 1)
    many = write_bare(folder / "bare-tenants", data.tenants)
    return {
        "audit, one test": lambda: clean(whole, limit).ran,
        "audit, a test a tenant": lambda: clean(audit, limit).ran,
        "audit, drifted": lambda: _named(drifting, limit, drift),
        "audit, mid-size tenant": lambda: clean(audit, limit, f"--tenants=t-{middle:04}").ran,
        "audit, smallest tenant": lambda: clean(audit, limit, f"--tenants=t-{smallest:04}").ran,
        "pytest alone, one test": lambda: bare(one, limit),
        "pytest alone, a test a tenant": lambda: bare(many, limit),
    }


def _named(folder: Path, limit: float, drift: DataSet) -> Ran:
    """Run an audit that has to name every drifted row, and the columns of each changed one."""
    found = drifted(folder, limit, drift.planted)
    if found.named != drift.drifts:
        raise Failed(f"{drift.drifts} rows are drifted, and the report names {found.named}")
    return found.ran


def _tuned(bench: Bench, data: DataSet, drift: DataSet, middle: int) -> dict[str, Way]:
    """Return the fastest ways of reladiff, found by one trial of each."""
    peers = Peers(bench.stacks, bench.sizes.limit)
    ways = {
        "whole table": peers.best(data),
        "drifted": peers.best(drift),
        "one tenant": peers.best(data, of_tenants(middle)),
    }
    for work, way in ways.items():
        bench.tell(f"fastest for {work}: {way}")
    return ways


def _peers(
    bench: Bench, data: DataSet, drift: DataSet, ways: Mapping[str, Way], sample: Sequence[int]
) -> dict[str, Work]:
    ask = Peers(bench.stacks, bench.sizes.limit).ask
    few, some = of_tenants(*sample), up_to(HELD_BY_DATACOMPY)
    return {
        "reladiff, whole table": lambda: ask(RELADIFF, data),
        "reladiff tuned, whole table": lambda: ask(ways["whole table"], data),
        "data-diff, whole table": lambda: ask(DATA_DIFF, data),
        "datacompy, as many rows as it holds": lambda: ask(DATACOMPY, data, some),
        "reladiff, drifted": lambda: ask(RELADIFF, drift),
        "reladiff tuned, drifted": lambda: ask(ways["drifted"], drift),
        "data-diff, drifted": lambda: ask(DATA_DIFF, drift),
        "reladiff, some tenants one by one": lambda: ask(RELADIFF, data, few),
        "reladiff tuned, some tenants one by one": lambda: ask(ways["one tenant"], data, few),
    }


def _peers_of_one(
    bench: Bench, data: DataSet, way: Way, middle: int, smallest: int
) -> dict[str, Work]:
    ask = Peers(bench.stacks, bench.sizes.limit).ask
    return {
        "reladiff tuned, mid-size tenant": lambda: ask(way, data, of_tenants(middle)),
        "reladiff tuned, smallest tenant": lambda: ask(way, data, of_tenants(smallest)),
    }


def _wire(bench: Bench, data: DataSet) -> dict[str, Any]:
    """Return the bytes that an audit of all tenants moves, both sides and directions; untimed."""
    with ExitStack() as stack:
        proxies = {side: stack.enter_context(counting(bench.stacks.port(side))) for side in SIDES}
        ports = {side: proxy.port for side, proxy in proxies.items()}
        folder = write_audit(bench.folder / "wire", bench.layout(data, ports), data)
        try:
            clean(folder, bench.sizes.limit)
        except Failed as failure:
            return {"bytes over the wire": None, "error of the wire": str(failure)}
        return {"bytes over the wire": sum(proxy.bytes for proxy in proxies.values())}
