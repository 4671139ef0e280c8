"""Tables that belong to no pair: nobody compares them, so somebody has to say why."""

from __future__ import annotations

from ..errors import NotProven
from ..inventory import Place, TablePair, coverage_gaps, place_of, place_of_shared
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
        for place, pairs in _places(context, side).items():
            try:
                reasons += _gaps(context, side, place, pairs)
            except NotProven as error:  # of one tenant's place, which hides no other's gaps
                reasons.append(str(error))
    status = Status.NOT_PROVEN if reasons else Status.MATCH
    return Evidence(key, status, reasons=tuple(dict.fromkeys(reasons)))


def _places(context: Context, side: Side) -> dict[Place, list[TablePair]]:
    """Where the run reads from, and which pairs it reads there."""
    stack = context.settings.stack(side)
    places: dict[Place, list[TablePair]] = {}
    for pair in context.pairs.values():
        tenancy = pair.tenancy(side)
        owners = context.selected if tenancy.per_place else (None,)
        for place in {place_of(stack, tenancy, owner) for owner in owners}:
            places.setdefault(place, []).append(pair)
    return places


def _gaps(context: Context, side: Side, place: Place, pairs: list[TablePair]) -> list[str]:
    catalog = context.stacks[side].catalog(place)
    tables = catalog.stored_tables
    if not tables:
        raise NotProven(f"the {side} schema {catalog.schema!r} has no tables, or does not exist")
    gaps = coverage_gaps(context.settings, pairs, side, tables)
    hidden = [f"{catalog.hidden} on the {side} stack"] if catalog.hidden else []
    return hidden + [
        f"the {side} table {catalog.schema}.{name} is neither compared nor ignored; pair it "
        f'([tables.*]) or give a reason ([ignore.tables] "{side}.{name}" = "...")'
        for name in gaps
    ]
