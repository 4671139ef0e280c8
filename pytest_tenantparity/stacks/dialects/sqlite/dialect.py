"""SQLite 3.37 and later, through Python's own driver."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from math import inf
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import unquote, urlsplit

from sqlalchemy import (
    REAL,
    BigInteger,
    ColumnClause,
    ColumnElement,
    Connection,
    Engine,
    LargeBinary,
    Select,
    Text,
    and_,
    case,
    cast,
    create_engine,
    event,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    text,
)
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from ....characters import is_writable
from ....errors import NotProven, StackUnavailable
from ....model import ServerFacts
from ....wire import encodable
from ...catalog import DOCUMENTS, TEXTS, Catalog, ColumnFacts, Family, TableFacts
from ...parameters import checked, one_of, texts, yes_or_no
from ..base import ColumnRules, Dialect, name_of
from ..canonical_text import spell
from ..floats import DOUBLE
from ..portable import Portable
from ..quoting import quoting
from ..server_rules import Session
from .values import IN_UTC, MOST_ARGUMENTS, SPELLINGS, teach, text_of

SCHEMA = "main"
# Error messages about a value or SQL. SQLite has one kind of error for these and for files.
_OF_QUERIES = (
    *("user-defined", "integer overflow", "malformed JSON", "JSON path", "too big", "no such"),
    *("syntax error", "unrecognized token", "incomplete input", "number of arguments", "misuse"),
    *("sub-select", "datatype mismatch", "ambiguous column", "row value"),
)

_NAMES: dict[Family, str] = {
    Family.INTEGER: "INT INTEGER TINYINT SMALLINT MEDIUMINT BIGINT INT2 INT4 INT8 BIG_INT",
    Family.DECIMAL: "DECIMAL NUMERIC NUM DEC NUMBER",
    Family.FLOAT: "REAL DOUBLE DOUBLE_PRECISION FLOAT FLOAT4 FLOAT8",
    Family.BOOLEAN: "BOOLEAN BOOL",
    Family.TEXT: (
        "TEXT CHAR CHARACTER VARCHAR VARCHAR2 CHARACTER_VARYING VARYING_CHARACTER NCHAR "
        "NATIVE_CHARACTER NVARCHAR NVARCHAR2 CLOB NTEXT TINYTEXT MEDIUMTEXT LONGTEXT CITEXT"
    ),
    Family.BYTES: "BLOB BINARY VARBINARY TINYBLOB MEDIUMBLOB LONGBLOB BYTEA",
    Family.UUID: "UUID GUID UNIQUEIDENTIFIER",
    Family.DATE: "DATE",
    Family.TIME: "TIME TIME_WITHOUT_TIME_ZONE",
    Family.TIMESTAMP: "DATETIME DATETIME2 TIMESTAMP TIMESTAMP_WITHOUT_TIME_ZONE",
    Family.TIMESTAMPTZ: "TIMESTAMPTZ TIMESTAMP_WITH_TIME_ZONE DATETIMEOFFSET",
    Family.JSON: "JSON JSONB",
}
_FAMILIES = {
    name.replace("_", " "): family for family, names in _NAMES.items() for name in names.split()
}
_ATTRIBUTES = re.compile(r"\b(UNSIGNED|SIGNED|ZEROFILL)\b")

_TABLES = text("""
    SELECT name, type FROM pragma_table_list
    WHERE schema = 'main' AND type <> 'shadow' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
    ORDER BY name
""")
_COLUMNS = text("""
    SELECT name, type, pk FROM pragma_table_xinfo(:table, 'main') WHERE hidden <> 1 ORDER BY cid
""")
_INDEXED = text("""
    SELECT c.name FROM pragma_index_list(:table, 'main') i, pragma_index_xinfo(i.name, 'main') c
    WHERE c.seqno = 0 AND c.name IS NOT NULL AND NOT i.partial AND c.coll = 'BINARY'
