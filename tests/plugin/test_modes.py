"""The same audit in all the ways that pytest can be run: same report, or else no green one."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from ..support.project import (
    ALL,
    DRIFT,
    SHARED,
    TEST,
    Migration,
    Outcome,
    assert_usage_error,
    report_files,
)

pytest_plugins = ["tests.support.project"]

MODES = (["-n", "2"], ["-n", "0"], ["-p", "no:xdist"])
NOT_RUN = "the test was planned and not run"


def beyond_the_run(outcome: Outcome) -> tuple[str, str]:
    """Return JSON and page but for what is about the run."""
    report = json.loads(outcome.files[".json"])
    report.pop("run")
    page = outcome.files[".html"]
    return json.dumps(report, ensure_ascii=False), page[page.index("<h2>Population") :]


def assert_partial(outcome: Outcome, *proven: str) -> None:
    """Require a report that proves these checks, and names all others as not carried out."""
    assert outcome.code != 0, outcome.output
    assert outcome.verdict == "NOT PROVEN"
    assert outcome.report["run"]["state"] == "INCOMPLETE"
    assert any("partial" in reason for reason in outcome.report["reasons"])
    left_out = {name for name in (*ALL, *SHARED) if name not in proven}
    assert set(outcome.with_status("NOT PROVEN")) == left_out
    assert set(outcome.with_status("MATCH")) == set(proven)
    reasons = {c["reasons"][0] for c in outcome.report["checks"] if c["status"] == "NOT PROVEN"}
    assert all(reason.startswith(NOT_RUN) for reason in reasons)
    assert outcome.report["population"]["planned"] == 12
    assert outcome.report["population"]["executed"] == len(proven)
    assert "NOT PROVEN" in outcome.stdout


def test_modes_agree_on_a_clean_migration(project: Migration) -> None:
    """With two workers, with none, and without xdist the report is the same to the byte."""
    outcomes = [project.run("--fail-on-drift", *mode) for mode in MODES]
    assert [(outcome.code, outcome.verdict) for outcome in outcomes] == [(0, "GO")] * 3
    assert len({beyond_the_run(outcome) for outcome in outcomes}) == 1
    assert [outcome.report["run"]["workers"] for outcome in outcomes] == [2, 1, 1]


def test_modes_agree_on_a_drifting_migration(project: Migration) -> None:
    """Findings come in the same order whoever finds them, and the run fails everywhere."""
    project.modern.run(DRIFT)
    project.modern.run("DELETE FROM tenant_trades WHERE id IN (1, 2, 5)")
    project.modern.run(
        "INSERT INTO tenant_positions VALUES ('stray', 'nobody', 1), ('x', 'beta', 2)"
    )
    project.modern.run("UPDATE prices SET price = 0")
    outcomes = [project.run("--fail-on-drift", *mode) for mode in MODES]
    assert [(outcome.code, outcome.verdict) for outcome in outcomes] == [(1, "NO-GO")] * 3
    assert len({beyond_the_run(outcome) for outcome in outcomes}) == 1
    assert sorted(outcomes[0].with_status("DRIFT")) == [
        "acme-trades",
        "beta-positions",
        "beta-trades",
        "eu-north-trades",
        "global-prices",
        "unassigned-positions",
    ]


def test_drift_fails_only_when_asked(project: Migration) -> None:
    """Drift passes as D and the verdict is NO-GO; with --fail-on-drift the run fails."""
    project.modern.run(DRIFT)
    passing = project.run()
    assert passing.code == 0
    assert "test_audit.py D..........." in passing.stdout
    assert "1 drift" in passing.stdout
    assert (passing.verdict, passing.with_status("DRIFT")) == ("NO-GO", ["acme-trades"])
    assert "NO-GO" in passing.stdout
    failing = project.run("--fail-on-drift")
    assert failing.code == 1
    assert "test_audit.py F..........." in failing.stdout
    assert beyond_the_run(failing) == beyond_the_run(passing)


def test_failure_of_drift_can_be_read_in_a_terminal(project: Migration) -> None:
    """The message counts, names key, column and both values, and says how to look again."""
    project.modern.run(DRIFT)
    outcome = project.run("--fail-on-drift")
    for line in (
        "acme / trades: DRIFT",
        "1 row differs: 0 missing in modern, 0 extra in modern, 1 changed",
        "changed  id='4'",
        "amount: legacy '5', modern '5.01'",
        "pytest --tenants=acme --parity-tables=trades --fail-on-drift",
    ):
        assert line in outcome.stdout
    assert "Traceback" not in outcome.output
    assert "pytest_tenantparity/" not in outcome.output


def test_tolerated_shows_as_t(project: Migration) -> None:
    """A difference within tolerance passes as t, and the report says which rule forgave it."""
    project.modern.run(DRIFT)
    project.settings("[tolerance]\nabsolute = 0.01")
    outcome = project.run("--fail-on-drift")
    assert outcome.code == 0
    assert "test_audit.py t..........." in outcome.stdout
    assert "1 tolerated" in outcome.stdout
    assert outcome.verdict == "GO"
    assert outcome.check("acme", "trades")["status"] == "TOLERATED"
    (applied,) = outcome.check("acme", "trades")["tolerance"]
    assert applied == {
        "rule": "absolute",
        "allowed": "0.01",
        "source": "[tolerance]",
        "rows": 1,
        "column": "amount",
    }


PARTIAL = [
    pytest.param(["-k", "acme"], ["acme-trades", "acme-positions"], id="-k"),
    pytest.param(["-k", "acme", "-n", "2"], ["acme-trades", "acme-positions"], id="-k -n 2"),
    pytest.param(["test_audit.py::test_parity[acme-trades]"], ["acme-trades"], id="node id"),
    pytest.param(
        ["--deselect", "test_audit.py::test_parity[coverage]"],
        [*ALL, *SHARED[:3]],
        id="--deselect",
    ),
    pytest.param(["-k", "nothing-of-that-name"], [], id="-k nothing"),
    pytest.param(["-m", "not parity"], [], id="-m nothing"),
]


@pytest.mark.parametrize(("args", "proven"), PARTIAL)
def test_partial_run_proves_only_its_part(
    project: Migration, args: list[str], proven: list[str]
) -> None:
    """What a narrower pytest leaves out is NOT PROVEN, and such a run is never green."""
    assert_partial(project.run(*args), *proven)


def test_marker_expression_makes_a_run_partial(project: Migration) -> None:
    """Tests that ``-m parity`` leaves out are hand-written checks, and those were planned too."""
    project.write("test_own.py", "def test_own(legacy, modern):\n    pass\n")
    outcome = project.run("-m", "parity", "--tenants=acme")
    assert outcome.code == 1
    assert outcome.verdict == "NOT PROVEN"
    assert outcome.with_status("NOT PROVEN") == ["acme"]
    assert NOT_RUN in outcome.reasons("acme", "*")


def test_last_failed_makes_a_run_partial(project: Migration) -> None:
    """After a repair ``--lf`` passes its test, and still proves nothing of the others."""
    project.modern.run(DRIFT)
    assert project.run("--fail-on-drift").code == 1
    project.modern.run(DRIFT.replace("+", "-"))
    assert_partial(project.run("--fail-on-drift", "--lf"), "acme-trades")


def test_last_failed_of_one_file_makes_a_run_partial(project: Migration) -> None:
    """``--lf`` leaves whole files uncollected, which nobody planned; that is no GO either."""
    project.write("test_other.py", TEST)
    project.write("test_broken.py", "def test_it(parity):\n    parity.check()\n    assert False\n")
    assert project.run("--tenants=acme").code == 1
    project.write("test_broken.py", "def test_it(parity):\n    parity.check()\n")
    outcome = project.run("--tenants=acme", "--lf")
    assert (outcome.code, outcome.verdict) == (1, "NOT PROVEN")


def test_first_failure_makes_a_run_partial(project: Migration) -> None:
    """With ``-x`` what came before the failure counts, and what would have come after is open."""
    project.modern.run("UPDATE tenant_trades SET note = note || ' ' WHERE id = 1")
    outcome = project.run("--fail-on-drift", "-x")
    assert outcome.code == 1
    assert outcome.verdict == "NO-GO"
    assert outcome.with_status("MATCH") == ["acme-positions", "acme-trades"]
    assert outcome.with_status("DRIFT") == ["beta-trades"]
    assert len(outcome.with_status("NOT PROVEN")) == 9
    assert outcome.report["run"]["state"] == "INCOMPLETE"


def test_stepwise_makes_a_run_partial(project: Migration) -> None:
    """``--sw`` begins where it stopped, so what it passed by is open."""
    change = "UPDATE tenant_trades SET note = 'note 3{}' WHERE id = 3"
    project.modern.run(change.format("!"))
    stopped = project.run("--fail-on-drift", "--sw")
    assert (stopped.code, stopped.verdict) == (2, "NO-GO")
    project.modern.run(change.format(""))
    assert_partial(project.run("--fail-on-drift", "--sw"), "eu-south-trades", ALL[-1], *SHARED)


ESCAPES = {
    "mark": (
        "@pytest.mark.skip(reason='later')\ndef test_it(parity):\n    parity.check()",
        "later",
    ),
    "skipif": (
        "@pytest.mark.skipif('True', reason='not here')\ndef test_it(parity):\n    parity.check()",
        "not here",
    ),
    "skip": ("def test_it(parity):\n    pytest.skip('no mood')", "no mood"),
    "skip after the check": (
        "def test_it(parity):\n    parity.check()\n    pytest.skip('forget it')",
        "forget it",
    ),
    "no check": ("def test_it(parity):\n    pass", "has to call parity.check()"),
    "xfail that does not run": (
        "@pytest.mark.xfail(run=False)\ndef test_it(parity):\n    parity.check()",
        "not run",
    ),
    "xfail": (
        "@pytest.mark.xfail\ndef test_it(parity):\n    raise RuntimeError('early')",
        "",
    ),
    "teardown": (
        (
            "@pytest.fixture\ndef bad():\n    yield\n    raise RuntimeError('broken end')\n\n"
            "def test_it(bad, parity):\n    parity.check()"
        ),
        "teardown failed: RuntimeError: broken end",
    ),
    "setup": (
        (
            "@pytest.fixture\ndef bad():\n    raise RuntimeError('broken start')\n\n"
            "def test_it(bad, parity):\n    parity.check()"
        ),
        "setup failed: RuntimeError: broken start",
    ),
    "failure after the check": (
        "def test_it(parity):\n    parity.check()\n    assert 1 == 2, 'something else'",
        "something else",
    ),
}


def test_no_way_around_a_check_is_green(project: Migration) -> None:
    """A check that is skipped, forgotten, expected to fail or broken is NOT PROVEN, and why."""
    (project.path / "test_audit.py").unlink()
    for number, (source, _) in enumerate(ESCAPES.values()):
        project.write(f"test_{number}.py", f"import pytest\n\n{source}\n")
    outcome = project.run("--tenants=acme,!global,!unassigned,!coverage", "--parity-tables=trades")
    assert outcome.verdict == "NOT PROVEN"
    found = {check["check"]: check for check in outcome.report["checks"]}
    for number, (name, (_, reason)) in enumerate(ESCAPES.items()):
        check = found[f"test_{number}.py::test_it"]
        assert check["status"] == "NOT PROVEN", name
        assert reason in "\n".join(check["reasons"]), name


@pytest.mark.parametrize("name", ["mark", "skip", "no check", "xfail"])
def test_no_way_around_a_check_exits_0(project: Migration, name: str) -> None:
    """A run in which no test failed fails all the same when a check was got around."""
    project.write("test_audit.py", f"import pytest\n\n{ESCAPES[name][0]}\n")
    outcome = project.run("--tenants=acme")
    assert " failed" not in outcome.stdout.splitlines()[-1]
    assert (outcome.code, outcome.verdict) == (1, "NOT PROVEN")


def test_expected_drift_is_still_drift(project: Migration) -> None:
    """An xfail mark can keep a drifting check from failing, but not from being NO-GO."""
    project.modern.run(DRIFT)
    project.write("test_audit.py", TEST.replace("@pytest", "@pytest.mark.xfail\n@pytest"))
    outcome = project.run("--fail-on-drift", "--tenants=acme")
    assert outcome.verdict == "NO-GO"
    assert outcome.with_status("DRIFT") == ["acme-trades"]


BROKEN_MODES = [
    pytest.param([], id="plain"),
    pytest.param(["-n", "2"], id="-n 2"),
    pytest.param(["--continue-on-collection-errors"], id="continued"),
    pytest.param(["--continue-on-collection-errors", "-n", "2"], id="continued -n 2"),
]


@pytest.mark.parametrize("args", BROKEN_MODES)
def test_module_that_cannot_be_collected_is_no_go(project: Migration, args: list[str]) -> None:
    """A module that fails to import may have held checks; nothing is GO without it."""
    project.write("test_broken.py", "import nothing_of_that_name\n")
    outcome = project.run("--tenants=acme", *args)
    assert outcome.code in (1, 2)
    assert outcome.verdict == "NOT PROVEN"
    assert outcome.report["run"]["state"] == "INCOMPLETE"


def test_no_check_at_all_is_not_proven(project: Migration) -> None:
    """An audit that was asked for and finds no test to make it ends red."""
    project.write("test_audit.py", "def test_unrelated():\n    pass\n")
    outcome = project.run("--tenants=acme")
    assert (outcome.code, outcome.verdict) == (1, "NOT PROVEN")
    assert "no test was collected that audits a tenant" in outcome.stdout


@pytest.mark.parametrize("mode", [["-n", "0"], ["-n", "2"]], ids=["-n 0", "-n 2"])
def test_allure_results_have_labels_and_findings(project: Migration, mode: list[str]) -> None:
    """With allure-pytest each check is labelled, and a drifting one carries what it found."""
    project.modern.run(DRIFT)
    outcome = project.run("--tenants=acme", "--alluredir=allure", *mode)
    assert outcome.code == 0, outcome.output
    results = {result["name"]: result for result in _allure(project.path / "allure")}
    assert len(results) == 6
    trades = results["test_parity[acme-trades]"]
    labels = {label["name"]: label["value"] for label in trades["labels"]}
    assert (labels["cohort"], labels["tenant"], labels["table"]) == ("cohort-1", "acme", "trades")
    (attached,) = trades["attachments"]
    content = json.loads((project.path / "allure" / attached["source"]).read_text())
    assert content["findings"][0]["columns"]["amount"]["modern"] == "5.01"
    assert "attachments" not in results["test_parity[acme-positions]"]


def _allure(directory: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in directory.glob("*-result.json")]


@pytest.mark.parametrize("mode", [["-n", "0"], ["-n", "2"]], ids=["-n 0", "-n 2"])
def test_junit_file_stays_small(project: Migration, mode: list[str]) -> None:
    """The JUnit file has a case for each check, and does not repeat the evidence."""
    project.modern.run("UPDATE tenant_trades SET note = 'changed by hand'")
    outcome = project.run("--junitxml=junit.xml", *mode)
    assert outcome.verdict == "NO-GO"
    text = (project.path / "junit.xml").read_text()
    assert len(ET.fromstring(text).findall(".//testcase")) == 12  # noqa: S314 - our own
    assert len(text) < 3_000
    assert "changed by hand" not in text
    assert text.count("<property ") <= 2 * 12 + 1  # the status, what it came to, and the verdict


LEFT_BEHIND = """
import gc
import json
import pathlib
from collections import Counter

