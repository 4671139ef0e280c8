"""Conversion of models to plain dicts of primitives or to JSON, and back."""

from __future__ import annotations

import json
from collections.abc import Set as AbstractSet
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError

from .characters import code, is_writable

T = TypeVar("T")


def encodable(text: str) -> str:
    """Return ``text`` with escapes for halves of surrogate pairs, which UTF-8 cannot encode."""
    if is_writable(text):
        return text
    return "".join(each if is_writable(each) else code(each) for each in text)


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def to_wire(model: object, exclude: AbstractSet[str] = frozenset()) -> dict[str, Any]:
    """Return ``model`` as a dict of str, int, float, bool, None, list and dict.

    ``exclude`` names fields to leave out.

    Values are already escaped when findings are made. Other texts, such as messages and names, are
    escaped here. Otherwise evidence could not be sent to another process.
    """
    kind: Any = type(model)
    wire: dict[str, Any] = _encodable(
        _adapter(kind).dump_python(model, mode="json", exclude=set(exclude) or None)
    )
    return wire


def to_json(model: object, exclude: AbstractSet[str] = frozenset()) -> bytes:
    """Return what :func:`to_wire` returns, as compact JSON in UTF-8."""
    kind: Any = type(model)
    try:
        return _adapter(kind).dump_json(model, exclude=set(exclude) or None)
    except PydanticSerializationError:  # a text that has to be escaped
        wire = to_wire(model, exclude)
        return json.dumps(wire, ensure_ascii=False, separators=(",", ":")).encode()


def from_wire(kind: type[T], wire: object) -> T:
    """Return a model of type ``kind``. Raises pydantic.ValidationError if ``wire`` does not fit."""
    hashable: Any = kind
    model: T = _adapter(hashable).validate_python(wire)
    return model


def _encodable(wire: Any) -> Any:
    """Return plain lists and dicts with all texts escaped."""
    if isinstance(wire, str):
        return encodable(wire)
    if isinstance(wire, dict):
        return {encodable(name): _encodable(value) for name, value in wire.items()}
    return [_encodable(each) for each in wire] if isinstance(wire, list) else wire
