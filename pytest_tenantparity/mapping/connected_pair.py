"""Both sides of a table pair, open in the run's snapshots, with their column plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from threading import Event

from sqlalchemy import ColumnElement, Connection, literal_column, true

from ..errors import NotProven, settings_sql
from ..inventory import Place, TablePair, place_of_shared
from ..model import SIDES, NamedRule, Side, Tenant
from ..parity.progress import Scan, Teller
from ..parity.read.access_path import noted
from ..parity.read.chunks import Pieces
from ..parity.read.reader import Sides, Source
from ..parity.run import Context
from ..stacks import ColumnFacts, Dialect, Portable, TableFacts
from ..stacks.dialects import Item
from .columns import ColumnPair, ColumnPlan, TenantColumns, plan_columns
from .description import described
from .filters import columns_in_utc, filter_rules, rows_of_map, rows_taking_part
from .key_maps import Lookup, lookup_in
from .sql_warnings import WARNING, warnings_of
from .table_lookup import located, require_way
from .tenancy_sql import Scope, UnknownOwner, owners_scope, scope_of, source_of, tenant_values

ScopeMaker = Callable[[Side], Scope]


@dataclass(frozen=True)
class OpenPair:
    """A table pair that can be read."""

    context: Context
    pair: TablePair
    places: Mapping[Side, Place]
    tables: Mapping[Side, TableFacts]
    connections: Mapping[Side, Connection]
    plan: ColumnPlan

    def sides(self, scope_on: ScopeMaker) -> Sides:
        """Return both sides, each limited to the rows of its scope."""
        legacy, modern = (noted(self, side, self.source(side, scope_on(side))) for side in SIDES)
        context = self.context
        return Sides(legacy, modern, context.pool, context.cancel, context.give_up, context.limits)

    def rows_of(self, side: Side, tenant: Tenant | None) -> Scope:
        """Return the rows of ``tenant``, or all rows without a tenant."""
        stack = self.context.stacks[side]
        return scope_of(
            self.tables[side],
            stack.catalog(self.places[side]),
            stack.dialect,
            self.pair.tenancy(side),
            tenant_values(side, [] if tenant is None else [tenant]),
            rows_taking_part(self.context, self.pair, side),
        )

    def all_of(self, side: Side, tenants: Sequence[Tenant]) -> Scope:
        """Return the rows of several tenants, each attributed to its tenant.

        Raises :class:`UnknownOwner` if rows cannot be attributed for certain.
        """
        stack = self.context.stacks[side]
        scope = owners_scope(
            self.tables[side],
            stack.catalog(self.places[side]),
            stack.dialect,
            self.pair.tenancy(side),
            [(value, each.id) for each in tenants for value in tenant_values(side, [each])],
            rows_taking_part(self.context, self.pair, side),
        )
        if scope.owners is not None and scope.owners.ambiguous is not None:
            with stack.guard(self.places[side], discreet=self.pair.has_masks):
                if self.connections[side].scalar(scope.owners.ambiguous):
                    raise UnknownOwner("a value of a path's first column leads to several marks")
        few = len(tenants) * self.context.limits.tenants_of_scan < len(self.context.tenants)
        return replace(scope, wide=not few)

    def require_unaltered(self) -> None:
        """Raise :class:`NotProven` if a table that was read was altered after the snapshot.

        A server reads tables by their present names and columns. The tables of a path to the
        tenants and of key maps are checked as well.
        """
        for side in SIDES:
            stack, place = self.context.stacks[side], self.places[side]
            tables = stack.catalog(place).tables
            read = [self.tables[side]]
            read += [tables[hop.table] for hop in self.pair.tenancy(side).hops]
            sides = (column.on(side).lookup for column in self.plan.columns)
            read += [lookup.table for lookup in sides if lookup is not None]
            with stack.guard(place, discreet=self.pair.has_masks):
                stack.require_unaltered(place, self.connections[side], read)

    @property
    def digest_name(self) -> str:
        """The fastest digest that both servers compute alike.

        Raises :class:`NotProven` if there is none.
        """
        stacks = self.context.stacks
        legacy, modern = (stacks[side].database(self.places[side]) for side in SIDES)
        encodings = {legacy.server.encoding, modern.server.encoding}
        if len(encodings) > 1 and "SQL_ASCII" in encodings:
            bare = "legacy" if legacy.server.encoding == "SQL_ASCII" else "modern"
            raise NotProven(
                f"the {bare} database keeps bytes without an encoding (SQL_ASCII), which the other "
                "does not; nobody knows which characters the bytes are"
            )
        both = [name for name in legacy.digests if name in modern.digests]
        if legacy.server.encoding != modern.server.encoding:
            # A native hash is computed from bytes, which differ in another encoding.
            both = [name for name in both if name in set(Portable)]
        if both:
            return both[0]
        raise NotProven(
            "both servers have no digest in common that can be trusted; is their connection UTF-8? "
            + "; ".join(self._refusals)
        )

    @property
    def digest_rules(self) -> list[NamedRule]:
        """The rule for the report if rows are hashed by SHA-256, since MD5 cannot be used."""
        with suppress(NotProven):
            if self.digest_name == Portable.SHA256:
                why = "; ".join(each for each in self._refusals if Portable.MD5 in each)
                return [NamedRule(f"rows are hashed by SHA-256, since MD5 cannot be used: {why}")]
        return []

    @property
    def _refusals(self) -> list[str]:
        found = {side: self.context.stacks[side].database(self.places[side]) for side in SIDES}
        return [
            f"{side}, {digest}: {why}"
            for side, database in found.items()
            for digest, why in database.refused.items()
        ]

    def portable_digest(self, side: Side) -> Portable:
        """Return the fastest digest that a server computes as Python does.

        Raises :class:`NotProven` if there is none.
        """
        known = self.context.stacks[side].database(self.places[side]).digests
        digest = next((each for each in Portable if each in known), None)
        if digest is None:
            raise NotProven(
                f"the {side} server has no portable digest: {'; '.join(self._refusals)}"
            )
        return digest

    @property
    def keys_enforced(self) -> bool:
        """Whether no check has to search for keys that several rows share."""
        return all(self.promises_unique(side) is None for side in SIDES)

    def promises_unique(self, side: Side) -> Sequence[str] | None:
        """Return the primary key that nothing enforces on ``side``, or None.

        Returns None as well if the settings name a key, so that rows are not compared by the
        primary key.
        """
        facts = self.tables[side]
        if facts.enforced or not facts.primary_key or self.pair.settings.key is not None:
            return None
        return facts.primary_key

    def source(self, side: Side, scope: Scope) -> Source:
        """Return the source of ``side``, limited to the rows of ``scope``."""
        stop = Event()
        stack = self.context.stacks[side]

        def items(columns: Iterable[ColumnPair]) -> list[Item]:
            return [each.item(side, stack.dialect, each.on(side).value) for each in columns]

        return Source(
            connection=self.connections[side],
            dialect=stack.dialect,
            scope=scope,
            items=items(self.plan.columns),
            key=[each.canonical(side, stack.dialect) for each in self.plan.key],
            placed_by=items(each for each in self.plan.key if each.has_one_text),
            number=self._number(side),
            salt=self.context.salt,
            digest_name=self.digest_name,
            rows_about=self.tables[side].rows,
            guard=lambda: stack.guard(self.places[side], discreet=self.pair.has_masks, stop=stop),
            pieces=self._pieces(side, stop) if scope.wide else (true(),),
            stop=stop,
        )

    def _pieces(self, side: Side, stop: Event) -> Iterable[ColumnElement[bool]]:
        """Return the conditions of the chunks in which a table is read, one after the other."""
        stack, limits = self.context.stacks[side], self.context.limits
        with stack.guard(self.places[side], discreet=self.pair.has_masks):
            extent = stack.dialect.extent(self.connections[side], self.tables[side], limits)
        if extent is None:
            return (true(),)
        tell = Teller(self.context.watch, Scan(self.pair.name, side, str(self.places[side])))
        chunk_seconds, rest = stack.settings.piece_seconds, stack.settings.rest
        return Pieces(extent, chunk_seconds, rest, stop.wait, tell, limits)

    def _number(self, side: Side) -> ColumnElement[object] | None:
        """Return the key itself if it is one whole number of 64 bits on both sides, or None."""
        if len(self.plan.key) != 1 or not self.plan.key[0].is_whole_number:
            return None
        (key,) = self.plan.key
        stacks = self.context.stacks
        fits = all(stacks[each].dialect.holds_in_64_bits(key.on(each).facts) for each in SIDES)
        return key.on(side).value if fits else None


@contextmanager
def open_pair(
    context: Context, pair: TablePair, tenant: Tenant | None, *, of_nobody: bool = False
) -> Iterator[OpenPair]:
    """Open both sides of a pair where the tenant's rows are. Raises :class:`NotProven`.

    ``of_nobody``: the unassigned rows are read, so their discriminator values are not known.
    """
    places, tables = located(context, pair, tenant)
    with connected(context, places) as connections:
        yield opened_in(connections, context, pair, tenant, places, tables, of_nobody=of_nobody)


@contextmanager
def connected(
    context: Context, places: Mapping[Side, Place]
) -> Iterator[Mapping[Side, Connection]]:
    """Connect to a place on each side, inside the run's snapshots. Raises :class:`NotProven`."""
    legacy_stack, modern_stack = (context.stacks[side] for side in SIDES)
    with (
        legacy_stack.transaction(places["legacy"]) as legacy,
        modern_stack.transaction(places["modern"]) as modern,
    ):
        yield {"legacy": legacy, "modern": modern}


