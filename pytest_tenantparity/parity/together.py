"""Which tenants one scan of a table takes together.

Tenants that share a table all are, as long as their columns are planned alike. Where each has a
table of its own, to ask for a small one costs more than to read it: some of those are read in one
statement, as if they were one table, if the engine unites tables without a change and the tables
differ in nothing but their schema.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace

from ..errors import NotProven
from ..inventory import TablePair
from ..model import SIDES, Side, Tenant
from ..stacks import TableFacts
from .context import Context
from .opened import implied_column
from .places import located

_MOST = 64  # tables in one statement, each of which is locked against being altered meanwhile
_SMALL = 20_000  # rows


def together_with(context: Context, pair: TablePair, tenant: Tenant) -> Sequence[Tenant]:
    """Return the tenants that one scan takes together with one, and that; none: it goes alone."""
    if pair.name not in context.together:
        context.together[pair.name] = _companies(context, pair)
    return context.together[pair.name].get(tenant.id, ())


def _companies(context: Context, pair: TablePair) -> dict[str, Sequence[Tenant]]:
    alike: dict[Hashable, list[Tenant]] = {}
    for each in context.audited(pair.name):
        kind = _kind(context, pair, each)
        if kind is not None:
            alike.setdefault(kind, []).append(each)
    companies: dict[str, Sequence[Tenant]] = {}
    for tenants in alike.values():
        most = _MOST if _places(pair) else len(tenants)
        for first in range(0, len(tenants), most):
            company = tenants[first : first + most]
            if len(company) > 1:
                companies |= dict.fromkeys((each.id for each in company), company)
    return companies


def _kind(context: Context, pair: TablePair, tenant: Tenant) -> Hashable:
    """Return what tenants of one scan have to have in common; None: this one goes alone."""
    if any(pair.tenancy(side).is_global for side in SIDES):
        return None
    implied = tuple(implied_column(pair, side, tenant) for side in SIDES)
    sides = _places(pair)
    if not sides:
        return implied
    if not _is_plain(context, pair, sides):
        return None
    try:
        places, tables = located(context, pair, tenant)
    except NotProven:  # which its own check will say
        return None
    if not all(_is_small(tables[side]) for side in sides):
        return None
    shapes = (replace(tables[side], schema="", indexed=(), rows=0) for side in sides)
    return implied, *(places[side].database for side in sides), *shapes


def _places(pair: TablePair) -> list[Side]:
    """Return the sides on which each tenant has a place of its own."""
    return [side for side in SIDES if pair.tenancy(side).per_place]


def _is_plain(context: Context, pair: TablePair, sides: Sequence[Side]) -> bool:
    """Whether nothing in the settings could mean something else in tables read as one."""
    columns = pair.settings.columns.values()
    if any(column.sql(side) is not None for column in columns for side in sides):
        return False
    maps = [context.settings.maps[each.key_map] for each in columns if each.key_map is not None]
    return all(context.stacks[side].dialect.unites for side in sides) and not any(
        each.stack in sides for each in maps
    )


def _is_small(table: TableFacts) -> bool:
    return table.stored and table.parts == 1 and table.rows <= _SMALL
