"""Several sessions of a process that read one table at the same time (``parallel``)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import ColumnElement

from pytest_tenantparity.errors import NotProven, SettingsError
from pytest_tenantparity.limits import Limits
from pytest_tenantparity.parity.read.chunks import Chunks
from pytest_tenantparity.parity.read.open_pair import open_pair

from ..support.engine_driver import Engine
from ..support.eventually import eventually
from ..support.expectations import assert_drift, assert_match, assert_not_proven
from ..support.faults import during, void, within
from ..support.mariadb import MariaDatabase
from ..support.postgresql import Database

SMALL = Limits(
    large_table_blocks=1,
    large_table_rows=1,
    least_chunk_seconds=0,
    rows_decoded=400,
    rows_per_part=2_000,
)
OWNED = "tenancy = {column = 'tenant'}\nchunk_seconds = 0.1\nparallel = 3"
FROZEN = f'{OWNED}\nfrozen = "nothing writes during the test"'
TENANTS = "".join(f"[tenants.t{n}]\n" for n in range(3))
ROWS = (
    "CREATE TABLE t (id int PRIMARY KEY, tenant text, v text); INSERT INTO t "
    "SELECT g, 't' || g % 3, repeat('x', 400) || g FROM generate_series(1, 6000) g"
)
BACKENDS = "FROM pg_stat_activity WHERE application_name = 'tests' AND datname = '{}'"


@pytest.fixture
def engine(engine: Engine) -> Engine:
    """Return an engine whose limits divide even small tables into chunks."""
    return replace(engine, limits=SMALL)


@pytest.fixture
def readers(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Collect the threads that read chunks."""
    seen: set[str] = set()
    shared_out = Chunks.shared_out

    def noted(self: Chunks) -> Callable[[], Iterator[ColumnElement[bool]]]:
        share = shared_out(self)
        all_begin = threading.Barrier(self.settings.parallel)

        def each() -> Iterator[ColumnElement[bool]]:
            all_begin.wait(30)  # or one session could read the whole of a small table
            for chunk in share():
                seen.add(threading.current_thread().name)
                yield chunk

        return each

    monkeypatch.setattr(Chunks, "shared_out", noted)
    return seen


def test_several_sessions_find_what_one_finds(engine: Engine, readers: set[str]) -> None:
    """Each row is counted once, and each drifted row is named, with few and with many of them."""
    engine.both(ROWS)
    with engine.opened(TENANTS, legacy=OWNED, modern=OWNED) as run:
        assert [run.audit(f"t{n}", "t").rows.legacy for n in range(3)] == [2000] * 3
        evidence = run.audit("t0", "t")
        assert_match(evidence, rows=2000)
    assert len(readers) == 6
    engine.modern.run("DELETE FROM t WHERE id = 3; UPDATE t SET v = 'new' WHERE id IN (1, 6000)")
    with engine.opened(TENANTS, legacy=OWNED, modern=OWNED) as run:
        found = [("missing", ("3",), ()), ("changed", ("6000",), ("v",))]
        assert_drift(run.audit("t0", "t"), *found)
        assert_drift(run.audit("t1", "t"), ("changed", ("1",), ("v",)))
        assert_match(run.audit("t2", "t"), rows=2000)
    engine.modern.run("UPDATE t SET v = v || '!' WHERE id % 3 = 2")
    with engine.opened(TENANTS, legacy=OWNED, modern=OWNED) as run:
        assert run.audit("t2", "t").drift.changed == 2000
        assert_drift(run.audit("t0", "t"), *found)


def test_the_report_says_how_many_sessions_read(engine: Engine) -> None:
    """The way in which a table was read names the chunks and the sessions."""
    engine.both(ROWS)
    with engine.opened(TENANTS, legacy=OWNED, modern=OWNED) as run:
        (how, *_) = [each.how for each in run.audit("t0", "t").work.readings]
    assert how.startswith("one scan for 3 tenants, in ")
    assert how.endswith(" chunks by 3 sessions")


def test_all_sessions_read_the_snapshot_of_the_run(engine: Engine, readers: set[str]) -> None:
    """A session that connects after a write reads the data from before it."""
    engine.both(ROWS)
    with engine.opened(TENANTS, legacy=OWNED, modern=OWNED) as run:
        engine.modern.run("DELETE FROM t; INSERT INTO t VALUES (1, 't0', 'late')")
        for n in range(3):
            assert_match(run.audit(f"t{n}", "t"), rows=2000)
    assert len(readers) == 6


