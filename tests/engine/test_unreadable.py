"""A value that the server cannot compute or hash is named, and the others are compared."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from pytest_tenantparity.model import Evidence, Outcome

from ..support.engine_driver import Engine, seen
from ..support.engine_pairs import SQLitePlace
from ..support.files import Files
from ..support.mariadb import MariaDatabase, MariaServer, new_mariadb_database
from ..support.postgresql import Database


def _reason(evidence: Evidence) -> str:
    assert evidence.outcome in (Outcome.REFUTED, Outcome.NOT_PROVEN), evidence
    return "\n".join(evidence.reasons)


ROW = "could not be worked out for at least the row"
SETTINGS = """
    [tables.t0.columns.v]
    legacy_sql = "100 / v"
    [tables.t1.columns.v]
    legacy_sql = "w::int"
    [tables.t1.columns.w]
    legacy_sql = "w"
    [tables.t2.columns.v]
    legacy_sql = "100 / v"
    [tables.t3.columns.id]
    legacy_sql = "100 / v"
    [tables.t4.legacy_filter]
    sql = "100 / v > 1"
    reason = "a test"
    [tables.t5.columns.v]
    legacy_sql = "nope + 1"
    [tables.t6.modern_filter]
    sql = "deleted_at IS NULL"
    reason = "a test"
    [tables.t7.columns.v]
    key_map = "ids"
    [tables.t8.columns.v]
    modern_sql = "100 / v"
    mask = true
    [tables.t8.columns.id]
    mask = true
    [maps.ids]
    table = "ids"
    legacy = "old"
    modern = "new"
    filter = "nope = 1"
