"""One audit in every way that pytest can be run: the same report, or one that is not GO."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

from ..support.project import (
    ALL,
    DRIFT,
    SHARED,
    Migration,
    Project,
    RunResult,
    assert_usage_error,
    freeze,
    report_files,
)

pytest_plugins = ["tests.support.project"]

MODES = {"-n 2": ["-n", "2"], "-n 0": ["-n", "0"], "no xdist": ["-p", "no:xdist"]}
NOT_RUN = "the test was planned and not run"


def beyond_the_run(outcome: RunResult) -> tuple[str, str]:
    """Return the JSON and the HTML page without the parts about the run itself."""
    report = json.loads(outcome.files[".json"])
    report.pop("run")
    page = outcome.files[".html"]
    return json.dumps(report, ensure_ascii=False), page[page.index("<h2>Population") :]


def assert_partial(outcome: RunResult, *proven: str) -> None:
    """Require a report that proves exactly ``proven`` and lists all others as not run."""
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


def test_modes_agree(project: Migration) -> None:
    """With two workers, with none, and without xdist the report is the same to the byte.

    Findings have the same order in each mode. JUnit, Allure and durations are complete. With
    ``--fail-on-drift`` a clean audit ends with 0. With drift it ends with 1 in the two modes tried.
    """
    clean = [project.run("--fail-on-drift", *mode) for mode in MODES.values()]
    assert [(each.code, each.verdict) for each in clean] == [(0, "GO")] * len(MODES)
    assert len({beyond_the_run(each) for each in clean}) == 1
    project.modern.run(DRIFT)
    for mode in (["-p", "no:xdist"], ["-n", "2"]):
        assert project.run("--fail-on-drift", *mode).code == 1, mode
    by_hand = "UPDATE tenant_trades SET note = 'changed by hand' WHERE tenant = 'acme' AND id > 4"
    project.modern.run(by_hand)
    project.modern.run("DELETE FROM tenant_trades WHERE id IN (1, 2, 5)")
    project.modern.run(
        "INSERT INTO tenant_positions VALUES ('stray', 'nobody', 1), ('x', 'beta', 2)"
    )
    project.modern.run("UPDATE prices SET price = 0")
    outcomes: dict[str, RunResult] = {}
    for number, (name, mode) in enumerate(MODES.items()):
        others = [f"--junitxml=junit-{number}.xml", f"--alluredir=allure-{number}"]
        outcome = project.run(*mode, *others, "--durations=0", "-vv")
        outcomes[name] = outcome
        assert (outcome.code, outcome.verdict) == (0, "NO-GO"), name
        assert_allure(project.path / f"allure-{number}")
        assert_junit((project.path / f"junit-{number}.xml").read_text())
        for phase in ("setup", "call", "teardown"):
            assert outcome.stdout.count(f"s {phase} ") == 12, (name, phase)
    assert len({beyond_the_run(outcome) for outcome in outcomes.values()}) == 1
    workers = {name: outcome.report["run"]["workers"] for name, outcome in outcomes.items()}
    assert workers == {"-n 2": 2, "-n 0": 1, "no xdist": 1}
    assert sorted(outcomes["-n 0"].with_status("DRIFT")) == [
        "acme-trades",
        "beta-positions",
        "beta-trades",
        "eu-north-trades",
        "global-prices",
        "unassigned-positions",
    ]


def assert_allure(directory: Path) -> None:
    """Require a label for each check, and the findings of a drifting one as an attachment."""
    results = [json.loads(path.read_text()) for path in directory.glob("*-result.json")]
    by_name = {result["name"]: result for result in results}
    assert len(results) == len(by_name) == 12
    trades = by_name["test_parity[acme-trades]"]
    labels = {label["name"]: label["value"] for label in trades["labels"]}
    assert (labels["cohort"], labels["tenant"], labels["table"]) == ("cohort-1", "acme", "trades")
    (attached,) = trades["attachments"]
    content = json.loads((directory / attached["source"]).read_text())
    assert content["measurement"]["findings"][0]["columns"]["amount"]["modern"] == "5.01"
    assert "attachments" not in by_name["test_parity[acme-positions]"]


def assert_junit(text: str) -> None:
    """Require a test case for each check with a summary of its result, and no evidence."""
    assert len(ET.fromstring(text).findall(".//testcase")) == 12  # noqa: S314 - our own
    assert len(text) < 3_200  # 12 checks, 6 of them with drift
    assert "5.01" not in text
    assert "changed by hand" not in text
    assert text.count("<property ") <= 2 * 12 + 1  # status, summary and verdict


def test_drift_fails_only_when_asked(project: Migration) -> None:
    """Drift passes as D with the verdict NO-GO. With --fail-on-drift the run fails.

    The message counts the rows. It names key, column and both values, and gives the command that
    repeats the check.
    """
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
    for line in (
        "acme / trades: DRIFT",
        "1 row differs: 0 missing in modern, 0 extra in modern, 1 changed",
        "changed  id='4'",
        "amount: legacy '5', modern '5.01'",
        "pytest --tenants=acme --parity-tables=trades --fail-on-drift",
    ):
        assert line in failing.stdout
    assert "Traceback" not in failing.output
    assert "pytest_tenantparity/" not in failing.output


def test_tolerated_shows_as_t(project: Migration) -> None:
    """A difference within tolerance passes as t, and the report names the rule that forgave it."""
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


PARTIAL: dict[str, tuple[list[str], list[str]]] = {
    "-k": (["-k", "acme"], ["acme-trades", "acme-positions"]),
    "-k -n 1": (["-k", "acme", "-n", "1"], ["acme-trades", "acme-positions"]),
    "node id": (["test_audit.py::test_parity[acme-trades]"], ["acme-trades"]),
    "--deselect": (
        ["--deselect", "test_audit.py::test_parity[coverage]"],
        [*ALL, *SHARED[:3]],
    ),
    "-k nothing": (["-k", "nothing-of-that-name"], []),
    "-m nothing": (["-m", "not parity"], []),
}


def test_partial_run_proves_only_its_part(project: Migration) -> None:
    """Checks that a narrower command line leaves out are NOT PROVEN, and the run fails.

    Hand-written tests that ``-m parity`` deselects were planned, too. With ``-x`` the checks before
    the failure count. ``--sw`` starts at the failed check, so the skipped checks are NOT PROVEN.
    """
    for name, (args, proven) in PARTIAL.items():
        print(name)  # noqa: T201 - shown where the test fails
        assert_partial(project.run(*args), *proven)

    own = project.write("test_own.py", "def test_own(legacy, modern):\n    pass\n")
    outcome = project.run("-m", "parity", "--tenants=acme")
    assert (outcome.code, outcome.verdict) == (1, "NOT PROVEN")
    assert outcome.with_status("NOT PROVEN") == ["acme"]
    assert NOT_RUN in outcome.reasons("acme", "*")
    own.unlink()

    change = "UPDATE tenant_trades SET note = 'note 3{}' WHERE id = 3"
    project.modern.run(change.format("!"))
    stopped = project.run("--fail-on-drift", "--sw")
    assert (stopped.code, stopped.verdict) == (2, "NO-GO")
    project.modern.run(change.format(""))
    assert_partial(project.run("--fail-on-drift", "--sw"), "eu-south-trades", ALL[-1], *SHARED)

    project.modern.run("UPDATE tenant_trades SET note = note || ' ' WHERE id = 1")
    outcome = project.run("--fail-on-drift", "-x")
    assert (outcome.code, outcome.verdict) == (1, "NO-GO")
    assert outcome.with_status("MATCH") == ["acme-positions", "acme-trades"]
    assert outcome.with_status("DRIFT") == ["beta-trades"]
    assert len(outcome.with_status("NOT PROVEN")) == 9
    assert outcome.report["run"]["state"] == "INCOMPLETE"


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


NOISY = """
import pytest

