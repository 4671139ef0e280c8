"""Canonical texts, the same for every engine and storage: see docs/types.md.

Texts are converted to texts here, by SQL that every engine has. A text that represents no value of
the family is not changed, so that it equals nothing but itself.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

from sqlalchemy import ColumnElement, Integer, Text, and_, case, cast, func, literal

from ..catalog import TEXTS, Family

Spelling = ColumnElement[str]
Shifted = Callable[[Spelling, Spelling], Spelling]
YES = ("t", "true", "y", "yes", "on", "1")
NO = ("f", "false", "n", "no", "off", "0")

_NUMBER = "^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)$"
_FLOAT = "^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)(e[+-]?[0-9]{1,4})?$"
_INFINITY = "[iI][nN][fF]([iI][nN][iI][tT][yY])?"
_EXPONENT = "^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)[eE][+-]?0{0,9}[0-9]{1,3}$"
_ZEROS = "0" * 1000  # more than an exponent of three digits can move the point
_TIME = "^[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?$"
_TIMESTAMP = "^[0-9]{4}-[0-9]{2}-[0-9]{2}[ Tt][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?$"
# Valid days, in years of four digits.
_LEAP_YEAR = "([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)"
_DAY = (
    "([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    f"|02-(0[1-9]|1[0-9]|2[0-8]))|{_LEAP_YEAR}-02-29)"
)
_CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?"
# +02, +02:00, +0530, +00:53:28, also with the suffix that Go writes, or with Java's zone name.
_OFFSET = (
    "( ?([Zz]|UTC|GMT)| ?[+-](0[0-9]|1[0-5])(:?[0-5][0-9](:?[0-5][0-9])?)?| [+]0000 UTC)"
    r"(\[[A-Za-z0-9_/+-]+\])?"
)
_NO_OFFSET = r"( ?([Zz]|UTC|GMT)| ?[+-]00(:?00(:?00)?)?| [+]0000 UTC)(\[[A-Za-z0-9_/+-]+\])?$"
_NAIVE = f"^{_DAY}[ Tt]{_CLOCK}$"
_ZONED = f"^{_DAY}[ Tt]{_CLOCK}{_OFFSET}$"
_HEX_DIGITS = r"^(\{[0-9a-f]{32}\}|(urn:uuid:)?[0-9a-f]{32})$"
_BEYOND_ASCII = "[^ -~]"
_FORMS = (_ZONED, _NAIVE)
_UUID = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"


def spell(
    own: Spelling,
    source: Family,
    family: Family,
    *,
    common: bool,
    shifted: Shifted | None = None,
    zone: str | None = None,
) -> Spelling:
    """Return the canonical text of a value, read as a ``family`` of which it can be.

    - ``own``: the value's text in the family ``source``.
    - ``common``: the other side is another engine, so that numbers need one form for both.
    - ``shifted``: the method :meth:`.base.Dialect.shifted`. Without it, timestamps with an offset
      other than 0 are not changed.
    - ``zone``: the zone of naive times. Texts are only read in UTC.
    """
    if family is Family.FLOAT and (common or source is not family):
        return as_float(own)
    if source is family:
        return own
    if source is Family.PADDED and family is not Family.TEXT:
        own = replaced(own, " *$")
    if source in TEXTS and family is Family.TIMESTAMPTZ:
        return as_timestamptz(own, shifted, in_utc=zone == "UTC")
    if source in TEXTS:
        return _READERS[family](own) if family in _READERS else own
    return _CONVERSIONS.get((source, family), _unchanged)(own)


def _unchanged(own: Spelling) -> Spelling:
    """Return the text unchanged, such as that of an integer that is read as a decimal."""
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
    """Convert ``+01.50`` to ``1.5``, ``-0.0`` to ``0``, ``1.5E-3`` to ``0.0015``.

    A number whose exponent has more than three digits is not changed, because its text could fill
    the memory.
    """
    return case(
        (matches(own, _NUMBER), _plain_number(own)),
        (matches(own, _EXPONENT), _moved_number(own)),
        *_not_finite(own),
        else_=own,
    )


def _plain_number(own: Spelling) -> Spelling:
    """Return a number without redundant zeros. The server computes a text at each mention."""
    bare = _without_sign(own)
    whole = replaced(_text("0") + bare, "[.].*$")
    return _signed(own, whole, replaced(bare, "^[0-9]*"))


def _moved_number(own: Spelling) -> Spelling:
    """Return the same for a number with an exponent, by moving its point through added zeros."""
    mantissa = replaced(_without_sign(own), "[eE].*$")
    digits = _text(_ZEROS) + _without_dot(mantissa) + _text(_ZEROS)
    exponent = cast(replaced(replaced(own, "^[^eE]*[eE]"), "^[+]"), Integer)
    point = _length(replaced(mantissa, "[.].*$")) + exponent + len(_ZEROS)
    fraction = _text(".") + func.substr(digits, point + 1, type_=Text)
    return _signed(own, func.substr(digits, 1, point, type_=Text), fraction)


def _signed(own: Spelling, whole: Spelling, fraction: Spelling) -> Spelling:
    """Assemble a number. The whole part keeps a last zero, and zero has no sign."""
    last = _length(whole)
    led = replaced(func.substr(whole, 1, last - 1, type_=Text), "^0+")
    negative = own.regexp_match("^-[0-9.]*[1-9]")
    sign = case((negative, _text("-")), else_=_text(""))
    number = sign + led + func.substr(whole, last, 1, type_=Text)
    return number + replaced(fraction, "[.]?0*$")


def as_float(own: Spelling) -> Spelling:
    """Return digits and a power of ten, the same for every engine that writes the shortest text.

    ``1.5`` and ``1.50e0`` become ``15e-1``. Infinities and NaN get PostgreSQL's names.
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
    """Return the cases for NaN, with any sign, and for the infinities, with PostgreSQL's names."""
    # Without lower(), which turns some letters that are not I into an i.
    return [
        (matches(own, "^[+-]?[nN][aA][nN]$"), _text("NaN")),
        (matches(own, f"^[+]?{_INFINITY}$"), _text("Infinity")),
        (matches(own, f"^-{_INFINITY}$"), _text("-Infinity")),
    ]


