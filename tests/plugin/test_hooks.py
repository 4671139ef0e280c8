"""The hooks of a project: each does what it is documented to, in workers too, and fails closed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ..support.project import ALL, DRIFT, SHARED, Migration, assert_usage_error, new_report

pytest_plugins = ["tests.support.project"]

MODES = [pytest.param(["-n", "0"], id="-n 0"), pytest.param(["-n", "2"], id="-n 2")]

NOTES = """
import json, os
from pathlib import Path

def note(**facts):
    with Path(__file__).with_name("notes.jsonl").open("a") as file:
        file.write(json.dumps(facts | {"worker": os.environ.get("PYTEST_XDIST_WORKER")}) + "\\n")
"""


def notes(project: Migration) -> list[dict[str, Any]]:
    """Return what the project's hooks have noted."""
    path = project.path / "notes.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


CONNECT = """
def pytest_parity_connect(config, stack):
    note(stack=stack)
    return URLS[stack]
"""


@pytest.mark.parametrize("mode", MODES)
def test_connect_takes_the_place_of_a_url(project: Migration, mode: list[str]) -> None:
    """The hook's URL is used by all processes; it is asked for once a stack, in the first one."""
    project.settings(
        legacy="url = '${NOT_SET_ANYWHERE}'", modern="url = 'postgresql://x@127.0.0.1:1/x'"
    )
    urls = {"legacy": project.legacy_url, "modern": project.modern_url}
    project.write("conftest.py", f"{NOTES}\nURLS = {urls!r}\n{CONNECT}")
    outcome = project.run(*mode)
    assert (outcome.code, outcome.verdict) == (0, "GO"), outcome.output
    assert notes(project) == [
        {"stack": "legacy", "worker": None},
        {"stack": "modern", "worker": None},
    ]


def test_connect_may_leave_a_stack_to_the_settings(project: Migration) -> None:
    """``None`` from the hook means the settings' own URL."""
    project.settings(legacy="url = '${NOT_SET_ANYWHERE}'")
    urls = {"legacy": project.legacy_url, "modern": None}
    project.write("conftest.py", f"{NOTES}\nURLS = {urls!r}\n{CONNECT}")
    assert project.run("--tenants=acme").verdict == "GO"


PAIRS = """
def pytest_parity_pairs(config, settings):
    assert "acme" in settings.tenants
    return {"positions": {}, "prices": {"modern": "prices", "tenancy": "global"}}
"""


@pytest.mark.parametrize("mode", MODES)
def test_pairs_add_tables(project: Migration, mode: list[str]) -> None:
    """Pairs of the hook are planned and audited like those of the settings."""
    project.settings(tables='tables = ["trades"]')
    project.modern.run("DELETE FROM tenant_positions WHERE id = 'p4'")
    project.write("conftest.py", PAIRS)
    outcome = project.run("--tenants=acme", *mode)
    assert outcome.verdict == "NO-GO"
    assert sorted(outcome.statuses) == sorted([*ALL[:2], *SHARED])
    assert outcome.with_status("DRIFT") == ["acme-positions"]


def test_wrong_pairs_are_refused(project: Migration) -> None:
    """A pair that no ``[tables.x]`` could hold is a usage error that names it."""
    source = "def pytest_parity_pairs(config):\n    return {'positions': {'ignor': {}}}\n"
    project.write("conftest.py", source)
    assert_usage_error(project.run(), "pytest_parity_pairs", "positions", "ignor")


NORMALISERS = """
def pytest_parity_normalisers(config):
    return {"casefold": str.casefold}
"""


@pytest.mark.parametrize("mode", MODES)
def test_normalised_rows_are_tolerated(project: Migration, mode: list[str]) -> None:
    """A row that agrees only once it is normalised counts as forgiven, under that name."""
    project.settings("[tables.trades.columns.note]\nnormalise = 'casefold'")
    project.write("conftest.py", NORMALISERS)
    project.modern.run("UPDATE tenant_trades SET note = upper(note) WHERE id <= 8")
    project.modern.run("UPDATE tenant_trades SET note = 'else' WHERE id = 1")
    outcome = project.run("--tenants=cohort-1", "--parity-tables=trades", *mode)
    acme, beta = (outcome.check(tenant, "trades") for tenant in ("acme", "beta"))
    (applied,) = acme["tolerance"]
    assert acme["status"] == "TOLERATED"
    assert (applied["rule"], applied["column"], applied["rows"]) == ("normalise", "note", 2)
    assert "casefold" in applied["source"]
    assert beta["status"] == "DRIFT"
    assert [(each["kind"], each["key"]) for each in beta["findings"]] == [("changed", {"id": "1"})]


