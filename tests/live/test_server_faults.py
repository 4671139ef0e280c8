"""Any fault of a server in mid-audit gives a proof or NOT PROVEN, in bounded time."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import stamina

from pytest_tenantparity.errors import ConnectionLost, NotProven
from pytest_tenantparity.model import Evidence, Outcome
from pytest_tenantparity.parity.read.reader import SideReader
from pytest_tenantparity.stacks import open_stack, retried

from ..support.engine_driver import SHARED, Engine, seen
from ..support.eventually import eventually
from ..support.expectations import assert_not_proven
from ..support.faults import during, void, within
from ..support.mariadb import MariaServer, new_mariadb_database, running_mariadb
from ..support.postgresql import (
    EMBEDDED,
    Cluster,
    Database,
    _initialise,
    new_database,
    running_cluster,
)
from ..support.project import LEGACY, Migration, own_backends, slow
from ..support.proxy import Proxy, proxied

pytest_plugins = ["tests.support.project"]

ROWS = (
    "CREATE TABLE t (id int PRIMARY KEY, note varchar(20))",
    "INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c')",
    "CREATE TABLE d (id int PRIMARY KEY, note varchar(20))",
    "INSERT INTO d VALUES (1, 'a'), (2, 'b'), (3, 'c')",
)
DRIFT = "UPDATE d SET note = 'x' WHERE id = 2"
PLANTED = [("changed", ("2",), ("note",))]
# MariaDB evaluates the expression a dozen times.
SLEEPS = {"postgresql": "pg_sleep(1) IS NULL", "mysql": "SLEEP(0.4) = 2"}
FROZEN = f"{SHARED}\nfrozen = 'a copy'"
BRIEF = f"{SHARED}\nstatement_timeout = 1\nlock_timeout = 0.5\nconnect_timeout = 1"
SNAPSHOT_LOST = "the connection was lost, and with it the snapshot"


@dataclass
class Victim:
    """A legacy server that a fault happens to, and the means to cause it."""

    engine: Engine
    kind: str
    port: int
    url: str
    terminate: Callable[[], None]
    """End the audit's sessions that sleep in a query."""
    asleep: Callable[[], int]
    """Count the audit's queries that sleep."""

    def settings(self, table: str, condition: str = "id = 1") -> str:
        """Return settings with which a scan takes some seconds."""
        expression = f"CASE WHEN {condition} AND {SLEEPS[self.kind]} THEN '' ELSE note END"
        return f'[tables.{table}.columns.note]\nlegacy_sql = "{expression}"\n'

    def legacy(self, proxy: Proxy, lines: str = SHARED) -> str:
        """Return the settings of the legacy stack, reached through a proxy."""
        return f'url = "{self.url.replace(str(self.port), str(proxy.port), 1)}"\n{lines}'

    def audit(self, fault: Callable[[], None], table: str = "t", legacy: str = SHARED) -> Evidence:
        """Make one check, and cause a fault during its first slow scan."""
        with during(self.asleep, fault):
            return self.engine.audit(table, more=self.settings(table), legacy=legacy)


@pytest.fixture
def pg(engine: Engine) -> Victim:
    """A legacy stack in PostgreSQL, and the same rows in another."""
    for statement in ROWS:
        engine.both(statement)
    engine.modern.run(DRIFT)
    asleep = "FROM pg_stat_activity WHERE application_name = 'tests' AND wait_event = 'PgSleep'"
    cluster, name = engine.legacy.cluster, engine.legacy.name

    def run(statement: str) -> int:
        with cluster.connect() as admin:
            row = admin.execute(statement.encode()).fetchone()
        return int(row[0]) if row else 0

    return Victim(
        engine,
        "postgresql",
        cluster.port,
        cluster.tcp_url(name),
        lambda: void(run(f"SELECT count(pg_terminate_backend(pid)) {asleep}")),
        lambda: run(f"SELECT count(*) {asleep}"),
    )


@pytest.fixture
def my(maria: MariaServer, modern_db: Database, tmp_path: Path) -> Iterator[Victim]:
    """A legacy stack in MariaDB, and the same rows in PostgreSQL."""
    legacy = new_mariadb_database(maria)
    for statement in ROWS:
        legacy.run(statement)
        modern_db.run(statement)
    modern_db.run(DRIFT)
    old: Any = legacy
    yield Victim(
        Engine(old, modern_db, tmp_path),
        "mysql",
        maria.port,
        legacy.url,
        lambda: void(
            [_query(maria, f"KILL {thread}") for (thread,) in _sleeping(maria, legacy.name)]
        ),
        lambda: len(_sleeping(maria, legacy.name)),
    )
    legacy.drop()


