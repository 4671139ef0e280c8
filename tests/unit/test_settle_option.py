"""Which values ``--parity-settle`` takes."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_tenantparity.errors import SettingsError
from pytest_tenantparity.plugin.options import settle_of


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
