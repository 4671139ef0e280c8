"""Snapshot files of the old toolkit, read once by each process into tables in memory.

A string is stored as text. Any other value, such as a number, ``true`` or a document, is stored as
the bytes of its JSON text. So values of two kinds are never equal, whatever else the field holds.
"""

from __future__ import annotations

import json
import os
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Text, case, cast, func, literal_column, null, text
from sqlalchemy.engine import URL

from ....errors import NotProven
from ....model import ServerFacts
from ...catalog import NUMBERS, TEXTS, Catalog, ColumnFacts, Family, TableFacts
from ..base import ColumnRules, Dialect
from ..floats import DOUBLE, scientific, spelled_float
from ..quoting import STANDARD
from ..sqlite.dialect import AS_TEXT, NO_TEXT, SCHEMA, SQLite, as_bytes, either, spelled, word
from ..sqlite.values import decimal_text, foreign, tagged_text, text_of
from .reader import Resource, Unreadable, digits_of, read_resources

_SCHEMA = """
    CREATE TEMP TABLE parity_file (path, file, digest);
    CREATE TEMP TABLE parity_resource (name, enforced, refused);
    CREATE TEMP TABLE parity_column (resource, name, declared, family, in_key);
"""
_FILE = text("SELECT path, file, digest FROM temp.parity_file")
_RESOURCES = text("SELECT name, enforced, refused FROM temp.parity_resource ORDER BY name")
_COLUMNS = text("""
    SELECT name, declared, family, in_key FROM temp.parity_column
    WHERE resource = :name ORDER BY rowid
""")

_NEUTRAL = {
    Family.DECIMAL: "CAST('0' AS BLOB)",
    Family.BOOLEAN: "CAST('false' AS BLOB)",
    Family.JSONB: "CAST('{}' AS BLOB)",
}


_FLAGS = {"1": "true", "0": "false"}
_FLAG = "flag"  # a boolean that may also be written as 1 or 0
_KINDS = dict.fromkeys(NUMBERS, "numbers") | {Family.BOOLEAN: "booleans"}


class SnapshotFile(SQLite):
    """A table for each resource, with one column for the tenant and one for each field."""

    name = "snapshot file"
    shares_snapshots = True  # a session whose file has other bytes raises an error

    def normalised(self, url: URL, *, shows_names: bool = True) -> URL:
        return Dialect.normalised(self, url, shows_names=shows_names)

    def open(self, url: URL, patience: float) -> sqlite3.Connection:
        del patience
        path = Path(url.database or "").absolute()
        try:
            data = path.read_bytes()
            resources = read_resources(path, data)
        except (OSError, Unreadable) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise sqlite3.OperationalError(f"{path} cannot be read: {why}") from None
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        connection.create_function("parity_snapshot", 3, snapshot_text, deterministic=True)
        connection.create_function("parity_snapshot_other", 1, _other, deterministic=True)
        connection.executescript(_SCHEMA)
        origin = (str(path), _number_of(path), sha256(data).hexdigest())
        connection.execute("INSERT INTO parity_file VALUES (?, ?, ?)", origin)
        for resource in resources:
            _load(connection, resource)
        return connection

    def export_snapshot(self, connection: Connection) -> str:
        return str(connection.execute(_FILE).one().digest)

    def join_snapshot(self, connection: Connection, snapshot: str) -> None:
        found = connection.execute(_FILE).one()
        if found.digest != snapshot:
            raise NotProven(f"{found.path} has changed since the run began")

    def server(self, connection: Connection, address: str) -> ServerFacts:
        del address
        path, file, digest = connection.execute(_FILE).one()
        return ServerFacts(
            product=self.name,
            version=f"sha256 {digest}",
            address=path,
            database=f"file {file}",
            user="",
            encoding="UTF8",
            system="",
            instance=file,
            replica=False,
            snapshot_at=datetime.now(UTC).isoformat(timespec="microseconds"),
        )

    def catalog(self, connection: Connection, schema: str) -> Catalog:
        if schema != SCHEMA:
            return Catalog(schema, {})
        tables = {}
        for name, enforced, refused in connection.execute(_RESOURCES).all():
            rows = connection.execute(_COLUMNS, {"name": name}).all()
            tables[name] = TableFacts(
                SCHEMA,
                name,
                tuple(ColumnFacts(c, kinds, kinds, Family(family)) for c, kinds, family, _ in rows),
                tuple(column for column, _, _, in_key in rows if in_key),
                enforced=bool(enforced),
                refused=refused,
            )
        return Catalog(schema, tables)

    def text(
        self, value: ColumnElement[Any], column: ColumnFacts, rules: ColumnRules
    ) -> ColumnElement[str]:
        del rules
        return self._as(value, Family.TEXT if column.family in TEXTS else column.family)

    def _as(self, value: ColumnElement[Any], meant: str) -> ColumnElement[str]:
        kind = func.typeof(value, type_=Text)
        stored = as_bytes(value, kind)
        other: ColumnElement[str] = func.parity_snapshot(stored, kind, word(meant), type_=Text)
        cases: list[tuple[Any, Any]] = [(kind == word("null"), null())]
        if meant == Family.TEXT:
            cases.append((kind == word("text"), value))
            other = NO_TEXT.op("||")(other)
        else:
            other = cast(other, Text)
        return case(*cases, else_=other).collate("BINARY")

    def _by_storage(
        self, value: ColumnElement[Any], column: ColumnFacts, family: Family, rules: ColumnRules
    ) -> ColumnElement[str]:
        """Read each value by its own kind.

        A string is read as the other side's type, unless the field also has values of that type. A
        file with both 1 and "1" in a field distinguishes the two. Two snapshot files are compared
        in the same way.
        """
        meant = AS_TEXT.get(family, family)
        typed = self.text(value, replace(column, family=meant), rules)
        if (
            rules.strict
            or meant in AS_TEXT.values()
            or _KINDS.get(meant) in column.type.split(" or ")
        ):
            return typed
        if meant is Family.BOOLEAN:
            typed = self._as(value, _FLAG)
        read = spelled(value.collate("BINARY"), Family.WRITTEN, meant, rules)
        return either(value, read, typed)

    def holds_doubles(self, column: ColumnFacts) -> bool:
        return not column.type  # only an SQL expression has no type

    def holds_written_numbers(self, column: ColumnFacts) -> bool:
        return column.family in TEXTS or column.family is Family.DECIMAL

    def least_change(
        self, value: ColumnElement[Any], column: ColumnFacts
    ) -> ColumnElement[Any] | None:
        del column
        is_text = func.typeof(value, type_=Text) == word("text")
        other = func.parity_snapshot_other(value)
        return case((is_text, value.op("||")(word(" "))), else_=other)

    def null_lookalike(self, column: ColumnFacts) -> ColumnElement[Any] | None:
        return literal_column(_NEUTRAL.get(column.family, "''"))


