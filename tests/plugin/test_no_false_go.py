"""Ways in which a run could have exited with 0, or lost something, without having proven it."""

from __future__ import annotations

import json

import pytest

from ..support.project import DRIFT, TEST, Migration, assert_usage_error

pytest_plugins = ["tests.support.project"]

PARAMETERS = """
import pytest

LENIENT = pytest.mark.drift_tolerance(absolute="5")

@pytest.mark.parametrize("n", [-1, pytest.param(1, marks=LENIENT)])
def test_parity(parity, n):
    parity.check()
"""


@pytest.mark.parametrize("mode", [["-n", "0"], ["-n", "2"]], ids=" ".join)
def test_parameters_never_share_a_check(project: Migration, mode: list[str]) -> None:
    """Parameters whose ids look alike beside the tenant's are checks of their own."""
    project.modern.run(DRIFT)
    project.write("test_audit.py", PARAMETERS)
    outcome = project.run("--tenants=acme", *mode)
    assert outcome.verdict == "NO-GO"
    trades = [
        c for c in outcome.report["checks"] if c["table"] == "trades" and c["tenant"] == "acme"
    ]
    assert sorted(check["status"] for check in trades) == ["DRIFT", "TOLERATED"]


ESCAPES = [
    "COMMIT; BEGIN READ WRITE; DELETE FROM trades; COMMIT",
    "SET default_transaction_read_only = off; COMMIT; DELETE FROM trades; COMMIT",
    "SELECT 1; DELETE FROM trades",
    "DELETE FROM trades RETURNING id",
]


@pytest.mark.parametrize("sql", ESCAPES)
def test_a_query_cannot_leave_its_read_only_transaction(project: Migration, sql: str) -> None:
    """No SQL of a hand-written test writes: several statements in one are refused as well."""
    project.write("test_own.py", f"def test_own(legacy):\n    legacy.query({sql!r})\n")
    outcome = project.run("--tenants=acme")
    assert outcome.code == 1
    assert project.legacy.run("SELECT count(*) FROM trades") == [(24,)]


@pytest.mark.parametrize("mode", [["-n", "0"], ["-n", "2"]], ids=" ".join)
def test_a_module_that_skips_itself_is_not_proven(project: Migration, mode: list[str]) -> None:
    """Checks in a module that was skipped as a whole were not carried out."""
    skip = "import pytest\npytest.skip('not today', allow_module_level=True)\n"
    project.write("test_own.py", skip + "def test_own(tenant): assert False\n")
    outcome = project.run("--tenants=acme", *mode)
    assert (outcome.code, outcome.verdict) == (1, "NOT PROVEN")
    assert any("test_own.py was not collected: skipped" in r for r in outcome.report["reasons"])


@pytest.mark.parametrize("option", ["--ignore=test_own.py", "--ignore-glob=*own*"])
def test_ignored_files_make_a_run_partial(project: Migration, option: str) -> None:
    """A file that was left out by option may have held checks."""
    project.write("test_own.py", "def test_own(tenant): assert False\n")
    outcome = project.run("--tenants=acme", option)
    assert (outcome.code, outcome.verdict) == (1, "NOT PROVEN")


def test_drift_that_a_test_swallows_still_fails_the_run(project: Migration) -> None:
    """With --fail-on-drift no run exits with 0 while something drifts."""
    project.modern.run(DRIFT)
    swallowing = TEST.replace(
        "parity.check()", "try: parity.check()\n    except BaseException: pass"
    )
    project.write("test_audit.py", swallowing)
    outcome = project.run("--tenants=acme", "--fail-on-drift")
    assert (outcome.code, outcome.verdict) == (1, "NO-GO")


@pytest.mark.parametrize("mode", [["-n", "0"], ["-n", "2"]], ids=" ".join)
def test_half_a_surrogate_pair_is_reported(project: Migration, mode: list[str]) -> None:
    """Text that no file takes does not take the report down."""
    project.legacy.run("ALTER TABLE trades ADD j json")
    project.modern.run("ALTER TABLE tenant_trades ADD j json")
    project.legacy.run("""UPDATE trades SET j = '{"a\\ud800": "\\ud800"}' WHERE id = 4""")
    project.modern.run("""UPDATE tenant_trades SET j = '{"a": "x"}' WHERE id = 4""")
    outcome = project.run("--tenants=acme", *mode)
    assert outcome.verdict == "NO-GO"
    assert "Traceback" not in outcome.output
    assert "INTERNALERROR" not in outcome.output


def test_a_failing_normaliser_shows_no_masked_value(project: Migration) -> None:
    """What a normaliser says of a value it could not take stays unsaid."""
    project.modern.run("UPDATE tenant_trades SET note = 'secret' WHERE id = 4")
    project.settings(more="[tables.trades.columns.note]\nmask = true\nnormalise = 'strict'\n")
    project.write(
        "conftest.py",
        "def strict(value):\n    raise ValueError('cannot take ' + value)\n\n"
        "def pytest_parity_normalisers():\n    return {'strict': strict}\n",
    )
    outcome = project.run("--tenants=acme", "--showlocals")
    assert outcome.statuses["acme-trades"] == "NOT PROVEN"
    assert "the normaliser 'strict' failed: ValueError" in outcome.output
    assert "secret" not in outcome.everything


def test_a_long_value_is_bounded(project: Migration) -> None:
    """A value of megabytes stands in the report by its start, its length and its digest."""
    project.modern.run("UPDATE tenant_trades SET note = repeat('x', 3000000) WHERE id = 4")
    outcome = project.run("--tenants=acme")
    assert outcome.verdict == "NO-GO"
    assert "3,000,000 characters, sha256" in outcome.files[".json"]
    assert len(outcome.everything) < 200_000


@pytest.mark.parametrize("rule", ["tenant_{table}{x}", "tenant}_{table}", "{table}{0}", "plain"])
def test_a_wrong_naming_rule_is_a_usage_error(project: Migration, rule: str) -> None:
    """A rule with other braces than {table} is refused, with the rule and what it must hold."""
    path = project.path / "tenantparity.toml"
    text = path.read_text(encoding="utf-8").replace("tenant_{table}", rule)
    path.write_text(text, encoding="utf-8")
    assert_usage_error(project.run("--tenants=acme"), "[pairing] modern", "{table}")


def test_what_is_taken_away_is_listed(project: Migration) -> None:
    """Checks that the command line takes away are under what was left out."""
    outcome = project.run("--tenants=all,!unassigned")
    left_out = json.dumps(outcome.report["population"]["exclusions"])
    assert outcome.verdict == "GO"
    assert "all unassigned checks" in left_out


def test_no_tenant_is_no_proof_of_tenants(project: Migration) -> None:
    """A selection without tenants does not say that tenants are proven."""
    outcome = project.run("--tenants=coverage")
    assert outcome.report["headline"].endswith("it holds no tenant.")
