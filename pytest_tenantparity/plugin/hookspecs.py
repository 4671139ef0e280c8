"""Hooks that a project may implement in its ``conftest.py`` or in a plugin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ..model import AuditReport, Evidence, Side

if TYPE_CHECKING:
    from ..config import Settings


@pytest.hookspec(firstresult=True)
def pytest_parity_connect(config: pytest.Config, stack: Side) -> str | None:
    """Return the SQLAlchemy URL of ``stack``, which replaces the URL in the settings.

    ``None`` keeps the URL of the settings. The hook is called once for each run and stack, before
    the audit connects to any server. It is called in the process that the user started, never in an
    xdist worker.

    The hook may start a tunnel or a server, or fetch a short-lived password. Stop the tunnel or the
    server in ``pytest_unconfigure``.
    """


@pytest.hookspec
def pytest_parity_pairs(  # type: ignore[empty-body]
    config: pytest.Config, settings: Settings
) -> Mapping[str, Mapping[str, Any]]:
    """Return more table pairs: a mapping of legacy names to the content of ``[tables.<name>]``.

    The hook is called in every process, without a database. It must return the same pairs in each.
    """


@pytest.hookspec
def pytest_parity_normalisers(  # type: ignore[empty-body]
    config: pytest.Config,
) -> Mapping[str, Callable[[str], str]]:
    """Return functions by the names that ``normalise = "name"`` of a column can refer to.

    Each function takes the canonical text of a value, and returns the text to compare. A row that
    is equal only after normalisation counts as tolerated, under the function's name.
    """


@pytest.hookspec
def pytest_parity_evidence(config: pytest.Config, evidence: Evidence) -> None:
    """Receive the evidence of each check as it arrives, in the process that writes the report."""


@pytest.hookspec
def pytest_parity_report(config: pytest.Config, report: AuditReport, directory: Path) -> None:
    """Receive the whole report after its files are written."""
