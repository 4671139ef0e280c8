"""The check of one tenant's rows of one table: locate, read, compare, conclude."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from ...errors import InconsistentReads, NotProven, Unreadable
from ...inventory import TablePair
from ...mapping.columns import ColumnPlan
from ...model import (
    SIDES,
    AppliedTolerance,
    CheckKey,
    Evidence,
    FindingKind,
    NamedRule,
    Outcome,
    RowCounts,
    RowParity,
)
from ..compare.comparison import NOTHING_FOUND, Comparison
from ..compare.findings import FirstFindings, Sink, finding_of, key_remarks, order_of
from ..compare.tolerance import ToleranceRules
from ..live.in_flight import HeldRows, key_of_several_texts, settle, under_settle, with_settled
from ..locate.merge import deliver
from ..locate.peeling import locate
from ..read.both_sides import BothSides
from ..read.open_pair import OpenPair, open_pair
from ..run import Run
from ..scan.shared import SharedResult, settled_together
from .mapped_ids import with_mapped_ids
from .misplaced import with_owners
from .unreadable import Blame, blame_for, without


def equal_rows(run: Run, key: CheckKey, shared_result: SharedResult) -> Evidence:
    """Return the evidence of equal rows. No query is run, and no tolerance is applied."""
    pair, rows, plan = run.pairs[key.what], shared_result.rows, shared_result.plan
    digest = shared_result.digest
    evidence = _conclude(key, pair, rows, plan, NOTHING_FOUND, ToleranceRules(), digest)
    return under_settle(evidence, run.settle)


def check_rows(
    run: Run, key: CheckKey, tolerance: ToleranceRules, shared_result: SharedResult | None
) -> Evidence:
    """Compare one tenant's rows of one table, or all rows of a global table.

    If the server cannot evaluate a value, its column is left out, and not the whole table.
    """
    try:
        return _compared(run, key, tolerance, shared_result, None)
    except Unreadable as error:
        tenant = run.tenants.get(key.tenant or "")
        blame = blame_for(run, run.pairs[key.what], tenant, error)
    return _compared(run, key, tolerance, None, blame)


def _compared(
    run: Run,
    key: CheckKey,
    tolerance: ToleranceRules,
    shared_result: SharedResult | None,
    blame: Blame | None,
) -> Evidence:
    pair, tenant = run.pairs[key.what], run.tenants.get(key.tenant or "")
    with run.open_sink(key) as sink, open_pair(run, pair, tenant) as whole:
        opened = whole if blame is None else without(whole, blame)
        sides = opened.sides(lambda side: opened.rows_of(side, tenant))
        plan, most = opened.plan, run.settings.report.findings
        comparison = Comparison(plan.columns, plan.key, tolerance, run.normalisers, most, sink)
        comparison.repeats_listed = [s for s in SIDES if opened.unenforced_key(s) is not None]
        if shared_result is None:
            result = locate(lambda _: sides, [""])[""]
        else:
            result = shared_result.result
        settled, seconds, ambiguous = None, run.settle, key_of_several_texts(opened)
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
        if settled is not None:
            settled.add_to(comparison)
        digest = opened.digest_name
        evidence = _conclude(key, pair, result.rows, plan, comparison, tolerance, digest)
        evidence = with_owners(evidence, comparison.keys, opened, shared_result)
        evidence = with_mapped_ids(evidence, comparison.keys, opened)
        for finding in evidence.findings:
            sink(finding)
        evidence = _with_duplicates(evidence, opened, sides, sink, comparison.repeated)
        # Rows that the shared scan decoded were read by it alone, and it has ended with this test.
        decoded = shared_result is not None and result.diff is not None and seconds is None
        if not decoded or comparison.repeats_listed:
            opened.require_unaltered()
        return evidence if seconds is None else with_settled(evidence, settled, seconds)


def _conclude(
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
    forgiven, covered = list(comparison.forgiven), not drift.total
    for limit in tolerance.budgets():
        share = max(rows.legacy, rows.modern) if limit.rule == "ratio" else 1
        if not covered and drift.total <= Fraction(limit.allowed) * share:
            covered, allowed = True, f"{limit.allowed:f}"
            forgiven.append(AppliedTolerance(limit.rule, allowed, limit.source, drift.total))
    reasons, rules = list(map(str, plan.problems)), list(plan.rules)
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
    if not covered:
        outcome = Outcome.REFUTED
    elif reasons:
        outcome = Outcome.NOT_PROVEN
    else:
        outcome = Outcome.TOLERATED if forgiven else Outcome.PROVEN
    measured = RowParity(
        rows,
        drift,
        comparison.findings,
        tuple(forgiven),
        digest,
        changes=comparison.changes if drift.total else (),
    )
    return Evidence(key, outcome, measured, tuple(rules), tuple(reasons))


def _with_duplicates(
    evidence: Evidence, opened: OpenPair, sides: BothSides, sink: Sink, owed: int
) -> Evidence:
    """Add a finding for each key that several rows of one side share.

    ``owed`` is the number of surplus copies that the comparison counted but did not report. Raises
    :class:`InconsistentReads` if fewer duplicates are found here.
    """
    columns = opened.plan.key
    names = " and ".join(column.name for column in columns)
    sample, surplus = FirstFindings(opened.run.settings.report.findings), 0
    for side, reader in zip(SIDES, (sides.legacy, sides.modern), strict=True):
        if opened.unenforced_key(side) is None:
            continue
        with reader.guard():
            for key, rows in reader.repeated_keys():
                note = f"{rows} rows of the {side} side have this {names}"
                finding = finding_of(
                    FindingKind.DUPLICATE, columns, key, copies=rows - 1, note=note
                )
                finding = replace(finding, remarks=key_remarks(columns, key))
                surplus += finding.copies
                sink(finding)
                sample.add((*order_of(key), side), finding)
    if surplus < owed:
        raise InconsistentReads(
            f"{owed} rows repeat a key, but a search for repeated keys found only {surplus}"
        )
    if not surplus:
        return evidence
    refuted = replace(evidence, outcome=Outcome.REFUTED)
    return refuted.measured(
        drift=replace(evidence.drift, duplicate=evidence.drift.duplicate + surplus),
        findings=(*evidence.findings, *sample.findings),
    )
