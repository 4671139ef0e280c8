"""Archives in Parquet and CSV are proven like databases, and what a file leaves open is refused."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import ColumnElement, literal_column, select, table
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from pytest_tenantparity.config.settings import StackSettings
from pytest_tenantparity.errors import NotProven
from pytest_tenantparity.model import Status
from pytest_tenantparity.parity.cells import Grid, Sketch
from pytest_tenantparity.parity.source import Source
from pytest_tenantparity.stacks import Portable
from pytest_tenantparity.stacks.catalog import ColumnFacts, Family
from pytest_tenantparity.stacks.dialects import ColumnRules, Session, dialect_for
from pytest_tenantparity.stacks.dialects.archive_reader import _stored, _top_level

from ..support.engine_driver import Engine
from ..support.expectations import assert_drift, assert_match, assert_not_proven
from ..support.files import Files
from ..support.postgresql import Database

KEYED = '[tables.t]\nkey = ["id"]\n'


@pytest.fixture
def old(tmp_path: Path) -> Files:
    """The legacy archive."""
    (tmp_path / "old").mkdir()
    return Files(tmp_path / "old")


@pytest.fixture
def new(tmp_path: Path) -> Files:
    """The modern archive."""
    (tmp_path / "new").mkdir()
    return Files(tmp_path / "new")


def between(legacy: Files | Database, modern: Files | Database, folder: Path) -> Engine:
    """Checks between two stacks of any kind."""
    one: Any = legacy
    other: Any = modern
    return Engine(one, other, folder)


# ---- Parquet


def test_keys_of_more_than_64_bits_are_told_apart(old: Files, new: Files, tmp_path: Path) -> None:
    """Whole numbers that no signed integer of 64 bits holds are keys like any other."""
    rows = "SELECT (18446744073709551000 + g)::UBIGINT AS id, {} AS v FROM range(200) r(g)"
    old.parquet(rows.format("g"))
    new.parquet(rows.format("g"))
    engine = between(old, new, tmp_path)
    assert_match(engine.audit(more="[tables.t]\nkey = ['id']"), 200)
    new.parquet(rows.format("CASE WHEN g = 7 THEN 8 ELSE g END"))
    evidence = engine.audit(more="[tables.t]\nkey = ['id']")
    assert_drift(evidence, ("changed", ("18446744073709551007",), ("v",)))


PARQUET = [
    # PostgreSQL's type; then each value as DuckDB and as PostgreSQL writes it
    ("smallint", ("1::TINYINT", "1"), ("2::TINYINT", "2")),
    ("int", ("-5", "-5"), ("5", "5")),
    ("bigint", ("9007199254740993::BIGINT", "9007199254740993"), ("9007199254740992", None)),
    ("numeric", ("18446744073709551615::UBIGINT", "18446744073709551615"), ("1::UBIGINT", None)),
    ("numeric", ("1.50::DECIMAL(10,4)", "1.5"), ("1.5001::DECIMAL(10,4)", None)),
    ("numeric", ("0.5::DECIMAL(3,3)", "0.500"), ("-0.5::DECIMAL(3,3)", None)),
    ("numeric", ("-0.00::DECIMAL(5,2)", "0"), ("100::DECIMAL(5,2)", "100")),
    ("numeric", ("100::DECIMAL(38,0)", "100"), ("10::DECIMAL(38,0)", "10")),
    ("numeric(38,12)", ("12345678901234567890123456.123456789012::DECIMAL(38,12)",
     "12345678901234567890123456.123456789012"),
     ("12345678901234567890123456.123456789013::DECIMAL(38,12)", None)),
    ("float8", ("0.3::DOUBLE", "0.3"), ("0.1::DOUBLE + 0.2::DOUBLE", "0.30000000000000004")),
    ("float8", ("'-0'::DOUBLE", "'-0'"), ("'0'::DOUBLE", "'0'")),
    ("float8", ("'nan'::DOUBLE", "'NaN'"), ("'inf'::DOUBLE", "'Infinity'")),
    ("float8", ("'-inf'::DOUBLE", "'-Infinity'"), ("1e300::DOUBLE", "1e300")),
    ("float8", ("5e-324::DOUBLE", "5e-324"), ("0::DOUBLE", "0")),
    ("float4", ("0.1::FLOAT", "0.1"), ("0.2::FLOAT", "0.2")),
    ("boolean", ("true", "true"), ("false", "false")),
    ("text", ("''", "''"), ("NULL::VARCHAR", "NULL")),
    ("text", ("'a'", "'a'"), ("'A'", "'A'")),
    ("text", ("'é'", "'é'"), ("'e\u0301'", "'e\u0301'")),
    ("text", ("'😀\n\"'", "'😀\n\"'"), ("'😁\n\"'", None)),
    ("text", ("'a'::ENUM('a', 'b')", "'a'"), ("'b'::ENUM('a', 'b')", "'b'")),
    ("bytea", (r"'\xFF\x00a'::BLOB", r"'\xff0061'"), ("''::BLOB", "''")),
    ("uuid", ("'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::UUID",
     "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"),
     ("'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A12'::UUID", None)),
    ("date", ("DATE '0044-03-15 (BC)'", "'0044-03-15 BC'"), ("DATE '0044-03-15'", "'0044-03-15'")),
    ("date", ("DATE '20000-01-01'", "'20000-01-01'"), ("DATE '-infinity'", "'-infinity'")),
    ("time", ("TIME '10:00:00.100'", "'10:00:00.1'"), ("TIME '10:00:00'", "'10:00'")),
    ("timestamp", ("TIMESTAMP '2024-01-02 03:04:05.500'", "'2024-01-02 03:04:05.5'"),
     ("TIMESTAMP '2024-01-02 03:04:05.500001'", None)),
    ("timestamp", ("TIMESTAMP_MS '2024-01-02 03:04:05.5'", "'2024-01-02 03:04:05.5'"),
     ("TIMESTAMP_MS '2024-01-02 03:04:05'", "'2024-01-02 03:04:05'")),
    ("timestamp", ("TIMESTAMP_S '2024-01-02 03:04:05'", "'2024-01-02 03:04:05'"),
     ("TIMESTAMP_S '2024-01-02 03:04:06'", "'2024-01-02 03:04:06'")),
    ("timestamp", ("TIMESTAMP_NS '2024-01-02 03:04:05.000001'", "'2024-01-02 03:04:05.000001'"),
     ("TIMESTAMP_NS '2024-01-02 03:04:05.000001001'", None)),
    ("timestamp", ("TIMESTAMP '0044-03-15 (BC) 01:00:00'", "'0044-03-15 01:00:00 BC'"),
     ("TIMESTAMP '0044-03-15 01:00:00'", "'0044-03-15 01:00:00'")),
    ("timestamp", ("TIMESTAMP 'infinity'", "'infinity'"),
     ("TIMESTAMP '-infinity'", "'-infinity'")),
    ("timestamptz", ("TIMESTAMPTZ '2024-01-02 03:04:05.5+02'", "'2024-01-02 01:04:05.5Z'"),
     ("TIMESTAMPTZ '2024-01-02 03:04:05.5+00'", "'2024-01-02 03:04:05.5Z'")),
    ("timestamptz", ("'infinity'::TIMESTAMPTZ", "'infinity'"),
     ("TIMESTAMPTZ '20000-01-01 00:00:00+00'", "'20000-01-01 00:00:00Z'")),
    ("bit(3)", ("'101'", "B'101'"), None),
]  # fmt: skip
TYPED = [case for case in PARQUET if case[2] is not None]
Pair = tuple[str, str | None]


@pytest.mark.parametrize(("declared", "one", "other"), TYPED)
def test_parquet_and_postgresql(
    declared: str, one: Pair, other: Pair, old: Files, modern_db: Database, tmp_path: Path
) -> None:
    """A value has one text in both, in either direction; another value is named exactly."""
    modern_db.run(f"CREATE TABLE t (id int PRIMARY KEY, x {declared})")
    modern_db.run(f"INSERT INTO t VALUES (1, {one[1]}), (2, NULL)")
    old.parquet(f"SELECT 1 AS id, {one[0]} AS x UNION ALL SELECT 2, NULL")
    assert_match(between(old, modern_db, tmp_path).audit(), rows=2)
    assert_match(between(modern_db, old, tmp_path).audit(), rows=2)
    old.parquet(f"SELECT 1 AS id, {other[0]} AS x UNION ALL SELECT 2, NULL")
    assert_drift(between(old, modern_db, tmp_path).audit(), ("changed", ("1",), ("x",)))
    assert_drift(between(modern_db, old, tmp_path).audit(), ("changed", ("1",), ("x",)))
    if other[1] is not None:
        modern_db.run(f"UPDATE t SET x = {other[1]} WHERE id = 1")
        assert_match(between(old, modern_db, tmp_path).audit(), rows=2)


@pytest.mark.parametrize(("declared", "one", "other"), TYPED)
def test_parquet_and_parquet(
    declared: str, one: Pair, other: Pair, old: Files, new: Files, tmp_path: Path
) -> None:
    """Two archives are told apart by one value of any type."""
    del declared
    for archive in (old, new):
        archive.parquet(f"SELECT 1 AS id, {one[0]} AS x UNION ALL SELECT 2, NULL")
    engine = between(old, new, tmp_path)
    assert_match(engine.audit(more=KEYED), rows=2)
    new.parquet(f"SELECT 1 AS id, {other[0]} AS x UNION ALL SELECT 2, NULL")
    assert_drift(engine.audit(more=KEYED), ("changed", ("1",), ("x",)))


NAIVE = [
    ("TIMESTAMP '2024-01-02 03:04:05.5'", "'2024-01-02 03:04:05.5Z'"),
    ("TIMESTAMP '0044-03-15 (BC) 01:00:00'", "'0044-03-15 01:00:00Z BC'"),
    ("TIMESTAMP '-infinity'", "'-infinity'"),
    ("TIMESTAMP 'infinity'", "'infinity'"),
]


@pytest.mark.parametrize(("naive", "zoned"), NAIVE)
def test_naive_times_meant_in_utc(
    naive: str, zoned: str, old: Files, modern_db: Database, tmp_path: Path
) -> None:
    """Under the rule that says so, naive times equal those with a zone; in UTC alone."""
    modern_db.run("CREATE TABLE t (id int PRIMARY KEY, x timestamptz)")
    modern_db.run(f"INSERT INTO t VALUES (1, {zoned})")
    old.parquet(f"SELECT 1 AS id, {naive} AS x")
    engine = between(old, modern_db, tmp_path)
    assert engine.audit(more='[rules]\nnaive_zone = "UTC"\n').status is Status.MATCH
    assert_not_proven(engine.audit(), "naive_zone")
    assert_not_proven(engine.audit(more='[rules]\nnaive_zone = "Europe/Rome"\n'), "no zone but UTC")


OWN_TYPES = [
    ("INTERVAL '1 month'", "INTERVAL '30 days'"),
    ("INTERVAL '1 day'", "INTERVAL '1 day 1 millisecond'"),
    ("'10:00:00+00'::TIMETZ", "'10:00:00.000001+00'::TIMETZ"),
    ("""'{"a": 1}'::JSON""", """'{"a":1}'::JSON"""),
    ("'null'::JSON", "NULL::JSON"),
]


@pytest.mark.parametrize(("one", "other"), OWN_TYPES)
def test_types_that_have_texts_in_archives_only(
    one: str, other: str, old: Files, new: Files, tmp_path: Path
) -> None:
    """Intervals, zoned times and documents are compared between archives as they are stored."""
    for archive in (old, new):
        archive.parquet(f"SELECT 1 AS id, {one} AS x")
    engine = between(old, new, tmp_path)
    assert_match(engine.audit(more=KEYED), rows=1)
    new.parquet(f"SELECT 1 AS id, {other} AS x")
    assert_drift(engine.audit(more=KEYED), ("changed", ("1",), ("x",)))


@pytest.mark.parametrize(
    "value",
    ["[1, 2]", "{'a': 1}", "MAP {'a': 1}", "'1'::VARIANT"],
)
def test_nested_types_are_not_proven(value: str, old: Files, new: Files, tmp_path: Path) -> None:
    """Lists, structs and the like have no text that is shown to be the value's own."""
    for archive in (old, new):
        archive.parquet(f"SELECT 1 AS id, {value} AS x")
    evidence = between(old, new, tmp_path).audit(more=KEYED)
    assert_not_proven(evidence, "'x'", "no one text")


