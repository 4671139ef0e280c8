"""The wheel and the sdist, installed in other environments, do what the README says."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tarfile
import tomllib
import venv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from ..support.postgresql import Database

ROOT = Path(__file__).parents[2]
PACKAGE = "pytest_tenantparity"


def run(*command: object, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command outside the repository, without variables of Python, pytest or the audit."""
    unwanted = re.compile("PYTHON|PYTEST|MIGRATION_DRIFT_TOLERANCE")
    kept = {name: value for name, value in os.environ.items() if not unwanted.match(name)}
    return subprocess.run(
        [str(part) for part in command],
        check=False,
        cwd=folder,
        env={**kept, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    )


# ---- the README's example as files


@dataclass(frozen=True)
class Example:
    """The files and the command of the README's example."""

    settings: str
    test: str
    variables: tuple[str, str]
    command: tuple[str, ...]


def read_example() -> Example:
    """Return the example from the README's fenced blocks."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```\w*\n(.*?)^```$", readme, flags=re.DOTALL | re.MULTILINE)
    (settings,) = (block for block in blocks if block.startswith("# tenantparity.toml\n"))
    (test,) = (block for block in blocks if block.startswith("# test_parity.py\n"))
    (session,) = (block for block in blocks if "$ export LEGACY_DATABASE_URL=" in block)
    legacy, modern = re.findall(r"^\$ export (\w+)=", session, flags=re.MULTILINE)
    (command,) = re.findall(r"^\$ (pytest .*)$", session, flags=re.MULTILINE)
    return Example(settings, test, (legacy, modern), tuple(shlex.split(command)))


def code_lines(block: str) -> int:
    """Return the number of lines that are neither empty nor a comment."""
    return sum(1 for line in block.splitlines() if line.strip() and not line.startswith("#"))


# ---- metadata

# The modules that each extra brings.
MODULES = {
    "xdist": ["xdist"],
    "allure": ["allure", "allure_pytest"],
    "yaml": ["yaml"],
    "mysql": ["pymysql"],
    "archives": ["duckdb", "duckdb_engine"],
    "cli": ["typer"],
}


def project() -> dict[str, Any]:
    """Return the table ``[project]`` of pyproject.toml."""
    content: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    table: dict[str, Any] = content["project"]
    return table


def test_readme_names_every_extra() -> None:
    """The README's list of installations has each extra of pyproject.toml once, except ``dev``."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"^\$ pip install 'pytest-tenantparity\[(\w+)\]' ", readme, re.MULTILINE)
    extras = project()["optional-dependencies"].keys() - {"dev"}
    assert sorted(named) == sorted(extras)
    assert MODULES.keys() == extras


def test_license_is_in_the_file_and_in_the_metadata() -> None:
    """The license is MIT, as an SPDX expression and as a file."""
    table = project()
    assert (table["license"], table["license-files"]) == ("MIT", ["LICENSE"])
    assert "Framework :: Pytest" in table["classifiers"]
    first, _, copyright_line = (ROOT / "LICENSE").read_text("utf-8").splitlines()[:3]
    assert first == "MIT License"
    assert copyright_line == "Copyright (c) 2026 the pytest-tenantparity authors"


# ---- the wheel and the sdist


@dataclass(frozen=True)
class Built:
    """The two distributions of the repository."""

    wheel: Path
    sdist: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The sdist, built from the repository, and the wheel, built from that sdist."""
    folder = tmp_path_factory.mktemp("dist")
    result = run(sys.executable, "-m", "build", "--outdir", folder, ROOT, folder=folder)
    assert result.returncode == 0, result.stdout
    (wheel,) = folder.glob("*.whl")
    (sdist,) = folder.glob("*.tar.gz")
    return Built(wheel, sdist)


def new_environment(folder: Path, distribution: Path, extras: Iterable[str] = ()) -> Path:
    """Return the ``bin`` folder of a new environment with only this and its dependencies."""
    venv.create(folder, with_pip=False)
    programs = folder / "bin"
    pip = [sys.executable, "-m", "pip", f"--python={programs / 'python'}"]
    options = ["--quiet", "--disable-pip-version-check", "--no-compile"]
    wanted = f"{distribution}[{','.join(extras)}]" if extras else distribution
    result = run(*pip, "install", *options, wanted, folder=folder)
    assert result.returncode == 0, result.stdout
    return programs


@pytest.fixture(scope="module")
def elsewhere(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``bin`` folder of an environment with only the wheel and its dependencies."""
    return new_environment(tmp_path_factory.mktemp("environment"), built.wheel)


@pytest.fixture(scope="module", params=["wheel", "sdist"])
def with_extras(
    request: pytest.FixtureRequest, built: Built, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The ``bin`` folder of an environment with a distribution and all its extras."""
    folder = tmp_path_factory.mktemp("environment")
    return new_environment(folder, getattr(built, request.param), MODULES)


def files_of_the_package() -> set[str]:
    """Return the paths of the package's files in the repository, without caches."""
    files = (path.relative_to(ROOT) for path in (ROOT / PACKAGE).rglob("*") if path.is_file())
    caches = re.compile(r"(^|/)(\.|__pycache__)")
    return {str(path) for path in files if not caches.search(str(path))}


@pytest.mark.slow
def test_wheel_holds_the_package_alone(built: Built) -> None:
    """The wheel has every file of the package, including data files, and no other file."""
    with ZipFile(built.wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
        entry_points = next(name for name in names if name.endswith("/entry_points.txt"))
        declared = archive.read(entry_points).decode()
    version = built.wheel.name.split("-")[1]
    packed = {name for name in names if name.startswith(f"{PACKAGE}/")}
    metadata = names - packed
    assert {name.partition("/")[0] for name in metadata} == {f"{PACKAGE}-{version}.dist-info"}
    assert f"{PACKAGE}-{version}.dist-info/licenses/LICENSE" in metadata
    assert packed == files_of_the_package()
    suffixes = {name.rpartition("/")[2].partition(".")[2] for name in packed}
    assert {"py", "typed", "css", "html.j2", "md.j2", "schema.json"} <= suffixes
    assert not {part for name in packed for part in Path(name).parts} & {"tests", "benchmarks"}
    assert "[pytest11]\ntenantparity = pytest_tenantparity.plugin.hooks" in declared


@pytest.mark.slow
def test_sdist_holds_what_a_wheel_needs(built: Built) -> None:
    """The sdist has the package and the files of its metadata, and neither tests nor benchmarks."""
    with tarfile.open(built.sdist) as archive:
        names = {member.name.partition("/")[2] for member in archive if member.isfile()}
    beside = {"LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "PKG-INFO", ".gitignore"}
    assert names == files_of_the_package() | beside


@pytest.mark.slow
def test_metadata_is_what_an_index_accepts(built: Built) -> None:
    """Twine finds neither an error nor a warning in either distribution."""
    check = [sys.executable, "-m", "twine", "check", "--strict", built.wheel, built.sdist]
    result = run(*check, folder=built.wheel.parent, COLUMNS="200", NO_COLOR="1")
    assert result.returncode == 0, result.stdout
    assert result.stdout.count("PASSED") == 2, result.stdout


@pytest.mark.slow
def test_command_and_extras_work_where_they_are_installed(
    with_extras: Path, tmp_path: Path
) -> None:
    """The command prints version and help, and the modules of each extra are imported."""
    version = run(with_extras / "tenantparity", "--version", folder=tmp_path)
    expected = f"tenantparity {project()['version']}\n"
    assert (version.returncode, version.stdout) == (0, expected)
    helped = run(with_extras / "tenantparity", "--help", folder=tmp_path)
    assert helped.returncode == 0, helped.stdout
    assert "plan" in helped.stdout
    for extra, modules in MODULES.items():
        imported = run(
            with_extras / "python",
            "-c",
            f"import {', '.join(modules)}",
            folder=tmp_path,
        )
        assert imported.returncode == 0, f"{extra}: {imported.stdout}"


@pytest.mark.slow
def test_command_without_its_extra_says_what_to_install(elsewhere: Path, tmp_path: Path) -> None:
    """Without the extra ``cli``, the installed command prints one line and ends with 2."""
    result = run(elsewhere / "tenantparity", "--version", folder=tmp_path)
    wanted = "ERROR: the command tenantparity needs typer: pip install 'pytest-tenantparity[cli]'\n"
    assert (result.returncode, result.stdout) == (2, wanted)


@pytest.mark.slow
def test_installed_package_brings_no_repository(elsewhere: Path, tmp_path: Path) -> None:
    """The environment has the wheel's package, but neither the harness nor any extra."""
    program = (
        "import importlib.util as u, pytest_tenantparity as p; print(p.__file__);"
        "print([n for n in ('suites', 'tests', 'xdist', 'allure', 'yaml') if u.find_spec(n)])"
    )
    result = run(elsewhere / "python", "-c", program, folder=tmp_path)

    assert result.returncode == 0, result.stdout
    where, others = result.stdout.splitlines()
    assert Path(where).is_relative_to(elsewhere.parent)
    assert others == "[]"


# ---- an audit of the README's example

LEGACY = """
    CREATE TABLE accounts (
        account_id TEXT PRIMARY KEY, owner VARCHAR(40), balance NUMERIC(18, 8) NOT NULL
    );
    CREATE TABLE trades (
        id INTEGER PRIMARY KEY, account_id TEXT NOT NULL, symbol VARCHAR(12) NOT NULL,
        amount NUMERIC(18, 8) NOT NULL, note TEXT
    );
    INSERT INTO accounts VALUES ('{account}', 'Zoë', 1234.50000000);
    INSERT INTO trades
    SELECT n, '{account}', 'BTC/EUR', n / 7.0, CASE WHEN n % 3 > 0 THEN repeat('x', n % 5) END
    FROM generate_series(1, 200) AS n;
"""
MODERN = """
    CREATE TABLE tenant_accounts (
        tenant_id TEXT, account_id TEXT, owner TEXT, balance NUMERIC(24, 12) NOT NULL,
        PRIMARY KEY (tenant_id, account_id)
    );
    CREATE TABLE tenant_trades (
        tenant_id TEXT, id BIGINT, account_id TEXT NOT NULL, symbol TEXT NOT NULL,
        amount NUMERIC(24, 12) NOT NULL, note TEXT, PRIMARY KEY (tenant_id, id)
    );
"""


@dataclass(frozen=True)
class Site:
    """A folder with the example's files, and its two databases."""

    folder: Path
    example: Example
    legacy: Database
    modern: Database

    def audit(self, programs: Path) -> tuple[int, str, dict[str, object]]:
        """Run the README's command with an environment's programs.

        Return exit code, output and report.
        """
        pytest_program, *arguments = self.example.command
        urls = [each.url.replace("+psycopg", "") for each in (self.legacy, self.modern)]
        variables = dict(zip(self.example.variables, urls, strict=True))
        command = [programs / pytest_program, *arguments]
        result = run(*command, folder=self.folder, **variables)
        report = self.folder / "reports" / "latest" / "cab-report.json"
        return result.returncode, result.stdout, json.loads(report.read_text("utf-8"))


@pytest.fixture
def site(legacy_db: Database, modern_db: Database, tmp_path: Path) -> Site:
    """The example's files, unchanged, and two matching databases."""
    example = read_example()
    (tmp_path / "tenantparity.toml").write_text(example.settings, encoding="utf-8")
    (tmp_path / "test_parity.py").write_text(example.test, encoding="utf-8")
    ((_, tenant),) = tomllib.loads(example.settings)["tenants"].items()
    legacy_db.run(LEGACY.format(account=tenant["legacy_account"]))
    modern_db.run(MODERN)
    for table in ("accounts", "trades"):
        for row in legacy_db.run(f"SELECT * FROM {table}"):
            places = ", ".join(["%s"] * (1 + len(row)))
            modern_db.run(
                f"INSERT INTO tenant_{table} VALUES ({places})", tenant["modern_id"], *row
            )
    return Site(tmp_path, example, legacy_db, modern_db)


def test_example_is_as_short_as_promised() -> None:
    """A simple audit has at most ten lines of settings and three lines of test."""
    example = read_example()
    assert code_lines(example.settings) <= 10
    assert code_lines(example.test) <= 3
    assert {f"${{{name}}}" for name in example.variables} == {
        stack["url"]
        for name, stack in tomllib.loads(example.settings).items()
        if name in ("legacy", "modern")
    }


@pytest.mark.slow
def test_example_is_audited_with_all_extras(site: Site, with_extras: Path) -> None:
    """With every extra installed, from the wheel or the sdist, the example's verdict is GO."""
    code, output, report = site.audit(with_extras)
    assert (code, report["verdict"]) == (0, "GO"), output


@pytest.mark.slow
def test_example_goes_green_and_then_red(site: Site, elsewhere: Path) -> None:
    """The installed wheel's verdict is GO. After a change of one value it is NO-GO.

    The report and the output name the row, the column and both values.
    """
    code, output, report = site.audit(elsewhere)
    assert (code, report["verdict"]) == (0, "GO"), output

    site.modern.run("UPDATE tenant_trades SET amount = amount + 0.000000000001 WHERE id = 77")
    code, output, report = site.audit(elsewhere)
    assert (code, report["verdict"]) == (1, "NO-GO"), output
    checks = report["checks"]
    assert isinstance(checks, list)
    findings = [
        (
            check["key"]["tenant"],
            check["key"]["subject"],
            found["kind"],
            found["key"],
            found["columns"],
        )
        for check in checks
        for found in (check["measurement"] or {}).get("findings", ())
    ]
    values = {"legacy": "11", "modern": "11.000000000001", "explanation": []}
    assert findings == [("acme", "trades", "changed", {"id": "77"}, {"amount": values})]
    assert "amount: legacy '11', modern '11.000000000001'" in output
