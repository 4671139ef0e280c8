"""The difference of two multisets of rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from .inconsistent import InconsistentReads
from .locate.digest import Row


@dataclass(frozen=True)
class RowDiff:
    """The rows of which one side has more copies than the other, each as often as it has more.

    ``shared`` holds those of these rows that both sides have, each with the number of copies that
    both have.
    """

    legacy: tuple[Row, ...] = ()
    modern: tuple[Row, ...] = ()
    shared: tuple[tuple[Row, int], ...] = ()

    def __post_init__(self) -> None:
        if not {*self.legacy}.isdisjoint(self.modern):
            raise InconsistentReads(
                "a row that differs on both sides is the same row on both sides"
            )

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.legacy) + len(self.modern)

    @cached_property
    def shared_rows(self) -> Mapping[Row, int]:
        """How many copies of these rows both sides have."""
        return dict(self.shared)

    def with_rows(self, legacy: Iterable[Row], modern: Iterable[Row]) -> RowDiff:
        """Add all rows of some keys, and remove what both sides have."""
        new_here, new_there = Counter(legacy), Counter(modern)
        both = new_here & new_there
        here, there = Counter(self.legacy) + new_here, Counter(self.modern) + new_there
        here, there = here - there, there - here
        shared = Counter(self.shared_rows) + counts_of(both, (*here, *there))
        return RowDiff(tuple(here.elements()), tuple(there.elements()), tuple(shared.items()))


def counts_of(counts: Mapping[Row, int], rows: Iterable[Row]) -> Counter[Row]:
    """Return the counts of those rows that are counted."""
    return Counter({row: counts[row] for row in rows if row in counts})
