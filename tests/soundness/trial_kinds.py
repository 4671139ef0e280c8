"""The kinds of values in the random tables of ``trials.py``: types, values, near values, texts.

A *kind* is a neutral type of ``traps.py``. Some kinds can also be stored as text, each value in a
random form: moments with an offset, decimals with an exponent, flags as words. The right result of
a trial never depends on the form.
"""

from __future__ import annotations

import json
import math
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from random import Random
from uuid import UUID
from zoneinfo import ZoneInfo

from .traps import ENGINES, Engine, Value

SPELLED = "varchar(120)"
"""The type of a column that stores values of another type as text in random forms."""

_NASTY_TEXTS = [
    *("", " ", "a", "A", "a ", " a", "NULL", "null", "<null>", "0", "1", "-", ":", "1:a", "n", "v"),
    *("\\N", "\\", "'", "''", '"', "|", ",", "a,b", "\t", "\n", "a\nb", "%", "_", "%s", ":x", "?"),
    *("ß", "ss", "é", "e\u0301", "İ", "\u0131", "Σ", "ς", "😀", "😁", "\u200b", "\u00a0", "ﬁ", "Ⅳ"),
    *("true", "t", "1.0", "1e3", "2024-01-01", "x" * 300, "{}", "[]", "$1", "{0}", "--", "/*"),
]
_NASTY_INTEGERS = [0, 1, -1, 2, 7, 10, -10, 255, 256, 65536, 2**31 - 1, -(2**31)]
_NASTY_BIGINTS = [*_NASTY_INTEGERS, 2**32, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 10**18]
_NASTY_FLOATS = [
    *(0.0, 1.0, -1.0, 0.1, 0.2, 0.3, 0.1 + 0.2, 1e-20, 1e20, 1e15, 1e16, 123456789.123),
    *(5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -1e-7, 1e-5, 0.0001, 100000.0),
    *(1 / 3, 2 / 3, 1e22, 1e23, 4.35, 2.675, 9007199254740993.0, -123.456e-78, 637873.130588),
]
_START = datetime(2024, 2, 28, 23, 59, 59)  # noqa: DTZ001 - naive on purpose
_ESCAPES = (r"\u0000", r"\ud83d\ude00", r"\u003a", r"\u00e9")
_HALVES = (r"\ud800", r"\udc00x", r"\ud83dx\ude00")
_ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Etc/GMT+5")
_TRUE, _FALSE = ("t", "true", "y", "yes", "on", "1"), ("f", "false", "n", "no", "off", "0")


@dataclass(frozen=True)
class Kind:
    """A neutral type and its random values.

    ``wider`` are other types that can hold the same values. ``near`` makes a close but different
    value. ``spell`` returns a value as text, and ``read_as`` is the ``type = ...`` for such a text.
    ``zone`` is the zone of naive times on the legacy side. ``engines`` can hold all of the values.
    """

    type: str
    wider: tuple[str, ...]
    make: Callable[[Random], Value]
    canonical: Callable[[Value], str]
    near: Callable[[Random, Value], Value] | None = None
    spell: Callable[[Random, Value], str] | None = None
    read_as: str = ""
    zone: str = ""
    engines: frozenset[Engine] = ENGINES


def _text(rng: Random) -> str:
    if rng.random() < 0.6:
        return rng.choice(_NASTY_TEXTS)
    letters = string.printable[:95] + "éßñ😀中\u0301"
    text = "".join(rng.choice(letters) for _ in range(rng.randrange(1, 12)))
    return text.replace("E'", "E")  # reports show a text with this start differently


def _broken_text(rng: Random) -> str | bytes:
    """Return a text, or bytes that are not UTF-8, which SQLite stores in a text column."""
    return rng.choice([b"caf\xe9", b"\xff", b"a\xc3", b"\xed\xa0\x80", b"\xf5a"] + [_text(rng)] * 3)


def _decimal(digits: int, scale: int) -> Callable[[Random], Decimal]:
    def make(rng: Random) -> Decimal:
        unit = rng.choice([0, 1, 10, 100, rng.randrange(10**digits), 10**digits - 1])
        return Decimal(unit * rng.choice([1, 1, -1])).scaleb(-scale)

    return make


def _next_decimal(scale: int) -> Callable[[Random, Value], Decimal]:
    step = Decimal(1).scaleb(-scale)

    def near(rng: Random, value: Value) -> Decimal:
        number = Decimal(str(value))
        return -number if number and rng.random() < 0.3 else number - step if number > 0 else step

    return near


