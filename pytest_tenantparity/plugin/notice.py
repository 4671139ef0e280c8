"""What a test's report tells the ledger, and how it gets there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from ..model import CheckKey, Evidence
from ..wire import from_wire, to_wire

NOTICE = "tenantparity"

WirePlan = list[tuple[str, str, str | None, str | None, str, bool]]
"""The checks of a plan: kind, name, tenant, subject, node id, and whether it audits."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Which check a test is, and what it saw.

    ``limits`` digests the tolerances of a test that called ``parity.check()``; a worker's first
    notice has its plan, and why files of tests are not in it.
    """

    key: CheckKey
    evidence: Evidence | None = None
    limits: str | None = None
    plan: WirePlan | None = None
    left_out: list[str] | None = None


def attach(report: pytest.TestReport, notice: Notice) -> None:
    """Put a notice into a report."""
    setattr(report, NOTICE, notice)


def detach(report: pytest.TestReport) -> Notice | None:
    """Take the notice out of a report, which others keep to the end of the run."""
    notice: Notice | None = vars(report).pop(NOTICE, None)
    return notice


def sent(report: object, data: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a report's data as they go to another process: the notice as primitives."""
    notice = getattr(report, NOTICE, None)
    return data if data is None or notice is None else data | {NOTICE: to_wire(notice)}


def received(report: object) -> None:
    """Make a notice again of what another process has sent in a report."""
    wire = getattr(report, NOTICE, None)
    if wire is not None:
        setattr(report, NOTICE, from_wire(Notice, wire))
