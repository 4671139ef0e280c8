"""The items of an audit: names, stacks in hand-written tests, markers, tolerances."""

from __future__ import annotations

import pytest

from pytest_tenantparity.errors import SettingsError
from pytest_tenantparity.parity.compare.tolerance import environment_layer

from ..support.project import (
    ALL,
    DRIFT,
    SHARED,
    TEST,
    Migration,
    Project,
    RunResult,
    assert_usage_error,
)

pytest_plugins = ["tests.support.project"]


def audits(outcome: RunResult, check: str) -> dict[tuple[str, str], str]:
    """Return the status of each (tenant, table) of one test."""
    return {
        (each["tenant"], each["table"]): each["status"]
        for each in outcome.report["checks"]
        if each["check"] == check
    }


# ---- names


CLASS = '''
import pytest

class TestAudit:
    """A class of audits."""

    @pytest.mark.parity
    def test_parity(self, parity):
        parity.check()
'''


LENIENT_CLASS = CLASS.replace("class Test", "@pytest.mark.drift_tolerance(absolute=1)\nclass Test")
STRICT = """
    @pytest.mark.drift_tolerance(absolute=0)
    def test_strict(self, parity):
        parity.check()
"""
WITH_TENANT = """
def test_it(parity, tenant, table, modern):
    assert parity.check().rows.modern == modern.count(table.name)
"""
MORE_PARAMETERS = """
import pytest

@pytest.mark.parametrize("column", ["amount", "id"])
def test_sums(tenant, legacy, modern, column):
    assert legacy.sum("trades", column) == modern.sum("trades", column)
"""


FAILING = """
import pytest

def test_refuted(tenant, legacy, modern):
    assert legacy.count("trades") == 0 or tenant.id != "acme", "the money is gone"

def test_broken(tenant, legacy, modern):
    raise KeyError("no idea")

def test_asks_for_nothing_known(tenant, legacy):
    legacy.sum("trades", "amout")

def test_asks_of_no_table(tenant, legacy):
    legacy.count("trade")
"""


def test_each_test_has_a_check_of_its_own(project: Migration) -> None:
    """Each test of each tenant and table is a separate check with its own name and tolerance.

    Two tests of one name are two checks. A method audits like a function, under its class's name. A
    class's tolerance holds for its tests, except for tests with a tolerance of their own.

    Parameters make separate checks, so that a passing one hides no failing one. A test may take its
    tenant and table beside ``parity``: then it runs only for tenants.

    In a hand-written test a failed assertion is DRIFT. Any other failure is NOT PROVEN. The reason
    quotes the failure's message.
    """
    project.modern.run(DRIFT)
    project.write("test_lenient.py", _marked("absolute='0.01'"))
    project.write("test_class.py", CLASS)
    project.write("test_lenient_class.py", LENIENT_CLASS + STRICT)
    project.write("test_parameters.py", MORE_PARAMETERS)
    project.write("test_failing.py", FAILING)
    project.write("test_with_tenant.py", WITH_TENANT)
    outcome = project.run("--tenants=acme", "-v")
    assert (outcome.code, outcome.verdict) == (1, "NO-GO")
    for name in ("acme-trades", *ALL[1:2], *SHARED):
        shown = "DRIFT" if name == "acme-trades" else "PASSED"
        assert f"test_audit.py::test_parity[{name}] {shown}" in outcome.stdout
    expected = {
        "test_audit::test_parity": "DRIFT",
        "test_lenient::test_parity": "TOLERATED",
        "test_class::TestAudit::test_parity": "DRIFT",
        "test_lenient_class::TestAudit::test_parity": "TOLERATED",
        "test_lenient_class::TestAudit::test_strict": "DRIFT",
    }
    names = {check["check"] for check in outcome.report["checks"]}
    assert {name for name in names if name.endswith(("test_parity", "test_strict"))} == {*expected}
    for check, status in expected.items():
        found = audits(outcome, check)
        assert (len(found), found["acme", "trades"]) == (6, status), check
        assert {name for key, name in found.items() if key != ("acme", "trades")} == {"MATCH"}
    assert audits(outcome, "test_with_tenant::test_it") == {
        ("acme", "trades"): "DRIFT",
        ("acme", "positions"): "MATCH",
    }
    own = [
        each for each in outcome.report["checks"] if each["check"].startswith("test_parameters::")
    ]
    assert sorted(each["status"] for each in own) == ["DRIFT", "MATCH"]

    failing = {
        each["check"].partition("::")[2]: (each["status"], each["reasons"][0])
        for each in outcome.report["checks"]
        if each["check"].startswith("test_failing::")
    }
    said = {
        "test_refuted": ("DRIFT", "the money is gone"),
        "test_broken": ("NOT PROVEN", "no idea"),
        "test_asks_for_nothing_known": ("NOT PROVEN", "Did you mean 'amount'?"),
        "test_asks_of_no_table": ("NOT PROVEN", "Did you mean 'trades'?"),
    }
    assert {*failing} == {*said}
    for name, (status, words) in said.items():
        assert failing[name][0] == status, name
        assert words in failing[name][1], name
    assert outcome.report["population"]["planned"] == 5 * 6 + 2 + 2 + 4
    assert outcome.report["population"]["rows"]["legacy"] == 13  # each row is counted once


