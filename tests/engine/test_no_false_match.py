"""Regression tests of false matches and wrong statements that reviews found."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from pytest_tenantparity.errors import SettingsError
from pytest_tenantparity.parity.read.digest import HashedRow
from pytest_tenantparity.parity.read.reader import SideReader

from ..soundness.ways import MERGED
from ..support.engine_driver import Engine, seen
from ..support.expectations import assert_drift, assert_match, assert_not_proven
from ..support.postgresql import Database
from ..support.project import Migration

pytest_plugins = ["tests.support.project"]


@dataclass(frozen=True)
class Elsewhere:
    """A stack that is a file or a folder, not a server."""

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
    """2^53 + 1 does not equal the double nearest to it, even if both are read as floats."""
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
    """An integer in a column of dates does not equal the text that reports show for it."""
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
def merged(engine: Engine) -> Engine:
    """Force a merge of both sides, as if too many rows differed to decode them."""
    return replace(engine, limits=MERGED.limits)


TWO = "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a'), (2, 'b')"
Rows = Iterator[HashedRow]


def _swallows(rows: Rows) -> Rows:
    return (each for each in rows if each.row[0] != "2")


def _doubles(rows: Rows) -> Rows:
    return (each for each in rows for _ in "12")


def _lowers(rows: Rows) -> Rows:
    return (replace(each, row=tuple(str(value).lower() for value in each.row)) for each in rows)


def _hashes_otherwise(rows: Rows) -> Rows:
    return (replace(each, row_hash=each.row_hash ^ 1) for each in rows)


def _reverses(rows: Rows) -> Rows:
    return iter(list(rows)[::-1])


@pytest.mark.parametrize(
    ("driver", "said"),
    [
        (_swallows, "the scan counted 2 legacy and 2 modern rows; the merge read 1 and 1"),
        (_doubles, "the merge read 4 and 4"),
        (_hashes_otherwise, "the merge read 2 and 2, and other hashes"),
        (_lowers, "the digests differ, and the rows do not as they were read"),
        (_reverses, "rows were not sent in the order of their hashes"),
    ],
)
def test_a_merge_of_other_rows_than_were_scanned_proves_nothing(
    merged: Engine, monkeypatch: pytest.MonkeyPatch, driver: Callable[[Rows], Rows], said: str
) -> None:
    """A driver that drops, repeats, alters or reorders rows on the way makes no finding.

    The check is NOT PROVEN.
    """
    merged.both(TWO)
    merged.modern.run("UPDATE t SET v = 'B' WHERE id = 2")
    own = SideReader.rows_in_order
    monkeypatch.setattr(SideReader, "rows_in_order", lambda *args: driver(own(*args)))
    assert_not_proven(merged.audit(), said)


@pytest.mark.parametrize("key", ["g", "'k' || g"], ids=["whole numbers", "texts"])
def test_a_merge_finds_the_rows_that_differ_among_many(merged: Engine, key: str) -> None:
    """Missing or extra rows do not shift the comparison of the rows behind them."""
    kind = "text" if "k" in key else "int"
    merged.both(f"CREATE TABLE t (id {kind} PRIMARY KEY, v int)")
    merged.both(f"INSERT INTO t SELECT {key}, g FROM generate_series(1, 60000) g")
    merged.modern.run("UPDATE t SET v = 0 WHERE v IN (500, 40000); DELETE FROM t WHERE v = 777")
    merged.legacy.run("DELETE FROM t WHERE v BETWEEN 901 AND 903")
    wrong = [("changed", 500), ("changed", 40000), ("missing", 777)]
    wrong += [("extra", each) for each in (901, 902, 903)]
    found = [
        (how, (f"k{n}" if kind == "text" else str(n),), ("v",) if how == "changed" else ())
        for how, n in wrong
    ]
    assert_drift(merged.audit(), *found)


def test_a_map_that_nothing_uses_hides_no_table(engine: Engine) -> None:
    """A map's table is exempt from the coverage check only if ids are looked up in it."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    engine.modern.run("CREATE TABLE secret (old int, new int)")
    more = '[maps.x]\ntable = "secret"\nlegacy = "old"\nmodern = "new"'
    with engine.opened(more) as run:
        assert sorted(run.context.pairs) == ["secret", "t"]
        assert_not_proven(run.audit("global", "secret"), "has no table")


def test_the_owner_is_that_of_the_row(engine: Engine) -> None:
    """If the tables of a path share column names, the note still names the right tenant."""
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
    """Bytes of a database without an encoding are not compared with characters."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'x')")
    with engine.opened() as run:
        state = run.context.stacks["modern"]._state.databases[""]
        object.__setattr__(state.server, "encoding", "SQL_ASCII")
        assert_not_proven(run.audit("global", "t"), "SQL_ASCII")


def test_several_processes_need_one_snapshot(project: Migration, tmp_path: Path) -> None:
    """If sessions cannot share a snapshot, -n 2 is refused unless the stack is declared frozen."""
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
    """PyMySQL's ``passwd`` is refused in the file like ``password``."""
    with pytest.raises(SettingsError, match="holds a password"):
        engine.settings(legacy='url = "mysql://u@h/d?passwd=hunter2"')
