"""Each row has one owner on each side. A row that changed owner is reported with both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_tenantparity.model import Account, Evidence, Outcome

from ..support.engine_driver import Engine, seen
from ..support.expectations import assert_drift, assert_match, assert_not_proven
from ..support.many_tables import Audits, Case, Check, check_each, laid_out, not_proven
from ..support.postgresql import CASELESS, Cluster, Database, new_database

BY_TENANT = 'tenancy = {column = "tenant"}'
TENANTS = "[tenants.a]\n[tenants.b]\n"
MASKED = "[tables.{t}.columns.COLUMN]\nmask = true\n"


def columns(
    label: str,
    legacy: str,
    modern: str | None = None,
    *,
    kind: str = "text",
    settings: str = "",
) -> Case:
    """Return a case with a table of rows (id, tenant)."""
    made = (
        f"CREATE TABLE {{t}} (id int PRIMARY KEY, tenant {kind}, v int);"
        "INSERT INTO {t} (id, tenant) VALUES "
    )
    return Case(label, made + legacy, made + (legacy if modern is None else modern), settings)


def paths(
    label: str,
    users: str,
    rows: str,
    *,
    kinds: tuple[str, str] = ("text", "text"),
    modern: str = "",
    settings: str = "",
) -> Case:
    """Return a case with rows (id, user_id) and users (id, tenant), the same on both sides.

    ``kinds`` are the types of a user's id and of the tenant. ``modern`` is more SQL for that side.
    """
    kind, end = kinds
    made = (
        f"CREATE TABLE {{t}}_users (id {kind}, tenant {end});"
        f"CREATE TABLE {{t}} (id int PRIMARY KEY, user_id {kind}, v int);"
        f"INSERT INTO {{t}}_users VALUES {users};"
        f"INSERT INTO {{t}} (id, user_id) VALUES {rows};"
    )
    own = '[tables.{t}]\ntenancy = {path = "user_id -> {t}_users.id -> tenant"}\n'
    return Case(label, made, made + modern, own + settings)


def notes(evidence: Evidence) -> dict[str | None, str]:
    """Return the note of each finding, by the first column of its key."""
    return {next(iter(each.key.values())): each.note for each in evidence.findings}


def _accounts(*expected: Account) -> Check:
    def check(evidence: Evidence) -> None:
        found = (evidence.outcome, evidence.reasons, evidence.accounts)
        assert found == (Outcome.PROVEN, (), expected)

    return check


def _no_reasons(evidence: Evidence) -> None:
    assert evidence.reasons == ()


# ---- the sum, and paths that fan out

SUMS: dict[Case, Check] = {
    # All rows, the tenants' rows and the unassigned rows are counted separately on each side.
    columns(
        "sum",
        "(1, 'a'), (2, 'a'), (3, 'b'), (4, NULL)",
        "(1, 'a'), (2, 'b')",
        settings='[tables.{t}]\nunassigned = {legacy = "from before tenants"}',
    ): _accounts(Account("legacy", 4, 3, 1), Account("modern", 2, 2, 0)),
    # Rows that a filter takes out count neither in the total nor for a tenant.
    columns(
        "filter",
        "(1, 'a'), (2, 'b'), (3, NULL)",
        "(1, 'a'), (2, 'b')",
        settings='[tables.{t}.legacy_filter]\nsql = "id < 3"\nreason = "tests"',
    ): _accounts(Account("legacy", 2, 2, 0), Account("modern", 2, 2, 0)),
}
TWICE_U = "('u', 'a'), ('u', 'b'), ('w', 'a')"
SAID = "rows whose user_id is 'u' lead to the tenant 'a' and the tenant 'b'"
HOPS = """
    CREATE TABLE {t}_orgs (id int, tenant text); CREATE TABLE {t}_users (id int, org int);
    CREATE TABLE {t} (id int PRIMARY KEY, user_id int);
    INSERT INTO {t} VALUES (1, 10), (2, 11), (3, 12);
    INSERT INTO {t}_users VALUES (10, 1), (11, 2), (12, 3), (12, 1);
    INSERT INTO {t}_orgs VALUES (1, 'a'), (2, 'a'), (2, 'b'), (3, 'b')
