"""A match means equal, and a difference is named exactly: PostgreSQL against PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_tenantparity.config import load_settings
from pytest_tenantparity.errors import SettingsError
from pytest_tenantparity.model import Evidence, NamedRule, RowCounts, Status
from pytest_tenantparity.wire import to_wire

from ..support.engine_driver import Engine, opened, seen
from ..support.expectations import assert_drift, assert_match, assert_not_proven
from ..support.postgresql import Cluster, Database, new_database

BY_TENANT = 'tenancy = {column = "tenant"}'
TENANTS = "[tenants.a]\n[tenants.b]\n"


# ---- row encoding

ROWS = [
    pytest.param("'ab', 'c', ''", "'a', 'bc', ''", ("x", "y"), id="no separator"),
    pytest.param("'x|q', 'r', ''", "'x', 'q|r', ''", ("x", "y"), id="pipe in values"),
    pytest.param("'x,q', 'r', ''", "'x', 'q,r', ''", ("x", "y"), id="comma in values"),
    pytest.param("E'x\\tq', 'r', ''", "'x', E'q\\tr', ''", ("x", "y"), id="tab in values"),
    pytest.param("'av', 'b', ''", "'a', 'vb', ''", ("x", "y"), id="value tag in values"),
    pytest.param("'an', NULL, ''", "'a', 'n', ''", ("x", "y"), id="null tag in values"),
    pytest.param("'1:a', 'b', ''", "'1:', 'ab', ''", ("x", "y"), id="length prefix in values"),
    pytest.param("NULL, 'a', 'b'", "'a', NULL, 'b'", ("x", "y"), id="NULL moved right"),
    pytest.param("NULL, NULL, 'a'", "NULL, 'a', NULL", ("y", "z"), id="NULL moved left"),
    pytest.param("'a', NULL, 'b'", "'a', 'b', NULL", ("y", "z"), id="NULL skipped by concat_ws"),
    pytest.param("NULL, NULL, NULL", "'', '', ''", ("x", "y", "z"), id="all NULL or all empty"),
    pytest.param("'a', 'b', 'c'", "'b', 'a', 'c'", ("x", "y"), id="two columns swapped"),
    pytest.param("'a', 'a', ''", "'b', 'b', ''", ("x", "y"), id="pair that XOR cancels"),
    pytest.param("'n', NULL, 'v'", "NULL, 'n', 'v'", ("x", "y"), id="tag as value beside NULL"),
]


@pytest.mark.parametrize(("legacy", "modern", "columns"), ROWS)
def test_row_encoding_is_injective(
    engine: Engine, legacy: str, modern: str, columns: tuple[str, ...]
) -> None:
    """No choice of values or NULLs makes two different rows look the same."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, x text, y text, z text)")
    engine.both(f"INSERT INTO t VALUES (1, {legacy}), (2, {modern})")
    assert_match(engine.audit(), rows=2)
    engine.modern.run(f"UPDATE t SET (x, y, z) = ({modern}) WHERE id = 1")
    assert_drift(engine.audit(), ("changed", ("1",), columns))


def test_lost_row_of_nulls_is_missing(engine: Engine) -> None:
    """A row of nothing but NULLs counts, and is missed when it is lost."""
    engine.both("CREATE TABLE t (x text, y int)")
    engine.both("INSERT INTO t VALUES (NULL, NULL), ('a', 1)")
    assert_match(engine.audit(), rows=2)
    engine.modern.run("DELETE FROM t WHERE x IS NULL")
    assert_drift(engine.audit(), ("missing", (None, None), ()))


HEIR = """
    CREATE TABLE t (id int PRIMARY KEY, x int, y int NOT NULL{more});
    CREATE TABLE heir () INHERITS (t);
    DO $$ BEGIN
        IF current_setting('server_version_num')::int >= 180000 THEN
            EXECUTE 'ALTER TABLE t ADD CONSTRAINT own NOT NULL x NO INHERIT';
        ELSE
            ALTER TABLE ONLY t ALTER x SET NOT NULL;
        END IF;
    END $$;
    INSERT INTO t VALUES (1, 1, 1);
    INSERT INTO heir VALUES (7, NULL, 1)
"""


@pytest.mark.parametrize("more", [0, 40])
def test_null_that_an_heir_lets_in_is_compared(engine: Engine, more: int) -> None:
    """A table's NOT NULL says nothing of its heirs; a row with such a NULL is told from others."""
    columns = "".join(f", c{n} int NOT NULL DEFAULT 0" for n in range(more))
    engine.both(HEIR.format(more=columns))
    assert_match(engine.audit(), rows=2)
    engine.modern.run("UPDATE t SET y = 2 WHERE id = 7")
    assert_drift(engine.audit(), ("changed", ("7",), ("y",)))


def test_domains_of_one_name_may_differ_in_scale(engine: Engine) -> None:
    """1.50 and 1.5000 are one number, also where both sides call its type by the same name."""
    for side, scale in ((engine.legacy, 2), (engine.modern, 4)):
        side.run(f"CREATE DOMAIN price AS numeric(9, {scale})")
        side.run("CREATE TABLE t (id int PRIMARY KEY, v price NOT NULL)")
        side.run("INSERT INTO t VALUES (1, 1.50), (2, 2)")
    assert_match(engine.audit(), rows=2)
    engine.modern.run("UPDATE t SET v = 1.5001 WHERE id = 1")
    assert_drift(engine.audit(), ("changed", ("1",), ("v",)))


# ---- values of one type

