"""The ledger: a planned check is NOT PROVEN until its evidence arrives.

The ledger exists only in the process that the user started. Evidence arrives in the test reports,
which xdist carries from its workers. The plans of the workers arrive in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from sys import intern
from typing import Any

import pytest

from ...model import FAILING, GRAVITY, CheckKey, CheckKind, Evidence, Outcome
from ...reporting import MOST_LISTED, cut_evenly
from ...wire import encodable
from ..run.session import PlannedItem
from .payload import WirePlan, detach


def plan_to_wire(plan: Mapping[CheckKey, PlannedItem]) -> WirePlan:
    """Return a plan as primitives."""
    return [
        (key.kind.value, key.name, key.tenant, key.subject, item.nodeid, item.audits)
        for key, item in plan.items()
    ]


@dataclass
class Ledger:
    """Accounts for every planned check, including checks whose test did not run or failed."""

    planned: dict[CheckKey, PlannedItem] = field(default_factory=dict)
    evidence: dict[CheckKey, Evidence] = field(default_factory=dict)
    # A set of 20,000 keys takes four times the memory.
    executed: dict[CheckKey, None] = field(default_factory=dict)
    # Of the tests that called parity.check().
    tolerance_digest: dict[CheckKey, str] = field(default_factory=dict)
    ignored_files: dict[str, None] = field(default_factory=dict)  # reasons of the workers
    _trouble: dict[CheckKey, str] = field(default_factory=dict)
    _crashed: dict[str, str] = field(default_factory=dict)
    _findings: int = 0  # received since the findings were last cut

    def add_plan(self, plan: Iterable[Sequence[Any]]) -> None:
        """Add the checks of a plan. All workers have the same plan."""
        for kind, name, tenant, subject, nodeid, audits in plan:
            key = CheckKey(CheckKind(kind), intern(name), tenant, subject)
            self.planned[key] = PlannedItem(nodeid, audits)

    @property
    def audited(self) -> set[tuple[str, str]]:
        """Each (tenant or reserved subject, table) that a planned test compares."""
        return {(key.whose, key.what) for key, item in self.planned.items() if item.audits}

    def take(self, report: pytest.TestReport) -> Evidence | None:
        """Remove and return the evidence of ``report``, and record any trouble with the test."""
        payload = detach(report)
        if payload is None:
            if report.when not in ("setup", "call", "teardown"):  # xdist's report of a dead worker
                self._crashed[report.nodeid] = _last_line(report.longreprtext)
            return None
        if payload.plan is not None:
            self.add_plan(payload.plan)
        self.ignored_files |= dict.fromkeys(payload.ignored_files or ())
        key, evidence = payload.key, payload.evidence
        if report.when == "call":
            self.executed[key] = None
        if payload.tolerance_digest is not None:
            self.tolerance_digest[key] = payload.tolerance_digest
        if evidence is not None:
            self.evidence[key] = self._worse(self.evidence.get(key), evidence)
            self._hold_few(len(evidence.findings))
        self._note_trouble(key, report, evidence)
        return evidence

    def _hold_few(self, more: int) -> None:
        """Drop findings that the report will not list."""
        self._findings += more
        if self._findings > MOST_LISTED:
            self.evidence = {each.key: each for each in cut_evenly(self.evidence.values())}
            self._findings = 0

    @staticmethod
    def _worse(before: Evidence | None, now: Evidence) -> Evidence:
        """Return the outcome that proves less. A rerun, for example, gives a second outcome."""
        if before is None:
            return now
        worse = GRAVITY.index(now.outcome) <= GRAVITY.index(before.outcome)
        found = now if worse else before
        pairs = (*before.work.pairs, *now.work.pairs)
        return replace(found, work=replace(found.work, pairs=pairs))

    def settle(self) -> list[Evidence]:
        """Return evidence for every planned check, in a fixed order."""
        keys = sorted(self.planned.keys() | self.evidence.keys(), key=lambda key: key.order)
        return [self._settle(key) for key in keys]

    def _note_trouble(
        self, key: CheckKey, report: pytest.TestReport, evidence: Evidence | None
    ) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            self._trouble[key] = f"the test was skipped: {_skip_reason(report)}"
        elif report.failed and (evidence is None or report.when != "call"):
            self._trouble[key] = f"{report.when} failed: {_first_line(report.longreprtext)}"
        elif report.failed and evidence is not None and evidence.outcome not in FAILING:
            text = _first_line(report.longreprtext)
            self._trouble[key] = f"the test failed although the data agree: {text}"

    def _settle(self, key: CheckKey) -> Evidence:
        evidence, trouble = self.evidence.get(key), self._trouble.get(key)
        if evidence is None:
            return Evidence(key, Outcome.NOT_PROVEN, reasons=(trouble or self._why_not_run(key),))
        if trouble is None or evidence.outcome is Outcome.REFUTED:
            return evidence
        return replace(evidence, outcome=Outcome.NOT_PROVEN, reasons=(*evidence.reasons, trouble))

    def _why_not_run(self, key: CheckKey) -> str:
        nodeid = self.planned[key].nodeid if key in self.planned else ""
        if nodeid in self._crashed:
            return f"the process that ran it died: {self._crashed[nodeid]}"
        if key in self.executed:
            return "the test ended without evidence; it has to call parity.check()"
        return "the test was planned and not run (deselected, or the run ended early)"


def _skip_reason(report: pytest.TestReport) -> str:
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    return _first_line(report.longreprtext)


def _first_line(text: str) -> str:
    lines = _lines(text)
    errors = [line.removeprefix("E").strip() for line in lines if line.startswith("E ")]
    return encodable((errors or lines or ["no message"])[0])


def _last_line(text: str) -> str:
    """Return the line in which xdist names the crash; a line with the platform is above it."""
    return encodable((_lines(text) or ["no message"])[-1])


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
