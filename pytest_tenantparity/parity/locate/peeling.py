"""Finds the rows that differ, in the scan that proves all other rows equal.

Each side's rows are inserted into a sketch: for each tenant some buckets, chosen by bits of the row
hash, each with the number of rows, the exact sum of their hashes and the XOR of their key hashes.
The modern sketch is subtracted from the legacy one. A tenant whose buckets are all zero then is
proven equal. A bucket with one row left shows the key hash of that row: the rows of that key are
read on both sides and removed, which can leave one row in other buckets. This is repeated (peeling)
until all is zero, and the rows removed are the difference (decoded), or until no bucket shows a
key.

This is an invertible Bloom lookup table with one hash function; a second and a third sketch, by
other bits of the hash, take the place of the others. See M. T. Goodrich and M. Mitzenmacher,
"Invertible Bloom lookup tables", Allerton 2011; and D. Eppstein, M. T. Goodrich, F. Uyeda and
G. Varghese, "What's the difference? Efficient set reconciliation without prior context",
SIGCOMM 2011.

A key hash is only where to look. What proves a tenant's other rows equal is that its buckets,
number of rows and exact sum, are zero once the rows that were read are removed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from itertools import islice
from math import ceil, log

from ...model import RowCounts
from ..inconsistent import InconsistentReads, UnexplainedMismatch
from ..row_diff import RowDiff
from ..source import Sides
from .digest import EMPTY, Bucket, Buckets, Digest, HashedRow, Row, Sketch

_SKETCHES = 4  # each by another 16 bits of the 64 of a row's hash
_BITS = 16
_GROWTH = 16  # of buckets at least: where all differ, it is not known how many are needed

SidesOf = Callable[[Collection[str]], Sides]
"""Returns both sides, limited to the rows of some tenants."""


@dataclass(frozen=True)
class TenantResult:
    """The digests of a tenant's rows, and the rows that differ: none if the digests are equal.

    ``diff`` is None if more rows differ than a scan decodes. They have to be merged.
    """

    legacy: Digest
    modern: Digest
    diff: RowDiff | None

    @property
    def rows(self) -> RowCounts:
        """The number of rows on each side."""
        return RowCounts(self.legacy.rows, self.modern.rows)


def locate(sides_of: SidesOf, tenants: Collection[str]) -> dict[str, TenantResult]:
    """Scan both sides once for all tenants, and decode what differs.

    Tenants that one sketch does not decode are scanned again, with as many buckets as their rows
    that differ need. Raises :class:`NotProven`.
    """
    results: dict[str, TenantResult] = {}
    digests: dict[str, tuple[Digest, Digest]] = {}
    undecoded = list(tenants)
    sides = sides_of(undecoded)
    limits = sides.limits
    can_peel = sides.legacy.can_sketch and sides.modern.can_sketch
    buckets = Buckets(_first_count(sides, len(undecoded)) if can_peel else 1)
    budget = limits.rows_decoded
    for number in range(_SKETCHES):
        legacy, modern = sides.ask(lambda source: source.sketch(buckets))  # noqa: B023 - at once
        here, there = _digests(legacy), _digests(modern)
        for tenant in undecoded:
            found = here.get(tenant, EMPTY), there.get(tenant, EMPTY)
            if digests.setdefault(tenant, found) != found:
                raise InconsistentReads(
                    "two scans of the same rows, put into other buckets, do not agree"
                )
        residual = _subtracted(legacy, modern)
        diffs = _peeled(sides, residual, buckets, budget) if can_peel else {}
        left = Counter(tenant for tenant, _ in residual)
        for tenant in undecoded:
            if tenant not in left:
                diff = diffs.get(tenant, RowDiff())
                budget -= len(diff)
                results[tenant] = TenantResult(*digests[tenant], diff)

        # A bucket is as likely as another. If k of m are not empty, about -m ln(1 - k/m) rows are
        # in them; if all are, at least m ln m (the coupon collector's problem).
        m = buckets.count
        about = {t: ceil(m * (log(m / (m - k)) if k < m else log(m) + 1)) for t, k in left.items()}
        undecoded, total = [], 0
        for tenant in sorted(about, key=lambda each: (about[each], each)):
            total += about[tenant]
            if can_peel and total <= budget and number + 1 < _SKETCHES:
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


def _first_count(sides: Sides, tenants: int) -> int:
    """Return the number of buckets of a tenant in the first sketch.

    A small table is read again soon, and gets few.
    """
    limits = sides.limits
    wanted = limits.buckets // tenants
    if rows := max(source.rows_about for source in (sides.legacy, sides.modern)):
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
    """Return the buckets that are not zero once modern is subtracted from legacy."""
    differing = (key for key in legacy.keys() | modern.keys() if legacy.get(key) != modern.get(key))
    residual = {key: legacy.get(key, Bucket()) - modern.get(key, Bucket()) for key in differing}
    return {key: bucket for key, bucket in residual.items() if bucket.digest != EMPTY}


def _peeled(sides: Sides, residual: Sketch, buckets: Buckets, most: int) -> dict[str, RowDiff]:
    """Remove rows from the residual until it is empty, or no bucket shows another key.

    Return the rows removed. Those of a tenant that is left in the residual are not all that differ.
    """
    diffs: defaultdict[str, RowDiff] = defaultdict(RowDiff)
    seen: set[int] = set()
    read = 0
    while True:
        single = {b.key_hashes for b in residual.values() if abs(b.digest.rows) == 1} - seen
        few = len(single) * sides.limits.buckets_per_row < len(residual)
        if not single or few or len(seen) + len(single) > most:
            return diffs
        legacy, modern = sides.ask(
            lambda source: list(islice(source.rows_at(single), most - read + 1))  # noqa: B023
        )
        read += len(legacy) + len(modern)
        if read > most:  # one key can have any number of rows
            return diffs
        _require_explained(legacy, modern)
        removed = [(row, row.alone) for row in legacy]
        removed += [(row, Bucket() - row.alone) for row in modern]
        for row, alone in removed:
            key = row.tenant, buckets.number_of(row.row_hash)
            rest = residual.pop(key, Bucket()) - alone
            if rest.digest != EMPTY:
                residual[key] = rest
        here, there = _by_tenant(legacy), _by_tenant(modern)
        for tenant in here.keys() | there.keys():
            diffs[tenant] = diffs[tenant].with_rows(here[tenant], there[tenant])
        seen |= single


def _require_explained(legacy: Iterable[HashedRow], modern: Iterable[HashedRow]) -> None:
    """Refuse rows whose texts are equal and whose hashes differ: no text shows the difference."""
    hashes = {(each.tenant, each.row): each.row_hash for each in legacy}
    for each in modern:
        if hashes.get((each.tenant, each.row), each.row_hash) != each.row_hash:
            raise UnexplainedMismatch


def _by_tenant(rows: Iterable[HashedRow]) -> defaultdict[str, list[Row]]:
    owned: defaultdict[str, list[Row]] = defaultdict(list)
    for each in rows:
        owned[each.tenant].append(each.row)
    return owned
