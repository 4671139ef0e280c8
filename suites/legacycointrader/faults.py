"""Faults for the audit to find: wrong values, rows and tenants in the modern rows of cohort-2."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from psycopg import Connection, sql

from .inventory import TABLES, Table, Tenant

Key: TypeAlias = dict[str, str]


@dataclass(frozen=True)
class Fault:
    """One difference to report: which tenant's row of which legacy table, and its wrong columns."""

    name: str
    tenant: str
    table: str
    kind: Literal["missing", "extra", "changed"]
    key: Key
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Edit:
    """A fault of one value: the tenant's first row that `wrong` would alter takes it."""

    name: str
    tenant: str
    table: str
    column: str
    wrong: sql.SQL


# No two faults share a tenant and a table (but the swap's two), so none touches another's row.
EDITS: Final = (
    Edit("changed amount", "northwind-fund", "balances", "amount", sql.SQL("amount + 1")),
    Edit("lost decimal place", "meridian-capital", "trades", "fees", sql.SQL("round(fees, 11)")),
    Edit(
        "time shifted by an hour",
        "harbor-point",
        "trades",
        "timestamp",
        sql.SQL("timestamp + interval '1 hour'"),
    ),
    Edit(
        "lost microseconds",
        "northwind-fund",
        "positions",
        "last_update",
        sql.SQL("date_trunc('second', last_update)"),
    ),
    Edit(
        "NULL turned into empty text",
        "northwind-fund",
        "trades",
        "client_order_id",
        sql.SQL("coalesce(client_order_id, '')"),
    ),
    Edit(
        "changed nested JSON value",
        "sable-quant",
        "trades",
        "extra_metadata",
        sql.SQL(
            "CASE WHEN extra_metadata ? 'signal'"  # jsonb_set fails on a scalar
            " THEN jsonb_set(extra_metadata, '{signal,legs,2,weight}', '1.5', false)"
            " ELSE extra_metadata END"
        ),
    ),
    Edit(
        "trailing space",
        "zenith-markets",
        "user_accounts",
        "username",
        sql.SQL("username || ' '"),
    ),
    Edit(
        "lost sign",
        "atlas-prime",
        "portfolio_statistics",
        "total_realized_pnl",
        sql.SQL("abs(total_realized_pnl)"),
    ),
)


def plant_faults(modern: Connection, tenants: Sequence[Tenant]) -> list[Fault]:
    """Spoil freshly migrated rows in one transaction, the same rows every time.

    RuntimeError, and nothing spoilt, where a statement did not change exactly one row.
    """
    by_id = {tenant.id: tenant for tenant in tenants}
    with modern.transaction():
        return [
            *(_edit(modern, edit, by_id[edit.tenant]) for edit in EDITS),
            *_swap(modern, TABLES["positions"], by_id["sable-quant"], "average_price"),
            _delete(modern, TABLES["trades"], by_id["zenith-markets"]),
            _double(modern, TABLES["trades"], by_id["atlas-prime"]),
            *_misfile(
                modern, TABLES["risk_limits"], by_id["meridian-capital"], by_id["harbor-point"]
            ),
        ]


def _edit(modern: Connection, edit: Edit, tenant: Tenant) -> Fault:
    table, column = TABLES[edit.table], sql.Identifier(edit.column)
    altered = sql.SQL("{} IS DISTINCT FROM {}").format(column, edit.wrong)
    key = _first_key(modern, table, tenant, altered)
    update = sql.SQL("UPDATE {} SET {} = {}").format(_name(table), column, edit.wrong)
    _spoil(modern, update, tenant, key)
    return Fault(edit.name, tenant.id, table.name, "changed", key, (edit.column,))


