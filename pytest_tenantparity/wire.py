"""Models to plain dicts of primitives, and back; the one place that does it."""

from __future__ import annotations

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
