"""A DuckDB database in memory that only reads: its tables are views of a folder's files."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from ...catalog import ColumnFacts, Family, TableFacts
from ..quoting import STANDARD
from .files import LONGEST, CsvHead, Folder, Table, csv_head, csv_rows, refusal, scan

T = TypeVar("T")
# The type of a column whose values are all NULL. The file holds no other type for it.
NOTHING = "NULL"
SCHEMA = "main"
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
    "TIMESTAMPTZ_NS": Family.TIMESTAMPTZ,
    "INTERVAL": Family.INTERVAL,
    "JSON": Family.JSON,
    "BIT": Family.BIT,
    NOTHING: Family.WRITTEN,
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
    "TIMESTAMPTZ_NS": 9,
}
DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")


def _literal(text: str) -> str:
    """Quote a file's path or a name for CREATE VIEW and SET, which take no parameters."""
    quoted = text.replace("'", "''")
    return f"'{quoted}'"


def _csv_source(path: Path, head: CsvHead, null: str) -> str:
    columns = ", ".join(f"{_literal(name)}: 'VARCHAR'" for name in head.names)
    compression = "gzip" if path.name.lower().endswith(".gz") else "none"
    return (
        f"FROM read_csv({_literal(str(path))}, columns={{{columns}}}, auto_detect=false, "
        "header=true, skip=0, delim=',', quote='\"', escape='\"', comment='', strict_mode=true, "
        "ignore_errors=false, null_padding=false, allow_quoted_nulls=false, parallel=false, "
        "encoding='utf-8', hive_partitioning=false, "
        f"nullstr={_literal(null)}, compression='{compression}', max_line_size={LONGEST + 1})"
    )


class Reader:
    """A DuckDB database in memory that only reads: its tables are views of a folder's files.

    SQLAlchemy uses it as a driver's connection.
    """

    autocommit = None
    closed = False

    def __init__(self, path: Path, null: str, timeout: float) -> None:
        self.folder = scan(path)
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

    def _facts(self, table: Table, null: str) -> TableFacts:
        """Create the table's view. Return its facts, or why the table cannot be read soundly."""
        facts = TableFacts(SCHEMA, table.name, (), (), enforced=False, refused=table.refused)
        if table.refused:
            return facts
        try:
            columns = self._view_csv(table, null) if table.is_csv else self._view_parquet(table)
        except duckdb.Error as error:
            said = str(error).strip().partition("\n")[0]
            why = said if said.startswith("cannot be") else f"cannot be read: {said}"
            return TableFacts(SCHEMA, table.name, (), (), enforced=False, refused=why)
        return TableFacts(SCHEMA, table.name, columns, (), enforced=False)

    def _view_csv(self, table: Table, null: str) -> tuple[ColumnFacts, ...]:
        heads = {path: csv_head(path) for path in table.files}
        _require_same({path: head.names for path, head in heads.items()})
        sources = [_csv_source(path, head, null) for path, head in heads.items()]
        self._create_view(table, " UNION ALL ".join(f"({source})" for source in sources))
        names = heads[table.files[0]].names
        return tuple(
            ColumnFacts(name, "text of a CSV file", "VARCHAR", Family.WRITTEN) for name in names
        )

    def _view_parquet(self, table: Table) -> tuple[ColumnFacts, ...]:
        described = {path: self._describe(path) for path in table.files}
        _require_same(described)
        files = ", ".join(_literal(str(path)) for path in table.files)
        options = "hive_partitioning=false, union_by_name=false, filename=false"
        columns = described[table.files[0]]
        spark = [name for name, declared, own in columns if _is_int96(declared, own)]
        if spark and self._has_nanoseconds(f"[{files}], {options}", spark):
            options += ", int96_as='timestamp_ns'"
            columns = tuple(
                (name, "TIMESTAMP_NS" if name in spark else declared, own)
                for name, declared, own in columns
            )
        self._create_view(table, f"FROM read_parquet([{files}], {options})")
        return tuple(_stored(*column) for column in columns)

    def _has_nanoseconds(self, source: str, columns: Sequence[str]) -> bool:
        """Whether some INT96 value is not a whole number of microseconds.

        DuckDB reads INT96 either in microseconds, which cuts nanoseconds off, or in nanoseconds,
        which only reach from 1677 to 2262. Raises :class:`duckdb.Error` if the columns hold
        nanoseconds and also a year before 1678 or after 2261.
        """
        read = f"FROM read_parquet({source}, int96_as='{{}}') SELECT "
        cut = "coalesce(bool_or({0}.time <> {0}.time::TIME::TIME_NS), false)"
        names = [STANDARD.quote_identifier(name) for name in columns]
        every = ", ".join(cut.format(name) for name in names)
        found = self.raw.execute(read.format("struct") + every).fetchone()
        if not any(found or ()):
            return False
        ends = ", ".join(f"coalesce(bool_or(isinf({name})), false)" for name in names)
        beyond = self.raw.execute(read.format("timestamp_ns") + ends).fetchone()
        if any(beyond or ()):
            raise duckdb.InvalidInputException(
                "cannot be read soundly: one INT96 holds nanoseconds, and another one a year "
                "before 1678 or after 2261"
            )
        return True

    def _create_view(self, table: Table, sql: str) -> None:
        self.raw.execute(f"CREATE VIEW {STANDARD.quote_identifier(table.name)} AS {sql}")

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
            raise refusal(path, "has two columns of one name (case does not count)")
        return tuple((c[0], c[1], kind) for c, (_, kind) in zip(columns, own, strict=True))

    def require_all_rows(self, table: str) -> TableFacts:
        """Return the facts of ``table``, and refuse a CSV table of which DuckDB reads other rows.

        A CSV table is read twice, by this package's parser and by DuckDB. Both must count the same
        rows.
        """
        facts, files = self.facts[table], _files_of(self.folder, table)
        if facts.refused or not files.is_csv:
            return facts
        refused = ""
        try:
            counted = sum(csv_rows(path, csv_head(path)) for path in files.files)
            sql = f"FROM {STANDARD.quote_identifier(table)} SELECT count(*), count(COLUMNS(*))"
            found = self.raw.execute(sql).fetchone()
            if found is None or found[0] != counted:
                refused = f"cannot be read soundly: it has {counted} rows, of which DuckDB reads "
                refused += str(found and found[0])
        except duckdb.Error as error:
            refused = str(error).strip().partition("\n")[0]
        return TableFacts(SCHEMA, table, facts.columns, (), enforced=False, refused=refused)

    def cursor(self) -> _Cursor:
        self.last = _Cursor(self)
        return self.last

    @contextmanager
    def limited(self) -> Iterator[None]:
        """Interrupt a statement that takes longer than the statement timeout."""
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
            return  # no transaction was open

    def interrupt(self) -> None:
        self.raw.interrupt()

    def close(self) -> None:
        self.raw.close()
        self.closed = True


