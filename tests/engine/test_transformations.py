"""Declared transformations: what the migration was meant to do matches, and nothing else does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_tenantparity.errors import SettingsError
from pytest_tenantparity.model import Outcome

from ..support.engine_driver import Engine, seen
from ..support.expectations import assert_drift, assert_not_proven
from ..support.files import File, Files, engine_over
from ..support.mariadb import MariaDatabase
from ..support.postgresql import Database

Pairs = list[tuple[str | None, str | None]]

# By transformation: pairs of legacy and modern values that match, and pairs that do not.
TEXTS: dict[str, tuple[Pairs, Pairs]] = {
    '"empty_to_null"': (
        [("", None), (None, None), (" ", " "), ("a", "a")],
        [("", ""), (" ", None), ("a", None), (None, "")],
    ),
    '"null_to_empty"': ([(None, ""), ("", ""), (" ", " ")], [(None, None), ("", None)]),
    '"trim"': (
        [("  a ", "a"), ("a\t", "a\t"), ("   ", ""), ("\u00a0a", "\u00a0a"), (None, None)],
        [("  a ", "  a "), ("a\t", "a"), ("\u00a0a", "a"), (" ", None)],
    ),
    '"upper"': ([("aB", "AB"), (None, None)], [("aB", "aB"), ("ab", "Ab")]),
    '"lower"': ([("aB", "ab")], [("aB", "aB")]),
    '["trim", "empty_to_null"]': ([("  ", None), (" a", "a")], [("  ", ""), ("", "")]),
    '{map = {"A" = "active", "I" = "inactive"}}': (
        [("A", "active"), ("I", "inactive"), ("a", "a"), ("A ", "A "), (None, None)],
        [("A", "A"), ("a", "active"), ("A ", "active"), ("I", "active")],
    ),
}


def literal(value: str | None) -> str:
    """Return a value in SQL."""
    return "NULL" if value is None else f"'{value}'"


def fill(engine: Engine, kind: str = "varchar(20)") -> tuple[str, dict[str, list[Any]]]:
    """Make a table for each transformation; return their settings and the expected findings."""
    more, expected = "", {}
    for number, (transform, (matching, differing)) in enumerate(TEXTS.items()):
        rows = [*matching, *differing]
        for side, database in enumerate((engine.legacy, engine.modern)):
            database.run(f"CREATE TABLE t{number} (id int PRIMARY KEY, v {kind})")
            values = ", ".join(f"({n}, {literal(row[side])})" for n, row in enumerate(rows))
            database.run(f"INSERT INTO t{number} VALUES {values}")
        more += f"[tables.t{number}.columns.v]\ntransform = {transform}\n"
        found = range(len(matching), len(rows))
        expected[f"t{number}"] = [("changed", (str(n),), ("v",)) for n in found]
    return more, expected


def assert_only_what_was_meant(engine: Engine) -> None:
    """Require exactly the expected findings for each transformation."""
    more, expected = fill(engine)
    with engine.opened(more) as run:
        for table, found in expected.items():
            evidence = run.audit("global", table)
            assert sorted(seen(evidence)) == found, (table, evidence)
            assert any("is transformed: " in rule.rule for rule in evidence.rules)
            canary = run.audit("canary", table)
            assert (canary.outcome, canary.reasons) == (Outcome.PROVEN, ()), table


def test_what_was_meant_matches_and_nothing_else(engine: Engine) -> None:
    """In PostgreSQL, a transformed value matches, and one that was not transformed is drift."""
    assert_only_what_was_meant(engine)


def test_enums_and_domains(engine: Engine) -> None:
    """In PostgreSQL, a transformation may lead out of an enum, and out of a domain's values."""
    for database in (engine.legacy, engine.modern):
        database.run("CREATE TYPE state AS ENUM ('A', 'B')")
        database.run("CREATE DOMAIN word AS text CHECK (VALUE <> '')")
    engine.legacy.run(
        "CREATE TABLE t (id int PRIMARY KEY, v state, w word, x state);"
        "INSERT INTO t VALUES (1, 'A', 'a', 'A'), (2, 'B', 'b', NULL), (3, 'A', 'c', 'B')"
    )
    engine.modern.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text, w text, x text);"
        "INSERT INTO t VALUES (1, 'active', 'a', 'A-a'), (2, 'B', '', 'b'), (3, 'A', 'c', 'B-c')"
    )
    more = (
        "[tables.t.columns]\nv = { transform = { map = { A = 'active' } } }\n"
        "w = { transform = { map = { b = '' } } }\n"
        "x = { transform = { concat = ['x', 'w'], separator = '-' } }\n"
    )
    assert_drift(engine.audit(more=more), ("changed", ("3",), ("v",)))


