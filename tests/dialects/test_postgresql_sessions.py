"""A match means equal, for any session settings, collations, encodings and versions."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_tenantparity.model import NamedRule

from ..support.changed_tables import Change, check_changes, checks
from ..support.each_value import each_value
from ..support.engine_driver import Engine, Seen
from ..support.expectations import assert_drift, assert_match, assert_not_proven
from ..support.postgresql import CASELESS, Cluster, Database, new_database

# ---- time zones and session settings

EVERY_TYPE = """
    CREATE TABLE {t} (
        id int PRIMARY KEY, stamp timestamptz, naive timestamp, day date, span interval,
        wide float8, narrow float4, bytes bytea, period tstzrange, doc jsonb, list float8[],
        days date[], spans interval[], padded char(5), word text, clock timetz, amount numeric
    );
    INSERT INTO {t} SELECT
        g, timestamptz '2024-03-31 00:30:00.25Z' + g * interval '1 hour',
        timestamp '2024-03-31 00:30', date '2024-02-03', interval '1 year -2 days 3.5 s',
        0.1::float8 + 0.2::float8, 0.1, decode('00ff5c27', 'hex'),
        tstzrange('2024-03-31 00:30Z', '2024-10-27 00:30Z'), '{"a": 1.5}',
        ARRAY[1e-20, 0.1], ARRAY[date '2024-02-03'], ARRAY[interval '1 mon 2 days'],
        'ab', 'é😀', '12:00+05:30', 1.50
    FROM generate_series(1, 10) g;
