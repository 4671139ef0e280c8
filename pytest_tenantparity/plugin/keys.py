"""What the plugin keeps in pytest's stashes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ..model import Evidence

if TYPE_CHECKING:
    from .session import AuditSession

SESSION: pytest.StashKey[AuditSession] = pytest.StashKey()  # on the config, if there are settings
LIMITS: pytest.StashKey[str] = pytest.StashKey()  # digest of the tolerances of that check
EVIDENCE: pytest.StashKey[Evidence] = pytest.StashKey()  # on the item, once it has been checked
