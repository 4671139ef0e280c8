"""Which shard of an audit makes which checks. Every shard works it out alike, asking no database.

A live count would do harm: each shard would see another moment, and two shards that disagree
leave a tenant to nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from .errors import SettingsError
from .model import Target


@dataclass(frozen=True, slots=True)
class Share:
    """One shard's part: ``shard`` counts from 1, ``tenants`` are those of every shard, in order."""

    shard: int
    tenants: tuple[tuple[str, ...], ...]

    @property
    def of(self) -> int:
        """How many shards there are."""
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
        """Return those of some targets that are this shard's.

        ``beyond`` are all targets of the audit that are about no single tenant. They are dealt
        out by name, the last shard first, since tenants begin with the first.
        """
        dealt = sorted(beyond, key=lambda each: each.id)[self.of - self.shard :: self.of]
        tenants, others = set(self.own_tenants), set(dealt)
        return [
            each
            for each in targets
            if (each in others if each.tenant is None else each.tenant in tenants)
        ]


@dataclass(frozen=True, slots=True)
class ShardFacts:
    """What a shard's report says of itself, for the merge.

    ``plan`` is a digest of what all shards together are to do; ``None`` where the run ended
    before it was known. ``scope`` is what was selected, ``note`` the one of the report's reasons
    that holds for the shard alone.
    """

    index: int
    of: int
    plan: str | None
    scope: str
    note: str


def read_shard(text: str) -> tuple[int, int]:
    """Return shard and number of shards of ``2/3``; raises :class:`SettingsError`."""
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
    """Share tenants out: the largest first, each to the shard that has the fewest rows so far.

    ``sizes`` are in rows; a tenant of unknown size counts as an average one, and where none
    is known, all count the same. Graham's LPT rule (1969): no shard gets more than 4/3 of what
    the best possible division would give it.
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
