"""Ids that were issued anew are led through their map, and nothing else makes them equal."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pytest_tenantparity.errors import SettingsError
from pytest_tenantparity.model import Evidence, NamedRule, Status

from ..support.engine_driver import Engine, seen
from ..support.expectations import assert_drift, assert_match, assert_not_proven
from ..support.files import Elsewhere
from ..support.postgresql import Database

MAP = """
    [maps.users]
    table = "user_ids"
    legacy = "old"
    modern = "new"
    [tables.t.columns.user_id]
    map = "users"
"""
UUID = "00000000-0000-0000-0000-00000000000"


def children(engine: Engine) -> None:
    """Make four rows whose users 1 to 3 became 101 to 103; the last has none."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, user_id int, v text)")
    engine.legacy.run("INSERT INTO t VALUES (1, 1, 'a'), (2, 2, 'a'), (3, 3, 'a'), (4, NULL, 'a')")
    engine.modern.run(
        "INSERT INTO t VALUES (1, 101, 'a'), (2, 102, 'a'), (3, 103, 'a'), (4, NULL, 'a')"
    )


def mapped(engine: Engine, rows: str = "(1, 101), (2, 102), (3, 103)", kind: str = "int") -> None:
    """Put the map on the modern stack."""
    engine.modern.run(f"CREATE TABLE user_ids (old {kind}, new {kind})")
    engine.modern.run(f"INSERT INTO user_ids VALUES {rows}")


def audit(engine: Engine, more: str = MAP, subject: str = "global") -> Evidence:
    """Check the table under its map."""
    return engine.audit(subject=subject, more=more)


def test_ids_are_led_through_the_map(engine: Engine) -> None:
    """Re-issued ids are a match by way of their map, under a printed rule, NULL against NULL."""
    children(engine)
    mapped(engine)
    evidence = audit(engine)
    assert_match(evidence, rows=4)
    rule = NamedRule("ids are led from one stack to the other by [maps.users]", "user_id")
    assert evidence.rules == (rule,)


@pytest.mark.parametrize("user", ["101", "1", "3", "999", "NULL"])
def test_a_child_of_another_parent_is_found(engine: Engine, user: str) -> None:
    """Another parent, one unknown to the map, the legacy id itself, and none are all drift."""
    children(engine)
    mapped(engine)
    engine.modern.run(f"UPDATE t SET user_id = {user} WHERE id = 2")
    assert_drift(audit(engine), ("changed", ("2",), ("user_id",)))


@pytest.mark.parametrize("user", ["101", "NULL"])
def test_null_is_not_an_id_that_the_map_lacks(engine: Engine, user: str) -> None:
    """A modern id that the map leads nowhere equals neither NULL nor a legacy id."""
    children(engine)
    mapped(engine, "(2, 102), (3, 103)")
    engine.legacy.run("UPDATE t SET user_id = NULL WHERE id = 1")
    engine.modern.run(f"UPDATE t SET user_id = {user} WHERE id = 1")
    evidence = audit(engine)
    if user == "NULL":
        assert_match(evidence, rows=4)
        return
    assert_drift(evidence, ("changed", ("1",), ("user_id",)))
    assert evidence.findings[0].columns["user_id"].modern == "not in the map: 101"


def test_ids_that_neither_side_has_mapped_are_drift(engine: Engine) -> None:
    """An id on each side, neither of them in the map, is no agreement."""
    children(engine)
    mapped(engine, "(2, 102), (3, 103)")
    assert_drift(audit(engine), ("changed", ("1",), ("user_id",)))


def test_no_legacy_id_looks_like_one_that_the_map_lacks(engine: Engine) -> None:
    """What stands for a lost id is no text that a legacy id could be."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, user_id text)")
    mapped(engine, "('a', 'b')", "text")
    engine.legacy.run("INSERT INTO t VALUES (1, 'not in the map: x')")
    engine.modern.run("INSERT INTO t VALUES (1, 'x')")
    assert_drift(audit(engine), ("changed", ("1",), ("user_id",)))


def test_an_empty_map_is_no_match(engine: Engine) -> None:
    """A map without rows leads nowhere, even where both sides kept the same ids."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, user_id int)")
    engine.both("INSERT INTO t VALUES (1, 1)")
    engine.modern.run("CREATE TABLE user_ids (old int, new int)")
    assert_drift(audit(engine), ("changed", ("1",), ("user_id",)))


