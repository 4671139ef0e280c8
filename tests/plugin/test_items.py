"""The items of an audit: their names, what hand-written tests can ask, markers, tolerances."""

from __future__ import annotations

import pytest

from ..support.project import (
    ALL,
    DRIFT,
    SHARED,
    TEST,
    Migration,
    Outcome,
    Project,
    assert_usage_error,
)

pytest_plugins = ["tests.support.project"]


def audits(outcome: Outcome, check: str) -> dict[tuple[str, str], str]:
    """Return the status of each (tenant, table) of one test."""
    return {
        (each["tenant"], each["table"]): each["status"]
        for each in outcome.report["checks"]
        if each["check"] == check
    }


# ---- names


def test_ids_are_tenant_and_table(project: Migration) -> None:
    """Each check is an item by the name of its tenant and table, and can be asked for by it."""
    outcome = project.run("-v")
    for name in (*ALL, *SHARED):
        assert f"test_audit.py::test_parity[{name}] PASSED" in outcome.stdout
    names = {check["check"] for check in outcome.report["checks"]}
    assert names == {"test_audit.py::test_parity"}


CLASS = '''
import pytest

class TestAudit:
    """A class of audits."""

    @pytest.mark.parity
    def test_parity(self, parity):
        parity.check()
'''


def test_audit_in_a_class(project: Migration) -> None:
    """A method audits like a function, under its class's name."""
    project.modern.run(DRIFT)
    project.write("test_audit.py", CLASS)
    outcome = project.run("--fail-on-drift", "--tenants=acme")
    assert (outcome.code, outcome.verdict) == (1, "NO-GO")
    found = audits(outcome, "test_audit.py::TestAudit::test_parity")
    assert (len(found), found["acme", "trades"]) == (6, "DRIFT")


def test_same_name_in_two_modules(project: Migration) -> None:
    """Two tests of one name are two checks: what one tolerates, the other does not."""
    project.modern.run(DRIFT)
    mark = "@pytest.mark.drift_tolerance(absolute='0.01')\n@pytest.mark.parity"
    project.write("test_lenient.py", TEST.replace("@pytest.mark.parity", mark))
    outcome = project.run("--tenants=acme")
    assert outcome.report["population"]["planned"] == 12
    assert audits(outcome, "test_audit.py::test_parity")["acme", "trades"] == "DRIFT"
    assert audits(outcome, "test_lenient.py::test_parity")["acme", "trades"] == "TOLERATED"
    assert outcome.verdict == "NO-GO"
    assert outcome.report["population"]["rows"]["legacy"] == 13  # counted once


CLASHING = """
[pairing]
tables = ["c", "b-c"]
[tenants.a]
[tenants.a-b]
"""


def test_ids_that_clash_are_told_apart(project: Migration) -> None:
    """Tenant a-b with table c and tenant a with table b-c are two checks, each with its own."""
    for database in (project.legacy, project.modern):
        database.run("CREATE SCHEMA dash")
        for table in ("c", "b-c"):
            database.run(f'CREATE TABLE dash."{table}" (id int PRIMARY KEY, t text)')
            database.run(f"""INSERT INTO dash."{table}" VALUES (1, 'a'), (2, 'a-b')""")
    project.modern.run("UPDATE dash.c SET id = 3 WHERE t = 'a-b'")
    side = '[{}]\nurl = "{}"\nschema = "dash"\ntenancy = {{ column = "t" }}\n'
    stacks = side.format("legacy", project.legacy_url) + side.format("modern", project.modern_url)
    project.write("tenantparity.toml", stacks + CLASHING)
    outcome = project.run("--fail-on-drift", "-v", "-n", "2", "--tenants=all,!unassigned")
    assert (outcome.code, outcome.verdict) == (1, "NO-GO")
    assert audits(outcome, "test_audit.py::test_parity") == {
        ("a", "b-c"): "MATCH",
        ("a", "c"): "MATCH",
        ("a-b", "b-c"): "MATCH",
        ("a-b", "c"): "DRIFT",
        ("coverage", "*"): "MATCH",
    }
    assert outcome.report["population"]["executed"] == 5


# ---- hand-written tests