def test_normaliser_that_nobody_gives(project: Migration) -> None:
    """A normaliser that no hook gives leaves its table NOT PROVEN, by name."""
    project.settings("[tables.trades.columns.note]\nnormalise = 'casefold'")
    outcome = project.run("--tenants=acme")
    assert (outcome.code, outcome.with_status("NOT PROVEN")) == (1, ["acme-trades"])
    assert "'casefold'" in outcome.reasons("acme", "trades")


EVIDENCE = """
def pytest_parity_evidence(config, evidence):
    note(tenant=evidence.key.tenant, table=evidence.key.table, status=evidence.status,
         rows=evidence.rows.legacy, drift=evidence.drift.total)
"""


@pytest.mark.parametrize("mode", MODES)
def test_evidence_arrives_where_the_report_is_made(project: Migration, mode: list[str]) -> None:
    """Each check's evidence is handed over once, in the process that reports."""
    project.modern.run(DRIFT)
    project.write("conftest.py", NOTES + EVIDENCE)
    project.run(*mode)
    found = notes(project)
    assert len(found) == 12
    assert {each["worker"] for each in found} == {None}
    by_key = {(each["tenant"], each["table"]): each for each in found}
    assert len(by_key) == 12
    trades = by_key["acme", "trades"]
    assert (trades["status"], trades["rows"], trades["drift"]) == ("DRIFT", 6, 1)


REPORT = """
def pytest_parity_report(config, report, directory):
    files = sorted(path.name for path in directory.iterdir())
    note(verdict=report.verdict, checks=len(report.checks), files=files)
"""


@pytest.mark.parametrize("mode", MODES)
def test_report_arrives_once_written(project: Migration, mode: list[str]) -> None:
    """The whole report is handed over once, when its files are there."""
    project.modern.run(DRIFT)
    project.write("conftest.py", NOTES + REPORT)
    project.run("--parity-report=here", *mode)
    (found,) = notes(project)
    assert (found["verdict"], found["checks"], found["worker"]) == ("NO-GO", 12, None)
    reports = ["cab-report.html", "cab-report.json", "cab-report.md"]
    assert found["files"] == [*reports, "drift.jsonl.gz", "journal.jsonl"]


RAISING = {
    "connect": "def pytest_parity_connect(config, stack):\n    raise RuntimeError('in my hook')\n",
    "pairs": "def pytest_parity_pairs(config):\n    raise RuntimeError('in my hook')\n",
    "normalisers": "def pytest_parity_normalisers():\n    raise RuntimeError('in my hook')\n",
    "evidence": "def pytest_parity_evidence(evidence):\n    raise RuntimeError('in my hook')\n",
    "report": "def pytest_parity_report(report):\n    raise RuntimeError('in my hook')\n",
}


@pytest.mark.parametrize(
    ("hook", "mode"),
    [*((hook, "0") for hook in RAISING), *((hook, "2") for hook in ("normalisers", "evidence"))],
)
def test_hook_that_raises_is_no_go(project: Migration, hook: str, mode: str) -> None:
    """A hook that breaks ends the run red, shows its own error, and leaves no GO of before.

    But for the hook of the pairs, called before anyone knows where reports go, and that of the
    report, called when all has been proven and written.
    """
    project.write("conftest.py", RAISING[hook])
    result = project.pytester.runpytest_subprocess("--tenants=acme", "-n", mode)
    assert result.ret != 0
    assert "in my hook" in result.stdout.str() + result.stderr.str()
    if hook not in ("pairs", "report"):
        report = new_report(project.path, set())
        assert json.loads(report[".json"])["verdict"] == "NOT PROVEN"


def test_normaliser_that_raises_is_not_proven(project: Migration) -> None:
    """A normaliser that breaks on a value leaves its table NOT PROVEN."""
    project.settings("[tables.trades.columns.note]\nnormalise = 'broken'")
    source = "def pytest_parity_normalisers():\n    return {'broken': lambda text: 1 / 0}\n"
    project.write("conftest.py", source)
    project.modern.run("UPDATE tenant_trades SET note = '' WHERE id = 4")
    outcome = project.run("--tenants=acme")
    assert (outcome.code, outcome.verdict) == (1, "NOT PROVEN")
    assert outcome.with_status("NOT PROVEN") == ["acme-trades"]
    # The kind of error alone: its message could quote the value.
    assert "ZeroDivisionError" in outcome.reasons("acme", "trades")
