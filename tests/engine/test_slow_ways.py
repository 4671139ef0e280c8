"""If many tenants cannot be read together, each is read alone, and a hint gives the reason."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pytest_tenantparity.model import SLOW, UNTOLD, Evidence

from ..support.engine_driver import Engine
from ..support.expectations import assert_match
from ..support.postgresql import Database, new_database

TENANTS = "[tenants.a]\n[tenants.b]\n[tenants.c]\n"
BY_TENANT = 'tenancy = {column = "tenant"}'


def slow(evidence: Evidence) -> list[str]:
    """Return the hints that give a reason for slow reads."""
    return [hint for hint in evidence.work.hints if hint.startswith(SLOW)]


def test_a_shared_scan_that_times_out_is_in_the_hints(engine: Engine) -> None:
    """If one tenant's rows take too long for a shared scan, all tenants match alone.

    The hint gives the reason.
    """
    engine.both("CREATE TABLE t (id int PRIMARY KEY, tenant text, v text)")
    engine.both("INSERT INTO t VALUES (1, 'a', 'x'), (2, 'b', 'y'), (3, 'c', 'z')")
    sql = "CASE WHEN tenant = 'a' AND pg_sleep(5) IS NULL THEN NULL ELSE v END"
    more = f'{TENANTS}[tables.t.columns.v]\nlegacy_sql = "{sql}"\n'
    legacy = f"{BY_TENANT}\nstatement_timeout = 0.5"
    with engine.opened(more, legacy=legacy, modern=BY_TENANT) as run:
        found = [run.audit(tenant, "t") for tenant in ("b", "c")]
    for evidence in found:
        assert_match(evidence, rows=1)
    (hint,) = [hint for evidence in found for hint in slow(evidence)]
    assert hint.startswith("slow: t was scanned once for each tenant, since one scan for 3 tenants")
    assert "statement timeout" in hint


def test_values_that_only_the_server_can_spell_are_in_the_hints(engine: Engine) -> None:
    """Tenants that are marked by dates cannot share one scan, and a hint gives the reason.

    The reason is left out if it could quote a masked value.
    """
    engine.both("CREATE TABLE t (id int PRIMARY KEY, tenant date, v text)")
    engine.both("INSERT INTO t VALUES (1, '2024-01-01', 'x'), (2, '2024-02-01', 'y')")
    more = '[tenants."2024-01-01"]\n[tenants."2024-2-1"]\n'
    with engine.opened(more, legacy=BY_TENANT, modern=BY_TENANT) as run:
        evidence = run.audit("2024-2-1", "t")
    assert_match(evidence, rows=1)
    (hint,) = slow(evidence)
    assert "only the server knows how 'tenant' (date) spells" in hint
    masked = f"{more}[tables.t.columns.v]\nmask = true\n"
    with engine.opened(masked, legacy=BY_TENANT, modern=BY_TENANT) as run:
        evidence = run.audit("2024-2-1", "t")
    (hint,) = slow(evidence)
    assert hint.endswith(f"failed: {UNTOLD}")


@pytest.fixture
def homes(engine: Engine) -> Iterator[Engine]:
    """One tenant with its own database on each side, and two small tables in it."""
    homes: list[Database] = []
    for side in (engine.legacy, engine.modern):
        home = new_database(side.cluster, name=f"{side.name}_a")
        homes.append(home)
        for table in ("t", "u"):
            home.run(f"CREATE TABLE {table} (id int PRIMARY KEY, v text)")
            home.run(f"INSERT INTO {table} VALUES (1, 'x')")
    yield Engine(homes[0], homes[1], engine.folder)
    for home in homes:
        home.drop()


def test_a_statement_for_small_tables_that_fails_is_in_the_hints(
    engine: Engine, homes: Engine
) -> None:
    """If one of two tables is locked, the other matches alone, and the hint names both."""
    lines = [
        f'tenancy = {{database = "{side.name}_{{tenant}}"}}'
        for side in (engine.legacy, engine.modern)
    ]
    with (
        homes.legacy.cluster.connect(homes.legacy.name) as other,
        engine.opened("[tenants.a]", legacy=lines[0], modern=lines[1]) as run,
    ):
        other.execute("BEGIN; LOCK TABLE u IN ACCESS EXCLUSIVE MODE")
        evidence = run.audit("a", "t")
        other.execute("ROLLBACK")
    assert_match(evidence, rows=1)
    (hint,) = slow(evidence)
    assert hint.startswith("slow: the small tables t, u were read one by one")
    assert "timeout" in hint
