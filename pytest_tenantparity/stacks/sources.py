"""Sources: queries of the settings that are read like tables (``[sources.legacy.<name>] sql``).

A source is a view that lives in the settings, for a role that may not create one in the database.
Its query is parsed first: it has to be one SELECT that reads tables of the stack's own schema. The
session is read-only as well. What is altered in these tables after the snapshot is refused, as for
a table that is read itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, FromClause, Select, column, literal_column, select, text
from sqlalchemy.exc import DBAPIError

from ..errors import nearest
from .catalog import Catalog, TableFacts
from .dialects import Dialect

_SQLGLOT = {
    "PostgreSQL": "postgres",
    "MySQL": "mysql",
    "SQLite": "sqlite",
    "archive": "duckdb",
}


class _Refused(Exception):
    """Why a source cannot be read."""


def query_of(name: str, sql: str, columns: Iterable[str]) -> FromClause:
    """Return the query of a source for a FROM clause, under the source's name."""
    clause = text(_escaped(sql) + "\n")  # a comment at the end must not swallow what follows
    return clause.columns(*map(column, columns)).subquery(name)


def with_sources(
    connection: Connection, dialect: Dialect, catalog: Catalog, sources: Mapping[str, str]
) -> Catalog:
    """Return ``catalog`` with a table for each source. One that cannot be read says why."""
    tables = dict(catalog.tables)
    for name, sql in sources.items():
        facts = TableFacts(catalog.schema, name, (), (), view="query", sql=sql)
        try:
            reads = _tables_read(name, sql, dialect, catalog)
            tables[name] = _described(connection, dialect, replace(facts, reads=reads))
        except _Refused as error:
            tables[name] = replace(facts, refused=f"(a source of the settings) {error}")
    return replace(catalog, tables=tables)


def _tables_read(name: str, sql: str, dialect: Dialect, catalog: Catalog) -> tuple[str, ...]:
    """Return the tables that a query reads. Raises :class:`_Refused` unless it is one SELECT."""
    import sqlglot
    from sqlglot import exp

    if name in catalog.tables:
        raise _Refused("has the name of a table; give the source another name")
    try:
        statements = sqlglot.parse(sql, read=_SQLGLOT.get(dialect.name))
    except sqlglot.errors.SqlglotError as error:
        line = str(error).partition("\n")[0]
        raise _Refused(f"is not understood: {line}") from None
    query = statements[0] if len(statements) == 1 else None
    if not isinstance(query, exp.Query):
        raise _Refused("must be one SELECT, and nothing else")
    writing = query.find(exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Into, exp.Lock)
    if writing is not None:
        raise _Refused(f"must only read, and has {writing.key.upper()}")
    named_here = {each.alias for each in query.find_all(exp.CTE)}
    read: dict[str, None] = {}
    for table in query.find_all(exp.Table):
        if table.name in named_here and not table.db:
            continue
        if table.db and table.db != catalog.schema:
            raise _Refused(
                f"reads {table.db}.{table.name}; a source reads the schema {catalog.schema} alone"
            )
        found = [each for each in catalog.tables if each == table.name]
        found = found or [e for e in catalog.tables if e.lower() == table.name.lower()]
        if len(found) != 1:
            near = nearest(table.name, catalog.tables)
            raise _Refused(f"reads {table.name!r}, which is not there; the nearest is {near!r}")
        if why := catalog.tables[found[0]].refused:
            raise _Refused(f"reads {found[0]!r}, which {why}")
        read[found[0]] = None
    return tuple(read)


def _described(connection: Connection, dialect: Dialect, facts: TableFacts) -> TableFacts:
    """Return ``facts`` with the columns of the query, as the server describes them."""
    everything: Select[Any] = select(literal_column("*")).select_from(
        query_of(facts.name, facts.sql, ())
    )
    try:
        with _unlocked_after(connection, dialect):
            result = connection.execute(everything.limit(0))
            names = list(result.keys())
            result.close()
            if twice := [name for name in names if names.count(name) > 1]:
                raise _Refused(f"has two columns {twice[0]!r}; name each of them (AS)")
            query = query_of(facts.name, facts.sql, names)
            columns = [
                replace(dialect.expression_facts(connection, query, column(name)), name=name)
                for name in names
            ]
    except DBAPIError as error:
        raise _Refused(f"fails: {dialect.explain(error)}") from None
    return replace(facts, columns=tuple(columns))


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
