"""An audit waits while a server is too busy. A load that cannot be read is never taken for rest."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psycopg
import pymysql
import pytest
from psycopg import sql
from sqlalchemy import create_engine, true

from pytest_tenantparity.errors import NotProven
from pytest_tenantparity.inventory import Place
from pytest_tenantparity.limits import Limits
from pytest_tenantparity.mapping.tenancy_sql import Scope
from pytest_tenantparity.model import Evidence, Outcome
from pytest_tenantparity.parity.read.open_pair import open_pair
from pytest_tenantparity.stacks.dialects import dialect_for
from pytest_tenantparity.stacks.sources import source_of

from ..support.engine_driver import SHARED, Engine
from ..support.eventually import eventually
from ..support.expectations import assert_match, assert_not_proven
from ..support.faults import during, void, within
from ..support.mariadb import MariaDatabase, MariaServer, running_mariadb
from ..support.postgresql import Cluster, Database, new_database, running_standby
from ..support.project import Migration, assert_usage_error, own_backends

pytest_plugins = ["tests.support.project"]

TABLE = "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a'), (2, 'b')"
GATE = "CREATE TABLE gate (busy boolean); INSERT INTO gate VALUES (true)"
IGNORED = '[ignore.tables]\ngate = "the load of the test"\nnoise = "what is replicated"\n'
ASLEEP = "SELECT id FROM information_schema.processlist WHERE state = 'User sleep'"
LOOKS_ALWAYS = Limits(load_interval=0)
PROBE = "probe = 'SELECT busy FROM gate'"


def throttled(limits: str, more: str = "") -> str:
    """Return the settings of a stack with some throttle limits."""
    return f"{SHARED}\nthrottle = {{ {limits} }}\n{more}"


@pytest.fixture
def tables(engine: Engine) -> Engine:
    """The same rows on both sides."""
    engine.both(TABLE)
    return engine


@pytest.fixture
def mysql_db(mysql_db: MariaDatabase) -> MariaDatabase:
    """The same rows in MariaDB."""
    mysql_db.script(TABLE)
    return mysql_db


@pytest.fixture
def mixed(mysql_db: MariaDatabase, modern_db: Database, tmp_path: Path) -> Engine:
    """The same rows in MariaDB and in PostgreSQL."""
    modern_db.run(TABLE)
    old: Any = mysql_db
    return Engine(old, modern_db, tmp_path)


def audited(engine: Engine, limits: str, more: str = "") -> tuple[Evidence, float]:
    """Make one check under some limits of the legacy stack; return also how long it waited."""
    with engine.opened(IGNORED, legacy=throttled(limits, more)) as run:
        evidence = run.audit("global", "t")
        return evidence, run.context.stacks["legacy"].waited


def assert_waits(engine: Engine, legacy: str, until: Callable[[], object]) -> None:
    """Require that a check waits until ``until`` is called, and then matches."""
    with engine.opened(IGNORED, legacy=legacy) as run:
        stack = run.context.stacks["legacy"]
        with during(lambda: int(stack.waited > 0), lambda: void(until())):
            evidence = run.audit("global", "t")
    assert_match(evidence, rows=2)


def assert_went_on(found: tuple[Evidence, float]) -> None:
    """Require a match without any wait."""
    evidence, waited = found
    assert_match(evidence, rows=2)
    assert waited == 0


# ---- reasons to wait


def test_a_probe_is_asked_of_the_present(tables: Engine) -> None:
    """A probe reads the present state, not the run's snapshot."""
    tables.legacy.run(GATE)
    open_gate = "UPDATE gate SET busy = false"
    assert_waits(tables, throttled(PROBE), lambda: tables.legacy.run(open_gate))


def test_a_probe_that_says_no(tables: Engine) -> None:
    """A probe that returns false, or zero of any type, does not make the audit wait."""
    for probe in ("SELECT false", "SELECT 0", "SELECT 0.0", "SELECT 5 % 5"):
        assert_went_on(audited(tables, f"probe = '{probe}'"))


