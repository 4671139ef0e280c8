"""About how many rows, scans and seconds an audit takes."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING

from sqlalchemy import select, true

from ..errors import NotProven
from ..inventory import audit_targets, select_tenants
from ..mapping.connected_pair import connected
from ..mapping.tenancy_sql import Scope
from ..model import SIDES, Side
from ..parity import Run
from ..parity.read.open_pair import OpenPair
from ..stacks.sources import source_of
from .obstacles import Estimate

if TYPE_CHECKING:
    from .pairs import Planned
    from .tenants import RowCounts

SAMPLED_ROWS = 20_000
START_SECONDS = 2.5
CHECK_SECONDS = 0.0025
SCAN_SECONDS = 0.05
SCAN_RATIO = 1.4
"""Of an audit in one process, as in docs/performance.md: its start, pytest's time for each check,
the time to prepare each scan, and its time for each row as a multiple of a digest's."""


def estimate(run: Run, planned: Sequence[Planned], counts: RowCounts) -> Estimate | None:
    """Return what an audit of ``planned`` pairs costs, or None if no pair can be read.

    Rows that were not counted are those of the servers' own estimates.
    """
    if not planned:
        return None
    selection = select_tenants(run.settings, [], canary=run.settings.canary)
    pairs = [each.pair for each in planned]
    checks = sum(1 for _ in audit_targets(selection, pairs))
    rows: dict[Side, int] = dict.fromkeys(SIDES, 0)
    for each in planned:
        for side in SIDES:
            _, total = counts.get((each.pair.name, side), ({}, each.tables[side].rows))
            rows[side] += total
    several = any(len(tenant.legacy_accounts) > 1 for tenant in run.selected)
    scans = 0
    for pair in pairs:
        scans += 1 if pair.is_global else 2 + several
        scans += 1 if run.settings.canary else 0
    readable = [each for each in planned if each.is_readable]
    if not readable:
        return None
    largest = max(readable, key=lambda each: sum(each.tables[s].rows for s in SIDES))
    rates, sampled = _measured(run, largest)
    seconds = None
    if len(rates) == len(SIDES):
        own = START_SECONDS + CHECK_SECONDS * checks + SCAN_SECONDS * 2 * scans
        seconds = own + SCAN_RATIO * max(rows[s] / rates[s] for s in SIDES)
    return Estimate(
        checks,
        len(pairs),
        len(run.selected),
        sum(rows.values()),
        2 * scans,
        seconds,
        rates,
        sampled,
    )


def _measured(run: Run, largest: Planned) -> tuple[dict[Side, float], dict[Side, int]]:
    """Return how many rows of a pair each side hashes in a second, and how many it hashed."""
    rates: dict[Side, float] = {}
    sampled: dict[Side, int] = {}
    try:
        with connected(run, largest.places) as connections:
            opened = OpenPair(
                run, largest.pair, largest.places, largest.tables, connections, largest.plan, run
            )
            for side in SIDES:
                facts = largest.tables[side]
                rows = source_of(facts)
                for limit in (1, SAMPLED_ROWS):  # the first query is compiled
                    some = select(*rows.c).select_from(rows).limit(limit).subquery(facts.name)
                    reader = opened.reader(side, Scope(some, true()))
                    started = perf_counter()
                    with reader.guard():
                        digests = reader.digests()
                took = max(perf_counter() - started, 1e-4)
                sampled[side] = sum(each.rows for each in digests.values())
                rates[side] = max(sampled[side], 1) / took
    except NotProven:
        return {}, {}
    return rates, sampled
