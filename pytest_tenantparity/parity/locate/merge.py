"""Finds any number of rows that differ, by a sorted merge of both sides.

Both sides send all rows in the order of their key hashes, so that the rows of one key arrive
together. Two pointers advance over the streams (a merge join), in batches: below the smaller of the
two last key hashes that were read, both sides are complete and are compared. Memory holds a batch
a side. The hashes of the rows are summed while they arrive, and the sums must be the digests of the
scan that found the difference. A row that the merge did not read, or read twice, cannot be missed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Protocol

from ...model import RowCounts
from ..inconsistent import InconsistentReads, UnexplainedMismatch
from ..source import Sides, Source
from .digest import EMPTY, NO_ROWS, Digest, HashedRow, Row
from .peeling import TenantResult, locate


class DifferenceSink(Protocol):
    """Takes the rows that differ."""

    @property
    def differing(self) -> bool:
        """Whether any text differed."""

    def add(
        self, legacy: Iterable[Row], modern: Iterable[Row], shared: Mapping[Row, int] = NO_ROWS
    ) -> None:
        """Take all rows of some keys; those in ``shared`` are only counted."""


def find_differences(sides: Sides, sink: DifferenceSink) -> RowCounts:
    """Pass all rows that differ to a sink, and return the number of rows.

    Raises :class:`UnexplainedMismatch` if digests differ, and the rows that were read do not.
    """
    result = locate(lambda _: sides, [""])[""]
    deliver(sides, result, sink)
    return result.rows


def deliver(sides: Sides, result: TenantResult, sink: DifferenceSink) -> None:
    """Pass the rows of a result to a sink; where they were too many to decode, merge both sides."""
    if result.diff is None:
        merge(sides, result, sink)
    elif result.diff:
        sink.add(result.diff.legacy, result.diff.modern, result.diff.shared_rows)
    if result.legacy != result.modern and not sink.differing:
        raise UnexplainedMismatch


def merge(sides: Sides, scanned: TenantResult, sink: DifferenceSink) -> None:
    """Pass all rows of the keys that differ to a sink, a batch at a time.

    If rows have no key hash, they are in the order of their own hashes, and all that differ are
    passed at once: rows of one key need not be neighbours.
    """
    legacy, modern = _Stream(sides.legacy), _Stream(sides.modern)
    together = sides.legacy.has_key_hash
    rest: tuple[list[Row], list[Row]] = [], []
    most = sides.limits.rows_merged
    while not (legacy.ended and modern.ended):
        sides.both(lambda: legacy.fetch(most), lambda: modern.fetch(most))
        ends = [each.last for each in (legacy, modern) if not each.ended]
        complete = min(ends) if ends else None
        here, there = legacy.taken_below(complete), modern.taken_below(complete)
        one, other = Counter(here), Counter(there)
        one, other = one - other, other - one
        if {(e.tenant, e.row) for e in one} & {(e.tenant, e.row) for e in other}:
            raise UnexplainedMismatch  # alike in text, and not in their hashes
        keys = {each.key_hash for each in (*one, *other)}
        rest[0].extend(each.row for each in here if each.key_hash in keys)
        rest[1].extend(each.row for each in there if each.key_hash in keys)
        if together and keys:
            sink.add(*rest)
            rest = [], []
    if rest[0] or rest[1]:
        sink.add(*rest)
    if (legacy.digest, modern.digest) != (scanned.legacy, scanned.modern):
        raise InconsistentReads(
            f"the scan counted {scanned.legacy.rows} legacy and {scanned.modern.rows} modern rows; "
            f"the merge read {legacy.digest.rows} and {modern.digest.rows}, and other hashes"
        )


class _Stream:
    """One side's rows in the order of their key hashes, and the digest of those that were read.

    ``last`` is the last key hash; ``ended``: no row is left to be read.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._rows: Iterator[HashedRow] | None = None
        self._held: list[HashedRow] = []
        self.digest = EMPTY
        self.last = -(2**63)
        self.ended = False

    def fetch(self, most: int) -> None:
        """Read some rows more, unless so many are held."""
        if self._rows is None:
            self._rows = self._source.rows_in_order()
        while not self.ended and (len(self._held) < most or self._held[0].key_hash == self.last):
            rows = list(islice(self._rows, most))
            self.ended = len(rows) < most
            for each in rows:
                if each.key_hash < self.last:
                    raise InconsistentReads("rows were not sent in the order of their key hashes")
                self.last = each.key_hash
            self.digest += Digest(len(rows), sum(each.row_hash for each in rows))
            self._held += rows

    def taken_below(self, end: int | None) -> list[HashedRow]:
        """Return the rows held whose key hashes are smaller, and hold them no longer."""
        if end is None:
            taken, self._held = self._held, []
            return taken
        at = next((n for n, each in enumerate(self._held) if each.key_hash >= end), len(self._held))
        taken, self._held = self._held[:at], self._held[at:]
        return taken
