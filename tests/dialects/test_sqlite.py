"""SQLite: a value counts by what is stored, not by its column's type; a match means equal."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import (
    ColumnElement,
    Connection,
    Text,
    column,
    func,
    literal,
    literal_column,
    select,
    table,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from pytest_tenantparity.config import StackSettings
from pytest_tenantparity.model import Outcome
from pytest_tenantparity.stacks.catalog import Family
from pytest_tenantparity.stacks.dialects import ColumnRules, Portable, Session, portable_hash
from pytest_tenantparity.stacks.dialects.canonical_text import as_float, spell
from pytest_tenantparity.stacks.dialects.sqlite.dialect import SQLite
from pytest_tenantparity.stacks.dialects.sqlite.values import (
    IN_UTC,
    SPELLINGS,
    ExactSum,
    decimal_text,
    float_text,
    spell_text,
)
from pytest_tenantparity.stacks.digest_self_test import trusted_digests

from ..support.changed_tables import Change, check_changes, checks
from ..support.each_value import each_value
from ..support.engine_driver import Engine
from ..support.expectations import assert_drift, assert_match, assert_not_proven
from ..support.files import File, engine_over

BY_TENANT = 'tenancy = {column = "tenant"}'
BROKEN = "CAST(x'61FF' AS TEXT)"


@pytest.fixture
def files(tmp_path: Path) -> Engine:
    """Return an engine with two SQLite files."""
    return engine_over(File(tmp_path / "legacy.db"), File(tmp_path / "modern.db"), tmp_path)


@contextmanager
def connected(url: str, **settings: Any) -> Iterator[Connection]:
    """Open a file as a run would."""
    session = Session("tests", StackSettings(url=url, **settings))
    engine = SQLite().create_engine(make_url(url), session)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


# ---- one text for one value

STORED = (
    *("NULL", "0", "1", "2", "-1", "1.5", "1e300", "'1'", "'abc'", "''", "' 1'", "'1 '", "'true'"),
    *("x''", "x'31'", BROKEN, "CAST(x'62FF' AS TEXT)", "CAST(x'EDA080' AS TEXT)"),
    *("'a' || char(0) || 'b'", "'a' || char(0) || 'c'", "'a' || char(10)", "'é'", "'e\u0301'"),
    *("'2024-01-02'", "'2024-01-02' || char(0)", "'2024-01-02 03:04'", "'2024-01-02T03:04Z'"),
    *("2460311.5", "1704164640", "9e999", "-9e999", "'blob x''31'''", "'text \"abc\"'"),
    *("CAST(x'FF' AS TEXT) || 'blob x''31'''", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'"),
    *("9007199254740993", "9007199254740992", "9223372036854775807", "9223372036854775807.5"),
    *("1152921504606847000", "1152921504606846976.5", "'\\x31'", "'{}'", "'null'", "'integer 1'"),
)
DECLARED = (
    *("INTEGER", "DECIMAL(10,2)", "DOUBLE", "BOOLEAN", "TEXT", "TEXT COLLATE NOCASE", "BLOB"),
    *("DATE", "DATETIME", "TIME", "JSON", "UUID", "TIMESTAMPTZ", "MONEY", ""),
)


def test_each_stored_value_has_a_text_of_its_own(tmp_path: Path) -> None:
    """Two values of a column have one text only if SQLite stores the same for both."""
    file = File(tmp_path / "t.db")
    rows = ", ".join(f"({value})" for value in STORED)
    for number, declared in enumerate(DECLARED):
        file.run(f"CREATE TABLE t{number} (v {declared}); INSERT INTO t{number} VALUES {rows}")
    stored = "typeof(v) || CASE typeof(v) WHEN 'real' THEN format('%!.20g', v) "
    stored += "ELSE coalesce(hex(CAST(v AS BLOB)), '') END"
    with connected(file.url) as connection, each_value() as case:
        catalog = SQLite().catalog(connection, "main")
        for number, declared in enumerate(DECLARED):
            (facts,) = catalog.tables[f"t{number}"].columns
            own = SQLite().text(column("v"), facts, ColumnRules())
            source: Any = select(own, literal_column(f"({stored})"))
            found: dict[str | None, set[str]] = {}
            for text, value in connection.execute(source.select_from(table(f"t{number}"))):
                found.setdefault(text, set()).add(value)
            with case(declared):
                assert {text: values for text, values in found.items() if len(values) > 1} == {}
                assert found[None] == {"null"}


DIFFERENT = [
    ("NULL and empty", "TEXT", "NULL", "''"),
    ("NULL and zero", "INT", "NULL", "0"),
    ("case under NOCASE", "TEXT COLLATE NOCASE", "'a'", "'A'"),
    ("trailing space under RTRIM", "TEXT COLLATE RTRIM", "'a'", "'a '"),
    ("integer and its text", "BLOB", "1", "'1'"),
    ("integer and real", "", "1", "1.0"),
    ("text and blob", "TEXT", "'a'", "x'61'"),
    ("blob and its spelling", "TEXT", "x'61'", "'blob x''61'''"),
    ("behind a NUL", "TEXT", "'a' || char(0) || 'b'", "'a' || char(0) || 'c'"),
    ("a NUL alone", "TEXT", "'a'", "'a' || char(0)"),
    ("two texts that are no UTF-8", "TEXT", BROKEN, "CAST(x'61FE' AS TEXT)"),
    ("no UTF-8 and a question mark", "TEXT", BROKEN, "'a?'"),
    ("no UTF-8 and its replacement", "TEXT", BROKEN, "'a' || char(65533)"),
    ("sum of floats", "REAL", "0.3", "0.1 + 0.2"),
    ("sum of floats as decimals", "DECIMAL(10,2)", "0.3", "0.1 + 0.2"),
    ("neighbours of 2^53", "INT", "9007199254740992", "9007199254740993"),
    ("neighbours of 2^63", "BIGINT", "9223372036854775806", "9223372036854775807"),
    ("infinities", "REAL", "9e999", "-9e999"),
    ("true and two", "BOOLEAN", "1", "2"),
    ("true and its name", "BOOLEAN", "1", "'true'"),
    ("time and epoch", "DATETIME", "'1970-01-01 00:00:00'", "0"),
    ("time and time in UTC", "DATETIME", "'2024-01-01 00:00:00'", "'2024-01-01 00:00:00Z'"),
    ("date and midnight", "DATE", "'2024-01-01'", "'2024-01-01 00:00:00'"),
    ("12th digit of a second", "DATETIME", "'2024-01-01 00:00:00.000000000001'",
     "'2024-01-01 00:00:00'"),
    ("number and text in JSON", "JSON", "1", "'\"1\"'"),
    ("length of a blob", "BLOB", "x'00'", "x'0000'"),
]  # fmt: skip


def test_different_values_are_told_apart(files: Engine) -> None:
    """Each of two values equals itself, and is a change in place of the other.

    Keys that differ only in their storage class, or are NULL, are different keys.
    """
    cases = [
        Change(
            label,
            f"CREATE TABLE {{t}} (id INTEGER PRIMARY KEY, v {declared}); "
            f"INSERT INTO {{t}} VALUES (1, {one}), (2, {other})",
            f"UPDATE {{t}} SET v = {other} WHERE id = 1",
            (("changed", ("1",), ("v",)),),
            rows=2,
        )
        for label, declared, one, other in DIFFERENT
    ]
    keys = Change(
        "keys",
        "CREATE TABLE {t} (k PRIMARY KEY, v INT); "
        "INSERT INTO {t} VALUES (1, 0), ('1', 0), (x'31', 0), (NULL, 1), (NULL, 2)",
        "UPDATE {t} SET v = 9 WHERE k = '1'",
        (("changed", ('text "1"',), ("v",)),),
        rows=5,
    )
    check_changes(files, [*cases, keys])


def test_tables_without_rowid_views_and_generated_columns(files: Engine) -> None:
    """No column is left out, and names that need quotes are read."""
    for database in (files.legacy, files.modern):
        database.run("""
            CREATE TABLE t ("a b" TEXT, "select" INT, PRIMARY KEY ("select", "a b")) WITHOUT ROWID;
            CREATE TABLE g (id INTEGER PRIMARY KEY, a INT, v INT AS (a * 2), s INT AS (a) STORED);
            INSERT INTO t VALUES ('x', 1), ('y', 1);
            INSERT INTO g VALUES (1, 5);
            CREATE VIEW w AS SELECT * FROM t;
            CREATE VIEW broken AS SELECT * FROM nowhere;
        """)
    with connected(files.legacy.url) as connection:
        catalog = SQLite().catalog(connection, "main")
    assert catalog.stored_tables == ["g", "t"]
    assert [each.name for each in catalog.tables["g"].columns] == ["id", "a", "v", "s"]
    assert catalog.tables["t"].primary_key == ("select", "a b")
    assert "cannot be read" in catalog.tables["broken"].refused
    assert_match(files.audit(), rows=2)
    files.modern.run("UPDATE g SET a = 6")
    assert_drift(files.audit("g"), ("changed", ("1",), ("a", "v", "s")))
    more = '[pairing]\ntables = ["t", "w"]\n[ignore.tables]\ng = "elsewhere"'
    assert_match(files.audit("w", more=more), rows=2)


def test_a_virtual_table_is_named_and_not_read(files: Engine) -> None:
    """A virtual table is named and not read.

    Rows computed by a module prove nothing, and its shadow tables count as parts of it.
    """
    files.both("CREATE VIRTUAL TABLE t USING fts5 (body)")
    assert_not_proven(files.audit(), "is a virtual table")
    assert_not_proven(files.audit(subject="coverage", table="*", more="[pairing]\ntables = ['x']"),
                      "main.t is neither compared nor ignored")  # fmt: skip


# ---- expressions


def test_expressions_are_read_as_they_are_written(files: Engine) -> None:
    """A misspelt name in double quotes is refused, though SQLite would read it as a text.

    COLLATE in a setting does not affect the tool's own comparisons.
    """
    for name in ("misspelt", "spelt"):
        files.both(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, amount INT)")
        files.both(f"INSERT INTO {name} VALUES (1, 2)")
    files.both("CREATE TABLE folded (id INTEGER PRIMARY KEY, v TEXT)")
    files.legacy.run("INSERT INTO folded VALUES (1, 'a'), (2, 'true')")
    files.modern.run("INSERT INTO folded VALUES (1, 'A'), (2, 'TRUE')")
    more = """
        [tables.misspelt.columns.amount]
        legacy_sql = '"amuont"'
        modern_sql = '"amuont"'
        [tables.spelt.columns.amount]
        legacy_sql = '"Amount"'
        [tables.folded]
        key = ["v"]
        [tables.folded.columns.v]
        legacy_sql = "v COLLATE NOCASE"
        modern_sql = "v COLLATE NOCASE"
    """
    with checks(files, more) as check:
        with check("misspelt", "misspelt") as evidence:
            assert_not_proven(evidence, '"amuont"', "is no column")
        with check("spelt", "spelt") as evidence:
            assert evidence.outcome is Outcome.PROVEN
        with check("collation", "folded") as evidence:
            assert evidence.drift.total == 4


# ---- tenants

# The type of the tenant's column, the tenant's value, and values that are not its own.
TENANTS = {
    "7": [
        ("TEXT", "'7'", "'07', '7.0', '7 ', ' 7', x'37', '7' || char(0)"),
        ("TEXT COLLATE RTRIM", "'7'", "'7 '"),
        ("INTEGER", "7", "70, 'abc', 7.5, x'37', NULL"),
        ("DECIMAL(9,2)", "7", "7.01, 'x7', x'37'"),
        ("", "'7'", "7, 7.0, x'37', '07'"),
    ],
    "seven": [("STRING", "'seven'", "7")],
}


@pytest.mark.parametrize("tenant", TENANTS)
def test_a_tenants_rows_are_exactly_its_own(files: Engine, tenant: str) -> None:
    """No affinity and no collation takes another value for the tenant's."""
    cases = {f"t{number}": case for number, case in enumerate(TENANTS[tenant])}
    for name, (declared, mine, others) in cases.items():
        rows = ", ".join(f"({value})" for value in (mine, *others.split(", ")))
        files.both(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, tenant {declared})")
        files.both(f"INSERT INTO {name} (tenant) VALUES {rows}")
    with checks(files, f"[tenants.{tenant}]", legacy=BY_TENANT, modern=BY_TENANT) as check:
        for name, (declared, _, others) in cases.items():
            with check(declared, name, tenant) as evidence:
                assert_match(evidence, rows=1)
            with check(f"{declared}, of nobody", name, "unassigned") as evidence:
                many = len(others.split(", "))
                assert (evidence.drift.missing, evidence.drift.extra) == (many, many)