"""

SESSION_SETTINGS = [
    "TimeZone = 'America/New_York'",
    "DateStyle = 'German, DMY'",
    "DateStyle = 'SQL, MDY'",
    "IntervalStyle = 'iso_8601'",
    "extra_float_digits = -15",
    "bytea_output = 'escape'",
    "client_encoding = 'LATIN1'",
    "search_path = 'pg_catalog'",
    "row_security = off",
    "quote_all_identifiers = on",
    "standard_conforming_strings = off",
    "transform_null_equals = on",
    "array_nulls = off",
    "default_transaction_isolation = 'serializable'",
]


def _zones_of_many_types(engine: Engine) -> None:
    """Make a table that is equal on both sides, and one in which a row differs by hours."""
    for table in ("alike", "shifted"):
        engine.both(EVERY_TYPE.replace("{t}", table))
    engine.modern.run("UPDATE shifted SET stamp = stamp + interval '4 hours' WHERE id = 3")


def test_settings_of_a_database_or_role_do_not_leak(engine: Engine) -> None:
    """Session settings of a database or a role neither make drift nor hide it.

    Each setting is tried alone for a database, and all settings at once for a role.
    """
    _zones_of_many_types(engine)
    name = engine.legacy.name
    database, role = f"DATABASE {name}", f"ROLE postgres IN DATABASE {name}"
    many = [each for each in SESSION_SETTINGS if "SQL, MDY" not in each]
    trials: list[tuple[str, tuple[str, ...]]] = [
        (database, (setting,)) for setting in SESSION_SETTINGS
    ]
    trials += [(role, tuple(many)), (role, ("DateStyle = 'SQL, MDY'",))]
    with each_value() as case:
        for target, settings in trials:
            for setting in settings:
                engine.legacy.run(f"ALTER {target} SET {setting}")
            with case(f"{target}: {settings}"), engine.opened() as run:
                assert_match(run.audit("global", "alike"), rows=10)
                assert_drift(run.audit("global", "shifted"), ("changed", ("3",), ("stamp",)))
            engine.legacy.run(f"ALTER {target} RESET ALL")


def test_quoted_type_names_do_not_hide_padding(engine: Engine) -> None:
    """The padding of char(n) is still a difference if a database quotes all identifiers."""
    engine.legacy.run("CREATE TABLE t (id int PRIMARY KEY, v char(3))")
    engine.modern.run("CREATE TABLE t (id int PRIMARY KEY, v text)")
    engine.both("INSERT INTO t VALUES (1, 'a')")
    engine.legacy.run(f"ALTER DATABASE {engine.legacy.name} SET quote_all_identifiers = on")
    assert_drift(engine.audit(), ("changed", ("1",), ("v",)))


@pytest.fixture
def _elsewhere(legacy_cluster: Cluster) -> Iterator[None]:
    """Give the legacy server another time zone and date style, as by its postgresql.conf."""

    def reload(zone: str) -> None:
        with legacy_cluster.connect() as admin:
            admin.execute("SELECT pg_reload_conf()")
        while True:  # a reload takes a moment
            with legacy_cluster.connect() as admin:
                if (str(*admin.execute("SHOW TimeZone").fetchone() or "") == zone) is True:
                    return
            time.sleep(0.01)

    with legacy_cluster.connect() as admin:
        before = str(*admin.execute("SHOW TimeZone").fetchone() or "")
        admin.execute("ALTER SYSTEM SET TimeZone = 'Asia/Kathmandu'")
        admin.execute("ALTER SYSTEM SET DateStyle = 'SQL, DMY'")
    reload("Asia/Kathmandu")
    yield
    with legacy_cluster.connect() as admin:
        admin.execute("ALTER SYSTEM RESET ALL")
    reload(before)


@pytest.mark.usefixtures("_elsewhere")
def test_settings_of_a_server_do_not_leak(engine: Engine) -> None:
    """Two servers with different time zones and date styles hold the same instants."""
    made = EVERY_TYPE.replace("'2024-03-31 00:30'", "'2024-03-31 00:30:00'")
    change = "UPDATE {t} SET stamp = stamp + interval '345 min' WHERE id = 3"
    found = (("changed", ("3",), ("stamp",)),)
    check_changes(engine, [Change("another zone", made, change, found, rows=10)])


def test_naive_times_are_read_in_their_zone(engine: Engine) -> None:
    """Under naive_zone a summer time and a winter time are each read by their own offset.

    Naive times that were migrated as UTC, but were meant in Berlin, are all found. Two naive times
    that Berlin's clock change maps to one instant are not equal.
    """
    for table in ("right", "wrong", "late"):
        engine.legacy.run(f'CREATE TABLE "{table}" (id int PRIMARY KEY, v timestamp)')
        engine.modern.run(f'CREATE TABLE "{table}" (id int PRIMARY KEY, v timestamptz)')
    times = (
        "(1, '2024-01-15 12:00'), (2, '2024-07-15 12:00'), (3, 'infinity'), "
        "(4, '0044-03-15 12:00 BC')"
    )
    for table in ("right", "late"):
        engine.legacy.run(f'INSERT INTO "{table}" VALUES {times}')
        engine.modern.run(
            f"INSERT INTO \"{table}\" SELECT id, v::timestamp AT TIME ZONE 'Europe/Berlin' "
            f"FROM (VALUES {times}) AS x(id, v)"
        )
    engine.modern.run("UPDATE late SET v = '2024-07-15 11:00Z' WHERE id = 2")
    naive = "(1, '2024-01-15 12:00'), (2, '2024-07-15 12:00')"
    engine.legacy.run(f"INSERT INTO wrong VALUES {naive}")
    engine.modern.run(f"INSERT INTO wrong VALUES {naive.replace('00', '00Z')}")
    engine.both("CREATE TABLE naive (id int PRIMARY KEY, v timestamp)")
    engine.legacy.run("INSERT INTO naive VALUES (1, '2024-03-31 02:30')")  # skipped by the clocks
    engine.modern.run("INSERT INTO naive VALUES (1, '2024-03-31 03:30')")
    with checks(engine, '[rules]\nnaive_zone = "Europe/Berlin"') as check:
        with check("right", "right") as evidence:
            assert_match(evidence, rows=4)
            zone = "naive times are meant in Europe/Berlin"
            said = f"{zone}, and in an hour that clocks repeat, its second time"
            assert evidence.rules == (NamedRule(said, "v"),)
        with check("an hour late", "late") as evidence:
            assert_drift(evidence, ("changed", ("2",), ("v",)))
        with check("migrated as UTC", "wrong") as evidence:
            assert_drift(evidence, *(("changed", (n,), ("v",)) for n in ("1", "2")))
        with check("naive on both sides", "naive") as evidence:
            assert_drift(evidence, ("changed", ("1",), ("v",)))


# ---- collations, encodings, versions


@pytest.fixture
def debian_db(debian_cluster: Cluster) -> Iterator[Database]:
    """A fresh database on PostgreSQL 15."""
    database = new_database(debian_cluster)
    yield database
    database.drop()


@pytest.fixture
def upgrade(debian_db: Database, modern_db: Database, tmp_path: Path) -> Engine:
    """PostgreSQL 15 against 18."""
    return Engine(debian_db, modern_db, tmp_path)


@pytest.fixture
def debian_engine(debian_cluster: Cluster, debian_db: Database, tmp_path: Path) -> Iterator[Engine]:
    """PostgreSQL 15 on both sides."""
    other = new_database(debian_cluster)
    yield Engine(debian_db, other, tmp_path)
    other.drop()


def test_collations_and_types_of_extensions_hide_nothing(debian_engine: Engine) -> None:
    """Two texts that are equal only under a nondeterministic ICU collation are drift.

    That holds for a value and for a key. Texts that are equal only as citext are drift, against
    citext and against text. XML in another notation is a finding.
    """
    debian_engine.both(f"{CASELESS}; CREATE EXTENSION citext")
    made = "CREATE TABLE {t} (id int PRIMARY KEY, v text COLLATE caseless); "
    changed: Seen = ("changed", ("1",), ("v",))
    cases = [
        Change(
            f"'{other}' for 'a'",
            f"{made}INSERT INTO {{t}} VALUES (1, 'a'), (2, 'b')",
            f"UPDATE {{t}} SET v = '{other}' WHERE id = 1",
            (changed,),
            rows=2,
        )
        for other in ("A", "ä", "á")
    ]
    cases += [
        Change(
            "a key",
            "CREATE TABLE {t} (id text COLLATE caseless PRIMARY KEY); "
            "INSERT INTO {t} VALUES ('a'), ('b')",
            "UPDATE {t} SET id = 'A' WHERE id = 'a'",
            (("missing", ("a",), ()), ("extra", ("A",), ())),
            rows=2,
        ),
        Change(
            "citext",
            "INSERT INTO {t} VALUES (1, 'a', 'a')",
            "UPDATE {t} SET v = 'A', w = 'A'",
            (("changed", ("1",), ("v", "w")),),
            rows=1,
            legacy="CREATE TABLE {t} (id int PRIMARY KEY, v citext, w citext)",
            modern="CREATE TABLE {t} (id int PRIMARY KEY, v citext, w text)",
        ),
        Change(
            "xml",
            "CREATE TABLE {t} (id int PRIMARY KEY, v xml); INSERT INTO {t} VALUES (1, '<a/>')",
            "UPDATE {t} SET v = '<a></a>'",
            (changed,),
            rows=1,
        ),
    ]
    check_changes(debian_engine, cases)


def test_two_versions_and_collations_agree(upgrade: Engine) -> None:
    """PostgreSQL 15 and 18 have the same digest of the same rows.

    The order of texts differs between the stacks, but the rows found do not.
    """
    words = [word + str(n) for word in ("Ä", "a", "Z", "z", "ß", "_", "é") for n in range(30)]
    ordered = Change(
        "keys under two collations",
        f"INSERT INTO {{t}} VALUES {', '.join(f'({word!r}, 1)' for word in words)}",
        "DELETE FROM {t} WHERE id = 'Ä7'; UPDATE {t} SET v = 2 WHERE id = 'ß3'",
        (("missing", ("Ä7",), ()), ("changed", ("ß3",), ("v",))),
        rows=len(words),
        legacy='CREATE TABLE {t} (id text COLLATE "de-x-icu" PRIMARY KEY, v int)',
        modern='CREATE TABLE {t} (id text COLLATE "C" PRIMARY KEY, v int)',
    )
    change, found = "UPDATE {t} SET wide = 0.3 WHERE id = 4", ("changed", ("4",), ("wide",))
    check_changes(upgrade, [ordered, Change("every type", EVERY_TYPE, change, (found,), rows=10)])


@pytest.fixture
def latin_engine(legacy_cluster: Cluster, modern_db: Database, tmp_path: Path) -> Iterator[Engine]:
    """A LATIN1 database against a UTF8 one."""
    database = new_database(legacy_cluster, encoding="LATIN1")
    yield Engine(database, modern_db, tmp_path)
    database.drop()


def test_two_encodings_agree(latin_engine: Engine) -> None:
    """The same characters in LATIN1 and UTF8 are a match, and other characters are not.

    Keys beyond ASCII match for any number of rows.
    """
    made = "CREATE TABLE {t} (id text PRIMARY KEY, v text); INSERT INTO {t} "
    change = "UPDATE {t} SET v = 'ss7' WHERE id = 'é7'"
    found = (("changed", ("é7",), ("v",)),)
    check_changes(
        latin_engine,
        [
            Change(
                f"{rows} rows",
                f"{made}SELECT 'é' || g, 'ß' || g FROM generate_series(1, {rows}) g",
                change,
                found,
                rows=rows,
            )
            for rows in (300, 15_000)
        ],
    )


def test_bytes_of_no_encoding_are_not_proven(
    legacy_cluster: Cluster, modern_db: Database, tmp_path: Path
) -> None:
    """Bytes of a SQL_ASCII database that are not UTF-8 are a reason, not a crash."""
    database = new_database(legacy_cluster, encoding="SQL_ASCII")
    engine = Engine(database, modern_db, tmp_path)
    engine.both("CREATE TABLE t (id int PRIMARY KEY, v text)")
    engine.modern.run("INSERT INTO t VALUES (1, 'é')")
    database.run("SET client_encoding = 'SQL_ASCII'")
    database.run(r"INSERT INTO t VALUES (1, E'\xe9')")
    evidence = engine.audit()
    database.drop()
    assert_not_proven(evidence, "legacy")
