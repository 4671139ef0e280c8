"""Rows that differ while both stacks are written to: read again until they agree or rest.

A write that reaches one stack before the other makes rows differ that nobody lost. Rows that agree
at a later look were in flight. Rows that differ, and that neither side has touched for as long as
such a write may be under way, are drift. Rows that are touched again and again prove nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from time import monotonic, sleep

from sqlalchemy import true

from ..errors import NotProven
from ..model import Evidence, NamedRule, Side, Status
from .by_key import key_of, rows_of
from .compare import Comparison, Surplus
from .locate.digest import NO_ROWS, Row
from .opened import OpenPair
from .scope import Scope, source_of
from .source import Sides, Source

_MOST_LOOKS = 8

State = tuple[frozenset[Surplus], frozenset[Surplus], frozenset[Surplus]]
"""What either side has more of under one key, and how often both have those rows.

Two looks that see the same are equal.
"""


@dataclass
class Suspects:
    """Takes rows that differ as a comparison does, and holds them until they were looked at again.

    Where that cannot be done, they go on to the comparison at once.
    """

    comparison: Comparison
    opened: OpenPair
    seconds: float
    held: dict[Row, State] = field(default_factory=dict)
    in_flight: int = 0
    too_many: bool = False

    @property
    def differing(self) -> bool:
        """Whether any text differed, whatever is made of that."""
        return self.comparison.differing

    def add(
        self, legacy: Iterable[Row], modern: Iterable[Row], shared: Mapping[Row, int] = NO_ROWS
    ) -> None:
        """Take all rows of some keys; a key's rows must come in one batch."""
        if self.too_many or self._unreadable is not None:
            self.comparison.add(legacy, modern, shared)
            return
        self.held |= self._states(legacy, modern, shared)
        if len(self.held) > self.opened.context.limits.rows_in_flight:
            self.too_many = True
            self._conclude(self.held)
            self.held = {}

    def settle(self, sides: Sides) -> None:
        """Look until every row agrees or rests, or it has been long enough.

        Raises :class:`NotProven` where rows differ that cannot be asked for by their keys.
        """
        if self._unreadable is not None and self.comparison.drift.total:
            raise NotProven(
                f"{self.comparison.drift.total:,} rows differ and may be in flight: they cannot be "
                f"looked at again, for equal values of the key column {self._unreadable!r} can "
                f"have several texts; name another [tables.{self.opened.pair.name}] key"
            )
        if self.held and self._read(sides) != self.held:
            raise NotProven(
                "rows that differ could not be found again by their keys in the very same snapshot"
            )
        wait = self._first_wait
        for _ in range(_MOST_LOOKS):
            if not self.held:
                return
            self._refuse_old_snapshots(sides)
            sleep(wait)
            self._look(sides)
            wait = self.seconds

    @property
    def _first_wait(self) -> float:
        """What was under way when the snapshots were taken may have had its time by now."""
        stacks = self.opened.context.stacks.values()
        if not all(stack.dialect.shares_snapshots for stack in stacks):
            return self.seconds  # each process took them when it first asked
        return max(0.0, self.opened.context.since + self.seconds - monotonic())

    def _refuse_old_snapshots(self, sides: Sides) -> None:
        for source in (sides.legacy, sides.modern):
            with source.guard():
                pass

    def _look(self, sides: Sides) -> None:
        with _present(self.opened, sides) as now:
            rows = self._rows_now(now)
            seen = self._states(*rows)
            there = {key_of(self.opened, row) for side in rows for row in side}
            gone = self.held.keys() - seen.keys() - there
            if gone:
                self._require_agreement(now, gone)
        self.in_flight += len(self.held.keys() - seen.keys())
        resting = {key: state for key, state in seen.items() if state == self.held[key]}
        self._conclude(resting)
        self.held = {key: state for key, state in seen.items() if key not in resting}

    def _require_agreement(self, now: Sides, gone: Collection[Row]) -> None:
        """Refuse rows that left the tenant on both sides, and took their difference along."""
        if len(self.opened.plan.key) == len(self.opened.plan.columns):
            raise NotProven(
                f"{len(gone):,} rows that differed are there no more, on either side; without a "
                "key nobody can say whether they were changed or deleted: name a key"
            )
        held, self.held = self.held, {key: self.held[key] for key in gone}
        try:
            left = self._read(_of_everybody(self.opened, now))
        finally:
            self.held = held
        if left:
            raise NotProven(
                f"{len(left):,} rows that differed have left the tenant (or the filter) meanwhile, "
                "and differ where they are now; run again"
            )

    def _read(self, sides: Sides) -> dict[Row, State]:
        return self._states(*self._rows_now(sides))

    def _rows_now(self, sides: Sides) -> tuple[list[Row], list[Row]]:
        return sides.both(
            lambda: self._rows("legacy", sides.legacy),
            lambda: self._rows("modern", sides.modern),
        )

    def _rows(self, side: Side, source: Source) -> list[Row]:
        return list(rows_of(self.opened, side, source, self.held.keys()))

    def _states(
        self, legacy: Iterable[Row], modern: Iterable[Row], shared: Mapping[Row, int] = NO_ROWS
    ) -> dict[Row, State]:
        found = self.comparison.differences(legacy, modern, shared)
        return {
            key: (frozenset(each.legacy), frozenset(each.modern), frozenset(each.shared.items()))
            for key, each in found.items()
        }

    def _conclude(self, states: dict[Row, State]) -> None:
        for here, there, shared in states.values():
            self.comparison.add(_copies(here), _copies(there), dict(shared))

    @property
    def _unreadable(self) -> str | None:
        """Return a key column by whose text a row cannot be found for sure."""
        return next((each.name for each in self.opened.plan.key if not each.has_one_text), None)