def test_queries_of_other_sessions(tables: Engine) -> None:
    """More running queries than allowed make the audit wait; its own queries do not count."""
    cluster = tables.legacy.cluster
    with cluster.connect() as other, cluster.connect() as own:
        own.execute("SET application_name = 'tests'")  # the name of the run
        with asleep(own):
            assert_went_on(audited(tables, "running_queries = 0"))
        with asleep(other):
            assert_went_on(audited(tables, "running_queries = 1"))
            assert_waits(tables, throttled("running_queries = 0"), other.cancel_safe)


@contextmanager
def asleep(session: psycopg.Connection) -> Iterator[None]:
    """Let a session run a query until it is cancelled, at the latest at the end."""

    def sleep() -> None:
        with suppress(psycopg.errors.QueryCanceled):
            session.execute("SELECT pg_sleep(600)")

    thread = Thread(target=sleep)
    thread.start()
    with session_of(session) as admin:
        asks = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND state = 'active'"
        eventually(lambda: admin.execute(asks, [session.info.backend_pid]).fetchone() == (1,))
    try:
        yield
    finally:
        session.cancel_safe()
        thread.join()


@contextmanager
def session_of(session: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """Open another session of the same server."""
    where = session.info
    with psycopg.connect(
        host=where.host, port=where.port, user=where.user, dbname=where.dbname, autocommit=True
    ) as another:
        yield another


@pytest.fixture(scope="module")
def replicated(debian_cluster: Cluster) -> Iterator[tuple[Cluster, Cluster]]:
    """A server, and its standby."""
    with running_standby(debian_cluster) as standby:
        yield debian_cluster, standby


@contextmanager
def paused(primary: Database, standby: Cluster) -> Iterator[Callable[[], None]]:
    """Make the standby fall behind until the yielded function is called, or until the end."""

    def go_on() -> None:
        with standby.connect() as session:
            session.execute("SELECT pg_wal_replay_resume()")

    def is_behind() -> bool:
        primary.run("INSERT INTO noise VALUES (1)")  # a lag is measured by what is sent
        lags = "SELECT max(replay_lag) > interval '1 second' FROM pg_stat_replication"
        return primary.run(lags) == [(True,)]

    eventually(lambda: _replayed(primary, standby))
    with standby.connect() as session:
        session.execute("SELECT pg_wal_replay_pause()")
    eventually(is_behind)
    try:
        yield go_on
    finally:
        go_on()


def test_replication_that_lags(
    replicated: tuple[Cluster, Cluster], modern_db: Database, tmp_path: Path
) -> None:
    """The audit waits for a standby that is behind, whether it reads the standby or the primary."""
    cluster, standby = replicated
    primary = new_database(cluster)
    primary.run(TABLE)
    primary.run("CREATE TABLE noise (n int)")
    modern_db.run(TABLE)
    engine = Engine(primary, modern_db, tmp_path)
    for own in replicated:
        legacy = f'url = "{own.url(primary.name)}"\n{throttled("replication_lag = 0.5")}'
        with paused(primary, standby) as go_on:
            assert_waits(engine, legacy, go_on)
    primary.drop()


def _replayed(primary: Database, standby: Cluster) -> bool:
    # Not the flushed position: commits are not waited for on these servers.
    ((place,),) = primary.run("SELECT pg_current_wal_insert_lsn()::text")
    with standby.connect() as session:
        found = session.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", [place])
        return found.fetchone() == (True,)


def test_an_idle_standby_is_not_behind(
    replicated: tuple[Cluster, Cluster], modern_db: Database, tmp_path: Path
) -> None:
    """If the standby has replayed all that it received, the age of the last commit is not a lag."""
    cluster, standby = replicated
    primary = new_database(cluster)
    primary.run(TABLE)
    modern_db.run(TABLE)
    eventually(lambda: _replayed(primary, standby))
    time.sleep(0.6)
    engine = Engine(primary, modern_db, tmp_path)
    for own in replicated:
        legacy = f'url = "{own.url(primary.name)}"\n{throttled("replication_lag = 0.5")}'
        assert_match(engine.audit(legacy=legacy), rows=2)
    primary.drop()


def test_a_standby_that_is_told_nothing_is_behind(replicated: tuple[Cluster, Cluster]) -> None:
    """A standby that receives nothing is behind, though it has replayed all that it received.

    The changes that it did not receive are its lag.
    """
    cluster, standby = replicated
    primary = new_database(cluster)
    primary.run(TABLE)
    eventually(lambda: _replayed(primary, standby))
    with standby.connect() as session:
        (source,) = session.execute("SHOW primary_conninfo").fetchone() or ("",)

    def follow(whom: str) -> None:
        with standby.connect() as session:
            session.execute(sql.SQL("ALTER SYSTEM SET primary_conninfo = {}").format(whom))
            session.execute("SELECT pg_reload_conf()")

    engine = create_engine(standby.tcp_url("postgres"))
    follow("")
    try:
        with engine.connect() as connection:
            eventually(lambda: dialect_for("postgresql").replication_lag(connection) > 0.5)
    finally:
        follow(source)
        engine.dispose()
        primary.drop()


def test_mariadb_is_asked_as_well(mixed: Engine, maria: MariaServer) -> None:
    """A probe of MariaDB reads the present state, and only other sessions' queries are counted."""
    mixed.legacy.run("CREATE TABLE gate (busy boolean)")
    mixed.legacy.run("INSERT INTO gate VALUES (true)")
    open_gate = "UPDATE gate SET busy = false"
    assert_waits(mixed, throttled(PROBE), lambda: mixed.legacy.run(open_gate))
    with maria.connect() as other, other.cursor() as cursor:

        def sleep() -> None:
            with suppress(pymysql.MySQLError):
                cursor.execute("SELECT SLEEP(600)")

        sleeping = Thread(target=sleep)
        sleeping.start()
        eventually(lambda: bool(mixed.legacy.run(ASLEEP)))
        kill = f"KILL QUERY {mixed.legacy.run(ASLEEP)[0][0]}"
        assert_went_on(audited(mixed, "running_queries = 1"))
        assert_waits(mixed, throttled("running_queries = 0"), lambda: mixed.legacy.run(kill))
        sleeping.join()


def test_a_replica_of_mariadb(mixed: Engine, mysql_db: MariaDatabase) -> None:
    """The audit waits for a replica that is behind; one whose replication stopped is NOT PROVEN."""
    with running_mariadb("--log-bin", "--server-id=2") as source:
        mysql_db.run("SET GLOBAL server_id = 3")
        mysql_db.run(
            f"CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={source.port}, "
            "MASTER_USER='audit', MASTER_LOG_FILE=%s, MASTER_LOG_POS=%s",
            *_now(source),
        )
        mysql_db.run("START SLAVE")
        try:
            eventually(lambda: _behind(mysql_db) == 0)
            assert_went_on(audited(mixed, "replication_lag = 1.0"))
            _run(source, "CREATE DATABASE noise", "CREATE TABLE noise.t (id int)")
            eventually(lambda: bool(mysql_db.run("SHOW TABLES FROM noise")))
            with mysql_db.server.connect() as lock, lock.cursor() as cursor:
                cursor.execute("LOCK TABLES noise.t WRITE")
                _run(source, "INSERT INTO noise.t VALUES (1)")
                eventually(lambda: (_behind(mysql_db) or 0) > 1)
                legacy = throttled("replication_lag = 1.0")
                assert_waits(mixed, legacy, lambda: cursor.execute("UNLOCK TABLES"))
            mysql_db.run("STOP SLAVE")
            evidence, _ = audited(mixed, "replication_lag = 1.0")
            assert_not_proven(evidence, "replication_lag", "replication has stopped")
        finally:
            mysql_db.run("STOP SLAVE")
            mysql_db.run("RESET SLAVE ALL")


def _run(server: MariaServer, *statements: str) -> None:
    with server.connect() as session, session.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _now(source: MariaServer) -> tuple[str, int]:
    with source.connect() as session, session.cursor() as cursor:
        cursor.execute("SHOW MASTER STATUS")
        name, place, *_ = cursor.fetchall()[0]
    return name, place


def _behind(replica: MariaDatabase) -> int | None:
    """Return a replica's own number of seconds behind, or None if it does not replicate."""
    ((*_, behind),) = [row[:33] for row in replica.run("SHOW SLAVE STATUS")]
    return None if behind is None else int(behind)


# ---- loads that cannot be read


# A probe, and words of the reason.
NO_ANSWERS = {
    "SELECT NULL::boolean": "gave None",
    "SELECT 1 WHERE false": "gave None",
    "SELECT 'no'": "gave 'no'",
    "SELECT 1, 2": "one column",
    "SELECT generate_series(1, 2)": "more than one row",
    "SELECT no_such_column": "does not exist",
    "SELECT 1; SELECT 0": "syntax error",
    "DELETE FROM t RETURNING 0": "syntax error",
}


def test_a_probe_that_says_nothing(tables: Engine) -> None:
    """A probe that fails, or returns no row or no valid answer, does not count as false."""
    for probe, words in NO_ANSWERS.items():
        evidence, _ = audited(tables, f'probe = "{probe}"')
        assert_not_proven(evidence, words)


def test_a_role_that_is_shown_nothing(tables: Engine) -> None:
    """A role that may not see other sessions is NOT PROVEN, not taken for a quiet server."""
    role = tables.legacy.new_role()
    tables.legacy.run(f"GRANT SELECT ON t TO {role}")
    url = f'url = "{tables.legacy.url_of(role)}"\n'
    limits = ("running_queries = 50", "replication_lag = 10.0")
    for limit in limits:
        evidence = tables.audit(legacy=url + throttled(limit))
        assert_not_proven(evidence, "grant", "pg_monitor")
    tables.legacy.run(f"GRANT pg_monitor TO {role}")
    queries, lag = (tables.audit(legacy=url + throttled(limit)) for limit in limits)
    assert_match(queries, rows=2)
    assert_not_proven(lag, "no standby is connected")
    tables.legacy.run(f"DROP OWNED BY {role}")


def test_a_user_of_mariadb_that_is_shown_nothing(mixed: Engine, mysql_db: MariaDatabase) -> None:
    """Without PROCESS a user sees only its own sessions, which is NOT PROVEN.

    So is a limit of the lag on a server without replication.
    """
    user = mysql_db.server.new_name()
    mysql_db.run(f"CREATE USER {user}@'127.0.0.1'")
    mysql_db.run(f"GRANT SELECT ON `{mysql_db.name}`.* TO {user}@'127.0.0.1'")
    url = f'url = "{mysql_db.server.url(mysql_db.name, user)}"\n'
    legacy = url + throttled("running_queries = 50")
    assert_not_proven(mixed.audit(legacy=legacy), "grant", "PROCESS")
    mysql_db.run(f"GRANT PROCESS ON *.* TO {user}@'127.0.0.1'")
    assert_match(mixed.audit(legacy=legacy), rows=2)
    mysql_db.run(f"DROP USER {user}@'127.0.0.1'")
    evidence = mixed.audit(legacy=throttled("replication_lag = 1.0"))
    assert_not_proven(evidence, "this server is no replica")


# ---- ends of a wait


def test_the_snapshot_s_time_ends_the_wait(tables: Engine) -> None:
    """A server that is never idle makes no snapshot last longer than snapshot_timeout."""
    with within(60):
        evidence, waited = audited(tables, "probe = 'SELECT true'", "snapshot_timeout = 5")
    assert_not_proven(evidence, "let go of after 5 seconds")
    assert waited > 0


def test_a_failed_side_ends_the_other_s_wait(tables: Engine) -> None:
    """If one side has failed, the audit no longer waits for the other side's server."""

    def fail() -> int:
        time.sleep(0.5)
        raise NotProven("of the other side")

    tables.legacy.run(GATE.replace("true", "false"))
    legacy = throttled(PROBE, "snapshot_timeout = 30")
    with replace(tables, limits=LOOKS_ALWAYS).opened(IGNORED, legacy=legacy) as run:
        pair = run.context.pairs["t"]
        with open_pair(run.context, pair, None) as opened:
            sides = opened.sides(lambda side: Scope(source_of(opened.tables[side]), true()))
            tables.legacy.run("UPDATE gate SET busy = true")
            with within(9), pytest.raises(NotProven, match="of the other side"):
                sides.both(lambda: sides.legacy.count_each([true()]), fail)


def test_a_stopped_wait_asks_nothing(tables: Engine) -> None:
    """A wait that is stopped runs no query afterwards."""
    with tables.opened(legacy=throttled("probe = 'SELECT true'")) as run:
        stop = Event()
        guard = run.context.stacks["legacy"].guard(Place("", ""), stop=stop)
        with (
            during(lambda: int(run.context.stacks["legacy"].waited > 0), stop.set),
            pytest.raises(NotProven, match="broken off"),
            guard,
        ):
            pytest.fail("was let through")


# ---- in a run


def test_a_run_of_several_processes(project: Migration) -> None:
    """Each process waits on its own, with one more connection, and leaves no session behind."""
    project.legacy.run(GATE)
    ignored = '[ignore.tables]\n"legacy.gate" = "the load of the test"\n'
    limits = f"throttle = {{ {PROBE} }}\n"
    project.settings(ignored, legacy=f"{limits}max_connections = 5\nsnapshot_timeout = 100")
    open_gate = "UPDATE gate SET busy = false"

    seen: list[float] = []

    def waiting() -> int:  # the snapshot's, one of each worker, and the first's second one
        if len(own_backends(project.legacy.cluster)) > 3:
            seen.append(time.monotonic())
        return int(bool(seen) and time.monotonic() - seen[0] > 1)

    with during(waiting, lambda: void(project.legacy.run(open_gate))):
        outcome = project.run("-n", "2", "--tenants=all")
    assert outcome.code == 0, outcome.output
    assert outcome.verdict == "GO"
    waited = outcome.report["run"]["throttled_seconds"]
    assert waited["legacy"] > 0
    assert waited["modern"] == 0
    assert own_backends(project.legacy.cluster, project.modern.cluster) == []
    project.settings(ignored, legacy=f"{limits}max_connections = 4")
    assert_usage_error(
        project.run("-n", "2", "--tenants=all"), "max_connections = 4", "for the throttle"
    )


def test_ctrl_c_ends_the_wait(project: Migration) -> None:
    """A server that is never idle does not delay the end of a run after Ctrl-C."""
    legacy, modern = project.legacy.cluster, project.modern.cluster
    project.settings(legacy="throttle = { probe = 'SELECT true' }")
    running = project.start("--tenants=acme")
    eventually(
        lambda: len(own_backends(legacy)) > 2
    )  # of the snapshot, of its reader, of the throttle
    time.sleep(1)
    running.send(signal.SIGINT)
    outcome = running.wait(60)
    assert outcome.code == pytest.ExitCode.INTERRUPTED, outcome.output
    assert outcome.verdict == "NOT PROVEN"
    assert own_backends(legacy, modern) == []


def test_files_have_no_load(project: Migration, tmp_path: Path) -> None:
    """A throttle for an engine without a measure of load is refused before any row is read."""
    url = f'url = "sqlite:///{tmp_path / "old.db"}"\nthrottle = {{ running_queries = 1 }}'
    (tmp_path / "old.db").touch()
    project.settings(legacy=url)
    assert_usage_error(project.run("--tenants=all"), "[legacy] throttle", "SQLite", "PostgreSQL")


def test_reads_of_differing_rows_wait_too(tables: Engine) -> None:
    """Differing rows are not read from a server that has become too busy meanwhile."""
    tables.modern.run("UPDATE t SET v = 'x' WHERE id = 2")
    probe = "SELECT count(*) % 2 FROM gate"
    tables.legacy.run("CREATE TABLE gate (busy boolean)")
    stop = Event()

    def turn() -> None:
        while not stop.wait(0.02):
            tables.legacy.run("INSERT INTO gate VALUES (true)")

    thread = Thread(target=turn)
    thread.start()
    try:
        always = replace(tables, limits=LOOKS_ALWAYS)
        evidence, _ = audited(always, f"probe = '{probe}'")
    finally:
        stop.set()
        thread.join()
    assert evidence.outcome is Outcome.REFUTED
    assert evidence.drift.changed == 1
