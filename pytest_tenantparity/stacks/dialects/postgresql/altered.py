"""Whether relations that PostgreSQL has read are still defined as in the snapshot's catalog.

A query reads the rows of the snapshot, but with the names, columns, partitions and files of the
current catalog. After some alterations, a query would return other rows than the snapshot's,
without an error: two columns exchanged their names, a partition was dropped, or a table was
truncated.

Three kinds of relations are checked:

- the relations that a query names,
- their partitions and child tables,
- the relations that views among them read.

:func:`may_be_altered` is cheap, and runs in the snapshot itself. If a catalog row that the snapshot
sees has been changed since, the row has an ``xmax`` (System Columns, PostgreSQL manual). Grants and
a table's first foreign key also change such rows. So if a changed row is found, :func:`definitions`
in the snapshot is compared with :func:`definitions` in a new transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from sqlalchemy import Connection, text

from ....errors import NotProven
from ...catalog import TableFacts

Present = Callable[[], AbstractContextManager[Connection]]
"""Opens a session that reads the current data."""

# Look up one name after the other. If many schemas have tables of one name, the planner would read
# all of pg_class. OFFSET 0 prevents that.
_TREE = """
    WITH RECURSIVE tree (oid) AS (
        SELECT c.oid
        FROM unnest(:schemas ::name[], :tables ::name[]) wanted (schema, name)
        CROSS JOIN LATERAL (
            SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = wanted.schema OFFSET 0
        ) n
        CROSS JOIN LATERAL (
            SELECT c.oid FROM pg_catalog.pg_class c
            WHERE c.relnamespace = n.oid AND c.relname = wanted.name OFFSET 0
        ) c
        UNION
        SELECT next.oid FROM tree CROSS JOIN LATERAL (
            SELECT i.inhrelid FROM pg_catalog.pg_inherits i WHERE i.inhparent = tree.oid
            UNION ALL
            SELECT d.refobjid FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_depend d
            ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid
            AND d.refclassid = 'pg_catalog.pg_class'::regclass
            WHERE r.ev_class = tree.oid
        ) next (oid)
    )
"""
# An xmax means a change, unless its transaction is older than the snapshot. Then it was rolled
# back. New partitions have no row that the snapshot sees: pg_partition_tree counts the current
# partitions. A table with child tables may also have new ones.
_SUSPECTED = text(f"""
    {_TREE}
    SELECT EXISTS (
        SELECT FROM tree JOIN pg_catalog.pg_class c ON c.oid = tree.oid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        CROSS JOIN LATERAL (
            SELECT n.xmax UNION ALL SELECT c.xmax
            UNION ALL SELECT a.xmax FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid
            UNION ALL SELECT i.xmax FROM pg_catalog.pg_inherits i WHERE i.inhparent = c.oid
            UNION ALL SELECT r.xmax FROM pg_catalog.pg_rewrite r WHERE r.ev_class = c.oid
        ) changed (by_transaction)
        WHERE by_transaction <> '0'
        AND age(by_transaction) <= age(pg_snapshot_xmin(pg_current_snapshot())::xid)
        OR c.relkind = 'r' AND c.relhassubclass
        OR c.relkind = 'p' AND (SELECT count(*) FROM pg_partition_tree(c.oid)) <> (
            WITH RECURSIVE parts (oid) AS (
                SELECT c.oid UNION ALL SELECT i.inhrelid
                FROM parts JOIN pg_catalog.pg_inherits i ON i.inhparent = parts.oid
            )
            SELECT count(*) FROM parts
        )
    )
""")  # noqa: S608 - constants
_DEFINITIONS = text(f"""
    {_TREE}
    SELECT n.nspname, c.relname, c.oid::text, c.relkind::text, c.relfilenode::text,
           c.relrowsecurity, ARRAY(
               SELECT concat_ws(' ', a.attnum, quote_ident(a.attname), a.atttypid, a.atttypmod,
                                a.attcollation, a.attisdropped)
               FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid ORDER BY a.attnum
           ), ARRAY(
               SELECT i.inhparent::text FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid
               ORDER BY 1
           ), ARRAY(
               SELECT md5(r.ev_action::text) FROM pg_catalog.pg_rewrite r
               WHERE r.ev_class = c.oid ORDER BY r.oid
           )
    FROM tree JOIN pg_catalog.pg_class c ON c.oid = tree.oid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    ORDER BY c.oid
""")  # noqa: S608 - constants

Definition = tuple[str, ...]
"""Schema, name, and all properties that decide what a query reads of a relation."""


def may_be_altered(connection: Connection, tables: Sequence[TableFacts]) -> bool:
    """Return whether the catalog has changed for any of the relations that are read."""
    return bool(connection.scalar(_SUSPECTED, _names(tables)))


def require_unaltered(
    connection: Connection, tables: Sequence[TableFacts], present: Present
) -> None:
    """Raise :class:`NotProven` if a relation that was read is not defined as in the snapshot."""
    if not may_be_altered(connection, tables):
        return
    before = definitions(connection, tables)
    with present() as now:
        after = definitions(now, tables)
    if before != after:
        schema, name, *_ = min(set(before) ^ set(after))
        raise NotProven(f"{schema}.{name} was altered after the snapshot was taken")


def definitions(connection: Connection, tables: Sequence[TableFacts]) -> list[Definition]:
    """Return the definitions of all relations that are read, as a transaction sees them."""
    rows = connection.execute(_DEFINITIONS, _names(tables))
    return [(schema, name, *map(repr, more)) for schema, name, *more in rows]


def _names(tables: Sequence[TableFacts]) -> dict[str, list[str]]:
    return {"schemas": [each.schema for each in tables], "tables": [each.name for each in tables]}
