"""Batches of small tables: which tables a statement digests, and what it must not prove."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_tenantparity.limits import Limits
from pytest_tenantparity.model import SIDES, SLOW, UNTOLD, Evidence, Outcome
from pytest_tenantparity.parity.cache import SharedCache
from pytest_tenantparity.parity.scan import batch
from pytest_tenantparity.parity.scan import plan as batches
from pytest_tenantparity.parity.scan.batch import BY_ONE_STATEMENT, batch_result
from pytest_tenantparity.parity.scan.plan import Batch, Batches, batch_of
from pytest_tenantparity.stacks.catalog import TableFacts

from ..support.engine_driver import Engine, Run
from ..support.expectations import assert_drift, assert_match, assert_not_proven
from ..support.mariadb import MariaDatabase

NAMES = ["t0", "t1", "t2"]
TENANTS = "\n".join(f"[tenants.{name}]" for name in NAMES)
OWN = 'tenancy = {schema = "{tenant}"}'
ROWS = "INSERT INTO {}.{} SELECT g, '{} ' || g, '{} - ' || g FROM generate_series(1, 3) g"


@pytest.fixture
def schemas(engine: Engine) -> Engine:
    """Three tenants with schemas of their own, each with the tables ``a`` and ``b``."""
    for name in NAMES:
        engine.both(f"CREATE SCHEMA {name}")
        for table in ("a", "b"):
            engine.both(f"CREATE TABLE {name}.{table} (id int PRIMARY KEY, v text, w text)")
            engine.both(ROWS.format(name, table, name, table))
    return engine


def audit(engine: Engine, more: str = "", line: str = "") -> dict[str, Evidence]:
    """Audit all tables of all tenants, in the order of the plugin's tests."""
    own = f"{OWN}\n{line}"
    with engine.opened(f"{more}\n{TENANTS}", legacy=own, modern=own) as run:
        return audits(run)


def audits(run: Run) -> dict[str, Evidence]:
    """Audit all tables of all tenants on stacks that are open."""
    return {f"{name}-{table}": run.audit(name, table) for name in NAMES for table in ("a", "b")}


def hints(found: Mapping[str, Evidence]) -> list[str]:
    """Return the hints that give a reason for slow reads."""
    given = [hint for each in found.values() for hint in each.work.hints]
    return [hint for hint in given if hint.startswith(SLOW)]


def other_than_match(found: Mapping[str, Evidence]) -> dict[str, Outcome]:
    """Return the outcome of each check that is not proven."""
    return {key: each.outcome for key, each in found.items() if each.outcome is not Outcome.PROVEN}


# ---- which tables a statement takes


def fill(tenants: int, tables: int, limits: Limits = Limits()) -> list[list[str]]:  # noqa: B008
    """Return the tenants of the tables of each batch."""
    facts = TableFacts("s", "t", (), (), plain=True, locks=2)
    filled, latest = Batches(), None
    found: list[Batch] = []
    for tenant in range(tenants):
        given = [batch_of((f"k{n}", f"t{tenant}"), [facts]) for n in range(tables)]
        latest = filled.add_tenant(given, limits, latest)
        found += [each for each in dict.fromkeys(filled.of.values()) if each not in found]
    return [[tenant for _, tenant in each.keys] for each in found]


def test_whole_tenants_are_in_a_batch() -> None:
    """A batch takes as many whole tenants as fit, so that consecutive batches have one structure.

    A tenant with many tables takes several batches.
    """
    assert [len(each) for each in fill(130, 1)] == [64, 64, 2]
    assert [len(each) for each in fill(7, 20)] == [60, 60, 20]
    assert next(sorted({*each}) for each in fill(7, 20)) == ["t0", "t1", "t2"]
    assert [len(each) for each in fill(2, 100)] == [64, 36, 64, 36]
    assert [len(each) for each in fill(4, 3, Limits(statement_locks=14))] == [6, 6]


