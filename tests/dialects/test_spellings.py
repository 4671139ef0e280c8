"""Every engine reads a written text as the same value, or leaves it as it is."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import column, select
from sqlalchemy import table as sql_table

from pytest_tenantparity.config import StackSettings
from pytest_tenantparity.inventory import place_of_shared
from pytest_tenantparity.stacks import Anchor, ColumnFacts, Family, Stack, open_stack
from pytest_tenantparity.stacks.dialects import ColumnRules
from pytest_tenantparity.stacks.dialects.sqlite_values import IN_UTC, spelled_as

from ..support.mariadb import MariaDatabase
from ..support.postgresql import Database

_HEX = "A0EEBC999C0B4EF8BB6D6BB9BD380A11"
_UUID = "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"
_UUIDS = [
    *(_UUID, _UUID.lower(), _HEX, f"{{{_UUID}}}", f"{{{_HEX.lower()}}}", f"urn:uuid:{_UUID}"),
    *(f"URN:UUID:{_HEX}", f"{{{_UUID}", f"{_UUID}}}", f"{{urn:uuid:{_UUID}}}", f" {_UUID}"),
    *(f"{_UUID}0", _UUID[:-1], f"{{{{{_UUID}}}}}", f"urn:uu\u0130d:{_UUID}", f"{_UUID}\n"),
    *("a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11", "uuid:" + _UUID, ""),
]
_FLAGS = [
    *("t", "T", "true", "TRUE", "True", "y", "Y", "yes", "YES", "on", "ON", "1", "f", "F", "false"),
    *("FALSE", "n", "N", "no", "No", "off", "OFF", "0", "Y ", " Y", "tr", "ye", "o", "of", "2"),
    *(
        "-1",
        "01",
        "1.0",
        "",
        " ",
        "null",
        "\uff59",
        "\u017f",
        "ja",
        "x",
        "true\n",
        "\u0130",
        "t\u0301",
    ),
]
_DECIMALS = [
    *("0E-8", "1.5E-7", "1E+3", "1e3", "1E3", "-1.50E+1", "+.5e1", "5.e-1", "0E+5", "-0e0", "-0"),
    *("00012.3400e02", "1e007", "1E-0", "123456.789e-3", "123456.789e3", "123456.789e-10", "-1e-1"),
    *("9e999", "9e-999", "1e1000", "1e-1000", "1e999999", "0e1000", "1e", "e5", "1e+", "1e1.5"),
    *("1 e3", "1e 3", "1E+3 ", "1d3", "0x10", "1_000", "1e3\n", "\u0661e3", "+01.50", "-0.0"),
    *(".5", "5.", ".", "", "+", "-", "000", "-000.000", "10", "100.500", "NaN", "Infinity", "1,5"),
    *("-.0e5", "00.00e3", "-00.10e-3", "1" * 60 + "e-30", "0.000000001E9", "0.0000000010E9"),
    *("1e" + "0" * 5000 + "1", "1e-" + "0" * 9 + "999"),
]
_DAYS = [
    *("2024-07-01", "2024-02-29", "2023-02-29", "2023-02-28", "2024-03-01", "2000-02-29"),
    *("1900-02-29", "1900-03-01", "2024-12-31", "2024-01-01", "2024-04-31", "2024-13-01"),
    *("2024-00-10", "2024-01-00", "0001-01-01", "9999-12-31", "0000-01-01", "0001-01-02"),
    *("9999-12-30", "1582-10-10", "0004-02-29", "0100-02-29", "0400-02-29", "10000-01-01"),
]
_CLOCKS = [
    *("00:00:00", "12:00", "23:59:59.999999", "12:00:00.5", "12:00:00.000", "24:00:00"),
    *("12:00:60", "12:60:00", "1:00:00", "12:00:00.123456789", "12:00:00.", "12"),
]
_OFFSETS = [
    *("", "Z", "z", " UTC", "UTC", " GMT", "+00", "-00", "+00:00", "+0000", " +00:00", "+02"),
    *("+02:00", "-05", "+0530", "-0330", " +02:00", " -0800", "+00:53:28", "-00:53:28", "+005328"),
    *("+14", "-12", "+15:59:59", "-15:59:59", "+16", "+24", "+2", "+02:60", "+02:0", " +0000 UTC"),
    *(" +0200 UTC", "+02:00[Europe/Berlin]", "Z[UTC]", "+02[", " CET", "  +02", "+02 ", "+02\n"),
    *(" BC", "+00 BC", "\u221205", "+\u0660\u0662"),
]
_MOMENTS = [
    *(day + separator + clock + offset
      for day, separator, clock, offset in (
          *product(_DAYS, " T", _CLOCKS[:3], ("+02", "-05:30", "Z")),
          *product(_DAYS[:3], (" ", "t", "T", "  ", ""), _CLOCKS, _OFFSETS[:13]),
          *product(_DAYS[:1] + _DAYS[12:14], "T", ("00:00", "23:59:59.5"), _OFFSETS),
      )),
    *("infinity", "-infinity", "2024-07-01", "20240701T120000Z", "2024-07-01 12:00:00,5+02", ""),
]  # fmt: skip


def _random_moments() -> list[str]:
    """Return moments of all years, with any offset."""
    rng = Random(13)  # noqa: S311 - the same texts in each run
    made = []
    for _ in range(1500):
        day = f"{rng.randrange(1, 10_000):04}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}"
        clock = f"{rng.randrange(24):02}:{rng.randrange(60):02}:{rng.randrange(60):02}"
        fraction = rng.choice(["", ".5", ".123456", ".120"])
        offset = f"{rng.choice('+-')}{rng.randrange(16):02}:{rng.randrange(60):02}"
        made.append(f"{day} {clock}{fraction}{offset}")
    return made


CORPUS: Mapping[str, list[str]] = {
    Family.UUID: _UUIDS,
    Family.BOOLEAN: _FLAGS,
    Family.DECIMAL: _DECIMALS,
    Family.INTEGER: _DECIMALS,
    Family.TIMESTAMP: _MOMENTS,
    Family.TIMESTAMPTZ: [*_MOMENTS, *_random_moments()],
    IN_UTC: _MOMENTS,
}


_TEXTS = list(dict.fromkeys(text for texts in CORPUS.values() for text in texts))


def _in_postgresql(database: Database) -> str:
    database.run("CREATE TABLE t (id int PRIMARY KEY, v text)")
    database.run(
        "INSERT INTO t SELECT ordinality, v FROM unnest(%s::text[]) WITH ORDINALITY AS x(v)", _TEXTS
    )
    return database.url


def _in_mariadb(database: MariaDatabase) -> str:
    database.run("CREATE TABLE t (id int PRIMARY KEY, v longtext)")
    with database.server.connect(database.name) as connection, connection.cursor() as cursor:
        cursor.executemany("INSERT INTO t VALUES (%s, %s)", list(enumerate(_TEXTS, start=1)))
    return database.url


def _in_sqlite(folder: Path) -> str:
    with closing(sqlite3.connect(folder / "t.db")) as file, file:
        file.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
        file.executemany("INSERT INTO t VALUES (?, ?)", enumerate(_TEXTS, start=1))
    return f"sqlite:///{folder / 't.db'}"


def _in_a_csv_file(folder: Path) -> str:
    with (folder / "t.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(["id", "v"])
        writer.writerows(enumerate(_TEXTS, start=1))
    return f"archive:///{folder}"


@pytest.mark.parametrize("engine", ["PostgreSQL", "MariaDB", "SQLite", "CSV"])
def test_texts_are_read_alike_everywhere(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Each engine makes of each text what Python does, or leaves it as it is; none fails at any."""
    match engine:
        case "PostgreSQL":
            url = _in_postgresql(request.getfixturevalue("legacy_db"))
        case "MariaDB":
            url = _in_mariadb(request.getfixturevalue("mysql_db"))
        case "SQLite":
            url = _in_sqlite(tmp_path)
        case _:
            url = _in_a_csv_file(tmp_path)
    with _opened(url) as (stack, facts):
        found = {family: _read(stack, facts, family) for family in CORPUS}
    wrong = [
        (family, text, read, meant)
        for family, reads in found.items()
        for text, read in zip(_TEXTS, reads, strict=True)
        if read != (meant := _meant(family, text))
    ]
    assert wrong == []