DIFFERENT = [
    # text, and NULL that is no text
    ("NULL and empty", "text", "NULL", "''"),
    ("NULL and sentinel", "text", "NULL", "'<null>'"),
    ("NULL and word", "text", "NULL", "'NULL'"),
    ("NULL and null tag", "text", "NULL", "'n'"),
    ("NULL and value tag", "text", "NULL", "'v'"),
    ("NULL and copy escape", "text", "NULL", r"'\N'"),
    ("null tag and tagged null tag", "text", "'n'", "'vn'"),
    ("case", "text", "'a'", "'A'"),
    ("trailing space", "text", "'a'", "'a '"),
    ("leading space", "text", "'a'", "' a'"),
    ("no-break space", "text", "'a b'", "U&'a\\00A0b'"),
    ("sharp s", "text", "'ß'", "'ss'"),
    ("NFC and NFD", "text", "U&'\\00E9'", "U&'e\\0301'"),
    ("emoji and question mark", "text", "'😀'", "'?'"),
    ("emoji and emoji", "text", "'😀'", "'😁'"),
    ("zero-width joiner", "text", "'ab'", "U&'a\\200Db'"),
    ("doubled quote", "text", "''''", "''''''"),
    ("double quote", "text", "'a\"b'", "'a\"\"b'"),
    ("backslash", "text", r"'a\b'", r"'a\\b'"),
    ("newline and its escape", "text", "E'a\\nb'", r"'a\nb'"),
    ("CRLF and LF", "text", "E'a\\r\\nb'", "E'a\\nb'"),
    ("tab and space", "text", "E'a\\tb'", "'a b'"),
    ("end of a long text", "text", "repeat('x', 100000) || 'a'", "repeat('x', 100000) || 'b'"),
    ("varchar case", "varchar(9)", "'a'", "'A'"),
    ("char", "char(3)", "'a'", "'b'"),
    ("one-byte char", '"char"', "'a'", "'A'"),
    ("name", "name", "'a'", "'A'"),
    ("tsvector", "tsvector", "'a:1'", "'a:2'"),
    # numbers
    ("smaller scale", "numeric", "10.1234", "10.12"),
    ("sign of a numeric", "numeric", "1.5", "-1.5"),
    ("12th decimal", "numeric(38,12)", "12345678901234567890123456.123456789012",
     "12345678901234567890123456.123456789013"),
    ("38 digits", "numeric", "12345678901234567890123456789012345678",
     "12345678901234567890123456789012345679"),
    ("500th decimal", "numeric", "1 + 1e-500", "1"),
    ("numeric NaN and 0", "numeric", "'NaN'", "0"),
    ("numeric NaN and NULL", "numeric", "'NaN'", "NULL"),
    ("numeric infinities", "numeric", "'Infinity'", "'-Infinity'"),
    ("numeric infinity and NaN", "numeric", "'Infinity'", "'NaN'"),
    ("0.0 and NULL", "numeric", "0.0", "NULL"),
    ("money", "money", "1.23", "1.24"),
    ("2^53", "bigint", "9007199254740992", "9007199254740993"),
    ("halves that hashint8 folds", "bigint", "1", "4294967296"),
    ("high bit", "bigint", "5", "4611686018427387909"),
    ("sign of an integer", "int", "5", "-5"),
    ("float 1e-20 and 0", "float8", "1e-20", "0"),
    ("float last digit", "float8", "0.3", "0.1::float8 + 0.2::float8"),
    ("float negative zero", "float8", "'-0'", "0"),
    ("float NaN and NULL", "float8", "'NaN'", "NULL"),
    ("float NaN and infinity", "float8", "'NaN'", "'Infinity'"),
    ("float infinities", "float8", "'Infinity'", "'-Infinity'"),
    ("float smallest", "float8", "5e-324", "0"),
    ("float4 last digit", "float4", "16777216", "16777218"),
    # times
    ("sub-second", "timestamp", "'2024-01-01 00:00:00'", "'2024-01-01 00:00:00.5'"),
    ("microsecond", "timestamptz", "'2024-01-01 00:00:00.123456Z'",
     "'2024-01-01 00:00:00.123457Z'"),
    ("an hour", "timestamptz", "'2024-01-01 00:00Z'", "'2024-01-01 01:00Z'"),
    ("infinite times", "timestamp", "'infinity'", "'-infinity'"),
    ("infinite time and NULL", "timestamptz", "'infinity'", "NULL"),
    ("BC and AD", "timestamp", "'0044-03-15 BC'", "'0044-03-15'"),
    ("date BC and AD", "date", "'0044-03-15 BC'", "'0044-03-15'"),
    ("infinite dates", "date", "'infinity'", "'-infinity'"),
    ("day and month", "date", "'2024-03-02'", "'2024-02-03'"),
    ("microsecond of a day", "time", "'12:00:00.000001'", "'12:00:00'"),
    ("midnight and midnight", "time", "'24:00'", "'00:00'"),
    ("one instant, two offsets", "timetz", "'12:00+00'", "'14:00+02'"),
    ("month and 30 days", "interval", "'1 mon'", "'30 days'"),
    ("day and 24 hours", "interval", "'1 day'", "'24 hours'"),
    ("sign of an interval", "interval", "'-1 day +1 hour'", "'1 day -1 hour'"),
    # the rest
    ("NULL and false", "boolean", "NULL", "false"),
    ("bytes of zero", "bytea", r"'\x00'", r"'\x'"),
    ("bytes and NULL", "bytea", r"'\x'", "NULL"),
    ("bytes that no text holds", "bytea", r"'\xff00fe'", r"'\xff00ff'"),
    ("uuid", "uuid", "'00000000-0000-0000-0000-000000000001'",
     "'00000000-0000-0000-0000-000000000010'"),
    ("enum", "mood", "'ok'", "'OK'"),
    ("array NULL and word", "text[]", "'{NULL}'", """'{"NULL"}'"""),
    ("array none and NULL", "text[]", "'{}'", "NULL"),
    ("array none and one empty", "text[]", "'{}'", """'{""}'"""),
    ("array comma in element", "text[]", """'{"a,b"}'""", "'{a,b}'"),
    ("array quote in element", "text[]", r"""'{"a\"b"}'""", r"""'{"a\\b"}'"""),
    ("array shape", "int[]", "'{{1,2},{3,4}}'", "'{1,2,3,4}'"),
    ("array nesting", "int[]", "'{{1,2}}'", "'{{1},{2}}'"),
    ("array order", "int[]", "'{1,2}'", "'{2,1}'"),
    ("array bounds", "int[]", "'[0:1]={1,2}'", "'{1,2}'"),
    ("array of floats", "float8[]", "'{0.3}'", "ARRAY[0.1::float8 + 0.2::float8]"),
    ("array of padded", "char(3)[]", "'{a}'", "'{b}'"),
    ("range bounds", "numrange", "'[1,5)'", "'(1,5)'"),
    ("range infinite and infinity", "tstzrange", "'[2024-01-01,)'", "'[2024-01-01,infinity)'"),
    ("range empty and NULL", "int4range", "'empty'", "NULL"),
    ("multirange", "int4multirange", "'{[1,3),[5,7)}'", "'{[1,3),[5,8)}'"),
    ("bits", "bit(3)", "B'101'", "B'100'"),
    ("bits and length", "varbit", "B'0'", "B'00'"),
    ("host and mask", "inet", "'10.0.0.1/8'", "'10.0.0.1/16'"),
    ("v4 and mapped v6", "inet", "'10.0.0.1'", "'::ffff:10.0.0.1'"),
    ("network", "cidr", "'10.0.0.0/8'", "'10.0.0.0/9'"),
    ("macaddr", "macaddr", "'08:00:2b:01:02:03'", "'08:00:2b:01:02:04'"),
    ("point of floats", "point", "point(0.3, 0)", "point(0.1::float8 + 0.2::float8, 0)"),
    ("json key order, no rule", "json", """'{"a":1,"b":2}'""", """'{"b":2,"a":1}'"""),
    ("json number spelling, no rule", "json", "'1.0'", "'1.00'"),
    ("json repeated key, no rule", "json", """'{"a":1,"a":2}'""", """'{"a":2}'"""),
    ("json null and NULL", "json", "'null'", "NULL"),
    ("jsonb null and NULL", "jsonb", "'null'", "NULL"),
    ("jsonb empty list and object", "jsonb", "'[]'", "'{}'"),
    ("jsonb true and 1", "jsonb", "'true'", "'1'"),
    ("jsonb number and text", "jsonb", "'1'", """'"1"'"""),
    ("jsonb null and absent", "jsonb", """'{"a":null}'""", "'{}'"),
    ("jsonb sign of a number", "jsonb", "'1.5'", "'-1.5'"),
    ("jsonb order of a list", "jsonb", "'[1,2]'", "'[2,1]'"),
    ("jsonb digits beyond a double", "jsonb", "'1.00000000000000000001'", "'1'"),
    ("jsonb NFC and NFD", "jsonb", r"""'"\u00e9"'""", r"""'"e\u0301"'"""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "one", "other"), [pytest.param(*case[1:], id=case[0]) for case in DIFFERENT]
)
def test_different_values_are_found(engine: Engine, kind: str, one: str, other: str) -> None:
    """Two values that differ are a finding of that row and column alone, in both directions."""
    engine.both("CREATE TYPE mood AS ENUM ('ok', 'OK')")
    engine.both(f"CREATE TABLE t (id int PRIMARY KEY, v {kind}, w int)")
    engine.both(f"INSERT INTO t VALUES (1, {one}, 1), (2, {other}, 1), (3, {one}, 1)")
    assert_match(engine.audit(), rows=3)
    engine.modern.run(f"UPDATE t SET v = {other} WHERE id = 1")
    engine.modern.run(f"UPDATE t SET v = {one} WHERE id = 2")
    assert_drift(engine.audit(), ("changed", ("1",), ("v",)), ("changed", ("2",), ("v",)))


# ---- values of two types

DIFFERENT_TYPES = [
    ("padding and text", "char(3)", "'a'", "text", "'a'"),
    ("padding and varchar", "char(3)", "'a'", "varchar(3)", "'a'"),
    ("paddings of two lengths", "char(3)", "'a'", "char(5)", "'a'"),
    ("0.1 of four bytes and of eight", "float4", "0.1", "float8", "0.1"),
    ("scale cut off", "numeric(18,8)", "0.12345678", "numeric(18,4)", "0.12345678"),
    ("integer and decimal", "int", "2", "numeric", "1.5"),
    ("bigint and double-rounded numeric", "bigint", "9007199254740993", "numeric",
     "9007199254740992"),
    ("precision cut off", "timestamp", "'2024-01-01 00:00:00.123456'", "timestamp(3)",
     "'2024-01-01 00:00:00.123456'"),
    ("enum and text", "mood", "'ok'", "text", "'OK'"),
    ("text cut off", "text", "'abcd'", "varchar(3)", "'abcd'::varchar(3)"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "value", "modern_kind", "modern_value"),
    [pytest.param(*case[1:], id=case[0]) for case in DIFFERENT_TYPES],
)
def test_different_values_of_related_types_are_found(
    engine: Engine, kind: str, value: str, modern_kind: str, modern_value: str
) -> None:
    """Types with a text in common do not hide what was lost between them."""
    engine.both("CREATE TYPE mood AS ENUM ('ok', 'OK')")
    engine.legacy.run(f"CREATE TABLE t (id int PRIMARY KEY, v {kind})")
    engine.modern.run(f"CREATE TABLE t (id int PRIMARY KEY, v {modern_kind})")
    engine.legacy.run(f"INSERT INTO t VALUES (1, {value}), (2, NULL)")
    engine.modern.run(f"INSERT INTO t VALUES (1, {modern_value}), (2, NULL)")
    assert_drift(engine.audit(), ("changed", ("1",), ("v",)))


