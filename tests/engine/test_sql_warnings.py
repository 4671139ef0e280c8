"""The report warns of SQL in the settings that compares loosely, and its advice is exact."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from pytest_tenantparity.model import Evidence, Outcome

from ..support.engine_driver import Engine, seen
from ..support.engine_pairs import SQLitePlace
from ..support.mariadb import MariaDatabase
from ..support.postgresql import Cluster, Database, new_database
from ..support.project import Migration

pytest_plugins = ["tests.support.project"]


def _warnings(evidence: Evidence) -> str:
    return "\n".join(each.rule for each in evidence.rules if each.rule.startswith("warning: "))


LOOSE = {
    "phone": "NULLIF(phone, '')",
    "old": "NULLIF(old, '')",
    "code": "CASE WHEN code = 1 THEN 1 ELSE 0 END",
}
EXACT = {
    "phone": "NULLIF(phone COLLATE utf8mb4_nopad_bin, '')",
    "old": "NULLIF(CONVERT(old USING utf8mb4) COLLATE utf8mb4_nopad_bin, '')",
    "code": "CASE WHEN code COLLATE utf8mb4_nopad_bin = '1' THEN 1 ELSE 0 END",
}


def test_the_cure_is_exact_in_mariadb(
    mysql_db: MariaDatabase, modern_db: Database, engine: Engine
) -> None:
    """Loose SQL matches despite spaces, case, or a text that begins with a number.

    The SQL of the advice no longer matches these values.
    """
    for table in ("loose", "exact"):
        mysql_db.run(
            f"CREATE TABLE {table} (id int PRIMARY KEY, phone varchar(9), "
            "old varchar(9) charset latin1, code varchar(9))"
        )
        mysql_db.run(
            f"INSERT INTO {table} VALUES "
            "(1, '  ', '  ', '1a'), (2, '', '', '1'), (3, 'A', 'A', '2')"
        )
        modern_db.run(
            f"CREATE TABLE {table} (id int PRIMARY KEY, phone text, old text, code int);"
            f"INSERT INTO {table} VALUES (1, NULL, NULL, 1), (2, NULL, NULL, 1), (3, 'A', 'A', 0)"
        )
    own = replace(engine, legacy=mysql_db)  # type: ignore[arg-type]
    settings = [
        f'[tables.{table}.columns.{column}]\nlegacy_sql = "{sql}"'
        for table, columns in (("loose", LOOSE), ("exact", EXACT))
        for column, sql in columns.items()
    ]
    with own.opened("\n".join(settings)) as run:
        loose, exact = run.audit("global", "loose"), run.audit("global", "exact")
    assert loose.outcome is Outcome.PROVEN  # by the loose SQL
    for words in (
        "warning: [tables.loose.columns.phone] legacy_sql: it compares phone",
        "write phone COLLATE utf8mb4_nopad_bin",
        "write CONVERT(old USING utf8mb4) COLLATE utf8mb4_nopad_bin",
        "[tables.loose.columns.code] legacy_sql: it takes a text for a number beside code",
    ):
        assert words in _warnings(loose)
    assert seen(exact) == [("changed", ("1",), ("phone", "old", "code"))]
    assert _warnings(exact) == ""


def test_filters_and_maps_are_looked_at(debian_cluster: Cluster, tmp_path: Path) -> None:
    """A filter over citext takes more rows than intended; the advised filter takes those alone."""
    legacy, modern = new_database(debian_cluster), new_database(debian_cluster)
    try:
        own = Engine(legacy, modern, tmp_path)
        own.both("CREATE EXTENSION citext; CREATE TABLE ids (old int, new int, kind citext)")
        own.both("INSERT INTO ids VALUES (1, 1, 'order'), (2, 2, 'Order')")
        settings = """
            [maps.ids]
            table = "ids"
            legacy = "old"
            modern = "new"
            filter = "kind = 'order'"
        """
        for table, column in (("loose", "status"), ("exact", 'status::text COLLATE \\"C\\"')):
            own.both(
                f"CREATE TABLE {table} (id int PRIMARY KEY, status citext, ref int);"
                f"INSERT INTO {table} VALUES (1, 'paid', 1), (2, 'Paid', 2)"
            )
            settings += f"""
                [tables.{table}]
                legacy_filter = {{ sql = "{column} = 'paid'", reason = "a test" }}
                modern_filter = {{ sql = "{column} = 'paid'", reason = "a test" }}
                [tables.{table}.columns.ref]
                key_map = "ids"
            """
        with own.opened(settings) as run:
            loose, exact = run.audit("global", "loose"), run.audit("global", "exact")
        assert (loose.rows.legacy, exact.rows.legacy) == (2, 1)
        assert "[tables.loose] legacy_filter: it compares status" in _warnings(loose)
        assert "[tables.loose] modern_filter: it compares status" in _warnings(loose)
        assert "[maps.ids] filter: it compares kind" in _warnings(loose)
        assert 'status::text COLLATE "C"' in _warnings(loose)
        assert "legacy_filter" not in _warnings(exact)
    finally:
        legacy.drop()
        modern.drop()


def test_sqlite_divides_whole_numbers(modern_db: Database, tmp_path: Path) -> None:
    """The warning is attached to the column, even if the scan of all rows shows a match."""
    lite = SQLitePlace(tmp_path / "old.sqlite")
    with closing(sqlite3.connect(lite.path)) as connection, connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, cents INTEGER)")
        connection.execute("INSERT INTO t VALUES (1, 199)")
    modern_db.run("CREATE TABLE t (id int PRIMARY KEY, cents int)")
    modern_db.run("INSERT INTO t VALUES (1, 1)")
    own = Engine(lite, modern_db, tmp_path)  # type: ignore[arg-type]
    evidence = own.audit(more='[tables.t.columns.cents]\nlegacy_sql = "cents / 100"')
    assert evidence.outcome is Outcome.PROVEN
    (rule,) = (each for each in evidence.rules if each.rule.startswith("warning: "))
    assert rule.column == "cents"


def test_a_warning_is_seen_in_the_terminal_and_first_in_each_report(project: Migration) -> None:
    """The warning comes before the report's path in the terminal, and first in each report.

    That holds even if the run is GO.
    """
    own_sql = '[tables.trades.columns.note]\nlegacy_sql = "{0}"\nmodern_sql = "{0}"'
    project.settings(own_sql.format("lower(note)"))
    outcome = project.run("--fail-on-drift", "--tenants=acme")
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