def test_a_tenant_that_the_column_cannot_hold_is_an_error(files: Engine) -> None:
    """The tenant 'abc' does not fit an integer column, which is an error in the settings."""
    files.both("CREATE TABLE t (id INTEGER PRIMARY KEY, tenant INT); INSERT INTO t VALUES (1, 0)")
    found = files.audit(subject="abc", more="[tenants.abc]", legacy=BY_TENANT, modern=BY_TENANT)
    assert_not_proven(found, "'abc' is no integer", "tenant")


def test_hops_join_exactly(files: Engine) -> None:
    """'07' does not lead to 7, nor 'x' to 'X', for any types and collations of the columns."""
    files.both("CREATE TABLE t (id INTEGER PRIMARY KEY, owner TEXT COLLATE NOCASE)")
    files.both("CREATE TABLE owners (id PRIMARY KEY, tenant TEXT)")
    files.both("INSERT INTO t VALUES (1, 'x'), (2, 'X'), (3, '7'), (4, '07')")
    files.both("INSERT INTO owners VALUES ('x', 'a'), (7, 'a'), ('07', 'b'), ('X', 'b')")
    via = 'tenancy = {path = "owner -> owners.id -> tenant"}'
    with checks(files, "[tenants.a]\n[tenants.b]\n", legacy=via, modern=via) as check:
        with check("a", "t", "a") as evidence:
            assert_match(evidence, rows=1)
        with check("b", "t", "b") as evidence:
            assert_match(evidence, rows=2)
        with check("nobody", "t", "unassigned") as evidence:
            assert (evidence.drift.missing, evidence.drift.extra) == (1, 1)


