"""Which rows differ, told by the same scan that proves all others equal.

Beside the digest of each owner, all rows are put into buckets by their hashes, so that a row whose
versions differ is counted in another bucket on each side. With each bucket's digest comes the XOR
of the places of its rows' keys: where one side has one row more, what is left of the two XORs is
the place of that row. Rows that are found so are read on both sides and taken out, which lays
others bare, until none is left.

A place is only where to look. What proves the rest equal are the owners' digests, count and exact
sum, once the rows that were read have been taken out of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Set
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from ..model import RowCounts
from .cells import NOTHING, Bucket, Cell, Grid, PlacedRow, Row, Sketch
from .contradiction import Contradiction, Unseen
from .source import Sides
from .surplus import Surplus

K = TypeVar("K")
SidesOf = Callable[[Collection[str]], Sides]
"""Returns both sides, limited to the rows of some owners."""

_OTHER_BITS = 32


@dataclass
class Sketched:
    """What scans tell: how many rows each owner has, and all those that differ.

    An owner who is neither in ``found`` nor in ``unsolved`` is proven equal; of one who is in
    ``unsolved`` more differs than could be found. ``hopeful``: another grid may tell that.
    """

    counts: dict[str, RowCounts]
    found: dict[str, Surplus]
    unsolved: set[str]
    hopeful: bool


def sketched(sides_of: SidesOf, owners: Collection[str]) -> Sketched | None:
    """Scan both sides, and find what differs; None where an engine has no means for it.

    Rows whose places hide each other in one grid show in another, of their owners alone.
    """
    sides = sides_of(owners)
    if not all(source.can_sketch for source in (sides.legacy, sides.modern)):
        return None
    seen = _sketched(sides, _grid(sides, len(owners)))
    if seen.unsolved and seen.hopeful:
        limits, few = sides.limits, len(seen.unsolved)
        buckets = _power_of_two(min(limits.buckets, limits.buckets_of_tenants // few))
        grid = Grid(buckets, by_owner=True, shift=_OTHER_BITS)
        again = _sketched(sides_of(seen.unsolved), grid)
        require_same(seen, again.counts, again.found.keys() | again.unsolved)
        seen.found |= again.found
        seen.unsolved = again.unsolved
    return seen


def require_same(seen: Sketched, counts: Mapping[str, RowCounts], differing: Set[str]) -> None:
    """Refuse what another scan says of the unsolved owners, where it says something else."""
    counted = {owner: seen.counts.get(owner, RowCounts()) for owner in seen.unsolved}
    if differing != seen.unsolved or counted != {o: counts.get(o, RowCounts()) for o in counted}:
        raise Contradiction("two scans of the same rows, put into other buckets, do not agree")


def _sketched(sides: Sides, grid: Grid) -> Sketched:
    legacy, modern = sides.ask(lambda source: source.sketch(grid))
    owners, cells = _left(legacy.owners, modern.owners), _left(legacy.cells, modern.cells)
    differing = set(owners)
    search = _Search(sides, grid, owners, cells)
    search.run()
    unsolved = set(search.owners)
    found = {owner: search.surplus.get(owner, Surplus()) for owner in differing - unsolved}
    most = max(len(legacy.cells), len(modern.cells))
    hopeful = len(search.cells) * sides.limits.buckets_again <= most
    return Sketched(_counts(legacy, modern), found, unsolved, hopeful)


def _grid(sides: Sides, owners: int) -> Grid:
    both, limits = (sides.legacy, sides.modern), sides.limits
    by_owner = not all(source.dialect.groups_apart for source in both)
    wanted = limits.buckets
    if by_owner:
        wanted = min(wanted, limits.buckets_of_tenants // owners)
    if rows := max(source.rows_about for source in both):
        wanted = min(wanted, rows // limits.rows_per_bucket // (owners if by_owner else 1))
    return Grid(_power_of_two(wanted), by_owner)


def _power_of_two(most: int) -> int:
    return int(1 << max(0, most.bit_length() - 1))


def _left(legacy: Mapping[K, Bucket], modern: Mapping[K, Bucket]) -> dict[K, Bucket]:
    """Return what legacy has more than modern where the two differ."""
    keys = legacy.keys() | modern.keys()
    left = {key: legacy.get(key, Bucket()) - modern.get(key, Bucket()) for key in keys}
    return {key: bucket for key, bucket in left.items() if bucket.digest != NOTHING}


def _counts(legacy: Sketch, modern: Sketch) -> dict[str, RowCounts]:
    here, there = legacy.owners, modern.owners
    return {
        owner: RowCounts(*(side.get(owner, Bucket()).digest.rows for side in (here, there)))
        for owner in here.keys() | there.keys()
    }


@dataclass
class _Search:
    """Looks at places until nothing is left that differs, or nothing says where else to look.

    ``owners`` and ``cells`` are what legacy has more than modern, less what was read.
    """

    sides: Sides
    grid: Grid
    owners: dict[str, Bucket]
    cells: dict[Cell, Bucket]
    surplus: dict[str, Surplus] = field(default_factory=dict)
    _seen: set[int] = field(default_factory=set)

    def run(self) -> None:
        while (places := self._next_places()) and self._look(places):
            self._seen |= places

    def _next_places(self) -> set[int]:
        left = (*self.owners.values(), *self.cells.values())
        single = {bucket.places for bucket in left if abs(bucket.digest.rows) == 1}
        places = single - self._seen
        limits = self.sides.limits
        few = len(places) + len(self._seen) <= limits.rows_decoded
        return places if few and len(places) * limits.buckets_per_row >= len(self.cells) else set()

    def _look(self, places: set[int]) -> bool:
        """Take the rows at some places out; return whether that could be done."""
        most = self.sides.limits.rows_decoded
        legacy, modern = self.sides.ask(
            lambda source: list(islice(source.rows_at(places), most + 1))
        )
        if max(len(legacy), len(modern)) > most:
            return False
        _require_seen(legacy, modern)
        for row in legacy:
            self._take_out(row, row.alone)
        for row in modern:
            self._take_out(row, Bucket() - row.alone)
        here, there = _by_owner(legacy), _by_owner(modern)
        for owner in here.keys() | there.keys():
            known = self.surplus.get(owner, Surplus())
            self.surplus[owner] = known.with_rows(here.get(owner, ()), there.get(owner, ()))
        return True

    def _take_out(self, row: PlacedRow, alone: Bucket) -> None:
        _lessen(self.owners, row.owner, alone)
        _lessen(self.cells, self.grid.cell_of(row.owner, row.hashed), alone)


def _require_seen(legacy: Iterable[PlacedRow], modern: Iterable[PlacedRow]) -> None:
    """Refuse rows that read alike and have other hashes: what differs in them would not be told."""
    hashes = {(each.owner, each.row): each.hashed for each in legacy}
    for each in modern:
        if hashes.get((each.owner, each.row), each.hashed) != each.hashed:
            raise Unseen


def _lessen(left: dict[K, Bucket], key: K, rows: Bucket) -> None:
    bucket = left.pop(key, Bucket()) - rows
    if bucket.digest != NOTHING:
        left[key] = bucket


def _by_owner(rows: Iterable[PlacedRow]) -> dict[str, list[Row]]:
    owned: dict[str, list[Row]] = {}
    for each in rows:
        owned.setdefault(each.owner, []).append(each.row)
    return owned
