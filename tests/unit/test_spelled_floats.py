"""Reading a text as a float of four or eight bytes."""

from __future__ import annotations

import math
from fractions import Fraction
from struct import pack, unpack

from hypothesis import given
from hypothesis import strategies as st

from pytest_tenantparity.stacks.dialects.floats import (
    DOUBLE,
    SINGLE,
    shortest,
    spelled_float,
)


@given(number=st.floats(allow_nan=False, allow_infinity=False), digits=st.integers(17, 30))
def test_every_exact_text_spells_its_double(number: float, digits: int) -> None:
    """A double's shortest text, and its value with 17 or more digits, are read as the double."""
    for text in (repr(number), f"{number:.{digits - 1}e}"):
        spelled = spelled_float(text, DOUBLE)
        assert spelled == number
        assert math.copysign(1, spelled or 0.0) == math.copysign(1, number) or not number


@given(number=st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_the_shortest_text_of_a_single_reads_back(number: float) -> None:
    """A four-byte float's shortest text, and its value with 9 or more digits, are read as it."""
    for text in (shortest(number, SINGLE), f"{number:.8e}", f"{number:.16e}", repr(number)):
        assert spelled_float(text, SINGLE) == number


@given(number=st.integers(1, 2**70), scale=st.integers(-60, 60))
def test_the_nearest_single_is_found_exactly(number: int, scale: int) -> None:
    """Reading a four-byte float does not round twice: no other such float is nearer to the text."""
    text = f"{number}e{scale}"
    single = spelled_float(text, SINGLE)
    if single is None:
        return
    (bits,) = unpack("<i", pack("<f", single))
    beside = [unpack("<f", pack("<i", max(0, bits + step)))[0] for step in (-1, 1)]
    exact = Fraction(number) * Fraction(10) ** scale
    gap = abs(exact - Fraction(single))
    assert all(gap <= abs(exact - Fraction(x)) for x in beside if math.isfinite(x))


def test_a_number_halfway_between_two_singles() -> None:
    """A text is compared with four-byte floats exactly, not by its nearest double.

    That double can lie halfway between two four-byte floats.
    """
    above = "1.00000017881393432617187500000000000000000001"
    halfway = "1.000000178813934326171875"
    assert float(above) == float(halfway)
    assert spelled_float("16777217", SINGLE) is None
    assert spelled_float("1.0000002", SINGLE) == float(Fraction(8388610, 8388608))
    # Rounded to the same number of digits, the float differs from the text.
    assert spelled_float(above, SINGLE) is None