NO_BIJECTIONS = [
    ("old id twice", "(1, 101), (1, 104), (2, 102), (3, 103)"),
    ("new id twice", "(1, 101), (4, 101), (2, 102), (3, 103)"),
    ("row twice", "(1, 101), (1, 101), (2, 102), (3, 103)"),
    ("old NULL", "(NULL, 104), (1, 101), (2, 102), (3, 103)"),
    ("new NULL", "(4, NULL), (1, 101), (2, 102), (3, 103)"),
    ("NULL to NULL", "(NULL, NULL), (1, 101), (2, 102), (3, 103)"),
]


@pytest.mark.parametrize("rows", [p[1] for p in NO_BIJECTIONS], ids=[p[0] for p in NO_BIJECTIONS])
def test_a_map_that_is_no_bijection_is_not_proven(engine: Engine, rows: str) -> None:
    """Where an id has two partners, or none, no match that rests on the map is proven."""
    children(engine)
    mapped(engine, rows)
    evidence = audit(engine)
    assert evidence.status in (Status.NOT_PROVEN, Status.DRIFT)
    assert "no bijection" in "\n".join(evidence.reasons)


def test_a_map_to_two_texts_of_one_id_is_not_proven(engine: Engine) -> None:
    """Where ids are read as another type, what the map leads to has to differ as that."""
    engine.legacy.run("CREATE TABLE t (id int PRIMARY KEY, user_id int)")
    engine.legacy.run("INSERT INTO t VALUES (1, 1), (2, 2)")
    engine.modern.run("CREATE TABLE t (id int PRIMARY KEY, user_id uuid)")
    engine.modern.run("INSERT INTO t VALUES (1, %s), (2, %s)", UUID + "a", UUID + "a")
    engine.legacy.run("CREATE TABLE user_ids (old int, new text)")
    engine.legacy.run("INSERT INTO user_ids VALUES (1, %s), (2, %s)", UUID + "a", UUID + "A")
    more = MAP.replace("table =", 'stack = "legacy"\n    table =') + 'type = "uuid"'
    assert_not_proven(audit(engine, more), "no bijection", "1 different new")
    engine.legacy.run("UPDATE user_ids SET new = %s WHERE old = 2", UUID + "B")
    engine.modern.run("UPDATE t SET user_id = %s WHERE id = 2", UUID + "b")
    assert_match(audit(engine, more), rows=2)


def test_a_map_s_filter_takes_rows_out(engine: Engine) -> None:
    """Only the rows that the filter keeps count, for the look-up and for the bijection."""
    children(engine)
    engine.modern.run("CREATE TABLE user_ids (old int, new int, kind text)")
    engine.modern.run(
        "INSERT INTO user_ids VALUES (1, 101, 'user'), (2, 102, 'user'), (3, 103, 'user'), "
        "(1, 777, 'order'), (9, 101, 'order')"
    )
    assert "no bijection" in audit(engine).reasons[0]
    filtered = MAP.replace("[tables", "filter = \"kind = 'user'\"\n    [tables", 1)
    assert_match(audit(engine, filtered), rows=4)
    engine.modern.run("UPDATE user_ids SET kind = 'gone' WHERE new = 103")
    assert_drift(audit(engine, filtered), ("changed", ("3",), ("user_id",)))


def test_a_filter_that_is_no_sql_is_not_proven(engine: Engine) -> None:
    """A map's filter that the server refuses is a reason, not a crash."""
    children(engine)
    mapped(engine)
    broken = MAP.replace("[tables", 'filter = "no such thing"\n    [tables', 1)
    assert_not_proven(audit(engine, broken), "modern", "syntax error")


PARENTS = """
    [maps.users]
    table = "user_ids"
    legacy = "old"
    modern = "new"
    [tables.t.columns.id]
    map = "users"
"""


