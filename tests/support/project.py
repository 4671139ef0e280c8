"""A small migration, and pytest as users run it: a folder, two databases, a command line.

Use the fixtures with ``pytest_plugins = ["tests.support.project"]``. PYTEST_DONT_REWRITE, because
tests import the classes as well.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from .checks import named
from .forkserver import Forked, ForkServer
from .postgresql import Cluster, Database

REPORTS, LATEST = "reports", "reports/latest"
REPORT = LATEST  # of the last run that read both stacks
NOWHERE = "postgresql+psycopg://audit@127.0.0.1:1/nowhere"

TEST = '''\
"""The audit."""

import pytest


@pytest.mark.parity
def test_parity(parity):
    """Every row of every selected tenant is the same on both stacks."""
    parity.check()
'''

TENANTS = """
[tenants.acme]
cohort = "cohort-1"
legacy_account = "A1"
[tenants.beta]
cohort = "cohort-1"
legacy_account = "A2"
[tenants.eu-north]
cohort = "cohort-2"
legacy_account = "A3"
[tenants.eu-south]
cohort = "cohort-2"
legacy_account = "A4"
"""

NAMED = 'tables = ["trades", "positions", "prices"]'

ALL = [
    f"{tenant}-{table}"
    for tenant in ("acme", "beta", "eu-north", "eu-south")
    for table in ("trades", "positions")
]
SHARED = ["global-prices", "unassigned-trades", "unassigned-positions", "coverage"]

LEGACY = """
CREATE TABLE trades (id int PRIMARY KEY, account text NOT NULL, amount numeric(24,12), note text);
INSERT INTO trades SELECT i, 'A' || 1 + i % 4, i * 1.25, 'note ' || i FROM generate_series(1, 24) i;
CREATE TABLE positions (id text PRIMARY KEY, account text NOT NULL, quantity numeric(24,12));
INSERT INTO positions SELECT 'p' || i, 'A' || 1 + i % 4, i FROM generate_series(1, 8) i;
CREATE TABLE prices (symbol text PRIMARY KEY, price numeric(24,12));
INSERT INTO prices SELECT 'S' || i, i * 10 FROM generate_series(1, 5) i;
"""
_TENANT = "(ARRAY['acme','beta','eu-north','eu-south'])[1 + i % 4]"
_MODERN = f"""
CREATE TABLE tenant_trades (id int, tenant text, amount numeric(24,12), note text,
                            PRIMARY KEY (tenant, id));
INSERT INTO tenant_trades
    SELECT i, {_TENANT}, i * 1.25, 'note ' || i FROM generate_series(1, 24) i;
CREATE TABLE tenant_positions (id text, tenant text, quantity numeric(24,12),
                               PRIMARY KEY (tenant, id));
INSERT INTO tenant_positions SELECT 'p' || i, {_TENANT}, i FROM generate_series(1, 8) i;
CREATE TABLE prices (symbol text PRIMARY KEY, price numeric(24,12));
INSERT INTO prices SELECT 'S' || i, i * 10 FROM generate_series(1, 5) i;
"""

SETTINGS_OF_FILES = """
[legacy]
url = "{}"
tenancy = {{ column = "account" }}
[modern]
url = "{}"
tenancy = {{ column = "tenant" }}
[pairing]
tables = ["trades"]
[tenants.acme]
[tenants.beta]
"""
DRIFT_OF_FILES = "UPDATE trades SET v = 'z' WHERE id = 1"

# acme's trades are 4, 8, ... 24 and its positions p4 and p8; beta's start at 1.
DRIFT = "UPDATE tenant_trades SET amount = amount + 0.01 WHERE id = 4"


def slow(account: str, table: str = "trades", column: str = "note") -> str:
    """Return settings that make each of an account's rows take half a minute."""
    return f"""
[tables.{table}.columns.{column}]
legacy_sql = "CASE WHEN account = '{account}' AND pg_sleep(30) IS NULL THEN NULL ELSE {column} END"
"""


@dataclass(frozen=True)
class RunResult:
    """The exit code and output of one run of pytest, and its report files by their suffix."""

    code: int
    stdout: str
    stderr: str
    files: Mapping[str, str]

    @property
    def output(self) -> str:
        """Everything that was printed."""
        return self.stdout + self.stderr

    @property
    def everything(self) -> str:
        """Everything that was printed, and all report files."""
        return "\n".join([self.output, *self.files.values()])

    @cached_property
    def report(self) -> dict[str, Any]:
        """The JSON report."""
        report: dict[str, Any] = json.loads(self.files[".json"])
        report["checks"] = list(map(named, report["checks"]))
        return report

    @property
    def verdict(self) -> str:
        """The report's verdict."""
        return str(self.report["verdict"])

    @property
    def statuses(self) -> dict[str, str]:
        """Status by ``tenant-table``, or by tenant if a check is about all tables."""
        return {_name(check): check["status"] for check in self.report["checks"]}

    def check(self, tenant: str, table: str) -> dict[str, Any]:
        """Return the one check of a tenant's table."""
        checks = self.report["checks"]
        (found,) = [c for c in checks if (c["tenant"], c["table"]) == (tenant, table)]
        return dict(found)

    def reasons(self, tenant: str, table: str) -> str:
        """Return the reasons of a check."""
        return "\n".join(self.check(tenant, table)["reasons"])

    def with_status(self, status: str) -> list[str]:
        """Return the names of the checks with a status."""
        return [name for name, found in self.statuses.items() if found == status]


