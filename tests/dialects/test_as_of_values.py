"""The value of ``:as_of`` on every engine: exact, bound as a parameter, and found by an index."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlalchemy import Engine as SQLEngine
from sqlalchemy import Select, column, event, func, select, table

from pytest_tenantparity.config import load_settings
from pytest_tenantparity.inventory import place_of_shared
from pytest_tenantparity.mapping.filters import rows_taking_part
from pytest_tenantparity.model import Outcome

from ..soundness import traps
from ..soundness.traps import Engine as EngineName
from ..soundness.traps import Row, Side, Trap, TrapColumn, Value
from ..support.as_of import NOON, STEP, filters, up_to
from ..support.engine_driver import SHARED, Engine, Run, opened
from ..support.engine_pairs import PAIRS, Place, places
from ..support.expectations import assert_drift, assert_match, assert_not_proven
from ..support.files import Elsewhere, File, engine_over
from ..support.mariadb import MariaDatabase

__all__ = ["places"]

NAIVE = NOON.replace(tzinfo=None)
Kind = tuple[str, int | date | datetime, Value, Value, Value]
# By name: the column's type, the value, and values of the column before, at and after it.
KINDS: dict[str, Kind] = {
    "number": ("bigint", 1_234_567, 1_234_566, 1_234_567, 1_234_568),
    "day": ("date", NOON.date(), date(2026, 11, 29), date(2026, 11, 30), date(2026, 12, 1)),
    "moment": ("timestamp(6)", NOON, NAIVE - STEP, NAIVE, NAIVE + STEP),
    "fraction": ("timestamp(6)", NOON - STEP, NAIVE - 2 * STEP, NAIVE - STEP, NAIVE),
    "zoned": ("timestamptz", NOON - STEP, NOON - 2 * STEP, NOON - STEP, NOON),
}


def _trap(kind: str, *, moved: bool) -> Trap:
    """Make a table whose later rows and NULL rows differ; with ``moved`` earlier rows do, too."""
    type_, _, before, at, after = KINDS[kind]
    legacy: list[Row] = [
        (1, before, "a"), (2, at, "b"), (3, after, "c"), (4, None, "d"), (5, before, "e"),
    ]  # fmt: skip
    modern: list[Row] = [
        (1, before, "a"), (2, at, "b"), (3, after, "other"), (4, None, "other"), (5, before, "e"),
    ]  # fmt: skip
    if moved:  # one row is now later on the modern side alone, one was later and is not
        modern[1], modern[2] = (2, after, "b"), (3, at, "c")
    names = TrapColumn("id", "integer"), TrapColumn("changed", type_), TrapColumn("v", "text")
    return Trap(
        name=kind,
        columns=names,
        legacy=tuple(legacy),
        modern=tuple(reversed(modern)),
        equal=not moved,
        settings=filters("t", "changed"),
    )


TABLES = {
    f"{kind}_{state}": _trap(kind, moved=state == "moved")
    for kind in KINDS
    for state in ("same", "moved")
}


@contextmanager
def _laid_out(legacy: Place, modern: Place) -> Iterator[tuple[Run, list[str]]]:
    """Lay out the tables that both engines can hold."""
    tables = {
        name: trap
        for name, trap in TABLES.items()
        if traps.exists(trap, "legacy", legacy.engine)
        and traps.exists(trap, "modern", modern.engine)
    }
    legacy.build(tables, "legacy")
    modern.build(tables, "modern")
    parts = [
        f'[legacy]\nurl = "{legacy.url}"\n{SHARED}',
        f'[modern]\nurl = "{modern.url}"\n{SHARED}',
        f"[pairing]\ntables = {list(tables)}\n[tenants.acme]",
        *(traps.settings(trap, legacy.engine, modern.engine, t) for t, trap in tables.items()),
    ]
    with tempfile.TemporaryDirectory(prefix="tp-") as folder:
        path = Path(folder) / "tenantparity.toml"
        path.write_text("\n".join(parts), encoding="utf-8")
        with opened(load_settings(path)) as run:
            yield run, list(tables)


RING: list[tuple[EngineName, EngineName]] = [
    ("postgresql", "mariadb"),
    ("mariadb", "duckdb"),
    ("duckdb", "sqlite"),
    ("sqlite", "postgresql"),
]
"""Each engine is the legacy side once, and the modern side once."""

ALL_PAIRS = [
    pytest.param(*pair, id="-".join(pair), marks=[] if pair in RING else [pytest.mark.slow])
    for pair in PAIRS
]


@pytest.mark.parametrize(("legacy", "modern"), ALL_PAIRS)
def test_every_engine_compares_the_rows_up_to_the_value(
    places: Callable[[EngineName, Side], Place], legacy: EngineName, modern: EngineName
) -> None:
    """Rows are compared up to the value, which is included, to the microsecond.

    Later rows and NULL are on neither side. A row that is later on one side alone is missing or
    extra.
    """
    with _laid_out(places(legacy, "legacy"), places(modern, "modern")) as (run, tables):
        for table in tables:
            bounded = up_to(run, KINDS[table.partition("_")[0]][1])
            evidence = bounded.audit("global", table)
            if table.endswith("same"):
                assert_match(evidence, rows=3)
            else:
                assert_drift(evidence, ("missing", ("2",), ()), ("extra", ("3",), ()))
            assert bounded.audit("canary", table).outcome is Outcome.PROVEN, table
        assert len(tables) == (8 if "sqlite" in (legacy, modern) else 10)


@pytest.mark.parametrize(("legacy", "modern"), RING)
def test_the_value_is_a_bound_parameter(
    places: Callable[[EngineName, Side], Place], legacy: EngineName, modern: EngineName
) -> None:
    """No statement of either side contains the value in its text."""
    with _laid_out(places(legacy, "legacy"), places(modern, "modern")) as (run, tables):
        for table in tables:
            value = KINDS[table.partition("_")[0]][1]
            with _sent() as sent:
                up_to(run, value).audit("global", table)
            filtered = [(sql, given) for sql, given in sent if "<=" in sql and table in sql]
            assert len({sql for sql, _ in filtered}) >= 2, table
            for sql, given in filtered:
                assert not any(part in sql for part in ("1234567", "2026", ":as_of")), sql
                assert any(str(part) in str(given) for part in (1_234_567, "2026"))


@contextmanager
def _sent() -> Iterator[list[tuple[str, Any]]]:
    sent: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        sent.append((statement, repr(parameters).replace("2026, 11, 30", "2026-11-30")))

    event.listen(SQLEngine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(SQLEngine, "before_cursor_execute", note)


MORE_COLUMNS = "id int PRIMARY KEY, number bigint, day date, moment {}"


def test_an_index_of_the_column_serves(
    engine: Engine, mysql_db: MariaDatabase, tmp_path: Path
) -> None:
    """Each server can use an index for a filter by a number, a date or a timestamp."""
    lite = File(tmp_path / "t.db")
    for database, kind in (
        (engine.legacy, "timestamptz"),
        (mysql_db, "datetime(6)"),
        (lite, "datetime"),
    ):
        database.run(f"CREATE TABLE t ({MORE_COLUMNS.format(kind)})")
        for name in ("number", "day", "moment"):
            database.run(f"CREATE INDEX t_{name} ON t ({name})")
            database.run(f"INSERT INTO t ({'id'}) VALUES ({len(name)}{ord(name[0])})")
    for database in (engine.legacy, mysql_db, lite):
        own = engine_over(engine.legacy, database, tmp_path)
        for name, value in (("number", 7), ("day", NOON.date()), ("moment", NOON)):
            with own.opened(filters("t", name)) as run:
                assert f"t_{name}" in _plan(up_to(run, value)), (database.url, name)


def _plan(run: Run) -> str:
    """Return the modern server's plan for the rows that take part, by an index if it has one."""
    stack, place = run.context.stacks["modern"], place_of_shared(run.context.settings.modern)
    condition = rows_taking_part(run.context, run.context.pairs["t"], "modern")
    with stack.transaction(place) as connection:
        if stack.dialect.name == "PostgreSQL":
            connection.exec_driver_sql("SET enable_seqscan = off")
        made: Select[Any] = select(column("id")).select_from(table("t")).where(condition)
        compiled = made.compile(dialect=connection.dialect)
        params: Any = compiled.params
        if compiled.positiontup is not None:
            params = tuple(params[name] for name in compiled.positiontup)
        word = "EXPLAIN QUERY PLAN" if stack.dialect.name == "SQLite" else "EXPLAIN"
        return str(connection.exec_driver_sql(f"{word} {compiled}", params).all())


