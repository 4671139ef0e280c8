"""Every row has one owner on each side; a row that changed hands is named with both of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_tenantparity.model import Account, Evidence, Status

from ..support.engine_driver import Engine, Run, seen
from ..support.expectations import assert_drift, assert_match, assert_not_proven
from ..support.postgresql import CASELESS, Cluster, Database, new_database

BY_TENANT = 'tenancy = {column = "tenant"}'
BY_ACCOUNT = 'tenancy = {column = "account"}'
BY_USER = 'tenancy = {path = "user_id -> users.id -> tenant"}'
TENANTS = "[tenants.a]\n[tenants.b]\n"
USERS = f'[ignore.tables]\nusers = "leads to the tenant"\n{TENANTS}'


def columns(engine: Engine, legacy: str, modern: str | None = None, kind: str = "text") -> None:
    """Make a table whose rows are (id, tenant)."""
    engine.both(f"CREATE TABLE t (id int PRIMARY KEY, tenant {kind}, v int)")
    engine.legacy.run(f"INSERT INTO t (id, tenant) VALUES {legacy}")
    engine.modern.run(f"INSERT INTO t (id, tenant) VALUES {legacy if modern is None else modern}")


def paths(engine: Engine, users: str, rows: str, kind: str = "text", end: str = "text") -> None:
    """Make the same table and the same users on both sides: (id, user_id) and (id, tenant)."""
    engine.both(f"CREATE TABLE users (id {kind}, tenant {end})")
    engine.both(f"CREATE TABLE t (id int PRIMARY KEY, user_id {kind}, v int)")
    engine.both(f"INSERT INTO users VALUES {users}")
    engine.both(f"INSERT INTO t (id, user_id) VALUES {rows}")


def strays(engine: Engine, tenancy: str = BY_TENANT, more: str = TENANTS) -> Evidence:
    """Check the rows of nobody."""
    return engine.audit(subject="unassigned", legacy=tenancy, modern=tenancy, more=more)


def all_of(run: Run, *tenants: str) -> list[Status]:
    """Check the table for some tenants."""
    return [run.audit(tenant, "t").status for tenant in tenants]


# ---- the sum


def test_the_rows_of_each_side_add_up(engine: Engine) -> None:
    """All rows, the tenants' and those of nobody are counted on each side by itself."""
    columns(engine, "(1, 'a'), (2, 'a'), (3, 'b'), (4, NULL)", "(1, 'a'), (2, 'b')")
    more = f'{TENANTS}[tables.t]\nunassigned = {{legacy = "from before tenants"}}'
    evidence = strays(engine, more=more)
    assert evidence.status is Status.MATCH
    assert evidence.accounts == (Account("legacy", 4, 3, 1), Account("modern", 2, 2, 0))


def test_filtered_rows_are_nobody_s_and_not_counted(engine: Engine) -> None:
    """What a filter takes out of one side belongs neither to the total nor to a tenant."""
    columns(engine, "(1, 'a'), (2, 'b'), (3, NULL)", "(1, 'a'), (2, 'b')")
    more = f'{TENANTS}[tables.t.legacy_filter]\nsql = "id < 3"\nreason = "tests"'
    evidence = strays(engine, more=more)
    assert evidence.status is Status.MATCH
    assert evidence.accounts == (Account("legacy", 2, 2, 0), Account("modern", 2, 2, 0))


def test_a_side_without_a_leading_column_has_no_account(engine: Engine) -> None:
    """Where a side keeps tenants apart by schemas, nothing of it is left to be accounted for."""
    engine.legacy.run("CREATE TABLE t (id int PRIMARY KEY, tenant text)")
    engine.legacy.run("INSERT INTO t VALUES (1, 'a'), (2, 'b')")
    for number, tenant in enumerate("ab", 1):
        engine.modern.run(f"CREATE SCHEMA s_{tenant}")
        engine.modern.run(f"CREATE TABLE s_{tenant}.t (id int PRIMARY KEY)")
        engine.modern.run(f"INSERT INTO s_{tenant}.t VALUES ({number})")
    own = 'tenancy = {schema = "s_{tenant}"}'
    evidence = engine.audit(subject="unassigned", legacy=BY_TENANT, modern=own, more=TENANTS)
    assert (evidence.status, evidence.accounts) == (Status.MATCH, (Account("legacy", 2, 2, 0),))