EQUAL = [
    ("decimal spelling", "numeric", "1.50", "numeric", "1.5", ""),
    ("wider scale", "numeric(18,8)", "1.5", "numeric(24,12)", "1.5", ""),
    ("zero of two scales", "numeric(9,2)", "0", "numeric(9,4)", "0", ""),
    ("int and bigint", "int", "7", "bigint", "7", ""),
    ("int and numeric", "int", "100", "numeric(12,4)", "100", ""),
    ("bigint and numeric", "bigint", "9007199254740993", "numeric", "9007199254740993.000", ""),
    ("float4 and float8", "float4", "1.5", "float8", "1.5", ""),
    ("varchar and text", "varchar(9)", "'a '", "text", "'a '", ""),
    ("full char and text", "char(3)", "'abc'", "text", "'abc'", ""),
    ("declared padding", "char(3)", "'a'", "text", "'a'", 'legacy_sql = "rtrim(v)"'),
    ("enum and text", "mood", "'ok'", "text", "'ok'", ""),
    ("domain and its base", "positive", "7", "int", "7", ""),
    ("times of two precisions", "timestamp(0)", "'2024-01-01 12:00'", "timestamp",
     "'2024-01-01 12:00'", ""),
    ("one instant, two spellings", "timestamptz", "'2024-07-01 12:00+02'", "timestamptz",
     "'2024-07-01 10:00Z'", ""),
    ("jsonb key order", "jsonb", """'{"a":1,"b":2}'""", "jsonb", """'{"b":2,"a":1}'""", ""),
    ("jsonb number spelling", "jsonb", """'{"a":[1.50,1e2]}'""", "jsonb",
     """'{"a":[1.5,100]}'""", ""),
    ("json and jsonb, by rule", "json", """'{"b": 1.0, "a": null}'""", "jsonb",
     """'{"a":null,"b":1.00}'""", 'json = "canonical"'),
    ("json and json, by rule", "json", """'{"b":1,"a":"\\u00e9"}'""", "json",
     """'{"a":"é","b":1}'""", 'json = "canonical"'),
    ("naive and aware, by rule", "timestamp", "'2024-07-01 12:00'", "timestamptz",
     "'2024-07-01 10:00Z'", 'naive_zone = "Europe/Berlin"'),
    ("uuid in text, by expression", "text", "'ABCDEF00-0000-0000-0000-000000000001'", "uuid",
     "'abcdef00-0000-0000-0000-000000000001'", 'legacy_sql = "v::uuid"'),
    ("boolean of int, by expression", "int", "1", "boolean", "true", 'legacy_sql = "v <> 0"'),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "value", "modern_kind", "modern_value", "rule"),
    [pytest.param(*case[1:], id=case[0]) for case in EQUAL],
)
def test_equal_values_are_no_drift(
    engine: Engine, kind: str, value: str, modern_kind: str, modern_value: str, rule: str
) -> None:
    """One value in two spellings or types is a match, under a printed rule where one is needed."""
    engine.both("CREATE TYPE mood AS ENUM ('ok'); CREATE DOMAIN positive AS int CHECK (VALUE > 0)")
    engine.legacy.run(f"CREATE TABLE t (id int PRIMARY KEY, v {kind})")
    engine.modern.run(f"CREATE TABLE t (id int PRIMARY KEY, v {modern_kind})")
    engine.legacy.run(f"INSERT INTO t VALUES (1, {value}), (2, NULL)")
    engine.modern.run(f"INSERT INTO t VALUES (1, {modern_value}), (2, NULL)")
    evidence = engine.audit(more=f"[tables.t.columns.v]\n{rule}" if rule else "")
    assert_match(evidence, rows=2)
    padded = kind.startswith("char")  # which is told, as the other side does not pad
    assert {each.column for each in evidence.rules} == ({"v"} if rule or padded else set())


INCOMPARABLE = [
    ("int became text", "int", "1", "text", "'1'"),
    ("text became int", "text", "'1'", "int", "1"),
    ("numeric became float", "numeric", "1", "float8", "1"),
    ("boolean became numeric", "boolean", "true", "numeric", "1"),
    ("boolean became text", "boolean", "true", "text", "'true'"),
    ("uuid became text", "uuid", "'00000000-0000-0000-0000-000000000001'", "text",
     "'00000000-0000-0000-0000-000000000001'"),
    ("date became timestamp", "date", "'2024-01-01'", "timestamp", "'2024-01-01'"),
    ("timestamp became timestamptz", "timestamp", "'2024-01-01'", "timestamptz", "'2024-01-01'"),
    ("json became jsonb", "json", "'1'", "jsonb", "'1'"),
    ("json became text", "json", "'1'", "text", "'1'"),
    ("bytea became text", "bytea", "'a'", "text", r"'\x61'"),
    ("array of another type", "int[]", "'{1}'", "bigint[]", "'{1}'"),
    ("range of another type", "int4range", "'[1,2)'", "int8range", "'[1,2)'"),
    ("inet became cidr", "inet", "'10.0.0.0/8'", "cidr", "'10.0.0.0/8'"),
    ("composite", "pair", "ROW(1,2)", "pair", "ROW(1,2)"),
    ("array of composites", "pair[]", "'{}'", "pair[]", "'{}'"),
    ("composite called as a built-in type", '"path"', "ROW(1,2)", '"path"', "ROW(1,2)"),
    ("extension", "vector", "'[1,2]'", "vector", "'[1,2]'"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "value", "modern_kind", "modern_value"),
    [pytest.param(*case[1:], id=case[0]) for case in INCOMPARABLE],
)
def test_a_type_that_cannot_be_compared_is_not_proven(
    engine: Engine, kind: str, value: str, modern_kind: str, modern_value: str
) -> None:
    """A column whose type changed, or is unknown, is named; the others are compared."""
    engine.both("CREATE EXTENSION vector")
    engine.both('CREATE TYPE pair AS (a int, b int); CREATE TYPE public."path" AS (a int, b int)')
    kind, modern_kind = (k.replace('"path"', 'public."path"') for k in (kind, modern_kind))
    engine.legacy.run(f"CREATE TABLE t (id int PRIMARY KEY, v {kind}, w int)")
    engine.modern.run(f"CREATE TABLE t (id int PRIMARY KEY, v {modern_kind}, w int)")
    engine.legacy.run(f"INSERT INTO t VALUES (1, {value}, 1)")
    engine.modern.run(f"INSERT INTO t VALUES (1, {modern_value}, 1)")
    assert_not_proven(engine.audit(), "column 'v' of 't'")
    engine.modern.run("UPDATE t SET w = 2")
    drifting = engine.audit()
    assert_drift(drifting, ("changed", ("1",), ("w",)))
    assert "column 'v' of 't'" in drifting.reasons[0]


def test_ignored_for_a_reason_an_incomparable_column_is_no_obstacle(engine: Engine) -> None:
    """A type nobody can compare stops nothing once the settings give a reason."""
    engine.both("CREATE TYPE pair AS (a int, b int)")
    engine.both("CREATE TABLE t (id int PRIMARY KEY, v pair)")
    engine.both("INSERT INTO t VALUES (1, ROW(1,2))")
    assert_match(engine.audit(more='[tables.t.ignore]\nv = "derived from id"'), rows=1)


def test_json_rule_keeps_what_json_holds(engine: Engine) -> None:
    """Under json = "canonical", null is not absent, true is not 1, a list keeps its order."""
    engine.legacy.run("CREATE TABLE t (id int PRIMARY KEY, v json)")
    engine.modern.run("CREATE TABLE t (id int PRIMARY KEY, v jsonb)")
    documents = ['{"a":null}', "true", "[1,2]", '{"a":{"b":1}}', "null", '"1"', "1"]
    changed = ["{}", "1", "[2,1]", '{"a":{"b":2}}', None, "1", "1.0"]
    for number, (document, other) in enumerate(zip(documents, changed, strict=True), 1):
        engine.legacy.run("INSERT INTO t VALUES (%s, %s)", number, document)
        engine.modern.run("INSERT INTO t VALUES (%s, %s)", number, other)
    evidence = engine.audit(more='[rules]\njson = "canonical"')
    assert_drift(evidence, *(("changed", (str(n),), ("v",)) for n in range(1, 7)))
    assert evidence.findings[3].columns["v"].explanation == ("root['a']['b']: 1 -> 2",)


def test_json_rule_keeps_repeated_keys(engine: Engine) -> None:
    """Under json = "canonical", an object that has a key twice is not one that has it once."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, v json)")
    engine.legacy.run("""INSERT INTO t VALUES (1, '{"a":1,"a":2}')""")
    engine.modern.run("""INSERT INTO t VALUES (1, '{"a":2}')""")
    evidence = engine.audit(more='[rules]\njson = "canonical"')
    assert_drift(evidence, ("changed", ("1",), ("v",)))


def test_jsonb_spelling_is_no_drift_without_a_key(engine: Engine) -> None:
    """A jsonb number's spelling is no drift in a table that has no key either."""
    engine.both("CREATE TABLE t (v jsonb)")
    engine.legacy.run("INSERT INTO t VALUES ('1.0'), ('2')")
    engine.modern.run("INSERT INTO t VALUES ('1.00'), ('2')")
    assert_match(engine.audit(), rows=2)


