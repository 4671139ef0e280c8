"""A match means equal, and a difference is named exactly: tenants and scope in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_tenantparity.config import load_settings
from pytest_tenantparity.model import Evidence, NamedRule, Outcome, RowCounts
from pytest_tenantparity.wire import to_wire

from ..support.changed_tables import checks
from ..support.engine_driver import Engine, opened
from ..support.expectations import assert_drift, assert_match, assert_not_proven
from ..support.postgresql import Cluster, new_database

BY_TENANT = 'tenancy = {column = "tenant"}'
TENANTS = "[tenants.a]\n[tenants.b]\n"


# ---- comparisons that prove nothing

# SQL for either side, settings, and words of the reason. {t} is the table.
NOT_PROVEN: list[tuple[str, str, str, str, tuple[str, ...]]] = [
    (
        "a filter that empties both sides",
        "CREATE TABLE {t} (id int PRIMARY KEY, state text); INSERT INTO {t} VALUES (1, 'x')",
        "CREATE TABLE {t} (id int PRIMARY KEY, state text); INSERT INTO {t} VALUES (1, 'x')",
        """[tables.{t}.legacy_filter]
        sql = "state = 'actve'"
        reason = "only active rows"
        [tables.{t}.modern_filter]
        sql = "state = 'actve'"
        reason = "only active rows" """,
        ("no rows in '{t}' on either side",),
    ),
    *(
        (
            f"one error on both sides: {sql}",
            "CREATE TABLE {t} (id int PRIMARY KEY, v int); INSERT INTO {t} VALUES (1, 0)",
            "CREATE TABLE {t} (id int PRIMARY KEY, v int); INSERT INTO {t} VALUES (1, 0)",
            f'[tables.{{t}}.columns.v]\nlegacy_sql = "{sql}"\nmodern_sql = "{sql}"',
            (reason,),
        )
        for sql, reason in (("1 / v", "division by zero"), ("no_such_column", "no_such_column"))
    ),
    (
        "settings for a column that is not there",
        "CREATE TABLE {t} (id int PRIMARY KEY, amount int); INSERT INTO {t} VALUES (1, 1)",
        "CREATE TABLE {t} (id int PRIMARY KEY, amount int); INSERT INTO {t} VALUES (1, 1)",
        "[tables.{t}.columns.amuont.tolerance]\nabsolute = 1",
        ("'amuont'",),
    ),
    (
        "no modern table",
        "CREATE TABLE {t} (id int PRIMARY KEY)",
        "",
        "",
        ("the modern stack has no table public.{t}",),
    ),
    (
        "no legacy table",
        "",
        "CREATE TABLE {t} (id int PRIMARY KEY)",
        "",
        ("the legacy stack has no table public.{t}",),
    ),
    (
        "no rows",
        "CREATE TABLE {t} (id int PRIMARY KEY)",
        "CREATE TABLE {t} (id int PRIMARY KEY)",
        "",
        ("no rows in '{t}'",),
    ),
]


def test_what_finds_nothing_to_compare_is_not_proven(engine: Engine) -> None:
    """A typo in a filter or in a column's name is named, and so is an error of both sides.

    A table that is on one side only is still planned, and named. No rows prove nothing.
    """
    settings = ""
    for number, (_, legacy, modern, more, _) in enumerate(NOT_PROVEN):
        engine.legacy.run(legacy.replace("{t}", f"t{number}"))
        engine.modern.run(modern.replace("{t}", f"t{number}"))
        settings += more.replace("{t}", f"t{number}") + "\n"
    with checks(engine, settings) as check:
        for number, (label, *_, words) in enumerate(NOT_PROVEN):
            with check(label, f"t{number}") as evidence:
                assert_not_proven(evidence, *(word.replace("{t}", f"t{number}") for word in words))


def test_a_missing_column_is_not_proven(engine: Engine) -> None:
    """A column that is on one side only is named, and the rest is compared.

    The same holds if the settings give it a partner that does not exist.
    """
    sides = {"legacy": engine.legacy, "modern": engine.modern}
    for side, database in sides.items():
        for table in (side, f"{side}_named"):
            engine.both(f"CREATE TABLE {table} (id int PRIMARY KEY, w int)")
            database.run(f"ALTER TABLE {table} ADD v int")
            engine.both(f"INSERT INTO {table} VALUES (1, 1)")
    more = "".join(f'[tables.{side}_named.columns.v]\nmodern = "vv"\n' for side in sides)
    with checks(engine, more) as check:
        for side in sides:
            with check(f"{side} only", side) as evidence:
                assert_not_proven(evidence, f"column 'v' of '{side}'")
            with check(f"{side} only, with a partner", f"{side}_named") as evidence:
                assert_not_proven(evidence, "'v'")
    engine.modern.run("UPDATE legacy SET w = 2; UPDATE modern SET w = 2")
    with checks(engine, more) as check:
        for side in sides:
            with check(f"{side} only, beside a change", side) as evidence:
                assert_drift(evidence, ("changed", ("1",), ("w",)))


def test_a_table_or_column_of_the_tenancy_is_not_dropped(engine: Engine) -> None:
    """A table in which no tenant can be found is named.

    A legacy column that leads to the tenant is data if a tenant has two accounts, or if a path
    starts at it. Its loss is then reported.
    """
    engine.legacy.run("CREATE TABLE bare (id int PRIMARY KEY, tenant text)")
    engine.modern.run("CREATE TABLE bare (id int PRIMARY KEY)")
    engine.legacy.run("CREATE TABLE accounts (id int PRIMARY KEY, account text)")
    engine.legacy.run("INSERT INTO accounts VALUES (1, 'a1'), (2, 'a2')")
    engine.legacy.run("CREATE TABLE users (id int PRIMARY KEY, tenant text)")
    engine.legacy.run("CREATE TABLE paths (id int PRIMARY KEY, user_id int)")
    engine.legacy.run("INSERT INTO users VALUES (1, 'a1'), (2, 'a1')")
    engine.legacy.run("INSERT INTO paths VALUES (1, 1), (2, 2)")
    for table in ("accounts", "paths"):
        engine.modern.run(f"CREATE TABLE {table} (id int PRIMARY KEY, tenant text)")
        engine.modern.run(f"INSERT INTO {table} VALUES (1, 'acme'), (2, 'acme')")
    more = """
        [tables.accounts]
        legacy_tenancy = {column = "account"}
        [tables.paths]
        legacy_tenancy = {path = "user_id -> users.id -> tenant"}
        [tenants.acme]
        legacy_accounts = ["a1", "a2"]
    """
    with checks(engine, more, legacy=BY_TENANT, modern=BY_TENANT) as check:
        with check("no column of the tenant", "bare", "acme") as evidence:
            assert_not_proven(evidence, "public.bare", "no column 'tenant'")
        with check("the column of two accounts", "accounts", "acme") as evidence:
            assert_not_proven(evidence, "column 'account' of 'accounts'")
        with check("the column that starts a path", "paths", "acme") as evidence:
            assert_not_proven(evidence, "column 'user_id' of 'paths'")


def test_no_rows_of_a_tenant_are_not_proven(engine: Engine) -> None:
    """A wrong tenant id that finds no row on either side proves nothing.

    A reason why one tenant has no rows does not count for another tenant.
    """
    engine.both("CREATE TABLE t (id int PRIMARY KEY, tenant text)")
    engine.both("INSERT INTO t VALUES (1, 'acme')")
    engine.both("CREATE TABLE declared (id int PRIMARY KEY, tenant text)")
    more = f"""
        [tables.declared]
        empty = {{a = "never traded"}}
        [tenants.acme]
        legacy_account = "Acme"
        modern_id = "Acme"
        {TENANTS}
    """
    with checks(engine, more, legacy=BY_TENANT, modern=BY_TENANT) as check:
        with check("wrong ids", "t", "acme") as evidence:
            assert_not_proven(evidence, "'acme' has no rows in 't'", "check its ids")
        with check("declared empty", "declared", "a") as evidence:
            assert_match(evidence, rows=0)
        with check("declared for another tenant", "declared", "b") as evidence:
            assert_not_proven(evidence, "'b' has no rows")


def test_declared_empty_is_a_match(engine: Engine) -> None:
    """No rows on both sides are a match if the settings give the reason.

    The reason does not excuse lost rows: rows on one side only are missing or extra, one by one.
    """
    reasons = {"whole": '"none were ever made"', "by_subject": '{global = "none were ever made"}'}
    lost = {f"{table}_lost": reason for table, reason in reasons.items()}
    for table in (*reasons, *lost, "undeclared", "undeclared_new"):
        engine.both(f"CREATE TABLE {table} (id int PRIMARY KEY)")
    for table in lost:
        engine.legacy.run(f"INSERT INTO {table} VALUES (1)")
    engine.legacy.run("INSERT INTO undeclared VALUES (1), (2)")
    engine.modern.run("INSERT INTO undeclared_new VALUES (3)")
    declared = {**reasons, **lost}.items()
    more = "".join(f"[tables.{table}]\nempty = {reason}\n" for table, reason in declared)
    with checks(engine, more) as check:
        for table in reasons:
            with check(table, table) as evidence:
                assert_match(evidence, rows=0)
                assert evidence.rules == (NamedRule("declared empty: none were ever made"),)
        for table in lost:
            with check(table, table) as evidence:
                assert_drift(evidence, ("missing", ("1",), ()))
        with check("no modern rows", "undeclared") as evidence:
            assert_drift(evidence, ("missing", ("1",), ()), ("missing", ("2",), ()))
        with check("no legacy rows", "undeclared_new") as evidence:
            assert_drift(evidence, ("extra", ("3",), ()))


def test_different_filters_on_each_side_can_match(engine: Engine) -> None:
    """Each side filters its own rows, for a reason in the report, and the rest is compared."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, note text)")
    engine.legacy.run("INSERT INTO t VALUES (1, '50% off'), (2, 'old')")
    engine.modern.run("INSERT INTO t VALUES (1, '50% off'), (3, 'new')")
    more = """
        [tables.t.legacy_filter]
        sql = "note LIKE '%off' -- or so"
        reason = "old rows were archived"
        [tables.t.modern_filter]
        sql = "note LIKE '50%' AND note <> ':x'"
        reason = "born after the move"
    """
    broken = engine.audit(more=more)
    assert_not_proven(broken, "syntax error")  # a comment must not swallow the rest
    evidence = engine.audit(more=more.replace(" -- or so", ""))
    assert_match(evidence, rows=1)
    assert [each.rule for each in evidence.rules] == [
        "legacy rows only where note LIKE '%off': old rows were archived",
        "modern rows only where note LIKE '50%' AND note <> ':x': born after the move",
    ]


