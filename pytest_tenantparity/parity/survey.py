"""What one scan of a table pair shows of all its tenants at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from ..model import RowCounts
from .differ import Rows, differing_rows, digest_all
from .locate import Difference, buckets_for
from .source import Row, Sides

_MOST_READ = 150_000  # rows of both sides, for all tenants together
_MOST_HELD = 20_000  # rows that differ, for all tenants together


@dataclass(frozen=True)
class Surplus:
    """The rows that one side has more of than the other, each as often as it has."""

    legacy: tuple[Row, ...] = ()
    modern: tuple[Row, ...] = ()

    def __len__(self) -> int:
        """How many rows these are."""
        return len(self.legacy) + len(self.modern)

    def with_rows(self, legacy: Iterable[Row], modern: Iterable[Row]) -> Surplus:
        """Add two batches of rows, and take out what both sides have."""
        here, there = Counter((*self.legacy, *legacy)), Counter((*self.modern, *modern))
        return Surplus(tuple((here - there).elements()), tuple((there - here).elements()))


@dataclass(frozen=True)
class Survey:
    """How many rows each tenant has, and which differ.

    A tenant that is not in ``differing`` is proven equal. None stands for more rows than are held
    for all tenants together: such a tenant is asked apart.
    """

    counts: dict[str, RowCounts]
    differing: dict[str, Surplus | None] = field(default_factory=dict)


def survey(sides: Sides, owners: Collection[str]) -> Survey:
    """Digest all tenants' rows in one scan of each side, and read those that differ."""
    seen, found = digest_all(sides, buckets_for(len(owners)))
    counts = {owner: seen.get(owner, RowCounts()) for owner in owners}
    readable = _readable(found)
    held: dict[str, Surplus | None] = dict.fromkeys({owner for owner, _ in found.cells})
    held |= dict.fromkeys(readable, Surplus())
    for legacy, modern in differing_rows(sides, found.of(readable)):
        _hold(held, legacy, modern)
    return Survey(counts, held)


def _readable(found: Difference) -> set[str]:
    """Choose the tenants with the fewest rows to read, for as long as those are not too many."""
    rows: Counter[str] = Counter()
    for (owner, _), counts in found.cells.items():
        rows[owner] += counts.legacy + counts.modern
    chosen: set[str] = set()
    total = 0
    for owner, count in sorted(rows.items(), key=lambda each: (each[1], each[0])):
        total += count
        if total > _MOST_READ:
            break
        chosen.add(owner)
    return chosen


def _hold(held: dict[str, Surplus | None], legacy: Rows, modern: Rows) -> None:
    for owner in legacy.keys() | modern.keys():
        if (surplus := held[owner]) is not None:
            held[owner] = surplus.with_rows(legacy.get(owner, ()), modern.get(owner, ()))
    while sum(len(each) for each in held.values() if each is not None) > _MOST_HELD:
        largest = max(held, key=lambda owner: len(held[owner] or ()))
        held[largest] = None
