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
# All rows in two buckets: few of those that differ can be told by their places.
CROWDED = Way(Limits(buckets=2, buckets_per_row=99))
# Other buckets are tried, whatever the hope.
OTHER_BUCKETS = Way(Limits(buckets=2, buckets_per_row=99, buckets_again=0))
# No row is looked for by its place, so that the cells of keys have to tell.
BY_CELLS = Way(Limits(rows_decoded=0))
# Cells are divided again at once, and read a bucket at a time.
DIVIDED = Way(
    Limits(
        rows_decoded=0,
        cells=16,
        rows_readable=1,
        rows_per_cell=1,
        rows_per_batch=1,
        rows_per_query=5,
    )
)
# Few tenants' rows are read together, or held: the others are asked apart.
APART = Way(Limits(rows_decoded=0, tenants_rows_read=12, tenants_rows_held=2))
# No digest is used but the portable one that needs no MD5.
WITHOUT_MD5 = Way(digest=Portable.SHA256)

WAYS: Mapping[str, Way] = {
    "as it is": AS_IT_IS,
    "crowded": CROWDED,
    "another grid": OTHER_BUCKETS,
    "by cells": BY_CELLS,
    "divided": DIVIDED,
    "apart": APART,
    "by SHA-256": WITHOUT_MD5,
}
