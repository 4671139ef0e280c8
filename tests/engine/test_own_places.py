"""Tenants with a schema each: one statement reads small tables, and each is judged alone."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, event
from sqlalchemy import Engine as SQLAlchemyEngine

from pytest_tenantparity.config import load_settings
from pytest_tenantparity.limits import Limits
from pytest_tenantparity.model import Evidence, Outcome
from pytest_tenantparity.parity.scan.batch import BY_ONE_STATEMENT
from pytest_tenantparity.stacks.dialects import Dialect
from pytest_tenantparity.stacks.digest_self_test import Digests, trusted_digests

from ..support.engine_driver import Engine, opened, seen
from ..support.eventually import WAITING, eventually
from ..support.expectations import assert_drift, assert_match, assert_not_proven
from ..support.mariadb import MariaDatabase
from ..support.postgresql import new_database

NAMES = [f"t{n}" for n in range(6)]
TENANTS = "\n".join(f"[tenants.{name}]" for name in NAMES)
OWN = 'tenancy = {schema = "{tenant}"}'
ALONE = "each tenant where its own rows are"
BATCHED = f"{ALONE}, {BY_ONE_STATEMENT}"
TABLE = "id int PRIMARY KEY, v text"


@pytest.fixture
def schemas(engine: Engine) -> Engine:
    """Six tenants, each with a schema on both sides and a table of three rows."""
    engine.both(
        "".join(
            f"CREATE SCHEMA {name}; CREATE TABLE {name}.t ({TABLE});"
            f"INSERT INTO {name}.t SELECT g, '{name} ' || g FROM generate_series(1, 3) g;"
            for name in NAMES
        )
    )
    return engine


def audit(engine: Engine, more: str = "", names: Iterable[str] = NAMES) -> dict[str, Evidence]:
    """Audit the table of the named tenants."""
    with engine.opened(f"{more}\n{TENANTS}", legacy=OWN, modern=OWN) as run:
        return {name: run.audit(name, "t") for name in names}


def hows(found: dict[str, Evidence]) -> set[str]:
    """Return the ways in which the tables were read."""
    return {each.how for evidence in found.values() for each in evidence.work.readings}


def hows_by_table(found: Iterable[Evidence]) -> dict[str, set[str]]:
    """Return the ways in which each table was read."""
    read: dict[str, set[str]] = {}
    for each in (reading for evidence in found for reading in evidence.work.readings):
        read.setdefault(each.table, set()).add(each.how)
    return read


def test_many_schemas_are_read_by_one_scan(schemas: Engine) -> None:
    """One statement a side matches all six tenants, and drift is found in its own tenant."""
    found = audit(schemas)
    assert [each.outcome for each in found.values()] == [Outcome.PROVEN] * 6
    assert hows(found) == {BATCHED}
    schemas.modern.run("UPDATE t3.t SET v = 'w' WHERE id = 2; DELETE FROM t5.t WHERE id = 3")
    found = audit(schemas)
    assert_drift(found["t3"], ("changed", ("2",), ("v",)))
    assert_drift(found["t5"], ("missing", ("3",), ()))
    assert [found[name].outcome for name in ("t0", "t1", "t2", "t4")] == [Outcome.PROVEN] * 4


def test_rows_of_two_tenants_that_changed_places_are_seen(schemas: Engine) -> None:
    """Two tenants that exchanged their rows are drift, though all rows together are the same."""
    schemas.modern.run("ALTER SCHEMA t1 RENAME TO x; ALTER SCHEMA t2 RENAME TO t1")
    schemas.modern.run("ALTER SCHEMA x RENAME TO t2")
    found = audit(schemas)
    assert {name for name, each in found.items() if each.outcome is Outcome.REFUTED} == {"t1", "t2"}
    assert [each.drift.changed for each in found.values()] == [0, 3, 3, 0, 0, 0]


def test_more_schemas_than_a_statement_takes(schemas: Engine) -> None:
    """A batch of four tables leaves two tables for a batch of their own.

    If a batch takes five tables, the last table is read alone.
    """
    found = audit(replace(schemas, limits=Limits(statement_tables=4)))
    assert [each.outcome for each in found.values()] == [Outcome.PROVEN] * 6
    assert hows(found) == {BATCHED}
    found = audit(replace(schemas, limits=Limits(statement_tables=5)))
    assert [each.outcome for each in found.values()] == [Outcome.PROVEN] * 6
    assert hows(found) == {BATCHED, ALONE}
    assert hows({"t5": found["t5"]}) == {ALONE}


# Differences between one tenant's table and those of the others.
OTHERS = {
    "other_column": "ALTER TABLE {table} ADD w int",
    "other_type": "ALTER TABLE {table} ALTER v TYPE varchar(99)",
    "other_key": "ALTER TABLE {table} DROP CONSTRAINT {table}_pkey, ADD PRIMARY KEY (id, v)",
    "view": (
        "ALTER TABLE {table} RENAME TO behind_a_view;"
        "CREATE VIEW {table} AS SELECT * FROM behind_a_view"
    ),
    "with_heirs": (
        "CREATE TABLE heirs () INHERITS ({table}); INSERT INTO heirs VALUES (4, 'heir')"
    ),
    "many_rows": (
        "INSERT INTO {table} SELECT g, '' FROM generate_series(10, 20100) g; ANALYZE {table}"
    ),
}


def test_a_table_unlike_the_others_is_judged_as_ever(schemas: Engine) -> None:
    """A table of another shape is in the batch.

    A view, a table with children, or a table with many rows is read alone.
    """
    for table, other in OTHERS.items():
        for name in NAMES:
            schemas.both(f"CREATE TABLE {name}.{table} (LIKE {name}.t INCLUDING ALL);"
                         f"INSERT INTO {name}.{table} TABLE {name}.t")  # fmt: skip
        schemas.both(f"SET search_path = t2; {other.format(table=table)}; RESET search_path")
    ignored = "[ignore.tables]\nbehind_a_view = 'behind it'\nheirs = 'of the table'"
    with schemas.opened(f"{ignored}\n{TENANTS}", legacy=OWN, modern=OWN) as run:
        found = {(name, t): run.audit(name, t) for t in OTHERS for name in NAMES if name != "t2"}
        alone = {table: run.audit("t2", table) for table in OTHERS}
    assert hows_by_table(found.values()) == {table: {BATCHED} for table in ("t", *OTHERS)}
    others = [table for table in OTHERS if not table.startswith("other")]
    assert hows_by_table(alone.values()) == {table: {ALONE} for table in others}
    matched = [each.outcome for each in (*alone.values(), *found.values())]
    assert matched == [Outcome.PROVEN] * 6 * len(OTHERS), alone
    for table in OTHERS:
        schemas.modern.run(f"UPDATE t2.{table} SET v = 'w' WHERE id = 2")
    with schemas.opened(f"{ignored}\n{TENANTS}", legacy=OWN, modern=OWN) as run:
        drifts = {table: run.audit("t2", table).drift.total for table in OTHERS}
    # If the value is in the key, or no key is known, a change is one missing and one extra row.
    assert drifts == {table: 2 if table in ("other_key", "view") else 1 for table in OTHERS}


def test_one_side_unlike_is_enough_to_go_alone(schemas: Engine) -> None:
    """A column that one tenant has on one side only is NOT PROVEN for that tenant alone."""
    schemas.modern.run("ALTER TABLE t2.t ADD w int")
    found = audit(schemas)
    assert_not_proven(found["t2"], "column 'w' of 't' is only in the modern table")
    assert [found[name].outcome for name in NAMES if name != "t2"] == [Outcome.PROVEN] * 5


def test_a_table_that_is_not_there_or_locked_stops_its_tenant_alone(schemas: Engine) -> None:
    """A missing or locked table is NOT PROVEN for its tenant, and the others are matched."""
    schemas.legacy.run("DROP TABLE t1.t")
    with schemas.modern.cluster.connect(schemas.modern.name) as other:
        other.autocommit = False
        other.execute("LOCK TABLE t3.t IN ACCESS EXCLUSIVE MODE")
        brief = f"{OWN}\nlock_timeout = 0.5"
        with schemas.opened(TENANTS, legacy=OWN, modern=brief) as run:
            found = {name: run.audit(name, "t") for name in NAMES}
    assert_not_proven(found["t1"], "the legacy schema 't1' has no tables")
    assert_not_proven(found["t3"], "lock")
    proven = [name for name in NAMES if found[name].outcome is Outcome.PROVEN]
    assert proven == ["t0", "t2", "t4", "t5"]


def test_a_filter_is_about_each_tenant_s_own_table(schemas: Engine) -> None:
    """A filter means the same in a batch, even if it refers to the whole row."""
    more = """
        [tables.t]
        modern_filter = {sql = "t::text <> '(2,w)'", reason = "made by the migration"}
    """
    schemas.modern.run("INSERT INTO t2.t VALUES (9, 'w'); UPDATE t3.t SET v = 'w' WHERE id = 2")
    found = audit(schemas, more)
    assert hows(found) == {BATCHED, ALONE}
    assert_drift(found["t2"], ("extra", ("9",), ()))
    assert_drift(found["t3"], ("missing", ("2",), ()))


def test_expressions_of_the_settings_are_asked_tenant_by_tenant(schemas: Engine) -> None:
    """A table under SQL expressions is read for one tenant at a time.

    In a batch the whole row has one more column, so that the SQL could mean something else.
    """
    more = '[tables.t.columns.row]\nlegacy_sql = "to_jsonb(t)"\nmodern_sql = "to_jsonb(t)"'
    found = audit(schemas, more)
    assert hows(found) == {ALONE}
    assert [each.outcome for each in found.values()] == [Outcome.PROVEN] * 6


def test_a_tenant_with_one_place_on_both_sides_proves_nothing(schemas: Engine) -> None:
    """A tenant whose legacy and modern schema are one is not matched with itself."""
    tenants = "".join(
        f"[tenants.{name}]\nlegacy_account = '{name}'\nmodern_id = '{modern}'\n"
        for name, modern in (("t0", "t3"), ("t1", "t4"), ("t2", "t2"))
    )
    path = schemas.folder / "tenantparity.toml"
    legacy = f'url = "{schemas.modern.url}"\ntenancy = {{schema = "{{legacy_account}}"}}'
    schemas.settings(tenants, legacy=legacy, modern='tenancy = {schema = "{modern_id}"}')
    reason = 'same_database = "tenants were copied in place"\n'
    path.write_text(reason + path.read_text(encoding="utf-8"), encoding="utf-8")
    for here, there in (("t0", "t3"), ("t1", "t4")):
        schemas.modern.run(f"TRUNCATE {there}.t; INSERT INTO {there}.t SELECT * FROM {here}.t")
    with opened(load_settings(path)) as run:
        found = {name: run.audit(name, "t") for name in ("t0", "t1", "t2")}
    assert_match(found["t0"], 3)
    assert_match(found["t1"], 3)
    assert hows(found) == {BATCHED}
    assert_not_proven(found["t2"], "read the same table 't'")


def test_a_shared_table_on_the_other_side(schemas: Engine) -> None:
    """A table with a column of tenants is scanned once, beside the schemas of several tenants."""
    schemas.legacy.run("CREATE TABLE t (id int, v text, tenant text, PRIMARY KEY (tenant, id))")
    for name in NAMES:
        schemas.legacy.run(f"INSERT INTO t SELECT id, v, '{name}' FROM {name}.t")
    column = 'tenancy = {column = "tenant"}'
    with schemas.opened(TENANTS, legacy=column, modern=OWN) as run:
        found = {name: run.audit(name, "t") for name in NAMES}
        assert_match(run.audit("unassigned", "t"), 0)
    assert [each.outcome for each in found.values()] == [Outcome.PROVEN] * 6
    assert hows(found) == {"one scan for 6 tenants", BATCHED}
    schemas.modern.run("INSERT INTO t4.t VALUES (7, 'v')")
    schemas.legacy.run("INSERT INTO t VALUES (8, 'v', 'nobody')")
    with schemas.opened(TENANTS, legacy=column, modern=OWN) as run:
        assert_drift(run.audit("t4", "t"), ("extra", ("7",), ()))
        assert_match(run.audit("t3", "t"), 3)
        assert seen(run.audit("unassigned", "t")) == [("missing", ("8",), ())]


def test_a_server_answers_the_known_questions_once_for_each_encoding(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server runs the digest self-test once for each encoding.

    Four databases of one server, one of them in LATIN1, take two self-tests a stack.
    """
    asked = []

    def counted(connection: Connection, dialect: Dialect, encoding: str) -> Digests:
        asked.append(encoding)
        return trusted_digests(connection, dialect, encoding)

    monkeypatch.setattr("pytest_tenantparity.stacks.snapshots.trusted_digests", counted)
    names = ["a", "b", "c"]
    with ExitStack() as cleanup:
        for side in (engine.legacy, engine.modern):
            for name in names:
                encoding = "LATIN1" if name == "c" else "UTF8"
                own = new_database(side.cluster, encoding, f"{side.name}_{name}")
                cleanup.callback(own.drop)
                own.run(f"CREATE TABLE t ({TABLE}); INSERT INTO t VALUES (1, 'v')")
        places = [
            f'tenancy = {{database = "{side.name}_{{tenant}}"}}'
            for side in (engine.legacy, engine.modern)
        ]
        tenants = "\n".join(f"[tenants.{name}]" for name in names)
        with engine.opened(tenants, legacy=places[0], modern=places[1]) as run:
            for name in names:
                assert_match(run.audit(name, "t"), 1)
    assert sorted(asked) == ["LATIN1"] * 2 + ["UTF8"] * 2