def test_two_accounts_of_one_tenant_are_one_owner(engine: Engine) -> None:
    """A tenant of two accounts owns the rows of both, by a column and by a path."""
    columns(engine, "(1, 'a1'), (2, 'a2'), (3, 'b')")
    engine.both("ALTER TABLE t ADD user_id text; UPDATE t SET user_id = 'u' || id")
    engine.both("CREATE TABLE users (id text, tenant text)")
    engine.both("INSERT INTO users SELECT 'u' || id, tenant FROM t")
    engine.both("INSERT INTO users VALUES ('u1', 'a2')")  # both accounts, and one tenant
    engine.modern.run("UPDATE users SET tenant = 'a' WHERE tenant <> 'b'")
    engine.modern.run("UPDATE t SET tenant = 'a' WHERE tenant <> 'b'")
    more = (
        '[ignore.tables]\nusers = "leads to the tenant"\n[tables.t.ignore]\ntenant = "merged"\n'
        '[tenants.a]\nlegacy_accounts = ["a1", "a2"]\n[tenants.b]\n'
    )
    for tenancy in (BY_TENANT, BY_USER):
        with engine.opened(more, legacy=tenancy, modern=tenancy) as run:
            assert all_of(run, "a", "b") == [Status.MATCH] * 2
            evidence = run.audit("unassigned", "t")
        assert (evidence.status, evidence.reasons) == (Status.MATCH, ())
        assert evidence.accounts == (Account("legacy", 3, 3, 0), Account("modern", 3, 3, 0))


# ---- one value for two tenants

TWICE = [
    ("int", "7", "'07'", "7"),
    ("bigint", "7", "'+7'", "7"),
    ("numeric", "7", "'07'", "7"),
    ("numeric", "7", "'7.0'", "7"),
    ("float8", "7", "'7.0'", "7"),
    ("boolean", "t", "'true'", "true"),
    ("uuid", "{}".format("0" * 32), "'00000000-0000-0000-0000-000000000000'",
     "'00000000-0000-0000-0000-000000000000'"),
    ("date", "2024-01-02", "'20240102'", "'2024-01-02'"),
    ("char(3)", "a", "'a '", "'a'"),
]  # fmt: skip


@pytest.mark.parametrize("case", TWICE, ids=lambda case: f"{case[0]} {case[1]} {case[2]}")
def test_two_spellings_of_one_value_are_one_owner_too_many(
    engine: Engine, case: tuple[str, str, str, str]
) -> None:
    """Two tenants whose values are different texts and one value of the column are named."""
    kind, one, other, value = case
    columns(engine, f"(1, {value})", kind=kind)
    more = f"[tenants.a]\nlegacy_account = '{one}'\n[tenants.b]\nlegacy_account = {other}\n"
    more = more.replace("[tenants.b]", f"modern_id = '{one}'\n[tenants.b]\nmodern_id = {other}")
    evidence = strays(engine, more=more)
    assert_not_proven(evidence, "the legacy table", "the modern table", "some row has two owners")


def test_two_spellings_of_two_texts_are_two_owners(engine: Engine) -> None:
    """Where the column holds texts, '7' and '07' are two tenants' values."""
    columns(engine, "(1, '7'), (2, '07')")
    more = """
        [tenants.a]
        legacy_account = '7'
        modern_id = '7'
        [tenants.b]
        legacy_account = '07'
        modern_id = '07'
    """
    assert strays(engine, more=more).status is Status.MATCH
    with engine.opened(more, legacy=BY_TENANT, modern=BY_TENANT) as run:
        assert [run.audit(tenant, "t").rows.legacy for tenant in "ab"] == [1, 1]


# ---- paths that fan out


def test_a_user_of_two_tenants_is_named(engine: Engine) -> None:
    """Rows that a path leads to two tenants, alike on both sides, are not proven."""
    paths(engine, "('u', 'a'), ('u', 'b'), ('w', 'a')", "(1, 'u'), (2, 'u'), (3, 'w')")
    evidence = strays(engine, BY_USER, USERS)
    said = "rows whose user_id is 'u' lead to the tenant 'a' and the tenant 'b'"
    assert_not_proven(evidence, f"2 legacy {said}", f"2 modern {said}")


