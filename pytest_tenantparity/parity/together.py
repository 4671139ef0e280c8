"""Which tenants one scan of a table takes together.

Tenants that share a table all are, as long as their columns are planned alike. Where each has a
table of its own, to ask for a small one costs more than to read it: some of those are read in one
statement, as if they were one table, if the engine unites tables without a change and the tables
differ in nothing but their schema.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import replace

from ..config.as_of import uses_as_of
from ..errors import NotProven
from ..inventory import TablePair
from ..limits import Limits
from ..model import SIDES, Side, Tenant
from ..stacks import TableFacts
from .context import Context
from .opened import implied_column
from .places import located
from .scope import MARK
from .small import Company, is_small


def together_with(context: Context, pair: TablePair, tenant: Tenant) -> Sequence[Tenant]:
    """Return the tenants that one scan takes together with one, and that; none: it goes alone."""
    if pair.name not in context.together:
        context.together[pair.name] = _companies(context, pair)
    return context.together[pair.name].get(tenant.id, ())


def _companies(context: Context, pair: TablePair) -> dict[str, Sequence[Tenant]]:
    latest: dict[Hashable, Company[Tenant]] = {}
    companies: list[Company[Tenant]] = []
    for tenant in context.audited(pair.name):
        if (found := _kind(context, pair, tenant)) is None:
            continue
        kind, tables = found
        if kind not in latest or not latest[kind].takes_in(tenant, tables):
            latest[kind] = Company(context.limits)
            latest[kind].takes_in(tenant, tables)
            companies.append(latest[kind])
    return {
        tenant.id: each.members
        for each in companies
        if len(each.members) > 1
        for tenant in each.members
    }


def _kind(
    context: Context, pair: TablePair, tenant: Tenant
) -> tuple[Hashable, Sequence[TableFacts]] | None:
    """Return what tenants of one scan have in common, and the tables that one more brings along.

    None: this one goes alone.
    """
    if any(pair.tenancy(side).is_global for side in SIDES):
        return None
    implied = tuple(implied_column(pair, side, tenant) for side in SIDES)
    apart = [side for side in SIDES if pair.tenancy(side).per_place]
    if not apart:
        return implied, ()
    unites = all(context.stacks[side].dialect.unites for side in apart)
    # The statement that unites tables is a text, which has no parameters.
    if not unites or has_sql(context, pair, apart) or _use_as_of(pair, apart):
        return None
    try:
        places, found = located(context, pair, tenant)
    except NotProven:  # which its own check will say
        return None
    tables = [found[side] for side in apart]
    if not all(_can_be_united(table, context.limits) for table in tables):
        return None
    shapes = (replace(each.shape, schema="") for each in tables)
    kind = implied, *(places[side].database for side in apart), *shapes
    return kind, tables


def has_sql(context: Context, pair: TablePair, sides: Sequence[Side]) -> bool:
    """Whether the settings lead one of the sides through SQL that may read other tables.

    That is SQL in the place of a column, a key map, and a filter with a SELECT in it.
    """
    columns = pair.settings.columns.values()
    filters = [pair.settings.row_filter(side) for side in sides]
    if any(re.search(r"\bselect\b", each.sql, re.IGNORECASE) for each in filters if each):
        return True
    if any(column.sql(side) is not None for column in columns for side in sides):
        return True
    maps = [context.settings.maps[each.key_map] for each in columns if each.key_map is not None]
    return any(each.stack in sides for each in maps)


def _use_as_of(pair: TablePair, sides: Sequence[Side]) -> bool:
    filters = (pair.settings.row_filter(side) for side in sides)
    return any(uses_as_of(each.sql) for each in filters if each is not None)


def _can_be_united(table: TableFacts, limits: Limits) -> bool:
    return is_small(table, limits) and table.column(MARK) is None
