"""The check of one tenant's rows of one table: locate, read, compare, conclude."""

from __future__ import annotations

from ...errors import NotProven, Unreadable
from ...inventory import TablePair
from ...model import (
    SIDES,
    CheckKey,
    Evidence,
    Tenant,
)
from ..compare.comparison import NOTHING_FOUND, Comparison
from ..compare.tolerance import ToleranceRules
from ..live.in_flight import HeldRows, settle, under_settle, with_settled, without_one_text
from ..locate.merge import deliver
from ..locate.peeling import locate
from ..read.open_pair import open_pair
from ..run import Run
from ..scan.shared import SharedResult, settled_together
from ..verdict import conclude
from .duplicates import with_duplicates
from .mapped_ids import with_mapped_ids
from .misplaced import with_owners
from .unreadable import Blame, blame_for, without


def equal_rows(run: Run, key: CheckKey, shown: SharedResult) -> Evidence:
    """Return the evidence of equal rows. No query is run, and no tolerance is applied."""
    pair, tolerance = run.pairs[key.what], ToleranceRules()
    evidence = conclude(key, pair, shown.rows, shown.plan, NOTHING_FOUND, tolerance, shown.digest)
    return under_settle(evidence, run.settle)


def check_rows(
    run: Run,
    key: CheckKey,
    pair: TablePair,
    tenant: Tenant | None,
    tolerance: ToleranceRules,
    shown: SharedResult | None,
) -> Evidence:
    """Compare one tenant's rows of one table, or all rows of a shared table without a tenant.

    If the server cannot evaluate a value, its column is left out, and not the whole table.
    """
    try:
        return _compared(run, key, pair, tenant, tolerance, shown)
    except Unreadable as error:
        blame = blame_for(run, pair, tenant, error)
    return _compared(run, key, pair, tenant, tolerance, None, blame)


def _compared(
    run: Run,
    key: CheckKey,
    pair: TablePair,
    tenant: Tenant | None,
    tolerance: ToleranceRules,
    shown: SharedResult | None,
    blame: Blame | None = None,
) -> Evidence:
    with run.drift(key) as sink, open_pair(run, pair, tenant) as whole:
        opened = whole if blame is None else without(whole, blame)
        sides = opened.sides(lambda side: opened.rows_of(side, tenant))
        comparison = Comparison(
            opened.plan.columns,
            opened.plan.key,
            tolerance,
            run.normalisers,
            run.settings.report.findings,
            sink,
        )
        comparison.repeats_listed = [s for s in SIDES if opened.promises_unique(s) is not None]
        result = locate(lambda _: sides, [""])[""] if shown is None else shown.result
        settled, seconds, ambiguous = None, run.settle, without_one_text(opened)
        if seconds is None or ambiguous is not None:
            deliver(sides, result, comparison)
            if seconds is not None and comparison.drift.total:
                raise NotProven(
                    f"{comparison.drift.total:,} rows differ and may be in flight: they cannot be "
                    f"read again, for equal values of the key column {ambiguous!r} can have "
                    f"several texts; name another [tables.{pair.name}] key"
                )
        elif tenant is not None and shown is not None and shown.shared is not None and result.diff:
            settled = settled_together(opened, shown.shared, tenant, seconds)
        else:
            diff = result.diff
            if not diff:
                held = HeldRows(comparison, run.limits.rows_decoded)
                deliver(sides, result, held)
                diff = held.diff
            settled = None if diff is None else settle(opened, sides, {"": diff}, seconds)[""]
        opened.require_unaltered()
        if settled is not None:
            settled.add_to(comparison)
        evidence = conclude(
            key, pair, result.rows, opened.plan, comparison, tolerance, opened.digest_name
        )
        evidence = with_owners(evidence, comparison.keys, opened, shown)
        evidence = with_mapped_ids(evidence, comparison.keys, opened)
        for finding in evidence.findings:
            sink(finding)
        evidence = with_duplicates(evidence, opened, sides, sink, comparison.repeated)
        return evidence if seconds is None else with_settled(evidence, settled, seconds)
