"""SQL of the settings that compares loosely is named in the report, and the advice is exact."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_tenantparity.model import Evidence, Status
from pytest_tenantparity.parity.sql_warnings import warnings_of
from pytest_tenantparity.stacks import ColumnFacts, Family

from ..support.engine_driver import Engine, seen
from ..support.engine_pairs import SQLitePlace
from ..support.mariadb import MariaDatabase
from ..support.postgresql import Cluster, Database, new_database
from ..support.project import Migration

pytest_plugins = ["tests.support.project"]

COLUMNS = (
    ColumnFacts("phone", "varchar(20)", "varchar", Family.TEXT, charset="utf8mb4", fuzzy=True),
    ColumnFacts("old", "varchar(20)", "varchar", Family.TEXT, charset="latin1", fuzzy=True),
    ColumnFacts("exact", "text", "text", Family.TEXT, charset="utf8mb4"),
    ColumnFacts("fixed", "char(9)", "character", Family.PADDED),
    ColumnFacts("cents", "int", "int", Family.INTEGER),
    ColumnFacts("price", "decimal(9,2)", "decimal", Family.DECIMAL, scale=2),
    ColumnFacts("ratio", "double", "double", Family.FLOAT),
)
MARIA, MYSQL, POSTGRES, LITE = "MariaDB", "MySQL", "PostgreSQL", "SQLite"
LOOSE = [
    (MARIA, "NULLIF(phone, '')", "write phone COLLATE utf8mb4_nopad_bin"),
    (MYSQL, "NULLIF(phone, '')", "write phone COLLATE utf8mb4_0900_bin"),
    (MARIA, "IF(old = 'x', 1, 0)", "write CONVERT(old USING utf8mb4) COLLATE utf8mb4_nopad_bin"),
    (MARIA, "CASE phone WHEN 'a' THEN 1 END", "compares phone"),
    (MARIA, "`phone` IN ('a')", "compares phone"),
    (MARIA, "CASE WHEN cents > 5 AND 'a' = phone THEN 1 END", "compares phone"),
    (MARIA, "phone LIKE 'a%'", "compares phone"),
    (MARIA, "(SELECT MAX(x) FROM u WHERE x = phone)", "compares phone"),
    (MARIA, "exact = 1", "'1a' is 1"),
    (MARIA, "exact IN (1, 2)", "'1a' is 1"),
    (MARIA, "exact + 0", "'1a' is 1"),
    (MARIA, "cents = '1'", "'1a' is 1"),
    (MARIA, "cents IN ('1', '2')", "'1a' is 1"),
    (MARIA, "exact || 'x'", "|| is OR"),
    (MYSQL, "cents / 100", "round to 4 digits"),
    (MYSQL, r"CONCAT(exact, '\n')", "backslash"),
    (MARIA, 'CONCAT("exact", 1)', '"exact" is a text'),
    (MARIA, "CONVERT(exact USING latin1)", "makes '?'"),
    (MARIA, "(SELECT GROUP_CONCAT(x) FROM u)", "max_allowed_packet"),
    (MARIA, "CAST(exact AS UNSIGNED)", "CAST AS UNSIGNED can make one value of several"),
    (MARIA, "CONVERT(exact, SIGNED)", "CONVERT to SIGNED can make one value of several"),
    (POSTGRES, "phone = 'x'", 'write phone::text COLLATE "C"'),
    (POSTGRES, "NULLIF(fixed, '')", "fixed is char(n)"),
    (POSTGRES, "cents / 100", "7 / 2 is 3"),
    (POSTGRES, "lower(exact)", "lower".upper()),
    (POSTGRES, "date_trunc('second', x)", "DATE_TRUNC"),
    (POSTGRES, "price::int", "::int"),
    (POSTGRES, "exact::varchar(3)", "::varchar"),
    (POSTGRES, "exact ILIKE 'x'", "ILIKE"),
    (POSTGRES, "round(price, 1)", "ROUND"),
    (LITE, "cents / 100", "7 / 2 is 3"),
    (LITE, "exact + 0", "'1a' is 1"),
    (LITE, "exact LIKE 'a'", "LIKE"),
    (LITE, "exact = 'a' COLLATE NOCASE", "NOCASE"),
    (LITE, '"exatc" IS NULL', '"exatc" is no column'),
    ("DuckDB archive", "cents // 100", "//"),
]
FINE = [
    (MARIA, "NULLIF(phone COLLATE utf8mb4_nopad_bin, '')"),
    (MARIA, "BINARY phone = 'a'"),
    (MARIA, "CONCAT(exact, 'it''s || and / -- no comment')"),
    (MARIA, "CONCAT(phone, '') -- phone = 'a'"),
    (MARIA, "exact = '1'"),
    (MARIA, "cents = 1 # || '1a' / 2"),
    (MARIA, "ratio / 2"),
    (MARIA, "CAST(cents AS CHAR)"),
    (MARIA, "LOWER_LIMIT"),
    (MARIA, "CASE WHEN cents > 5 THEN phone END"),
    (MARIA, "CONCAT(phone, cents IN (1, 2), NULLIF(cents, 0))"),
    (POSTGRES, "exact || 'x'"),
    (POSTGRES, "exact = 'x'"),
    (POSTGRES, "cents / 100.0"),
    (POSTGRES, "cents::numeric / 100"),
    (POSTGRES, "price / 2"),
    (POSTGRES, "exact::text"),
    (POSTGRES, r"exact = '\n' AND $$lower(x) / 2$$ = exact"),
    (POSTGRES, '"exact" /* round(1) */ IS NULL'),
    (POSTGRES, "phone::text COLLATE \"C\" = 'x'"),
    (LITE, '"exact" IS NULL OR "t"."gone" IS NULL'),
    (LITE, "cents / 100.0"),
]


@pytest.mark.parametrize(("engine", "sql", "said"), LOOSE)
def test_loose_sql_is_named(engine: str, sql: str, said: str) -> None:
    """A warning says what is taken for equal, and in the words of the engine what would not be."""
    assert said in "\n".join(warnings_of(sql, engine, COLUMNS)), warnings_of(sql, engine, COLUMNS)


@pytest.mark.parametrize(("engine", "sql"), FINE)
def test_exact_sql_is_not(engine: str, sql: str) -> None:
    """Texts, comments, quoted names and exact operators are no reason for a warning."""
    assert warnings_of(sql, engine, COLUMNS) == []


def _warnings(evidence: Evidence) -> str:
    return "\n".join(each.rule for each in evidence.rules if each.rule.startswith("warning: "))


def test_the_cure_is_exact_in_mariadb(
    mysql_db: MariaDatabase, modern_db: Database, engine: Engine
) -> None:
    """Spaces, case and a text that begins with a number match as the SQL has it, then no more."""
    mysql_db.run(
        "CREATE TABLE t (id int PRIMARY KEY, phone varchar(9), old varchar(9) charset latin1, "
        "code varchar(9))"
    )
    mysql_db.run("INSERT INTO t VALUES (1, '  ', '  ', '1a'), (2, '', '', '1'), (3, 'A', 'A', '2')")
    modern_db.run("CREATE TABLE t (id int PRIMARY KEY, phone text, old text, code int)")
    modern_db.run("INSERT INTO t VALUES (1, NULL, NULL, 1), (2, NULL, NULL, 1), (3, 'A', 'A', 0)")
    own = replace(engine, legacy=mysql_db)  # type: ignore[arg-type]
    column = '[tables.t.columns.{}]\nlegacy_sql = "{}"\n'
    loose = (
        column.format("phone", "NULLIF(phone, '')")
        + column.format("old", "NULLIF(old, '')")
        + column.format("code", "CASE WHEN code = 1 THEN 1 ELSE 0 END")
    )
    evidence = own.audit(more=loose)
    assert evidence.status is Status.MATCH  # as the SQL has it
    for words in (
        "warning: [tables.t.columns.phone] legacy_sql: it compares phone",
        "write phone COLLATE utf8mb4_nopad_bin",
        "write CONVERT(old USING utf8mb4) COLLATE utf8mb4_nopad_bin",
        "[tables.t.columns.code] legacy_sql: it takes a text for a number beside code",
    ):
        assert words in _warnings(evidence)
    exact = (
        column.format("phone", "NULLIF(phone COLLATE utf8mb4_nopad_bin, '')")
        + column.format("old", "NULLIF(CONVERT(old USING utf8mb4) COLLATE utf8mb4_nopad_bin, '')")
        + column.format("code", "CASE WHEN code COLLATE utf8mb4_nopad_bin = '1' THEN 1 ELSE 0 END")
    )
    evidence = own.audit(more=exact)
    assert seen(evidence) == [("changed", ("1",), ("phone", "old", "code"))]
    assert _warnings(evidence) == ""


def test_filters_and_maps_are_looked_at(debian_cluster: Cluster, tmp_path: Path) -> None:
    """A filter over citext takes more rows than are meant; the cure takes those alone."""
    legacy, modern = new_database(debian_cluster), new_database(debian_cluster)
    try:
        own = Engine(legacy, modern, tmp_path)
        own.both("CREATE EXTENSION citext; CREATE TABLE ids (old int, new int, kind citext)")
        own.both("INSERT INTO ids VALUES (1, 1, 'order'), (2, 2, 'Order')")
        own.both("CREATE TABLE t (id int PRIMARY KEY, status citext, ref int)")
        own.both("INSERT INTO t VALUES (1, 'paid', 1), (2, 'Paid', 2)")
        text = 'status::text COLLATE \\"C\\"'
        settings = """
            [maps.ids]
            table = "ids"
            legacy = "old"
            modern = "new"
            filter = "kind = 'order'"
            [tables.t]
            legacy_filter = {{ sql = "{0} = 'paid'", reason = "a test" }}
            modern_filter = {{ sql = "{0} = 'paid'", reason = "a test" }}
            [tables.t.columns.ref]
            map = "ids"
        """
        loose, exact = (own.audit(more=settings.format(each)) for each in ("status", text))
        assert (loose.rows.legacy, exact.rows.legacy) == (2, 1)
        assert "[tables.t] legacy_filter: it compares status" in _warnings(loose)
        assert "[tables.t] modern_filter: it compares status" in _warnings(loose)
        assert "[maps.ids] filter: it compares kind" in _warnings(loose)
        assert "legacy_filter" not in _warnings(exact)
    finally:
        legacy.drop()
        modern.drop()


def test_sqlite_divides_whole_numbers(modern_db: Database, tmp_path: Path) -> None:
    """The warning stands beside the column, also where the survey of all rows shows a match."""
    lite = SQLitePlace(tmp_path / "old.sqlite")
    with closing(sqlite3.connect(lite.path)) as connection, connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, cents INTEGER)")
        connection.execute("INSERT INTO t VALUES (1, 199)")
    modern_db.run("CREATE TABLE t (id int PRIMARY KEY, cents int)")
    modern_db.run("INSERT INTO t VALUES (1, 1)")
    own = Engine(lite, modern_db, tmp_path)  # type: ignore[arg-type]
    evidence = own.audit(more='[tables.t.columns.cents]\nlegacy_sql = "cents / 100"')
    assert evidence.status is Status.MATCH
    (rule,) = (each for each in evidence.rules if each.rule.startswith("warning: "))
    assert rule.column == "cents"


def test_a_warning_is_seen_in_the_terminal_and_first_in_each_report(project: Migration) -> None:
    """A run that is GO under loose SQL says so before it says where the report is."""
    own_sql = '[tables.trades.columns.note]\nlegacy_sql = "{0}"\nmodern_sql = "{0}"'
    project.settings(own_sql.format("lower(note)"))
    outcome = project.run("--fail-on-drift")
    assert outcome.verdict == "GO"
    said = "warning: [tables.trades.columns.note] legacy_sql: LOWER can make one value of several"
    assert outcome.stdout.index(said) < outcome.stdout.index("report: ")
    for suffix in (".html", ".md"):
        text = outcome.files[suffix]
        assert text.index("can make one value of several") < text.rindex("side is lower")
    assert any(
        rule["rule"].startswith(said) and rule["column"] == "note"
        for rule in outcome.check("acme", "trades")["rules"]
    )