def test_a_user_without_rows_is_no_obstacle(engine: Engine) -> None:
    """A user of two tenants whom no row of the table leads through does no harm."""
    paths(engine, "('u', 'a'), ('u', 'b'), ('w', 'a')", "(3, 'w')")
    assert strays(engine, BY_USER, USERS).reasons == ()


def test_a_user_of_a_tenant_and_of_nobody_has_one_owner(engine: Engine) -> None:
    """A second way that leads to no tenant takes nothing from the first."""
    paths(engine, "('u', 'a'), ('u', 'x'), ('u', NULL)", "(1, 'u')")
    evidence = strays(engine, BY_USER, USERS)
    assert (evidence.status, evidence.reasons) == (Status.MATCH, ())


def test_two_hops_that_fan_out_are_named(engine: Engine) -> None:
    """Over two tables the fan-out is found wherever it happens."""
    engine.both("CREATE TABLE orgs (id int, tenant text); CREATE TABLE users (id int, org int)")
    engine.both("CREATE TABLE t (id int PRIMARY KEY, user_id int)")
    engine.both("INSERT INTO t VALUES (1, 10), (2, 11), (3, 12)")
    engine.both("INSERT INTO users VALUES (10, 1), (11, 2), (12, 3), (12, 1)")
    engine.both("INSERT INTO orgs VALUES (1, 'a'), (2, 'a'), (2, 'b'), (3, 'b')")
    path = 'tenancy = {path = "user_id -> users.id -> org -> orgs.id -> tenant"}'
    more = USERS.replace("[tenants.a]", 'orgs = "leads to the tenant"\n[tenants.a]')
    evidence = strays(engine, path, more)
    assert_not_proven(evidence, "user_id is '11'", "user_id is '12'")
    assert "'10'" not in "\n".join(evidence.reasons)


def test_filtered_rows_may_have_two_owners(engine: Engine) -> None:
    """Rows that a filter takes out of the comparison need no owner."""
    paths(engine, "('u', 'a'), ('u', 'b'), ('w', 'a'), ('y', 'b')", "(1, 'u'), (2, 'w'), (3, 'y')")
    filters = "".join(
        f'[tables.t.{side}_filter]\nsql = "id > 1"\nreason = "tests"\n'
        for side in ("legacy", "modern")
    )
    with engine.opened(filters + USERS, legacy=BY_USER, modern=BY_USER) as run:
        assert all_of(run, "a", "b") == [Status.MATCH] * 2
        assert run.audit("unassigned", "t").reasons == ()


def test_a_user_of_two_tenants_is_found_among_thousands(engine: Engine) -> None:
    """However many users lead to two accounts of one tenant, the one of two tenants is noticed."""
    paths(engine, "('x', 'x')", "(1, 'zz')")
    for account in ("a", "a2"):
        engine.both(
            f"INSERT INTO users SELECT 'u' || g, '{account}' FROM generate_series(1, 6000) g"
        )
    engine.both("INSERT INTO users VALUES ('zz', 'a'), ('zz', 'b')")
    more = USERS.replace("[tenants.a]", '[tenants.a]\nlegacy_accounts = ["a", "a2"]')
    evidence = strays(engine, BY_USER, more)
    assert_not_proven(evidence, "the legacy table has 1 rows; the tenants' 2", "two owners")


@pytest.mark.parametrize(("kind", "end"), [("char(4)", "text"), ("text", "char(4)")])
def test_padding_does_not_hide_a_fan_out(engine: Engine, kind: str, end: str) -> None:
    """A user of two tenants is noticed where ids, or tenants' values, are padded."""
    paths(engine, "('u', 'a'), ('u', 'b')", "(1, 'u')", kind, end)
    with engine.opened(USERS, legacy=BY_USER, modern=BY_USER) as run:
        assert [run.audit(tenant, "t").rows.legacy for tenant in "ab"] == [1, 1]
        assert_not_proven(run.audit("unassigned", "t"), "some row has two owners")


