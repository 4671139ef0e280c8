"""Wherever the stacks keep a tenant's rows, they are compared with each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from pytest_tenantparity.errors import SettingsError
from pytest_tenantparity.model import Evidence, Status

from ..support.engine_driver import Engine, Run, seen
from ..support.postgresql import Database, new_database

# Tenant a has two legacy accounts. Each value is the owner of one row.
OWNERS = {
    "legacy": {"a": ["a1", "a2"], "b": ["b1"]},
    "modern": {"a": ["A", "A"], "b": ["B"]},
}
ROWS = {"a": [1, 2], "b": [3]}

SETTINGS = """
    [tables.t.ignore]
    owner = "leads to the tenant"
    [ignore.tables]
    users = "leads to the tenant"
    orgs = "leads to the tenant"
    [tenants.a]
    legacy_accounts = ["a1", "a2"]
    modern_id = "A"
    [tenants.b]
    legacy_account = "b1"
    modern_id = "B"
"""


@dataclass(frozen=True)
class Layout:
    """One side's table ``t``, and how to reach a tenant's part of it."""

    tenancy: str
    run: Callable[[str, str], object]

    @property
    def lines(self) -> str:
        """The side's line in the settings."""
        return f"tenancy = {self.tenancy}"


Builder = Callable[[Database, str, ExitStack], Layout]


def _shared_table(database: Database, side: str, tenancy: str, prefix: str) -> Layout:
    database.run("CREATE TABLE t (id int PRIMARY KEY, v text, owner text)")
    for tenant, owners in OWNERS[side].items():
        for row, owner in zip(ROWS[tenant], owners, strict=True):
            database.run("INSERT INTO t VALUES (%s, 'v', %s)", row, prefix + owner)
    return Layout(tenancy, lambda _, statement: database.run(statement))


def by_column(database: Database, side: str, _: ExitStack) -> Layout:
    """A column of the table holds the tenant's value."""
    return _shared_table(database, side, '{column = "owner"}', "")


def by_one_hop(database: Database, side: str, _: ExitStack) -> Layout:
    """A column leads to a row of another table, which holds the tenant's value."""
    database.run("CREATE TABLE users (id text PRIMARY KEY, tenant text)")
    for owner in sorted({owner for owners in OWNERS[side].values() for owner in owners}):
        database.run("INSERT INTO users VALUES (%s, %s)", f"u-{owner}", owner)
    return _shared_table(database, side, '{path = "owner -> users.id -> tenant"}', "u-")


def by_two_hops(database: Database, side: str, _: ExitStack) -> Layout:
    """The same by way of two other tables."""
    database.run("CREATE TABLE users (id text PRIMARY KEY, org int)")
    database.run("CREATE TABLE orgs (id int PRIMARY KEY, tenant text)")
    owners = sorted({owner for owners in OWNERS[side].values() for owner in owners})
    for number, owner in enumerate(owners):
        database.run("INSERT INTO orgs VALUES (%s, %s)", number, owner)
        database.run("INSERT INTO users VALUES (%s, %s)", f"u-{owner}", number)
    path = '{path = "t.owner -> users.id -> org -> orgs.id -> orgs.tenant"}'
    return _shared_table(database, side, path, "u-")


def by_schema(database: Database, _: str, __: ExitStack) -> Layout:
    """Each tenant has a schema."""

    def run(tenant: str, statement: str) -> object:
        return database.run(f"SET search_path = s_{tenant}; {statement}")

    for tenant, rows in ROWS.items():
        database.run(f"CREATE SCHEMA s_{tenant}")
        run(tenant, "CREATE TABLE t (id int PRIMARY KEY, v text)")
        run(tenant, f"INSERT INTO t SELECT unnest(ARRAY{rows}), 'v'")
    return Layout('{schema = "s_{tenant}"}', run)


def by_database(database: Database, _: str, cleanup: ExitStack) -> Layout:
    """Each tenant has a database."""
    homes = {
        tenant: new_database(database.cluster, name=f"{database.name}_{tenant}") for tenant in ROWS
    }
    for tenant, rows in ROWS.items():
        cleanup.callback(homes[tenant].drop)
        homes[tenant].run("CREATE TABLE t (id int PRIMARY KEY, v text)")
        homes[tenant].run(f"INSERT INTO t SELECT unnest(ARRAY{rows}), 'v'")
    template = f'{{database = "{database.name}_{{tenant}}"}}'
    return Layout(template, lambda tenant, statement: homes[tenant].run(statement))


