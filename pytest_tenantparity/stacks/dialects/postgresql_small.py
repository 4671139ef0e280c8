"""How PostgreSQL reads many small tables by one statement, soundly and without delay for others.

A statement reads tables by the names and columns that the catalog has now. The run planned it by
the catalog of the snapshot. From ``hold_small`` to the end of the transaction, locks keep tables
from being altered, renamed, rewritten or dropped. They do not undo what was committed between the
snapshot and the locks, and they do not prevent that a schema is renamed or that a table gets an
heir. So after the statement, the definitions are compared with those of the snapshot
(``postgresql_altered.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, text

from ...errors import NotProven
from ..catalog import TableFacts

# All tables are locked by one statement, which may wait for one table while it holds others. A
# server looks for deadlocks after a second. No session that waits for those tables may find one.
_PATIENCE = 500  # milliseconds

_HURRY = text("""
    SELECT name, setting, pg_catalog.set_config(
        name, least(coalesce(nullif(setting::int, 0), :patience), :patience)::text, true)
    FROM pg_catalog.pg_settings WHERE name IN ('lock_timeout', 'statement_timeout')
""")
_TAKE_TIME = text("SELECT pg_catalog.set_config('statement_timeout', :own, true)")
# One name after the other. The planner would read all of pg_class where many schemas have tables
# of one name. OFFSET 0 keeps it from that.
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
    """Lock tables against being altered, and require that all are small; raises NotProven."""
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
    """Run statements that are finished soon, or else end the transaction.

    To the end of the transaction no lock is waited for any longer: indexes have some of their own.
    """
    own = {name: each for name, each, _ in connection.execute(_HURRY, {"patience": _PATIENCE})}
    yield
    connection.execute(_TAKE_TIME, {"own": own["statement_timeout"]})
