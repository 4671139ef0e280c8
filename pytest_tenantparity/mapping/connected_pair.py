"""Both sides of a table pair, open in the run's snapshots, with their column plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, Connection, literal_column

from ..errors import NotProven, did_you_mean, raised, settings_sql
from ..inventory import Place, TablePair, place_of_shared
from ..model import SIDES, NamedRule, Side, Tenant
from ..stacks import ColumnFacts, Dialect, TableFacts
from ..stacks.sources import source_of
from .columns import ColumnPlan, ColumnPlanner, Problem
from .filters import columns_in_utc, rows_of_map, rows_taking_part
from .key_maps import Lookup, lookup_in
from .migration import Migration
from .sql_warnings import WARNING, warnings_of
from .table_lookup import require_way
from .tenancy_sql import Scope, UnknownOwner, owners_scope, scope_of, tenant_values
from .transformations import transformed


@dataclass(frozen=True)
class ConnectedPair:
    """A table pair, connected on both sides, with its column plan."""

    migration: Migration
    pair: TablePair
    places: Mapping[Side, Place]
    tables: Mapping[Side, TableFacts]
    connections: Mapping[Side, Connection]
    plan: ColumnPlan

    def rows_of(self, side: Side, tenant: Tenant | None) -> Scope:
        """Return the rows of ``tenant``, or all rows without a tenant."""
        stack = self.migration.stacks[side]
        return scope_of(
            self.tables[side],
            stack.catalog(self.places[side]),
            stack.dialect,
            self.pair.tenancy(side),
            tenant_values(side, [] if tenant is None else [tenant]),
            rows_taking_part(self.migration, self.pair, side),
        )

    def all_of(self, side: Side, tenants: Sequence[Tenant]) -> Scope:
        """Return the rows of several tenants, each attributed to its tenant.

        Raises :class:`UnknownOwner` if rows cannot be attributed for certain.
        """
        stack = self.migration.stacks[side]
        scope = owners_scope(
            self.tables[side],
            stack.catalog(self.places[side]),
            stack.dialect,
            self.pair.tenancy(side),
            [(value, each.id) for each in tenants for value in tenant_values(side, [each])],
            rows_taking_part(self.migration, self.pair, side),
        )
        if scope.owners is not None and scope.owners.ambiguous is not None:
            with stack.guard(self.places[side], discreet=self.pair.has_masks):
                if self.connections[side].scalar(scope.owners.ambiguous) is not None:
                    raise UnknownOwner(
                        "a value of a path's first column leads to several discriminator values"
                    )
        few = len(tenants) * self.migration.limits.tenants_of_scan < len(self.migration.tenants)
        return replace(scope, wide=not few)

    def require_unaltered(self) -> None:
        """Raise :class:`NotProven` if a table that was read was altered after the snapshot.

        A server reads tables by their present names and columns. The tables of a path to the
        tenants and of key maps are checked as well.
        """
        for side in SIDES:
            stack, place = self.migration.stacks[side], self.places[side]
            tables = stack.catalog(place).tables
            read = [self.tables[side]]
            read += [tables[hop.table] for hop in self.pair.tenancy(side).hops]
            sides = (column.on(side).lookup for column in self.plan.columns)
            read += [lookup.table for lookup in sides if lookup is not None]
            read += [table for each in read for table in each.reads]
            own = [each for each in read if not each.sql]
            with stack.guard(place, discreet=self.pair.has_masks):
                stack.require_unaltered(place, self.connections[side], own)

    @property
    def keys_enforced(self) -> bool:
        """Whether no check has to search for keys that several rows share."""
        return all(self.unenforced_key(side) is None for side in SIDES)

    def unenforced_key(self, side: Side) -> Sequence[str] | None:
        """Return the primary key that nothing enforces on ``side``, or None.

        Returns None as well if the settings name a key, so that rows are not compared by the
        primary key.
        """
        facts = self.tables[side]
        if facts.enforced or not facts.primary_key or self.pair.settings.key is not None:
            return None
        return facts.primary_key


@contextmanager
def connected(
    migration: Migration, places: Mapping[Side, Place]
) -> Iterator[Mapping[Side, Connection]]:
    """Connect to a place on each side, inside the run's snapshots. Raises :class:`NotProven`."""
    legacy_stack, modern_stack = (migration.stacks[side] for side in SIDES)
    with (
        legacy_stack.transaction(places["legacy"]) as legacy,
        modern_stack.transaction(places["modern"]) as modern,
    ):
        yield {"legacy": legacy, "modern": modern}


