"""Tenancies by SQL: a row's tenant is the value of SQL in the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_tenantparity.errors import SettingsError
from pytest_tenantparity.model import Outcome

from ..support.engine_driver import SHARED, Engine
from ..support.expectations import assert_drift, assert_match, assert_not_proven
from ..support.files import File, engine_over
from ..support.mariadb import MariaDatabase
from ..support.postgresql import Database
from .test_sources import run

# A comment belongs to an order or to a product, and the tenant is known through that.
LEGACY = """
    CREATE TABLE orders (id int PRIMARY KEY, tenant varchar(9));
    INSERT INTO orders VALUES (1, 'a'), (2, 'b');
    CREATE TABLE products (id int PRIMARY KEY, tenant varchar(9));
    INSERT INTO products VALUES (1, 'b'), (2, 'a');
    CREATE TABLE comments (id int PRIMARY KEY, of_type varchar(9), of_id int, body varchar(40));
    INSERT INTO comments VALUES (1, 'order', 1, 'x'), (2, 'order', 2, 'y'), (3, 'product', 1, 'z'),
                                (4, 'product', 2, '100%')
"""
MODERN = """
    CREATE TABLE comments (id int PRIMARY KEY, of_type varchar(9), of_id int, body varchar(40),
                           tenant varchar(9));
    INSERT INTO comments VALUES (1, 'order', 1, 'x', 'a'), (2, 'order', 2, 'y', 'b'),
                                (3, 'product', 1, 'z', 'b'), (4, 'product', 2, '100%', 'a')
"""
CASE = """CASE of_type WHEN 'order' THEN (SELECT tenant FROM orders o WHERE o.id = of_id)
                     WHEN 'product' THEN (SELECT tenant FROM products p WHERE p.id = of_id) END"""
TABLES = f"""
[ignore.tables]
"legacy.orders" = "leads to the tenant"
"legacy.products" = "leads to the tenant"
[tables.comments]
modern_tenancy = {{column = "tenant"}}
legacy_tenancy = {{sql = '''{CASE}'''}}
[tenants.a]
[tenants.b]
"""


def assert_attributed(engine: Engine) -> None:
    """Require that rows are compared by their tenants, and a row that moved is found."""
    run(engine.legacy, LEGACY)
    run(engine.modern, MODERN)
    with engine.opened(TABLES, legacy=SHARED, modern=SHARED) as opened:
        for tenant in "ab":
            assert_match(opened.audit(tenant, "comments"), rows=2)
        for check in ("unassigned", "canary"):
            assert opened.audit(check, "comments").outcome is Outcome.PROVEN
        assert opened.audit("coverage", "").outcome is Outcome.PROVEN
    engine.legacy.run("UPDATE products SET tenant = 'b' WHERE id = 2")
    engine.legacy.run("UPDATE comments SET of_type = 'page' WHERE id = 2")
    with engine.opened(TABLES, legacy=SHARED, modern=SHARED) as opened:
        assert_drift(opened.audit("a", "comments"), ("extra", ("4",), ()))
        found = ("extra", ("2",), ()), ("missing", ("4",), ())
        assert_drift(opened.audit("b", "comments"), *found)
        assert_drift(opened.audit("unassigned", "comments"), ("missing", ("2",), ()))


def test_postgresql(engine: Engine) -> None:
    """A comment's tenant is looked up in the table that its type names."""
    assert_attributed(engine)


def test_mariadb(mysql_db: MariaDatabase, modern_db: Database, tmp_path: Path) -> None:
    """The same in MariaDB."""
    assert_attributed(engine_over(mysql_db, modern_db, tmp_path))