def test_other_engines(mysql_db: MariaDatabase, modern_db: Database, tmp_path: Path) -> None:
    """The same values are transformed alike by MariaDB, whose = ignores spaces at the end."""
    assert_only_what_was_meant(engine_over(mysql_db, modern_db, tmp_path))


def test_sqlite(modern_db: Database, tmp_path: Path) -> None:
    """The same values are transformed alike by SQLite, whose expressions have no type."""
    assert_only_what_was_meant(engine_over(File(tmp_path / "t.db"), modern_db, tmp_path))


def test_archives(modern_db: Database, tmp_path: Path) -> None:
    """The same values are transformed alike by DuckDB, whose own trim takes every kind of space."""
    (tmp_path / "old").mkdir()
    archive = Files(tmp_path / "old")
    queries, more, expected = {}, "", {}
    for number, (transform, (matching, differing)) in enumerate(TEXTS.items()):
        rows = [*matching, *differing]
        old = ", ".join(f"({n}, {literal(row[0])})" for n, row in enumerate(rows))
        queries[f"t{number}.parquet"] = (
            f"SELECT id, v::varchar AS v FROM (VALUES {old}) AS of_test (id, v)"
        )
        modern_db.run(f"CREATE TABLE t{number} (id int PRIMARY KEY, v varchar(20))")
        new = ", ".join(f"({n}, {literal(row[1])})" for n, row in enumerate(rows))
        modern_db.run(f"INSERT INTO t{number} VALUES {new}")
        more += f'[tables.t{number}]\nkey = ["id"]\n'
        more += f"[tables.t{number}.columns.v]\ntransform = {transform}\n"
        found = range(len(matching), len(rows))
        expected[f"t{number}"] = [("changed", (str(n),), ("v",)) for n in found]
    archive.parquets(queries)
    with engine_over(archive, modern_db, tmp_path).opened(more) as run:
        for table, found_rows in expected.items():
            assert sorted(seen(run.audit("global", table))) == found_rows, table


JOINED = """
[tables.t.columns.full_name]
transform = [{ concat = ["first_name", "last_name"], separator = " " }, "empty_to_null"]
[tables.t.columns.code]
transform = { concat = ["a", "b", "a"] }
"""


def assert_joined(legacy: Database | MariaDatabase | File, there: Database, path: Path) -> None:
    """Require that joined columns match the column that they became, and nothing else does."""
    legacy.run(
        "CREATE TABLE t (id int PRIMARY KEY, first_name varchar(9), last_name varchar(9), "
        "a varchar(9), b varchar(9))"
    )
    there.run("CREATE TABLE t (id int PRIMARY KEY, full_name varchar(20), code varchar(29))")
    parts = [("'Ada'", "'L '"), ("'Bob'", "NULL"), ("NULL", "'C'"), ("NULL", "NULL"), ("''", "''")]
    rows = ", ".join(f"({n}, {a}, {b}, 'x', NULL)" for n, (a, b) in enumerate(parts, start=1))
    legacy.run(f"INSERT INTO t VALUES {rows}, (6, '', NULL, 'x', 'y'), (7, 'A', 'B', 'x', 'y')")
    legacy.run("INSERT INTO t VALUES (8, 'A', 'B', NULL, NULL), (9, 'A', 'B', NULL, NULL)")
    there.run(
        "INSERT INTO t VALUES (1, 'Ada L ', 'xx'), (2, 'Bob', 'xx'), (3, 'C', 'xx'), "
        "(4, NULL, 'xx'), (5, ' ', 'xx'), (6, NULL, 'xyx'), (7, 'AB', 'xxy'), "
        "(8, 'A B', NULL), (9, 'A B', '')"
    )
    evidence = engine_over(legacy, there, path).audit(more=JOINED)
    found = ("changed", ("7",), ("code", "full_name")), ("changed", ("9",), ("code",))
    assert_drift(evidence, *found)
    told = {rule.rule for rule in evidence.rules if rule.column == "first_name"}
    assert told == {"is compared as a part of full_name"}


def test_joined_columns(engine: Engine, mysql_db: MariaDatabase, tmp_path: Path) -> None:
    """Columns that were joined into one are compared with it, with NULL left out."""
    assert_joined(engine.legacy, engine.modern, tmp_path)
    for legacy in (mysql_db, File(tmp_path / "t.db")):
        engine.modern.run("DROP TABLE t")
        assert_joined(legacy, engine.modern, tmp_path)
    padded = "DROP TABLE t; CREATE TABLE t (id int, first_name char(3), last_name text, a text)"
    engine.legacy.run(padded)
    assert_not_proven(engine.audit(more=JOINED), "would lose the spaces of first_name")
    engine.legacy.run("ALTER TABLE t DROP first_name, ADD firstname text")
    assert_not_proven(engine.audit(more=JOINED), "has no column 'first_name'", "'firstname'")


