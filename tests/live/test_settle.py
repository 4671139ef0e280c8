"""Rows in flight between two live stacks are not drift, but a lost write is."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_tenantparity.inventory import place_of_shared
from pytest_tenantparity.limits import Limits
from pytest_tenantparity.model import Evidence, Outcome

from ..support.dual_write import DualWrite
from ..support.engine_driver import SHARED, Engine, Run
from ..support.expectations import assert_not_proven
from ..support.mariadb import MariaDatabase
from ..support.project import Migration, Project, RunResult, assert_usage_error

pytest_plugins = ["tests.support.project"]

LAG = 0.3
SETTLE = "--parity-settle=1.5"  # on a machine that is busy with other tests

# For each tenant, a trade that the writer does not touch, and a write to it that is lost.
LOST = {
    "acme": ("4", "UPDATE {table} SET amount = -1 WHERE id = 4", "changed"),
    "beta": ("1", "DELETE FROM {table} WHERE id = 1", "extra"),
    "eu-north": ("500", "INSERT INTO {table} VALUES (500, 'A3', 1, 'new')", "missing"),
}


def drifting(outcome: RunResult) -> dict[str, list[tuple[str, str]]]:
    """Return the findings of each drifting check, as kinds and ids of rows."""
    return {
        check["tenant"]: [(each["kind"], each["key"]["id"]) for each in check["findings"]]
        for check in outcome.report["checks"]
        if check["status"] == "DRIFT"
    }


def in_flight(outcome: RunResult) -> int:
    """Return how many rows agreed only when they were read again."""
    return sum(check["in_flight"] for check in outcome.report["checks"])


@pytest.mark.slow
def test_lost_writes_among_writes_in_flight(project: Migration) -> None:
    """Under a dual write each lost write is found by its key, and nothing else is.

    Without the option, writes in flight count as drift. Several processes find the same as one,
    from shared scans that one process made for all.
    """
    with DualWrite(project.legacy, project.modern, LAG, rows=120):
        without = project.run()
        before = project.run(SETTLE)
        for _, statement, _ in LOST.values():
            project.legacy.run(statement.format(table="trades"))
        after = project.run(SETTLE)
        shared = project.run(SETTLE, "-n", "2")
    assert without.verdict == "NO-GO"
    assert in_flight(without) == 0
    assert drifting(before) == {}
    assert before.code == 0, before.output
    assert before.verdict == "GO"
    assert in_flight(before) > 0
    lost = {tenant: [(kind, key)] for tenant, (key, _, kind) in LOST.items()}
    for found in (after, shared):
        assert in_flight(found) > 0
        assert drifting(found) == lost
        assert found.statuses["eu-south-trades"] == "MATCH"
    assert_says_the_rule(before)


def assert_says_the_rule(outcome: RunResult) -> None:
    """Require that every check of rows names the rule, whether or not a row differed.

    Rows in flight are counted in the reports.
    """
    for check in outcome.report["checks"]:
        rules = [rule["rule"] for rule in check["rules"]]
        of_rows = check["tenant"] not in ("unassigned", "coverage")
        assert any("1.5 s apart" in rule for rule in rules) is of_rows, check
    for page in (outcome.files[".html"], outcome.files[".md"]):
        assert "1.5 s apart" in page
        assert "in flight and agreed at a later look" in page


def test_a_row_that_never_rests(project: Migration) -> None:
    """A row that differs and has changed at every reading is NOT PROVEN, but not drift."""
    with DualWrite(project.legacy, project.modern, 0.15, hot=True):
        outcome = project.run("--parity-settle=0.2", "--tenants=acme")
    assert outcome.statuses["acme-trades"] == "NOT PROVEN"
    assert "1 rows never came to rest" in outcome.reasons("acme", "trades")
    assert outcome.check("acme", "trades")["findings"] == []
    assert outcome.code == 1


def settled_all(
    engine: Engine,
    tables: Iterable[str],
    more: str = "",
    *,
    modern: str | None = None,
    seconds: float = 0.1,
    meanwhile: Callable[[], object] = lambda: None,
) -> dict[str, Evidence]:
    """Compare tables under ``--parity-settle``.

    ``meanwhile`` is called after the snapshots were taken.
    """
    url = "" if modern is None else f'url = "{modern}"\n'
    with engine.opened(more, modern=f"{url}{SHARED}") as run:
        for stack in run.context.stacks.values():
            with stack.transaction(place_of_shared(stack.settings)) as connection:
                # From here on, a session that cannot share a snapshot has one of its own.
                connection.exec_driver_sql("SELECT 1")
        meanwhile()
        settling = Run(replace(run.context, settle=seconds))
        return {table: settling.audit("global", table) for table in tables}


def settled(engine: Engine, more: str = "", **how: Any) -> Evidence:
    """Do the same for the table ``t``."""
    return settled_all(engine, ["t"], more, **how)["t"]


# By the kind of key: columns, rows, and a condition for the row that differs.
KEYS = {
    "whole_number": ("id int PRIMARY KEY, v int", "(1, 1), (2, 2)", "id = 2"),
    "texts": ("id text PRIMARY KEY, v int", "('a', 1), ('ä''', 2)", "v IN (2, 7)"),
    "two_columns": (
        "a int, id text, v int, PRIMARY KEY (a, id)",
        "(1, 'x', 1), (1, 'y', 2)",
        "v IN (2, 7)",
    ),
}
NO_KEYS = {
    "same_row_twice": ("id int, v int", "(1, 1), (2, 2), (2, 2)", "id = 2"),
    "row_without_id": ("id int, v int", "(1, 1), (NULL, 2)", "id IS NULL"),
}


def test_each_kind_of_key(engine: Engine) -> None:
    """For any kind of key, a row that arrives later was in flight, and one that does not is drift.

    Without a key, a row that was changed cannot be found again, and the check is NOT PROVEN.
    """
    tables = {**KEYS, **NO_KEYS}
    for table, (columns, rows, suspect) in tables.items():
        engine.both(f"CREATE TABLE {table} ({columns}); INSERT INTO {table} VALUES {rows}")
        engine.modern.run(f"UPDATE {table} SET v = 7 WHERE {suspect}")

    def write() -> None:
        for table, (_, _, suspect) in tables.items():
            engine.legacy.run(f"UPDATE {table} SET v = 7 WHERE {suspect}")

    lost = settled_all(engine, tables)
    arrived = settled_all(engine, tables, meanwhile=write)
    assert {table: (each.outcome, each.in_flight) for table, each in lost.items()} == dict.fromkeys(
        tables, (Outcome.REFUTED, 0)
    )
    assert {
        table: (arrived[table].outcome, arrived[table].in_flight > 0) for table in KEYS
    } == dict.fromkeys(KEYS, (Outcome.PROVEN, True))
    for table in NO_KEYS:
        assert_not_proven(arrived[table], "without a key")


def test_sqlite(engine: Engine, tmp_path: Path) -> None:
    """A file that changes during the run is read in its present state at each reading."""
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
    assert (lost.outcome, lost.in_flight) == (Outcome.REFUTED, 0)
    assert (arrived.outcome, arrived.in_flight) == (Outcome.PROVEN, 1)


def write_to_file(path: Path, statement: str) -> None:
    """Write to an SQLite file, by a connection of the calling thread."""
    with closing(sqlite3.connect(path)) as file, file:
        file.execute(statement)


def test_mariadb(engine: Engine, mysql_db: MariaDatabase) -> None:
    """Rows are read again by another session, which sees newer rows than the run's snapshot."""
    engine.legacy.run("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1)")
    mysql_db.run("CREATE TABLE t (id int PRIMARY KEY, v int)")
    lost = settled(engine, modern=mysql_db.url)
    arrived = settled(
        engine, modern=mysql_db.url, meanwhile=lambda: mysql_db.run("INSERT INTO t VALUES (1, 1)")
    )
    assert (lost.outcome, lost.in_flight) == (Outcome.REFUTED, 0)
    assert (arrived.outcome, arrived.in_flight) == (Outcome.PROVEN, 1)