# ---- sessions


def test_a_file_that_is_not_there_is_not_made(files: Engine) -> None:
    """The reason for a missing file names the path, and opening does not create the file."""
    files.legacy.run("CREATE TABLE t (id INT)")
    assert_not_proven(files.audit(), "modern", "there is no file", "modern.db")
    assert not (files.folder / "modern.db").exists()


def test_what_is_no_database_is_said(files: Engine) -> None:
    """A file that is not a database is NOT PROVEN, with that reason."""
    files.legacy.run("CREATE TABLE t (id INT)")
    (files.folder / "modern.db").write_bytes(b"no database" * 999)
    assert_not_proven(files.audit(), "file is not a database")


def test_utf16_is_refused(files: Engine) -> None:
    """A database in UTF-16 is refused.

    SQLite itself replaces invalid UTF-16 by U+FFFD, so that different values would look equal.
    """
    files.both("PRAGMA encoding = 'UTF-16le'; CREATE TABLE t (id INT); INSERT INTO t VALUES (1)")
    assert_not_proven(files.audit(), "UTF-16le", "make a copy in UTF-8")


def test_a_file_is_not_compared_with_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file is not compared with itself, whatever link leads to it; a copy is another database."""
    monkeypatch.chdir(tmp_path)
    file, symlink, link = (File(tmp_path / f"{name}.db") for name in ("a", "symlink", "link"))
    file.run("CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)")
    symlink.path.symlink_to(file.path)
    os.link(file.path, link.path)
    ways = {"the same": file, "symlink": symlink, "hard link": link, "relative": File(Path("a.db"))}
    with each_value() as case:
        for way, other in ways.items():
            with case(way):
                evidence = engine_over(file, other, tmp_path).audit()
                assert_not_proven(evidence, "are the same database", "a.db")
    copy = File(tmp_path / "c.db")
    copy.path.write_bytes(file.path.read_bytes())
    assert_match(engine_over(file, copy, tmp_path).audit(), rows=1)


def test_nothing_can_be_written(tmp_path: Path) -> None:
    """Nothing is written by one statement, by two in one string, or after ``query_only = 0``."""
    file = File(tmp_path / "t.db")
    file.run("CREATE TABLE t (id INT)")
    before = file.path.read_bytes()
    with connected(file.url) as connection:
        for statement in (
            "INSERT INTO t VALUES (1)",
            "SELECT 1; INSERT INTO t VALUES (1)",
            f"ATTACH '{tmp_path / 'new.db'}' AS new",
        ):
            with pytest.raises(DBAPIError):
                connection.exec_driver_sql(statement)
        connection.exec_driver_sql("PRAGMA query_only = 0")
        with pytest.raises(DBAPIError, match="readonly"):
            connection.exec_driver_sql("INSERT INTO t VALUES (1)")
    assert file.path.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["t.db"]


def test_a_process_reads_one_snapshot(files: Engine) -> None:
    """Checks do not see rows that are committed while they run."""
    files.both("PRAGMA journal_mode = wal; CREATE TABLE t (id INTEGER PRIMARY KEY)")
    files.both("INSERT INTO t VALUES (1)")
    with files.opened() as run:
        assert_match(run.audit("global", "t"), rows=1)
        files.modern.run("INSERT INTO t VALUES (2)")
        assert_match(run.audit("global", "t"), rows=1)
    assert_drift(files.audit(), ("extra", ("2",), ()))


def test_a_lock_is_waited_for_and_named(files: Engine) -> None:
    """If a writer holds the file, the reason names the lock, after lock_timeout."""
    files.both("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    with closing(sqlite3.connect(files.folder / "modern.db", isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        evidence = files.audit(modern='tenancy = "global"\nlock_timeout = 0.2')
    assert_not_proven(evidence, "modern", "database is locked", "raise lock_timeout")


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"


def test_a_statement_that_takes_too_long_is_stopped(files: Engine) -> None:
    """The reason is the timeout, and the session can be used afterwards."""
    files.both("CREATE TABLE t (id INTEGER PRIMARY KEY, v INT); INSERT INTO t VALUES (1, 2)")
    more = f'[tables.t.columns.v]\nlegacy_sql = "({ENDLESS})"'
    evidence = files.audit(more=more, legacy='tenancy = "global"\nstatement_timeout = 0.3')
    assert_not_proven(evidence, "legacy", "statement timeout; raise statement_timeout")
    with connected(files.legacy.url, statement_timeout=0.2) as connection:
        with pytest.raises(DBAPIError):
            connection.exec_driver_sql(ENDLESS)
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1


def test_another_thread_can_stop_a_statement(tmp_path: Path) -> None:
    """A statement without an end is stopped when another thread cancels it."""
    file = File(tmp_path / "t.db")
    file.run("CREATE TABLE t (id INT)")
    with connected(file.url) as connection:
        connection.exec_driver_sql("SELECT 1")
        threading.Timer(0.2, SQLite().cancel, [connection]).start()
        started = time.monotonic()
        with pytest.raises(DBAPIError, match="interrupted"):
            connection.exec_driver_sql(ENDLESS)
    assert time.monotonic() - started < 10


# ---- the digest


def test_the_handshake_and_wide_rows(tmp_path: Path) -> None:
    """The portable digest equals Python's, for two columns and for two thousand."""
    file = File(tmp_path / "t.db")
    file.run("CREATE TABLE t (id INT)")
    texts = [None if n % 7 == 0 else f"é{n}" for n in range(500)]
    with connected(file.url) as connection:
        assert trusted_digests(connection, SQLite(), "UTF8").trusted == tuple(Portable)
        asked = [literal(text, Text) for text in texts]
        hashes = [SQLite().portable_hash(asked, -5, digest) for digest in Portable]
        answers = connection.execute(select(*hashes)).one()
    assert list(answers) == [portable_hash(texts, -5, digest) for digest in Portable]


