"""Which rows differ, told by the same scan that proves all others equal.

Rows are put into buckets by their hashes, so that a row whose versions differ is counted in
another bucket on each side. Beside each bucket's digest stands the XOR of the places of its rows'
keys: where one side has one row more, what is left of the two XORs is the place of that row. Rows
that are found so are read on both sides and taken out, which lays others bare, until none is left.

A place is only where to look. What proves the rest equal are its digests, count and exact sum, once
the rows that were read have been taken out of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice

from ..model import RowCounts
from .source import Cell, PlacedRow, Row, Sides, Sketch
from .surplus import Surplus

_CELLS = 16_384  # for all owners together
_MOST_BUCKETS = 4_096  # for one
_FEWEST_BUCKETS = 4
_MOST_READ = 10_000  # rows of a side
_WORTH = 4  # a look is for no fewer than one in so many of the cells that differ


@dataclass
class Sketched:
    """What one scan tells: how many rows each owner has, and all those that differ.

    An owner who is neither in ``found`` nor in ``unsolved`` is proven equal; of one who is in
    ``unsolved`` more differs than could be found.
    """

    counts: dict[str, RowCounts]
    found: dict[str, Surplus] = field(default_factory=dict)
    unsolved: set[str] = field(default_factory=set)


def sketched(sides: Sides, owners: int) -> Sketched | None:
    """Scan both sides, and find what differs; None where an engine has no means for it."""
    if not all(source.can_sketch for source in (sides.legacy, sides.modern)):
        return None
    buckets = _buckets_for(owners)
    legacy, modern = sides.ask(lambda source: source.sketch(buckets))
    search = _Search(sides, buckets, _difference(legacy, modern))
    differing = {owner for owner, _ in search.left}
    search.run()
    unsolved = {owner for owner, _ in search.left}
    solved = {owner: search.surplus.get(owner, Surplus()) for owner in differing - unsolved}
    return Sketched(_counts(legacy, modern), solved, unsolved)


def _buckets_for(owners: int) -> int:
    """Return a power of two."""
    wanted = max(_FEWEST_BUCKETS, min(_MOST_BUCKETS, _CELLS // owners))
    return int(1 << (wanted.bit_length() - 1))


def _difference(legacy: Mapping[Cell, Sketch], modern: Mapping[Cell, Sketch]) -> dict[Cell, Sketch]:
    """Return what legacy has more than modern in each cell whose digests differ."""
    found = {}
    for cell in legacy.keys() | modern.keys():
        here, there = legacy.get(cell, Sketch()), modern.get(cell, Sketch())
        if here.digest != there.digest:
            found[cell] = here - there
    return found


def _counts(legacy: Mapping[Cell, Sketch], modern: Mapping[Cell, Sketch]) -> dict[str, RowCounts]:
    counted: dict[str, list[int]] = {}
    for side, cells in enumerate((legacy, modern)):
        for (owner, _), sketch in cells.items():
            counted.setdefault(owner, [0, 0])[side] += sketch.digest.rows
    return {owner: RowCounts(*rows) for owner, rows in counted.items()}


@dataclass
class _Search:
    """Looks at places until nothing is left that differs, or nothing says where else to look."""

    sides: Sides
    buckets: int
    left: dict[Cell, Sketch]
    surplus: dict[str, Surplus] = field(default_factory=dict)
    _seen: set[int] = field(default_factory=set)

    def run(self) -> None:
        while (places := self._next_places()) and self._look(places):
            self._seen |= places

    def _next_places(self) -> set[int]:
        single = {each.places for each in self.left.values() if abs(each.digest.rows) == 1}
        places = single - self._seen
        few = len(places) + len(self._seen) <= _MOST_READ
        return places if few and len(places) * _WORTH >= len(self.left) else set()

    def _look(self, places: set[int]) -> bool:
        """Take the rows at some places out; return whether that could be done."""
        legacy, modern = self.sides.ask(
            lambda source: list(islice(source.rows_at(places), _MOST_READ + 1))
        )
        if max(len(legacy), len(modern)) > _MOST_READ:
            return False
        for row in legacy:
            self._take_out(row, row.sketch)
        for row in modern:
            self._take_out(row, Sketch() - row.sketch)
        here, there = _by_owner(legacy), _by_owner(modern)
        for owner in here.keys() | there.keys():
            known = self.surplus.get(owner, Surplus())
            self.surplus[owner] = known.with_rows(here.get(owner, ()), there.get(owner, ()))
        return True

    def _take_out(self, row: PlacedRow, sketch: Sketch) -> None:
        cell = row.owner, row.hashed & (self.buckets - 1)
        left = self.left.pop(cell, Sketch()) - sketch
        if left != Sketch():
            self.left[cell] = left


def _by_owner(rows: Iterable[PlacedRow]) -> dict[str, list[Row]]:
    owned: dict[str, list[Row]] = {}
    for each in rows:
        owned.setdefault(each.owner, []).append(each.row)
    return owned
