"""The real migration: each tenant's legacy rows, streamed into the modern tables.

Two columns tell where a row came from. `source_legacy_pk` is its own key as text; a composite key
is a JSON array of texts. `source_hash` is the SHA-256, in lower-case hexadecimal, of the legacy
row as a JSON array: each column's text in column order, SQL NULL as null. JSON's quoting makes
that form injective, and PostgreSQL writes the same bytes with
`json_build_array(a::text, b::text, ...)::text`.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypeAlias

from psycopg import Connection, sql

from .inventory import TABLES, Table, Tenant

PROVENANCE: Final = ("source_legacy_pk", "source_hash")

Texts: TypeAlias = tuple[str | None, ...]


def migrate(legacy: Connection, modern: Connection, tenants: Sequence[Tenant]) -> None:
    """Copy the global tables and every tenant from one snapshot of `legacy`, then ANALYZE `modern`.

    Both connections must be idle. Each tenant is one transaction: psycopg.Error, such as
    UniqueViolation for a tenant migrated before, leaves that tenant as it was and the tenants
    before it migrated.
    """
    with _snapshot(legacy):
        for tenant in (None, *tenants):
            with _utc(modern):
                for table in TABLES.values():
                    if (table.owner is None) == (tenant is None):
                        _move(legacy, modern, table, tenant)
        with modern.transaction():
            modern.execute("ANALYZE")


@contextmanager
def _snapshot(legacy: Connection) -> Iterator[None]:
    with legacy.transaction():
        legacy.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        legacy.execute("SET LOCAL DateStyle = 'ISO'")
        yield


@contextmanager
def _utc(modern: Connection) -> Iterator[None]:
    """Open a transaction that reads a time without a zone as UTC, whatever the server's zone."""
    with modern.transaction():
        modern.execute("SET LOCAL TimeZone = 'UTC'")
        yield


def _move(legacy: Connection, modern: Connection, table: Table, tenant: Tenant | None) -> None:
    """Stream one tenant's rows of a table, or a whole global table, a row at a time.

    Values travel as PostgreSQL's own text: no number becomes a float, no JSON is parsed.
    """
    columns = _columns(legacy, table)
    key = [columns.index(column) for column in table.key]
    stamp = () if tenant is None else (str(tenant.modern_id),)
    accounts = [] if tenant is None else list(tenant.accounts)
    source = legacy.cursor().copy(_select(table, columns), {"accounts": accounts})
    target = modern.cursor().copy(_insert(table, columns))
    with source as rows, target as sink:
        for row in rows.rows():
            sink.write_row((*stamp, *row, *_provenance(row, key)))


def _columns(legacy: Connection, table: Table) -> list[str]:
    query = (
        "SELECT attname FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
    )
    return [name for (name,) in legacy.execute(query, [table.name])]


def _select(table: Table, columns: Sequence[str]) -> sql.Composed:
    owners = {
        "account_id": sql.SQL("WHERE account_id = ANY(%(accounts)s)"),
        "user_id": sql.SQL(
            "WHERE user_id IN (SELECT user_id FROM accounts WHERE account_id = ANY(%(accounts)s))"
        ),
        None: sql.SQL(""),
    }
    # Not COPY's own output: that writes a boolean as t, the cast to text as true.
    texts = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(c)) for c in columns)
    return sql.SQL("COPY (SELECT {} FROM {} {}) TO STDOUT").format(
        texts, sql.Identifier(table.name), owners[table.owner]
    )


def _insert(table: Table, columns: Sequence[str]) -> sql.Composed:
    stamp = () if table.owner is None else ("tenant_id",)
    return sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table.modern_name), _names((*stamp, *columns, *PROVENANCE))
    )


def _names(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def _provenance(row: Texts, key: Sequence[int]) -> tuple[str | None, str]:
    """Give the row's key, whose columns stand at the positions `key`, and its hash."""
    parts = [row[position] for position in key]
    legacy_pk = parts[0] if len(parts) == 1 else _json(parts)
    return legacy_pk, hashlib.sha256(_json(row).encode()).hexdigest()


def _json(texts: Sequence[str | None]) -> str:
    return json.dumps(texts, ensure_ascii=False)