"""
HOPS_PATH = "user_id -> {t}_users.id -> org -> {t}_orgs.id -> tenant"
FAN_OUTS: dict[Case, Check] = {
    paths("two tenants", TWICE_U, "(1, 'u'), (2, 'u'), (3, 'w')"): not_proven(
        f"2 legacy {SAID}", f"2 modern {SAID}"
    ),
    paths("no rows", TWICE_U, "(3, 'w')"): _no_reasons,
    paths("nobody", "('u', 'a'), ('u', 'x'), ('u', NULL)", "(1, 'u')"): _accounts(
        Account("legacy", 1, 1, 0), Account("modern", 1, 1, 0)
    ),
    Case("hops", HOPS, HOPS, f'[tables.{{t}}]\ntenancy = {{path = "{HOPS_PATH}"}}'): not_proven(
        "user_id is '11'", "user_id is '12'"
    ),
    paths(
        "filtered",
        f"{TWICE_U}, ('y', 'b')",
        "(1, 'u'), (2, 'w'), (3, 'y')",
        settings="".join(
            f'[tables.{{t}}.{side}_filter]\nsql = "id > 1"\nreason = "tests"\n'
            for side in ("legacy", "modern")
        ),
    ): _no_reasons,
    **{
        paths(f"{kinds}", "('u', 'a'), ('u', 'b')", "(1, 'u')", kinds=kinds): not_proven(
            "some row has two owners"
        )
        for kinds in (("char(4)", "text"), ("text", "char(4)"))
    },
    paths(
        "masked",
        "('secret', 'a'), ('secret', 'b')",
        "(1, 'secret')",
        settings=MASKED.replace("COLUMN", "user_id"),
    ): not_proven(),
}


def test_the_rows_of_each_side_add_up(engine: Engine, subtests: pytest.Subtests) -> None:
    """Each side counts all rows, the tenants' rows and the unassigned rows separately.

    Rows that a path attributes to two tenants are NOT PROVEN, even if both sides agree. That holds
    for a path through one table or two, and for padded ids or tenants' values. A user of two
    tenants is accepted if no row of the table leads to it, or if a filter removes those rows. It is
    also accepted if the second way leads to no tenant. No value of a masked first column is quoted.
    """
    cases = SUMS | FAN_OUTS
    tables = laid_out(engine, list(cases))
    with tables.opened(TENANTS, legacy=BY_TENANT, modern=BY_TENANT) as audit:
        expected = {case.label: check for case, check in cases.items()}
        found = check_each(audit, expected, subtests, "unassigned")
        for tenant in "ab":
            assert audit("filtered", tenant).outcome is Outcome.PROVEN
            for kinds in (("char(4)", "text"), ("text", "char(4)")):
                assert audit(f"{kinds}", tenant).rows.legacy == 1, kinds
    assert "'10'" not in "\n".join(found["hops"].reasons)
    assert "secret" not in repr(found["masked"])


def test_a_side_without_a_leading_column_has_no_account(engine: Engine) -> None:
    """A side whose tenants have schemas of their own has no rows to account for."""
    engine.legacy.run("CREATE TABLE t (id int PRIMARY KEY, tenant text)")
    engine.legacy.run("INSERT INTO t VALUES (1, 'a'), (2, 'b')")
    for number, tenant in enumerate("ab", 1):
        engine.modern.run(f"CREATE SCHEMA s_{tenant}")
        engine.modern.run(f"CREATE TABLE s_{tenant}.t (id int PRIMARY KEY)")
        engine.modern.run(f"INSERT INTO s_{tenant}.t VALUES ({number})")
    own = 'tenancy = {schema = "s_{tenant}"}'
    evidence = engine.audit(subject="unassigned", legacy=BY_TENANT, modern=own, more=TENANTS)
    assert (evidence.outcome, evidence.accounts) == (Outcome.PROVEN, (Account("legacy", 2, 2, 0),))


TWO_ACCOUNTS = """
[tenants.a]
legacy_accounts = ["a1", "a2"]
[tenants.b]
legacy_accounts = ["b1", "b2"]
"""


def test_two_accounts_of_one_tenant_are_one_owner(engine: Engine) -> None:
    """A tenant with two accounts owns the rows of both, by a column and by a path.

    Among thousands of users that lead to two accounts of one tenant, the one user of two tenants is
    found. A new owner is named by its id, whichever of its accounts has the row.
    """
    rows, merged = "(1, 'a1'), (2, 'a2'), (3, 'b1')", "(1, 'a'), (2, 'a'), (3, 'b')"
    users = "('u1', 'a1'), ('u2', 'a2'), ('u3', 'b1'), ('u1', 'a2')"
    by_path = paths("path", users, "(1, 'u1'), (2, 'u2'), (3, 'u3')",
                    modern="UPDATE {t}_users SET tenant = left(tenant, 1)")  # fmt: skip
    many = paths("thousands", "('x', 'x')", "(1, 'zz')")
    series = "FROM generate_series(1, 6000) g"
    more = (
        f"INSERT INTO {{t}}_users SELECT 'u' || g, 'a1' {series};"
        f"INSERT INTO {{t}}_users SELECT 'u' || g, 'a2' {series};"
        "INSERT INTO {t}_users VALUES ('zz', 'a1'), ('zz', 'b1')"
    )
    cases = [
        columns("column", rows, merged, settings='[tables.{t}.ignore]\ntenant = "merged"'),
        by_path,
        Case(
            many.label,
            many.legacy + more,
            many.modern + more + "; UPDATE {t}_users SET tenant = left(tenant, 1)",
            many.settings,
        ),
        columns("new owner", "(1, 'b2')", "(1, 'a')"),
    ]
    tables = laid_out(engine, cases)
    with tables.opened(TWO_ACCOUNTS, legacy=BY_TENANT, modern=BY_TENANT) as audit:
        for label in ("column", "path"):
            assert [audit(label, each).outcome for each in "ab"] == [Outcome.PROVEN] * 2, label
            _accounts(Account("legacy", 3, 3, 0), Account("modern", 3, 3, 0))(
                audit(label, "unassigned")
            )
        assert_not_proven(
            audit("thousands", "unassigned"),
            "the legacy table has 1 rows; the tenants' 2",
            "two owners",
        )
        by_id = {"1": "the legacy table has it under the tenant 'b'"}
        assert notes(audit("new owner", "a")) == by_id


# ---- one value for two tenants

TWICE = [
    ("int", "7", "07", "7"),
    ("bigint", "8", "+8", "8"),
    ("numeric", "9", "09", "9"),
    ("numeric(4,2)", "10", "10.0", "10"),
    ("decimal", "13", "13.0", "13"),
    ("float8", "11", "11.0", "11"),
    ("boolean", "t", "true", "true"),
    ("uuid", "0" * 32, "00000000-0000-0000-0000-000000000000",
     "'00000000-0000-0000-0000-000000000000'"),
    ("date", "2024-01-02", "20240102", "'2024-01-02'"),
    ("char(3)", "a", "a ", "'a'"),
]  # fmt: skip


def _tenant(name: str, value: str) -> str:
    return f"[tenants.{name}]\nlegacy_account = '{value}'\nmodern_id = '{value}'\n"


def test_two_spellings_of_one_value_are_one_owner_too_many(
    engine: Engine, subtests: pytest.Subtests
) -> None:
    """Two tenants whose values are different texts but one value of the column are reported.

    In a text column, '12' and '012' are the values of two tenants.
    """
    text = ("text", "12", "012", "'12'), (2, '012'")
    values = [*TWICE, text]
    cases = [columns(kind, f"(1, {value})", kind=kind) for kind, _, _, value in values]
    tenants = "".join(
        _tenant(f"{number}-{name}", value)
        for number, (_, *both, _) in enumerate(values)
        for name, value in zip("ab", both, strict=True)
    )
    tables = laid_out(engine, cases)
    with tables.opened(tenants, legacy=BY_TENANT, modern=BY_TENANT) as audit:
        context = audit.run.context
        all_tenants = dict(context.tenants)
        for number, (kind, *_) in enumerate(values):
            # Each table has two tenants of its own, since another type's values are not valid in
            # its column.
            own = {name: all_tenants[name] for name in (f"{number}-a", f"{number}-b")}
            object.__setattr__(context, "tenants", own)
            object.__setattr__(context, "selected", list(own.values()))
            with subtests.test(kind):
                evidence = audit(kind, "unassigned")
                if kind == "text":
                    assert evidence.outcome is Outcome.PROVEN, evidence
                    assert [audit(kind, each).rows.legacy for each in own] == [1, 1]
                else:
                    said = ("the legacy table", "the modern table", "some row has two owners")
                    assert_not_proven(evidence, *said)


@pytest.fixture
def debian_engine(debian_cluster: Cluster, tmp_path: Path) -> Iterator[Engine]:
    """PostgreSQL 15 on both sides."""
    databases: list[Database] = [new_database(debian_cluster) for _ in range(2)]
    yield Engine(databases[0], databases[1], tmp_path)
    for database in databases:
        database.drop()


CASES = "[tenants.acme]\n[tenants.ACME]\n"


def test_tenants_that_differ_in_case_are_two_owners(
    debian_engine: Engine, subtests: pytest.Subtests
) -> None:
    """Tenants whose values differ only in case are two ends of a path.

    They do not share their rows, whatever the column's collation or type.
    """
    debian_engine.both(f"{CASELESS}; CREATE EXTENSION citext")
    kinds = ("text COLLATE caseless", "citext")
    fan_out = paths("fan-out", "('u', 'acme'), ('u', 'ACME')", "(1, 'u')", kinds=("text", kinds[0]))
    tables = [
        columns(
            kind,
            "(1, 'acme'), (2, 'ACME')",
            "(1, 'ACME'), (2, 'ACME'); ALTER TABLE {t} RENAME tenant TO owner",
            kind=kind,
            settings='[tables.{t}]\nmodern_tenancy = {column = "owner"}',
        )
        for kind in kinds
    ]
    opened = laid_out(debian_engine, [fan_out, *tables])
    with opened.opened(CASES, legacy=BY_TENANT, modern=BY_TENANT) as audit:
        assert_not_proven(
            audit("fan-out", "unassigned"), "lead to the tenant 'ACME' and the tenant 'acme'"
        )
        for kind in kinds:
            with subtests.test(kind):
                assert_drift(audit(kind, "acme"), ("missing", ("1",), ()))
                assert_drift(audit(kind, "ACME"), ("extra", ("1",), ()))
                assert audit(kind, "ACME").rows.legacy == 1


# ---- the new owner of a lost row

SPLIT = '[tables.{t}]\nlegacy_tenancy = {column = "account"}\n'
UNDER_B = "the modern table has it under the tenant 'b'"
OVER_A = "the legacy table has it under the tenant 'a'"


def split(
    label: str, legacy: str, modern: str, *, kind: str = "text", ids: str = "int", more: str = ""
) -> Case:
    """Return a case whose tenants are in ``account`` on one side and in ``tenant`` on the other.

    ``more`` is more SQL for both sides.
    """
    return Case(
        label,
        f"CREATE TABLE {{t}} (id {ids} PRIMARY KEY, account {kind}, v int);"
        f"INSERT INTO {{t}} (id, account) VALUES {legacy};{more}",
        f"CREATE TABLE {{t}} (id {ids}, tenant {kind}, v int);"
        f"INSERT INTO {{t}} (id, tenant) VALUES {modern};{more}",
        SPLIT,
    )


def _with(case: Case, settings: str, modern: str = "") -> Case:
    return Case(case.label, case.legacy, case.modern + modern, case.settings + settings)


PAIR = "CREATE TABLE {t} (x text, y text, v int, OWNER text); INSERT INTO {t} VALUES "
LOST = [
    split("one", "(1, 'a')", "(1, 'b')"),
    split("four", "(1, 'a'), (2, 'a'), (3, 'a'), (4, 'a')", "(1, 'b'), (2, NULL), (3, 'x')"),
    split("b, c", "(1, 'a')", "(1, 'b'), (1, 'c')"),
    split("c, b", "(1, 'a')", "(1, 'c'), (1, 'b')"),
    paths(
        "path",
        "('u', 'a'), ('w', 'b')",
        "(1, 'u'), (2, 'w')",
        modern="UPDATE {t}_users SET tenant = 'b' WHERE id = 'u'",
    ),
    Case(
        "whole key",
        PAIR.replace("OWNER", "account") + "('1', '1', 0, 'a'), ('1', NULL, 0, 'a')",
        PAIR.replace("OWNER", "tenant") + "('1', NULL, 0, 'b'), ('11', '', 0, 'b')",
        f'{SPLIT}key = ["x", "y"]',
    ),
    Case(
        "no key",
        "CREATE TABLE {t} (x text, tenant text); INSERT INTO {t} VALUES ('r', 'a')",
        "CREATE TABLE {t} (x text, tenant text); INSERT INTO {t} VALUES ('r', 'b')",
    ),
    Case(
        "shared",
        "CREATE TABLE {t} (id int PRIMARY KEY, v int); INSERT INTO {t} VALUES (1, 1)",
        "CREATE TABLE {t} (id int PRIMARY KEY, v int)",
        '[tables.{t}]\ntenancy = "global"',
    ),
    Case(
        "thousands",
        "CREATE TABLE {t} (id int PRIMARY KEY, account text, v int);"
        "INSERT INTO {t} SELECT g, 'a' FROM generate_series(1, 3000) g",
        "CREATE TABLE {t} (id int, tenant text, v int);"
        "INSERT INTO {t} SELECT g, 'b' FROM generate_series(1, 3000) g",
        SPLIT,
    ),
    _with(
        split("map", "(1, 'a')", "(101, 'b')"),
        '[maps.{t}]\ntable = "{t}_ids"\nlegacy = "old"\nmodern = "new"\n'
        '[tables.{t}.columns.id]\nkey_map = "{t}"',
        "CREATE TABLE {t}_ids (old int, new int); INSERT INTO {t}_ids VALUES (1, 101)",
    ),
    columns(
        "masked owner", "(1, 'a')", "(1, 'secret')", settings=MASKED.replace("COLUMN", "tenant")
    ),
    _with(
        split("masked key", "('secret', 'a')", "('***', 'b')", ids="text",
              more="UPDATE {t} SET v = 1"),
        MASKED.replace("COLUMN", "id"),
    ),
    columns("nothing lost", "(1, 'a'), (2, 'b')"),
]  # fmt: skip
OF_A: dict[str, dict[str | None, str]] = {
    "one": {"1": UNDER_B},
    "four": {
        "1": UNDER_B,
        "2": "the modern table has it under no tenant",
        "3": "the modern table has it under 'x', which no tenant of the settings has",
        "4": "",
    },
    "path": {"1": UNDER_B},
    "no key": {"r": ""},
    "map": {"1": UNDER_B},
    "masked key": {"***": ""},
    "nothing lost": {},
}


def test_a_lost_row_is_named_with_its_new_owner(engine: Engine, subtests: pytest.Subtests) -> None:
    """The note of a lost row names its new owner.

    The note differs between a row under another tenant, under no tenant, under an unknown value,
    and nowhere. A path and a key map lead to the new owner, too. A row counts as found elsewhere
    only if its whole key matches, NULLs included. A row without a key, of a shared table, or with a
    masked key has no note.
    """
    tables = laid_out(engine, LOST)
    with tables.opened(f"{TENANTS}[tenants.c]", legacy=BY_TENANT, modern=BY_TENANT) as audit:
        for label, expected in OF_A.items():
            with subtests.test(label):
                assert notes(audit(label, "a")) == expected
        assert notes(audit("four", "b")) == {"1": OVER_A}
        assert notes(audit("path", "b")) == {"1": OVER_A}
        assert notes(audit("shared")) == {"1": ""}
        # If two other tenants have the key, the note is the same for any order of the rows.
        assert notes(audit("b, c", "a")) == notes(audit("c, b", "a")) != {"1": ""}
        said = sorted(each.note for each in audit("whole key", "a").findings)
        assert said == ["", UNDER_B]
        masked = audit("masked owner", "a")
        assert masked.drift.missing == 1
        assert "secret" not in repr(masked)
        assert "secret" not in repr(audit("masked key", "a"))
        assert_match(audit("nothing lost", "a"), 1)
        _assert_first_are_named(audit)
        # The new owner does not have to be selected.
        selected = [each for each in audit.run.context.selected if each.id == "a"]
        object.__setattr__(audit.run.context, "selected", selected)
        audit.run.audited.shared_results.clear()
        assert notes(audit("one", "a")) == {"1": UNDER_B}


def _assert_first_are_named(audit: Audits) -> None:
    """Require that all moved rows are counted, and that the first 200 of them have a note."""
    evidence = audit("thousands", "a")
    assert evidence.drift.missing == 3000
    assert [bool(each.note) for each in evidence.findings][:200] == [True] * 200


KINDS = [
    ("int", "1", "02"),
    ("numeric", "3", "04"),
    ("char(3)", "a", "b"),
    ("boolean", "f", "t"),
    ("uuid", "0" * 32, "1" * 32),
]


def test_a_new_owner_of_any_type_is_known(engine: Engine, subtests: pytest.Subtests) -> None:
    """A new owner is recognised by its value in the column's own notation, for every type.

    A known tenant is never reported as none. The same holds if a path leads to uuids, and the next
    check still works.
    """
    tenants = "".join(
        _tenant(f"a{number}", one) + _tenant(f"b{number}", other)
        for number, (_, one, other) in enumerate(KINDS)
    )
    cases = [
        split(kind, f"(1, '{one}')", f"(1, '{other}')", kind=kind) for kind, one, other in KINDS
    ]
    last = len(KINDS) - 1
    _, one, other = KINDS[last]
    cases.append(
        paths(
            "path",
            f"('u', '{one}'), ('w', '{other}')",
            "(1, 'u'), (2, 'w')",
            kinds=("text", "uuid"),
            modern=f"UPDATE {{t}}_users SET tenant = '{other}' WHERE id = 'u'",
        )
    )
    tables = laid_out(engine, cases)
    with tables.opened(tenants, legacy=BY_TENANT, modern=BY_TENANT) as audit:
        for number, (kind, *_) in enumerate(KINDS):
            with subtests.test(kind):
                said = f"the modern table has it under the tenant 'b{number}'"
                assert notes(audit(kind, f"a{number}")) == {"1": said}
        found = audit("path", f"a{last}")
        assert seen(found) == [("missing", ("1",), ())]
        assert seen(audit("path", f"b{last}")) == [("extra", ("1",), ())]
        assert notes(found) == {"1": f"the modern table has it under the tenant 'b{last}'"}