def test_parquet_without_a_key_is_a_multiset(old: Files, new: Files, tmp_path: Path) -> None:
    """Files know no keys: rows count by all that they hold, and copies count."""
    old.parquet("SELECT * FROM (VALUES ('a'), ('a'), ('b')) v(x)")
    new.parquet("SELECT * FROM (VALUES ('b'), ('a'), ('a')) v(x)")
    assert_match(between(old, new, tmp_path).audit(), rows=3)
    new.parquet("SELECT * FROM (VALUES ('a'), ('b'), ('b')) v(x)")
    evidence = between(old, new, tmp_path).audit()
    assert_drift(evidence, ("duplicate", ("a",), ()), ("duplicate", ("b",), ()))


def test_a_key_that_is_none(old: Files, new: Files, tmp_path: Path) -> None:
    """Rows that share what the settings call a key are no match by themselves."""
    old.parquet("SELECT * FROM (VALUES (1, 'a'), (1, 'b')) v(id, x)")
    new.parquet("SELECT * FROM (VALUES (1, 'a'), (1, 'c')) v(id, x)")
    assert between(old, new, tmp_path).audit(more=KEYED).status is not Status.MATCH


def test_large_parquet_drift(old: Files, new: Files, tmp_path: Path) -> None:
    """One row of a hundred thousand is found."""
    rows = "SELECT range AS id, md5(range::VARCHAR) AS x, range / 7 AS f FROM range(100000)"
    old.parquet(rows)
    new.parquet(rows)
    engine = between(old, new, tmp_path)
    assert_match(engine.audit(more=KEYED), rows=100_000)
    new.parquet(
        f"SELECT * REPLACE (CASE WHEN id = 77777 THEN f + 1e-12 ELSE f END AS f) FROM ({rows})"
    )
    assert_drift(engine.audit(more=KEYED), ("changed", ("77777",), ("f",)))


