"""The audit of the shop: pytest examples/shop --tenants=all --fail-on-drift."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_tenantparity.plugin.fixtures import Parity


@pytest.mark.parity
def test_table_parity(parity: Parity) -> None:
    """Every row of every selected tenant is the same on both stacks."""
    parity.check()
