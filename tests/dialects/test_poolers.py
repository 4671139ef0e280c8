"""Connection poolers and proxies are refused, and the sessions that they lend stay unchanged."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from operator import itemgetter
from typing import Any

import pytest

from pytest_tenantparity.config import StackSettings
from pytest_tenantparity.inventory import place_of_shared
from pytest_tenantparity.stacks import Stack, StackState, open_stack

from ..support.mariadb import MariaDatabase
from ..support.pgbouncer import Pooler, running_pgbouncer
from ..support.postgresql import Cluster, Database, new_database
from ..support.project import ALL, Migration
from ..support.project import SHARED as SHARED_CHECKS
from ..support.proxy import proxied

pytest_plugins = ["tests.support.project"]

MEMBERS = 5
WORDS = ("pooler", "nothing was set or read", "Connect to the server itself", "host and port")
_EVERYTHING = """
    SELECT name, setting FROM pg_settings UNION ALL
    SELECT 'prepared ' || name, statement FROM pg_prepared_statements UNION ALL
    SELECT 'cursor ' || name, statement FROM pg_cursors UNION ALL
    SELECT 'channel ' || x, '' FROM pg_listening_channels() x UNION ALL
    SELECT 'lock', count(*)::text FROM pg_locks
    WHERE pid = pg_backend_pid() AND locktype = 'advisory'
