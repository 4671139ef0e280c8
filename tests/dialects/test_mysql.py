"""A match means equal where a side is MariaDB, and a difference is named exactly."""

from __future__ import annotations

import math
import random
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, case, column, event, func, literal_column, select, table
from sqlalchemy.engine import Engine as SqlEngine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from pytest_tenantparity.config import StackSettings
from pytest_tenantparity.errors import NotProven
from pytest_tenantparity.inventory import Place
from pytest_tenantparity.model import Evidence, Status
from pytest_tenantparity.stacks import Portable, Stack, open_stack
from pytest_tenantparity.stacks.catalog import Catalog, ColumnFacts, Family
from pytest_tenantparity.stacks.dialects import ColumnRules, Dialect, Session, dialect_for
from pytest_tenantparity.stacks.dialects.spelling import as_float

from ..support.engine_driver import SHARED, Engine, Seen, seen
from ..support.mariadb import MariaDatabase, MariaServer, new_mariadb_database
from ..support.postgresql import Database

TENANTS = "[tenants.a]\n[tenants.b]\n"


@pytest.fixture
def old(maria: MariaServer) -> Iterator[MariaDatabase]:
    """An empty database for the legacy side."""
    database = new_mariadb_database(maria)
    yield database
    database.drop()


@pytest.fixture
def new(maria: MariaServer) -> Iterator[MariaDatabase]:
    """An empty database for the modern side."""
    database = new_mariadb_database(maria)
    yield database
    database.drop()


@pytest.fixture
def alike(old: MariaDatabase, new: MariaDatabase, tmp_path: Path) -> Engine:
    """MariaDB against MariaDB."""
    return _engine(old, new, tmp_path)


@pytest.fixture
def moved(old: MariaDatabase, modern_db: Database, tmp_path: Path) -> Engine:
    """From MariaDB to PostgreSQL."""
    return _engine(old, modern_db, tmp_path)


@pytest.fixture
def back(modern_db: Database, old: MariaDatabase, tmp_path: Path) -> Engine:
    """From PostgreSQL to MariaDB."""
    return _engine(modern_db, old, tmp_path)


def _engine(legacy: Any, modern: Any, folder: Path) -> Engine:
    return Engine(legacy, modern, folder)


def assert_match(evidence: Evidence, rows: int | None = None) -> None:
    """Require a match without any reservation, of some rows."""
    assert evidence.status is Status.MATCH, evidence
    assert (evidence.drift.total, evidence.findings, evidence.reasons) == (0, (), ())
    assert evidence.rows.legacy == evidence.rows.modern
    assert evidence.rows.legacy == rows if rows is not None else evidence.rows.legacy > 0


def assert_drift(evidence: Evidence, *expected: Seen) -> None:
    """Require exactly the given findings."""
    assert evidence.status is Status.DRIFT, evidence
    assert sorted(seen(evidence), key=repr) == sorted(expected, key=repr)


def assert_not_proven(evidence: Evidence, *words: str) -> None:
    """Require NOT PROVEN, for a reason that holds all the words."""
    assert evidence.status is Status.NOT_PROVEN, evidence
    said = "\n".join(evidence.reasons)
    assert [word for word in words if word not in said] == [], said


# ---- values of one type, in MariaDB on both sides

GENERAL = "varchar(40) collate utf8mb4_general_ci"

