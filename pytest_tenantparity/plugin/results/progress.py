"""Progress while the tests run, in the process that the user started.

During most of a long audit no test ends, because the first test of a table waits for the shared
scan. Therefore a thread shows the progress of all scans on this machine, in all its processes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterable, Mapping
from contextlib import suppress
from functools import partial
from threading import Event, RLock, Thread
from typing import TextIO

import pytest

from ...inventory import TablePair
from ...model import SIDES, CheckKey, Evidence, Side
from ...parity import Scan
from ..run.session import AuditSession, PlannedItem
from .progress_estimate import ProgressEstimate, Size
from .status_line import RareLines, Screen, StatusLine

_BEAT = 0.5  # seconds


class Progress:
    """Shows progress while the tests run, if there is a terminal or a log for it."""

    def __init__(self, session: AuditSession, planned: Mapping[CheckKey, PlannedItem]) -> None:
        self._session = session
        self._planned = planned

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Show progress until the tests have ended in any way, and stop before pytest's summary."""
        config = self._session.config
        terminal = _terminal(config)
        if terminal is None:
            return (yield)
        with terminal:
            estimate = ProgressEstimate(sizes_of(self._session))
            shown = ProgressLine(
                _screen(config, terminal), estimate, self._planned, self._session.scans
            )
            config.pluginmanager.register(shown, "tenantparity-shown-progress")
            try:
                return (yield)
            finally:
                config.pluginmanager.unregister(shown)
                shown.close()


class ProgressLine:
    """Draws progress between the outputs of pytest. The line is hidden before pytest writes."""

    def __init__(
        self,
        screen: Screen,
        estimate: ProgressEstimate,
        planned: Mapping[CheckKey, PlannedItem],
        scans: Iterable[Scan],
    ) -> None:
        self._screen = screen
        self._estimate = estimate
        self._planned = planned
        self._scans = scans
        self._lock = RLock()
        self._ended = Event()
        self._thread = Thread(target=self._beat, name="tenantparity-progress", daemon=True)

    def pytest_parity_evidence(self, evidence: Evidence) -> None:
        """Count the check."""
        self._estimate.take(evidence)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self) -> Generator[None, None, None]:
        """Hide the line while pytest writes a result, and start the thread after the first one."""
        with self._lock:
            self._hide()
            yield
            self._estimate.plan(self._planned)
            if self._planned and self._thread.ident is None:
                self._thread.start()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logstart(self) -> Generator[None, None, None]:
        """Hide the line while pytest writes the name of a test."""
        with self._lock:
            self._hide()
            yield

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logfinish(self) -> Generator[None, None, None]:
        """Hide the line while pytest writes its own progress."""
        with self._lock:
            self._hide()
            yield

    @pytest.hookimpl(wrapper=True, tryfirst=True, optionalhook=True)
    def pytest_testnodedown(self) -> Generator[None, None, None]:
        """Hide the line while xdist reports a worker that died."""
        with self._lock:
            self._hide()
            yield

    def pytest_enter_pdb(self) -> None:
        """Stop showing progress, because the debugger uses the terminal."""
        self._end()

    def close(self) -> None:
        """Hide the line, and wait for the thread to end."""
        self._end()
        if self._thread.ident is not None:
            self._thread.join()

    def _end(self) -> None:
        with self._lock:
            self._ended.set()
            self._hide()

    def _hide(self) -> None:
        with suppress(OSError):  # the terminal is gone, which pytest notices itself
            self._screen.hide()

    def _beat(self) -> None:
        with suppress(OSError):
            while not self._ended.wait(_BEAT):
                scans = list(self._scans)
                with self._lock:
                    if not self._ended.is_set():
                        self._screen.show(partial(self._estimate.line, scans))


def sizes_of(session: AuditSession) -> dict[str, Size]:
    """Return the estimated sizes of the run's tables, from the catalogs of both stacks."""
    pairs = session.selected_pairs or ()
    return {pair.name: max(_size(session, pair, side) for side in SIDES) for pair in pairs}


def _size(session: AuditSession, pair: TablePair, side: Side) -> Size:
    state = session.states.get(side)
    found = [
        catalog.tables[name]
        for database in (state.databases.values() if state else ())
        for catalog in database.catalogs.values()
        for name in pair.tables_of(session.settings, side, catalog.tables)
    ]
    rows = sum(table.rows for table in found)
    if pair.tenancy(side).first_column is not None:  # assumes tenants of equal size
        rows = rows * len(session.selection.tenants) // len(session.settings.tenant_models())
    return Size(rows, max(1, len(found)))


def _terminal(config: pytest.Config) -> TextIO | None:
    """Return a duplicate of pytest's output file, or None if no progress may be written.

    A duplicate is needed because pytest redirects stdout while a test runs.
    """
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    plain = type(reporter) is pytest.TerminalReporter  # other reporters draw lines of their own
    debugging = any(config.getoption(name, default=False) for name in ("usepdb", "trace"))
    if not plain or debugging or config.get_verbosity() < 0:
        return None
    try:
        own = os.dup(sys.stdout.fileno())
    except (OSError, ValueError):
        return None
    return open(own, "w", encoding=sys.stdout.encoding, errors="replace")  # noqa: PTH123 - no path


def _screen(config: pytest.Config, terminal: TextIO) -> Screen:
    """Return a status line if the terminal is interactive and no other code draws on it.

    Otherwise return a writer of occasional plain lines.
    """
    watched = terminal.isatty() and os.name == "posix" and os.environ.get("TERM") != "dumb"
    in_ci = any(os.environ.get(name) for name in ("CI", "BUILD_NUMBER"))  # as pytest detects CI
    tests_print = (
        config.getoption("capture", default="no") == "no"
        or config.getoption("log_cli_level", default=None) is not None
        or bool(config.getini("log_cli"))
    )
    if watched and not in_ci and not tests_print:
        return StatusLine(terminal)
    writer = config.get_terminal_writer()
    return RareLines(terminal, lambda: writer.width_of_current_line)
