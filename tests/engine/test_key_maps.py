"""Reissued ids are compared through their key map, and nothing else makes them equal."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pytest_tenantparity.model import Evidence, NamedRule, Outcome

from ..support.engine_driver import Engine, seen
from ..support.expectations import assert_drift, assert_match
from ..support.files import Elsewhere
from ..support.many_tables import (
    Case,
    Check,
    changed,
    check_each,
    drifts,
    laid_out,
    matches,
    not_proven,
)
from ..support.postgresql import Database

UUID = "00000000-0000-0000-0000-00000000000"
IDS = "(1, 101), (2, 102), (3, 103)"
# Four rows: one for each of the users 1 to 3, who became 101 to 103, and one of no user.
OLD, NEW = "(1, 1), (2, 2), (3, 3), (4, NULL)", "(1, 101), (2, 102), (3, 103), (4, NULL)"


def led(
    label: str,
    rows: tuple[str, str] = (OLD, NEW),
    *,
    ids: str = IDS,
    kinds: str = "int int int int",
    stack: str = "modern",
    of_map: str = "",
    of_column: str = "",
) -> Case:
    """Return a case of rows (id, user_id) on each side, and a map (old, new) on one stack.

    ``kinds`` are the types of the legacy user_id, the modern user_id, old and new.
    """
    own, other, old, new = kinds.split()
    table = "CREATE TABLE {t} (id int PRIMARY KEY, user_id KIND); INSERT INTO {t} VALUES "
    sides = {"legacy": table.replace("KIND", own) + rows[0]}
    sides["modern"] = table.replace("KIND", other) + rows[1]
    sides[stack] += f"; CREATE TABLE {{t}}_ids (old {old}, new {new})"
    if ids:
        sides[stack] += f"; INSERT INTO {{t}}_ids VALUES {ids}"
    return Case(label, **sides, settings=_mapped("user_id", stack, of_map, of_column))


def _but(before: str, after: str) -> tuple[str, str]:
    return OLD, NEW.replace(before, after)


def _mapped(column: str, stack: str = "modern", of_map: str = "", of_column: str = "") -> str:
    return f"""
        [maps.{{t}}]
        stack = "{stack}"
        table = "{{t}}_ids"
        legacy = "old"
        modern = "new"
        {of_map}
        [tables.{{t}}.columns.{column}]
        key_map = "{{t}}"
        {of_column}
    """


def users(label: str, ids: str, modern: str = "", *, more: str = "") -> Case:
    """Return a case of three users whose own ids were reissued, with the map."""
    made = "CREATE TABLE {t} (id int PRIMARY KEY, name text); INSERT INTO {t} VALUES "
    rows = modern or "(101, 'ann'), (102, 'ben'), (103, 'cy')"
    id_map = f"; CREATE TABLE {{t}}_ids (old int, new int); INSERT INTO {{t}}_ids VALUES {ids}"
    names = "(1, 'ann'), (2, 'ben'), (3, 'cy')"
    return Case(label, made + names, made + rows + id_map, _mapped("id") + more)


def check_cases(
    engine: Engine, cases: dict[Case, Check], subtests: pytest.Subtests
) -> dict[str, Evidence]:
    """Lay out the cases, open the stacks once, and check each case."""
    with laid_out(engine, list(cases)).opened() as audit:
        expected = {case.label: check for case, check in cases.items()}
        return check_each(audit, expected, subtests)


USER_1, USER_2 = changed("1", "user_id"), changed("2", "user_id")


def test_ids_are_led_through_the_map(engine: Engine, subtests: pytest.Subtests) -> None:
    """Reissued ids match through their map, under a rule in the report, and NULL matches NULL.

    Another parent, a parent that is not in the map, the legacy id itself, and no parent are all
    drift. A modern id without a partner equals no legacy id, no NULL, and no text that could be a
    legacy id. A map on the legacy stack works in the other direction. A value made by SQL is looked
    up like a stored one. No tolerance of numbers applies to an id. No id of a masked column is
    shown.
    """
    without_1 = "(2, 102), (3, 103)"
    no_user = "(1, NULL), (2, 2), (3, 3), (4, NULL)"
    texts = {"kinds": "text text text text", "ids": "('a', 'b')"}
    sql = {"of_column": 'modern_sql = "{t}.user_id / 10"'}
    tens = "(1, 1010), (2, 1020), (3, 1030), (4, NULL)"
    cases = {
        led("led"): matches(4),
        **{
            led(f"user {user}", _but("102", user)): USER_2
            for user in ("101", "1", "3", "999", "NULL")
        },
        led("NULL to none", (no_user, NEW), ids=without_1): USER_1,
        led("NULL to NULL", (no_user, NEW.replace("101", "NULL")), ids=without_1): matches(4),
        led("neither in the map", ids=without_1): USER_1,
        led("looks like none", ("(1, 'not in the map: x')", "(1, 'x')"), **texts): USER_1,
        led("empty map", ("(1, 1)", "(1, 1)"), ids=""): USER_1,
        led("legacy map", stack="legacy"): matches(4),
        led("legacy map, 103", _but("102", "103"), stack="legacy"): USER_2,
        led("SQL", (OLD, tens), **sql): matches(4),
        led("SQL, 101", (OLD, tens.replace("1030", "1010")), **sql): changed("3", "user_id"),
        led(
            "tolerance", _but("102", "101"), of_column="[tables.{t}.tolerance]\nabsolute = 1"
        ): USER_2,
        led(
            "masked",
            ("(1, 'secret')", "(1, 'secret too')"),
            of_column="mask = true",
            **texts,
        ): USER_1,
    }
    found = check_cases(engine, cases, subtests)
    rule = "ids are led from one stack to the other by [maps.t0]"
    assert found["led"].rules == (NamedRule(rule, "user_id"),)
    none = found["NULL to none"].findings[0].columns["user_id"]
    assert none.modern == "not in the map: 101"
    values = found["legacy map, 103"].findings[0].columns["user_id"]
    assert (values.legacy, values.modern) == ("102", "103")
    assert "secret" not in repr(found["masked"])


def test_each_value_goes_through_the_map_by_itself(
    engine: Engine, subtests: pytest.Subtests
) -> None:
    """Two columns of one table use the same map, each for its own value.

    If the table's columns have the same names as the map's, its own values are still looked up.
    """
    ids = "; CREATE TABLE {t}_ids (old int, new int); INSERT INTO {t}_ids VALUES " + IDS
    two = "CREATE TABLE {t} (id int PRIMARY KEY, user_id int, by_id int); INSERT INTO {t} VALUES "
    names = "CREATE TABLE {t} (old int PRIMARY KEY, new int, user_id int); INSERT INTO {t} VALUES "
    by_id = _mapped("user_id") + '[tables.{t}.columns.by_id]\nkey_map = "{t}"'
    old, own = f"{names}(1, 7, 1), (2, 8, 2)", _mapped("user_id")
    cases = {
        Case("two", f"{two}(1, 1, 2)", f"{two}(1, 101, 102){ids}", by_id): matches(1),
        Case("two swapped", f"{two}(1, 1, 2)", f"{two}(1, 102, 101){ids}", by_id): changed(
            "1", "user_id", "by_id"
        ),
        Case("names", old, f"{names}(1, 7, 101), (2, 8, 102){ids}", own): matches(2),
        Case("names, 101", old, f"{names}(1, 7, 101), (2, 8, 101){ids}", own): USER_2,
    }
    check_cases(engine, cases, subtests)


def test_a_mapped_key_finds_the_partner(engine: Engine, subtests: pytest.Subtests) -> None:
    """Reissued keys lead to their partners, and changed, missing and extra rows are found.

    A valid map that exchanges the partners of two ids is detected. Among thousands of reissued
    keys, the one row that changed is found, and no other.
    """
    names = [("changed", (key,), ("name",)) for key in ("1", "2", "3")]
    many = "CREATE TABLE {t} (id int PRIMARY KEY, v int); INSERT INTO {t} SELECT "
    series = "FROM generate_series(1, 3000) g"
    cases = {
        users("partners", IDS): matches(3),
        users("changes", IDS, "(101, 'ann'), (102, 'bob'), (104, 'cy')"): drifts(
            names[1], ("missing", ("3",), ()), ("extra", ("not in the map: 104",), ())
        ),
        users("swapped", "(1, 102), (2, 101), (3, 103)"): drifts(*names[:2]),
        users(
            "tolerance",
            "(1, 101), (2, 103), (3, 102)",
            more="[tables.{t}.tolerance]\nabsolute = 1",
        ): drifts(*names[1:]),
        Case(
            "many",
            f"{many}g, g {series}",
            f"{many}9000 - g, g {series}; UPDATE {{t}} SET v = 0 WHERE id = 9000 - 1234;"
            "CREATE TABLE {t}_ids (old int UNIQUE, new int PRIMARY KEY);"
            f"INSERT INTO {{t}}_ids SELECT g, 9000 - g {series}",
            _mapped("id"),
        ): changed("1234", "v"),
    }
    check_cases(engine, cases, subtests)


NO_BIJECTIONS = [
    ("old id twice", "(1, 101), (1, 104), (2, 102), (3, 103)"),
    ("new id twice", "(1, 101), (4, 101), (2, 102), (3, 103)"),
    ("row twice", "(1, 101), (1, 101), (2, 102), (3, 103)"),
    ("old NULL", "(NULL, 104), (1, 101), (2, 102), (3, 103)"),
    ("new NULL", "(4, NULL), (1, 101), (2, 102), (3, 103)"),
    ("NULL to NULL", "(NULL, NULL), (1, 101), (2, 102), (3, 103)"),
]


def _no_bijection(evidence: Evidence) -> None:
    assert evidence.outcome in (Outcome.NOT_PROVEN, Outcome.REFUTED), evidence
    assert "no bijection" in "\n".join(evidence.reasons)


def test_a_map_that_is_no_bijection_is_not_proven(
    engine: Engine, subtests: pytest.Subtests
) -> None:
    """If an id has two partners, or none, no match that depends on the map is proven.

    If ids are read as another type, their partners have to differ as values of that type. Only rows
    that the map's filter keeps count, both for the lookup and for the bijection.
    """
    uuids = {
        "kinds": "int uuid int text",
        "stack": "legacy",
        "of_column": 'type = "uuid"',
    }
    users_and_orders = (
        "(1, 101, 'user'), (2, 102, 'user'), (3, 103, 'user'), (1, 777, 'order'), (9, 101, 'order')"
    )
    filtered = "filter = \"kind = 'user'\""
    cases: dict[Case, Check] = {
        **{led(label, ids=rows): _no_bijection for label, rows in NO_BIJECTIONS},
        led(
            "one uuid twice",
            ("(1, 1), (2, 2)", f"(1, '{UUID}a'), (2, '{UUID}a')"),
            ids=f"(1, '{UUID}a'), (2, '{UUID}A')",
            **uuids,
        ): not_proven("no bijection", "1 different new"),
        led(
            "two uuids",
            ("(1, 1), (2, 2)", f"(1, '{UUID}a'), (2, '{UUID}b')"),
            ids=f"(1, '{UUID}a'), (2, '{UUID}B')",
            **uuids,
        ): matches(2),
        _with_kinds(led("no filter", ids=users_and_orders)): _no_bijection,
        _with_kinds(led("filter", ids=users_and_orders, of_map=filtered)): matches(4),
        _with_kinds(
            led(
                "filter of one more",
                ids=users_and_orders.replace("103, 'user'", "103, 'gone'"),
                of_map=filtered,
            )
        ): changed("3", "user_id"),
    }
    check_cases(engine, cases, subtests)


def _with_kinds(case: Case) -> Case:
    modern = case.modern.replace("(old int, new int)", "(old int, new int, kind text)")
    return Case(case.label, case.legacy, modern, case.settings)


def test_a_map_that_cannot_be_looked_up_is_not_proven(
    engine: Engine, subtests: pytest.Subtests
) -> None:
    """If a map's table or column is missing, the reason names the map.

    The same holds for a filter that the server refuses. If the map's ids cannot be compared with a
    column's, the reason names the column or quotes the server. For masked ids the server's message
    is left out.
    """

    def but(label: str, before: str, after: str) -> Case:
        case = led(label)
        assert before in case.settings
        return Case(label, case.legacy, case.modern, case.settings.replace(before, after))

    texts = "('1', 101), ('2', 102), ('3', 103)", "(1, '101'), (2, '102'), (3, '103')"
    cases = {
        but("table", '"{t}_ids"', '"{t}ids"'): not_proven(
            "no table 't0ids'", "[maps.t0]", "t0_ids"
        ),
        but("old", '"old"', '"od"'): not_proven("no column 'od'", "[maps.t1]"),
        but("new", '"new"', '"nwe"'): not_proven("no column 'nwe'", "[maps.t2]"),
        but("stack", '"modern"', '"legacy"'): not_proven("legacy", "no table 't3_ids'"),
        led("filter", of_map='filter = "no such thing"'): not_proven("modern", "syntax error"),
        led("legacy type", ids=texts[0], kinds="int int text int"): not_proven(
            "column 'user_id' of 't5'", "integer", "text"
        ),
        led("own type", ids=texts[1], kinds="int int int text"): not_proven(
            "operator does not exist"
        ),
        led(
            "masked",
            ("(1, 'secret')", "(1, 'secret')"),
            ids="('secret', 'secret')",
            kinds="text text text text",
            of_map='filter = "new::int > 0"',
            of_column="mask = true",
        ): not_proven(),
    }
    found = check_cases(engine, cases, subtests)
    assert "secret" not in repr(found["masked"])


TYPES = [
    ("int", "uuid", "{0}", f"'{UUID}{{0}}'"),
    ("uuid", "int", f"'{UUID}{{0}}'", "{0}"),
    ("int", "text", "{0}", "'u{0}'"),
    ("text", "bigint", "'u{0}'", "900719925474099{0}"),
    ("numeric(12,2)", "bytea", "{0}.5", r"'\x0{0}'"),
    ("bytea", "date", r"'\x0{0}'", "'2024-01-0{0}'"),
    ("char(4)", "numeric", "'u{0}'", "{0}"),
]


def test_ids_of_every_type_are_led(engine: Engine, subtests: pytest.Subtests) -> None:
    """Each id is led to its partner and to no other, whatever the types of old and new ids."""
    cases: dict[Case, Check] = {}
    for old, new, old_value, new_value in TYPES:
        legacy = ", ".join(f"({n}, {old_value.format(n)})" for n in (1, 2, 3))
        modern = ", ".join(f"({n}, {new_value.format(n)})" for n in (1, 2, 3))
        ids = ", ".join(f"({old_value.format(n)}, {new_value.format(n)})" for n in (1, 2, 3))
        other = modern.replace(f"(2, {new_value.format(2)})", f"(2, {new_value.format(1)})")
        kinds = f"{old} {new} {old} {new}"
        for stack in ("legacy", "modern"):
            label = f"{old} to {new} by {stack}"
            own = {"ids": ids, "kinds": kinds, "stack": stack}
            cases[led(label, (legacy, modern), **own)] = matches(3)
            cases[led(f"{label}, another", (legacy, other), **own)] = USER_2
    check_cases(engine, cases, subtests)


LOOSE = [
    ("interval", "interval", "1 day", "24:00:00"),
    ("numeric[]", "numeric[]", "{1.0}", "{1.00}"),
    ("float8", "float8", "0", "-0"),
    ("bigint", "float8", "9007199254740992", "9007199254740993"),
]


def test_ids_that_postgresql_alone_takes_for_equal_are_told_apart(
    engine: Engine, subtests: pytest.Subtests
) -> None:
    """A map is looked up by the same values that its check for a bijection distinguishes."""
    cases: dict[Case, Check] = {}
    for own, kind, one, other in LOOSE:
        ids = f"('{one}', 101)" + (f", ('{other}', 102)" if own == kind else "")
        legacy = f"(1, '{one}'), (2, '{other}')"
        settings = {
            "ids": ids,
            "kinds": f"{own} int {kind} int",
            "stack": "legacy",
        }
        cases[led(f"{own} of {kind}", (legacy, "(1, 101), (2, 101)"), **settings)] = USER_2
        if own == kind:
            cases[led(f"{own} to two", (legacy, "(1, 101), (2, 102)"), **settings)] = matches(2)
    check_cases(engine, cases, subtests)


MAP = """
    [maps.users]
    stack = "legacy"
    table = "user_ids"
    legacy = "old"
    modern = "new"
    [tables.t.columns.user_id]
    key_map = "users"