def test_a_batch_runs_once_and_its_result_is_forgotten(
    schemas: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch runs once, and a process keeps the results of a limited number of batches.

    A check whose result was dropped runs alone.
    """
    runs: list[Batch] = []
    run_batch = batch._run

    def counted(context: Any, known: Any, given: Batch) -> Any:
        runs.append(given)
        return run_batch(context, known, given)

    monkeypatch.setattr(batch, "_run", counted)
    monkeypatch.setattr(batches, "_HELD", 1)
    small = replace(schemas, limits=Limits(statement_tables=2))
    with small.opened(TENANTS, legacy=OWN, modern=OWN) as run:
        assert other_than_match(audits(run)) == {}
        assert other_than_match(audits(run)) == {}
        assert len(runs) == 3
        assert [each.results is not None and len(each.results) for each in runs] == [0, 0, 2]
        assert len(run.audited.batches.structures) == 2
        assert len(run.audited.batches.statements) == 2


def test_processes_share_the_result_of_a_batch(
    schemas: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second process reads no table, and gets the same results."""
    schemas.modern.run("UPDATE t1.b SET v = 'other' WHERE id = 2")
    once, results = SharedCache(tmp_path), []
    for _ in range(2):
        with schemas.opened(TENANTS, legacy=OWN, modern=OWN) as run:
            context, known = replace(run.context, shared_cache=once), Batches()
            pair, tenant = context.pairs["a"], context.tenants["t0"]
            assert batch_result(context, known, pair, tenant) is not None
            results.append(dict(known.of["a", "t0"].results or {}))
        monkeypatch.setattr(batch, "_read", None)
    assert [sorted(each) for each in results] == [sorted(results[0])] * 2
    assert len(results[0]) == 5
    assert {each.rows for result in results for each in result.values()} == {
        results[0]["a", "t0"].rows
    }


# ---- what a statement must not prove


def test_rows_of_two_tables_of_a_batch_that_changed_places_are_seen(schemas: Engine) -> None:
    """Two tables of a batch that exchanged their rows are both drift.

    The rows of the batch as a whole are still the same.
    """
    schemas.modern.run("ALTER TABLE t0.a RENAME TO x; ALTER TABLE t0.b RENAME TO a")
    schemas.modern.run("ALTER TABLE t0.x RENAME TO b")
    assert set(other_than_match(audit(schemas)).values()) == {Outcome.REFUTED}
    assert set(other_than_match(audit(schemas))) == {"t0-a", "t0-b"}


SWAPPED = (
    "ALTER TABLE {t} RENAME v TO x; ALTER TABLE {t} RENAME w TO v; ALTER TABLE {t} RENAME x TO w"
)
AFTERWARDS: dict[str, tuple[str, str, str]] = {
    # By case: SQL of the modern side before the snapshot, SQL of the legacy side after it, and the
    # altered table.
    "columns": ("UPDATE t1.a SET v = w, w = v", SWAPPED.format(t="t1.a"), "t1.a"),
    "schemas": (
        "ALTER SCHEMA t1 RENAME TO x; ALTER SCHEMA t2 RENAME TO t1; ALTER SCHEMA x RENAME TO t2",
        "ALTER SCHEMA t1 RENAME TO x; ALTER SCHEMA t2 RENAME TO t1; ALTER SCHEMA x RENAME TO t2",
        "t",
    ),
    "tables": (
        "ALTER TABLE t1.a RENAME TO x; ALTER TABLE t1.b RENAME TO a; ALTER TABLE t1.x RENAME TO b",
        "ALTER TABLE t1.a RENAME TO x; ALTER TABLE t1.b RENAME TO a; ALTER TABLE t1.x RENAME TO b",
        "t1",
    ),
    "heirs": (
        "INSERT INTO t1.a VALUES (9, 'v', 'w')",
        "ALTER TABLE x.heir INHERIT t1.a",
        "x.heir",
    ),
    "types": (
        "ALTER TABLE t1.a ADD n bigint; UPDATE t1.a SET n = 4294967295",
        "ALTER TABLE t1.a ALTER n TYPE oid",
        "t1.a",
    ),
}


@pytest.mark.parametrize("case", AFTERWARDS)
def test_what_is_altered_after_the_snapshot_is_not_proven_equal_by_it(
    schemas: Engine, case: str
) -> None:
    """An alteration that makes tables equal after the snapshot is not taken for a proof.

    The snapshots differ. The statement finds all digests equal, but it read other columns, tables
    or rows than those of the snapshot.
    """
    before, after, altered = AFTERWARDS[case]
    schemas.legacy.run("CREATE SCHEMA x; CREATE TABLE x.heir (LIKE t1.a)")
    schemas.legacy.run("INSERT INTO x.heir VALUES (9, 'v', 'w')")
    if case == "schemas":
        schemas.legacy.run("DROP SCHEMA x CASCADE")
    if case == "types":
        schemas.legacy.run("ALTER TABLE t1.a ADD n int; UPDATE t1.a SET n = -1")
    schemas.modern.run(before)
    with schemas.opened(TENANTS, legacy=OWN, modern=OWN) as run:
        schemas.legacy.run(after)
        context = run.context
        shown = batch_result(context, Batches(), context.pairs["a"], context.tenants["t1"])
        (hint,) = [each for each in context.notes.give()[1] if each.startswith(SLOW)]
    assert shown is None
    assert f"{altered}" in hint
    assert "altered after the snapshot was taken" in hint


def test_what_was_altered_before_the_snapshot_is_in_batches(schemas: Engine) -> None:
    """An alteration before the snapshot, or one that was rolled back, keeps no table out."""
    schemas.both(
        "ALTER TABLE t1.a ALTER v SET STATISTICS 50; ALTER SCHEMA t2 OWNER TO CURRENT_USER"
    )
    with schemas.legacy.cluster.connect(schemas.legacy.name) as other:
        other.execute("BEGIN; ALTER TABLE t1.a ADD n int; ROLLBACK")
    schemas.both("SELECT pg_current_xact_id()")
    found = audit(schemas)
    assert other_than_match(found) == {}
    assert hints(found) == []


def test_a_schema_that_is_dropped_meanwhile_stops_its_own_checks_alone(schemas: Engine) -> None:
    """A schema that is dropped during the run makes only its own checks NOT PROVEN.

    The batch fails, and each table is read alone.
    """
    with schemas.opened(TENANTS, legacy=OWN, modern=OWN) as run:
        schemas.modern.run("DROP SCHEMA t1 CASCADE")
        found = audits(run)
    assert other_than_match(found) == dict.fromkeys(("t1-a", "t1-b"), Outcome.NOT_PROVEN)
    (hint,) = hints(found)
    assert hint.startswith("slow: the small tables a, b were read one by one, since one statement")


def test_a_statement_that_times_out_is_in_the_hints(schemas: Engine) -> None:
    """Rows that take too long fail the batch; the other tables match when they are read alone."""
    slow = "CASE WHEN v = 't1 2' THEN pg_sleep(9) IS NOT NULL ELSE TRUE END"
    more = f'[tables.a.modern_filter]\nsql = "{slow}"\nreason = "as it is"'
    found = audit(schemas, more, "statement_timeout = 0.7")
    assert other_than_match(found) == {"t1-a": Outcome.NOT_PROVEN}
    (hint,) = hints(found)
    assert "statement timeout" in hint
    masked = f"{more}\n[tables.b.columns.v]\nmask = true"
    (hint,) = hints(audit(schemas, masked, "statement_timeout = 0.7"))
    assert hint.endswith(f"failed: {UNTOLD}")


def test_sqlalchemy_s_own_placeholder_is_what_it_is_in_names_and_filters(schemas: Engine) -> None:
    """A table whose SQL contains SQLAlchemy's placeholder for a schema is read alone."""
    for name in NAMES:
        schemas.both(f'ALTER TABLE {name}.a RENAME w TO "__[SCHEMA_0]"')
    schemas.both("UPDATE t1.b SET w = '__[SCHEMA_1]' WHERE id = 2")
    schemas.modern.run("UPDATE t1.b SET v = 'other' WHERE id = 2")
    schemas.modern.run("UPDATE t2.a SET v = 'other' WHERE id = 2")
    where = "w <> '__[SCHEMA_1]'"
    reason = 'reason = "as it is"'
    more = "".join(
        f'[tables.b.{side}_filter]\nsql = "{where}"\n{reason}\n' for side in ("legacy", "modern")
    )
    found = audit(schemas, more)
    assert other_than_match(found) == {"t2-a": Outcome.REFUTED}
    assert found["t1-b"].rows.legacy == 2
    hows = {each.how for evidence in found.values() for each in evidence.work.readings}
    assert hows == {"each tenant where its own rows are"}
    assert hints(found) == []


def test_one_table_that_cannot_be_hashed_is_read_alone(
    mysql_db: MariaDatabase, tmp_path: Path
) -> None:
    """Rows that are too long for MariaDB to hash, on both sides, are not taken for equal.

    The batch still proves its other tables.
    """
    (before,) = mysql_db.run("SELECT @@global.max_allowed_packet")[0]
    engine: Any = Engine(mysql_db, mysql_db, tmp_path)  # type: ignore[arg-type]
    homes = {side: f"{mysql_db.name}_{side}" for side in SIDES}
    legacy, modern = (f'tenancy = {{schema = "{home}_{{tenant}}"}}' for home in homes.values())
    schemas = [f"{home}_{name}" for home in homes.values() for name in NAMES]
    try:
        for schema in schemas:
            mysql_db.run(f"CREATE DATABASE {schema}")
            for table in ("a", "b"):
                size = 40_000 if schema.endswith("_t1") and table == "b" else 4
                other = schema[-9] if size > 4 else "w"
                mysql_db.run(f"CREATE TABLE {schema}.{table} (id int PRIMARY KEY, v text, w text)")
                mysql_db.run(f"INSERT INTO {schema}.{table} VALUES "
                             f"(1, repeat('v', {size}), repeat('{other}', {size}))")  # fmt: skip
        mysql_db.run("SET GLOBAL max_allowed_packet = 65536")
        with engine.opened(TENANTS, legacy=legacy, modern=modern) as run:
            found = audits(run)
    finally:
        mysql_db.run(f"SET GLOBAL max_allowed_packet = {before}")
        for schema in schemas:
            mysql_db.run(f"DROP DATABASE IF EXISTS {schema}")
    assert other_than_match(found) == {"t1-b": Outcome.NOT_PROVEN}
    assert hints(found) == []
    assert_not_proven(found["t1-b"], "1 of 1 rows could not be hashed")
    hows = {each.how for evidence in found.values() for each in evidence.work.readings}
    assert hows == {f"each tenant where its own rows are, {BY_ONE_STATEMENT}"}


# ---- beside a table that tenants share


@pytest.fixture
def shared(schemas: Engine) -> Callable[..., dict[str, Evidence]]:
    """The legacy tables are shared by the tenants, which have schemas on the modern side."""
    for table in ("a", "b"):
        schemas.legacy.run(f"CREATE TABLE {table} (id int, v text, w text, tenant text)")
        for name in NAMES:
            schemas.legacy.run(f"INSERT INTO {table} SELECT *, '{name}' FROM {name}.{table}")

    def run(more: str = "", column: str = "tenant") -> dict[str, Evidence]:
        legacy = f'tenancy = {{column = "{column}"}}'
        with schemas.opened(f"{more}\n{TENANTS}", legacy=legacy, modern=OWN) as opened:
            return audits(opened)

    return run


def test_a_shared_table_is_scanned_once_for_all_batches(
    schemas: Engine, shared: Callable[..., dict[str, Evidence]]
) -> None:
    """A shared table is scanned once, whatever its size, and drift is found in its own tenant."""
    schemas.modern.run("UPDATE t1.b SET v = 'other' WHERE id = 2")
    schemas.legacy.run("UPDATE a SET tenant = CASE tenant WHEN 't0' THEN 't2' ELSE 't0' END "
                       "WHERE tenant <> 't1' AND id = 3")  # fmt: skip
    found = shared()
    assert_drift(found["t1-b"], ("changed", ("2",), ("v",)))
    assert other_than_match(found) == dict.fromkeys(("t0-a", "t1-b", "t2-a"), Outcome.REFUTED)
    hows = [each.how for evidence in found.values() for each in evidence.work.readings]
    assert hows.count("one scan for 3 tenants") == 2


def test_the_rows_of_all_tenants_are_counted_by_the_scan_that_compared_them(
    schemas: Engine,
) -> None:
    """The check of unassigned rows compares the table's row count with the shared scan's."""
    schemas.legacy.run("CREATE TABLE a (id int, v text, w text, tenant text)")
    for name in NAMES:
        schemas.legacy.run(f"INSERT INTO a SELECT *, '{name}' FROM {name}.a")
    legacy = 'tenancy = {column = "tenant"}'
    more = f'[pairing]\ntables = ["a"]\n{TENANTS}'
    with schemas.opened(more, legacy=legacy, modern=OWN) as run:
        assert_match(run.audit("t0", "a"), rows=3)
        assert run.audited.counted("a", "legacy") == 9
        assert_match(run.audit("unassigned", "a"), rows=0)


def test_a_shared_scan_that_fails_is_in_the_hints(
    shared: Callable[..., dict[str, Evidence]],
) -> None:
    """If a shared scan fails, only its table is read once for each tenant."""
    bad = "1 / CASE WHEN v = 't1 2' THEN 0 ELSE 1 END = 1"
    found = shared(f'[tables.a.legacy_filter]\nsql = "{bad}"\nreason = "as it is"')
    assert other_than_match(found) == {"t1-a": Outcome.NOT_PROVEN}
    (hint,) = hints(found)
    assert hint.startswith("slow: a was scanned once for each tenant, since one scan for 3 tenants")
    assert_match(found["t0-a"], rows=3)
