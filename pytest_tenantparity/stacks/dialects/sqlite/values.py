"""The SQL functions for SQLite: canonical texts for any storage class, and hashes of rows.

A column's declared type guarantees nothing in SQLite: an INTEGER column may hold ``'abc'``. A value
that is not of its column's family gets a text such as ``text "abc"``. No value of the family has
such a text.
"""

from __future__ import annotations

import json
import math
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from ...catalog import Family
from ..canonical_text import NO, YES
from ..floats import scientific, shortest, spelled_float
from ..portable import hash_number

# The arguments that SQLite passes. A text is passed as its bytes, which need not be UTF-8.
Stored = int | float | bytes

IN_UTC = "timestamp with time zone, else in UTC"  # a form of reading a text, besides the families
MOST_ARGUMENTS = 90  # of a function, in every build of SQLite

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"([0-9]{2}:[0-9]{2})(?::([0-9]{2})(?:\.([0-9]+))?)?")
_NAIVE = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[ Tt]((?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9])?)(\.[0-9]+)?"
)
_ZONED = re.compile(
    _NAIVE.pattern
    + r"(?: ?(?:[Zz]|UTC|GMT)| ?([+-])(0[0-9]|1[0-5])(?::?([0-5][0-9])(?::?([0-5][0-9]))?)?"
    + r"| [+]0000 UTC)(?:\[[A-Za-z0-9_/+-]+\])?"
)


def teach(connection: sqlite3.Connection) -> None:
    """Register the functions that the dialect's SQL calls."""
    functions: dict[str, tuple[int, Callable[..., Any]]] = {
        "parity_text": (3, parity_text),
        "parity_spell": (2, spell_text),
        "parity_decimal": (1, decimal_text),
        "parity_float": (1, float_text),
        "parity_shown_decimal": (3, shown_decimal),
        "parity_shown_float": (3, shown_float),
        "parity_read_float": (2, parity_read_float),
        "parity_other": (3, parity_other),
        "parity_number": (2, parity_number),
        "parity_hash": (-1, parity_hash),
        "parity_pack": (-1, parity_pack),
        "parity_packed_hash": (-1, parity_packed_hash),
        "regexp": (2, _regexp),
        "regexp_replace": (3, _regexp_replace),
        "char_length": (1, _char_length),
    }
    for name, (arguments, function) in functions.items():
        connection.create_function(name, arguments, function, deterministic=True)
    aggregates: dict[str, Any] = {"parity_sum": ExactSum, "parity_xor": Xor}
    for name, aggregate in aggregates.items():
        connection.create_aggregate(name, 1, aggregate)


# ---- the text of a value


def parity_text(value: Stored | None, kind: str, family: str) -> str | bytes | None:
    """Return the canonical text of a value of storage class ``kind`` in a column of ``family``."""
    if value is None:
        return None
    reader = _READERS.get((family, kind))
    own = None if reader is None else reader(value)
    return foreign(_tagged(value, kind), family) if own is None else own


def foreign(tagged: str, family: str) -> str | bytes:
    """Mark the text of a value of another kind with a byte that begins no text of any engine.

    For the families of texts, the SQL adds the mark.
    """
    if family in (Family.TEXT, Family.JSON):
        return tagged
    return b"\xff" + tagged.encode("utf-8", "surrogateescape")


def _tagged(value: Any, kind: str) -> str:
    if kind == "text":
        return tagged_text(text_of(value))
    if kind == "blob":
        return f"blob x'{value.hex()}'"
    return f"{kind} {value!r}"


def tagged_text(text: str) -> str:
    """Return the text for a string in a column of another kind; invalid UTF-8 is escaped."""
    broken = any("\udc80" <= each <= "\udcff" for each in text)
    return f"text {json.dumps(text, ensure_ascii=broken)}"


def text_of(value: bytes) -> str:
    """Return the decoded text; bytes that are not UTF-8 are kept as lone surrogates."""
    return value.decode("utf-8", "surrogateescape")


def decimal_text(number: float) -> str:
    """Return the shortest decimal that reads back as the same double, without an exponent.

    For a double in the range of 64-bit integers that is a whole number, return its exact value,
    because two different integers may have the same nearest double.
    """
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    if number.is_integer() and abs(number) <= 2**63:
        return str(int(number))
    shortest = repr(number)
    return f"{Decimal(shortest):f}" if "e" in shortest else shortest


