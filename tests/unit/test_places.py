"""The place of a tenant's rows, from a template in the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_tenantparity.config import load_settings
from pytest_tenantparity.errors import SettingsError
from pytest_tenantparity.inventory import make_pair, place_of

SETTINGS = """
[legacy]
url = "postgresql://audit@old/db"
tenancy = {schema = "s_{legacy_account}"}
[modern]
url = "postgresql://audit@new/db"
tenancy = {column = "owner"}
[tenants.a]
legacy_accounts = ["a1", "a2"]
[tenants.b]
legacy_account = "b1"
"""


def test_a_place_by_account_needs_one_account(tmp_path: Path) -> None:
    """A schema named after the legacy account is refused for a tenant with two accounts."""
    path = tmp_path / "tenantparity.toml"
    path.write_text(SETTINGS, encoding="utf-8")
    settings = load_settings(path)
    tenancy = make_pair(settings, "t").tenancy("legacy")
    two, one = settings.tenant_models()
    with pytest.raises(SettingsError, match=r"needs one legacy account a tenant; 'a' has 2"):
        place_of(settings.legacy, tenancy, two)
    assert place_of(settings.legacy, tenancy, one).schema == "s_b1"
