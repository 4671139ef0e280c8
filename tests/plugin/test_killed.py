"""Interrupted and killed runs: the report is INCOMPLETE, and no session remains."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from ..support.project import ALL, SHARED, Migration, Running, own_backends, slow
from .test_failures import assert_clean

pytest_plugins = ["tests.support.project"]

MODES = [pytest.param(["-n", "0"], id="-n 0"), pytest.param(["-n", "2"], id="-n 2")]

KILL = """
import os, signal

def pytest_runtest_call(item):
    if "{}" in item.nodeid:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_killed_worker(project: Migration) -> None:
    """The check that a killed worker was running is NOT PROVEN, and the run fails.

    If no worker is left or replaced, every planned check is still in the report.
    """
    project.write("conftest.py", KILL.format("beta-trades"))
    outcome = project.run("-n", "2")
    assert (outcome.code, outcome.verdict) == (1, "NOT PROVEN"), outcome.output
    assert_clean(outcome)
    assert sorted(outcome.statuses) == sorted([*ALL, *SHARED])
    assert outcome.with_status("NOT PROVEN") == ["beta-trades"]
    assert "the process that ran it died: worker 'gw" in outcome.reasons("beta", "trades")
    assert outcome.report["population"]["planned"] == 12
    outcome = project.run("-n", "2", "--max-worker-restart=0")
    assert (outcome.code, outcome.verdict) == (1, "NOT PROVEN"), outcome.output
    assert_clean(outcome)
    assert sorted(outcome.statuses) == sorted([*ALL, *SHARED])
    assert outcome.statuses["beta-trades"] == "NOT PROVEN"
    assert outcome.report["population"]["planned"] == 12
    project.write("conftest.py", KILL.format("test_parity"))
    outcome = project.run("-n", "2", "--max-worker-restart=0")
    assert (outcome.code, outcome.verdict) == (1, "NOT PROVEN"), outcome.output
    assert_clean(outcome)
    assert outcome.with_status("MATCH") == []
    assert sorted(outcome.statuses) == sorted([*ALL, *SHARED])
    reasons = [reason for check in outcome.report["checks"] for reason in check["reasons"]]
    assert any("the process that ran it died" in reason for reason in reasons)
    assert outcome.report["population"]["planned"] == 12


@contextmanager
def started(project: Migration, *args: str) -> Iterator[Running]:
    """Start pytest and wait until a slow check is running. Kill the process at the end."""
    running = project.start(*args)
    try:
        _wait_until(lambda: any("PgSleep" in each for each in _backends(project)), running)
        yield running
    finally:
        with suppress(ProcessLookupError):
            running.send(signal.SIGKILL)
        running.process.wait(10)


def _wait_until(condition: Callable[[], bool], running: Running) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        assert running.process.poll() is None, running.wait(0).output
        time.sleep(0.05)


def _backends(project: Migration) -> list[str]:
    return own_backends(project.legacy.cluster, project.modern.cluster)


@pytest.mark.parametrize("mode", MODES)
def test_interrupt(project: Migration, mode: list[str]) -> None:
    """Ctrl-C ends a run within seconds with exit code 2, INCOMPLETE, and keeps finished checks."""
    project.settings(slow("A4", "positions", "quantity"))
    with started(project, *mode) as running:
        _wait_for_reports(running)
        begun = time.monotonic()
        running.send(signal.SIGINT)
        outcome = running.wait(30)
        assert time.monotonic() - begun < 10
    assert outcome.code == 2, outcome.output
    assert_clean(outcome)
    assert outcome.verdict == "NOT PROVEN"
    assert outcome.report["run"]["state"] == "INCOMPLETE"
    assert "interrupted" in "\n".join(outcome.report["reasons"])
    assert sorted(outcome.statuses) == sorted([*ALL, *SHARED])
    assert "eu-south-positions" in outcome.with_status("NOT PROVEN")
    assert outcome.with_status("MATCH") != []
    assert "cab-report.html" in outcome.stdout
    _wait_until_gone(project)


def _wait_until_gone(project: Migration) -> None:
    """Require that no session of the audit is left. The server may take a moment to end one."""
    deadline = time.monotonic() + 5
    while (left := _backends(project)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []


def test_interrupt_of_the_main_process_alone(project: Migration) -> None:
    """A signal to the main process alone, such as a container's stop, also ends its workers."""
    project.settings(slow("A4"))
    with started(project, "-n", "2") as running:
        os.kill(running.process.pid, signal.SIGINT)
        outcome = running.wait(30)
    assert outcome.code == 2, outcome.output
    assert (outcome.verdict, outcome.report["run"]["state"]) == ("NOT PROVEN", "INCOMPLETE")
    _wait_until_gone(project)


@pytest.mark.parametrize(
    ("mode", "slowed"),
    [(["-n", "0"], ("A1",)), (["-n", "2"], ("A4", "positions", "quantity"))],
    ids=["-n 0, in the first check", "-n 2, later"],
)
def test_killed_main_process(project: Migration, mode: list[str], slowed: tuple[str, ...]) -> None:
    """A killed pytest leaves an INCOMPLETE report with the reason that the run has not ended."""
    project.settings(slow(*slowed))
    with started(project, *mode) as running:
        if slowed[0] == "A4":
            _wait_for_reports(running)
        running.send(signal.SIGKILL)
        outcome = running.wait(10)
    assert outcome.code == -signal.SIGKILL
    assert outcome.verdict == "NOT PROVEN"
    assert outcome.report["run"]["state"] == "INCOMPLETE"
    assert "the run has not ended" in outcome.report["reasons"]
    for suffix in (".md", ".html"):
        assert "NOT PROVEN" in outcome.files[suffix]


def _wait_for_reports(running: Running) -> None:
    """Wait until the journal has evidence of a check before the slow one."""

    def arrived() -> bool:
        journals = (running.path / "reports").glob("*/journal.jsonl")
        return any('"evidence"' in journal.read_text() for journal in journals)

    _wait_until(arrived, running)
