"""The straight line of one comparison: digest, locate, read, compare."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Protocol

from ..model import RowCounts
from .cells import NO_ROWS, NOTHING, Cell, Part, Row
from .contradiction import Contradiction, Unseen
from .locate import Difference, buckets_for, by_owner, difference, narrowed
from .sketch import require_same, sketched
from .source import Sides, Source

Rows = dict[str, list[Row]]
"""The rows of each owner."""


class Taker(Protocol):
    """Takes the rows that differ; a comparison, or what stands before one."""

    @property
    def differing(self) -> bool:
        """Whether any text differed."""

    def add(
        self, legacy: Iterable[Row], modern: Iterable[Row], shared: Mapping[Row, int] = NO_ROWS
    ) -> None:
        """Take all rows of some keys, but for those that are only counted."""


def find_differences(sides: Sides, taker: Taker) -> RowCounts:
    """Hand all rows that differ on; return how many rows there are.

    Equal digests prove a match; nothing else does. Raises :class:`Unseen` where digests differ, and
    the rows that were read show no difference.
    """
    seen = sketched(lambda _: sides, [""])
    if seen is None:
        return find_by_cells(sides, taker)
    if seen.unsolved:
        rows = find_by_cells(sides, taker)
        require_same(seen, {"": rows}, {""} if taker.differing else set())
        return rows
    for surplus in seen.found.values():
        if not surplus:
            raise Unseen
        taker.add(surplus.legacy, surplus.modern, surplus.shared_rows)
    return seen.counts.get("", RowCounts())


def find_by_cells(sides: Sides, taker: Taker) -> RowCounts:
    """Do the same by cells of keys, in which any number of rows may differ."""
    counts, found = digest_all(sides, buckets_for(1, sides.limits))
    for legacy, modern in differing_rows(sides, found):
        taker.add(legacy.get("", ()), modern.get("", ()))
    if found.cells and not taker.differing:
        raise Unseen
    return counts.get("", RowCounts())


def digest_all(sides: Sides, buckets: int) -> tuple[dict[str, RowCounts], Difference]:
    """Return how many rows each owner has, and the cells that differ."""
    legacy, modern = sides.ask(lambda source: source.cells(buckets))
    here, there = by_owner(legacy), by_owner(modern)
    counts = {
        owner: RowCounts(here.get(owner, NOTHING).rows, there.get(owner, NOTHING).rows)
        for owner in here.keys() | there.keys()
    }
    found = difference(buckets, legacy, modern)
    return counts, narrowed(sides, found, legacy, modern)


def differing_rows(sides: Sides, found: Difference) -> Iterator[tuple[Rows, Rows]]:
    """Yield all rows of the differing cells, as many at a time as can be held in memory.

    All rows of a key come at once. Raises :class:`NotProven` where other rows come than counted.
    """
    for query in found.gathered(sides.limits.rows_per_query):
        legacy, modern = _Stream(sides.legacy, query), _Stream(sides.modern, query)
        for batch in query.gathered(sides.limits.rows_per_batch):
            legacy.wanted = {cell: rows.legacy for cell, rows in batch.cells.items()}
            modern.wanted = {cell: rows.modern for cell, rows in batch.cells.items()}
            yield sides.both(legacy.read, modern.read)
        sides.both(legacy.end, modern.end)


class _Stream:
    """One side's rows in the order of their buckets, and how many are wanted of each cell next."""

    def __init__(self, source: Source, found: Difference) -> None:
        self._rows = source.rows(Part(found.buckets, found.cells))
        self.wanted: dict[Cell, int] = {}

    def read(self) -> Rows:
        """Read the rows of the wanted cells."""
        rows: Rows = {}
        seen: Counter[Cell] = Counter()
        for cell, row in islice(self._rows, sum(self.wanted.values())):
            seen[cell] += 1
            rows.setdefault(cell[0], []).append(row)
        for cell in self.wanted.keys() | seen.keys():
            counted = self.wanted.get(cell, 0)
            if seen[cell] != counted:
                raise Contradiction(
                    f"where the digests differ, {counted} rows were counted in a bucket, and "
                    f"{seen[cell]} could be read"
                )
        return rows

    def end(self) -> None:
        """Refuse a row that was not counted."""
        if next(self._rows, None) is not None:
            raise Contradiction(
                "where the digests differ, more rows could be read than were counted"
            )