def report_files(directory: Path) -> dict[str, str]:
    """Return the texts of a report by suffix, with unchanged line ends."""
    return {path.suffix: path.read_bytes().decode() for path in directory.glob("cab-report.*")}


def run_directories(folder: Path) -> set[Path]:
    """Return the directories of runs."""
    found = (folder / REPORTS).glob("*")
    return {path for path in found if path.is_dir() and not path.is_symlink()}


def new_report(folder: Path, before: set[Path]) -> dict[str, str]:
    """Return the report of the only run since ``before``. Empty if that run has no report."""
    new = run_directories(folder) - before
    assert len(new) <= 1, new
    return report_files(new.pop()) if new else {}


def assert_usage_error(outcome: RunResult, *words: str) -> None:
    """Require exit code 4, and exactly one line on stderr, which contains all the words."""
    if outcome.code != pytest.ExitCode.USAGE_ERROR:
        pytest.fail(f"exit code {outcome.code}\n{outcome.output}")
    said = outcome.stderr.strip()
    missing = [word for word in words if word not in said]
    if missing or "\n" in said or not said.startswith("ERROR: ") or "Traceback" in outcome.output:
        pytest.fail(f"{missing} not in the one line of stderr:\n{outcome.output}")


def _name(check: dict[str, Any]) -> str:
    tenant, table = check["tenant"], check["table"]
    return str(tenant) if table == "*" else f"{tenant}-{table}"


