"""Reissued ids of tenants, in a column that has one name on both stacks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pytest_tenantparity.model import Account, NamedRule, Outcome

from ..support.engine_driver import Engine, Run, seen
from ..support.expectations import assert_drift

BY_ID = 'tenancy = {column = "tenant_id"}'
BY_USER = 'tenancy = {path = "user_id -> users.id -> tenant_id"}'
TENANTS = """
[tenants.acme]
legacy_account = "A1"
[tenants.dora]
legacy_account = "A2"
[tenants.beta]
legacy_account = "B1"
[tenants.cora]
modern_id = "cora-7"
"""
LEFT_OUT = NamedRule(
    "is left out: tenant_id selects each tenant's rows on both stacks, by the values of "
    "[tenants.*]",
    "tenant_id",
)
SETTINGS = f"""
[pairing]
tables = ["plain", "keyed", "alone", "renamed", "moved", "child", "users", "lost"]
[tables.child]
tenancy = {{path = "user_id -> users.id -> tenant_id"}}
[tables.renamed]
legacy_tenancy = {{column = "account"}}
[tables.renamed.columns.account]
modern = "tenant_id"
{TENANTS}
"""


def _rows(engine: Engine, table: str, *rows: str) -> None:
    """Insert the same rows on both sides, each side with its own values of the tenants."""
    for row in rows:
        for database, ids in ((engine.legacy, ("A1", "A2", "B1", "cora")),
                              (engine.modern, ("acme", "dora", "beta", "cora-7"))):  # fmt: skip
            for name, value in zip(("{a}", "{a2}", "{b}", "{c}"), ids, strict=True):
                row_ = row.replace(name, f"'{value}'")
                if row_ != row:
                    database.run(f"INSERT INTO {table} VALUES ({row_})")


@pytest.fixture
def run(engine: Engine) -> Iterator[Run]:
    """Open both stacks with all the tables of this file."""
    engine.both("CREATE TABLE plain (id int PRIMARY KEY, tenant_id text NOT NULL, v int)")
    _rows(engine, "plain", "1, {a}, 1", "2, {a2}, 2", "3, {b}, 3", "4, {c}, 4")
    keyed = "id int, v int, PRIMARY KEY (tenant_id, id)"
    engine.both(f"CREATE TABLE keyed (tenant_id text, {keyed})")
    _rows(engine, "keyed", "{a}, 1, 1", "{a2}, 2, 2", "{b}, 1, 3", "{b}, 2, 4", "{c}, 1, 5")
    engine.modern.run("UPDATE keyed SET v = 7 WHERE id = 1 AND tenant_id = 'beta'")
    engine.modern.run("DELETE FROM keyed WHERE id = 2 AND tenant_id = 'beta'")
    engine.both("CREATE TABLE alone (tenant_id text PRIMARY KEY, v int)")
    _rows(engine, "alone", "{a}, 1", "{b}, 2", "{c}, 3")
    engine.modern.run("UPDATE alone SET v = 7 WHERE tenant_id = 'beta'")
    engine.legacy.run("CREATE TABLE renamed (id int PRIMARY KEY, account text)")
    engine.modern.run("CREATE TABLE renamed (id int PRIMARY KEY, tenant_id text)")
    _rows(engine, "renamed", "1, {a}", "2, {a2}", "3, {b}", "4, {c}")
    engine.both("CREATE TABLE moved (id int PRIMARY KEY, tenant_id text, v int DEFAULT 1)")
    _rows(engine, "moved", "1, {a}, 1", "2, {a2}, 1", "3, {b}, 1", "4, {c}, 1")
    engine.modern.run("UPDATE moved SET tenant_id = 'beta' WHERE id = 1")
    engine.modern.run("UPDATE moved SET tenant_id = 'B1' WHERE id = 3")
    engine.both("CREATE TABLE users (id int PRIMARY KEY, tenant_id text)")
    _rows(engine, "users", "1, {a}", "2, {a2}", "3, {b}", "4, {c}")
    engine.both("CREATE TABLE child (id int PRIMARY KEY, user_id int)")
    engine.both("INSERT INTO child VALUES (1, 1), (2, 2), (3, 3), (4, 4)")
    engine.both("CREATE TABLE lost (tenant_id text, id int, v int, PRIMARY KEY (tenant_id, id))")
    _rows(engine, "lost", "{a}, 1, 1", "{b}, 1, 1", "{c}, 2, 1")
    engine.both("INSERT INTO lost VALUES ('x', 1, 1), ('y', 1, 1)")
    with engine.opened(SETTINGS, legacy=BY_ID, modern=BY_ID) as opened:
        yield opened


def test_ids_issued_anew_are_no_drift(run: Run) -> None:
    """Reissued ids of tenants are left out of the comparison, and are not drift.

    That holds for columns of any name, in keys, and in paths. A changed row of a composite key is
    identified by the rest of its key. A row that moved to another tenant is missing for the first
    tenant. It is extra for the second tenant, or unassigned. Unassigned rows keep their whole key.
    """
    for tenant in ("acme", "beta", "cora"):
        for table in ("plain", "users", "child", "renamed"):
            assert run.audit(tenant, table).outcome is Outcome.PROVEN, (tenant, table)
    assert run.audit("acme", "plain").rules == (LEFT_OUT,)
    (rule,) = (each for each in run.audit("acme", "renamed").rules if "left out" in each.rule)
    assert rule.column == "account"
    assert "account (tenant_id on the modern stack) selects" in rule.rule
    assert [run.audit(tenant, "keyed").outcome for tenant in ("acme", "cora")] == [
        Outcome.PROVEN
    ] * 2
    beta = run.audit("beta", "keyed")
    assert_drift(beta, ("changed", ("1",), ("v",)), ("missing", ("2",), ()))
    # acme's row 2 is not beta's row 2: the id is unique within a tenant only.
    assert [each.note for each in beta.findings] == ["", ""]
    # Without its tenant, the row is identified by all its values.
    assert_drift(run.audit("beta", "alone"), ("missing", ("2",), ()), ("extra", ("7",), ()))
    assert run.audit("acme", "alone").outcome is Outcome.PROVEN
    moved = run.audit("acme", "moved")
    assert_drift(moved, ("missing", ("1",), ()))
    assert moved.findings[0].note == "the modern table has it under the tenant 'beta'"
    found = run.audit("beta", "moved")
    assert_drift(found, ("extra", ("1",), ()), ("missing", ("3",), ()))
    assert found.findings[1].note == (
        "the modern table has it under 'B1', which no tenant of the settings has"
    )
    assert_drift(run.audit("unassigned", "moved"), ("extra", ("3",), ()))
    nobody = run.audit("unassigned", "lost")
    assert sorted(seen(nobody)) == [
        ("extra", ("x", "1"), ()), ("extra", ("y", "1"), ()),
        ("missing", ("x", "1"), ()), ("missing", ("y", "1"), ()),
    ]  # fmt: skip
    assert nobody.accounts == (Account("legacy", 5, 3, 2), Account("modern", 5, 3, 2))
    for table in ("plain", "keyed", "renamed", "moved"):
        canary = run.audit("canary", table)
        assert canary.outcome is Outcome.PROVEN, canary
        assert canary.columns is not None
        assert canary.columns.compared == canary.columns.watched


def test_what_the_settings_say_of_the_column_holds(engine: Engine) -> None:
    """A tenant's column with a type, a map or SQL of its own is compared by that setting.

    A column of equal ids is compared as well. If the types of the two sides cannot be compared, the
    column is left out, since the tenants' values agree all the same.
    """
    for table in ("typed", "mapped", "sql"):
        engine.both(f"CREATE TABLE {table} (id int PRIMARY KEY, tenant_id text)")
        engine.legacy.run(f"INSERT INTO {table} VALUES (1, 'A1')")
        engine.modern.run(f"INSERT INTO {table} VALUES (1, 'acme')")
    engine.modern.run(
        "CREATE TABLE ids (old text, new text); INSERT INTO ids VALUES ('A1', 'acme')"
    )
    more = """
