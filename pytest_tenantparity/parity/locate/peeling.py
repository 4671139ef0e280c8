"""Finds the rows that differ, in the scan that proves all other rows equal.

Each side's rows are inserted into a sketch. It has a number of buckets for each tenant, and bits of
the row hash choose the bucket of a row. A bucket holds the number of its rows, the exact sum of
their row hashes and the XOR of their key hashes. The modern sketch is subtracted from the legacy
one. If all buckets of a tenant are zero after this, the tenant is proven equal.

If one row is left in a bucket, the XOR is the key hash of that row. The rows of that key are read
on both sides and removed from the buckets. This can leave one row in other buckets, and is repeated
(*peeling*). If all buckets become zero, the sketch is *decoded*, and the removed rows are the
difference. Otherwise, peeling ends when no bucket shows another key.

This is an invertible Bloom lookup table with one hash function. Up to three further sketches, which
use other bits of the hash, replace further hash functions. Rows that were decoded before are
removed from them. See M. T. Goodrich and M. Mitzenmacher, "Invertible Bloom lookup tables",
Allerton 2011; and D. Eppstein, M. T. Goodrich, F. Uyeda and G. Varghese, "What's the difference?
Efficient set reconciliation without Prior Context", SIGCOMM 2011.

A key hash only locates rows, and proves nothing. A tenant's other rows are proven equal if the
number of rows and the exact sum of each bucket are zero after the rows that were read are removed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import islice
from math import ceil, log

from ...errors import InconsistentReads, UnexplainedMismatch
from ...model import RowCounts
from ..compare.row_diff import Row, RowDiff
from ..read.both_sides import BothSides
from ..read.digest import EMPTY, Bucket, Buckets, Digest, HashedRow, Sketch

_SKETCHES = 4  # each uses another 16 of the 64 bits of a row hash
_BITS = 16
_GROWTH = 16  # least growth of the buckets, whatever the estimate of the undecoded rows

SidesOf = Callable[[Collection[str]], BothSides]
"""Returns both sides, limited to the rows of the given tenants."""

Removed = tuple[HashedRow, Bucket]
"""A row, and the bucket that is subtracted for it: the row alone, or its negative if modern."""


@dataclass(frozen=True)
class TenantResult:
    """The digests of a tenant's rows, and the rows that differ.

    ``diff`` is empty if the digests are equal. It is None if the rows have to be merged, since more
    rows differ than a scan decodes, or since there is no XOR of key hashes.
    """

    legacy: Digest
    modern: Digest
    diff: RowDiff | None

    @property
    def rows(self) -> RowCounts:
        """The number of rows on each side."""
        return RowCounts(self.legacy.rows, self.modern.rows)


def locate(sides_of: SidesOf, tenants: Collection[str]) -> dict[str, TenantResult]:
    """Scan both sides for all ``tenants`` together, and return by tenant the rows that differ.

    Tenants that one sketch does not decode are scanned again, with more buckets. Raises
    :class:`NotProven`.
    """
    results: dict[str, TenantResult] = {}
    digests: dict[str, tuple[Digest, Digest]] = {}
    undecoded = list(tenants)
    sides = sides_of(undecoded)
    limits = sides.limits
    can_peel = sides.legacy.can_sketch and sides.modern.can_sketch
    buckets = Buckets(_first_count(sides, len(undecoded)) if can_peel else 1)
    read: list[Removed] = []
    keys: set[int] = set()
    for number in range(_SKETCHES):
        legacy, modern = sides.ask(lambda reader: reader.sketch(buckets))  # noqa: B023 - at once
        here, there = _digests(legacy), _digests(modern)
        for tenant in undecoded:
            found = here.get(tenant, EMPTY), there.get(tenant, EMPTY)
            if digests.setdefault(tenant, found) != found:
                raise InconsistentReads(
                    "two scans of the same rows, put into other buckets, do not agree"
                )
        residual = _subtracted(legacy, modern)
        if can_peel:
            _peel(sides, residual, buckets, undecoded, read, keys)
        left = Counter(tenant for tenant, _ in residual)
        diffs = _diffs(read)
        for tenant in undecoded:
            if tenant not in left:
                results[tenant] = TenantResult(*digests[tenant], diffs[tenant])

        # All buckets are equally likely. If k of m buckets are not empty, they hold about
        # -m ln(1 - k/m) rows. If k = m, that has no value, and m (ln m + 1) rows are assumed: as
        # many as it takes on average to fill m buckets (the coupon collector's problem).
        m = buckets.count
        about = {t: ceil(m * (log(m / (m - k)) if k < m else log(m) + 1)) for t, k in left.items()}
        undecoded, total = [], len(read)
        for tenant in sorted(about, key=lambda each: (about[each], each)):
            total += about[tenant]
            if can_peel and total <= limits.rows_decoded and number + 1 < _SKETCHES:
                undecoded.append(tenant)
            else:
                results[tenant] = TenantResult(*digests[tenant], None)
        if not undecoded:
            break
        sides = sides_of(undecoded)
        count = max(limits.buckets_per_row * max(about[each] for each in undecoded), _GROWTH * m)
        most = limits.buckets_again // len(undecoded)
        buckets = Buckets(_power_of_two(min(count, most)), shift=_BITS * (number + 1))
    return results


def _first_count(sides: BothSides, tenants: int) -> int:
    """Return the number of buckets of a tenant in the first sketch.

    A small table gets few buckets, since it is quickly scanned again.
    """
    limits = sides.limits
    wanted = limits.buckets // tenants
    if rows := max(reader.rows_about for reader in (sides.legacy, sides.modern)):
        wanted = min(wanted, rows // limits.rows_per_bucket // tenants)
    return _power_of_two(wanted)


def _power_of_two(most: int) -> int:
    return int(1 << max(0, most.bit_length() - 1))


def _digests(sketch: Sketch) -> dict[str, Digest]:
    digests: dict[str, Digest] = {}
    for (tenant, _), bucket in sketch.items():
        digests[tenant] = digests.get(tenant, EMPTY) + bucket.digest
    return digests


def _subtracted(legacy: Sketch, modern: Sketch) -> Sketch:
    """Return the buckets that are not zero after ``modern`` is subtracted from ``legacy``."""
    differing = (key for key in legacy.keys() | modern.keys() if legacy.get(key) != modern.get(key))
    residual = {key: legacy.get(key, Bucket()) - modern.get(key, Bucket()) for key in differing}
    return {key: bucket for key, bucket in residual.items() if bucket.digest != EMPTY}


def _peel(
    sides: BothSides,
    residual: Sketch,
    buckets: Buckets,
    tenants: Collection[str],
    read: list[Removed],
    keys: set[int],
) -> None:
    """Remove rows from ``residual`` until it is empty, or no bucket shows another key.

    ``read`` are the rows that earlier sketches have shown, and ``keys`` their key hashes. They grow
    by what this sketch shows. The earlier rows of ``tenants`` are removed first.

    Peeling also ends if more rows would be read than ``limits.rows_decoded``, or if too few buckets
    show a key.
    """
    limits, wanted = sides.limits, set(tenants)
    removed = [each for each in read if each[0].tenant in wanted]
    while True:
        for row, alone in removed:
            key = row.tenant, buckets.number_of(row.row_hash)
            rest = residual.pop(key, Bucket()) - alone
            if rest.digest != EMPTY:
                residual[key] = rest
        single = {b.key_hashes for b in residual.values() if abs(b.digest.rows) == 1}
        single -= keys
        few = len(single) * limits.buckets_per_row < len(residual)
        most = limits.rows_decoded - len(read)
        if not single or few or len(single) > most:
            return
        legacy, modern = sides.ask(
            lambda reader: list(islice(reader.rows_at(single), most + 1))  # noqa: B023 - at once
        )
        if len(legacy) + len(modern) > most:  # one key can have any number of rows
            return
        hashes = {(each.tenant, each.row): each.row_hash for each in legacy}
        for each in modern:
            if hashes.get((each.tenant, each.row), each.row_hash) != each.row_hash:
                raise UnexplainedMismatch  # equal texts with different hashes
        removed = [(row, row.alone) for row in legacy]
        removed += [(row, Bucket() - row.alone) for row in modern]
        read += removed
        keys |= single


def _diffs(read: Collection[Removed]) -> defaultdict[str, RowDiff]:
    """Return the differences among the rows that were read, by tenant."""
    rows: defaultdict[str, tuple[list[Row], list[Row]]] = defaultdict(lambda: ([], []))
    for row, alone in read:
        rows[row.tenant][alone.digest.rows < 0].append(row.row)
    diffs = {tenant: RowDiff().with_rows(*both) for tenant, both in rows.items()}
    return defaultdict(RowDiff, diffs)
