"""Audits between engines: MariaDB or SQLite on the legacy side, PostgreSQL on the modern one."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.support.mariadb import MariaDatabase, new_mariadb_database, running_mariadb

from ..audits import clean, run_empty_tests
from ..bench import Bench, Chapter
from ..data_sets import COLUMNS, DataSet, Side
from ..projects import Layout, write_audit, write_empty_tests
from ..rounds import Work
from ..stacks import at_once

_SHARE = 10  # a tenth of the rows is enough: other engines are slower
_BATCH = 5_000
_RULES = """
[rules]
naive_zone = "UTC"
[tables.trades_1.columns]
account_id = { type = "uuid" }
"""
_DDL = """
CREATE TABLE trades_1 (
    id bigint NOT NULL PRIMARY KEY,
    account_id char(36) NOT NULL,
    symbol varchar(20) NOT NULL,
    side varchar(10) NOT NULL,
    qty decimal(24, 8) NOT NULL,
    price decimal(24, 8) NOT NULL,
    fee decimal(24, 12),
    executed_at datetime{digits} NOT NULL,
    note text,
    metadata text NOT NULL
)
"""
_TEXTS = [f"coalesce({name}, '-')" for name in COLUMNS]
_IN_POSTGRESQL = sql.SQL(
    "SELECT count(*), sum(('x' || left(md5(concat_ws('|', {columns})), 15))::bit(60)::bigint) "
    "FROM {table}"
)
_SUM = "SELECT count(*), sum({}) FROM trades_1"
_IN_MARIADB = _SUM.format(f"conv(left(md5(concat_ws('|', {', '.join(_TEXTS)})), 15), 16, 10)")
_IN_SQLITE = _SUM.format("md5_40(" + " || '|' || ".join(_TEXTS) + ")")


def measure(bench: Bench) -> Chapter:
    """Measure both pairs; the facts name an engine that is not installed."""
    sizes = bench.sizes
    data = DataSet("cross", sizes.rows // _SHARE, min(sizes.tenants, sizes.rows // _SHARE // 16))
    facts: dict[str, Any] = {"rows a side": data.rows}
    works: dict[str, Work] = {}
    with bench.stacks.holding(data), ExitStack() as stack:
        _as_texts(bench, data)
        for engine, running in _ENGINES.items():
            try:
                works |= stack.enter_context(running(bench, data))
            except pytest.skip.Exception as missing:
                facts[f"without {engine}"] = str(missing)
        idle = write_empty_tests(bench.folder / "bare-cross", data.tenants)
        works["pytest alone"] = partial(run_empty_tests, idle, sizes.limit)
        return Chapter(bench.rounds(works), facts)


def _md5(text: str) -> int:
    """Return the first 40 bits of an MD5, which SQLite lacks; more would overflow its sums."""
    return int(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:10], 16)


@contextmanager
def _mariadb(bench: Bench, data: DataSet) -> Iterator[dict[str, Work]]:
    with running_mariadb() as server:
        database = new_mariadb_database(server)
        with closing(server.connect(database.name)) as connection, connection.cursor() as cursor:
            cursor.execute("SET time_zone = '+00:00'")
            cursor.execute(_DDL.format(digits="(6)"))
            slots = ", ".join(["%s"] * len(COLUMNS))
            for rows in _copied(bench, data):
                cursor.executemany(f"INSERT INTO trades_1 VALUES ({slots})", rows)  # noqa: S608
            cursor.execute("CREATE INDEX of_account ON trades_1 (account_id)")
            cursor.execute("ANALYZE TABLE trades_1")
        yield _works(bench, data, "MariaDB", database.url, partial(_in_mariadb, database))


def _in_mariadb(database: MariaDatabase) -> None:
    with (
        closing(database.server.connect(database.name)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(_IN_MARIADB)


@contextmanager
def _sqlite(bench: Bench, data: DataSet) -> Iterator[dict[str, Work]]:
    path = bench.folder / "legacy.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(_DDL.format(digits=""))
        slots = ", ".join("?" * len(COLUMNS))
        for rows in _copied(bench, data):
            plain = [tuple(map(_plain, row)) for row in rows]
            connection.executemany(f"INSERT INTO trades_1 VALUES ({slots})", plain)  # noqa: S608
        connection.execute("CREATE INDEX of_account ON trades_1 (account_id)")
        connection.execute("ANALYZE")
    yield _works(bench, data, "SQLite", f"sqlite:///{path}", partial(_in_sqlite, path))


def _plain(value: Any) -> Any:
    """Return a value as SQLite takes it."""
    return str(value) if isinstance(value, Decimal) else value


def _in_sqlite(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.create_function("md5_40", 1, _md5, deterministic=True)
        connection.execute(_IN_SQLITE).fetchall()


_ENGINES = {"MariaDB": _mariadb, "SQLite": _sqlite}
"""Starts each legacy engine with the data in it."""


def _works(
    bench: Bench, data: DataSet, engine: str, url: str, legacy_scan: Callable[[], None]
) -> dict[str, Work]:
    layout = Layout((url, bench.stacks.url("modern")), (None, data.schema), _RULES)
    folder = write_audit(bench.folder / f"cross-{engine.lower()}", layout, data)

    def scan(side: Side) -> None:
        if side == "legacy":
            legacy_scan()
        else:
            _in_postgresql(bench, data)

    return {
        f"audit, {engine}": partial(clean, folder, bench.sizes.limit),
        f"md5, {engine}": partial(at_once, scan),
    }


def _in_postgresql(bench: Bench, data: DataSet) -> None:
    columns = sql.SQL(", ").join(
        sql.SQL("coalesce({}::text, '-')").format(sql.Identifier(name)) for name in COLUMNS
    )
    with bench.stacks.connect("modern") as connection:
        connection.execute("SET max_parallel_workers_per_gather = 0")
        connection.execute(_IN_POSTGRESQL.format(columns=columns, table=_table(data)))


def _as_texts(bench: Bench, data: DataSet) -> None:
    """Store documents as texts in the modern table: other engines would spell them otherwise."""
    change = sql.SQL("ALTER TABLE {} ALTER COLUMN metadata TYPE text")
    with bench.stacks.connect("modern") as connection:
        connection.execute(change.format(_table(data)))
        connection.execute(sql.SQL("VACUUM ANALYZE {}").format(_table(data)))


def _copied(bench: Bench, data: DataSet) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the rows of the modern table, without its tenants, in batches."""
    statement = sql.SQL("""
        SELECT id, account_id::text, symbol, side, qty, price, fee,
            to_char(executed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), note, metadata
        FROM {} ORDER BY id
    """)
    with (
        bench.stacks.connect("modern") as connection,
        connection.transaction(),
        psycopg.ServerCursor(connection, "copy") as cursor,
    ):
        cursor.execute(statement.format(_table(data)))
        while rows := cursor.fetchmany(_BATCH):
            yield rows


def _table(data: DataSet) -> sql.Identifier:
    return sql.Identifier(data.schema, data.table_names[0])
