"""Archives: a folder of Parquet and CSV files, read through DuckDB and never written.

The tables are views in a database in memory. What DuckDB forgives in a CSV file (a blank line, an
open quote, a comma too many) is looked for here first, since it would lose rows or values.
"""

from __future__ import annotations

import codecs
import gzip
import re
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from glob import has_magic
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

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

from ...errors import NotProven
from ..catalog import TEXTS, Catalog, ColumnFacts, Family, ServerFacts, TableFacts
from .base import ColumnRules, Dialect, Session
from .spelling import as_decimal, spell

T = TypeVar("T")

_SCHEMA = "main"
_OLDEST = (2, 0)  # "~" asked for the whole text to match in earlier ones

_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,
    "temp_directory": "",
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "allow_persistent_secrets": False,
    "enable_external_file_cache": False,
    "python_enable_replacements": False,
    "default_collation": "",
}

_FAMILIES = {
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"), Family.INTEGER),
    **dict.fromkeys(("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"), Family.INTEGER),
    "DECIMAL": Family.DECIMAL,
    "FLOAT": Family.FLOAT,
    "DOUBLE": Family.FLOAT,
    "BOOLEAN": Family.BOOLEAN,
    "VARCHAR": Family.TEXT,
    "ENUM": Family.TEXT,
    "BLOB": Family.BYTES,
    "UUID": Family.UUID,
    "DATE": Family.DATE,
    "TIME": Family.TIME,
    "TIME_NS": Family.TIME,
    "TIME WITH TIME ZONE": Family.TIMETZ,
    "TIMESTAMP": Family.TIMESTAMP,
    "TIMESTAMP_S": Family.TIMESTAMP,
    "TIMESTAMP_MS": Family.TIMESTAMP,
    "TIMESTAMP_NS": Family.TIMESTAMP,
    "TIMESTAMP WITH TIME ZONE": Family.TIMESTAMPTZ,
    "INTERVAL": Family.INTERVAL,
    "JSON": Family.JSON,
    "BIT": Family.BIT,
}
_SCALES = {
    "TIME": 6,
    "TIME_NS": 9,
    "TIME WITH TIME ZONE": 6,
    "TIMESTAMP": 6,
    "TIMESTAMP_S": 0,
    "TIMESTAMP_MS": 3,
    "TIMESTAMP_NS": 9,
    "TIMESTAMP WITH TIME ZONE": 6,
}
_WITH_ERAS = frozenset({Family.DATE, Family.TIMESTAMP, Family.TIMESTAMPTZ})
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")

# Two values of each type, so that one of them is another than any given one.
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
    "INTERVAL": ("INTERVAL '0 days'", "to_microseconds(1)"),
}
_STEPS = {
    "DATE": "1",
    "TIMESTAMP": "to_microseconds(1)",
    "TIMESTAMP WITH TIME ZONE": "to_microseconds(1)",
}

_UNREAD = "holds files that are neither .parquet nor .csv and were not read ({})"
_NO_ROWS = re.compile(r"\..*|_SUCCESS|README(\.\w+)?|.*\.(md|crc|md5|sha256)", re.IGNORECASE)
_DATA = re.compile(r"(.+?)(\.parquet|\.csv|\.csv\.gz)", re.IGNORECASE | re.DOTALL)

_CHUNK = 1 << 22
_LONGEST = 1 << 25  # bytes of one CSV record
_TICK = 0.02  # seconds, longer than a file system's clock takes from one time to the next
_FIELD = rb'(?:"[^"]*+(?:""[^"]*+)*+"|[^",\r\n]*+)'
_HEADER = re.compile(rb"(?:\xef\xbb\xbf)?(" + _FIELD + rb"(?:," + _FIELD + rb")*+)(\r?\n|\Z)")
_NAME = re.compile(rb"(?:\A|,)(" + _FIELD + rb")")

_REMEDIES = {
    "Timeout": "raise statement_timeout",
    "No files found": "a file is gone; run the audit while nobody writes to the archive",
    "Out of Memory": "give the run more memory, or split the archive",
    "file system operations are disabled": "SQL in the settings can read the archive's tables only",
    "read-only mode": "SQL in the settings can only read",
    "Cannot open file": "check that the file can be read",
}