def test_too_many_suspects(engine: Engine) -> None:
    """More differing rows than the limit are drift at once.

    The reason states that none of them was settled.
    """
    engine.both("CREATE TABLE t (id int PRIMARY KEY, v int)")
    engine.legacy.run("INSERT INTO t SELECT i, i FROM generate_series(1, 101) i")
    engine = replace(engine, limits=Limits(rows_decoded=100))
    many = settled(engine, seconds=60)
    engine.legacy.run("DELETE FROM t WHERE id = 101")
    held = settled(engine)
    assert many.outcome is held.outcome is Outcome.REFUTED
    assert (many.drift.missing, held.drift.missing) == (101, 100)
    assert "101 rows differ, too many to be read again" in many.reasons[0]
    assert held.reasons == ()


def test_tenants_of_one_table_settle_together(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One pause serves all tenants of a shared table.

    Each lost row is drift, and each late row is not. A row that left its tenant on both sides, and
    differs under its present tenant, is NOT PROVEN for the tenant that it left.
    """
    slept: list[float] = []
    monkeypatch.setattr("pytest_tenantparity.parity.live.in_flight.sleep", slept.append)
    engine.both("CREATE TABLE t (id int PRIMARY KEY, tenant text, v int)")
    engine.both("INSERT INTO t SELECT g, 't' || g % 4, g FROM generate_series(1, 40) g")
    engine.modern.run("DELETE FROM t WHERE id IN (1, 5, 2, 3)")
    by_tenant = 'tenancy = {column = "tenant"}'
    tenants = "\n".join(f"[tenants.t{n}]" for n in range(4))
    with engine.opened(tenants, legacy=by_tenant, modern=by_tenant) as run:
        for stack in run.context.stacks.values():
            with stack.transaction(place_of_shared(stack.settings)) as connection:
                connection.exec_driver_sql("SELECT 1")
        engine.modern.run("INSERT INTO t VALUES (5, 't1', 5), (2, 't2', 2), (3, 't0', 4)")
        engine.legacy.run("UPDATE t SET tenant = 't0' WHERE id = 3")
        settling = Run(replace(run.context, settle=0.1))
        found = [settling.audit(f"t{n}", "t") for n in range(4)]
    assert [each.status for each in found] == ["MATCH", "DRIFT", "MATCH", "NOT PROVEN"]
    assert [each.in_flight for each in found[:3]] == [0, 1, 1]
    assert [each.key for each in found[1].findings] == [{"id": "1"}]
    assert "have left the tenant" in found[3].reasons[0]
    assert len(slept) == 1


def test_keys_without_one_text_are_not_guessed(engine: Engine) -> None:
    """Rows whose keys agree only by a rule cannot be read again: NOT PROVEN, if any differ."""
    engine.both("CREATE TABLE t (id text PRIMARY KEY, v int); INSERT INTO t VALUES ('a', 1)")
    rule = '[tables.t.columns]\nid = { ignore_case = true }\n[tables.t]\ntenancy = "global"\n'
    engine.modern.run("UPDATE t SET id = 'A'")
    assert settled(engine, rule).outcome is Outcome.TOLERATED
    engine.modern.run("UPDATE t SET v = 2")
    evidence = settled(engine, rule)
    assert evidence.outcome is Outcome.NOT_PROVEN
    assert "may be in flight" in evidence.reasons[0]


def test_tolerance_is_weighed_after_settling(engine: Engine) -> None:
    """A difference that persists within a tolerance is forgiven, as without settling."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, v numeric); INSERT INTO t VALUES (1, 1)")
    engine.modern.run("UPDATE t SET v = 1.001")
    evidence = settled(engine, '[tolerance]\nabsolute = "0.01"\n')
    assert (evidence.outcome, evidence.in_flight) == (Outcome.TOLERATED, 0)


