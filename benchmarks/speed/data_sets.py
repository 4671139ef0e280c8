"""Trades of many tenants, made inside the servers and the same every time.

The tenants' sizes follow Zipf's law, and their rows lie scattered. Planted drifts are evenly
spaced: of four, two rows are changed, one is missing on the modern side and one is extra there.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import md5
from typing import Literal
from uuid import UUID

import psycopg
from psycopg import sql

Side = Literal["legacy", "modern"]
SIDES: tuple[Side, Side] = ("legacy", "modern")

COLUMNS = (
    "id", "account_id", "symbol", "side", "qty", "price", "fee", "executed_at", "note", "metadata",
)  # fmt: skip
"""What both sides hold; the modern one has a ``tenant_id`` as well."""

_TYPES = sql.SQL("""
    id bigint NOT NULL,
    account_id uuid NOT NULL,
    symbol text NOT NULL,
    side text NOT NULL,
    qty numeric(24, 8) NOT NULL,
    price numeric(24, 8) NOT NULL,
    fee numeric(24, 12),
    executed_at timestamptz NOT NULL,
    note text,
    metadata jsonb NOT NULL
""")

# 1 + 1/2 + 1/3 ... is a logarithm, and multiples of the golden section fill 0 to 1 evenly.
_ROWS = sql.SQL("""
    SELECT {tenant_first}
        id,
        md5('account-' || tenant)::uuid,
        'SYM-' || id % 500,
        CASE WHEN id % 3 = 0 THEN 'sell' ELSE 'buy' END,
        (id * 7919 % 100000007)::numeric / 1000,
        (id * 104729 % 9999991)::numeric / 10000,
        CASE WHEN id % 20 <> 0 THEN (id % 997)::numeric / 100000 END,
        timestamptz '2024-01-01 00:00:00+00' + id * interval '1.234567 seconds',
        CASE WHEN id % 5 <> 0 THEN 'order ' || id || ' filled by desk ' || id % 37 || ', naïve' END,
        jsonb_build_object(
            'source', 'api', 'venue', 'v' || id % 23,
            'tags', jsonb_build_array('a', id % 7), 'reference', md5(id::text)
        )
    FROM (
        SELECT id, CASE
            WHEN id <= {tenants} THEN id
            ELSE floor(power({tenants} + 1, place - floor(place)))::bigint
        END AS tenant
        FROM (
            SELECT id, id * 0.6180339887498949::float8 AS place
            FROM generate_series(1, {rows}::bigint) id
        ) placed
    ) owned
""")

_DRIFTED = sql.SQL("id % {step} = 0 AND id <= {last}")


@dataclass(frozen=True)
class DataSet:
    """Tables of ``rows`` rows, in a schema of their own, with planted drifts on the modern side.

    ``legacy_of`` names the schema whose legacy side is also that of this data set.
    """

    schema: str
    rows: int
    tenants: int
    tables: int = 1
    drifts: int = 0
    legacy_of: str | None = None

    def schema_on(self, side: Side) -> str:
        """Return the schema that it is in."""
        if side == "legacy" and self.legacy_of is not None:
            return self.legacy_of
        return self.schema

    @property
    def table_names(self) -> tuple[str, ...]:
        """The tables, alike on both sides."""
        return tuple(f"trades_{n}" for n in range(1, self.tables + 1))

    @property
    def planted(self) -> dict[str, int]:
        """How many rows are changed, missing and extra on the modern side."""
        fours, rest = divmod(self.drifts, 4)
        return {
            "changed": 2 * fours + (rest >= 1),
            "missing": fours + (rest >= 2),
            "extra": fours + (rest >= 3),
        }


def account_of(tenant: int) -> str:
    """Return the legacy account of a tenant by its number."""
    return str(UUID(md5(f"account-{tenant}".encode(), usedforsecurity=False).hexdigest()))


def create(connection: psycopg.Connection, side: Side, data: DataSet) -> None:
    """Make one side of a data set, with indexes, vacuumed and analysed."""
    if data.schema_on(side) != data.schema:
        return
    schema = sql.Identifier(data.schema)
    connection.execute(sql.SQL("CREATE SCHEMA {}").format(schema))
    for name in data.table_names:
        table = sql.SQL("{}.{}").format(schema, sql.Identifier(name))
        _fill(connection, side, data, table)
        if side == "modern" and data.drifts:
            _plant(connection, data, table)
        _index(connection, side, table)


def drop(connection: psycopg.Connection, data: DataSet) -> None:
    """Remove one side of a data set, if it exists."""
    connection.execute(
        sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(data.schema))
    )


def tenant_sizes(connection: psycopg.Connection, data: DataSet) -> dict[int, int]:
    """Return the rows of each tenant in the first modern table, the largest tenant first."""
    statement = sql.SQL("SELECT tenant_id, count(*) FROM {}.trades_1 GROUP BY 1 ORDER BY 2 DESC, 1")
    return dict(connection.execute(statement.format(sql.Identifier(data.schema))).fetchall())


def _fill(connection: psycopg.Connection, side: Side, data: DataSet, table: sql.Composable) -> None:
    owner = sql.SQL("tenant_id bigint NOT NULL," if side == "modern" else "")
    # The rows are written once, so autovacuum would only disturb the measurement.
    create = sql.SQL("CREATE TABLE {} ({} {}) WITH (autovacuum_enabled = off)")
    connection.execute(create.format(table, owner, _TYPES))
    rows = _ROWS.format(
        tenant_first=sql.SQL("tenant," if side == "modern" else ""),
        tenants=sql.Literal(data.tenants),
        rows=sql.Literal(data.rows),
    )
    connection.execute(sql.SQL("INSERT INTO {} {}").format(table, rows))


def _plant(connection: psycopg.Connection, data: DataSet, table: sql.Composable) -> None:
    """Change, remove and add rows; the k-th drifted row is k steps from the start."""
    step = data.rows // data.drifts
    drifted = _DRIFTED.format(step=sql.Literal(step), last=sql.Literal(step * data.drifts))
    for statement in (
        sql.SQL(
            "INSERT INTO {0} SELECT tenant_id, id + {2}, {3} FROM {0} "
            "WHERE {1} AND id / {4} % 4 = 3"
        ),
        sql.SQL("UPDATE {0} SET qty = qty + 0.01 WHERE {1} AND id / {4} % 4 < 2"),
        sql.SQL("DELETE FROM {0} WHERE {1} AND id / {4} % 4 = 2"),
    ):
        others = sql.SQL(", ").join(sql.Identifier(name) for name in COLUMNS[1:])
        connection.execute(
            statement.format(table, drifted, sql.Literal(data.rows), others, sql.Literal(step))
        )


def _index(connection: psycopg.Connection, side: Side, table: sql.Composable) -> None:
    """Create each side's usual keys, and an index of ``id`` on the modern side for the peers."""
    key, index = ("id", "account_id") if side == "legacy" else ("tenant_id, id", "id")
    for statement in (
        sql.SQL("ALTER TABLE {} ADD PRIMARY KEY ({})").format(table, sql.SQL(key)),
        sql.SQL("CREATE INDEX ON {} ({})").format(table, sql.SQL(index)),
        sql.SQL("VACUUM ANALYZE {}").format(table),
    ):
        connection.execute(statement)
