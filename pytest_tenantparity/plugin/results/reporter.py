"""The reporter of the main process: collects evidence, and writes the report and the verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ...characters import on_one_line
from ...errors import counted
from ...inventory import audit_targets, cohort_facts, exclusions, planned_facts
from ...model import (
    ANY_TABLE,
    SIDES,
    AuditReport,
    CheckKey,
    CheckKind,
    Invocation,
    Outcome,
    Target,
    Verdict,
)
from ...reporting import (
    DRIFT_NAME,
    Plan,
    build_report,
    cause_in_words,
    causes_to_tell,
    counts_of,
    earlier_in_words,
    hints_in_words,
    rerun_command,
    warnings_in_words,
    write_drift,
    write_report,
)
from ..integrations import allure, junit
from ..options import asked_for_audit
from ..run.ignored_files import overridden
from ..run.invocation import continuation_of
from ..run.resume import JournalKeeper
from ..run.run_metadata import describe_run
from ..run.session import AuditSession, PlannedItem
from ..run.shard import shard_facts
from .missing_evidence import Ledger

_NAMES = {
    CheckKind.ROWS: ("global table", "global tables"),
    CheckKind.UNASSIGNED: ("table's rows of no tenant", "tables' rows of no tenant"),
    CheckKind.CANARY: ("table's canary", "tables' canaries"),
    CheckKind.COVERAGE: ("check of the tables in no pair", "checks of the tables in no pair"),
}
_MOST_CAUSES = 10  # in the terminal


class Reporter:
    """Collects evidence and writes the report. Registered in the main process only."""

    def __init__(self, session: AuditSession) -> None:
        self._session = session
        self._ledger = Ledger()
        self._journal = JournalKeeper(session)
        self._report: AuditReport | None = None
        self._begun = False
        self._interrupted = False
        self._lost: str | None = None
        self._uncollected: dict[str, str] = {}
        self._workers_lost = 0

    @property
    def directory(self) -> Path:
        """The directory of the report."""
        return self._session.reports.path

    @property
    def planned(self) -> Mapping[CheckKey, PlannedItem]:
        """The planned checks. The mapping grows as the plans of workers arrive."""
        return self._ledger.planned

    def pytest_report_header(self) -> list[str]:
        """Return lines on what will be audited."""
        session = self._session
        tables = "tables to be discovered"
        if session.selected_pairs is not None:
            tables = counted(len(session.selected_pairs), "table")
        tenants = counted(len(session.selection.tenants), "tenant")
        if session.share is not None:
            tenants = f"{len(session.share.own_tenants)} of {tenants}"
        lines = [f"tenantparity: {session.path}, {session.scope}: {tenants}, {tables}"]
        if session.selected_pairs is not None:
            targets = session.own_targets(audit_targets(session.selection, session.selected_pairs))
            words = checks_in_words(targets)
            lines.append(f"tenantparity: an audit of these has {len(targets):,} checks: {words}")
        return [on_one_line(line) for line in lines]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self) -> None:
        """Write a first report before the first test, because that test may kill this process."""
        if self._session.plan or asked_for_audit(self._session.config):
            self._begin()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remove the evidence from ``report`` before any other reporter sees it, and record it."""
        evidence = self._ledger.take(report)
        if self._ledger.planned or evidence:
            self._begin()
        if evidence is not None and report.when == "call":
            self._publish()
            known = self._ledger.evidence[evidence.key]
            self._journal.note(known, self._ledger.tolerance_digest.get(evidence.key))
            report.parity_status = evidence.status  # type: ignore[attr-defined]
            config = self._session.config
            config.hook.pytest_parity_evidence(config=config, evidence=evidence)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Record each file that could not be collected, because it may hold planned tests."""
        if not report.passed:
            self._uncollected[report.nodeid] = "skipped" if report.skipped else "failed"

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object | None) -> None:
        """Add the plan of a worker that ended normally. Its first report contained it, too."""
        self._workers_lost += error is not None
        output = getattr(node, "workeroutput", {})
        self._ledger.add_plan(output.get("tenantparity", ()))
        self._session.tests |= output.get("tenantparity_tests", {})
        self._ledger.ignored_files |= dict.fromkeys(output.get("tenantparity_ignored", ()))

    def pytest_keyboard_interrupt(self) -> None:
        """Note that the user has ended the run, so that the summary says how to continue it."""
        self._interrupted = True

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the report. A run that proved less than it planned does not exit with 0."""
        self._journal.close()
        self._ledger.planned |= self._session.plan
        asked = asked_for_audit(self._session.config)
        if not self._ledger.planned and asked is None and not self._workers_lost:
            return
        self._report = self._build([*self._reasons(exitstatus), *self._write_drift()])
        self._write(self._report)
        if exitstatus == pytest.ExitCode.OK and not self._may_pass(self._report):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        config = self._session.config
        junit.note_verdict(config, self._report)
        allure.note_verdict(config, self._report)
        config.hook.pytest_parity_report(
            config=config, report=self._report, directory=self.directory
        )

    def _may_pass(self, report: AuditReport) -> bool:
        """Whether the run may exit with 0. Drift is allowed, except with ``--fail-on-drift``."""
        if self._lost or report.run.state != "COMPLETE":
            return False
        failing = {Outcome.NOT_PROVEN}
        if self._session.fails_on_drift:
            failing.add(Outcome.REFUTED)
        return not any(check.outcome in failing for check in report.checks)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Write the verdict and the totals to the end of the terminal output."""
        if self._report is None:
            return
        report = self._report

        def write(line: str, **markup: bool) -> None:
            terminalreporter.write_line(on_one_line(line), **markup)

        terminalreporter.section("tenant parity", sep="=")
        colour = {Verdict.GO: "green", Verdict.NO_GO: "red"}.get(report.verdict, "yellow")
        write(report.headline, **{colour: True, "bold": True})
        for reason in report.reasons:
            write(reason)
        by_status = (f"{count} {status}" for _, status, count in counts_of(report.checks))
        people = report.population
        write(
            f"checks: {people.planned} planned, {people.executed} executed, "
            f"{people.proven} proven ({', '.join(by_status)})"
        )
        if words := checks_in_words([check.key for check in report.checks]):
            write(f"planned: {words}")
        write(f"rows: {people.rows.legacy:,} legacy, {people.rows.modern:,} modern")
        self._write_causes(write)
        for warning in warnings_in_words(report):
            write(warning, yellow=True)
        hints, reports = hints_in_words(report), self._session.reports
        troubles = filter(None, [self._journal.trouble, reports.trouble, reports.unpublished])
        for line in (*earlier_in_words(report), *hints, *troubles):
            write(line)
        write(self._lost or f"report: {self.directory / 'cab-report.html'}")
        if self._interrupted and not self._lost:
            write(self._continuation(), bold=True)

    def _continuation(self) -> str:
        """Return the line with the command that continues the run.

        A run that has proven nothing, and whose directory is not ``latest``, is run again.
        """
        session, reports = self._session, self._session.reports
        resume = self._journal.trouble is None and (session.options.resume or reports.resumable)
        line = continuation_of(session.config, session.settings, resume=resume)
        return f"{'continue' if resume else 'nothing is proven yet; again'}: {line}"

    def _write_causes(self, write: Callable[..., None]) -> None:
        """Write what the failing checks have in common, with a command for an example of each."""
        if self._report is None:
            return
        causes = causes_to_tell(self._report)
        if causes:
            write("causes:")
        for cause in causes[:_MOST_CAUSES]:
            write(f"  {cause_in_words(cause)}", bold=True)
            if cause.cure:
                write(f"      {cause.cure}")
            again = rerun_command(self._report.run.again or Invocation(), cause.checks[0])
            write(f"      again: {again}")
        if len(causes) > _MOST_CAUSES:
            more = counted(len(causes) - _MOST_CAUSES, "more cause")
            write(f"  and {more}: cab-report.html")

    def _begin(self) -> None:
        """Write a report marked INCOMPLETE, in case this process is killed."""
        if self._begun:
            return
        self._begun = True
        self._ledger.planned |= self._session.plan
        self._journal.begin()
        self._write(self._build(["the run has not ended", *self._write_drift()]))

    def _publish(self) -> None:
        """Make ``latest`` point to this run after its first check, if both stacks were opened."""
        states = self._session.states
        if all(side in states and states[side].databases for side in SIDES):
            self._session.reports.publish()

    def _reasons(self, exitstatus: int) -> list[str]:
        """Return the reasons why the run as a whole is not complete."""
        reasons = []
        if exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            word = pytest.ExitCode(exitstatus).name.lower().replace("_", " ")
            reasons.append(f"the run ended early: {word} (pytest exit code {int(exitstatus)})")
        if not self._ledger.planned and not self._has_empty_share():
            reasons.append("no test was collected that audits a tenant")
        reasons += [f"{node} was not collected: {how}" for node, how in self._uncollected.items()]
        if self._workers_lost and not (self._ledger.planned and self._knows_all_shards()):
            reasons.append("workers died before they said what they had planned")
        left = len(self._ledger.planned.keys() - self._ledger.executed.keys())
        if left:
            planned = len(self._ledger.planned)
            reasons.append(f"partial: {left} of {planned} planned checks were not carried out")
        untested = self._untested()
        if untested and self._ledger.planned:
            tenant, table = untested[0]
            reasons.append(
                f"partial: no collected test audits {len(untested)} of the selected "
                f"(tenant, table) pairs, such as {tenant} / {table}"
            )
        own = self._session.ignored_files.reasons()
        reasons += [*dict.fromkeys([*own, *self._ledger.ignored_files])]
        return [*reasons, *overridden(self._session.config)]

    def _knows_all_shards(self) -> bool:
        """Whether the tests of all shards are known, or the run is not a shard."""
        return self._session.share is None or bool(self._session.tests)

    def _has_empty_share(self) -> bool:
        """Whether this run has nothing to do because other shards do it."""
        return bool(self._session.tests) and not self._untested()

    def _untested(self) -> list[tuple[str, str]]:
        """Return the selected pairs that no test audits.

        Causes are a marker that narrows a test, and a module that was not collected.
        """
        session = self._session
        targets = session.own_targets(audit_targets(session.selection, session.selected_pairs))
        wanted = {(each.whose, each.table or ANY_TABLE) for each in targets}
        return sorted(wanted - self._ledger.audited)

    def _build(self, reasons: list[str]) -> AuditReport:
        session, evidence = self._session, self._ledger.settle()
        shard = shard_facts(session, evidence)
        part = [shard.note] if shard is not None and shard.note else []
        run = describe_run(session, self._ledger.planned, complete=not reasons)
        plan = Plan(
            scope=session.scope,
            exclusions=exclusions(
                session.settings,
                session.selection,
                session.selected_pairs,
                session.unnamed_views,
                session.options.as_of,
            ),
            pairs=planned_facts(session.selected_pairs or ()),
            cohorts=cohort_facts(session.settings, session.selection),
        )
        return build_report(
            plan,
            evidence=evidence,
            executed=len(self._ledger.executed),
            reasons=[*part, *reasons],
            run=replace(run, shard=shard, resumed=tuple(self._journal.resumed)),
        )

    def _write_drift(self) -> list[str]:
        """Write every differing row to the drift file, and return the reasons for rows it lacks."""
        try:
            return write_drift(self._session.drift, self._ledger.settle(), self.directory)
        except OSError as error:
            return [f"{DRIFT_NAME} could not be written to {self.directory}: {error}"]

    def _write(self, report: AuditReport) -> None:
        self._lost = None
        try:
            write_report(report, self.directory)
        except (OSError, ValueError) as error:
            self._lost = f"the report could not be written to {self.directory}: {error}"


def checks_in_words(checks: Collection[CheckKey | Target]) -> str:
    """Return the number of checks, in words, by what they are about."""
    return " + ".join(_parts(checks))


def _parts(checks: Collection[CheckKey | Target]) -> Iterator[str]:
    own = [each for each in checks if each.tenant is not None]
    tenants = {each.tenant for each in own}
    tables = {each.table if isinstance(each, Target) else each.subject for each in own}
    if own:
        of_tenants = counted(len(tenants), "tenant")
        if tables == {None}:
            yield of_tenants
        elif len(own) == len(tenants) * len(tables):
            yield f"{of_tenants} x {counted(len(tables), 'table')}"
        else:
            yield f"{len(own):,} of {of_tenants} and {counted(len(tables), 'table')}"
    beyond = Counter(each.kind for each in checks if each.tenant is None)
    for kind, names in _NAMES.items():
        if beyond[kind]:
            yield counted(beyond[kind], *names)