@dataclass(frozen=True)
class Altered:
    """A column of every table, the type that it gets in one table, and the others' outcome."""

    kind: str
    legacy: str
    modern: str
    becomes: str
    outcome: Outcome


ALTERED = {
    # The common type of numeric and float8 is float8, in which the two values are equal.
    "digits": Altered(
        "numeric", "1.2345678901234567", "1.23456789012346", "float8", Outcome.REFUTED
    ),
    # As timestamps, dates have other texts than on the other side.
    "dates": Altered("date", "2024-02-29", "2024-02-29", "timestamp", Outcome.PROVEN),
    # A union converts this column to the first table's type, not the others': nothing is noticed.
    "texts": Altered("varchar(30)", "a", "a", "text", Outcome.PROVEN),
}


def test_a_table_altered_after_the_snapshot_changes_no_other_tenant_s_values(
    engine: Engine,
) -> None:
    """A type changed in one tenant's table is noticed, and converts no other tenant's values.

    A union of all tables would convert the values of every tenant to that type.
    """
    for name in NAMES:
        engine.both(f"CREATE SCHEMA {name}")
        for table, case in ALTERED.items():
            engine.both(f"CREATE TABLE {name}.{table} (id int PRIMARY KEY, v {case.kind})")
            engine.legacy.run(f"INSERT INTO {name}.{table} VALUES (1, '{case.legacy}')")
            engine.modern.run(f"INSERT INTO {name}.{table} VALUES (1, '{case.modern}')")
    with engine.opened(TENANTS, legacy=OWN, modern=OWN) as run:
        for table, case in ALTERED.items():
            engine.legacy.run(f"ALTER TABLE t2.{table} ALTER v TYPE {case.becomes}")
        found = {(name, t): run.audit(name, t).outcome for name in NAMES for t in ALTERED}
    others = [name for name in NAMES if name != "t2"]
    assert {(name, table): found[name, table] for name in others for table in ALTERED} == {
        (name, table): case.outcome for name in others for table, case in ALTERED.items()
    }
    assert Outcome.PROVEN not in {found["t2", table] for table in ("digits", "dates")}