DIFFERENT = [
    ("NULL and empty", GENERAL, "NULL", "''"),
    ("NULL and hyphen", GENERAL, "NULL", "'-'"),
    ("NULL and word", GENERAL, "NULL", "'NULL'"),
    ("case", GENERAL, "'a'", "'A'"),
    ("accent", GENERAL, "'a'", "'á'"),
    ("trailing space", GENERAL, "'a'", "'a '"),
    ("space and empty", GENERAL, "''", "' '"),
    ("trailing space, binary collation that pads", "varchar(9) collate utf8mb4_bin", "'a'", "'a '"),
    ("trailing space, nopad", "varchar(9) collate utf8mb4_nopad_bin", "'a'", "'a '"),
    ("trailing tab", GENERAL, "'a'", "'a\\t'"),
    ("trailing NUL", GENERAL, "'a'", "'a\\0'"),
    ("NUL and nothing", GENERAL, "'a\\0b'", "'ab'"),
    ("sharp s", "varchar(9) collate utf8mb4_unicode_ci", "'ß'", "'ss'"),
    ("NFC and NFD", "varchar(9) collate utf8mb4_unicode_ci", "'é'", "'e\u0301'"),
    ("emoji and question mark", GENERAL, "'😀'", "'?'"),
    ("emoji and emoji", GENERAL, "'😀'", "'😁'"),
    ("emoji and replacement", GENERAL, "'😀'", "'\ufffd'"),
    ("zero-width joiner", GENERAL, "'ab'", "'a\u200db'"),
    ("backslash", GENERAL, r"'a\\b'", r"'a\\\\b'"),
    ("quote", GENERAL, "''''", "''''''"),
    ("percent", GENERAL, "'%s'", "'%%s'"),
    ("newline and its escape", GENERAL, r"'a\nb'", r"'a\\nb'"),
    ("CRLF and LF", GENERAL, r"'a\r\nb'", r"'a\nb'"),
    ("end of a long text", "longtext", "concat(repeat('x',100000),'a')",
     "concat(repeat('x',100000),'b')"),
    ("char", "char(5)", "'a'", "'A'"),
    ("char and NULL", "char(5)", "''", "NULL"),
    ("latin1", "varchar(9) charset latin1", "'é'", "'e'"),
    ("latin1 of Windows", "varchar(9) charset latin1", "'€'", "'?'"),
    ("latin1 undefined bytes", "varchar(9) charset latin1", "X'81'", "X'8D'"),
    ("utf8mb3", "varchar(9) charset utf8mb3", "'é'", "'É'"),
    ("ucs2", "varchar(9) charset ucs2", "'é'", "'e'"),
    ("utf16", "varchar(9) charset utf16", "'😀'", "'😁'"),
    ("utf32", "varchar(9) charset utf32", "'😀'", "'?'"),
    ("gbk", "varchar(9) charset gbk", "'中'", "'国'"),
    ("sjis", "varchar(9) charset sjis", "'ア'", "'ァ'"),
    ("koi8r", "varchar(9) charset koi8r", "'ё'", "'я'"),
    ("enum", "enum('ok','no','OK2')", "'ok'", "'no'"),
    ("enum of latin1", "enum('é','x') charset latin1", "'é'", "'x'"),
    ("set", "set('a','b','c')", "'a,b'", "'a,c'"),
    ("set and empty", "set('a','b','c')", "''", "NULL"),
    ("set of the 64th", "set(" + ",".join(f"'m{n}'" for n in range(64)) + ")", "'m63'", "'m62'"),
    # numbers
    ("unsigned and its half", "bigint unsigned", "18446744073709551615", "9223372036854775807"),
    ("unsigned high bit", "bigint unsigned", "9223372036854775808", "0"),
    ("2^53", "bigint", "9007199254740992", "9007199254740993"),
    ("sign", "int", "5", "-5"),
    ("0 and NULL", "int", "0", "NULL"),
    ("zerofill", "int(10) zerofill", "5", "50"),
    ("boolean of two", "tinyint(1)", "1", "2"),
    ("year 0 and 2000", "year", "0000", "2000"),
    ("last of 38 decimals", "decimal(65,38)", "0.00000000000000000000000000000000000001", "0"),
    ("65 digits", "decimal(65,0)", "9" * 65, "9" * 64 + "8"),
    ("hundreds", "decimal(9,2)", "100", "1"),
    ("tens without point", "decimal(9,0)", "100", "10"),
    ("sign of a decimal", "decimal(9,2)", "1.5", "-1.5"),
    ("decimal zerofill", "decimal(9,2) zerofill", "0.5", "50"),
    ("double last digit", "double", "0.3", "0.1e0+0.2e0"),
    ("double tiny", "double", "5e-324", "0"),
    ("double beyond 15 digits", "double", "9007199254740993e0", "9007199254740994e0"),
    ("double of two decimals", "double(10,2)", "0.01", "0.02"),
    ("float beyond 6 digits", "float", "16777216", "16777214"),
    ("float of two decimals", "float(9,2)", "131072.02", "131072.03"),
    ("bit", "bit(5)", "b'00101'", "b'00100'"),
    ("bit of 64", "bit(64)", "0xFFFFFFFFFFFFFFFF", "0x7FFFFFFFFFFFFFFF"),
    # times
    ("zero date and NULL", "date", "'0000-00-00'", "NULL"),
    ("zero date and first", "date", "'0000-00-00'", "'0001-01-01'"),
    ("month of zero", "date", "'2024-00-00'", "'2024-01-01'"),
    ("microsecond", "datetime(6)", "'2024-01-01 00:00:00.123456'", "'2024-01-01 00:00:00.123457'"),
    ("tenth", "datetime(3)", "'2024-01-01 00:00:00.1'", "'2024-01-01 00:00:00.01'"),
    ("seconds of ten", "datetime", "'2024-01-01 00:00:10'", "'2024-01-01 00:00:01'"),
    ("zero datetime", "datetime", "'0000-00-00 00:00:00'", "NULL"),
    ("zero timestamp and epoch", "timestamp NULL", "0", "'1970-01-01 00:00:01'"),
    ("an hour of a timestamp", "timestamp NULL", "'2024-07-01 00:00:00'", "'2024-07-01 01:00:00'"),
    ("sign of a time", "time(6)", "'-00:00:00.5'", "'00:00:00.5'"),
    ("hours of a time", "time", "'838:59:59'", "'-838:59:59'"),
    ("a day and none", "time", "'24:00:00'", "'00:00:00'"),
    ("last digit of a negative time", "time(6)", "'-838:59:58.000010'", "'-838:59:58.000001'"),
    ("fraction of a zero datetime", "datetime(6)", "'0000-00-00 00:00:00'",
     "'0000-00-00 00:00:00.000001'"),
    ("last of 65 digits", "decimal(65,38)", f"{'9' * 27}.{'9' * 38}", f"{'9' * 27}.{'9' * 37}8"),
    ("tens of a whole decimal", "decimal(9,2)", "-10.00", "-1.00"),
    # the rest
    ("bytes of zero", "varbinary(9)", "X'00'", "X''"),
    ("bytes that pad", "binary(3)", "X'61'", "X'6120'"),
    ("bytes that no text holds", "blob", "X'FF00FE'", "X'FF00FF'"),
    ("bytes and case", "blob", "'a'", "'A'"),
    ("json order", "json", """'{"a":1,"b":2}'""", """'{"b":2,"a":1}'"""),
    ("json null and NULL", "json", "'null'", "NULL"),
    ("uuid", "uuid", "'00000000-0000-0000-0000-000000000001'",
     "'00000000-0000-0000-0000-000000000010'"),
    ("inet4", "inet4", "'10.0.0.1'", "'10.0.0.2'"),
    ("inet6", "inet6", "'::ffff:10.0.0.1'", "'::10.0.0.1'"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "one", "other"), [pytest.param(*each[1:], id=each[0]) for each in DIFFERENT]
)
def test_different_values_are_found(alike: Engine, kind: str, one: str, other: str) -> None:
    """Two values that differ are a finding of that row and column alone, in both directions."""
    for side in (alike.legacy, alike.modern):
        side.run("SET sql_mode = '', time_zone = '+00:00'")
        side.run(f"CREATE TABLE t (id int PRIMARY KEY, v {kind}, w int)")
        for n, value in enumerate((one, other, one), 1):
            side.run(f"INSERT INTO t VALUES ({n}, {value}, 1)")
    assert_match(alike.audit(), rows=3)
    alike.modern.run(f"UPDATE t SET v = {other} WHERE id = 1")
    alike.modern.run(f"UPDATE t SET v = {one} WHERE id = 2")
    assert_drift(alike.audit(), ("changed", ("1",), ("v",)), ("changed", ("2",), ("v",)))


# ---- one value in both engines, and another

JSON_RULE = 'json = "canonical"'
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

CASES = [pytest.param(*each[1:], id=each[0]) for each in ACROSS]
PARAMETERS = ("kind", "value", "pg_kind", "pg_value", "pg_other", "rule")


def _fill_across(
    maria: MariaDatabase, postgres: Database, kinds: tuple[str, str], values: tuple[str, str]
) -> None:
    maria.run("SET sql_mode = '', time_zone = '+00:00'")
    maria.run(f"CREATE TABLE t (id int PRIMARY KEY, v {kinds[0]})")
    maria.run(f"INSERT INTO t VALUES (1, {values[0]}), (2, NULL)")
    postgres.run("CREATE TYPE mood AS ENUM ('ok', 'OK')")
    postgres.run(f"CREATE TABLE t (id int PRIMARY KEY, v {kinds[1]})")
    postgres.run(f"INSERT INTO t VALUES (1, {values[1]}), (2, NULL)")


