"""A tenant's rows are compared, wherever each stack keeps them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_tenantparity.model import Evidence, Outcome

from ..support.engine_driver import Engine, Run, Seen, seen
from ..support.postgresql import Cluster, Database, new_database

# Tenant a has two legacy accounts. Each value is the owner of one row.
OWNERS = {
    "legacy": {"a": ["a1", "a2"], "b": ["b1"]},
    "modern": {"a": ["A", "A"], "b": ["B"]},
}
ROWS = {"a": [1, 2], "b": [3]}

TENANTS = """
    [ignore.tables]
    users = "leads to the tenant"
    members = "leads to the tenant"
    orgs = "leads to the tenant"
    codes = "leads to the tenant"
    [tenants.a]
    legacy_accounts = ["a1", "a2"]
    modern_id = "A"
    [tenants.b]
    legacy_account = "b1"
    modern_id = "B"
"""
SETTINGS = f"""
    [tables.t.ignore]
    owner = "leads to the tenant"
    {TENANTS}
"""
OWN = "CREATE TABLE {table} (id int PRIMARY KEY, v text)"


@dataclass(frozen=True)
class Layout:
    """One side's tables, and how to reach a tenant's part of them."""

    tenancy: str
    run: Callable[[str, str], object]

    @property
    def lines(self) -> str:
        """The side's line in the settings."""
        return f"tenancy = {self.tenancy}"


Builder = Callable[[Database, str, Iterable[str], ExitStack], Layout]


def _shared_tables(
    database: Database, side: str, tables: Iterable[str], tenancy: str, prefix: str
) -> Layout:
    for table in tables:
        database.run(f"CREATE TABLE {table} (id int PRIMARY KEY, v text, owner text)")
        for tenant, owners in OWNERS[side].items():
            for row, owner in zip(ROWS[tenant], owners, strict=True):
                database.run(f"INSERT INTO {table} VALUES ({row}, 'v', '{prefix}{owner}')")
    return Layout(tenancy, lambda _, statement: database.run(statement))


def _owners(side: str) -> list[str]:
    return sorted({owner for owners in OWNERS[side].values() for owner in owners})


def by_column(database: Database, side: str, tables: Iterable[str], _: ExitStack) -> Layout:
    """A column of the table holds the tenant's value."""
    return _shared_tables(database, side, tables, '{column = "owner"}', "")


def by_one_hop(database: Database, side: str, tables: Iterable[str], _: ExitStack) -> Layout:
    """A column leads to a row of another table, which holds the tenant's value."""
    database.run("CREATE TABLE users (id text PRIMARY KEY, tenant text)")
    for owner in _owners(side):
        database.run("INSERT INTO users VALUES (%s, %s)", f"u-{owner}", owner)
    path = '{path = "owner -> users.id -> tenant"}'
    return _shared_tables(database, side, tables, path, "u-")


def by_two_hops(database: Database, side: str, tables: Iterable[str], _: ExitStack) -> Layout:
    """A column leads through two other tables to the tenant's value."""
    database.run("CREATE TABLE members (id text PRIMARY KEY, org int)")
    database.run("CREATE TABLE orgs (id int PRIMARY KEY, tenant text)")
    for number, owner in enumerate(_owners(side)):
        database.run("INSERT INTO orgs VALUES (%s, %s)", number, owner)
        database.run("INSERT INTO members VALUES (%s, %s)", f"u-{owner}", number)
    path = '{path = "TABLE.owner -> members.id -> org -> orgs.id -> orgs.tenant"}'
    return _shared_tables(database, side, tables, path, "u-")


def by_sql(database: Database, side: str, tables: Iterable[str], _: ExitStack) -> Layout:
    """SQL of the settings looks the tenant's value up in another table."""
    database.run("CREATE TABLE codes (code text PRIMARY KEY, tenant text)")
    for owner in _owners(side):
        database.run("INSERT INTO codes VALUES (%s, %s)", f"q-{owner}", owner)
    case = "CASE WHEN owner LIKE 'q-%' THEN (SELECT tenant FROM codes WHERE code = TABLE.owner) END"
    return _shared_tables(database, side, tables, f'{{sql = "{case}"}}', "q-")


