"""One shared table of many tenants: limits, audits and peers."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from tests.support.proxy import proxied

from .. import bare_scans
from ..audits import clean, drifted, run_empty_tests
from ..bench import Bench, Chapter
from ..data_sets import SIDES, DataSet, tenant_sizes
from ..peers import DATA_DIFF, DATACOMPY, RELADIFF, Peers, of_tenants, up_to
from ..process import Failed, Ran
from ..projects import write_audit, write_empty_tests, write_whole
from ..rounds import Work

SAMPLE = 20
"""Tenants that a peer compares one by one; an audit compares all of them."""
HELD_BY_DATACOMPY = 500_000
"""Rows a side that datacompy is given: it holds both sides and its results in memory."""


def measure(bench: Bench) -> Chapter:
    """Measure the bare scans, the audits and the peers on one table."""
    sizes = bench.sizes
    data = DataSet("whole", sizes.rows, sizes.tenants)
    drift = DataSet("drift", sizes.rows, sizes.tenants, drifts=sizes.drifts, legacy_of="whole")
    with bench.stacks.holding(data, drift):
        with bench.stacks.connect("modern") as connection:
            owned = tenant_sizes(connection, data)
        facts: dict[str, Any] = {
            "tenants": sizes.tenants,
            "rows of the mid-size tenant": owned[middle_of(owned)],
            "rows of the smallest tenant": owned[list(owned)[-1]],
        }
        works: dict[str, Work] = {
            "count(*)": partial(bare_scans.count, bench.stacks, data),
            "cheapest digest": partial(bare_scans.digest, bench.stacks, data),
            "cheapest digest by tenant": partial(bare_scans.digest_by_tenant, bench.stacks, data),
            **_audits(bench, data, drift, owned),
        }
        if sizes.with_peers:
            peer_works, peer_facts = _peers(bench, data, drift, owned)
            works |= peer_works
            facts |= peer_facts
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

    It has less of the few large tenants than the whole, to the peers' advantage.
    """
    tenants = list(owned)
    parts = min(SAMPLE, len(tenants))
    return [tenants[(2 * part + 1) * len(tenants) // (2 * parts)] for part in range(parts)]


def _audits(
    bench: Bench, data: DataSet, drift: DataSet, owned: Mapping[int, int]
) -> dict[str, Work]:
    folder, limit = bench.folder, bench.sizes.limit
    audit = write_audit(folder / "audit", bench.layout(data), data)
    drifting = write_audit(folder / "drift", bench.layout(drift), drift)
    whole = write_whole(folder / "whole", bench.layout(data), data)
    one = write_empty_tests(folder / "bare-1", 1)
    many = write_empty_tests(folder / "bare-tenants", data.tenants)
    middle, smallest = (f"--tenants=t-{each:04}" for each in (middle_of(owned), list(owned)[-1]))
    return {
        "audit, one test": partial(clean, whole, limit),
        "audit, a test a tenant": partial(clean, audit, limit),
        "audit, drifted": partial(_named, drifting, limit, drift),
        "audit, mid-size tenant": partial(clean, audit, limit, middle),
        "audit, smallest tenant": partial(clean, audit, limit, smallest),
        "pytest alone, one test": partial(run_empty_tests, one, limit),
        "pytest alone, a test a tenant": partial(run_empty_tests, many, limit),
    }


def _named(folder: Path, limit: float, drift: DataSet) -> Ran:
    """Run an audit; raises Failed unless the report names every drifted row."""
    found = drifted(folder, limit, drift.planted)
    if found.named != drift.drifts:
        raise Failed(f"{drift.drifts} rows are drifted, and the report names {found.named}")
    return found.ran


def _peers(
    bench: Bench, data: DataSet, drift: DataSet, owned: Mapping[int, int]
) -> tuple[dict[str, Work], dict[str, Any]]:
    """Return the works of the peers, and facts about them. reladiff is tuned by trials first."""
    peers = Peers(bench.stacks, bench.sizes.limit)
    run, sample, some = peers.run, sample_of(owned), up_to(HELD_BY_DATACOMPY)
    few, middle, smallest = (
        of_tenants(*tenants) for tenants in (sample, [middle_of(owned)], [list(owned)[-1]])
    )
    whole, drifting, one = peers.best(data), peers.best(drift), peers.best(data, middle)
    works: dict[str, Work] = {
        "reladiff, whole table": partial(run, RELADIFF, data),
        "reladiff tuned, whole table": partial(run, whole, data),
        "data-diff, whole table": partial(run, DATA_DIFF, data),
        "datacompy, as many rows as it holds": partial(run, DATACOMPY, data, some),
        "reladiff, drifted": partial(run, RELADIFF, drift),
        "reladiff tuned, drifted": partial(run, drifting, drift),
        "data-diff, drifted": partial(run, DATA_DIFF, drift),
        "reladiff, some tenants one by one": partial(run, RELADIFF, data, few),
        "reladiff tuned, some tenants one by one": partial(run, one, data, few),
        "reladiff tuned, mid-size tenant": partial(run, one, data, middle),
        "reladiff tuned, smallest tenant": partial(run, one, data, smallest),
    }
    facts = {
        "reladiff tuned, whole table": str(whole),
        "reladiff tuned, drifted": str(drifting),
        "reladiff tuned, one tenant": str(one),
        "tenants given to peers": len(sample),
        "rows given to datacompy": min(data.rows, HELD_BY_DATACOMPY),
    }
    return works, facts


def _wire(bench: Bench, data: DataSet) -> dict[str, Any]:
    """Return the bytes that an audit of all tenants moves, both sides and directions; untimed."""
    with ExitStack() as stack:
        proxies = {side: stack.enter_context(proxied(bench.stacks.port(side))) for side in SIDES}
        ports = {side: proxy.port for side, proxy in proxies.items()}
        folder = write_audit(bench.folder / "wire", bench.layout(data, ports), data)
        try:
            clean(folder, bench.sizes.limit)
        except Failed as failure:
            return {"bytes over the wire": None, "error of the wire": str(failure)}
        return {"bytes over the wire": sum(proxy.received for proxy in proxies.values())}
