"""Names that differ only in case are paired if the settings allow it, and named otherwise."""

from __future__ import annotations

import pytest

from pytest_tenantparity.errors import SettingsError
from pytest_tenantparity.model import Outcome

from ..support.engine_driver import SHARED, Engine
from ..support.mariadb import MariaDatabase

FOLDED = '[pairing]\nnames = "lowercase"'


@pytest.fixture
def camel(engine: Engine, mysql_db: MariaDatabase) -> str:
    """Fill MariaDB, and PostgreSQL with the names in lower case; return MariaDB's settings."""
    mysql_db.run("CREATE TABLE Users (UserId int PRIMARY KEY, FullName text, Twin text)")
    mysql_db.run("INSERT INTO Users VALUES (1, 'Ann', 'a'), (2, 'Bob', 'b')")
    mysql_db.run("CREATE TABLE Orders (OrderId int PRIMARY KEY, Nett int)")
    mysql_db.run("INSERT INTO Orders VALUES (1, 10)")
    engine.modern.run("CREATE TABLE users (userid int PRIMARY KEY, fullname text, twin text)")
    engine.modern.run("INSERT INTO users VALUES (1, 'Ann', 'a'), (2, 'Bobby', 'b')")
    engine.modern.run("CREATE TABLE orders (orderid int PRIMARY KEY, nett int)")
    engine.modern.run("INSERT INTO orders VALUES (1, 10)")
    return f'url = "{mysql_db.url}"\n{SHARED}'


def test_names_that_differ_in_case_are_paired(engine: Engine, camel: str) -> None:
    """Tables, columns and keys are paired, differences are named, and nothing is left over."""
    with engine.opened(FOLDED, legacy=camel) as run:
        assert sorted(run.context.pairs) == ["Orders", "Users"]
        users = run.audit("global", "Users")
        orders, coverage = run.audit("global", "Orders"), run.audit("coverage", "*")
    assert (users.outcome, [f.key for f in users.findings]) == (Outcome.REFUTED, [{"UserId": "2"}])
    assert list(users.findings[0].columns) == ["FullName"]
    assert orders.outcome is coverage.outcome is Outcome.PROVEN
    (facts,) = users.work.pairs
    assert (facts.legacy.rpartition(".")[2], facts.modern) == ("Users", "public.users")
    assert ("UserId", "is called userid on the modern stack") in {
        (column.name, column.how) for column in facts.columns
    }


def test_one_hint_takes_the_place_of_a_line_for_each(engine: Engine, camel: str) -> None:
    """Without the rule each table gives one hint, and no column is listed."""
    with engine.opened(legacy=camel) as run:
        (table,) = run.audit("global", "Users").reasons
    assert "Did you mean 'users'?" in table
    assert '[pairing] names = "lowercase"' in table
    with engine.opened('[tables.Users]\nmodern = "users"', legacy=camel) as run:
        (columns,) = run.audit("global", "Users").reasons
    assert columns.removeprefix("no column of 'Users' can be compared: ").startswith(
        "the names of 3 columns of 'Users' differ"
    )
    assert columns.endswith('[pairing] names = "lowercase" pairs them')


def test_a_column_without_a_counterpart_comes_with_the_nearest_name(engine: Engine) -> None:
    """The reasons of both sides name the most similar column of the other side."""
    engine.legacy.run("CREATE TABLE t (id int PRIMARY KEY, amount int)")
    engine.modern.run("CREATE TABLE t (id int PRIMARY KEY, amounts int)")
    engine.both("INSERT INTO t VALUES (1, 1)")
    legacy, modern = engine.audit().reasons
    assert "no counterpart 'amount' in 't' on the modern stack (the nearest name is 'amounts')" in (
        legacy
    )
    assert "is only in the modern table (the nearest name is 'amount')" in modern