def as_boolean(own: Spelling) -> Spelling:
    """Convert PostgreSQL's words: t, true, y, yes, on, 1 and f, false, n, no, off, 0."""
    lower = func.lower(own, type_=Text)
    return case(
        (lower.in_([_text(word) for word in YES]), _text("true")),
        (lower.in_([_text(word) for word in NO]), _text("false")),
        else_=own,
    )


def as_uuid(own: Spelling) -> Spelling:
    """Return 32 hexadecimal digits in lower case, with hyphens at their places.

    Braces around the digits and ``urn:uuid:`` in front of them are removed.
    """
    digits = func.lower(func.replace(own, _text("-"), _text("")), type_=Text)
    bare = replaced(digits, r"^(\{|urn:uuid:)")
    spelled: Spelling = func.substr(bare, 1, 8, type_=Text)
    for at, length in ((9, 4), (13, 4), (17, 4), (21, 12)):
        spelled = spelled + _text("-") + func.substr(bare, at, length, type_=Text)
    spells = and_(digits.regexp_match(_HEX_DIGITS), ~own.regexp_match(_BEYOND_ASCII))
    # Most texts have this form already, and this test takes a tenth of the work. A newline at the
    # end, which "$" may ignore, does no harm: the text stays unchanged in any case.
    return case((own.regexp_match(_UUID), own), (spells, spelled), else_=own)


def as_bytes(own: Spelling) -> Spelling:
    r"""Convert ``\xAB`` to ``\xab``. Any other text is not changed."""
    return case((matches(own, r"^\\x([0-9a-fA-F]{2})*$"), func.lower(own, type_=Text)), else_=own)