def parents(engine: Engine, rows: str) -> None:
    """Make three users and a map between their keys."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, name text)")
    engine.legacy.run("INSERT INTO t VALUES (1, 'ann'), (2, 'ben'), (3, 'cy')")
    engine.modern.run("INSERT INTO t VALUES (101, 'ann'), (102, 'ben'), (103, 'cy')")
    mapped(engine, rows)


def test_a_mapped_key_finds_the_partner(engine: Engine) -> None:
    """Rows known by a re-issued key are found, and so is what changed, is gone, or is new."""
    parents(engine, "(1, 101), (2, 102), (3, 103)")
    assert_match(audit(engine, PARENTS), rows=3)
    engine.modern.run("UPDATE t SET name = 'bob' WHERE id = 102")
    engine.modern.run("UPDATE t SET id = 104 WHERE id = 103")
    assert_drift(
        audit(engine, PARENTS),
        ("changed", ("2",), ("name",)),
        ("missing", ("3",), ()),
        ("extra", ("not in the map: 104",), ()),
    )


def test_a_bijection_that_swaps_two_ids_is_drift(engine: Engine) -> None:
    """A map that is well formed, but leads two ids to each other's partner, is found out."""
    parents(engine, "(1, 102), (2, 101), (3, 103)")
    assert_drift(
        audit(engine, PARENTS), ("changed", ("1",), ("name",)), ("changed", ("2",), ("name",))
    )


def test_a_legacy_map_leads_the_other_way(engine: Engine) -> None:
    """A map on the legacy stack leads legacy ids to modern ones, which findings then show."""
    children(engine)
    engine.legacy.run("CREATE TABLE user_ids (old int, new int)")
    engine.legacy.run("INSERT INTO user_ids VALUES (1, 101), (2, 102), (3, 103)")
    on_legacy = MAP.replace("table =", 'stack = "legacy"\n    table =')
    assert_match(audit(engine, on_legacy), rows=4)
    engine.modern.run("UPDATE t SET user_id = 103 WHERE id = 2")
    evidence = audit(engine, on_legacy)
    assert_drift(evidence, ("changed", ("2",), ("user_id",)))
    values = evidence.findings[0].columns["user_id"]
    assert (values.legacy, values.modern) == ("102", "103")


TYPES = [
    ("int", "uuid", "{0}", f"'{UUID}{{0}}'"),
    ("uuid", "int", f"'{UUID}{{0}}'", "{0}"),
    ("int", "text", "{0}", "'u{0}'"),
    ("text", "bigint", "'u{0}'", "900719925474099{0}"),
    ("numeric(12,2)", "bytea", "{0}.5", r"'\x0{0}'"),
    ("bytea", "date", r"'\x0{0}'", "'2024-01-0{0}'"),
    ("char(4)", "numeric", "'u{0}'", "{0}"),
]


@pytest.mark.parametrize("stack", ["legacy", "modern"])
@pytest.mark.parametrize("case", TYPES, ids=lambda case: f"{case[0]}-{case[1]}")
def test_ids_of_every_type_are_led(
    engine: Engine, case: tuple[str, str, str, str], stack: str
) -> None:
    """Whatever the types of old and new ids, each is led to its partner and to no other."""
    old, new, old_value, new_value = case
    engine.legacy.run(f"CREATE TABLE t (id int PRIMARY KEY, user_id {old})")
    engine.modern.run(f"CREATE TABLE t (id int PRIMARY KEY, user_id {new})")
    home = getattr(engine, stack)
    home.run(f"CREATE TABLE user_ids (old {old}, new {new})")
    for n in (1, 2, 3):
        engine.legacy.run(f"INSERT INTO t VALUES ({n}, {old_value.format(n)})")
        engine.modern.run(f"INSERT INTO t VALUES ({n}, {new_value.format(n)})")
        home.run(f"INSERT INTO user_ids VALUES ({old_value.format(n)}, {new_value.format(n)})")
    more = MAP.replace("table =", f'stack = "{stack}"\n    table =')
    assert_match(audit(engine, more), rows=3)
    engine.modern.run(f"UPDATE t SET user_id = {new_value.format(1)} WHERE id = 2")
    assert_drift(audit(engine, more), ("changed", ("2",), ("user_id",)))


