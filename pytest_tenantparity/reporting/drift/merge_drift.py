"""Merge the drift files of all shards into the file that one run would have written."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ...model import CheckKey, CheckKind
from ..atomic_files import replacing

_CHUNK = 1 << 16  # bytes


@dataclass(frozen=True)
class _Member:
    """The lines of one check: a gzip member in a file, from offset ``start`` to offset ``end``."""

    key: CheckKey
    path: Path
    start: int
    end: int


def join_drift(sources: Iterable[Path], target: Path) -> None:
    """Copy all members into one file, in the order of the checks.

    Raises :class:`ValueError` for a damaged file, and :class:`OSError`.
    """
    members = sorted(
        (member for path in sources for member in _members(path)), key=lambda each: each.key.order
    )
    with replacing(target) as (joined,):
        for member in members:
            _copy(member, joined)
        if not members:
            joined.write(gzip.compress(b"", mtime=0))


def _members(path: Path) -> Iterator[_Member]:
    """Yield the members of a file, except members without lines."""
    size, end = path.stat().st_size, 0
    with path.open("rb") as file:
        while end < size:
            start = end
            first, end = _read_member(file, start, path)
            if first:
                yield _Member(_key(first, path), path, start, end)


def _key(line: bytes, path: Path) -> CheckKey:
    try:
        fields = json.loads(line)
        names = (fields[name] for name in ("check", "tenant", "table"))
        return CheckKey(CheckKind(fields["check_kind"]), *names)
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{path}: holds a line that names no check") from None


def _read_member(file: BinaryIO, start: int, path: Path) -> tuple[bytes, int]:
    """Return the first line of a member, and the offset of its end.

    The end is found by decompression, because gzip does not store the length of a member.
    """
    member, first = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16), b""
    file.seek(start)
    while not member.eof:
        chunk = file.read(_CHUNK)
        if not chunk:
            raise ValueError(f"{path}: ends in the middle of a line")
        try:
            lines = member.decompress(chunk)
        except zlib.error as error:
            raise ValueError(f"{path}: {error}") from None
        if b"\n" not in first:
            first += lines
    return first.partition(b"\n")[0], file.tell() - len(member.unused_data)


def _copy(member: _Member, joined: BinaryIO) -> None:
    left = member.end - member.start
    with member.path.open("rb") as file:
        file.seek(member.start)
        while left:
            chunk = file.read(min(left, _CHUNK))
            joined.write(chunk)
            left -= len(chunk)
