"""Archives: a folder of Parquet and CSV files, read through DuckDB and never written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    Text,
    case,
    cast,
    create_engine,
    func,
    literal,
    literal_column,
    or_,
    select,
)
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool
from sqlalchemy.types import UserDefinedType

from ....model import ServerFacts
from ...catalog import TEXTS, Catalog, ColumnFacts, Family
from ...parameters import anything, checked, texts
from ..base import ColumnRules, Dialect, name_of
from ..canonical_text import as_decimal, as_float, spell
from ..floats import DOUBLE, SINGLE
from ..quoting import STANDARD, quoting
from ..server_rules import Session
from ..sqlite.values import spelled_values
from .files import UNREAD, changed_meanwhile, scan
from .reader import DECIMAL, SCHEMA, Reader, column_facts

_OLDEST = (2, 0)  # in earlier versions, "~" had to match the whole text
_WITH_ERAS = frozenset({Family.DATE, Family.TIMESTAMP, Family.TIMESTAMPTZ})
# Two values of each type: for any value, at least one of them is different.
_SAMPLES = {
    "BLOB": (r"'\x00'::BLOB", "''::BLOB"),
    "UUID": (
        "'00000000-0000-0000-0000-000000000000'::UUID",
        "'00000000-0000-0000-0000-000000000001'::UUID",
    ),
    "DATE": ("DATE '1970-01-01'", "DATE '1970-01-02'"),
    "TIME": ("TIME '00:00:00'", "TIME '00:00:00.000001'"),
    "TIME WITH TIME ZONE": ("'00:00:00+00'::TIMETZ", "'00:00:00.000001+00'::TIMETZ"),
    "TIMESTAMP": ("TIMESTAMP '1970-01-01'", "TIMESTAMP '1970-01-01 00:00:00.000001'"),
    "TIMESTAMP_NS": (
        "TIMESTAMP_NS '1970-01-01'",
        "TIMESTAMP_NS '1970-01-01 00:00:00.000000001'",
    ),
    "TIMESTAMP WITH TIME ZONE": (
        "TIMESTAMPTZ '1970-01-01 00:00:00+00'",
        "TIMESTAMPTZ '1970-01-01 00:00:00.000001+00'",
    ),
    "TIMESTAMPTZ_NS": (
        "'1970-01-01 00:00:00+00'::TIMESTAMPTZ_NS",
        "'1970-01-01 00:00:00.000000001+00'::TIMESTAMPTZ_NS",
    ),
    "INTERVAL": ("INTERVAL '0 days'", "to_microseconds(1)"),
}
_WIDER = frozenset({"UBIGINT", "HUGEINT", "UHUGEINT"})  # than a signed 64-bit integer
_STEPS = {
    "DATE": "1",
    "TIMESTAMP": "to_microseconds(1)",
    "TIMESTAMP WITH TIME ZONE": "to_microseconds(1)",
}
_REMEDIES = {
    "Timeout": "raise statement_timeout",
    "No files found": "a file is gone; run the audit while nobody writes to the archive",
    "Out of Memory": "give the run more memory, or split the archive",
    "file system operations are disabled": "SQL in the settings can read the archive's tables only",
    "read-only mode": "SQL in the settings can only read",
    "Cannot open file": "check that the file can be read",
}


class _TypeOf(UserDefinedType[Any]):
    """A SQLAlchemy type with one of DuckDB's type names."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: Any) -> str:
        return self.name