[pairing]
tables = ["typed", "mapped", "sql"]
[tables.typed.columns.tenant_id]
type = "text"
[tables.mapped.columns.tenant_id]
key_map = "ids"
[tables.sql.columns.tenant_id]
legacy_sql = "CASE tenant_id WHEN 'A1' THEN 'acme' END"
[maps.ids]
table = "ids"
legacy = "old"
modern = "new"
[tenants.acme]
legacy_account = "A1"
"""
    with engine.opened(more, legacy=BY_ID, modern=BY_ID) as run:
        assert_drift(run.audit("acme", "typed"), ("changed", ("1",), ("tenant_id",)))
        assert run.audit("acme", "mapped").outcome is Outcome.PROVEN
        assert run.audit("acme", "sql").outcome is Outcome.PROVEN
    # int4 and text cannot be compared, but the ids are equal.
    engine.legacy.run("CREATE TABLE same (id int PRIMARY KEY, tenant_id text, v int)")
    engine.modern.run("CREATE TABLE same (id int PRIMARY KEY, tenant_id text, v int)")
    engine.legacy.run("CREATE TABLE unlike (id int PRIMARY KEY, tenant_id int, v int)")
    engine.modern.run("CREATE TABLE unlike (id int PRIMARY KEY, tenant_id jsonb, v int)")
    for table in ("same", "unlike"):
        engine.both(f"INSERT INTO {table} VALUES (1, '7', 1)")
    more = (
        '[pairing]\ntables = ["same", "unlike"]\n[tenants.acme]\nlegacy_account = 7\nmodern_id = 7'
    )
    with engine.opened(more, legacy=BY_ID, modern=BY_ID) as run:
        same, unlike = run.audit("acme", "same"), run.audit("acme", "unlike")
        assert (same.outcome, same.rules) == (Outcome.PROVEN, ())
        assert (unlike.outcome, unlike.rules) == (Outcome.PROVEN, (LEFT_OUT,)), unlike


def test_a_column_that_tells_two_accounts_apart_needs_a_reason(engine: Engine) -> None:
    """A column that distinguishes two accounts of one tenant is not dropped without a reason.

    Two accounts became one tenant, so their distinction is lost, whatever the column's name was.
    """
    lines = []
    for name in ("tenant_id", "account"):
        for table in (f"lost_{name}", f"said_{name}"):
            engine.legacy.run(f"CREATE TABLE {table} (id int PRIMARY KEY, {name} text, v int)")
            engine.modern.run(f"CREATE TABLE {table} (id int PRIMARY KEY, tenant_id text, v int)")
            engine.legacy.run(
                f"INSERT INTO {table} VALUES (1, 'A1', 1), (2, 'A2', 2), (3, 'B1', 3)"
            )
            engine.modern.run(
                f"INSERT INTO {table} VALUES (1, 'acme', 1), (2, 'acme', 2), (3, 'beta', 3)"
            )
            lines.append(f'[tables.{table}]\nlegacy_tenancy = {{column = "{name}"}}')
        lines.append(f'[tables.said_{name}.ignore]\n"legacy.{name}" = "no accounts any more"')
        if name == "tenant_id":
            lines.append('"modern.tenant_id" = "says whose the row is"')
    tenants = (
        '[tenants.acme]\nlegacy_accounts = ["A1", "A2"]\n[tenants.beta]\nlegacy_account = "B1"'
    )
    with engine.opened("\n".join([*lines, tenants]), legacy=BY_ID, modern=BY_ID) as run:
        for name in ("tenant_id", "account"):
            lost = run.audit("acme", f"lost_{name}")
            assert lost.outcome is Outcome.NOT_PROVEN, name
            assert f"column '{name}' of 'lost_{name}'" in lost.reasons[0]
            assert run.audit("beta", f"lost_{name}").outcome is Outcome.PROVEN, name
            assert run.audit("acme", f"said_{name}").outcome is Outcome.PROVEN, name
