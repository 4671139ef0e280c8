"""What would have been a false match or a wrong statement: shown by reviews, mended before."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from pytest_tenantparity.errors import SettingsError
from pytest_tenantparity.parity.cells import Cell, Digest, Part, Row
from pytest_tenantparity.parity.source import Source

from ..soundness.ways import BY_CELLS
from ..support.engine_driver import Engine, seen
from ..support.expectations import assert_drift, assert_match, assert_not_proven
from ..support.postgresql import Database
from ..support.project import Migration

pytest_plugins = ["tests.support.project"]


@dataclass(frozen=True)
class Elsewhere:
    """A stack that is no server: a file or a folder."""

    url: str

    def run(self, statement: str, *params: object) -> list[tuple[Any, ...]]:
        """Run SQL in the file."""
        with closing(sqlite3.connect(self.url.removeprefix("sqlite:///"))) as file, file:
            return file.execute(statement, params).fetchall()


@pytest.fixture
def beside_sqlite(modern_db: Database, tmp_path: Path) -> Engine:
    """A SQLite file as the legacy stack, PostgreSQL as the modern one."""
    file: Any = Elsewhere(f"sqlite:///{tmp_path / 'legacy.db'}")
    return Engine(file, modern_db, tmp_path)


def test_a_float_is_no_rounded_integer(beside_sqlite: Engine) -> None:
    """2^53 + 1 is not the double nearest to it, even where both are read as floats."""
    beside_sqlite.legacy.run("CREATE TABLE t (id INTEGER PRIMARY KEY, v DOUBLE)")
    beside_sqlite.legacy.run("INSERT INTO t VALUES (1, 9007199254740992.0), (2, 1e23)")
    beside_sqlite.modern.run("CREATE TABLE t (id int PRIMARY KEY, v bigint)")
    beside_sqlite.modern.run("INSERT INTO t VALUES (1, 9007199254740993), (2, NULL)")
    more = '[tables.t.columns.v]\ntype = "float"'
    assert ("changed", ("1",), ("v",)) in seen(beside_sqlite.audit(more=more))
    beside_sqlite.modern.run("DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY, v float8)")
    beside_sqlite.modern.run("INSERT INTO t VALUES (1, 9007199254740992), (2, 1e23)")
    assert_match(beside_sqlite.audit(), rows=2)


def test_a_mark_of_ours_is_no_text_of_theirs(tmp_path: Path) -> None:
    """An integer in a column of dates is not the text that we show it by."""
    folder = tmp_path / "archive"
    folder.mkdir()
    (folder / "t.csv").write_text("id,v\n1,integer 5\n", encoding="utf-8")
    file: Any = Elsewhere(f"sqlite:///{tmp_path / 'modern.db'}")
    file.run("CREATE TABLE t (id INTEGER PRIMARY KEY, v DATE)")
    file.run("INSERT INTO t VALUES (1, 5)")
    archive: Any = Elsewhere(f"archive:///{folder}")
    evidence = Engine(archive, file, tmp_path).audit(more='[tables.t]\nkey = ["id"]')
    assert_drift(evidence, ("changed", ("1",), ("v",)))
    assert evidence.findings[0].columns["v"].modern == "integer 5"


@pytest.fixture
def by_cells(engine: Engine) -> Engine:
    """Have differing rows read by cells of keys, as where too many differ to tell their places."""
    return replace(engine, limits=BY_CELLS.limits)


def divided(engine: Engine, rows_per_cell: int) -> Engine:
    """Have cells that differ divided again, whatever they hold."""
    limits = replace(engine.limits, rows_readable=1, rows_per_cell=rows_per_cell)
    return replace(engine, limits=limits)


TWO = "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a'), (2, 'b')"


def test_a_row_that_cannot_be_read_is_not_equal(
    by_cells: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A driver that swallows the very row that differs proves nothing."""
    by_cells.both(TWO)
    by_cells.modern.run("UPDATE t SET v = 'x' WHERE id = 2")
    rows = Source.rows
    monkeypatch.setattr(Source, "rows", lambda *args: (r for r in rows(*args) if r[1][0] != "2"))
    assert_not_proven(by_cells.audit(), "1 rows were counted in a bucket, and 0 could be read")


