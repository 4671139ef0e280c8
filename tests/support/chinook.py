"""Chinook, a public data set of a music shop, as the legacy side of a real migration.

The tenant of a customer is the employee who supports the customer. A customer row names the
employee. Invoices reach it through the customer, and invoice lines through the invoice. All other
tables are shared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from pytest_tenantparity.config import Settings
from pytest_tenantparity.inventory import audit_targets, select_tenants
from pytest_tenantparity.model import ANY_TABLE
from pytest_tenantparity.wire import to_wire

from .checks import named
from .engine_driver import opened
from .postgresql import Cluster, Database, new_database

SCRIPT = Path(__file__).parents[3] / "shared" / "data" / "chinook" / "Chinook_PostgreSql.sql"
ZONE = "America/Edmonton"  # the shop's zone, which its naive times are in

ROWS = {
    "album": 347,
    "artist": 275,
    "customer": 59,
    "employee": 8,
    "genre": 25,
    "invoice": 412,
    "invoice_line": 2_240,
    "media_type": 5,
    "playlist": 18,
    "playlist_track": 8_715,
    "track": 3_503,
}
PATHS = {
    "customer": "column = 'support_rep_id'",
    "invoice": "path = 'invoice.customer_id -> customer.customer_id -> support_rep_id'",
    "invoice_line": (
        "path = 'invoice_line.invoice_id -> invoice.invoice_id -> customer_id"
        " -> customer.customer_id -> support_rep_id'"
    ),
}
_FROM = {
    "customer": "customer AS t JOIN customer AS owner USING (customer_id)",
    "invoice": "invoice AS t JOIN customer AS owner USING (customer_id)",
    "invoice_line": (
        "invoice_line AS t JOIN invoice USING (invoice_id)"
        " JOIN customer AS owner USING (customer_id)"
    ),
}
_WIDER = {
    "integer": "BIGINT",
    "character varying": "TEXT",
    "numeric": "NUMERIC(14, 6)",
    "timestamp without time zone": "TIMESTAMPTZ",
}

Key = tuple[tuple[str, str | None], ...]
Named = tuple[str, str, str, Key, tuple[str, ...]]
"""A finding: tenant, table, kind, key, columns."""


@dataclass(frozen=True)
class Rep:
    """A tenant: the employee, its slug, and its id on the modern platform."""

    employee: int
    slug: str
    modern_id: str


JANE = Rep(3, "jane-peacock", "6f1f7c52-2a0e-4c0b-9d4e-0a3f2f6f0b03")
MARGARET = Rep(4, "margaret-park", "b3c1c5a8-7a54-4f0b-8a57-52f3a5f50c04")
STEVE = Rep(5, "steve-johnson", "0d9c8a44-95c1-4f69-a0d8-7b1b3f1d9e05")
REPS = (JANE, MARGARET, STEVE)


def modern_name(table: str) -> str:
    """Return a legacy table's name on the modern platform."""
    return f"tenant_{table}" if table in PATHS else table


@dataclass(frozen=True)
class Chinook:
    """Both databases, without open connections, so that they can be copied."""

    legacy: Database
    modern: Database

    def drop(self) -> None:
        """Remove both databases."""
        self.legacy.drop()
        self.modern.drop()


def migrated_chinook(legacy_cluster: Cluster, modern_cluster: Cluster) -> Chinook:
    """Load the legacy database, and migrate it with SQL into a new multi-tenant database."""
    databases = Chinook(new_database(legacy_cluster), new_database(modern_cluster))
    with (
        legacy_cluster.connect(databases.legacy.name) as legacy,
        modern_cluster.connect(databases.modern.name) as modern,
    ):
        _, _, tables = SCRIPT.read_text(encoding="utf-8").partition("\\c chinook;")
        legacy.execute(tables)
        modern.execute(sql.SQL("SET TimeZone = {}").format(sql.Literal(ZONE)))
        for table in ROWS:
            columns = _columns(legacy, table)
            _create(legacy, modern, table, columns)
            _move(legacy, modern, table, list(columns))
    return databases


@contextmanager
def copied(database: Database) -> Iterator[Database]:
    """Copy a database without connections within its server. Drop the copy at the end."""
    copy = Database(database.cluster, database.cluster.new_name())
    names = sql.Identifier(copy.name), sql.Identifier(database.name)
    with database.cluster.connect() as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
    try:
        yield copy
    finally:
        copy.drop()


