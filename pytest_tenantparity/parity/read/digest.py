"""Digests of rows, and the sketch that groups them into buckets."""

from __future__ import annotations

from dataclasses import dataclass

from ..compare.row_diff import Row


@dataclass(frozen=True, slots=True)
class Digest:
    """The number of rows, and the exact sum of their 64-bit hashes."""

    rows: int
    total: int

    def __add__(self, other: Digest) -> Digest:
        """Add the rows of another digest."""
        return Digest(self.rows + other.rows, self.total + other.total)

    def __sub__(self, other: Digest) -> Digest:
        """Remove the rows of another digest."""
        return Digest(self.rows - other.rows, self.total - other.total)


EMPTY = Digest(0, 0)


@dataclass(frozen=True, slots=True)
class Bucket:
    """A digest of some rows, and the XOR of the hashes of their keys.

    If the bucket holds a single row, the XOR is the key hash of that row.
    """

    digest: Digest = EMPTY
    key_hashes: int = 0

    def __add__(self, other: Bucket) -> Bucket:
        """Add the rows of another bucket."""
        return Bucket(self.digest + other.digest, self.key_hashes ^ other.key_hashes)

    def __sub__(self, other: Bucket) -> Bucket:
        """Remove the rows of another bucket."""
        return Bucket(self.digest - other.digest, self.key_hashes ^ other.key_hashes)


Sketch = dict[tuple[str, int], Bucket]
"""The buckets of each tenant's rows, by tenant and number. Rows of no particular tenant have
the tenant ``""``."""


@dataclass(frozen=True, slots=True)
class Buckets:
    """The division of each tenant's rows into buckets, by some bits of their row hashes.

    ``count`` is a power of two. ``shift`` is the position of the lowest bit that is used.
    """

    count: int
    shift: int = 0

    def number_of(self, row_hash: int) -> int:
        """Return the number of a row's bucket."""
        return (row_hash >> self.shift) & (self.count - 1)


@dataclass(frozen=True, slots=True)
class HashedRow:
    """A row that was read, with its tenant and the hashes that the server computed."""

    tenant: str
    key_hash: int
    row_hash: int
    row: Row

    @property
    def position(self) -> tuple[int, int]:
        """The position of the row in the order of a merge."""
        return self.key_hash, self.row_hash

    @property
    def alone(self) -> Bucket:
        """A bucket that holds this row and no other."""
        return Bucket(Digest(1, self.row_hash), self.key_hash)