def opened_in(
    connections: Mapping[Side, Connection],
    context: Context,
    pair: TablePair,
    tenant: Tenant | None,
    places: Mapping[Side, Place],
    tables: Mapping[Side, TableFacts],
    *,
    of_nobody: bool = False,
) -> OpenPair:
    """Return a pair, opened by connections to the tenant's places. Raises :class:`NotProven`."""
    for side in SIDES:
        require_way(context, pair, side, places[side], tables[side])
    expressions = {
        side: _expression_types(context, pair, side, places[side], tables[side], connection)
        for side, connection in connections.items()
    }
    dialects = {side: context.stacks[side].dialect for side in SIDES}
    lookups = _lookups(context, pair, places)
    marks = _tenant_columns(context, pair, tenant)
    if of_nobody:
        marks = replace(marks, renamed=False)
    plan = plan_columns(context.settings, pair, tables, expressions, marks, dialects, lookups)
    for lookup in lookups.values():
        side = lookup.settings.stack
        guard = context.stacks[side].guard(places[side], discreet=pair.has_masks)
        own_filter = " filter" if lookup.settings.filter else ""
        led = [each for each in plan.columns if each.on(side).lookup is lookup]
        compared = dict.fromkeys((each.family, each.rules) for each in led)
        with settings_sql(f"[maps.{lookup.name}]{own_filter}"), guard:
            plan.problems += lookup.faults(connections[side], dialects[side], compared)
    for side, zone in sorted(_zones(plan.columns)):
        with context.stacks[side].guard(places[side], discreet=pair.has_masks):
            _require_zone(connections[side], dialects[side], side, zone)
    plan.rules += _warnings(context, pair, places, tables, lookups)
    if not plan.columns:
        raise NotProven(f"no column of {pair.name!r} can be compared: {'; '.join(plan.problems)}")
    opened = OpenPair(context, pair, places, tables, connections, plan)
    plan.rules += [*opened.digest_rules, *filter_rules(context, pair)]
    context.notes.take(described(opened))
    return opened