# ---- files


@dataclass(frozen=True)
class _CsvHead:
    names: tuple[str, ...]
    newline: bytes
    size: int


@dataclass(frozen=True)
class _Table:
    """A table of an archive: its files, or why they cannot be read as one."""

    name: str
    files: tuple[Path, ...]
    refused: str = ""

    @property
    def is_csv(self) -> bool:
        return bool(self.files) and not self.files[0].name.lower().endswith(".parquet")


@dataclass(frozen=True)
class _Folder:
    """What a folder held at one moment."""

    path: Path
    tables: tuple[_Table, ...]
    unread: tuple[str, ...]
    stamps: dict[Path, tuple[int, ...]] = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """Name of this state of the files."""
        lines = [f"{path.relative_to(self.path)}\0{stamp}" for path, stamp in self.stamps.items()]
        return sha256("\0\0".join(sorted(lines)).encode("utf-8", "surrogateescape")).hexdigest()

    def require_unchanged(self) -> None:
        """Raise :class:`NotProven` if a file is not what it was."""
        for path, stamp in self.stamps.items():
            if _stamp(path) != stamp:
                raise _changed(self.path, path.name)


def _changed(folder: Path, name: str) -> NotProven:
    return NotProven(
        f"{name} in the archive {folder} was changed during the run, so that its rows were not all "
        "read from one state; run the audit again while nobody writes to the archive"
    )


def _stamp(path: Path) -> tuple[int, ...]:
    """Size, times and place of a file: no program can write to it and leave all of them as is.

    A hash of the contents would have to read each archive once more in each process, and still
    not see what happens after it: this is cheap enough to be asked after each fetch.
    """
    try:
        seen = path.stat()
    except OSError:
        return ()
    return (seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_dev, seen.st_ino)


def _scan(path: Path) -> _Folder:
    """List a folder's tables; raises :class:`duckdb.IOException` if there are none."""
    try:
        tables, unread = _sort_entries(sorted(path.iterdir()))
    except FileNotFoundError:
        hint = f"; for {Path('/', path.name)} and the like, write four slashes: archive:////..."
        raise duckdb.IOException(f"the folder {path} does not exist{hint}") from None
    except OSError as error:
        raise duckdb.IOException(f"the folder {path} cannot be read: {error.strerror}") from None
    if not tables:
        raise duckdb.IOException(f"the folder {path} holds no .parquet or .csv file")
    stamps = {file: _stamp(file) for table in tables for file in table.files}
    _outlast_the_clock(stamps)
    return _Folder(path, tuple(tables), tuple(unread), stamps)


def _outlast_the_clock(stamps: dict[Path, tuple[int, ...]]) -> None:
    """A file written twice within one tick of the clock would look as if written once."""
    newest = max(stamp[2] for stamp in stamps.values() if stamp) if any(stamps.values()) else 0
    age = time.time() - newest / 1e9
    if 0 <= age < _TICK:
        time.sleep(_TICK)


def _sort_entries(entries: Sequence[Path]) -> tuple[list[_Table], list[str]]:
    found: dict[str, list[_Table]] = {}
    unread = []
    for entry in entries:
        table = _table_of(entry)
        if table is not None:
            found.setdefault(table.name.lower(), []).append(table)
        elif not _holds_no_rows(entry.name):
            unread.append(entry.name)
    return [table for same in found.values() for table in _only_one(same)], unread


def _only_one(same: Sequence[_Table]) -> Sequence[_Table]:
    if len(same) == 1:
        return same
    names = " and ".join(file.name for table in same for file in table.files[:1])
    why = f"could be one of several ({names}, which differ in case or ending only); keep one"
    return [_Table(table.name, (), why) for table in {table.name: table for table in same}.values()]


def _holds_no_rows(name: str) -> bool:
    """Whether a name is that of notes, of checksums, or of a Mac's shadow of another file."""
    if name.startswith("._"):
        return True
    return _DATA.fullmatch(name) is None and _NO_ROWS.fullmatch(name) is not None