def test_nanoseconds_and_wide_decimals_are_not_rounded(old: Files) -> None:
    """What DuckDB would read less exactly than it is stored is refused by the file's own type."""
    wide = _stored("x", "DOUBLE", "FIXED_LEN_BYTE_ARRAY DecimalType(scale=2, precision=60)")
    nanos = _stored("x", "TIMESTAMP WITH TIME ZONE", "INT64 TimestampType(NANOS=NanoSeconds())")
    kept = _stored("x", "TIMESTAMP_NS", "INT64 TimestampType(NANOS=NanoSeconds())")
    assert [facts.family for facts in (wide, nanos)] == [Family.UNKNOWN] * 2
    assert kept.family is Family.TIMESTAMP
    nested = [("root", 3, ""), ("a", 0, "A"), ("s", 2, "S"), ("p", 1, ""), ("q", 0, ""),
              ("r", 0, ""), ("z", 0, "Z")]  # fmt: skip
    assert list(_top_level(nested)) == [("a", "A"), ("s", "S"), ("z", "Z")]
    old.parquet("SELECT {'p': [1], 'q': 2} AS s, 1 AS z")
    (catalog,) = old.opened().databases[""].catalogs.values()
    assert [column.name for column in catalog.tables["t"].columns] == ["s", "z"]