LOOSE = [
    ("interval", "interval", "1 day", "24:00:00"),
    ("numeric[]", "numeric[]", "{1.0}", "{1.00}"),
    ("float8", "float8", "0", "-0"),
    ("bigint", "float8", "9007199254740992", "9007199254740993"),
]


@pytest.mark.parametrize(("own", "kind", "one", "other"), LOOSE, ids=str)
def test_ids_that_postgresql_alone_takes_for_equal_are_told_apart(
    engine: Engine, own: str, kind: str, one: str, other: str
) -> None:
    """A map is looked up by the values that its check for a bijection tells apart."""
    engine.legacy.run(f"CREATE TABLE t (id int PRIMARY KEY, user_id {own})")
    engine.legacy.run(f"INSERT INTO t VALUES (1, '{one}'), (2, '{other}')")
    engine.legacy.run(f"CREATE TABLE user_ids (old {kind}, new int)")
    engine.legacy.run(f"INSERT INTO user_ids VALUES ('{one}', 101)")
    if own == kind:
        engine.legacy.run(f"INSERT INTO user_ids VALUES ('{other}', 102)")
    engine.modern.run("CREATE TABLE t (id int PRIMARY KEY, user_id int)")
    engine.modern.run("INSERT INTO t VALUES (1, 101), (2, 101)")
    more = MAP.replace("table =", 'stack = "legacy"\n    table =')
    assert_drift(audit(engine, more), ("changed", ("2",), ("user_id",)))
    if own == kind:
        engine.modern.run("UPDATE t SET user_id = 102 WHERE id = 2")
        assert_match(audit(engine, more), rows=2)


def test_ids_that_sqlite_alone_takes_for_equal_are_told_apart(
    modern_db: Database, tmp_path: Path
) -> None:
    """In a column without a type 7 and 7.0 are two values, and two ids."""
    with closing(sqlite3.connect(tmp_path / "old.db")) as file, file:
        file.executescript(
            "CREATE TABLE user_ids (old, new int);"
            "INSERT INTO user_ids VALUES (7, 101), (7.0, 102);"
            "CREATE TABLE t (id INTEGER PRIMARY KEY, user_id);"
            "INSERT INTO t VALUES (1, 7), (2, 7.0)"
        )
    modern_db.run("CREATE TABLE t (id int PRIMARY KEY, user_id int)")
    modern_db.run("INSERT INTO t VALUES (1, 101), (2, 101)")
    here: Any = Elsewhere(f"sqlite:///{tmp_path / 'old.db'}")
    engine = Engine(here, modern_db, tmp_path)
    more = MAP.replace("table =", 'stack = "legacy"\n    table =')
    assert_drift(audit(engine, more), ("changed", ("2",), ("user_id",)))


def test_a_map_of_another_type_than_the_legacy_column_is_not_proven(engine: Engine) -> None:
    """Where the map's legacy ids cannot be compared with the column's, the column is named."""
    children(engine)
    engine.modern.run("CREATE TABLE user_ids (old text, new int)")
    engine.modern.run("INSERT INTO user_ids VALUES ('1', 101), ('2', 102), ('3', 103)")
    assert_not_proven(audit(engine), "column 'user_id' of 't'", "integer", "text")


def test_a_map_of_another_type_than_its_own_column_is_not_proven(engine: Engine) -> None:
    """Where the map cannot be looked up by the column's type, the server's words are the reason."""
    children(engine)
    engine.modern.run("CREATE TABLE user_ids (old int, new text)")
    engine.modern.run("INSERT INTO user_ids VALUES (1, '101'), (2, '102'), (3, '103')")
    assert_not_proven(audit(engine), "operator does not exist")


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('"user_ids"', '"userids"', ("no table 'userids'", "[maps.users]", "user_ids")),
        ('"old"', '"od"', ("no column 'od'", "[maps.users]")),
        ('"new"', '"nwe"', ("no column 'nwe'", "[maps.users]")),
        ('table =', 'stack = "legacy"\n    table =', ("legacy", "no table 'user_ids'")),
    ],
)  # fmt: skip
def test_a_map_that_is_not_there_is_not_proven(
    engine: Engine, before: str, after: str, words: tuple[str, ...]
) -> None:
    """A map's table or column that is missing is a reason that names the map."""
    children(engine)
    mapped(engine)
    assert_not_proven(audit(engine, MAP.replace(before, after, 1)), *words)


