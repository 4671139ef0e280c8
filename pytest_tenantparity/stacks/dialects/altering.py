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

# The smallest float, what a number is multiplied by, and between which numbers that works.
_OF_DOUBLES = (5e-324, 1.0000000000000002, "1e-300", "1e300")
_OF_SINGLES = (1e-45, 1 + 2**-23, "1e-37", "1e38")


def least_change(
    value: ColumnElement[Any], column: ColumnFacts, *, single: bool
) -> ColumnElement[Any] | None:
    """Return the nearest other value that every engine can make; None where engines differ.

    NULL stays NULL, and nothing overflows. ``single``: floats have four bytes, and the value is
    given as a double.
    """
    match column.family:
        case Family.INTEGER:
            return case(
                (value > literal_column("0"), value - literal_column("1")),
                else_=value + literal_column("1"),
            )
        case Family.FLOAT:
            least, step, low, high = _OF_SINGLES if single else _OF_DOUBLES
            return case(
                (value == literal_column("0"), cast(literal(least, Double), Double)),
                # The smallest and the largest would stay as they are, or overflow.
                (func.abs(value) < literal_column(low), cast(literal(0.0, Double), Double)),
                (func.abs(value) > literal_column(high), cast(literal(0.0, Double), Double)),
                else_=value * cast(literal(step, Double), Double),
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