# ---- CSV

CSV = [
    # PostgreSQL's type; a value there and in the file; the file with another one
    ("text", "'007'", "007", "7"),
    ("text", "''", '""', ""),
    ("text", "NULL", "", '""'),
    ("text", "'NULL'", "NULL", ""),
    ("text", r"'\N'", r"\N", ""),
    ("text", "'a\"b'", '"a""b"', '"a""""b"'),
    ("text", "'a;b'", "a;b", "a,b"),
    ("text", "'a,b'", '"a,b"', '"a, b"'),
    ("text", "E'a\\nb'", '"a\nb"', '"a\r\nb"'),
    ("text", "E'a\\r\\nb'", '"a\r\nb"', '"a\nb"'),
    ("text", "' a '", " a ", "a"),
    ("text", "'#a'", "#a", "a"),
    ("text", "'😀'", "😀", "?"),
    ("varchar(9)", "'1e5'", "1e5", "100000"),
    ("char(3)", "'a'", '"a  "', "a"),
    ("int", "7", "007", "8"),
    ("bigint", "9007199254740993", "9007199254740993", "9007199254740992"),
    ("numeric", "1.5", "+01.500", "1.501"),
    ("numeric", "0", "-0.0", "0.1"),
    ("float8", "1.5", "15e-1", "1.5000000000000002"),
    ("float8", "'NaN'", "nan", "İnf"),
    ("float8", "'Infinity'", "inf", "İnf"),
    ("boolean", "true", "t", "f"),
    ("boolean", "false", "no", "nope"),
    ("date", "'2024-01-02'", "2024-01-02", "02.01.2024"),
    ("time", "'10:00'", "10:00:00.000", "10:00:00.001"),
    ("timestamp", "'2024-01-02 03:04:05'", "2024-01-02T03:04:05.000", "2024-01-02T03:04:06"),
    ("timestamptz", "'2024-01-02 03:04:05Z'", "2024-01-02T03:04:05Z", "2024-01-02T03:04:05"),
    ("uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "A0EEBC999C0B4EF8BB6D6BB9BD380A11",
     "A0EEBC999C0B4EF8BB6D6BB9BD380A12"),
    ("bytea", r"'\xff'", r"\xFF", r"\xFE"),
]  # fmt: skip


@pytest.mark.parametrize(("declared", "value", "written", "other"), CSV)
def test_csv_and_postgresql(
    declared: str,
    value: str,
    written: str,
    other: str,
    old: Files,
    modern_db: Database,
    tmp_path: Path,
) -> None:
    """A text is read as the other side's type; no type is guessed, and NULL is not ''."""
    modern_db.run(f"CREATE TABLE t (id int PRIMARY KEY, x {declared})")
    modern_db.run(f"INSERT INTO t VALUES (1, {value}), (2, NULL)")
    old.csv(f"id,x\n1,{written}\n2,\n")
    assert_match(between(old, modern_db, tmp_path).audit(), rows=2)
    assert_match(between(modern_db, old, tmp_path).audit(), rows=2)
    old.csv(f"id,x\n1,{_quoted_if_divided(other)}\n2,\n")
    assert_drift(between(old, modern_db, tmp_path).audit(), ("changed", ("1",), ("x",)))
    assert_drift(between(modern_db, old, tmp_path).audit(), ("changed", ("1",), ("x",)))


def _quoted_if_divided(value: str) -> str:
    return f'"{value}"' if "," in value and not value.startswith('"') else value


@pytest.mark.parametrize(
    ("value", "same", "other"),
    [
        ("1.50::DECIMAL(5,2)", "1.5", "1.51"),
        ("1.5::DOUBLE", "1.50", "1.51"),
        ("true", "1", "0"),
        (r"'\xff'::BLOB", r"\xFF", r"\xFE"),
        ("TIMESTAMP '2024-01-02 03:04:05'", "2024-01-02T03:04:05", "2024-01-02T03:04:06"),
        ("''", '""', ""),
    ],
)
def test_csv_and_parquet(
    value: str, same: str, other: str, old: Files, new: Files, tmp_path: Path
) -> None:
    """The two formats of one engine have one text for one value, too."""
    old.parquet(f"SELECT 1 AS id, {value} AS x")
    new.csv(f"id,x\n1,{same}\n")
    assert_match(between(old, new, tmp_path).audit(more=KEYED), rows=1)
    assert_match(between(new, old, tmp_path).audit(more=KEYED), rows=1)
    new.csv(f"id,x\n1,{other}\n")
    assert_drift(between(old, new, tmp_path).audit(more=KEYED), ("changed", ("1",), ("x",)))


