"""The difference of two multisets of rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ...errors import InconsistentReads

Row = tuple[str | None, ...]
"""The canonical texts of a row's compared columns."""

NO_ROWS: Mapping[Row, int] = MappingProxyType({})


@dataclass(frozen=True)
class RowDiff:
    """The rows that differ: each row of which one side has more copies than the other.

    A row is repeated in ``legacy`` or ``modern`` once for each copy beyond the other side's. If the
    other side has the row, too, ``shared`` holds the number of copies that the other side has.
    """

    legacy: tuple[Row, ...] = ()
    modern: tuple[Row, ...] = ()
    shared: Mapping[Row, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not {*self.legacy}.isdisjoint(self.modern):
            raise InconsistentReads("a row was reported as surplus on both sides")

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.legacy) + len(self.modern)

    def with_rows(self, legacy: Iterable[Row], modern: Iterable[Row]) -> RowDiff:
        """Return the difference with further rows, which must be all rows of their keys."""
        new_here, new_there = Counter(legacy), Counter(modern)
        both = new_here & new_there
        here, there = Counter(self.legacy) + new_here, Counter(self.modern) + new_there
        here, there = here - there, there - here
        shared = Counter(self.shared) + counts_of(both, (*here, *there))
        return RowDiff(tuple(here.elements()), tuple(there.elements()), dict(shared))


def counts_of(counts: Mapping[Row, int], rows: Iterable[Row]) -> Counter[Row]:
    """Return the counts of ``rows``, without rows that have no count."""
    return Counter({row: counts[row] for row in rows if row in counts})