def test_a_column_called_like_one_of_the_statement_s_is_compared(engine: Engine) -> None:
    """A column with the name of one of the statement's own columns is compared."""
    for name in NAMES:
        engine.both(f"CREATE SCHEMA {name}; CREATE TABLE {name}.t (id int, parity_row_hash int)")
        engine.both(f"INSERT INTO {name}.t VALUES (1, 100)")
    engine.modern.run("UPDATE t4.t SET parity_row_hash = 999")
    found = audit(engine)
    assert hows(found) == {BATCHED, ALONE}
    drifting = [name for name in NAMES if found[name].outcome is Outcome.REFUTED]
    assert drifting == ["t4"]


def test_tables_that_are_larger_than_known_are_asked_alone(schemas: Engine) -> None:
    """If statistics give no number of rows, the space that the table takes decides."""
    schemas.both("ALTER TABLE t1.t SET (autovacuum_enabled = off)")
    schemas.both("INSERT INTO t1.t SELECT g, repeat('x', 900) FROM generate_series(10, 500) g")
    schemas.both("SELECT pg_stat_force_next_flush()")
    schemas.both("SELECT pg_stat_reset()")
    assert hows(audit(schemas)) == {BATCHED}
    found = audit(replace(schemas, limits=Limits(statement_blocks=50)))
    assert hows(found) == {ALONE}
    assert [each.outcome for each in found.values()] == [Outcome.PROVEN] * 6


