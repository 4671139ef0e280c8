"""What the plugin keeps in pytest's stashes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ..model import CheckKey

if TYPE_CHECKING:
    from .session import AuditSession

SESSION: pytest.StashKey[AuditSession] = pytest.StashKey()  # on the config, if there are settings
KEY: pytest.StashKey[CheckKey | None] = pytest.StashKey()  # on the item, worked out once
