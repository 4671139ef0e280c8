"""The ways on which an audit can go from digests that differ to the rows, each taken by force.

Limits that only a large table reaches are made so small that any table does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_tenantparity.limits import Limits
from pytest_tenantparity.stacks import Portable


@dataclass(frozen=True)
class Way:
    """How an audit is made to work; ``digest`` is the only one that is used, if one is named."""

    limits: Limits = field(default_factory=Limits)
    digest: str | None = None


AS_IT_IS = Way()
# All rows of a tenant in two buckets, three times: few of those that differ are decoded.
CROWDED = Way(Limits(buckets=2, buckets_again=2, buckets_per_row=99))
# All rows of a tenant in one bucket first: the second sketch decodes.
AGAIN = Way(Limits(buckets=1))
# No row is decoded, so that both sides are merged.
MERGED = Way(Limits(rows_decoded=0))
# The rows of a merge are fetched one by one.
ONE_BY_ONE = Way(Limits(rows_decoded=0, rows_merged=1))
# Few rows are decoded in a scan of several tenants: the others are merged, each tenant alone.
APART = Way(Limits(rows_decoded=12))
# No digest is used but the portable one that needs no MD5.
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