def test_partitions_go_alone(schemas: Engine) -> None:
    """A partitioned table is read alone, and its rows are compared all the same."""
    for name in NAMES[:3]:
        schemas.both(f"DROP TABLE {name}.t; CREATE TABLE {name}.t ({TABLE}) PARTITION BY HASH (id)")
        schemas.both(f"CREATE TABLE {name}.p PARTITION OF {name}.t "
                     "FOR VALUES WITH (MODULUS 1, REMAINDER 0)")  # fmt: skip
        schemas.both(f"INSERT INTO {name}.t VALUES (1, 'v')")
    schemas.modern.run("UPDATE t1.t SET v = 'w'")
    found = audit(schemas)
    assert hows(found) == {ALONE, BATCHED}
    assert_drift(found["t1"], ("changed", ("1",), ("v",)))
    assert [found[name].outcome for name in NAMES if name != "t1"] == [Outcome.PROVEN] * 5


def test_so_many_locks_and_no_more(schemas: Engine) -> None:
    """Indexes are locked as well, so fewer tables with many indexes fit into a statement."""
    for name in NAMES:
        schemas.modern.run("".join(f"CREATE INDEX ON {name}.t (v, id); " for _ in range(4)))
    for locks, how in {2 * 6: BATCHED, 2 * 6 - 1: ALONE}.items():
        assert hows(audit(replace(schemas, limits=Limits(statement_locks=locks)))) == {how}