# ---- files


def test_every_spelling_of_a_moment_in_sqlite_is_up_to_it(tmp_path: Path) -> None:
    """Every notation of the moment in SQLite takes part, whatever its digits of a second.

    SQLite compares these values as texts.
    """
    digits = ("", ".0", ".000", ".000000", "+00")
    texts = ["11:59:59.9", *(f"12:00:00{each}" for each in digits)]
    later = ["12:00:00.000001", "12:00:00.1", "12:00:01"]
    for side in ("old", "new"):
        values = ", ".join(
            f"({n}, '2026-11-30 {text}', {n if text in texts or side == 'old' else 0})"
            for n, text in enumerate([*texts, *later])
        )
        File(tmp_path / side).run(
            "CREATE TABLE t (id int PRIMARY KEY, changed datetime, v int);"
            f"INSERT INTO t VALUES {values}"
        )
    own = engine_over(File(tmp_path / "old"), File(tmp_path / "new"), tmp_path)
    with own.opened(filters("t", "changed")) as run:
        assert_match(up_to(run, NOON).audit("global", "t"), rows=len(texts))
        assert up_to(run, NOON + STEP).audit("global", "t").drift.changed == 1


def test_texts_of_files_are_compared_as_the_filter_says(tmp_path: Path) -> None:
    """Texts of a CSV file, and bytes and texts of a snapshot file, are converted by the filter."""
    rows = [("1", "2026-11-30T12:00:00Z", "a"), ("2", "2026-11-30T12:00:01Z", "b")]
    (tmp_path / "archive").mkdir()
    for name, later in (("archive/t.csv", "b"), ("t.json", "other")):
        mine = [(n, at, v if v == "a" else later) for n, at, v in rows]
        if name.endswith("csv"):
            lines = ["tenant,id,changed,v", *(f"acme,{','.join(row)}" for row in mine)]
            (tmp_path / name).write_text("\n".join(lines) + "\n")
        else:
            records = [{"id": n, "changed": at, "v": v} for n, at, v in mine]
            (tmp_path / name).write_text(json.dumps({"tenants": {"acme": {"t": records}}}))
    (tmp_path / "tenantparity.toml").write_text(f"""
        [legacy]
        url = "archive:///{tmp_path}/archive"
        tenancy = {{ column = "tenant" }}
        [modern]
        url = "snapshot:///{tmp_path}/t.json"
        tenancy = {{ column = "tenant" }}
        [tenants.acme]
        [tables.t]
        key = ["id"]
        legacy_filter = {{ sql = "changed::timestamptz <= :as_of", reason = "later" }}
        [tables.t.modern_filter]
        sql = "replace(replace(changed, 'T', ' '), 'Z', '') <= :as_of"
        reason = "later"
    """)
    with opened(load_settings(tmp_path / "tenantparity.toml")) as run:
        assert_match(up_to(run, NOON).audit("acme", "t"), rows=1)
        drifted = up_to(run, NOON + timedelta(seconds=1)).audit("acme", "t")
        assert_drift(drifted, ("changed", ("2",), ("v",)))