def test_a_look_that_fails_is_not_proven(engine: Engine) -> None:
    """If the server refuses a later reading, nothing is proven, and the reason quotes it."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1)")
    engine.modern.run("UPDATE t SET v = 2")
    by_zero = '[tables.t.columns.v]\nmodern_sql = "100 / v"\nlegacy_sql = "v"\n'
    evidence = settled(engine, by_zero, meanwhile=lambda: engine.modern.run("UPDATE t SET v = 0"))
    assert evidence.outcome is Outcome.NOT_PROVEN
    assert "modern" in evidence.reasons[0]
    assert "division by zero" in evidence.reasons[0]


def test_keys_that_cannot_be_found_again(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a lookup by keys does not find the differing rows, none of them counts as settled."""
    monkeypatch.setattr("pytest_tenantparity.parity.live.key_lookup.portable_hash", lambda *_: 1)
    engine.both("CREATE TABLE t (id text PRIMARY KEY, v int); INSERT INTO t VALUES ('a', 1)")
    engine.modern.run("UPDATE t SET v = 2")
    evidence = settled(engine)
    assert evidence.outcome is Outcome.NOT_PROVEN
    assert "could not be found again by their keys" in evidence.reasons[0]


def test_wrong_seconds(offline: Project) -> None:
    """An invalid number of seconds is refused in one line, before any row is read."""
    assert_usage_error(offline.run("--parity-settle=soon"), "--parity-settle", "more than 0")


