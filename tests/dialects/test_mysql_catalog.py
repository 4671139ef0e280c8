"""The catalog of MariaDB: tables, their columns, and tables that a user may not see."""

from __future__ import annotations

from pytest_tenantparity.stacks.catalog import Family

from ..support.each_value import each_value
from ..support.engine_driver import Engine
from ..support.expectations import assert_drift, assert_match
from ..support.mariadb import MariaDatabase, MariaServer
from ..support.mysql_session import Reader, reading

pytest_plugins = ["tests.support.mysql_session"]


def test_what_cannot_be_read_soundly_is_refused(maria_old: MariaDatabase, reader: Reader) -> None:
    """Tables without snapshots, or with a history, are listed with the reason for refusal."""
    maria_old.run("CREATE TABLE plain (id int PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 2")
    maria_old.run("CREATE TABLE myisam (id int) ENGINE = MyISAM")
    maria_old.run("CREATE TABLE aria (id int) ENGINE = Aria TRANSACTIONAL = 1")
    maria_old.run("CREATE TABLE memory (id int) ENGINE = MEMORY")
    maria_old.run("CREATE TABLE history (id int PRIMARY KEY) WITH SYSTEM VERSIONING")
    maria_old.run("CREATE VIEW seen AS SELECT id FROM plain")
    maria_old.run("CREATE SEQUENCE numbers")
    tables = reader.catalog.tables
    assert sorted(tables) == ["aria", "history", "memory", "myisam", "plain", "seen"]
    assert [name for name, each in tables.items() if not each.refused] == ["plain"]
    assert "the engine MyISAM, which has no snapshots" in tables["myisam"].refused
    assert "stop all writes and say so (frozen" in tables["myisam"].refused
    assert "history of its rows" in tables["history"].refused
    assert (
        "MyISAM" in tables["seen"].refused
        or "Aria" in tables["seen"].refused
        or ("MEMORY" in tables["seen"].refused)
    )
    assert [name for name, each in tables.items() if not each.stored] == ["seen"]
    for name in ("myisam", "aria", "memory"):
        maria_old.run(f"DROP TABLE {name}")
    assert reader.catalog.tables["seen"].refused == ""


def test_invisible_columns_are_compared(alike: Engine) -> None:
    """Invisible and generated columns are compared.

    ``SELECT *`` leaves invisible columns out.
    """
    for side in (alike.legacy, alike.modern):
        side.run("CREATE TABLE t (id int PRIMARY KEY, v int INVISIBLE, g int AS (v + 1) VIRTUAL)")
        side.run("INSERT INTO t (id, v) VALUES (1, 1)")
    assert_match(alike.audit(), rows=1)
    alike.modern.run("UPDATE t SET v = 2")
    assert_drift(alike.audit(), ("changed", ("1",), ("v", "g")))


def test_columns_are_described_in_order(maria_old: MariaDatabase, reader: Reader) -> None:
    """Columns are described in order: type, family, scale, charset and key."""
    maria_old.run(
        "CREATE TABLE t (b decimal(9,3), a datetime(3), n varchar(3) collate utf8mb4_nopad_bin, "
        "c varchar(3) charset latin1, j json, k longtext check (json_valid(k) or k = ''), "
        "g geometry, y year, i int unsigned, primary key (i, b))"
    )
    found = reader.catalog.tables["t"]
    assert found.primary_key == ("i", "b")
    assert [(c.name, c.type, c.family, c.scale, c.charset, c.fuzzy) for c in found.columns] == [
        ("b", "decimal", Family.DECIMAL, 3, "", False),
        ("a", "datetime", Family.TIMESTAMP, 3, "", False),
        ("n", "varchar", Family.TEXT, None, "utf8mb4", False),
        ("c", "varchar", Family.TEXT, None, "latin1", True),
        ("j", "json", Family.JSON, None, "utf8mb4", True),
        ("k", "longtext", Family.TEXT, None, "utf8mb4", True),
        ("g", "geometry", Family.UNKNOWN, None, "", False),
        ("y", "year", Family.INTEGER, None, "", False),
        ("i", "int", Family.INTEGER, None, "", False),
    ]


GRANTS = [
    ("GRANT SELECT ON *.* TO {u}", True),
    ("GRANT SELECT ON {d}.* TO {u}", True),
    ("GRANT ALL PRIVILEGES ON `tp\\_%`.* TO {u}", True),
    ("GRANT SELECT ON {d}.t TO {u}", False),
    ("GRANT SELECT (id) ON {d}.t TO {u}", False),
    ("GRANT INSERT ON {d}.* TO {u}", False),
    ("GRANT SELECT ON `{d}x`.* TO {u}", False),
]


def test_tables_that_the_user_may_not_see_are_owned_up_to(
    maria: MariaServer, maria_old: MariaDatabase
) -> None:
    """The catalog reports that tables may be hidden from the user.

    information_schema leaves out tables on which the user has no privilege.
    """
    maria_old.run("CREATE TABLE t (id int PRIMARY KEY, v int)")
    with maria.connect() as admin, admin.cursor() as cursor, each_value() as check:
        for grant, sees_all in GRANTS:
            name = maria.new_name()
            user = f"{name}@'127.0.0.1'"
            cursor.execute(f"CREATE USER {user}")
            cursor.execute(f"GRANT SELECT (id) ON {maria_old.name}.t TO {user}")
            cursor.execute(grant.format(u=user, d=maria_old.name))
            with check(grant), reading(maria.url(maria_old.name, name)) as reader:
                hidden = reader.catalog.hidden
                assert hidden == "" if sees_all else "may not read all of" in hidden
            cursor.execute(f"DROP USER {user}")


def test_privileges_of_a_default_role_count(maria: MariaServer, maria_old: MariaDatabase) -> None:
    """An active role that may read everything leaves nothing hidden."""
    name = maria.new_name()
    with maria.connect() as admin, admin.cursor() as cursor:
        cursor.execute(f"CREATE USER {name}@'127.0.0.1'")
        cursor.execute(f"CREATE ROLE {name}_role")
        cursor.execute(f"GRANT SELECT ON {maria_old.name}.* TO {name}_role")
        cursor.execute(f"GRANT {name}_role TO {name}@'127.0.0.1'")
        cursor.execute(f"SET DEFAULT ROLE {name}_role FOR {name}@'127.0.0.1'")
        with reading(maria.url(maria_old.name, name)) as reader:
            assert reader.catalog.hidden == ""
        cursor.execute(f"DROP USER {name}@'127.0.0.1'")
        cursor.execute(f"DROP ROLE {name}_role")


def test_schemas_that_differ_in_case_are_two(maria: MariaServer, reader: Reader) -> None:
    """Schemas that differ in case are two, though information_schema compares without case."""
    with maria.connect() as admin, admin.cursor() as cursor:
        upper = reader.schema.upper()
        cursor.execute(f"CREATE DATABASE {upper}")
        cursor.execute(f"CREATE TABLE {upper}.t (id int PRIMARY KEY)")
        try:
            assert reader.catalog.tables == {}
        finally:
            cursor.execute(f"DROP DATABASE {upper}")
