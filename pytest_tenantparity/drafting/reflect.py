"""Both databases as they are: tables, keys, foreign keys, row counts, and a sample of the rows.

Rows are read as canonical texts (docs/types.md), so that values of two engines can be compared. A
small table is read whole. Of a large one, the rows at both ends of its primary key are read, and
rows of the other side by their keys.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Text, cast, column, func, inspect, select
from sqlalchemy.exc import SQLAlchemyError

from ..config import StackSettings
from ..errors import NotProven, SettingsError
from ..inventory import Place, place_of_shared
from ..model import SIDES, Side
from ..stacks import ColumnFacts, Dialect, Family, Stack, TableFacts, open_stack
from ..stacks.dialects import ColumnRules
from ..stacks.sources import source_of
from .names import bare_words, words_of

Row = Mapping[str, str | None]
"""A row: the canonical text of each column that has one."""

WHOLE = 2_000
"""A table of at most so many rows is read whole."""

_END = 250  # rows that are read at each end of a larger table
_AT_ONCE = 500  # values that one query looks for
_COUNTED = 100_000  # rows up to which a table is counted
_SCANNED = 200_000  # rows of a table that may be searched without an index
_TENANTS = 50_000  # tenants that are read
_PATIENCE = 30.0  # seconds for each query


@dataclass(frozen=True)
class Reference:
    """A foreign key: ``columns`` hold the ``keys`` of a row of ``table``.

    ``declared``: the database enforces it. Otherwise it was found by names and sampled values.
    """

    columns: tuple[str, ...]
    table: str
    keys: tuple[str, ...]
    declared: bool = True


@dataclass(frozen=True)
class Table:
    """A table of one side.

    - ``rows``: their number; at most :data:`_COUNTED` are counted, and then the server's estimate
      stands here if it is larger.
    - ``uniques``: columns of the unique keys beside the primary key.
    - ``sample``: rows; all rows if ``whole``.
    """

    side: Side
    facts: TableFacts
    rows: int
    references: tuple[Reference, ...]
    uniques: tuple[tuple[str, ...], ...]
    sample: tuple[Row, ...] = field(repr=False)
    whole: bool

    @property
    def name(self) -> str:
        """Its name."""
        return self.facts.name

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its columns."""
        return tuple(each.name for each in self.facts.columns)

    @property
    def key(self) -> tuple[str, ...]:
        """The columns of its primary key; empty without one."""
        return self.facts.primary_key

    def values(self, name: str) -> set[str]:
        """Return the sampled values of a column without NULL."""
        return {value for row in self.sample if (value := row.get(name)) is not None}

    def reference_of(self, name: str) -> Reference | None:
        """Return the foreign key that consists of one column, or None."""
        return next((each for each in self.references if each.columns == (name,)), None)


@dataclass(frozen=True)
class Database:
    """One side, open in a read-only session on one snapshot."""

    side: Side
    stack: Stack = field(repr=False)
    place: Place
    connection: Connection = field(repr=False)
    tables: dict[str, Table]

    @property
    def dialect(self) -> Dialect:
        """The SQL of its engine."""
        return self.stack.dialect

    def rows_with(self, table: Table, name: str, values: Collection[str]) -> list[Row]:
        """Return the rows whose column is one of ``values``.

        Rows that were sampled are not read again. A column of a large table is not searched without
        an index.
        """
        if table.whole:
            return [row for row in table.sample if row.get(name) in values]
        facts = table.facts.column(name)
        searchable = name in (*table.facts.indexed, *table.key[:1]) or table.rows <= _SCANNED
        if facts is None or not searchable:
            return []
        wanted, found = sorted(values)[:WHOLE], list[Row]()
        with _passing():
            for at in range(0, len(wanted), _AT_ONCE):
                some = self.dialect.any_of(column(name), facts, wanted[at : at + _AT_ONCE])
                found += _read(self.stack, self.place, self.connection, table.facts, some)
        return found

    def distinct(self, table: Table, name: str) -> set[str]:
        """Return the different values of a column, without NULL.

        Of a large table, those of the sample, unless an index finds them.
        """
        facts = table.facts.column(name)
        searched = table.rows <= _SCANNED or name in table.facts.indexed
        found = table.values(name)
        if table.whole or facts is None or not searched:
            return found
        query = select(text_of(self.dialect, facts)).select_from(source_of(table.facts)).distinct()
        with _passing(), self.stack.guard(self.place), self.dialect.apart(self.connection):
            rows = self.connection.execute(query.limit(_TENANTS)).scalars()
            found |= {value for value in rows if value is not None}
        return found

    def with_all_rows(self, table: Table) -> Table:
        """Return a table of tenants with all its rows, up to a limit."""
        if table.whole or table.rows > _TENANTS:
            return table
        rows = [*table.sample]
        with _passing():
            rows = _read(self.stack, self.place, self.connection, table.facts)
        return replace(table, sample=tuple(rows), whole=True)