def test_deep_json_does_not_crash(engine: Engine) -> None:
    """Differing documents nested deeper than Python's stack are drift, not a crash."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, v jsonb)")
    engine.both("INSERT INTO t VALUES (1, (repeat('[', 3000) || '1' || repeat(']', 3000))::jsonb)")
    engine.modern.run("UPDATE t SET v = replace(v::text, '1', '2')::jsonb")
    assert_drift(engine.audit(), ("changed", ("1",), ("v",)))


# ---- aggregates


def test_uniform_shift_of_an_even_number_of_rows_is_found(engine: Engine) -> None:
    """The same shift in every row does not cancel out."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, ts timestamp)")
    engine.both(
        "INSERT INTO t SELECT g, timestamp '2024-01-01' + g * interval '1 min' "
        "FROM generate_series(1, 500) g"
    )
    engine.modern.run("UPDATE t SET ts = ts + interval '1 hour'")
    assert_drift(engine.audit(), *(("changed", (str(n),), ("ts",)) for n in range(1, 501)))


def test_values_swapped_between_rows_are_found(engine: Engine) -> None:
    """The same values in other rows do not cancel out, as they do in a sum by column."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, a int, b text)")
    engine.both("INSERT INTO t SELECT g, g * 7, 'x' || g FROM generate_series(1, 200) g")
    engine.modern.run("UPDATE t SET b = 'x' || (CASE id WHEN 10 THEN 20 ELSE 10 END) "
                      "WHERE id IN (10, 20)")  # fmt: skip
    engine.modern.run("UPDATE t SET a = CASE id WHEN 30 THEN 280 ELSE 210 END WHERE id IN (30, 40)")
    assert_drift(
        engine.audit(),
        *(("changed", (n,), ("b",)) for n in ("10", "20")),
        *(("changed", (n,), ("a",)) for n in ("30", "40")),
    )


def test_columns_swapped_in_every_row_are_found(engine: Engine) -> None:
    """Two columns that changed places are found in each row."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, a int, b int)")
    engine.legacy.run("INSERT INTO t VALUES (1, 5, 6), (2, 7, 8)")
    engine.modern.run("INSERT INTO t VALUES (1, 6, 5), (2, 8, 7)")
    assert_drift(engine.audit(), *(("changed", (n,), ("a", "b")) for n in ("1", "2")))


def test_repeated_rows_do_not_cancel_out(engine: Engine) -> None:
    """{a, a, b} is not {c, c, b}, though XOR takes both for {b}."""
    engine.both("CREATE TABLE t (x text)")
    engine.legacy.run("INSERT INTO t VALUES ('a'), ('a'), ('b')")
    engine.modern.run("INSERT INTO t VALUES ('c'), ('c'), ('b')")
    evidence = engine.audit()
    missing, extra = ("missing", ("a",), ()), ("extra", ("c",), ())
    assert_drift(evidence, missing, missing, extra, extra)
    assert [finding.copies for finding in evidence.findings] == [2, 2]


def test_multiplicity_is_kept(engine: Engine) -> None:
    """Three rows of one content are not one."""
    engine.both("CREATE TABLE t (x text)")
    engine.legacy.run("INSERT INTO t VALUES ('a'), ('a'), ('a')")
    engine.modern.run("INSERT INTO t VALUES ('a')")
    evidence = engine.audit()
    assert evidence.rows == RowCounts(3, 1)
    assert_drift(evidence, ("duplicate", ("a",), ()), ("duplicate", ("a",), ()))


def test_one_row_of_many_is_found(engine: Engine) -> None:
    """The sum stays exact over 200,000 rows: one changed value is found, and it alone."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, v float8)")
    engine.both("INSERT INTO t SELECT g, g / 7.0 FROM generate_series(1, 200000) g")
    assert_match(engine.audit(), rows=200_000)
    engine.modern.run("UPDATE t SET v = v + 1e-9 WHERE id = 123456")
    assert_drift(engine.audit(), ("changed", ("123456",), ("v",)))


def test_totals_are_exact_where_the_list_is_cut(engine: Engine) -> None:
    """The report lists the first findings by key, and counts them all."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, v int)")
    engine.legacy.run("INSERT INTO t SELECT g, g FROM generate_series(1, 300) g")
    engine.modern.run("INSERT INTO t SELECT g, -g FROM generate_series(101, 350) g")
    evidence = engine.audit(more="[report]\nfindings = 3")
    assert (evidence.drift.missing, evidence.drift.extra, evidence.drift.changed) == (100, 50, 200)
    assert seen(evidence) == [("missing", (n,), ()) for n in ("1", "2", "3")]


def test_all_checks_of_a_run_see_one_moment(engine: Engine) -> None:
    """What changes during a run is seen by none of its checks, and by all of the next run's."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, v int)")
    engine.both("INSERT INTO t VALUES (1, 1), (2, 2)")
    with engine.opened() as run:
        assert_match(run.audit("global", "t"), rows=2)
        engine.modern.run("UPDATE t SET v = 0 WHERE id = 2; DELETE FROM t WHERE id = 1")
        assert_match(run.audit("global", "t"), rows=2)
    assert_drift(engine.audit(), ("missing", ("1",), ()), ("changed", ("2",), ("v",)))


# ---- time zones and session settings

EVERY_TYPE = """
    CREATE TABLE t (
        id int PRIMARY KEY, stamp timestamptz, naive timestamp, day date, span interval,
        wide float8, narrow float4, bytes bytea, period tstzrange, doc jsonb, list float8[],
        days date[], spans interval[], padded char(5), word text, clock timetz, amount numeric
    );
    INSERT INTO t SELECT
        g, timestamptz '2024-03-31 00:30:00.25Z' + g * interval '1 hour',
        timestamp '2024-03-31 00:30', date '2024-02-03', interval '1 year -2 days 3.5 s',
        0.1::float8 + 0.2::float8, 0.1, decode('00ff5c27', 'hex'),
        tstzrange('2024-03-31 00:30Z', '2024-10-27 00:30Z'), '{"a": 1.5}',
        ARRAY[1e-20, 0.1], ARRAY[date '2024-02-03'], ARRAY[interval '1 mon 2 days'],
        'ab', 'é😀', '12:00+05:30', 1.50
    FROM generate_series(1, 10) g;
