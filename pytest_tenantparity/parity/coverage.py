"""Tables that belong to no pair: nobody compares them, so somebody has to say why."""

from __future__ import annotations

from ..errors import NotProven
from ..inventory import Place, coverage_gaps, place_of, place_of_shared
from ..model import SIDES, CheckKey, Evidence, Side, Status
from .context import Context


def check_coverage(context: Context, key: CheckKey) -> Evidence:
    """Name every table, on either side, that is neither compared nor ignored for a reason."""
    reasons: list[str] = []
    for side in SIDES:  # says so, where a stack is not there
        context.stacks[side].database(place_of_shared(context.settings.stack(side)))
    if not context.pairs:
        raise NotProven("no tables are paired, so none is compared")
    for side in SIDES:
        for place in _places(context, side):
            reasons += _gaps(context, side, place)
    status = Status.NOT_PROVEN if reasons else Status.MATCH
    return Evidence(key, status, reasons=tuple(dict.fromkeys(reasons)))


def _places(context: Context, side: Side) -> list[Place]:
    """Where the run reads from: the shared tables, and each selected tenant's own."""
    stack = context.settings.stack(side)
    tenancies = [pair.tenancy(side) for pair in context.pairs.values()]
    shared = any(not each.per_place for each in tenancies)
    places = {place_of_shared(stack): None} if shared else {}
    for tenancy in (each for each in tenancies if each.per_place):
        places |= {place_of(stack, tenancy, tenant): None for tenant in context.selected}
    return list(places)


def _gaps(context: Context, side: Side, place: Place) -> list[str]:
    tables = context.stacks[side].catalog(place).stored_tables
    if not tables:
        raise NotProven(f"the {side} schema {place.schema!r} has no tables, or does not exist")
    gaps = coverage_gaps(context.settings, list(context.pairs.values()), side, tables)
    return [
        f"the {side} table {place.schema}.{name} is neither compared nor ignored; pair it "
        f'([tables.*]) or give a reason ([ignore.tables] "{side}.{name}" = "...")'
        for name in gaps
    ]