def _integer(nasty: Sequence[int]) -> Callable[[Random], int]:
    def make(rng: Random) -> int:
        return rng.choice(nasty) if rng.random() < 0.5 else rng.randrange(-999, 10_000)

    return make


def _next_integer(_: Random, value: Value) -> int:
    number = int(str(value))
    return number - 1 if number > 0 else number + 1


def _float(rng: Random) -> float:
    return rng.choice(_NASTY_FLOATS) if rng.random() < 0.7 else rng.uniform(-1e6, 1e6)


def _next_float(_: Random, value: Value) -> float:
    # Not below the smallest normal number: MariaDB does not write subnormal numbers.
    number = float(str(value))
    return math.nextafter(number, 0.0) if abs(number) > 1e-300 else 1e-20


def _timestamp(digits: int) -> Callable[[Random], datetime]:
    def make(rng: Random) -> datetime:
        step = timedelta(microseconds=10 ** (6 - digits))
        odd = rng.choice([0, 1, 10, rng.randrange(10**digits) if digits else 0])
        return _START + timedelta(seconds=rng.randrange(-(10**6), 10**6)) + odd * step

    return make


def _instant(rng: Random) -> datetime:
    start = datetime(2024, 7, 1, 12, tzinfo=UTC)
    odd = timedelta(microseconds=rng.choice([0, 0, 1, 500_000, rng.randrange(10**6)]))
    return start + timedelta(seconds=rng.randrange(-(10**9), 10**8)) + odd


def _other_instant(rng: Random, value: Value) -> datetime:
    if not isinstance(value, datetime):
        raise TypeError(value)
    return value + rng.choice([timedelta(hours=1), timedelta(hours=-2), timedelta(microseconds=1)])


def _clear_instant(zone: ZoneInfo) -> Callable[[Random], datetime]:
    """Return instants whose local time in a zone is unambiguous."""

    def make(rng: Random) -> datetime:
        while True:
            found = _instant(rng)
            local = found.astimezone(zone).replace(tzinfo=None)
            both = {local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
            if both == {found}:
                return found

    return make


def _uuid(rng: Random) -> UUID:
    # MariaDB accepts only UUIDs of the RFC's variants.
    return UUID(int=0) if rng.random() < 0.1 else UUID(int=rng.getrandbits(128), version=4)


def _document(rng: Random) -> str:
    leaf: object = rng.choice([None, True, False, 0, 1, 1.5, "", "a", "😀", [], {}])
    return json.dumps(rng.choice([leaf, {"a": leaf}, [leaf, 1], {"b": {"c": leaf}, "a": 2}]))


def _document_with(escapes: Sequence[str]) -> Callable[[Random], str]:
    """Return documents with an escape in a string. Some escapes stand for no character."""

    def make(rng: Random) -> str:
        escape = rng.choice(escapes)
        return rng.choice(
            [f'"{escape}"', f'{{"a": "x{escape}"}}', f'["{escape}", 1]', '{"a": "x"}']
        )

    return make


# ---- the canonical text, as in docs/types.md


def _number(value: Value) -> str:
    number = Decimal(str(value))
    text = f"{number:f}" if number else "0"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _moment(value: Value) -> str:
    if not isinstance(value, datetime | date | time):
        raise TypeError(value)
    text = value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()
    return text.rstrip("0") if "." in text else text


def _utc(value: Value) -> str:
    if not isinstance(value, datetime):
        raise TypeError(value)
    return _moment(value.astimezone(UTC).replace(tzinfo=None)) + "+00"


def _local(zone: ZoneInfo) -> Callable[[Value], str]:
    """Return the text of an instant as a time of a zone: in a repeated hour, of its second time."""

    def text(value: Value) -> str:
        if not isinstance(value, datetime):
            raise TypeError(value)
        local = value.astimezone(zone).replace(tzinfo=None)
        second = local.replace(tzinfo=zone, fold=1).astimezone(UTC) == value
        return _moment(local) + ("" if second else " (the first time)")

    return text


def _bytes(value: Value) -> str:
    if not isinstance(value, bytes):
        raise TypeError(value)
    return "\\x" + value.hex()


def _by_content(value: Value) -> str:
    return json.dumps(json.loads(str(value)), sort_keys=True)


# ---- other forms of a value


def _with_offset(rng: Random, value: Value) -> str:
    if not isinstance(value, datetime):
        raise TypeError(value)
    seconds = rng.choice([0, 0, 7200, -18_000, 19_800, 45_900, -12_600, -3208])
    local = value.astimezone(timezone(timedelta(seconds=seconds))).replace(tzinfo=None)
    sign, (hours, rest) = "-" if seconds < 0 else "+", divmod(abs(seconds), 3600)
    minutes, odd = divmod(rest, 60)
    if odd:
        return f"{local.isoformat(' ')}{sign}{hours:02}:{minutes:02}:{odd:02}"
    offsets = [f"{sign}{hours:02}:{minutes:02}", f"{sign}{hours:02}{minutes:02}"]
    offsets += [] if minutes else [f"{sign}{hours:02}", f" {sign}{hours:02}:00"]
    offsets += [] if seconds else ["Z", " UTC"]
    return local.isoformat(rng.choice(" T")) + rng.choice(offsets)


def _with_exponent(rng: Random, value: Value) -> str:
    number = Decimal(str(value))
    sign, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int):
        raise TypeError(value)
    moved = rng.randrange(-4, 5)
    mantissa = f"{Decimal((sign, digits, exponent - moved)):f}"
    return rng.choice([f"{number:f}", f"{mantissa}E{moved:+}", f"{mantissa}e{moved}", f"{number}"])


