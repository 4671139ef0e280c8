"""From the evidence of all checks to the report and its verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..model import (
    RESERVED_SUBJECTS,
    SIDES,
    AuditReport,
    Check,
    Evidence,
    Exclusion,
    Population,
    RowCounts,
    Side,
    Status,
    Verdict,
)
from .listing import cut_evenly

SCHEMA = "tenantparity/cab-report/1"

# Seconds, each an upper bound: measured times would make two equal audits differ.
_SCALE = (10, 60, 600, 3_600, 21_600, 86_400)


def build_report(
    scope: str,
    evidence: Sequence[Evidence],
    executed: int,
    reasons: Sequence[str],
    exclusions: Sequence[Exclusion],
    cohort_of: Callable[[str], str],
    run: dict[str, Any],
) -> AuditReport:
    """Weigh all evidence. ``reasons`` say what kept the run as a whole from being complete."""
    verdict = _verdict(evidence, reasons)
    timings = [(*each.key, round(each.seconds, 6)) for each in evidence if each.seconds]
    return AuditReport(
        schema=SCHEMA,
        verdict=verdict,
        headline=_headline(verdict, scope, evidence, reasons),
        reasons=tuple(reasons),
        population=Population(
            planned=len(evidence),
            executed=executed,
            proven=sum(1 for each in evidence if each.status is not Status.NOT_PROVEN),
            rows=_rows(evidence),
            exclusions=tuple(exclusions),
        ),
        checks=tuple(_check(each, cohort_of) for each in cut_evenly(evidence)),
        run=_work(evidence) | run | {"seconds_by_check": timings},
    )


def _verdict(evidence: Sequence[Evidence], reasons: Sequence[str]) -> Verdict:
    statuses = {each.status for each in evidence}
    if Status.DRIFT in statuses:
        return Verdict.NO_GO
    if Status.NOT_PROVEN in statuses or reasons or not evidence:
        return Verdict.NOT_PROVEN
    return Verdict.GO


def _headline(
    verdict: Verdict,
    scope: str,
    evidence: Sequence[Evidence],
    reasons: Sequence[str],
) -> str:
    """Return the verdict as a sentence, in tenants, since those are what moves."""
    tenants = {e.key.tenant for e in evidence if e.key.tenant not in RESERVED_SUBJECTS}
    drifting = {e.key.tenant for e in evidence if e.status is Status.DRIFT} & tenants
    unproven = {e.key.tenant for e in evidence if e.status is Status.NOT_PROVEN} & tenants
    shared = [e for e in evidence if e.key.tenant in RESERVED_SUBJECTS]
    parts = []
    if verdict is Verdict.GO:
        equal = f"All {len(tenants)} tenants are proven equal."
        parts.append(equal if tenants else "What was selected is proven; it holds no tenant.")
    if drifting:
        parts.append(f"{len(drifting)} of {len(tenants)} tenants drift.")
    if unproven:
        parts.append(f"{len(unproven)} of {len(tenants)} tenants could not be verified.")
    for status, words in ((Status.DRIFT, "drift"), (Status.NOT_PROVEN, "could not be verified")):
        count = sum(1 for each in shared if each.status is status)
        if count:
            parts.append(f"{count} checks beyond single tenants {words}.")
    if reasons:
        parts.append("INCOMPLETE.")
    return f"{verdict} for {scope}. {' '.join(parts)}".strip()


def _work(evidence: Sequence[Evidence]) -> dict[str, Any]:
    """Say how it was done, as far as that may differ between two runs on the same data."""
    readings = {(each.table, each.side, each.how) for e in evidence for each in e.work.readings}
    return {
        "throttled_seconds": _waits(evidence),
        "readings": sorted(map(list, readings)),
        "hints": sorted({hint for each in evidence for hint in each.work.hints}),
    }


def _waits(evidence: Sequence[Evidence]) -> dict[Side, float]:
    return {side: round(sum(e.work.waited.get(side, 0) for e in evidence), 3) for side in SIDES}


def _rows(evidence: Sequence[Evidence]) -> RowCounts:
    """Rows compared; a table that two tests compare counts once."""
    counted: dict[tuple[str, str], RowCounts] = {}
    for each in evidence:
        counted.setdefault((each.key.tenant, each.key.table), each.rows)
    values = counted.values()
    return RowCounts(sum(each.legacy for each in values), sum(each.modern for each in values))


def _check(evidence: Evidence, cohort_of: Callable[[str], str]) -> Check:
    return Check(
        check=evidence.key.check,
        tenant=evidence.key.tenant,
        cohort=cohort_of(evidence.key.tenant),
        table=evidence.key.table,
        status=evidence.status,
        rows=evidence.rows,
        drift=evidence.drift,
        findings=evidence.findings,
        tolerance=evidence.tolerance,
        rules=evidence.rules,
        reasons=evidence.reasons,
        digest=evidence.digest,
        columns=evidence.columns,
        accounts=evidence.accounts,
        in_flight=evidence.in_flight,
        seconds=next((step for step in _SCALE if evidence.seconds <= step), _SCALE[-1] * 10),
    )
