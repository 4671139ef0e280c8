"""Models to plain dicts of primitives, and back; the one place that does it."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter

from .characters import code, is_writable

T = TypeVar("T")


def encodable(text: str) -> str:
    """Return the text with what no file or channel takes, half a surrogate pair, escaped."""
    if is_writable(text):
        return text
    return "".join(each if is_writable(each) else code(each) for each in text)


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def to_wire(model: object) -> dict[str, Any]:
    """Return the model as a dict of str, int, float, bool, None, list and dict.

    Values are escaped where findings are made. What comes from elsewhere, such as a message or a
    name, is escaped here, so that it cannot keep evidence from its way to another process.
    """
    kind: Any = type(model)
    wire: dict[str, Any] = _encodable(_adapter(kind).dump_python(model, mode="json"))
    return wire


def to_json(model: object, kind: Any = None) -> str:
    """Return the model as indented JSON. Text that cannot be encoded is escaped.

    That is what :func:`to_wire` gives, without holding it all as Python objects. ``kind`` is for
    what does not say by itself what it is of, such as a list.
    """
    of: Any = type(model) if kind is None else kind
    adapter = _adapter(of)
    try:
        return adapter.dump_json(model, indent=2).decode()
    except ValueError:  # half of a surrogate pair, somewhere
        wire = _encodable(adapter.dump_python(model, mode="json"))
        return json.dumps(wire, indent=2, ensure_ascii=False)


def from_wire(kind: type[T], wire: object) -> T:
    """Build a model of the given kind; raises pydantic.ValidationError if it does not fit."""
    hashable: Any = kind
    model: T = _adapter(hashable).validate_python(wire)
    return model


def _encodable(wire: Any) -> Any:
    """Escape all texts of plain lists and dicts."""
    if isinstance(wire, str):
        return encodable(wire)
    if isinstance(wire, dict):
        return {encodable(name): _encodable(value) for name, value in wire.items()}
    return [_encodable(each) for each in wire] if isinstance(wire, list) else wire