def pytest_unconfigure(config):
    if not hasattr(config, "workerinput"):
        gc.collect()
        held = Counter(type(each).__name__ for each in gc.get_objects())
        kinds = ("TestReport", "Notice", "Evidence", "Parity")
        pathlib.Path("held").write_text(json.dumps({kind: held[kind] for kind in kinds}))
"""


@pytest.mark.parametrize("mode", [["-n", "0"], ["-n", "2"]], ids=["-n 0", "-n 2"])
def test_a_check_leaves_its_evidence_and_one_report_behind(
    project: Migration, mode: list[str]
) -> None:
    """Of each item the run holds what it has to say at the end, and nothing once more."""
    project.write("conftest.py", LEFT_BEHIND)
    assert project.run(*mode).verdict == "GO"
    held = json.loads((project.path / "held").read_text())
    last = 1  # which the terminal remembers apart
    assert held.pop("TestReport") <= 12 + last
    assert held == {"Notice": 0, "Evidence": 12, "Parity": 0}


@pytest.mark.parametrize("mode", [["-n", "0"], ["-n", "2"]], ids=["-n 0", "-n 2"])
def test_durations_are_those_of_all_phases(project: Migration, mode: list[str]) -> None:
    """Who asks for durations is told those of set-ups and tear-downs, too."""
    outcome = project.run("--durations=0", "-vv", *mode)
    for phase in ("setup", "call", "teardown"):
        assert outcome.stdout.count(f"s {phase} ") == 12, outcome.stdout


def test_output_of_a_teardown_is_still_shown(project: Migration) -> None:
    """What a passing tear-down of a failed test printed is there for whoever looks into it."""
    project.write(
        "test_own.py",
        "import pytest\n\n@pytest.fixture\ndef noisy():\n    yield\n    print('the last words')\n\n"
        "def test_own(noisy):\n    assert False\n",
    )
    assert "the last words" in project.run("-n", "0").output


def test_report_goes_where_it_is_told(project: Migration) -> None:
    """``--parity-report`` outranks the settings' directory, and that the default."""
    project.settings("[report]\ndirectory = 'out/settings'")
    outcome = project.run("--tenants=acme")
    latest = project.path / "out/settings/latest"
    assert str(latest.resolve() / "cab-report.html") in outcome.stdout
    assert sorted(report_files(latest)) == [".html", ".json", ".md"]
    outcome = project.run("--tenants=acme", "--parity-report=out/option", report="out/option")
    assert sorted(outcome.files) == [".html", ".json", ".md"]
    assert "out/option/cab-report.html" in outcome.stdout
    assert not (project.path / "reports").exists()


@pytest.mark.parametrize("mode", [["-n", "0"], ["-n", "2"]], ids=["-n 0", "-n 2"])
def test_report_that_cannot_be_written_is_red(project: Migration, mode: list[str]) -> None:
    """An audit whose report cannot be written does not begin, and says what is in the way."""
    project.write("blocked", "a file where a directory should be")
    outcome = project.run("--tenants=acme", "--parity-report=blocked/here", *mode)
    assert_usage_error(outcome, "the report cannot be written to", "blocked/here")
