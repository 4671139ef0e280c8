"""The places of a table pair's rows: the place on each side, and the table there."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ..config.names import toml_key
from ..errors import NotProven, Wanted, did_you_mean, nearest
from ..inventory import Place, TablePair, place_of, place_of_shared
from ..model import SIDES, SameData, Side, Tenant
from ..stacks import TableFacts
from .migration import Migration

FILL_IN = "FILL IN: why it may be left out"
"""A reason that a person has to write."""

ONE_DATABASE = "both stacks are one database"
LOWERCASE = Wanted(("pairing", "names"), "lowercase")
BY_CASE = "names that differ from those of the other stack in upper and lower case alone"


def located(
    migration: Migration, pair: TablePair, tenant: Tenant | None
) -> tuple[dict[Side, Place], dict[Side, TableFacts]]:
    """Return the place and table of a tenant's rows on each side. Raises :class:`NotProven`."""
    places = places_of(migration, pair, tenant)
    same = same_data(migration, places)
    tables = {side: table_at(migration, pair, side, places[side]) for side in SIDES}
    read = [
        {each.name for each in (facts, *facts.reads) if not each.sql} for facts in tables.values()
    ]
    if (both := set.intersection(*read)) and same not in (None, SameData.UNKNOWN):
        raise NotProven(f"legacy and modern read the same table {min(both)!r}; that proves nothing")
    return places, tables


def places_of(migration: Migration, pair: TablePair, tenant: Tenant | None) -> dict[Side, Place]:
    """Return the place of a tenant's rows on each side."""
    return {
        side: place_of(migration.settings.stack(side), pair.tenancy(side), tenant) for side in SIDES
    }


def first_located(
    migration: Migration, pair: TablePair, tenants: Sequence[Tenant]
) -> Tenant | None:
    """Return the first tenant whose tables exist on both sides.

    Returns the first tenant if there is none, and None without tenants.
    """
    found = (tenant for tenant in tenants if is_located(migration, pair, tenant))
    return next(found, tenants[0] if tenants else None)


def is_located(migration: Migration, pair: TablePair, tenant: Tenant | None) -> bool:
    """Return whether both sides have the table in the tenant's place."""
    try:
        located(migration, pair, tenant)
    except NotProven:
        return False
    return True


def table_at(migration: Migration, pair: TablePair, side: Side, place: Place) -> TableFacts:
    """Return a pair's table on one side. Raises :class:`NotProven` if it cannot be read."""
    catalog = migration.stacks[side].catalog(place)
    tables, name = catalog.tables, pair.table(side)
    found = pair.tables_of(migration.settings, side, tables)
    if len(found) > 1:
        raise NotProven(
            f"the {side} tables {' and '.join(map(repr, sorted(found)))} have one name in lower "
            f'case; say which is meant: [tables.{toml_key(pair.name)}] modern = "..."',
            cause=f"{side} tables with one name in lower case",
            about=pair.name,
            wanted=[Wanted(("tables", pair.name, "modern"), each) for each in sorted(found)],
        )
    if found:
        name = found[0]
        if tables[name].refused:
            raise NotProven(
                f"the {side} table {name!r} {tables[name].refused}",
                cause=f"{side}: {tables[name].refused}",
                about=name,
                gist=""
                if tables[name].sql
                else f"{side} tables, each of which {tables[name].refused}",
            )
        return tables[name]
    if not tables:
        raise NotProven(
            f"the {side} schema {catalog.schema!r} has no tables, or does not exist",
            cause=no_tables(side),
            about=catalog.schema,
            gist=f"{side} schemas that have no tables, or do not exist",
        )
    by_case, wanted = "", _settings_for_missing(migration, pair, side, tables)
    cause = tables_missing(side)
    gist = f"tables that only the {'modern' if side == 'legacy' else 'legacy'} stack has"
    if name.lower() in {each.lower() for each in tables}:
        by_case = '. [pairing] names = "lowercase" pairs names that differ only in case'
        wanted.insert(0, LOWERCASE)
        cause = gist = BY_CASE
    raise NotProven(
        f"the {side} stack has no table {catalog.schema}.{name}.{did_you_mean(name, tables)} "
        f"{_way_out(pair, side, tables)}{by_case}",
        cause=cause,
        about=pair.modern_table if side == "legacy" else pair.name,
        gist=gist,
        wanted=wanted,
    )


def no_tables(side: Side) -> str:
    """Return the cause of all errors about a schema without tables."""
    return f"{side} schema without tables"


def tables_missing(side: Side) -> str:
    """Return the cause of all errors about tables that only the other side has."""
    return f"{side} tables missing"


