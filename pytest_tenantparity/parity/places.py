"""Where the rows of a table pair are: the place on each side, and the table there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..errors import NotProven, did_you_mean
from ..inventory import Place, TablePair, place_of
from ..model import SIDES, Side, Tenant
from ..stacks import TableFacts
from .context import Context


def located(
    context: Context, pair: TablePair, tenant: Tenant | None
) -> tuple[dict[Side, Place], dict[Side, TableFacts]]:
    """Return where both sides keep a tenant's rows of a pair; raises :class:`NotProven`."""
    places = {
        side: place_of(context.settings.stack(side), pair.tenancy(side), tenant) for side in SIDES
    }
    _refuse_same_table(context, pair, places)
    return places, {side: _table(context, pair, side, places[side]) for side in SIDES}


def first_located(context: Context, pair: TablePair, tenants: Sequence[Tenant]) -> Tenant | None:
    """Return the first tenant whose places are there, else the first; None without tenants."""
    for tenant in tenants:
        if is_located(context, pair, tenant):
            return tenant
    return tenants[0] if tenants else None


def is_located(context: Context, pair: TablePair, tenant: Tenant | None) -> bool:
    """Whether both sides have the table where a tenant's rows are kept."""
    try:
        located(context, pair, tenant)
    except NotProven:
        return False
    return True


def _table(context: Context, pair: TablePair, side: Side, place: Place) -> TableFacts:
    catalog = context.stacks[side].catalog(place)
    tables, name = catalog.tables, pair.table(side)
    if name in tables:
        if tables[name].refused:
            raise NotProven(f"the {side} table {name!r} {tables[name].refused}")
        return tables[name]
    if not tables:
        raise NotProven(f"the {side} schema {catalog.schema!r} has no tables, or does not exist")
    raise NotProven(
        f"the {side} stack has no table {catalog.schema}.{name}.{did_you_mean(name, tables)} "
        f"Restore it, name it in [tables.{pair.name}], or ignore it with a reason"
    )


def _refuse_same_table(context: Context, pair: TablePair, places: Mapping[Side, Place]) -> None:
    legacy, modern = (context.stacks[side].database(places[side]).server for side in SIDES)
    schemas = {side: context.stacks[side].catalog(places[side]).schema for side in SIDES}
    if not legacy.reads_the_same_data_as(modern) or schemas["legacy"] != schemas["modern"]:
        return
    if context.settings.same_database is None:
        raise NotProven(
            f"legacy and modern are the same database: {legacy.database} at {legacy.address}, "
            f"schema {schemas['legacy']}; check both URLs, or give a reason as same_database"
        )
    if pair.legacy_table == pair.modern_table:
        raise NotProven(f"legacy and modern read the same table {pair.name!r}; that proves nothing")
