"""Chinook in PostgreSQL, MariaDB and SQLite: loaded, repaired, paired, and changed alike.

Tables and columns go by the names that MariaDB and SQLite have (``InvoiceLine``, ``UnitPrice``);
``NAMES`` says what an engine calls them. No foreign key is dropped or switched off: the scripts
add theirs before the rows, in an order that suits them, and every planted change respects them.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from .engine_driver import Seen
from .mariadb import MariaDatabase
from .postgresql import Database

DATA = Path(__file__).parents[3] / "shared" / "data" / "chinook"
POSTGRESQL, MARIADB, SQLITE = ENGINES = ("postgresql", "mariadb", "sqlite")

TABLES = {
    "Album": ("AlbumId", "Title", "ArtistId"),
    "Artist": ("ArtistId", "Name"),
    "Customer": (
        *("CustomerId", "FirstName", "LastName", "Company", "Address", "City", "State"),
        *("Country", "PostalCode", "Phone", "Fax", "Email", "SupportRepId"),
    ),
    "Employee": (
        *("EmployeeId", "LastName", "FirstName", "Title", "ReportsTo", "BirthDate", "HireDate"),
        *("Address", "City", "State", "Country", "PostalCode", "Phone", "Fax", "Email"),
    ),
    "Genre": ("GenreId", "Name"),
    "Invoice": (
        *("InvoiceId", "CustomerId", "InvoiceDate", "BillingAddress", "BillingCity"),
        *("BillingState", "BillingCountry", "BillingPostalCode", "Total"),
    ),
    "InvoiceLine": ("InvoiceLineId", "InvoiceId", "TrackId", "UnitPrice", "Quantity"),
    "MediaType": ("MediaTypeId", "Name"),
    "Playlist": ("PlaylistId", "Name"),
    "PlaylistTrack": ("PlaylistId", "TrackId"),
    "Track": (
        *("TrackId", "Name", "AlbumId", "MediaTypeId", "GenreId", "Composer"),
        *("Milliseconds", "Bytes", "UnitPrice"),
    ),
}
KEYS = {table: columns[:1] for table, columns in TABLES.items()} | {
    "PlaylistTrack": ("PlaylistId", "TrackId")
}
_OURS = sorted({*TABLES, *(column for columns in TABLES.values() for column in columns)})
NAMES: dict[str, dict[str, str]] = {
    POSTGRESQL: {name: re.sub(r"\B(?=[A-Z])", "_", name).lower() for name in _OURS},
    MARIADB: {name: name for name in _OURS},
    SQLITE: {name: name for name in _OURS},
}
"""What each engine calls a table or a column."""

Target: TypeAlias = Database | MariaDatabase | Path
Value: TypeAlias = str | int | None


# ---- loading


def load_postgresql(database: Database) -> None:
    """Make the 11 tables in an empty database, from the data set's script for PostgreSQL."""
    database.run(_script("Chinook_PostgreSql.sql", "\\c chinook;"))


def load_mariadb(database: MariaDatabase) -> None:
    """Make the 11 tables in an empty database, from the data set's script for MySQL."""
    database.script(_script("Chinook_MySql.sql", "USE `Chinook`;"))


def load_sqlite(path: Path) -> None:
    """Copy the data set's SQLite file; the copy may be written to."""
    shutil.copyfile(_source("Chinook_Sqlite.sqlite"), path)


def _script(name: str, opening: str) -> str:
    """Return what follows where a script has made a database and gone there."""
    _, found, statements = _source(name).read_text(encoding="utf-8").partition(opening)
    assert found, f"{name} holds no {opening!r}"
    return statements


def _source(name: str) -> Path:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"the data set is not at {path}")
    return path


# ---- asking


def engine_of(target: Target) -> str:
    """Return which engine this is; a path is SQLite's."""
    if isinstance(target, Path):
        return SQLITE
    return POSTGRESQL if isinstance(target, Database) else MARIADB


def run(target: Target, statement: str, *params: Value) -> list[tuple[Any, ...]]:
    """Run one statement, whose params are written ``?`` for every engine; return its rows."""
    if not isinstance(target, Path):
        return target.run(statement.replace("?", "%s"), *params)
    with closing(sqlite3.connect(target)) as connection, connection:
        connection.execute("PRAGMA foreign_keys = ON")  # as the other engines have it
        return connection.execute(statement, params).fetchall()


def quoted(engine: str, *names: str) -> list[str]:
    """Return names of ours as the engine's SQL has them."""
    mark = "`" if engine == MARIADB else '"'
    return [f"{mark}{NAMES[engine][name]}{mark}" for name in names]


def rows_of(target: Target, table: str) -> list[tuple[Any, ...]]:
    """Return all rows in the order of their keys, values as the engine's driver gives them."""
    engine = engine_of(target)
    columns, (source,) = quoted(engine, *TABLES[table]), quoted(engine, table)
    order = quoted(engine, *KEYS[table])
    return run(target, f"SELECT {', '.join(columns)} FROM {source} ORDER BY {', '.join(order)}")