def by_schema(database: Database, _: str, tables: Iterable[str], __: ExitStack) -> Layout:
    """Each tenant has a schema."""

    def run(tenant: str, statement: str) -> object:
        return database.run(f"SET search_path = s_{tenant}; {statement}; RESET search_path")

    for tenant, rows in ROWS.items():
        database.run(f"CREATE SCHEMA s_{tenant}")
        for table in tables:
            run(tenant, OWN.format(table=table))
            run(tenant, f"INSERT INTO {table} SELECT unnest(ARRAY{rows}), 'v'")
    return Layout('{schema = "s_{tenant}"}', run)


def by_database(database: Database, _: str, tables: Iterable[str], cleanup: ExitStack) -> Layout:
    """Each tenant has a database."""
    homes = {
        tenant: new_database(database.cluster, name=f"{database.name}_{tenant}") for tenant in ROWS
    }
    for tenant, rows in ROWS.items():
        cleanup.callback(homes[tenant].drop)
        for table in tables:
            homes[tenant].run(OWN.format(table=table))
            homes[tenant].run(f"INSERT INTO {table} SELECT unnest(ARRAY{rows}), 'v'")
    template = f'{{database = "{database.name}_{{tenant}}"}}'
    return Layout(template, lambda tenant, statement: homes[tenant].run(statement))


KINDS: dict[str, Builder] = {
    "column": by_column,
    "one_hop": by_one_hop,
    "two_hops": by_two_hops,
    "sql": by_sql,
    "schema": by_schema,
    "database": by_database,
}
LEADING = {"column", "one_hop", "two_hops", "sql"}
PAIRS = {f"{legacy}_and_{modern}": (legacy, modern) for legacy in KINDS for modern in KINDS}


@pytest.fixture
def cleanup() -> Iterator[ExitStack]:
    """Undo the setup after the test."""
    with ExitStack() as stack:
        yield stack


def _statuses(run: Run, *subjects: str) -> list[Outcome]:
    return [
        run.audit(subject, "*" if subject == "coverage" else "t").outcome for subject in subjects
    ]


# ---- every layout against every other: a table for each pair, all in one database a side

Found = dict[tuple[str, str], Evidence]


@dataclass(frozen=True)
class Everywhere:
    """The findings in a table of each pair of layouts, by table and subject."""

    equal: Found
    changed: Found


@pytest.fixture(scope="module")
def everywhere(
    legacy_cluster: Cluster, modern_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Everywhere]:
    """Audit equal rows, and the same tables after some changes of both sides."""
    with ExitStack() as cleanup:
        databases = [new_database(each) for each in (legacy_cluster, modern_cluster)]
        for each in databases:
            cleanup.callback(each.drop)
        legacy, modern = (
            {
                kind: build(database, side, [t for t, pair in PAIRS.items() if pair[n] == kind],
                            cleanup)
                for kind, build in KINDS.items()
            }
            for n, (side, database) in enumerate(zip(OWNERS, databases, strict=True))
        )  # fmt: skip
        equal = _audits(databases, tmp_path_factory.mktemp("equal"), legacy, modern)
        for layouts in (legacy, modern):
            for kind in ("column", "schema", "database"):
                layouts[kind].run("b", f"CREATE TABLE forgotten_by_{kind} (id int)")
        for table, (here, there) in PAIRS.items():
            modern[there].run("a", f"UPDATE {table} SET v = 'w' WHERE id = 2")
            owner = ", owner" if here in LEADING else ""
            legacy[here].run(
                "b", f"INSERT INTO {table} SELECT 4, 'v'{owner} FROM {table} WHERE id = 3"
            )
            if here in LEADING:
                legacy[here].run("", f"INSERT INTO {table} VALUES (9, 'v', NULL)")
            if there in LEADING:
                modern[there].run("", f"INSERT INTO {table} VALUES (8, 'v', 'nobody')")
        changed = _audits(databases, tmp_path_factory.mktemp("changed"), legacy, modern)
        yield Everywhere(equal, changed)


