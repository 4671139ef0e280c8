"""What one side's rows are put into, and what is kept of those in there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

Row = tuple[str | None, ...]

NO_ROWS: Mapping[Row, int] = MappingProxyType({})
"""How often rows are there, if none is."""

Cell = tuple[str, int]
"""Whose rows, as a tenant's id, and of which bucket. Where a side is not asked whose its rows are,
or a bucket holds everybody's, they are of the owner ``""``."""


@dataclass(frozen=True, slots=True)
class Digest:
    """How many rows, and the exact sum of their hashes: equal if and only if the rows are."""

    rows: int
    total: int

    def __add__(self, other: Digest) -> Digest:
        """Digest the rows of both."""
        return Digest(self.rows + other.rows, self.total + other.total)

    def __sub__(self, other: Digest) -> Digest:
        """Take the rows of another one out."""
        return Digest(self.rows - other.rows, self.total - other.total)


NOTHING = Digest(0, 0)


@dataclass(frozen=True)
class Part:
    """Some cells of a table whose keys are divided into so many buckets; None: all of them."""

    buckets: int
    cells: Collection[Cell] | None = None


@dataclass(frozen=True, slots=True)
class Bucket:
    """A digest of some rows, and the XOR of the places of their keys: of a single one its place."""

    digest: Digest = NOTHING
    places: int = 0

    def __add__(self, other: Bucket) -> Bucket:
        """Put the rows of both together."""
        return Bucket(self.digest + other.digest, self.places ^ other.places)

    def __sub__(self, other: Bucket) -> Bucket:
        """Take the rows of another one out."""
        return Bucket(self.digest - other.digest, self.places ^ other.places)


@dataclass(frozen=True, slots=True)
class Grid:
    """Into which buckets rows are put by their hashes: everybody's together, or each owner's.

    ``buckets`` is a power of two; ``shift`` says which bits of a hash are the number of its bucket.
    """

    buckets: int
    by_owner: bool
    shift: int = 0

    def cell_of(self, owner: str, hashed: int) -> Cell:
        """Return where a row is."""
        return owner if self.by_owner else "", (hashed >> self.shift) & (self.buckets - 1)


@dataclass
class Sketch:
    """What one scan tells of a side's rows, put together by their owners and by their hashes."""

    owners: dict[str, Bucket] = field(default_factory=dict)
    cells: dict[Cell, Bucket] = field(default_factory=dict)

    def add_owner(self, owner: str, rows: Bucket) -> None:
        """Take in some rows of an owner."""
        self.owners[owner] = self.owners.get(owner, Bucket()) + rows

    def add_cell(self, cell: Cell, rows: Bucket) -> None:
        """Take in some rows of a cell."""
        self.cells[cell] = self.cells.get(cell, Bucket()) + rows


@dataclass(frozen=True, slots=True)
class PlacedRow:
    """A row that was asked for by the place of its key, with its owner and its hash."""

    owner: str
    place: int
    hashed: int
    row: Row

    @property
    def alone(self) -> Bucket:
        """A bucket of this row alone."""
        return Bucket(Digest(1, self.hashed), self.place)
