"""One spelling for one value, whatever engine or storage it comes from: see docs/types.md.

Texts are turned into texts here, by SQL that every engine has. What a text does not spell stays
as it is, so that it equals nothing but itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Integer, Text, and_, case, cast, func, literal, or_

from ..catalog import TEXTS, Family

Spelling = ColumnElement[str]

_NUMBER = "^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)$"
_FLOAT = "^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)(e[+-]?[0-9]{1,4})?$"
_INFINITY = "[iI][nN][fF]([iI][nN][iI][tT][yY])?"
_TIME = "^[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?$"
_TIMESTAMP = "^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?$"
_ZONED = "^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z|[+]00(:?00)?)$"
_HEX_DIGITS = "^[0-9a-f]{32}$"
_UUID = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"


def spell(own: Spelling, source: Family, family: Family, *, common: bool) -> Spelling:
    """Return a value's text in the spelling of a family that it can be read as.

    ``common``: the other side is another engine, so that numbers need one form for both.
    """
    if family is Family.FLOAT and (common or source is not family):
        return as_float(own)
    if source is family:
        return own
    if source is Family.PADDED and family is not Family.TEXT:
        own = replaced(own, " *$")
    if source in TEXTS:
        return _READERS[family](own) if family in _READERS else own
    return _CONVERSIONS.get((source, family), _unchanged)(own)


def _unchanged(own: Spelling) -> Spelling:
    """Integers are decimals, and documents are texts, as they are."""
    return own


def _as_digit(own: Spelling) -> Spelling:
    yes, no = (own == _text("true"), _text("1")), (own == _text("false"), _text("0"))
    return case(yes, no, else_=own)


def _as_word(own: Spelling) -> Spelling:
    yes, no = (own == _text("1"), _text("true")), (own == _text("0"), _text("false"))
    return case(yes, no, else_=own)


def _uuid_of_bytes(own: Spelling) -> Spelling:
    sixteen = _length(own) == len(r"\x") + 32
    return case((sixteen, as_uuid(func.substr(own, 3, type_=Text))), else_=own)


def _with_zone(own: Spelling) -> Spelling:
    return own + _text("+00")


def as_decimal(own: Spelling) -> Spelling:
    """``+01.50`` becomes ``1.5``, ``-0.0`` becomes ``0``; no exponents."""
    bare = _without_sign(own)
    whole = case((bare.contains(_text(".")), replaced(bare, "[.]?0*$")), else_=bare)
    stripped = replaced(whole, "^0+")
    led = case(
        (or_(stripped == _text(""), matches(stripped, "^[.]")), _text("0") + stripped),
        else_=stripped,
    )
    signed = case((and_(matches(own, "^-"), led != _text("0")), _text("-") + led), else_=led)
    return case((matches(own, _NUMBER), signed), *_not_finite(own), else_=own)


def as_float(own: Spelling) -> Spelling:
    """Digits and a power of ten, the same for every engine that writes the shortest text.

    ``1.5`` and ``1.50e0`` become ``15e-1``. Infinities and NaN go by PostgreSQL's names.
    """
    lower = func.lower(own, type_=Text)
    bare = _without_sign(lower)
    mantissa = replaced(bare, "e.*$")
    written = replaced(replaced(bare, "^[^e]*e?"), "^[+]")
    exponent = cast(case((written == _text(""), _text("0")), else_=written), Integer)
    fraction = replaced(mantissa, "^[0-9]*[.]?")
    digits = replaced(_without_dot(mantissa), "^0+")
    core = replaced(digits, "0+$")
    shift = exponent - _length(fraction) + _length(digits) - _length(core)
    number = case((core == _text(""), _text("0")), else_=core + _text("e") + cast(shift, Text))
    signed = case((matches(own, "^-"), _text("-") + number), else_=number)
    return case(
        (matches(lower, _FLOAT), signed),
        *_not_finite(own),
        else_=own,
    )


def _not_finite(own: Spelling) -> list[tuple[ColumnElement[bool], Spelling]]:
    """NaN, whatever its sign bit says, and the infinities, by PostgreSQL's names."""
    # Not in lower case, which makes an i of a letter that is none.
    return [
        (matches(own, "^[+-]?[nN][aA][nN]$"), _text("NaN")),
        (matches(own, f"^[+]?{_INFINITY}$"), _text("Infinity")),
        (matches(own, f"^-{_INFINITY}$"), _text("-Infinity")),
    ]


