"""A table that is altered between the snapshot and the read proves nothing.

A server reads tables by the names and columns that they have at the time of the read, whatever the
snapshot shows.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ..support.engine_driver import SHARED, Engine
from ..support.expectations import assert_drift, assert_match, assert_not_proven
from ..support.mariadb import MariaDatabase
from ..support.postgresql import Database
from ..support.schemas import PLACES

TENANTS = "[tenants.a]\n[tenants.b]\n"
BY_TENANT = 'tenancy = {column = "tenant"}'
BY_PATH = 'tenancy = {path = "usr -> users.id -> tenant"}'
TABLE = """
    CREATE TABLE t (id int PRIMARY KEY, tenant text, usr int, v text, w text);
    INSERT INTO t VALUES (1, 'a', 1, 'x', 'y'), (2, 'b', 2, 'x', 'y');
    CREATE TABLE users (id int PRIMARY KEY, tenant text, other text);
    INSERT INTO users VALUES (1, 'a', 'b'), (2, 'b', 'a')
"""
EXCHANGED = "UPDATE {0} SET {1} = {2}, {2} = {1}"
RENAMED = """
    ALTER TABLE {0} RENAME {1} TO z; ALTER TABLE {0} RENAME {2} TO {1};
    ALTER TABLE {0} RENAME z TO {2}
