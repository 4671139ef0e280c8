"""Build the report and its verdict from the evidence of all checks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..errors import counted
from ..model import (
    PARITY_KINDS,
    SIDES,
    AuditReport,
    CheckKind,
    CheckTime,
    CohortFacts,
    Evidence,
    Exclusion,
    Outcome,
    PairFacts,
    Population,
    RowCounts,
    RunFacts,
    Verdict,
)
from .causes import causes_of
from .formats.json_file import REPORT_SCHEMA
from .listing import cut_evenly


@dataclass(frozen=True)
class Plan:
    """The subject of a run: its scope in words, and the facts that the settings give.

    ``pairs`` are described by the settings. The description by a check replaces it.
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
    run: RunFacts,
) -> AuditReport:
    """Return the report. ``reasons`` explain why the run as a whole is not complete.

    The work of the checks becomes part of ``run``.
    """
    verdict = _verdict(evidence, reasons)
    return AuditReport(
        schema=REPORT_SCHEMA,
        verdict=verdict,
        headline=_headline(verdict, plan.scope, evidence, reasons),
        reasons=tuple(reasons),
        population=Population(
            planned=len(evidence),
            executed=executed,
            proven=sum(1 for each in evidence if each.outcome is not Outcome.NOT_PROVEN),
            rows=_rows(evidence),
            exclusions=_counted(plan.exclusions, evidence),
        ),
        cohorts=tuple(plan.cohorts),
        pairs=_pairs(plan.pairs, evidence),
        causes=tuple(causes_of(evidence)),
        checks=tuple(cut_evenly(evidence)),
        run=_with_work(run, evidence),
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
    known = {facts for each in evidence for facts in each.work.pairs}
    known |= {facts for facts in planned if facts.compared}
    opened = {facts.table for facts in known}
    known |= {facts for facts in planned if facts.table not in opened}
    return tuple(sorted(known, key=lambda f: (f.table, f.legacy, f.modern, f.key, repr(f))))


def _verdict(evidence: Sequence[Evidence], reasons: Sequence[str]) -> Verdict:
    outcomes = {each.outcome for each in evidence}
    if Outcome.REFUTED in outcomes:
        return Verdict.NO_GO
    if Outcome.NOT_PROVEN in outcomes or reasons or not evidence:
        return Verdict.NOT_PROVEN
    return Verdict.GO


def _headline(
    verdict: Verdict,
    scope: str,
    evidence: Sequence[Evidence],
    reasons: Sequence[str],
) -> str:
    """Return the verdict as a sentence. It counts tenants, because tenants are what is migrated."""
    rows = [e for e in evidence if e.key.kind is CheckKind.ROWS and e.key.tenant is not None]
    tenants = {e.key.tenant for e in rows}
    drifting = {e.key.tenant for e in rows if e.outcome is Outcome.REFUTED}
    unproven = {e.key.tenant for e in rows if e.outcome is Outcome.NOT_PROVEN}
    parts = []
    if verdict is Verdict.GO:
        equal = f"All {len(tenants)} tenants are proven equal."
        if len(tenants) == 1:
            equal = "The tenant is proven equal."
        parts.append(equal if tenants else "What was selected is proven; it compares no tenant.")
    if drifting:
        parts.append(f"{_share(len(drifting), len(tenants), 'drifts', 'drift')}.")
    if unproven:
        words = "could not be verified"
        parts.append(f"{_share(len(unproven), len(tenants), words, words)}.")
    beyond = [e for e in evidence if e.key.tenant is None and e.key.kind in PARITY_KINDS]
    others = [e for e in evidence if e.key.kind not in PARITY_KINDS]
    parts += _failing(beyond, "{} beyond single tenants", "drift")
    parts += _failing(others, "{} of another kind", "fail")
    if reasons:
        parts.append("INCOMPLETE.")
    return f"{verdict} for {scope}. {' '.join(parts)}".strip()


def _failing(checks: Sequence[Evidence], subject: str, verb: str) -> Iterator[str]:
    """Yield a sentence on the refuted checks, and one on those that are not proven."""
    outcomes = Counter(each.outcome for each in checks)
    if refuted := outcomes[Outcome.REFUTED]:
        said = subject.format(counted(refuted, "check"))
        yield f"{said} {verb}{'s' if refuted == 1 else ''}."
    if unproven := outcomes[Outcome.NOT_PROVEN]:
        yield f"{subject.format(counted(unproven, 'check'))} could not be verified."


def _share(some: int, among: int, one: str, several: str) -> str:
    """Return how many of the tenants do something, in words."""
    if among == 1:
        return f"The tenant {one}"
    return f"{some} of {among} tenants {one if some == 1 else several}"


def _with_work(run: RunFacts, evidence: Sequence[Evidence]) -> RunFacts:
    """Return ``run`` with what the checks say of their work."""
    readings = {each for e in evidence for each in e.work.readings}
    waited = {side: sum(e.work.waited.get(side, 0.0) for e in evidence) for side in SIDES}
    times = (CheckTime(*e.key.parts, round(e.work.seconds, 6)) for e in evidence if e.work.seconds)
    return replace(
        run,
        throttled_seconds={
            side: round(run.throttled_seconds.get(side, 0.0) + waited[side], 3) for side in SIDES
        },
        readings=tuple(sorted(readings | {*run.readings}, key=lambda e: (e.table, e.side, e.how))),
        hints=tuple(sorted({hint for e in evidence for hint in e.work.hints} | {*run.hints})),
        seconds_by_check=(*run.seconds_by_check, *times),
    )


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
