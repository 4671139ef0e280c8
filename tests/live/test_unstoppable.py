"""A query that cannot be stopped costs its own check, and slows no other."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection

from pytest_tenantparity.limits import Limits
from pytest_tenantparity.model import Status
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
    """Have a server take no notice of a request to stop."""

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
    """The line to the server is ended, and the other table is compared in a new session."""
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


@pytest.mark.parametrize("frozen", [True, False], ids=["frozen", "live"])
def test_the_next_checks_of_a_file_do_not_wait(
    tmp_path: Path, modern_db: Database, monkeypatch: pytest.MonkeyPatch, *, frozen: bool
) -> None:
    """A frozen file is read by a new session; a live one has lost its snapshot, and says so."""
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
        assert other.status is (Status.MATCH if frozen else Status.NOT_PROVEN)
        if not frozen:
            assert_not_proven(other, "the connection was lost, and with it the snapshot")
    with closing(sqlite3.connect(file.path)) as connection:
        assert connection.execute("SELECT count(*) FROM u").fetchone() == (2,)
