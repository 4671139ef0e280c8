"""Values of ``--parity-settle``."""

from __future__ import annotations

import pytest

from pytest_tenantparity.errors import SettingsError
from pytest_tenantparity.plugin.options import read_settle


@pytest.mark.parametrize("value", ["0", "-1", "soon", "nan", "inf", "1e9", ""])
def test_wrong_seconds(value: str) -> None:
    """A value that is not a number of seconds in the valid range is refused."""
    with pytest.raises(SettingsError, match=f"^--parity-settle={value}: .*more than 0"):
        read_settle(value)


def test_seconds() -> None:
    """Whole and fractional seconds are accepted."""
    assert [read_settle(value) for value in ("2", "0.5")] == [2, 0.5]