def float_text(number: float) -> str:
    """Return the form of :func:`..canonical_text.as_float`: digits and a power of ten."""
    sign = "-" if math.copysign(1, number) < 0 else ""
    if math.isinf(number):
        return f"{sign}Infinity"
    return scientific(sign, repr(abs(number)))


def shown_decimal(number: float, shown: str, read: float) -> str:
    """Return the decimal from which SQLite has made a double, as far as that is known.

    ``shown`` is SQLite's own text of the double, with 15 digits. ``read`` is the double that SQLite
    makes from this text. SQLite's conversions are not those of IEEE 754: 637873.130588 can become a
    double next to the nearest one.
    """
    if read != number or (number.is_integer() and abs(number) <= 2**63):
        return decimal_text(number)
    return _as_decimal(f"{Decimal(shown):f}") or decimal_text(number)


def shown_float(number: float, shown: str, read: float) -> str:
    """Return the same as :func:`shown_decimal`, in the form of :func:`float_text`."""
    if read != number or math.isinf(number):
        return float_text(number)
    return scientific("-" if math.copysign(1, number) < 0 else "", shown.removeprefix("-"))


def _float_of_integer(number: int) -> str | None:
    nearest = float(number)
    return float_text(nearest) if int(nearest) == number else None


def _boolean(number: int) -> str | None:
    return {0: "false", 1: "true"}.get(number)


def _json_number(number: float) -> str | None:
    return None if math.isinf(number) else repr(number)


def _uuid(value: bytes) -> str | None:
    return _as_uuid(text_of(value))


def _hyphenated(digits: str) -> str:
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _date(value: bytes) -> str | None:
    text = text_of(value)
    return text if _DATE.fullmatch(text) else None


def _time(value: bytes) -> str | None:
    return _clock(text_of(value))


def _clock(text: str) -> str | None:
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    minutes, seconds, fraction = found.groups()
    kept = (fraction or "").rstrip("0")
    return f"{minutes}:{seconds or '00'}" + (f".{kept}" if kept else "")


def _timestamp(value: bytes) -> str | None:
    return _moment(text_of(value))


def _moment(text: str) -> str | None:
    date, separator, time = text[:10], text[10:11], _clock(text[11:])
    if separator not in (" ", "T", "t") or time is None or not _DATE.fullmatch(date):
        return None
    return f"{date} {time}"


def _timestamptz(value: bytes) -> str | None:
    return _as_timestamptz(text_of(value))


def _as_timestamptz(text: str) -> str | None:
    found = _ZONED.fullmatch(text)
    if found is None:
        return None
    day, clock, fraction, sign, *offset = found.groups()
    hours, minutes, seconds = (int(each or 0) for each in offset)
    shift = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return _instant(day, clock, fraction, shift if sign == "-" else -shift)


def _instant(day: str, clock: str, fraction: str | None, shift: timedelta) -> str | None:
    """Return a timestamp in UTC, from the year 1 to 10000; None if it would be before.

    Also None for an invalid day.
    """
    # The last day is computed in a year that ends like the year 9999, Python's last one.
    last = day == "9999-12-31"
    if shift and day == "0001-01-01":
        return None
    try:
        local = datetime.fromisoformat(f"{'2023-12-31' if last else day} {clock}")
        moment = local + shift
    except (ValueError, OverflowError):
        return None
    text = moment.isoformat(" ")
    if last:
        text = ("9999" if moment.year == local.year else "10000") + text[4:]
    kept = (fraction or "").rstrip("0").rstrip(".")
    return f"{text}{kept}+00"


def _as_naive_in_utc(text: str) -> str | None:
    found = _NAIVE.fullmatch(text)
    if found is None:
        return _as_timestamptz(text)
    day, clock, fraction = found.groups()
    return _instant(day, clock, fraction, timedelta())


_READERS: dict[tuple[str, str], Callable[[Any], str | None]] = {
    (Family.INTEGER, "integer"): str,
    (Family.DECIMAL, "integer"): str,
    (Family.DECIMAL, "real"): decimal_text,
    (Family.FLOAT, "integer"): _float_of_integer,
    (Family.FLOAT, "real"): float_text,
    (Family.BOOLEAN, "integer"): _boolean,
    (Family.BYTES, "blob"): lambda value: f"\\x{value.hex()}",
    (Family.UUID, "text"): _uuid,
    (Family.DATE, "text"): _date,
    (Family.TIME, "text"): _time,
    (Family.TIMESTAMP, "text"): _timestamp,
    (Family.TIMESTAMPTZ, "text"): _timestamptz,
    (Family.JSON, "integer"): str,
    (Family.JSON, "real"): _json_number,
}


