"""Rows in flight between two live stacks are no drift, and a write that is lost is."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_tenantparity.inventory import place_of_shared
from pytest_tenantparity.model import Evidence, Status

from ..support.dual_write import DualWrite
from ..support.engine_driver import SHARED, Engine, Run
from ..support.expectations import assert_not_proven
from ..support.mariadb import MariaDatabase
from ..support.project import Migration, Outcome, Project, assert_usage_error

pytest_plugins = ["tests.support.project"]

LAG = 0.3
SETTLE = "--parity-settle=1.5"  # on a machine that is busy with other tests

# A trade of each tenant's that the writer does not touch, and a write of it that is lost.
LOST = {
    "acme": ("4", "UPDATE {table} SET amount = -1 WHERE id = 4", "changed"),
    "beta": ("1", "DELETE FROM {table} WHERE id = 1", "extra"),
    "eu-north": ("500", "INSERT INTO {table} VALUES (500, 'A3', 1, 'new')", "missing"),
}


def drifting(outcome: Outcome) -> dict[str, list[tuple[str, str]]]:
    """Return what each drifting check found: the kinds and ids of rows."""
    return {
        check["tenant"]: [(each["kind"], each["key"]["id"]) for each in check["findings"]]
        for check in outcome.report["checks"]
        if check["status"] == "DRIFT"
    }


def in_flight(outcome: Outcome) -> int:
    """Return how many rows agreed only at a later look."""
    return sum(check["in_flight"] for check in outcome.report["checks"])


def test_lost_writes_among_writes_in_flight(project: Migration) -> None:
    """Under a dual write each lost write is found by its key, and nothing else is."""
    with DualWrite(project.legacy, project.modern, LAG, rows=120):
        before = project.run(SETTLE)
        for _, statement, _ in LOST.values():
            project.legacy.run(statement.format(table="trades"))
        after = project.run(SETTLE)
    assert drifting(before) == {}
    assert before.code == 0, before.output
    assert before.verdict == "GO"
    assert in_flight(before) > 0
    assert in_flight(after) > 0
    assert drifting(after) == {tenant: [(kind, key)] for tenant, (key, _, kind) in LOST.items()}
    assert after.statuses["eu-south-trades"] == "MATCH"


def test_without_settle_rows_in_flight_are_drift(project: Migration) -> None:
    """The same writes are taken for drift where nothing is looked at again."""
    with DualWrite(project.legacy, project.modern, LAG):
        outcome = project.run()
    assert outcome.verdict == "NO-GO"
    assert in_flight(outcome) == 0


def test_report_says_that_the_rule_was_in_force(project: Migration) -> None:
    """Every check of rows names the rule, whether or not a row differed; in-flight is counted."""
    with DualWrite(project.legacy, project.modern, LAG):
        outcome = project.run(SETTLE)
    for check in outcome.report["checks"]:
        rules = [rule["rule"] for rule in check["rules"]]
        of_rows = check["tenant"] not in ("unassigned", "coverage")
        assert any("1.5 s apart" in rule for rule in rules) is of_rows
    for page in (outcome.files[".html"], outcome.files[".md"]):
        assert "1.5 s apart" in page
        assert "in flight and agreed at a later look" in page


def test_a_row_that_never_rests(project: Migration) -> None:
    """A row that differs and is changed again at every look is NOT PROVEN, and no drift."""
    with DualWrite(project.legacy, project.modern, 0.15, hot=True):
        outcome = project.run("--parity-settle=0.2", "--tenants=acme")
    assert outcome.statuses["acme-trades"] == "NOT PROVEN"
    assert "1 rows never came to rest" in outcome.reasons("acme", "trades")
    assert outcome.check("acme", "trades")["findings"] == []
    assert outcome.code == 1


def test_workers_settle_too(project: Migration) -> None:
    """With several processes the same holds, and surveys that one made for all are settled."""
    with DualWrite(project.legacy, project.modern, LAG):
        project.legacy.run(LOST["acme"][1].format(table="trades"))
        outcome = project.run(SETTLE, "-n", "2")
    assert drifting(outcome) == {"acme": [("changed", "4")]}


def settled(
    engine: Engine,
    more: str = "",
    *,
    modern: str | None = None,
    seconds: float = 0.1,
    meanwhile: Callable[[], object] = lambda: None,
) -> Evidence:
    """Compare the table ``t`` under ``--parity-settle``; ``meanwhile``: after the snapshots."""
    url = "" if modern is None else f'url = "{modern}"\n'
    with engine.opened(more, modern=f"{url}{SHARED}") as run:
        for stack in run.context.stacks.values():
            with stack.transaction(place_of_shared(stack.settings)) as connection:
                # A session that cannot share a snapshot has its own from here on.
                connection.exec_driver_sql("SELECT 1")
        meanwhile()
        return replace(run, context=replace(run.context, settle=seconds)).audit("global", "t")


KEYS = [
    pytest.param("id int PRIMARY KEY, v int", "(1, 1), (2, 2)", "id = 2", id="whole number"),
    pytest.param("id text PRIMARY KEY, v int", "('a', 1), ('ä''', 2)", "v = 2", id="text"),
    pytest.param(
        "a int, id text, v int, PRIMARY KEY (a, id)", "(1, 'x', 1), (1, 'y', 2)", "v = 2", id="two"
    ),
]
NO_KEYS = [
    pytest.param("id int, v int", "(1, 1), (2, 2), (2, 2)", "id = 2", id="twice"),
    pytest.param("id int, v int", "(1, 1), (NULL, 2)", "id IS NULL", id="NULL"),
]


@pytest.mark.parametrize(("columns", "rows", "suspect"), KEYS)
def test_each_kind_of_key(engine: Engine, columns: str, rows: str, suspect: str) -> None:
    """Whatever rows go by, one that arrives later was in flight, and one that does not is drift."""
    engine.both(f"CREATE TABLE t ({columns}); INSERT INTO t VALUES {rows}")
    engine.modern.run(f"UPDATE t SET v = 7 WHERE {suspect}")
    lost = settled(engine)
    arrived = settled(
        engine, meanwhile=lambda: engine.legacy.run(f"UPDATE t SET v = 7 WHERE {suspect}")
    )
    assert (lost.status, lost.in_flight) == (Status.DRIFT, 0)
    assert arrived.status is Status.MATCH
    assert arrived.in_flight >= 1


def test_sqlite(engine: Engine, tmp_path: Path) -> None:
    """A file that is written to meanwhile is read as it is at each look."""
    path = tmp_path / "modern.db"
    engine.legacy.run("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1)")
    with closing(sqlite3.connect(path)) as file:
        file.executescript("PRAGMA journal_mode = wal; CREATE TABLE t (id int PRIMARY KEY, v int)")
    lost = settled(engine, modern=f"sqlite:///{path}")
    arrived = settled(
        engine,
        modern=f"sqlite:///{path}",
        meanwhile=lambda: write_to_file(path, "INSERT INTO t VALUES (1, 1)"),
    )
    assert (lost.status, lost.in_flight) == (Status.DRIFT, 0)
    assert (arrived.status, arrived.in_flight) == (Status.MATCH, 1)


def write_to_file(path: Path, statement: str) -> None:
    """Write to an SQLite file, by a connection of the thread's own."""
    with closing(sqlite3.connect(path)) as file, file:
        file.execute(statement)


