"""Archives in Parquet: each value of each type has one text, the same as in a database."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from pytest_tenantparity.model import Evidence, Outcome
from pytest_tenantparity.stacks.catalog import Family
from pytest_tenantparity.stacks.dialects.archive.reader import _stored, _top_level

from ..support.archives import CHANGED, keyed
from ..support.each_value import check_each
from ..support.expectations import assert_drift, assert_match, assert_not_proven
from ..support.files import Files, engine_over
from ..support.postgresql import Database

pytest_plugins = ["tests.support.archives"]

KEYED = keyed("t")


def test_keys_of_more_than_64_bits_are_told_apart(old: Files, new: Files, tmp_path: Path) -> None:
    """Whole numbers beyond 64 signed bits are keys like any other."""
    rows = "SELECT (18446744073709551000 + g)::UBIGINT AS id, {} AS v FROM range(200) r(g)"
    old.parquet(rows.format("g"))
    new.parquet(rows.format("g"))
    engine = engine_over(old, new, tmp_path)
    assert_match(engine.audit(more="[tables.t]\nkey = ['id']"), 200)
    new.parquet(rows.format("CASE WHEN g = 7 THEN 8 ELSE g END"))
    evidence = engine.audit(more="[tables.t]\nkey = ['id']")
    assert_drift(evidence, ("changed", ("18446744073709551007",), ("v",)))


PARQUET = [
    # PostgreSQL's type; then each value in DuckDB's and in PostgreSQL's notation
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
]  # fmt: skip
ROWS = "SELECT 1 AS id, {} AS x UNION ALL SELECT 2, NULL UNION ALL SELECT 3, {}"
ONES = {f"t{n}.parquet": ROWS.format(one, one) for n, (_, (one, _), _) in enumerate(PARQUET)}
OTHERS = {
    f"t{n}.parquet": ROWS.format(other, one) for n, (_, (one, _), (other, _)) in enumerate(PARQUET)
}
LABELS = {f"t{n}": f"{declared} {one} {other}" for n, (declared, one, other) in enumerate(PARQUET)}
match_3 = partial(assert_match, rows=3)


def is_changed(evidence: Evidence) -> None:
    """Require that x of the row with id 1 has another value, and nothing else."""
    assert_drift(evidence, CHANGED)


@pytest.mark.slow
def test_parquet_and_postgresql(old: Files, modern_db: Database, tmp_path: Path) -> None:
    """A value has one text in both, in either direction, and another value is named exactly.

    Beside the row with another value, a row with the same value is not named.
    """
    for n, (declared, (_, own), _) in enumerate(PARQUET):
        modern_db.run(f"CREATE TABLE t{n} (id int PRIMARY KEY, x {declared})")
        modern_db.run(f"INSERT INTO t{n} VALUES (1, {own}), (2, NULL), (3, {own})")
    there, back = engine_over(old, modern_db, tmp_path), engine_over(modern_db, old, tmp_path)
    old.parquets(ONES)
    check_each(there, LABELS, match_3)
    old.parquets(OTHERS)
    check_each(there, LABELS, is_changed)
    check_each(back, LABELS, is_changed)
    others = {f"t{n}": own for n, (_, _, (_, own)) in enumerate(PARQUET) if own is not None}
    for table, own in others.items():
        modern_db.run(f"UPDATE {table} SET x = {own} WHERE id = 1")
    check_each(there, {table: LABELS[table] for table in others}, match_3)


@pytest.mark.slow
def test_parquet_and_parquet(old: Files, new: Files, tmp_path: Path) -> None:
    """One different value of any type is found between two archives."""
    engine = engine_over(old, new, tmp_path)
    old.parquets(ONES)
    new.parquets(ONES)
    check_each(engine, LABELS, match_3, keyed(*LABELS))
    new.parquets(OTHERS)
    check_each(engine, LABELS, is_changed, keyed(*LABELS))


NAIVE = [
    ("TIMESTAMP '2024-01-02 03:04:05.5'", "'2024-01-02 03:04:05.5Z'"),
    ("TIMESTAMP '0044-03-15 (BC) 01:00:00'", "'0044-03-15 01:00:00Z BC'"),
    ("TIMESTAMP '-infinity'", "'-infinity'"),
    ("TIMESTAMP 'infinity'", "'infinity'"),
]


def test_naive_times_of_a_zone(old: Files, modern_db: Database, tmp_path: Path) -> None:
    """Naive times equal times with a zone only under the rule naive_zone, and in the zone meant."""
    for n, (_, zoned) in enumerate(NAIVE):
        modern_db.run(f"CREATE TABLE t{n} (id int PRIMARY KEY, x timestamptz)")
        modern_db.run(f"INSERT INTO t{n} VALUES (1, {zoned})")
    old.parquets({f"t{n}.parquet": f"SELECT 1 AS id, {v} AS x" for n, (v, _) in enumerate(NAIVE)})
    tables = {f"t{n}": naive for n, (naive, _) in enumerate(NAIVE)}
    engine = engine_over(old, modern_db, tmp_path)

    def not_proven(*words: str) -> Callable[[Evidence], None]:
        return lambda evidence: assert_not_proven(evidence, *words)

    check_each(engine, tables, partial(assert_match, rows=1), '[rules]\nnaive_zone = "UTC"\n')
    check_each(engine, tables, not_proven("naive_zone"))
    rome = '[rules]\nnaive_zone = "Europe/Rome"\n'
    finite = {table: tables[table] for table in ("t0", "t1")}
    check_each(engine, finite, is_changed, rome)
    infinite = {table: tables[table] for table in ("t2", "t3")}
    check_each(engine, infinite, partial(assert_match, rows=1), rome)


OWN_TYPES = [
    ("INTERVAL '1 month'", "INTERVAL '30 days'"),
    ("INTERVAL '1 day'", "INTERVAL '1 day 1 millisecond'"),
    ("'10:00:00+00'::TIMETZ", "'10:00:00.000001+00'::TIMETZ"),
    ("""'{"a": 1}'::JSON""", """'{"a":1}'::JSON"""),
    ("'null'::JSON", "NULL::JSON"),
]


def test_types_that_have_texts_in_archives_only(old: Files, new: Files, tmp_path: Path) -> None:
    """Intervals, zoned times and documents are compared between archives as they are stored."""
    tables = {f"t{n}": f"{one} {other}" for n, (one, other) in enumerate(OWN_TYPES)}
    row = "SELECT 1 AS id, {} AS x"
    ones = {f"t{n}.parquet": row.format(one) for n, (one, _) in enumerate(OWN_TYPES)}
    old.parquets(ones)
    new.parquets(ones)
    engine = engine_over(old, new, tmp_path)
    check_each(engine, tables, partial(assert_match, rows=1), keyed(*tables))
    new.parquets({f"t{n}.parquet": row.format(other) for n, (_, other) in enumerate(OWN_TYPES)})
    check_each(engine, tables, is_changed, keyed(*tables))


NESTED = ("[1, 2]", "{'a': 1}", "MAP {'a': 1}", "'1'::VARIANT")


def test_nested_types_are_not_proven(old: Files, new: Files, tmp_path: Path) -> None:
    """Lists, structs and other nested types are NOT PROVEN, since they have no proven text."""
    values = {f"t{n}.parquet": f"SELECT 1 AS id, {v} AS x" for n, v in enumerate(NESTED)}
    old.parquets(values)
    new.parquets(values)

    def is_refused(evidence: Evidence) -> None:
        assert_not_proven(evidence, "'x'", "no one text")

    tables = {f"t{n}": value for n, value in enumerate(NESTED)}
    check_each(engine_over(old, new, tmp_path), tables, is_refused, keyed(*tables))


def test_parquet_without_a_key_is_a_multiset(old: Files, new: Files, tmp_path: Path) -> None:
    """Files have no keys: rows are compared by all their values, and copies are counted."""
    old.parquet("SELECT * FROM (VALUES ('a'), ('a'), ('b')) v(x)")
    new.parquet("SELECT * FROM (VALUES ('b'), ('a'), ('a')) v(x)")
    assert_match(engine_over(old, new, tmp_path).audit(), rows=3)
    new.parquet("SELECT * FROM (VALUES ('a'), ('b'), ('b')) v(x)")
    evidence = engine_over(old, new, tmp_path).audit()
    assert_drift(evidence, ("duplicate", ("a",), ()), ("duplicate", ("b",), ()))


def test_a_key_that_is_none(old: Files, new: Files, tmp_path: Path) -> None:
    """Rows that share the key of the settings do not match by that alone."""
    old.parquet("SELECT * FROM (VALUES (1, 'a'), (1, 'b')) v(id, x)")
    new.parquet("SELECT * FROM (VALUES (1, 'a'), (1, 'c')) v(id, x)")
    assert engine_over(old, new, tmp_path).audit(more=KEYED).outcome is not Outcome.PROVEN


@pytest.mark.slow
def test_large_parquet_drift(old: Files, new: Files, tmp_path: Path) -> None:
    """One changed row among a hundred thousand is found."""
    rows = "SELECT range AS id, md5(range::VARCHAR) AS x, range / 7 AS f FROM range(100000)"
    old.parquet(rows)
    new.parquet(rows)
    engine = engine_over(old, new, tmp_path)
    assert_match(engine.audit(more=KEYED), rows=100_000)
    new.parquet(
        f"SELECT * REPLACE (CASE WHEN id = 77777 THEN f + 1e-12 ELSE f END AS f) FROM ({rows})"
    )
    assert_drift(engine.audit(more=KEYED), ("changed", ("77777",), ("f",)))


def test_nanoseconds_and_wide_decimals_are_not_rounded(old: Files) -> None:
    """Values that DuckDB would round are refused, by the type in the file's own schema."""
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
