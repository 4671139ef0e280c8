"""The pytest hooks of the plugin. Heavy modules are imported only if settings were found."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from . import hookspecs, options
from .fixtures import legacy, modern, parity, parity_target, table, tenant
from .markers import MARKERS
from .stash import SESSION

__all__ = ["legacy", "modern", "parity", "parity_target", "table", "tenant"]

_STATUS = {
    "DRIFT": ("drift", "D", ("DRIFT", {"red": True})),
    "TOLERATED": ("tolerated", "t", ("TOLERATED", {"yellow": True})),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the command-line options."""
    options.add_options(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare the hooks that a project may implement."""
    pluginmanager.add_hookspecs(hookspecs)


def pytest_configure(config: pytest.Config) -> None:
    """Read the settings and the selection if settings exist, and register the reporter.

    The reporter is registered in the process that the user started, not in xdist workers.
    """
    for line in MARKERS:
        config.addinivalue_line("markers", line)
    from .run.start import start

    start(config)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Take the snapshots of both stacks, before any worker starts."""
    audit_session = session.config.stash.get(SESSION, None)
    if (
        audit_session is not None
        and not audit_session.is_worker
        and not options.is_dry_run(session.config)
    ):
        from .run.start import open_stacks

        open_stacks(audit_session)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Pass the run's data to an xdist worker."""
    audit_session = node.config.stash.get(SESSION, None)
    if audit_session is not None:
        node.workerinput["tenantparity"] = audit_session.for_worker()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Generate one item for each (tenant, table)."""
    audit_session = metafunc.config.stash.get(SESSION, None)
    if audit_session is not None:
        from .run.items import parametrize

        parametrize(metafunc, audit_session)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_ignore_collect(
    collection_path: Path, config: pytest.Config
) -> Generator[None, bool | None, bool | None]:
    """Record each path that is not collected."""
    ignored = yield
    audit_session = config.stash.get(SESSION, None)
    if ignored and audit_session is not None:
        audit_session.ignored_files.add_ignored(collection_path, config)
    return ignored


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Record each file that ``--lf`` does not collect."""
    report = yield
    audit_session = collector.config.stash.get(SESSION, None)
    if audit_session is not None:
        from .run.ignored_files import was_skipped

        if was_skipped(collector, report):
            audit_session.ignored_files.add_skipped(collector.path, collector.config)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_pycollect_makeitem(collector: pytest.Module | pytest.Class) -> Generator[None, Any, Any]:
    """Add the items to the plan as soon as they exist."""
    made = yield
    audit_session = collector.config.stash.get(SESSION, None)
    if audit_session is not None and isinstance(made, list):
        from .run.items import write_down

        write_down(made, audit_session)
    return made


def pytest_itemcollected(item: pytest.Item) -> None:
    """Add the marker ``parity`` to each test that uses the fixture, for ``-m parity``."""
    if "parity" in getattr(item, "fixturenames", ()) and not item.get_closest_marker("parity"):
        item.add_marker("parity")


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Record which checks are left to run, so that one shared scan can serve all their tenants."""
    audit_session = session.config.stash.get(SESSION, None)
    if audit_session is not None:
        from .run.items import ask_together

        ask_together(session.items, audit_session)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach the evidence to the test's report."""
    report = yield
    audit_session = item.config.stash.get(SESSION, None)
    if audit_session is not None:
        from .results.attached_evidence import attach_evidence

        attach_evidence(audit_session, item, call, report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable(report: Any) -> Generator[None, Any, Any]:
    """Convert the payload in a report to primitives, which any channel can carry."""
    data = yield
    if hasattr(report, "tenantparity"):
        from .results.payload import to_serializable

        data = to_serializable(report, data)
    return data


@pytest.hookimpl(wrapper=True)
def pytest_report_from_serializable() -> Generator[None, Any, Any]:
    """Convert the primitives from a worker back to a payload."""
    report = yield
    if hasattr(report, "tenantparity"):
        from .results.payload import from_serializable

        from_serializable(report)
    return report


def pytest_report_teststatus(report: Any) -> tuple[str, str, Any] | None:
    """Return the word for a check that passed with a difference: drift or tolerated."""
    if report.when == "call" and report.passed:
        return _STATUS.get(getattr(report, "parity_status", ""))
    return None


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Send a worker's plan to the main process, and close the audit session.

    The plan is sent here as well because a worker that ran no test has sent no report.
    """
    audit_session = session.config.stash.get(SESSION, None)
    if audit_session is None:
        return
    if audit_session.is_worker:
        from .results.missing_evidence import plan_to_wire

        session.config.workeroutput["tenantparity"] = plan_to_wire(audit_session.plan)  # type: ignore[attr-defined]
        ignored = audit_session.ignored_files.reasons()
        session.config.workeroutput["tenantparity_ignored"] = ignored  # type: ignore[attr-defined]
        session.config.workeroutput["tenantparity_tests"] = audit_session.tests  # type: ignore[attr-defined]
    audit_session.close()