def test_csv_and_csv(old: Files, new: Files, tmp_path: Path) -> None:
    """Between two CSV files a text is a text: '1.0' is not '1', and order does not count."""
    old.csv('id,x,y\n1,1.0,""\n2,,b\n')
    new.csv('\ufeffid,x,y\r\n2,"",b\r\n1,"1",\r\n')
    evidence = between(old, new, tmp_path).audit(more=KEYED)
    assert_drift(evidence, ("changed", ("1",), ("x", "y")), ("changed", ("2",), ("x",)))
    new.csv('\ufeffid,y,x\r\n2,"b",\r\n1,"","1.0"', "t.csv")
    assert_match(between(old, new, tmp_path).audit(more=KEYED), rows=2)


MALFORMED = [
    (b"a,b\n1\n", "line 2"),
    (b"a,b\n1,2,3\n", "line 2"),
    (b"a,b\n1,2,\n", "line 2"),
    (b"a,b\n1,2\n\n3,4\n", "line 3"),
    (b"a,b\n1,2\n\n", "line 3"),
    (b'a,b\n1,"2\n', "line 2"),
    (b'a,b\n1,"2"x\n', "line 2"),
    (b'a,b\n1,x"2\n', "line 2"),
    (b'a,b\n1, "2"\n', "line 2"),
    (b"a,b\r\n1,2\n", "line 2"),
    (b"a,b\n1,2\r\n", "line 2"),
    (b"a,b\n1,2\r3,4\n", "line 2"),
    (b"a,b\n1,\xff\n", "UTF-8"),
    (b"\xff\xfea\x00\n", "UTF-8"),
    (b"a,\n1,2\n", "column 2 no name"),
    (b"a,b,\n1,2,\n", "column 3 no name"),
    (b"a,A\n1,2\n", "'a' twice"),
    (b"", "column names"),
    (b"\n1\n", "column names"),
]


@pytest.mark.parametrize(("data", "words"), MALFORMED)
def test_malformed_csv_is_not_proven(
    data: bytes, words: str, old: Files, new: Files, tmp_path: Path
) -> None:
    """What DuckDB skips, pads, trims or guesses is an error that says where; others go on."""
    for archive in (old, new):
        archive.csv(data)
        archive.csv("id\n1\n", "u.csv")
    with between(old, new, tmp_path).opened() as run:
        assert_not_proven(run.audit("global", "t"), "t.csv", words)
        assert_match(run.audit("global", "u"), rows=1)


@pytest.mark.parametrize("data", ["id,x\n", "id,x", "\ufeffid,x\r\n"])
def test_header_alone_is_an_empty_table(
    data: str, old: Files, modern_db: Database, tmp_path: Path
) -> None:
    """No rows are no error, and no rows are no match unless they are declared."""
    modern_db.run("CREATE TABLE t (id int PRIMARY KEY, x text)")
    old.csv(data)
    engine = between(old, modern_db, tmp_path)
    assert_not_proven(engine.audit(), "no rows")
    modern_db.run("INSERT INTO t VALUES (1, 'a')")
    assert_drift(engine.audit(), ("extra", ("1",), ()))


def test_one_column(old: Files, new: Files, tmp_path: Path) -> None:
    """In a file of one column an empty line is a NULL."""
    old.csv('x\na\n\n""\n')
    new.parquet("SELECT * FROM (VALUES (NULL), ('a'), ('')) v(x)")
    assert_match(between(old, new, tmp_path).audit(), rows=3)


def test_null_by_a_word_of_its_own(old: Files, new: Files, tmp_path: Path) -> None:
    """With ?null= that word is NULL where it is not quoted, and an empty value is ''."""
    old.csv('id,x\n1,\\N\n2,"\\N"\n3,\n')
    new.csv('id,x\n1,\n2,\\N\n3,""\n')
    named = replace(old, query=r"?null=%5CN")
    assert_match(between(named, new, tmp_path).audit(more=KEYED), rows=3)
    unknown = between(replace(old, query="?nul=x"), new, tmp_path)
    assert_not_proven(unknown.audit(more=KEYED), "Did you mean 'null'?")


def test_odd_names(old: Files, new: Files, tmp_path: Path) -> None:
    """Names of columns and tables may hold what SQL and drivers read as their own."""
    name = "50%:x $1 ''?.select"
    for archive in (old, new):
        archive.csv(f'id,"{name}","a""b","x\ny"\n1,p,q,r\n', "o'k 5%.x.csv")
    engine = between(old, new, tmp_path)
    assert_match(engine.audit(table="o'k 5%.x"), rows=1)
    new.csv(f'id,"{name}","a""b","x\ny"\n1,P,q,R\n', "o'k 5%.x.csv")
    changed = engine.audit(table="o'k 5%.x", more="[tables.\"o'k 5%.x\"]\nkey = ['id']\n")
    assert_drift(changed, ("changed", ("1",), (name, "x\ny")))


def test_large_csv(old: Files, new: Files, tmp_path: Path) -> None:
    """Long values, and more of them than one read brings, are all there."""
    part = "é,\n"
    rows = [f'{n},"{part * (n % 40)}",{n * 7}' for n in range(60_000)]
    rows.append(f"60000,{'x' * 3_000_000},1")
    old.csv("id,x,y\n" + "\n".join(rows))
    new.csv("id,x,y\r\n" + "\r\n".join(rows) + "\r\n", "t.csv.gz")
    engine = between(old, new, tmp_path)
    assert_match(engine.audit(more=KEYED), rows=60_001)
    rows[30_000] = rows[30_000].replace("é", "è", 1) if "é" in rows[30_000] else "30000,e,1"
    new.csv("id,x,y\n" + "\n".join(rows), "t.csv.gz")
    assert engine.audit(more=KEYED).drift.changed == 1


