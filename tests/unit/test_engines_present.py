"""Where CI says that all engines have to be there, a missing one is a failure, not a skip."""

from __future__ import annotations

import pytest

from ..support.postgresql import unavailable


def test_a_missing_server_is_a_skip_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine without it, a test says what is missing."""
    monkeypatch.delenv("TENANTPARITY_ENGINES_REQUIRED", raising=False)
    with pytest.raises(pytest.skip.Exception, match="mariadbd is not here"):
        unavailable("mariadbd is not here")


def test_a_missing_server_fails_where_it_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    """In CI the same is red."""
    monkeypatch.setenv("TENANTPARITY_ENGINES_REQUIRED", "1")
    with pytest.raises(pytest.fail.Exception, match="mariadbd is not here"):
        unavailable("mariadbd is not here")
