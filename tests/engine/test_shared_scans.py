"""A shared scan gives each tenant the same result as a query for that tenant alone."""

from __future__ import annotations

import json

import pytest

from pytest_tenantparity.model import Account

from ..support.engine_driver import Engine
from ..support.expectations import assert_drift, assert_match, assert_not_proven

BY_TENANT = 'tenancy = {column = "tenant"}'
BY_USER = 'tenancy = {path = "usr -> users.id -> tenant"}'
LEADS = '[ignore.tables]\nusers = "leads to the tenant"\n'


def tenants(**accounts: list[str]) -> str:
    """Return settings of tenants; each tenant's first account is its modern id, too."""
    return "\n".join(
        f"[tenants.{name}]\nlegacy_accounts = {json.dumps(values)}\n"
        f"modern_id = {json.dumps(values[0])}"
        for name, values in accounts.items()
    )


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [("boolean", "yes", "true"), ("date", "2024-1-1", "2024-01-01"), ("money", "$5", "5.00")],
)
def test_a_mark_that_the_server_alone_can_spell_is_asked_apart(
    engine: Engine, kind: str, one: str, other: str
) -> None:
    """Two tenants with two notations of one value are read by queries of their own.

    Both have the rows of that value, so that these have two owners.
    """
    engine.both(f"CREATE TABLE t (id int PRIMARY KEY, tenant {kind})")
    engine.both(f"INSERT INTO t SELECT g, '{other}' FROM generate_series(1, 4) g")
    more = tenants(acme=[one], blue=[other])
    with engine.opened(more, legacy=BY_TENANT, modern=BY_TENANT) as run:
        assert [run.audit(name, "t").rows.legacy for name in ("acme", "blue")] == [4, 4]
        assert_not_proven(run.audit("unassigned", "t"), "some row has two owners")


def test_a_row_of_two_tenants_that_no_survey_took_together_hides_no_stray(engine: Engine) -> None:
    """A row of two tenants that are in different shared scans hides no unassigned row.

    The counts of two shared scans add up to the table only if no row is in both.
    """
    engine.both("CREATE TABLE t (id int PRIMARY KEY, tenant int, v text)")
    engine.both(
        "INSERT INTO t (id, tenant) SELECT g, nullif(g % 4, 0) FROM generate_series(1, 16) g"
    )
    # Tenants with one account, and those with two, are in separate shared scans.
    own = tenants(acme=["1"], blue=["2"], cora=["01", "3"], dune=["4", "5"])
    more = f"[tables.t.columns.v]\nmask = true\n{own}"
    with engine.opened(more, legacy=BY_TENANT, modern=BY_TENANT) as run:
        for name in ("acme", "blue", "cora", "dune"):
            run.audit(name, "t")
        stray = run.audit("unassigned", "t")
    assert [each.unassigned for each in stray.accounts] == [4, 8]
    assert any("two owners" in reason for reason in stray.reasons)


def test_a_path_that_joins_two_kinds_of_number_repeats_no_row(engine: Engine) -> None:
    """A float that equals two whole numbers leads to its tenant once."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, usr float8)")
    engine.both("INSERT INTO t VALUES (1, 9007199254740992), (2, 5)")
    engine.both("CREATE TABLE users (id int8 PRIMARY KEY, tenant text)")
    engine.both("INSERT INTO users VALUES (9007199254740992, 'acme'), (5, 'blue')")
    engine.legacy.run("INSERT INTO users VALUES (9007199254740993, 'acme')")
    more = LEADS + tenants(acme=["acme"], blue=["blue"])
    with engine.opened(more, legacy=BY_USER, modern=BY_USER) as run:
        assert_match(run.audit("acme", "t"), 1)
        assert_match(run.audit("blue", "t"), 1)
        assert run.audit("unassigned", "t").accounts[0] == Account("legacy", 2, 2, 0)


def test_an_ambiguous_path_is_asked_apart(engine: Engine) -> None:
    """An ambiguous path is followed by one query for each tenant.

    A step that occurs twice repeats no row, and a step of two tenants gives both its rows.
    """
    engine.both('CREATE TABLE t (id int PRIMARY KEY, usr text COLLATE "C")')
    engine.both("INSERT INTO t VALUES (1, 'u'), (2, 'v')")
    engine.both('CREATE TABLE users (id text COLLATE "C", tenant text)')
    engine.both("INSERT INTO users VALUES ('u', 'acme'), ('u', 'acme'), ('v', 'blue')")
    more = LEADS + tenants(acme=["acme"], blue=["blue"])
    with engine.opened(more, legacy=BY_USER, modern=BY_USER) as run:
        assert_match(run.audit("acme", "t"), 1)
    engine.both("INSERT INTO users VALUES ('u', 'blue')")
    with engine.opened(more, legacy=BY_USER, modern=BY_USER) as run:
        assert_match(run.audit("acme", "t"), 1)
        assert_match(run.audit("blue", "t"), 2)
        assert_not_proven(run.audit("unassigned", "t"), "lead to the tenant")


MARKS = {
    "case": ('text COLLATE "C"', "A", "a"),
    "quotes": ("text", "a:1", "a'\""),
    "unicode": ("varchar(9)", "\N{SNOWMAN}", "caf\N{LATIN SMALL LETTER E WITH ACUTE}"),
    "uuid": ("uuid", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "a0eebc999c0b4ef8bb6d6bb9bd380a12"),
    "padded": ("char(4)", "ab", "abcd"),
    "bigint": ("bigint", "-9223372036854775808", "+07"),
    "numeric": ("numeric(20,4)", "1.50", "1e2"),
    "enum": ("mood", "sad", "Sad"),
}


@pytest.mark.parametrize("kind", MARKS)
def test_owners_marks_of_every_kind_are_told_apart(engine: Engine, kind: str) -> None:
    """A tenant's differences are its own, whatever kind of value marks the tenants."""
    declared, one, other = MARKS[kind]
    engine.both("CREATE TYPE mood AS ENUM ('sad', 'Sad')")
    engine.both(f"CREATE TABLE t (id bigint, tenant {declared}, bucket int, owner text)")
    first, second = (each.replace("'", "''") for each in (one, other))
    engine.both(f"INSERT INTO t SELECT g, '{first}', 0, 'x' FROM generate_series(-9, 9) g")
    engine.both(f"INSERT INTO t SELECT g, '{second}', 1, 'x' FROM generate_series(-9, 9) g")
    engine.both(f"INSERT INTO t VALUES (-9223372036854775808, '{first}', 0, NULL)")
    engine.both("INSERT INTO t VALUES (NULL, NULL, 0, 'nobody')")
    engine.modern.run("UPDATE t SET owner = 'y' WHERE bucket = 1 AND id = -5")
    more = f"[tables.t]\nkey = ['id']\n{tenants(acme=[one], blue=[other])}"
    with engine.opened(more, legacy=BY_TENANT, modern=BY_TENANT) as run:
        assert_match(run.audit("acme", "t"), 20)
        assert_drift(run.audit("blue", "t"), ("changed", ("-5",), ("owner",)))
        assert [each.unassigned for each in run.audit("unassigned", "t").accounts] == [1, 1]
