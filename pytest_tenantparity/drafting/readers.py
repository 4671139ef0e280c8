"""Texts of one family read as values of another, nearly as the audit reads them.

The settings are tried by the audit's own SQL before they are written, so that this need not be
exact.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from ..stacks import Family
from .context import Text
from .zones import as_naive, in_utc


def as_it_is(value: Text) -> Text:
    """Return a value unchanged."""
    return value


def chained(first: Callable[[Text], Text], then: Callable[[Text], Text]) -> Callable[[Text], Text]:
    """Return a function that does one step after another."""
    return lambda value: then(first(value))


def rounded(digits: int) -> Callable[[Text], Text]:
    """Return a function that rounds half away from zero."""

    def act(value: Text) -> Text:
        try:
            exact = Decimal(value or "").quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
        except InvalidOperation:
            return value
        return f"{exact.normalize():f}" if exact else "0"

    return act


STEPS: dict[str, tuple[Callable[[Text], Text], str]] = {
    "empty_to_null": (lambda v: v or None, "'' became NULL"),
    "null_to_empty": (lambda v: v or "", "NULL became ''"),
    "trim": (lambda v: v and v.strip(" "), "spaces at the ends were taken away"),
    "lower": (lambda v: v and v.lower(), "letters became lower case"),
    "upper": (lambda v: v and v.upper(), "letters became upper case"),
    "trim empty_to_null": (
        lambda v: (v and v.strip(" ")) or None,
        "spaces at the ends were taken away, and '' became NULL",
    ),
    "trim lower": (lambda v: v and v.strip(" ").lower(), "trimmed, and in lower case"),
    "trim upper": (lambda v: v and v.strip(" ").upper(), "trimmed, and in upper case"),
    "lower empty_to_null": (
        lambda v: (v and v.lower()) or None,
        "letters became lower case, and '' became NULL",
    ),
    "upper empty_to_null": (
        lambda v: (v and v.upper()) or None,
        "letters became upper case, and '' became NULL",
    ),
}


def naive_reader(zone: str) -> Callable[[Text], Text]:
    """Return a function that reads a moment as a naive time of a zone."""
    return lambda value: None if value is None else as_naive(value, zone)


_TRUE, _FALSE = {"1", "true", "t", "y", "yes", "on"}, {"0", "false", "f", "n", "no", "off"}
_NO_UUID = re.compile(r"[{}-]|^urn:uuid:|^\\x")


def reader(own: Family, family: Family, zone: str | None) -> Callable[[Text], Text]:
    """Return a function that reads a text of one family as a value of another, as the audit does.

    It need not be exact: the settings are tried by the audit's own SQL before they are written.
    """
    readers: dict[Family, Callable[[str], Text]] = {
        Family.BOOLEAN: _flag,
        Family.INTEGER: lambda value: {"true": "1", "false": "0"}.get(value, value),
        Family.UUID: lambda value: _NO_UUID.sub("", value.lower()),
        Family.JSON: json_form,
        Family.JSONB: json_form,
        Family.DECIMAL: _number,
        Family.FLOAT: _number,
    }
    if zone is not None and own is not family:
        readers[Family.TIMESTAMPTZ] = lambda value: in_utc(value, zone)
        readers[Family.TIMESTAMP] = lambda value: as_naive(value, zone)
    read = readers.get(family)
    return as_it_is if read is None else lambda value: None if value is None else read(value)


def _flag(value: str) -> str:
    low = value.lower()
    return "true" if low in _TRUE else "false" if low in _FALSE else value


def json_form(value: str) -> str:
    """Return a document in one spelling: by its keys' order, and its numbers' values."""
    try:
        found = json.loads(value, parse_float=Decimal, parse_int=Decimal)
    except ValueError:
        return value
    return json.dumps(found, sort_keys=True, default=lambda each: ["number", _number(str(each))])


def _number(value: str) -> str:
    try:
        found = Decimal(value)
    except InvalidOperation:
        return value
    return f"{found.normalize():f}" if found.is_finite() and found else str(found + 0)