@pytest.mark.parametrize(PARAMETERS, CASES)
def test_a_value_is_one_text_in_both_engines(
    moved: Engine, kind: str, value: str, pg_kind: str, pg_value: str, pg_other: str, rule: str
) -> None:
    """MariaDB and PostgreSQL match where the value is the same, and only there."""
    old, modern = moved.legacy, moved.modern
    _fill_across(old, modern, (kind, pg_kind), (value, pg_value))  # type: ignore[arg-type]
    more = f"[tables.t.columns.v]\n{rule}" if rule else ""
    assert_match(moved.audit(more=more), rows=2)
    modern.run(f"UPDATE t SET v = {pg_other} WHERE id = 1")
    assert_drift(moved.audit(more=more), ("changed", ("1",), ("v",)))


@pytest.mark.parametrize(PARAMETERS, CASES)
def test_a_value_is_one_text_the_other_way(
    back: Engine, kind: str, value: str, pg_kind: str, pg_value: str, pg_other: str, rule: str
) -> None:
    """PostgreSQL and MariaDB match where the value is the same, and only there."""
    postgres, new = back.legacy, back.modern
    _fill_across(new, postgres, (kind, pg_kind), (value, pg_value))  # type: ignore[arg-type]
    rule = rule.replace("legacy_sql", "modern_sql")
    more = f"[tables.t.columns.v]\n{rule}" if rule else ""
    assert_match(back.audit(more=more), rows=2)
    postgres.run(f"UPDATE t SET v = {pg_other} WHERE id = 1")
    assert_drift(back.audit(more=more), ("changed", ("1",), ("v",)))


# ---- what one dialect says, asked directly


@pytest.fixture
def asked(old: MariaDatabase) -> Iterator[Asked]:
    """One open session on a database."""
    with _asked(old.url) as one:
        yield one


@dataclass(frozen=True)
class Asked:
    """A session of the dialect's own. Its snapshot begins when it first reads a table."""

    dialect: Dialect
    connection: Connection
    schema: str

    @property
    def catalog(self) -> Catalog:
        """Its tables."""
        return self.dialect.catalog(self.connection, self.schema)

    def facts(self, name: str = "v", of: str = "t") -> ColumnFacts:
        """One column of a table."""
        found = self.catalog.tables[of].column(name)
        assert found is not None
        return found

    def all(self, *columns: Any, of: str = "t") -> list[Any]:
        """The values of expressions over the rows of a table."""
        source = table(of, column("id"), column("v"), schema=self.schema)
        return list(self.connection.execute(select(*columns).select_from(source)))

    def canonical(self, facts: ColumnFacts | None = None, value: Any = None) -> Any:
        """The text of the column v, or of a value in its place."""
        known = self.facts() if facts is None else facts
        own = column("v") if value is None else value
        return self.dialect.canonical(own, known, known.family, ColumnRules(common=True))


@contextmanager
def _asked(url: str) -> Iterator[Asked]:
    settings = StackSettings(url=url)
    dialect, target = dialect_for("mysql"), make_url(url)
    engine = dialect.create_engine(target, Session("asked", settings))
    with engine.connect() as connection:
        yield Asked(dialect, connection, target.database or "")
    engine.dispose()


def _fill(database: MariaDatabase, kind: str, *values: str) -> None:
    database.run("SET sql_mode = '', time_zone = '+00:00'")
    database.run(f"CREATE TABLE t (id int PRIMARY KEY, v {kind})")
    for number, value in enumerate(values, 1):
        database.run(f"INSERT INTO t VALUES ({number}, {value})")


def _written(number: float) -> str:
    """Digits and a power of ten, out of Python's shortest text."""
    sign, digits, exponent = Decimal(repr(number)).as_tuple()
    assert isinstance(exponent, int)
    core = "".join(map(str, digits)).lstrip("0")
    bare = core.rstrip("0")
    if not bare:
        return "0"
    return f"{'-' if sign else ''}{bare}e{exponent + len(core) - len(bare)}"


def _random_doubles(many: int) -> list[float]:
    chance = random.Random(20_240_229)  # noqa: S311 - the same numbers each time
    bits = (struct.pack(">Q", chance.getrandbits(64)) for _ in range(many))
    wild = [struct.unpack(">d", each)[0] for each in bits]
    tame = [round(chance.uniform(-1e6, 1e6), chance.randrange(17)) for _ in range(many)]
    edges = [5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 0.1 + 0.2, 1e22, 1e23, 2**53]
    return [x for x in (*wild, *tame, *edges, *(-x for x in edges)) if math.isfinite(x)]


def test_doubles_have_the_shortest_text_that_gives_them_back(
    old: MariaDatabase, asked: Asked
) -> None:
    """Thousands of doubles, of all sizes, are spelled as Python spells them."""
    numbers = _random_doubles(4_000)
    _fill(old, "double")
    for at in range(0, len(numbers), 500):
        values = ",".join(f"({at + n},{x!r})" for n, x in enumerate(numbers[at : at + 500]))
        old.run(f"INSERT INTO t VALUES {values}")
    spelled = as_float(asked.dialect.text(column("v"), asked.facts(), ColumnRules()))
    rows = [tuple(row) for row in asked.all(column("id"), asked.canonical(), spelled)]
    assert {n: own for n, own, _ in rows} == {n: _written(x) for n, x in enumerate(numbers)}
    assert [own for _, own, _ in rows] == [common for _, _, common in rows]


def test_floats_are_spelled_by_their_exact_value(old: MariaDatabase, asked: Asked) -> None:
    """Thousands of FLOATs are spelled as the double that each of them is."""
    singles = [x for x in _random_doubles(3_000) if 1e-37 < abs(x) < 3e38]
    exact = [struct.unpack(">f", struct.pack(">f", x))[0] for x in singles]
    _fill(old, "float")
    for at in range(0, len(exact), 500):
        rows = ",".join(f"({at + n},{x!r})" for n, x in enumerate(exact[at : at + 500]))
        old.run(f"INSERT INTO t VALUES {rows}")
    found = dict(tuple(row) for row in asked.all(column("id"), asked.canonical()))
    assert [found[n] for n in range(len(exact))] == [_written(x) for x in exact]


CHARSETS = [
    *("armscii8", "ascii", "big5", "cp1250", "cp1251", "cp1256", "cp1257", "cp850", "cp852"),
    *("cp866", "cp932", "dec8", "eucjpms", "euckr", "gb2312", "gbk", "geostd8", "greek", "hebrew"),
    *("hp8", "keybcs2", "koi8r", "koi8u", "latin1", "latin2", "latin5", "latin7", "macce"),
    *("macroman", "sjis", "swe7", "tis620", "ucs2", "ujis", "utf16", "utf16le", "utf32"),
    *("utf8mb3", "utf8mb4"),
]


