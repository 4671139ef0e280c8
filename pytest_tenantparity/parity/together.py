"""Which tenants one scan of a table takes together.

Tenants that share a table all are, as long as their columns are planned alike. Where each has a
table of its own, to ask for a small one costs more than to read it: some of those are read in one
statement, as if they were one table, if the engine unites tables without a change and the tables
differ in nothing but their schema.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace

from ..errors import NotProven
from ..inventory import TablePair
from ..model import SIDES, Side, Tenant
from ..stacks import TableFacts
from .context import Context
from .opened import implied_column
from .places import located
from .scope import MARK

_MOST = 64  # tables in one statement
_MOST_LOCKS = 256  # that it takes on a side; a server has some thousands for all its sessions
_SMALL = 20_000  # rows


def together_with(context: Context, pair: TablePair, tenant: Tenant) -> Sequence[Tenant]:
    """Return the tenants that one scan takes together with one, and that; none: it goes alone."""
    if pair.name not in context.together:
        context.together[pair.name] = _companies(context, pair)
    return context.together[pair.name].get(tenant.id, ())


@dataclass
class _Company:
    tenants: list[Tenant] = field(default_factory=list)
    locks: int = 0

    def has_room(self, locks: int) -> bool:
        """Whether one more may come, whose tables take so many locks; shared ones take none."""
        return not locks or (len(self.tenants) < _MOST and self.locks + locks <= _MOST_LOCKS)


def _companies(context: Context, pair: TablePair) -> dict[str, Sequence[Tenant]]:
    latest: dict[Hashable, _Company] = {}
    companies: list[_Company] = []
    for tenant in context.audited(pair.name):
        if (found := _kind(context, pair, tenant)) is None:
            continue
        kind, locks = found
        if kind not in latest or not latest[kind].has_room(locks):
            latest[kind] = _Company()
            companies.append(latest[kind])
        latest[kind].tenants.append(tenant)
        latest[kind].locks += locks
    return {
        tenant.id: each.tenants
        for each in companies
        if len(each.tenants) > 1
        for tenant in each.tenants
    }


def _kind(context: Context, pair: TablePair, tenant: Tenant) -> tuple[Hashable, int] | None:
    """Return what tenants of one scan have in common, and the locks that one more costs.

    None: this one goes alone.
    """
    if any(pair.tenancy(side).is_global for side in SIDES):
        return None
    implied = tuple(implied_column(pair, side, tenant) for side in SIDES)
    apart = [side for side in SIDES if pair.tenancy(side).per_place]
    if not apart:
        return implied, 0
    if not _is_plain(context, pair, apart):
        return None
    try:
        places, found = located(context, pair, tenant)
    except NotProven:  # which its own check will say
        return None
    tables = [found[side] for side in apart]
    if not all(map(_can_be_united, tables)):
        return None
    shapes = (replace(each, schema="", indexed=(), rows=0, locks=1) for each in tables)
    kind = implied, *(places[side].database for side in apart), *shapes
    return kind, max(each.locks for each in tables)


def _is_plain(context: Context, pair: TablePair, sides: Sequence[Side]) -> bool:
    """Whether nothing in the settings could mean something else in tables read as one."""
    if not all(context.stacks[side].dialect.unites for side in sides):
        return False
    columns = pair.settings.columns.values()
    if any(column.sql(side) is not None for column in columns for side in sides):
        return False
    maps = [context.settings.maps[each.key_map] for each in columns if each.key_map is not None]
    return not any(each.stack in sides for each in maps)


def _can_be_united(table: TableFacts) -> bool:
    small = table.rows <= _SMALL and table.locks <= _MOST_LOCKS
    return table.plain and small and table.column(MARK) is None