def test_a_row_that_was_not_counted_is_noticed(
    by_cells: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More rows than the digest was made of are no evidence either."""
    by_cells.both(TWO)
    by_cells.modern.run("UPDATE t SET v = 'x' WHERE id = 2")
    rows = Source.rows
    monkeypatch.setattr(Source, "rows", lambda *args: (r for r in rows(*args) for _ in "12"))
    assert_not_proven(by_cells.audit(), "more rows could be read than were counted")


def test_a_difference_that_is_lost_on_the_way_is_not_equal(
    by_cells: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the digests differ and the rows as read do not, something altered them between."""
    by_cells.both(TWO)
    by_cells.modern.run("UPDATE t SET v = 'B' WHERE id = 2")
    rows = Source.rows

    def lowered(*args: Any) -> Iterator[tuple[Cell, Row]]:
        return ((cell, tuple(str(v).lower() for v in row)) for cell, row in rows(*args))

    monkeypatch.setattr(Source, "rows", lowered)
    assert_not_proven(by_cells.audit(), "the digests differ")


def test_buckets_that_leave_a_row_out_are_noticed(
    by_cells: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parts that are looked into have to add up to the whole."""
    by_cells.both("CREATE TABLE t (id int PRIMARY KEY, v int)")
    by_cells.both("INSERT INTO t SELECT g, g FROM generate_series(1, 60000) g")
    by_cells.modern.run("UPDATE t SET v = 0 WHERE id = 500")
    by_cells = divided(by_cells, rows_per_cell=1)
    assert_drift(by_cells.audit(), ("changed", ("500",), ("v",)))
    cells = Source.cells

    def all_but_some(self: Source, buckets: int, part: Part | None = None) -> dict[Cell, Digest]:
        found = cells(self, buckets, part)
        return {cell: digest for cell, digest in found.items() if part is None or cell[1] < 20_000}

    monkeypatch.setattr(Source, "cells", all_but_some)
    assert_not_proven(by_cells.audit(), "do not add up")


@pytest.mark.parametrize("key", ["g", "'k' || g"], ids=["whole numbers", "texts"])
def test_cells_that_are_divided_again_lie_within_one_another(by_cells: Engine, key: str) -> None:
    """Of a cell that differs, all rows are read and those of its neighbours are not."""
    kind = "text" if "k" in key else "int"
    by_cells.both(f"CREATE TABLE t (id {kind} PRIMARY KEY, v int)")
    by_cells.both(f"INSERT INTO t SELECT {key}, g FROM generate_series(1, 120000) g")
    by_cells.modern.run("UPDATE t SET v = 0 WHERE v IN (500, 70000)")
    by_cells = divided(by_cells, rows_per_cell=5)
    changed = [f"k{n}" if kind == "text" else str(n) for n in (500, 70000)]
    assert_drift(by_cells.audit(), *(("changed", (each,), ("v",)) for each in changed))


def test_a_map_that_nothing_uses_hides_no_table(engine: Engine) -> None:
    """A table is spared the question who compares it only if ids are led through it."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    engine.modern.run("CREATE TABLE secret (old int, new int)")
    more = '[maps.x]\ntable = "secret"\nlegacy = "old"\nmodern = "new"'
    with engine.opened(more) as run:
        assert sorted(run.context.pairs) == ["secret", "t"]
        assert_not_proven(run.audit("global", "secret"), "has no table")


def test_the_owner_is_that_of_the_row(engine: Engine) -> None:
    """Where a path's tables have columns of one name, the note still names the right tenant."""
    engine.both("CREATE TABLE accounts (user_id int, account_id text, id int)")
    engine.both("CREATE TABLE t (id int PRIMARY KEY, user_id int, v text)")
    engine.both("INSERT INTO accounts VALUES (1, 'a', 1), (2, 'b', 2)")
    engine.legacy.run("INSERT INTO t VALUES (1, 1, 'x'), (2, 1, 'x'), (3, 2, 'x')")
    engine.modern.run("INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'x'), (3, 2, 'x')")
    path = 'tenancy = {path = "t.user_id -> accounts.user_id -> account_id"}'
    more = '[ignore.tables]\naccounts = "leads to the tenant"\n[tenants.a]\n[tenants.b]'
    evidence = engine.audit("t", "a", more, legacy=path, modern=path)
    assert_drift(evidence, ("missing", ("2",), ()))
    assert evidence.findings[0].note == "the modern table has it under the tenant 'b'"


def test_a_database_without_an_encoding_meets_none_that_has_one(engine: Engine) -> None:
    """Bytes that nobody can name are not compared with characters."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'x')")
    with engine.opened() as run:
        state = run.context.stacks["modern"]._state.databases[""]
        object.__setattr__(state.server, "encoding", "SQL_ASCII")
        assert_not_proven(run.audit("global", "t"), "SQL_ASCII")


def test_several_processes_need_one_snapshot(project: Migration, tmp_path: Path) -> None:
    """Where sessions cannot share a snapshot, -n 2 is refused until somebody says it is frozen."""
    path = tmp_path / "legacy.db"
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("CREATE TABLE trades (id INTEGER PRIMARY KEY, account TEXT)")
    project.settings(legacy=f'url = "sqlite:///{path}"')
    outcome = project.run("--tenants=acme", "-n", "2")
    assert outcome.code == 4
    assert "[legacy] sessions of SQLite cannot share a snapshot" in outcome.output
    project.settings(legacy=f'url = "sqlite:///{path}"\nfrozen = "a copy of last night"')
    assert project.run("--tenants=acme", "-n", "2").code == 1
    project.settings(legacy=f'url = "sqlite:///{path}"')
    assert project.run("--tenants=acme", "-n", "0").code == 1


def test_a_password_under_another_name_is_refused_too(engine: Engine) -> None:
    """PyMySQL takes passwd for password; neither may be written in the file."""
    with pytest.raises(SettingsError, match="holds a password"):
        engine.settings(legacy='url = "mysql://u@h/d?passwd=hunter2"')