CLASHING = """
[pairing]
tables = ["c", "b-c"]
[tenants.a]
[tenants.a-b]
"""


def test_ids_that_clash_are_told_apart(project: Migration) -> None:
    """Tenant a-b with table c and tenant a with table b-c are two checks with separate results."""
    for database in (project.legacy, project.modern):
        database.run("CREATE SCHEMA dash")
        for table in ("c", "b-c"):
            database.run(f'CREATE TABLE dash."{table}" (id int PRIMARY KEY, t text)')
            database.run(f"""INSERT INTO dash."{table}" VALUES (1, 'a'), (2, 'a-b')""")
    project.modern.run("UPDATE dash.c SET id = 3 WHERE t = 'a-b'")
    side = '[{}]\nurl = "{}"\nschema = "dash"\ntenancy = {{ column = "t" }}\n'
    stacks = side.format("legacy", project.legacy_url) + side.format("modern", project.modern_url)
    project.write("tenantparity.toml", stacks + CLASHING)
    outcome = project.run("--fail-on-drift", "-v", "-n", "1", "--tenants=all,!unassigned")
    assert (outcome.code, outcome.verdict) == (1, "NO-GO")
    assert audits(outcome, "test_audit::test_parity") == {
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
    "COMMIT; BEGIN READ WRITE; DELETE FROM prices; COMMIT",
    "SET default_transaction_read_only = off; COMMIT; DELETE FROM prices; COMMIT",
    "SELECT 1; DELETE FROM prices",
    "DELETE FROM prices RETURNING symbol",
])
@pytest.mark.parametrize("side", ["legacy", "modern"])
def test_write(request, legacy, modern, side, sql):
    assert legacy.query("SELECT 1 AS one")
    with pytest.raises(NotProven, match="read-only|read-write|multiple commands"):
        (legacy if side == "legacy" else modern).query(sql)
"""


def test_hand_written_tests_are_checks(project: Migration) -> None:
    """Tests that take a tenant, a table or a stack run for each, and appear in the report.

    The statements of these tests change neither database.
    """
    for database in (project.legacy, project.modern):
        database.run("CREATE SEQUENCE counter")
    project.write("test_own.py", OWN)
    project.write("test_writes.py", WRITES)
    outcome = project.run("--tenants=cohort-1", "-n", "1")
    assert (outcome.code, outcome.verdict) == (0, "GO"), outcome.output
    tenants = {("acme", "*"): "MATCH", ("beta", "*"): "MATCH"}
    assert audits(outcome, "test_own::test_tenant") == tenants
    assert audits(outcome, "test_own::test_legacy_alone") == tenants
    assert audits(outcome, "test_own::test_table") == {
        (tenant, table): "MATCH" for tenant in ("acme", "beta") for table in ("trades", "positions")
    }
    writes = [
        each for each in outcome.report["checks"] if each["check"].startswith("test_writes::")
    ]
    assert len(writes) == 2 * 2 * 16
    for database in (project.legacy, project.modern):
        assert database.run("SELECT count(*), sum(price) FROM prices") == [(5, 150)]
        assert database.run("SELECT is_called FROM counter") == [(False,)]


def test_parameter_that_is_left_out_is_not_proven(project: Migration) -> None:
    """A run of some of a test's parameters leaves the verdict NOT PROVEN."""
    project.write("test_own.py", MORE_PARAMETERS)
    outcome = project.run("--tenants=acme", "-k", "not amount")
    assert (outcome.code, outcome.verdict) == (1, "NOT PROVEN")


