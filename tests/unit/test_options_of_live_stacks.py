"""Which values ``--parity-settle`` and ``--parity-watermark`` take."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pytest_tenantparity.errors import SettingsError
from pytest_tenantparity.parity import Bound
from pytest_tenantparity.plugin.options import settle_of, watermark_of


class Given:
    """A configuration with one option."""

    def __init__(self, value: str) -> None:
        self.value = value

    def getoption(self, _: str) -> str:
        """Return the option's value."""
        return self.value


def given(value: str) -> Any:
    """Return what the parsers read options of."""
    return Given(value)


@pytest.mark.parametrize("value", ["0", "-1", "soon", "nan", "inf", "1e9", ""])
def test_wrong_seconds(value: str) -> None:
    """Seconds that make no sense are refused."""
    with pytest.raises(SettingsError, match=f"^--parity-settle={value}: .*more than 0"):
        settle_of(given(value))


def test_seconds() -> None:
    """Seconds may be whole or not."""
    assert [settle_of(given(value)) for value in ("2", "0.5")] == [2, 0.5]


@pytest.mark.parametrize(
    "value",
    ["soon", "2026-05-01", "2026-05-01T06:00:00", "5 m", "1.5", "", "4000d", "9" * 20],
)
def test_a_bound_that_is_none_is_refused(value: str) -> None:
    """What is no time with a zone and no number is refused, with the choices."""
    with pytest.raises(SettingsError, match="give a time before the snapshots"):
        watermark_of(given(value))


def test_bounds() -> None:
    """A bound is a time before the snapshots, a moment with its zone, or a whole number."""
    moment = "2026-05-01T06:00:00+00:00"
    bounds: dict[str, int | datetime | timedelta] = {
        "5m": timedelta(minutes=5),
        moment: datetime(2026, 5, 1, 6, tzinfo=UTC),
        "-7": -7,
    }
    assert {text: watermark_of(given(text)) for text in bounds} == {
        text: Bound(text, value) for text, value in bounds.items()
    }