""")
_STATISTICS = text("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'")
_COUNTED = text("SELECT max(CAST(stat AS integer)) FROM sqlite_stat1 WHERE tbl = :table")
_FILE = text("SELECT file FROM pragma_database_list WHERE name = 'main'")
_START = "SELECT count(*) FROM sqlite_master"

_DAY = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"
_PLAIN = {
    Family.DATE: (10, _DAY),
    Family.TIMESTAMP: (19, f"{_DAY} [0-9][0-9]:[0-9][0-9]:[0-9][0-9]"),
}

_REAL: dict[Family, Any] = {Family.DECIMAL: func.parity_decimal, Family.FLOAT: func.parity_float}
_SHOWN: dict[Family, Any] = {
    Family.DECIMAL: func.parity_shown_decimal,
    Family.FLOAT: func.parity_shown_float,
}


# No text in UTF-8 begins with this byte. It marks values that are not text.
NO_TEXT = literal_column("CAST(x'FF' AS TEXT)", Text)
_QUOTED_TEXTS = 1013  # SQLITE_DBCONFIG_DQS_DML
_OPERATIONS = 20_000  # operations of SQLite's virtual machine between two looks at the clock

_REMEDIES = {
    "interrupted": (
        "statement timeout; raise statement_timeout, or give the query an index to use"
    ),
    "database is locked": "someone writes to the file; raise lock_timeout or try again",
    "unable to open database file": (
        "check that the file can be read, and for one in WAL mode its directory written to"
    ),
    "file is not a database": "check the path in the URL; encrypted files cannot be read",
    "attempt to write a readonly database": (
        "if a writer died, its journal has to be rolled back: open the file once with sqlite3"
    ),
    "user-defined function raised exception": (
        "a text that is to be read as another type is no UTF-8; compare it as text or bytes"
    ),
}

_NEUTRAL = {
    Family.BYTES: "x''",
    Family.DATE: "'1970-01-01'",
    Family.TIME: "'00:00:00'",
    Family.TIMESTAMP: "'1970-01-01 00:00:00'",
    Family.TIMESTAMPTZ: "'1970-01-01 00:00:00+00'",
    Family.UUID: "'00000000-0000-0000-0000-000000000000'",
    Family.JSON: "'null'",
    Family.SAME_TYPE: "''",
}

# How values of an expression are read as a family in which a text is kept unchanged.
AS_TEXT = dict.fromkeys(TEXTS, Family.TEXT) | dict.fromkeys(DOCUMENTS, Family.JSON)

_WITHOUT_AFFINITY = frozenset({Family.BYTES, Family.SAME_TYPE})

_PLAIN_RULES = ColumnRules(common=True)
_PARAMETERS = {"mode": one_of("ro"), "uri": yes_or_no, "check_same_thread": yes_or_no}
_PLAIN_INTEGER = re.compile(r"0|-?[1-9][0-9]*", re.ASCII)
_INTEGER = re.compile(r"[+-]?[0-9]+")
_NAME = re.compile(r"""'(?:[^']|'')*'|"((?:[^"]|"")*)\"""")


@dataclass
class _Watch:
    """Stops a statement that takes too long. SQLite calls it after each number of operations."""

    seconds: float
    deadline: float = field(default=inf)

    def start(self, *_: Any) -> None:
        self.deadline = monotonic() + self.seconds

    def __call__(self) -> int:
        return int(monotonic() > self.deadline)