OWN = '''
from decimal import Decimal

ACCOUNTS = {"acme": "A1", "beta": "A2", "eu-north": "A3", "eu-south": "A4"}


def test_table(tenant, table, legacy, modern):
    """Two views of one table of one tenant."""
    assert legacy.count(table.name) == modern.count(table.name) > 0


def test_tenant(tenant, legacy, modern):
    """All questions, each limited to the tenant's own rows."""
    assert (tenant.cohort, tenant.legacy_accounts) == ("cohort-1", (ACCOUNTS[tenant.id],))
    assert legacy.values == [ACCOUNTS[tenant.id]] and modern.values == [tenant.id]
    assert legacy.count("trades") == modern.count("trades") == 6
    first = {"acme": 4, "beta": 1}[tenant.id]
    amounts = [Decimal(number) * Decimal("1.25") for number in range(first, 25, 4)]
    assert legacy.sum("trades", "amount") == modern.sum("trades", "amount") == sum(amounts)
    assert sorted(row["amount"] for row in modern.rows("trades", "amount")) == amounts
    assert {row["tenant"] for row in modern.rows("trades")} == {tenant.id}
    found = legacy.query("SELECT count(*) AS n FROM trades WHERE account = ANY(:mine)",
                         mine=legacy.values)
    assert found == [{"n": 6}]
    assert legacy.query("SELECT count(*) AS n FROM trades") == [{"n": 24}]


def test_legacy_alone(legacy):
    """One side is enough to ask for."""
    assert legacy.sum("positions", "quantity") > 0
'''


@pytest.mark.parametrize("mode", [["-n", "0"], ["-n", "2"]], ids=["-n 0", "-n 2"])
def test_hand_written_tests_are_checks(project: Migration, mode: list[str]) -> None:
    """Tests that ask for tenant, table or a stack run for each, and stand in the report."""
    project.write("test_own.py", OWN)
    outcome = project.run("--tenants=cohort-1", *mode)
    assert (outcome.code, outcome.verdict) == (0, "GO"), outcome.output
    tenants = {("acme", "*"): "MATCH", ("beta", "*"): "MATCH"}
    assert audits(outcome, "test_own.py::test_tenant") == tenants
    assert audits(outcome, "test_own.py::test_legacy_alone") == tenants
    assert audits(outcome, "test_own.py::test_table") == {
        (tenant, table): "MATCH" for tenant in ("acme", "beta") for table in ("trades", "positions")
    }


FAILING = """
import pytest

def test_refuted(tenant, legacy, modern):
    assert tenant.id != "acme", "the money is gone"

def test_broken(tenant, legacy, modern):
    raise KeyError("no idea")

def test_asks_for_nothing_known(tenant, legacy):
    legacy.sum("trades", "amout")

def test_asks_of_no_table(tenant, legacy):
    legacy.count("trade")
"""


def test_hand_written_test_that_fails_is_in_the_report(project: Migration) -> None:
    """A refuted assertion is DRIFT, any other failure NOT PROVEN, each with what it said."""
    project.write("test_own.py", FAILING)
    outcome = project.run("--tenants=acme", "test_own.py", "test_audit.py")
    assert (outcome.code, outcome.verdict) == (1, "NO-GO")
    found = {each["check"].partition("::")[2]: each for each in outcome.report["checks"]}
    assert found["test_refuted"]["status"] == "DRIFT"
    assert "the money is gone" in found["test_refuted"]["reasons"][0]
    assert found["test_broken"]["status"] == "NOT PROVEN"
    assert "no idea" in found["test_broken"]["reasons"][0]
    assert found["test_asks_for_nothing_known"]["status"] == "NOT PROVEN"
    assert "Did you mean 'amount'?" in found["test_asks_for_nothing_known"]["reasons"][0]
    assert "Did you mean 'trades'?" in found["test_asks_of_no_table"]["reasons"][0]


WRITES = """
import pytest

from pytest_tenantparity.errors import NotProven

@pytest.mark.parametrize("sql", [
    "INSERT INTO prices VALUES ('new', 1)",
    "UPDATE prices SET price = 0",
    "WITH gone AS (DELETE FROM prices RETURNING *) SELECT * FROM gone",
    "CREATE TABLE mine (id int)",
    "CREATE TEMP TABLE mine (id int) ON COMMIT DROP; INSERT INTO prices VALUES ('new', 1)",
    "SELECT nextval('counter')",
    "TRUNCATE prices",
    "SELECT set_config('transaction_read_only', 'off', false)",
    "COMMIT; DELETE FROM prices",
    "COMMIT; SET default_transaction_read_only = off; DELETE FROM prices",
    "SELECT lo_create(0)",
    "COPY prices FROM '/etc/passwd'",
])
@pytest.mark.parametrize("side", ["legacy", "modern"])
def test_write(request, legacy, modern, side, sql):
    with pytest.raises(NotProven, match="read-only|read-write|multiple commands"):
        (legacy if side == "legacy" else modern).query(sql)
"""


