"""Runs that might exit with 0, or lose a result, without having proven it."""

from __future__ import annotations

import json

from ..support.project import DRIFT, DRIFT_OF_FILES, TEST, Migration, Project, change, freeze

pytest_plugins = ["tests.support.project"]


def test_a_module_that_is_not_collected_is_not_proven(files: Project) -> None:
    """Checks in a module that skips itself or fails to import make the run NOT PROVEN.

    That also holds in workers and with ``--continue-on-collection-errors``.
    """
    freeze(files)
    skip = "import pytest\npytest.skip('not today', allow_module_level=True)\n"
    files.write("test_own.py", skip + "def test_own(tenant): assert False\n")
    outcome = files.run("-n", "1")
    assert (outcome.code, outcome.verdict) == (1, "NOT PROVEN")
    assert any("test_own.py was not collected: skipped" in r for r in outcome.report["reasons"])
    files.write("test_broken.py", "import nothing_of_that_name\n")
    outcome = files.run("--continue-on-collection-errors")
    assert (outcome.code, outcome.verdict) == (1, "NOT PROVEN")
    assert outcome.report["run"]["state"] == "INCOMPLETE"
    for name, how in (("test_own", "skipped"), ("test_broken", "")):
        said = f"{name}.py was not collected: {how}"
        assert any(said in reason for reason in outcome.report["reasons"]), said
    (files.path / "test_own.py").unlink()
    for args in ([], ["-n", "1"]):
        outcome = files.run(*args)
        assert outcome.code in (1, 2)
        assert outcome.verdict == "NOT PROVEN"
        assert outcome.report["run"]["state"] == "INCOMPLETE"


def test_drift_that_a_test_swallows_still_fails_the_run(files: Project) -> None:
    """With --fail-on-drift a run with drift fails even if the test catches the failure."""
    change(files, DRIFT_OF_FILES)
    swallowing = TEST.replace(
        "parity.check()", "try: parity.check()\n    except BaseException: pass"
    )
    files.write("test_audit.py", swallowing)
    outcome = files.run("--tenants=acme", "--fail-on-drift")
    assert (outcome.code, outcome.verdict) == (1, "NO-GO")


def test_expected_drift_is_still_drift(files: Project) -> None:
    """An xfail mark does not prevent a drifting check from being DRIFT and NO-GO."""
    change(files, DRIFT_OF_FILES)
    files.write("test_audit.py", TEST.replace("@pytest", "@pytest.mark.xfail\n@pytest"))
    outcome = files.run("--fail-on-drift", "--tenants=acme")
    assert outcome.verdict == "NO-GO"
    assert outcome.with_status("DRIFT") == ["acme-trades"]


def test_odd_values_do_not_take_the_report_down(project: Migration) -> None:
    """A lone surrogate, which no file can hold, is reported, also by a worker.

    The report shows the start, the length and the digest of a value of several megabytes.
    """
    project.legacy.run("ALTER TABLE trades ADD j json")
    project.modern.run("ALTER TABLE tenant_trades ADD j json")
    project.legacy.run("""UPDATE trades SET j = '{"a\\ud800": "\\ud800"}' WHERE id = 4""")
    project.modern.run("""UPDATE tenant_trades SET j = '{"a": "x"}' WHERE id = 4""")
    project.modern.run("UPDATE tenant_trades SET note = repeat('x', 3000000) WHERE id = 8")
    outcome = project.run("--tenants=acme", "-n", "1")
    assert outcome.verdict == "NO-GO"
    keys = {each["key"]["id"]: [*each["columns"]] for each in _findings(outcome.report)}
    assert keys == {"4": ["j"], "8": ["note"]}
    assert "Traceback" not in outcome.output
    assert "INTERNALERROR" not in outcome.output
    assert "3,000,000 characters, sha256" in outcome.files[".json"]
    assert len(outcome.everything) < 200_000


def _findings(report: object) -> list[dict[str, dict[str, str]]]:
    checks = json.loads(json.dumps(report))["checks"]
    (trades,) = [c for c in checks if (c["tenant"], c["table"]) == ("acme", "trades")]
    found: list[dict[str, dict[str, str]]] = trades["findings"]
    return found


def test_what_is_taken_away_is_listed(files: Project) -> None:
    """Checks that the command line excludes are listed as exclusions.

    The headline of a selection without tenants does not claim that tenants are proven.
    """
    outcome = files.run("--tenants=all,!unassigned")
    left_out = json.dumps(outcome.report["population"]["exclusions"])
    assert outcome.verdict == "GO"
    assert "all unassigned checks" in left_out
    outcome = files.run("--tenants=coverage")
    assert outcome.report["headline"].endswith("it compares no tenant.")


PARAMETERS = """
import pytest

LENIENT = pytest.mark.drift_tolerance(absolute="5")

@pytest.mark.parametrize("n", [-1, pytest.param(1, marks=LENIENT)])
def test_parity(parity, n):
    parity.check()
"""


def test_parameters_never_share_a_check(project: Migration) -> None:
    """Parameters whose ids resemble a tenant's are separate checks."""
    project.modern.run(DRIFT)
    project.write("test_audit.py", PARAMETERS)
    for mode in (["-n", "0"], ["-n", "1"]):
        outcome = project.run("--tenants=acme", "--parity-tables=trades", *mode)
        assert outcome.verdict == "NO-GO"
        trades = [each for each in outcome.report["checks"] if each["tenant"] == "acme"]
        assert sorted(check["status"] for check in trades) == ["DRIFT", "TOLERATED"]


def test_a_conftest_may_ask_for_failures_until_the_tests_run(files: Project) -> None:
    """``--fail-on-drift`` is read when a check ends, so that a conftest can set it."""
    change(files, DRIFT_OF_FILES)
    files.write(
        "conftest.py",
        "def pytest_sessionstart(session):\n    session.config.option.fail_on_drift = True\n",
    )
    outcome = files.run()
    assert (outcome.code, outcome.verdict) == (1, "NO-GO")
    assert outcome.report["run"]["fail_on_drift"] is True
