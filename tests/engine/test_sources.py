"""Sources: queries of the settings that are read like tables, on either side."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_tenantparity.model import Outcome

from ..support.engine_driver import SHARED, Engine
from ..support.expectations import assert_drift, assert_match, assert_not_proven
from ..support.files import File, engine_over
from ..support.mariadb import MariaDatabase
from ..support.postgresql import Database

OWNED = 'tenancy = {column = "tenant"}'
LEGACY = """
    CREATE TABLE customers (id int PRIMARY KEY, tenant varchar(9), email varchar(40),
                            phone varchar(40));
    INSERT INTO customers VALUES (1, 'a', 'a@x', '01'), (2, 'a', 'b@x', NULL), (3, 'b', NULL, '03');
    CREATE TABLE notes (id int PRIMARY KEY, tenant varchar(9), body varchar(40));
    INSERT INTO notes VALUES (1, 'a', '12:30 :x -- 50%')
"""
MODERN = """
    CREATE TABLE contacts (customer int, tenant varchar(9), kind varchar(9), value varchar(40),
                           PRIMARY KEY (customer, kind));
    INSERT INTO contacts VALUES (1, 'a', 'email', 'a@x'), (1, 'a', 'phone', '01'),
                                (2, 'a', 'email', 'b@x'), (3, 'b', 'phone', '03');
    CREATE TABLE notes (id int PRIMARY KEY, tenant varchar(9), body varchar(40));
    INSERT INTO notes VALUES (1, 'a', '12:30 :x -- 50%')
"""
SOURCE = """
[sources.legacy.contacts]
sql = '''
    SELECT id AS customer, tenant, 'email' AS kind, email AS value FROM customers
    WHERE email IS NOT NULL
    UNION ALL
    SELECT id, tenant, 'phone', phone FROM customers WHERE phone IS NOT NULL -- :both
'''
[tables.contacts]
key = ["customer", "kind"]
[ignore.tables]
"legacy.customers" = "is read by the source contacts"
[tenants.a]
[tenants.b]
"""


def run(database: Database | MariaDatabase | File, script: str) -> None:
    """Run several statements."""
    for statement in script.split(";"):
        database.run(statement)


def assert_read_like_a_table(engine: Engine, change: str) -> None:
    """Require that a source is scanned for all tenants, and that a change is found by its key."""
    run(engine.legacy, LEGACY)
    run(engine.modern, MODERN)
    with engine.opened(SOURCE, legacy=OWNED, modern=OWNED) as opened:
        assert_match(opened.audit("a", "contacts"), rows=3)
        evidence = opened.audit("b", "contacts")
        assert_match(evidence, rows=1)
        assert_match(opened.audit("a", "notes"), rows=1)
        assert opened.audit("coverage", "").outcome is Outcome.PROVEN
        assert opened.audit("unassigned", "contacts").outcome is Outcome.PROVEN
        assert opened.audit("canary", "contacts").outcome is Outcome.PROVEN
    engine.legacy.run(change)
    with engine.opened(SOURCE, legacy=OWNED, modern=OWNED) as opened:
        found = ("missing", ("2", "phone"), ())
        assert_drift(opened.audit("a", "contacts"), found)
        assert_match(opened.audit("b", "contacts"), rows=1)


CHANGE = "UPDATE customers SET phone = '02' WHERE id = 2"


def test_postgresql(engine: Engine) -> None:
    """An unpivoting query of PostgreSQL is compared with the table that took its rows."""
    assert_read_like_a_table(engine, CHANGE)


def test_mariadb(mysql_db: MariaDatabase, modern_db: Database, tmp_path: Path) -> None:
    """The same in MariaDB."""
    assert_read_like_a_table(engine_over(mysql_db, modern_db, tmp_path), CHANGE)


def test_sqlite(modern_db: Database, tmp_path: Path) -> None:
    """The same in SQLite."""
    assert_read_like_a_table(engine_over(File(tmp_path / "t.db"), modern_db, tmp_path), CHANGE)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("DELETE FROM customers", "must be one SELECT"),
        ("SELECT 1 AS a; SELECT 2 AS a", "must be one SELECT"),
        ("WITH x AS (DELETE FROM customers RETURNING id) SELECT * FROM x", "must only read"),
        ("SELECT * INTO other FROM customers", "must only read"),
        ("SELECT id FROM customers FOR UPDATE", "must only read"),
        ("SELECT id FROM custmers", "the nearest is 'customers'"),
        ("SELECT id FROM pg_catalog.pg_class", "reads the schema public alone"),
        ("SELECT idd FROM customers", 'column "idd" does not exist'),
        ("SELECT id, id FROM customers", "two columns 'id'"),
        ("SELECT FROM WHERE", "contacts"),
    ],
)
def test_what_is_no_source(engine: Engine, sql: str, said: str) -> None:
    """A query that writes, that fails or that reads elsewhere makes its own checks NOT PROVEN."""
    run(engine.legacy, LEGACY)
    run(engine.modern, MODERN)
    more = SOURCE.replace(SOURCE[SOURCE.index("sql") : SOURCE.index("[tables")], f"sql = '{sql}'\n")
    with engine.opened(more, legacy=OWNED, modern=OWNED) as opened:
        assert_not_proven(opened.audit("a", "contacts"), "a source of the settings", said)
        assert_match(opened.audit("a", "notes"), rows=1)


def test_a_source_that_nothing_compares_is_not_covered(engine: Engine) -> None:
    """The coverage check names a source without a counterpart, as it names a table."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    more = '[sources.legacy.extra]\nsql = "SELECT id FROM t"\n[pairing]\ntables = ["t"]\n'
    with engine.opened(more, legacy=SHARED, modern=SHARED) as opened:
        assert_not_proven(opened.audit("coverage", ""), "public.extra is neither compared nor")


def test_a_table_below_a_source_is_that_of_the_snapshot(engine: Engine) -> None:
    """Two columns of a table exchange their names after the snapshot: the source proves nothing."""
    engine.legacy.run("CREATE TABLE t (id int PRIMARY KEY, v int, w int)")
    engine.legacy.run("INSERT INTO t VALUES (1, 2, 1)")
    engine.modern.run("CREATE TABLE s (id int PRIMARY KEY, v int); INSERT INTO s VALUES (1, 1)")
    more = """
[sources.legacy.s]
sql = "SELECT id, v FROM t"
[tables.s]
key = ["id"]
"""
    with engine.opened(more) as opened:
        assert_drift(opened.audit("global", "s"), ("changed", ("1",), ("v",)))
    with engine.opened(more) as opened:
        engine.legacy.run(
            "ALTER TABLE t RENAME v TO x; ALTER TABLE t RENAME w TO v; ALTER TABLE t RENAME x TO w"
        )
        assert_not_proven(opened.audit("global", "s"), "t was altered after the snapshot")
