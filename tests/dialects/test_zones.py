"""A zone's name has one meaning in every engine, or it is refused with a remedy."""

from __future__ import annotations

import re
import shutil
import subprocess
import zoneinfo
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_tenantparity.model import Evidence

from ..support.changed_tables import checks
from ..support.engine_driver import Engine
from ..support.expectations import assert_drift, assert_match, assert_not_proven
from ..support.files import File, engine_over
from ..support.mariadb import MariaServer, new_mariadb_database
from ..support.postgresql import Database

_BERLIN = '[tables.t.columns.v]\nnaive_zone = "Europe/Berlin"\n'


@pytest.fixture
def zones(tmp_path: Path) -> Iterator[Path]:
    """Return a folder in which this machine looks for zones first."""
    folder = tmp_path / "zones"
    for name in ("Mars/Base", "Asia/Tokyo"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy("/usr/share/zoneinfo/Asia/Seoul", folder / name)
    _look_in([str(folder), *zoneinfo.TZPATH])
    yield folder
    _look_in(None)


def _look_in(path: list[str] | None) -> None:
    zoneinfo.reset_tzpath(path)
    zoneinfo.ZoneInfo.clear_cache()


@pytest.mark.usefixtures("zones")
def test_the_server_has_to_know_the_zone(engine: Engine) -> None:
    """A zone that the server lacks, or has with other rules, is NOT PROVEN.

    A zone with the right rules is compared. Times that were converted with CET's constant offset of
    +1 differ by an hour in each summer.
    """
    zones = {
        "berlin": "Europe/Berlin",
        "mars": "Mars/Base",
        "tokyo": "Asia/Tokyo",
        "london": "Europe/London",
        "summer": "Europe/Berlin",
        "lagos": "Africa/Lagos",
    }
    for table in zones:
        engine.legacy.run(f"CREATE TABLE {table} (id int PRIMARY KEY, v timestamp)")
        engine.modern.run(f"CREATE TABLE {table} (id int PRIMARY KEY, v timestamptz)")
        engine.legacy.run(f"INSERT INTO {table} VALUES (1, '2024-07-01 12:00')")
        if table in ("summer", "lagos"):
            engine.legacy.run(f"INSERT INTO {table} VALUES (2, '2024-01-01 12:00')")
            instants = "(1, '2024-07-01 11:00Z'), (2, '2024-01-01 11:00Z')"
        else:
            instants = "(1, '2024-07-01 10:00Z')"
        engine.modern.run(f"INSERT INTO {table} VALUES {instants}")
    changed = ("changed", ("1",), ("v",))
    more = "".join(
        f'[tables.{table}.columns.v]\nnaive_zone = "{zone}"\n' for table, zone in zones.items()
    )
    with checks(engine, more) as check:
        with check("Berlin", "berlin") as evidence:
            assert_match(evidence, rows=1)
        with check("a zone that the server lacks", "mars") as evidence:
            assert_not_proven(evidence, "no time zone 'Mars/Base'", "legacy stack")
        with check("a zone of other rules", "tokyo") as evidence:
            assert_not_proven(evidence, "other rules for Asia/Tokyo", "tzdata")
        with check("London", "london") as evidence:
            assert_drift(evidence, changed)
        with check("Berlin's summer", "summer") as evidence:
            assert_drift(evidence, changed)
        with check("always an hour ahead", "lagos") as evidence:
            assert_match(evidence, rows=2)


# ---- engines that do not convert zones


def _with_cure(evidence: Evidence) -> str:
    """Return the settings that a refusal proposes."""
    found = re.search(r'((?:legacy|modern)_sql = ".*?[^\\]")', " ".join(evidence.reasons))
    assert found is not None, evidence.reasons
    return f"[tables.t.columns.v]\n{found[1]}\n"


_LOCAL = """
    (1, '2024-07-01 12:00:00'), (2, '2024-01-01 12:00:00.25'), (3, NULL),
    (4, '2024-10-27 02:30:00'), (5, '2024-10-27 02:30:00'),
    (6, '2024-03-31 02:30:00'), (7, '2024-10-27 03:30:00'),
    (8, '1890-01-01 00:00:00'), (9, '2024-07-01 12:00:00')"""
_INSTANTS_OF_LOCAL = """
    (1, '2024-07-01 10:00Z'), (2, '2024-01-01 11:00:00.25Z'), (3, NULL), (4, '2024-10-27 01:30Z'),
    (5, '2024-10-27 00:30Z'), (6, '2024-03-31 01:30Z'), (7, '2024-10-27 02:30Z'),
    (8, '1889-12-31 23:06:32Z'), (9, '2024-07-01 12:00Z')"""


@pytest.mark.parametrize("file", [False, True])
def test_instants_as_times_of_a_zone(
    maria: MariaServer, modern_db: Database, tmp_path: Path, file: bool
) -> None:
    """PostgreSQL's instants equal naive times of MariaDB and SQLite by PostgreSQL's zone rules.

    In the hour that clocks repeat, a time is the second one, and the first one is drift. A time
    that clocks skip equals nothing.
    """
    legacy: Any = File(tmp_path / "t.db") if file else new_mariadb_database(maria)
    engine = engine_over(legacy, modern_db, tmp_path)
    legacy.run("CREATE TABLE t (id int PRIMARY KEY, v datetime(2))")
    legacy.run(f"INSERT INTO t VALUES {_LOCAL}")
    modern_db.run("CREATE TABLE t (id int PRIMARY KEY, v timestamptz)")
    modern_db.run(f"INSERT INTO t VALUES {_INSTANTS_OF_LOCAL}")
    evidence = engine.audit(more=_BERLIN)
    assert_drift(evidence, *(("changed", (n,), ("v",)) for n in "569"))
    shown = {each.key["id"]: each.columns["v"].modern for each in evidence.findings}
    assert shown["5"] == "2024-10-27 02:30:00 (the first time)"
    assert any("clocks repeat, its second time" in rule.rule for rule in evidence.rules)
    with engine.opened(_BERLIN) as run:
        assert run.audit("canary", "t").reasons == ()
    if not file:
        legacy.drop()


_NAIVE = "(1, '2024-07-01 12:00:00'), (2, '2024-01-01 12:00:00'), (3, NULL)"
_INSTANTS = "(1, '2024-07-01 10:00:00'), (2, '2024-01-01 11:00:00'), (3, NULL)"


def test_mariadb_beside_mariadb_names_its_cure(maria: MariaServer, tmp_path: Path) -> None:
    """CONVERT_TZ works if the server has the zone; otherwise no row is taken for equal."""
    legacy: Any = new_mariadb_database(maria)
    modern: Any = new_mariadb_database(maria)
    engine = Engine(legacy, modern, tmp_path)
    legacy.run("CREATE TABLE t (id int PRIMARY KEY, v datetime)")
    legacy.run(f"INSERT INTO t VALUES {_NAIVE}")
    modern.run("SET time_zone = '+00:00'")
    modern.run("CREATE TABLE t (id int PRIMARY KEY, v timestamp NULL)")
    modern.run(f"INSERT INTO t VALUES {_INSTANTS}")
    cure = _with_cure(engine.audit(more=_BERLIN))
    assert "CONVERT_TZ" in cure
    assert_drift(engine.audit(more=cure), *(("changed", (n,), ("v",)) for n in "12"))
    with maria.connect("mysql") as connection, connection.cursor() as cursor:
        for statement in _zone_tables("Europe/Berlin"):
            cursor.execute(statement)
    assert_match(engine.audit(more=cure), rows=3)
    modern.run("UPDATE t SET v = '2024-07-01 11:00:00' WHERE id = 1")
    assert_drift(engine.audit(more=cure), ("changed", ("1",), ("v",)))
    legacy.drop()
    modern.drop()


def _zone_tables(zone: str) -> list[str]:
    """Return the statements that add one zone to a MariaDB server."""
    program = shutil.which("mariadb-tzinfo-to-sql") or "mysql_tzinfo_to_sql"
    file = f"/usr/share/zoneinfo/{zone}"
    made = subprocess.run([program, file, zone], capture_output=True, text=True, check=True).stdout
    wanted = ("INSERT INTO", "SET @time_zone_id")
    return [each for each in re.split(r";\s*", made) if each.startswith(wanted)]


# ---- texts without an offset


def _as_moments(table: str, zone: str | None) -> str:
    named = f'naive_zone = "{zone}"\n' if zone else ""
    return f'[tables.{table}.columns.v]\ntype = "timestamptz"\n{named}'


def test_texts_without_an_offset(engine: Engine) -> None:
    """Texts without an offset are instants in UTC alone.

    In other zones only columns of naive times are instants, if the zone keeps all times different.
    """
    naive, zoned = "2024-07-01 12:00:00", "2024-07-01 12:00:00+02"
    kinds = [
        ("text", "timestamptz", naive, "2024-07-01 12:00:00+00"),
        ("text", "timestamptz", naive, "2024-07-01 10:00:00+00"),
        ("text", "timestamp", zoned, naive),
        ("text", "timestamp", naive, naive),
        ("timestamp", "timestamp", naive, naive),
        ("text", "timestamp", zoned, naive),
        ("text", "text", "2024-03-31 02:30:00", "2024-03-31 03:30:00"),
    ]
    zones = ["UTC", *["Europe/Berlin"] * 4, None, "Europe/Berlin"]
    for number, (legacy, modern, one, other) in enumerate(kinds):
        for side, kind, value in ((engine.legacy, legacy, one), (engine.modern, modern, other)):
            side.run("SET TimeZone = 'UTC'")
            side.run(f"CREATE TABLE t{number} (id int PRIMARY KEY, v {kind})")
            side.run(f"INSERT INTO t{number} VALUES (1, '{value}')")
    tables = [f"t{number}" for number in range(len(kinds))]
    more = "\n".join(map(_as_moments, tables, zones))
    with engine.opened(f"[pairing]\ntables = {tables}\n{more}") as run:
        found = [run.audit("global", table) for table in tables]
    changed = ("changed", ("1",), ("v",))
    assert_match(found[0], rows=1)
    assert_drift(found[1], changed)
    assert_match(found[2], rows=1)
    assert_drift(found[3], changed)
    assert_not_proven(found[4], "both sides hold naive times")
    assert_not_proven(found[5], "say with naive_zone")
    assert_drift(found[6], changed)