def _zones(columns: Sequence[ColumnPair]) -> set[tuple[Side, str]]:
    """Return the zones, other than UTC, from which each side has to convert naive times."""
    pairs = ((side, each.zone_on(side)) for each in columns for side in SIDES)
    return {(side, zone) for side, zone in pairs if zone is not None}


def _require_zone(connection: Connection, dialect: Dialect, side: Side, zone: str) -> None:
    """Raise :class:`NotProven` if a server does not convert times of ``zone`` as intended."""
    fault = dialect.zone_fault(connection, zone)
    if fault:
        raise NotProven(f"naive_zone = {zone!r} on the {side} stack: {fault}")


def _warnings(
    context: Context,
    pair: TablePair,
    places: Mapping[Side, Place],
    tables: Mapping[Side, TableFacts],
    lookups: Mapping[str, Lookup],
) -> list[NamedRule]:
    """Return warnings for the report of SQL that silently treats different values as equal."""
    written: list[tuple[str, str | None, Side, str, TableFacts]] = []
    for side in SIDES:
        for name, column in sorted(pair.settings.columns.items()):
            if (sql := column.sql(side)) is not None:
                key = f"[tables.{pair.name}.columns.{name}] {side}_sql"
                written.append((key, name, side, sql, tables[side]))
        if (row_filter := pair.settings.row_filter(side)) is not None:
            key = f"[tables.{pair.name}] {side}_filter"
            written.append((key, None, side, row_filter.sql, tables[side]))
    for name, lookup in sorted(lookups.items()):
        if lookup.settings.filter is not None:
            side, own = lookup.settings.stack, lookup.settings.filter
            written.append((f"[maps.{name}] filter", None, side, own, lookup.table))
    products = {side: context.stacks[side].database(places[side]).server.product for side in SIDES}
    return [
        NamedRule(f"{WARNING}{key}: {said}", column)
        for key, column, side, sql, table in written
        for said in warnings_of(
            sql,
            products[side],
            table.columns,
            context.as_of,
            columns_in_utc(context, pair, side, table),
        )
    ]