"""


@pytest.fixture
def divided(engine: Engine) -> Engine:
    """Tables with one row whose value cannot be a divisor, and another row that drifted."""
    rows = "generate_series(1, 500) AS g"
    for number in range(9):
        key = {1: "text", 2: "int"}.get(number, "int")
        primary = "" if number == 2 else "PRIMARY KEY"
        engine.both(f"CREATE TABLE t{number} (id {key} {primary}, v int, w text)")
        value = "g" if number in (1, 4, 6) else "100 / g"
        engine.legacy.run(f"INSERT INTO t{number} SELECT g, g, g FROM {rows}")
        engine.modern.run(f"INSERT INTO t{number} SELECT g, {value}, g FROM {rows}")
        engine.modern.run(f"UPDATE t{number} SET w = 'drift' WHERE id = '7'")
    engine.legacy.run("UPDATE t0 SET v = 0 WHERE id = 321")
    engine.legacy.run("UPDATE t1 SET w = 'x21' WHERE id = '321'")
    engine.modern.run("UPDATE t1 SET w = 'x21' WHERE id = '321'")
    engine.legacy.run("UPDATE t2 SET v = 0 WHERE id = 321")
    engine.legacy.run("UPDATE t3 SET v = 0 WHERE id = 321")
    engine.legacy.run("UPDATE t4 SET v = 0 WHERE id = 321")
    engine.modern.run("UPDATE t8 SET v = 0 WHERE id = 321")
    engine.modern.run("CREATE TABLE ids (old int, new int)")
    return engine


def test_the_column_and_the_row_are_named(divided: Engine) -> None:
    """SQL that fails for one row is reported with its column and the row.

    Drift elsewhere is still found.
    """
    with divided.opened(SETTINGS) as run:
        found = {f"t{number}": run.audit("global", f"t{number}") for number in range(9)}
    for table, where in (
        ("t0", f"[tables.t0.columns.v] legacy_sql) {ROW} id = '321'"),
        ("t1", f"[tables.t1.columns.v] legacy_sql) {ROW} id = '321'"),
        ("t2", "[tables.t2.columns.v] legacy_sql) could not be worked out"),
        ("t8", f"[tables.t8.columns.v] modern_sql) {ROW} id = '***'"),
    ):
        assert where in _reason(found[table]), table
        assert "all else was compared" in _reason(found[table])
        assert found[table].outcome is Outcome.REFUTED
        expected = {"missing", "extra"} if table == "t2" else {"changed"}
        assert {kind for kind, *_ in seen(found[table])} == expected
        assert found[table].drift.total == len(expected)
    for table in ("t0", "t1", "t2"):
        assert "division by zero" in _reason(found[table]) or "'x21'" not in _reason(found["t0"])
    assert "left out" in _reason(found["t8"])  # the server's words, which could quote a value
    for table, where in (
        ("t3", "column 'id' of the legacy side ([tables.t3.columns.id] legacy_sql) could not be"),
        ("t4", "[tables.t4] legacy_filter could not be worked out"),
        ("t5", "[tables.t5.columns.v] legacy_sql: legacy ("),
        ("t6", "[tables.t6] modern_filter could not be worked out"),
        ("t7", "[maps.ids] filter: modern ("),
    ):
        assert found[table].outcome is Outcome.NOT_PROVEN
        assert where in _reason(found[table]), _reason(found[table])


def test_the_queries_are_few(divided: Engine) -> None:
    """A few dozen queries find one row of 500, not one query for each row."""
    divided.legacy.run("ANALYZE")
    with divided.opened(SETTINGS) as run:
        stack = run.context.stacks["legacy"]
        asked = []
        guard = stack.guard
        stack.guard = lambda *a, **k: asked.append(1) or guard(*a, **k)  # type: ignore[method-assign, func-returns-value]
        run.audit("global", "t1")
    assert len(asked) < 50


def test_each_engine_names_them(
    mysql_db: MariaDatabase, modern_db: Database, tmp_path: Path
) -> None:
    """The column and the row are named on MariaDB, SQLite and DuckDB, whose errors differ."""
    mysql_db.run("CREATE TABLE t (id int PRIMARY KEY, v bigint unsigned, w int)")
    mysql_db.run("INSERT INTO t VALUES (1, 5, 1), (2, 1, 2), (3, 4, 3)")
    mysql_db.run("CREATE TABLE u AS SELECT concat('k', id) AS id, v, w FROM t")
    for table in ("wrong", "filtered"):
        mysql_db.run(f"CREATE TABLE {table} AS SELECT * FROM t")
    lite = SQLitePlace(tmp_path / "old.sqlite")
    with closing(sqlite3.connect(lite.path)) as connection, connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER, w INTEGER)")
        least = -(2**63)
        connection.execute("INSERT INTO t VALUES (1, -3, 1), (2, ?, 2), (3, -2, 3)", (least,))
        connection.execute("CREATE TABLE u (id TEXT, v INTEGER, w INTEGER)")
        connection.execute("INSERT INTO u SELECT 'k' || id, v, w FROM t")
        for table in ("wrong", "filtered"):
            connection.execute(f"CREATE TABLE {table} AS SELECT * FROM t")
    folder = tmp_path / "archive"
    folder.mkdir()
    with duckdb.connect() as archive:
        rows = "SELECT * FROM (VALUES (1, '3', 1), (2, 'x', 2), (3, '2', 3)) AS t(id, v, w)"
        for table in ("t", "wrong", "filtered"):
            archive.execute(f"COPY ({rows}) TO '{folder}/{table}.parquet' (FORMAT parquet)")
        other = f"SELECT 'k' || id AS id, v, w FROM ({rows})"
        archive.execute(f"COPY ({other}) TO '{folder}/u.parquet' (FORMAT parquet)")
    modern_db.run("CREATE TABLE t (id int PRIMARY KEY, v bigint, w int)")
    modern_db.run("INSERT INTO t VALUES (1, 3, 1), (2, 2, 2), (3, 2, 4)")
    modern_db.run("CREATE TABLE u AS SELECT 'k' || id AS id, v, w FROM t")
    modern_db.run("CREATE TABLE wrong AS TABLE t; CREATE TABLE filtered AS TABLE t")
    for legacy, sql in ((mysql_db, "v - 2"), (lite, "abs(v)"), (Files(folder), "v::BIGINT")):
        engine = Engine(legacy, modern_db, tmp_path)  # type: ignore[arg-type]
        more = f"""
            [tables.filtered]
            key = ["id"]
            legacy_filter = {{ sql = "nope > 1", reason = "a test" }}
            [tables.wrong]
            key = ["id"]
            [tables.wrong.columns.v]
            legacy_sql = "nope({sql})"
        """
        for table in "tu":
            more += f'[tables.{table}]\nkey = ["id"]\n[tables.{table}.columns.v]\n'
            more += f'legacy_sql = "{sql}"\n'
        with engine.opened(more) as run:
            evidence, by_text, wrong, filtered = (
                run.audit("global", table) for table in ("t", "u", "wrong", "filtered")
            )
        where = f"[tables.t.columns.v] legacy_sql) {ROW} id = '2'"
        assert where in _reason(evidence), evidence
        assert seen(evidence) == [("changed", ("3",), ("w",))], sql
        assert f"{ROW} id = 'k2'" in _reason(by_text), by_text
        assert seen(by_text) == [("changed", ("k3",), ("w",))], sql
        assert "[tables.wrong.columns.v] legacy_sql: legacy (" in _reason(wrong), sql
        assert "[tables.filtered] legacy_filter could not be" in _reason(filtered), sql


@pytest.fixture
def narrow(maria: MariaServer) -> Iterator[MariaDatabase]:
    """A database whose new sessions build no text of more than 64 KiB."""
    database = new_mariadb_database(maria)
    database.run(
        "CREATE TABLE t (id int PRIMARY KEY, v longblob, w longtext, a varchar(9) charset ascii)"
    )
    database.run("INSERT INTO t VALUES (1, 'a', 'b', 'c'), (2, 'a', 'b', 'c'), (3, 'a', 'b', 'c')")
    (before,) = database.run("SELECT @@global.max_allowed_packet")[0]
    database.run("UPDATE t SET v = repeat('x', 40000) WHERE id = 2")
    database.run("CREATE TABLE digest AS SELECT * FROM t")
    database.run("CREATE TABLE wide AS SELECT id, w, w AS x FROM t")
    database.run("UPDATE wide SET w = repeat('x', 40000), x = w WHERE id = 2")
    database.run("CREATE TABLE bare AS SELECT id, a, w FROM t")
    database.run("UPDATE bare SET a = X'E9' WHERE id = 2")
    database.run("SET GLOBAL max_allowed_packet = 65536")
    yield database
    database.run(f"SET GLOBAL max_allowed_packet = {before}")
    database.drop()


TABLES = ("t", "wide", "bare", "digest")


def test_a_value_that_is_too_long_is_named(
    narrow: MariaDatabase, modern_db: Database, tmp_path: Path
) -> None:
    """The reason names the row, the column, the size and the remedy, and the remedy works."""
    modern_db.run("CREATE TABLE t (id int PRIMARY KEY, v bytea, w text, a text)")
    modern_db.run("INSERT INTO t VALUES (1, 'a', 'b', 'c'), (2, 'a', 'b', 'c'), (3, 'a', 'X', 'c')")
    modern_db.run("UPDATE t SET v = repeat('x', 40000)::bytea WHERE id = 2")
    modern_db.run("CREATE TABLE digest AS TABLE t")
    modern_db.run("CREATE TABLE wide AS SELECT id, w, w AS x FROM t")
    modern_db.run("CREATE TABLE bare AS SELECT id, a, w FROM t")
    engine = Engine(narrow, modern_db, tmp_path)  # type: ignore[arg-type]
    keys = "".join(f'[tables.{table}]\nkey = ["id"]\n' for table in TABLES)
    digest = """
        [tables.digest.columns.v]
        legacy_sql = "SHA2(v, 256)"
        modern_sql = "encode(sha256(v), 'hex')"
    """
    with engine.opened(keys + digest) as run:
        long, wide, bare, by_digest = (run.audit("global", table) for table in TABLES)
    assert seen(long) == [("changed", ("3",), ("w",))]
    assert "column 'v' of the legacy side has no text for the row id = '2' (40,000 bytes)" in (
        _reason(long)
    )
    assert "max_allowed_packet of 65,536 bytes" in _reason(long)
    assert wide.outcome is Outcome.NOT_PROVEN
    assert "the legacy row id = '2' of 80,001 bytes, most of them in w and x" in _reason(wide)
    assert "no text of the character set ascii" in _reason(bare)
    assert seen(bare) == [("changed", ("3",), ("w",))]
    assert by_digest.reasons == ()
    assert seen(by_digest) == [("changed", ("3",), ("w",))]


def test_one_tenants_value_costs_no_other_tenant(engine: Engine) -> None:
    """If a shared scan fails for one tenant, the other tenants are proven one by one.

    For the unassigned rows and the canary, the reason names the column whose SQL failed.
    """
    engine.both("CREATE TABLE t (id int, tenant text, v text, w int, PRIMARY KEY (tenant, id))")
    engine.both(
        "INSERT INTO t SELECT g, tenant, g, g FROM generate_series(1, 20) g, "
        "unnest(ARRAY['a', 'b', 'c']) AS tenant"
    )
    engine.both("UPDATE t SET v = 'x' WHERE tenant = 'b' AND id = 13")
    engine.modern.run("UPDATE t SET w = 0 WHERE tenant = 'b' AND id = 7")
    engine.both("CREATE TABLE u (id int PRIMARY KEY, tenant text, v text)")
    engine.both("INSERT INTO u SELECT g, 'a', 'x' FROM generate_series(1, 10) g")
    engine.legacy.run("INSERT INTO u VALUES (99, 'nobody', 'y')")
    column = '[tables.{}.columns.{}]\nlegacy_sql = "v::int"\nmodern_sql = "v::int"\n'
    settings = column.format("t", "v") + column.format("u", "id")
    settings += "[tenants.a]\n[tenants.b]\n[tenants.c]"
    tenancy = 'tenancy = { column = "tenant" }'
    with engine.opened(settings, legacy=tenancy, modern=tenancy) as run:
        a, b, c = (run.audit(tenant, "t") for tenant in "abc")
        others = [run.audit(subject, "u") for subject in ("unassigned", "canary")]
    assert (a.outcome, c.outcome) == (Outcome.PROVEN, Outcome.PROVEN)
    assert seen(b) == [("changed", ("b", "7"), ("w",))]
    for side in ("legacy", "modern"):
        assert f"of the {side} side ([tables.t.columns.v] {side}_sql) could not be" in _reason(b)
    assert f"{ROW} tenant = 'b', id = '13'" in _reason(b)
    for each in others:
        assert each.outcome is Outcome.NOT_PROVEN
        assert "([tables.u.columns.id] legacy_sql) could not be worked out" in _reason(each)