def test_a_migration_under_way_meets_no_deadlock(schemas: Engine) -> None:
    """A migration that alters schemas one after the other waits for the audit, but not for long.

    The migration is not aborted.
    """
    said: list[object] = []
    begun = Event()

    def migrate() -> None:
        with schemas.modern.cluster.connect(schemas.modern.name) as other:
            other.autocommit = False
            try:
                other.execute("ALTER TABLE t3.t ADD COLUMN w int")
                begun.set()
                eventually(lambda: schemas.modern.run(WAITING) == [(True,)])
                other.execute("ALTER TABLE t1.t ADD COLUMN w int")
                other.commit()
            except psycopg.Error as error:
                said.append(error)
                other.rollback()

    with schemas.opened(TENANTS, legacy=OWN, modern=OWN) as run:
        migration = Thread(target=migrate)
        migration.start()
        assert begun.wait(10)
        found = {name: run.audit(name, "t") for name in NAMES}
        migration.join()
    assert said == []
    assert [found[name].outcome for name in ("t0", "t2", "t4", "t5")] == [Outcome.PROVEN] * 4


def test_databases_of_mariadb_are_in_batches(
    schemas: Engine, mysql_db: MariaDatabase, tmp_path: Path
) -> None:
    """One session reads all databases of MariaDB, so that a batch takes several tenants."""
    names = NAMES[:3]
    for name in names:
        mysql_db.run(f"CREATE DATABASE {mysql_db.name}_{name}")
        mysql_db.run(f"CREATE TABLE {mysql_db.name}_{name}.t ({TABLE})")
        for row in range(1, 4):
            mysql_db.run(f"INSERT INTO {mysql_db.name}_{name}.t VALUES ({row}, '{name} {row}')")
    tenants = "\n".join(f"[tenants.{name}]" for name in names)
    moved: Any = Engine(schemas.legacy, mysql_db, tmp_path)  # type: ignore[arg-type]
    own = f'tenancy = {{schema = "{mysql_db.name}_{{tenant}}"}}'
    try:
        with moved.opened(tenants, legacy=OWN, modern=own) as run:
            found = {name: run.audit(name, "t") for name in names}
    finally:
        for name in names:
            mysql_db.run(f"DROP DATABASE {mysql_db.name}_{name}")
    assert hows(found) == {BATCHED}
    assert [each.outcome for each in found.values()] == [Outcome.PROVEN] * 3


