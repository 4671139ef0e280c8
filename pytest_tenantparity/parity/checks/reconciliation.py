"""Row counts of a table: the tenants' rows and the unassigned rows must add up to all rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, column, func, literal_column, select, true

from ...mapping.filters import rows_taking_part
from ...mapping.tenancy_sql import (
    Scope,
    UnknownOwner,
    as_kept,
    end_of,
    hops_of,
    owned_by,
    source_of,
    tenant_values,
)
from ...model import Account, Side, Tenant
from ...stacks import ColumnFacts
from ...stacks.dialects import ColumnRules
from ..read.open_pair import OpenPair
from ..read.reader import SideReader

_MOST = 10_000  # most values of ambiguous paths that are read to name their tenants
_AT_ONCE = 100  # tenants whose rows are counted in one scan


def account(opened: OpenPair, side: Side, known: int | None) -> Account | None:
    """Return the counts of all rows, the tenants' rows and the unassigned rows of ``side``.

    ``known`` is the number of the tenants' rows, if scans have counted them. Returns None if the
    side has no discriminator column.
    """
    if opened.pair.tenancy(side).first_column is None:
        return None
    taking_part = rows_taking_part(opened.run, opened.pair, side)
    everything = opened.reader(side, Scope(source_of(opened.tables[side]), taking_part))
    tenants = list(opened.run.tenants.values())
    apart = _are_apart(opened, side, tenants)
    owned = _belongs(opened, side, tenants)
    if apart and known is not None:  # counted by the scans that compared the rows
        total, unassigned = everything.count_each([true(), owned.is_not(true())])
        return Account(side, total, known, unassigned)
    total, of_tenants, unassigned = everything.count_each([true(), owned, owned.is_not(true())])
    if not apart:
        of_tenants = _counted_apart(opened, side, everything, tenants)
    return Account(side, total, of_tenants, unassigned)


def _counted_apart(
    opened: OpenPair, side: Side, everything: SideReader, tenants: Sequence[Tenant]
) -> int:
    """Return the sum of the tenants' row counts. A row of two tenants counts twice."""
    batches = [tenants[n : n + _AT_ONCE] for n in range(0, len(tenants), _AT_ONCE)]
    each_own = ([_belongs(opened, side, [each]) for each in batch] for batch in batches)
    return sum(sum(everything.count_each(batch)) for batch in each_own)


def _are_apart(opened: OpenPair, side: Side, tenants: Sequence[Tenant]) -> bool:
    """Return whether no row can be attributed to two tenants.

    This includes tenants that no shared scan reads together.
    """
    try:
        opened.all_of(side, tenants)
    except UnknownOwner:
        return False
    return True


def _belongs(opened: OpenPair, side: Side, tenants: Sequence[Tenant]) -> ColumnElement[bool]:
    stack, tenancy = opened.run.stacks[side], opened.pair.tenancy(side)
    catalog = stack.catalog(opened.places[side])
    values = tenant_values(side, tenants)
    return owned_by(opened.tables[side], catalog, stack.dialect, tenancy, values)


def unaccounted(opened: OpenPair, owed: Account) -> list[str]:
    """Return the reasons why rows of one side may be attributed to several tenants."""
    reasons = [*_shared_values(opened, owed.side), *_shared_steps(opened, owed.side)]
    if owed.total != owed.tenants + owed.unassigned:
        reasons.append(
            f"the {owed.side} table has {owed.total:,} rows; the tenants' {owed.tenants:,} and "
            f"the {owed.unassigned:,} of no tenant do not add up to that: some row has two owners"
        )
    return reasons


def _owners(opened: OpenPair, side: Side, end: ColumnFacts) -> dict[str, set[str]]:
    """Return the ids of the tenants of each discriminator value, as the column keeps it."""
    owners: dict[str, set[str]] = {}
    for tenant in opened.run.tenants.values():
        for value in tenant_values(side, [tenant]):
            owners.setdefault(as_kept(value, end), set()).add(tenant.id)
    return owners


def _end(opened: OpenPair, side: Side) -> ColumnFacts:
    catalog = opened.run.stacks[side].catalog(opened.places[side])
    return end_of(opened.tables[side], catalog, opened.pair.tenancy(side))


def _shared_values(opened: OpenPair, side: Side) -> list[str]:
    end = _end(opened, side)
    if opened.pair.has_masks:
        return []  # masked values are not shown; the counts that do not add up are the reason
    return [
        f"{value!r} marks the rows of {_names(tenants)} in the {side} column {end.name!r} "
        f"({end.declared}): one value leads to one tenant"
        for value, tenants in _owners(opened, side, end).items()
        if len(tenants) > 1
    ]


def _shared_steps(opened: OpenPair, side: Side) -> list[str]:
    """Return a reason for each value of a path's first column that leads to several tenants."""
    tenancy = opened.pair.tenancy(side)
    if not tenancy.hops or opened.pair.has_masks:
        return []
    stack = opened.run.stacks[side]
    with stack.guard(opened.places[side]):
        ambiguous = opened.connections[side].execute(_ambiguous(opened, side)).all()
    owners = _owners(opened, side, _end(opened, side))
    led: dict[str, set[str]] = {}
    for start, end in ambiguous:
        led.setdefault(start, set()).update(owners.get(end, ()))
    shared = {start: tenants for start, tenants in led.items() if len(tenants) > 1}
    return _rows_led(opened, side, shared) if shared else []


def _ambiguous(opened: OpenPair, side: Side) -> Select[Any]:
    """Return the query for the start values of a path that lead to several end values.

    Each row of its result is a start value with one of its end values.
    """
    stack = opened.run.stacks[side]
    path = hops_of(stack.catalog(opened.places[side]), stack.dialect, opened.pair.tenancy(side))
    start: ColumnElement[str] = path.start.label("start")
    end: ColumnElement[str] = path.end.label("ending")
    ways = select(start, end).select_from(path.joined).distinct().subquery("ways")
    several = select(ways.c.start).group_by(ways.c.start).having(func.count() > literal_column("1"))
    return select(ways.c.start, ways.c.ending).where(ways.c.start.in_(several)).limit(_MOST)


def _rows_led(opened: OpenPair, side: Side, shared: Mapping[str, set[str]]) -> list[str]:
    facts, stack = opened.tables[side], opened.run.stacks[side]
    first = facts.column(opened.pair.tenancy(side).first_column or "")
    if first is None:
        return []
    text = stack.dialect.canonical(column(first.name), first, first.family, ColumnRules())
    counted = select(text, func.count()).select_from(source_of(facts)).group_by(text)
    counted = counted.where(rows_taking_part(opened.run, opened.pair, side))
    with stack.guard(opened.places[side]):
        rows = opened.connections[side].execute(counted.where(text.in_(list(shared)))).all()
    return [
        f"{count:,} {side} rows whose {first.name} is {value!r} lead to {_names(shared[value])}"
        for value, count in sorted(rows)
    ]


def _names(tenants: set[str]) -> str:
    return " and ".join(f"the tenant {name!r}" for name in sorted(tenants))