def test_mariadb(engine: Engine, mysql_db: MariaDatabase) -> None:
    """A session of its own sees what the run's snapshot does not."""
    engine.legacy.run("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1)")
    mysql_db.run("CREATE TABLE t (id int PRIMARY KEY, v int)")
    lost = settled(engine, modern=mysql_db.url)
    arrived = settled(
        engine, modern=mysql_db.url, meanwhile=lambda: mysql_db.run("INSERT INTO t VALUES (1, 1)")
    )
    assert (lost.status, lost.in_flight) == (Status.DRIFT, 0)
    assert (arrived.status, arrived.in_flight) == (Status.MATCH, 1)


def test_too_many_suspects(engine: Engine) -> None:
    """More rows than are held are drift at once, and the reason says that none was settled."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, v int)")
    engine.legacy.run("INSERT INTO t SELECT i, i FROM generate_series(1, 10001) i")
    many = settled(engine, seconds=60)
    engine.legacy.run("DELETE FROM t WHERE id = 10001")
    held = settled(engine)
    assert many.status is held.status is Status.DRIFT
    assert (many.drift.missing, held.drift.missing) == (10_001, 10_000)
    assert "more than 10,000 rows differ" in many.reasons[0]
    assert held.reasons == ()


def test_keys_without_one_text_are_not_guessed(engine: Engine) -> None:
    """Rows whose keys agree only by a rule cannot be asked for: NOT PROVEN, where any differ."""
    engine.both("CREATE TABLE t (id text PRIMARY KEY, v int); INSERT INTO t VALUES ('a', 1)")
    rule = '[tables.t.columns]\nid = { ignore_case = true }\n[tables.t]\ntenancy = "global"\n'
    engine.modern.run("UPDATE t SET id = 'A'")
    assert settled(engine, rule).status is Status.TOLERATED
    engine.modern.run("UPDATE t SET v = 2")
    evidence = settled(engine, rule)
    assert evidence.status is Status.NOT_PROVEN
    assert "may be in flight" in evidence.reasons[0]


def test_tolerance_is_weighed_after_settling(engine: Engine) -> None:
    """What persists within a tolerance is forgiven, as without settling."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, v numeric); INSERT INTO t VALUES (1, 1)")
    engine.modern.run("UPDATE t SET v = 1.001")
    evidence = settled(engine, '[tolerance]\nabsolute = "0.01"\n')
    assert (evidence.status, evidence.in_flight) == (Status.TOLERATED, 0)