"""

SESSION_SETTINGS = [
    "TimeZone = 'America/New_York'",
    "DateStyle = 'German, DMY'",
    "DateStyle = 'SQL, MDY'",
    "IntervalStyle = 'iso_8601'",
    "extra_float_digits = -15",
    "bytea_output = 'escape'",
    "client_encoding = 'LATIN1'",
    "search_path = 'pg_catalog'",
    "row_security = off",
    "quote_all_identifiers = on",
    "standard_conforming_strings = off",
    "transform_null_equals = on",
    "array_nulls = off",
    "default_transaction_isolation = 'serializable'",
]


@pytest.mark.parametrize("setting", SESSION_SETTINGS)
@pytest.mark.parametrize("owner", ["database", "role"])
def test_settings_of_a_database_or_role_do_not_leak(
    engine: Engine, setting: str, owner: str
) -> None:
    """What a database or a role sets for its sessions neither makes a drift nor hides one."""
    engine.both(EVERY_TYPE)
    name = engine.legacy.name
    target = f"DATABASE {name}" if owner == "database" else f"ROLE postgres IN DATABASE {name}"
    engine.legacy.run(f"ALTER {target} SET {setting}")
    assert_match(engine.audit(), rows=10)
    engine.modern.run("UPDATE t SET stamp = stamp + interval '4 hours' WHERE id = 3")
    assert_drift(engine.audit(), ("changed", ("3",), ("stamp",)))


def test_quoted_type_names_do_not_hide_padding(engine: Engine) -> None:
    """Where a database quotes all identifiers, the padding of char(n) is still a difference."""
    engine.legacy.run("CREATE TABLE t (id int PRIMARY KEY, v char(3))")
    engine.modern.run("CREATE TABLE t (id int PRIMARY KEY, v text)")
    engine.both("INSERT INTO t VALUES (1, 'a')")
    engine.legacy.run(f"ALTER DATABASE {engine.legacy.name} SET quote_all_identifiers = on")
    assert_drift(engine.audit(), ("changed", ("1",), ("v",)))


@pytest.fixture
def _elsewhere(legacy_cluster: Cluster) -> Iterator[None]:
    """The legacy server lives in another time zone and style, as by its postgresql.conf."""

    def reload(zone: str) -> None:
        with legacy_cluster.connect() as admin:
            admin.execute("SELECT pg_reload_conf()")
        while True:  # a reload takes its moment
            with legacy_cluster.connect() as admin:
                if (str(*admin.execute("SHOW TimeZone").fetchone() or "") == zone) is True:
                    return
            time.sleep(0.01)

    with legacy_cluster.connect() as admin:
        before = str(*admin.execute("SHOW TimeZone").fetchone() or "")
        admin.execute("ALTER SYSTEM SET TimeZone = 'Asia/Kathmandu'")
        admin.execute("ALTER SYSTEM SET DateStyle = 'SQL, DMY'")
    reload("Asia/Kathmandu")
    yield
    with legacy_cluster.connect() as admin:
        admin.execute("ALTER SYSTEM RESET ALL")
    reload(before)


@pytest.mark.usefixtures("_elsewhere")
def test_settings_of_a_server_do_not_leak(engine: Engine) -> None:
    """Two servers in two time zones and date styles hold the same instants."""
    engine.both(EVERY_TYPE.replace("'2024-03-31 00:30'", "'2024-03-31 00:30:00'"))
    assert_match(engine.audit(), rows=10)
    engine.modern.run("UPDATE t SET stamp = stamp + interval '345 min' WHERE id = 3")
    assert_drift(engine.audit(), ("changed", ("3",), ("stamp",)))


def test_naive_times_are_read_in_their_zone(engine: Engine) -> None:
    """Under naive_zone a summer and a winter time are each read by their own offset."""
    engine.legacy.run("CREATE TABLE t (id int PRIMARY KEY, v timestamp)")
    engine.modern.run("CREATE TABLE t (id int PRIMARY KEY, v timestamptz)")
    engine.legacy.run("INSERT INTO t VALUES (1, '2024-01-15 12:00'), (2, '2024-07-15 12:00'), "
                      "(3, 'infinity'), (4, '0044-03-15 12:00 BC')")  # fmt: skip
    engine.modern.run("INSERT INTO t SELECT id, v::timestamp AT TIME ZONE 'Europe/Berlin' FROM "
                      "(VALUES (1, '2024-01-15 12:00'), (2, '2024-07-15 12:00'), (3, 'infinity'), "
                      "(4, '0044-03-15 12:00 BC')) AS x(id, v)")  # fmt: skip
    rule = '[rules]\nnaive_zone = "Europe/Berlin"'
    evidence = engine.audit(more=rule)
    assert_match(evidence, rows=4)
    assert evidence.rules == (NamedRule("naive times are meant in Europe/Berlin", "v"),)
    engine.modern.run("UPDATE t SET v = '2024-07-15 11:00Z' WHERE id = 2")
    assert_drift(engine.audit(more=rule), ("changed", ("2",), ("v",)))


def test_naive_times_in_the_wrong_zone_are_found(engine: Engine) -> None:
    """Naive times that were migrated as UTC, but were meant in Berlin, are all found."""
    engine.legacy.run("CREATE TABLE t (id int PRIMARY KEY, v timestamp)")
    engine.modern.run("CREATE TABLE t (id int PRIMARY KEY, v timestamptz)")
    engine.legacy.run("INSERT INTO t VALUES (1, '2024-01-15 12:00'), (2, '2024-07-15 12:00')")
    engine.modern.run("INSERT INTO t VALUES (1, '2024-01-15 12:00Z'), (2, '2024-07-15 12:00Z')")
    evidence = engine.audit(more='[rules]\nnaive_zone = "Europe/Berlin"')
    assert_drift(evidence, *(("changed", (n,), ("v",)) for n in ("1", "2")))


def test_two_naive_times_are_compared_as_they_stand(engine: Engine) -> None:
    """A zone rule does not make naive times equal that its clock change maps to one instant."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, v timestamp)")
    engine.legacy.run("INSERT INTO t VALUES (1, '2024-03-31 02:30')")  # skipped by Berlin's clocks
    engine.modern.run("INSERT INTO t VALUES (1, '2024-03-31 03:30')")
    evidence = engine.audit(more='[rules]\nnaive_zone = "Europe/Berlin"')
    assert_drift(evidence, ("changed", ("1",), ("v",)))


# ---- collations, encodings, versions


@pytest.fixture
def debian_db(debian_cluster: Cluster) -> Iterator[Database]:
    """A fresh database on PostgreSQL 15."""
    database = new_database(debian_cluster)
    yield database
    database.drop()


@pytest.fixture
def upgrade(debian_db: Database, modern_db: Database, tmp_path: Path) -> Engine:
    """PostgreSQL 15 against 18."""
    return Engine(debian_db, modern_db, tmp_path)


@pytest.fixture
def debian_engine(debian_cluster: Cluster, debian_db: Database, tmp_path: Path) -> Iterator[Engine]:
    """PostgreSQL 15 on both sides."""
    other = new_database(debian_cluster)
    yield Engine(debian_db, other, tmp_path)
    other.drop()


CASELESS = (
    "CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level1', deterministic = false)"
)


@pytest.mark.parametrize("other", ["A", "ä", "á"])
def test_a_collation_that_ignores_case_does_not_hide_it(debian_engine: Engine, other: str) -> None:
    """Equal under a nondeterministic ICU collation is not equal."""
    debian_engine.both(CASELESS)
    debian_engine.both("CREATE TABLE t (id int PRIMARY KEY, v text COLLATE caseless)")
    debian_engine.both("INSERT INTO t VALUES (1, 'a'), (2, 'b')")
    assert_match(debian_engine.audit(), rows=2)
    debian_engine.modern.run("UPDATE t SET v = %s WHERE id = 1", other)
    assert_drift(debian_engine.audit(), ("changed", ("1",), ("v",)))


def test_keys_under_a_collation_that_ignores_case_are_told_apart(debian_engine: Engine) -> None:
    """A key that changed its case is one row missing and another extra."""
    debian_engine.both(CASELESS)
    debian_engine.both("CREATE TABLE t (id text COLLATE caseless PRIMARY KEY)")
    debian_engine.both("INSERT INTO t VALUES ('a'), ('b')")
    debian_engine.modern.run("UPDATE t SET id = 'A' WHERE id = 'a'")
    assert_drift(debian_engine.audit(), ("missing", ("a",), ()), ("extra", ("A",), ()))


def test_citext_does_not_hide_case(debian_engine: Engine) -> None:
    """Equal as citext is not equal, against citext and against text."""
    debian_engine.both("CREATE EXTENSION citext")
    debian_engine.legacy.run("CREATE TABLE t (id int PRIMARY KEY, v citext, w citext)")
    debian_engine.modern.run("CREATE TABLE t (id int PRIMARY KEY, v citext, w text)")
    debian_engine.both("INSERT INTO t VALUES (1, 'a', 'a')")
    assert_match(debian_engine.audit(), rows=1)
    debian_engine.modern.run("UPDATE t SET v = 'A', w = 'A'")
    assert_drift(debian_engine.audit(), ("changed", ("1",), ("v", "w")))


def test_xml_is_compared_as_it_is_written(debian_engine: Engine) -> None:
    """XML that is spelled differently is a finding."""
    debian_engine.both("CREATE TABLE t (id int PRIMARY KEY, v xml)")
    debian_engine.both("INSERT INTO t VALUES (1, '<a/>')")
    assert_match(debian_engine.audit(), rows=1)
    debian_engine.modern.run("UPDATE t SET v = '<a></a>'")
    assert_drift(debian_engine.audit(), ("changed", ("1",), ("v",)))


def test_text_keys_under_two_collations_agree(upgrade: Engine) -> None:
    """The order of text differs between the stacks; the rows found do not."""
    upgrade.legacy.run('CREATE TABLE t (id text COLLATE "de-x-icu" PRIMARY KEY, v int)')
    upgrade.modern.run('CREATE TABLE t (id text COLLATE "C" PRIMARY KEY, v int)')
    words = [word + str(n) for word in ("Ä", "a", "Z", "z", "ß", "_", "é") for n in range(30)]
    for word in words:
        upgrade.both(f"INSERT INTO t VALUES ('{word}', 1)")
    assert_match(upgrade.audit(), rows=len(words))
    upgrade.modern.run("DELETE FROM t WHERE id = 'Ä7'; UPDATE t SET v = 2 WHERE id = 'ß3'")
    assert_drift(upgrade.audit(), ("missing", ("Ä7",), ()), ("changed", ("ß3",), ("v",)))


def test_two_versions_agree(upgrade: Engine) -> None:
    """PostgreSQL 15 and 18 digest the same rows alike."""
    upgrade.both(EVERY_TYPE)
    assert_match(upgrade.audit(), rows=10)
    upgrade.modern.run("UPDATE t SET wide = 0.3 WHERE id = 4")
    assert_drift(upgrade.audit(), ("changed", ("4",), ("wide",)))


@pytest.fixture
def latin_engine(legacy_cluster: Cluster, modern_db: Database, tmp_path: Path) -> Iterator[Engine]:
    """A LATIN1 database against a UTF8 one."""
    database = new_database(legacy_cluster, encoding="LATIN1")
    yield Engine(database, modern_db, tmp_path)
    database.drop()


def test_two_encodings_agree(latin_engine: Engine) -> None:
    """The same characters in LATIN1 and UTF8 are a match, and other characters are not."""
    latin_engine.both("CREATE TABLE t (id text PRIMARY KEY, v text)")
    latin_engine.both("INSERT INTO t SELECT 'é' || g, 'ß' || g FROM generate_series(1, 300) g")
    assert_match(latin_engine.audit(), rows=300)
    latin_engine.modern.run("UPDATE t SET v = 'ss7' WHERE id = 'é7'")
    assert_drift(latin_engine.audit(), ("changed", ("é7",), ("v",)))