KINDS: list[Builder] = [by_column, by_one_hop, by_two_hops, by_schema, by_database]
LEADING: list[Builder] = [by_column, by_one_hop, by_two_hops]


def _name(builder: Builder) -> str:
    return builder.__name__.removeprefix("by_")


@pytest.fixture
def cleanup() -> Iterator[ExitStack]:
    """What is to be undone after the test."""
    with ExitStack() as stack:
        yield stack


def _statuses(run: Run, *subjects: str) -> list[Status]:
    return [
        run.audit(subject, "*" if subject == "coverage" else "t").status for subject in subjects
    ]


@pytest.mark.parametrize("modern_kind", KINDS, ids=_name)
@pytest.mark.parametrize("legacy_kind", KINDS, ids=_name)
def test_every_layout_against_every_other(
    engine: Engine, cleanup: ExitStack, legacy_kind: Builder, modern_kind: Builder
) -> None:
    """Each tenant's rows match, and a change or a loss is found for its tenant alone."""
    legacy = legacy_kind(engine.legacy, "legacy", cleanup)
    modern = modern_kind(engine.modern, "modern", cleanup)
    with engine.opened(SETTINGS, legacy=legacy.lines, modern=modern.lines) as run:
        found = {tenant: run.audit(tenant, "t") for tenant in ROWS}
        assert [each.status for each in found.values()] == [Status.MATCH] * 2, found
        assert [each.rows.legacy for each in found.values()] == [2, 1]
        assert _statuses(run, "coverage") == [Status.MATCH]
    modern.run("a", "UPDATE t SET v = 'w' WHERE id = 2")
    legacy.run("b", "INSERT INTO t SELECT 4, 'v' FROM t WHERE id = 3"
               if legacy_kind not in LEADING else
               "INSERT INTO t SELECT 4, 'v', owner FROM t WHERE id = 3")  # fmt: skip
    with engine.opened(SETTINGS, legacy=legacy.lines, modern=modern.lines) as run:
        assert seen(run.audit("a", "t")) == [("changed", ("2",), ("v",))]
        assert seen(run.audit("b", "t")) == [("missing", ("4",), ())]


UNASSIGNED = [(one, other) for one in KINDS for other in KINDS if {one, other} & set(LEADING)]


@pytest.mark.parametrize(
    ("legacy_kind", "modern_kind"),
    UNASSIGNED,
    ids=[f"{_name(one)}-{_name(other)}" for one, other in UNASSIGNED],
)
def test_rows_of_nobody_are_found_in_every_layout(
    engine: Engine, cleanup: ExitStack, legacy_kind: Builder, modern_kind: Builder
) -> None:
    """Where a column leads to the tenant, a row that it leads nowhere is named."""
    legacy = legacy_kind(engine.legacy, "legacy", cleanup)
    modern = modern_kind(engine.modern, "modern", cleanup)

    def unassigned() -> Evidence:
        with engine.opened(SETTINGS, legacy=legacy.lines, modern=modern.lines) as run:
            return run.audit("unassigned", "t")

    clean = unassigned()
    assert (clean.status, clean.reasons) == (Status.MATCH, ())
    expected = []
    if modern_kind in LEADING:
        modern.run("", "INSERT INTO t VALUES (8, 'v', 'nobody')")
        expected.append(("extra", ("8",), ()))
    if legacy_kind in LEADING:
        legacy.run("", "INSERT INTO t VALUES (9, 'v', NULL)")
        expected.append(("missing", ("9",), ()))
    assert sorted(seen(unassigned())) == sorted(expected)