def _audits(
    databases: list[Database],
    folder: Path,
    legacy: dict[str, Layout],
    modern: dict[str, Layout],
) -> Found:
    engine = Engine(databases[0], databases[1], folder)
    more = [f"[pairing]\ntables = {list(PAIRS)}"]
    for table, (here, there) in PAIRS.items():
        tenancies = {"legacy": legacy[here].tenancy, "modern": modern[there].tenancy}
        more += [
            f"[tables.{table}]",
            *(f"{side}_tenancy = {each.replace('TABLE', table)}"
              for side, each in tenancies.items()),
            f'[tables.{table}.ignore]\nowner = "leads to the tenant"',
        ]  # fmt: skip
    stacks = legacy["column"].lines, modern["column"].lines
    with engine.opened("\n".join([*more, TENANTS]), legacy=stacks[0], modern=stacks[1]) as run:
        checks = [(table, tenant) for tenant in ROWS for table in PAIRS]
        checks += [(t, "unassigned") for t, pair in PAIRS.items() if {*pair} & LEADING]
        checks.append(("*", "coverage"))
        return {(table, subject): run.audit(subject, table) for table, subject in checks}


def _of(found: Found, subject: str) -> dict[str, list[Seen]]:
    """Return the findings of one subject in each pair's table."""
    return {table: sorted(seen(each)) for (table, who), each in found.items() if who == subject}


def test_every_layout_against_every_other(everywhere: Everywhere) -> None:
    """Each tenant's rows match, and a change or a loss is found for its tenant alone."""
    rows = {
        (table, tenant): (found.outcome, found.rows.legacy)
        for (table, tenant), found in everywhere.equal.items()
        if tenant in ROWS
    }
    assert rows == {
        (table, tenant): (Outcome.PROVEN, len(own))
        for tenant, own in ROWS.items()
        for table in PAIRS
    }
    assert everywhere.equal["*", "coverage"].outcome is Outcome.PROVEN
    assert _of(everywhere.changed, "a") == {t: [("changed", ("2",), ("v",))] for t in PAIRS}
    assert _of(everywhere.changed, "b") == {t: [("missing", ("4",), ())] for t in PAIRS}


def test_rows_of_nobody_are_found_in_every_layout(everywhere: Everywhere) -> None:
    """If a column leads to the tenant, a row that it leads to no tenant is named."""
    clean = {
        table: (each.outcome, each.reasons)
        for (table, who), each in everywhere.equal.items()
        if who == "unassigned"
    }
    assert clean == dict.fromkeys(clean, (Outcome.PROVEN, ()))
    expected = {
        table: [("extra", ("8",), ())] * (there in LEADING)
        + [("missing", ("9",), ())] * (here in LEADING)
        for table, (here, there) in PAIRS.items()
        if {here, there} & LEADING
    }
    assert _of(everywhere.changed, "unassigned") == expected


def test_a_table_of_no_pair_is_named_in_every_layout(everywhere: Everywhere) -> None:
    """A table that is neither compared nor ignored is NOT PROVEN, wherever the tables are."""
    coverage = everywhere.changed["*", "coverage"]
    assert coverage.outcome is Outcome.NOT_PROVEN
    assert sorted(line.split(" is neither")[0] for line in coverage.reasons) == [
        f"the {side} table {schema}.forgotten_by_{kind}"
        for side in OWNERS
        for schema, kind in (("public", "column"), ("public", "database"), ("s_b", "schema"))
    ]


# ---- other effects of the layout


