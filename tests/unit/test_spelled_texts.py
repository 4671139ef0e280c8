"""Texts are read as moments and numbers in the same way as by Python's datetime and decimal."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from pytest_tenantparity.stacks import Family
from pytest_tenantparity.stacks.dialects.sqlite.values import spelled_as

from ..support.spelled_texts import DECIMALS, random_moments


def test_moments_are_those_of_the_calendar() -> None:
    """Moments with offsets, in every year, are read like Python's calendar."""
    for text in random_moments(1500):
        moment = datetime.fromisoformat(text)
        try:
            utc = moment.astimezone(UTC)
        except OverflowError:
            continue
        day = utc.strftime("%m-%d %H:%M:%S")
        fraction = f".{utc.microsecond:06}".rstrip("0").rstrip(".")
        assert spelled_as(Family.TIMESTAMPTZ, text) == f"{utc.year:04}-{day}{fraction}+00", text


def test_numbers_are_those_of_decimal_arithmetic() -> None:
    """A number with an exponent equals Python's decimal of the text, and its result is short."""
    read = [(text, spelled_as(Family.DECIMAL, text)) for text in DECIMALS]
    for text, number in read:
        if number is not None:
            found, meant = Decimal(number), Decimal(text)
            assert found == meant or (found.is_nan() and meant.is_nan()), text
            assert "e" not in number.lower()
            assert number in ("0", number.rstrip("0").rstrip(".") if "." in number else number)
    left = {text for text, number in read if number is None}
    assert {"1e1000", "1e-1000", "1e999999", "1e", "1E+3 ", "1_000", "\u0661e3"} <= left
    assert max(len(number or "") for _, number in read) < 1100
