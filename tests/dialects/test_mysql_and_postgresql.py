"""MariaDB and PostgreSQL match if the value is the same, and only then."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import literal_column, select, table

from ..support.each_value import each_value
from ..support.engine_driver import Engine
from ..support.expectations import assert_drift, assert_match
from ..support.mysql_session import GENERAL, Reader
from ..support.postgresql import Database

pytest_plugins = ["tests.support.mysql_session"]

JSON_RULE = 'json = "canonical"'
# A label; MariaDB's type and value; PostgreSQL's type, value and another value; a rule.
ACROSS = [
    ("tinyint", "tinyint", "-128", "smallint", "-128", "127", ""),
    ("int unsigned", "int unsigned", "4294967295", "bigint", "4294967295", "-1", ""),
    ("bigint", "bigint", "-9223372036854775808", "bigint", "-9223372036854775808", "0", ""),
    ("bigint unsigned", "bigint unsigned", "18446744073709551615", "numeric",
     "18446744073709551615", "18446744073709551616", ""),
    ("zerofill", "int(8) zerofill", "42", "int", "42", "420", ""),
    ("year", "year", "2024", "int", "2024", "24", ""),
    ("year of zero", "year", "0000", "int", "0", "2000", ""),
    ("boolean", "tinyint(1)", "1", "boolean", "true", "false", ""),
    ("boolean, false", "tinyint(1)", "0", "boolean", "false", "true", ""),
    ("boolean of two", "tinyint(1)", "2", "int", "2", "1", ""),
    ("decimal", "decimal(12,4)", "1.5", "numeric", "1.50", "1.05", ""),
    ("decimal whole", "decimal(12,4)", "100", "numeric", "100", "1", ""),
    ("decimal without scale", "decimal(12,0)", "-100", "numeric", "-100", "-10", ""),
    ("decimal zero", "decimal(12,4)", "-0.0000", "numeric", "0", "0.0001", ""),
    ("decimal small", "decimal(65,30)", "-0.000000000000000000000000000001", "numeric",
     "-1e-30", "0", ""),
    ("decimal largest", "decimal(65,30)", f"{'9' * 35}.{'9' * 30}", "numeric",
     f"{'9' * 35}.{'9' * 30}", f"{'9' * 35}.{'9' * 29}8", ""),
    ("decimal zerofill", "decimal(9,3) zerofill", "0.5", "numeric", "0.5", "5", ""),
    ("decimal and integer", "decimal(9,0)", "700", "int", "700", "7", ""),
    ("double", "double", "0.1", "float8", "0.1", "0.10000000000000002", ""),
    ("double large", "double", "1e22", "float8", "1e22", "1.0000000000000002e22", ""),
    ("double largest", "double", "-1.7976931348623157e308", "float8", "-1.7976931348623157e308",
     "-1.7976931348623155e308", ""),
    ("double smallest", "double", "-4.9e-324", "float8", "-4.9e-324", "0", ""),
    ("double of decimals", "double(10,2)", "1234.56", "float8", "1234.56", "1234.561", ""),
    ("float", "float", "0.1", "float4", "0.1", "0.10000001", ""),
    ("float and double", "float", "0.1", "float8", "0.10000000149011612", "0.1", ""),
    ("float of decimals", "float(9,2)", "131072.03", "float4", "131072.03", "131072.05", ""),
    ("varchar", GENERAL, "'a '", "text", "'a '", "'a'", ""),
    ("emoji", GENERAL, "'😀 Ünï e\u0301'", "text", "'😀 Ünï e\u0301'", "'😀 Ünï é'", ""),
    ("escapes", GENERAL, r"'a\\b\n\'%_\"'", "text", r"E'a\\b\n\'%_\"'", r"E'a\\b\n\'%_'", ""),
    ("char", "char(5)", "'a  '", "text", "'a'", "'A'", ""),
    ("full char and bpchar", "char(3)", "'abc'", "char(3)", "'abc'", "'abd'", ""),
    ("latin1", "varchar(9) charset latin1", "'é€\u0081'", "text", "U&'\\00e9\\20ac\\0081'",
     "U&'\\00e9\\20ac'", ""),
    ("ucs2", "varchar(9) charset ucs2", "'é中'", "text", "'é中'", "'é'", ""),
    ("utf16", "varchar(9) charset utf16", "'é😀'", "text", "'é😀'", "'é?'", ""),
    ("sjis", "varchar(9) charset cp932", "'ア'", "text", "'ア'", "'ァ'", ""),
    ("enum", "enum('ok','no')", "'ok'", "text", "'ok'", "'OK'", ""),
    ("enum and enum", "enum('no','ok')", "'ok'", "mood", "'ok'", "'OK'", ""),
    ("enum's error", "enum('ok','no')", "'bad'", "text", "''", "NULL", ""),
    ("set", "set('a','b')", "'b,a'", "text", "'a,b'", "'b,a'", ""),
    ("binary", "binary(4)", "X'61'", "bytea", r"'\x61000000'", r"'\x61'", ""),
    ("blob", "longblob", "X'00FFAB'", "bytea", r"'\x00ffab'", r"'\x00ffaa'", ""),
    ("bit", "bit(5)", "b'101'", "bit(5)", "B'00101'", "B'10100'", ""),
    ("bit and varbit", "bit(64)", "1", "varbit", "B'" + "0" * 63 + "1'", "B'1'", ""),
    ("date", "date", "'0999-02-03'", "date", "'0999-02-03'", "'0999-03-02'", ""),
    ("time", "time(6)", "'23:59:59.10'", "time", "'23:59:59.1'", "'23:59:59.01'", ""),
    ("time of a day", "time", "'24:00:00'", "time", "'24:00:00'", "'00:00:00'", ""),
    ("datetime", "datetime(6)", "'2024-01-02 03:04:05.000006'", "timestamp",
     "'2024-01-02 03:04:05.000006'", "'2024-01-02 03:04:05'", ""),
    ("datetime of ten seconds", "datetime", "'2024-01-02 03:04:10'", "timestamp",
     "'2024-01-02 03:04:10'", "'2024-01-02 03:04:01'", ""),
    ("datetime of milliseconds", "datetime(3)", "'2024-01-02 03:04:10.120'", "timestamp",
     "'2024-01-02 03:04:10.12'", "'2024-01-02 03:04:10.012'", ""),
    ("timestamp", "timestamp(6) NULL", "'2024-07-01 10:00:00.5'", "timestamptz",
     "'2024-07-01 12:00:00.5+02'", "'2024-07-01 12:00:00.5+01'", ""),
    ("timestamp when clocks turn", "timestamp NULL", "'2024-10-27 01:30:00'", "timestamptz",
     "'2024-10-27 02:30 CET'", "'2024-10-27 02:30 CEST'", ""),
    ("datetime of a zone", "datetime", "'2024-07-01 10:00:00'", "timestamptz",
     "'2024-07-01 12:00+02'", "'2024-07-01 10:00+02'", 'naive_zone = "UTC"'),
    ("json", "json", """'{"b": 1.0, "a": "\\\\u00e9"}'""", "jsonb", """'{"a":"é","b":1.00}'""",
     """'{"a":"e","b":1}'""", JSON_RULE),
    ("json and json", "json", "'[1, 2]'", "json", "'[1,2]'", "'[2,1]'", JSON_RULE),
    ("uuid", "uuid", "'ABCDEF00-0000-0000-0000-000000000001'", "uuid",
     "'abcdef00-0000-0000-0000-000000000001'", "'abcdef00-0000-0000-0000-000000000002'", ""),
    ("uuid in char", "char(36)", "'ABCDEF00-0000-0000-0000-000000000001'", "uuid",
     "'abcdef00-0000-0000-0000-000000000001'", "'abcdef00-0000-0000-0000-000000000002'",
     'type = "uuid"'),
    ("uuid in text, as it is spelled", GENERAL, "'abcdef00-0000-0000-0000-000000000001'", "uuid",
     "'abcdef00-0000-0000-0000-000000000001'", "'abcdef00-0000-0000-0000-000000000002'",
     'type = "uuid"'),
    ("uuid in text, no hyphens", GENERAL, "'ABCDEF00000000000000000000000001'", "text",
     "'abcdef00-0000-0000-0000-000000000001'", "'abcdef00-0000-0000-0000-000000000001 '",
     'type = "uuid"'),
    ("uuid in text, and a newline", GENERAL, "'abcdef00-0000-0000-0000-000000000001\\n'", "text",
     "E'abcdef00-0000-0000-0000-000000000001\\n'", "'abcdef00-0000-0000-0000-000000000001'",
     'type = "uuid"'),
    ("uuid in bytes", "binary(16)", "X'ABCDEF00000000000000000000000001'", "uuid",
     "'abcdef00-0000-0000-0000-000000000001'", "'abcdef00-0000-0000-0000-000000000002'",
     'type = "uuid"'),
    ("decimal in text", GENERAL, "'+01.50'", "numeric", "1.5", "1.05", 'type = "decimal"'),
    ("decimal in text, padded", GENERAL, "'1.5 '", "text", "'1.5 '", "'1.5'", 'type = "decimal"'),
    ("float in text", GENERAL, "'15.0E-1'", "float8", "1.5", "1.6", 'type = "float"'),
    ("float in text, infinite", GENERAL, "'-inf'", "float8", "'-Infinity'", "'Infinity'",
     'type = "float"'),
    ("time in text", GENERAL, "'10:00'", "time", "'10:00:00'", "'10:00:01'", 'type = "time"'),
    ("timestamp in text", GENERAL, "'2024-01-02T10:00:00.50'", "timestamp",
     "'2024-01-02 10:00:00.5'", "'2024-01-02 10:00:00.05'", 'type = "timestamp"'),
    ("zoned timestamp in text", GENERAL, "'2024-01-02T10:00:00Z'", "timestamptz",
     "'2024-01-02 10:00:00Z'", "'2024-01-02 10:00:01Z'", 'type = "timestamptz"'),
    ("boolean in text", GENERAL, "'T'", "boolean", "true", "false", 'type = "boolean"'),
    ("bytes in text", GENERAL, r"'\\xAB'", "bytea", r"'\xab'", r"'\xac'", 'type = "bytes"'),
    ("decimal from an expression", "int", "150", "numeric", "1.5", "1.51",
     'legacy_sql = "v / 100"'),
    ("decimal and whole numbers from an expression", "decimal(9,2)", "5.5", "numeric", "100", "1",
     'legacy_sql = "case when v > 0 then 100 else v end"'),
    ("text from an expression", "varchar(9) charset latin1", "'é'", "text", "'É'", "'é'",
     'legacy_sql = "upper(v)"'),
    ("text of a number", "int", "5", "text", "'5'", "'05'", 'legacy_sql = "cast(v as char)"'),
    ("enum from an expression", "enum('','x')", "'x'", "text", "'x'", "''", 'legacy_sql = "v"'),
]  # fmt: skip


def _rules(side: str) -> str:
    """Return the settings of every table, with each rule's SQL for MariaDB's side."""
    rules = [rule.replace("legacy_sql", f"{side}_sql") for *_, rule in ACROSS]
    return "\n".join(f"[tables.t{n}.columns.v]\n{rule}" for n, rule in enumerate(rules) if rule)


@pytest.mark.slow
def test_a_value_is_one_text_in_both_engines(moved: Engine) -> None:
    """The same value matches in both directions, and another value is drift of its row alone.

    Each value has a table of its own, beside a NULL.
    """
    maria, postgres = moved.legacy, moved.modern
    maria.run("SET sql_mode = '', time_zone = '+00:00'")
    postgres.run("CREATE TYPE mood AS ENUM ('ok', 'OK')")
    for n, (_, kind, value, pg_kind, pg_value, *_) in enumerate(ACROSS):
        for side, own_kind, own in ((maria, kind, value), (postgres, pg_kind, pg_value)):
            side.run(f"CREATE TABLE t{n} (id int PRIMARY KEY, v {own_kind})")
            side.run(f"INSERT INTO t{n} VALUES (1, {own}), (2, NULL)")
    back = replace(moved, legacy=moved.modern, modern=moved.legacy)
    ways = (("from MariaDB", moved, _rules("legacy")), ("to MariaDB", back, _rules("modern")))
    for way, engine, rules in ways:
        with engine.opened(rules) as run, each_value() as check:
            for n, (label, *_) in enumerate(ACROSS):
                with check(f"{label}, {way}"):
                    assert_match(run.audit("global", f"t{n}"), rows=2)
    for n, (*_, pg_other, _) in enumerate(ACROSS):
        postgres.run(f"UPDATE t{n} SET v = {pg_other} WHERE id = 1")
    for way, engine, rules in ways:
        with engine.opened(rules) as run, each_value() as check:
            for n, (label, *_) in enumerate(ACROSS):
                with check(f"{label}, {way}"):
                    assert_drift(run.audit("global", f"t{n}"), ("changed", ("1",), ("v",)))


def test_the_error_value_of_an_enum_beside_a_text(moved: Engine) -> None:
    """The error value of an ENUM is read as '', and named as an error only beside a member ''."""
    moved.legacy.run("SET sql_mode = ''")
    moved.legacy.run(
        "CREATE TABLE t (id int PRIMARY KEY, v enum('a'), w enum('','a'), "
        "x enum('','a') charset latin1)"
    )
    moved.modern.run("CREATE TABLE t (id int PRIMARY KEY, v text, w text, x text)")
    moved.legacy.run("INSERT INTO t VALUES (1, 0, '', ''), (2, 'a', 0, ''), (3, 'a', 'a', 0)")
    moved.legacy.run("INSERT INTO t VALUES (4, NULL, NULL, NULL)")
    moved.modern.run("INSERT INTO t VALUES (1, '', '', ''), (2, 'a', '', ''), (3, 'a', 'a', '')")
    moved.modern.run("INSERT INTO t VALUES (4, NULL, NULL, NULL)")
    evidence = moved.audit()
    assert_drift(evidence, ("changed", ("2",), ("w",)), ("changed", ("3",), ("x",)))
    assert "error value of the ENUM" in str(evidence.findings[0].columns["w"].legacy)


def test_hashes_fall_into_the_same_buckets_everywhere(reader: Reader, modern_db: Database) -> None:
    """Hashes have the same bucket on all engines, even negative ones, and their sums are exact."""
    hashes = [-(2**63), 2**63 - 1, -1, -64, 63, 64, -65_537]
    literals: list[Any] = [literal_column(f"cast({n} as signed)") for n in hashes]
    remainders = [each % literal_column("65") for each in literals]
    found = [int(n) for n in reader.connection.execute(select(*remainders)).one()]
    assert found == [abs(n) % 65 * (1 if n > 0 else -1) for n in hashes]
    theirs = modern_db.run(f"SELECT unnest(ARRAY{hashes}::bigint[]) % 65")
    assert found == [n for (n,) in theirs]
    least: Any = literal_column("-9223372036854775808").label("n")
    hashed = select(least).select_from(table("seq_1_to_1000")).subquery()
    total = select(reader.dialect.exact_sum(hashed.c.n))
    assert int(reader.connection.execute(total).scalar_one()) == -(2**63) * 1000


def test_large_drift_is_found_exactly(moved: Engine) -> None:
    """Among 20,000 rows, the few that differ are found through the buckets."""
    moved.legacy.run("CREATE TABLE t (id int PRIMARY KEY, v varchar(40))")
    moved.legacy.run("INSERT INTO t SELECT seq, concat('v', seq) FROM seq_1_to_20000")
    moved.modern.run("CREATE TABLE t AS SELECT g id, 'v' || g v FROM generate_series(1, 20000) g")
    moved.modern.run("ALTER TABLE t ADD PRIMARY KEY (id)")
    assert_match(moved.audit(), rows=20_000)
    moved.modern.run("UPDATE t SET v = 'V77' WHERE id = 77")
    moved.modern.run("DELETE FROM t WHERE id = 19999")
    moved.modern.run("INSERT INTO t VALUES (0, 'v0')")
    assert_drift(
        moved.audit(),
        ("changed", ("77",), ("v",)),
        ("missing", ("19999",), ()),
        ("extra", ("0",), ()),
    )