def test_two_encodings_agree_over_many_rows(latin_engine: Engine) -> None:
    """Keys beyond ASCII in LATIN1 and UTF8 are a match however many there are."""
    latin_engine.both("CREATE TABLE t (id text PRIMARY KEY)")
    latin_engine.both("INSERT INTO t SELECT 'é' || g FROM generate_series(1, 15000) g")
    assert_match(latin_engine.audit(), rows=15_000)


def test_bytes_of_no_encoding_are_not_proven(
    legacy_cluster: Cluster, modern_db: Database, tmp_path: Path
) -> None:
    """Bytes that are no UTF-8, out of a SQL_ASCII database, are a reason and no crash."""
    database = new_database(legacy_cluster, encoding="SQL_ASCII")
    engine = Engine(database, modern_db, tmp_path)
    engine.both("CREATE TABLE t (id int PRIMARY KEY, v text)")
    engine.modern.run("INSERT INTO t VALUES (1, 'é')")
    database.run("SET client_encoding = 'SQL_ASCII'")
    database.run(r"INSERT INTO t VALUES (1, E'\xe9')")
    evidence = engine.audit()
    database.drop()
    assert_not_proven(evidence, "legacy")


# ---- scope


def test_a_table_without_the_tenant_column_is_not_proven(engine: Engine) -> None:
    """A table in which no tenant can be found is named, never dropped."""
    engine.legacy.run("CREATE TABLE t (id int PRIMARY KEY, tenant text)")
    engine.modern.run("CREATE TABLE t (id int PRIMARY KEY)")
    evidence = engine.audit(subject="acme", legacy=BY_TENANT, modern=BY_TENANT)
    assert_not_proven(evidence, "public.t", "no column 'tenant'")


def test_a_filter_that_empties_both_sides_is_not_proven(engine: Engine) -> None:
    """A typo in a filter makes no match of nothing with nothing."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, state text)")
    engine.both("INSERT INTO t VALUES (1, 'active')")
    typo = '[tables.t.{}_filter]\nsql = "state = \'actve\'"\nreason = "only active rows"\n'
    evidence = engine.audit(more=typo.format("legacy") + typo.format("modern"))
    assert_not_proven(evidence, "no rows in 't' on either side")


def test_an_unknown_tenant_value_is_not_proven(engine: Engine) -> None:
    """A wrong tenant id that finds nothing on either side proves nothing."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, tenant text)")
    engine.both("INSERT INTO t VALUES (1, 'acme')")
    wrong = '[tenants.acme]\nlegacy_account = "Acme"\nmodern_id = "Acme"'
    evidence = engine.audit(subject="acme", legacy=BY_TENANT, modern=BY_TENANT, more=wrong)
    assert_not_proven(evidence, "'acme' has no rows in 't'", "check its ids")


def test_an_empty_side_is_drift(engine: Engine) -> None:
    """Rows on one side only are missing or extra, one by one."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY)")
    engine.legacy.run("INSERT INTO t VALUES (1), (2)")
    assert_drift(engine.audit(), ("missing", ("1",), ()), ("missing", ("2",), ()))
    engine.legacy.run("DELETE FROM t")
    engine.modern.run("INSERT INTO t VALUES (3)")
    assert_drift(engine.audit(), ("extra", ("3",), ()))


@pytest.mark.parametrize("empty", ['"none were ever made"', '{global = "none were ever made"}'])
def test_declared_empty_is_a_match(engine: Engine, empty: str) -> None:
    """No rows at all are a match where the settings say why; and no licence to lose rows."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY)")
    assert_not_proven(engine.audit(), "no rows in 't'")
    declared = f"[tables.t]\nempty = {empty}"
    evidence = engine.audit(more=declared)
    assert_match(evidence, rows=0)
    assert evidence.rules == (NamedRule("declared empty: none were ever made"),)
    engine.legacy.run("INSERT INTO t VALUES (1)")
    assert_drift(engine.audit(more=declared), ("missing", ("1",), ()))


def test_declared_empty_for_another_tenant_does_not_count(engine: Engine) -> None:
    """A reason for one tenant is none for another."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, tenant text)")
    more = f'[tables.t]\nempty = {{a = "never traded"}}\n{TENANTS}'
    with engine.opened(more, legacy=BY_TENANT, modern=BY_TENANT) as run:
        assert_match(run.audit("a", "t"), rows=0)
        assert_not_proven(run.audit("b", "t"), "'b' has no rows")


def test_different_filters_on_each_side_can_match(engine: Engine) -> None:
    """Each side keeps its own rows out, for a printed reason, and the rest is compared."""
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
    assert_not_proven(broken, "syntax error")  # a comment must not swallow what follows
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


POLICIES = [
    pytest.param("true", id="policy that hides nothing"),
    pytest.param("false", id="policy that hides all"),
    pytest.param("id = 1", id="policy that hides a row"),
]


@pytest.mark.parametrize("policy", POLICIES)
def test_row_security_is_never_a_match(engine: Engine, auditor: str, policy: str) -> None:
    """Where row-level security could hide rows from the audit's role, nothing is proven."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY)")
    engine.both("INSERT INTO t VALUES (1)")
    engine.modern.run("INSERT INTO t VALUES (2); ALTER TABLE t ENABLE ROW LEVEL SECURITY")
    engine.modern.run(f"CREATE POLICY p ON t USING ({policy})")
    assert_not_proven(engine.audit(modern=_as(engine, auditor)), "row-level security", "BYPASSRLS")
    assert_drift(engine.audit(), ("extra", ("2",), ()))  # the superuser sees them all


def test_row_security_on_the_way_to_the_tenant_is_never_a_match(
    engine: Engine, auditor: str
) -> None:
    """The same where the hidden rows are those that a tenancy's path leads through."""
    engine.both("CREATE TABLE accounts (id int PRIMARY KEY, tenant text)")
    engine.both("CREATE TABLE t (id int PRIMARY KEY, account int)")
    engine.both("INSERT INTO accounts VALUES (1, 'acme'); INSERT INTO t VALUES (1, 1)")
    engine.modern.run("ALTER TABLE accounts ENABLE ROW LEVEL SECURITY")
    path = 'tenancy = {path = "account -> accounts.id -> tenant"}'
    evidence = engine.audit(subject="acme", legacy=path, modern=_as(engine, auditor, path))
    assert_not_proven(evidence, "row-level security")


def test_row_security_behind_a_view_is_never_a_match(engine: Engine, auditor: str) -> None:
    """The same where the modern side of the pair is a view over the hidden rows."""
    engine.legacy.run("CREATE TABLE t (id int PRIMARY KEY)")
    engine.modern.run("CREATE TABLE stored (id int PRIMARY KEY)")
    engine.modern.run("CREATE VIEW t WITH (security_invoker) AS SELECT * FROM stored")
    engine.modern.run("ALTER TABLE stored ENABLE ROW LEVEL SECURITY")
    engine.legacy.run("INSERT INTO t VALUES (1)")
    engine.modern.run("INSERT INTO stored VALUES (1)")
    assert_not_proven(engine.audit(modern=_as(engine, auditor)), "row-level security")


def test_a_table_that_may_not_be_read_is_not_proven(engine: Engine, auditor: str) -> None:
    """Without SELECT on the table nothing is proven, and the reason says what to grant."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY)")
    engine.both("INSERT INTO t VALUES (1)")
    assert_match(engine.audit(modern=_as(engine, auditor)), rows=1)
    engine.modern.run(f"REVOKE SELECT ON t FROM {auditor}")
    evidence = engine.audit(modern=_as(engine, auditor))
    assert_not_proven(evidence, "permission denied for table t", "grant the audit's role SELECT")


def test_a_column_that_may_not_be_read_is_not_proven(engine: Engine, auditor: str) -> None:
    """Without SELECT on one column nothing is proven; the column is not left out."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, v int)")
    engine.both("INSERT INTO t VALUES (1, 1)")
    engine.modern.run(f"REVOKE SELECT ON t FROM {auditor}; GRANT SELECT (id) ON t TO {auditor}")
    assert_not_proven(engine.audit(modern=_as(engine, auditor)), "permission denied for table t")


