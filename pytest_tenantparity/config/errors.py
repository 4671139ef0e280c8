"""Messages for wrong settings: the place, the value found, and the allowed values."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ..errors import did_you_mean, nearest
from .json_schema import allowed_keys

_HEADER = re.compile(r"^\s*\[{1,2}[^\[\]=]+\]{1,2}\s*(#.*)?$")
_NAME = r"""(?:"[^"]*"|'[^']*'|[\w-]+)"""
_KEY = re.compile(rf"^\s*({_NAME}(?:\s*\.\s*{_NAME})*)\s*=")


@dataclass(frozen=True)
class Source:
    """A settings file: its text, and the ids of the tenants that come from a separate file."""

    path: Path
    text: str
    prefix: Sequence[str]
    other_tenants: Sequence[str]
    tenants_file: str

    def place_of(self, loc: Sequence[str]) -> str:
        """Return the file that sets a key, and the line if it is known."""
        if len(loc) > 1 and loc[0] == "tenants" and loc[1] in self.other_tenants:
            return str(self.path.parent / self.tenants_file)
        line = line_of(self.text, [*self.prefix, *loc])
        return f"{self.path}:{line}" if line else str(self.path)


@dataclass(frozen=True)
class KeyFault:
    """One wrong key: ``key`` as in the settings, empty if it is the file, and a line about it.

    ``instead`` is the allowed key that is nearest to an unknown one; else empty. ``value`` is the
    likeliest right value of a known key, or None.
    """

    key: tuple[str, ...]
    said: str
    missing: bool = False
    instead: str = ""
    value: object = None


def explain(source: Source, error: ValidationError) -> str:
    """Return one line for each error: the place, the key, the value found, the allowed values."""
    return "\n".join(each.said for each in faults_of(source, error))


def faults_of(source: Source, error: ValidationError) -> list[KeyFault]:
    """Return each wrong key of settings that are not valid."""
    return [_fault(source, detail) for detail in error.errors(include_url=False)]


def _fault(source: Source, detail: ErrorDetails) -> KeyFault:
    loc = [str(part) for part in detail["loc"] if part != "[key]"]
    place = source.place_of(loc)
    table = ".".join([*source.prefix, *loc[:-1]])
    key = f"[{table}] {loc[-1]}" if table and loc else (loc[-1] if loc else "the file")
    unknown = detail["type"] == "extra_forbidden"
    return KeyFault(
        tuple(loc),
        f"{place}: {key}: {_message(detail, loc)}",
        missing=detail["type"] == "missing",
        instead=nearest(loc[-1], allowed_keys(loc[:-1])) if unknown else "",
        value=getattr(detail.get("ctx", {}).get("error"), "instead", None),
    )


def _message(detail: ErrorDetails, loc: Sequence[str]) -> str:
    if detail["type"] == "extra_forbidden":
        allowed = allowed_keys(loc[:-1])
        return f"unknown key.{did_you_mean(loc[-1], allowed)} Allowed: {', '.join(allowed)}"
    if detail["type"] == "missing":
        return "is required"
    message = detail["msg"].removeprefix("Value error, ")
    found = detail["input"]
    if detail["type"] == "value_error" or isinstance(found, dict | list):
        return message
    return f"found {str(found)!r}; {message[0].lower()}{message[1:]}"


def line_of(text: str, path: Sequence[str]) -> int | None:
    """Return the number of the line that sets the key ``path``, counted from 1.

    If no line sets the key, the line of the longest known prefix of ``path`` is returned. The text
    is searched because ``tomllib`` gives no positions.
    """
    best: tuple[int, int] | None = None
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        here = None
        if _HEADER.match(line):
            here = table = _path_of(line) or table
        elif found := _KEY.match(line):
            here = (*table, *_path_of(f"{found.group(1)} = 0"))
        if here and here == tuple(path[: len(here)]) and (best is None or len(here) > best[0]):
            best = (len(here), number)
    return best[1] if best else None


def _path_of(fragment: str) -> tuple[str, ...]:
    """Return the keys of a table's header or of ``a.b =``. Empty for any other line."""
    try:
        node = tomllib.loads(fragment)
    except tomllib.TOMLDecodeError:  # for example, [1, 2] within a multi-line string or list
        return ()
    path: list[str] = []
    while isinstance(node, dict) and node:
        name, node = next(iter(node.items()))
        path.append(name)
        if isinstance(node, list):
            break
    return tuple(path)
