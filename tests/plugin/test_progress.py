"""The progress line: its text, runs without it, and pytest's output beside it."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable

import pytest

from ..support.project import Migration
from ..support.terminal import Terminal, pytest_in_terminal

pytest_plugins = ["tests.support.project"]

OFF = {"CI": "1"}

# Reads even small tables in eight chunks, and pauses after three until a file "go" exists.
HELD = """
import os
from functools import partial
from pathlib import Path
from time import sleep

from pytest_tenantparity.limits import Limits
from pytest_tenantparity.parity.read import chunks
from pytest_tenantparity.plugin.results import progress, status_line
from pytest_tenantparity.plugin.run import session

limits = Limits(large_table_blocks=1, last_chunk_seconds=0, first_chunk=8, chunks=8)
session.Run = partial(session.Run, limits=limits)
progress._BEAT = 0.05
shared_out = chunks.Chunks.shared_out

def held(self):
    def share():
        for number, chunk in enumerate(shared_out(self)()):
            if number == 3:
                Path("held").write_text(str(os.getpid()))
                while not Path("go").exists():
                    sleep(0.01)
            yield chunk
    return share

chunks.Chunks.shared_out = held
"""
WIDE = (
    "INSERT INTO {} SELECT i, {}, i * 1.25, repeat('x', 400) || i FROM generate_series(101, 676) i"
)


@pytest.fixture
def large(project: Migration) -> Migration:
    """A project with 600 trades of four tenants in several blocks, with statistics (ANALYZE)."""
    project.legacy.run(WIDE.format("trades", "'A' || 1 + i % 4"))
    tenant = "(ARRAY['acme','beta','eu-north','eu-south'])[1 + i % 4]"
    columns = "tenant_trades (id, tenant, amount, note)"
    project.modern.run(WIDE.format(columns, tenant))
    for database in (project.legacy, project.modern):
        database.run("ANALYZE")
    project.settings(legacy="chunk_seconds = 0.001", modern="chunk_seconds = 0.001")
    project.write("conftest.py", HELD)
    return project


def _go(project: Migration) -> None:
    project.write("go", "")


def _reads(terminal: Terminal) -> Callable[[], bool]:
    """Return a condition: the line shows a paused scan."""
    return lambda: re.search(r"trades 3\d%", terminal.below) is not None


def _alike(terminal: Terminal) -> list[str]:
    """Return the lines of a run without the parts that differ between any two runs."""
    run_id = r"\d*T\d{6}Z-[0-9a-f]{6}"  # without the date, which may be on the line before
    text = re.sub(rf"\d+\.\d+s|gw\d|\[ *\d+%\]|{run_id}", "", terminal.text)
    return sorted(re.sub(r"=+", "=", line).rstrip() for line in text.splitlines())


def _undisturbed(project: Migration, *mode: str) -> list[str]:
    with pytest_in_terminal(project, *mode, environment=OFF) as terminal:
        assert terminal.finish() == 0, terminal.text
        return _alike(terminal)


@pytest.mark.parametrize("mode", [[], ["-n", "2", "-v"]], ids=["dots", "n2-v"])
def test_line_is_drawn_below_and_leaves_nothing(large: Migration, mode: list[str]) -> None:
    """During a scan the line shows its progress. Afterwards the output is as if without the line.

    After three chunks of eight, three eighths of the rows are done.
    """
    with pytest_in_terminal(large, *mode) as terminal:
        terminal.wait_for(_reads(terminal))
        line = terminal.below
        _go(large)
        assert terminal.finish() == 0, terminal.text
    found = re.fullmatch(
        r"parity: 0/4 tenants, no drift so far, (\d+) of about 613 rows, trades (3\d)%, "
        r"\d/12 checks",
        line,
    )
    assert found is not None, line
    if not mode:  # with workers, other scans may have read rows as well
        rows, percent = map(int, found.groups())
        assert 33 <= percent <= 37
        assert 600 * 33 // 100 <= rows <= 613 * 38 // 100
    assert " parity: " not in terminal.text
    assert _alike(terminal) == _undisturbed(large, *mode)


@pytest.mark.parametrize("mode", [["-v"], ["-n", "1"]], ids=["v", "n1"])
def test_lost_connections_leave_nothing(large: Migration, mode: list[str]) -> None:
    """If the servers end all sessions during a scan, the line is removed as well."""
    with pytest_in_terminal(large, *mode) as terminal:
        terminal.wait_for(_reads(terminal))
        for database in (large.legacy, large.modern):
            database.run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name LIKE 'tenantparity/%'"
            )
        _go(large)
        assert terminal.finish() == pytest.ExitCode.TESTS_FAILED
    assert "NOT PROVEN" in terminal.text
    assert not [line for line in terminal.lines if re.search(r"\bparity: ", line)]


def test_dead_worker_leaves_nothing(large: Migration) -> None:
    """A message of xdist about a worker killed during a scan is on a line of its own."""
    with pytest_in_terminal(large, "-n", "2") as terminal:
        terminal.wait_for((large.path / "held").exists)
        terminal.wait_for(_reads(terminal))
        os.kill(int((large.path / "held").read_text()), signal.SIGKILL)
        _go(large)
        assert terminal.finish() == pytest.ExitCode.TESTS_FAILED
    assert re.search(r"^replacing crashed worker gw\d$", terminal.text, re.MULTILINE)
    assert not [line for line in terminal.lines if re.search(r"\bparity: ", line)]


@pytest.mark.parametrize("mode", [[], ["-n", "1"]], ids=["n0", "n1"])
def test_interrupt_leaves_nothing(large: Migration, mode: list[str]) -> None:
    """After Ctrl-C during a scan, the output has pytest's message and no progress line."""
    with pytest_in_terminal(large, *mode) as terminal:
        terminal.wait_for(_reads(terminal))
        os.killpg(terminal.process.pid, signal.SIGINT)
        _go(large)
        assert terminal.finish() == pytest.ExitCode.INTERRUPTED
    assert "KeyboardInterrupt" in terminal.text
    assert not [line for line in terminal.lines if re.search(r"\bparity: ", line)]


