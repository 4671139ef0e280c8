"""Sources: queries of the settings that are read like tables, on either side."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pytest_tenantparity.model import Outcome

from ..support.engine_driver import SHARED, Engine, opened
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
    with engine.opened(SOURCE, legacy=OWNED, modern=OWNED) as audit:
        assert_match(audit.audit("a", "contacts"), rows=3)
        evidence = audit.audit("b", "contacts")
        assert_match(evidence, rows=1)
        assert_match(audit.audit("a", "notes"), rows=1)
        assert audit.audit("coverage", "").outcome is Outcome.PROVEN
        assert audit.audit("unassigned", "contacts").outcome is Outcome.PROVEN
        assert audit.audit("canary", "contacts").outcome is Outcome.PROVEN
    engine.legacy.run(change)
    with engine.opened(SOURCE, legacy=OWNED, modern=OWNED) as audit:
        found = ("missing", ("2", "phone"), ())
        assert_drift(audit.audit("a", "contacts"), found)
        assert_match(audit.audit("b", "contacts"), rows=1)


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
        ("SELECT FROM WHERE", "is not understood"),
        ("WITH customers AS (SELECT * FROM customers) SELECT * FROM customers", "rename the part"),
        ("WITH pg_class AS (SELECT 1 AS id) SELECT * FROM pg_class", "rename the part"),
        ("WITH c AS (SELECT 1 AS id) SELECT id FROM elsewhere.c", "reads the schema public alone"),
        ('SELECT id FROM "Customers"', "the nearest is 'customers'"),
        ("SELECT id, random() AS tenant FROM customers", "calls random()"),
        ("SELECT id, looked_up() AS tenant FROM customers", "calls looked_up()"),
        ("SELECT id, pg_try_advisory_lock(1) AS x FROM customers", "calls pg_try_advisory_lock()"),
    ],
)
def test_what_is_no_source(engine: Engine, sql: str, said: str) -> None:
    """A query that writes, that fails or that reads elsewhere makes its own checks NOT PROVEN."""
    run(engine.legacy, LEGACY)
    run(engine.modern, MODERN)
    engine.legacy.run("CREATE FUNCTION looked_up() RETURNS int LANGUAGE sql STABLE AS 'SELECT 1'")
    more = SOURCE.replace(
        SOURCE[SOURCE.index("sql") : SOURCE.index("[tables")], f"sql = '''{sql}'''\n"
    )
    with engine.opened(more, legacy=OWNED, modern=OWNED) as audit:
        assert_not_proven(audit.audit("a", "contacts"), "a source of the settings", said)
        assert_match(audit.audit("a", "notes"), rows=1)


def test_a_source_with_the_name_of_a_table(engine: Engine) -> None:
    """Neither of them is compared: it would depend on the place which one is meant."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    assert_not_proven(
        engine.audit(more='[sources.modern.t]\nsql = "SELECT 1 AS id"\n'), "has the name of a table"
    )


