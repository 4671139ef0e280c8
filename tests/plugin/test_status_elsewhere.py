"""JUnit and Allure show each check's status, and the terminal explains the number of checks."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from ..support.project import Project, change

pytest_plugins = ["tests.support.project"]

STATUSES = {
    "acme-trades": "DRIFT",
    "beta-trades": "TOLERATED",
    "lost-trades": "NOT PROVEN",
    "unassigned-trades": "MATCH",
    "coverage": "COMPLETE",
}
GOOD = {"MATCH", "COMPLETE"}
OWN = """
def test_own(tenant, legacy):
    assert legacy.count("trades") == 0 or tenant.id != "acme"
"""


def furnish(project: Project) -> None:
    """Change the project so that its checks have every status."""
    change(
        project, "UPDATE trades SET v = 'z' WHERE id = 1; UPDATE trades SET v = 'Y' WHERE id = 2"
    )
    settings = (project.path / "tenantparity.toml").read_text()
    settings = settings.replace("tenancy", "frozen = 'a copy'\ntenancy")
    forgiving = "[tenants.lost]\n[tables.trades.columns.v]\nignore_case = true\n"
    project.write("tenantparity.toml", f"{settings}{forgiving}")
    project.write("test_own.py", OWN)


@pytest.mark.parametrize("workers", ["0", "1"])
def test_statuses_are_in_junit_and_allure(files: Project, workers: str) -> None:
    """JUnit and Allure show every status and the run's verdict, with and without workers."""
    furnish(files)
    outcome = files.run("--junitxml=junit.xml", "--alluredir=allure", "-n", workers)
    assert outcome.verdict == "NO-GO"
    suite = ET.parse(files.path / "junit.xml").getroot().find("testsuite")  # noqa: S314 - our own
    assert suite is not None
    found = {case.attrib["name"]: _properties(case) for case in suite.findall("testcase")}
    for name, status in STATUSES.items():
        assert found[f"test_parity[{name}]"]["parity"] == status
    assert found["test_own[acme]"]["parity"] == "FAILED"
    assert found["test_own[beta]"] == {"parity": "PASSED"}
    assert "1 row differs" in found["test_parity[acme-trades]"]["parity.detail"]
    assert "ignore_case" in found["test_parity[beta-trades]"]["parity.detail"]
    assert _properties(suite)["parity.outcome"] == "NO-GO"
    assert outcome.report["headline"] in _properties(suite)["parity.detail"]

    results = [
        json.loads(path.read_text()) for path in (files.path / "allure").glob("*-result.json")
    ]
    for name, status in STATUSES.items():
        (result,) = [each for each in results if each["name"] == f"test_parity[{name}]"]
        labels = [(each["name"], each["value"]) for each in result["labels"]]
        assert ("parity", status) in labels
        assert (("tag", status) in labels) == (status not in GOOD)
        steps = [
            (step["name"].partition(":")[0], step["status"]) for step in result.get("steps", ())
        ]
        shown = {"TOLERATED": "passed", "DRIFT": "failed", "NOT PROVEN": "failed"}
        assert steps == ([(status, shown[status])] if status not in GOOD else [])
    environment = (files.path / "allure/environment.properties").read_text()
    assert environment == "parity.outcome=NO-GO\n"
    explained = (
        "3 tenants x 1 table + 1 table's rows of no tenant + 1 check of the tables in no pair"
    )
    assert f"an audit of these has 5 checks: {explained}" in outcome.stdout


def _properties(node: ET.Element) -> dict[str, str]:
    return {
        each.attrib["name"]: each.attrib["value"] for each in node.findall("properties/property")
    }


def test_the_project_s_own_environment_is_kept(files: Project) -> None:
    """A file that the project writes for Allure is not overwritten.

    The terminal names the page of this run, not the link that a later run moves.
    """
    own = files.write("allure/environment.properties", "stage=test\n")
    outcome = files.run("--alluredir=allure")
    assert own.read_text() == "stage=test\n"
    page = Path(outcome.stdout.partition("report: ")[2].splitlines()[0])
    assert page.parent.name == outcome.report["run"]["id"]
    assert page.is_file()
