"""Cures by settings: the text to paste into the settings file, and the place for it.

Each proposed text is tried: the file with it is parsed, and has to hold the wanted value.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from ..config.errors import line_of
from ..config.loading import TABLE_IN_PYPROJECT
from ..config.names import toml_key
from ..config.toml_values import toml_value
from ..config.utf8 import read_utf8
from ..errors import Wanted
from .obstacles import Cure, Means

_COLUMNS = ("columns",)


@dataclass(frozen=True)
class SettingsFile:
    """A settings file that can be parsed, or not: cures are then words."""

    path: Path
    text: str = ""
    _tried: set[tuple[tuple[str, ...], int, type]] = field(default_factory=set, repr=False)

    @classmethod
    def read(cls, path: Path) -> SettingsFile:
        """Return the file. Its text is empty if it cannot be read."""
        try:
            return cls(path, read_utf8(path))
        except (OSError, ValueError):
            return cls(path)

    @property
    def prefix(self) -> tuple[str, ...]:
        """The name of the settings' table in the file."""
        return TABLE_IN_PYPROJECT if self.path.name == "pyproject.toml" else ()

    @cached_property
    def content(self) -> dict[str, Any]:
        """The whole file as parsed; empty if it cannot be parsed."""
        return _parsed(self.text)

    def by(self, wanted: Wanted) -> Cure:
        """Return the cure by a setting, with its note as a comment."""
        if wanted.value is None:
            return self.removal(wanted.key)
        cure = self.cure(wanted.key, wanted.value)
        if not wanted.note:
            return cure
        sign = "" if cure.means is Means.WORDS else "# "
        return replace(cure, text=f"{cure.text}  {sign}{wanted.note}")

    def cure(self, key: Sequence[str], value: Any) -> Cure:
        """Return the cure that sets ``key`` to ``value``.

        If the key is in an inline table, the whole line is replaced. Several settings of a column
        are added to those that it has.
        """
        full = (*self.prefix, *key)
        there = _value_at(self.content, full)
        if isinstance(value, Mapping) and isinstance(there, Mapping) and full[-2:-1] == _COLUMNS:
            value = {**there, **value}
        if there is not None and (line := _line_of(self.text, full)):
            return self._replaced(full, value, line)
        for length in range(len(full) - 1, 0, -1):
            parent, rest = full[:length], full[length:]
            line, inner = _line_of(self.text, parent), _value_at(self.content, parent)
            if line is None or not isinstance(inner, Mapping):
                continue
            if not self._is_header(line):
                return self._replaced(parent, _with(inner, rest, value), line)
            added = f"{'.'.join(map(toml_key, rest))} = {toml_value(value)}"
            # What fits below a header fits there for hundreds of keys of this kind.
            kind = parent, len(rest), type(value)
            is_new = _value_at(self.content, full[: length + 1]) is None
            tried = is_new and kind in self._tried
            if tried or self._gives(_inserted(self.text, line, added), full, value):
                self._tried.add(kind)
                return Cure(Means.SETTINGS, added, self._where(f"below line {line}"))
        return self._appended(full, value)

    def place(self, key: Sequence[str]) -> str:
        """Return in brackets the line that sets a key; empty if it is not known."""
        line = _line_of(self.text, (*self.prefix, *key))
        return f" (line {line})" if line else ""

    def removal(self, key: Sequence[str]) -> Cure:
        """Return the cure that takes a key out."""
        line = _line_of(self.text, (*self.prefix, *key))
        is_table = line is not None and self._is_header(line)
        name = f"[{'.'.join(map(toml_key, key))}]" if is_table else toml_key(key[-1])
        where = f"{self.path}:{line}" if line else str(self.path)
        return Cure(Means.WORDS, f"take {name} out ({where})")

    def renamed(self, key: Sequence[str], name: str) -> Cure:
        """Return the cure that gives a key another name."""
        full = (*self.prefix, *key)
        line, value = _line_of(self.text, full), _value_at(self.content, full)
        if line is not None and self._line(line).partition("=")[0].strip() == toml_key(full[-1]):
            added = f"{toml_key(name)} ={self._line(line).partition('=')[2]}"
            after = _parsed(self._with_line(line, added))
            if _value_at(after, (*full[:-1], name)) == value:
                return Cure(Means.SETTINGS, added, self._where(f"instead of line {line}"))
        return Cure(Means.WORDS, f"write {toml_key(name)} for {toml_key(full[-1])} ({self.path})")

    def renamed_table(self, name: str, other: str) -> Iterator[Cure]:
        """Yield the cures that give the settings of a table another name, line by line."""
        path = (*self.prefix, "tables", name)
        old, new = (".".join(map(toml_key, each)) for each in (path, (*path[:-1], other)))
        for number, line in enumerate(self.text.splitlines(), 1):
            if line.lstrip().startswith((f"[{old}]", f"[{old}.")):
                added = line.strip().replace(old, new, 1)
                yield Cure(Means.SETTINGS, added, self._where(f"instead of line {number}"))

    def _replaced(self, full: Sequence[str], value: Any, line: int) -> Cure:
        before = self._line(line)
        head = before.partition("=")[0].strip() or toml_key(full[-1])
        added = f"{head} = {toml_value(value)}"
        note = f"{added}  #{before.rpartition('#')[2]}" if "#" in before else added
        for each in (note, added):
            if self._gives(self._with_line(line, each), full, value):
                return Cure(Means.SETTINGS, each, self._where(f"instead of line {line}"))
        section, name = ".".join(map(toml_key, full[:-1])), toml_key(full[-1])
        return Cure(Means.WORDS, f"set [{section}] {name} = {toml_value(value)} ({self.path})")

    def _with_line(self, line: int, text: str) -> str:
        lines = self.text.splitlines()
        lines[line - 1] = text
        return "\n".join(lines)

    def _appended(self, full: Sequence[str], value: Any) -> Cure:
        section = ".".join(map(toml_key, full[:-1]))
        key_line = f"{toml_key(full[-1])} = {toml_value(value)}"
        if not section:
            return Cure(Means.SETTINGS, key_line, self._where("above line 1"))
        return Cure(Means.SETTINGS, f"[{section}]\n{key_line}", self._where("at the end"))

    def _is_header(self, line: int) -> bool:
        return self._line(line).lstrip().startswith("[")

    def _line(self, line: int) -> str:
        return self.text.splitlines()[line - 1]

    def _where(self, place: str) -> str:
        return f"{self.path.name}, {place}"

    def _gives(self, text: str, full: Sequence[str], value: Any) -> bool:
        """Whether the file would set a key to ``value`` if it held ``text``, and no other key."""
        return _parsed(text) == _with(self.content, full, _plain(value))


@lru_cache(maxsize=4_096)
def _line_of(text: str, path: tuple[str, ...]) -> int | None:
    return line_of(text, path)


def _inserted(text: str, line: int, added: str) -> str:
    lines = text.splitlines()
    lines.insert(line, added)
    return "\n".join(lines)


def _parsed(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError:
        return {}


def _value_at(content: Any, path: Sequence[str]) -> Any:
    for name in path:
        if not isinstance(content, Mapping) or name not in content:
            return None
        content = content[name]
    return content


def _with(table: Mapping[str, Any], path: Sequence[str], value: Any) -> dict[str, Any]:
    """Return a table with ``path`` set to ``value``, without changing the table itself."""
    first, *rest = path
    inner = table.get(first)
    below = inner if isinstance(inner, Mapping) else {}
    return {**table, first: _with(below, rest, value) if rest else value}


def _plain(value: Any) -> Any:
    """Return ``value`` as TOML gives it back."""
    return _parsed(f"x = {toml_value(value)}").get("x")
