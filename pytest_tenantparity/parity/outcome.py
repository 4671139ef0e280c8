"""Makes the evidence of a check of rows from its comparison."""

from __future__ import annotations

from fractions import Fraction

from ..inventory import TablePair
from ..mapping.columns import ColumnPlan
from ..model import (
    AppliedTolerance,
    CheckKey,
    DriftCounts,
    Evidence,
    NamedRule,
    Outcome,
    RowCounts,
    RowParity,
)
from .compare.comparison import Comparison
from .compare.tolerance import ToleranceRules


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
            reasons.append(_empty(key))
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


def _empty(key: CheckKey) -> str:
    return (
        f"{key.whose!r} has no rows in {key.what!r} on either side, which proves nothing; "
        f'check its ids, or declare it: [tables.{key.what}] empty = {{{key.whose} = "why"}}'
    )