class SQLite(Dialect):
    """A file, opened read-only. Values are read by their storage class, not a declared type."""

    name = "SQLite"
    rounds_exactly = False
    unsteady = frozenset(
        {"random", "randomblob", "load_extension", "readfile", "writefile", "edit"}
        | {"last_insert_rowid", "changes", "total_changes"}
    )

    def default_schema(self, url: URL) -> str:
        del url
        return SCHEMA

    def normalised(self, url: URL, *, shows_names: bool = True) -> URL:
        own = {"timeout": "write lock_timeout in the settings"}
        found = checked(texts(url), _PARAMETERS, own, engine=self.name, shows_names=shows_names)
        path = url.database or ""
        if found.get("uri") == "true" or path.startswith("file:"):  # SQLite's own form
            path = unquote(urlsplit(path).path)
        return url.set(database=path, query={})

    def create_engine(self, url: URL, session: Session) -> Engine:
        settings = session.settings
        watch = _Watch(settings.statement_timeout)

        def connect() -> sqlite3.Connection:
            connection = self.open(url, settings.lock_timeout)
            # A text that is not valid UTF-8 is kept as it is, without replacement characters.
            connection.text_factory = text_of
            connection.set_progress_handler(watch, _OPERATIONS)
            return connection

        engine = create_engine(
            "sqlite+pysqlite://",
            creator=connect,
            poolclass=QueuePool,
            pool_size=1,
            max_overflow=0,
        )
        event.listen(engine, "before_cursor_execute", watch.start)
        event.listen(engine, "connect", _pin)
        event.listen(engine, "begin", _begin)
        return quoting(engine)

    def open(self, url: URL, patience: float) -> sqlite3.Connection:
        """Open the database file; raises :class:`sqlite3.Error`."""
        path = Path(url.database or "").absolute()
        if not path.is_file():
            raise sqlite3.OperationalError(
                f"there is no file {path}; a URL with three slashes, sqlite:///name, is relative "
                "to the working directory, one with four is not"
            )
        return sqlite3.connect(
            f"{path.as_uri()}?mode=ro",
            uri=True,
            timeout=patience,
            isolation_level=None,
            check_same_thread=False,
        )

    def export_snapshot(self, connection: Connection) -> str:
        del connection
        return ""

    def join_snapshot(self, connection: Connection, snapshot: str) -> None:
        """Do nothing: a process reads in a single transaction, which is kept."""

    def server(self, connection: Connection, address: str) -> ServerFacts:
        del address
        path = str(connection.scalar(_FILE))
        encoding = str(connection.scalar(text("PRAGMA encoding")))
        if encoding != "UTF-8":
            raise StackUnavailable(
                f"{path} holds text in {encoding}, which SQLite cannot give without loss; "
                "make a copy in UTF-8: sqlite3 old .dump | sqlite3 new"
            )
        facts = os.stat(path)  # noqa: PTH116 - a file has one number, whatever its paths
        return ServerFacts(
            product=self.name,
            version=sqlite3.sqlite_version,
            address=path,
            database=f"file {facts.st_dev}:{facts.st_ino}",
            user="",
            encoding="UTF8",
            system="",
            instance=f"{facts.st_dev}:{facts.st_ino}",
            replica=False,
            snapshot_at=datetime.now(UTC).isoformat(timespec="microseconds"),
        )

    def catalog(self, connection: Connection, schema: str) -> Catalog:
        if schema != SCHEMA:
            return Catalog(schema, {})
        if sqlite3.sqlite_version_info < (3, 37):
            raise StackUnavailable(
                f"SQLite {sqlite3.sqlite_version} cannot list its tables; 3.37 or later can"
            )
        found = connection.execute(_TABLES).all()
        tables = [_table(connection, name, kind) for name, kind in found]
        return Catalog(schema, {table.name: table for table in tables})

    def expression_facts(
        self, connection: Connection, source: Any, expression: ColumnElement[Any]
    ) -> ColumnFacts:
        if isinstance(expression, ColumnClause) and expression.is_literal:  # of the settings
            _refuse_unknown_names(str(expression), [each.name for each in source.c])
        connection.execute(select(expression.label("x")).select_from(source).limit(0)).close()
        # SQLite gives the type of each value of an expression, but no type for the expression.
        return ColumnFacts(name_of(expression), "an SQL expression", "", Family.WRITTEN)

    def text(
        self, value: ColumnElement[Any], column: ColumnFacts, rules: ColumnRules
    ) -> ColumnElement[str]:
        kind = func.typeof(value, type_=Text)
        own = case(
            (kind == word("null"), null()),
            *_quickly(value, kind, column.family, lone_double=rules.lone_double),
            else_=_by_function(value, kind, column.family),
        )
        # Without this, the COLLATE of an expression would apply to every comparison around it.
        return own.collate("BINARY")

    def canonical(
        self, value: ColumnElement[Any], column: ColumnFacts, family: Family, rules: ColumnRules
    ) -> ColumnElement[str]:
        # Some applications write 't' into a column of flags, and others write 1.
        flag = rules.read_as and column.family is family is Family.BOOLEAN
        if column.family is Family.WRITTEN or flag:
            return self._by_storage(value, column, family, rules)
        return spelled(self.text(value, column, rules), column.family, family, rules)

    def _by_storage(
        self, value: ColumnElement[Any], column: ColumnFacts, family: Family, rules: ColumnRules
    ) -> ColumnElement[str]:
        """Read each value of an expression by its storage class, such as numbers as numbers."""
        meant = AS_TEXT.get(family, family)
        typed = self.text(value, replace(column, family=meant), rules)
        if meant in AS_TEXT.values():
            return typed
        read = spelled(value.collate("BINARY"), Family.WRITTEN, meant, rules)
        return either(value, read, typed)

    def portable_hash(
        self, texts: Sequence[ColumnElement[str]], salt: int, digest: Portable
    ) -> ColumnElement[int]:
        start = (word(digest.function), literal(salt, BigInteger))
        parts = [cast(each, LargeBinary) for each in texts]
        if len(parts) <= MOST_ARGUMENTS:
            return func.parity_hash(*start, *parts, type_=BigInteger)
        packs = [
            func.parity_pack(*parts[first : first + MOST_ARGUMENTS])
            for first in range(0, len(parts), MOST_ARGUMENTS)
        ]
        return func.parity_packed_hash(*start, *packs, type_=BigInteger)

    def hash_number(self, text: ColumnElement[str], function: str) -> ColumnElement[int]:
        return func.parity_number(word(function), cast(text, LargeBinary), type_=BigInteger)

    def holds_doubles(self, column: ColumnFacts) -> bool:
        return column.family in (Family.FLOAT, Family.DECIMAL, Family.WRITTEN)

    def once(self, rows: Select[Any]) -> Select[Any]:
        # Without a limit, the subquery would be flattened, and each row hashed for each aggregate.
        return rows.limit(-1)

    def exact_sum(self, numbers: ColumnElement[int]) -> ColumnElement[Any]:
        return func.parity_sum(numbers, type_=Text)

    def xor(self, numbers: ColumnElement[int]) -> ColumnElement[Any]:
        return func.parity_xor(numbers, type_=BigInteger)

    def byte_order(self, text: ColumnElement[str]) -> ColumnElement[Any]:
        return text.collate("BINARY")

    def can_use_index(self, column: ColumnFacts) -> bool:
        return column.family in (Family.INTEGER, Family.TEXT)

    def bound(self, value: int | date | datetime) -> ColumnElement[Any]:
        """Return a date or timestamp as text, such as ``2026-11-30 12:00:00.000000``.

        SQLite has no type for them. With six digits, a timestamp's text is not less than any text
        of the same timestamp with fewer digits.
        """
        if isinstance(value, datetime):
            naive = value.replace(tzinfo=None)
            return literal(naive.isoformat(" ", timespec="microseconds"), Text)
        return literal(value.isoformat(), Text) if isinstance(value, date) else super().bound(value)

    def any_of(
        self, value: ColumnElement[Any], column: ColumnFacts, allowed: Sequence[str]
    ) -> ColumnElement[bool]:
        kind = func.typeof(value, type_=Text)
        match column.family:
            case Family.INTEGER:
                wanted = [literal(each, BigInteger) for each in _integers(column, allowed)]
                return and_(kind == word("integer"), value.in_(wanted))
            case Family.TEXT:
                texts = [literal(each, Text) for each in allowed]
                return and_(kind == word("text"), value.collate("BINARY").in_(texts))
            case Family.WRITTEN | Family.SAME_TYPE | Family.JSON:
                texts = [literal(each, Text) for each in allowed]
                exact = self.exactly_comparable(value, column)
                is_one = and_(kind == word("text"), exact.in_(texts))
                if column.family is not Family.WRITTEN:
                    return is_one
                # An expression has no type, and may give numbers.
                numbers = [int(each) for each in allowed if _PLAIN_INTEGER.fullmatch(each)]
                wanted = [literal(n, BigInteger) for n in numbers if -(2**63) <= n < 2**63]
                return or_(is_one, and_(kind == word("integer"), value.in_(wanted)))
            case family:
                own = self.canonical(value, column, family, ColumnRules(common=True))
                read = replace(_PLAIN_RULES, float_bits=DOUBLE)
                given = (spelled(literal(a, Text), Family.WRITTEN, family, read) for a in allowed)
                return own.in_(list(given))

    def if_text(self, value: ColumnElement[Any], then: ColumnElement[Any]) -> ColumnElement[Any]:
        return either(value, then, value)

    def exactly_comparable(
        self, value: ColumnElement[Any], column: ColumnFacts
    ) -> ColumnElement[Any]:
        del column
        # A function's result has no affinity. With an affinity, '07' could equal 7.
        return func.ifnull(value, null()).collate("BINARY")

    def match_forms(
        self, value: ColumnElement[Any], column: ColumnFacts, other: ColumnFacts
    ) -> tuple[ColumnElement[Any], ...]:
        """Return the plain column, and forms that make the comparison exact.

        SQLite looks up each row of a join in an index on plain columns, which it creates if there
        is none. Exactly equal values are equal under any affinity, because both were stored under
        it. In columns without affinity, 7 and 7.0 are stored as different values, but = takes them
        for equal.
        """
        own, exact = value.collate("BINARY"), self.exactly_comparable(value, column)
        if column.family is other.family and column.family in _WITHOUT_AFFINITY:
            return own, func.typeof(value, type_=Text), exact
        return own, exact

    def least_change(
        self, value: ColumnElement[Any], column: ColumnFacts
    ) -> ColumnElement[Any] | None:
        kind = func.typeof(value, type_=Text)
        is_text = kind == word("text")
        other = func.parity_other(as_bytes(value, kind), kind, literal(column.family.value, Text))
        match column.family:
            case Family.TEXT | Family.WRITTEN | Family.SAME_TYPE:
                return case((is_text, value.op("||")(word(" "))), else_=other)
            case Family.JSON:
                return case((is_text, word("[").op("||")(value).op("||")(word("]"))), else_=other)
            case _:
                return other

    def null_lookalike(self, column: ColumnFacts) -> ColumnElement[Any] | None:
        if column.family in _NEUTRAL:
            return literal_column(_NEUTRAL[column.family])
        return super().null_lookalike(column)

    def is_of_query(self, error: DBAPIError) -> bool:
        said = str(error.orig)
        return super().is_of_query(error) or any(words in said for words in _OF_QUERIES)

    def explain(self, error: DBAPIError) -> str:
        said = str(error.orig).strip().partition("\n")[0]
        known = (remedy for words, remedy in _REMEDIES.items() if words in said)
        remedy = next(known, "")
        return f"{said}: {remedy}" if remedy else said

    def cancel(self, connection: Connection) -> None:
        driver: Any = connection.connection.dbapi_connection
        if driver is not None:
            driver.interrupt()