@dataclass(frozen=True)
class Databases:
    """Both sides."""

    legacy: Database
    modern: Database

    def on(self, side: Side) -> Database:
        """Return one side."""
        return self.legacy if side == "legacy" else self.modern

    @property
    def dialects(self) -> dict[Side, Dialect]:
        """The SQL of both engines."""
        return {side: self.on(side).dialect for side in SIDES}


@contextmanager
def reflected(
    settings: Mapping[Side, StackSettings], environment: Mapping[str, str], application: str
) -> Iterator[Databases]:
    """Open both databases read-only, and read what this module describes.

    Raises :class:`SettingsError` if one of them cannot be opened, or has no tables.
    """
    with ExitStack() as cleanup:
        found = {}
        for side in SIDES:
            patient = settings[side].model_copy(update={"statement_timeout": _PATIENCE})
            state, holder = open_stack(side, patient, application, environment=environment)
            cleanup.callback(holder.release)
            if state.unavailable:
                raise SettingsError("; ".join(state.unavailable.values()))
            stack = Stack(state, patient, application)
            cleanup.callback(stack.close)
            place = place_of_shared(patient)
            catalog = stack.catalog(place)
            stored = [catalog.tables[name] for name in sorted(catalog.stored_tables)]
            readable = [each for each in stored if not each.refused and each.columns]
            if not readable:
                raise SettingsError(
                    f"{side}: schema {catalog.schema!r} has no table that can be read; name the "
                    f"schema with --{side}-schema, or grant SELECT on its tables"
                )
            connection = cleanup.enter_context(stack.transaction(place))
            tables = _tables(side, stack, place, connection, readable)
            found[side] = Database(side, stack, place, connection, tables)
        yield Databases(found["legacy"], found["modern"])


def _tables(
    side: Side, stack: Stack, place: Place, connection: Connection, facts: Sequence[TableFacts]
) -> dict[str, Table]:
    """Return the tables by name, with foreign keys: declared ones, then such by names."""
    tables = {}
    for each in facts:
        references, uniques = _constraints(connection, stack.dialect, each)
        rows = _count(stack, place, connection, each)
        known = rows if rows < _COUNTED else max(rows, each.rows)
        whole = rows <= WHOLE
        sample = _sample(stack, place, connection, each, whole=whole)
        tables[each.name] = Table(side, each, known, references, uniques, tuple(sample), whole)
    return tables


def _constraints(
    connection: Connection, dialect: Dialect, facts: TableFacts
) -> tuple[tuple[Reference, ...], tuple[tuple[str, ...], ...]]:
    """Return the foreign keys and unique keys that the database declares."""
    if facts.sql or dialect.name not in ("PostgreSQL", "MySQL", "SQLite"):
        return (), ()  # files declare none
    schema = None if dialect.name == "SQLite" else facts.schema
    references, uniques = [], []
    with _passing(), dialect.apart(connection):
        look = inspect(connection)
        for key in look.get_foreign_keys(facts.name, schema):
            own, other = tuple(key["constrained_columns"]), tuple(key["referred_columns"])
            if key["referred_schema"] in (None, schema) and other:
                references.append(Reference(own, key["referred_table"], other))
        uniques = [
            tuple(str(name) for name in each["column_names"])
            for each in look.get_indexes(facts.name, schema)
            if each["unique"] and all(each["column_names"])
        ]
        uniques += [
            tuple(each["column_names"]) for each in look.get_unique_constraints(facts.name, schema)
        ]
    unique = [each for each in dict.fromkeys(uniques) if each and each != facts.primary_key]
    return tuple(references), tuple(unique)


