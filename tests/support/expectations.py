"""Requirements on a check's evidence."""

from __future__ import annotations

from pytest_tenantparity.model import Evidence, Outcome

from .engine_driver import Seen, seen


def assert_match(evidence: Evidence, rows: int | None = None) -> None:
    """Require a match without reasons. The number of rows is ``rows``, or above 0."""
    assert evidence.outcome is Outcome.PROVEN, evidence
    assert (evidence.drift.total, evidence.findings, evidence.reasons) == (0, (), ())
    assert evidence.rows.legacy == evidence.rows.modern
    assert evidence.rows.legacy == rows if rows is not None else evidence.rows.legacy > 0


def assert_drift(evidence: Evidence, *expected: Seen) -> None:
    """Require exactly the given findings, and totals that agree with them."""
    assert evidence.outcome is Outcome.REFUTED, evidence
    assert sorted(seen(evidence), key=repr) == sorted(expected, key=repr)
    kinds = [kind for kind, _, _ in expected]
    counted = (evidence.drift.missing, evidence.drift.extra, evidence.drift.changed)
    assert counted == tuple(kinds.count(kind) for kind in ("missing", "extra", "changed"))


def assert_not_proven(evidence: Evidence, *words: str) -> None:
    """Require NOT PROVEN, with reasons that contain all the words."""
    assert evidence.outcome is Outcome.NOT_PROVEN, evidence
    text = "\n".join(evidence.reasons)
    assert [word for word in words if word not in text] == [], text