@pytest.mark.parametrize("charset", CHARSETS)
def test_no_charset_merges_two_values(old: MariaDatabase, asked: Asked, charset: str) -> None:
    """Of every value of one byte or two that a charset can store, no two have one text.

    Where the server cannot convert a value and back again, the text is one that no digest hashes.
    """
    old.run("SET sql_mode = ''")
    old.run(f"CREATE TABLE t (id int PRIMARY KEY, v varchar(9) CHARACTER SET {charset})")
    old.run("INSERT INTO t SELECT seq, unhex(lpad(hex(seq), 2, '0')) FROM seq_0_to_255")
    old.run("INSERT INTO t SELECT seq, unhex(lpad(hex(seq), 4, '0')) FROM seq_256_to_65535")
    stored = dict(old.run("SELECT id, hex(v) FROM t"))
    lost = asked.dialect.portable_hash([asked.canonical()], 1, Portable.MD5).is_(None)
    texts: dict[str, set[str]] = {}
    for number, text, is_lost in asked.all(column("id"), func.hex(asked.canonical()), lost):
        if not is_lost:
            texts.setdefault(text, set()).add(stored[number])
    assert [values for values in texts.values() if len(values) > 1] == []
    assert len(texts) > 90


def test_bytes_that_are_no_text_of_their_charset_are_not_proven(alike: Engine) -> None:
    """ASCII columns of MariaDB hold bytes beyond ASCII, all of which become '?' when converted."""
    for side in (alike.legacy, alike.modern):
        side.run("CREATE TABLE t (id int PRIMARY KEY, v varchar(9) charset ascii)")
        side.run("INSERT INTO t VALUES (1, 'a')")
    assert_match(alike.audit(), rows=1)
    alike.legacy.run("INSERT INTO t VALUES (2, X'E9')")
    alike.modern.run("INSERT INTO t VALUES (2, X'E8')")
    assert_not_proven(alike.audit(), "1 of 1 rows could not be hashed")


def test_half_of_a_surrogate_pair_is_not_proven(alike: Engine) -> None:
    """MariaDB stores what no driver can read; found to differ, it is no crash but NOT PROVEN."""
    for side, value in ((alike.legacy, "EDA080"), (alike.modern, "EDA081")):
        side.run("CREATE TABLE t (id int PRIMARY KEY, v varchar(9) charset utf8mb3)")
        side.run(f"INSERT INTO t VALUES (1, X'{value}')")
    assert_not_proven(alike.audit(), "surrogate")


def test_the_error_value_of_an_enum_is_not_its_empty_member(alike: Engine) -> None:
    """Both are read as ''; where '' is a member too, the error is another value than that."""
    for side in (alike.legacy, alike.modern):
        side.run("SET sql_mode = ''")
        side.run("CREATE TABLE t (id int PRIMARY KEY, v enum('','a'))")
        side.run("INSERT INTO t VALUES (1, ''), (2, 'a')")
    assert_match(alike.audit(), rows=2)
    alike.modern.run("UPDATE t SET v = 0 WHERE id = 1")
    assert_drift(alike.audit(), ("changed", ("1",), ("v",)))
    alike.legacy.run("UPDATE t SET v = 0 WHERE id = 1")
    assert_match(alike.audit(), rows=2)


def test_an_empty_member_of_a_set_is_not_the_empty_set(alike: Engine) -> None:
    """Both are read as ''; a row with the member alone holds another value."""
    for side in (alike.legacy, alike.modern):
        side.run("CREATE TABLE t (id int PRIMARY KEY, v set('','a'))")
        side.run("INSERT INTO t VALUES (1, 0), (2, 2), (3, 3)")
    assert_match(alike.audit(), rows=3)
    alike.modern.run("UPDATE t SET v = 1 WHERE id = 1")
    assert_drift(alike.audit(), ("changed", ("1",), ("v",)))
    alike.legacy.run("UPDATE t SET v = 1 WHERE id = 1")
    assert_match(alike.audit(), rows=3)


def test_the_error_value_of_an_enum_beside_a_text(moved: Engine) -> None:
    """It is '' to a reader, and named as an error only where '' is a member as well."""
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


# ---- what is too long for the server


@pytest.fixture
def narrow(maria: MariaServer) -> Iterator[None]:
    """New sessions of the server build no text of more than 64 KiB."""
    with maria.connect() as admin, admin.cursor() as cursor:
        cursor.execute("SELECT @@global.max_allowed_packet")
        (before,) = cursor.fetchone() or ()
        cursor.execute("SET GLOBAL max_allowed_packet = 65536")
        yield
        cursor.execute("SET GLOBAL max_allowed_packet = %s", (before,))


@pytest.mark.parametrize("length", [65_520, 65_529, 65_530, 65_531, 65_536, 80_000])
@pytest.mark.parametrize("kind", ["longtext", "longtext charset latin1", "longblob", "json"])
def test_a_value_too_long_to_hash_is_not_taken_for_null(
    alike: Engine, kind: str, length: int, request: pytest.FixtureRequest
) -> None:
    """CONCAT gives NULL beyond max_allowed_packet: such a row is not proven, and never a match."""
    word = "1" if kind == "json" else "x"
    for side in (alike.legacy, alike.modern):
        side.run(f"CREATE TABLE t (id int PRIMARY KEY, v {kind})")
    alike.legacy.run(f"INSERT INTO t VALUES (1, repeat('{word}', {length}))")
    alike.modern.run("INSERT INTO t VALUES (1, NULL)")
    request.getfixturevalue("narrow")
    evidence = alike.audit()
    assert evidence.status in (Status.NOT_PROVEN, Status.DRIFT), evidence
    alike.modern.run(f"UPDATE t SET v = concat(repeat('{word}', {length - 1}), '2')")
    evidence = alike.audit()
    assert evidence.status in (Status.NOT_PROVEN, Status.DRIFT), evidence
    if length > 65_530:
        assert_not_proven(evidence, "1 of 1 rows could not be hashed")


def test_many_columns_too_long_together_are_not_proven(
    alike: Engine, request: pytest.FixtureRequest
) -> None:
    """A row may be too long where none of its values is."""
    for side in (alike.legacy, alike.modern):
        side.run("CREATE TABLE t (id int PRIMARY KEY, v longtext, w longtext)")
        side.run("INSERT INTO t VALUES (1, repeat('x', 40000), repeat('x', 40000))")
    request.getfixturevalue("narrow")
    assert_not_proven(alike.audit(), "1 of 1 rows could not be hashed")