@pytest.fixture
def debian_engine(debian_cluster: Cluster, tmp_path: Path) -> Iterator[Engine]:
    """PostgreSQL 15 on both sides."""
    databases: list[Database] = [new_database(debian_cluster) for _ in range(2)]
    yield Engine(databases[0], databases[1], tmp_path)
    for database in databases:
        database.drop()


CASES = "[tenants.acme]\n[tenants.ACME]\n"


def test_a_caseless_collation_does_not_hide_a_fan_out(debian_engine: Engine) -> None:
    """Two tenants that differ in case alone are two ends of a path."""
    debian_engine.both(CASELESS)
    paths(debian_engine, "('u', 'acme'), ('u', 'ACME')", "(1, 'u')", end="text COLLATE caseless")
    evidence = strays(debian_engine, BY_USER, USERS.replace(TENANTS, CASES))
    assert_not_proven(evidence, "lead to the tenant 'ACME' and the tenant 'acme'")


@pytest.mark.parametrize("kind", ["text COLLATE caseless", "citext"])
def test_a_caseless_tenant_column_has_one_owner_for_a_row(debian_engine: Engine, kind: str) -> None:
    """Two tenants that differ in case alone do not share their rows, whatever the column."""
    debian_engine.both(f"{CASELESS}; CREATE EXTENSION citext")
    columns(debian_engine, "(1, 'acme'), (2, 'ACME')", kind=kind)
    debian_engine.modern.run("ALTER TABLE t RENAME tenant TO owner")
    owner = 'tenancy = {column = "owner"}'
    debian_engine.modern.run("UPDATE t SET owner = 'ACME' WHERE id = 1")
    with debian_engine.opened(CASES, legacy=BY_TENANT, modern=owner) as run:
        assert_drift(run.audit("acme", "t"), ("missing", ("1",), ()))
        assert_drift(run.audit("ACME", "t"), ("extra", ("1",), ()))
        assert run.audit("ACME", "t").rows.legacy == 1


# ---- whose a lost row is now


def notes(evidence: Evidence) -> dict[str | None, str]:
    """Return what is said of each finding, by its first key."""
    return {next(iter(each.key.values())): each.note for each in evidence.findings}


def split(engine: Engine, legacy: str, modern: str, kind: str = "text") -> None:
    """Make a table whose tenants are in ``account`` on one side and in ``tenant`` on the other."""
    engine.legacy.run(f"CREATE TABLE t (id int PRIMARY KEY, account {kind}, v int)")
    engine.modern.run(f"CREATE TABLE t (id int, tenant {kind}, v int)")
    engine.legacy.run(f"INSERT INTO t (id, account) VALUES {legacy}")
    engine.modern.run(f"INSERT INTO t (id, tenant) VALUES {modern}")


def lost(engine: Engine, tenant: str = "a", more: str = TENANTS) -> Evidence:
    """Check one tenant's rows of such a table."""
    return engine.audit(subject=tenant, legacy=BY_ACCOUNT, modern=BY_TENANT, more=more)


def test_a_lost_row_is_named_with_its_new_owner(engine: Engine) -> None:
    """A row under another tenant, under none, under an unknown value, and nowhere differ."""
    split(engine, "(1, 'a'), (2, 'a'), (3, 'a'), (4, 'a')", "(1, 'b'), (2, NULL), (3, 'x')")
    assert notes(lost(engine)) == {
        "1": "the modern table has it under the tenant 'b'",
        "2": "the modern table has it under no tenant",
        "3": "the modern table has it under 'x', which no tenant of the settings has",
        "4": "",
    }
    assert notes(lost(engine, "b")) == {"1": "the legacy table has it under the tenant 'a'"}


def test_the_new_owner_need_not_be_selected(engine: Engine) -> None:
    """A row that moved to a tenant outside of the run's selection is named with that tenant."""
    split(engine, "(1, 'a')", "(1, 'b')")
    with engine.opened(TENANTS, legacy=BY_ACCOUNT, modern=BY_TENANT) as run:
        selected = [each for each in run.context.selected if each.id == "a"]
        object.__setattr__(run.context, "selected", selected)
        assert notes(run.audit("a", "t")) == {"1": "the modern table has it under the tenant 'b'"}


