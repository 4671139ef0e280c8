"""The check of one tenant's rows of one table: locate, read, compare, conclude."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from ...errors import InconsistentReads, NotProven, Unreadable
from ...inventory import TablePair
from ...mapping.columns import ColumnPlan
from ...model import (
    SIDES,
    AppliedTolerance,
    CheckKey,
    DriftCounts,
    Evidence,
    Finding,
    FindingKind,
    NamedRule,
    Outcome,
    RowCounts,
    RowParity,
    Side,
    Tenant,
)
from ..compare.comparison import NOTHING_FOUND, Comparison
from ..compare.findings import FirstFindings, Order, Sink, finding_of, key_remarks, order_of
from ..compare.tolerance import ToleranceRules
from ..live.in_flight import HeldRows, settle, under_settle, with_settled, without_one_text
from ..locate.merge import deliver
from ..locate.peeling import locate
from ..read.both_sides import BothSides
from ..read.open_pair import OpenPair, open_pair
from ..read.reader import SideReader
from ..run import Run
from ..scan.shared import SharedResult, settled_together
from .mapped_ids import with_mapped_ids
from .misplaced import with_owners
from .unreadable import Blame, blame_for, without


def equal_rows(run: Run, key: CheckKey, shared_result: SharedResult) -> Evidence:
    """Return the evidence of equal rows. No query is run, and no tolerance is applied."""
    pair, tolerance = run.pairs[key.what], ToleranceRules()
    evidence = conclude(
        key,
        pair,
        shared_result.rows,
        shared_result.plan,
        NOTHING_FOUND,
        tolerance,
        shared_result.digest,
    )
    return under_settle(evidence, run.settle)


def check_rows(
    run: Run,
    key: CheckKey,
    pair: TablePair,
    tenant: Tenant | None,
    tolerance: ToleranceRules,
    shared_result: SharedResult | None,
) -> Evidence:
    """Compare one tenant's rows of one table, or all rows of a shared table without a tenant.

    If the server cannot evaluate a value, its column is left out, and not the whole table.
    """
    try:
        return _compared(run, key, pair, tenant, tolerance, shared_result)
    except Unreadable as error:
        blame = blame_for(run, pair, tenant, error)
    return _compared(run, key, pair, tenant, tolerance, None, blame)


def _compared(
    run: Run,
    key: CheckKey,
    pair: TablePair,
    tenant: Tenant | None,
    tolerance: ToleranceRules,
    shared_result: SharedResult | None,
    blame: Blame | None = None,
) -> Evidence:
    with run.open_sink(key) as sink, open_pair(run, pair, tenant) as whole:
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
        comparison.repeats_listed = [s for s in SIDES if opened.unenforced_key(s) is not None]
        result = (
            locate(lambda _: sides, [""])[""] if shared_result is None else shared_result.result
        )
        settled, seconds, ambiguous = None, run.settle, without_one_text(opened)
        if seconds is None or ambiguous is not None:
            deliver(sides, result, comparison)
            if seconds is not None and comparison.drift.total:
                raise NotProven(
                    f"{comparison.drift.total:,} rows differ and may be in flight: they cannot be "
                    f"read again, for equal values of the key column {ambiguous!r} can have "
                    f"several texts; name another [tables.{pair.name}] key"
                )
        elif shared_result is not None and result.diff:
            settled = settled_together(opened, shared_result, seconds)
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
        evidence = with_owners(evidence, comparison.keys, opened, shared_result)
        evidence = with_mapped_ids(evidence, comparison.keys, opened)
        for finding in evidence.findings:
            sink(finding)
        evidence = with_duplicates(evidence, opened, sides, sink, comparison.repeated)
        return evidence if seconds is None else with_settled(evidence, settled, seconds)


def conclude(
    key: CheckKey,
    pair: TablePair,
    rows: RowCounts,
    plan: ColumnPlan,
    comparison: Comparison,
    tolerance: ToleranceRules,
    digest: str,
) -> Evidence:
    """Return the evidence of a check of rows.

    REFUTED takes precedence over NOT_PROVEN, and NOT_PROVEN takes precedence over TOLERATED.
    """
    drift = comparison.drift
    budget = _budget(drift, rows, tolerance)
    forgiven = (*comparison.forgiven, *([budget] if budget else []))
    reasons, rules = list(plan.problems), list(plan.rules)
    if rows == RowCounts():
        declared = pair.settings.declared_empty(key.whose)
        if declared is None:
            reasons.append(
                f"{key.whose!r} has no rows in {key.what!r} on either side, which proves nothing; "
                "check its ids, or declare it: "
                f'[tables.{key.what}] empty = {{{key.whose} = "why"}}'
            )
        else:
            rules.append(NamedRule(f"declared empty: {declared}"))
    if drift.total and budget is None:
        outcome = Outcome.REFUTED
    elif reasons:
        outcome = Outcome.NOT_PROVEN
    else:
        outcome = Outcome.TOLERATED if forgiven else Outcome.PROVEN
    measured = RowParity(rows, drift, comparison.findings, forgiven, digest)
    return Evidence(key, outcome, measured, tuple(rules), tuple(reasons))


def _budget(
    drift: DriftCounts, rows: RowCounts, tolerance: ToleranceRules
) -> AppliedTolerance | None:
    """Return the budget that covers the whole drift, or None if no budget does."""
    if not drift.total:
        return None
    for limit in tolerance.budgets():
        share = max(rows.legacy, rows.modern) if limit.rule == "ratio" else 1
        if drift.total <= Fraction(limit.allowed) * share:
            return AppliedTolerance(limit.rule, f"{limit.allowed:f}", limit.source, drift.total)
    return None


def with_duplicates(
    evidence: Evidence, opened: OpenPair, sides: BothSides, sink: Sink, owed: int
) -> Evidence:
    """Add a finding for each key that several rows of one side share.

    ``owed`` is the number of surplus copies that the comparison counted but did not report. Raises
    :class:`InconsistentReads` if fewer duplicates are found here.
    """
    sample, surplus = FirstFindings(opened.run.settings.report.findings), 0
    for side, reader in zip(SIDES, (sides.legacy, sides.modern), strict=True):
        if opened.unenforced_key(side) is None:
            continue
        with reader.guard():
            for order, finding in _repeated(opened, side, reader):
                surplus += finding.copies
                sink(finding)
                sample.add((*order, side), finding)
    if surplus < owed:
        raise InconsistentReads(
            f"{owed} rows repeat a key, of which only {surplus} were found by it"
        )
    if not surplus:
        return evidence
    refuted = replace(evidence, outcome=Outcome.REFUTED)
    return refuted.measured(
        drift=replace(evidence.drift, duplicate=evidence.drift.duplicate + surplus),
        findings=(*evidence.findings, *sample.findings),
    )


def _repeated(opened: OpenPair, side: Side, reader: SideReader) -> Iterator[tuple[Order, Finding]]:
    columns = opened.plan.key
    names = " and ".join(column.name for column in columns)
    for key, copies in reader.repeated_keys():
        note = f"{copies} rows of the {side} side have this {names}"
        found = finding_of(FindingKind.DUPLICATE, columns, key, copies=copies - 1, note=note)
        yield order_of(key), replace(found, remarks=key_remarks(columns, key))