def _as_word(rng: Random, value: Value) -> str:
    word = rng.choice(_TRUE if value else _FALSE)
    return rng.choice([word, word.upper(), word.capitalize()])


def _uuid_spelling(rng: Random, value: Value) -> str:
    text = str(value)
    bare = text.replace("-", "")
    return rng.choice([text, text.upper(), bare, f"{{{text}}}", f"{{{bare}}}", f"urn:uuid:{text}"])


def _float_spelling(rng: Random, value: Value) -> str:
    number = float(str(value))
    return rng.choice([repr(number), f"{number:.16e}", f"{number:.17g}", f"{number:.20e}"])


KINDS = [
    Kind("integer", ("bigint",), _integer(_NASTY_INTEGERS), str, _next_integer, _with_exponent,
         "decimal"),
    Kind("bigint", ("decimal(20,0)",), _integer(_NASTY_BIGINTS), str, _next_integer),
    Kind("decimal(10,2)", ("decimal(14,4)",), _decimal(10, 2), _number, _next_decimal(2),
         _with_exponent, "decimal"),
    Kind("decimal(24,12)", ("decimal(30,15)",), _decimal(24, 12), _number, _next_decimal(12),
         _with_exponent, "decimal"),
    Kind("decimal(6,0)", ("integer",), _decimal(6, 0), _number, _next_decimal(0)),
    Kind("float", (), _float, repr, _next_float, _float_spelling, "float"),
    Kind("boolean", ("tinyint",), lambda rng: rng.random() < 0.5, lambda v: str(int(bool(v))),
         lambda _, v: not v, _as_word, "boolean"),
    Kind("text", (SPELLED.replace("120", "400"),), _text, str),
    Kind("varchar(400)", ("text",), _text, str),
    Kind("bytes", (), lambda rng: rng.randbytes(rng.choice([0, 1, 2, 16])), _bytes),
    Kind("uuid", (), _uuid, str, None, _uuid_spelling, "uuid"),
    Kind("date", (), lambda rng: date(2024, 1, 1) + timedelta(rng.randrange(-900, 900)), _moment),
    Kind("time", (),
         lambda rng: time(rng.randrange(24), rng.randrange(60), 0, rng.choice([0, 1, 500_000])),
         _moment),
    Kind("timestamp(0)", ("timestamp(6)",), _timestamp(0), _moment),
    Kind("timestamp(6)", (), _timestamp(6), _moment),
    Kind("timestamptz", (), _instant, _utc, _other_instant, _with_offset, "timestamptz"),
    Kind("json", (), _document, _by_content),
    Kind("json", (), _document_with(_ESCAPES), _by_content),
    Kind("json", (), _document_with(_HALVES), _by_content,
         engines=frozenset({"postgresql", "sqlite"})),
    Kind("text", (), _broken_text, lambda v: v.hex() if isinstance(v, bytes) else f"text {v}",
         engines=frozenset({"sqlite"})),
]  # fmt: skip

ZONED_KINDS = [
    Kind("timestamptz", (), _clear_instant(ZoneInfo(zone)), _utc, _other_instant, zone=zone)
    for zone in _ZONES
]
"""Instants on the modern side, and naive times on the legacy side, which PostgreSQL converts."""

LOCAL_KINDS = [replace(kind, canonical=_local(ZoneInfo(kind.zone))) for kind in ZONED_KINDS]
"""The same for other engines' naive times: PostgreSQL converts the instants on the modern side."""


TEXT_KEY = Kind("varchar(100)", (), lambda rng: f"{_text(rng)[:60]}{rng.randrange(10**6)}", str)
