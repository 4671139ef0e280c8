"""If CI requires all engines, a missing engine is a failure and not a skip."""

from __future__ import annotations

import pytest

from ..support.postgresql import unavailable


def test_a_missing_server_is_a_skip_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the requirement, a test is skipped with the reason."""
    monkeypatch.delenv("TENANTPARITY_ENGINES_REQUIRED", raising=False)
    with pytest.raises(pytest.skip.Exception, match="mariadbd is not here"):
        unavailable("mariadbd is not here")


def test_a_missing_server_fails_where_it_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the requirement, the test fails with the reason."""
    monkeypatch.setenv("TENANTPARITY_ENGINES_REQUIRED", "1")
    with pytest.raises(pytest.fail.Exception, match="mariadbd is not here"):
        unavailable("mariadbd is not here")