def plan_pair(  # noqa: PLR0913 - both sides of a pair
    connections: Mapping[Side, Connection],
    migration: Migration,
    pair: TablePair,
    tenant: Tenant | None,
    places: Mapping[Side, Place],
    tables: Mapping[Side, TableFacts],
    *,
    of_nobody: bool = False,
    on_fault: Callable[[NotProven], object] = raised,
) -> ColumnPlan:
    """Return the column plan of a pair, by connections to the tenant's places.

    ``of_nobody``: the unassigned rows are read, so their discriminator values are not known.
    ``on_fault`` is called with each fault. If it returns, the plan is made without the faulty SQL,
    map or zone, so that it finds all faults.
    """

    def guard(side: Side) -> AbstractContextManager[None]:
        return migration.stacks[side].guard(places[side], discreet=pair.has_masks)

    dialects = {side: migration.stacks[side].dialect for side in SIDES}
    for side in SIDES:
        with going_on(on_fault):
            require_way(migration, pair, side, places[side], tables[side])
    expressions = {
        side: _expressions(
            connections[side], migration, pair, side, places[side], tables[side], on_fault
        )
        for side in SIDES
    }
    lookups = _lookups(migration, pair, places, on_fault)
    plan = ColumnPlanner(migration, pair, tables, expressions, lookups, tenant, of_nobody).plan()
    for lookup in lookups.values():
        side = lookup.settings.stack
        own_filter = " filter" if lookup.settings.filter else ""
        led = [each for each in plan.columns if each.on(side).lookup is lookup]
        compared = dict.fromkeys((each.family, each.rules) for each in led)
        with (
            going_on(on_fault),
            settings_sql(f"[maps.{lookup.name}]{own_filter}"),
            guard(side),
            _apart(dialects[side], connections[side], on_fault),
        ):
            faults = lookup.faults(connections[side], dialects[side], compared)
            plan.problems += [Problem(each) for each in faults]
    zones = {(side, each.zone_on(side)) for side in SIDES for each in plan.columns}
    for side, zone in sorted((side, zone) for side, zone in zones if zone and zone != "UTC"):
        with guard(side):
            if fault := dialects[side].zone_fault(connections[side], zone):
                said = f"naive_zone = {zone!r} on the {side} stack: {fault}"
                on_fault(NotProven(said, cause=f"{side} zone {zone}", about=zone))
    plan.rules += _sources_read(tables, lookups)
    plan.rules += _warnings(migration, pair, places, tables, lookups)
    if not plan.columns and on_fault is raised:
        raise NotProven(
            f"no column of {pair.name!r} can be compared: {'; '.join(map(str, plan.problems))}"
        )
    return plan


@contextmanager
def going_on(on_fault: Callable[[NotProven], object]) -> Iterator[None]:
    """Call ``on_fault`` with a fault that is raised within this context."""
    try:
        yield
    except NotProven as error:
        on_fault(error)


def _apart(
    dialect: Dialect, connection: Connection, on_fault: Callable[[NotProven], object]
) -> AbstractContextManager[object]:
    """Return a context in which an error of a query leaves the transaction as it is, if needed."""
    return nullcontext() if on_fault is raised else dialect.apart(connection)


def _expressions(
    connection: Connection,
    migration: Migration,
    pair: TablePair,
    side: Side,
    place: Place,
    table: TableFacts,
    on_fault: Callable[[NotProven], object],
) -> dict[str, tuple[ColumnFacts, ColumnElement[object]]]:
    """Return the expressions that replace columns of one side, each with its type.

    They are SQL of the settings, or a transformation of the legacy column. Raises
    :class:`NotProven`.
    """
    stack, found = migration.stacks[side], {}
    for name, settings in pair.settings.columns.items():
        expression: ColumnElement[object]
        if (sql := settings.sql(side)) is not None:
            key, expression = f"{side}_sql", literal_column(f"({sql})")
        elif side == "legacy" and settings.transform:
            try:
                key, expression = "transform", _transformed(pair, name, table, stack.dialect)
            except NotProven as error:
                on_fault(error)
                continue
        else:
            continue
        with (
            going_on(on_fault),
            settings_sql(f"[tables.{pair.name}.columns.{name}] {key}"),
            stack.guard(place, discreet=pair.has_masks),
            _apart(stack.dialect, connection, on_fault),
        ):
            source = source_of(table)
            facts = stack.dialect.expression_facts(connection, source, expression)
            found[name] = facts, expression
    return found