def test_an_unknown_map_is_refused(engine: Engine) -> None:
    """A column that refers to a map of no name is an error of the settings."""
    with pytest.raises(SettingsError, match=r"no \[maps\.usres\]"):
        engine.settings(MAP.replace('map = "users"', 'map = "usres"'))


def test_a_map_is_no_table_to_be_compared(engine: Engine) -> None:
    """A map is not paired, and needs no reason to be left alone; other tables do."""
    children(engine)
    mapped(engine)
    with engine.opened(MAP) as run:
        assert list(run.context.pairs) == ["t"]
        assert run.audit("coverage", "*").status is Status.MATCH


@pytest.mark.parametrize("more", [MAP, PARENTS], ids=["child", "key"])
def test_no_tolerance_forgives_an_id(engine: Engine, more: str) -> None:
    """An id that the map leads to is no measure: a tolerance of numbers does not bear on it."""
    if more is MAP:
        children(engine)
        mapped(engine)
        engine.modern.run("UPDATE t SET user_id = 101 WHERE id = 2")
    else:
        parents(engine, "(1, 101), (2, 103), (3, 102)")
    evidence = audit(engine, f"[tolerance]\nabsolute = 1\n{more}")
    assert evidence.status is Status.DRIFT, evidence


def test_a_mapped_tenant_scope(engine: Engine) -> None:
    """Children are compared through the map within a tenant's rows, whoever else uses the ids."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, tenant text, user_id int)")
    engine.legacy.run("INSERT INTO t VALUES (1, 'acme', 1), (2, 'beta', 2)")
    engine.modern.run("INSERT INTO t VALUES (1, 'acme', 101), (2, 'beta', 101)")
    mapped(engine, "(1, 101), (2, 102)")
    more = f"{MAP}\n[tenants.acme]\n[tenants.beta]"
    tenancy = 'tenancy = {column = "tenant"}'
    with engine.opened(more, legacy=tenancy, modern=tenancy) as run:
        assert_match(run.audit("acme", "t"), rows=1)
        assert_drift(run.audit("beta", "t"), ("changed", ("2",), ("user_id",)))


def test_a_map_beside_schemas_of_tenants(engine: Engine) -> None:
    """Where each tenant has a schema with a map of its own, that map is the tenant's."""
    for tenant, shift in (("a", 100), ("b", 200)):
        engine.both(f"CREATE SCHEMA s_{tenant}")
        engine.both(f"CREATE TABLE s_{tenant}.t (id int PRIMARY KEY, user_id int)")
        engine.legacy.run(f"INSERT INTO s_{tenant}.t VALUES (1, 1), (2, 2)")
        engine.modern.run(f"INSERT INTO s_{tenant}.t VALUES (1, {shift + 1}), (2, {shift + 2})")
        engine.modern.run(f"CREATE TABLE s_{tenant}.user_ids (old int, new int)")
        engine.modern.run(
            f"INSERT INTO s_{tenant}.user_ids VALUES (1, {shift + 1}), (2, {shift + 2})"
        )
    own = 'tenancy = {schema = "s_{tenant}"}'
    more = f"{MAP}\n[tenants.a]\n[tenants.b]"
    with engine.opened(more, legacy=own, modern=own) as run:
        assert [run.audit(tenant, "t").status for tenant in "ab"] == [Status.MATCH] * 2
    engine.modern.run("DELETE FROM s_b.user_ids WHERE old = 2")
    with engine.opened(more, legacy=own, modern=own) as run:
        assert run.audit("a", "t").status is Status.MATCH
        assert seen(run.audit("b", "t")) == [("changed", ("2",), ("user_id",))]


def test_one_map_for_all_schemas(engine: Engine) -> None:
    """Where tenants have schemas and the map is shared, it is found in the stack's schema."""
    for tenant in "ab":
        engine.both(f"CREATE SCHEMA s_{tenant}")
        engine.both(f"CREATE TABLE s_{tenant}.t (id int PRIMARY KEY, user_id int)")
        engine.legacy.run(f"INSERT INTO s_{tenant}.t VALUES (1, 1)")
        engine.modern.run(f"INSERT INTO s_{tenant}.t VALUES (1, 101)")
    mapped(engine)
    own = 'tenancy = {schema = "s_{tenant}"}'
    shared = f'[tables.prices]\ntenancy = "global"\n{MAP}\n[tenants.a]\n[tenants.b]'
    with engine.opened(shared, legacy=own, modern=own) as run:
        assert run.audit("a", "t").reasons == ()