# ---- the folder


def test_several_files_are_one_table(old: Files, new: Files, tmp_path: Path) -> None:
    """A sub-folder's files are one table, in either format."""
    old.parquet("SELECT 1 AS id, 'a' AS x", "t/1.parquet")
    old.parquet("SELECT 2 AS id, 'b' AS x", "t/2.parquet")
    new.csv("id,x\n2,b\n", "t/a.csv")
    new.csv("id,x\r\n1,a\r\n", "t/b.csv.gz")
    assert_match(between(old, new, tmp_path).audit(more=KEYED), rows=2)


REFUSED: list[tuple[Callable[[Files], None], str]] = [
    (lambda a: a.csv("id,y\n1,a\n", "t/2.csv"), "other columns"),
    (lambda a: a.csv("x,id\na,1\n", "t/2.csv"), "other columns"),
    (lambda a: a.parquet("SELECT 1 AS id, 'a' AS x", "t/2.parquet"), "partly"),
    (lambda a: a.csv("id,x\n2,b\n", "t.csv"), "one of several"),
    (lambda a: a.csv("id,x\n2,b\n", "T.csv"), "one of several"),
    (lambda a: a.csv("id,x\n2,b\n", "t/notes.txt"), "notes.txt"),
    (lambda a: a.csv("id\n2\n", "t/y=1/2.csv"), "partitioned"),
    (lambda a: a.csv("id,x\n2,b\n", "t/2[1].csv"), "pattern"),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "words"), REFUSED, ids=map(str, range(len(REFUSED))))
def test_a_table_that_could_be_read_in_several_ways(
    spoil: Callable[[Files], None], words: str, old: Files, new: Files, tmp_path: Path
) -> None:
    """Nothing is chosen: the table is not proven, with the reason."""
    for archive in (old, new):
        archive.csv("id,x\n1,a\n", "t/1.csv")
    engine = between(old, new, tmp_path)
    assert_match(engine.audit(more=KEYED), rows=1)
    spoil(old)
    assert_not_proven(engine.audit(more=KEYED), words)


def test_parquet_files_of_other_types(old: Files, new: Files, tmp_path: Path) -> None:
    """DuckDB would cast the second file's values to the first one's type."""
    old.parquet("SELECT 1 AS id", "t/1.parquet")
    old.parquet("SELECT 1.5 AS id", "t/2.parquet")
    new.parquet("SELECT 1 AS id")
    assert_not_proven(between(old, new, tmp_path).audit(), "other columns", "2.parquet")


def test_broken_parquet(old: Files, new: Files, tmp_path: Path) -> None:
    """A file that is no Parquet file is not proven, in a sentence."""
    for archive in (old, new):
        archive.csv("no parquet", "t.parquet")
        archive.csv("id\n1\n", "u.csv.gz")
        packed = archive.folder / "u.csv.gz"
        packed.write_bytes(packed.read_bytes()[:-5])
    assert_not_proven(between(old, new, tmp_path).audit(), "'t' cannot be read")
    assert_not_proven(between(old, new, tmp_path).audit("u"), "u.csv.gz cannot be read")


def test_files_that_were_not_read_are_told(old: Files) -> None:
    """A file of another format could be a table; a README could not."""
    old.csv("id\n1\n")
    for name in ("README.md", "._t.csv", ".t.csv.crc", "_SUCCESS"):
        (old.folder / name).write_text("x")
    old.csv("id\n1\n", "README.csv")
    (catalog,) = old.opened().databases[""].catalogs.values()
    assert (catalog.hidden, sorted(catalog.tables)) == ("", ["README", "t"])
    (old.folder / "u.tsv").write_text("id\n1\n")
    (catalog,) = old.opened().databases[""].catalogs.values()
    assert "u.tsv" in catalog.hidden


def test_no_folder_and_no_files(old: Files, new: Files, tmp_path: Path) -> None:
    """A folder that is not there or holds nothing is not proven, in a clear sentence."""
    new.csv("id\n1\n")
    assert_not_proven(between(old, new, tmp_path).audit(), "holds no .parquet or .csv file")
    gone = between(Files(tmp_path / "nowhere"), new, tmp_path)
    assert_not_proven(gone.audit(), "does not exist", "nowhere")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_unreadable_file(old: Files, new: Files, tmp_path: Path) -> None:
    """A file without the right to read it is not proven."""
    for archive in (old, new):
        archive.csv("id\n1\n")
    (old.folder / "t.csv").chmod(0)
    assert_not_proven(between(old, new, tmp_path).audit(), "t.csv")


def test_one_folder_twice(old: Files, tmp_path: Path) -> None:
    """A folder compared with itself, by a link as well, proves nothing."""
    old.csv("id\n1\n")
    (tmp_path / "link").symlink_to(old.folder)
    evidence = between(old, Files(tmp_path / "link"), tmp_path).audit()
    assert_not_proven(evidence, "same database")


