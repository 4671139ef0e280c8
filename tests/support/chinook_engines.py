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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
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


# ---- reading


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

    @property
    def keys(self) -> tuple[tuple[int, ...], ...]:
        """The keys whose rows are other ones afterwards."""
        return (self.key,)


@dataclass(frozen=True)
class Update(Change):
    """New values of a row, in the order of the table's columns."""

    values: dict[str, Value]

    def statement(self, engine: str) -> tuple[str, tuple[Value, ...]]:
        """Set the values."""
        (table,), columns = quoted(engine, self.table), quoted(engine, *self.values)
        sets = ", ".join(f"{column} = ?" for column in columns)
        statement = f"UPDATE {table} SET {sets} WHERE {_by(engine, self.table)}"
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
        return f"DELETE FROM {table} WHERE {_by(engine, self.table)}", self.key

    def found(self, names: Mapping[str, str]) -> Seen:  # noqa: ARG002 - it names no column
        """Return the row as missing."""
        return self._seen("missing", self.key)


@dataclass(frozen=True)
class Copy(Change):
    """A row there was, once more under a new key."""

    new_key: tuple[int, ...]

    @property
    def keys(self) -> tuple[tuple[int, ...], ...]:
        """Both keys."""
        return self.key, self.new_key

    def statement(self, engine: str) -> tuple[str, tuple[Value, ...]]:
        """Insert all other columns from the row itself."""
        (table,), columns = quoted(engine, self.table), quoted(engine, *TABLES[self.table])
        size = len(self.new_key)  # a key's columns are the table's first
        values = [*map(str, self.new_key), *columns[size:]]
        statement = (
            f"INSERT INTO {table} ({', '.join(columns)})"
            f" SELECT {', '.join(values)} FROM {table} WHERE {_by(engine, self.table)}"
        )
        return statement, self.key

    def found(self, names: Mapping[str, str]) -> Seen:  # noqa: ARG002 - it names no column
        """Return the new row as extra."""
        return self._seen("extra", self.new_key)


@contextmanager
def changed(target: Target, changes: Sequence[Change]) -> Iterator[None]:
    """Make changes in a database of any engine; at the end put each row back as it was read."""
    touched = {(change.table, key) for change in changes for key in change.keys}
    before = [(table, key, _row(target, table, key)) for table, key in touched]
    for change in changes:
        statement, params = change.statement(engine_of(target))
        run(target, statement, *params)
    try:
        yield
    finally:
        for table, key, row in before:
            _put_back(target, table, key, row)


def _row(target: Target, table: str, key: tuple[int, ...]) -> tuple[Any, ...] | None:
    engine = engine_of(target)
    columns, (source,) = quoted(engine, *TABLES[table]), quoted(engine, table)
    found = run(
        target, f"SELECT {', '.join(columns)} FROM {source} WHERE {_by(engine, table)}", *key
    )
    return found[0] if found else None


def _put_back(
    target: Target, table: str, key: tuple[int, ...], row: tuple[Any, ...] | None
) -> None:
    """Give a key the row that it had, in place where it has one, for others may refer to it."""
    engine = engine_of(target)
    columns, (name,) = quoted(engine, *TABLES[table]), quoted(engine, table)
    if row is None:
        run(target, f"DELETE FROM {name} WHERE {_by(engine, table)}", *key)
    elif _row(target, table, key) is None:
        marks = ", ".join("?" * len(row))
        run(target, f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({marks})", *row)
    else:
        sets = ", ".join(f"{column} = ?" for column in columns)
        run(target, f"UPDATE {name} SET {sets} WHERE {_by(engine, table)}", *row, *key)


def _by(engine: str, table: str) -> str:
    return " AND ".join(f"{column} = ?" for column in quoted(engine, *KEYS[table]))


@dataclass(frozen=True)
class Planted:
    """What went wrong in a migration: changes of one table of the modern database."""

    name: str
    changes: tuple[Change, ...]

    @property
    def table(self) -> str:
        """The one table that is changed."""
        return self.changes[0].table

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


def repairs(target: Target) -> Sequence[Change]:
    """Return what gives a database just loaded the rows that the data set's authors wrote."""
    return REPAIRS[engine_of(target)]


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


def rounds(planted: Sequence[Planted]) -> list[list[Planted]]:
    """Return them in rounds of which each has one at most of every table."""
    found: list[list[Planted]] = []
    for each in planted:
        free = (group for group in found if each.table not in [other.table for other in group])
        group = next(free, None)
        if group is None:
            found.append([each])
        else:
            group.append(each)
    return found
