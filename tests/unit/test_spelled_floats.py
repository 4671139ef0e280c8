"""Which float a text spells, at the width of each."""

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
    """A double's shortest text, and its exact value rounded to 17 digits or more, spell it."""
    for text in (repr(number), f"{number:.{digits - 1}e}"):
        spelled = spelled_float(text, DOUBLE)
        assert spelled == number
        assert math.copysign(1, spelled or 0.0) == math.copysign(1, number) or not number


@given(number=st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_the_shortest_text_of_a_single_reads_back(number: float) -> None:
    """The shortest text of a float of four bytes spells it, and so do all of 9 digits."""
    for text in (shortest(number, SINGLE), f"{number:.8e}", f"{number:.16e}", repr(number)):
        assert spelled_float(text, SINGLE) == number


@given(number=st.integers(1, 2**70), scale=st.integers(-60, 60))
def test_the_nearest_single_is_found_exactly(number: int, scale: int) -> None:
    """Reading at four bytes does not round twice: no other such float is nearer."""
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
    """The double nearest to a text can lie halfway between two singles; the text itself decides."""
    above = "1.00000017881393432617187500000000000000000001"
    halfway = "1.000000178813934326171875"
    assert float(above) == float(halfway)
    assert spelled_float("16777217", SINGLE) is None
    assert spelled_float("1.0000002", SINGLE) == float(Fraction(8388610, 8388608))
    # Rounded to as many digits, the single is another number than the text.
    assert spelled_float(above, SINGLE) is None