def test_a_row_is_hashed_once(alike: Engine) -> None:
    """What a scan hashes is kept for all its sums; a subquery merged into them would hash again."""
    for side in (alike.legacy, alike.modern):
        side.run("CREATE TABLE t (id int PRIMARY KEY, v text)")
        side.run("INSERT INTO t SELECT seq, concat('v', seq) FROM seq_1_to_500")
    plans: list[set[str]] = []

    def explain(connection: Any, _: Any, statement: str, parameters: Any, *__: Any) -> None:
        if "parity_row_hash" in statement and not statement.startswith("EXPLAIN"):
            rows = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).all()
            plans.append({row.select_type for row in rows})

    event.listen(SqlEngine, "before_cursor_execute", explain)
    try:
        assert_match(alike.audit(), 500)
    finally:
        event.remove(SqlEngine, "before_cursor_execute", explain)
    assert plans
    assert all("DERIVED" in kinds for kinds in plans)


# ---- snapshots


def test_rows_committed_after_opening_are_not_seen(alike: Engine) -> None:
    """Several checks read from one snapshot, whatever is committed meanwhile."""
    for side in (alike.legacy, alike.modern):
        for name in ("t", "u"):
            side.run(f"CREATE TABLE {name} (id int PRIMARY KEY, v int)")
            side.run(f"INSERT INTO {name} VALUES (1, 1), (2, 2)")
    with alike.opened() as run:
        assert_match(run.audit("global", "t"), rows=2)
        alike.modern.run("INSERT INTO t VALUES (3, 3)")
        alike.modern.run("UPDATE u SET v = 0")
        alike.legacy.run("DELETE FROM u")
        for _ in range(2):
            assert_match(run.audit("global", "t"), rows=2)
            assert_match(run.audit("global", "u"), rows=2)
    assert_drift(alike.audit(), ("extra", ("3",), ()))


def test_the_opening_itself_is_a_snapshot(old: MariaDatabase) -> None:
    """A snapshot begins when it is exported or joined, not at the first read of a table."""
    old.run("CREATE TABLE t (id int PRIMARY KEY)")
    settings = StackSettings(url=old.url)
    state, anchor = open_stack("legacy", settings, "tests")
    stack = Stack(state, settings, "tests")
    place = Place("", "")
    with stack.transaction(place) as connection:
        old.run("INSERT INTO t VALUES (1)")
        assert connection.exec_driver_sql("SELECT count(*) FROM t").scalar() == 0
    held = anchor._held[0][0]
    assert held.exec_driver_sql("SELECT count(*) FROM t").scalar() == 0
    stack.close()
    anchor.release()


def test_a_table_altered_meanwhile_is_not_proven(alike: Engine) -> None:
    """InnoDB has no older rows of a table that was rebuilt."""
    for side in (alike.legacy, alike.modern):
        side.run("CREATE TABLE t (id int PRIMARY KEY, v int)")
        side.run("CREATE TABLE u (id int PRIMARY KEY)")
        side.run("INSERT INTO t VALUES (1, 1)")
        side.run("INSERT INTO u VALUES (1)")
    with alike.opened() as run:
        assert_match(run.audit("global", "u"), rows=1)
        alike.modern.run("ALTER TABLE t ADD COLUMN w int FIRST, ALGORITHM = COPY")
        assert_not_proven(run.audit("global", "t"), "altered during the run")


# ---- sessions


@pytest.mark.parametrize(
    "statement",
    ["COMMIT", "DELETE FROM t", "/*!COMMIT*/", "/*M!100000 COMMIT*/", "SET autocommit = 1",
     "ANALYZE TABLE t", "CALL p()", "-- SELECT\nROLLBACK", "BEGIN", "DO 1"],
)  # fmt: skip
def test_only_questions_are_asked(asked: Asked, statement: str) -> None:
    """What is no question is refused before the server sees it, since it could end a snapshot."""
    with pytest.raises(NotProven, match="SELECT alone"):
        asked.connection.exec_driver_sql(statement)
    assert asked.connection.exec_driver_sql("/* a */ (SELECT 1)").scalar() == 1


@pytest.mark.parametrize(
    "statement", ["SELECT 1; COMMIT", "SELECT sly()", "SELECT 1 FROM t; DELETE FROM t"]
)
def test_nothing_is_written(old: MariaDatabase, statement: str) -> None:
    """Several statements in one string are an error, and so is a function that writes."""
    old.run("CREATE TABLE t (id int PRIMARY KEY)")
    old.run("INSERT INTO t VALUES (1)")
    old.run("CREATE FUNCTION sly() RETURNS int BEGIN DELETE FROM t; RETURN 1; END")
    with _asked(f"{old.url}&client_flag=65536") as asked, pytest.raises(DBAPIError):
        asked.connection.exec_driver_sql(statement)
    assert old.run("SELECT count(*) FROM t") == [(1,)]


def test_sessions_are_pinned_whatever_the_server_is_set_to(
    maria: MariaServer, old: MariaDatabase
) -> None:
    """No global setting changes what a value reads as, or how many rows a query gives."""
    hostile = {
        "sql_mode": "'ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,PAD_CHAR_TO_FULL_LENGTH'",
        "time_zone": "'+05:00'",
        "sql_select_limit": "1",
        "default_regex_flags": "'EXTENDED'",
        "collation_connection": "utf8mb4_general_ci",
        "idle_transaction_timeout": "1",
        "max_statement_time": "0.001",
        "tx_isolation": "'READ-COMMITTED'",
        "system_versioning_asof": "'2020-01-01'",
    }
    names = ("@@" + ", @@".join(hostile)) + ", @@tx_read_only, @@character_set_results"
    _fill(old, "char(5)", "'a'", r"'\\'")
    with maria.connect() as admin, admin.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(f"@@global.{name}" for name in hostile))
        before = dict(zip(hostile, cursor.fetchone() or (), strict=True))
        try:
            for name, value in hostile.items():
                cursor.execute(f"SET GLOBAL {name} = {value}")
            with _asked(old.url.replace("utf8mb4", "latin1")) as asked:
                session = asked.connection.exec_driver_sql(f"SELECT {names}").one()
                texts = [text for (text,) in asked.all(asked.canonical())]
        finally:
            for name, value in before.items():
                if name == "system_versioning_asof":
                    cursor.execute(f"SET GLOBAL {name} = DEFAULT")
                else:
                    cursor.execute(f"SET GLOBAL {name} = %s", (value,))
    assert session == (
        "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION",
        "+00:00", 18_446_744_073_709_551_615, "", "utf8mb4_nopad_bin", 0, 300.0,
        "REPEATABLE-READ", "DEFAULT", 1, "utf8mb4",
    )  # fmt: skip
    assert texts == ["a", "\\"]