@dataclass(frozen=True)
class Project:
    """A folder with settings and tests, and the URLs of its stacks."""

    pytester: pytest.Pytester
    forks: ForkServer
    legacy_url: str
    modern_url: str

    @property
    def path(self) -> Path:
        """The folder."""
        return self.pytester.path

    def furnish(self) -> None:
        """Write the files that most tests need: settings, an audit, and warnings as errors."""
        self.settings()
        self.write("test_audit.py", TEST)
        self.write("pytest.ini", "[pytest]\nstrict = true\nfilterwarnings = error\n")

    def write(self, name: str, text: str) -> Path:
        """Write a file in the folder."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def settings(
        self,
        more: str = "",
        *,
        legacy: str = "",
        modern: str = "",
        tables: str = NAMED,
        tenants: str = TENANTS,
        head: str = "",
    ) -> Path:
        """Write ``tenantparity.toml``. ``legacy`` and ``modern`` are more lines of those tables.

        If such a line begins with ``url``, it replaces the project's own URL.
        """
        own = "[tables.prices]\nmodern = 'prices'\ntenancy = 'global'\n"
        return self.write(
            "tenantparity.toml",
            f"{head}\n[legacy]\n{_with_url(legacy, self.legacy_url)}\n"
            'tenancy = { column = "account" }\n'
            f"[modern]\n{_with_url(modern, self.modern_url)}\n"
            'tenancy = { column = "tenant" }\n'
            f'[pairing]\nmodern = "tenant_{{table}}"\n{tables}\n{tenants}\n{own}\n{more}\n',
        )

    def run(self, *args: str | Path, report: str | None = None) -> RunResult:
        """Run pytest in the folder in a separate process, and wait for it.

        ``report`` is the report directory in the arguments. An earlier report in it is removed
        first.
        """
        if report is not None:
            shutil.rmtree(self.path / report, ignore_errors=True)
        before = run_directories(self.path)
        basetemp = self.path / "runpytest"
        outputs = self.path / "stdout", self.path / "stderr"
        code = self.forks.run([f"--basetemp={basetemp}", *map(str, args)], self.path, *outputs)
        stdout, stderr = (path.read_text(encoding="utf-8") for path in outputs)
        files = new_report(self.path, before)
        if report is not None:
            files = report_files(self.path / report)
        return RunResult(code, stdout, stderr, files)

    def collect(self, *args: str) -> list[str]:
        """Return the parts in brackets of the items that would run."""
        outcome = self.run("--collect-only", "-q", *args)
        assert outcome.code == 0, outcome.output
        return [line[line.index("[") + 1 : -1] for line in outcome.stdout.splitlines() if _id(line)]

    def start(self, *args: str) -> Running:
        """Start pytest in the folder in its own process group, without waiting."""
        logs = self.path / "stdout.txt", self.path / "stderr.txt"
        before = run_directories(self.path)
        for log in logs:
            log.write_text("")
        process = self.forks.start(args, self.path, *logs)
        return Running(process, self.path, before)


def _with_url(lines: str, url: str) -> str:
    return lines if lines.lstrip().startswith("url") else f'url = "{url}"\n{lines}'


def _id(line: str) -> bool:
    return "::" in line and line.endswith("]")


@dataclass(frozen=True)
class Running:
    """A started pytest."""

    process: Forked
    path: Path
    before: set[Path]  # the directories of earlier runs

    def send(self, number: signal.Signals) -> None:
        """Send a signal to pytest and its workers, like a terminal."""
        os.killpg(self.process.pid, number)

    def wait(self, seconds: float) -> RunResult:
        """Return the outcome. subprocess.TimeoutExpired after ``seconds``."""
        code = self.process.wait(seconds)
        stdout, stderr = (self.path / name for name in ("stdout.txt", "stderr.txt"))
        files = new_report(self.path, self.before)
        return RunResult(code, stdout.read_text(), stderr.read_text(), files)


@dataclass(frozen=True)
class Migration(Project):
    """A folder, and two databases with a migration without drift."""

    legacy: Database
    modern: Database


@pytest.fixture
def offline(
    pytester: pytest.Pytester, fork_server: ForkServer, monkeypatch: pytest.MonkeyPatch
) -> Project:
    """A project whose stacks cannot be reached."""
    _clean(monkeypatch)
    project = Project(pytester, fork_server, NOWHERE, NOWHERE)
    project.furnish()
    return project


@pytest.fixture
def project(
    pytester: pytest.Pytester,
    fork_server: ForkServer,
    monkeypatch: pytest.MonkeyPatch,
    legacy_db: Database,
    modern_db: Database,
) -> Migration:
    """A project with both databases, each with its side of the migration."""
    _clean(monkeypatch)
    legacy_db.run(LEGACY)
    modern_db.run(_MODERN)
    project = Migration(pytester, fork_server, legacy_db.url, modern_db.url, legacy_db, modern_db)
    project.furnish()
    return project


@pytest.fixture
def files(
    pytester: pytest.Pytester, fork_server: ForkServer, monkeypatch: pytest.MonkeyPatch
) -> Project:
    """A project with one table, whose stacks are SQLite files without drift."""
    _clean(monkeypatch)
    for side, column in (("legacy", "account"), ("modern", "tenant")):
        with closing(sqlite3.connect(pytester.path / f"{side}.db")) as database, database:
            database.execute(f"CREATE TABLE trades (id int PRIMARY KEY, {column} text, v text)")
            rows = [(1, "acme", "x"), (2, "beta", "y")]
            database.executemany("INSERT INTO trades VALUES (?, ?, ?)", rows)
    urls = [f"sqlite:///{pytester.path}/{side}.db" for side in ("legacy", "modern")]
    project = Project(pytester, fork_server, *urls)
    project.write("test_audit.py", TEST)
    project.write("pytest.ini", "[pytest]\nstrict = true\nfilterwarnings = error\n")
    project.write("tenantparity.toml", SETTINGS_OF_FILES.format(*urls))
    return project


def change(project: Project, sql: str, side: str = "modern") -> None:
    """Run SQL in one of a project's files."""
    with closing(sqlite3.connect(project.path / f"{side}.db")) as database, database:
        database.executescript(sql)


def freeze(project: Project) -> None:
    """Declare a project's files frozen, so that workers can read them."""
    settings = (project.path / "tenantparity.toml").read_text()
    settings = settings.replace("tenancy", "frozen = 'a copy'\ntenancy")
    project.write("tenantparity.toml", settings)


def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unset variables of the outer run, and disable a plugin that takes half a second per run."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest")
    for name in (
        "MIGRATION_DRIFT_TOLERANCE",
        "PYTEST_XDIST_WORKER",
        "PYTEST_XDIST_WORKER_COUNT",
        "PYTEST_XDIST_TESTRUNUID",
    ):
        monkeypatch.delenv(name, raising=False)


def own_backends(*clusters: Cluster) -> list[str]:
    """Return state, wait event and query of the sessions of audits on the servers."""
    found: list[str] = []
    for cluster in clusters:
        with cluster.connect() as admin:
            rows = admin.execute(
                "SELECT concat_ws(' ', state, wait_event, query) FROM pg_stat_activity "
                "WHERE application_name LIKE 'tenantparity/%'"
            )
            found += [text for (text,) in rows]
    return found