def _of_everybody(opened: OpenPair, sides: Sides) -> Sides:
    """Return the same questions, asked of all rows of the two tables."""
    tables = opened.tables
    legacy = replace(sides.legacy, scope=Scope(source_of(tables["legacy"]), true()))
    modern = replace(sides.modern, scope=Scope(source_of(tables["modern"]), true()))
    return replace(sides, legacy=legacy, modern=modern)


def _copies(surplus: Iterable[Surplus]) -> Iterator[Row]:
    return (row for row, copies in surplus for _ in range(copies))


@contextmanager
def _present(opened: OpenPair, sides: Sides) -> Iterator[Sides]:
    """Return the same questions, asked of what is there now."""
    legacy, modern = (opened.context.stacks[side] for side in ("legacy", "modern"))
    places, discreet = opened.places, opened.pair.has_masks
    with (
        legacy.present(places["legacy"]) as here,
        modern.present(places["modern"]) as there,
    ):
        yield replace(
            sides,
            legacy=replace(
                sides.legacy,
                connection=here,
                guard=lambda: legacy.explained(places["legacy"], discreet=discreet),
            ),
            modern=replace(
                sides.modern,
                connection=there,
                guard=lambda: modern.explained(places["modern"], discreet=discreet),
            ),
        )


def with_settled(evidence: Evidence, suspects: Suspects) -> Evidence:
    """Add what was in flight, and what could not be told from that."""
    settled = replace(evidence, in_flight=suspects.in_flight)
    if suspects.too_many and evidence.status is Status.DRIFT:
        most = suspects.opened.context.limits.rows_in_flight
        reason = (
            f"more than {most:,} rows differ, so that none was looked at again: some may be "
            "in flight"
        )
        return replace(settled, reasons=(*evidence.reasons, reason))
    if not suspects.held:
        return settled
    reason = (
        f"{len(suspects.held):,} rows never came to rest: at each of {_MOST_LOOKS} looks, "
        f"{suspects.seconds:g} s apart, they differed and had been changed again; run again when "
        "less is written, or raise --parity-settle if writes take longer to reach the other stack"
    )
    status = evidence.status if evidence.status is Status.DRIFT else Status.NOT_PROVEN
    return replace(settled, status=status, reasons=(*evidence.reasons, reason))


def under_settle(evidence: Evidence, seconds: float | None) -> Evidence:
    """Say that a check was made under this rule, whether or not a row differed."""
    if seconds is None:
        return evidence
    rule = NamedRule(
        f"rows that differ are read again, {seconds:g} s apart, and are drift once neither side "
        "has changed them for so long"
    )
    return replace(evidence, rules=(*evidence.rules, rule))
