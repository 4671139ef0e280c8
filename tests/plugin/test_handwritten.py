"""Hand-written tests prove only what they have read from the stacks."""

from __future__ import annotations

import pytest

from ..support.project import TEST, Migration

pytest_plugins = ["tests.support.project"]

HANDWRITTEN = '''
"""Tests of a user."""


def test_nothing(tenant, table):
    """Reads neither stack."""


def test_values(tenant, legacy, modern):
    """Knows what marks the tenant's rows, and reads none of them."""
    assert legacy.values and modern.values


def test_refused(tenant, legacy):
    """Sends a query that is refused."""
    try:
        legacy.query("SELECT nonsense")
    except Exception:
        pass


def test_refuted_without_reading(tenant, legacy):
    """Fails, and has read nothing."""
    assert tenant.id == "beta"


def test_count(tenant, legacy):
    """Reads one stack."""
    assert legacy.count("trades") == 6


def test_query(tenant, modern):
    """Reads by SQL of its own."""
    assert modern.query("SELECT 1 AS one") == [{"one": 1}]
'''


@pytest.mark.parametrize("mode", [[], ["-n", "2"]], ids=["one process", "workers"])
def test_a_test_that_read_neither_stack_is_not_proven(project: Migration, mode: list[str]) -> None:
    """A test that reads nothing fails and is NOT PROVEN, and its reason gives the way out."""
    project.write("test_audit.py", HANDWRITTEN)
    outcome = project.run("--tenants=acme", *mode)
    checks = {
        (each["check"].rpartition("::")[2], each["table"]): each
        for each in outcome.report["checks"]
        if each["tenant"] == "acme"
    }
    statuses = {name: each["status"] for name, each in checks.items()}
    assert statuses == {
        ("test_nothing", "positions"): "NOT PROVEN",
        ("test_nothing", "trades"): "NOT PROVEN",
        ("test_values", "*"): "NOT PROVEN",
        ("test_refuted_without_reading", "*"): "NOT PROVEN",
        ("test_refused", "*"): "NOT PROVEN",
        ("test_count", "*"): "MATCH",
        ("test_query", "*"): "MATCH",
    }
    (reason,) = checks["test_nothing", "trades"]["reasons"]
    assert reason.startswith("the test read neither stack")
    assert "parity.check()" in reason
    assert "5 failed, 2 passed" in outcome.stdout
    assert outcome.code == 1


def test_rows_are_counted_whichever_test_comes_first(project: Migration) -> None:
    """The report's total of rows is the same if a hand-written test sorts before the audit."""
    project.write("test_audit.py", TEST)
    before = project.run("--tenants=all", "--fail-on-drift").report["population"]["rows"]
    project.write(
        "test_aaa.py",
        "def test_first(tenant, table, legacy):\n    assert legacy.count(table.name)\n",
    )
    outcome = project.run("--tenants=all", "--fail-on-drift")
    assert outcome.code == 0, outcome.output
    assert outcome.report["population"]["rows"] == before
    assert before["legacy"] > 0
