"""The number of an audit's checks, explained."""

from __future__ import annotations

from pytest_tenantparity.plugin.reporter import checks_in_words


def test_number_of_checks_in_words() -> None:
    """Of LegacyCoinTrader's 87 checks: 10 tenants, 8 tables, one of them shared."""
    tables = [f"t{n}" for n in range(8)]
    places = [(f"tenant{n}", table) for n in range(10) for table in tables[1:]]
    places += [("global", "t0"), *(("unassigned", table) for table in tables[1:])]
    places += [*(("canary", table) for table in tables), ("coverage", "*")]
    assert len(places) == 87
    assert checks_in_words(places) == (
        "10 tenants x 7 tables + 1 shared table + 7 tables' rows of no tenant + "
        "8 tables' canaries + 1 check of the tables in no pair"
    )
    assert checks_in_words([("a", "t"), ("a", "u"), ("b", "t")]) == "3 of 2 tenants and 2 tables"
    assert checks_in_words([("a", "*"), ("coverage", "*")]).startswith("1 tenant + 1 check")
    assert checks_in_words([]) == ""