def test_an_error_on_both_sides_is_not_proven(engine: Engine) -> None:
    """The same SQL error on both sides is not agreement."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, v int)")
    engine.both("INSERT INTO t VALUES (1, 0)")
    both = '[tables.t.columns.v]\nlegacy_sql = "1 / v"\nmodern_sql = "1 / v"'
    assert_not_proven(engine.audit(more=both), "division by zero")
    unknown = both.replace("1 / v", "no_such_column")
    assert_not_proven(engine.audit(more=unknown), "no_such_column")


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


@pytest.mark.parametrize("side", ["legacy", "modern"])
def test_a_missing_table_is_not_proven(engine: Engine, side: str) -> None:
    """A table that is on one side only is planned all the same, and named."""
    engine.both("CREATE TABLE kept (id int PRIMARY KEY)")
    getattr(engine, side).run("CREATE TABLE t (id int PRIMARY KEY)")
    other = "modern" if side == "legacy" else "legacy"
    assert_not_proven(engine.audit(), f"the {other} stack has no table public.t")


@pytest.mark.parametrize("side", ["legacy", "modern"])
def test_a_missing_column_is_not_proven(engine: Engine, side: str) -> None:
    """A column that is on one side only is named, and the rest is compared."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, w int)")
    getattr(engine, side).run("ALTER TABLE t ADD v int")
    engine.both("INSERT INTO t VALUES (1, 1)")
    assert_not_proven(engine.audit(), "column 'v' of 't'")
    assert_not_proven(engine.audit(more='[tables.t.columns.v]\nmodern = "vv"'), "'v'")
    engine.modern.run("UPDATE t SET w = 2")
    assert_drift(engine.audit(), ("changed", ("1",), ("w",)))


