"""Where do the two sides differ? In which cells of keys, a readable number of rows at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from ..limits import Limits
from ..model import RowCounts
from .cells import NOTHING, Cell, Digest, Part
from .contradiction import Contradiction
from .source import Sides


@dataclass(frozen=True)
class Difference:
    """The cells that differ, and how many rows each side has in them."""

    buckets: int
    cells: Mapping[Cell, RowCounts]

    @property
    def rows(self) -> int:
        """How many rows both sides have in them."""
        return sum(each.legacy + each.modern for each in self.cells.values())

    def of(self, owners: Collection[str]) -> Difference:
        """Return the cells of some owners."""
        kept = {cell: rows for cell, rows in self.cells.items() if cell[0] in owners}
        return Difference(self.buckets, kept)

    def gathered(self, most: int) -> Iterator[Difference]:
        """Yield whole buckets in their order, until they hold so many rows."""
        gathered: dict[Cell, RowCounts] = {}
        rows, last = 0, 0
        for cell in sorted(self.cells, key=lambda cell: cell[1]):
            if rows >= most and cell[1] != last:
                yield Difference(self.buckets, gathered)
                gathered, rows = {}, 0
            gathered[cell], last = self.cells[cell], cell[1]
            rows += gathered[cell].legacy + gathered[cell].modern
        if gathered:
            yield Difference(self.buckets, gathered)


def buckets_for(owners: int, limits: Limits) -> int:
    """Return into how many buckets each owner's keys are divided.

    An odd number, since keys are often dealt out in steps of a power of two.
    """
    return max(limits.cells_of_tenant, limits.cells // owners) | 1


def difference(
    buckets: int, legacy: Mapping[Cell, Digest], modern: Mapping[Cell, Digest]
) -> Difference:
    """Return the cells whose digests differ."""
    cells = {}
    for cell in sorted(legacy.keys() | modern.keys()):
        one, other = legacy.get(cell, NOTHING), modern.get(cell, NOTHING)
        if one != other:
            cells[cell] = RowCounts(one.rows, other.rows)
    return Difference(buckets, cells)


def narrowed(
    sides: Sides, found: Difference, legacy: Mapping[Cell, Digest], modern: Mapping[Cell, Digest]
) -> Difference:
    """Divide the differing cells again, where they hold too many rows to read them all."""
    limits = sides.limits
    if found.rows <= limits.rows_readable or (finer := _finer(found, limits)) == found.buckets:
        return found
    part = Part(found.buckets, found.cells)
    here, there = sides.ask(lambda source: source.cells(finer, part))
    for before, after in ((legacy, here), (modern, there)):
        _require_whole({cell: before[cell] for cell in found.cells if cell in before}, after)
    return difference(finer, here, there)


def by_owner(cells: Mapping[Cell, Digest]) -> dict[str, Digest]:
    """Add the cells of each owner up."""
    whole: dict[str, Digest] = {}
    for (owner, _), digest in cells.items():
        whole[owner] = whole.get(owner, NOTHING) + digest
    return whole


def _finer(found: Difference, limits: Limits) -> int:
    """Return the number of buckets that makes small cells of those that differ.

    A multiple of what it was, so that each of the new buckets lies within one of the old ones.
    """
    wanted = min(limits.cells_divided, found.rows // limits.rows_per_cell)
    return found.buckets * max(1, wanted // len(found.cells))


def _require_whole(before: Mapping[Cell, Digest], after: Mapping[Cell, Digest]) -> None:
    """Refuse smaller cells that leave a row out, or hold one twice."""
    if by_owner(before) != by_owner(after):
        raise Contradiction("the buckets of a table's rows do not add up to the table")
