"""A column's key map must exist in the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_tenantparity.config import load_settings
from pytest_tenantparity.errors import SettingsError

SETTINGS = """
[legacy]
url = "postgresql://audit@old/db"
tenancy = "global"
[modern]
url = "postgresql://audit@new/db"
tenancy = "global"
[tenants.acme]
[maps.users]
table = "user_ids"
legacy = "old"
modern = "new"
[tables.t.columns.user_id]
key_map = "{}"
"""


def test_an_unknown_map_is_refused(tmp_path: Path) -> None:
    """A column that refers to an unknown map is refused."""
    path = tmp_path / "tenantparity.toml"
    path.write_text(SETTINGS.format("users"), encoding="utf-8")
    assert load_settings(path).maps.keys() == {"users"}
    path.write_text(SETTINGS.format("usres"), encoding="utf-8")
    with pytest.raises(SettingsError, match=r"no \[maps\.usres\]"):
        load_settings(path)