def _table_of(entry: Path) -> _Table | None:
    if _holds_no_rows(entry.name):
        return None
    if entry.is_dir():
        return _table_of_files(entry)
    stem = _DATA.fullmatch(entry.name)
    if stem is None:
        return None
    return _Table(stem[1], (entry,), _pattern_in(entry))


def _table_of_files(folder: Path) -> _Table | None:
    """Return the table whose rows are in several files."""
    entries = [each for each in sorted(folder.iterdir()) if not _holds_no_rows(each.name)]
    files = tuple(each for each in entries if _DATA.fullmatch(each.name) and not each.is_dir())
    others = [each.name for each in entries if each not in files]
    if any(_DATA.fullmatch(deeper.name) for deeper in folder.glob("*/**/*")):
        why = (
            "is partitioned into sub-folders; put its files side by side, with all columns in them"
        )
        return _Table(folder.name, (), why)
    if not files:
        return None
    if others:
        return _Table(folder.name, (), f"holds {others[0]!r}, which is neither .parquet nor .csv")
    if len({each.name.lower().endswith(".parquet") for each in files}) > 1:
        return _Table(folder.name, (), "is partly in Parquet, partly in CSV")
    return _Table(folder.name, files, next(filter(None, map(_pattern_in, files)), ""))


def _pattern_in(path: Path) -> str:
    if not has_magic(str(path)):
        return ""
    return "has one of * ? [ in its path, which DuckDB takes for a pattern; rename it"


# ---- CSV


def _opened(path: Path) -> Any:
    return gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb")


def _refusal(path: Path, what: str) -> duckdb.Error:
    return duckdb.InvalidInputException(f"cannot be read soundly: {path.name} {what}")


@contextmanager
def _file_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise _refusal(path, f"cannot be read: {why}") from None


def _csv_head(path: Path) -> _CsvHead:
    """Read the line of names."""
    with _file_errors(path), closing(_opened(path)) as file:
        start: bytes = file.read(_CHUNK)
    found = _HEADER.match(start)
    if found is None or not found[1]:
        raise _refusal(path, "does not begin with a line of column names")
    try:
        names = [_unquoted(name) for name in _NAME.findall(found[1])]
    except UnicodeDecodeError:
        raise _refusal(path, "is not in UTF-8") from None
    _require_names(path, names)
    return _CsvHead(tuple(names), found[2] or b"\n", found.end())


def _require_names(path: Path, names: Sequence[str]) -> None:
    if "" in names:
        raise _refusal(path, f"gives column {names.index('') + 1} no name")
    lower = [name.lower() for name in names]
    twice = [name for name in names if lower.count(name.lower()) > 1]
    if twice:
        raise _refusal(path, f"names the column {twice[0]!r} twice (case does not count)")


def _unquoted(raw: bytes) -> str:
    if raw.startswith(b'"'):
        raw = raw[1:-1].replace(b'""', b'"')
    return raw.decode()


def _csv_rows(path: Path, head: _CsvHead) -> int:
    """Count the records of a file that is RFC 4180 to the letter; raises :class:`duckdb.Error`."""
    further = b"(?:,%b){%d}" % (_FIELD, len(head.names) - 1)
    record = _FIELD + further
    whole = re.compile(b"(?:%b%b)*+" % (record, re.escape(head.newline)))
    decoder = codecs.getincrementaldecoder("utf-8")()
    rows, line, rest = 0, 1, b""
    with _file_errors(path), closing(_opened(path)) as file:
        rest = file.read(head.size)
        decode = _decoding(path, decoder)
        decode(rest, False)
        line += rest.count(b"\n")
        rest = b""
        while chunk := file.read(_CHUNK):
            decode(chunk, False)
            rest += chunk
            done = rest[: _end(whole, rest)]
            rows += b"".join(done.split(b'"')[::2]).count(b"\n")
            line += done.count(b"\n")
            rest = rest[len(done) :]
            if len(rest) > _LONGEST:
                raise _malformed(path, line, len(head.names))
        decode(b"", True)
    if rest and not re.compile(record).fullmatch(rest):
        raise _malformed(path, line, len(head.names))
    return rows + bool(rest)


def _end(whole: re.Pattern[bytes], data: bytes) -> int:
    found = whole.match(data)
    return 0 if found is None else found.end()