"""
_OF_THE_CLIENT = {"application_name"}  # PgBouncer sets the client's own value

Members = dict[int, dict[str, str]]


@pytest.fixture(scope="module")
def pooler(debian_cluster: Cluster) -> Iterator[Pooler]:
    """PgBouncer with pool_mode = transaction before PostgreSQL 15."""
    with running_pgbouncer(debian_cluster) as running:
        yield running


@pytest.fixture(scope="module")
def behind(debian_cluster: Cluster) -> Iterator[Database]:
    """A database behind the pooler."""
    database = new_database(debian_cluster)
    database.run("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    yield database
    database.drop()


def members_of(pooler: Pooler, database: str) -> Members:
    """Return the state of every session that the pooler lends, by its process.

    Five clients hold a transaction each, so that each has another session of the pool.
    """
    found: Members = {}
    with ExitStack() as cleanup:
        for _ in range(MEMBERS):
            client = cleanup.enter_context(closing(pooler.connect(database)))
            client.execute("BEGIN")
            pid = client.execute("SELECT pg_backend_pid()").fetchone()
            assert pid is not None
            rows: Sequence[Any] = client.execute(_EVERYTHING).fetchall()
            found[pid[0]] = {k: v for k, v in rows if k not in _OF_THE_CLIENT}
            # A setting of the transaction, which ends with it.
            cleanup.callback(client.execute, "ROLLBACK")
    assert len(found) == MEMBERS
    return found


def refusal(url: str) -> tuple[str, float]:
    """Open a stack; return the reason for its refusal, and the seconds that it took."""
    begun = time.monotonic()
    state, holder = open_stack("legacy", StackSettings(url=url), "tests")
    holder.release()
    return state.unavailable[""], time.monotonic() - begun


def test_pgbouncer_is_refused_and_lends_what_it_lent_before(
    pooler: Pooler, behind: Database
) -> None:
    """PgBouncer is refused in under a second, and the reason gives the remedy.

    All settings of all its sessions are as before.
    """
    before = members_of(pooler, behind.name)
    said, seconds = min((refusal(pooler.url(behind.name)) for _ in range(3)), key=itemgetter(1))
    assert [word for word in WORDS if word not in said] == [], said
    assert said.startswith(f"legacy (127.0.0.1:{pooler.port}/{behind.name}): ")
    assert seconds < 1
    after = members_of(pooler, behind.name)
    assert after == before
    assert {m["default_transaction_read_only"] for m in after.values()} == {"off"}


@pytest.mark.parametrize("mode", ["session", "statement"])
def test_other_pool_modes_are_refused_too(
    debian_cluster: Cluster, behind: Database, mode: Any
) -> None:
    """Other pool modes are refused as well, since the mode cannot be detected from outside."""
    with running_pgbouncer(debian_cluster, mode) as other:
        said, seconds = refusal(other.url(behind.name))
        assert "pooler" in said
        assert seconds < 1
        with closing(other.connect(behind.name)) as client:
            rows = client.execute("SHOW default_transaction_read_only").fetchall()
        assert rows == [("off",)]


def test_a_worker_and_the_sessions_beside_it_are_refused_too(
    pooler: Pooler, behind: Database
) -> None:
    """A host name that leads to a pooler after the run began is refused, and changes nothing."""
    settings = StackSettings(url=behind.url, throttle={"running_queries": 1000})  # type: ignore[arg-type]
    state, holder = open_stack("legacy", settings, "tests")
    moved = StackState("legacy", pooler.url(behind.name), state.databases)
    stack = Stack(moved, settings, "tests")
    before = members_of(pooler, behind.name)
    place = place_of_shared(settings)
    asked: list[Any] = [
        lambda: stack.transaction(place),
        lambda: stack.present(place),
        lambda: stack.guard(place),  # the throttle's query
    ]
    try:
        for ask in asked:
            with pytest.raises(Exception, match="pooler") as caught, ask():
                pytest.fail("a session was given")
            assert type(caught.value).__name__ == "StackUnavailable"
    finally:
        stack.close()
        holder.release()
    assert members_of(pooler, behind.name) == before


def test_a_run_through_a_pooler_says_so_for_every_check(
    project: Migration, pooler: Pooler, behind: Database
) -> None:
    """Every check of the run is NOT PROVEN, with a worker and without a traceback."""
    project.settings(modern=f'url = "{pooler.url(behind.name)}"')
    before = members_of(pooler, behind.name)
    outcome = project.run("-n", "1")
    assert (outcome.code, outcome.verdict) == (1, "NOT PROVEN"), outcome.output
    assert sorted(outcome.with_status("NOT PROVEN")) == sorted([*ALL, *SHARED_CHECKS])
    assert "Connect to the server itself" in outcome.reasons("acme", "trades")
    assert "Traceback" not in outcome.everything
    assert members_of(pooler, behind.name) == before


def _as_a_proxy_greets(greeting: bytes) -> bytes:
    """Replace the session's number in the greeting, as ProxySQL and MaxScale do.

    Neither is in Debian. The number follows the server's version in its greeting.
    """
    start = greeting.index(b"\0", 5) + 1
    return greeting[:start] + (777_777).to_bytes(4, "little") + greeting[start + 4 :]


def test_a_proxy_of_mysql_is_refused_before_it_is_told_anything(mysql_db: MariaDatabase) -> None:
    """A proxy of MySQL is refused after one statement: the query of the session's number."""
    server = mysql_db.server
    user = "audit_by_proxy"
    mysql_db.run(f"CREATE USER {user}@'127.0.0.1'")
    mysql_db.run(f"GRANT SELECT ON *.* TO {user}@'127.0.0.1'")
    mysql_db.run("SET GLOBAL log_output = 'TABLE'")
    mysql_db.run("TRUNCATE mysql.general_log")
    mysql_db.run("SET GLOBAL general_log = 1")
    try:
        with proxied(server.port, _as_a_proxy_greets) as proxy:
            url = f"mysql://{user}@127.0.0.1:{proxy.port}/{mysql_db.name}"
            said, seconds = refusal(url)
        with proxied(server.port) as wire:  # it forwards like a tunnel, which is not a proxy
            url = f"mysql://{user}@127.0.0.1:{wire.port}/{mysql_db.name}"
            state, holder = open_stack("legacy", StackSettings(url=url), "tests")
            holder.release()
        mysql_db.run("SET GLOBAL general_log = 0")
        asked = mysql_db.run(
            "SELECT thread_id, convert(argument USING utf8mb4) FROM mysql.general_log "
            f"WHERE user_host LIKE '{user}%' AND command_type = 'Query' ORDER BY event_time"
        )
    finally:
        mysql_db.run("SET GLOBAL general_log = 0")
        mysql_db.run(f"DROP USER {user}@'127.0.0.1'")
    assert [word for word in (*WORDS, "ProxySQL") if word not in said] == [], said
    assert seconds < 1
    assert state.unavailable == {}
    first = asked[0][0]
    assert [each for thread, each in asked if thread == first] == ["SELECT CONNECTION_ID() + 0"]
    assert len(asked) > 5