def test_resume_is_under_the_same_rule(project: Migration) -> None:
    """Proofs of a run with settle are resumed only by a run with settle."""
    assert project.run(SETTLE).verdict == "GO"
    other = project.run("--parity-resume", report="none")
    same = project.run(SETTLE, "--parity-resume")
    assert_usage_error(other, "--parity-settle", "1.5 s")
    assert same.code == 0
    (resumed,) = same.report["run"]["resumed"]
    assert resumed["checks"] == len(same.report["checks"])


# By table: a write to both sides, before a row that the modern side lost is read again.
LATER = {
    "moved": "UPDATE moved SET tenant = 'b' WHERE id = 2",
    "without_key": "UPDATE without_key SET v = 'y' WHERE id = 2",
    "deleted": "DELETE FROM deleted WHERE id = 2",
}


def test_a_lost_row_that_is_written_to_again(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lost row that moves to another tenant is still lost, and one that is deleted is gone.

    Without a key, the later write makes it another row, whose loss would not be found.
    """
    for table in LATER:
        key = "" if table == "without_key" else "PRIMARY KEY"
        engine.both(
            f"CREATE TABLE {table} (id int {key}, tenant text, v text);"
            f"INSERT INTO {table} VALUES (1, 'a', 'x'), (2, 'a', 'x'), (3, 'b', 'x')"
        )
        engine.modern.run(f"DELETE FROM {table} WHERE id = 2")

    def write(_: float) -> None:
        for statement in LATER.values():
            engine.both(statement)

    monkeypatch.setattr("pytest_tenantparity.parity.live.in_flight.sleep", write)
    owned = "tenancy = {column = 'tenant'}"
    with engine.opened("[tenants.a]\n[tenants.b]", legacy=owned, modern=owned) as run:
        settling = Run(replace(run.context, settle=0.01))
        found = {table: settling.audit("a", table) for table in LATER}
    assert_not_proven(found["moved"], "have left the tenant", "differ where they are now")
    assert_not_proven(found["without_key"], "without a key")
    assert (found["deleted"].outcome, found["deleted"].in_flight) == (Outcome.PROVEN, 1)