def _decoding(path: Path, decoder: codecs.IncrementalDecoder) -> Callable[[bytes, bool], None]:
    def decode(data: bytes, final: bool) -> None:
        try:
            decoder.decode(data, final)
        except UnicodeDecodeError:
            raise _refusal(path, "is not in UTF-8") from None

    return decode


def _malformed(path: Path, line: int, columns: int) -> duckdb.Error:
    return _refusal(
        path,
        f"has no record of {columns} value(s) in line {line}: commas divide values, those with "
        "commas, quotes or line ends stand in double quotes and double each quote inside, no line "
        "is blank, and all lines end like the first",
    )


def _literal(text: str) -> str:
    """A file's path or a name inside CREATE VIEW and SET, which take no parameters."""
    quoted = text.replace("'", "''")
    return f"'{quoted}'"


def _identifier(name: str) -> str:
    quoted = name.replace('"', '""')
    return f'"{quoted}"'


def _csv_source(path: Path, head: _CsvHead, null: str) -> str:
    columns = ", ".join(f"{_literal(name)}: 'VARCHAR'" for name in head.names)
    compression = "gzip" if path.name.lower().endswith(".gz") else "none"
    return (
        f"FROM read_csv({_literal(str(path))}, columns={{{columns}}}, auto_detect=false, "
        "header=true, skip=0, delim=',', quote='\"', escape='\"', comment='', strict_mode=true, "
        "ignore_errors=false, null_padding=false, allow_quoted_nulls=false, parallel=false, "
        "encoding='utf-8', hive_partitioning=false, "
        f"nullstr={_literal(null)}, compression='{compression}', max_line_size={_LONGEST + 1})"
    )


# ---- the connection


