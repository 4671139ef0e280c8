"""Evidence of a test's outcome, which the test's report carries to the ledger."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ...errors import NotProven, TenantParityError
from ...model import Assertions, CheckKey, Evidence, Outcome, Work
from ...wire import encodable
from ..integrations.junit import note_status
from ..run.items import item_key
from ..run.session import AuditSession
from ..stash import VIEWS
from .missing_evidence import plan_to_wire
from .payload import Payload, attach

_READ_NOTHING = (
    "the test read neither stack, so that it proves nothing: query the fixtures legacy and modern, "
    "or call parity.check()"
)


def attach_evidence(
    session: AuditSession,
    item: pytest.Item,
    call: pytest.CallInfo[None],
    report: pytest.TestReport,
) -> None:
    """Add the key and the evidence to ``report``. A worker's first report also carries its plan."""
    key = item_key(item, session)
    if key is None:
        return
    if call.excinfo is not None and call.excinfo.errisinstance(TenantParityError):
        report.longrepr = f"{call.excinfo.typename}: {call.excinfo.value}"
    if report.when == "call" and key not in session.payloads and not _uses_parity(item):
        evidence = _of_outcome(key, call, item)
        if report.passed and evidence.outcome is Outcome.NOT_PROVEN:
            report.outcome, report.longrepr = "failed", evidence.reasons[0]
        session.payloads[key] = Payload(key, evidence)
        note_status(item, evidence)
        report.user_properties = list(item.user_properties)
    payload = session.payloads.get(key, Payload(key))
    if session.is_worker and not session.plan_sent:
        ignored = session.ignored_files.reasons()
        payload = replace(payload, plan=plan_to_wire(session.plan), ignored_files=ignored)
        session.plan_sent = True
    attach(report, payload)
    if report.when != "setup":
        session.payloads.pop(key, None)


def _uses_parity(item: pytest.Item) -> bool:
    return "parity" in getattr(item, "fixturenames", ())


def _of_outcome(key: CheckKey, call: pytest.CallInfo[None], item: pytest.Item) -> Evidence:
    """Return the evidence of a hand-written test: NOT PROVEN unless the test queried a stack."""
    reasons: tuple[str, ...] = ()
    outcome = Outcome.PROVEN
    if call.excinfo is not None:
        refuted = call.excinfo.errisinstance((AssertionError, pytest.fail.Exception))
        proven = refuted and not call.excinfo.errisinstance(NotProven)
        outcome = Outcome.REFUTED if proven else Outcome.NOT_PROVEN
        said = str(call.excinfo.value).strip().partition("\n")[0] or call.excinfo.typename
        reasons = (encodable(said),)
    queries = _queries(item)
    if outcome is not Outcome.NOT_PROVEN and not queries:
        outcome = Outcome.NOT_PROVEN
        reasons = (*reasons, _READ_NOTHING)
    work = Work(call.duration)
    return Evidence(key, outcome, Assertions(queries), reasons=reasons, work=work)


def _queries(item: pytest.Item) -> int:
    """Return how many queries a test has run through its fixtures."""
    return sum(view.queries for view in item.stash.get(VIEWS, ()))
