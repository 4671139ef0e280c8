"""Files that a killed run leaves in the temporary folder reveal no values of rows."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..support.drift_lines import with_uncompressed
from ..support.project import Migration

pytest_plugins = ["tests.support.project"]

# Kills all processes after the last check, before anything is removed.
KILLS = """
import os
import signal
from pathlib import Path

import pytest
from pytest_tenantparity.plugin.stash import SESSION


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    if not hasattr(session.config, "workerinput"):
        return
    folder = session.config.stash[SESSION].drift.directory
    Path("left.txt").write_text(str(folder))
    parts = [path.suffix for path in folder.iterdir()]
    if ".gz" in parts and ".pickle" in parts:
        os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        os.setpgrp()
"""
ACCOUNT = "IBAN DE02 1203"


def test_rows_cannot_be_read_after_a_kill(project: Migration) -> None:
    """Answers for other workers and parts of the drift file remain, and hold no readable value."""
    project.modern.run(f"UPDATE tenant_trades SET note = '{ACCOUNT}' WHERE id = 4")
    project.write("conftest.py", KILLS)
    outcome = project.run("-n", "2", "--tenants=all", "--parity-tables=trades")
    assert outcome.code == -9, outcome.output
    folder = Path((project.path / "left.txt").read_text())
    left = {path: with_uncompressed(path.read_bytes()) for path in folder.iterdir()}
    shutil.rmtree(folder)
    assert {".gz", ".pickle"} <= {path.suffix for path in left}
    assert [path for path, found in left.items() if ACCOUNT.encode() in found] == []
