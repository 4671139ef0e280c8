"""Which float a decimal text represents, and the shortest text of a float.

A text represents a float under two conditions. Reading the text gives this float. Rounding the
float's exact value to the text's number of significant digits gives the text's number.

For example, ``0.1`` and ``0.10000000000000001`` represent the same double. ``9007199254740993``
represents no double, because reading it gives 9007199254740992. A text represents at most one
float.
"""

from __future__ import annotations

from fractions import Fraction
from math import isfinite
from struct import pack, unpack

DOUBLE, SINGLE = 64, 32  # bits

_MOST_DIGITS = 767  # significant ones, of the exact value of any double
_SINGLE_DIGITS = 9  # with which each four-byte float reads back


def scientific(sign: str, digits: str) -> str:
    """Return ``sign`` and the number in the form ``15e-1`` for ``1.50`` or ``0.15e1``.

    ``digits`` has no sign.
    """
    mantissa, _, exponent = digits.partition("e")
    whole, _, fraction = mantissa.partition(".")
    led = (whole + fraction).lstrip("0")
    core = led.rstrip("0")
    shift = int(exponent or 0) - len(fraction) + len(led) - len(core)
    return f"{sign}{core}e{shift}" if core else f"{sign}0"


def spelled_float(text: str, bits: int) -> float | None:
    """Return the float of ``bits`` bits that ``text`` represents; None if it represents none."""
    own = scientific("", text.removeprefix("-"))
    core = own.partition("e")[0]
    if len(core) > _MOST_DIGITS:
        return None
    signed = f"-{own}" if text.startswith("-") else own
    number = float(signed) if bits == DOUBLE else _nearest_single(signed)
    if number is None or not isfinite(number):
        return None
    if not number:
        return number if own == "0" else None
    if scientific("", f"{abs(number):.{len(core) - 1}e}") == own:
        return number
    # Of two equally near texts, the shortest text need not be the one with an even last digit.
    last_digit = Fraction(10) ** int(own.partition("e")[2])
    return number if 2 * abs(Fraction(signed) - Fraction(number)) == last_digit else None


def shortest(number: float, bits: int) -> str:
    """Return the shortest text that reads back as the float ``number`` of ``bits`` bits."""
    if bits == DOUBLE or not number:
        return repr(number)
    texts = (f"{number:.{digits}e}" for digits in range(_SINGLE_DIGITS))
    return next(text for text in texts if _nearest_single(text) == number)


def _nearest_single(text: str) -> float | None:
    """Return the four-byte float that is nearest to a number; None if it is infinite."""
    double = float(text)
    single = _rounded(double)
    if single is None:
        return None
    other = double - (single - double)
    if other != single and _rounded(other) == other:
        # The double is halfway between two singles, and the number itself may be nearer to either.
        number, halfway = Fraction(text), Fraction(double)
        if number != halfway:
            return max(single, other) if number > halfway else min(single, other)
    return single


def _rounded(double: float) -> float | None:
    try:
        (single,) = unpack("<f", pack("<f", double))
    except OverflowError:
        return None
    return float(single)
