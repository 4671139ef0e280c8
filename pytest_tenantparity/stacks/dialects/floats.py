"""Which float a decimal text spells, and the shortest text of a float.

A text spells a float if reading it gives that float, and rounding the float's exact value to as
many significant digits as the text has gives the text's number back. ``0.1`` and
``0.10000000000000001`` spell one double. 9007199254740993 spells none: the double that it reads as
is 9007199254740992. One text spells one float at most.
"""

from __future__ import annotations

from fractions import Fraction
from math import isfinite
from struct import pack, unpack

DOUBLE, SINGLE = 64, 32  # bits

_MOST_DIGITS = 767  # significant ones, of the exact value of any double
_SINGLE_DIGITS = 9  # with which each float of four bytes reads back


def scientific(sign: str, digits: str) -> str:
    """Return ``15e-1`` for ``1.50`` or ``0.15e1``; the number itself has no sign."""
    mantissa, _, exponent = digits.partition("e")
    whole, _, fraction = mantissa.partition(".")
    led = (whole + fraction).lstrip("0")
    core = led.rstrip("0")
    shift = int(exponent or 0) - len(fraction) + len(led) - len(core)
    return f"{sign}{core}e{shift}" if core else f"{sign}0"


def spelled_float(text: str, bits: int) -> float | None:
    """Return the float of so many bits that a number's text spells; None if it spells none."""
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
    # Of two texts that are equally near, the shortest one need not be the even one.
    last_digit = Fraction(10) ** int(own.partition("e")[2])
    return number if 2 * abs(Fraction(signed) - Fraction(number)) == last_digit else None


def shortest(number: float, bits: int) -> str:
    """Return the shortest text that reads back as a float of so many bits."""
    if bits == DOUBLE or not number:
        return repr(number)
    texts = (f"{number:.{digits}e}" for digits in range(_SINGLE_DIGITS))
    return next(text for text in texts if _nearest_single(text) == number)


def _nearest_single(text: str) -> float | None:
    """Return the float of four bytes nearest to a number; None where that is infinite."""
    double = float(text)
    single = _rounded(double)
    if single is None:
        return None
    other = double - (single - double)
    if other != single and _rounded(other) == other:
        # The double lies halfway between two, and the number itself may be nearer to either.
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
