"""Modules import only lower layers, and import-linter refuses any other import."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the import contracts of a folder's pyproject.toml for the packages in it."""
    # The folder is first on sys.path, so that its packages are checked and not installed ones.
    program = (
        "import sys; sys.path.insert(0, sys.argv.pop(1));"
        "from importlinter.cli import lint_imports_command; lint_imports_command()"
    )
    return subprocess.run(
        [sys.executable, "-c", program, str(folder), "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the repository's packages and settings."""
    for name in ("pytest_tenantparity", "suites"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_imports_run_down_only() -> None:
    """Every module imports only lower layers, and each library only where it is allowed."""
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


UPWARD = [
    ("stacks/catalog.py", "from ..plugin import hooks", "stacks.catalog -> {}.plugin.hooks"),
    ("model/tenant.py", "from ..config import Settings", "model.tenant -> {}.config"),
    (
        "parity/checks/coverage.py",
        "from ...reporting import report",
        "parity.checks.coverage -> {}.reporting",
    ),
    ("mapping/columns.py", "from ..parity import run", "mapping.columns -> {}.parity"),
    (
        "parity/locate/merge.py",
        "from ..scan import shared",
        "parity.locate.merge -> {}.parity.scan",
    ),
    ("inventory/tables.py", "from ..stacks import Stack", "inventory.tables -> {}.stacks"),
    ("parity/audit.py", "import pytest", "parity.audit -> pytest"),
    ("plugin/hooks.py", "import psycopg", "plugin.hooks -> psycopg"),
    ("plugin/hooks.py", "import suites", "plugin.hooks -> suites"),
]


def test_upward_imports_are_refused(copy: Path) -> None:
    """An import of a higher layer, or of a library in the wrong place, breaks a contract."""
    future = "from __future__ import annotations\n"
    for module, line, _ in UPWARD:
        path = copy / "pytest_tenantparity" / module
        text = path.read_text(encoding="utf-8")
        assert future in text
        path.write_text(text.replace(future, f"{future}\n{line}\n", 1), encoding="utf-8")
    done = lint_imports(copy)
    assert done.returncode == 1, done.stdout + done.stderr
    package = "pytest_tenantparity"
    chains = [f"{package}.{chain.format(package)}" for _, _, chain in UPWARD]
    said = " ".join(done.stdout.split())  # long chains are wrapped
    assert [chain for chain in chains if chain not in said] == [], done.stdout
    for contract in (
        "Imports run down only",
        "pytest lives in the plugin",
        "Drivers live in the dialects, SQL where rows are read",
        "The package knows none of its customers",
    ):
        assert f"{contract} BROKEN" in done.stdout


def imports_of(path: Path) -> set[Path]:
    """Return the files that a file imports, also within functions and under TYPE_CHECKING."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            module = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            names = (module / each.name for each in node.names)
            found |= {each.with_suffix(".py") for each in (module, *names)}
    return {each for each in found if each.is_file()} - {path}


def test_no_files_import_each_other_in_a_circle() -> None:
    """A reader can begin with any file, and never comes back to it. Packages do not count."""
    files = (ROOT / "pytest_tenantparity").rglob("*.py")
    graph = {path: imports_of(path) for path in files if path.name != "__init__.py"}
    assert sum(map(len, graph.values())) > 500
    TopologicalSorter(graph).prepare()  # raises CycleError with the files of a circle