def test_hand_written_tests_cannot_write(project: Migration) -> None:
    """No statement of a hand-written test changes either database."""
    for database in (project.legacy, project.modern):
        database.run("CREATE SEQUENCE counter")
    project.write("test_own.py", WRITES)
    outcome = project.run("--tenants=acme", "test_own.py")
    assert "24 passed" in outcome.stdout
    for database in (project.legacy, project.modern):
        assert database.run("SELECT count(*), sum(price) FROM prices") == [(5, 150)]
        assert database.run("SELECT is_called FROM counter") == [(False,)]


MORE_PARAMETERS = """
import pytest

@pytest.mark.parametrize("column", ["amount", "id"])
def test_sums(tenant, legacy, modern, column):
    assert legacy.sum("trades", column) == modern.sum("trades", column)
"""


def test_parameters_of_a_test_are_checks_each(project: Migration) -> None:
    """A test's own parameters make checks of their own: one that holds hides none that fails."""
    project.modern.run(DRIFT)
    mark = "@pytest.mark.drift_tolerance(absolute=1)\n@pytest.mark.parity"
    project.write("test_audit.py", TEST.replace("@pytest.mark.parity", mark))
    project.write("test_own.py", MORE_PARAMETERS)
    outcome = project.run("--tenants=acme")
    assert outcome.code == 1
    assert outcome.verdict == "NO-GO"
    own = [each for each in outcome.report["checks"] if "test_own.py" in each["check"]]
    assert sorted(each["status"] for each in own) == ["DRIFT", "MATCH"]


def test_parameter_that_is_left_out_is_not_proven(project: Migration) -> None:
    """Running one of a test's own parameters does not carry the others out."""
    project.write("test_own.py", MORE_PARAMETERS)
    outcome = project.run("--tenants=acme", "-k", "not amount")
    assert (outcome.code, outcome.verdict) == (1, "NOT PROVEN")


def test_parity_with_tenant_and_table(project: Migration) -> None:
    """A test may ask for its tenant and table beside the check; then tenants are all it is for."""
    source = (
        "def test_it(parity, tenant, table, modern):\n"
        "    assert parity.check().rows.modern == modern.count(table.name)\n"
    )
    project.write("test_own.py", source)
    outcome = project.run("--tenants=acme")
    assert (outcome.code, outcome.verdict) == (0, "GO"), outcome.output
    assert audits(outcome, "test_own.py::test_it") == {
        ("acme", "trades"): "MATCH",
        ("acme", "positions"): "MATCH",
    }


# ---- markers


def test_parity_marker_narrows(offline: Project) -> None:
    """``parity(tables=, tenants=)`` makes fewer items, and never more than were selected."""
    mark = "@pytest.mark.parity(tables=['tra*', 'prices'], tenants='cohort-1')"
    offline.write("test_audit.py", TEST.replace("@pytest.mark.parity", mark))
    assert sorted(offline.collect()) == ["acme-trades", "beta-trades"]
    assert offline.collect("--tenants=acme,eu-*") == ["acme-trades"]


def test_narrowed_audit_is_partial(project: Migration) -> None:
    """A marker that leaves selected tenants out leaves the verdict open."""
    mark = "@pytest.mark.parity(tenants='acme')"
    project.write("test_audit.py", TEST.replace("@pytest.mark.parity", mark))
    outcome = project.run("--tenants=cohort-1")
    assert (outcome.code, outcome.verdict) == (1, "NOT PROVEN")


REFUSED = {
    "drift_tolerance(absolut=1)": ("'absolut'", "Did you mean 'absolute'?", "relative, seconds"),
    "drift_tolerance(0.01)": ("drift_tolerance(0.01)", "absolute, relative, seconds"),
    "drift_tolerance()": ("says nothing",),
    "drift_tolerance(columns='amount')": ("says nothing",),
    "drift_tolerance(absolute=-1)": ("absolute=-1", "greater than or equal to 0"),
    "drift_tolerance(absolute='much')": ("absolute='much'",),
    "drift_tolerance(absolute=float('nan'))": ("absolute=nan",),
    "drift_tolerance(ratio=2)": ("ratio=2", "less than or equal to 1"),
    "drift_tolerance(rows=1.5)": ("rows=1.5",),
    "drift_tolerance(rows=1, columns='amount')": ("columns",),
    "parity(table='trades')": ("'table'", "Did you mean 'tables'?", "tables, tenants"),
    "parity('trades')": ("parity('trades')", "tables, tenants"),
    "parity(tables='trade')": ("'trade'", "Did you mean 'trades'?"),
    "parity(tenants='acmee')": ("'acmee'", "Did you mean 'acme'?"),
}