def _columns(legacy: psycopg.Connection, table: str) -> dict[str, str]:
    query = (
        "SELECT column_name, data_type FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name = %s ORDER BY ordinal_position"
    )
    return dict(legacy.execute(query, [table]).fetchall())


def _create(
    legacy: psycopg.Connection, modern: psycopg.Connection, table: str, columns: dict[str, str]
) -> None:
    """Create the modern table with wider types, and with the tenant first in its key."""
    query = (
        "SELECT column_name FROM information_schema.key_column_usage"
        " WHERE constraint_name = %s ORDER BY ordinal_position"
    )
    key = [name for (name,) in legacy.execute(query, [f"{table}_pkey"])]
    typed = {name: _WIDER[declared] for name, declared in columns.items()}
    if table in PATHS:
        typed, key = {"tenant_id": "UUID"} | typed, ["tenant_id", *key]
    lines = [f"{name} {declared}" for name, declared in typed.items()]
    lines.append(f"PRIMARY KEY ({', '.join(key)})")
    modern.execute(f"CREATE TABLE {modern_name(table)} ({', '.join(lines)})")


def _move(
    legacy: psycopg.Connection, modern: psycopg.Connection, table: str, columns: list[str]
) -> None:
    """Copy a table's rows. Each row of a tenant's table gets the tenant's id."""
    chosen, source = ", ".join(f"t.{name}" for name in columns), f"{table} AS t"
    if table in PATHS:
        stamps = ", ".join(f"({rep.employee}, '{rep.modern_id}')" for rep in REPS)
        chosen = f"rep.modern_id, {chosen}"
        source = (
            f"{_FROM[table]} JOIN (VALUES {stamps}) AS rep (employee, modern_id)"
            " ON rep.employee = owner.support_rep_id"
        )
    read = f"COPY (SELECT {chosen} FROM {source}) TO STDOUT"
    write = f"COPY {modern_name(table)} FROM STDIN"
    with legacy.cursor().copy(read) as rows, modern.cursor().copy(write) as sink:
        for block in rows:
            sink.write(block)


def settings_text(legacy: Database, modern: Database) -> str:
    """Return the ``tenantparity.toml`` of the migration. It ignores and tolerates nothing."""
    lines = [
        f"[legacy]\nurl = '{legacy.url}'\ntenancy = {{ {PATHS['customer']} }}",
        f"[modern]\nurl = '{modern.url}'\ntenancy = {{ column = 'tenant_id' }}",
        "[pairing]\nmodern = 'tenant_{table}'",
        f"[rules]\nnaive_zone = '{ZONE}'",
    ]
    lines += [
        f"[tenants.{rep.slug}]\nlegacy_account = {rep.employee}\nmodern_id = '{rep.modern_id}'"
        for rep in REPS
    ]
    for table in ROWS:
        how = f"modern = '{table}'\ntenancy = 'global'"
        if table in PATHS:
            how = f"legacy_tenancy = {{ {PATHS[table]} }}"
        lines.append(f"[tables.{table}]\n{how}")
    return "\n".join(lines)


@dataclass(frozen=True)
class RunResult:
    """The result of an audit of everything: each check's status and reasons, and all findings."""

    statuses: dict[tuple[str, str], str]
    rows: dict[tuple[str, str], int]
    reasons: dict[tuple[str, str], str]
    findings: Counter[Named]


def audit_everything(settings: Settings) -> RunResult:
    """Make every check of the plan without pytest."""
    with opened(settings, {}) as run:
        pairs = list(run.context.pairs.values())
        targets = audit_targets(select_tenants(settings, ["all"]), pairs)
        evidence = [run.audit(each.whose, each.table or ANY_TABLE) for each in targets]
    return _outcome([named(to_wire(each)) for each in evidence])


def outcome_of_report(report: dict[str, Any]) -> RunResult:
    """Return the result of a ``cab-report.json``."""
    return _outcome(list(map(named, report["checks"])))


def _outcome(checks: list[dict[str, Any]]) -> RunResult:
    by_key = {(check["tenant"], check["table"]): check for check in checks}
    findings = Counter[Named]()
    for subject, check in by_key.items():
        for found in check["findings"]:
            key, columns = sorted(found["key"].items()), sorted(found["columns"])
            findings[*subject, found["kind"], tuple(key), tuple(columns)] += found["copies"]
    return RunResult(
        {subject: check["status"] for subject, check in by_key.items()},
        {subject: check["rows"]["legacy"] for subject, check in by_key.items()},
        {subject: "\n".join(check["reasons"]) for subject, check in by_key.items()},
        findings,
    )
