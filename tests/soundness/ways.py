"""The ways from different digests to the rows, each forced by limits.

The limits are so small that every table exceeds them. Normally only a large table does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_tenantparity.limits import Limits
from pytest_tenantparity.stacks import Portable


@dataclass(frozen=True)
class Way:
    """Limits and digest of an audit. If ``digest`` is given, no other digest is used."""

    limits: Limits = field(default_factory=Limits)
    digest: str | None = None


AS_IT_IS = Way()
# All rows of a tenant in two buckets, three times: few differing rows can be decoded.
CROWDED = Way(Limits(buckets=2, buckets_again=2, buckets_per_row=99))
# All rows of a tenant in one bucket first: the second sketch decodes.
AGAIN = Way(Limits(buckets=1))
# No row is decoded, so both sides are merged.
MERGED = Way(Limits(rows_decoded=0))
# A merge fetches its rows one by one.
ONE_BY_ONE = Way(Limits(rows_decoded=0, rows_merged=1))
# Few rows are decoded in a shared scan. The other rows are merged, each tenant alone.
APART = Way(Limits(rows_decoded=12))
# Only the portable digest without MD5 is used.
WITHOUT_MD5 = Way(digest=Portable.SHA256)

WAYS: Mapping[str, Way] = {
    "as it is": AS_IT_IS,
    "crowded": CROWDED,
    "a second sketch": AGAIN,
    "merged": MERGED,
    "one by one": ONE_BY_ONE,
    "apart": APART,
    "by SHA-256": WITHOUT_MD5,
}
