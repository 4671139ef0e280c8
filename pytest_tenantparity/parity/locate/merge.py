"""Finds any number of rows that differ, by a sorted merge of both sides.

The rows of both sides are divided into parts by their key hashes, so that no statement sorts or
sends more than about 200,000 rows. (Rows without key hashes are one part.) In each part, both sides
send their rows in the order of key hash and row hash. Two pointers advance over the streams in
batches (a merge join). Rows before the smaller of the two last positions are complete on both
sides, and equal rows among them cancel out. The remaining rows are held until all rows of their key
hash have been read. Memory holds one batch for each side, and the differing rows of one key hash.
Without key hashes it holds all differing rows.

The hashes of the rows are added up while the rows arrive. The sums must equal the digests of the
scan that found the difference. Rows that the merge omitted or read twice are therefore noticed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Protocol

from ...errors import InconsistentReads, UnexplainedMismatch
from ...model import RowCounts
from ..compare.row_diff import NO_ROWS, Row
from ..read.both_sides import BothSides
from ..read.digest import EMPTY, Digest, HashedRow
from .peeling import TenantResult, locate


class DifferenceSink(Protocol):
    """Receives the rows that differ."""

    @property
    def differing(self) -> bool:
        """Whether any text differed."""

    def add(
        self, legacy: Iterable[Row], modern: Iterable[Row], shared: Mapping[Row, int] = NO_ROWS
    ) -> None:
        """Add all differing rows of some keys. The rows in ``shared`` are only counted."""


def find_differences(sides: BothSides, sink: DifferenceSink) -> RowCounts:
    """Pass all differing rows to ``sink``, and return the number of rows on each side.

    Raises :class:`UnexplainedMismatch` if the digests differ, and the rows that were read do not.
    """
    result = locate(lambda _: sides, [""])[""]
    deliver(sides, result, sink)
    return result.rows


def deliver(sides: BothSides, result: TenantResult, sink: DifferenceSink) -> None:
    """Pass the differing rows of ``result`` to ``sink``.

    If the rows were too many to decode, both sides are merged. Raises :class:`UnexplainedMismatch`
    if the digests differ, and the rows that were read do not.
    """
    if result.diff is None:
        merge(sides, result, sink)
    elif result.diff:
        sink.add(result.diff.legacy, result.diff.modern, result.diff.shared)
    if result.legacy != result.modern and not sink.differing:
        raise UnexplainedMismatch


def merge(sides: BothSides, scanned: TenantResult, sink: DifferenceSink) -> None:
    """Pass all differing rows to ``sink``, with all differing rows of a key in one call.

    If rows have no key hash, they are in the order of their own hashes. The rows of one key need
    not be neighbours then, so all differing rows are passed in one call. Raises
    :class:`InconsistentReads` if the merge did not read the rows that the scan counted.
    """
    keyed, most = sides.legacy.has_key_hash, sides.limits.rows_merged
    parts = max(scanned.legacy.rows, scanned.modern.rows) // sides.limits.rows_per_part + 1
    parts = parts if keyed else 1
    digests = [EMPTY, EMPTY]
    # By key hash: the surplus rows of each side, and the copies of them that both sides have.
    pending: dict[int, tuple[list[Row], list[Row], dict[Row, int]]] = {}
    for number in range(parts):
        legacy, modern = (
            _Stream(each.rows_in_order(number, parts)) for each in (sides.legacy, sides.modern)
        )
        while not (legacy.ended and modern.ended):
            sides.both(partial(legacy.fetch, most), partial(modern.fetch, most))
            ends = [each.last for each in (legacy, modern) if not each.ended]
            complete = min(ends) if ends else None
            here, there = (Counter(each.taken_below(complete)) for each in (legacy, modern))
            both = here & there
            here, there = here - both, there - both
            if {(e.tenant, e.row) for e in here} & {(e.tenant, e.row) for e in there}:
                raise UnexplainedMismatch  # equal texts with different hashes
            for each in (*here, *there):
                key_hash = each.key_hash if keyed else 0
                mine, yours, shared = pending.setdefault(key_hash, ([], [], {}))
                mine += [each.row] * here[each]
                yours += [each.row] * there[each]
                if both[each]:
                    shared[each.row] = both[each]
            for key_hash in sorted(pending) if keyed else ():
                if complete is None or key_hash < complete[0]:
                    sink.add(*pending.pop(key_hash))
        digests = [digests[0] + legacy.digest, digests[1] + modern.digest]
    for rows in pending.values():  # of rows without key hashes
        sink.add(*rows)
    if digests != [scanned.legacy, scanned.modern]:
        legacy_rows, modern_rows = (each.rows for each in digests)
        raise InconsistentReads(
            f"the scan counted {scanned.legacy.rows} legacy and {scanned.modern.rows} modern rows; "
            f"the merge read {legacy_rows} and {modern_rows}, and other hashes"
        )


class _Stream:
    """One side's rows of a part in their order, and the digest of the rows that were read.

    ``last`` is the position of the last row that was read. ``ended`` is true if no row is left.
    """

    def __init__(self, rows: Iterator[HashedRow]) -> None:
        self._rows = rows
        self._held: list[HashedRow] = []
        self.digest = EMPTY
        self.last = -(2**63), -(2**63)
        self.ended = False

    def fetch(self, most: int) -> None:
        """Read rows until ``most`` rows are held, or none is left.

        Reading continues while all rows held have the same position.
        """
        while not self.ended and (len(self._held) < most or self._held[0].position == self.last):
            rows = list(islice(self._rows, most))
            self.ended = len(rows) < most
            for each in rows:
                if each.position < self.last:
                    raise InconsistentReads("rows were not sent in the order of their hashes")
                self.last = each.position
            self.digest += Digest(len(rows), sum(each.row_hash for each in rows))
            self._held += rows

    def taken_below(self, end: tuple[int, int] | None) -> list[HashedRow]:
        """Remove and return the rows held with positions below ``end``, or all if it is None."""
        count = len(self._held)
        if end is not None:
            count = bisect_left(self._held, end, key=lambda each: each.position)
        taken, self._held = self._held[:count], self._held[count:]
        return taken
