"""The number of an audit's checks in words."""

from __future__ import annotations

from pytest_tenantparity.model import CheckKind, Target
from pytest_tenantparity.plugin.results.reporter import checks_in_words

ROWS = CheckKind.ROWS


def test_number_of_checks_in_words() -> None:
    """87 checks of 10 tenants and 8 tables, one of them shared, are explained as a sum.

    An irregular plan and a plan with unknown tables have shorter explanations. An empty one has
    none.
    """
    tables = [f"t{n}" for n in range(8)]
    checks = [Target(ROWS, f"tenant{n}", table) for n in range(10) for table in tables[1:]]
    checks += [Target(ROWS, None, "t0"), Target(CheckKind.COVERAGE)]
    checks += [Target(CheckKind.UNASSIGNED, None, table) for table in tables[1:]]
    checks += [Target(CheckKind.CANARY, None, table) for table in tables]
    assert len(checks) == 87
    assert checks_in_words(checks) == (
        "10 tenants x 7 tables + 1 global table + 7 tables' rows of no tenant + "
        "8 tables' canaries + 1 check of the tables in no pair"
    )
    some = [Target(ROWS, "a", "t"), Target(ROWS, "a", "u"), Target(ROWS, "b", "t")]
    assert checks_in_words(some) == "3 of 2 tenants and 2 tables"
    unknown = [Target(ROWS, "a"), Target(CheckKind.COVERAGE)]
    assert checks_in_words(unknown).startswith("1 tenant + 1 check")
    assert checks_in_words([]) == ""
