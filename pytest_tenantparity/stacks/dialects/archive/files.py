"""The files of an archive: lists the tables of a folder, and detects changes of its files.

DuckDB accepts some malformed CSV files (a blank line, an open quote, a comma too many) and would
lose rows or values. This module finds these faults before DuckDB reads the file.
"""

from __future__ import annotations

import codecs
import gzip
import re
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from glob import has_magic
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb

from ....errors import NotProven

UNREAD = "holds files that are neither .parquet nor .csv and were not read ({})"
_NO_ROWS = re.compile(r"\..*|_SUCCESS|README(\.\w+)?|.*\.(md|crc|md5|sha256)", re.IGNORECASE)
_DATA = re.compile(r"(.+?)(\.parquet|\.csv|\.csv\.gz)", re.IGNORECASE | re.DOTALL)
_CHUNK = 1 << 22
LONGEST = 1 << 25  # bytes of one CSV record
_TICK = 0.02  # seconds; longer than one tick of a file system's clock
_FIELD = rb'(?:"[^"]*+(?:""[^"]*+)*+"|[^",\r\n]*+)'
_HEADER = re.compile(rb"(?:\xef\xbb\xbf)?(" + _FIELD + rb"(?:," + _FIELD + rb")*+)(\r?\n|\Z)")
_NAME = re.compile(rb"(?:\A|,)(" + _FIELD + rb")")


@dataclass(frozen=True)
class CsvHead:
    """The column names of a CSV file, how its lines end, and the size of the header in bytes."""

    names: tuple[str, ...]
    newline: bytes
    size: int


@dataclass(frozen=True)
class Table:
    """A table of an archive: its files, or the reason why they cannot be read as one table."""

    name: str
    files: tuple[Path, ...]
    refused: str = ""

    @property
    def is_csv(self) -> bool:
        return bool(self.files) and not self.files[0].name.lower().endswith(".parquet")


@dataclass(frozen=True)
class Folder:
    """The files and tables of a folder at one moment."""

    path: Path
    tables: tuple[Table, ...]
    unread: tuple[str, ...]
    stamps: dict[Path, tuple[int, ...]] = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """A name for this state of the files."""
        lines = [f"{path.relative_to(self.path)}\0{stamp}" for path, stamp in self.stamps.items()]
        return sha256("\0\0".join(sorted(lines)).encode("utf-8", "surrogateescape")).hexdigest()

    def require_unchanged(self) -> None:
        """Raise :class:`NotProven` if a file differs from its stamp."""
        for path, stamp in self.stamps.items():
            if _stamp(path) != stamp:
                raise changed_meanwhile(self.path, path.name)


def changed_meanwhile(folder: Path, name: str) -> NotProven:
    """Return the error for an archive that was written to while it was read."""
    return NotProven(
        f"{name} in the archive {folder} was changed during the run, so that its rows were not all "
        "read from one state; run the audit again while nobody writes to the archive"
    )


def _stamp(path: Path) -> tuple[int, ...]:
    """Return size, times and place of a file. Any write to the file changes at least one of them.

    A hash of the contents would make each process read the archive once more, and could not detect
    later changes. A stamp is cheap enough to be compared after each fetch.
    """
    try:
        seen = path.stat()
    except OSError:
        return ()
    return (seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_dev, seen.st_ino)


def scan(path: Path) -> Folder:
    """List the tables of the folder ``path``; raises :class:`duckdb.IOException` without any."""
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
    return Folder(path, tuple(tables), tuple(unread), stamps)


def _outlast_the_clock(stamps: dict[Path, tuple[int, ...]]) -> None:
    """Wait until the clock has advanced since the newest write.

    Two writes to a file within one tick of the clock would give the same stamp.
    """
    newest = max(stamp[2] for stamp in stamps.values() if stamp) if any(stamps.values()) else 0
    age = time.time() - newest / 1e9
    if 0 <= age < _TICK:
        time.sleep(_TICK)


def _sort_entries(entries: Sequence[Path]) -> tuple[list[Table], list[str]]:
    found: dict[str, list[Table]] = {}
    unread = []
    for entry in entries:
        table = _table_of(entry)
        if table is not None:
            found.setdefault(table.name.lower(), []).append(table)
        elif not _holds_no_rows(entry.name):
            unread.append(entry.name)
    return [table for same in found.values() for table in _only_one(same)], unread