"""


def test_ids_that_sqlite_alone_takes_for_equal_are_told_apart(
    modern_db: Database, tmp_path: Path
) -> None:
    """In a SQLite column without a type, 7 and 7.0 are two values, and so two ids."""
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
    assert_drift(engine.audit(more=MAP), ("changed", ("2",), ("user_id",)))


def test_a_mapped_tenant_scope(engine: Engine) -> None:
    """Children are mapped within their tenant's rows, even if other tenants use the same ids.

    A map needs no table pair and no reason to be left out; other tables do.
    """
    engine.both("CREATE TABLE t (id int PRIMARY KEY, tenant text, user_id int)")
    engine.legacy.run("INSERT INTO t VALUES (1, 'acme', 1), (2, 'beta', 2)")
    engine.modern.run("INSERT INTO t VALUES (1, 'acme', 101), (2, 'beta', 101)")
    engine.modern.run("CREATE TABLE user_ids (old int, new int)")
    engine.modern.run("INSERT INTO user_ids VALUES (1, 101), (2, 102)")
    more = MAP.replace('"legacy"', '"modern"', 1) + "[tenants.acme]\n[tenants.beta]"
    tenancy = 'tenancy = {column = "tenant"}'
    with engine.opened(more, legacy=tenancy, modern=tenancy) as run:
        assert_match(run.audit("acme", "t"), rows=1)
        assert_drift(run.audit("beta", "t"), ("changed", ("2",), ("user_id",)))
        assert list(run.context.pairs) == ["t"]
        assert run.audit("coverage", "*").outcome is Outcome.PROVEN


OF_SCHEMAS = """
    [maps.{0}]
    table = "{0}_ids"
    legacy = "old"
    modern = "new"
    [tables.{0}.columns.user_id]
    key_map = "{0}"