def _count(stack: Stack, place: Place, connection: Connection, facts: TableFacts) -> int:
    if facts.rows > 10 * _COUNTED:
        return facts.rows
    rows: Select[Any] = select(column(facts.columns[0].name)).select_from(source_of(facts))
    counted = select(func.count()).select_from(rows.limit(_COUNTED).subquery("counted"))
    exact: list[int] = []  # empty if the server refuses the query
    with _passing(), stack.guard(place):
        exact.append(int(connection.scalar(counted) or 0))
    return exact[0] if exact else facts.rows


def _sample(
    stack: Stack, place: Place, connection: Connection, facts: TableFacts, *, whole: bool
) -> list[Row]:
    keys: list[ColumnElement[Any]] = [column(name) for name in facts.primary_key]
    found: list[Row] = []
    with _passing():
        if whole or not keys:
            limit = None if whole else 2 * _END
            found = _read(stack, place, connection, facts, order=keys, limit=limit)
        else:
            for order in (keys, [key.desc() for key in keys]):
                found += _read(stack, place, connection, facts, order=order, limit=_END)
    return found


def _read(
    stack: Stack,
    place: Place,
    connection: Connection,
    facts: TableFacts,
    condition: ColumnElement[bool] | None = None,
    order: Sequence[ColumnElement[object]] = (),
    limit: int | None = None,
) -> list[Row]:
    """Return rows. If some value has no text, the columns that cannot be read are left out."""
    readable = [each for each in facts.columns if each.family is not Family.UNKNOWN]

    def run(names: Sequence[str]) -> list[Row]:
        chosen = [each for each in readable if each.name in names]
        texts = [text_of(stack.dialect, each) for each in chosen]
        query = select(*texts).select_from(source_of(facts)).order_by(*order)
        query = query if condition is None else query.where(condition)
        query = query if limit is None else query.limit(limit)
        with stack.guard(place), stack.dialect.apart(connection):
            return [dict(zip(names, row, strict=True)) for row in connection.execute(query)]

    names = [each.name for each in readable]
    try:
        return run(names)
    except NotProven:
        return run([name for name in names if _is_readable(run, name)])


def text_of(dialect: Dialect, facts: ColumnFacts) -> ColumnElement[str]:
    """Return the SQL of a column's own canonical text."""
    if facts.family is Family.WRITTEN:  # the canonical text of such a value needs a type
        return cast(column(facts.name), Text)
    return dialect.canonical(column(facts.name), facts, facts.family, ColumnRules(common=True))


def _is_readable(run: Callable[[Sequence[str]], list[Row]], name: str) -> bool:
    try:
        run([name])
    except NotProven:
        return False
    return True


@contextmanager
def _passing() -> Iterator[None]:
    """Go on without what a query would have found, if the server refuses it."""
    try:
        yield
    except (NotProven, SQLAlchemyError, NotImplementedError):
        return


def with_inferred(tables: Mapping[str, Table], databases: Database) -> dict[str, Table]:
    """Return the tables with foreign keys that are not declared, but hold in all sampled rows."""
    return {
        name: replace(table, references=(*table.references, *_inferred(table, tables, databases)))
        for name, table in tables.items()
    }


def _inferred(table: Table, tables: Mapping[str, Table], database: Database) -> Iterator[Reference]:
    """Yield references by name: ``user_id`` to ``users.id``, ``users.user_id`` or ``users.uid``.

    Each value of the sample must be there, and there must be two different ones.
    """
    taken = {name for each in table.references for name in each.columns}
    for name in table.columns:
        own = words_of(name)
        if name in taken or len(own) < 2 or own[-1] not in ("id", "number", "key", "code", "uuid"):
            continue
        values = table.values(name)
        if len(values) < 2:
            continue
        for other in tables.values():
            key = _named_key(name, own, table, other)
            if key is None:
                continue
            there = {row.get(key) for row in database.rows_with(other, key, values)}
            if values <= there:
                yield Reference((name,), other.name, (key,), declared=False)
                break


def _named_key(name: str, words: tuple[str, ...], table: Table, other: Table) -> str | None:
    """Return the unique column of another table that a column is named after, or None.

    That is the primary key of ``users`` for ``user_id``, or a unique column of the same name.
    """
    called = bare_words(other.name)
    named = called in (words[:-1], words[-1 - len(called) : -1])
    if named and len(other.key) == 1 and (other.name, other.key[0]) != (table.name, name):
        return other.key[0]
    if other.name != table.name and (name,) in (other.key, *other.uniques):
        return None if (name,) in (table.key, *table.uniques) else name
    return None