class _Reader:
    """A DuckDB in memory whose tables are views of a folder's files, and which can only read.

    For SQLAlchemy it is a driver's connection.
    """

    autocommit = None
    closed = False

    def __init__(self, path: Path, null: str, timeout: float) -> None:
        self.folder = _scan(path)
        self.facts: dict[str, TableFacts] = {}
        self.timeout = timeout
        self.last: _Cursor | None = None
        self.notices: list[str] = []
        self.raw = duckdb.connect(":memory:", config=_CONFIG)
        try:
            self._lock_files()
            for table in self.folder.tables:
                self.facts[table.name] = self._facts(table, null)
            self.raw.execute("SET lock_configuration = true")
        except BaseException:
            self.raw.close()
            raise

    def _lock_files(self) -> None:
        paths = ", ".join(_literal(str(path)) for path in self.folder.stamps)
        self.raw.execute(f"SET allowed_paths = [{paths}]")
        self.raw.execute("SET enable_external_access = false")
        self.raw.execute("SET TimeZone = 'UTC'")

    def _facts(self, table: _Table, null: str) -> TableFacts:
        """Make the table's view, or say why its rows cannot be read soundly."""
        facts = TableFacts(_SCHEMA, table.name, (), (), enforced=False, refused=table.refused)
        if table.refused:
            return facts
        try:
            columns = self._view_csv(table, null) if table.is_csv else self._view_parquet(table)
        except duckdb.Error as error:
            said = str(error).strip().partition("\n")[0]
            why = said if said.startswith("cannot be") else f"cannot be read: {said}"
            return TableFacts(_SCHEMA, table.name, (), (), enforced=False, refused=why)
        return TableFacts(_SCHEMA, table.name, columns, (), enforced=False)

    def _view_csv(self, table: _Table, null: str) -> tuple[ColumnFacts, ...]:
        heads = {path: _csv_head(path) for path in table.files}
        _require_same({path: head.names for path, head in heads.items()})
        sources = [_csv_source(path, head, null) for path, head in heads.items()]
        self._create_view(table, " UNION ALL ".join(f"({source})" for source in sources))
        names = heads[table.files[0]].names
        return tuple(
            ColumnFacts(name, "text of a CSV file", "VARCHAR", Family.WRITTEN) for name in names
        )

    def _view_parquet(self, table: _Table) -> tuple[ColumnFacts, ...]:
        described = {path: self._describe(path) for path in table.files}
        _require_same(described)
        files = ", ".join(_literal(str(path)) for path in table.files)
        options = "hive_partitioning=false, union_by_name=false, filename=false"
        self._create_view(table, f"FROM read_parquet([{files}], {options})")
        return tuple(_stored(*column) for column in described[table.files[0]])

    def _create_view(self, table: _Table, sql: str) -> None:
        self.raw.execute(f"CREATE VIEW {_identifier(table.name)} AS {sql}")

    def _describe(self, path: Path) -> tuple[tuple[str, str, str], ...]:
        """Return name, DuckDB's type and the file's own type of each column of a Parquet file."""
        file = _literal(str(path))
        source = f"read_parquet({file}, hive_partitioning=false)"
        columns = self.raw.execute(f"DESCRIBE FROM {source}").fetchall()
        schema = self.raw.execute(
            f"FROM parquet_schema({file}) SELECT name, coalesce(num_children, 0), "
            "concat_ws(' ', type, converted_type, logical_type)"
        ).fetchall()
        own = list(_top_level(schema))
        if [name for name, _ in own] != [name for name, *_ in columns]:
            raise _refusal(path, "has two columns of one name (case does not count)")
        return tuple((c[0], c[1], kind) for c, (_, kind) in zip(columns, own, strict=True))

    def require_all_rows(self, table: str) -> TableFacts:
        """Read a CSV table once, by its letters and by DuckDB: both must find the same rows."""
        facts, files = self.facts[table], _files_of(self.folder, table)
        if facts.refused or not files.is_csv:
            return facts
        refused = ""
        try:
            counted = sum(_csv_rows(path, _csv_head(path)) for path in files.files)
            sql = f"FROM {_identifier(table)} SELECT count(*), count(COLUMNS(*))"
            found = self.raw.execute(sql).fetchone()
            if found is None or found[0] != counted:
                refused = f"cannot be read soundly: it has {counted} rows, of which DuckDB reads "
                refused += str(found and found[0])
        except duckdb.Error as error:
            refused = str(error).strip().partition("\n")[0]
        return TableFacts(_SCHEMA, table, facts.columns, (), enforced=False, refused=refused)

    def cursor(self) -> _Cursor:
        self.last = _Cursor(self)
        return self.last

    @contextmanager
    def limited(self) -> Iterator[None]:
        """Stop what takes longer than the statement timeout."""
        late = threading.Event()

        def stop() -> None:
            late.set()
            self.raw.interrupt()

        timer = threading.Timer(self.timeout, stop)
        timer.start()
        try:
            yield
        except duckdb.InterruptException:
            if late.is_set():
                raise duckdb.InterruptException(
                    f"Timeout: the statement took longer than {self.timeout:g} s"
                ) from None
            raise
        finally:
            timer.cancel()
            timer.join()

    def begin(self) -> None:
        self.raw.execute("BEGIN TRANSACTION READ ONLY")

    def commit(self) -> None:
        self.rollback()

    def rollback(self) -> None:
        try:
            self.raw.rollback()
        except duckdb.TransactionException:
            return  # none was open

    def interrupt(self) -> None:
        self.raw.interrupt()

    def close(self) -> None:
        self.raw.close()
        self.closed = True


class _Cursor:
    """Runs one SELECT, and lets no row out after a file has changed."""

    arraysize = 1

    def __init__(self, reader: _Reader) -> None:
        self._reader = reader
        self._raw = reader.raw

    @property
    def description(self) -> Any:
        return self._raw.description

    @property
    def rowcount(self) -> int:
        return -1

    @property
    def connection(self) -> _Reader:
        return self._reader

    def execute(self, statement: str, parameters: Any = None, context: Any = None) -> None:
        del context
        kinds = [each.type for each in self._raw.extract_statements(statement)]
        if kinds != [duckdb.StatementType.SELECT]:
            raise duckdb.PermissionException("an archive runs one SELECT at a time, nothing else")
        self._reader.last = self
        self._checked(lambda: self._raw.execute(statement, parameters or None))

    def fetchone(self) -> Any:
        return self._checked(self._raw.fetchone)

    def fetchmany(self, size: int | None = None) -> list[Any]:
        return self._checked(lambda: self._raw.fetchmany(self.arraysize if size is None else size))

    def fetchall(self) -> list[Any]:
        return self._checked(self._raw.fetchall)

    def close(self) -> None:
        """DuckDB has nothing to close here."""

    def _checked(self, step: Callable[[], T]) -> T:
        if self._reader.last is not self:
            raise duckdb.InvalidInputException("another statement has taken this one's place")
        with self._reader.limited():
            outcome = step()
        self._reader.folder.require_unchanged()
        return outcome


