"""An audit as a library: the ten lines of the documents, without pytest."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ..support.project import DRIFT_OF_FILES, Project, change

pytest_plugins = ["tests.support.project"]

ROOT = Path(__file__).parents[2]


def documented() -> str:
    """Return the program of docs/hooks.md."""
    text = (ROOT / "docs" / "hooks.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(from pathlib[^`]*open_run[^`]*)```", text)
    assert len(program.splitlines()) <= 12
    return str(program)


def run(project: Project) -> subprocess.CompletedProcess[str]:
    """Run the program in a project's folder. pytest cannot be imported there."""
    blocked = "import sys; sys.modules['pytest'] = None\n"
    return subprocess.run(
        [sys.executable, "-c", blocked + documented()],
        cwd=project.path,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_documented_program_audits_without_pytest(files: Project) -> None:
    """It prints the status of each check, and ends with 1 if one is not proven."""
    equal = run(files)
    assert (equal.returncode, equal.stderr) == (0, "")
    assert "acme trades MATCH" in equal.stdout
    assert "coverage * COMPLETE" in equal.stdout
    change(files, DRIFT_OF_FILES)
    drifted = run(files)
    assert (drifted.returncode, drifted.stderr) == (1, "")
    assert "acme trades DRIFT" in drifted.stdout


def test_a_stack_that_cannot_be_reached_is_not_proven(files: Project) -> None:
    """Nothing is raised: each check says why it proves nothing."""
    settings = (files.path / "tenantparity.toml").read_text()
    files.write("tenantparity.toml", re.sub(r"sqlite:[^\"]*legacy", "sqlite:///gone", settings))
    lost = run(files)
    assert (lost.returncode, lost.stderr) == (1, "")
    assert "acme trades NOT PROVEN" in lost.stdout


@pytest.mark.parametrize("name", ["open_run", "RunOptions", "OpenRun", "Evidence", "AuditReport"])
def test_public_names_are_at_the_top(name: str) -> None:
    """What users import is in the package itself, and importing the package loads no driver."""
    code = (
        "import sys, pytest_tenantparity as p; "
        "assert 'sqlalchemy' not in sys.modules and 'pydantic' not in sys.modules; "
        f"p.{name}; assert '{name}' in p.__all__"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