# ---- sessions


def _pin(connection: Any, _: Any) -> None:
    """Register the session's functions, after SQLAlchemy's own, and make it read-only."""
    teach(connection)
    connection.execute("PRAGMA query_only = 1")
    # ATTACH would create a file that does not exist.
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    if hasattr(connection, "setconfig"):  # from Python 3.12
        # Otherwise a misspelt name in double quotes would be a text, without an error.
        connection.setconfig(_QUOTED_TEXTS, False)


def _begin(connection: Connection) -> None:
    """Begin a transaction and read, so that it stays at the current state."""
    connection.exec_driver_sql("BEGIN")
    connection.exec_driver_sql(_START).close()


# ---- catalog


def _table(connection: Connection, name: str, kind: str) -> TableFacts:
    view = "view" if kind == "view" else ""
    if not is_writable(name):
        why = "has a name that is not UTF-8, by which no query can read it; rename the table"
        return TableFacts(SCHEMA, encodable(name), (), (), view, refused=why)
    if kind == "virtual":
        why = "is a virtual table: what it holds, a module's code decides"
        return TableFacts(SCHEMA, name, (), (), view, refused=why)
    try:
        rows = connection.execute(_COLUMNS, {"table": name}).all()
    except DBAPIError as error:  # a view of a table that was dropped
        return TableFacts(SCHEMA, name, (), (), view, refused=f"cannot be read: {error.orig}")
    if unreadable := [column for column, _, _ in rows if not is_writable(column)]:
        why = (
            f"has a column '{encodable(unreadable[0])}', whose name is not UTF-8; rename the column"
        )
        return TableFacts(SCHEMA, name, (), (), view, refused=why)
    key = sorted((place, column) for column, _, place in rows if place)
    columns = tuple(_column(column, declared) for column, declared, _ in rows)
    return TableFacts(
        SCHEMA,
        name,
        columns,
        tuple(column for _, column in key),
        view,
        indexed=_indexed(connection, name, [column for _, column in key]),
        rows=0 if view else _size(connection, name),
    )