def _files_of(folder: _Folder, table: str) -> _Table:
    return next(each for each in folder.tables if each.name == table)


def _require_same(described: dict[Path, tuple[Any, ...]]) -> None:
    first, *others = described
    for other in others:
        if described[other] != described[first]:
            what = f"has other columns (names, order or types) than {first.name}"
            raise _refusal(other, what)


def _top_level(schema: Sequence[tuple[str, int, str]]) -> Iterator[tuple[str, str]]:
    """Yield the columns of a Parquet schema, which is written down depth first."""
    inside = 0
    for name, children, kind in schema[1:]:
        if inside == 0:
            yield name, kind
        inside = inside - (inside > 0) + children


def _stored(name: str, declared: str, own: str) -> ColumnFacts:
    facts = _column(name, declared)
    why = ""
    if "INT96" in own and facts.type != "TIMESTAMP_NS":
        why = "stored as INT96, whose nanoseconds DuckDB cuts off"
    elif "NanoSeconds" in own and not facts.type.endswith("_NS"):
        why = "stored in nanoseconds, which DuckDB cuts off"
    elif re.search("decimal", own, re.IGNORECASE) and facts.family is not Family.DECIMAL:
        why = "stored as a decimal of more than 38 digits, which DuckDB rounds"
    if not why:
        return facts
    return ColumnFacts(name, declared, facts.type, Family.UNKNOWN, refused=why)


def _column(name: str, declared: str) -> ColumnFacts:
    bare = declared if declared.endswith("]") else declared.partition("(")[0]
    family = _FAMILIES.get(bare, Family.UNKNOWN)
    sized = _DECIMAL.fullmatch(declared)
    scale = int(sized[2]) if sized else _SCALES.get(bare)
    refused = ""
    if family is Family.UNKNOWN:
        refused = "which an archive has no one text for; store it as text or as columns of its own"
    return ColumnFacts(name, declared, bare, family, scale, refused=refused)


# ---- the dialect