def test_a_question_that_takes_too_long_is_stopped(alike: Engine) -> None:
    """The server ends it, and the reason says what to do."""
    for side in (alike.legacy, alike.modern):
        side.run("CREATE TABLE t (id int PRIMARY KEY, v int)")
        side.run("INSERT INTO t VALUES (1, 1)")
    more = "[tables.t.columns.v]\nlegacy_sql = 'v + sleep(5)'\nmodern_sql = 'v + 0'"
    evidence = alike.audit(more=more, legacy=f"statement_timeout = 0.5\n{SHARED}")
    assert_not_proven(evidence, "max_statement_time", "raise statement_timeout")


def test_a_question_can_be_cancelled(old: MariaDatabase, asked: Asked) -> None:
    """Another thread stops what the server is busy with, at once."""
    del old
    begun = time.monotonic()
    timer = threading.Timer(0.3, asked.dialect.cancel, [asked.connection])
    timer.start()
    with pytest.raises(DBAPIError) as caught:
        asked.connection.exec_driver_sql(
            "SELECT count(*) FROM seq_1_to_1000000 a, seq_1_to_1000000 b"
        )
    timer.join()
    assert time.monotonic() - begun < 5
    assert "interrupted" in asked.dialect.explain(caught.value)


def test_a_cancellation_that_is_refused_closes_the_socket(maria: MariaServer) -> None:
    """Where no second connection is to be had, the thread that waits is woken all the same."""
    with maria.connect() as admin, admin.cursor() as cursor:
        cursor.execute("CREATE USER lone@'127.0.0.1' WITH MAX_USER_CONNECTIONS 1")
        with _asked(maria.url("information_schema", "lone")) as asked:
            begun = time.monotonic()
            timer = threading.Timer(0.3, asked.dialect.cancel, [asked.connection])
            timer.start()
            with pytest.raises(DBAPIError, match="Lost connection"):
                asked.connection.exec_driver_sql("SELECT sleep(20)")
            timer.join()
            assert time.monotonic() - begun < 5
        cursor.execute("DROP USER lone@'127.0.0.1'")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"port": 1}, ["Can't connect", "check that the server is up"]),
        ({"username": "nobody"}, ["Access denied", "check the user, the password"]),
        (
            {"database": "nowhere", "password": None},
            ["Unknown database", "check the database's name"],
        ),
    ],
)
def test_what_the_server_refuses_is_explained(
    old: MariaDatabase, change: dict[str, Any], words: list[str]
) -> None:
    """One line: what the server said and what to do, without the password."""
    url = make_url(old.url).set(**{"password": "s3cret"} | change)
    state, anchor = open_stack(
        "legacy", StackSettings(url="${URL}"), "t", url.render_as_string(hide_password=False)
    )
    anchor.release()
    said = state.unavailable[""]
    assert [word for word in words if word not in said] == [], said
    assert "\n" not in said
    assert "s3cret" not in said


# ---- the server and its digests


def test_the_portable_digest_is_trusted(old: MariaDatabase) -> None:
    """The server gives the known answers."""
    state, anchor = open_stack("legacy", StackSettings(url=old.url), "tests")
    anchor.release()
    assert state.unavailable == {}
    assert state.databases[""].digests == tuple(Portable)
    server = state.databases[""].server
    assert (server.product, server.encoding, server.replica) == ("MariaDB", "UTF8", False)


def test_one_schema_of_one_server_is_the_same_data(alike: Engine) -> None:
    """By whatever address and database it is reached; another schema is not the same."""
    for side in (alike.legacy, alike.modern):
        side.run("CREATE TABLE t (id int PRIMARY KEY)")
        side.run("INSERT INTO t VALUES (1)")
    assert_match(alike.audit(), rows=1)
    name = make_url(alike.modern.url).database
    same = f'schema = "{name}"\n{SHARED}'
    assert_not_proven(alike.audit(legacy=same), "are the same database")


def test_hashes_fall_into_the_same_buckets_everywhere(asked: Asked, modern_db: Database) -> None:
    """Of negative hashes, too, and sums of them are exact."""
    hashes = [-(2**63), 2**63 - 1, -1, -64, 63, 64, -65_537]
    literals: list[Any] = [literal_column(f"cast({n} as signed)") for n in hashes]
    questions = [each % literal_column("65") for each in literals]
    found = [int(n) for n in asked.connection.execute(select(*questions)).one()]
    assert found == [abs(n) % 65 * (1 if n > 0 else -1) for n in hashes]
    theirs = modern_db.run(f"SELECT unnest(ARRAY{hashes}::bigint[]) % 65")
    assert found == [n for (n,) in theirs]
    least: Any = literal_column("-9223372036854775808").label("n")
    hashed = select(least).select_from(table("seq_1_to_1000")).subquery()
    total = select(asked.dialect.exact_sum(hashed.c.n))
    assert int(asked.connection.execute(total).scalar_one()) == -(2**63) * 1000


def test_large_drift_is_found_exactly(moved: Engine) -> None:
    """Among 20,000 rows, the few that differ, by way of the buckets."""
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


# ---- the catalog


def test_what_cannot_be_read_soundly_is_refused(old: MariaDatabase, asked: Asked) -> None:
    """Tables without snapshots, or with a history, are named with the reason and never vanish."""
    old.run("CREATE TABLE plain (id int PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 2")
    old.run("CREATE TABLE myisam (id int) ENGINE = MyISAM")
    old.run("CREATE TABLE aria (id int) ENGINE = Aria TRANSACTIONAL = 1")
    old.run("CREATE TABLE memory (id int) ENGINE = MEMORY")
    old.run("CREATE TABLE history (id int PRIMARY KEY) WITH SYSTEM VERSIONING")
    old.run("CREATE VIEW seen AS SELECT id FROM plain")
    old.run("CREATE SEQUENCE numbers")
    tables = asked.catalog.tables
    assert sorted(tables) == ["aria", "history", "memory", "myisam", "plain", "seen"]
    assert [name for name, each in tables.items() if not each.refused] == ["plain"]
    assert "the engine MyISAM, which has no snapshots" in tables["myisam"].refused
    assert "stop all writes and say so (frozen" in tables["myisam"].refused
    assert "history of its rows" in tables["history"].refused
    assert (
        "MyISAM" in tables["seen"].refused
        or "Aria" in tables["seen"].refused
        or ("MEMORY" in tables["seen"].refused)
    )
    assert [name for name, each in tables.items() if not each.stored] == ["seen"]
    for name in ("myisam", "aria", "memory"):
        old.run(f"DROP TABLE {name}")
    assert asked.catalog.tables["seen"].refused == ""


