"""The division of an audit into shards. Each shard computes the same division without a database.

Counting rows in the databases would be wrong. Each shard would read at another moment, and two
shards with different counts could both leave out a tenant.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from ..errors import SettingsError
from ..model import Target


@dataclass(frozen=True, slots=True)
class Share:
    """The part of one shard. ``shard`` counts from 1. ``tenants`` are the tenants of all shards."""

    shard: int
    tenants: tuple[tuple[str, ...], ...]

    @property
    def of(self) -> int:
        """The number of shards."""
        return len(self.tenants)

    @property
    def name(self) -> str:
        """The shard in words."""
        return f"shard {self.shard} of {self.of}"

    @property
    def own_tenants(self) -> tuple[str, ...]:
        """The tenants of this shard."""
        return self.tenants[self.shard - 1]

    def own(self, targets: Iterable[Target], beyond: Iterable[Target]) -> list[Target]:
        """Return the ``targets`` that belong to this shard.

        ``beyond`` are all targets of the audit that are about no single tenant. They are
        distributed by name, beginning with the last shard, because tenants are distributed
        beginning with the first.
        """
        dealt = sorted(beyond, key=lambda each: each.id)[self.of - self.shard :: self.of]
        tenants, others = set(self.own_tenants), set(dealt)
        return [
            each
            for each in targets
            if (each in others if each.tenant is None else each.tenant in tenants)
        ]


def read_shard(text: str) -> tuple[int, int]:
    """Return the shard and the number of shards in ``2/3``. Raises :class:`SettingsError`."""
    found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    shard, of = map(int, found.groups()) if found else (0, 0)
    if not 1 <= shard <= of:
        raise SettingsError(
            f"--parity-shard={text}: write which shard of how many, from 1/3 to 3/3 for three"
        )
    return shard, of


def share_out(
    tenants: Sequence[str], sizes: Mapping[str, int], shards: int
) -> tuple[tuple[str, ...], ...]:
    """Return the tenants of each shard.

    The largest tenant is assigned first, each to the shard with the fewest rows so far. This is
    Graham's LPT rule (1969): no shard gets more than 4/3 of its rows in the best division.

    ``sizes`` are in rows. A tenant of unknown size counts as an average tenant. If no size is
    known, all tenants count the same.
    """
    known = [sizes[tenant] for tenant in tenants if tenant in sizes]
    average = sum(known) // len(known) if known else 1
    parts: list[list[str]] = [[] for _ in range(shards)]
    lightest = [(0, 0, shard) for shard in range(shards)]  # rows, tenants, index
    for size, tenant in sorted((-sizes.get(tenant, average), tenant) for tenant in tenants):
        rows, count, shard = heappop(lightest)
        parts[shard].append(tenant)
        heappush(lightest, (rows - size, count + 1, shard))
    return tuple(map(tuple, parts))