def _sleeping(server: MariaServer, database: str) -> list[tuple[Any, ...]]:
    sleeping = "SELECT id FROM information_schema.processlist WHERE state = 'User sleep'"
    return _query(server, f"{sleeping} AND db = '{database}'")


def _query(server: MariaServer, statement: str) -> list[tuple[Any, ...]]:
    with closing(server.connect()) as admin, admin.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


@pytest.fixture
def _no_waits() -> Iterator[None]:
    """Retry without a pause."""
    stamina.set_testing(True, attempts=5, cap=True)
    yield
    stamina.set_testing(False)


# ---- retries


@pytest.mark.usefixtures("_no_waits")
def test_a_question_is_asked_again_where_its_connection_was_lost() -> None:
    """A query is retried up to five times if its connection was lost.

    A query that the server refuses for good is run once.
    """
    asked: list[type[NotProven]] = []

    def failing(fault: type[NotProven], times: int) -> Callable[[], int]:
        def question() -> int:
            asked.append(fault)
            if len(asked) <= times:
                raise fault("legacy: why")
            return 7

        return question

    assert retried(failing(ConnectionLost, 4)) == 7
    asked.clear()
    with pytest.raises(NotProven, match=r"^legacy: why \(asked 5 times\)$") as lost:
        retried(lambda: retried(failing(ConnectionLost, 9)))
    assert (len(asked), lost.type) == (5, NotProven)
    asked.clear()
    with pytest.raises(NotProven, match=r"^legacy: why$"):
        retried(failing(NotProven, 9))
    assert len(asked) == 1


@pytest.mark.usefixtures("_no_waits")
@pytest.mark.parametrize(("how", "table"), [("terminated", "d"), ("reset", "t")])
def test_a_lost_connection_joins_the_snapshot_again(pg: Victim, how: str, table: str) -> None:
    """After a lost connection, PostgreSQL's check is proven from the same snapshot.

    Drift is still drift.
    """
    with proxied(pg.port) as proxy:
        fault = pg.terminate if how == "terminated" else lambda: proxy.reset(keep=1)
        evidence = pg.audit(_late_write(pg, fault, table), table, pg.legacy(proxy))
    assert evidence.outcome is (Outcome.REFUTED if table == "d" else Outcome.PROVEN), evidence
    assert seen(evidence) == (PLANTED if table == "d" else [])


@pytest.mark.usefixtures("_no_waits")
def test_a_lost_snapshot_is_not_proven(pg: Victim) -> None:
    """If the session that holds the snapshot is lost, the snapshot cannot be imported again.

    The check is NOT PROVEN.
    """
    with proxied(pg.port) as proxy:
        evidence = pg.audit(proxy.reset, "t", pg.legacy(proxy))
    assert_not_proven(evidence, "legacy (127.0.0.1:", "the run's snapshot is gone")


def _late_write(victim: Victim, fault: Callable[[], None], table: str) -> Callable[[], None]:
    """Write to the table before the fault, so that a later snapshot would show other rows."""

    def both() -> None:
        victim.engine.legacy.run(f"UPDATE {table} SET note = 'late' WHERE id = 3")
        fault()

    return both


@pytest.mark.usefixtures("_no_waits")
def test_a_connection_that_is_always_lost_is_not_proven(pg: Victim) -> None:
    """If the connection is lost every time, the reason gives the number of attempts."""
    stopped = threading.Event()

    def always() -> None:
        while not stopped.wait(0.02):
            pg.terminate()

    thread = threading.Thread(target=always)
    thread.start()
    try:
        evidence = pg.engine.audit("t", more=pg.settings("t"))
    finally:
        stopped.set()
        thread.join()
    assert_not_proven(evidence, "legacy (", "terminating connection", "asked 5 times")


def test_a_snapshot_of_the_same_name_is_not_taken_for_the_runs(pg: Victim) -> None:
    """After a restart a server reuses snapshot names; the snapshot must be of the same moment."""
    with (
        pg.engine.opened() as run,
        pg.engine.legacy.cluster.connect(pg.engine.legacy.name) as other,
    ):
        pg.engine.legacy.run("UPDATE t SET note = 'late' WHERE id = 3")
        other.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        row = other.execute("SELECT pg_export_snapshot()").fetchone()
        stack = run.context.stacks["legacy"]
        state = stack._state.databases[""]
        _, _, moment = state.snapshot.partition(" ")
        assert row is not None
        stack._state.databases[""] = replace(state, snapshot=f"{row[0]} {moment}")
        assert_not_proven(run.audit("global", "t"), "legacy (", "the run's snapshot is gone")