def as_boolean(own: Spelling) -> Spelling:
    """``t``, ``true`` and ``1`` are true; ``f``, ``false`` and ``0`` are false."""
    lower = func.lower(own, type_=Text)
    return case(
        (lower.in_([_text(word) for word in ("t", "true", "1")]), _text("true")),
        (lower.in_([_text(word) for word in ("f", "false", "0")]), _text("false")),
        else_=own,
    )


def as_uuid(own: Spelling) -> Spelling:
    """32 hexadecimal digits, in lower case, with hyphens at their places."""
    digits = func.lower(func.replace(own, _text("-"), _text("")), type_=Text)
    spelled: Spelling = func.substr(digits, 1, 8, type_=Text)
    for at, length in ((9, 4), (13, 4), (17, 4), (21, 12)):
        spelled = spelled + _text("-") + func.substr(digits, at, length, type_=Text)
    # Most are spelled so already, which is seen with a tenth of the work. A newline behind, which
    # "$" may overlook, does no harm: such a text stays as it is in any case.
    return case((own.regexp_match(_UUID), own), (matches(digits, _HEX_DIGITS), spelled), else_=own)


def as_bytes(own: Spelling) -> Spelling:
    r"""``\xAB`` becomes ``\xab``; anything else is no bytes."""
    return case((matches(own, r"^\\x([0-9a-fA-F]{2})*$"), func.lower(own, type_=Text)), else_=own)


def as_time(own: Spelling) -> Spelling:
    """``10:00`` becomes ``10:00:00``; no zeros end the fraction."""
    return case((matches(own, _TIME), _seconds(own)), else_=own)


def as_timestamp(own: Spelling) -> Spelling:
    """``2024-01-02T10:00`` becomes ``2024-01-02 10:00:00``; no zeros end the fraction."""
    return case((matches(own, _TIMESTAMP), _moment(own)), else_=own)


def as_timestamptz(own: Spelling) -> Spelling:
    """The same in UTC, as ``...+00``; a time that says no zone, or another, is left alone."""
    naive = replaced(own, "(Z|[+]00(:?00)?)$")
    return case((matches(own, _ZONED), _moment(naive) + _text("+00")), else_=own)


def _moment(own: Spelling) -> Spelling:
    return _seconds(func.replace(own, _text("T"), _text(" "), type_=Text))


def _seconds(own: Spelling) -> Spelling:
    full = case((matches(own, ":[0-9]{2}:[0-9]{2}"), own), else_=own + _text(":00"))
    return without_zeros(full)


def without_zeros(own: Spelling) -> Spelling:
    """Take away the zeros that end a fraction, and the point if nothing else is behind it."""
    return case((own.contains(_text(".")), replaced(own, "[.]?0*$")), else_=own)


def matches(own: Spelling, pattern: str) -> ColumnElement[bool]:
    """Whether a text of plain ASCII has a part of the pattern's form."""
    # Some engines let "$" stand in front of a last newline, of which Unicode has several.
    return and_(own.regexp_match(pattern), ~own.regexp_match("[^ -~]"))


def replaced(own: Spelling, pattern: str) -> Spelling:
    """Take away the part of a text that the pattern describes."""
    return func.regexp_replace(own, _text(pattern), _text(""), type_=Text)


def _without_sign(own: Spelling) -> Spelling:
    return replaced(own, "^[+-]")


def _without_dot(own: Spelling) -> Spelling:
    return func.replace(own, _text("."), _text(""), type_=Text)


def _length(own: Spelling) -> ColumnElement[Any]:
    return func.char_length(own, type_=Integer)


def _text(value: str) -> ColumnElement[str]:
    return literal(value, Text)


_READERS: dict[Family, Callable[[Spelling], Spelling]] = {
    Family.INTEGER: as_decimal,
    Family.DECIMAL: as_decimal,
    Family.BOOLEAN: as_boolean,
    Family.UUID: as_uuid,
    Family.BYTES: as_bytes,
    Family.TIME: as_time,
    Family.TIMESTAMP: as_timestamp,
    Family.TIMESTAMPTZ: as_timestamptz,
}
_CONVERSIONS: dict[tuple[Family, Family], Callable[[Spelling], Spelling]] = {
    (Family.BYTES, Family.UUID): _uuid_of_bytes,
    (Family.BOOLEAN, Family.INTEGER): _as_digit,
    (Family.INTEGER, Family.BOOLEAN): _as_word,
    (Family.TIMESTAMP, Family.TIMESTAMPTZ): _with_zone,
}
