"""The values that a canary puts in place of others: of the same type, and hardly different."""

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

# The smallest float, the factor for a number, and the range of numbers in which the factor works.
_OF_DOUBLES = (5e-324, 1.0000000000000002, "1e-300", "1e300")
_OF_SINGLES = (1e-45, 1 + 2**-23, "1e-37", "1e38")


def least_change(
    value: ColumnElement[Any], column: ColumnFacts, *, single: bool
) -> ColumnElement[Any] | None:
    """Return the nearest other value that every engine can compute; None if engines differ.

    NULL stays NULL, and nothing overflows. ``single``: the column holds four-byte floats, and
    ``value`` is given as a double.
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
                # The factor would leave the smallest numbers unchanged and overflow the largest.
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


def null_lookalike(column: ColumnFacts) -> ColumnElement[Any] | None:
    """Return the value that is most easily confused with NULL; None if engines differ."""
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