def _indexed(connection: Connection, table: str, key: Sequence[str]) -> tuple[str, ...]:
    """Return the first columns of indexes. The rows themselves are in the order of the key."""
    found = connection.scalars(_INDEXED, {"table": table})
    return tuple(sorted({*found, *key[:1]}))


def _size(connection: Connection, table: str) -> int:
    """Return about how many rows a table has, by ANALYZE; 0 without it."""
    if connection.scalar(_STATISTICS) is None:
        return 0
    return int(connection.scalar(_COUNTED, {"table": table}) or 0)


def _column(name: str, declared: str) -> ColumnFacts:
    bare, _, size = declared.upper().partition("(")
    behind = size.partition(")")[2]
    words = " ".join(_ATTRIBUTES.sub(" ", f"{bare} {behind}").split())
    family = _FAMILIES.get(words, Family.SAME_TYPE)
    scale = re.match(r"\s*[0-9]+\s*,\s*([0-9]+)\s*\)", size)
    return ColumnFacts(
        name,
        declared or "without a type",
        words,
        family,
        int(scale.group(1)) if scale and family is Family.DECIMAL else None,
        fuzzy=family is Family.TEXT,
    )


def _refuse_unknown_names(sql: str, known: list[str]) -> None:
    """Raise :class:`NotProven` for a name in double quotes that no column has.

    SQLite would read the name as a text, the same in each row.
    """
    names = {name.lower() for name in known}
    for found in _NAME.finditer(sql):
        quoted = found.group(1)
        if quoted is not None and quoted.replace('""', '"').lower() not in names:
            raise NotProven(
                f'"{quoted}" in {sql} is no column, and SQLite would take it for a text; '
                "texts go in single quotes"
            )