def test_settings_for_a_column_that_is_not_there_are_not_proven(engine: Engine) -> None:
    """A typo in a column's name does not pass in silence."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, amount numeric)")
    engine.both("INSERT INTO t VALUES (1, 1)")
    typo = "[tables.t.columns.amuont.tolerance]\nabsolute = 1"
    assert_not_proven(engine.audit(more=typo), "'amuont'")


def test_an_account_column_that_tells_two_accounts_apart_is_not_dropped(engine: Engine) -> None:
    """Where a tenant has two accounts, losing the column that tells them apart is noticed."""
    engine.legacy.run("CREATE TABLE t (id int PRIMARY KEY, account text)")
    engine.modern.run("CREATE TABLE t (id int PRIMARY KEY, tenant text)")
    engine.legacy.run("INSERT INTO t VALUES (1, 'a1'), (2, 'a2')")
    engine.modern.run("INSERT INTO t VALUES (1, 'acme'), (2, 'acme')")
    evidence = engine.audit(
        subject="acme",
        legacy='tenancy = {column = "account"}',
        modern=BY_TENANT,
        more='[tenants.acme]\nlegacy_accounts = ["a1", "a2"]',
    )
    assert_not_proven(evidence, "column 'account' of 't'")


def test_a_column_that_starts_a_path_is_not_dropped(engine: Engine) -> None:
    """A column that leads on to the tenant holds data of its own; losing it is noticed."""
    engine.legacy.run("CREATE TABLE users (id int PRIMARY KEY, tenant text)")
    engine.legacy.run("CREATE TABLE t (id int PRIMARY KEY, user_id int)")
    engine.modern.run("CREATE TABLE t (id int PRIMARY KEY, tenant text)")
    engine.legacy.run("INSERT INTO users VALUES (1, 'acme'), (2, 'acme')")
    engine.legacy.run("INSERT INTO t VALUES (1, 1), (2, 2)")
    engine.modern.run("INSERT INTO t VALUES (1, 'acme'), (2, 'acme')")
    evidence = engine.audit(
        subject="acme",
        legacy='tenancy = {path = "user_id -> users.id -> tenant"}',
        modern=BY_TENANT,
    )
    assert_not_proven(evidence, "column 'user_id' of 't'")


# ---- one database behind two URLs


@pytest.fixture
def one_database(engine: Engine) -> Engine:
    """An engine of which only the modern database has the table."""
    engine.modern.run("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    return engine


def _same(engine: Engine, url: str, more: str = "") -> Evidence:
    return engine.audit(legacy=f'url = "{url}"\ntenancy = "global"', more=more)


def test_one_database_twice_is_not_proven(one_database: Engine) -> None:
    """A database compared with itself proves nothing."""
    evidence = _same(one_database, one_database.modern.url)
    assert_not_proven(evidence, "the same database", "same_database")


def test_one_database_by_socket_and_tcp_is_not_proven(one_database: Engine) -> None:
    """The same where one URL goes by the socket and the other by 127.0.0.1."""
    modern = one_database.modern
    assert_not_proven(_same(one_database, modern.cluster.tcp_url(modern.name)), "the same database")


def test_one_table_twice_is_not_proven_even_where_one_database_is_meant(
    one_database: Engine,
) -> None:
    """A reason for one database on both sides is none for one table on both sides."""
    reason = 'same_database = "the tables were renamed in place"\n'
    url = one_database.modern.url
    legacy = f'url = "{url}"\ntenancy = "global"'
    path = one_database.folder / "tenantparity.toml"
    one_database.settings(legacy=legacy)
    path.write_text(reason + path.read_text(encoding="utf-8"), encoding="utf-8")
    assert_not_proven(_audit_file(path, "t"), "read the same table 't'")


def test_one_database_is_a_match_of_two_tables_where_it_is_meant(one_database: Engine) -> None:
    """Two tables of one database can be compared, for a reason."""
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
    """A server that does not tell everyone its identity, as managed services may."""
    one_database.modern.run("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
    yield
    one_database.modern.run("GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC")


@pytest.mark.usefixtures("_private_identity")
def test_one_database_by_two_roles_is_not_proven(one_database: Engine) -> None:
    """The same where only one of the two roles may read the server's identity."""
    role = one_database.modern.new_role()
    one_database.modern.run(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    evidence = _same(one_database, one_database.modern.url_of(role))
    assert_not_proven(evidence, "the same database")


@pytest.mark.usefixtures("_private_identity")
def test_a_server_that_keeps_its_identity_can_be_audited(one_database: Engine) -> None:
    """A role that may not read the server's identity can audit all the same."""
    role = one_database.modern.new_role()
    one_database.modern.run(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
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


@pytest.fixture
def tenants_engine(engine: Engine) -> Engine:
    """Two tenants with two rows each, on both sides."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, tenant text)")
    engine.both("INSERT INTO t VALUES (1, 'a'), (2, 'a'), (3, 'b'), (4, 'b')")
    return engine


def _audit_all(engine: Engine) -> dict[str, Evidence]:
    with engine.opened(TENANTS, legacy=BY_TENANT, modern=BY_TENANT) as run:
        return {subject: run.audit(subject, "t") for subject in ("a", "b", "unassigned")}


def test_a_row_stamped_with_another_tenant_is_found_twice(tenants_engine: Engine) -> None:
    """A row of A stamped B is missing for A and extra for B, and belongs to somebody."""
    tenants_engine.modern.run("UPDATE t SET tenant = 'b' WHERE id = 2")
    found = _audit_all(tenants_engine)
    assert_drift(found["a"], ("missing", ("2",), ()))
    assert_drift(found["b"], ("extra", ("2",), ()))
    assert found["unassigned"].status is Status.MATCH


@pytest.mark.parametrize("stamp", ["NULL", "''", "'A'", "'a '", "'c'"])
def test_a_row_of_nobody_is_named(tenants_engine: Engine, stamp: str) -> None:
    """A row whose tenant is NULL or unknown is missing for its owner, and named as a stray."""
    tenants_engine.modern.run(f"UPDATE t SET tenant = {stamp} WHERE id = 2")
    found = _audit_all(tenants_engine)
    assert_drift(found["a"], ("missing", ("2",), ()))
    assert_match(found["b"], rows=2)
    assert_drift(found["unassigned"], ("extra", ("2",), ()))
    assert found["unassigned"].findings[0].note == "belongs to no tenant"


def test_a_row_of_nobody_on_both_sides_is_named_on_both(tenants_engine: Engine) -> None:
    """Rows that no tenant's audit sees are found on each side, also where both have them."""
    tenants_engine.both("INSERT INTO t VALUES (9, NULL)")
    found = _audit_all(tenants_engine)["unassigned"]
    assert_drift(found, ("missing", ("9",), ()), ("extra", ("9",), ()))
    assert found.rows == RowCounts(1, 1)


def test_declared_rows_of_nobody_are_a_rule(tenants_engine: Engine) -> None:
    """Strays of one side that the settings give a reason for are counted in the report."""
    tenants_engine.legacy.run("INSERT INTO t VALUES (9, NULL)")
    more = f'{TENANTS}[tables.t]\nunassigned = {{legacy = "test rows of 2019"}}'
    evidence = tenants_engine.audit(
        subject="unassigned", legacy=BY_TENANT, modern=BY_TENANT, more=more
    )
    assert evidence.status is Status.MATCH
    rule = NamedRule("1 legacy row of no tenant is declared: test rows of 2019")
    assert evidence.rules == (rule,)
    tenants_engine.modern.run("INSERT INTO t VALUES (8, NULL)")
    evidence = tenants_engine.audit(
        subject="unassigned", legacy=BY_TENANT, modern=BY_TENANT, more=more
    )
    assert_drift(evidence, ("extra", ("8",), ()))


@pytest.mark.parametrize("key", ["legacy_account", "modern_id"])
def test_one_value_for_two_tenants_is_refused(engine: Engine, key: str) -> None:
    """An account, or a modern id, that leads to two tenants is an error of the settings."""
    with pytest.raises(SettingsError, match=r"'7' belongs to the tenants 'a' and 'b'"):
        engine.settings(f"[tenants.a]\n{key} = 7\n[tenants.b]\n{key} = '7'")


# ---- keys

KEYS = [
    ("composite", "a int, b text, v int, PRIMARY KEY (b, a)",
     "(1, 'x', 0), (1, 'y', 0), (2, 'x', 0)", "a = 1 AND b = 'y'", ("y", "1")),
    ("composite that joins alike", "a text, b text, v int, PRIMARY KEY (a, b)",
     "('1', '11', 0), ('11', '1', 0)", "a = '11'", ("11", "1")),
    ("uuid", "a uuid PRIMARY KEY, v int",
     "('00000000-0000-0000-0000-00000000000a', 0), ('00000000-0000-0000-0000-00000000000b', 0)",
     "a = '00000000-0000-0000-0000-00000000000b'", ("00000000-0000-0000-0000-00000000000b",)),
    ("gaps", "a bigint PRIMARY KEY, v int", "(-9000000000, 0), (1, 0), (9000000000000000000, 0)",
     "a > 1", ("9000000000000000000",)),
    ("2^53 neighbours", "a bigint PRIMARY KEY, v int",
     "(9007199254740992, 0), (9007199254740993, 0)", "a = 9007199254740993",
     ("9007199254740993",)),
    ("halves that hashint8 folds", "a bigint PRIMARY KEY, v int", "(1, 0), (4294967296, 0)",
     "a = 4294967296", ("4294967296",)),
    ("special characters", "a text PRIMARY KEY, v int",
     "('%s :x ''\"\\', 0), ('', 0), (E'\\n', 0)", "a LIKE '%:x%'", ("%s :x '\"\\",)),
    ("empty text", "a text PRIMARY KEY, v int", "('', 0), (' ', 0)", "a = ''", ("",)),
    ("numeric", "a numeric PRIMARY KEY, v int", "(1.50, 0), (1.5000000001, 0)", "a = 1.5",
     ("1.5",)),
    ("time", "a timestamptz PRIMARY KEY, v int", "('2024-01-01Z', 0), ('2024-01-02Z', 0)",
     "a = '2024-01-02Z'", ("2024-01-02 00:00:00+00",)),
    ("quoted names", '"A b" int PRIMARY KEY, "v" int', "(1, 0), (2, 0)", '"A b" = 2', ("2",)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("columns", "rows", "where", "key"), [pytest.param(*case[1:], id=case[0]) for case in KEYS]
)
def test_rows_are_known_by_their_key(
    engine: Engine, columns: str, rows: str, where: str, key: tuple[str, ...]
) -> None:
    """Whatever the key is made of, the row that changed and the row that is gone are named."""
    engine.both(f"CREATE TABLE t ({columns})")
    engine.both(f"INSERT INTO t VALUES {rows}")
    assert_match(engine.audit())
    engine.modern.run(f"UPDATE t SET v = 1 WHERE {where}")
    assert_drift(engine.audit(), ("changed", key, ("v",)))
    engine.modern.run(f"DELETE FROM t WHERE {where}")
    assert_drift(engine.audit(), ("missing", key, ()))
    engine.modern.run("TRUNCATE t")
    engine.modern.run(f"INSERT INTO t VALUES {rows}")
    engine.legacy.run(f"DELETE FROM t WHERE {where}")
    assert_drift(engine.audit(), ("extra", key, ()))


def test_a_table_without_a_key_is_a_multiset(engine: Engine) -> None:
    """Without a key a changed row is one missing and one extra, by all its columns."""
    engine.both("CREATE TABLE t (a int, b text)")
    engine.both("INSERT INTO t VALUES (1, NULL), (1, 'x'), (1, 'x')")
    assert_match(engine.audit(), rows=3)
    engine.modern.run("UPDATE t SET b = '' WHERE b IS NULL")
    assert_drift(engine.audit(), ("missing", ("1", None), ()), ("extra", ("1", ""), ()))


def test_nulls_in_a_unique_key_are_told_apart_by_the_rest(engine: Engine) -> None:
    """Rows whose key is NULL are compared as a multiset, and none is lost."""
    engine.both("CREATE TABLE t (a int UNIQUE, v text)")
    engine.both("INSERT INTO t VALUES (NULL, 'x'), (NULL, 'y'), (1, 'z')")
    more = '[tables.t]\nkey = ["a"]'
    assert_match(engine.audit(more=more), rows=3)
    engine.modern.run("UPDATE t SET v = 'Y' WHERE v = 'y'; UPDATE t SET v = 'Z' WHERE v = 'z'")
    evidence = engine.audit(more=more)
    assert_drift(evidence, ("changed", (None,), ("v",)), ("changed", ("1",), ("v",)))
    engine.modern.run("UPDATE t SET v = 'X' WHERE v = 'x'")
    missing, extra = ("missing", (None,), ()), ("extra", (None,), ())
    evidence = engine.audit(more=more)
    assert_drift(evidence, ("changed", ("1",), ("v",)), missing, missing, extra, extra)


def test_repeated_keys_are_counted(engine: Engine) -> None:
    """Where the given key is not unique, each row counts, and no pairing is guessed."""
    engine.both("CREATE TABLE t (k int, v text)")
    engine.legacy.run("INSERT INTO t VALUES (1, 'a'), (1, 'a'), (1, 'b'), (2, 'c')")
    engine.modern.run("INSERT INTO t VALUES (1, 'a'), (1, 'b'), (1, 'b'), (2, 'c')")
    evidence = engine.audit(more='[tables.t]\nkey = ["k"]')
    assert evidence.findings[0].columns["v"].legacy == "a"
    assert_drift(evidence, ("changed", ("1",), ("v",)))
    engine.modern.run("INSERT INTO t VALUES (1, 'b')")
    evidence = engine.audit(more='[tables.t]\nkey = ["k"]')
    assert_drift(evidence, *[("duplicate", ("1",), ())] * 3)


def test_a_key_that_is_not_compared_is_not_proven(engine: Engine) -> None:
    """A key column that is on one side only is a reason, and rows are found by the rest."""
    engine.legacy.run("CREATE TABLE t (k int PRIMARY KEY, v text)")
    engine.modern.run("CREATE TABLE t (v text)")
    engine.legacy.run("INSERT INTO t VALUES (1, 'a')")
    engine.modern.run("INSERT INTO t VALUES ('a')")
    assert_not_proven(engine.audit(), "the key column 'k' of 't' is not compared")


def test_re_issued_ids_can_be_compared_by_another_key(engine: Engine) -> None:
    """Where ids were re-issued, a natural key finds the partners and the change alone."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, code text, v int)")
    engine.legacy.run("INSERT INTO t VALUES (1, 'x', 1), (2, 'y', 2)")
    engine.modern.run("INSERT INTO t VALUES (71, 'x', 1), (72, 'y', 9)")
    more = '[tables.t]\nkey = ["code"]\nignore = {id = "re-issued"}'
    assert_drift(engine.audit(more=more), ("changed", ("y",), ("v",)))


# ---- masks

MASKED = """
    [tables.t.columns.v]
    mask = true
"""


@pytest.mark.parametrize("key", ["(id)", "(v)", "(id, v)", None])
def test_a_masked_value_is_found_and_never_shown(engine: Engine, key: str | None) -> None:
    """Evidence says that a masked column differs, and holds none of its values, key or not."""
    engine.both("CREATE TABLE t (id int, v text)")
    if key is not None:
        engine.both(f"ALTER TABLE t ADD PRIMARY KEY {key}")
    engine.legacy.run("INSERT INTO t VALUES (1, 'secret one'), (2, 'secret two')")
    engine.modern.run("INSERT INTO t VALUES (1, 'secret three'), (2, 'secret two')")
    evidence = engine.audit(more=MASKED)
    assert evidence.status is Status.DRIFT
    assert evidence.drift.total == (1 if key == "(id)" else 2)
    assert "secret" not in str(to_wire(evidence))


def test_a_masked_key_of_nobody_is_never_shown(tenants_engine: Engine) -> None:
    """A row that belongs to no tenant is named without what is masked."""
    tenants_engine.modern.run("ALTER TABLE t DROP CONSTRAINT t_pkey, ALTER id TYPE text")
    tenants_engine.legacy.run("ALTER TABLE t DROP CONSTRAINT t_pkey, ALTER id TYPE text")
    tenants_engine.modern.run("INSERT INTO t VALUES ('secret', NULL)")
    more = f"{TENANTS}[tables.t.columns.id]\nmask = true"
    evidence = tenants_engine.audit(
        subject="unassigned", legacy=BY_TENANT, modern=BY_TENANT, more=more
    )
    assert evidence.drift.extra == 1
    assert "secret" not in str(to_wire(evidence))