def test_coverage_goes_by_place_and_not_by_name(engine: Engine) -> None:
    """A global table named like a tenants' table is not covered by it, and the reverse."""
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
    assert evidence.outcome is Outcome.NOT_PROVEN
    named = [line.split(" is neither")[0] for line in evidence.reasons]
    assert named == ["the legacy table public.orders", "the modern table t_acme.prices"]


def test_a_row_that_a_path_leads_to_two_tenants_is_found(
    engine: Engine, cleanup: ExitStack
) -> None:
    """A user of two tenants gives a row to both on one side, which is drift of one of them."""
    legacy = by_one_hop(engine.legacy, "legacy", ["t"], cleanup)
    modern = by_column(engine.modern, "modern", ["t"], cleanup)
    engine.legacy.run("ALTER TABLE users DROP CONSTRAINT users_pkey")
    engine.legacy.run("INSERT INTO users VALUES ('u-a1', 'b1'), ('u-a1', 'a1')")
    with engine.opened(SETTINGS, legacy=legacy.lines, modern=modern.lines) as run:
        assert _statuses(run, "a") == [Outcome.PROVEN]
        assert seen(run.audit("b", "t")) == [("missing", ("1",), ())]


def test_a_shared_table_is_compared_whole(engine: Engine) -> None:
    """A table that is global on both stacks is one check, over all its rows."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, v text)")
    engine.both("INSERT INTO t VALUES (1, 'v'), (2, 'v')")
    engine.modern.run("UPDATE t SET v = 'w' WHERE id = 2")
    with engine.opened() as run:
        assert run.context.pairs["t"].is_global
        assert not run.context.pairs["t"].can_have_unassigned
        evidence = run.audit("global", "t")
    assert seen(evidence) == [("changed", ("2",), ("v",))]
    assert evidence.rows.legacy == 2


def test_a_shared_table_that_each_tenant_got_a_copy_of(engine: Engine) -> None:
    """A global legacy table is compared with each tenant's own copy, by column or by schema."""
    for table in ("by_column", "by_schema"):
        engine.legacy.run(f"CREATE TABLE {table} (id int PRIMARY KEY, v text)")
        engine.legacy.run(f"INSERT INTO {table} VALUES (1, 'v'), (2, 'v')")
    engine.modern.run(
        "CREATE TABLE by_column (owner text, id int, v text, PRIMARY KEY (owner, id));"
        "INSERT INTO by_column SELECT owner, id, 'v' "
        "FROM (VALUES (1), (2)) x(id), (VALUES ('A'), ('B')) y(owner)"
    )
    for tenant in ROWS:
        engine.modern.run(
            f"CREATE SCHEMA s_{tenant};"
            f"CREATE TABLE s_{tenant}.by_schema (id int PRIMARY KEY, v text);"
            f"INSERT INTO s_{tenant}.by_schema VALUES (1, 'v'), (2, 'v')"
        )
    legacy, modern = "tenancy = {global = true}", 'tenancy = {column = "owner"}'
    own = '[tables.by_schema]\nmodern_tenancy = {schema = "s_{tenant}"}\n' + SETTINGS
    checks = [(table, tenant) for table in ("by_column", "by_schema") for tenant in ROWS]
    with engine.opened(own, legacy=legacy, modern=modern) as run:
        statuses = {(table, tenant): run.audit(tenant, table).outcome for table, tenant in checks}
    assert statuses == dict.fromkeys(checks, Outcome.PROVEN)
    engine.modern.run("UPDATE by_column SET v = 'w' WHERE owner = 'B' AND id = 2")
    engine.modern.run("UPDATE s_b.by_schema SET v = 'w' WHERE id = 2")
    with engine.opened(own, legacy=legacy, modern=modern) as run:
        found = {(table, tenant): run.audit(tenant, table) for table, tenant in checks}
    changed = [("changed", ("2",), ("v",))]
    drifts = {"a": (Outcome.PROVEN, []), "b": (Outcome.REFUTED, changed)}
    assert {check: (each.outcome, seen(each)) for check, each in found.items()} == {
        (table, tenant): drifts[tenant] for table, tenant in checks
    }