@pytest.mark.parametrize("side", ["legacy", "modern"])
@pytest.mark.parametrize("kind", KINDS, ids=_name)
def test_a_table_of_no_pair_is_named_in_every_layout(
    engine: Engine, cleanup: ExitStack, kind: Builder, side: str
) -> None:
    """A table that nobody compares is not proven, wherever a tenant's tables are."""
    legacy = kind(engine.legacy, "legacy", cleanup)
    modern = kind(engine.modern, "modern", cleanup)
    layout = legacy if side == "legacy" else modern
    layout.run("b", "CREATE TABLE forgotten (id int)")
    named = '[pairing]\ntables = ["t"]\n' + SETTINGS
    with engine.opened(named, legacy=legacy.lines, modern=modern.lines) as run:
        evidence = run.audit("coverage", "*")
    assert evidence.status is Status.NOT_PROVEN
    assert [f"the {side} table " in line and "forgotten" in line for line in evidence.reasons] == [
        True
    ]


def test_coverage_goes_by_place_and_not_by_name(engine: Engine) -> None:
    """A shared table named like a tenants' table, and the reverse, are compared by nobody."""
    table = "(id int PRIMARY KEY)"
    engine.both(f"CREATE TABLE prices {table}")
    engine.both("CREATE SCHEMA t_acme")
    engine.both(f"CREATE TABLE t_acme.orders {table}")
    engine.legacy.run(f"CREATE TABLE orders {table}")
    engine.modern.run(f"CREATE TABLE t_acme.prices {table}")
    settings = '[pairing]\ntables = ["orders"]\n[tables.prices]\ntenancy = "global"\n'
    own = 'tenancy = { schema = "t_{tenant}" }'
    with engine.opened(settings, legacy=own, modern=own) as run:
        evidence = run.audit("coverage", "*")
    assert evidence.status is Status.NOT_PROVEN
    named = [line.split(" is neither")[0] for line in evidence.reasons]
    assert named == ["the legacy table public.orders", "the modern table t_acme.prices"]


def test_a_row_that_a_path_leads_to_two_tenants_is_found(
    engine: Engine, cleanup: ExitStack
) -> None:
    """A user of two tenants makes a row both tenants' on one side, and drift of one of them."""
    legacy = by_one_hop(engine.legacy, "legacy", cleanup)
    modern = by_column(engine.modern, "modern", cleanup)
    engine.legacy.run("ALTER TABLE users DROP CONSTRAINT users_pkey")
    engine.legacy.run("INSERT INTO users VALUES ('u-a1', 'b1'), ('u-a1', 'a1')")
    with engine.opened(SETTINGS, legacy=legacy.lines, modern=modern.lines) as run:
        assert _statuses(run, "a") == [Status.MATCH]
        assert seen(run.audit("b", "t")) == [("missing", ("1",), ())]


GLOBAL = "{global = true}"


def test_a_shared_table_is_compared_whole(engine: Engine) -> None:
    """A table that is global on both stacks is one check, over all its rows."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, v text)")
    engine.both("INSERT INTO t VALUES (1, 'v'), (2, 'v')")
    engine.modern.run("UPDATE t SET v = 'w' WHERE id = 2")
    with engine.opened() as run:
        assert run.context.pairs["t"].is_global
        assert not run.context.pairs["t"].can_have_strays
        evidence = run.audit("global", "t")
    assert seen(evidence) == [("changed", ("2",), ("v",))]
    assert evidence.rows.legacy == 2


@pytest.mark.parametrize("kind", ["column", "schema"])
def test_a_shared_table_that_each_tenant_got_a_copy_of(engine: Engine, kind: str) -> None:
    """A global legacy table is compared with each tenant's own copy of it."""
    engine.legacy.run("CREATE TABLE t (id int PRIMARY KEY, v text)")
    engine.legacy.run("INSERT INTO t VALUES (1, 'v'), (2, 'v')")
    if kind == "column":
        engine.modern.run("CREATE TABLE t (owner text, id int, v text, PRIMARY KEY (owner, id))")
        engine.modern.run("INSERT INTO t SELECT owner, id, 'v' FROM "
                          "(VALUES (1), (2)) x(id), (VALUES ('A'), ('B')) y(owner)")  # fmt: skip
        change = "UPDATE t SET v = 'w' WHERE owner = 'B' AND id = 2"
    else:
        for tenant in ROWS:
            engine.modern.run(f"CREATE SCHEMA s_{tenant}")
            engine.modern.run(f"CREATE TABLE s_{tenant}.t (id int PRIMARY KEY, v text)")
            engine.modern.run(f"INSERT INTO s_{tenant}.t VALUES (1, 'v'), (2, 'v')")
        change = "UPDATE s_b.t SET v = 'w' WHERE id = 2"
    modern = {"column": '{column = "owner"}', "schema": '{schema = "s_{tenant}"}'}[kind]
    legacy, modern = f"tenancy = {GLOBAL}", f"tenancy = {modern}"
    with engine.opened(SETTINGS, legacy=legacy, modern=modern) as run:
        assert _statuses(run, "a", "b") == [Status.MATCH] * 2
    engine.modern.run(change)
    with engine.opened(SETTINGS, legacy=legacy, modern=modern) as run:
        assert _statuses(run, "a") == [Status.MATCH]
        assert seen(run.audit("b", "t")) == [("changed", ("2",), ("v",))]