@pytest.fixture
def noisy():
    yield
    print('the last words')

def test_own(noisy):
    assert False
"""


def test_no_way_around_a_check_is_green(files: Project) -> None:
    """A check that is skipped, forgotten, expected to fail or broken is NOT PROVEN, with a reason.

    The run fails even if no test failed. Output from the teardown of a failed test is shown.
    """
    (files.path / "test_audit.py").unlink()
    modules = {
        name: files.write(f"test_{number}.py", f"import pytest\n\n{source}\n")
        for number, (name, (source, _)) in enumerate(ESCAPES.items())
    }
    only = "--tenants=acme,!unassigned,!coverage"
    noisy = files.write("test_noisy.py", NOISY)
    outcome = files.run(only)
    assert outcome.verdict == "NOT PROVEN"
    assert "the last words" in outcome.output
    found = {check["check"]: check for check in outcome.report["checks"]}
    for name, (_, reason) in ESCAPES.items():
        check = found[f"{modules[name].stem}::test_it"]
        assert check["status"] == "NOT PROVEN", name
        assert reason in "\n".join(check["reasons"]), name
    noisy.unlink()
    for name in ("mark", "skip", "no check", "xfail"):
        outcome = files.run(only, modules[name].name)
        assert " failed" not in outcome.stdout.splitlines()[-1], name
        assert (outcome.code, outcome.verdict) == (1, "NOT PROVEN"), name


def test_no_check_at_all_is_not_proven(files: Project) -> None:
    """An audit for which no test is collected fails."""
    files.write("test_audit.py", "def test_unrelated():\n    pass\n")
    outcome = files.run("--tenants=acme")
    assert (outcome.code, outcome.verdict) == (1, "NOT PROVEN")
    assert "no test was collected that audits a tenant" in outcome.stdout


LEFT_BEHIND = """
import gc
import json
import pathlib
from collections import Counter