# ---- markers


def test_parity_marker_narrows(offline: Project) -> None:
    """``parity(tables=, tenants=)`` narrows the items, and never adds to the selection."""
    mark = "@pytest.mark.parity(tables=['tra*', 'prices'], tenants='cohort-1')"
    offline.write("test_audit.py", TEST.replace("@pytest.mark.parity", mark))
    assert sorted(offline.collect()) == ["acme-trades", "beta-trades"]
    assert offline.collect("--tenants=acme,eu-*") == ["acme-trades"]


def test_narrowed_audit_is_partial(files: Project) -> None:
    """If a marker leaves selected tenants out, the verdict is NOT PROVEN."""
    mark = "@pytest.mark.parity(tenants='acme')"
    files.write("test_audit.py", TEST.replace("@pytest.mark.parity", mark))
    outcome = files.run("--tenants=acme,beta")
    assert (outcome.code, outcome.verdict) == (1, "NOT PROVEN")
    assert outcome.with_status("NOT PROVEN") == []


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


def test_wrong_markers_are_refused(files: Project) -> None:
    """A marker with an unknown argument or value stops its module and lists the valid ones.

    The run with these modules is NOT PROVEN.
    """
    for number, mark in enumerate(REFUSED):
        source = TEST.replace("@pytest.mark.parity", f"@pytest.mark.{mark}")
        files.write(f"test_{number:02}.py", source)
    outcome = files.run()
    assert (outcome.code, outcome.verdict) == (2, "NOT PROVEN")
    assert "Traceback" not in outcome.output
    assert "pytest_tenantparity/" not in outcome.output
    sections = outcome.stdout.split("ERROR collecting test_")[1:]
    assert len(sections) == len(REFUSED)
    for section, (mark, words) in zip(sections, REFUSED.items(), strict=True):
        assert [word for word in words if word not in section] == [], mark


# ---- tolerances


def _marked(*marks: str) -> str:
    lines = "".join(f"@pytest.mark.drift_tolerance({mark})\n" for mark in marks)
    return TEST.replace("@pytest.mark.parity", f"{lines}@pytest.mark.parity")


# Each module's marks, by its name.
MODULES = {
    "audit": [],
    "marker": ["absolute='0.01'"],
    "strict": ["absolute=0"],
    "inner": ["absolute=1", "absolute=0, columns=['amount']"],
    "other": ["absolute=1, columns='note'"],
}
ENVIRONMENT, MARKER = "MIGRATION_DRIFT_TOLERANCE", "@pytest.mark.drift_tolerance"
# The source of the tolerance that forgives a difference of 0.01, by environment, module and table.
# The settings of the tables zero, cent, little and one are 0, 0.01, 0.009 and 1. The table trades
# has none.
FORGIVEN: dict[str, dict[tuple[str, str], str | None]] = {
    "0.01": {
        ("audit", "trades"): ENVIRONMENT,
        ("audit", "zero"): None,  # the settings outrank the environment
        ("strict", "one"): None,  # a marker outranks both
        ("strict", "trades"): None,
    },
    "0": {
        ("audit", "trades"): None,
        ("audit", "cent"): "[tables.cent.tolerance]",
        ("audit", "little"): None,  # too little
        ("marker", "trades"): MARKER,
        ("marker", "zero"): MARKER,
        ("inner", "trades"): None,  # the inner marker outranks the outer one
        ("other", "trades"): None,  # a marker of another column
    },
}