# ---- values


def _quickly(
    value: ColumnElement[Any], kind: ColumnElement[str], family: Family, *, lone_double: bool
) -> list[tuple[Any, ColumnElement[Any]]]:
    """Return the cases in which SQLite itself can make the text, without a call of Python."""
    is_integer, is_text = kind == word("integer"), kind == word("text")
    found: list[tuple[Any, ColumnElement[Any]]] = []
    if family in (Family.TEXT, Family.JSON):
        found.append((and_(is_text, value.collate("BINARY") < NO_TEXT), value))
    if family in (Family.INTEGER, Family.DECIMAL, Family.JSON):
        found.append((is_integer, cast(value, Text)))
    if family in _REAL and lone_double:
        shown = cast(value, Text)
        found.append(
            (kind == word("real"), _SHOWN[family](value, shown, cast(shown, REAL), type_=Text))
        )
    elif family in _REAL:
        found.append((kind == word("real"), _REAL[family](value, type_=Text)))
    if family is Family.BOOLEAN:
        found += [
            (and_(is_integer, value == literal_column(number)), word(meaning))
            for number, meaning in (("0", "false"), ("1", "true"))
        ]
    if family is Family.BYTES:
        digits = func.lower(func.hex(value), type_=Text)
        found.append((kind == word("blob"), word("\\x").op("||")(digits)))
    if family in _PLAIN:
        length, form = _PLAIN[family]
        # GLOB ignores text after the first NUL.
        size = func.length(cast(value, LargeBinary)) == literal_column(str(length))
        found.append((and_(is_text, size, value.op("GLOB")(word(form))), value))
    return found