def as_time(own: Spelling) -> Spelling:
    """Convert ``10:00`` to ``10:00:00``, and remove zeros at the end of the fraction."""
    return case((matches(own, _TIME), _clock(own, own, "^.{5}:") + _fraction(own)), else_=own)


def as_timestamp(own: Spelling) -> Spelling:
    """Convert ``2024-01-02T10:00`` to ``2024-01-02 10:00:00``; remove last zeros of fractions."""
    return case((matches(own, _TIMESTAMP), _moment(own) + _fraction(own)), else_=own)


def as_timestamptz(
    own: Spelling, shifted: Shifted | None = None, *, in_utc: bool = False
) -> Spelling:
    """Return the instant in UTC, as ``...+00``. A text without an offset or a valid day is kept.

    ``in_utc``: a time without an offset is in UTC. On the first valid day, a time with an offset
    other than 0 is kept too, because its instant may be before the year 1.
    """
    zone = _fraction(own) + _text("+00")
    moved = own if shifted is None else shifted(_moment(own), _offset(own)) + zone
    here: Spelling = _moment(own) + zone
    read: Spelling = case(
        (own.regexp_match(_NO_OFFSET), here), (own.regexp_match("^0001-01-01"), own), else_=moved
    )
    known, naive = (and_(matches(own, form), ~own.regexp_match("^0000")) for form in _FORMS)
    return (
        case((known, read), (naive, here), else_=own) if in_utc else case((known, read), else_=own)
    )


def _moment(own: Spelling) -> Spelling:
    """Return the day and the time to the second, without any following part."""
    clock = func.substr(own, 12, type_=Text)
    day = func.substr(own, 1, 10, type_=Text)
    return day + _text(" ") + _clock(own, replaced(clock, "[^0-9:].*$"), "^.{16}:")


def _clock(own: Spelling, clock: Spelling, has_seconds: str) -> Spelling:
    seconds = case((own.regexp_match(has_seconds), _text("")), else_=_text(":00"))
    return replaced(clock, "[.].*$") + seconds


def _fraction(own: Spelling) -> Spelling:
    """Return the fraction of the second with its point; empty if it is zero."""
    return replaced(replaced(replaced(own, "^[^.]*"), "[^.0-9].*$"), "[.]?0*$")


def _offset(own: Spelling) -> Spelling:
    """Return the offset as ``+05:30:00``, for a text with an offset other than 0."""
    written = replaced(replaced(own, "^.{16}(:[0-9]{2}([.][0-9]+)?)? ?"), "[^+:0-9-].*$")
    digits = func.replace(written, _text(":"), _text(""), type_=Text) + _text("0000")
    hours, *others = (func.substr(digits, *at, type_=Text) for at in ((1, 3), (4, 2), (6, 2)))
    return reduce(lambda so_far, each: so_far + _text(":") + each, others, hours)


def matches(own: Spelling, pattern: str) -> ColumnElement[bool]:
    """Whether a text of printable ASCII contains a match of ``pattern``."""
    # In some engines, "$" also matches before a newline at the end, and Unicode has several
    # newlines.
    return and_(own.regexp_match(pattern), ~own.regexp_match(_BEYOND_ASCII))


def replaced(own: Spelling, pattern: str) -> Spelling:
    """Remove the first match of ``pattern`` from a text."""
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
}
_CONVERSIONS: dict[tuple[Family, Family], Callable[[Spelling], Spelling]] = {
    (Family.BYTES, Family.UUID): _uuid_of_bytes,
    (Family.BOOLEAN, Family.INTEGER): _as_digit,
    **{(each, Family.BOOLEAN): _as_word for each in (Family.INTEGER, Family.DECIMAL, Family.BIT)},
    (Family.TIMESTAMP, Family.TIMESTAMPTZ): _with_zone,
}
