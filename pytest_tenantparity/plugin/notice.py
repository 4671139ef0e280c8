"""The part of a test's report that is for the ledger, and its way through xdist."""

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
    """The check of a test, and its evidence.

    ``limits`` is a digest of the tolerances of a test that called ``parity.check()``. The first
    notice of a worker has its plan, and the reasons why files of tests are not in the plan.
    """

    key: CheckKey
    evidence: Evidence | None = None
    limits: str | None = None
    plan: WirePlan | None = None
    ignored_files: list[str] | None = None


def attach(report: pytest.TestReport, notice: Notice) -> None:
    """Add a notice to a report."""
    setattr(report, NOTICE, notice)


def detach(report: pytest.TestReport) -> Notice | None:
    """Remove the notice from a report, which pytest keeps to the end of the run."""
    notice: Notice | None = vars(report).pop(NOTICE, None)
    return notice


def to_serializable(report: object, data: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a report's data for another process, with the notice as primitives."""
    notice = getattr(report, NOTICE, None)
    return data if data is None or notice is None else data | {NOTICE: to_wire(notice)}


def from_serializable(report: object) -> None:
    """Turn the primitives in a report from another process into a notice again."""
    wire = getattr(report, NOTICE, None)
    if wire is not None:
        setattr(report, NOTICE, from_wire(Notice, wire))
