"""``drift.jsonl.gz``: every differing row, one on each line, including rows not in the report.

Each check writes a part of its own, in the process that runs the check. At the end of the run the
parts are concatenated into one file, which the gzip format allows.
"""

from __future__ import annotations

import gzip
import json
import shutil
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from ...model import CheckKey, CheckKind, Evidence, Finding, FindingKind
from ...parity.compare.findings import Sink, nowhere, order_of
from ...sealed import Seal
from ...wire import to_wire
from ..atomic_files import replacing
from .sorted_lines import SortedLines

DRIFT_NAME = "drift.jsonl.gz"

_LEVEL = 4  # gzip level: 6 takes twice the time and saves a tenth
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Values:
    """The values of one column in a differing row. ``None`` is SQL NULL."""

    legacy: str | None
    modern: str | None


@dataclass(frozen=True, slots=True)
class DriftLine:
    """One line of the file: a differing row, and the check that found it.

    ``tenant`` is None for rows of no single tenant. ``copies`` is the number of equal rows. The sum
    of ``copies`` over the lines of a check is its drift. ``raw_key`` is left out if it is empty.
    """

    check: str
    check_kind: CheckKind
    tenant: str | None
    table: str
    kind: FindingKind
    key: dict[str, str | None]
    columns: dict[str, Values]
    copies: int
    note: str
    raw_key: dict[str, str] = field(default_factory=dict)


def drift_schema() -> dict[str, Any]:
    """Return the JSON Schema of one line."""
    schema = TypeAdapter(DriftLine).json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


@dataclass(frozen=True)
class DriftParts:
    """The parts of the drift file in a directory. Without a directory, lines are dropped.

    The parts are encrypted until they are joined, because a killed run leaves them behind.
    """

    directory: Path | None = None
    seal: Seal = field(default_factory=Seal)

    @contextmanager
    def part(self, key: CheckKey) -> Iterator[Sink]:
        """Collect the findings of a check. New findings replace the part of an earlier attempt.

        If the check raises an exception, no part is written. If the disk fails, the check continues
        without a part, and :func:`write_drift` reports the missing rows.
        """
        if self.directory is None:
            yield nowhere
            return
        with closing(SortedLines(self.directory, self.seal)) as lines:
            part = _Part(key, lines, self._path(self.directory, key), self.seal)
            yield part.take
            part.finish()

    def rows(self, key: CheckKey) -> tuple[Path | None, int]:
        """Return the part of a check and its number of rows, or None and 0 if it is incomplete."""
        if self.directory is None:
            return None, 0
        path = self._path(self.directory, key)
        try:
            with (
                path.open("rb") as file,
                self.seal.reading(file) as member,
                gzip.GzipFile(fileobj=member) as lines,
            ):
                return path, sum(json.loads(line)["copies"] for line in lines)
        except (OSError, EOFError, zlib.error):
            return None, 0

    @staticmethod
    def _path(directory: Path, key: CheckKey) -> Path:
        return directory / f"{sha256(_line_of(to_wire(key))).hexdigest()}.jsonl.gz"


class _Part:
    """The lines of one check."""

    def __init__(self, key: CheckKey, lines: SortedLines, path: Path, seal: Seal) -> None:
        self._key = key
        self._lines = lines
        self._path = path
        self._seal = seal
        self._any = self._failed = False

    def take(self, finding: Finding) -> None:
        """Add a finding."""
        self._any = True
        if self._failed:
            return
        order = (order_of(finding.key.values()), finding.kind.value)
        try:
            self._lines.add(order, _line(self._key, finding))
        except OSError:
            self._failed = True

    def finish(self) -> None:
        """Write the part completely or not at all."""
        if not self._any:
            return
        try:
            self._path.unlink(missing_ok=True)
            if not self._failed:
                _replace(self._path, self._lines.merged(), self._seal)
        except OSError:
            self._failed = True


def write_drift(parts: DriftParts, evidence: Iterable[Evidence], directory: Path) -> list[str]:
    """Join the parts of all checks with drift. Return a reason for each check with missing rows.

    Raises :class:`OSError` if the directory cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    found = [(each, *parts.rows(each.key)) for each in evidence if each.drift.total]
    with replacing(directory / DRIFT_NAME) as (file,):
        for _, part, _ in found:
            if part is not None:
                with part.open("rb") as sealed, parts.seal.reading(sealed) as member:
                    shutil.copyfileobj(member, file)
        if not file.tell():
            file.write(gzip.compress(b"", mtime=0))
    return [_lacking(each, rows) for each, _, rows in found if rows != each.drift.total]


def _lacking(evidence: Evidence, rows: int) -> str:
    key = evidence.key
    return (
        f"{DRIFT_NAME} holds {rows:,} of the {evidence.drift.total:,} differing rows of "
        f"{key.whose} / {key.what} ({key.name}): the process that found them ran on another host, "
        "or could not write them to its temporary directory; make the check again without xdist "
        "(-n 0), with TMPDIR on a disk that has room"
    )


def _line(key: CheckKey, finding: Finding) -> bytes:
    fields: dict[str, Any] = {
        "check": key.name,
        "check_kind": key.kind.value,
        "tenant": key.tenant,
        "table": key.subject,
        "kind": finding.kind.value,
        "key": finding.key,
        "columns": {
            name: {"legacy": pair.legacy, "modern": pair.modern}
            for name, pair in finding.columns.items()
        },
        "copies": finding.copies,
        "note": finding.note,
    }
    if finding.raw_key:
        fields["raw_key"] = finding.raw_key
    return _line_of(fields)


def _line_of(fields: object) -> bytes:
    # Half of a surrogate pair is written as a JSON escape.
    return _encode(fields).encode("utf-8", "backslashreplace") + b"\n"


def _replace(path: Path, lines: Iterable[bytes], seal: Seal) -> None:
    """Write one gzip member. Equal lines give equal bytes after decryption."""
    with (
        replacing(path) as (file,),
        seal.writing(file) as sealed,
        gzip.GzipFile("", "wb", compresslevel=_LEVEL, fileobj=sealed, mtime=0) as member,
    ):
        member.writelines(lines)