# ---- pairing


def settings_between(legacy_engine: str, modern_engine: str) -> str:
    """Return the settings that pair all tables and columns by name, and give each table its key."""
    legacy, modern = NAMES[legacy_engine], NAMES[modern_engine]
    lines = ["[pairing]", f"tables = {[legacy[table] for table in TABLES]}"]
    for table, columns in TABLES.items():
        lines += [f"[tables.{legacy[table]}]", f"modern = '{modern[table]}'"]
        lines.append(f"key = {[legacy[column] for column in KEYS[table]]}")
        for column in columns:
            if legacy[column] != modern[column]:
                lines.append(f"[tables.{legacy[table]}.columns.{legacy[column]}]")
                lines.append(f"modern = '{modern[column]}'")
    return "\n".join(lines) + "\n"


# ---- planting


@dataclass(frozen=True)
class Change(ABC):
    """A change of one row, known by its key."""

    table: str
    key: tuple[int, ...]

    @abstractmethod
    def statement(self, engine: str) -> tuple[str, tuple[Value, ...]]:
        """Return the SQL of an engine, with ``?`` for its params."""

    @abstractmethod
    def found(self, names: Mapping[str, str]) -> Seen:
        """Return what an audit says of it, in the legacy's names."""

    def _seen(self, kind: str, key: tuple[int, ...], columns: tuple[str, ...] = ()) -> Seen:
        return kind, tuple(str(value) for value in key), columns

    def _where(self, engine: str) -> str:
        return " AND ".join(f"{column} = ?" for column in quoted(engine, *KEYS[self.table]))


@dataclass(frozen=True)
class Update(Change):
    """New values of a row, in the order of the table's columns."""

    values: dict[str, Value]

    def statement(self, engine: str) -> tuple[str, tuple[Value, ...]]:
        """Set the values."""
        (table,), columns = quoted(engine, self.table), quoted(engine, *self.values)
        sets = ", ".join(f"{column} = ?" for column in columns)
        statement = f"UPDATE {table} SET {sets} WHERE {self._where(engine)}"
        return statement, (*self.values.values(), *self.key)

    def found(self, names: Mapping[str, str]) -> Seen:
        """Return the row as changed, in these columns."""
        return self._seen("changed", self.key, tuple(names[column] for column in self.values))


@dataclass(frozen=True)
class Delete(Change):
    """A lost row."""

    def statement(self, engine: str) -> tuple[str, tuple[Value, ...]]:
        """Delete the row."""
        (table,) = quoted(engine, self.table)
        return f"DELETE FROM {table} WHERE {self._where(engine)}", self.key

    def found(self, names: Mapping[str, str]) -> Seen:  # noqa: ARG002 - it names no column
        """Return the row as missing."""
        return self._seen("missing", self.key)


@dataclass(frozen=True)
class Copy(Change):
    """A row there was, once more under a new key."""

    new_key: tuple[int, ...]

    def statement(self, engine: str) -> tuple[str, tuple[Value, ...]]:
        """Insert all other columns from the row itself."""
        (table,), columns = quoted(engine, self.table), quoted(engine, *TABLES[self.table])
        size = len(self.new_key)  # a key's columns are the table's first
        values = [*map(str, self.new_key), *columns[size:]]
        statement = (
            f"INSERT INTO {table} ({', '.join(columns)})"
            f" SELECT {', '.join(values)} FROM {table} WHERE {self._where(engine)}"
        )
        return statement, self.key

    def found(self, names: Mapping[str, str]) -> Seen:  # noqa: ARG002 - it names no column
        """Return the new row as extra."""
        return self._seen("extra", self.new_key)


def run_change(target: Target, change: Change) -> None:
    """Make a change in a database of any engine."""
    statement, params = change.statement(engine_of(target))
    run(target, statement, *params)


@dataclass(frozen=True)
class Planted:
    """What went wrong in a migration: changes of one table of the modern database."""

    name: str
    changes: tuple[Change, ...]

    @property
    def table(self) -> str:
        """The one table that is changed."""
        return self.changes[0].table

    def plant(self, modern: Target) -> None:
        """Make the changes."""
        for change in self.changes:
            run_change(modern, change)

    def found(self, legacy_engine: str) -> Counter[Seen]:
        """Return exactly what an audit of the table has to find."""
        return Counter(change.found(NAMES[legacy_engine]) for change in self.changes)


def _changed(name: str, table: str, key: int, **values: Value) -> Planted:
    return Planted(name, (Update(table, (key,), values),))


