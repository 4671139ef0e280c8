"""Values of SQLite and PostgreSQL: equal values match, and values of another type are shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_tenantparity.model import Outcome

from ..support.changed_tables import checks
from ..support.engine_driver import Engine
from ..support.expectations import assert_drift, assert_match, assert_not_proven
from ..support.files import File, engine_over
from ..support.postgresql import Database

BROKEN = "CAST(x'61FF' AS TEXT)"


@pytest.fixture
def file(tmp_path: Path) -> File:
    """A SQLite file."""
    return File(tmp_path / "t.db")


@pytest.fixture
def beside(file: File, modern_db: Database, tmp_path: Path) -> Engine:
    """Return an engine from a SQLite file to PostgreSQL."""
    return engine_over(file, modern_db, tmp_path)


# ---- values of one type

ALIKE = [
    ("integer", "INTEGER", "bigint", "-9007199254740993", "5"),
    ("decimal", "DECIMAL(18,4)", "numeric(18,4)", "1.50", "1.51"),
    ("decimal of an integer", "DECIMAL(18,4)", "numeric(18,4)", "1500.0", "1500.01"),
    ("small decimal", "NUMERIC", "numeric", "0.0000001", "0.0000002"),
    ("large decimal", "NUMERIC", "numeric", "1e22", "1e23"),
    ("integer as a decimal", "NUMERIC", "integer", "12", "13"),
    ("float", "DOUBLE", "double precision", "0.1", "0.30000000000000004"),
    ("large float", "REAL", "double precision", "1.7976931348623157e308", "1e300"),
    ("small float", "FLOAT", "double precision", "5e-324", "1e-323"),
    ("boolean", "BOOLEAN", "boolean", "TRUE", "FALSE"),
    ("text", "NVARCHAR(9)", "varchar(9)", "'é😀 '''", "'é😀 ''x'"),
    ("text and char", "CHAR(3)", "char(3)", "'abc'", "'abd'"),
    ("bytes", "BLOB", "bytea", "x'00ff'|'\\x00ff'", "x'00fe'|'\\x00fe'"),
    ("no bytes", "BLOB", "bytea", "x''|''", "x'00'|'\\x00'"),
    ("date", "DATE", "date", "'2024-02-29'", "'2024-03-01'"),
    ("time", "TIME", "time", "'10:00:00.50'", "'10:00:00.500001'"),
    ("time to the minute", "TIME", "time", "'10:00'", "'10:01'"),
    ("timestamp", "DATETIME", "timestamp", "'2024-01-02 03:04:05'", "'2024-01-02 03:04:06'"),
    ("timestamp with zeros", "DATETIME", "timestamp", "'2024-01-02 03:04:05.120000'",
     "'2024-01-02 03:04:05.120001'"),
    ("timestamp with T", "TIMESTAMP", "timestamp", "'2024-01-02T03:04'", "'2024-01-02T03:05'"),
    ("time in a zone", "TIMESTAMPTZ", "timestamptz", "'2024-01-01T01:00:00.50+02:00'",
     "'2024-01-01 01:00:00Z'"),
    ("uuid", "UUID", "uuid", "'A0EEBC999C0B4EF8BB6D6BB9BD380A11'",
     "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12'"),
]  # fmt: skip


def _both_spellings(value: str) -> tuple[str, str]:
    one, _, other = value.partition("|")
    return one, other or one


def _write_alike(file: File, server: Database) -> None:
    """Write a table of three rows for each type: one value, another value, and NULL."""
    written, read = "BEGIN;", ""
    for number, (_, theirs, ours, *values) in enumerate(ALIKE):
        spelled = [_both_spellings(value) for value in (*values, "NULL")]
        rows = [
            ", ".join(f"({n}, {value})" for n, value in enumerate(side, start=1))
            for side in zip(*spelled, strict=True)
        ]
        written += f"CREATE TABLE t{number} (id INTEGER PRIMARY KEY, v {theirs});"
        written += f"INSERT INTO t{number} VALUES {rows[0]};"
        read += f"CREATE TABLE t{number} (id int PRIMARY KEY, v {ours});"
        read += f"INSERT INTO t{number} VALUES {rows[1]};"
    file.run(f"{written}COMMIT;")
    server.run(read)


@pytest.mark.parametrize("direction", ["from SQLite", "to SQLite"])
def test_sqlite_and_postgresql(
    direction: str, file: File, modern_db: Database, tmp_path: Path
) -> None:
    """Equal values match between the engines, and a change on either side is named.

    A value beside NULL is named, too. The canary watches both sides, and finds a change of every
    type. Half of the types are watched in each direction.
    """
    stacks = (file, modern_db) if direction == "from SQLite" else (modern_db, file)
    engine = engine_over(stacks[0], stacks[1], tmp_path)
    _write_alike(file, modern_db)
    with checks(engine) as check:
        for number, (label, *_) in enumerate(ALIKE):
            with check(label, f"t{number}") as evidence:
                assert_match(evidence, rows=3)
            if number % 2 != stacks.index(file) or label == "small float":
                continue  # PostgreSQL has no arithmetic for the least floats
            with check(f"the canary of {label}", f"t{number}", "canary") as evidence:
                assert (evidence.outcome, evidence.reasons) == (Outcome.PROVEN, ())
    written, read = "BEGIN;", ""
    for number, (*_, one, other) in enumerate(ALIKE):
        written += f"UPDATE t{number} SET v = {_both_spellings(other)[0]} WHERE id = 1;"
        read += f"UPDATE t{number} SET v = {_both_spellings(one)[1]} WHERE id IN (2, 3);"
    file.run(f"{written}COMMIT;")
    modern_db.run(read)
    with checks(engine) as check:
        for number, (label, *_) in enumerate(ALIKE):
            with check(f"{label}, changed", f"t{number}") as evidence:
                assert_drift(evidence, *(("changed", (key,), ("v",)) for key in "123"))


STRANGERS = [
    ("INTEGER", "int", "'abc'", 'text "abc"'),
    ("INTEGER", "int", "1.5", "real 1.5"),
    ("BOOLEAN", "boolean", "2", "integer 2"),
    ("BOOLEAN", "int", "2", "integer 2"),
    ("DECIMAL", "numeric", "x'31'", "blob x'31'"),
    ("DOUBLE", "double precision", "'NaN'", 'text "NaN"'),
    ("TEXT", "text", "x'61'", "blob x'61'"),
    ("TEXT", "text", BROKEN, r"E'a\xff'"),
    ("TEXT", "text", "'a' || char(0)", "a\x00"),
    ("DATETIME", "timestamp", "1704164640", "integer 1704164640"),
    ("DATETIME", "timestamp", "'2024-01-01 00:00:00+00'", 'text "2024-01-01 00:00:00+00"'),
    ("DATE", "date", "2460311.5", "real 2460311.5"),
    ("TIMESTAMPTZ", "timestamptz", "'2024-01-01 00:00:00'", 'text "2024-01-01 00:00:00"'),
    ("BLOB", "bytea", "'\\x61'", 'text "\\\\x61"'),
    ("UUID", "uuid", "x'31'", "blob x'31'"),
]


def test_a_value_that_is_not_of_its_columns_type_equals_nothing(
    beside: Engine, file: File, modern_db: Database
) -> None:
    """A value of another type than its column's equals nothing.

    It is neither an error nor NULL, and is shown as it is.
    """
    for number, (theirs, ours, value, _) in enumerate(STRANGERS):
        file.run(f"CREATE TABLE t{number} (id INTEGER PRIMARY KEY, v {theirs})")
        file.run(f"INSERT INTO t{number} VALUES (1, {value})")
        modern_db.run(f"CREATE TABLE t{number} (id int PRIMARY KEY, v {ours})")
        modern_db.run(f"INSERT INTO t{number} VALUES (1, NULL)")
    with checks(beside) as check:
        for number, (theirs, ours, value, shown) in enumerate(STRANGERS):
            with check(f"{value} in {theirs}, {ours}", f"t{number}") as evidence:
                assert_drift(evidence, ("changed", ("1",), ("v",)))
                assert evidence.findings[0].columns["v"].legacy == shown


# ---- expressions

EXPRESSIONS = [
    ("amount * 2", "numeric", "3"),
    ("amount > 1", "boolean", "true"),
    ("name || '!'", "text", "'x!'"),
    ("CAST(amount AS TEXT)", "numeric", "1.50"),
    ("CAST(amount AS TEXT)", "text", "'1.5'"),
    ("amount / 3", "double precision", "0.5"),
    ("datetime(epoch, 'unixepoch')", "timestamp", "'2024-01-02 03:04:00'"),
    ("hex(id)", "bytea", "NULL"),
    ("x'61'", "bytea", "'a'"),
    ("'5'", "int", "5"),
    ("NULL", "text", "NULL"),
]


def test_an_expressions_value_is_read_by_its_storage_class(
    beside: Engine, file: File, modern_db: Database
) -> None:
    """Numbers are read as numbers, and texts as texts; a value of another type equals nothing.

    If the other side holds texts, an expression's number is another value. A column without a type
    is compared only with another one, or through an expression.
    """
    columns = "(id INTEGER PRIMARY KEY, v, amount REAL, name TEXT, epoch INT)"
    more = ""
    for number, (sql, ours, value) in enumerate(EXPRESSIONS):
        file.run(f"CREATE TABLE t{number} {columns}")
        file.run(f"INSERT INTO t{number} VALUES (1, 0, 1.5, 'x', 1704164640)")
        modern_db.run(f"CREATE TABLE t{number} (id int PRIMARY KEY, v {ours})")
        modern_db.run(f"INSERT INTO t{number} VALUES (1, {value})")
        ignored = 'ignore = {amount = "see v", name = "see v", epoch = "see v"}'
        more += f"[tables.t{number}]\n{ignored}\n"
        more += f'[tables.t{number}.columns.v]\nlegacy_sql = "{sql}"\n'
    file.run("CREATE TABLE num (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO num VALUES (1, '5')")
    modern_db.run("CREATE TABLE num (id int PRIMARY KEY, v text); INSERT INTO num VALUES (1, '5')")
    more += '[tables.num.columns.v]\nlegacy_sql = "CAST(v AS INT)"\n'
    for table in ("untyped", "untyped_sql"):
        file.run(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, v)")
        file.run(f"INSERT INTO {table} VALUES (1, 5), (2, '6')")
        modern_db.run(f"CREATE TABLE {table} (id int PRIMARY KEY, v int)")
        modern_db.run(f"INSERT INTO {table} VALUES (1, 5), (2, 6)")
    more += '[tables.untyped_sql.columns.v]\nlegacy_sql = "v"\n'
    with checks(beside, more) as check:
        for number, (sql, ours, _) in enumerate(EXPRESSIONS):
            with check(f"{sql} beside {ours}", f"t{number}") as evidence:
                if sql == "hex(id)":
                    assert_drift(evidence, ("changed", ("1",), ("v",)))
                else:
                    assert evidence.outcome is Outcome.PROVEN, evidence
        with check("a number beside a text", "num") as evidence:
            assert_drift(evidence, ("changed", ("1",), ("v",)))
        with check("no type", "untyped") as evidence:
            assert_not_proven(evidence, "'v'", "without a type", "no text in common")
        with check("no type, by an expression", "untyped_sql") as evidence:
            assert evidence.outcome is Outcome.PROVEN
            assert evidence.rules[0].rule.startswith("is read as integer")
