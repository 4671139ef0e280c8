"""The tolerance from the environment is a number, or an error."""

from __future__ import annotations

import pytest

from pytest_tenantparity.errors import SettingsError
from pytest_tenantparity.parity import environment_layer


@pytest.mark.parametrize("text", ["-1", "NaN", "Infinity", "1 cent", "0,01"])
def test_an_environment_tolerance_that_is_none_is_refused(text: str) -> None:
    """MIGRATION_DRIFT_TOLERANCE is a number from 0, or an error that quotes it."""
    with pytest.raises(SettingsError, match=f"MIGRATION_DRIFT_TOLERANCE='{text}'"):
        environment_layer({"MIGRATION_DRIFT_TOLERANCE": text})
