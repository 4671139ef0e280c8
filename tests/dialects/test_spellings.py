"""Every engine reads a written text as the same value, or leaves it unchanged."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import column, select
from sqlalchemy import table as sql_table

from pytest_tenantparity.config import StackSettings
from pytest_tenantparity.inventory import place_of_shared
from pytest_tenantparity.stacks import ColumnFacts, Family, SnapshotHolder, Stack, open_stack
from pytest_tenantparity.stacks.dialects import ColumnRules
from pytest_tenantparity.stacks.dialects.sqlite.values import IN_UTC, spelled_as

from ..support.mariadb import MariaDatabase
from ..support.postgresql import Database
from ..support.spelled_texts import DECIMALS, FLAGS, MOMENTS, UUIDS, random_moments

CORPUS: Mapping[str, list[str]] = {
    Family.UUID: UUIDS,
    Family.BOOLEAN: FLAGS,
    Family.DECIMAL: DECIMALS,
    Family.INTEGER: DECIMALS,
    Family.TIMESTAMP: MOMENTS,
    Family.TIMESTAMPTZ: [*MOMENTS, *random_moments(600)],
    IN_UTC: MOMENTS,
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
    """Each engine reads each text as Python does, or leaves it unchanged; none raises an error."""
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
    state, holder = open_stack("legacy", settings, "tests")
    with closing(Stack(state, settings, "tests")) as stack, closing(_Released(holder)):
        facts = stack.catalog(place_of_shared(settings)).tables["t"].column("v")
        assert facts is not None
        yield stack, facts


@dataclass
class _Released:
    holder: SnapshotHolder

    def close(self) -> None:
        self.holder.release()


def _read(stack: Stack, facts: ColumnFacts, family: str) -> list[str]:
    """Return the engine's reading of each text."""
    meant = Family.TIMESTAMPTZ if family == IN_UTC else Family(family)
    rules = ColumnRules("UTC" if family == IN_UTC else None, common=True, read_as=True)
    value = stack.dialect.canonical(column("v"), facts, meant, rules)
    place = place_of_shared(stack.settings)
    rows: Any = select(column("id"), value).select_from(sql_table("t", column("id"), column("v")))
    with stack.transaction(place) as connection, stack.guard(place):
        found = {int(number): text for number, text in connection.execute(rows)}
    return [found[number] for number in range(1, len(_TEXTS) + 1)]