def test_names_that_are_one_in_lower_case_are_refused(engine: Engine) -> None:
    """Tables or columns of one side that are equal in lower case are never paired by chance."""
    engine.legacy.run('CREATE TABLE "Users" (id int PRIMARY KEY, "A" int, a int)')
    engine.modern.run(
        'CREATE TABLE users (id int PRIMARY KEY, a int); CREATE TABLE "USERS" (i int)'
    )
    with engine.opened(FOLDED) as run:
        (tables,) = run.audit("global", "Users").reasons
    assert "'USERS' and 'users' have one name in lower case" in tables
    chosen = '[tables.Users]\nmodern = "users"\n[ignore.tables]\n"modern.USERS" = "old copy"'
    with engine.opened(f"{FOLDED}\n{chosen}") as run:
        columns = run.audit("global", "Users").reasons
    assert any("the legacy columns 'A' and 'a' of 'Users' have one name" in c for c in columns)
    engine.legacy.run("CREATE TABLE users (id int)")
    with (
        pytest.raises(SettingsError, match="'Users' and 'users' are both paired"),
        engine.opened(FOLDED),
    ):
        pass


def test_tenants_columns_that_differ_in_case_are_one_pair(engine: Engine) -> None:
    """Reissued tenants' ids are left out, whatever case their column's name has on either side."""
    for database, name, tenant in ((engine.legacy, '"TenantId"', "A1"),
                                   (engine.modern, "tenantid", "acme")):  # fmt: skip
        database.run(f"CREATE TABLE t ({name} text, id int, v int, PRIMARY KEY ({name}, id))")
        database.run(f"INSERT INTO t VALUES ('{tenant}', 1, 1)")
    found = engine.audit(
        subject="acme",
        more=f'{FOLDED}\n[tenants.acme]\nlegacy_account = "A1"',
        legacy='tenancy = {column = "TenantId"}',
        modern='tenancy = {column = "tenantid"}',
    )
    assert found.outcome is Outcome.PROVEN, found
    (rule,) = found.rules
    assert "TenantId (tenantid on the modern stack) selects each tenant's rows" in rule.rule


def test_tenants_of_tables_that_differ_in_case_are_found(engine: Engine) -> None:
    """A column or a path leads to the tenants, even if the other side's names differ in case."""
    for database, tables, words in (
        (engine.legacy, ('"Orders"', '"Users"'), ('"Id"', '"UserId"', '"Tenant"')),
        (engine.modern, ("orders", "users"), ("id", "userid", "tenant")),
    ):
        (orders, users), (key, user, tenant) = tables, words
        database.run(f"CREATE TABLE {users} ({key} int PRIMARY KEY, {tenant} text)")
        database.run(f"INSERT INTO {users} VALUES (1, 'acme'), (2, 'beta')")
        database.run(f"CREATE TABLE {orders} ({key} int PRIMARY KEY, {user} int)")
        database.run(f"INSERT INTO {orders} VALUES (7, 1), (8, 1), (9, 2)")
    engine.modern.run("UPDATE orders SET userid = 2 WHERE id = 8")
    paths = """
[tables.Orders]
legacy_tenancy = {path = "UserId -> Users.Id -> Tenant"}
modern_tenancy = {path = "userid -> users.id -> tenant"}
[tenants.acme]
[tenants.beta]
"""
    sides = ('tenancy = {column = "Tenant"}', 'tenancy = {column = "tenant"}')
    with engine.opened(FOLDED + paths, legacy=sides[0], modern=sides[1]) as run:
        for subject in ("acme", "beta", "unassigned", "canary"):
            assert run.audit(subject, "Users").outcome is Outcome.PROVEN, run.audit(
                subject, "Users"
            )
        for subject in ("unassigned", "canary"):
            assert run.audit(subject, "Orders").outcome is Outcome.PROVEN
        (lost,) = run.audit("acme", "Orders").findings
    assert (lost.kind, lost.note) == ("missing", "the modern table has it under the tenant 'beta'")
