"""Keys of the plugin's values in pytest's stashes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ..parity import TenantView
    from .run.session import AuditSession

VIEWS: pytest.StashKey[list[TenantView]] = pytest.StashKey()  # on an item: the views it can query
SESSION: pytest.StashKey[AuditSession] = pytest.StashKey()  # on the config, if there are settings
