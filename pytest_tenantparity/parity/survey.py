"""What one scan of a table pair shows of several tenants at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

from ..model import RowCounts
from .differ import Rows, differing_rows, digest_all
from .locate import Difference, buckets_for
from .sketch import SidesOf, require_same, sketched
from .source import Sides
from .surplus import Surplus


@dataclass(frozen=True)
class Survey:
    """How many rows each tenant has, and which differ.

    A tenant that is not in ``differing`` is proven equal. None stands for more rows than are held
    for all tenants together: such a tenant is asked apart.
    """

    counts: dict[str, RowCounts]
    differing: dict[str, Surplus | None] = field(default_factory=dict)


def survey(sides_of: SidesOf, owners: Collection[str]) -> Survey:
    """Digest the tenants' rows in one scan of each side, and find those that differ."""
    seen = sketched(sides_of, owners)
    if seen is None:
        return _by_cells(sides_of(owners), owners)
    held: dict[str, Surplus | None] = {**seen.found}
    if seen.unsolved:
        again = _by_cells(sides_of(seen.unsolved), seen.unsolved)
        require_same(seen, again.counts, again.differing.keys())
        held |= again.differing
    return Survey({owner: seen.counts.get(owner, RowCounts()) for owner in owners}, held)


def _by_cells(sides: Sides, owners: Collection[str]) -> Survey:
    """Divide all rows into cells of keys, and read those that differ."""
    seen, found = digest_all(sides, buckets_for(len(owners), sides.limits))
    counts = {owner: seen.get(owner, RowCounts()) for owner in owners}
    readable = _readable(found, sides.limits.tenants_rows_read)
    held: dict[str, Surplus | None] = dict.fromkeys({owner for owner, _ in found.cells})
    held |= dict.fromkeys(readable, Surplus())
    for legacy, modern in differing_rows(sides, found.of(readable)):
        _hold(held, legacy, modern, sides.limits.tenants_rows_held)
    return Survey(counts, held)


def _readable(found: Difference, most: int) -> set[str]:
    """Choose the tenants with the fewest rows to read, for as long as those are not too many."""
    rows: Counter[str] = Counter()
    for (owner, _), counts in found.cells.items():
        rows[owner] += counts.legacy + counts.modern
    chosen: set[str] = set()
    total = 0
    for owner, count in sorted(rows.items(), key=lambda each: (each[1], each[0])):
        total += count
        if total > most:
            break
        chosen.add(owner)
    return chosen


def _hold(held: dict[str, Surplus | None], legacy: Rows, modern: Rows, most: int) -> None:
    for owner in legacy.keys() | modern.keys():
        if (surplus := held[owner]) is not None:
            held[owner] = surplus.with_rows(legacy.get(owner, ()), modern.get(owner, ()))
    while sum(len(each) for each in held.values() if each is not None) > most:
        largest = max(held, key=lambda owner: len(held[owner] or ()))
        held[largest] = None
