"""JSON documents: one text for equal content, and the differences path by path."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from ...characters import common_start, differing, is_clear, is_visible
from ...wire import encodable

_MOST_LINES = 20
_MOST_TEXT, _BEFORE = 400, 60  # characters of a value that are shown; those before a difference

# Errors for a text that is not JSON, or that is nested too deeply for Python's stack.
_UNREADABLE = (ValueError, ArithmeticError, RecursionError)


class _Repeated(dict[str, Any]):
    """An object with a repeated key, which a plain dict would hide."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__((f"{name}#{number}", value) for number, (name, value) in enumerate(pairs))
        self.pairs = pairs


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    return plain if len(plain) == len(pairs) else _Repeated(pairs)


def _parse(text: str) -> Any:
    if encodable(text) != text:  # an undecoded byte, which parsed would equal its \u escape
        raise ValueError("no text")
    return json.loads(text, parse_int=Decimal, parse_float=Decimal, object_pairs_hook=_object)


def canonical_json(text: str) -> str:
    """Return the same text for equal content, regardless of key order and spelling of numbers.

    ``true`` is not ``1``, and a repeated key is not a single key. A text that cannot be parsed is
    returned unchanged.
    """
    try:
        return _written(_parse(text))
    except _UNREADABLE:
        return text


def _written(value: Any) -> str:
    if isinstance(value, dict):
        pairs = value.pairs if isinstance(value, _Repeated) else sorted(value.items())
        members = (f"{_string(name)}: {_written(each)}" for name, each in pairs)
        return f"{{{', '.join(members)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, Decimal):
        return _number(value)
    return _string(value) if isinstance(value, str) else json.dumps(value)


def _string(value: str) -> str:
    """Return a string as JSON. Half a surrogate pair, which no file can hold, is escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return text if encodable(text) == text else json.dumps(value)


def _number(value: Decimal) -> str:
    """Return the text of a number as by Decimal.normalize(), but not rounded, and -0 is 0."""
    sign, digits, exponent = value.as_tuple()
    text = "".join(map(str, digits)).rstrip("0")
    if not text or not isinstance(exponent, int):
        return "0"
    shift = exponent + len(digits) - len(text)
    return f"{'-' if sign else ''}{Decimal((0, tuple(map(int, text)), shift))}".lower()


def explain_json(legacy: str | None, modern: str | None) -> tuple[str, ...]:
    """Return lines such as ``root['risk']['limit']: 5 -> 6``.

    Returns nothing if a text is not JSON.
    """
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
    line, first = f"{path}: {_shown(legacy, start)} -> {_shown(modern, start)}", 0
    if max(len(legacy), len(modern)) > _MOST_TEXT:
        line, first = f"{line} (the first difference is at character {start + 1:,})", start
    end = first + _MOST_TEXT
    names = differing(legacy[first:end], modern[first:end], first + 1)
    return f"{line} ({'; '.join(names)})" if names else line


def _shown(value: Any, difference: int = 0) -> str:
    """Return the text of a value. Of a long value, return the part around ``difference``."""
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
    """Return JSON with an escape in the place of each character that a reader cannot see."""
    if is_clear(text):
        return text
    return "".join(each if is_visible(each) else _escape(each) for each in text)


def _escape(character: str) -> str:
    escape = json.dumps(character)[1:-1]
    return f"\\u{ord(character):04x}" if escape == character else escape
