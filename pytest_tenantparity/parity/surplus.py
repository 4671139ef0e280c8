"""Rows that one side has more of than the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from .cells import Row
from .contradiction import Contradiction


@dataclass(frozen=True)
class Surplus:
    """The rows that one side has more of than the other, each as often as it has.

    ``shared`` are those of these rows that both sides have, each with how often they both do.
    """

    legacy: tuple[Row, ...] = ()
    modern: tuple[Row, ...] = ()
    shared: tuple[tuple[Row, int], ...] = ()

    def __post_init__(self) -> None:
        if not {*self.legacy}.isdisjoint(self.modern):
            raise Contradiction("a row that differs on both sides is the same row on both sides")

    def __len__(self) -> int:
        """How many rows these are."""
        return len(self.legacy) + len(self.modern)

    @cached_property
    def shared_rows(self) -> Mapping[Row, int]:
        """How often both sides have these rows."""
        return dict(self.shared)

    def with_rows(self, legacy: Iterable[Row], modern: Iterable[Row]) -> Surplus:
        """Add all rows of some keys, and take out what both sides have."""
        new_here, new_there = Counter(legacy), Counter(modern)
        both = new_here & new_there
        here, there = Counter(self.legacy) + new_here, Counter(self.modern) + new_there
        here, there = here - there, there - here
        shared = Counter(self.shared_rows) + among(both, (*here, *there))
        return Surplus(tuple(here.elements()), tuple(there.elements()), tuple(shared.items()))


def among(counts: Mapping[Row, int], rows: Iterable[Row]) -> Counter[Row]:
    """Return the counts of some rows, of those that are counted."""
    return Counter({row: counts[row] for row in rows if row in counts})