class _Cursor:
    """Runs one SELECT. After each step it raises an error if a file has changed."""

    arraysize = 1

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._raw = reader.raw

    @property
    def description(self) -> Any:
        return self._raw.description

    @property
    def rowcount(self) -> int:
        return -1

    @property
    def connection(self) -> Reader:
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
        """Do nothing: a DuckDB cursor holds no resources here."""

    def _checked(self, step: Callable[[], T]) -> T:
        if self._reader.last is not self:
            raise duckdb.InvalidInputException("another statement has taken this one's place")
        with self._reader.limited():
            outcome = step()
        self._reader.folder.require_unchanged()
        return outcome


def _files_of(folder: Folder, table: str) -> Table:
    return next(each for each in folder.tables if each.name == table)


def _require_same(described: dict[Path, tuple[Any, ...]]) -> None:
    first, *others = described
    for other in others:
        if described[other] != described[first]:
            what = f"has other columns (names, order or types) than {first.name}"
            raise refusal(other, what)


def _top_level(schema: Sequence[tuple[str, int, str]]) -> Iterator[tuple[str, str]]:
    """Yield name and type of the top-level columns of a Parquet schema, a depth-first list."""
    inside = 0
    for name, children, kind in schema[1:]:
        if inside == 0:
            yield name, kind
        inside = inside - (inside > 0) + children


def _is_int96(declared: str, own: str) -> bool:
    return "INT96" in own and declared == "TIMESTAMP"


def _stored(name: str, declared: str, own: str) -> ColumnFacts:
    facts = column_facts(name, declared)
    why = ""
    if "NanoSeconds" in own and not facts.type.endswith("_NS"):
        why = "stored in nanoseconds, which DuckDB cuts off"
    elif re.search("decimal", own, re.IGNORECASE) and facts.family is not Family.DECIMAL:
        why = "stored as a decimal of more than 38 digits, which DuckDB rounds"
    if not why:
        return facts
    return ColumnFacts(name, declared, facts.type, Family.UNKNOWN, refused=why)


def column_facts(name: str, declared: str) -> ColumnFacts:
    """Return the facts of a column of DuckDB's type ``declared``."""
    bare = declared if declared.endswith("]") else declared.partition("(")[0].strip('"')
    family = _FAMILIES.get(bare, Family.UNKNOWN)
    sized = DECIMAL.fullmatch(declared)
    scale = int(sized[2]) if sized else _SCALES.get(bare)
    refused = ""
    if family is Family.UNKNOWN:
        refused = "which an archive has no one text for; store it as text or as columns of its own"
    return ColumnFacts(name, declared, bare, family, scale, refused=refused)