def test_wrong_markers_are_refused(offline: Project) -> None:
    """A marker that says something unknown stops its module, in words, with what is valid."""
    for number, mark in enumerate(REFUSED):
        source = TEST.replace("@pytest.mark.parity", f"@pytest.mark.{mark}")
        offline.write(f"test_{number:02}.py", source)
    outcome = offline.run("--collect-only", "-q")
    assert outcome.code == 2
    assert "Traceback" not in outcome.output
    assert "pytest_tenantparity/" not in outcome.output
    sections = outcome.stdout.split("ERROR collecting test_")[1:]
    assert len(sections) == len(REFUSED)
    for section, (mark, words) in zip(sections, REFUSED.items(), strict=True):
        assert [word for word in words if word not in section] == [], mark


def test_wrong_marker_leaves_no_go(project: Migration) -> None:
    """A module that is refused for its marker keeps the whole run from being GO."""
    source = TEST.replace("@pytest.mark.parity", "@pytest.mark.drift_tolerance(absolut=1)")
    project.write("test_wrong.py", source)
    outcome = project.run("--tenants=acme")
    assert (outcome.code, outcome.verdict) == (2, "NOT PROVEN")


# ---- tolerances


def _marked(*marks: str) -> str:
    lines = "".join(f"@pytest.mark.drift_tolerance({mark})\n" for mark in marks)
    return TEST.replace("@pytest.mark.parity", f"{lines}@pytest.mark.parity")


PRECEDENCE = [
    pytest.param("0.01", "", [], "MIGRATION_DRIFT_TOLERANCE", id="environment"),
    pytest.param("0.01", "absolute = 0", [], None, id="settings over environment"),
    pytest.param("0", "absolute = 0.01", [], "[tables.trades.tolerance]", id="settings"),
    pytest.param("1", "absolute = 1", ["absolute=0"], None, id="marker over settings"),
    pytest.param("0", "", ["absolute='0.01'"], "@pytest.mark.drift_tolerance", id="marker"),
    pytest.param(
        "0", "", ["absolute=1", "absolute=0, columns=['amount']"], None, id="inner over outer"
    ),
    pytest.param("0", "", ["absolute=1, columns='note'"], None, id="another column"),
    pytest.param("0.009", "", [], None, id="too little"),
]


@pytest.mark.parametrize(("environment", "table", "marks", "source"), PRECEDENCE)
def test_tolerance_nearest_to_the_test_wins(
    project: Migration,
    monkeypatch: pytest.MonkeyPatch,
    environment: str,
    table: str,
    marks: list[str],
    source: str | None,
) -> None:
    """Environment, settings, marker: the innermost that says something decides, and is named."""
    project.modern.run(DRIFT)
    monkeypatch.setenv("MIGRATION_DRIFT_TOLERANCE", environment)
    project.settings(f"[tables.trades.tolerance]\n{table}" if table else "")
    project.write("test_audit.py", _marked(*marks))
    outcome = project.run("--tenants=acme", "--parity-tables=trades", "--fail-on-drift")
    check = outcome.check("acme", "trades")
    if source is None:
        assert (outcome.code, check["status"], check["tolerance"]) == (1, "DRIFT", [])
    else:
        assert (outcome.code, outcome.verdict, check["status"]) == (0, "GO", "TOLERATED")
        assert [each["source"] for each in check["tolerance"]] == [source]
        assert source in outcome.files[".html"]


def test_marker_of_a_class_is_outside_that_of_its_test(project: Migration) -> None:
    """A class's tolerance holds for its tests, but for those that have their own."""
    project.modern.run(DRIFT)
    strict = "    @pytest.mark.drift_tolerance(absolute=0)\n    def test_strict(self, parity):\n"
    source = CLASS.replace("class Test", "@pytest.mark.drift_tolerance(absolute=1)\nclass Test")
    project.write("test_audit.py", f"{source}\n{strict}        parity.check()\n")
    outcome = project.run("--tenants=acme", "--parity-tables=trades")
    lenient = audits(outcome, "test_audit.py::TestAudit::test_parity")
    strict_ones = audits(outcome, "test_audit.py::TestAudit::test_strict")
    assert (lenient["acme", "trades"], strict_ones["acme", "trades"]) == ("TOLERATED", "DRIFT")


@pytest.mark.parametrize("value", ["1%", "-1", "nan"])
def test_wrong_tolerance_in_the_environment_is_refused(
    offline: Project, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """``MIGRATION_DRIFT_TOLERANCE`` is a number of at least 0, or a usage error that says so."""
    monkeypatch.setenv("MIGRATION_DRIFT_TOLERANCE", value)
    assert_usage_error(offline.run(), f"MIGRATION_DRIFT_TOLERANCE='{value}'", "such as 0.01")