"""


def test_maps_beside_schemas_of_tenants(engine: Engine) -> None:
    """If each tenant has a schema with a map of its own, that map is used for the tenant.

    A map that all tenants share is found in the stack's schema.
    """
    tables = ("own", "lost", "shared")
    for tenant, shift in (("a", 100), ("b", 200)):
        engine.both(f"CREATE SCHEMA s_{tenant}")
        for table in tables:
            name, plus = f"s_{tenant}.{table}", 100 if table == "shared" else shift
            engine.both(f"CREATE TABLE {name} (id int PRIMARY KEY, user_id int)")
            engine.legacy.run(f"INSERT INTO {name} VALUES (1, 1), (2, 2)")
            engine.modern.run(f"INSERT INTO {name} VALUES (1, {plus + 1}), (2, {plus + 2})")
            home = "shared_ids" if table == "shared" else f"{name}_ids"
            engine.modern.run(f"CREATE TABLE IF NOT EXISTS {home} (old int, new int)")
            if table != "shared" or tenant == "a":
                engine.modern.run(f"INSERT INTO {home} VALUES (1, {plus + 1}), (2, {plus + 2})")
    engine.modern.run("DELETE FROM s_b.lost_ids WHERE old = 2")
    own = 'tenancy = {schema = "s_{tenant}"}'
    tenants = "[tenants.a]\n[tenants.b]"
    more = f"{OF_SCHEMAS.format('own')}{OF_SCHEMAS.format('lost')}{tenants}"
    with engine.opened(more, legacy=own, modern=own) as run:
        for table, subject in (("own", "a"), ("own", "b"), ("lost", "a")):
            assert_match(run.audit(subject, table), rows=2)
        assert seen(run.audit("b", "lost")) == [("changed", ("2",), ("user_id",))]
    # A table that all tenants share makes the run read the stack's own schema as well.
    more = f'[tables.prices]\ntenancy = "global"\n{OF_SCHEMAS.format("shared")}\n{tenants}'
    with engine.opened(more, legacy=own, modern=own) as run:
        for tenant in "ab":
            assert_match(run.audit(tenant, "shared"), rows=2)
