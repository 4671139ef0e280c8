"""A query that cannot be stopped costs its own check, and does not slow other checks."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import pytest
import stamina
from sqlalchemy import Connection

from pytest_tenantparity.limits import Limits
from pytest_tenantparity.model import Outcome
from pytest_tenantparity.stacks.dialects import dialect_for

from ..support.engine_driver import SHARED, Engine
from ..support.expectations import assert_match, assert_not_proven
from ..support.faults import within
from ..support.files import File, engine_over
from ..support.mariadb import MariaDatabase
from ..support.postgresql import Database

TABLES = "CREATE TABLE {0} (id int PRIMARY KEY, v int); INSERT INTO {0} VALUES (1, 1), (2, 2)"
# The modern side fails after half a second, and the legacy side goes on for a minute.
FAULT = '[tables.t.columns.v]\nlegacy_sql = "{}"\nmodern_sql = "v + length(pg_sleep(9)::text)"\n'
SHORT = f"{SHARED}\nstatement_timeout = 0.5"
COUNTS = (
    "(WITH RECURSIVE c(n) AS (SELECT v UNION ALL SELECT n + 1 FROM c WHERE n < 20000000) "
    "SELECT max(n) FROM c)"
)


def cannot_stop(monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    """Make a server ignore requests to cancel a query."""

    def ignored(_: object, connection: Connection) -> None:
        del connection

    monkeypatch.setattr(type(dialect_for(engine)), "cancel", ignored)


def test_the_next_checks_of_a_server_do_not_wait(
    legacy_db: Database,
    modern_db: Database,
    mysql_db: MariaDatabase,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The connection is closed, and the other table is compared in a new session."""
    cases: list[tuple[Database | MariaDatabase, str, str]] = [
        (legacy_db, "postgresql", "v + length(pg_sleep(60)::text)"),
        (mysql_db, "mysql", "v + sleep(60)"),
    ]
    for table in ("t", "u"):
        for database in (legacy_db, modern_db):
            database.run(TABLES.format(table))
        for statement in TABLES.format(table).split("; "):
            mysql_db.run(statement)
    for legacy, name, sleeps in cases:
        cannot_stop(monkeypatch, name)
        engine = Engine(legacy, modern_db, tmp_path, Limits(cancel_seconds=0.5))  # type: ignore[arg-type]
        frozen = f'{SHARED}\nfrozen = "a copy"'
        with engine.opened(FAULT.format(sleeps), legacy=frozen, modern=SHORT) as run, within(40):
            assert_not_proven(run.audit("global", "t"), "statement timeout")
            assert_match(run.audit("global", "u"), rows=2)


def test_a_side_that_stopped_keeps_its_snapshot(
    legacy_db: Database, mysql_db: MariaDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If MariaDB's query fails and PostgreSQL's cannot be stopped, MariaDB's session is kept."""
    for table in ("t", "u"):
        legacy_db.run(TABLES.format(table))
        for statement in TABLES.format(table).split("; "):
            mysql_db.run(statement)
    cannot_stop(monkeypatch, "postgresql")
    more = (
        '[tables.t.columns.v]\nlegacy_sql = "v + length(pg_sleep(60)::text)"\n'
        'modern_sql = "v + sleep(9)"\n'
    )
    engine = Engine(legacy_db, mysql_db, tmp_path, Limits(cancel_seconds=0.5))  # type: ignore[arg-type]
    with engine.opened(more, modern=SHORT) as run, within(40):
        assert_not_proven(run.audit("global", "t"), "max_statement_time")
        assert_match(run.audit("global", "u"), rows=2)


def test_a_lost_side_does_not_keep_the_other_from_being_given_up(
    legacy_db: Database, modern_db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One connection is lost while the other query cannot be stopped.

    The reason is clean, and the next check does not wait.
    """
    for table in ("t", "u"):
        for database in (legacy_db, modern_db):
            database.run(TABLES.format(table))
    cannot_stop(monkeypatch, "postgresql")
    sleeps = "v + length(pg_sleep(60)::text)"
    more = f'[tables.t.columns.v]\nlegacy_sql = "{sleeps}"\nmodern_sql = "{sleeps}"\n'
    engine = Engine(legacy_db, modern_db, tmp_path, Limits(cancel_seconds=0.2))
    asleep = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event = 'PgSleep'"
    )
    with (
        stamina.set_testing(True, attempts=5, cap=True),
        engine.opened(more) as run,
        within(60),
    ):
        ends = Event()

        def end_all() -> None:
            while not ends.wait(0.2):
                legacy_db.run(asleep)

        thread = Thread(target=end_all)
        thread.start()
        try:
            assert_not_proven(run.audit("global", "t"), "asked 5 times")
            assert_match(run.audit("global", "u"), rows=2)
        finally:
            ends.set()
            thread.join()


@pytest.mark.parametrize("frozen", [True, False], ids=["frozen", "live"])
def test_the_next_checks_of_a_file_do_not_wait(
    tmp_path: Path, modern_db: Database, monkeypatch: pytest.MonkeyPatch, *, frozen: bool
) -> None:
    """A frozen file is read by a new session.

    A live file has lost its snapshot, and the reason states that.
    """
    file = File(tmp_path / "t.db")
    for table in ("t", "u"):
        file.run(TABLES.format(table))
        modern_db.run(TABLES.format(table))
    cannot_stop(monkeypatch, "sqlite")
    engine = replace(engine_over(file, modern_db, tmp_path), limits=Limits(cancel_seconds=0.5))
    legacy = f'{SHARED}\nfrozen = "a copy"' if frozen else SHARED
    with engine.opened(FAULT.format(COUNTS), legacy=legacy, modern=SHORT) as run:
        with within(40):
            assert_not_proven(run.audit("global", "t"), "statement timeout")
            other = run.audit("global", "u")
        assert other.outcome is (Outcome.PROVEN if frozen else Outcome.NOT_PROVEN)
        if not frozen:
            assert_not_proven(other, "the connection was lost, and with it the snapshot")
    with closing(sqlite3.connect(file.path)) as connection:
        assert connection.execute("SELECT count(*) FROM u").fetchone() == (2,)
