"""How PostgreSQL is made sure to read several small tables by one statement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Text,
    cast,
    func,
    literal_column,
    select,
    text,
    true,
)

from ...errors import NotProven
from ..catalog import TableFacts

# All tables are locked by one statement, against being altered, and it may wait for one while it
# holds others. Nobody who waits for those is to find a deadlock, for which the server looks after
# a second.
_PATIENCE = 500  # milliseconds

_HURRY = text("""
    SELECT name, setting, pg_catalog.set_config(
        name, least(coalesce(nullif(setting::int, 0), :patience), :patience)::text, true)
    FROM pg_catalog.pg_settings WHERE name IN ('lock_timeout', 'statement_timeout')
""")
_TAKE_TIME = text("SELECT pg_catalog.set_config('statement_timeout', :own, true)")
_TYPES = text("""
    SELECT a.atttypid::regtype::text
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = :schema AND c.relname = :table AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum
""")
_SIZES = text("""
    SELECT count(pg_table_size(c.oid)),
           coalesce(sum(pg_table_size(c.oid)), 0) / current_setting('block_size')::int
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE (n.nspname, c.relname) IN (SELECT * FROM unnest(:schemas ::name[], :tables ::name[]))
      AND c.relkind = 'r'
""")


def require_alike(
    connection: Connection, rows: FromClause, tables: Sequence[TableFacts], most_blocks: int
) -> None:
    """Lock tables of one name, and make sure that the columns of their union are of their types.

    A column whose type was altered in one of them could convert those of all. Raises NotProven.
    """
    first = tables[0]
    with _briefly(connection):
        now = connection.execute(_types(rows), execution_options={"compiled_cache": None}).one()
        _require_small(connection, tables, most_blocks)
    # The catalog that a query reads is the snapshot's, in which all tables are alike.
    then = connection.scalars(_TYPES, {"table": first.name, "schema": first.schema})
    if list(now) != list(then):
        raise NotProven(f"a table {first.name!r} was altered after the snapshot was taken")


def hold_small(connection: Connection, tables: Sequence[TableFacts], most_blocks: int) -> None:
    """Lock tables against being altered, and make sure that all are small; raises NotProven."""
    quoted = connection.dialect.identifier_preparer.quote_identifier
    names = ", ".join(f"{quoted(each.schema)}.{quoted(each.name)}" for each in tables)
    with _briefly(connection):
        connection.exec_driver_sql(f"LOCK TABLE {names} IN ACCESS SHARE MODE")
        _require_small(connection, tables, most_blocks)


@contextmanager
def _briefly(connection: Connection) -> Iterator[None]:
    """Ask what is answered soon, or else ends the transaction.

    To the transaction's end no lock is waited for any longer: indexes have some of their own.
    """
    own = {name: each for name, each, _ in connection.execute(_HURRY, {"patience": _PATIENCE})}
    yield
    connection.execute(_TAKE_TIME, {"own": own["statement_timeout"]})


def _require_small(connection: Connection, tables: Sequence[TableFacts], most_blocks: int) -> None:
    wanted = {(each.schema, each.name) for each in tables}
    schemas, names = map(list, zip(*wanted, strict=True))
    count, blocks = connection.execute(_SIZES, {"schemas": schemas, "tables": names}).one()
    if count != len(wanted):
        raise NotProven("a table was replaced after the snapshot was taken")
    if blocks > most_blocks:
        raise NotProven("the tables are too large to be read by one statement")


def _types(rows: FromClause) -> Select[Any]:
    """Ask what types all columns but the first, which tells the tables apart, are of now."""
    none = select(rows).limit(literal_column("0")).subquery("none")
    one = select(literal_column("1")).subquery("one")
    types: list[ColumnElement[Any]] = [
        cast(func.pg_catalog.pg_typeof(each), Text) for each in list(none.c)[1:]
    ]
    return select(*types).select_from(one.outerjoin(none, true()))
