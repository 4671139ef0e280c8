"""The order of the rows in a table has no effect on a report."""

from __future__ import annotations

from pytest_tenantparity.model import Outcome

from ..support.engine_driver import Engine

LEGACY, MODERN = ("('A')", "('a ')"), ("('A ')", "('a')")


def test_the_rules_that_forgave_do_not_depend_on_the_order_of_rows(engine: Engine) -> None:
    """Rows without a key that have several possible partners are always paired alike."""
    for number in range(4):
        here = LEGACY if number % 2 else LEGACY[::-1]
        there = MODERN if number // 2 else MODERN[::-1]
        for database, values in ((engine.legacy, here), (engine.modern, there)):
            database.run(f"CREATE TABLE t{number} (v text)")
            database.run(f"INSERT INTO t{number} VALUES {', '.join(values)}")
    with engine.opened("[rules]\ntrim = 'trailing'\nignore_case = true") as run:
        found = [run.audit("global", f"t{number}") for number in range(4)]
    assert {each.outcome for each in found} == {Outcome.TOLERATED}
    assert [each.tolerance for each in found] == [found[0].tolerance] * 4