def _lookups(context: Context, pair: TablePair, places: Mapping[Side, Place]) -> dict[str, Lookup]:
    """Return the key maps of the pair's columns, by name."""
    found = {}
    for column in pair.settings.columns.values():
        if column.key_map is not None:
            settings = context.settings.maps[column.key_map]
            stack = context.stacks[settings.stack]
            catalog = stack.catalog(places[settings.stack])
            if settings.table not in catalog.tables:  # one map may serve all tenants' places
                shared = place_of_shared(context.settings.stack(settings.stack))
                if shared.database == places[settings.stack].database:
                    catalog = stack.catalog(shared)
            found[column.key_map] = lookup_in(
                catalog, column.key_map, settings, rows_of_map(context, settings)
            )
    return found


def implied_column(pair: TablePair, side: Side, tenant: Tenant | None) -> str | None:
    """Return the column that holds the tenant's one value in every row of its scope.

    Returns None for a tenant with several values and for a path, since rows can then have different
    values.
    """
    several = tenant is not None and len(tenant_values(side, [tenant])) > 1
    return None if several else pair.tenancy(side).column


def _tenant_columns(context: Context, pair: TablePair, tenant: Tenant | None) -> TenantColumns:
    column = pair.legacy_tenancy.column
    own = pair.settings.columns.get(column or "")
    values = [(each.legacy_accounts, each.modern_id) for each in context.tenants.values()]
    several = tenant is not None and len(tenant.legacy_accounts) > 1
    return TenantColumns(
        implied_column(pair, "legacy", tenant),
        implied_column(pair, "modern", tenant),
        renamed=any(accounts != (modern_id,) for accounts, modern_id in values),
        merged=column if several else None,
        configured=own is not None and bool(own.model_fields_set - {"modern", "mask"}),
    )


def _expression_types(
    context: Context,
    pair: TablePair,
    side: Side,
    place: Place,
    table: TableFacts,
    connection: Connection,
) -> dict[str, ColumnFacts]:
    stack = context.stacks[side]
    found = {}
    for name, column in pair.settings.columns.items():
        sql = column.sql(side)
        if sql is not None:
            key = f"[tables.{pair.name}.columns.{name}] {side}_sql"
            with settings_sql(key), stack.guard(place, discreet=pair.has_masks):
                expression: ColumnElement[object] = literal_column(f"({sql})")
                source = source_of(table)
                found[name] = stack.dialect.expression_facts(connection, source, expression)
    return found