@pytest.mark.usefixtures("_no_waits")
@pytest.mark.parametrize("how", ["killed", "reset"])
def test_a_lost_connection_of_mariadb_loses_its_snapshot(my: Victim, how: str) -> None:
    """MariaDB's sessions share no snapshot, so that a lost one cannot be imported again."""
    with proxied(my.port) as proxy:
        fault = my.terminate if how == "killed" else proxy.reset
        assert_not_proven(my.audit(fault, "t", my.legacy(proxy)), SNAPSHOT_LOST)


@pytest.mark.usefixtures("_no_waits")
@pytest.mark.parametrize(("how", "table"), [("killed", "d"), ("reset", "t")])
def test_a_lost_connection_to_what_is_frozen(my: Victim, how: str, table: str) -> None:
    """If the stack is frozen, the check is made again and proven, and drift is still drift."""
    with proxied(my.port) as proxy:
        fault = my.terminate if how == "killed" else proxy.reset
        evidence = my.audit(fault, table, my.legacy(proxy, FROZEN))
    assert evidence.outcome is (Outcome.REFUTED if table == "d" else Outcome.PROVEN), evidence
    assert seen(evidence) == (PLANTED if table == "d" else [])


# ---- a server that stops answering


@pytest.mark.usefixtures("_no_waits")
@pytest.mark.parametrize("server", ["pg", "my"])
def test_a_server_that_falls_silent_is_not_waited_for(
    server: str, request: pytest.FixtureRequest
) -> None:
    """A host that is gone without an error is NOT PROVEN once the timeouts have passed."""
    victim: Victim = request.getfixturevalue(server)
    with proxied(victim.port) as proxy, within(60):
        evidence = victim.audit(proxy.swallow, "t", victim.legacy(proxy, BRIEF))
        assert_not_proven(evidence, "legacy")


@pytest.mark.parametrize("server", ["pg", "my"])
def test_a_server_that_never_spoke_is_not_waited_for(
    server: str, request: pytest.FixtureRequest
) -> None:
    """A port without an answer is reported as unavailable after connect_timeout."""
    victim: Victim = request.getfixturevalue(server)
    with proxied(victim.port) as proxy, within(30):
        proxy.swallow()
        assert_not_proven(victim.engine.audit("t", legacy=victim.legacy(proxy, BRIEF)), "legacy (")


@pytest.mark.usefixtures("_no_waits")
def test_a_stack_that_stays_away_is_asked_no_more(pg: Victim) -> None:
    """If a server is gone, only the first checks wait for it, not each of thousands."""
    with proxied(pg.port) as proxy, pg.engine.opened(legacy=pg.legacy(proxy)) as run:
        proxy.close()
        assert_not_proven(run.audit("global", "t"), "legacy (", "refused")
        assert_not_proven(run.audit("global", "d"), "legacy (", "it was asked no more: run again")
        begun = time.monotonic()
        assert_not_proven(run.audit("global", "t"), "it was asked no more: run again")
        assert time.monotonic() - begun < 0.1


# ---- a server that restarts


def restart(cluster: Cluster) -> None:
    """Restart PostgreSQL as after a crash."""
    binaries, user = _initialise(cluster.directory, EMBEDDED)
    command = [str(binaries / "pg_ctl"), "-D", str(cluster.directory), "-m", "immediate", "restart"]
    with (cluster.directory / "log").open("ab") as log:
        subprocess.run(
            command, check=True, user=user, cwd=cluster.directory, stdout=log, stderr=log
        )


@pytest.fixture(scope="module")
def mortal() -> Iterator[Cluster]:
    """A PostgreSQL server with ten connections that tests may restart."""
    with running_cluster() as cluster:
        with cluster.connect() as admin:
            admin.execute("ALTER SYSTEM SET max_connections = 10")
        restart(cluster)
        yield cluster


def test_restart_in_mid_scan(project: Migration, mortal: Cluster) -> None:
    """After a restart the snapshot is gone: unproven checks are NOT PROVEN, and the run fails."""
    database = new_database(mortal)
    database.run(LEGACY)
    database.run("UPDATE trades SET amount = amount + 1 WHERE account = 'A4'")
    database._connection.close()
    changed = replace(project, legacy=database, legacy_url=database.url)
    changed.settings(slow("A1"))
    changed.modern.run("UPDATE tenant_positions SET quantity = 99 WHERE tenant = 'eu-south'")
    running = changed.start("-n", "2")
    try:
        eventually(lambda: any("PgSleep" in each for each in own_backends(mortal)))
        restart(mortal)
        outcome = running.wait(120)
    finally:
        with suppress(ProcessLookupError):
            running.send(signal.SIGKILL)
        running.process.wait(10)
    assert (outcome.code, outcome.verdict) in ((1, "NOT PROVEN"), (1, "NO-GO")), outcome.output
    assert "Traceback" not in outcome.everything
    assert "acme-trades" in outcome.with_status("NOT PROVEN")
    assert "the run's snapshot is gone" in outcome.reasons("acme", "trades")
    assert not {"eu-south-trades", "eu-south-positions"} & {*outcome.with_status("MATCH")}