# ---- tenants


def test_tenants_of_an_archive(old: Files, modern_db: Database, tmp_path: Path) -> None:
    """A tenant's rows are found by exact value, and through other tables."""
    old.csv("id,owner\n1,007\n2,7\n3,A\n4,a\n", "t.csv")
    modern_db.run("CREATE TABLE t (id int PRIMARY KEY, owner text)")
    modern_db.run("INSERT INTO t VALUES (1, '007'), (2, '7'), (3, 'A'), (4, 'a')")
    tenancy = 'tenancy = {column = "owner"}'
    tenants = "".join(f'[tenants.{n}]\nlegacy_accounts = ["{v}"]\nmodern_id = "{v}"\n'
                      for n, v in {"p": "007", "q": "7", "r": "A"}.items())  # fmt: skip
    engine = between(old, modern_db, tmp_path)
    with engine.opened(tenants, legacy=tenancy, modern=tenancy) as run:
        for tenant in ("p", "q", "r"):
            assert_match(run.audit(tenant, "t"), rows=1)
    old.csv("owner,who\nA,1\n", "o.csv")
    old.parquet("SELECT 1 AS o, 3 AS id", "l.parquet")
    path = 'tenancy = {path = "id -> l.id -> o -> o.who -> owner"}'
    old.csv("id,owner\n3,A\n", "t.csv")
    with engine.opened(tenants, legacy=path, modern=tenancy) as run:
        assert_match(run.audit("r", "t"), rows=1)


# ---- soundness of the session


def test_digest_is_trusted(old: Files) -> None:
    """The archive gives the known answers to the known questions."""
    old.csv("id\n1\n")
    state = old.opened().databases[""]
    assert state.digests == tuple(Portable)
    assert (state.server.product, state.server.database) == ("DuckDB archive", str(old.folder))


def test_a_file_that_changes_during_the_run(old: Files, new: Files, tmp_path: Path) -> None:
    """Rows of two states are never compared as one: not between checks ..."""
    for archive in (old, new):
        archive.csv("id,x\n1,a\n")
        archive.csv("id,x\n1,a\n", "u.csv")
    before = (new.folder / "u.csv").stat()
    with between(old, new, tmp_path).opened() as run:
        assert_match(run.audit("global", "t"), rows=1)
        new.csv("id,x\n1,b\n", "u.csv")  # the same size, and below the same time
        os.utime(new.folder / "u.csv", ns=(before.st_atime_ns, before.st_mtime_ns))
        assert_not_proven(run.audit("global", "u"), "u.csv", "changed during the run")
        assert_not_proven(run.audit("global", "t"), "changed during the run")


