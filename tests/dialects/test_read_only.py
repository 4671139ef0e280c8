"""An audit reads, and does nothing else."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from pytest_tenantparity.model import Status

from ..support.engine_driver import Engine
from ..support.postgresql import Database

TENANCY = 'tenancy = {column = "tenant"}'
SUBJECTS = (("a", "t"), ("b", "t"), ("unassigned", "t"), ("global", "shared"), ("coverage", "*"))


@pytest.fixture
def drifting(engine: Engine) -> Engine:
    """Both stacks with drift of every kind, and statistics at rest."""
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


def _audit_all(engine: Engine, legacy: str = TENANCY, modern: str = TENANCY) -> list[Status]:
    more = "[tables.shared]\ntenancy = 'global'\n[tenants.a]\n[tenants.b]"
    with engine.opened(more, legacy=legacy, modern=modern) as run:
        return [run.audit(subject, table).status for subject, table in SUBJECTS]


EXPECTED = [Status.DRIFT, Status.DRIFT, Status.DRIFT, Status.MATCH, Status.MATCH]


def _contents(database: Database) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for table in ("t", "shared"):
        digest = f"SELECT md5(string_agg(x::text, '|' ORDER BY x::text)), count(*) FROM {table} x"
        found[table] = database.run(digest)
    found["sequence"] = database.run("SELECT * FROM numbers")
    found["tables"] = database.run("SELECT relname, relkind FROM pg_class ORDER BY oid")
    return found


def _writes(database: Database) -> list[Any]:
    """Everything that the server counts as written, up to now."""
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


def test_an_audit_that_finds_drift_changes_nothing(drifting: Engine) -> None:
    """Contents, catalog and the servers' own counts of writes are the same before and after."""
    sides = (drifting.legacy, drifting.modern)
    before = [(_contents(side), _writes(side)) for side in sides]
    assert _audit_all(drifting) == EXPECTED
    assert [(_contents(side), _writes(side)) for side in sides] == before


def test_the_counters_would_tell(drifting: Engine) -> None:
    """The comparison above does see a write."""
    before = _contents(drifting.modern), _writes(drifting.modern)
    drifting.modern.run("UPDATE t SET v = v WHERE id = 1")
    assert _contents(drifting.modern) == before[0]
    assert _writes(drifting.modern) != before[1]
    drifting.modern.run("UPDATE t SET v = -v WHERE id = 1")
    assert _contents(drifting.modern) != before[0]


def test_a_role_that_may_only_connect_and_select_is_enough(drifting: Engine) -> None:
    """The audit needs CONNECT, USAGE and SELECT, and nothing else."""
    urls = []
    for side in (drifting.legacy, drifting.modern):
        role = side.new_role()
        side.run(f"REVOKE ALL ON DATABASE {side.name} FROM PUBLIC")
        side.run(f"GRANT CONNECT ON DATABASE {side.name} TO {role}")
        side.run("REVOKE ALL ON SCHEMA public FROM PUBLIC")
        side.run(f"GRANT USAGE ON SCHEMA public TO {role}")
        side.run(f"GRANT SELECT ON t, shared TO {role}")
        urls.append(f'url = "{side.url_of(role)}"\n{TENANCY}')
    assert _audit_all(drifting, *urls) == EXPECTED


def test_the_sessions_refuse_to_write(drifting: Engine) -> None:
    """SQL of the settings that would write is refused by the server, and is not proven."""
    drifting.modern.run(
        "CREATE FUNCTION sly(int) RETURNS int LANGUAGE plpgsql VOLATILE AS "
        "$$BEGIN DELETE FROM t; RETURN $1; END$$"
    )
    column = "[tables.t.columns.id]\nmodern_sql = 'sly(id)'\n[tenants.a]\n[tenants.b]"
    evidence = drifting.audit("t", "a", column, legacy=TENANCY, modern=TENANCY)
    assert evidence.status is Status.NOT_PROVEN
    assert "cannot execute DELETE in a read-only transaction" in evidence.reasons[0]
    assert drifting.modern.run("SELECT count(*) FROM t") == [(2000,)]


def test_nothing_is_left_open(drifting: Engine) -> None:
    """After the run no session of the audit is on either server."""
    _audit_all(drifting)
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tests'"
    for side in (drifting.legacy, drifting.modern):
        for _ in range(100):
            if side.run(sessions) == [(0,)]:
                break
            side.run("SELECT pg_sleep(0.01)")
        assert side.run(sessions) == [(0,)]


def test_a_lock_is_not_waited_for_without_end(drifting: Engine) -> None:
    """A table that someone holds is not proven after lock_timeout, with a remedy."""
    with psycopg.connect(
        host=str(drifting.modern.cluster.directory),
        port=drifting.modern.cluster.port,
        user="postgres",
        dbname=drifting.modern.name,
    ) as holder:
        holder.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        evidence = drifting.audit(
            "t", "a", "[tenants.a]", legacy=TENANCY, modern=f"{TENANCY}\nlock_timeout = 0.2"
        )
    assert evidence.status is Status.NOT_PROVEN
    assert "raise lock_timeout" in evidence.reasons[0]


def test_a_slow_query_is_cancelled(drifting: Engine) -> None:
    """A query beyond statement_timeout is not proven, and its remedy is named."""
    slow = "[tables.t.columns.id]\nmodern_sql = 'CASE WHEN pg_sleep(1) IS NULL THEN 0 ELSE id END'"
    evidence = drifting.audit(
        "t",
        "a",
        f"{slow}\n[tenants.a]",
        legacy=TENANCY,
        modern=f"{TENANCY}\nstatement_timeout = 0.2",
    )
    assert evidence.status is Status.NOT_PROVEN
    assert "raise statement_timeout" in evidence.reasons[0]
