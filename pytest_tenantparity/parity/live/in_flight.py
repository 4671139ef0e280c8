"""Rows in flight: differing rows are read again while both stacks are written to.

A write that reaches one stack before the other makes rows differ, although no row is lost. The rows
that differ in the run's snapshots are read in their present state, up to eight times. Each time,
the rows of all tenants of a scan are read together.

- Rows that agree when they are read again were *in flight*.
- Rows that differ, and that neither side has changed for as long as a write may take, are drift.
- Rows that differ and are changed again and again prove nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from time import monotonic, sleep

from sqlalchemy import true

from ...errors import NotProven
from ...mapping.tenancy_sql import Scope
from ...model import SIDES, Evidence, NamedRule, Outcome
from ...stacks.sources import source_of
from ..compare.comparison import Comparison, KeyDifference
from ..compare.row_diff import NO_ROWS, Row, RowDiff
from ..compare.tolerance import ToleranceRules
from ..read.both_sides import BothSides
from ..read.open_pair import OpenPair
from .key_lookup import key_of, rows_of

_MOST_LOOKS = 8

_Suspects = dict[tuple[str, Row], KeyDifference]
"""The differing rows, by tenant and key."""


@dataclass
class Settled:
    """The outcome for one tenant's differing rows after they were read again.

    ``resting`` rows are drift. ``in_flight`` rows agreed when they were read again. ``restless``
    rows differed and had been changed each time. ``failure`` is the reason why the rows prove
    nothing.
    """

    resting: list[KeyDifference] = field(default_factory=list)
    in_flight: int = 0
    restless: int = 0
    failure: str = ""

    def add_to(self, comparison: Comparison) -> None:
        """Add the resting rows to ``comparison``.

        Raises :class:`NotProven` if there is a failure.
        """
        if self.failure:
            raise NotProven(self.failure)
        for legacy, modern, shared in self.resting:
            comparison.add(Counter(legacy).elements(), Counter(modern).elements(), shared)


@dataclass
class HeldRows:
    """Holds the differing rows of a merge, or passes them on if they are more than ``most``."""

    comparison: Comparison
    most: int
    legacy: list[Row] = field(default_factory=list)
    modern: list[Row] = field(default_factory=list)
    shared: dict[Row, int] = field(default_factory=dict)
    too_many: bool = False

    @property
    def differing(self) -> bool:
        """Whether any text differed."""
        return self.comparison.differing or bool(self.diff)

    @property
    def diff(self) -> RowDiff | None:
        """The rows that differ, or None if they were too many."""
        if self.too_many:
            return None
        return RowDiff(tuple(self.legacy), tuple(self.modern), self.shared)

    def add(
        self, legacy: Iterable[Row], modern: Iterable[Row], shared: Mapping[Row, int] = NO_ROWS
    ) -> None:
        """Add all differing rows of some keys."""
        if self.too_many:
            self.comparison.add(legacy, modern, shared)
            return
        self.legacy += legacy
        self.modern += modern
        self.shared |= shared
        if len(self.legacy) + len(self.modern) > self.most:
            self.too_many = True
            self.comparison.add(self.legacy, self.modern, self.shared)
            self.legacy, self.modern, self.shared = [], [], {}


def settle(
    opened: OpenPair, sides: BothSides, suspects: Mapping[str, RowDiff], seconds: float
) -> dict[str, Settled]:
    """Read differing rows again until they agree or rest, and return the outcome by tenant.

    ``seconds`` is the time that a write may take from one stack to the other. Raises
    :class:`NotProven` if the rows are not found again in the snapshots themselves.
    """
    found = {tenant: Settled() for tenant in suspects}
    held = {
        (tenant, key): state
        for tenant, diff in suspects.items()
        for key, state in _states(opened, diff.legacy, diff.modern, diff.shared).items()
    }
    if not held:
        return found
    if _look(opened, sides, held)[0] != held:
        raise NotProven(
            "rows that differ could not be found again by their keys in the very same snapshot"
        )
    # The time since the snapshots were taken counts towards the first wait. Sessions that cannot
    # import a snapshot took their own when they first read, so nothing counts for them.
    shared = all(stack.dialect.shares_snapshots for stack in opened.run.stacks.values())
    elapsed = monotonic() - opened.run.since if shared else 0.0
    wait = max(0.0, seconds - elapsed)
    for _ in range(_MOST_LOOKS):
        if not held:
            break
        for reader in (sides.legacy, sides.modern):
            with reader.guard():
                pass  # the guard refuses a snapshot that is too old
        sleep(wait)
        wait = seconds
        with _present(opened, sides) as now:
            seen, there = _look(opened, now, held)
            gone = held.keys() - seen.keys() - there
            for tenant, failure in _left(opened, now, gone).items():
                found[tenant].failure = failure
        for tenant, rows in Counter(tenant for tenant, _ in held.keys() - seen.keys()).items():
            found[tenant].in_flight += rows
        resting = {each: state for each, state in seen.items() if state == held[each]}
        for (tenant, _), state in resting.items():
            found[tenant].resting.append(state)
        held = {
            each: state
            for each, state in seen.items()
            if each not in resting and not found[each[0]].failure
        }
    for tenant, rows in Counter(tenant for tenant, _ in held).items():
        found[tenant].restless = rows
    return found


def _look(
    opened: OpenPair, sides: BothSides, held: _Suspects
) -> tuple[_Suspects, set[tuple[str, Row]]]:
    """Return the suspects that differ in ``sides``, and the suspects that have rows there."""
    keys = {key for _, key in held}
    read = sides.both(
        lambda: list(rows_of(opened, "legacy", sides.legacy, keys)),
        lambda: list(rows_of(opened, "modern", sides.modern, keys)),
    )
    rows: defaultdict[str, tuple[list[Row], list[Row]]] = defaultdict(lambda: ([], []))
    there = set()
    for number, side in enumerate(read):
        for tenant, row in side:
            if (each := (tenant, key_of(opened, row))) in held:
                there.add(each)
                rows[tenant][number].append(row)
    seen = {
        (tenant, key): state
        for tenant, (legacy, modern) in rows.items()
        for key, state in _states(opened, legacy, modern).items()
    }
    return seen, there


def _left(opened: OpenPair, now: BothSides, gone: Collection[tuple[str, Row]]) -> dict[str, str]:
    """Return a failure for each tenant whose rows in ``gone`` prove nothing.

    Neither side has the rows in ``gone`` under their tenant any more. They prove nothing if they
    still differ under another tenant or outside the filter. Without a key, they cannot be looked up
    and never prove anything.
    """
    if not gone:
        return {}
    if len(opened.plan.key) == len(opened.plan.columns):
        why = (
            "are there no more, on either side; without a key nobody can say whether they were "
            "changed or deleted: name a key"
        )
    else:
        legacy, modern = (Scope(source_of(opened.tables[side]), true()) for side in SIDES)
        anywhere = replace(
            now,
            legacy=replace(now.legacy, scope=legacy),
            modern=replace(now.modern, scope=modern),
        )
        nobody: KeyDifference = ({}, {}, {})
        seen, _ = _look(opened, anywhere, {("", key): nobody for _, key in gone})
        gone = [each for each in gone if ("", each[1]) in seen]
        why = (
            "have left the tenant (or the filter) meanwhile, and differ where they are now; run "
            "again"
        )
    rows = Counter(tenant for tenant, _ in gone)
    return {each: f"{count:,} rows that differed {why}" for each, count in rows.items()}


def _states(
    opened: OpenPair,
    legacy: Iterable[Row],
    modern: Iterable[Row],
    shared: Mapping[Row, int] = NO_ROWS,
) -> dict[Row, KeyDifference]:
    """Return the surplus rows of either side by key. No tolerance is applied."""
    plan, normalisers = opened.plan, opened.run.normalisers
    comparison = Comparison(plan.columns, plan.key, ToleranceRules(), normalisers, most_findings=0)
    return comparison.differences(legacy, modern, shared)


def key_of_several_texts(opened: OpenPair) -> str | None:
    """Return a key column whose equal values can have several texts, or None.

    The text of that column does not locate a row for certain.
    """
    return next((each.name for each in opened.plan.key if not each.has_one_text), None)


@contextmanager
def _present(opened: OpenPair, sides: BothSides) -> Iterator[BothSides]:
    """Yield both sides in their present state, each read in a session of its own."""
    with ExitStack() as sessions:
        readers = []
        for side, reader in zip(SIDES, (sides.legacy, sides.modern), strict=True):
            stack, place = opened.run.stacks[side], opened.places[side]
            connection = sessions.enter_context(stack.present(place))
            guard = partial(stack.explained, place, discreet=opened.pair.has_masks)
            readers.append(reader.by((connection, guard)))
        yield replace(sides, legacy=readers[0], modern=readers[1])


def with_settled(evidence: Evidence, settled: Settled | None, seconds: float) -> Evidence:
    """Return ``evidence`` with the rows in flight, and the reason if some rows are undecided.

    ``settled`` is None if too many rows differ to be read again.
    """
    outcome, reason = evidence.outcome, ""
    if settled is None:
        if outcome is not Outcome.REFUTED:
            return evidence
        total = evidence.drift.total
        reason = f"{total:,} rows differ, too many to be read again: some may be in flight"
    elif settled.restless:
        reason = (
            f"{settled.restless:,} rows never came to rest: at each of {_MOST_LOOKS} looks, "
            f"{seconds:g} s apart, they differed and had been changed again; run again when less "
            "is written, or raise --parity-settle if writes take longer to reach the other stack"
        )
        outcome = outcome if outcome is Outcome.REFUTED else Outcome.NOT_PROVEN
    in_flight = 0 if settled is None else settled.in_flight
    reasons = (*evidence.reasons, *([reason] if reason else []))
    return replace(evidence, outcome=outcome, reasons=reasons).measured(in_flight=in_flight)


def under_settle(evidence: Evidence, seconds: float | None) -> Evidence:
    """Return ``evidence`` with the rule of ``--parity-settle``, even if no row differed."""
    if seconds is None:
        return evidence
    rule = NamedRule(
        f"rows that differ are read again, {seconds:g} s apart, and are drift once neither side "
        "has changed them for so long"
    )
    return replace(evidence, rules=(*evidence.rules, rule))
