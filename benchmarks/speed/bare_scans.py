"""The bare limits: the least work of the servers, without any tool.

Every scan runs on both sides at once, and takes as long as the slower one. Like an audit's, it
runs without parallel workers, since these would slow the other users of a server.
"""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from psycopg import sql

from .data_sets import DataSet, Side
from .stacks import Stacks, at_once

# Each column is hashed with a seed of its own, made of the key and the column's number. NULL has a
# constant; a number's sign is in the seed, as is all of the key. The epoch is an exact number.
_ROW_HASH = sql.SQL("""
    hashtextextended('', id)
    # uuid_hash_extended(account_id, id # (1::bigint << 56))
    # coalesce(hashtextextended(symbol, id # (2::bigint << 56)), 2)
    # coalesce(hashtextextended(side, id # (3::bigint << 56)), 3)
    # coalesce(hash_numeric_extended(qty, id # (4::bigint << 56) # (qty < 0)::int), 4)
    # coalesce(hash_numeric_extended(price, id # (5::bigint << 56) # (price < 0)::int), 5)
    # coalesce(hash_numeric_extended(fee, id # (6::bigint << 56) # (fee < 0)::int), 6)
    # hash_numeric_extended(extract(epoch FROM executed_at), id # (7::bigint << 56))
    # coalesce(hashtextextended(note, id # (8::bigint << 56)), 8)
    # coalesce(hashtextextended(metadata::text, id # (9::bigint << 56)), 9)
""")
_COUNT = sql.SQL("SELECT count(*) FROM {table}")
_DIGEST = sql.SQL("SELECT count(*), sum({hash}) FROM {table}")
_BY_TENANT = sql.SQL("SELECT {owner}, count(*), sum({hash}) FROM {table} GROUP BY 1")


def count(stacks: Stacks, data: DataSet) -> float:
    """Return the seconds of a ``count(*)`` of every table."""
    return _scan(stacks, data, _COUNT)


def digest(stacks: Stacks, data: DataSet) -> float:
    """Return the seconds of the cheapest sound digest of every table."""
    return _scan(stacks, data, _DIGEST)


def digest_by_tenant(stacks: Stacks, data: DataSet, tables: int | None = None) -> float:
    """Return the seconds of that digest by tenant, in one scan of each of the first ``tables``."""
    return _scan(stacks, data, _BY_TENANT, data.table_names[:tables])


def digest_of(connection: psycopg.Connection, table: sql.Identifier) -> tuple[object, ...]:
    """Return the count and the digest of one table."""
    row = connection.execute(_DIGEST.format(hash=_ROW_HASH, table=table)).fetchone()
    return () if row is None else tuple(row)


def _scan(
    stacks: Stacks, data: DataSet, query: sql.SQL, tables: Sequence[str] | None = None
) -> float:
    names = data.table_names if tables is None else tables

    def scan(side: Side) -> None:
        with stacks.connect(side) as connection:
            connection.execute("SET max_parallel_workers_per_gather = 0")
            for name in names:
                connection.execute(_query(query, data, side, name)).fetchall()

    return at_once(scan)


def _query(query: sql.SQL, data: DataSet, side: Side, table: str) -> sql.Composed:
    return query.format(
        table=sql.Identifier(data.schema_on(side), table),
        hash=_ROW_HASH,
        owner=sql.Identifier("account_id" if side == "legacy" else "tenant_id"),
    )