def _only_one(same: Sequence[Table]) -> Sequence[Table]:
    if len(same) == 1:
        return same
    names = " and ".join(file.name for table in same for file in table.files[:1])
    why = f"could be one of several ({names}, which differ in case or ending only); keep one"
    return [Table(table.name, (), why) for table in {table.name: table for table in same}.values()]


def _holds_no_rows(name: str) -> bool:
    """Whether ``name`` is that of notes, of checksums, or of a macOS shadow file (``._name``)."""
    if name.startswith("._"):
        return True
    return _DATA.fullmatch(name) is None and _NO_ROWS.fullmatch(name) is not None


def _table_of(entry: Path) -> Table | None:
    if _holds_no_rows(entry.name):
        return None
    if entry.is_dir():
        return _table_of_files(entry)
    stem = _DATA.fullmatch(entry.name)
    if stem is None:
        return None
    return Table(stem[1], (entry,), _pattern_in(entry))


def _table_of_files(folder: Path) -> Table | None:
    """Return the table whose rows are in several files of ``folder``."""
    entries = [each for each in sorted(folder.iterdir()) if not _holds_no_rows(each.name)]
    files = tuple(each for each in entries if _DATA.fullmatch(each.name) and not each.is_dir())
    others = [each.name for each in entries if each not in files]
    if any(_DATA.fullmatch(deeper.name) for deeper in folder.glob("*/**/*")):
        why = (
            "is partitioned into sub-folders; put its files side by side, with all columns in them"
        )
        return Table(folder.name, (), why)
    if not files:
        return None
    if others:
        return Table(folder.name, (), f"holds {others[0]!r}, which is neither .parquet nor .csv")
    if len({each.name.lower().endswith(".parquet") for each in files}) > 1:
        return Table(folder.name, (), "is partly in Parquet, partly in CSV")
    return Table(folder.name, files, next(filter(None, map(_pattern_in, files)), ""))


def _pattern_in(path: Path) -> str:
    if not has_magic(str(path)):
        return ""
    return "has one of * ? [ in its path, which DuckDB takes for a pattern; rename it"


def _opened(path: Path) -> Any:
    return gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb")


def refusal(path: Path, what: str) -> duckdb.Error:
    """Return the error for a file that cannot be read without a loss."""
    return duckdb.InvalidInputException(f"cannot be read soundly: {path.name} {what}")


@contextmanager
def _file_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise refusal(path, f"cannot be read: {why}") from None


def csv_head(path: Path) -> CsvHead:
    """Read the header of a CSV file."""
    with _file_errors(path), closing(_opened(path)) as file:
        start: bytes = file.read(_CHUNK)
    found = _HEADER.match(start)
    if found is None or not found[1]:
        raise refusal(path, "does not begin with a line of column names")
    try:
        names = [_unquoted(name) for name in _NAME.findall(found[1])]
    except UnicodeDecodeError:
        raise refusal(path, "is not in UTF-8") from None
    _require_names(path, names)
    return CsvHead(tuple(names), found[2] or b"\n", found.end())


def _require_names(path: Path, names: Sequence[str]) -> None:
    if "" in names:
        raise refusal(path, f"gives column {names.index('') + 1} no name")
    lower = [name.lower() for name in names]
    twice = [name for name in names if lower.count(name.lower()) > 1]
    if twice:
        raise refusal(path, f"names the column {twice[0]!r} twice (case does not count)")


def _unquoted(raw: bytes) -> str:
    if raw.startswith(b'"'):
        raw = raw[1:-1].replace(b'""', b'"')
    return raw.decode()


def csv_rows(path: Path, head: CsvHead) -> int:
    """Count the records of a file that follows RFC 4180 exactly; raises :class:`duckdb.Error`."""
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
            if len(rest) > LONGEST:
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
            raise refusal(path, "is not in UTF-8") from None

    return decode


def _malformed(path: Path, line: int, columns: int) -> duckdb.Error:
    return refusal(
        path,
        f"has no record of {columns} value(s) in line {line}: commas divide values, those with "
        "commas, quotes or line ends stand in double quotes and double each quote inside, no line "
        "is blank, and all lines end like the first",
    )