def test_a_new_owner_by_one_of_two_accounts(engine: Engine) -> None:
    """A tenant is named by its id, whichever of its accounts has the row."""
    split(engine, "(1, 'b2')", "(1, 'a')")
    more = '[tenants.a]\n[tenants.b]\nlegacy_accounts = ["b1", "b2"]\n'
    assert notes(lost(engine, "a", more)) == {"1": "the legacy table has it under the tenant 'b'"}


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [("int", "1", "02"), ("numeric", "1", "02"), ("char(3)", "a", "b"), ("boolean", "f", "t"),
     ("uuid", "0" * 32, "1" * 32)],
)  # fmt: skip
def test_a_new_owner_of_any_type_is_known(engine: Engine, kind: str, one: str, other: str) -> None:
    """A tenant's value is recognised as its column spells it; a tenant is never called none."""
    split(engine, f"(1, '{one}')", f"(1, '{other}')", kind)
    more = "".join(
        f"[tenants.{name}]\nlegacy_account = '{value}'\nmodern_id = '{value}'\n"
        for name, value in (("a", one), ("b", other))
    )
    assert notes(lost(engine, "a", more)) == {"1": "the modern table has it under the tenant 'b'"}


def test_a_key_that_several_tenants_have_is_said_alike_each_time(engine: Engine) -> None:
    """Of a key that two other tenants have, the same is said however the rows lie in the table."""
    split(engine, "(1, 'a')", "(1, 'b')")
    said = []
    for first, second in (("b", "c"), ("c", "b")):
        engine.modern.run("TRUNCATE t")
        engine.modern.run(f"INSERT INTO t VALUES (1, '{first}', 0), (1, '{second}', 0)")
        said.append(notes(lost(engine, "a", TENANTS + "[tenants.c]\n")))
    assert said[0] == said[1]


def test_a_path_leads_to_the_new_owner(engine: Engine) -> None:
    """A row whose user belongs to another tenant now is named with that tenant."""
    paths(engine, "('u', 'a'), ('w', 'b')", "(1, 'u'), (2, 'w')")
    engine.modern.run("UPDATE users SET tenant = 'b' WHERE id = 'u'")
    with engine.opened(USERS, legacy=BY_USER, modern=BY_USER) as run:
        assert notes(run.audit("a", "t")) == {"1": "the modern table has it under the tenant 'b'"}
        assert notes(run.audit("b", "t")) == {"1": "the legacy table has it under the tenant 'a'"}


def test_a_path_of_uuids_leads_to_the_new_owner(engine: Engine) -> None:
    """The same where the tenants' values are uuids; and the next check is none the worse for it."""
    one, other = (f"00000000-0000-0000-0000-00000000000{n}" for n in (1, 2))
    paths(engine, f"('u', '{one}'), ('w', '{other}')", "(1, 'u'), (2, 'w')", end="uuid")
    engine.modern.run(f"UPDATE users SET tenant = '{other}' WHERE id = 'u'")
    ids = "".join(
        f"[tenants.{name}]\nlegacy_account = '{value}'\nmodern_id = '{value}'\n"
        for name, value in (("a", one), ("b", other))
    )
    with engine.opened(USERS.replace(TENANTS, ids), legacy=BY_USER, modern=BY_USER) as run:
        found = run.audit("a", "t")
        assert seen(found) == [("missing", ("1",), ())]
        assert seen(run.audit("b", "t")) == [("extra", ("1",), ())]
    assert notes(found) == {"1": "the modern table has it under the tenant 'b'"}


def test_a_composite_key_is_looked_up_as_a_whole(engine: Engine) -> None:
    """A row is elsewhere only if its whole key is, NULLs and all."""
    for database, owner in ((engine.legacy, "account"), (engine.modern, "tenant")):
        database.run(f"CREATE TABLE t (x text, y text, v int, {owner} text)")
    engine.legacy.run("INSERT INTO t VALUES ('1', '1', 0, 'a'), ('1', NULL, 0, 'a')")
    engine.modern.run("INSERT INTO t VALUES ('1', NULL, 0, 'b'), ('11', '', 0, 'b')")
    evidence = lost(engine, more=f'{TENANTS}[tables.t]\nkey = ["x", "y"]')
    assert sorted(each.note for each in evidence.findings) == [
        "", "the modern table has it under the tenant 'b'",
    ]  # fmt: skip