class _TypeOf(UserDefinedType[Any]):
    """A type by DuckDB's own name."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: Any) -> str:
        return self.name


class Archive(Dialect):
    r"""Files know no keys: the settings name one, or the other side's serves.

    A URL is ``archive:////absolute/folder`` or ``archive:///folder``; with ``?null=\N``, an
    unquoted ``\N`` in CSV files is NULL in the place of an unquoted empty value.
    """

    name = "archive"
    # Files do not change: a session that finds the same ones sees the same data.
    shares_snapshots = True

    def create_engine(self, url: URL, session: Session) -> Engine:
        path, null = _location(url)
        timeout = session.settings.statement_timeout

        def connect() -> _Reader:
            if tuple(map(int, duckdb.__version__.split(".")[:2])) < _OLDEST:
                raise duckdb.NotSupportedError("archives need DuckDB 2.0 or later")
            return _Reader(path(), null, timeout)

        return create_engine(
            "duckdb://", creator=connect, poolclass=QueuePool, pool_size=1, max_overflow=0
        )

    def default_schema(self, url: URL) -> str:
        del url
        return _SCHEMA

    def export_snapshot(self, connection: Connection) -> str:
        return _reader(connection).folder.fingerprint

    def join_snapshot(self, connection: Connection, snapshot: str) -> None:
        folder = _reader(connection).folder
        folder.require_unchanged()
        if _scan(folder.path).fingerprint != snapshot or folder.fingerprint != snapshot:
            raise _changed(folder.path, "a file")

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
        if schema != _SCHEMA:
            return Catalog(schema, {})
        tables = {name: reader.require_all_rows(name) for name in reader.facts}
        reader.folder.require_unchanged()
        unread = ", ".join(reader.folder.unread)
        return Catalog(schema, tables, f"the archive {_UNREAD.format(unread)}" if unread else "")

    def expression_facts(
        self, connection: Connection, source: Any, expression: ColumnElement[Any]
    ) -> ColumnFacts:
        cursor = connection.execute(select(expression.label("x")).select_from(source).limit(0))
        declared = str(cursor.cursor.description[0][1])
        cursor.close()
        return _column(str(expression), declared)

    def text(
        self, value: ColumnElement[Any], column: ColumnFacts, rules: ColumnRules
    ) -> ColumnElement[str]:
        del rules
        match column.family:
            case Family.BYTES:
                digits = func.lower(func.hex(value), type_=Text)
                return literal(r"\x", Text) + digits
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
        # Always in the common form: the other side may be a CSV file beside a Parquet file.
        spelled = spell(own, column.family, family, common=True)
        if family is Family.FLOAT and column.family in TEXTS:
            # In lower case "İnf" is "inf" to DuckDB; that letter is in no number.
            return case((own.contains(literal("İ", Text)), own), else_=spelled)
        return spelled

    def md5_number(self, text: ColumnElement[str]) -> ColumnElement[int]:
        digits = func.left(func.md5(text), 16)
        return cast(cast(func.unhex(digits), _TypeOf("BIT")), BigInteger)

    def exact_sum(self, numbers: ColumnElement[int]) -> ColumnElement[Any]:
        return func.sum(numbers, type_=BigInteger)  # of BIGINT it is a HUGEINT

    def any_of(
        self, value: ColumnElement[Any], column: ColumnFacts, allowed: Sequence[str]
    ) -> ColumnElement[bool]:
        # By text: a cast of '1.5' or '2024' to the column's type would round or guess.
        spelled = [each.lower() for each in allowed] if column.family is Family.UUID else allowed
        return self.exact(value, column).in_([literal(each, Text) for each in spelled])

    def exact(self, value: ColumnElement[Any], column: ColumnFacts) -> ColumnElement[Any]:
        return self.text(value, column, ColumnRules())

    def least_change(
        self, value: ColumnElement[Any], column: ColumnFacts
    ) -> ColumnElement[Any] | None:
        if column.family is Family.DECIMAL:
            step = cast(literal_column(f"1e-{column.scale or 0}"), _TypeOf(column.declared))
            return case((value > literal_column("0"), value - step), else_=value + step)
        if column.type in _STEPS:
            return _moved(value, column)
        if column.type in _SAMPLES:
            return _otherwise(value, column)
        return super().least_change(value, column)

    def neutral(self, column: ColumnFacts) -> ColumnElement[Any] | None:
        if column.type == "BLOB":
            return literal_column("''::BLOB")
        if column.type in _SAMPLES:
            return literal_column(_SAMPLES[column.type][0])
        return super().neutral(column)

    def explain(self, error: DBAPIError) -> str:
        said = str(error.orig).strip().partition("\n")[0]
        remedy = next((hint for words, hint in _REMEDIES.items() if words in said), "")
        return f"{said}; {remedy}" if remedy else said

    def cancel(self, connection: Connection) -> None:
        reader: Any = connection.connection.dbapi_connection
        if reader is not None:
            reader.interrupt()


def _location(url: URL) -> tuple[Callable[[], Path], str]:
    """Return how to find the folder that a URL names, and how its CSV files write NULL."""
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


def _reader(connection: Connection) -> _Reader:
    reader: Any = connection.connection.dbapi_connection
    if not isinstance(reader, _Reader):
        raise TypeError(f"{reader!r} is no connection to an archive")
    return reader


def _decimal(own: ColumnElement[str], column: ColumnFacts) -> ColumnElement[str]:
    """Take zeros that end a fraction away; DuckDB writes ``.5`` where no digit stands before."""
    sized = _DECIMAL.fullmatch(column.declared)
    if sized is None or sized[1] == sized[2]:
        return as_decimal(own)
    if sized[2] == "0":
        return own
    return func.rtrim(func.rtrim(own, literal("0", Text)), literal(".", Text), type_=Text)


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
    """One step nearer to the epoch, where nothing overflows."""
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