def test_restart_of_mariadb_in_mid_scan(modern_db: Database, tmp_path: Path) -> None:
    """A MariaDB server that is killed and restarts has another snapshot: NOT PROVEN."""
    with running_mariadb() as server, ExitStack() as cleanup:
        legacy: Any = new_mariadb_database(server)
        for statement in ROWS:
            legacy.run(statement)
            modern_db.run(statement)
        victim = Victim(
            Engine(legacy, modern_db, tmp_path),
            "mysql",
            server.port,
            legacy.url,
            lambda: None,
            lambda: len(_sleeping(server, legacy.name)),
        )
        evidence = victim.audit(lambda: void(cleanup.callback(_end, _restart_mariadb(server))))
        assert_not_proven(evidence, SNAPSHOT_LOST)
        legacy._connection.close()


def _restart_mariadb(server: MariaServer) -> subprocess.Popen[bytes]:
    pid = int((next((server.directory / "data").glob("*.pid"))).read_text())
    process = psutil.Process(pid)
    command = process.cmdline()
    process.kill()
    process.wait(30)
    with (server.directory / "log").open("ab") as log:
        return subprocess.Popen(command, cwd=server.directory, stdout=log, stderr=log)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


# ---- a server that refuses


def test_full_connection_slots(mortal: Cluster, modern_db: Database, tmp_path: Path) -> None:
    """The audit waits for a free connection up to connect_timeout.

    If none comes free, the reason gives the remedy.
    """
    legacy = new_database(mortal)
    engine = Engine(legacy, modern_db, tmp_path)
    for statement in ROWS:
        engine.both(statement)
    role = legacy.new_role()
    legacy.run(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    url = f'url = "{legacy.url_of(role)}"\n{SHARED}'
    with ExitStack() as held:
        _take_all_slots(held, mortal, legacy.name)
        evidence = engine.audit("t", legacy=f"{url}\nconnect_timeout = 1")
        assert_not_proven(evidence, "legacy (", "connections are used up")
        threading.Timer(1.0, held.pop_all().close).start()
        assert engine.audit("t", legacy=f"{url}\nconnect_timeout = 30").outcome is Outcome.PROVEN
    legacy.drop()


def _take_all_slots(held: ExitStack, cluster: Cluster, database: str) -> None:
    with suppress(psycopg.OperationalError):
        while True:
            held.enter_context(cluster.connect(database))


def test_statement_timeout_is_not_asked_again(pg: Victim) -> None:
    """A query that exceeds statement_timeout is NOT PROVEN at once, and is not retried."""
    with within(30):
        legacy = f"{SHARED}\nstatement_timeout = 0.2"
        evidence = pg.engine.audit("t", more=pg.settings("t"), legacy=legacy)
    assert_not_proven(evidence, "raise statement_timeout")
    assert "asked" not in evidence.reasons[0]


def test_a_table_that_is_locked_in_mariadb(my: Victim) -> None:
    """A table under LOCK TABLES of another session is NOT PROVEN after lock_timeout."""
    old: Any = my.engine.legacy
    old.run("LOCK TABLES t WRITE")
    try:
        evidence = my.engine.audit("t", legacy=f"{SHARED}\nlock_timeout = 1")
    finally:
        old.run("UNLOCK TABLES")
    assert_not_proven(evidence, "legacy (", "raise lock_timeout")


# ---- how long a snapshot is held


HELD = """
    SELECT count(*) FROM pg_stat_activity
    WHERE application_name = 'tests' AND backend_xmin IS NOT NULL
"""


def test_a_snapshot_is_let_go_of_in_time(pg: Victim) -> None:
    """After snapshot_timeout no session of the run keeps the server from cleaning up.

    The remaining checks are NOT PROVEN.
    """
    brief = f"{SHARED}\nsnapshot_timeout = 3"
    legacy: Database = pg.engine.legacy
    more = pg.settings("t", "id = 1 AND pg_sleep(20) IS NULL")
    with pg.engine.opened(more, legacy=brief) as run:
        assert seen(run.audit("global", "d")) == PLANTED
        assert legacy.run(HELD) == [(1,)]
        with within(15):
            evidence = run.audit("global", "t")  # running when the time is over
        words = ("legacy: the run's snapshot was let go of after 3 seconds", "snapshot_timeout")
        assert_not_proven(evidence, *words)
        eventually(lambda: legacy.run(HELD) == [(0,)])
        assert_not_proven(run.audit("global", "d"), *words)


def test_a_kept_snapshot_is_let_go_of_in_time(my: Victim) -> None:
    """In MariaDB, the snapshot that a process keeps between its checks ends in time as well."""
    brief = f"{SHARED}\nsnapshot_timeout = 3"
    sessions = "SELECT 1 FROM information_schema.processlist WHERE db LIKE 'tp_%' AND id <> {}"
    own: Any = my.engine.legacy
    mine = own.run("SELECT connection_id()")[0][0]
    with my.engine.opened(legacy=brief) as run:
        assert seen(run.audit("global", "d")) == PLANTED
        assert len(own.run(sessions.format(mine))) == 2
        eventually(lambda: own.run(sessions.format(mine)) == [])
        assert_not_proven(run.audit("global", "d"), "let go of after 3 seconds")


def test_a_snapshot_without_a_limit(pg: Victim) -> None:
    """A timeout of 0 keeps the snapshot for as long as the run lasts."""
    settings = pg.engine.settings(legacy=f"{SHARED}\nsnapshot_timeout = 0").legacy
    state, holder = open_stack("legacy", settings, "tests")
    holder.release()
    assert (state.expires, holder._alarm) == (None, None)


# ---- Ctrl-C


@pytest.mark.parametrize("mode", [["-n", "0"], ["-n", "2"]], ids=" ".join)
def test_interrupt_leaves_nothing_running_in_mariadb(
    project: Migration, maria: MariaServer, mode: list[str]
) -> None:
    """After Ctrl-C no session of the audit is left on the server."""
    database = new_mariadb_database(maria)
    for statement in MARIADB_TRADES:
        database.run(statement)
    expression = "CASE WHEN account = 'A4' AND SLEEP(30) = 2 THEN '' ELSE note END"
    project.settings(
        f'[tables.trades.columns.note]\nlegacy_sql = "{expression}"',
        legacy=f'url = "{database.url}"\nfrozen = "a copy"',
        tables='tables = ["trades"]',
    )
    running = project.start(*mode)
    try:
        eventually(lambda: bool(_sleeping(maria, database.name)))
        running.send(signal.SIGINT)
        outcome = running.wait(60)
    finally:
        with suppress(ProcessLookupError):
            running.send(signal.SIGKILL)
        running.process.wait(10)
        left = _sleeping(maria, database.name)
        for (thread,) in left:  # otherwise it would still sleep during later tests
            _query(maria, f"KILL {thread}")
    assert not left
    assert (outcome.code, outcome.verdict) == (2, "NOT PROVEN"), outcome.output
    sessions = "SELECT id FROM information_schema.processlist WHERE user = 'audit'"
    eventually(lambda: _query(maria, sessions) == [])
    database.drop()


@pytest.mark.parametrize("begun", [True, False], ids=["begun", "not begun"])
def test_interrupt_while_a_side_is_begun(
    my: Victim, monkeypatch: pytest.MonkeyPatch, begun: bool
) -> None:
    """A side that is already reading is cancelled, whether or not the other one has begun.

    Python may raise KeyboardInterrupt anywhere, even while a pool starts its thread.
    """
    submit = ThreadPoolExecutor.submit

    def interrupted(pool: ThreadPoolExecutor, *work: Any) -> Any:
        (source,) = (each for each in work if isinstance(each, SideReader))
        legacy = source.dialect.name == "MySQL"
        if legacy or begun:
            future = submit(pool, *work)
        if legacy:
            return future
        eventually(lambda: my.asleep() > 0)
        raise KeyboardInterrupt

    more = my.settings("t").replace("0.4", "30")
    with within(25), my.engine.opened(more) as run:
        monkeypatch.setattr(ThreadPoolExecutor, "submit", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run.audit("global", "t")
    assert my.asleep() == 0


MARIADB_TRADES = (
    "CREATE TABLE trades (id int PRIMARY KEY, account text, amount decimal(24,12), note text)",
    "INSERT INTO trades SELECT seq, CONCAT('A', 1 + seq % 4), seq * 1.25, '' FROM seq_1_to_24",
    "UPDATE trades SET note = CONCAT('note ', id)",
)
