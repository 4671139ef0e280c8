"""Traps and random tables with the rows of several tenants, read by one statement.

Tenants share a table, or have separate schemas, whose tables are digested in batches. ``make
soundness`` runs every trap and every way of reading in every layout.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from pytest_tenantparity.parity.scan.batch import BY_ONE_STATEMENT

from ..support.engine_pairs import Place, places
from ..support.shared_tables import audit_shared, for_each_tenant, trials_among_others, wrong
from ..support.tenant_layouts import Layout, pairs_of, traps_in
from .traps import TRAPS, Engine, Side, Trap
from .ways import WAYS

__all__ = ["places"]

LAYOUTS = [
    Layout("postgresql", "postgresql"),
    Layout("postgresql", "mariadb"),
    Layout("mariadb", "sqlite"),
    Layout("postgresql", "postgresql", ("legacy", "modern")),
    Layout("postgresql", "postgresql", ("legacy",)),
    Layout("postgresql", "postgresql", ("modern",)),
    Layout("mariadb", "postgresql", ("modern",)),
    Layout("mariadb", "mariadb", ("legacy", "modern")),
    Layout("mariadb", "postgresql", ("legacy", "modern")),
]
GIVEN = traps_in(LAYOUTS)
PAIRS = pairs_of(LAYOUTS, list(WAYS))
TRIALS = 8


@pytest.mark.parametrize(("layout", "traps"), GIVEN.items(), ids=[each.name for each in GIVEN])
@pytest.mark.slow
def test_no_tenant_falls_into_a_trap(
    places: Callable[[Engine, Side], Place], layout: Layout, traps: Sequence[Trap]
) -> None:
    """A trap is judged right for each of four tenants that have its rows.

    If tenants have separate schemas, most of the tables are digested in batches.
    """
    assert len(traps) > 20
    given = [for_each_tenant(trap) for trap in traps]
    here, there = places(layout.legacy, "legacy"), places(layout.modern, "modern")
    verdicts = audit_shared(here, there, given, layout.own_schemas)
    assert wrong(verdicts) == []
    assert len(verdicts) == 4 * len(traps)
    hows = [each.how for verdict in verdicts for each in verdict.evidence.work.readings]
    if layout.own_schemas:
        assert len([how for how in hows if how.endswith(BY_ONE_STATEMENT)]) > len(traps) / 2


def test_every_trap_is_given_to_tenants() -> None:
    """Every trap has a layout here, except the one trap that needs an engine of no layout."""
    given = {trap.name for traps in GIVEN.values() for trap in traps}
    assert {trap.name for trap in TRAPS} - given == {"nanosecond"}


@pytest.mark.parametrize(
    ("layout", "way"), PAIRS, ids=[f"{layout.name}, {way}" for layout, way in PAIRS]
)
@pytest.mark.slow
def test_what_differs_is_found_in_its_own_tenant(
    places: Callable[[Engine, Side], Place], layout: Layout, way: str
) -> None:
    """In random tables, findings are exact for tenants that differ, and all others MATCH."""
    given = trials_among_others(f"tenants/{layout.name}", layout.legacy, layout.modern, TRIALS)
    here, there = places(layout.legacy, "legacy"), places(layout.modern, "modern")
    verdicts = audit_shared(here, there, given, layout.own_schemas, WAYS[way])
    assert wrong(verdicts) == []