# ---- a text that is read as another family: the same rules as in canonical_text.py, in Python

_DECIMAL = re.compile(r"([+-]?)([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE]([+-]?0{0,9}[0-9]{1,3}))?")
_FLOAT = re.compile(r"([+-]?)((?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]{1,4})?)")
_BYTES = re.compile(r"\\x[0-9a-fA-F]*")
_HEX_DIGITS = re.compile(r"\{([0-9a-f]{32})\}|(?:urn:uuid:)?([0-9a-f]{32})")
_WORDS = dict.fromkeys(YES, "true") | dict.fromkeys(NO, "false")
_NOT_FINITE = {
    **dict.fromkeys(("nan", "+nan", "-nan"), "NaN"),
    **dict.fromkeys(("inf", "infinity", "+inf", "+infinity"), "Infinity"),
    **dict.fromkeys(("-inf", "-infinity"), "-Infinity"),
}
_UPPER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


def spell_text(text: bytes | None, family: str) -> str | None:
    """Return a text as the canonical text of a family; None if it represents no value of it."""
    return None if text is None else spelled_as(family, text_of(text))


def spelled_as(family: str, text: str) -> str | None:
    """Return the same as :func:`spell_text` for a Python string."""
    spelling = SPELLINGS.get(family)
    return None if spelling is None else spelling(text)


def spelled_values(family: str, given: Iterable[str]) -> Iterator[str]:
    """Yield ids and flags of the settings in the canonical text of a column's family."""
    for each in given:
        spelled = spelled_as(family, each) if family in (Family.UUID, Family.BOOLEAN) else None
        yield each if spelled is None else spelled


def parity_read_float(text: bytes | None, bits: int) -> str | None:
    """Return the canonical float text of ``text``, by the shortest digits of its float.

    If ``bits`` is 0, or the text represents no float, the text's own digits are kept. A text that
    is not a number gives None.
    """
    own = None if text is None else _as_float(text_of(text))
    number = spelled_float(own, bits) if own and bits and _is_finite(own) else None
    if number is None:
        return own
    return scientific("-" if math.copysign(1, number) < 0 else "", shortest(abs(number), bits))


def _is_finite(spelled: str) -> bool:
    return spelled[-1:].isdigit()


def _lower(text: str) -> str:
    """Return the same as SQLite's lower(), which only converts ASCII letters."""
    return text.translate(_UPPER)


def _as_decimal(text: str) -> str | None:
    found = _DECIMAL.fullmatch(text)
    if found is None:
        return _NOT_FINITE.get(_lower(text))
    sign, mantissa, exponent = found.groups()
    whole, _, fraction = mantissa.partition(".")
    if exponent is not None:
        point = len(whole) + int(exponent)
        digits = f"{'0' * -point}{whole}{fraction}"
        point = max(point, 0)
        whole, fraction = digits[:point].ljust(point, "0"), digits[point:]
    kept = fraction.rstrip("0")
    number = (whole.lstrip("0") or "0") + (f".{kept}" if kept else "")
    return f"-{number}" if sign == "-" and number != "0" else number


def _as_float(text: str) -> str | None:
    lower = _lower(text)
    found = _FLOAT.fullmatch(lower)
    if found is None:
        return _NOT_FINITE.get(lower)
    sign, digits = found.groups()
    return scientific("-" if sign == "-" else "", digits)


def _as_boolean(text: str) -> str | None:
    return _WORDS.get(_lower(text))


def _as_uuid(text: str) -> str | None:
    found = _HEX_DIGITS.fullmatch(_lower(text).replace("-", ""))
    return None if found is None else _hyphenated(found[1] or found[2])


def _as_bytes(text: str) -> str | None:
    return _lower(text) if _BYTES.fullmatch(text) else None


