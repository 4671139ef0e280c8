"""Hooks that a project may implement, in its conftest.py or in a plugin."""

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
    """Return the SQLAlchemy URL of a stack, in place of the one in the settings.

    Called once a run and stack, before anything connects, in the process that the user
    started (never in an xdist worker). Start a tunnel or a server here, or fetch a
    short-lived password; end it in ``pytest_unconfigure``. ``None`` leaves it to the settings.
    """


@pytest.hookspec
def pytest_parity_pairs(  # type: ignore[empty-body]
    config: pytest.Config, settings: Settings
) -> Mapping[str, Mapping[str, Any]]:
    """Return more table pairs: legacy name to what a ``[tables.<name>]`` would hold.

    Called in every process, without a database; each must give the same.
    """


@pytest.hookspec
def pytest_parity_normalisers(  # type: ignore[empty-body]
    config: pytest.Config,
) -> Mapping[str, Callable[[str], str]]:
    """Return functions that ``normalise = "name"`` of a column can refer to.

    Each takes a value's canonical text and returns the text to compare. A row that only
    agrees once normalised counts as tolerated, under the function's name.
    """


@pytest.hookspec
def pytest_parity_evidence(config: pytest.Config, evidence: Evidence) -> None:
    """Receive the evidence of each check as it arrives, in the process that reports."""


@pytest.hookspec
def pytest_parity_report(config: pytest.Config, report: AuditReport, directory: Path) -> None:
    """Receive the whole report, once its files are written."""
