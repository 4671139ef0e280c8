"""How PostgreSQL is made sure to read several tables as one without changing a value."""

from __future__ import annotations

from collections.abc import Sequence
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
_MOST_BLOCKS = 32_768  # of all tables together; 256 MB, some seconds' work

_TIMEOUT = text("""
    SELECT setting::int FROM pg_catalog.pg_settings WHERE name = 'statement_timeout'
""")
_SET_TIMEOUT = text("SELECT pg_catalog.set_config('statement_timeout', :value, true)")
_TYPES = text("""
    SELECT a.atttypid::regtype::text
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = :schema AND c.relname = :table AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum
""")
_SIZES = text("""
    SELECT count(pg_relation_size(c.oid)),
           coalesce(sum(pg_relation_size(c.oid)), 0) / current_setting('block_size')::int
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = :table AND n.nspname = ANY (:schemas) AND c.relkind = 'r'
""")


def require_alike(connection: Connection, rows: FromClause, tables: Sequence[TableFacts]) -> None:
    """Lock tables of one name, and make sure that the columns of their union are of their types.

    A column whose type was altered in one of them could convert those of all. Raises NotProven.
    """
    first, schemas = tables[0], {each.schema for each in tables}
    own = connection.execute(_TIMEOUT).scalar_one()
    connection.execute(_SET_TIMEOUT, {"value": f"{min(own, _PATIENCE)}ms"})
    now = connection.execute(_types(rows), execution_options={"compiled_cache": None}).one()
    where = {"table": first.name, "schemas": list(schemas)}
    count, blocks = connection.execute(_SIZES, where).one()
    connection.execute(_SET_TIMEOUT, {"value": f"{own}ms"})
    # The catalog that a query reads is the snapshot's, in which all tables are alike.
    then = connection.scalars(_TYPES, {"table": first.name, "schema": first.schema})
    if list(now) != list(then):
        raise NotProven(f"a table {first.name!r} was altered after the snapshot was taken")
    if count != len(schemas):
        raise NotProven(f"a table {first.name!r} was replaced after the snapshot was taken")
    if blocks > _MOST_BLOCKS:
        raise NotProven(f"the tables {first.name!r} are too large to be read as one")


def _types(rows: FromClause) -> Select[Any]:
    """Ask what types all columns but the first, which tells the tables apart, are of now."""
    none = select(rows).limit(literal_column("0")).subquery("none")
    one = select(literal_column("1")).subquery("one")
    types: list[ColumnElement[Any]] = [
        cast(func.pg_catalog.pg_typeof(each), Text) for each in list(none.c)[1:]
    ]
    return select(*types).select_from(one.outerjoin(none, true()))