def _meant(family: str, text: str) -> str:
    read = spelled_as(family, text)
    return text if read is None else read


@contextmanager
def _opened(url: str) -> Iterator[tuple[Stack, ColumnFacts]]:
    settings = StackSettings(url=url)
    state, anchor = open_stack("legacy", settings, "tests")
    with closing(Stack(state, settings, "tests")) as stack, closing(_Released(anchor)):
        facts = stack.catalog(place_of_shared(settings)).tables["t"].column("v")
        assert facts is not None
        yield stack, facts


@dataclass
class _Released:
    anchor: Anchor

    def close(self) -> None:
        self.anchor.release()


def _read(stack: Stack, facts: ColumnFacts, family: str) -> list[str]:
    """Return what the engine reads each text as."""
    meant = Family.TIMESTAMPTZ if family == IN_UTC else Family(family)
    rules = ColumnRules("UTC" if family == IN_UTC else None, common=True, read_as=True)
    value = stack.dialect.canonical(column("v"), facts, meant, rules)
    place = place_of_shared(stack.settings)
    rows: Any = select(column("id"), value).select_from(sql_table("t", column("id"), column("v")))
    with stack.transaction(place) as connection, stack.guard(place):
        found = {int(number): text for number, text in connection.execute(rows)}
    return [found[number] for number in range(1, len(_TEXTS) + 1)]


def test_moments_are_those_of_the_calendar() -> None:
    """What Python's own calendar makes of a moment and its offset, in every year."""
    for text in _random_moments():
        moment = datetime.fromisoformat(text)
        try:
            utc = moment.astimezone(UTC)
        except OverflowError:
            continue
        day = utc.strftime("%m-%d %H:%M:%S")
        fraction = f".{utc.microsecond:06}".rstrip("0").rstrip(".")
        assert spelled_as(Family.TIMESTAMPTZ, text) == f"{utc.year:04}-{day}{fraction}+00", text


def test_numbers_are_those_of_decimal_arithmetic() -> None:
    """A number with an exponent is the number that Python's decimals read, and is short."""
    read = [(text, spelled_as(Family.DECIMAL, text)) for text in _DECIMALS]
    for text, number in read:
        if number is not None:
            found, meant = Decimal(number), Decimal(text)
            assert found == meant or (found.is_nan() and meant.is_nan()), text
            assert "e" not in number.lower()
            assert number in ("0", number.rstrip("0").rstrip(".") if "." in number else number)
    left = {text for text, number in read if number is None}
    assert {"1e1000", "1e-1000", "1e999999", "1e", "1E+3 ", "1_000", "\u0661e3"} <= left
    assert max(len(number or "") for _, number in read) < 1100