def test_sums_are_exact() -> None:
    """The digest's sum is exact beyond the range of SQLite's own sum."""
    total = ExactSum()
    for number in (2**63 - 1, 2**63 - 1, 1, None):
        total.step(number)
    assert total.finalize() == str(2**64 - 1)


@pytest.fixture(scope="module")
def speller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """Return a session in which SQL can write numbers as texts."""
    file = File(tmp_path_factory.mktemp("speller") / "t.db")
    file.run("CREATE TABLE t (id INT)")
    with connected(file.url) as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.create_function("in_utc", 2, in_utc, deterministic=True)
        yield connection


def in_utc(moment: str, offset: str) -> str:
    """Return the UTC time of a clock that is ahead of UTC by an offset."""
    hours, minutes, seconds = (int(part) for part in offset[1:].split(":"))
    ahead = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    clock = datetime.fromisoformat(moment)
    try:
        return str(clock + ahead if offset[0] == "-" else clock - ahead)
    except OverflowError:  # Python has no year 10000.
        return str(clock.replace(year=9996) + ahead).replace("9997", "10000", 1)


def shifted(moment: ColumnElement[str], offset: ColumnElement[str]) -> ColumnElement[str]:
    """Return SQL for :func:`in_utc`.

    SQLite's own texts are made in Python, without SQL.
    """
    return func.in_utc(moment, offset, type_=Text)