@pytest.fixture
def auditor(engine: Engine) -> str:
    """A role of the modern stack that may read the tables, and nothing else."""
    role = engine.modern.new_role()
    engine.modern.run(f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {role}")
    return role


def _as(engine: Engine, role: str, tenancy: str = 'tenancy = "global"') -> str:
    return f'url = "{engine.modern.url_of(role)}"\n{tenancy}'


POLICIES = {"t1": "true", "t2": "false", "t3": "id = 1"}


def test_row_security_and_missing_rights_are_never_a_match(engine: Engine, auditor: str) -> None:
    """If row-level security could hide rows from the audit's role, nothing is proven.

    The same holds for a policy that hides no row, for a table on the path to the tenant, and for a
    table behind a view. Without SELECT on a table, or on one of its columns, nothing is proven. The
    reason names the right to grant, and the column is not left out.
    """
    for table, policy in POLICIES.items():
        engine.both(f"CREATE TABLE {table} (id int PRIMARY KEY); INSERT INTO {table} VALUES (1)")
        engine.modern.run(f"INSERT INTO {table} VALUES (2)")
        engine.modern.run(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        engine.modern.run(f"CREATE POLICY p ON {table} USING ({policy})")
    engine.both("CREATE TABLE accounts (id int PRIMARY KEY, tenant text)")
    engine.both("CREATE TABLE hop (id int PRIMARY KEY, account int)")
    engine.both("INSERT INTO accounts VALUES (1, 'acme'); INSERT INTO hop VALUES (1, 1)")
    engine.modern.run("ALTER TABLE accounts ENABLE ROW LEVEL SECURITY")
    engine.legacy.run("CREATE TABLE seen (id int PRIMARY KEY); INSERT INTO seen VALUES (1)")
    engine.modern.run("CREATE TABLE stored (id int PRIMARY KEY); INSERT INTO stored VALUES (1)")
    engine.modern.run("CREATE VIEW seen WITH (security_invoker) AS SELECT * FROM stored")
    engine.modern.run("ALTER TABLE stored ENABLE ROW LEVEL SECURITY")
    for table in ("free", "shut", "half"):
        engine.both(f"CREATE TABLE {table} (id int PRIMARY KEY, v int)")
        engine.both(f"INSERT INTO {table} VALUES (1, 1)")
    engine.modern.run(f"REVOKE SELECT ON shut, half FROM {auditor}")
    engine.modern.run(f"GRANT SELECT (id) ON half TO {auditor}")
    more = '[tables.hop]\ntenancy = {path = "account -> accounts.id -> tenant"}'
    with checks(engine, more, modern=_as(engine, auditor)) as check:
        for table, policy in POLICIES.items():
            with check(f"policy {policy}", table) as evidence:
                assert_not_proven(evidence, "row-level security", "BYPASSRLS")
        with check("a policy on the path", "hop", "acme") as evidence:
            assert_not_proven(evidence, "row-level security")
        with check("a policy behind a view", "seen") as evidence:
            assert_not_proven(evidence, "row-level security")
        with check("all rights", "free") as evidence:
            assert_match(evidence, rows=1)
        with check("no right on a table", "shut") as evidence:
            refused = "permission denied for table shut"
            assert_not_proven(evidence, refused, "grant the audit's role SELECT")
        with check("no right on a column", "half") as evidence:
            refused = "permission denied for table half"
            assert_not_proven(evidence, refused, "grant the audit's role SELECT")
    with checks(engine) as check:  # a superuser, who sees all rows
        for table, policy in POLICIES.items():
            with check(f"policy {policy}, by a superuser", table) as evidence:
                assert_drift(evidence, ("extra", ("2",), ()))


def test_a_stack_that_cannot_be_reached_is_not_proven(engine: Engine) -> None:
    """An unreachable stack is a reason that names it, not an exception."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY)")
    gone = 'url = "postgresql://postgres@127.0.0.1:1/x"\ntenancy = "global"\nconnect_timeout = 2'
    with engine.opened("[pairing]\ntables = ['t']", modern=gone) as run:
        assert_not_proven(run.audit("global", "t"), "modern (127.0.0.1:1/x)")


def test_an_unset_variable_is_not_proven(engine: Engine) -> None:
    """A URL whose variable is not set is a reason that names the variable."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY)")
    unset = 'url = "${MODERN_URL}"\ntenancy = "global"'
    evidence = engine.audit(more="[pairing]\ntables = ['t']", modern=unset, environment={})
    assert_not_proven(evidence, "the environment variable MODERN_URL is not set")


# ---- one database behind two URLs


@pytest.fixture
def one_database(engine: Engine) -> Engine:
    """An engine of which only the modern database has the table."""
    engine.modern.run("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    return engine


def _same(engine: Engine, url: str, more: str = "") -> Evidence:
    return engine.audit(legacy=f'url = "{url}"\ntenancy = "global"', more=more)


def test_one_database_twice_is_not_proven(one_database: Engine) -> None:
    """A database compared with itself proves nothing, by one socket or by a socket and TCP."""
    modern = one_database.modern
    for url in (modern.url, modern.cluster.tcp_url(modern.name)):
        assert_not_proven(_same(one_database, url), "the same database", "same_database")


def test_one_table_twice_is_not_proven_even_where_one_database_is_meant(
    one_database: Engine,
) -> None:
    """A reason to compare a database with itself does not allow one table on both sides."""
    reason = 'same_database = "the tables were renamed in place"\n'
    url = one_database.modern.url
    legacy = f'url = "{url}"\ntenancy = "global"'
    path = one_database.folder / "tenantparity.toml"
    one_database.settings(legacy=legacy)
    path.write_text(reason + path.read_text(encoding="utf-8"), encoding="utf-8")
    assert_not_proven(_audit_file(path, "t"), "read the same table 't'")


def test_one_database_is_a_match_of_two_tables_where_it_is_meant(one_database: Engine) -> None:
    """With a reason, two tables of one database can be compared."""
    one_database.modern.run("CREATE TABLE new_t AS TABLE t")
    more = '[pairing]\nmodern = "new_{table}"\n[ignore.tables]\nnew_t = "a partner"'
    legacy = f'url = "{one_database.modern.url}"\ntenancy = "global"'
    path = one_database.folder / "tenantparity.toml"
    one_database.settings(more, legacy=legacy)
    reason = 'same_database = "the tables were copied in place"\n'
    path.write_text(reason + path.read_text(encoding="utf-8"), encoding="utf-8")
    assert_match(_audit_file(path, "t"), rows=1)
    one_database.modern.run("DELETE FROM new_t")
    assert_drift(_audit_file(path, "t"), ("missing", ("1",), ()))


def _audit_file(path: Path, table: str) -> Evidence:
    with opened(load_settings(path)) as run:
        return run.audit("global", table)


@pytest.fixture
def _private_identity(one_database: Engine) -> Iterator[None]:
    """Hide the server's identity from the role, as managed services may."""
    one_database.modern.run("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
    yield
    one_database.modern.run("GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC")


@pytest.mark.usefixtures("_private_identity")
def test_a_server_that_keeps_its_identity_can_be_audited(one_database: Engine) -> None:
    """A role that may not read the server's identity can still audit it.

    One database is still recognised if only one of two roles may read the server's identity.
    """
    role = one_database.modern.new_role()
    one_database.modern.run(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    evidence = _same(one_database, one_database.modern.url_of(role))
    assert_not_proven(evidence, "the same database")
    one_database.legacy.run("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    assert_match(one_database.audit(modern=_as(one_database, role)), rows=1)


def test_two_databases_of_one_server_are_compared(
    engine: Engine, modern_cluster: Cluster, tmp_path: Path
) -> None:
    """Two databases of one server are two stacks, and so are two schemas of one database."""
    other = new_database(modern_cluster)
    pair = Engine(other, engine.modern, tmp_path)
    pair.both("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    assert_match(pair.audit(), rows=1)
    other.run("CREATE SCHEMA new; CREATE TABLE new.t (id int); INSERT INTO new.t VALUES (1), (2)")
    modern = f'url = "{other.url}"\nschema = "new"\ntenancy = "global"'
    evidence = pair.audit(modern=modern)
    other.drop()
    assert_drift(evidence, ("extra", ("2",), ()))


# ---- tenancy

STAMPS = {"nobody1": "NULL", "nobody2": "''", "nobody3": "'A'", "nobody4": "'a '", "nobody5": "'c'"}
NOBODYS = """
    [tables.declared]
    unassigned = {legacy = "test rows of 2019"}
    [tables.masked.columns.id]
    mask = true
"""


def test_rows_of_another_tenant_and_of_nobody(engine: Engine) -> None:
    """A row of A that is stamped B is missing for A and extra for B, but not unassigned.

    A row whose tenant is NULL or unknown is missing for its owner, and is reported as unassigned.
    Rows of no tenant are found on each side, also if both sides have them. If the settings give a
    reason for the unassigned rows of one side, these are counted. The unassigned rows of the other
    side are still drift. A finding of an unassigned row contains no masked value.
    """
    for table in (*STAMPS, "stamped", "both_sides", "declared", "declared_late", "masked"):
        kind = "text" if table == "masked" else "int"
        engine.both(f"CREATE TABLE {table} (id {kind}, tenant text)")
        if kind == "int":
            engine.both(f"ALTER TABLE {table} ADD PRIMARY KEY (id)")
        engine.both(f"INSERT INTO {table} VALUES (1, 'a'), (2, 'a'), (3, 'b'), (4, 'b')")
    engine.modern.run("UPDATE stamped SET tenant = 'b' WHERE id = 2")
    for table, stamp in STAMPS.items():
        engine.modern.run(f"UPDATE {table} SET tenant = {stamp} WHERE id = 2")
    engine.both("INSERT INTO both_sides VALUES (9, NULL)")
    engine.legacy.run("INSERT INTO declared VALUES (9, NULL)")
    engine.legacy.run("INSERT INTO declared_late VALUES (9, NULL)")
    engine.modern.run("INSERT INTO declared_late VALUES (8, NULL)")
    engine.modern.run("INSERT INTO masked VALUES ('secret', NULL)")
    late = '[tables.declared_late]\nunassigned = {legacy = "test rows of 2019"}\n'
    more = f"{NOBODYS}{late}{TENANTS}"
    with checks(engine, more, legacy=BY_TENANT, modern=BY_TENANT) as check:
        with check("stamped, for a", "stamped", "a") as evidence:
            assert_drift(evidence, ("missing", ("2",), ()))
        with check("stamped, for b", "stamped", "b") as evidence:
            assert_drift(evidence, ("extra", ("2",), ()))
        with check("stamped, for nobody", "stamped", "unassigned") as evidence:
            assert evidence.outcome is Outcome.PROVEN
        for table, stamp in STAMPS.items():
            with check(f"{stamp}, for a", table, "a") as evidence:
                assert_drift(evidence, ("missing", ("2",), ()))
            with check(f"{stamp}, for b", table, "b") as evidence:
                assert_match(evidence, rows=2)
            with check(f"{stamp}, for nobody", table, "unassigned") as evidence:
                assert_drift(evidence, ("extra", ("2",), ()))
                assert evidence.findings[0].note == "belongs to no tenant"
        with check("of nobody on both sides", "both_sides", "unassigned") as evidence:
            assert_drift(evidence, ("missing", ("9",), ()), ("extra", ("9",), ()))
            assert evidence.rows == RowCounts(1, 1)
        with check("declared", "declared", "unassigned") as evidence:
            assert evidence.outcome is Outcome.PROVEN
            rule = NamedRule("1 legacy row of no tenant is declared: test rows of 2019")
            assert evidence.rules == (rule,)
        with check("declared of the other side", "declared_late", "unassigned") as evidence:
            assert_drift(evidence, ("extra", ("8",), ()))
        with check("masked", "masked", "unassigned") as evidence:
            assert evidence.drift.extra == 1
            assert "secret" not in str(to_wire(evidence))