def _by_function(
    value: ColumnElement[Any], kind: ColumnElement[str], family: Family
) -> ColumnElement[str]:
    """Return the text made by Python. In a column of texts, a value of another kind is marked."""
    stored = as_bytes(value, kind)
    own: ColumnElement[str] = func.parity_text(stored, kind, word(family.value), type_=Text)
    if family is Family.TEXT:
        return NO_TEXT.op("||")(own)
    if family is Family.JSON:
        finite = func.abs(value) <= literal_column("1.7976931348623157e308")
        return case((and_(kind == word("real"), finite), own), else_=NO_TEXT.op("||")(own))
    return cast(own, Text)


def spelled(
    own: ColumnElement[str], source: Family, family: Family, rules: ColumnRules
) -> ColumnElement[str]:
    """Return :func:`.canonical_text.spell` for engines that differ, by one call of Python.

    SQLite's parser would refuse the nested SQL, which would also be slower.
    """
    if source is family:  # a float's text is already the common one
        return own
    if source is Family.BYTES and family is Family.UUID:
        own = func.substr(own, 3, type_=Text)
    elif source not in TEXTS and family is not Family.FLOAT:
        # A value that is neither true nor false must not become NULL.
        return func.coalesce(spell(own, source, family, common=True), own, type_=Text)
    if family not in SPELLINGS:
        return own
    stored = cast(own, LargeBinary)
    in_utc = family is Family.TIMESTAMPTZ and rules.naive_zone == "UTC"
    if family is Family.FLOAT:
        read = func.parity_read_float(stored, literal_column(str(rules.float_bits)))
    else:
        read = func.parity_spell(stored, word(IN_UTC if in_utc else family.value))
    return func.coalesce(read, own, type_=Text)


def either(
    value: ColumnElement[Any], if_text: ColumnElement[str], otherwise: ColumnElement[str]
) -> ColumnElement[str]:
    """Return ``if_text`` for a value that is stored as text, and ``otherwise`` for any other."""
    is_text = func.typeof(value, type_=Text) == word("text")
    return case((is_text, if_text), else_=otherwise)


def as_bytes(value: ColumnElement[Any], kind: ColumnElement[str]) -> ColumnElement[Any]:
    """Return a text's bytes, because Python would not accept a text that is not UTF-8."""
    return case((kind == word("text"), cast(value, LargeBinary)), else_=value)


def _integers(column: ColumnFacts, allowed: Sequence[str]) -> list[int]:
    wrong = [each for each in allowed if not _INTEGER.fullmatch(each)]
    if wrong:
        raise NotProven(f"{wrong[0]!r} is no integer, and {column.name!r} is {column.declared}")
    numbers = map(int, allowed)
    return [number for number in numbers if -(2**63) <= number < 2**63]


def word(constant: str) -> ColumnElement[str]:
    """Return a constant text of the program, never of the data, as SQL."""
    return literal_column(f"'{constant}'", Text)