def test_decimals_are_rounded(
    engine: Engine, mysql_db: MariaDatabase, modern_db: Database, tmp_path: Path
) -> None:
    """A decimal is rounded half away from zero, exactly, and floats are refused."""
    more = "[tables.t.columns.v]\ntransform = { scale = 2 }\n"
    for legacy in (engine.legacy, mysql_db):
        legacy.run("CREATE TABLE t (id int PRIMARY KEY, v decimal(12,5), f double precision)")
        legacy.run(
            "INSERT INTO t VALUES (1, 1.00500, 1), (2, -1.00500, 1), (3, 2.67499, 1), "
            "(4, NULL, 1), (5, 0.1, 1)"
        )
    modern_db.run("CREATE TABLE t (id int PRIMARY KEY, v numeric(12,2), f double precision)")
    modern_db.run(
        "INSERT INTO t VALUES (1, 1.01, 1), (2, -1.01, 1), (3, 2.67, 1), (4, NULL, 1), (5, 0.11, 1)"
    )
    for legacy in (engine.legacy, mysql_db):
        own = engine_over(legacy, modern_db, tmp_path)
        assert_drift(own.audit(more=more), ("changed", ("5",), ("v",)))
        refused = own.audit(more="[tables.t.columns.f]\ntransform = { scale = 2 }\n")
        assert_not_proven(
            refused, "[tables.t.columns.f] transform: scale = 2 rounds exact decimals"
        )


def test_what_cannot_be_transformed(engine: Engine) -> None:
    """A column that does not exist, or is no text, is named with its key in the settings."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1)")
    missing = engine.audit(more='[tables.t.columns.w]\ntransform = "trim"\n')
    assert_not_proven(missing, "[tables.t.columns.w] transform: the legacy table 't' has no column")
    number = engine.audit(more='[tables.t.columns.v]\ntransform = "trim"\n')
    assert_not_proven(number, "[tables.t.columns.v] transform: trim is for texts, and v is integer")
    engine.legacy.run("ALTER TABLE t ALTER v TYPE text")
    text = engine.audit(more="[tables.t.columns.v]\ntransform = { scale = 2 }\n")
    assert_not_proven(text, "scale = 2 rounds exact decimals, and v is text")


def test_settings_that_make_no_sense(engine: Engine) -> None:
    """An unknown word, two keys in one step, and SQL beside a transformation are refused."""
    for wrong, said in (
        ('transform = "trimm"', "transform"),
        ('transform = { scale = 2, map = { a = "b" } }', "a step is exactly one of"),
        ('transform = "trim"\nlegacy_sql = "v"', "has both transform and legacy_sql"),
        ("transform = []", "has no step"),
        ("transform = { scale = true }", "is true, and has to be a number"),
        ("scale = true", "is true, and has to be a number"),
        ("tolerance = { absolute = true }", "is true, and has to be a number"),
    ):
        with pytest.raises(SettingsError, match=said):
            engine.settings(f"[tables.t.columns.v]\n{wrong}\n")


def test_values_of_other_kinds_in_sqlite(modern_db: Database, tmp_path: Path) -> None:
    """SQLite keeps numbers and blobs in columns of texts: a transformation makes no text of them.

    Its ``round`` returns floats, so a scale is refused.
    """
    engine = engine_over(File(tmp_path / "t.db"), modern_db, tmp_path)
    engine.legacy.run("CREATE TABLE t (id INTEGER PRIMARY KEY, s BLOB, v VARCHAR(9), n INTEGER)")
    engine.legacy.run("INSERT INTO t VALUES (1, x'61', x'61', 9007199254740993)")
    engine.modern.run("CREATE TABLE t (id int PRIMARY KEY, s text, v text, n bigint)")
    engine.modern.run("INSERT INTO t VALUES (1, 'A', 'A', 9007199254740992)")
    more = '[tables.t.ignore]\ns = "a blob"\nn = "a number"\n[tables.t.columns.v]\ntransform = {}\n'
    for steps in ("'upper'", "['trim', 'upper']", "'trim'"):
        assert_drift(engine.audit(more=more.format(steps)), ("changed", ("1",), ("v",)))
    joined = "[{ concat = ['v', 'v'] }]"
    assert_drift(engine.audit(more=more.format(joined)), ("changed", ("1",), ("v",)))
    engine.modern.run("UPDATE t SET v = 'aa'")
    assert_drift(engine.audit(more=more.format(joined)), ("changed", ("1",), ("v",)))
    scale = more.replace('n = "a number"', 'v = "a text"').replace("columns.v", "columns.n")
    assert_not_proven(engine.audit(more=scale.format("{ scale = 2 }")), "is not exact in SQLite")