def _settings_for_missing(
    migration: Migration, pair: TablePair, side: Side, tables: Collection[str]
) -> list[Wanted]:
    """Return the settings for a table that exists on one side only: those of :func:`_way_out`.

    A table that has its counterpart is not proposed as another one's.
    """
    settings, free = migration.settings, set(tables)
    named = settings.pairing.tables or ()
    if pair.name in settings.tables:
        ignored = Wanted(("tables", pair.name))
    elif pair.name in named:
        left = tuple(each for each in named if each != pair.name)
        ignored = Wanted(("pairing", "tables"), left)
    else:
        side_of_it = "legacy" if side == "modern" else "modern"
        name = pair.name if side == "modern" else pair.modern_table
        ignored = Wanted(("ignore", "tables", f"{side_of_it}.{name}"), FILL_IN)
    other: Side = "modern" if side == "legacy" else "legacy"
    place = place_of_shared(settings.stack(other))
    theirs = migration.stacks[other].catalog(place).tables
    for each in migration.pairs.values():
        if each.tables_of(settings, other, theirs):
            free -= set(each.tables_of(settings, side, tables))
    modern = pair.modern_table
    near = nearest(modern, free)
    if side == "modern":
        renamed = Wanted(("tables", pair.name, "modern"), near)
    else:
        renamed = Wanted(("tables", near, "modern"), modern)
    return [*([renamed] if near else []), ignored]


def _way_out(pair: TablePair, side: Side, tables: Collection[str]) -> str:
    """Return a hint at what to do about a table that exists on one side only."""
    if side == "modern":
        return (
            f"Restore it, say what it is called there ([tables.{toml_key(pair.name)}] modern = "
            f'"..."), or leave the legacy table out with a reason ([ignore.tables] '
            f'"legacy.{pair.name}" = "...")'
        )
    modern = pair.modern_table
    near = nearest(modern, tables)
    return (
        f"The modern table {modern!r} would be its counterpart. Restore it, say which legacy table "
        f'became {modern!r} ([tables.{toml_key(near)}] modern = "{modern}"), or leave the modern '
        f'table out with a reason ([ignore.tables] "modern.{modern}" = "...")'
    )


def same_data(migration: Migration, places: Mapping[Side, Place]) -> SameData | None:
    """Return whether both places are one schema of one database; None if they are not.

    Raises :class:`NotProven` unless the settings give a reason for it.
    """
    legacy, modern = (migration.stacks[side].database(places[side]).server for side in SIDES)
    schemas = {side: migration.stacks[side].catalog(places[side]).schema for side in SIDES}
    same = legacy.same_data_as(modern)
    if same is None or schemas["legacy"] != schemas["modern"]:
        return None
    if migration.settings.same_database is None:
        raise NotProven(
            f"legacy and modern {same}: {legacy.database} at {legacy.address} and "
            f"{modern.address}, schema {schemas['legacy']}; check both URLs, or give a reason as "
            "same_database",
            cause=ONE_DATABASE,
        )
    return same


def require_way(
    migration: Migration, pair: TablePair, side: Side, place: Place, own: TableFacts
) -> None:
    """Raise :class:`NotProven` if a tenancy leads through a column or table that does not exist.

    ``own`` is the pair's table. Its name need not be the one that the settings imply.
    """
    tenancy, catalog = pair.tenancy(side), migration.stacks[side].catalog(place)
    if tenancy.first_column is None:
        return
    steps = [(own.name, tenancy.first_column)]
    for hop in tenancy.hops:
        steps += [(hop.table, hop.key), (hop.table, hop.take)]
    for table, name in steps:
        if table not in catalog.tables:
            said = f"the table {table!r}, which a tenancy leads through, is not there on the"
            near = did_you_mean(table, catalog.tables)
            raise NotProven(
                f"{said} {side} stack.{near} {_tenancy_setting(pair, side)}",
                cause=f"{side} tenancy through {table}",
                about=own.name,
                gist=f"{side} tables whose tenancy leads through {table}, which is not there",
            )
        facts = catalog.tables[table]
        if facts.column(name) is None:
            said = f"{facts.schema}.{table} has no column {name!r}, which leads to the tenant"
            known = [column.name for column in facts.columns]
            near = did_you_mean(name, known)
            raise NotProven(
                f"the {side} table {said}.{near} {_tenancy_setting(pair, side)}",
                cause=f"{side} tenancy by {table if table != own.name else ''}.{name}",
                about=own.name,
                gist=f"{side} tables whose tenancy names a column {name!r} that is not there",
                wanted=_tenancies_instead(pair, side, name, nearest(name, known)),
            )


def _tenancies_instead(pair: TablePair, side: Side, name: str, near: str) -> list[Wanted]:
    """Return settings for a tenancy through a column that is not there. The nearest is ``near``."""
    settings, tenancy = pair.settings, pair.tenancy(side)
    key: tuple[str, ...] = ("tables", pair.name, f"{side}_tenancy")
    if getattr(settings, f"{side}_tenancy") is None:
        own = settings.tenancy is not None
        key = ("tables", pair.name, "tenancy") if own else (side, "tenancy")
    shared = [Wanted(("tables", pair.name, "tenancy"), "global")]
    if not near or tenancy.column != name:
        return shared
    return [Wanted(key, {"column": near}), *shared]


def _tenancy_setting(pair: TablePair, side: Side) -> str:
    """Return the setting that defines a table's tenancy, and what to write there."""
    own, table = getattr(pair.settings, f"{side}_tenancy"), f"[tables.{toml_key(pair.name)}]"
    written = f"{table} {side}_tenancy" if own is not None else f"{table} tenancy"
    if own is None and pair.settings.tenancy is None:
        written = f"[{side}] tenancy"
    return (
        f"That is by {written}. Say how this table's rows are found: {table} {side}_tenancy "
        '(on both stacks: tenancy) = { column = "..." } or { path = "..." }, or "global" if all '
        "tenants share them"
    )
