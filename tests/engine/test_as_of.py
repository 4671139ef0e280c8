"""Every query about the rows of a table applies a filter with ``:as_of``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from threading import Timer

import pytest

from pytest_tenantparity.config import AsOf
from pytest_tenantparity.limits import Limits
from pytest_tenantparity.model import Account, Evidence, Outcome
from pytest_tenantparity.parity import TenantView
from pytest_tenantparity.parity.scan.batch import BY_ONE_STATEMENT

from ..soundness.ways import APART, AS_IT_IS, MERGED, ONE_BY_ONE, Way
from ..support.as_of import NOON, STEP, filters, up_to
from ..support.engine_driver import Engine, Run
from ..support.expectations import assert_drift, assert_match, assert_not_proven
from ..support.postgresql import Database

# ---- every layout of tenants, and every way to find the rows that differ

TENANTS = "[tenants.a]\n[tenants.b]\n[tenants.c]\n"
ROWS = """
    INSERT INTO {t} SELECT g, (ARRAY['a', 'b', 'c'])[1 + g % 3], 'v' || g,
        CASE WHEN g % 10 = 0 THEN NULL
             ELSE timestamptz '2026-11-30 12:00+00' + (g - 90) * interval '1 second' END
    FROM generate_series(1, 120) g;
"""
COLUMNS = "(id int PRIMARY KEY, tenant text, v text, changed timestamptz)"
# Seconds 91 to 120 are too late, and every tenth row is NULL: 81 rows are compared, 27 a tenant.
TAKING_PART = 81
LAYOUTS = {
    "column": ('tenancy = {column = "tenant"}', "t", "tenant"),
    "path": ('tenancy = {path = "tenant -> users.id -> owner"}', "t", "owner"),
    "schema": ('tenancy = {schema = "s_{tenant}"}', "s_{}.t", ""),
}


def _furnish(engine: Engine, layout: str) -> None:
    engine.both(f"CREATE TABLE t {COLUMNS};" + ROWS.format(t="t"))
    if layout == "path":
        engine.both("CREATE TABLE users (id text, owner text)")
        engine.both("INSERT INTO users VALUES ('a', 'a'), ('b', 'b'), ('c', 'c')")
    if layout == "schema":
        for name in "abc":
            engine.both(f"""
                CREATE SCHEMA s_{name};
                CREATE TABLE s_{name}.t {COLUMNS};
                INSERT INTO s_{name}.t SELECT * FROM t WHERE tenant = '{name}';
                CREATE TABLE s_{name}.u {COLUMNS};
                INSERT INTO s_{name}.u SELECT * FROM t WHERE tenant = '{name}'
            """)
        engine.both("DROP TABLE t")


def _change(database: Database, layout: str, sql: str) -> None:
    for name in "abc" if layout == "schema" else ".":
        table = "t" if name == "." else f"s_{name}.t"
        database.run(sql.format(t=table))


@pytest.mark.parametrize(
    "way", [AS_IT_IS, MERGED, ONE_BY_ONE, APART], ids=["plain", "merged", "one-by-one", "apart"]
)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_and_every_way_applies_the_filter(
    engine: Engine, layout: str, way: Way
) -> None:
    """Every scan and every read of rows applies the filter.

    The scans are for all tenants, for one tenant, and for small tables in a batch. Digests,
    sketches and rows are read.
    """
    tenancy = LAYOUTS[layout][0]
    _furnish(engine, layout)
    own = replace(engine, limits=way.limits)
    tables = "['t', 'u']" if layout == "schema" else "['t']"
    also = filters("u", "changed") if layout == "schema" else ""
    more = f"[pairing]\ntables = {tables}\n{filters('t', 'changed')}{also}{TENANTS}"

    def audited() -> dict[str, Evidence]:
        with own.opened(more, legacy=tenancy, modern=tenancy) as run:
            bounded = up_to(run, NOON)
            return {name: bounded.audit(name, "t") for name in "abc"}

    _change(engine.modern, layout, "UPDATE {t} SET v = 'later' WHERE id > 90 OR changed IS NULL")
    for evidence in audited().values():
        assert_match(evidence, rows=TAKING_PART // 3)
    past = "timestamptz '2026-11-30 12:00:00.000001+00'"
    _change(engine.modern, layout, f"UPDATE {{t}} SET changed = {past} WHERE id = 3")
    _change(engine.modern, layout, "UPDATE {t} SET changed = '2026-11-30 12:00+00' WHERE id = 91")
    _change(engine.legacy, layout, "UPDATE {t} SET changed = NULL WHERE id = 5")
    _change(engine.legacy, layout, "UPDATE {t} SET v = 'w' WHERE id IN (7, 97)")
    found = audited()
    assert_drift(found["a"], ("missing", ("3",), ()))
    assert_drift(found["b"], ("extra", ("91",), ()), ("changed", ("7",), ("v",)))
    assert_drift(found["c"], ("extra", ("5",), ()))
    said = "rows only where changed <= :as_of (2026-11-30T12:00:00Z): later rows are under way"
    for evidence in found.values():
        rules = [each.rule for each in evidence.rules if "only where" in each.rule]
        assert rules == [f"legacy {said}", f"modern {said}"]


def test_small_tables_of_schemas_are_read_by_one_statement(engine: Engine) -> None:
    """The one statement that is compiled for all tenants binds the value in each branch."""
    _furnish(engine, "schema")
    tenancy = LAYOUTS["schema"][0]
    both = f"{filters('t', 'changed')}{filters('u', 'changed')}"
    more = f"[pairing]\ntables = ['t', 'u']\n{both}{TENANTS}"
    with engine.opened(more, legacy=tenancy, modern=tenancy) as run:
        bounded = up_to(run, NOON)
        found = [bounded.audit(name, table) for name in "abc" for table in "tu"]
    for evidence in found:
        assert_match(evidence, rows=TAKING_PART // 3)
    hows = {each.how for evidence in found for each in evidence.work.readings}
    assert hows == {f"each tenant where its own rows are, {BY_ONE_STATEMENT}"}


def test_rows_of_no_tenant_and_rows_left_out_are_counted(engine: Engine) -> None:
    """``unassigned`` counts the rows up to the value, and ``coverage`` the rows left out.

    Both name the value as the limit, and so does the canary's check.
    """
    _furnish(engine, "column")
    engine.both("UPDATE t SET tenant = NULL WHERE id IN (8, 98)")
    engine.modern.run("UPDATE t SET tenant = NULL WHERE id = 99")
    tenancy = LAYOUTS["column"][0]
    said = "changed <= :as_of (2026-11-30T12:00:00Z)"
    with engine.opened(
        f"{filters('t', 'changed')}{TENANTS}", legacy=tenancy, modern=tenancy
    ) as run:
        bounded = up_to(run, NOON)
        strays, coverage = bounded.audit("unassigned", "t"), bounded.audit("coverage", "*")
        canary = bounded.audit("canary", "t")
        view = TenantView(bounded.context, "modern", bounded.context.tenants["a"])
        assert (view.count("t"), len(view.rows("t", "id"))) == (27, 27)
    assert_drift(strays, ("missing", ("8",), ()), ("extra", ("8",), ()))
    assert strays.accounts == (Account("legacy", 81, 80, 1), Account("modern", 81, 80, 1))
    for evidence in (strays, canary):
        rules = {each.rule for each in evidence.rules}
        assert f"legacy rows only where {said}: later rows are under way" in rules
    assert coverage.left_out == {
        f"legacy rows of t but those with {said}": 39,
        f"modern rows of t but those with {said}": 39,
    }


def test_a_large_table_is_read_in_chunks_up_to_the_value(engine: Engine) -> None:
    """Chunks, and rows that are read again by their keys, hold only rows up to the value."""
    engine.both(f"CREATE TABLE t {COLUMNS}")
    engine.both("""
        INSERT INTO t SELECT g, 'a', 'v' || g,
            timestamptz '2026-11-30 12:00+00' + (g - 9000) * interval '1 second'
        FROM generate_series(1, 12000) g
    """)
    engine.modern.run("UPDATE t SET v = 'w' WHERE id IN (17, 8999, 9001, 11999)")
    own = replace(engine, limits=Limits(large_table_blocks=1))
    with own.opened(f"{filters('t', 'changed')}[tenants.a]") as run:
        evidence = up_to(run, NOON).audit("global", "t")
    assert_drift(evidence, ("changed", ("17",), ("v",)), ("changed", ("8999",), ("v",)))
    assert evidence.rows.legacy == 9000
    assert any("chunks" in each.how for each in evidence.work.readings)


# ---- key maps


def test_a_key_map_s_filter_takes_the_value(engine: Engine) -> None:
    """An id that was reissued after the moment keeps its earlier partner in every lookup."""
    engine.legacy.run("CREATE TABLE t (id int PRIMARY KEY, usr int, v text)")
    engine.legacy.run("INSERT INTO t VALUES (1, 7, 'a'), (2, 8, 'b')")
    engine.modern.run("CREATE TABLE t (id int PRIMARY KEY, usr int, v text)")
    engine.modern.run("INSERT INTO t VALUES (1, 70, 'a'), (2, 80, 'b')")
    engine.modern.run("CREATE TABLE ids (old int, new int, since timestamptz)")
    engine.modern.run("""
        INSERT INTO ids VALUES (7, 70, '2026-11-30 12:00+00'), (8, 80, '2026-11-30 11:00+00'),
            (7, 71, '2026-11-30 12:00:00.000001+00')
    """)
    more = """
        [maps.users]
        table = "ids"
        legacy = "old"
        modern = "new"
        filter = "since <= :as_of"
        [tables.t.columns]
        usr = { key_map = "users" }
    """
    with engine.opened(f"{more}\n[tenants.acme]") as run:
        evidence = up_to(run, NOON).audit("global", "t")
        later = up_to(run, NOON + STEP).audit("global", "t")
        earlier = up_to(run, NOON - STEP).audit("global", "t")
    assert_match(evidence, rows=2)
    said = "rows of [maps.users] only where since <= :as_of (2026-11-30T12:00:00Z)"
    assert said in {each.rule for each in evidence.rules}
    assert_not_proven(later, "the key map 'users' is no bijection")
    assert earlier.outcome is Outcome.REFUTED


# ---- what cannot be compared


def test_a_value_of_another_type_is_not_proven(engine: Engine) -> None:
    """If the server refuses the comparison, the reason names the filter, and nothing is proven."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, changed text)")
    engine.both("INSERT INTO t VALUES (1, '2026-11-30')")
    with engine.opened(f"{filters('t', 'changed')}[tenants.acme]") as run:
        found: Mapping[AsOf, Evidence] = {
            AsOf(value): up_to(run, value).audit("global", "t") for value in (7, NOON.date(), NOON)
        }
        without = run.audit("global", "t")
    for evidence in found.values():
        assert_not_proven(evidence, "[tables.t] legacy_filter could not be worked out", "operator")
    assert_not_proven(without, "a filter uses :as_of, which has no value")


# ---- while both stacks are written to


def test_rows_in_flight_are_settled_up_to_the_value(engine: Engine) -> None:
    """A row that both sides move past the value during the run was in flight.

    A row that only one side moves is drift.
    """
    engine.both("CREATE TABLE t (id int PRIMARY KEY, v text, changed timestamptz)")
    engine.both("INSERT INTO t SELECT g, 'v', '2026-11-30' FROM generate_series(1, 4) g")
    engine.modern.run("UPDATE t SET v = 'w' WHERE id IN (1, 2)")
    with engine.opened(f"{filters('t', 'changed')}[tenants.acme]") as run:
        bounded = up_to(run, NOON)
        settled = Run(replace(bounded.context, settle=0.6))

        def write() -> None:
            engine.both("UPDATE t SET v = 'w', changed = '2026-12-01' WHERE id = 1")
            engine.modern.run("UPDATE t SET changed = '2026-12-01' WHERE id = 2")

        timer = Timer(0.2, write)
        timer.start()
        evidence = settled.audit("global", "t")
        timer.join()
    assert_drift(evidence, ("missing", ("2",), ()))
    assert evidence.in_flight == 1
