"""``open_run``: an audit as a library, without pytest, with the program of the docs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_tenantparity import (
    CheckKey,
    CheckKind,
    RunOptions,
    load_settings,
    open_run,
    select_tenants,
)
from pytest_tenantparity.audit import OpenStacks
from pytest_tenantparity.errors import NotProven

from ..support.project import DRIFT_OF_FILES, Project, change

pytest_plugins = ["tests.support.project"]

ROOT = Path(__file__).parents[2]


def documented() -> str:
    """Return the program in docs/hooks.md."""
    text = (ROOT / "docs" / "hooks.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(from pathlib[^`]*open_run[^`]*)```", text)
    assert len(program.splitlines()) <= 12
    return str(program)


def run(project: Project) -> subprocess.CompletedProcess[str]:
    """Run the program in a project's folder, where pytest cannot be imported."""
    blocked = "import sys; sys.modules['pytest'] = None\n"
    return subprocess.run(
        [sys.executable, "-c", blocked + documented()],
        cwd=project.path,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_documented_program_audits_without_pytest(files: Project) -> None:
    """The program prints the status of each check, and exits with 1 if a check drifts."""
    equal = run(files)
    assert (equal.returncode, equal.stderr) == (0, "")
    assert "acme trades MATCH" in equal.stdout
    assert "coverage * COMPLETE" in equal.stdout
    change(files, DRIFT_OF_FILES)
    drifted = run(files)
    assert (drifted.returncode, drifted.stderr) == (1, "")
    assert "acme trades DRIFT" in drifted.stdout


def test_a_stack_that_cannot_be_reached_is_not_proven(files: Project) -> None:
    """If a stack cannot be reached, no error is raised, and the check is NOT PROVEN."""
    settings = (files.path / "tenantparity.toml").read_text()
    files.write("tenantparity.toml", re.sub(r"sqlite:[^\"]*legacy", "sqlite:///gone", settings))
    lost = run(files)
    assert (lost.returncode, lost.stderr) == (1, "")
    assert "acme trades NOT PROVEN" in lost.stdout


def test_a_selection_without_checks_is_no_success(files: Project) -> None:
    """If discovery fails and the selection has no other checks, ``open_run`` raises NotProven."""
    settings = (files.path / "tenantparity.toml").read_text()
    settings = re.sub(r"sqlite:[^\"]*legacy\.db", "sqlite:///gone.db", settings)
    path = files.write("tenantparity.toml", settings.replace('tables = ["trades"]', ""))
    read = load_settings(path)
    chosen = select_tenants(read, ["unassigned"])
    with pytest.raises(NotProven, match=r"has no checks; .*gone\.db"), open_run(read, chosen):
        pass


def test_checks_that_no_audit_makes_are_not_proven(files: Project) -> None:
    """A check of another kind or of an unknown tenant is NOT PROVEN."""
    with open_run(load_settings(files.path / "tenantparity.toml")) as run:
        validator = run.check(CheckKey(CheckKind.VALIDATOR, "audit", "acme", "trades"))
        unknown = run.check(CheckKey(CheckKind.ROWS, "audit", "nobody", "trades"))
    assert (validator.status, unknown.status) == ("NOT PROVEN", "NOT PROVEN")
    assert "no checks of the kind 'validator'" in validator.reasons[0]
    assert "no tenant 'nobody'" in unknown.reasons[0]


def test_no_variable_of_the_environment_is_shown(files: Project) -> None:
    """The repr of options and stacks holds no variable's value, so tracebacks show no password."""
    settings = load_settings(files.path / "tenantparity.toml")
    options = RunOptions(environment={"LEGACY_DATABASE_URL": "hunter2"})
    stacks = OpenStacks(settings, select_tenants(settings, []), "x", environment={"A": "hunter2"})
    assert "hunter2" not in f"{options!r}{stacks!r}"


@pytest.mark.parametrize("name", ["open_run", "RunOptions", "OpenRun", "Evidence", "AuditReport"])
def test_public_names_are_at_the_top(name: str) -> None:
    """The package itself exports the public names, and its import loads no driver."""
    code = (
        "import sys, pytest_tenantparity as p; "
        "assert 'sqlalchemy' not in sys.modules and 'pydantic' not in sys.modules; "
        f"assert '{name}' in dir(p); p.{name}; assert '{name}' in p.__all__"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
