"""What a canary puts in the place of a value: alike in type, and hardly different."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Double,
    Integer,
    Text,
    case,
    cast,
    func,
    literal,
    literal_column,
)

from ..catalog import ColumnFacts, Family

_UNPADDED = frozenset({Family.TEXT, Family.WRITTEN})

_LEAST_FLOAT = cast(literal(5e-324, Double), Double)
_NEXT_FLOAT = cast(literal(1.0000000000000002, Double), Double)


def least_change(value: ColumnElement[Any], column: ColumnFacts) -> ColumnElement[Any] | None:
    """Return the nearest other value that every engine can make; None where engines differ.

    NULL stays NULL, and nothing overflows.
    """
    match column.family:
        case Family.INTEGER:
            return case(
                (value > literal_column("0"), value - literal_column("1")),
                else_=value + literal_column("1"),
            )
        case Family.FLOAT:
            return case(
                (value == literal_column("0"), _LEAST_FLOAT),
                # The smallest and the largest would stay as they are, or overflow.
                (func.abs(value) < literal_column("1e-300"), cast(literal(0.0, Double), Double)),
                (func.abs(value) > literal_column("1e300"), cast(literal(0.0, Double), Double)),
                else_=value * _NEXT_FLOAT,
            )
        case Family.BOOLEAN:
            return case(
                (value.is_(True), literal(False, Boolean)),
                (value.is_(False), literal(True, Boolean)),
            )
        case family if family in _UNPADDED:
            return cast(value, Text) + literal(" ", Text)
        case Family.JSON:
            return literal("[", Text) + cast(value, Text) + literal("]", Text)
        case _:
            return None


def neutral(column: ColumnFacts) -> ColumnElement[Any] | None:
    """Return the value of a type that NULL is most easily taken for; None where engines differ."""
    match column.family:
        case Family.INTEGER | Family.DECIMAL:
            return cast(literal(0, Integer), Integer)
        case Family.FLOAT:
            return cast(literal(0.0, Double), Double)
        case Family.BOOLEAN:
            return literal(False, Boolean)
        case family if family in _UNPADDED:
            return cast(literal("", Text), Text)
        case _:
            return None
