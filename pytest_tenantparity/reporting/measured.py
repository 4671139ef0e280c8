"""Measurements in words, one sentence for each type."""

from __future__ import annotations

from ..errors import counted
from ..model import (
    Assertions,
    DriftCounts,
    Evidence,
    RowCounts,
    RowOwnership,
    RowParity,
    Threshold,
    Violations,
)


def measured_in_words(check: Evidence) -> str:
    """Return what a check measured. Empty if the status already says it."""
    match check.measurement:
        case RowParity() | RowOwnership() as found:
            return drift_in_words(found.drift, found.rows) if found.drift.total else ""
        case Assertions(queries=queries):
            return counted(queries, "query", "queries")
        case Violations() as found:
            broken = counted(found.count, "violation") if found.count else "no violation"
            return f"{found.rule}: {broken}"
        case Threshold() as found:
            return _threshold_in_words(found)
        case _:
            return ""


def drift_in_words(drift: DriftCounts, rows: RowCounts) -> str:
    """Return how many rows differ, by kind, and the row counts of both sides."""
    differ = "1 row differs" if drift.total == 1 else f"{drift.total:,} rows differ"
    return (
        f"{differ}: {drift.missing:,} missing in modern, {drift.extra:,} extra in modern, "
        f"{drift.changed:,} changed (of {rows.legacy:,} legacy and {rows.modern:,} modern rows)"
    )


def _threshold_in_words(found: Threshold) -> str:
    bound = "at most" if found.better == "lower" else "at least"
    said = f"{found.observed:g} {found.unit}, required: {bound} {found.bound:g}"
    if found.interval is not None:
        low, high = found.interval
        of = "" if found.confidence is None else f"{found.confidence:.0%} "
        said += f"; {of}confidence interval {low:g} to {high:g}"
    return said if found.samples is None else f"{said}; {counted(found.samples, 'sample')}"