"""
SAID = "altered after the snapshot was taken"
LEADS = '[ignore.tables]\nusers = "leads to the tenant"\n'


@pytest.mark.parametrize(
    ("tenancy", "table", "columns"),
    [
        (SHARED, "t", ("v", "w")),
        (BY_TENANT, "t", ("v", "w")),
        (BY_PATH, "t", ("v", "w")),
        (BY_PATH, "users", ("tenant", "other")),
    ],
    ids=["one check", "shared scan", "path", "table of a path"],
)
def test_exchanged_columns_are_no_match(
    engine: Engine, tenancy: str, table: str, columns: tuple[str, str]
) -> None:
    """Different values are not equal because columns exchanged names after the snapshot.

    Without an alteration, the same values are drift.
    """
    subjects = ["global"] if tenancy == SHARED else ["a", "b"]
    engine.both(TABLE)
    engine.modern.run(EXCHANGED.format(table, *columns))
    more = LEADS + TENANTS
    with engine.opened(more, legacy=tenancy, modern=tenancy) as run:
        if table == "t":
            own = ["1", "2"] if tenancy == SHARED else ["1"]
            drift = [("changed", (each,), columns) for each in own]
            assert_drift(run.audit(subjects[0], "t"), *drift)
    with engine.opened(more, legacy=tenancy, modern=tenancy) as run:
        engine.legacy.run(RENAMED.format(table, *columns))
        for subject in subjects:
            assert_not_proven(run.audit(subject, "t"), SAID)
        if tenancy != SHARED:
            assert_not_proven(run.audit("unassigned", "t"), SAID)


def test_rows_that_a_scan_has_named_stand(engine: Engine) -> None:
    """What a shared scan decoded before the alteration is reported as in the snapshot."""
    engine.both(TABLE)
    engine.modern.run(EXCHANGED.format("t", "v", "w"))
    with engine.opened(LEADS + TENANTS, legacy=BY_TENANT, modern=BY_TENANT) as run:
        assert_drift(run.audit("a", "t"), ("changed", ("1",), ("v", "w")))
        engine.legacy.run(RENAMED.format("t", "v", "w"))
        found = run.audit("b", "t")
        assert_drift(found, ("changed", ("2",), ("v", "w")))
        assert [(d.legacy, d.modern) for d in found.findings[0].columns.values()] == [
            ("x", "y"),
            ("y", "x"),
        ]


def test_exchanged_columns_of_a_shared_table_are_no_match(engine: Engine) -> None:
    """A table that the tenants share on one side only is the one of the snapshot, too.

    One scan digests its rows for all tenants, whose tables on the other side are in a batch.
    """
    engine.legacy.run(TABLE)
    engine.modern.run(
        "".join(
            f"CREATE SCHEMA s_{tenant}; CREATE TABLE s_{tenant}.t (id int PRIMARY KEY, usr int, "
            f"v text, w text); INSERT INTO s_{tenant}.t VALUES ({number}, {number}, 'y', 'x');"
            for number, tenant in enumerate("ab", start=1)
        )
    )
    more = LEADS + TENANTS
    with engine.opened(more, legacy=BY_TENANT, modern=PLACES) as run:
        assert_drift(run.audit("a", "t"), ("changed", ("1",), ("v", "w")))
        assert_drift(run.audit("b", "t"), ("changed", ("2",), ("v", "w")))
    with engine.opened(more, legacy=BY_TENANT, modern=PLACES) as run:
        engine.legacy.run(RENAMED.format("t", "v", "w"))
        for tenant in ("a", "b"):
            assert_not_proven(run.audit(tenant, "t"), SAID)


def test_exchanged_columns_of_a_key_map_are_no_match(engine: Engine) -> None:
    """Ids are not equal because the columns of their map exchanged names after the snapshot."""
    engine.legacy.run("CREATE TABLE t (id int PRIMARY KEY, usr int)")
    engine.legacy.run("INSERT INTO t VALUES (1, 1), (2, 2)")
    engine.modern.run("CREATE TABLE t (id int PRIMARY KEY, usr int)")
    engine.modern.run("INSERT INTO t VALUES (1, 101), (2, 102)")
    engine.modern.run("CREATE TABLE ids (old int, new int, other int)")
    engine.modern.run("INSERT INTO ids VALUES (1, 102, 101), (2, 101, 102)")
    more = """
        [maps.users]
        stack = "modern"
        table = "ids"
        legacy = "old"
        modern = "new"
        [tables.t.columns.usr]
        key_map = "users"
    """
    with engine.opened(more) as run:
        drift = [("changed", (each,), ("usr",)) for each in ("1", "2")]
        assert_drift(run.audit("global", "t"), *drift)
    with engine.opened(more) as run:
        engine.modern.run(RENAMED.format("ids", "new", "other"))
        assert_not_proven(run.audit("global", "t"), SAID)


def test_columns_of_mariadb_are_no_match(
    mysql_db: MariaDatabase, modern_db: Database, tmp_path: Path
) -> None:
    """Columns that exchange names in an open snapshot are NOT PROVEN.

    MariaDB raises no error in this case.
    """
    engine = Engine(mysql_db, modern_db, tmp_path)  # type: ignore[arg-type]
    mysql_db.run("CREATE TABLE t (id int PRIMARY KEY, v varchar(9), w varchar(9))")
    mysql_db.run("INSERT INTO t VALUES (1, 'x', 'y')")
    modern_db.run("CREATE TABLE t (id int PRIMARY KEY, v text, w text)")
    modern_db.run("INSERT INTO t VALUES (1, 'y', 'x')")
    with engine.opened() as run:
        assert_drift(run.audit("global", "t"), ("changed", ("1",), ("v", "w")))
    with engine.opened() as run:
        for one, other in (("v", "z"), ("w", "v"), ("z", "w")):
            mysql_db.run(f"ALTER TABLE t RENAME COLUMN {one} TO {other}")
        assert_not_proven(run.audit("global", "t"), SAID)
    with engine.opened() as run:
        assert_match(run.audit("global", "t"), rows=1)


PARTED = """
    CREATE TABLE t (id int, v text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
    CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (0) TO (100);
    CREATE TABLE t_2 PARTITION OF t FOR VALUES FROM (100) TO (200);
    INSERT INTO t SELECT g, 'v' FROM generate_series(1, 50) g
"""
ADDED = "INSERT INTO t VALUES (150, 'lost')"
LATER = "CREATE TABLE t_3 (LIKE t); INSERT INTO t_3 VALUES (250, 'v')"
ATTACHED = "ALTER TABLE t ATTACH PARTITION t_3 FOR VALUES FROM (200) TO (300)"
HEIRS = """
    CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'v');
    CREATE TABLE t_1 () INHERITS (t); CREATE TABLE t_2 (LIKE t); INSERT INTO t_2 VALUES (2, 'v')
"""
VIEW = """
    CREATE TABLE base (id int, v text); CREATE VIEW t AS SELECT * FROM base;
    INSERT INTO base VALUES (1, 'v')