def test_invisible_columns_are_compared(alike: Engine) -> None:
    """SELECT * leaves an invisible column out; an audit does not. Generated ones neither."""
    for side in (alike.legacy, alike.modern):
        side.run("CREATE TABLE t (id int PRIMARY KEY, v int INVISIBLE, g int AS (v + 1) VIRTUAL)")
        side.run("INSERT INTO t (id, v) VALUES (1, 1)")
    assert_match(alike.audit(), rows=1)
    alike.modern.run("UPDATE t SET v = 2")
    assert_drift(alike.audit(), ("changed", ("1",), ("v", "g")))


def test_columns_are_described_in_order(old: MariaDatabase, asked: Asked) -> None:
    """Type, family, scale, charset and key of each column."""
    old.run(
        "CREATE TABLE t (b decimal(9,3), a datetime(3), n varchar(3) collate utf8mb4_nopad_bin, "
        "c varchar(3) charset latin1, j json, k longtext check (json_valid(k) or k = ''), "
        "g geometry, y year, i int unsigned, primary key (i, b))"
    )
    found = asked.catalog.tables["t"]
    assert found.primary_key == ("i", "b")
    assert [(c.name, c.type, c.family, c.scale, c.charset, c.fuzzy) for c in found.columns] == [
        ("b", "decimal", Family.DECIMAL, 3, "", False),
        ("a", "datetime", Family.TIMESTAMP, 3, "", False),
        ("n", "varchar", Family.TEXT, None, "utf8mb4", False),
        ("c", "varchar", Family.TEXT, None, "latin1", True),
        ("j", "json", Family.JSON, None, "utf8mb4", True),
        ("k", "longtext", Family.TEXT, None, "utf8mb4", True),
        ("g", "geometry", Family.UNKNOWN, None, "", False),
        ("y", "year", Family.INTEGER, None, "", False),
        ("i", "int", Family.INTEGER, None, "", False),
    ]


GRANTS = [
    ("GRANT SELECT ON *.* TO {u}", True),
    ("GRANT SELECT ON {d}.* TO {u}", True),
    ("GRANT ALL PRIVILEGES ON `tp\\_%`.* TO {u}", True),
    ("GRANT SELECT ON {d}.t TO {u}", False),
    ("GRANT SELECT (id) ON {d}.t TO {u}", False),
    ("GRANT INSERT ON {d}.* TO {u}", False),
    ("GRANT SELECT ON `{d}x`.* TO {u}", False),
]


@pytest.mark.parametrize(("grant", "sees_all"), GRANTS)
def test_tables_that_the_user_may_not_see_are_owned_up_to(
    maria: MariaServer, old: MariaDatabase, grant: str, sees_all: bool
) -> None:
    """information_schema leaves out what a user has no privilege on, so the catalog says that."""
    old.run("CREATE TABLE t (id int PRIMARY KEY, v int)")
    name = maria.new_name()
    user = f"{name}@'127.0.0.1'"
    with maria.connect() as admin, admin.cursor() as cursor:
        cursor.execute(f"CREATE USER {user}")
        try:
            cursor.execute(f"GRANT SELECT (id) ON {old.name}.t TO {user}")
            cursor.execute(grant.format(u=user, d=old.name))
            with _asked(maria.url(old.name, name)) as asked:
                hidden = asked.catalog.hidden
        finally:
            cursor.execute(f"DROP USER {user}")
    assert hidden == "" if sees_all else "may not read all of" in hidden


def test_privileges_of_a_default_role_count(maria: MariaServer, old: MariaDatabase) -> None:
    """A role that is active gives the user sight of everything."""
    name = maria.new_name()
    with maria.connect() as admin, admin.cursor() as cursor:
        cursor.execute(f"CREATE USER {name}@'127.0.0.1'")
        cursor.execute(f"CREATE ROLE {name}_role")
        cursor.execute(f"GRANT SELECT ON {old.name}.* TO {name}_role")
        cursor.execute(f"GRANT {name}_role TO {name}@'127.0.0.1'")
        cursor.execute(f"SET DEFAULT ROLE {name}_role FOR {name}@'127.0.0.1'")
        with _asked(maria.url(old.name, name)) as asked:
            assert asked.catalog.hidden == ""
        cursor.execute(f"DROP USER {name}@'127.0.0.1'")
        cursor.execute(f"DROP ROLE {name}_role")


def test_schemas_that_differ_in_case_are_two(maria: MariaServer, asked: Asked) -> None:
    """information_schema compares names without case."""
    with maria.connect() as admin, admin.cursor() as cursor:
        upper = asked.schema.upper()
        cursor.execute(f"CREATE DATABASE {upper}")
        cursor.execute(f"CREATE TABLE {upper}.t (id int PRIMARY KEY)")
        try:
            assert asked.catalog.tables == {}
        finally:
            cursor.execute(f"DROP DATABASE {upper}")


# ---- whose rows


TENANT_COLUMNS = [
    (GENERAL, "a", ["'A'", "'a '", "'á'", "'ab'"]),
    ("varchar(9) charset latin1", "é", ["'e'", "'É'", "'é '"]),
    ("varchar(9)", "😀", ["'?'", "'😁'", "''"]),
    ("enum('a','ab','')", "a", ["'ab'", "''", "3"]),
    ("int", "1", ["10", "-1", "0"]),
    ("varchar(9)", "1", ["'1a'", "'01'", "'1.0'", "' 1'"]),
    ("varchar(9)", "0", ["'abc'", "'-0'", "''"]),
    ("bigint", "9007199254740993", ["9007199254740992"]),
    ("varchar(20)", "9007199254740993", ["'9007199254740992'"]),
    ("decimal(20,4)", "9007199254740993", ["9007199254740993.0001"]),
    ("double", "0.1", ["0.10000000000000002"]),
    ("binary(2)", r"\x6100", ["'ab'", "'A'"]),
    ("uuid", "00000000-0000-0000-0000-00000000000a", ["'00000000-0000-0000-0000-00000000000b'"]),
    ("date", "2024-01-01", ["'2024-01-02'", "'0000-00-00'"]),
    ("year", "5", ["2005"]),
    ("datetime(3)", "2024-01-01 00:00:00", ["'2024-01-01 00:00:00.001'"]),
]