SILENT: dict[str, tuple[list[str], dict[str, str]]] = {
    "q": (["-q"], {}),
    "s": (["-s"], {}),
    "ci": ([], OFF),
    "dumb": ([], {"TERM": "dumb"}),
    "log-cli": (["--log-cli-level=INFO"], {}),
}


def test_no_line_is_drawn(large: Migration) -> None:
    """Nothing is drawn in quiet mode, in CI, or where tests print themselves.

    Nothing is drawn in a run without audit tests either, although it has settings.
    """
    drawn = []
    for name, (args, environment) in SILENT.items():
        with pytest_in_terminal(large, *args, environment=environment) as terminal:
            terminal.wait_for((large.path / "held").exists)
            _go(large)
            assert terminal.finish() == 0, terminal.text
        if b" parity: " in terminal.said or b"\x1b7" in terminal.said:
            drawn.append(name)
        for file in ("held", "go"):
            (large.path / file).unlink()
    assert drawn == []
    large.write("test_audit.py", "def test_anything():\n    assert True\n")
    with pytest_in_terminal(large, "test_audit.py") as terminal:
        terminal.finish()
    assert "1 passed" in terminal.text
    assert b"\x1b7" not in terminal.said


@pytest.mark.parametrize("mode", [[], ["-n", "1", "-v"]], ids=["dots", "n1-v"])
def test_log_gets_a_whole_line_now_and_then(large: Migration, mode: list[str]) -> None:
    """In a pipe, plain and complete progress lines are printed at an interval.

    The test sets the interval to 0.1 seconds instead of minutes.
    """
    large.write("conftest.py", HELD + "status_line.EVERY = 0.1\n")
    running = large.start(*mode)
    output = large.path / "stdout.txt"
    while not re.search(r"trades [1-9]", output.read_text()):
        assert running.process.poll() is None, output.read_text()
    _go(large)
    outcome = running.wait(120)
    assert outcome.code == 0, outcome.output
    assert "\x1b" not in outcome.stdout
    lines = [line for line in outcome.stdout.splitlines() if " parity: " in f" {line}"]
    assert len(lines) > 1
    for line in lines:
        assert re.fullmatch(r"parity: \d/4 tenants, .*\d+/\d+ checks", line), outcome.stdout


def test_log_of_a_short_run_is_as_ever(large: Migration) -> None:
    """A run that ends before the first line is due prints none. With -q no line is printed."""
    _go(large)
    for mode in ([], ["-q"]):
        large.write("conftest.py", HELD + ("status_line.EVERY = 0.0\n" if mode else ""))
        outcome = large.run(*mode)
        assert outcome.code == 0, outcome.output
        assert " parity: " not in f" {outcome.stdout}".replace("\n", "\n ")