def test_what_the_docs_advise_for_other_columns(
    engine: Engine, mysql_db: MariaDatabase, tmp_path: Path
) -> None:
    """The filters that the docs advise compare columns of other types exactly.

    These are columns of local time, of seconds, and numbers of a snapshot file.
    """
    engine.legacy.run("CREATE TABLE t (id int PRIMARY KEY, changed timestamp)")
    mysql_db.run("CREATE TABLE t (id int PRIMARY KEY, changed datetime(6))")
    for database in (engine.legacy, mysql_db):  # noon in UTC is one o'clock there
        database.run("INSERT INTO t VALUES (1, '2026-11-30 13:00'), (2, '2026-11-30 13:00:01')")
    lite, snapshot = File(tmp_path / "t.db"), tmp_path / "t.json"
    noon = int(NOON.timestamp())
    lite.run("CREATE TABLE t (id int PRIMARY KEY, changed int)")
    lite.run(f"INSERT INTO t VALUES (1, {noon}), (2, {noon + 1})")
    records = [{"id": str(n), "changed": n} for n in (9, 10, 11)]
    snapshot.write_text(json.dumps({"tenants": {"acme": {"t": records}}}))
    advised: list[tuple[Any, str, Any, int]] = [
        (engine.legacy.url, "changed <= :as_of AT TIME ZONE 'Europe/Berlin'", NOON, 1),
        (mysql_db.url, "changed <= CONVERT_TZ(:as_of, '+00:00', '+01:00')", NOON, 1),
        (lite.url, "changed <= unixepoch(:as_of)", NOON, 1),
        (f"snapshot:///{snapshot}", "CAST(changed AS INTEGER) <= :as_of", 10, 2),
    ]
    for url, sql, value, rows in advised:
        own = engine_over(engine.legacy, Elsewhere(url), tmp_path)
        more = f'[tables.t.modern_filter]\nsql = "{sql}"\nreason = "a test"\n'
        with own.opened(f"[pairing]\ntables = ['t']\n{more}") as run:
            taken = rows_taking_part(up_to(run, value).context, run.context.pairs["t"], "modern")
            stack, place = (
                run.context.stacks["modern"],
                place_of_shared(run.context.settings.modern),
            )
            counted = select(func.count()).select_from(table("t")).where(taken)
            with stack.transaction(place) as connection:
                assert connection.scalar(counted) == rows, url


def test_an_archive_compares_no_text_with_a_moment(tmp_path: Path) -> None:
    """DuckDB refuses to compare a text with a timestamp, and the check is NOT PROVEN."""
    for side in ("old", "new"):
        (tmp_path / side).mkdir()
        with duckdb.connect() as connection:
            connection.execute(
                f"COPY (SELECT 1 AS id, 'x' AS changed) TO '{tmp_path / side / 't.parquet'}'"
            )
    (tmp_path / "tenantparity.toml").write_text(f"""
        [legacy]
        url = "archive:///{tmp_path}/old"
        {SHARED}
        [modern]
        url = "archive:///{tmp_path}/new"
        {SHARED}
        [tenants.acme]
        {filters("t", "changed")}
        key = ["id"]
    """)
    with opened(load_settings(tmp_path / "tenantparity.toml")) as run:
        evidence = up_to(run, NOON).audit("global", "t")
    assert_not_proven(evidence, "[tables.t] legacy_filter", "explicit cast is required")