def test_a_schema_whose_name_the_client_s_own_encoding_lacks(engine: Engine) -> None:
    """Session settings are sent in UTF-8, whatever the role's own encoding is."""
    for side, encoding in ((engine.legacy, "UTF8"), (engine.modern, "LATIN1")):
        side.run(f"ALTER ROLE postgres IN DATABASE {side.name} SET client_encoding = '{encoding}'")
        side.run(f'CREATE SCHEMA "схема"; CREATE TABLE "схема".t ({TABLE})')
        side.run("INSERT INTO \"схема\".t VALUES (1, 'v')")
    shared = 'tenancy = "global"\nschema = "схема"'
    assert_match(engine.audit("t", legacy=shared, modern=shared), 1)


def test_names_that_have_to_be_quoted(engine: Engine) -> None:
    """Quotes, colons, percent signs and capitals in names and filters are taken literally."""
    table, column_ = 'od:d "t" %s', 'V:x "%(y)s" ä'
    quoted, own = (f'"{each.replace(chr(34), 2 * chr(34))}"' for each in (table, column_))
    names = ["a%s", "b:c", 'd"e', "F g", "[h]", "j.k", "__[SCHEMA_0]", "%(l)s"]
    for name in names:
        home = '"{}"'.format(f"s {name}".replace('"', '""'))
        for side in (engine.legacy, engine.modern):
            side.run(f"CREATE SCHEMA {home}")
            side.run(f"CREATE TABLE {home}.{quoted} (id int PRIMARY KEY, {own} text)")
            side.run(f"INSERT INTO {home}.{quoted} VALUES (1, ':p %%'), (2, '12:30'), (3, '%(p)s')")
    engine.modern.run(f"UPDATE \"s b:c\".{quoted} SET {own} = 'w' WHERE id = 2")
    tenants = "\n".join(f"[tenants.{n}]\nmodern_id = '{name}'" for n, name in enumerate(names))
    where = "id::text <> '9:1' AND id % 100 <> 7 AND 'a :b %s' <> 'c'"
    more = f"[tables.'{table}'.modern_filter]\nsql = \"{where}\"\nreason = 'as it is'\n{tenants}"
    place = 'tenancy = {schema = "s {modern_id}"}'
    with engine.opened(more, legacy=place, modern=place) as run:
        found = {name: run.audit(str(n), table) for n, name in enumerate(names)}
    assert hows(found) == {BATCHED, ALONE}
    assert hows({name: each for name, each in found.items() if name != "b:c"}) == {BATCHED}
    assert_drift(found["b:c"], ("changed", ("2",), (column_,)))
    assert [found[name].outcome for name in names if name != "b:c"] == [Outcome.PROVEN] * 7


