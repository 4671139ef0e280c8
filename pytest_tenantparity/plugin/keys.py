"""What the plugin keeps in pytest's stashes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .session import AuditSession

SESSION: pytest.StashKey[AuditSession] = pytest.StashKey()  # on the config, if there are settings