@pytest.mark.parametrize(("kind", "own", "others"), TENANT_COLUMNS)
def test_only_the_tenants_own_rows_are_taken(
    old: MariaDatabase, asked: Asked, kind: str, own: str, others: list[str]
) -> None:
    """A value is the tenant's if it is exactly that: no collation, padding or number decides."""
    shown = "X'6100'" if own.startswith("\\x") else f"'{own}'"
    _fill(old, kind, "0" if kind == "year" else shown, *others, "NULL")
    facts = asked.facts()
    taken = asked.dialect.any_of(column("v"), facts, [own, own])
    rows = dict(tuple(row) for row in asked.all(column("id"), taken))
    expected = [0 if kind == "year" else 1, *([0] * len(others)), None]
    assert list(rows.values()) == expected
    nobody = asked.dialect.any_of(column("v"), facts, [])
    assert [bool(row[0]) for row in asked.all(nobody)] == [False] * len(rows)


def test_a_name_is_no_number(old: MariaDatabase, asked: Asked) -> None:
    """A tenant called abc is not the tenant 0 of an integer column, but a mistake."""
    _fill(old, "int", "0")
    with pytest.raises(NotProven, match="'abc' is no integer"):
        asked.dialect.any_of(column("v"), asked.facts(), ["abc"])


def test_an_index_is_used(old: MariaDatabase, asked: Asked) -> None:
    """The rows of a tenant are found without reading everybody's."""
    old.run("CREATE TABLE t (id int PRIMARY KEY, v varchar(9), KEY (v))")
    old.run("INSERT INTO t SELECT seq, concat('t', seq % 500) FROM seq_1_to_5000")
    old.run("ANALYZE TABLE t")
    taken = asked.dialect.any_of(column("v"), asked.facts(), ["t7"])
    source = table("t", column("id"), column("v"), schema=asked.schema)
    query: Any = select(column("id")).select_from(source).where(taken)
    plan = asked.connection.exec_driver_sql(
        "EXPLAIN " + str(query.compile(asked.connection, compile_kwargs={"literal_binds": True}))
    ).mappings()
    assert {row["key"] for row in plan} == {"v"}
    assert len(asked.all(column("id"), taken)) == 5000


def test_paths_of_tables_lead_exactly(alike: Engine) -> None:
    """Joins on the way to the tenant take no two different values for equal."""
    for side in (alike.legacy, alike.modern):
        side.run(f"CREATE TABLE owners (code {GENERAL} PRIMARY KEY, tenant {GENERAL})")
        side.run("CREATE TABLE t (id int PRIMARY KEY, owner varchar(40) charset latin1)")
        side.run("INSERT INTO owners VALUES ('x', 'a'), ('1', 'a'), ('y', 'A')")
        side.run("INSERT INTO t VALUES (1, 'x'), (2, 'X'), (3, 'x '), (4, 'y'), (5, '1a')")
    path = 'tenancy = {path = "owner -> owners.code -> tenant"}'
    evidence = alike.audit("t", "a", TENANTS, legacy=path, modern=path)
    assert evidence.rows.legacy == evidence.rows.modern == 1, evidence


def test_text_leads_to_no_number(alike: Engine) -> None:
    """'1abc' = 1 in MySQL, but such a row does not belong to the owner with the number 1."""
    for side in (alike.legacy, alike.modern):
        side.run("CREATE TABLE owners (id int PRIMARY KEY, tenant varchar(9))")
        side.run("CREATE TABLE t (id int PRIMARY KEY, owner varchar(40))")
        side.run("INSERT INTO owners VALUES (1, 'a'), (0, 'a')")
        side.run("INSERT INTO t VALUES (1, '1abc'), (2, 'x')")
    path = 'tenancy = {path = "owner -> owners.id -> tenant"}'
    evidence = alike.audit("t", "a", TENANTS, legacy=path, modern=path)
    assert (evidence.rows.legacy, evidence.rows.modern) == (0, 0), evidence


# ---- the canary's values

CHANGEABLE = [
    ("int", "5", "0", "-5", "2147483647", "-2147483648"),
    ("bigint unsigned", "0", "18446744073709551615"),
    ("int zerofill", "0", "7"),
    ("year", "0000", "2024"),
    ("decimal(9,2)", "9999999.99", "-9999999.99", "0"),
    ("decimal(65,38)", "0", "9" * 27 + "." + "9" * 38),
    ("decimal(5,0)", "99999", "0"),
    ("decimal(9,2) zerofill", "0.5", "0"),
    ("double", "1.5", "0", "1.7976931348623157e308", "-1e-300"),
    ("float", "0.1", "16777216", "0"),
    (GENERAL, "'a'", "''", "'a '", "'é😀'"),
    ("varchar(9) charset latin1", "'é'", "''"),
    ("varchar(9) charset utf16", "'é'", "''"),
    ("enum('a','b')", "'a'", "''"),
    ("set('a','b')", "'a,b'", "''"),
    ("json", "'1'", """'{"a":1}'"""),
    ("varbinary(9)", "X'00'", "X''"),
    ("bit(1)", "b'0'", "b'1'"),
    ("bit(64)", "0", "0xFFFFFFFFFFFFFFFF"),
    ("uuid", "'00000000-0000-0000-0000-000000000000'", "'00000000-0000-0000-0000-00000000000a'"),
    ("inet6", "'::'", "'::2'"),
    ("date", "'2024-01-31'", "'9999-12-31'", "'0000-00-00'"),
    ("time", "'838:59:59'", "'-838:59:59'", "'00:00:00'"),
    ("time(6)", "'838:59:59.999999'", "'-00:00:00.5'"),
    ("datetime", "'9999-12-31 23:59:59'", "'2024-01-01 00:00:00'", "'0000-00-00 00:00:00'"),
    ("datetime(3)", "'9999-12-31 23:59:59.999'", "'2024-01-01 00:00:00'"),
    ("timestamp(6) NULL", "'2024-01-01 00:00:00'", "0"),
]


@pytest.mark.parametrize("case_", CHANGEABLE, ids=lambda each: each[0])
def test_the_least_change_changes_the_text(
    old: MariaDatabase, asked: Asked, case_: tuple[str, ...]
) -> None:
    """In place of its value, and in a CASE beside others, it reads differently; NULL stays NULL."""
    kind, *values = case_
    _fill(old, kind, *values, "NULL")
    facts = asked.facts()
    other, none = asked.dialect.least_change(column("v"), facts), asked.dialect.neutral(facts)
    assert other is not None
    assert none is not None
    mixed = case((column("id") > literal_column("0"), other), else_=column("v"))
    filled = case((column("v").is_(None), none), else_=column("v"))
    hashed = [asked.canonical(facts, each) for each in (None, other, mixed, filled)]
    hashes = [asked.dialect.portable_hash([each], 1, Portable.MD5) for each in hashed]
    for plain, changed, among, present, *numbers in asked.all(*hashed, *hashes):
        assert None not in numbers
        if plain is None:
            assert (changed, among) == (None, None)
            assert present is not None
        else:
            assert plain not in (changed, among)
            assert present == plain