def test_a_tenant_whose_place_is_gone_is_not_proven(engine: Engine, cleanup: ExitStack) -> None:
    """A missing schema or database stops its tenant's checks, and no other tenant's."""
    tables = ("by_schema", "by_database")
    legacy = by_column(engine.legacy, "legacy", tables, cleanup)
    own = ""
    for build in (by_schema, by_database):
        tenancy = build(engine.modern, "modern", [build.__name__], cleanup).tenancy
        own += f"[tables.{build.__name__}]\nmodern_tenancy = {tenancy}\n"
        own += f'[tables.{build.__name__}.ignore]\nowner = "leads to the tenant"\n'
    engine.modern.run("DROP SCHEMA s_b CASCADE")
    engine.modern.run(f"ALTER DATABASE {engine.modern.name}_b ALLOW_CONNECTIONS false")
    with engine.opened(own + TENANTS, legacy=legacy.lines, modern=legacy.lines) as run:
        found = {(table, tenant): run.audit(tenant, table) for table in tables for tenant in ROWS}
    expected = {"a": Outcome.PROVEN, "b": Outcome.NOT_PROVEN}
    assert {check: each.outcome for check, each in found.items()} == {
        (table, tenant): expected[tenant] for table in tables for tenant in ROWS
    }
    said = {table: found[table, "b"].reasons[0] for table in tables}
    assert "the modern schema 's_b' has no tables, or does not exist" in said["by_schema"]
    assert "is not currently accepting connections" in said["by_database"]


def test_a_table_can_have_a_tenancy_of_its_own(engine: Engine, cleanup: ExitStack) -> None:
    """A table's own tenancy replaces the stack's, on one side or on both."""
    by_one_hop(engine.legacy, "legacy", ["t"], cleanup)
    by_column(engine.modern, "modern", ["t"], cleanup)
    own = """
        [tables.t]
        tenancy = {column = "owner"}
        legacy_tenancy = {path = "owner -> users.id -> tenant"}
    """
    wrong = 'tenancy = {column = "no_such_column"}'
    with engine.opened(own + SETTINGS, legacy=wrong, modern=wrong) as run:
        assert _statuses(run, "a", "b", "unassigned") == [Outcome.PROVEN] * 3


# A path with one wrong name, and the reason given for it.
BROKEN = {
    "owner -> usrs.id -> tenant": "the table 'usrs', which a tenancy leads through",
    "owner -> users.uid -> tenant": "no column 'uid'",
    "owner -> users.id -> tennant": "no column 'tennant'",
    "ownr -> users.id -> tenant": "no column 'ownr'",
}


def test_a_broken_path_is_not_proven(engine: Engine, cleanup: ExitStack) -> None:
    """If a path's table or column does not exist, the reason names it."""
    paths = {f"t{n}": path for n, path in enumerate(BROKEN)}
    by_one_hop(engine.legacy, "legacy", paths, cleanup)
    modern = by_column(engine.modern, "modern", paths, cleanup)
    own = "".join(
        f'[tables.{table}]\nlegacy_tenancy = {{path = "{path}"}}\n'
        f'[tables.{table}.ignore]\nowner = "leads to the tenant"\n'
        for table, path in paths.items()
    )
    with engine.opened(own + TENANTS, legacy=modern.lines, modern=modern.lines) as run:
        found = {
            (path, subject): run.audit(subject, table)
            for table, path in paths.items()
            for subject in ("a", "unassigned")
        }
    assert {
        check for check, each in found.items() if each.outcome is not Outcome.NOT_PROVEN
    } == set()
    unnamed = {
        check: each.reasons for check, each in found.items()
        if BROKEN[check[0]] not in each.reasons[0]
    }  # fmt: skip
    assert unnamed == {}
