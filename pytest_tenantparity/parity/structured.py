"""JSON: one text for one content, and what differs, path by path."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from ..characters import common_start, differing, is_clear, is_visible
from ..wire import encodable

_MOST_LINES = 20
_MOST_TEXT, _BEFORE = 400, 60  # characters of a value that are shown; of it before a difference

# What a text may fail with that is no JSON, or is nested deeper than Python's stack.
_UNREADABLE = (ValueError, ArithmeticError, RecursionError)


class _Repeated(dict[str, Any]):
    """An object that has a key twice, which a plain dict would hide."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__((f"{name}#{number}", value) for number, (name, value) in enumerate(pairs))
        self.pairs = pairs


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    return plain if len(plain) == len(pairs) else _Repeated(pairs)


def _parse(text: str) -> Any:
    if encodable(text) != text:  # bytes that are no text, which no escape is equal to
        raise ValueError("no text")
    return json.loads(text, parse_int=Decimal, parse_float=Decimal, object_pairs_hook=_object)


def canonical_json(text: str) -> str:
    """Return the same text for the same content: key order and the spelling of numbers aside.

    ``true`` is not ``1``, and a repeated key is not a single one. What cannot be read is
    returned as it is.
    """
    try:
        return _written(_parse(text))
    except _UNREADABLE:
        return text


def _written(value: Any) -> str:
    if isinstance(value, _Repeated):
        return f"{{{', '.join(_member(*pair) for pair in value.pairs)}}}"
    if isinstance(value, dict):
        return f"{{{', '.join(_member(*pair) for pair in sorted(value.items()))}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, Decimal):
        return _number(value)
    return _string(value) if isinstance(value, str) else json.dumps(value)


def _string(value: str) -> str:
    """Write a string in JSON; half a surrogate pair, which no file takes, as its escape."""
    text = json.dumps(value, ensure_ascii=False)
    return text if encodable(text) == text else json.dumps(value)


def _member(name: str, value: Any) -> str:
    return f"{_string(name)}: {_written(value)}"


def _number(value: Decimal) -> str:
    """Write a number without rounding, as Decimal.normalize() would."""
    sign, digits, exponent = value.as_tuple()
    text = "".join(map(str, digits)).rstrip("0")
    if not text or not isinstance(exponent, int):
        return "0"
    shift = exponent + len(digits) - len(text)
    return f"{'-' if sign else ''}{Decimal((0, tuple(map(int, text)), shift))}".lower()


def explain_json(legacy: str | None, modern: str | None) -> tuple[str, ...]:
    """Return lines such as ``root['risk']['limit']: 5 -> 6``; nothing for what is no JSON."""
    if legacy is None or modern is None:
        return ()
    from deepdiff import DeepDiff

    try:
        difference = DeepDiff(_parse(legacy), _parse(modern), view="tree", verbose_level=2)
    except _UNREADABLE:
        return ()
    lines = [_line(level) for levels in difference.values() for level in levels]
    return tuple(sorted(lines)[:_MOST_LINES])


def _line(level: Any) -> str:
    path, legacy, modern = _visible(level.path()), level.t1, level.t2
    if not (isinstance(legacy, str) and isinstance(modern, str)):
        return f"{path}: {_shown(legacy)} -> {_shown(modern)}"
    start = common_start(legacy, modern)
    line = f"{path}: {_shown(legacy, start)} -> {_shown(modern, start)}"
    if max(len(legacy), len(modern)) > _MOST_TEXT:
        line += f" (the first difference is at character {start + 1:,})"
    first = 0 if max(len(legacy), len(modern)) <= _MOST_TEXT else start
    end = first + _MOST_TEXT
    names = differing(legacy[first:end], modern[first:end], first + 1)
    return f"{line} ({'; '.join(names)})" if names else line


def _shown(value: Any, difference: int = 0) -> str:
    """Return a value; of a long one the part around the difference."""
    from deepdiff.helper import NotPresent

    if isinstance(value, NotPresent):
        return "absent"
    text = value if isinstance(value, str) else _written(value)
    start = max(0, difference - _BEFORE) if len(text) > _MOST_TEXT else 0
    window = text[start : start + _MOST_TEXT]
    shown = _visible(_string(window) if isinstance(value, str) else window)
    more = f"... ({len(text):,} characters)" if len(text) > _MOST_TEXT else ""
    return f"{'...' if start else ''}{shown}{more}"


def _visible(text: str) -> str:
    """Return JSON in which what a reader cannot see is written as JSON's own escape."""
    if is_clear(text):
        return text
    return "".join(each if is_visible(each) else _escape(each) for each in text)


def _escape(character: str) -> str:
    escape = json.dumps(character)[1:-1]
    return f"\\u{ord(character):04x}" if escape == character else escape
