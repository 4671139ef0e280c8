"""The payload: data for the ledger in a test's report, and its transport through xdist."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from ...model import CheckKey, Evidence
from ...wire import from_wire, to_wire

PAYLOAD = "tenantparity"

WirePlan = list[tuple[str, str, str | None, str | None, str, bool]]
"""The checks of a plan: kind, name, tenant, subject, node id, and whether the test audits."""


@dataclass(frozen=True, slots=True)
class Payload:
    """The key of a test's check, and its evidence.

    ``tolerance_digest`` is a hash of the tolerances that a test passed to ``parity.check()``. A
    worker's first payload contains its plan, and the reasons why some files of tests are not in
    the plan.
    """

    key: CheckKey
    evidence: Evidence | None = None
    tolerance_digest: str | None = None
    plan: WirePlan | None = None
    ignored_files: list[str] | None = None


def attach(report: pytest.TestReport, payload: Payload) -> None:
    """Add a payload to a report."""
    setattr(report, PAYLOAD, payload)


def detach(report: pytest.TestReport) -> Payload | None:
    """Remove the payload from ``report`` and return it. pytest keeps reports until the run ends."""
    payload: Payload | None = vars(report).pop(PAYLOAD, None)
    return payload


def to_serializable(report: object, data: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a report's data for another process, with the payload as primitives."""
    payload = getattr(report, PAYLOAD, None)
    return data if data is None or payload is None else data | {PAYLOAD: to_wire(payload)}


def from_serializable(report: object) -> None:
    """Convert the primitives in a report from another process back to a payload."""
    wire = getattr(report, PAYLOAD, None)
    if wire is not None:
        setattr(report, PAYLOAD, from_wire(Payload, wire))
