"""Build the report and its verdict from the evidence of all checks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import counted
from ..model import (
    SIDES,
    AuditReport,
    Check,
    CohortFacts,
    Evidence,
    Exclusion,
    PairFacts,
    Population,
    RowCounts,
    Side,
    Status,
    Verdict,
)
from .listing import cut_evenly

SCHEMA = "tenantparity/cab-report/1"

# Upper bounds in seconds. With measured times, the reports of two equal audits would differ.
_SCALE = (10, 60, 600, 3_600, 21_600, 86_400)


@dataclass(frozen=True)
class Plan:
    """The subject of a run: its scope in words, and the facts that the settings give.

    The ``pairs`` that checks report replace the ``pairs`` of the plan.
    """

    scope: str
    exclusions: Sequence[Exclusion] = ()
    pairs: Sequence[PairFacts] = ()
    cohorts: Sequence[CohortFacts] = ()


def build_report(
    plan: Plan,
    evidence: Sequence[Evidence],
    executed: int,
    reasons: Sequence[str],
    cohort_of: Callable[[str | None], str],
    run: dict[str, Any],
) -> AuditReport:
    """Return the report. ``reasons`` explain why the run as a whole is not complete."""
    verdict = _verdict(evidence, reasons)
    timings = [
        (e.key.kind, e.key.name, e.key.tenant, e.key.subject, round(e.seconds, 6))
        for e in evidence
        if e.seconds
    ]
    return AuditReport(
        schema=SCHEMA,
        verdict=verdict,
        headline=_headline(verdict, plan.scope, evidence, reasons),
        reasons=tuple(reasons),
        population=Population(
            planned=len(evidence),
            executed=executed,
            proven=sum(1 for each in evidence if each.status is not Status.NOT_PROVEN),
            rows=_rows(evidence),
            exclusions=_counted(plan.exclusions, evidence),
        ),
        cohorts=tuple(plan.cohorts),
        pairs=_pairs(plan.pairs, evidence),
        checks=tuple(_check(each, cohort_of) for each in cut_evenly(evidence)),
        run=_work(evidence) | run | {"seconds_by_check": timings},
    )


def _counted(
    exclusions: Sequence[Exclusion], evidence: Sequence[Evidence]
) -> tuple[Exclusion, ...]:
    """Add to each exclusion how many rows its filter leaves out, if a check has counted them."""
    counts: dict[str, int] = {}
    for each in evidence:
        counts |= each.left_out
    return tuple(replace(e, rows=counts.get(e.what, e.rows)) for e in exclusions)


def _pairs(planned: Sequence[PairFacts], evidence: Sequence[Evidence]) -> tuple[PairFacts, ...]:
    """Return every pair as it was compared. A pair that no check opened is returned as planned."""
    known = {facts for each in evidence for facts in each.pairs}
    known |= {facts for facts in planned if facts.compared}
    opened = {facts.table for facts in known}
    known |= {facts for facts in planned if facts.table not in opened}
    return tuple(sorted(known, key=lambda f: (f.table, f.legacy, f.modern, f.key, repr(f))))


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
    """Return the verdict as a sentence. It counts tenants, because tenants are what is migrated."""
    tenants = {e.key.tenant for e in evidence} - {None}
    drifting = {e.key.tenant for e in evidence if e.status is Status.DRIFT} & tenants
    unproven = {e.key.tenant for e in evidence if e.status is Status.NOT_PROVEN} & tenants
    shared = [e for e in evidence if e.key.tenant is None]
    parts = []
    if verdict is Verdict.GO:
        equal = f"All {len(tenants)} tenants are proven equal."
        if len(tenants) == 1:
            equal = "The tenant is proven equal."
        parts.append(equal if tenants else "What was selected is proven; it holds no tenant.")
    if drifting:
        parts.append(f"{_share(len(drifting), len(tenants), 'drifts', 'drift')}.")
    if unproven:
        words = "could not be verified"
        parts.append(f"{_share(len(unproven), len(tenants), words, words)}.")
    for status, one, words in (
        (Status.DRIFT, "drifts", "drift"),
        (Status.NOT_PROVEN, "could not be verified", "could not be verified"),
    ):
        count = sum(1 for each in shared if each.status is status)
        if count:
            found = counted(count, "check")
            parts.append(f"{found} beyond single tenants {one if count == 1 else words}.")
    if reasons:
        parts.append("INCOMPLETE.")
    return f"{verdict} for {scope}. {' '.join(parts)}".strip()


def _share(some: int, among: int, one: str, several: str) -> str:
    """Return how many of the tenants do something, in words."""
    if among == 1:
        return f"The tenant {one}"
    return f"{some} of {among} tenants {one if some == 1 else several}"


def _work(evidence: Sequence[Evidence]) -> dict[str, Any]:
    """Return how the checks were made. This may differ between two runs on the same data."""
    readings = {(each.table, each.side, each.how) for e in evidence for each in e.work.readings}
    return {
        "throttled_seconds": _waits(evidence),
        "readings": sorted(map(list, readings)),
        "hints": sorted({hint for each in evidence for hint in each.work.hints}),
    }


def _waits(evidence: Sequence[Evidence]) -> dict[Side, float]:
    return {side: round(sum(e.work.waited.get(side, 0) for e in evidence), 3) for side in SIDES}


def _rows(evidence: Sequence[Evidence]) -> RowCounts:
    """Return the number of compared rows. A tenant's table counts once if several tests read it."""
    most: dict[tuple[str, str], RowCounts] = {}
    for each in evidence:
        place = each.key.whose, each.key.what
        known = most.get(place, RowCounts())
        most[place] = RowCounts(
            max(known.legacy, each.rows.legacy), max(known.modern, each.rows.modern)
        )
    return RowCounts(
        sum(each.legacy for each in most.values()), sum(each.modern for each in most.values())
    )


def _check(evidence: Evidence, cohort_of: Callable[[str | None], str]) -> Check:
    return Check(
        key=evidence.key,
        cohort=cohort_of(evidence.key.tenant),
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
