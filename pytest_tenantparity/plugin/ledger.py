"""What was planned, less what came back with evidence, is not proven.

The ledger lives where the user started pytest, and nowhere else. Evidence reaches it inside
the test reports, which xdist carries from its workers; so do the plans of those workers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from ..model import CheckKey, Evidence, Status
from ..reporting import MOST_LISTED, cut_evenly
from ..wire import encodable, from_wire, to_wire
from .session import PlannedItem

PROPERTY = "tenantparity"


def attach(
    report: pytest.TestReport,
    key: CheckKey,
    evidence: Evidence | None,
    limits: str | None,
    plan: Mapping[CheckKey, PlannedItem] | None,
) -> None:
    """Put what the ledger needs into a report, as primitives that any channel can carry.

    ``limits`` digests the tolerances of a test that called ``parity.check()``.
    """
    wire = {
        "key": list(key),
        "evidence": None if evidence is None else to_wire(evidence),
        "limits": limits,
        "plan": None if plan is None else plan_to_wire(plan),
    }
    report.user_properties.append((PROPERTY, wire))


def plan_to_wire(plan: Mapping[CheckKey, PlannedItem]) -> list[list[Any]]:
    """Return a plan as lists of check, tenant, table, node id and whether it audits."""
    return [[*key, item.nodeid, item.audits] for key, item in plan.items()]


@dataclass
class Ledger:
    """Accounts for every planned check, whatever happened to it."""

    planned: dict[CheckKey, PlannedItem] = field(default_factory=dict)
    evidence: dict[CheckKey, Evidence] = field(default_factory=dict)
    executed: set[CheckKey] = field(default_factory=set)
    limits: dict[CheckKey, str] = field(default_factory=dict)  # of the checks of parity.check()
    _trouble: dict[CheckKey, str] = field(default_factory=dict)
    _crashed: dict[str, str] = field(default_factory=dict)
    _findings: int = 0  # taken in since they were last cut

    def add_plan(self, plan: Iterable[Sequence[Any]]) -> None:
        """Take up a plan; every worker has the same."""
        for check, tenant, table, nodeid, audits in plan:
            self.planned[CheckKey(check, tenant, table)] = PlannedItem(nodeid, audits)

    @property
    def audited(self) -> set[tuple[str, str]]:
        """The (tenant, table) pairs that some planned test compares."""
        return {(key.tenant, key.table) for key, item in self.planned.items() if item.audits}

    def take(self, report: pytest.TestReport) -> Evidence | None:
        """Take a report's evidence out of it, and note what else became of the test."""
        wire = _pop_property(report)
        if wire is None:
            if report.when not in ("setup", "call", "teardown"):  # xdist's report of a dead worker
                self._crashed[report.nodeid] = _first_line(report.longreprtext)
            return None
        if wire["plan"] is not None:
            self.add_plan(wire["plan"])
        key = CheckKey(*wire["key"])
        if report.when == "call":
            self.executed.add(key)
        evidence = from_wire(Evidence, wire["evidence"]) if wire["evidence"] else None
        if wire["limits"] is not None:
            self.limits[key] = wire["limits"]
        if evidence is not None:
            self.evidence[key] = self._worse(self.evidence.get(key), evidence)
            self._hold_few(len(evidence.findings))
        self._note_trouble(key, report, evidence)
        return evidence

    def _hold_few(self, more: int) -> None:
        """Let go of findings that the report will not list."""
        self._findings += more
        if self._findings > MOST_LISTED:
            self.evidence = {each.key: each for each in cut_evenly(self.evidence.values())}
            self._findings = 0

    @staticmethod
    def _worse(before: Evidence | None, now: Evidence) -> Evidence:
        """Of two outcomes of one check, such as a rerun's, the one that proves less."""
        if before is None or _GRAVITY.index(now.status) <= _GRAVITY.index(before.status):
            return now
        return before

    def settle(self) -> list[Evidence]:
        """Return evidence for every planned check, in a fixed order."""
        keys = sorted(self.planned.keys() | self.evidence.keys())
        return [self._settle(key) for key in keys]

    def _note_trouble(
        self, key: CheckKey, report: pytest.TestReport, evidence: Evidence | None
    ) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            self._trouble[key] = f"the test was skipped: {_skip_reason(report)}"
        elif report.failed and (evidence is None or report.when != "call"):
            self._trouble[key] = f"{report.when} failed: {_first_line(report.longreprtext)}"
        elif report.failed and evidence is not None and evidence.status in _PASSING:
            text = _first_line(report.longreprtext)
            self._trouble[key] = f"the test failed although the data agree: {text}"

    def _settle(self, key: CheckKey) -> Evidence:
        evidence, trouble = self.evidence.get(key), self._trouble.get(key)
        if evidence is None:
            return Evidence(key, Status.NOT_PROVEN, reasons=(trouble or self._why_not_run(key),))
        if trouble is None or evidence.status is Status.DRIFT:
            return evidence
        return replace(evidence, status=Status.NOT_PROVEN, reasons=(*evidence.reasons, trouble))

    def _why_not_run(self, key: CheckKey) -> str:
        nodeid = self.planned[key].nodeid if key in self.planned else ""
        if nodeid in self._crashed:
            return f"the process that ran it died: {self._crashed[nodeid]}"
        if key in self.executed:
            return "the test ended without evidence; it has to call parity.check()"
        return "the test was planned and not run (deselected, or the run ended early)"


_GRAVITY = (Status.DRIFT, Status.NOT_PROVEN, Status.TOLERATED, Status.MATCH)
_PASSING = (Status.MATCH, Status.TOLERATED)


def _pop_property(report: pytest.TestReport) -> dict[str, Any] | None:
    """Take the property out, so that JUnit files do not repeat the whole evidence."""
    found = None
    for entry in [each for each in report.user_properties if each[0] == PROPERTY]:
        report.user_properties.remove(entry)
        found = entry[1]
    return found if isinstance(found, dict) else None


def _skip_reason(report: pytest.TestReport) -> str:
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    return _first_line(report.longreprtext)


def _first_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line.removeprefix("E").strip() for line in lines if line.startswith("E ")]
    return encodable((errors or lines or ["no message"])[0])
