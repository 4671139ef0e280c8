"""SQL of the settings that stands for a table or a column: sources, and tenancies by SQL.

A source (``[sources.legacy.<name>] sql``) is a view that lives in the settings, for a role that may
not create one in the database. A tenancy by SQL (``legacy_tenancy = {sql = "CASE ..."}``) adds a
column with a row's tenant to its table. The SQL is parsed first: it has to be one SELECT, or one
value, that reads tables of the stack's own schema. The session is read-only as well. What is
altered in these tables after the snapshot is refused, as for a table that is read itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    column,
    literal_column,
    select,
    table,
    text,
)
from sqlalchemy.exc import DBAPIError

from ..config.settings import TENANT_BY_SQL
from ..errors import nearest
from .catalog import Catalog, ColumnFacts, TableFacts
from .dialects import Dialect

if TYPE_CHECKING:
    from sqlglot import exp

_SQLGLOT = {
    "PostgreSQL": "postgres",
    "MySQL": "mysql",
    "SQLite": "sqlite",
    "archive": "duckdb",
}


@dataclass(frozen=True)
class SettingsSql:
    """The SQL of one stack's sources, and of its tenancies by SQL, each by the table's name."""

    sources: Mapping[str, str] = field(default_factory=dict)
    tenancies: Mapping[str, str] = field(default_factory=dict)


class _Refused(Exception):
    """Why SQL of the settings cannot be read."""


def source_of(facts: TableFacts) -> FromClause:
    """Return the table or the source for a FROM clause, with the column of a tenancy by SQL."""
    names = [each.name for each in facts.columns]
    if facts.sql:
        relation: FromClause = _query_of(facts.name, facts.sql, names)
    else:
        relation = table(facts.name, *map(column, names), schema=facts.schema)
    if not facts.tenant_sql:
        return relation
    tenant = _value(facts.tenant_sql).label(TENANT_BY_SQL)
    return select(*relation.c, tenant).select_from(relation).subquery(facts.name)


def with_settings_sql(
    connection: Connection, dialect: Dialect, catalog: Catalog, settings: SettingsSql
) -> Catalog:
    """Return ``catalog`` with a table for each source, and a column for each tenancy by SQL.

    A table says why its SQL cannot be read (``refused``).
    """
    tables = dict(catalog.tables)
    for name, sql in settings.sources.items():
        query = sql.rstrip("; \t\r\n")
        facts = TableFacts(catalog.schema, name, (), (), view="query", sql=query)
        if name in catalog.tables:
            why = "(a source of the settings) has the name of a table; give it another name"
            tables[name] = replace(facts, refused=why)
            continue
        try:
            read = _tables_read(connection, dialect, catalog, query)
            tables[name] = _described(connection, dialect, replace(facts, reads=read))
        except _Refused as error:
            tables[name] = replace(facts, refused=f"(a source of the settings) {error}")
    for written, sql in settings.tenancies.items():
        lower = [each for each in tables if each.lower() == written.lower()]
        for name in [written] if written in tables else lower:
            facts = tables[name]
            try:
                select_value = f"SELECT {sql}"
                read = _tables_read(connection, dialect, catalog, select_value, of_value=True)
                reads = dict.fromkeys((*facts.reads, *read))
                tenant = _tenant_column(connection, dialect, facts, sql)
                tables[name] = replace(facts, tenant=tenant, tenant_sql=sql, reads=tuple(reads))
            except _Refused as error:
                why = facts.refused or f"has a tenancy by SQL in the settings, which {error}"
                tables[name] = replace(facts, refused=why)
    return replace(catalog, tables=tables)


def _tables_read(
    connection: Connection, dialect: Dialect, catalog: Catalog, sql: str, *, of_value: bool = False
) -> tuple[TableFacts, ...]:
    """Return the tables that a SELECT reads, all of which are in ``catalog``.

    Raises :class:`_Refused` if it does more than read them. ``of_value``: it was made of the SQL of
    one value.
    """
    from sqlglot import exp

    query = _parsed(sql, dialect, of_value=of_value)
    _require_reading(connection, dialect, query, sql)
    known = {name.lower() for name in catalog.tables}
    named_here = {each.alias.lower() for each in query.find_all(exp.CTE)}
    for name in sorted(named_here):
        # Which of the two a FROM means depends on its place.
        if name in known or name.startswith(("pg_", "sqlite_", "information_schema")):
            raise _Refused(f"names a part {name!r} (WITH), as a table is named; rename the part")
    read: dict[TableFacts, None] = {}
    for each in query.find_all(exp.Table):
        name = each.name
        if not name or (name.lower() in named_here and not each.db):
            continue  # a function that returns rows, or a part of the query itself
        if each.db and each.db != catalog.schema:
            raise _Refused(
                f"reads {each.db}.{name}; SQL of the settings reads the schema "
                f"{catalog.schema} alone"
            )
        found = dialect.tables_meant(name, catalog.tables, quoted=bool(each.this.quoted))
        if len(found) != 1:
            near = nearest(name, catalog.tables)
            raise _Refused(f"reads {name!r}, which is not there; the nearest is {near!r}")
        if why := catalog.tables[found[0]].refused:
            raise _Refused(f"reads {found[0]!r}, which {why}")
        read[catalog.tables[found[0]].shape] = None
    return tuple(read)


def _require_reading(connection: Connection, dialect: Dialect, query: exp.Query, sql: str) -> None:
    """Raise :class:`_Refused` if a query writes, or its tables do not determine its result."""
    from sqlglot import exp

    writing = query.find(exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Into, exp.Lock)
    if writing is not None:
        raise _Refused(f"must only read, and has {writing.key.upper()}")
    if query.find(exp.Parameter, exp.SessionParameter) is not None:
        raise _Refused("uses a variable, which the tables that it reads do not determine")
    if unsteady := dialect.unsteady_functions(connection, _called(sql, dialect)):
        raise _Refused(
            f"calls {unsteady[0]}(), whose result can change while the tables that it reads do not"
        )


def _parsed(sql: str, dialect: Dialect, *, of_value: bool) -> exp.Query:
    """Return a query as parsed. Raises :class:`_Refused` unless it is one SELECT."""
    import sqlglot
    from sqlglot import exp

    if dialect.name == "MySQL" and re.search(r"/\*M?!", sql):
        raise _Refused("holds a comment /*!, which the server executes; write what it says")
    try:
        statements = sqlglot.parse(sql, read=_SQLGLOT.get(dialect.name))
    except sqlglot.errors.SqlglotError as error:
        line = str(error).partition("\n")[0]
        raise _Refused(f"is not understood: {line}") from None
    query = statements[0] if len(statements) == 1 else None
    if of_value:
        clauses = {name for name, given in query.args.items() if given} if query else set()
        alone = isinstance(query, exp.Select) and len(query.expressions) == 1
        if not alone or clauses - {"expressions", "kind"}:
            raise _Refused("must be one value, such as a CASE, and nothing else")
    if not isinstance(query, exp.Query):
        raise _Refused("must be one SELECT, and nothing else")
    return query


def _called(sql: str, dialect: Dialect) -> set[str]:
    """Return the names before opening parentheses, in lower case: functions, and some keywords."""
    import sqlglot

    texts = [token.text for token in sqlglot.tokenize(sql, read=_SQLGLOT.get(dialect.name))]
    return {text.lower() for text, follows in pairwise(texts) if follows == "("}


def _described(connection: Connection, dialect: Dialect, facts: TableFacts) -> TableFacts:
    """Return ``facts`` with the columns of the query, as the server describes them."""
    everything: Select[Any] = select(literal_column("*")).select_from(
        _query_of(facts.name, facts.sql, ())
    )
    try:
        with _unlocked_after(connection, dialect):
            result = connection.execute(everything.limit(0))
            names = list(result.keys())
            result.close()
            if twice := [name for name in names if names.count(name) > 1]:
                raise _Refused(f"has two columns {twice[0]!r}; name each of them (AS)")
            query = _query_of(facts.name, facts.sql, names)
            columns = [
                replace(dialect.expression_facts(connection, query, column(name)), name=name)
                for name in names
            ]
    except DBAPIError as error:
        raise _Refused(f"fails: {dialect.explain(error)}") from None
    return replace(facts, columns=tuple(columns))


def _tenant_column(
    connection: Connection, dialect: Dialect, facts: TableFacts, sql: str
) -> ColumnFacts:
    """Return the column of a tenancy by SQL, as the server describes it."""
    if facts.column(TENANT_BY_SQL) is not None:
        raise _Refused(f"needs the name {TENANT_BY_SQL!r}, which a column of the table has")
    try:
        with _unlocked_after(connection, dialect):
            described = dialect.expression_facts(connection, source_of(facts), _value(sql))
    except DBAPIError as error:
        raise _Refused(f"fails: {dialect.explain(error)}") from None
    return replace(described, name=TENANT_BY_SQL)


def _query_of(name: str, sql: str, columns: Iterable[str]) -> FromClause:
    """Return the query of a source for a FROM clause, under the source's name."""
    clause = text(_escaped(sql) + "\n")  # a comment at the end must not swallow what follows
    return clause.columns(*map(column, columns)).subquery(name)


def _value(sql: str) -> ColumnElement[Any]:
    return literal_column(f"({sql}\n)")


@contextmanager
def _unlocked_after(connection: Connection, dialect: Dialect) -> Iterator[None]:
    """Release the locks of tables that queries have taken.

    The session holds the run's snapshot. If it kept the locks, no table could be altered until the
    run ends.
    """
    if not dialect.parallel_sessions:  # a file: there are no such locks
        with dialect.apart(connection):
            yield
        return
    savepoint = connection.begin_nested()
    try:
        yield
    finally:
        savepoint.rollback()


def _escaped(sql: str) -> str:
    """Return SQL in which colons are no parameters."""
    return sql.replace(":", r"\:")