def test_heirs_go_alone(schemas: Engine) -> None:
    """Tables with children are read alone, since the size of the children is unknown."""
    for name in NAMES:
        schemas.both(f"CREATE TABLE {name}.u () INHERITS ({name}.t)")
        schemas.both(f"INSERT INTO {name}.u VALUES (4, 'heir')")
    found = audit(schemas, '[ignore.tables]\nu = "an heir"')
    assert hows(found) == {ALONE}
    assert [(each.outcome, each.rows.legacy) for each in found.values()] == [
        (Outcome.PROVEN, 4)
    ] * 6


def test_tables_made_anew_after_the_snapshot_prove_nothing(schemas: Engine) -> None:
    """Tables that are made anew during the run are NOT PROVEN for their tenants.

    That holds if some tables are made anew, and if all are.
    """
    for name in NAMES:
        schemas.both(f"CREATE TABLE {name}.u ({TABLE}); INSERT INTO {name}.u VALUES (1, '{name}')")
    replaced = [*((name, "t") for name in NAMES), *((name, "u") for name in NAMES[:2])]
    with schemas.opened(TENANTS, legacy=OWN, modern=OWN) as run:
        for name, table in replaced:
            schemas.both(f"DROP TABLE {name}.{table}; CREATE TABLE {name}.{table} ({TABLE})")
            schemas.both(f"INSERT INTO {name}.{table} VALUES (1, '{name}')")
        found = {(name, table): run.audit(name, table) for table in "tu" for name in NAMES}
    not_proven = {key for key, each in found.items() if each.outcome is Outcome.NOT_PROVEN}
    assert not_proven == {*replaced}
    matched = {key for key, each in found.items() if each.outcome is Outcome.PROVEN}
    assert matched == {*found} - {*replaced}


@pytest.mark.parametrize("own", ["0.2", "300"])
def test_the_session_s_own_timeout_holds_again(schemas: Engine, own: str) -> None:
    """While locks are taken, a statement may last half a second or less.

    Afterwards the session's own timeout applies again.
    """
    timeouts: dict[object, list[str]] = {}

    def note(connection: Any, cursor: Any, statement: str, *_: object) -> None:
        if (
            "pg_settings" in statement
            or "pg_table_size" in statement
            or "pg_attribute" in statement
        ):
            (found,) = cursor.connection.execute("SHOW statement_timeout").fetchone()
            timeouts.setdefault(connection.engine, []).append(found)

    lines = f"{OWN}\nstatement_timeout = {own}"
    with schemas.opened(TENANTS, legacy=lines, modern=lines) as run:
        event.listen(SQLAlchemyEngine, "before_cursor_execute", note)
        try:
            assert run.audit("t0", "t").outcome is Outcome.PROVEN
        finally:
            event.remove(SQLAlchemyEngine, "before_cursor_execute", note)
    before, within = {"0.2": ("200ms", "200ms"), "300": ("5min", "500ms")}[own]
    assert list(timeouts.values()) == [[before, within, before]] * 2


def test_no_locks_are_held_while_the_other_stack_is_too_busy(schemas: Engine) -> None:
    """While a throttle pauses the audit, it holds no locks on the other stack."""
    schemas.modern.run("CREATE TABLE gate (shut boolean); INSERT INTO gate VALUES (true)")
    throttled = f'{OWN}\nthrottle = {{probe = "SELECT shut FROM public.gate"}}'
    more = f'[ignore.tables]\ngate = "a probe"\n[pairing]\ntables = ["t"]\n{TENANTS}'
    locked = (
        "SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation "
        "WHERE l.granted AND c.relname = 't' AND l.pid <> pg_backend_pid()"
    )
    found: dict[str, Evidence] = {}
    with schemas.opened(more, legacy=OWN, modern=throttled) as run:

        def ask() -> None:
            found.update({name: run.audit(name, "t") for name in NAMES})

        asking = Thread(target=ask)
        asking.start()
        eventually(lambda: run.context.stacks["modern"].waited > 0)
        assert asking.is_alive()
        assert schemas.legacy.run(locked) == [(0,)]
        schemas.modern.run("UPDATE gate SET shut = false")
        asking.join()
    assert [each.outcome for each in found.values()] == [Outcome.PROVEN] * 6