def _swap(modern: Connection, table: Table, tenant: Tenant, column: str) -> Iterator[Fault]:
    """Exchange the tenant's two smallest values of one column between their rows."""
    select = sql.SQL(
        "SELECT DISTINCT ON ({column}) {column}, {texts} FROM {table} WHERE tenant_id = %s"
        " ORDER BY {column}, {texts} LIMIT 2"
    ).format(column=sql.Identifier(column), texts=_texts(table), table=_name(table))
    (low, *low_key), (high, *high_key) = modern.execute(select, [tenant.modern_id])
    update = sql.SQL("UPDATE {} SET {} = %(value)s").format(_name(table), sql.Identifier(column))
    for texts, value in ((low_key, high), (high_key, low)):
        key = dict(zip(table.key, texts, strict=True))
        _spoil(modern, update, tenant, key, value=value)
        yield Fault("values swapped", tenant.id, table.name, "changed", key, (column,))


def _delete(modern: Connection, table: Table, tenant: Tenant) -> Fault:
    key = _first_key(modern, table, tenant)
    _spoil(modern, sql.SQL("DELETE FROM {}").format(_name(table)), tenant, key)
    return Fault("row gone", tenant.id, table.name, "missing", key)


def _double(modern: Connection, table: Table, tenant: Tenant) -> Fault:
    """Insert the tenant's first row of a table keyed by the text `id` once more, under another."""
    key = _first_key(modern, table, tenant)
    copy = {"id": f"{key['id']}-copy"}
    insert = sql.SQL(
        "INSERT INTO {table}"
        " SELECT (jsonb_populate_record(t, jsonb_build_object('id', %(copy)s::text))).*"
        " FROM {table} AS t"
    ).format(table=_name(table))
    _spoil(modern, insert, tenant, key, copy=copy["id"])
    return Fault("row doubled", tenant.id, table.name, "extra", copy)


def _misfile(modern: Connection, table: Table, owner: Tenant, other: Tenant) -> Iterator[Fault]:
    """Stamp a row of `owner` with the other's tenant id: one misses it, one has it too many."""
    key = _first_key(modern, table, owner)
    update = sql.SQL("UPDATE {} SET tenant_id = %(other)s").format(_name(table))
    _spoil(modern, update, owner, key, other=other.modern_id)
    yield Fault("stamped with another tenant", owner.id, table.name, "missing", key)
    yield Fault("stamped with another tenant", other.id, table.name, "extra", key)


def _first_key(
    modern: Connection, table: Table, tenant: Tenant, where: sql.Composable | None = None
) -> Key:
    """Give the key of the tenant's first row by key that meets `where`; RuntimeError for none."""
    select = sql.SQL(
        "SELECT {texts} FROM {table} WHERE tenant_id = %s AND {where} ORDER BY {texts} LIMIT 1"
    ).format(texts=_texts(table), table=_name(table), where=where or sql.SQL("true"))
    row = modern.execute(select, [tenant.modern_id]).fetchone()
    if row is None:
        raise RuntimeError(f"no row of {table.modern_name} of {tenant.id} fits the fault")
    return dict(zip(table.key, row, strict=True))


def _spoil(
    modern: Connection, verb: sql.Composed, tenant: Tenant, key: Key, **values: object
) -> None:
    """Run an UPDATE, DELETE or INSERT ... SELECT, given without its WHERE, on the row of `key`."""
    is_row = (
        sql.SQL("{} = {}").format(sql.Identifier(column), sql.Placeholder(column)) for column in key
    )
    statement = verb + sql.SQL(" WHERE tenant_id = %(tenant)s AND ") + sql.SQL(" AND ").join(is_row)
    changed = modern.execute(statement, {"tenant": tenant.modern_id, **key, **values}).rowcount
    if changed != 1:
        raise RuntimeError(f"{statement.as_string()} changed {changed} rows instead of one")


def _name(table: Table) -> sql.Identifier:
    return sql.Identifier(table.modern_name)


def _texts(table: Table) -> sql.Composed:
    """Give the key's columns as text in byte order, which no server's locale can change."""
    text = sql.SQL('{}::text COLLATE "C"')
    return sql.SQL(", ").join(text.format(sql.Identifier(column)) for column in table.key)