def pytest_unconfigure(config):
    if not hasattr(config, "workerinput"):
        gc.collect()
        held = Counter(type(each).__name__ for each in gc.get_objects())
        kinds = ("Payload", "Evidence", "Parity")
        pathlib.Path("held").write_text(json.dumps({kind: held[kind] for kind in kinds}))
"""


def test_a_check_leaves_one_evidence_behind(files: Project) -> None:
    """At the end of a run, each check has one evidence in memory, and no payload or query object.

    That includes runs with a worker. pytest's own reports hold neither.
    """
    freeze(files)
    files.write("conftest.py", LEFT_BEHIND)
    for workers in ("0", "1"):
        outcome = files.run("-n", workers)
        assert outcome.verdict == "GO"
        checks = len(outcome.report["checks"])
        held = json.loads((files.path / "held").read_text())
        assert held == {"Payload": 0, "Evidence": checks, "Parity": 0}, workers


def test_report_goes_where_it_is_told(files: Project) -> None:
    """``--parity-report`` outranks the settings' directory, which outranks the default."""
    settings = (files.path / "tenantparity.toml").read_text()
    files.write("tenantparity.toml", f"{settings}\n[report]\ndirectory = 'out/settings'\n")
    outcome = files.run("--tenants=acme")
    latest = files.path / "out/settings/latest"
    assert str(latest.resolve() / "cab-report.html") in outcome.stdout
    assert sorted(report_files(latest)) == [".html", ".json", ".md"]
    outcome = files.run("--tenants=acme", "--parity-report=out/option", report="out/option")
    assert sorted(outcome.files) == [".html", ".json", ".md"]
    assert "out/option/cab-report.html" in outcome.stdout
    assert not (files.path / "reports").exists()


def test_report_that_cannot_be_written_is_red(files: Project) -> None:
    """An audit whose report cannot be written does not start. The message names the obstacle."""
    freeze(files)
    files.write("blocked", "a file where a directory should be")
    for mode in (["-n", "0"], ["-n", "2"]):
        outcome = files.run("--tenants=acme", "--parity-report=blocked/here", *mode)
        assert_usage_error(outcome, "the report cannot be written to", "blocked/here")