def test_sqlite(modern_db: Database, tmp_path: Path) -> None:
    """The same in SQLite."""
    assert_attributed(engine_over(File(tmp_path / "t.db"), modern_db, tmp_path))


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("of_type FROM comments", "must be one value"),
        ("of_type, body", "must be one value"),
        ("1; DELETE FROM comments", "must be one value"),
        ("DELETE FROM comments", "must be one value"),
        ("body UNION SELECT tenant", "must be one value"),
        ("(WITH x AS (DELETE FROM orders RETURNING tenant) SELECT tenant FROM x)", "only read"),
        ("(SELECT tenant FROM order_s LIMIT 1)", "the nearest is 'orders'"),
        ("(SELECT relname FROM pg_catalog.pg_class LIMIT 1)", "reads the schema public alone"),
        ("bodi", 'column "bodi" does not exist'),
        ("CASE WHEN", "has a tenancy by SQL in the settings"),
    ],
)
def test_what_is_no_tenancy(engine: Engine, sql: str, said: str) -> None:
    """SQL that writes, that fails or that is no value makes the table's checks NOT PROVEN."""
    run(engine.legacy, LEGACY)
    run(engine.modern, MODERN)
    more = TABLES.replace(CASE, sql)
    with engine.opened(more, legacy=SHARED, modern=SHARED) as opened:
        for check in ("a", "unassigned"):
            assert_not_proven(opened.audit(check, "comments"), "tenancy by SQL", said)
    assert engine.legacy.run("SELECT count(*) FROM comments") == [(4,)]


def test_a_column_with_the_name_of_the_tenancy(engine: Engine) -> None:
    """A table that has the column, which the SQL is read as, is not compared by another one."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, v text, parity_tenant text)")
    engine.both("INSERT INTO t VALUES (1, 'a', 'b'), (2, 'b', 'a')")
    more = (
        "[tables.t]\nlegacy_tenancy = {sql = 'v'}\nmodern_tenancy = {column = 'v'}\n[tenants.a]\n"
    )
    with engine.opened(more, legacy=SHARED, modern=SHARED) as opened:
        assert_not_proven(opened.audit("a", "t"), "needs the name 'parity_tenant'")


def test_a_source_whose_tenants_are_found_by_sql(engine: Engine) -> None:
    """The tables of both are those of the snapshot. A fault of the source comes first.

    The SQL ends in a comment. The modern table is found by its name in lower case.
    """
    engine.legacy.run("CREATE TABLE t (id int PRIMARY KEY, v text, w text)")
    engine.legacy.run("INSERT INTO t VALUES (1, 'a', 'b')")
    engine.modern.run("CREATE TABLE s (id int PRIMARY KEY, v text)")
    engine.modern.run("INSERT INTO s VALUES (1, 'a')")
    more = """
[pairing]
names = "lowercase"
tables = ["S"]
[sources.legacy.S]
sql = "SELECT id, v FROM t"
[tables.S]
key = ["id"]
legacy_tenancy = {sql = "v -- of the row"}
modern_tenancy = {sql = "v"}
[tenants.a]
"""
    with engine.opened(more, legacy=SHARED, modern=SHARED) as opened:
        assert_match(opened.audit("a", "S"), rows=1)
    with engine.opened(more.replace("FROM t", "FROM no_t"), legacy=SHARED, modern=SHARED) as opened:
        assert_not_proven(opened.audit("a", "S"), "reads 'no_t', which is not there")
    with engine.opened(more, legacy=SHARED, modern=SHARED) as opened:
        engine.legacy.run(
            "ALTER TABLE t RENAME v TO x; ALTER TABLE t RENAME w TO v; ALTER TABLE t RENAME x TO w"
        )
        assert_not_proven(opened.audit("a", "S"), "t was altered after the snapshot")


def test_two_tenancies_of_one_table(engine: Engine) -> None:
    """Two pairs of a table cannot find its tenants by different SQL."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, v text)")
    other = '[tables.u]\nlegacy = "t"\nlegacy_tenancy = {sql = "v || id"}\n'
    more = f'[tables.t]\nlegacy_tenancy = {{sql = "v"}}\n{other}'
    with (
        pytest.raises(SettingsError, match=r"\[tables.u\] legacy_tenancy.*'t' has other SQL"),
        engine.opened(more, legacy=SHARED, modern=SHARED),
    ):
        pass


def test_tables_below_the_sql_are_those_of_the_snapshot(engine: Engine) -> None:
    """Two columns exchange their names in a table that the SQL reads: nothing is proven."""
    run(engine.legacy, LEGACY)
    run(engine.modern, MODERN)
    engine.legacy.run("ALTER TABLE orders ADD former varchar(9)")
    with engine.opened(TABLES, legacy=SHARED, modern=SHARED) as opened:
        engine.legacy.run(
            "ALTER TABLE orders RENAME tenant TO x; ALTER TABLE orders RENAME former TO tenant"
        )
        assert_not_proven(opened.audit("a", "comments"), "orders was altered after the snapshot")
