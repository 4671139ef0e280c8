"""JSON: equal by content, and explained path by path where it is not."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

_MOST_LINES = 20


class _Repeated(dict[str, Any]):
    """An object that has a key twice, which a plain dict would hide."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__((f"{name}#{number}", value) for number, (name, value) in enumerate(pairs))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    return plain if len(plain) == len(pairs) else _Repeated(pairs)


def _parse(text: str) -> Any:
    return json.loads(text, parse_int=Decimal, parse_float=Decimal, object_pairs_hook=_object)


def same_json(legacy: str | None, modern: str | None) -> bool:
    """Whether two JSON texts hold the same: key order and the spelling of numbers aside.

    SQL NULL is not JSON ``null``, ``true`` is not ``1``, and a repeated key is not a single one.
    """
    if legacy is None or modern is None:
        return legacy is modern
    try:
        return _same(_parse(legacy), _parse(modern))
    except ValueError:
        return False


def _same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def explain_json(legacy: str | None, modern: str | None) -> tuple[str, ...]:
    """Return lines such as ``root['risk']['limit']: 5 -> 6``; nothing for what is no JSON."""
    if legacy is None or modern is None:
        return ()
    from deepdiff import DeepDiff

    try:
        difference = DeepDiff(_parse(legacy), _parse(modern), view="tree", verbose_level=2)
    except ValueError:
        return ()
    lines = [_line(level) for levels in difference.values() for level in levels]
    return tuple(sorted(lines)[:_MOST_LINES])


def _line(level: Any) -> str:
    return f"{level.path()}: {_shown(level.t1)} -> {_shown(level.t2)}"


def _shown(value: Any) -> str:
    if str(value) == "not present":
        return "absent"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return json.dumps(value, default=_plain, ensure_ascii=False)


def _plain(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)