def test_a_file_that_changes_during_a_check(
    old: Files, new: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """... nor while a check reads them."""
    for archive in (old, new):
        archive.csv("id,x\n1,a\n")
    own = Source.sketch

    def digest_late(source: Source, grid: Grid) -> Sketch:
        own(source, grid)
        new.csv("id,x\n1,b\n")
        return own(source, grid)

    monkeypatch.setattr(Source, "sketch", digest_late)
    evidence = between(old, new, tmp_path).audit(more=KEYED)
    assert_not_proven(evidence, "changed during the run")


def test_a_file_that_is_new_or_gone(old: Files, new: Files, tmp_path: Path) -> None:
    """The list of files is part of the snapshot."""
    for archive in (old, new):
        archive.csv("id,x\n1,a\n")
        archive.csv("id,x\n1,a\n", "u.csv")
    with between(old, new, tmp_path).opened() as run:
        assert_match(run.audit("global", "t"), rows=1)
        new.csv("id\n1\n", "v.csv")
        assert_not_proven(run.audit("global", "t"), "changed during the run")
        (new.folder / "v.csv").unlink()
        (new.folder / "u.csv").unlink()
        assert_not_proven(run.audit("global", "t"), "changed during the run")


WRITING = [
    "1; COPY (SELECT 1) TO '{folder}/x.csv'",
    "1; COPY (SELECT 1) TO '{folder}/t.csv' (USE_TMP_FILE false)",
    "1; ATTACH '{folder}/x.db'",
    "1; CREATE TABLE x (a int)",
    "1; SET threads = 2",
    "1; COMMIT",
    "(SELECT count(*) FROM read_text('/etc/passwd'))",
    "(SELECT count(*) FROM glob('/*'))",
    "(SELECT count(*) FROM read_csv('https://example.org/x.csv'))",
    "(SELECT count(*) FROM frame)",
]


@pytest.mark.parametrize("sql", WRITING)
def test_hand_written_sql_reads_only(sql: str, old: Files) -> None:
    """SQL of the settings can write no file, and read none but the archive's."""
    frame = [1]
    del frame
    old.csv("id\n1\n")
    with pytest.raises((DBAPIError, NotProven)):
        old.ask(sql.format(folder=old.folder))
    assert [path.name for path in old.folder.iterdir()] == ["t.csv"]
    assert (old.folder / "t.csv").read_bytes() == b"id\n1\n"


def test_sql_of_the_settings(old: Files, new: Files, tmp_path: Path) -> None:
    """An expression has a type of its own, and what tries to write is not proven."""
    old.csv("id,x\n1,a\n")
    new.parquet("SELECT 1 AS id, 'A' AS x")
    columns = KEYED + "[tables.t.columns]\n"
    engine = between(old, new, tmp_path)
    sql = 'x = {legacy_sql = "upper(x)"}'
    assert_match(engine.audit(more=f"{columns}{sql}\n"), rows=1)
    sql = """id = {legacy_sql = "id::DECIMAL(4,2)", modern_sql = "id"}"""
    assert_drift(engine.audit(more=f"{columns}{sql}\n"), ("changed", ("1",), ("x",)))
    sql = """x = {legacy_sql = "1); COPY (SELECT 1) TO 'x.csv'; SELECT (1"}"""
    assert_not_proven(engine.audit(more=f"{columns}{sql}\n"), "one SELECT")


def test_statement_timeout(old: Files, new: Files, tmp_path: Path) -> None:
    """What takes too long is stopped, and the message says what to raise."""
    for archive in (old, new):
        archive.csv("id\n1\n")
    slow = "(SELECT max(md5(a.range::VARCHAR || b.range)) FROM range(100000) a, range(100000) b)"
    more = f'{KEYED}[tables.t.columns]\nx = {{legacy_sql = "{slow}", modern_sql = "\'1\'"}}\n'
    lines = 'tenancy = "global"\nstatement_timeout = 0.3'
    started = time.monotonic()
    evidence = between(old, new, tmp_path).audit(more=more, legacy=lines)
    assert_not_proven(evidence, "longer than 0.3 s", "raise statement_timeout")
    assert time.monotonic() - started < 20


CANARIES = [
    "1", "-5", "0::UBIGINT", "99.99::DECIMAL(4,2)", "0::DECIMAL(38,38)", "1.5::DOUBLE",
    "'nan'::DOUBLE", "'inf'::FLOAT", "0::DOUBLE", "1e308::DOUBLE", "true", "'a'", "''::BLOB",
    r"'\x00'::BLOB", "uuid()", "DATE '2024-01-01'", "DATE 'infinity'", "DATE '1970-01-01'",
    "TIME '00:00:00'", "TIME '10:00:00'", "'10:00:00+00'::TIMETZ", "TIMESTAMP '-infinity'",
    "TIMESTAMP '2024-01-01 00:00:00.5'", "TIMESTAMP '0044-01-01 (BC) 00:00:00'",
    "TIMESTAMP_NS '2024-01-01 00:00:00.123456789'", "'infinity'::TIMESTAMPTZ",
    "TIMESTAMPTZ '2024-01-01 00:00:00+00'", "INTERVAL '1 month'", "'{}'::JSON",
]  # fmt: skip


def test_canaries_are_other_values(old: Files) -> None:
    """The least change gives another text in each type; NULL stays NULL; neutral is no NULL."""
    old.csv("id\n1\n")
    dialect = dialect_for("archive")
    settings = StackSettings.model_validate({"url": old.url, "tenancy": "global"})
    engine = dialect.create_engine(make_url(old.url), Session("tests", settings))
    rules = ColumnRules()
    with engine.connect() as connection:
        for sql in CANARIES:
            facts: ColumnFacts = dialect.expression_facts(
                connection, table("t"), literal_column(sql)
            )
            null: ColumnElement[Any] = literal_column(f"NULL::{facts.declared}")
            assert facts.family is not Family.UNKNOWN, sql
            changed = dialect.least_change(literal_column(sql), facts)
            unchanged = dialect.least_change(null, facts)
            neutral = dialect.neutral(facts)
            assert changed is not None, sql
            assert unchanged is not None, sql
            texts = [dialect.text(each, facts, rules)
                     for each in (literal_column(sql), changed, unchanged)]  # fmt: skip
            own, other, nothing = tuple(connection.execute(select(*texts)).one())
            assert (own != other, nothing) == (True, None), (sql, own, other, nothing)
            if neutral is not None:
                text = connection.scalar(select(dialect.text(neutral, facts, rules)))
                assert text is not None, sql
    engine.dispose()


def test_reasons_are_evidence(old: Files, new: Files, tmp_path: Path) -> None:
    """A table that is on one side only is said to be missing, by name."""
    old.csv("id\n1\n")
    new.csv("id\n1\n", "tt.csv")
    evidence = between(old, new, tmp_path).audit()
    assert_not_proven(evidence, "no table main.t", "'tt'")


def test_cancel_stops_a_query(old: Files) -> None:
    """What another thread waits for is stopped at once."""
    old.csv("id\n1\n")
    dialect = dialect_for("archive")
    settings = StackSettings.model_validate({"url": old.url, "tenancy": "global"})
    engine = dialect.create_engine(make_url(old.url), Session("tests", settings))
    slow = "(SELECT max(md5(a.range::VARCHAR || b.range)) FROM range(100000) a, range(100000) b)"
    with engine.connect() as connection:
        timer = threading.Timer(0.2, dialect.cancel, [connection])
        timer.start()
        with pytest.raises(DBAPIError, match=r"[Ii]nterrupt"):
            connection.execute(select(literal_column(slow)))
        timer.join()
    engine.dispose()