@pytest.mark.parametrize("kind", [by_schema, by_database], ids=_name)
def test_a_tenant_whose_place_is_gone_is_not_proven(
    engine: Engine, cleanup: ExitStack, kind: Builder
) -> None:
    """A schema or database that is not there stops its tenant's checks, and no other's."""
    legacy = by_column(engine.legacy, "legacy", cleanup)
    modern = kind(engine.modern, "modern", cleanup)
    if kind is by_schema:
        engine.modern.run("DROP SCHEMA s_b CASCADE")
        said = "the modern schema 's_b' has no tables, or does not exist"
    else:
        engine.modern.run(f"ALTER DATABASE {engine.modern.name}_b ALLOW_CONNECTIONS false")
        said = "is not currently accepting connections"
    with engine.opened(SETTINGS, legacy=legacy.lines, modern=modern.lines) as run:
        assert _statuses(run, "a", "b") == [Status.MATCH, Status.NOT_PROVEN]
        assert said in run.audit("b", "t").reasons[0]


def test_a_place_by_account_needs_one_account(engine: Engine, cleanup: ExitStack) -> None:
    """A schema named after the legacy account cannot serve a tenant of two accounts."""
    modern = by_column(engine.modern, "modern", cleanup)
    with (
        pytest.raises(SettingsError, match=r"needs one legacy account a tenant; 'a' has 2"),
        engine.opened(
            SETTINGS, legacy='tenancy = {schema = "s_{legacy_account}"}', modern=modern.lines
        ),
    ):
        pass


def test_a_table_can_have_a_tenancy_of_its_own(engine: Engine, cleanup: ExitStack) -> None:
    """A table's own tenancy takes the place of the stack's, on one side or on both."""
    by_one_hop(engine.legacy, "legacy", cleanup)
    by_column(engine.modern, "modern", cleanup)
    own = """
        [tables.t]
        tenancy = {column = "owner"}
        legacy_tenancy = {path = "owner -> users.id -> tenant"}
    """
    wrong = 'tenancy = {column = "no_such_column"}'
    with engine.opened(own + SETTINGS, legacy=wrong, modern=wrong) as run:
        assert _statuses(run, "a", "b", "unassigned") == [Status.MATCH] * 3


def test_a_broken_path_is_not_proven(engine: Engine, cleanup: ExitStack) -> None:
    """A path through a table or column that is not there is named, not followed to nowhere."""
    by_one_hop(engine.legacy, "legacy", cleanup)
    modern = by_column(engine.modern, "modern", cleanup)
    for path, said in (
        ("owner -> usrs.id -> tenant", "the table 'usrs', which a tenancy leads through"),
        ("owner -> users.uid -> tenant", "no column 'uid'"),
        ("owner -> users.id -> tennant", "no column 'tennant'"),
        ("ownr -> users.id -> tenant", "no column 'ownr'"),
    ):
        lines = f'tenancy = {{path = "{path}"}}'
        with engine.opened(SETTINGS, legacy=lines, modern=modern.lines) as run:
            for subject in ("a", "unassigned"):
                evidence = run.audit(subject, "t")
                assert evidence.status is Status.NOT_PROVEN
                assert said in evidence.reasons[0]