def _transformed(
    pair: TablePair, name: str, table: TableFacts, dialect: Dialect
) -> ColumnElement[object]:
    key = f"[tables.{pair.name}.columns.{name}] transform"
    settings = pair.settings.columns[name]
    found = {each.name: each for each in table.columns}
    columns = settings.joined or (name,)
    if absent := [each for each in columns if each not in found]:
        near = did_you_mean(absent[0], found)
        raise NotProven(
            f"{key}: the legacy table {table.name!r} has no column {absent[0]!r}.{near}",
            cause=f"SQL of {key}",
            about=key,
        )
    try:
        return transformed([found[each] for each in columns], dialect, settings.transform)
    except ValueError as error:
        raise NotProven(f"{key}: {error}", cause=f"SQL of {key}", about=key) from None


def _sources_read(
    tables: Mapping[Side, TableFacts], lookups: Mapping[str, Lookup]
) -> Iterator[NamedRule]:
    """Yield rules for the report: the queries of the settings, which decide what rows there are."""
    read = {side: [facts] for side, facts in tables.items()}
    for lookup in lookups.values():
        read[lookup.settings.stack].append(lookup.table)
    for side in SIDES:
        for facts in read[side]:
            if facts.sql:
                query = " ".join(facts.sql.split())
                yield NamedRule(f"{side} rows are those of the source {facts.name}: {query}")


def _warnings(
    migration: Migration,
    pair: TablePair,
    places: Mapping[Side, Place],
    tables: Mapping[Side, TableFacts],
    lookups: Mapping[str, Lookup],
) -> Iterator[NamedRule]:
    """Yield warnings for the report of SQL that silently treats different values as equal."""
    written: list[tuple[str, str | None, Side, str | None, TableFacts]] = []
    for side in SIDES:
        table, row_filter = tables[side], pair.settings.row_filter(side)
        here, columns = f"[tables.{pair.name}]", sorted(pair.settings.columns.items())
        read = [column for each in table.reads for column in each.columns]
        source = replace(table, columns=tuple(read))
        written += [
            (f"[sources.{side}.{table.name}] sql", None, side, table.sql or None, source),
            (f"{here} {side}_tenancy", None, side, pair.tenancy(side).sql, table),
            (f"{here} {side}_filter", None, side, row_filter.sql if row_filter else None, table),
        ]
        for name, own in columns:
            key = f"[tables.{pair.name}.columns.{name}] {side}_sql"
            written.append((key, name, side, own.sql(side), table))
    for name, lookup in sorted(lookups.items()):
        own_side, condition = lookup.settings.stack, lookup.settings.filter
        written.append((f"[maps.{name}] filter", None, own_side, condition, lookup.table))
    for key, name_of_column, side, sql, table in written:
        if sql is not None:
            product = migration.stacks[side].database(places[side]).server.product
            in_utc = columns_in_utc(migration, pair, side, table)
            for said in warnings_of(sql, product, table.columns, migration.as_of, in_utc):
                yield NamedRule(f"{WARNING}{key}: {said}", name_of_column)


def _lookups(
    migration: Migration,
    pair: TablePair,
    places: Mapping[Side, Place],
    on_fault: Callable[[NotProven], object],
) -> dict[str, Lookup]:
    """Return the key maps of the pair's columns, by name."""
    found = {}
    for own in pair.settings.columns.values():
        if own.key_map is not None:
            settings = migration.settings.maps[own.key_map]
            stack = migration.stacks[settings.stack]
            catalog = stack.catalog(places[settings.stack])
            if settings.table not in catalog.tables:  # one map may serve all tenants' places
                shared = place_of_shared(migration.settings.stack(settings.stack))
                if shared.database == places[settings.stack].database:
                    catalog = stack.catalog(shared)
            try:
                found[own.key_map] = lookup_in(
                    catalog, own.key_map, settings, rows_of_map(migration, settings)
                )
            except NotProven as error:
                error.about = own.key_map
                on_fault(error)
    return found