def test_tolerance_nearest_to_the_test_wins(
    project: Migration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tolerance nearest to the test is used and named, of environment, settings and markers."""
    project.modern.run(DRIFT)
    limits = {"zero": "0", "cent": "'0.01'", "little": "'0.009'", "one": "1"}
    for table in limits:
        project.legacy.run(f"CREATE TABLE {table} AS SELECT * FROM trades")
        project.legacy.run(f"ALTER TABLE {table} ADD PRIMARY KEY (id)")
        project.modern.run(f"CREATE TABLE tenant_{table} AS SELECT * FROM tenant_trades")
        project.modern.run(f"ALTER TABLE tenant_{table} ADD PRIMARY KEY (tenant, id)")
    project.settings(
        "".join(f"[tables.{name}.tolerance]\nabsolute = {limits[name]}\n" for name in limits),
        tables=f"tables = {['trades', *limits]}",
    )
    for name, marks in MODULES.items():
        project.write(f"test_{name}.py", _marked(*marks))
    for environment, forgiven in FORGIVEN.items():
        monkeypatch.setenv(ENVIRONMENT, environment)
        outcome = project.run("--tenants=acme,!unassigned,!coverage,!global", "--fail-on-drift")
        assert (outcome.code, outcome.verdict) == (1, "NO-GO")
        found = {
            (each["check"].partition("::")[0].removeprefix("test_"), each["table"]): each
            for each in outcome.report["checks"]
        }
        for key, source in forgiven.items():
            check = found[key]
            sources = [each["source"] for each in check["tolerance"]]
            status = "DRIFT" if source is None else "TOLERATED"
            assert (check["status"], sources) == (status, [source] if source else []), key
            assert source is None or source in outcome.files[".html"]


@pytest.mark.parametrize("value", ["1%", "-1", "nan"])
def test_wrong_tolerance_in_the_environment_is_refused(value: str) -> None:
    """If ``MIGRATION_DRIFT_TOLERANCE`` is not a number of at least 0, a clear error is raised."""
    with pytest.raises(SettingsError) as caught:
        environment_layer({ENVIRONMENT: value})
    assert f"{ENVIRONMENT}='{value}'" in str(caught.value)
    assert "such as 0.01" in str(caught.value)


def test_wrong_tolerance_in_the_environment_is_a_usage_error(
    offline: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong ``MIGRATION_DRIFT_TOLERANCE`` ends the run with exit code 4."""
    monkeypatch.setenv(ENVIRONMENT, "1%")
    assert_usage_error(offline.run(), f"{ENVIRONMENT}='1%'", "such as 0.01")


# ---- identity


def test_a_check_is_known_wherever_its_file_lies(files: Project) -> None:
    """A moved file keeps the identity of its checks, as does a test with a name of its own.

    Two tests that would be the same check are refused. The message shows both places and the way
    out.
    """
    (files.path / "test_audit.py").unlink()
    named = TEST.replace("@pytest.mark.parity", "@pytest.mark.parity(name='ledger')")
    files.write("test_plain.py", TEST)
    files.write("test_named.py", named)
    before = {(each["check"], each["tenant"]) for each in files.run().report["checks"]}
    assert {name for name, _ in before} == {"test_plain::test_parity", "ledger"}
    for name, source in (("test_plain.py", TEST), ("test_moved.py", named)):
        files.write(f"deeper/{name}", source)
    (files.path / "test_plain.py").unlink()
    (files.path / "test_named.py").unlink()
    outcome = files.run()
    assert {(each["check"], each["tenant"]) for each in outcome.report["checks"]} == before
    files.write("test_twice.py", named)
    outcome = files.run()
    assert (outcome.code, outcome.verdict) == (2, "NOT PROVEN")
    for said in ("deeper/test_moved.py::test_parity", "test_twice.py::test_parity", "name="):
        assert said in outcome.stdout