class Archive(Dialect):
    r"""Files declare no keys: the settings name one, or the other side's key is used.

    A URL is ``archive:////absolute/folder`` or ``archive:///folder``. With ``?null=\N``, an
    unquoted ``\N`` in CSV files is NULL, and an unquoted empty value is not.
    """

    name = "archive"
    singles = frozenset({"FLOAT"})
    unsteady = frozenset(
        {"random", "setseed", "uuid", "uuidv4", "uuidv7", "gen_random_uuid", "nextval", "currval"}
        | {"read_csv", "read_csv_auto", "read_parquet", "parquet_scan", "read_json", "read_text"}
        | {"read_json_auto", "read_blob", "glob", "query", "query_table", "getenv"}
    )
    # The files must not change: a session that finds the same files reads the same data.
    shares_snapshots = True

    def normalised(self, url: URL, *, shows_names: bool = True) -> URL:
        known = {"null": anything}
        found = checked(texts(url), known, {}, engine="an archive", shows_names=shows_names)
        return url.set(query=found)

    def create_engine(self, url: URL, session: Session) -> Engine:
        path, null = _location(url)
        timeout = session.settings.statement_timeout

        def connect() -> Reader:
            if tuple(map(int, duckdb.__version__.split(".")[:2])) < _OLDEST:
                raise duckdb.NotSupportedError("archives need DuckDB 2.0 or later")
            return Reader(path(), null, timeout)

        engine = create_engine(
            "duckdb://", creator=connect, poolclass=QueuePool, pool_size=1, max_overflow=0
        )
        return quoting(engine)

    def default_schema(self, url: URL) -> str:
        del url
        return SCHEMA

    def export_snapshot(self, connection: Connection) -> str:
        return _reader(connection).folder.fingerprint

    def join_snapshot(self, connection: Connection, snapshot: str) -> None:
        folder = _reader(connection).folder
        folder.require_unchanged()
        if scan(folder.path).fingerprint != snapshot or folder.fingerprint != snapshot:
            raise changed_meanwhile(folder.path, "a file")

    def server(self, connection: Connection, address: str) -> ServerFacts:
        del address
        folder = str(_reader(connection).folder.path)
        return ServerFacts(
            product="DuckDB archive",
            version=duckdb.__version__,
            address=folder,
            database=folder,
            user="",
            encoding="UTF8",
            system="",
            instance="",
            replica=False,
            snapshot_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        )

    def catalog(self, connection: Connection, schema: str) -> Catalog:
        reader = _reader(connection)
        if schema != SCHEMA:
            return Catalog(schema, {})
        tables = {name: reader.require_all_rows(name) for name in reader.facts}
        reader.folder.require_unchanged()
        unread = ", ".join(reader.folder.unread)
        return Catalog(schema, tables, f"the archive {UNREAD.format(unread)}" if unread else "")

    def expression_facts(
        self, connection: Connection, source: Any, expression: ColumnElement[Any]
    ) -> ColumnFacts:
        cursor = connection.execute(select(expression.label("x")).select_from(source).limit(0))
        declared = str(cursor.cursor.description[0][1])
        cursor.close()
        return column_facts(name_of(expression), declared)

    def naive_sql(self, column: str, zone: str) -> str:
        return f"{STANDARD.quote(column)} AT TIME ZONE '{zone}'"

    def text(
        self, value: ColumnElement[Any], column: ColumnFacts, rules: ColumnRules
    ) -> ColumnElement[str]:
        match column.family:
            case Family.BYTES:
                digits = func.lower(func.hex(value), type_=Text)
                return literal(r"\x", Text) + digits
            case Family.FLOAT if rules.float_bits == SINGLE:
                return cast(cast(value, _TypeOf("FLOAT")), Text)
            case Family.FLOAT:
                return cast(cast(value, _TypeOf("DOUBLE")), Text)
            case Family.DECIMAL:
                return _decimal(cast(value, Text), column)
            case family if family in _WITH_ERAS:
                return _with_era(cast(value, Text))
            case _:
                return cast(value, Text)

    def canonical(
        self, value: ColumnElement[Any], column: ColumnFacts, family: Family, rules: ColumnRules
    ) -> ColumnElement[str]:
        own = self.text(value, column, rules)
        if column.family is Family.TIMESTAMP and family is Family.TIMESTAMPTZ:
            return _with_zone(own)
        # Always the common form: one side may be a CSV file and the other a Parquet file.
        spelled = spell(
            own,
            column.family,
            family,
            common=True,
            shifted=self.shifted,
            zone=rules.naive_zone,
        )
        if family is Family.FLOAT and column.family in TEXTS:
            # DuckDB lowers "İnf" to "inf", but no number contains that letter.
            read = _shortest(own, spelled) if rules.float_bits == DOUBLE else spelled
            return case((own.contains(literal("İ", Text)), own), else_=read)
        return spelled

    def shifted(self, moment: ColumnElement[str], offset: ColumnElement[str]) -> ColumnElement[str]:
        time: ColumnElement[Any] = cast(moment, _TypeOf("TIMESTAMP"))
        signed = func.replace(offset, literal("+", Text), literal("", Text), type_=Text)
        return cast(time - cast(signed, _TypeOf("INTERVAL")), Text)

    def hash_number(self, text: ColumnElement[str], function: str) -> ColumnElement[int]:
        hashed = func.md5(text) if function == "md5" else func.sha256(text)
        digits = func.left(hashed, 16)
        return cast(cast(func.unhex(digits), _TypeOf("BIT")), BigInteger)

    def exact_sum(self, numbers: ColumnElement[int]) -> ColumnElement[Any]:
        return func.sum(numbers, type_=BigInteger)  # the sum of BIGINT is a HUGEINT

    def holds_in_64_bits(self, column: ColumnFacts) -> bool:
        return column.type not in _WIDER

    def bound(self, value: int | date | datetime) -> ColumnElement[Any]:
        """Bind a timestamp as text, because the driver needs pytz for a datetime with a zone."""
        if isinstance(value, datetime):
            return cast(literal(value.isoformat(), Text), _TypeOf("TIMESTAMP WITH TIME ZONE"))
        return super().bound(value)

    def any_of(
        self, value: ColumnElement[Any], column: ColumnFacts, allowed: Sequence[str]
    ) -> ColumnElement[bool]:
        # Compared as text: a cast of '1.5' or '2024' to the column's type could round or guess.
        spelled = spelled_values(column.family, allowed)
        return self.exactly_comparable(value, column).in_([literal(each, Text) for each in spelled])

    def exactly_comparable(
        self, value: ColumnElement[Any], column: ColumnFacts
    ) -> ColumnElement[Any]:
        return self.text(value, column, ColumnRules())

    def least_change(
        self, value: ColumnElement[Any], column: ColumnFacts
    ) -> ColumnElement[Any] | None:
        if column.family is Family.DECIMAL:
            step = cast(literal_column(f"1e-{column.scale or 0}"), _TypeOf(column.declared))
            return case((value > literal_column("0"), value - step), else_=value + step)
        if column.type in _STEPS:
            return _moved(value, column)
        if self.holds_singles(column):
            changed = super().least_change(cast(value, _TypeOf("DOUBLE")), column)
            return None if changed is None else cast(changed, _TypeOf("FLOAT"))
        if column.type in _SAMPLES:
            return _otherwise(value, column)
        return super().least_change(value, column)

    def null_lookalike(self, column: ColumnFacts) -> ColumnElement[Any] | None:
        if column.type == "BLOB":
            return literal_column("''::BLOB")
        if column.type in _SAMPLES:
            return literal_column(_SAMPLES[column.type][0])
        return super().null_lookalike(column)

    @contextmanager
    def apart(self, connection: Connection) -> Iterator[None]:
        try:
            yield
        except DBAPIError:
            connection.rollback()  # DuckDB ends the transaction; the files are the snapshot
            raise

    def explain(self, error: DBAPIError) -> str:
        said = str(error.orig).strip().partition("\n")[0]
        remedy = next((hint for words, hint in _REMEDIES.items() if words in said), "")
        return f"{said}; {remedy}" if remedy else said

    def cancel(self, connection: Connection) -> None:
        reader: Any = connection.connection.dbapi_connection
        if reader is not None:
            reader.interrupt()