def snapshot_text(value: bytes | float | None, kind: str, family: str) -> str | bytes | None:
    """Return the canonical text of a stored value, in a column that is compared as ``family``."""
    if value is None:
        return None
    if not isinstance(value, bytes):  # the result of an SQL expression
        written = str(value) if isinstance(value, int) else decimal_text(value)
        return _number_text(written, family)
    own = text_of(value)
    if kind == "text":
        is_json = family in (Family.JSON, Family.JSONB)
        return json.dumps(own, ensure_ascii=False) if is_json else foreign(tagged_text(own), family)
    if own in ("true", "false"):
        fits = family in (Family.BOOLEAN, _FLAG, Family.JSON, Family.JSONB)
        return own if fits else foreign(f"boolean {own}", family)
    if own[:1] in ("{", "["):
        is_document = family in (Family.JSON, Family.JSONB)
        return own if is_document else foreign(f"document {own}", family)
    return _number_text(own, family)


def _number_text(digits: str, family: str) -> str | bytes:
    if family == _FLAG and digits in _FLAGS:
        return _FLAGS[digits]
    if family == Family.FLOAT:
        return scientific("-" if digits.startswith("-") else "", digits.removeprefix("-"))
    fits = family in (Family.INTEGER, Family.DECIMAL, Family.JSON, Family.JSONB)
    return digits if fits else foreign(f"number {digits}", family)


def _other(value: Any) -> Any:
    """Return another value of the same kind, for the canary."""
    if not isinstance(value, bytes):
        return None if value is None else value + 1
    own = text_of(value)
    if own in ("true", "false"):
        return b"true" if own == "false" else b"false"
    if own[:1] in ("{", "["):
        return f"[{own}]".encode()
    number = Decimal(own)
    exponent = number.as_tuple().exponent
    step = Decimal((0, (1,), exponent if isinstance(exponent, int) else 0))
    # A number with one more digit could still represent the same float.
    more = (Decimal(f"{own}{digit}") for digit in "15") if "." in own else (number + step,)
    return digits_of(next(each for each in more if not _spell_one_float(own, each))).encode()


def _spell_one_float(digits: str, other: Decimal) -> bool:
    spelled = spelled_float(digits, DOUBLE), spelled_float(f"{other:f}", DOUBLE)
    return None not in spelled and spelled[0] == spelled[1]


def _number_of(path: Path) -> str:
    facts = os.stat(path)  # noqa: PTH116 - a file has one number, whatever its paths
    return f"{facts.st_dev}:{facts.st_ino}"


def _load(connection: sqlite3.Connection, resource: Resource) -> None:
    refused = resource.refused
    try:
        if not refused:
            _fill(connection, resource)
    except (sqlite3.Error, ValueError) as error:
        refused = f"cannot be made a table: {error}"
    facts = (resource.name, resource.unique, refused)
    connection.execute("INSERT INTO parity_resource VALUES (?, ?, ?)", facts)
    columns = [
        (
            resource.name,
            column.name,
            column.declared,
            column.family.value,
            column.name in resource.key,
        )
        for column in resource.columns
    ]
    connection.executemany("INSERT INTO parity_column VALUES (?, ?, ?, ?, ?)", columns)


def _fill(connection: sqlite3.Connection, resource: Resource) -> None:
    # Columns have no types, so that SQLite converts no value.
    columns = ", ".join(STANDARD.quote_identifier(column.name) for column in resource.columns)
    table = f"main.{STANDARD.quote_identifier(resource.name)}"
    connection.execute(f"CREATE TABLE {table} ({columns})")
    places = ", ".join("?" * len(resource.columns))
    connection.executemany(f"INSERT INTO {table} VALUES ({places})", resource.rows)  # noqa: S608
