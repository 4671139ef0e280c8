"""After Ctrl-C, the output has the line that continues the run."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest

from ..support.project import (
    DRIFT_OF_FILES,
    REPORT,
    Migration,
    Project,
    change,
    new_report,
    own_backends,
    run_directories,
)
from ..support.shell import shell

pytest_plugins = ["tests.support.project"]

MODES = [
    pytest.param([], id="one process"),
    pytest.param(["-n", "2"], id="-n 2", marks=pytest.mark.slow),
]

# Without the variable and the option of its own, a run finds no database.
CONFTEST = """
import os

def pytest_addoption(parser):
    parser.addoption("--region")

def pytest_parity_connect(config, stack):
    if os.environ.get("SHIFT") == "by day" and config.getoption("--region") == "it's the north":
        return os.environ["TEST_" + stack.upper()]
"""
NOWHERE_ELSE = 'url = "postgresql://audit@127.0.0.1:1/nowhere"'


@contextmanager
def locked(project: Migration, table: str) -> Iterator[None]:
    """Lock a table of the modern database, so that checks of it wait."""
    with (
        project.modern.cluster.connect(project.modern.name) as other,
        other.transaction(),
    ):
        other.execute(f"LOCK TABLE {table}")  # type: ignore[call-overload, unused-ignore]
        yield


def waits(project: Migration) -> bool:
    """Return whether a session of the audit waits for the locked table."""
    found = own_backends(project.modern.cluster)
    return any(re.match(r"active relation\b", each) for each in found)


def has_proofs(project: Project) -> bool:
    """Return whether the journal of the last run has a proof."""
    path = project.path / REPORT / "journal.jsonl"
    return path.exists() and '"evidence"' in path.read_text()


def interrupted(
    project: Project, arguments: Sequence[str], ready: Callable[[], bool], **variables: str
) -> str:
    """Start pytest, send SIGINT to its process group when it is ``ready``, and return its output.

    The variables are those of this process alone: a line that is pasted later has to hold them.
    """
    output = project.path / "interrupted.txt"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *arguments],
            cwd=project.path,
            env=os.environ | variables,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + 60
        while not ready():
            assert process.poll() is None, output.read_text()
            assert time.monotonic() < deadline, output.read_text()
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(30) == pytest.ExitCode.INTERRUPTED, output.read_text()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
    text = output.read_text()
    assert "Traceback" not in text
    return text


def line_after(word: str, output: str) -> str:
    """Return the only line that begins with ``word:``, without it."""
    (line,) = re.findall(rf"(?m)^{word}: (.*)$", output)
    return str(line)


@pytest.mark.parametrize("mode", MODES)
def test_line_continues_the_run(
    project: Migration, mode: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line, pasted into a shell, takes the proofs over and ends with GO.

    It holds the options and variables without which the run would be another one: its tenants,
    tables, settings, an option of the project, ``PYTEST_ADDOPTS`` and a variable of the settings.
    """
    project.settings("[report]\nenvironment = ['SHIFT']", legacy=NOWHERE_ELSE, modern=NOWHERE_ELSE)
    (project.path / "tenantparity.toml").rename(project.path / "our audit.toml")
    project.write("conftest.py", CONFTEST)
    monkeypatch.setenv("TEST_LEGACY", project.legacy_url)
    monkeypatch.setenv("TEST_MODERN", project.modern_url)
    addopts = "-p no:hypothesispytest --parity-tables=trades,positions"
    words = ["--tenants", "cohort-1", "--fail-on-drift", "--parity-config=our audit.toml", *mode]
    with locked(project, "tenant_positions"):
        output = interrupted(
            project,
            [*words, "--region", "it's the north", "test_audit.py"],
            lambda: waits(project) and has_proofs(project),
            SHIFT="by day",
            MIGRATION_DRIFT_TOLERANCE="0",
            PYTEST_ADDOPTS=addopts,
        )
    line = line_after("continue", output)
    given = shlex.split(line)
    for word in ("SHIFT=by day", "MIGRATION_DRIFT_TOLERANCE=0", f"PYTEST_ADDOPTS={addopts}"):
        assert word in given, line
    assert given.count("--parity-resume") == 1

    before = run_directories(project.path)
    done = shell(project.path, line)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All 2 tenants are proven equal." in done.stdout
    assert re.search(r"(?m)^[12] checks? w(as|ere) proven by the run ", done.stdout), done.stdout
    assert "\ncontinue: " not in done.stdout
    assert new_report(project.path, before)[".json"].count('"resumed"') == 1


def test_line_of_a_named_directory_and_of_a_resumed_run(project: Migration) -> None:
    """A run with ``--parity-report``, interrupted twice, is continued in that directory."""
    words = ["--parity-report=here", "--tenants=cohort-1"]
    journal = project.path / "here/journal.jsonl"

    def has_begun() -> bool:
        return waits(project) and journal.exists()

    with locked(project, "tenant_positions"):
        first = line_after("continue", interrupted(project, words, has_begun))
        assert first.endswith("-m pytest --parity-resume --parity-report=here --tenants=cohort-1")
        again = ["--parity-resume", *words]
        assert line_after("continue", interrupted(project, again, has_begun)) == first
    done = shell(project.path, first)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "GO for cohort-1" in done.stdout


def test_run_that_has_proven_nothing_is_run_again(project: Migration) -> None:
    """Interrupted in the first check, a run has nothing to resume, and the line does not resume.

    An earlier run is not taken for it.
    """
    assert project.run("--tenants=cohort-2").code == 0
    words = ["--tenants=cohort-1", "--parity-tables=positions"]
    with locked(project, "tenant_positions"):
        output = interrupted(project, words, lambda: waits(project))
    line = line_after("nothing is proven yet; again", output)
    assert "--parity-resume" not in line
    assert "\ncontinue: " not in output
    done = shell(project.path, line)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "GO for cohort-1" in done.stdout


def test_secret_is_not_in_the_line(project: Migration) -> None:
    """A password on the command line is masked in the line, as it is elsewhere."""
    project.write("conftest.py", "def pytest_addoption(parser):\n    parser.addoption('--dsn')\n")
    with locked(project, "tenant_positions"):
        output = interrupted(
            project, ["--dsn=postgresql://me:hush@host/db"], lambda: waits(project)
        )
    assert "'--dsn=***'" in output
    assert "hush" not in output


def test_run_that_ends_by_itself_has_no_line(files: Project) -> None:
    """A run that ends by itself, or by ``-x``, does not print a line to continue it."""
    assert "\ncontinue: " not in files.run().stdout
    change(files, DRIFT_OF_FILES)
    stopped = files.run("-x", "--fail-on-drift")
    assert stopped.verdict == "NO-GO"
    assert "\ncontinue: " not in stopped.stdout