def _location(url: URL) -> tuple[Callable[[], Path], str]:
    """Return a function that finds the folder of ``url``, and the text of NULL in CSV files."""
    null = url.query.get("null", "")

    def path() -> Path:
        unknown = url.query.keys() - {"null"}
        if url.host or not url.database or unknown or not isinstance(null, str):
            raise duckdb.IOException(
                "an archive's URL is archive:////absolute/folder or archive:///folder, "
                r"with ?null=\N where that stands for NULL"
            )
        if re.search(r'[",\r\n]', null):
            raise duckdb.IOException(f"{null!r} cannot stand for NULL in a CSV file")
        return Path(url.database).expanduser().resolve()

    return path, str(null)


def _reader(connection: Connection) -> Reader:
    reader: Any = connection.connection.dbapi_connection
    if not isinstance(reader, Reader):
        raise TypeError(f"{reader!r} is no connection to an archive")
    return reader


def _decimal(own: ColumnElement[str], column: ColumnFacts) -> ColumnElement[str]:
    """Remove the last zeros of a fraction. DuckDB writes ``.5`` if the type has no whole digits."""
    sized = DECIMAL.fullmatch(column.declared)
    if sized is None or sized[1] == sized[2]:
        return as_decimal(own)
    if sized[2] == "0":
        return own
    return func.rtrim(func.rtrim(own, literal("0", Text)), literal(".", Text), type_=Text)


def _shortest(own: ColumnElement[str], spelled: ColumnElement[str]) -> ColumnElement[str]:
    """Return the shortest text of the double that a text of 16 or 17 digits represents.

    Many programs write that many digits. Texts of other lengths are resolved by the client. A text
    that represents no double is returned as ``spelled``.
    """
    double = func.try_cast(own.op("AS")(literal_column("DOUBLE")))
    forms = [func.format(literal(f"{{:.{n}e}}", Text), double, type_=Text) for n in (15, 16)]
    exact = or_(*(spelled == as_float(each) for each in forms))
    short = cast(double, Text)
    as_it_is = or_(own == short, ~own.regexp_match("[0-9]([.]?[0-9]){15}"))
    return case((as_it_is, spelled), (exact, as_float(short)), else_=spelled)


def _with_era(own: ColumnElement[str]) -> ColumnElement[str]:
    era, nothing = literal(" (BC)", Text), literal("", Text)
    before = func.replace(own, era, nothing, type_=Text) + literal(" BC", Text)
    return case((own.contains(era), before), else_=own)


def _with_zone(own: ColumnElement[str]) -> ColumnElement[str]:
    zone, era = literal("+00", Text), literal(" BC", Text)
    before = func.replace(own, era, literal("", Text), type_=Text) + zone + era
    infinite = or_(own == literal("infinity", Text), own == literal("-infinity", Text))
    return case((infinite, own), (own.contains(era), before), else_=own + zone)


def _moved(value: ColumnElement[Any], column: ColumnFacts) -> ColumnElement[Any]:
    """Return the value one step nearer to the epoch, which cannot overflow."""
    epoch, later = _samples(column)
    step: ColumnElement[Any] = literal_column(_STEPS[column.type])
    return case(
        (func.isinf(value), epoch),
        (value == epoch, later),
        (value > epoch, value - step),
        else_=value + step,
    )


def _otherwise(value: ColumnElement[Any], column: ColumnFacts) -> ColumnElement[Any]:
    one, other = _samples(column)
    return case((value == one, other), (value.is_not(None), one))


def _samples(column: ColumnFacts) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    one, other = _SAMPLES[column.type]
    return literal_column(one), literal_column(other)
