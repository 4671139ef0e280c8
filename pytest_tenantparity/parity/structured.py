"""JSON: one text for one content, and what differs, path by path."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from ..wire import encodable

_MOST_LINES = 20

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
    return f"{encodable(level.path())}: {_shown(level.t1)} -> {_shown(level.t2)}"


def _shown(value: Any) -> str:
    return "absent" if str(value) == "not present" else _written(value)