_EDINBURGH = [
    Update("Customer", (54,), {"City": "Edinburgh "}),
    *(
        Update("Invoice", (number,), {"BillingCity": "Edinburgh "})
        for number in (20, 141, 152, 207, 336, 359, 381)
    ),
]
_SYMPHONY = 'Symphony No. 3 Op. 36 for Orchestra and Soprano "Symfonia Piesni Zalosnych"'
_BACKSLASHES = [
    Update("Track", (number,), {"Name": name})
    for number, name in {
        3435: "Cavalleria Rusticana \\ Act \\ Intermezzo Sinfonico",
        3448: "Lamentations of Jeremiah, First Set \\ Incipit Lamentatio",
        3485: f"{_SYMPHONY} \\ Lento E Largo - Tranquillissimo",
        3499: "Pini Di Roma (Pinien Von Rom) \\ I Pini Della Via Appia",
    }.items()
]
REPAIRS: dict[str, list[Update]] = {
    POSTGRESQL: _EDINBURGH,  # N'...' is a char(n) there, whose trailing spaces a varchar never gets
    MARIADB: _BACKSLASHES,  # a backslash escapes there, and is gone
    SQLITE: [],
}
"""What undoes the drift that the data set's own scripts make: real, and nobody planted it."""


def repair(target: Target) -> None:
    """Give a database just loaded the rows that the authors of the data set wrote."""
    for change in REPAIRS[engine_of(target)]:
        run_change(target, change)


def drift_of_loading(legacy_engine: str, modern_engine: str) -> dict[str, Counter[Seen]]:
    """Return what an audit finds in each table between two databases as loaded, not repaired."""
    found = {table: Counter[Seen]() for table in TABLES}
    if legacy_engine != modern_engine:
        for change in (*REPAIRS[legacy_engine], *REPAIRS[modern_engine]):
            found[change.table][change.found(NAMES[legacy_engine])] += 1
    return found


PLANTED = [
    _changed("total up by a cent", "Invoice", 2, Total="3.97"),
    _changed("total with its sign turned", "Invoice", 5, Total="-13.86"),
    _changed("price rounded to a whole", "InvoiceLine", 7, UnitPrice="1.00"),
    _changed("size less by a byte", "Track", 2920, Bytes=531556852),
    _changed("zero for a length", "Track", 25, Milliseconds=0),
    _changed("letter case", "Customer", 8, Email="Daan_Peeters@apple.be"),
    _changed("trailing space", "Customer", 9, City="Copenhagen "),
    _changed("leading space", "Customer", 6, LastName=" Holý"),
    _changed("no-break space for a space", "Genre", 12, Name="Easy\N{NO-BREAK SPACE}Listening"),
    _changed("accent lost", "Customer", 1, FirstName="Luis"),
    _changed("accent as a mark of its own", "Artist", 6, Name="Anto\u0302nio Carlos Jobim"),
    _changed("sharp s spelled out", "Customer", 2, Address="Theodor-Heuss-Strasse 34"),
    _changed("UTF-8 read as Latin-1", "Customer", 3, City="MontrÃ©al"),
    _changed("letter become a question mark", "Customer", 49, FirstName="Stanis?aw"),
    _changed("leading zero lost", "Invoice", 2, BillingPostalCode="171"),
    _changed("cut short", "Track", 2, Composer="U. Dirkschneider, W. Hoffmann, H. Frank"),
    _changed("apostrophe doubled", "Artist", 88, Name="Guns N'' Roses"),
    _changed("backslash before a slash", "Artist", 1, Name="AC\\/DC"),
    _changed("percent for an ampersand", "Genre", 4, Name="Alternative % Punk"),
    _changed(
        "two columns exchanged", "Invoice", 1, BillingCity="Germany", BillingCountry="Stuttgart"
    ),
    Planted(
        "names of two customers swapped",
        (
            Update("Customer", (4,), {"FirstName": "Daan"}),
            Update("Customer", (8,), {"FirstName": "Bjørn"}),
        ),
    ),
    _changed("NULL become empty", "Customer", 4, Company=""),
    _changed("NULL become the word", "Customer", 4, State="NULL"),
    _changed("NULL become a number", "Employee", 1, ReportsTo=1),
    _changed("value become NULL", "Customer", 1, Fax=None),
    _changed("time later by a second", "Invoice", 19, InvoiceDate="2021-03-14 00:00:01"),
    _changed("time a day early", "Employee", 3, HireDate="2002-03-31 00:00:00"),
    _changed("day and month exchanged", "Employee", 8, BirthDate="1968-09-01 00:00:00"),
    _changed("customer given to another employee", "Customer", 1, SupportRepId=4),
    _changed("line moved to another invoice", "InvoiceLine", 10, InvoiceId=4),
    _changed("reference lost", "Track", 64, AlbumId=None),
    Planted("line deleted", (Delete("InvoiceLine", (3,)),)),
    Planted("row of a table that is all key deleted", (Delete("PlaylistTrack", (18, 597)),)),
    Planted("invoice doubled", (Copy("Invoice", (2,), (9002,)),)),
    Planted("track in one list more", (Copy("PlaylistTrack", (9, 3402), (18, 3402)),)),
    Planted(
        "line under a new number",
        (Copy("InvoiceLine", (5,), (9005,)), Delete("InvoiceLine", (5,))),
    ),
]
"""Each is one thing gone wrong; an audit has to find exactly that, and nothing elsewhere."""
