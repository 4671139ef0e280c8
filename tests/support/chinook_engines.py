"""Chinook in PostgreSQL, MariaDB and SQLite: loaded, repaired, paired and changed.

Tables and columns have the names of MariaDB and SQLite (``InvoiceLine``, ``UnitPrice``). ``NAMES``
maps them to an engine's names. No foreign key is dropped or disabled. The scripts create the keys
before the rows, and every planted change satisfies them.
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
"""Each engine's name of a table or column."""

Target: TypeAlias = Database | MariaDatabase | Path
Value: TypeAlias = str | int | None


# ---- loading


def load_postgresql(database: Database) -> None:
    """Create the 11 tables in an empty database, with the data set's script for PostgreSQL."""
    database.run(_script("Chinook_PostgreSql.sql", "\\c chinook;"))


def load_mariadb(database: MariaDatabase) -> None:
    """Create the 11 tables in an empty database, with the data set's script for MySQL."""
    database.script(_script("Chinook_MySql.sql", "USE `Chinook`;"))


def load_sqlite(path: Path) -> None:
    """Copy the data set's SQLite file, so that the copy can be changed."""
    shutil.copyfile(_source("Chinook_Sqlite.sqlite"), path)


def _script(name: str, opening: str) -> str:
    """Return the script's statements after those that create and open a database."""
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
    """Return the engine of a target. A path is SQLite."""
    if isinstance(target, Path):
        return SQLITE
    return POSTGRESQL if isinstance(target, Database) else MARIADB


def run(target: Target, statement: str, *params: Value) -> list[tuple[Any, ...]]:
    """Run one statement with ``?`` as its placeholders, and return its rows."""
    if not isinstance(target, Path):
        return target.run(statement.replace("?", "%s"), *params)
    with closing(sqlite3.connect(target)) as connection, connection:
        connection.execute("PRAGMA foreign_keys = ON")  # as in the other engines
        return connection.execute(statement, params).fetchall()


def quoted(engine: str, *names: str) -> list[str]:
    """Return the quoted names of tables or columns in the engine."""
    mark = "`" if engine == MARIADB else '"'
    return [f"{mark}{NAMES[engine][name]}{mark}" for name in names]


def rows_of(target: Target, table: str) -> list[tuple[Any, ...]]:
    """Return all rows in the order of their keys, with the driver's values."""
    engine = engine_of(target)
    columns, (source,) = quoted(engine, *TABLES[table]), quoted(engine, table)
    order = quoted(engine, *KEYS[table])
    return run(target, f"SELECT {', '.join(columns)} FROM {source} ORDER BY {', '.join(order)}")


# ---- pairing


def settings_between(legacy_engine: str, modern_engine: str) -> str:
    """Return settings that pair all tables and columns by name, with each table's key."""
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


# ---- planted changes


@dataclass(frozen=True)
class Change(ABC):
    """A change of one row, identified by its key."""

    table: str
    key: tuple[int, ...]

    @abstractmethod
    def statement(self, engine: str) -> tuple[str, tuple[Value, ...]]:
        """Return the SQL of an engine, and the parameters for its ``?``."""

    @abstractmethod
    def found(self, names: Mapping[str, str]) -> Seen:
        """Return the finding for this change, in the names of the legacy side."""

    def _seen(self, kind: str, key: tuple[int, ...], columns: tuple[str, ...] = ()) -> Seen:
        return kind, tuple(str(value) for value in key), columns

    @property
    def keys(self) -> tuple[tuple[int, ...], ...]:
        """The keys whose rows differ afterwards."""
        return (self.key,)


@dataclass(frozen=True)
class Update(Change):
    """New values of a row, in the order of the table's columns."""

    values: dict[str, Value]

    def statement(self, engine: str) -> tuple[str, tuple[Value, ...]]:
        """Return the UPDATE of the values."""
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
        """Return the DELETE of the row."""
        (table,) = quoted(engine, self.table)
        return f"DELETE FROM {table} WHERE {_by(engine, self.table)}", self.key

    def found(self, names: Mapping[str, str]) -> Seen:  # noqa: ARG002 - it names no column
        """Return the row as missing."""
        return self._seen("missing", self.key)


@dataclass(frozen=True)
class Copy(Change):
    """A copy of a row under a new key."""

    new_key: tuple[int, ...]

    @property
    def keys(self) -> tuple[tuple[int, ...], ...]:
        """The old and the new key."""
        return self.key, self.new_key

    def statement(self, engine: str) -> tuple[str, tuple[Value, ...]]:
        """Return the INSERT, with all other columns from the row itself."""
        (table,), columns = quoted(engine, self.table), quoted(engine, *TABLES[self.table])
        size = len(self.new_key)  # the key's columns are the table's first
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
    """Make changes in a database of any engine. At the end, restore each row."""
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
    """Restore the row of a key. An existing row is updated, because other rows may refer to it."""
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
    """An error in a migration: changes of one table of the modern database."""

    name: str
    changes: tuple[Change, ...]

    @property
    def table(self) -> str:
        """The changed table."""
        return self.changes[0].table

    def found(self, legacy_engine: str) -> Counter[Seen]:
        """Return the exact findings of an audit of the table."""
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
    POSTGRESQL: _EDINBURGH,  # N'...' is a char(n) here: its trailing spaces do not reach a varchar
    MARIADB: _BACKSLASHES,  # a backslash is an escape here, and is lost
    SQLITE: [],
}
"""Changes that undo the drift from the data set's own scripts."""


def repairs(target: Target) -> Sequence[Change]:
    """Return the changes that restore the data set's original rows after loading."""
    return REPAIRS[engine_of(target)]


def drift_of_loading(legacy_engine: str, modern_engine: str) -> dict[str, Counter[Seen]]:
    """Return each table's findings between two databases that are loaded and not repaired."""
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
"""Each is one error in a migration. An audit must find exactly it."""


def rounds(planted: Sequence[Planted]) -> list[list[Planted]]:
    """Return them in rounds. In a round, each table has one change at most."""
    found: list[list[Planted]] = []
    for each in planted:
        free = (group for group in found if each.table not in [other.table for other in group])
        group = next(free, None)
        if group is None:
            found.append([each])
        else:
            group.append(each)
    return found
