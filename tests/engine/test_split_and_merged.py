"""One table that became several, and several that became one: every row is in exactly one pair."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_tenantparity.errors import SettingsError
from pytest_tenantparity.model import Outcome

from ..support.engine_driver import SHARED, Engine
from ..support.expectations import assert_drift, assert_match, assert_not_proven
from ..support.files import engine_over
from ..support.mariadb import MariaDatabase
from ..support.postgresql import Database

ORDERS = (
    "CREATE TABLE orders (id int PRIMARY KEY, year int, total int)",
    "INSERT INTO orders VALUES (1, 2023, 10), (2, 2023, 20), (3, 2024, 30)",
)
SPLIT = (
    "CREATE TABLE old_orders (id int PRIMARY KEY, year int, total int)",
    "CREATE TABLE new_orders (id int PRIMARY KEY, year int, total int)",
    "INSERT INTO old_orders VALUES (1, 2023, 10), (2, 2023, 20)",
    "INSERT INTO new_orders VALUES (3, 2024, 30)",
)
BY_YEAR = """
[tables.old_orders]
legacy = "orders"
legacy_filter = {{ sql = "year {} 2023", reason = "they went to the archive" }}
[tables.new_orders]
legacy = "orders"
legacy_filter = {{ sql = "year > 2023", reason = "they stayed" }}
"""


def split_by_rows(legacy: Database | MariaDatabase, modern: Database) -> None:
    """Make one legacy table whose rows went to two modern tables."""
    for statement in ORDERS:
        legacy.run(statement)
    for statement in SPLIT:
        modern.run(statement)


def test_rows_that_were_divided(engine: Engine) -> None:
    """Each part matches the rows of its filter, and no row is in none of the parts or in both."""
    split_by_rows(engine.legacy, engine.modern)
    with engine.opened(BY_YEAR.format("=")) as run:
        assert_match(run.audit("global", "old_orders"), rows=2)
        assert_match(run.audit("global", "new_orders"), rows=1)
        assert run.audit("coverage", "").outcome is Outcome.PROVEN
    engine.modern.run("INSERT INTO old_orders VALUES (7, 2022, 1)")
    with engine.opened(BY_YEAR.format("=")) as run:
        assert_drift(run.audit("global", "old_orders"), ("extra", ("7",), ()))


def test_a_gap_and_an_overlap_of_filters(
    engine: Engine, mysql_db: MariaDatabase, modern_db: Database, tmp_path: Path
) -> None:
    """Rows in no pair, or in two, are counted and named by the coverage check, on both engines."""
    more = [(5, 2022, 1), (6, 2024, 2), (8, "NULL", 3)]
    for legacy, modern in ((engine.legacy, engine.modern), (mysql_db, modern_db)):
        if legacy is engine.legacy:
            split_by_rows(legacy, modern)
        else:
            for statement in ORDERS:
                legacy.run(statement)
        for row in more:
            legacy.run(f"INSERT INTO orders VALUES ({row[0]}, {row[1]}, {row[2]})")
        own = engine_over(legacy, modern, tmp_path)
        with own.opened(BY_YEAR.format("=")) as run:
            assert_not_proven(
                run.audit("coverage", ""),
                "2 legacy rows of",
                "orders are in none of the pairs 'old_orders' and 'new_orders': their filters "
                "leave a gap (id = '5'; id = '8')",
            )
        with own.opened(BY_YEAR.format(">=")) as run:
            assert_not_proven(
                run.audit("coverage", ""),
                "2 legacy rows of",
                "several of the pairs 'old_orders' and 'new_orders': their filters overlap "
                "(id = '3'; id = '6')",
            )
        masked = f"{BY_YEAR}[tables.new_orders.columns.total]\nmask = true\n"
        with own.opened(masked.format("=")) as run:
            (said,) = run.audit("coverage", "").reasons
            assert said.endswith("their filters leave a gap")


def test_tables_that_were_merged(engine: Engine) -> None:
    """Two legacy tables in one modern table: each pair has the rows of its filter there."""
    engine.legacy.run("CREATE TABLE shops (id int PRIMARY KEY, name text)")
    engine.legacy.run("CREATE TABLE depots (id int PRIMARY KEY, name text)")
    engine.legacy.run("INSERT INTO shops VALUES (1, 'a'); INSERT INTO depots VALUES (2, 'b')")
    engine.modern.run("CREATE TABLE places (id int PRIMARY KEY, name text, kind text)")
    engine.modern.run("INSERT INTO places VALUES (1, 'a', 'shop'), (2, 'b', 'depot')")
    more = "".join(
        f"""
