"""An audit reads, and does nothing else."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from pytest_tenantparity.model import Outcome

from ..support.engine_driver import SHARED, Engine
from ..support.expectations import assert_not_proven
from ..support.postgresql import Database

TENANCY = 'tenancy = {column = "tenant"}'
SUBJECTS = (("a", "t"), ("b", "t"), ("unassigned", "t"), ("global", "shared"), ("coverage", "*"))


@pytest.fixture
def drifting(engine: Engine) -> Engine:
    """Both stacks with drift of every kind, and with analysed tables."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, tenant text, v numeric, doc jsonb)")
    engine.both("CREATE TABLE shared (code text PRIMARY KEY)")
    engine.both("CREATE SEQUENCE numbers")
    engine.both("INSERT INTO shared VALUES ('x')")
    engine.both("""INSERT INTO t SELECT g, CASE g % 2 WHEN 0 THEN 'a' ELSE 'b' END, g, '{"n":1}'
                   FROM generate_series(1, 2000) g""")
    engine.modern.run("DELETE FROM t WHERE id = 2")
    engine.modern.run("UPDATE t SET v = v + 1 WHERE id = 4")
    engine.modern.run("""UPDATE t SET doc = '{"n":2}' WHERE id = 5""")
    engine.modern.run("UPDATE t SET tenant = NULL WHERE id = 6")
    engine.modern.run("INSERT INTO t VALUES (9999, 'b', 0, NULL)")
    engine.both("ANALYZE")
    return engine


def _audit_all(engine: Engine, legacy: str = TENANCY, modern: str = TENANCY) -> list[Outcome]:
    more = "[tables.shared]\ntenancy = 'global'\n[tenants.a]\n[tenants.b]"
    with engine.opened(more, legacy=legacy, modern=modern) as run:
        return [run.audit(subject, table).outcome for subject, table in SUBJECTS]


EXPECTED = [Outcome.REFUTED, Outcome.REFUTED, Outcome.REFUTED, Outcome.PROVEN, Outcome.PROVEN]


def _contents(database: Database) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for table in ("t", "shared"):
        digest = f"SELECT md5(string_agg(x::text, '|' ORDER BY x::text)), count(*) FROM {table} x"
        found[table] = database.run(digest)
    found["sequence"] = database.run("SELECT * FROM numbers")
    found["tables"] = database.run("SELECT relname, relkind FROM pg_class ORDER BY oid")
    return found


def _writes(database: Database) -> list[Any]:
    """Return the server's counts of writes up to now."""
    database.run("SELECT pg_stat_force_next_flush()")
    database.run("SELECT pg_stat_clear_snapshot()")
    return [
        database.run(
            "SELECT tup_inserted, tup_updated, tup_deleted, temp_files, deadlocks "
            "FROM pg_stat_database WHERE datname = current_database()"
        ),
        database.run(
            "SELECT relname, n_tup_ins, n_tup_upd, n_tup_del, n_dead_tup, vacuum_count, "
            "analyze_count FROM pg_stat_user_tables ORDER BY relname"
        ),
    ]


def _readers_stack(side: Database) -> str:
    """Return the settings of a stack for a role that may CONNECT, use the schema, and SELECT."""
    role = side.new_role()
    side.run(f"REVOKE ALL ON DATABASE {side.name} FROM PUBLIC")
    side.run(f"GRANT CONNECT ON DATABASE {side.name} TO {role}")
    side.run("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    side.run(f"GRANT USAGE ON SCHEMA public TO {role}")
    side.run(f"GRANT SELECT ON t, shared TO {role}")
    return f'url = "{side.url_of(role)}"\n{TENANCY}'


def test_an_audit_that_finds_drift_changes_nothing(drifting: Engine) -> None:
    """Contents, catalog and the servers' own counts of writes are the same before and after.

    No session is left open. A role that may only connect and select finds the same as a superuser.
    The same comparison detects a write after the audits.
    """
    sides = (drifting.legacy, drifting.modern)
    urls = [_readers_stack(side) for side in sides]
    before = [(_contents(side), _writes(side)) for side in sides]
    assert _audit_all(drifting) == EXPECTED
    assert _audit_all(drifting, *urls) == EXPECTED
    assert [(_contents(side), _writes(side)) for side in sides] == before
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tests'"
    for side in sides:
        for _ in range(100):
            if side.run(sessions) == [(0,)]:
                break
            side.run("SELECT pg_sleep(0.01)")
        assert side.run(sessions) == [(0,)]
    drifting.modern.run("UPDATE t SET v = v WHERE id = 1")
    assert _contents(drifting.modern) == before[1][0]
    assert _writes(drifting.modern) != before[1][1]
    drifting.modern.run("UPDATE t SET v = -v WHERE id = 1")
    assert _contents(drifting.modern) != before[1][0]


def test_what_would_write_or_wait_is_not_proven(engine: Engine) -> None:
    """The server refuses SQL of the settings that would write, so that no row is deleted.

    The wait for a table that another session locks ends after lock_timeout. A query that exceeds
    statement_timeout is cancelled. Each reason names the setting to raise.
    """
    for name in ("sly", "held", "slow"):
        engine.both(f"CREATE TABLE {name} (id int PRIMARY KEY)")
        engine.both(f"INSERT INTO {name} VALUES (1), (2)")
    engine.modern.run(
        "CREATE FUNCTION sly(int) RETURNS int LANGUAGE plpgsql VOLATILE AS "
        "$$BEGIN DELETE FROM sly; RETURN $1; END$$"
    )
    more = """
        [tables.sly.columns.id]
        modern_sql = "sly(id)"
        [tables.slow.columns.id]
        modern_sql = "CASE WHEN pg_sleep(1) IS NULL THEN 0 ELSE id END"
    """
    with psycopg.connect(
        host=str(engine.modern.cluster.directory),
        port=engine.modern.cluster.port,
        user="postgres",
        dbname=engine.modern.name,
    ) as holder:
        holder.execute("LOCK TABLE held IN ACCESS EXCLUSIVE MODE")
        timeouts = f"{SHARED}\nlock_timeout = 0.2\nstatement_timeout = 0.5"
        with engine.opened(more, modern=timeouts) as run:
            evidence = {name: run.audit("global", name) for name in ("sly", "held", "slow")}
    words = "cannot execute DELETE in a read-only transaction"
    assert_not_proven(evidence["sly"], words)
    assert_not_proven(evidence["held"], "raise lock_timeout")
    assert_not_proven(evidence["slow"], "raise statement_timeout")
    assert engine.modern.run("SELECT count(*) FROM sly") == [(2,)]