def test_frozen_mariadb(
    mysql_db: MariaDatabase, modern_db: Database, tmp_path: Path, readers: set[str]
) -> None:
    """Sessions of MariaDB read disjoint ranges of the key, if nothing is written to it."""
    for database in (mysql_db, modern_db):
        database.run("CREATE TABLE t (id int PRIMARY KEY, tenant varchar(8), v varchar(500))")
        rows = ", ".join(f"({g}, 't{g % 3}', '{'x' * 300}{g}')" for g in range(1, 6001))
        database.run(f"INSERT INTO t VALUES {rows}")
    modern_db.run("UPDATE t SET v = 'new' WHERE id IN (1, 3000, 6000)")
    old: Any = mysql_db
    engine = Engine(old, modern_db, tmp_path, SMALL)
    with engine.opened(TENANTS, legacy=FROZEN, modern=OWNED) as run:
        changed = [("changed", (str(each),), ("v",)) for each in (3000, 6000)]
        assert_drift(run.audit("t0", "t"), *changed)
        assert_drift(run.audit("t1", "t"), ("changed", ("1",), ("v",)))
        assert_match(run.audit("t2", "t"), rows=2000)
        busy = run.context.stacks["legacy"]
        throttled = f"{FROZEN}\nthrottle = {{ running_queries = 0 }}"
        assert busy.waited == 0
    assert len(readers) == 6
    # The queries of the other sessions are no load that a session waits for.
    with engine.opened(TENANTS, legacy=throttled, modern=OWNED) as run, within(60):
        assert_match(run.audit("t2", "t"), rows=2000)
        assert run.context.stacks["legacy"].waited == 0


def test_a_lost_session_among_several(engine: Engine) -> None:
    """If one of the sessions is lost, its chunk is not left out: the scan is made again."""
    engine.both(ROWS)
    engine.modern.run("UPDATE t SET v = 'new' WHERE id = 6000")
    cluster, sleeping = engine.legacy.cluster, BACKENDS.format(engine.legacy.name)
    sleeping += " AND wait_event = 'PgSleep'"

    def asked(question: str) -> int:
        with cluster.connect() as admin:
            row = admin.execute(f"SELECT {question} {sleeping}".encode()).fetchone()
        return int(row[0]) if row else 0

    slow = "CASE WHEN id = 3000 AND pg_sleep(2) IS NULL THEN '' ELSE v END"
    more = f'{TENANTS}[tables.t.columns.v]\nlegacy_sql = "{slow}"\n'
    kill = "count(pg_terminate_backend(pid))"
    with (
        engine.opened(more, legacy=OWNED, modern=OWNED) as run,
        during(lambda: asked("count(*)"), lambda: void(asked(kill))),
    ):
        assert_drift(run.audit("t0", "t"), ("changed", ("6000",), ("v",)))
        assert_match(run.audit("t1", "t"), rows=2000)


def test_an_error_of_the_other_side_cancels_every_session(engine: Engine) -> None:
    """No session goes on reading for a check that has already failed."""
    engine.both(ROWS)
    slow = "CASE WHEN pg_sleep(0.05) IS NULL THEN '' ELSE v END"  # minutes for all rows
    more = f'{TENANTS}[tables.t.columns.v]\nlegacy_sql = "{slow}"\n'
    active = f"SELECT count(*) {BACKENDS.format(engine.legacy.name)} AND state = 'active'".encode()
    with (
        engine.opened(more, legacy=OWNED, modern=OWNED) as run,
        engine.legacy.cluster.connect() as admin,
        open_pair(run.context, run.context.pairs["t"], run.context.tenants["t0"]) as opened,
        within(30),
    ):

        def fail() -> None:
            eventually(lambda: admin.execute(active).fetchone() == (3,))
            raise NotProven("the modern side broke")

        tenants = list(run.context.tenants.values())
        sides = opened.sides(lambda side: opened.all_of(side, tenants))
        with pytest.raises(NotProven, match="the modern side broke"):
            sides.both(sides.legacy.digests, fail)
        assert admin.execute(active).fetchone() == (0,)


def test_masked_values_of_every_session_stay_hidden(engine: Engine) -> None:
    """The message of a server that quotes a masked value is left out, whichever session got it."""
    engine.both(ROWS)
    more = (
        f"{TENANTS}[tables.t.columns.v]\nmask = true\n"
        'legacy_sql = "CASE WHEN id = 3000 THEN v::int::text ELSE v END"\n'
        'modern_sql = "v"\n'
    )
    with engine.opened(more, legacy=OWNED, modern=OWNED) as run:
        evidence = run.audit("t0", "t")
    assert_not_proven(evidence, "could quote a masked value")
    assert "xxxx" not in repr(evidence)


def test_what_cannot_be_read_by_several_sessions(
    modern_db: Database, mysql_db: MariaDatabase, tmp_path: Path
) -> None:
    """SQLite, a MariaDB that is not frozen and too few connections are refused, with a remedy."""
    modern_db.run("CREATE TABLE t (id int)")
    (tmp_path / "old.db").touch()
    old: Any = mysql_db
    engine = Engine(old, modern_db, tmp_path)
    lite = f'url = "sqlite:///{tmp_path / "old.db"}"\ntenancy = "global"\nparallel = 2'
    two = 'tenancy = "global"\nparallel = 2'
    refusals = [
        (lite, two, r"\[legacy\] parallel = 2: only PostgreSQL, MySQL and MariaDB .* not SQLite"),
        (two, two, r"\[legacy\] parallel = 2: sessions of MariaDB cannot share a snapshot"),
        (
            'tenancy = "global"',
            f"{two}\nmax_connections = 2",
            r"\[modern\] max_connections = 2 is too few for 1 workers of 2 sessions and 1 snapsho",
        ),
    ]
    for legacy, modern, message in refusals:
        with (
            pytest.raises(SettingsError, match=message),
            engine.opened(legacy=legacy, modern=modern),
        ):
            pass