SPELLINGS: dict[str, Callable[[str], str | None]] = {
    Family.INTEGER: _as_decimal,
    Family.DECIMAL: _as_decimal,
    Family.FLOAT: _as_float,
    Family.BOOLEAN: _as_boolean,
    Family.UUID: _as_uuid,
    Family.BYTES: _as_bytes,
    Family.TIME: _clock,
    Family.TIMESTAMP: _moment,
    Family.TIMESTAMPTZ: _as_timestamptz,
    IN_UTC: _as_naive_in_utc,
}


# ---- another value, for the canary


def parity_other(value: Stored | None, kind: str, family: str) -> Stored | str | None:
    """Return a value of the same storage class that is near to the given one, but not equal."""
    match kind:
        case "integer":
            return _other_integer(int(value or 0), family)
        case "real":
            return _other_real(float(value or 0), family)
        case "text" if isinstance(value, bytes):
            return _other_text(text_of(value))
        case _:
            return value + b"\0" if isinstance(value, bytes) else None


def _other_integer(number: int, family: str) -> int:
    if family == Family.BOOLEAN:
        return 1 - number if number in (0, 1) else 0
    return number - 1 if number > 0 else number + 1


def _other_real(number: float, family: str) -> float:
    if math.isinf(number):
        return 0.0
    # Two neighbours may both represent one decimal: SQLite's reading of it, and the nearest double.
    near = math.nextafter(math.nextafter(number, end := 0.0 if number else 1.0), end)
    # The decimal of the smallest double would have a thousand digits.
    return 0.5 if family == Family.DECIMAL and not number else near


def _other_text(text: str) -> str | None:
    """Change the last digit, so that most dates, times and ids stay valid."""
    found = re.search(r"[0-9a-f](?=[^0-9a-f]*$)", text)
    if found is None:
        return f"{text.encode('utf-8', 'replace').decode()} "
    last = "0" if text.endswith("31") else {"1": "2", "0": "1"}.get(found.group(), "1")
    return f"{text[: found.start()]}{last}{text[found.end() :]}"


# ---- the hash of a row


def parity_number(function: str, text: bytes | None) -> int | None:
    """Return the first 8 bytes of a text's hash, as a signed 64-bit integer."""
    return None if text is None else hash_number(text, function)


def parity_hash(function: str, salt: int, *texts: bytes | None) -> int:
    """Return :func:`.portable.portable_hash` of texts that are given as bytes."""
    return hash_number(b"%d:%b" % (salt, parity_pack(*texts)), function)


def parity_pack(*texts: bytes | None) -> bytes:
    """Return the texts with their lengths in characters, in a form that can be split again."""
    return b"".join(
        [b"-" if text is None else b"%d:%b" % (_characters(text), text) for text in texts]
    )


def parity_packed_hash(function: str, salt: int, *packs: bytes) -> int:
    """Return the hash of packed texts, for more texts than a function can have arguments."""
    return hash_number(b"%d:%b" % (salt, b"".join(packs)), function)


def _characters(text: bytes) -> int:
    return len(text) if text.isascii() else len(text_of(text))


class ExactSum:
    """The sum of integers, without the overflow of SQLite's own."""

    def __init__(self) -> None:
        self._total = 0

    def step(self, number: int | None) -> None:
        """Add a number; NULL is ignored."""
        if number is not None:
            self._total += number

    def finalize(self) -> str:
        """Return the sum as text, because it may need more than 64 bits."""
        return str(self._total)


class Xor:
    """The XOR of integers, which SQLite does not have."""

    def __init__(self) -> None:
        self._total = 0

    def step(self, number: int | None) -> None:
        """Combine with a number; NULL is ignored."""
        if number is not None:
            self._total ^= number

    def finalize(self) -> int:
        """Return the XOR, which has no more bits than its numbers."""
        return self._total


# ---- functions that other engines have


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    # Python's "$" also matches before a newline at the end.
    ends = pattern.endswith("$") and not pattern.endswith("\\$")
    return re.compile(rf"{pattern[:-1]}\Z" if ends else pattern)


def _regexp(pattern: str | None, text: Any) -> bool | None:
    if pattern is None or text is None:
        return None
    return _compiled(pattern).search(str(text)) is not None


def _regexp_replace(text: str | None, pattern: str, replacement: str) -> str | None:
    return None if text is None else _compiled(pattern).sub(replacement, str(text), count=1)


def _char_length(text: Any) -> int | None:
    return None if text is None else len(str(text))
