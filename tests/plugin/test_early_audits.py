"""A check that runs before pytest has collected all tests takes nothing from later checks."""

from __future__ import annotations

from ..support.project import Migration

pytest_plugins = ["tests.support.project"]

EARLY = """
from pytest_tenantparity.model import CheckKey, CheckKind
from pytest_tenantparity.plugin.stash import SESSION


def pytest_collection_modifyitems(config):
    key = CheckKey(CheckKind.ROWS, "early", "acme", "trades")
    evidence = config.stash[SESSION].audit.check(key)
    assert evidence.status == "MATCH", evidence
    assert {each.how for each in evidence.work.readings} == {"one scan for 4 tenants"}, evidence
"""


def test_tenants_share_a_scan_after_an_early_check(project: Migration) -> None:
    """A check that runs during collection shares its scan with all four tenants.

    The early check does not conclude from the unfinished collection that no tenant is selected.
    """
    project.write("conftest.py", EARLY)
    outcome = project.run("--tenants=all", "--fail-on-drift")
    assert outcome.code == 0, outcome.output
    assert outcome.verdict == "GO"