def test_a_source_that_nothing_compares_is_not_covered(engine: Engine) -> None:
    """The coverage check names a source without a counterpart, as it names a table."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    more = '[sources.legacy.extra]\nsql = "SELECT id FROM t"\n[pairing]\ntables = ["t"]\n'
    with engine.opened(more, legacy=SHARED, modern=SHARED) as audit:
        assert_not_proven(
            audit.audit("coverage", ""), "the source extra ([sources.legacy]) is neither"
        )


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
    with engine.opened(more) as audit:
        assert_drift(audit.audit("global", "s"), ("changed", ("1",), ("v",)))
    with engine.opened(more) as audit:
        engine.legacy.run(
            "ALTER TABLE t RENAME v TO x; ALTER TABLE t RENAME w TO v; ALTER TABLE t RENAME x TO w"
        )
        assert_not_proven(audit.audit("global", "s"), "t was altered after the snapshot")


def _of_t(sql: str, more: str = "") -> str:
    """Return settings that compare a query with the table ``s`` by its id."""
    return f"[sources.legacy.s]\nsql = '''{sql}'''\n[tables.s]\nkey = ['id']\n{more}"


def test_what_mariadb_does_not_determine(
    mysql_db: MariaDatabase, modern_db: Database, tmp_path: Path
) -> None:
    """Comments that the server executes, variables and stored functions are refused."""
    engine = engine_over(mysql_db, modern_db, tmp_path)
    mysql_db.run("CREATE TABLE t (id int PRIMARY KEY, v varchar(9))")
    mysql_db.run("CREATE TABLE my_isam (id int PRIMARY KEY, v varchar(9)) ENGINE=MyISAM")
    mysql_db.run("CREATE FUNCTION stored_one() RETURNS int DETERMINISTIC RETURN 1")
    modern_db.run("CREATE TABLE s (id int PRIMARY KEY, v varchar(9))")
    for sql, said in {
        "SELECT id, v FROM my_isam": "kept by the engine MyISAM",
        "SELECT id, v FROM t /*! LOCK IN SHARE MODE */": "which the server executes",
        "SELECT id, v FROM t /*M! LOCK IN SHARE MODE */": "which the server executes",
        "SELECT id, @v := @v + 1 AS v FROM t": "uses a variable",
        "SELECT id, stored_one() AS v FROM t": "calls stored_one()",
        "SELECT id, Rand() AS v FROM t": "calls rand()",
        "SELECT id, LOAD_FILE ('/etc/passwd') AS v FROM t": "calls load_file()",
    }.items():
        assert_not_proven(engine.audit("s", more=_of_t(sql)), said)


def test_functions_that_return_rows(engine: Engine) -> None:
    """A function of the server in FROM unpivots, and a semicolon at the end does no harm."""
    engine.legacy.run("CREATE TABLE t (id int PRIMARY KEY, tags jsonb)")
    engine.legacy.run("INSERT INTO t VALUES (1, '[\"a\", \"b\"]'), (2, '[]')")
    engine.modern.run("CREATE TABLE s (id int, v text, PRIMARY KEY (id, v))")
    engine.modern.run("INSERT INTO s VALUES (1, 'a'), (1, 'c')")
    sql = "SELECT t.id, e.v FROM t, jsonb_array_elements_text(t.tags) AS e(v);\n"
    more = _of_t(sql).replace("['id']", "['id', 'v']")
    found = [("missing", ("1", "b"), ()), ("extra", ("1", "c"), ())]
    assert_drift(engine.audit("s", more=more), *found)


def test_the_report_says_what_a_source_reads(
    engine: Engine, mysql_db: MariaDatabase, modern_db: Database, tmp_path: Path
) -> None:
    """A source narrows rows as a filter does, so its query is a rule, with warnings of its SQL."""
    for legacy in (engine.legacy, mysql_db):
        legacy.run("CREATE TABLE t (id int PRIMARY KEY, v varchar(9))")
        legacy.run("INSERT INTO t VALUES (1, 'x'), (3, 'y')")
        modern_db.run("DROP TABLE IF EXISTS s; CREATE TABLE s (id int PRIMARY KEY, v varchar(9))")
        modern_db.run("INSERT INTO s VALUES (1, 'x')")
        own = engine_over(legacy, modern_db, tmp_path)
        evidence = own.audit("s", more=_of_t("SELECT id, v\nFROM t WHERE v = 'x'"))
        assert_match(evidence, rows=1)
        query = "legacy rows are those of the source s: SELECT id, v FROM t WHERE v = 'x'"
        rules = [rule.rule for rule in evidence.rules]
        assert query in rules
        assert [pair.legacy for pair in evidence.work.pairs] == ["the source s"]
        warned = [rule for rule in rules if "[sources.legacy.s] sql" in rule]
        assert bool(warned) is (legacy is mysql_db), rules


def test_numbers_of_tenants_in_sqlite(modern_db: Database, tmp_path: Path) -> None:
    """SQLite gives no type to a query's column: a tenant's value is found as number or text."""
    engine = engine_over(File(tmp_path / "t.db"), modern_db, tmp_path)
    run(engine.legacy, "CREATE TABLE t (id INTEGER PRIMARY KEY, owner INTEGER, v TEXT)")
    engine.legacy.run("INSERT INTO t VALUES (1, 7, 'x'), (2, 8, 'y')")
    engine.modern.run("CREATE TABLE s (id int PRIMARY KEY, owner int, v text)")
    engine.modern.run("INSERT INTO s VALUES (1, 7, 'x'), (2, 8, 'z')")
    owned = 'tenancy = {column = "owner"}'
    more = _of_t("SELECT id, owner, v FROM t", "[tenants.7]\n[tenants.8]\n")
    with engine.opened(more, legacy=owned, modern=owned) as audit:
        assert_match(audit.audit("7", "s"), rows=1)
        assert_drift(audit.audit("8", "s"), ("changed", ("2",), ("v",)))
        assert audit.audit("unassigned", "s").outcome is Outcome.PROVEN


def test_a_key_map_that_is_a_source(engine: Engine) -> None:
    """The table below a map's source is that of the snapshot, also beside one of the same name."""
    engine.legacy.run("CREATE TABLE o (id int PRIMARY KEY, tenant text, cid int)")
    engine.legacy.run("INSERT INTO o VALUES (1, 'a', 5)")
    engine.modern.run(
        "CREATE TABLE ids (old int PRIMARY KEY, new int, other int);"
        "INSERT INTO ids VALUES (5, 50, 60);"
        "CREATE SCHEMA of_a; CREATE TABLE of_a.o (id int PRIMARY KEY, cid int);"
        "INSERT INTO of_a.o VALUES (1, 60); CREATE TABLE of_a.ids (z int)"
    )
    more = """
[sources.modern.led]
sql = "SELECT old, new FROM ids"
[maps.m]
table = "led"
legacy = "old"
modern = "new"
[tables.o.columns.cid]
key_map = "m"
[tenants.a]
"""
    legacy, modern = 'tenancy = {column = "tenant"}', 'tenancy = {schema = "of_{tenant}"}'
    with engine.opened(more, legacy=legacy, modern=modern) as audit:
        assert_drift(audit.audit("a", "o"), ("changed", ("1",), ("cid",)))
    with engine.opened(more, legacy=legacy, modern=modern) as audit:
        engine.modern.run(
            "ALTER TABLE ids RENAME new TO x; ALTER TABLE ids RENAME other TO new;"
            "ALTER TABLE ids RENAME x TO other"
        )
        assert_not_proven(audit.audit("a", "o"), "ids was altered after the snapshot")


def test_a_source_of_its_own_counterpart(engine: Engine) -> None:
    """In one database, a source that reads the modern table proves nothing."""
    engine.legacy.run("CREATE TABLE s (id int PRIMARY KEY, v int); INSERT INTO s VALUES (1, 5)")
    more = """
[sources.legacy.x]
sql = "SELECT * FROM s"
[tables.x]
modern = "s"
key = ["id"]
[pairing]
tables = ["x"]
"""
    settings = replace(engine, modern=engine.legacy).settings(more)
    settings = settings.model_copy(update={"same_database": "they are one"})
    with opened(settings) as run_of_both:
        evidence = run_of_both.audit("global", "x")
        assert_not_proven(evidence, "legacy and modern read the same table 's'")