def test_an_expression_goes_through_the_map(engine: Engine) -> None:
    """A value that is made by SQL is looked up like a stored one."""
    children(engine)
    mapped(engine)
    engine.modern.run("UPDATE t SET user_id = user_id * 10")
    more = f'{MAP}modern_sql = "t.user_id / 10"'
    assert_match(audit(engine, more), rows=4)
    engine.modern.run("UPDATE t SET user_id = 1010 WHERE id = 3")
    assert_drift(audit(engine, more), ("changed", ("3",), ("user_id",)))


def test_columns_of_the_map_s_names_are_not_mixed_up(engine: Engine) -> None:
    """A table whose columns are called as the map's are is led by its own values."""
    engine.both("CREATE TABLE t (old int PRIMARY KEY, new int, user_id int)")
    engine.legacy.run("INSERT INTO t VALUES (1, 7, 1), (2, 8, 2)")
    engine.modern.run("INSERT INTO t VALUES (1, 7, 101), (2, 8, 102)")
    mapped(engine)
    assert_match(audit(engine), rows=2)
    engine.modern.run("UPDATE t SET user_id = 101 WHERE old = 2")
    assert_drift(audit(engine), ("changed", ("2",), ("user_id",)))


def test_two_columns_through_one_map(engine: Engine) -> None:
    """Two columns of one table go through the same map, each by its own value."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, user_id int, by_id int)")
    engine.legacy.run("INSERT INTO t VALUES (1, 1, 2)")
    engine.modern.run("INSERT INTO t VALUES (1, 101, 102)")
    mapped(engine)
    more = f'{MAP}[tables.t.columns.by_id]\nmap = "users"'
    assert_match(audit(engine, more), rows=1)
    engine.modern.run("UPDATE t SET (user_id, by_id) = (102, 101)")
    assert_drift(audit(engine, more), ("changed", ("1",), ("user_id", "by_id")))


def test_many_mapped_keys(engine: Engine) -> None:
    """Among thousands of re-issued keys the one row that changed is found, and it alone."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, v int)")
    engine.legacy.run("INSERT INTO t SELECT g, g FROM generate_series(1, 3000) g")
    engine.modern.run("INSERT INTO t SELECT 9000 - g, g FROM generate_series(1, 3000) g")
    engine.modern.run("CREATE TABLE user_ids (old int UNIQUE, new int PRIMARY KEY)")
    engine.modern.run("INSERT INTO user_ids SELECT g, 9000 - g FROM generate_series(1, 3000) g")
    engine.modern.run("UPDATE t SET v = 0 WHERE id = 9000 - 1234")
    assert_drift(audit(engine, PARENTS), ("changed", ("1234",), ("v",)))


def test_a_masked_id_is_never_shown(engine: Engine) -> None:
    """An id that the map lacks is not shown where its column is masked."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, user_id text)")
    engine.legacy.run("INSERT INTO t VALUES (1, 'secret')")
    engine.modern.run("INSERT INTO t VALUES (1, 'secret too')")
    mapped(engine, "('a', 'b')", "text")
    evidence = audit(engine, f"{MAP}mask = true")
    assert_drift(evidence, ("changed", ("1",), ("user_id",)))
    assert "secret" not in repr(evidence)


def test_an_error_of_a_map_s_filter_quotes_no_masked_id(engine: Engine) -> None:
    """Where a column is masked, what the server says of its map's rows is left out."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, user_id text)")
    engine.both("INSERT INTO t VALUES (1, 'secret')")
    mapped(engine, "('secret', 'secret')", "text")
    more = MAP.replace("[tables", 'filter = "new::int > 0"\n    [tables', 1) + "mask = true"
    evidence = audit(engine, more)
    assert evidence.status is Status.NOT_PROVEN
    assert "secret" not in repr(evidence)