def test_a_row_without_a_key_has_no_note(engine: Engine) -> None:
    """Where a row is known by nothing but itself, nobody says where it is."""
    engine.both("CREATE TABLE t (x text, tenant text)")
    engine.legacy.run("INSERT INTO t VALUES ('r', 'a')")
    engine.modern.run("INSERT INTO t VALUES ('r', 'b')")
    evidence = engine.audit(subject="a", legacy=BY_TENANT, modern=BY_TENANT, more=TENANTS)
    assert notes(evidence) == {"r": ""}


def test_a_shared_table_has_no_notes(engine: Engine) -> None:
    """Rows lost from a table without tenants are under nobody."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, v int)")
    engine.legacy.run("INSERT INTO t VALUES (1, 1)")
    assert notes(engine.audit()) == {"1": ""}


def test_many_lost_rows_are_looked_up_at_first(engine: Engine) -> None:
    """Of thousands of moved rows the first are named with their owner, and all are counted."""
    split(engine, "(1, 'a')", "(1, 'b')")
    engine.legacy.run("INSERT INTO t SELECT g, 'a' FROM generate_series(2, 3000) g")
    engine.modern.run("INSERT INTO t SELECT g, 'b' FROM generate_series(2, 3000) g")
    evidence = lost(engine)
    assert evidence.drift.missing == 3000
    said = [bool(each.note) for each in evidence.findings]
    assert said[:200] == [True] * 200


def test_a_mapped_key_is_looked_up(engine: Engine) -> None:
    """A row with a re-issued key is found under its new tenant, by way of the map."""
    split(engine, "(1, 'a')", "(101, 'b')")
    engine.modern.run("CREATE TABLE ids (old int, new int); INSERT INTO ids VALUES (1, 101)")
    more = (
        '[maps.ids]\ntable = "ids"\nlegacy = "old"\nmodern = "new"\n'
        f'[tables.t.columns.id]\nmap = "ids"\n{TENANTS}'
    )
    assert notes(lost(engine, more=more)) == {"1": "the modern table has it under the tenant 'b'"}


# ---- masks

MASKED = "[tables.t.columns.{}]\nmask = true\n"


def test_a_masked_owner_is_never_shown(engine: Engine) -> None:
    """Of a tenant's column that is masked, no value is quoted, whoever's it is."""
    columns(engine, "(1, 'a')", "(1, 'secret')")
    more = TENANTS + MASKED.format("tenant")
    evidence = engine.audit(subject="a", legacy=BY_TENANT, modern=BY_TENANT, more=more)
    assert evidence.drift.missing == 1
    assert "secret" not in repr(evidence)


def test_a_masked_first_step_is_never_shown(engine: Engine) -> None:
    """Of a path's first column that is masked, no value is quoted where it fans out."""
    paths(engine, "('secret', 'a'), ('secret', 'b')", "(1, 'secret')")
    evidence = strays(engine, BY_USER, USERS + MASKED.format("user_id"))
    assert evidence.status is Status.NOT_PROVEN
    assert "secret" not in repr(evidence)


def test_a_masked_key_is_not_looked_up_by_its_mask(engine: Engine) -> None:
    """A row whose key is masked gets no note that is another row's."""
    engine.legacy.run("CREATE TABLE t (id text PRIMARY KEY, account text, v int)")
    engine.modern.run("CREATE TABLE t (id text, tenant text, v int)")
    engine.legacy.run("INSERT INTO t VALUES ('secret', 'a', 1)")
    engine.modern.run("INSERT INTO t VALUES ('***', 'b', 1)")
    evidence = lost(engine, more=TENANTS + MASKED.format("id"))
    assert "secret" not in repr(evidence)
    assert notes(evidence) == {"***": ""}


def test_a_match_needs_no_owners(engine: Engine) -> None:
    """Where nothing is lost, nothing is said."""
    columns(engine, "(1, 'a'), (2, 'b')")
    assert_match(engine.audit(subject="a", legacy=BY_TENANT, modern=BY_TENANT, more=TENANTS), 1)