def test_a_look_that_fails_is_not_proven(engine: Engine) -> None:
    """What the server refuses at a later look proves nothing, and the reason is the server's."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1)")
    engine.modern.run("UPDATE t SET v = 2")
    by_zero = '[tables.t.columns.v]\nmodern_sql = "100 / v"\nlegacy_sql = "v"\n'
    evidence = settled(engine, by_zero, meanwhile=lambda: engine.modern.run("UPDATE t SET v = 0"))
    assert evidence.status is Status.NOT_PROVEN
    assert "modern" in evidence.reasons[0]
    assert "division by zero" in evidence.reasons[0]


def test_keys_that_cannot_be_found_again(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """If asking by keys did not find what differs, nothing would be taken for settled."""
    monkeypatch.setattr("pytest_tenantparity.parity.by_key.portable_hash", lambda *_: 1)
    engine.both("CREATE TABLE t (id text PRIMARY KEY, v int); INSERT INTO t VALUES ('a', 1)")
    engine.modern.run("UPDATE t SET v = 2")
    evidence = settled(engine)
    assert evidence.status is Status.NOT_PROVEN
    assert "could not be found again by their keys" in evidence.reasons[0]


@pytest.mark.parametrize("given", ["0", "-1", "soon", "nan", "inf", "1e9", ""])
def test_wrong_seconds(offline: Project, given: str) -> None:
    """Seconds that make no sense are refused in one line."""
    assert_usage_error(offline.run(f"--parity-settle={given}"), "--parity-settle", "more than 0")


def test_resume_is_under_the_same_rule(project: Migration) -> None:
    """Proofs of a run with settling are taken over by a run with it, and by none without."""
    project.run(SETTLE)
    other = project.run("--parity-resume", report="none")
    same = project.run(SETTLE, "--parity-resume", report="none")
    assert_usage_error(other, "--parity-settle", "1.5 s")
    assert same.code == 0


@pytest.mark.parametrize(("columns", "rows", "suspect"), NO_KEYS)
def test_without_a_key(engine: Engine, columns: str, rows: str, suspect: str) -> None:
    """Rows that are lost for good are drift; of a change nobody can say what became of the row."""
    engine.both(f"CREATE TABLE t ({columns}); INSERT INTO t VALUES {rows}")
    engine.modern.run(f"UPDATE t SET v = 7 WHERE {suspect}")
    lost = settled(engine)
    arrived = settled(
        engine, meanwhile=lambda: engine.legacy.run(f"UPDATE t SET v = 7 WHERE {suspect}")
    )
    assert (lost.status, lost.in_flight) == (Status.DRIFT, 0)
    assert_not_proven(arrived, "without a key")


def _lost_row(engine: Engine, monkeypatch: pytest.MonkeyPatch, key: str, later: str) -> Evidence:
    """Lose a row on the modern side, and write to both sides before the first look."""
    engine.both(f"CREATE TABLE t (id int {key}, tenant text, v text)")
    engine.both("INSERT INTO t VALUES (1, 'a', 'x'), (2, 'a', 'x'), (3, 'b', 'x')")
    engine.modern.run("DELETE FROM t WHERE id = 2")
    monkeypatch.setattr("pytest_tenantparity.parity.settle.sleep", lambda _: engine.both(later))
    owned = "tenancy = {column = 'tenant'}"
    with engine.opened("[tenants.a]\n[tenants.b]", legacy=owned, modern=owned) as run:
        return Run(replace(run.context, settle=0.01)).audit("a", "t")


def test_a_lost_row_that_moves_on_is_not_in_flight(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has left its tenant on the stack that has it, and is still lost on the other."""
    moved = "UPDATE t SET tenant = 'b' WHERE id = 2"
    evidence = _lost_row(engine, monkeypatch, "PRIMARY KEY", moved)
    assert_not_proven(evidence, "have left the tenant", "differ where they are now")


def test_a_lost_row_without_a_key_cannot_be_followed(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later write makes another row of it, whose loss nobody would look for."""
    evidence = _lost_row(engine, monkeypatch, "", "UPDATE t SET v = 'y' WHERE id = 2")
    assert_not_proven(evidence, "without a key")


def test_a_lost_row_that_is_deleted_is_gone(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the other stack deletes the row, too, there is nothing left that could differ."""
    evidence = _lost_row(engine, monkeypatch, "PRIMARY KEY", "DELETE FROM t WHERE id = 2")
    assert evidence.status is Status.MATCH
    assert evidence.in_flight == 1
