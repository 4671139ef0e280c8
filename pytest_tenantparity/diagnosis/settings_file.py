"""Cures by settings: the text to paste into the settings file, and the place for it.

Each proposed text is tried: the file with it is parsed, and has to hold the wanted value.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from ..config.errors import line_of
from ..config.loading import TABLE_IN_PYPROJECT
from ..config.names import toml_key
from ..config.toml_values import toml_value
from ..config.utf8 import read_utf8
from .obstacles import Cure, Means


@dataclass(frozen=True)
class SettingsFile:
    """A settings file that can be parsed, or not: cures are then words."""

    path: Path
    text: str = ""

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

    def content(self) -> dict[str, Any]:
        """Return the settings as they are written; empty if they cannot be parsed."""
        return _table_at(_parsed(self.text), self.prefix)

    def cure(self, key: Sequence[str], value: Any) -> Cure:
        """Return the cure that sets ``key`` to ``value``.

        If the key is in an inline table, the whole line is replaced.
        """
        full = (*self.prefix, *key)
        if (line := line_of(self.text, full)) and _has(_parsed(self.text), full):
            return self._replaced(full, value, line)
        for length in range(len(full) - 1, 0, -1):
            parent, rest = full[:length], full[length:]
            line = line_of(self.text, parent)
            if line is None or not _has(_parsed(self.text), parent):
                continue
            if self._is_header(line):
                added = f"{'.'.join(map(toml_key, rest))} = {toml_value(value)}"
                if self._is_right(_inserted(self.text, line, added), full, value):
                    return Cure(Means.SETTINGS, added, self._where(f"below line {line}"))
            elif (inline := _value_at(_parsed(self.text), parent)) is not None and isinstance(
                inline, dict
            ):
                return self._replaced(parent, _with(inline, rest, value), line)
        return self._appended(full, value)

    def place(self, key: Sequence[str]) -> str:
        """Return in brackets the line that sets a key; empty if it is not known."""
        line = line_of(self.text, (*self.prefix, *key))
        return f" (line {line})" if line else ""

    def removal(self, key: Sequence[str]) -> Cure:
        """Return the cure that takes a key out."""
        line = line_of(self.text, (*self.prefix, *key))
        name = toml_key(key[-1])
        where = f"{self.path}:{line}" if line else str(self.path)
        return Cure(Means.WORDS, f"take {name} out ({where})")

    def renamed(self, key: Sequence[str], name: str) -> Cure:
        """Return the cure that gives a key another name."""
        full = (*self.prefix, *key)
        line, value = line_of(self.text, full), _value_at(_parsed(self.text), full)
        if line is not None and self._line(line).partition("=")[0].strip() == toml_key(full[-1]):
            added = f"{toml_key(name)} ={self._line(line).partition('=')[2]}"
            lines = self.text.splitlines()
            lines[line - 1] = added
            if self._is_right("\n".join(lines), (*full[:-1], name), value):
                return Cure(Means.SETTINGS, added, self._where(f"instead of line {line}"))
        return Cure(Means.WORDS, f"write {toml_key(name)} for {toml_key(full[-1])} ({self.path})")

    def _replaced(self, full: Sequence[str], value: Any, line: int) -> Cure:
        lines = self.text.splitlines()
        head = lines[line - 1].partition("=")[0].strip() or toml_key(full[-1])
        added = f"{head} = {toml_value(value)}"
        lines[line - 1] = added
        if self._is_right("\n".join(lines), full, value):
            return Cure(Means.SETTINGS, added, self._where(f"instead of line {line}"))
        section, name = ".".join(map(toml_key, full[:-1])), toml_key(full[-1])
        return Cure(Means.WORDS, f"set [{section}] {name} = {toml_value(value)} ({self.path})")

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

    def _is_right(self, text: str, full: Sequence[str], value: Any) -> bool:
        after = _parsed(text)
        return bool(after) and _value_at(after, full) == _plain(value)


def _inserted(text: str, line: int, added: str) -> str:
    lines = text.splitlines()
    lines.insert(line, added)
    return "\n".join(lines)


def _parsed(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError:
        return {}


def _table_at(content: Mapping[str, Any], path: Sequence[str]) -> dict[str, Any]:
    found = _value_at(content, path)
    return dict(found) if isinstance(found, Mapping) else {}


def _value_at(content: Any, path: Sequence[str]) -> Any:
    for name in path:
        if not isinstance(content, Mapping) or name not in content:
            return None
        content = content[name]
    return content


def _has(content: Any, path: Sequence[str]) -> bool:
    return _value_at(content, path) is not None


def _with(table: Mapping[str, Any], path: Sequence[str], value: Any) -> dict[str, Any]:
    """Return a table with ``path`` set to ``value``, without changing the table itself."""
    first, *rest = path
    inner = table.get(first)
    below = inner if isinstance(inner, Mapping) else {}
    return {**table, first: _with(below, rest, value) if rest else value}


def _plain(value: Any) -> Any:
    """Return ``value`` as TOML gives it back."""
    return _parsed(f"x = {toml_value(value)}").get("x")