@given(number=st.floats(allow_nan=False))
def test_numbers_are_spelled_as_all_engines_spell_them(speller: Connection, number: float) -> None:
    """Python's text of a double equals the text that the common SQL makes of it."""
    assert float_text(number) == speller.scalar(select(as_float(literal(repr(number), Text))))
    assert float(decimal_text(number)) == number


PIECES = st.sampled_from(
    [
        *("2024-01-02", "03:04", ":05", ".50", "+00", "Infinity", "nan", "e10000", "true", "FALSE"),
        *(
            "2024-02-30",
            "9999-12-31",
            "0001-01-01T",
            "+02",
            ":30",
            "-0530",
            " UTC",
            "E+3",
            "e-0012",
        ),
        *("{", "}", "urn:uuid:", "yes", "No", "off", "e-0012"),
        *("\\xAB", "a0eebc999c0b4ef8BB6D6bb9bd380a11", "é", "\u212a", "\u0130nf", "\u0662"),
        *"0123456789+-.:eETZ tfx\n\\",
    ]
)


@given(text=st.lists(PIECES, max_size=6).map("".join), family=st.sampled_from(sorted(SPELLINGS)))
def test_texts_are_read_as_all_engines_read_them(
    speller: Connection, text: str, family: str
) -> None:
    """Python reads a text as the same value as the common SQL, or leaves it unchanged."""
    meant, zone = (Family.TIMESTAMPTZ, "UTC") if family == IN_UTC else (Family(family), None)
    common = spell(
        literal(text, Text),
        Family.WRITTEN,
        meant,
        common=True,
        shifted=shifted,
        zone=zone,
    )
    own = spell_text(text.encode(), family)
    assert speller.scalar(select(common)) == (text if own is None else own)


def test_each_row_is_hashed_once(tmp_path: Path) -> None:
    """Each row is hashed once for any number of aggregates.

    A subquery with a limit is not flattened.
    """
    file = File(tmp_path / "t.db")
    file.run("CREATE TABLE t (v INT); INSERT INTO t VALUES (1), (2), (3)")
    calls: list[int] = []

    def hashed(value: int) -> int:
        calls.append(value)
        return value

    with connected(file.url) as connection:
        driver: Any = connection.connection.dbapi_connection
        driver.create_function("hashed", 1, hashed)
        rows = select(func.hashed(column("v")).label("h")).select_from(table("t"))
        inner = SQLite().once(rows).subquery()
        outer = select(func.count(inner.c.h), SQLite().exact_sum(inner.c.h))
        assert connection.execute(outer).one() == (3, "6")
    assert calls == [1, 2, 3]