[tables.{kind}s]
modern = "places"
modern_filter = {{ sql = "kind = '{kind}'", reason = "the {kind}s" }}
ignore = {{ "modern.kind" = "is the filter" }}
"""
        for kind in ("shop", "depot")
    )
    with engine.opened(more) as run:
        assert_match(run.audit("global", "shops"), rows=1)
        assert_match(run.audit("global", "depots"), rows=1)
        assert run.audit("coverage", "").outcome is Outcome.PROVEN
    without = more.replace("modern_filter", "# modern_filter", 1)
    with pytest.raises(SettingsError, match="modern_filter for each of them"):
        engine.audit("shops", more=without)
    engine.modern.run("INSERT INTO places VALUES (3, 'c', 'kiosk')")
    with engine.opened(more) as run:
        said = "1 modern rows of public.places are in none of the pairs 'shops' and 'depots'"
        assert_not_proven(run.audit("coverage", ""), said)


def test_columns_that_were_divided(engine: Engine) -> None:
    """A column that another pair of the table compares is not missing; one in no pair is."""
    engine.legacy.run("CREATE TABLE people (id int PRIMARY KEY, name text, street text)")
    engine.legacy.run("INSERT INTO people VALUES (1, 'a', 'x'), (2, 'b', 'y')")
    engine.modern.run("CREATE TABLE people (id int PRIMARY KEY, name text)")
    engine.modern.run("INSERT INTO people VALUES (1, 'a'), (2, 'b')")
    engine.modern.run("CREATE TABLE addresses (id int PRIMARY KEY, street text)")
    engine.modern.run("INSERT INTO addresses VALUES (1, 'x'), (2, 'z')")
    more = '[tables.people]\n[tables.addresses]\nlegacy = "people"\n'
    with engine.opened(more, legacy=SHARED, modern=SHARED) as run:
        found = run.audit("global", "people")
        assert_match(found, rows=2)
        said = [each.rule for each in found.rules if each.column == "street"]
        assert said == ["the legacy column is compared in the pair addresses"]
        assert_drift(run.audit("global", "addresses"), ("changed", ("2",), ("street",)))
        assert run.audit("coverage", "").outcome is Outcome.PROVEN
    engine.legacy.run("ALTER TABLE people ADD COLUMN phone text")
    with engine.opened(more) as run:
        assert_not_proven(run.audit("global", "people"), "'phone'", "has no counterpart")


def test_a_part_with_a_filter_does_not_stand_for_all_rows(engine: Engine) -> None:
    """A column that is compared for some rows only is missing for the others."""
    split_by_rows(engine.legacy, engine.modern)
    engine.modern.run("ALTER TABLE old_orders DROP COLUMN total")
    with engine.opened(BY_YEAR.format("=")) as run:
        assert_not_proven(run.audit("global", "old_orders"), "'total'", "has no counterpart")


SPLIT_BY_COLUMNS = """
    CREATE TABLE people (id int PRIMARY KEY, tenant text, name text, street text);
    INSERT INTO people VALUES (1, 'a', 'n', 'x'), (2, NULL, 'm', 'lost')
"""
ADDRESSES = """
[tables.people]
[tables.addresses]
legacy = "people"
{}
modern_tenancy = {{ column = "tenant" }}
[tenants.a]
"""


def test_columns_of_other_rows(engine: Engine) -> None:
    """A column that another pair compares in other rows, or in some of the rows, is missing."""
    engine.legacy.run(SPLIT_BY_COLUMNS)
    engine.legacy.run("CREATE SCHEMA of_a; CREATE TABLE of_a.people AS TABLE people LIMIT 1")
    engine.modern.run("CREATE TABLE people (id int PRIMARY KEY, tenant text, name text)")
    engine.modern.run("INSERT INTO people VALUES (1, 'a', 'n'), (2, NULL, 'm')")
    engine.modern.run("CREATE TABLE addresses (id int PRIMARY KEY, tenant text, street text)")
    engine.modern.run("INSERT INTO addresses VALUES (1, 'a', 'x')")
    some_rows = "legacy_tenancy = { column = 'tenant' }\nunassigned = { legacy = 'of nobody' }"
    for tenancy in ("legacy_tenancy = { schema = 'of_{tenant}' }", some_rows):
        with engine.opened(ADDRESSES.format(tenancy)) as run:
            assert_not_proven(run.audit("global", "people"), "'street' of 'people' has no counter")
    ignored = 'ignore = { street = "of no use", tenant = "of no use" }'
    with engine.opened(ADDRESSES.format(ignored)) as run:
        assert_not_proven(run.audit("global", "people"), "'street' of 'people' has no counter")
    for own, others in (
        ("legacy_tenancy = { schema = 'of_{tenant}' }", ""),
        ("legacy_tenancy = { column = 'tenant' }", some_rows),
    ):
        people = f"[tables.people]\n{own}\nmodern_tenancy = {{ column = 'tenant' }}\n"
        more = ADDRESSES.format(others).replace("[tables.people]\n", people)
        with engine.opened(more) as run:
            assert_not_proven(run.audit("a", "people"), "'street' of 'people' has no counter")


def test_the_accounted_table_is_that_of_the_snapshot(engine: Engine) -> None:
    """Two columns exchange their names before rows in no pair are counted: nothing is proven."""
    split_by_rows(engine.legacy, engine.modern)
    engine.legacy.run("INSERT INTO orders VALUES (9, NULL, 1)")
    engine.legacy.run("ALTER TABLE orders ADD other int DEFAULT 2024")
    with engine.opened(BY_YEAR.format("=")) as run:
        assert_not_proven(run.audit("coverage", ""), "their filters leave a gap (id = '9')")
    with engine.opened(BY_YEAR.format("=")) as run:
        engine.legacy.run(
            "ALTER TABLE orders RENAME year TO x; ALTER TABLE orders RENAME other TO year;"
            "ALTER TABLE orders RENAME x TO other"
        )
        assert_not_proven(run.audit("coverage", ""), "orders was altered after the snapshot")
