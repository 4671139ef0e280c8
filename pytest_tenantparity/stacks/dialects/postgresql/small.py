"""Reads many small tables of PostgreSQL with one statement, soundly and without delay for others.

A statement reads tables by the names and columns of the current catalog. The run planned it with
the catalog of the snapshot. From ``hold_small`` to the end of the transaction, locks prevent that
tables are altered, renamed, rewritten or dropped. The locks do not undo changes that were committed
between the snapshot and the locks. They also do not prevent that a schema is renamed or that a
table gets a child table. So after the statement, the definitions are compared with those of the
snapshot (``altered.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, text

from ....errors import NotProven
from ...catalog import TableFacts

# One statement locks all tables, and may wait for one table while it holds the locks of others. A
# server searches for deadlocks after one second. The wait is shorter, so that no other session that
# waits for these tables fails with a deadlock.
_PATIENCE = 500  # milliseconds

_HURRY = text("""
    SELECT name, setting, pg_catalog.set_config(
        name, least(coalesce(nullif(setting::int, 0), :patience), :patience)::text, true)
    FROM pg_catalog.pg_settings WHERE name IN ('lock_timeout', 'statement_timeout')
""")
_TAKE_TIME = text("SELECT pg_catalog.set_config('statement_timeout', :own, true)")
# Look up one name after the other. If many schemas have tables of one name, the planner would read
# all of pg_class. OFFSET 0 prevents that.
_FOUND = """
    FROM unnest(:schemas ::name[], :tables ::name[]) wanted (schema, name)
    CROSS JOIN LATERAL (
        SELECT n.oid, n.xmax FROM pg_catalog.pg_namespace n WHERE n.nspname = wanted.schema OFFSET 0
    ) n
    CROSS JOIN LATERAL (
        SELECT c.oid, c.xmax, c.relkind FROM pg_catalog.pg_class c
        WHERE c.relnamespace = n.oid AND c.relname = wanted.name OFFSET 0
    ) c
"""
_SIZES = text(f"""
    SELECT count(size), coalesce(sum(size), 0) / current_setting('block_size')::int
    FROM (SELECT pg_table_size(c.oid) {_FOUND} WHERE c.relkind = 'r') found (size)
""")  # noqa: S608 - constants


def hold_small(connection: Connection, tables: Sequence[TableFacts], most_blocks: int) -> None:
    """Lock tables against alteration; raises :class:`NotProven` if they are not all small."""
    quoted = connection.dialect.identifier_preparer.quote_identifier
    names = ", ".join(f"{quoted(each.schema)}.{quoted(each.name)}" for each in tables)
    with _briefly(connection):
        connection.exec_driver_sql(f"LOCK TABLE {names} IN ACCESS SHARE MODE")
        count, blocks = connection.execute(_SIZES, _names(tables)).one()
    if count != len(tables):
        raise NotProven("a table was replaced after the snapshot was taken")
    if blocks > most_blocks:
        raise NotProven("the tables are too large to be read by one statement")


def _names(tables: Sequence[TableFacts]) -> dict[str, list[str]]:
    return {"schemas": [each.schema for each in tables], "tables": [each.name for each in tables]}


@contextmanager
def _briefly(connection: Connection) -> Iterator[None]:
    """Run statements with short timeouts. A statement that takes longer ends the transaction.

    The short ``lock_timeout`` stays set until the end of the transaction, because the indexes are
    locked only when the tables are read.
    """
    own = {name: each for name, each, _ in connection.execute(_HURRY, {"patience": _PATIENCE})}
    yield
    connection.execute(_TAKE_TIME, {"own": own["statement_timeout"]})