"""
# By case: SQL of both stacks, of legacy alone, of modern alone, and of legacy after the snapshots.
LOST: dict[str, tuple[str, str, str, str]] = {
    "partition dropped": (PARTED, ADDED, "", "DROP TABLE t_2"),
    "partition detached": (PARTED, ADDED, "", "ALTER TABLE t DETACH PARTITION t_2"),
    "partition truncated": (PARTED, ADDED, "", "TRUNCATE t_2"),
    "partition attached": (f"{PARTED};{LATER}", "", ATTACHED, ATTACHED),
    "heir dropped": (HEIRS, "INSERT INTO t_1 VALUES (7, 'v')", "", "DROP TABLE t_1"),
    "second heir": (HEIRS, "", "ALTER TABLE t_2 INHERIT t", "ALTER TABLE t_2 INHERIT t"),
    "table of a view truncated": (VIEW, "INSERT INTO base VALUES (2, 'v')", "", "TRUNCATE base"),
    "table truncated": (TABLE, "INSERT INTO t VALUES (3, 'a')", "", "TRUNCATE t"),
}
HARMLESS = [
    "GRANT SELECT ON t TO PUBLIC",
    "GRANT USAGE ON SCHEMA public TO PUBLIC",
    "CREATE TABLE other (id int REFERENCES t)",
    "ALTER TABLE t SET (autovacuum_enabled = off)",
    "BEGIN; ALTER TABLE t ADD COLUMN x int; ROLLBACK",
    "CREATE INDEX ON t (v)",
    "ANALYZE t",
]


@pytest.mark.parametrize("case", LOST)
def test_rows_of_a_part_that_is_gone_or_new_are_no_match(engine: Engine, case: str) -> None:
    """A partition, child or viewed table that is gone or new makes the check NOT PROVEN.

    The parts of a table, and the tables that a view reads, have to be those of the snapshot.
    """
    both, legacy, modern, afterwards = LOST[case]
    more = LEADS.replace("users", "other") + '"*_*" = "a part"\n"base" = "of a view"\n'
    more += '[tables.t]\nkey = ["id"]\n'
    engine.both(both)
    engine.legacy.run(legacy or "SELECT 1")
    engine.modern.run(modern or "SELECT 1")
    with engine.opened(more) as run:
        assert run.audit("global", "t").status == "DRIFT"
    with engine.opened(more) as run:
        engine.legacy.run(afterwards)
        assert_not_proven(run.audit("global", "t"), SAID)


def test_what_alters_no_row_refuses_no_check(engine: Engine) -> None:
    """Changes of grants, keys, indexes and statistics alter the catalog, but refuse no check."""
    engine.both(TABLE)
    wrong = []
    for statement in HARMLESS:
        with engine.opened() as run:
            engine.legacy.run(statement)
            evidence = run.audit("global", "t")
            if evidence.status != "MATCH":
                wrong.append((statement, evidence.reasons))
    assert wrong == []


def test_partitions_of_mariadb_are_no_match(
    mysql_db: MariaDatabase, modern_db: Database, tmp_path: Path
) -> None:
    """A partition that is dropped after the snapshot makes the check NOT PROVEN.

    MariaDB drops its rows with it, and raises no error.
    """
    engine = Engine(mysql_db, modern_db, tmp_path)  # type: ignore[arg-type]
    mysql_db.run(
        "CREATE TABLE t (id int PRIMARY KEY) PARTITION BY RANGE (id) "
        "(PARTITION a VALUES LESS THAN (100), PARTITION b VALUES LESS THAN (200))"
    )
    mysql_db.run("CREATE TABLE u (id int PRIMARY KEY)")
    mysql_db.run("INSERT INTO t VALUES (1), (150)")
    for database in (mysql_db, modern_db):
        database.run("INSERT INTO u VALUES (1)") if database is mysql_db else database.run(
            "CREATE TABLE u (id int PRIMARY KEY); INSERT INTO u VALUES (1)"
        )
    modern_db.run("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    with engine.opened() as run:
        assert_match(run.audit("global", "u"), rows=1)
        mysql_db.run("ALTER TABLE t DROP PARTITION b")
        assert_not_proven(run.audit("global", "t"), SAID)
