"""The check for unassigned rows, which no tenant's check reads.

The tenants' rows and the unassigned rows must add up to all rows of the table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import ColumnElement, column, func, literal_column, select, true

from ...errors import counted
from ...inventory import TablePair
from ...mapping.filters import filter_rules, rows_taking_part
from ...mapping.table_lookup import first_located
from ...mapping.tenancy_sql import (
    Scope,
    UnknownOwner,
    as_kept,
    end_of,
    hops_of,
    owned_by,
    tenant_values,
)
from ...model import (
    SIDES,
    Account,
    CheckKey,
    DriftCounts,
    Evidence,
    Finding,
    FindingKind,
    NamedRule,
    Outcome,
    RowCounts,
    RowOwnership,
    Side,
    Tenant,
)
from ...stacks.dialects import ColumnRules
from ...stacks.sources import source_of
from ..compare.findings import FirstFindings, Sink, finding_of, key_remarks, order_of
from ..read.open_pair import OpenPair, open_pair
from ..read.reader import SideReader
from ..run import Run

_KINDS: dict[Side, FindingKind] = {"legacy": FindingKind.MISSING, "modern": FindingKind.EXTRA}
_MOST = 10_000  # most values of ambiguous paths that are read to name their tenants
_AT_ONCE = 100  # tenants whose rows are counted in one scan


def check_unassigned(
    run: Run, key: CheckKey, pair: TablePair, known: Mapping[Side, int | None]
) -> Evidence:
    """Return the evidence of a table's unassigned rows: their numbers and keys.

    A row is unassigned if it is attributed to no tenant of the settings, selected or not.
    ``known`` are the numbers of the tenants' rows, if scans have counted them.
    """
    # If tenants have their own places, any tenant's table shows the columns.
    anyone = first_located(run, pair, run.selected)
    with run.open_sink(key) as sink, open_pair(run, pair, anyone, of_nobody=True) as opened:
        sides = opened.sides(lambda side: _scope(opened, side))
        found = sides.both(
            lambda: _account(opened, "legacy", known["legacy"]),
            lambda: _account(opened, "modern", known["modern"]),
        )
        accounts = [each for each in found if each is not None]
        findings: list[Finding] = []
        for each in accounts:
            if each.unassigned and each.side not in pair.settings.unassigned:
                reader = sides.legacy if each.side == "legacy" else sides.modern
                with reader.guard():
                    findings += _findings(opened, each.side, reader, sink)
        opened.require_unaltered()
        reasons = [why for each in accounts for why in _reasons(opened, each)]
    counts: dict[Side, int] = dict.fromkeys(SIDES, 0)
    counts |= {each.side: each.unassigned for each in accounts}
    undeclared = {side: counts[side] for side in SIDES if side not in pair.settings.unassigned}
    drift = DriftCounts(missing=undeclared.get("legacy", 0), extra=undeclared.get("modern", 0))
    outcome = Outcome.NOT_PROVEN if reasons else Outcome.PROVEN
    declared = [
        NamedRule(
            f"{counted(counts[side], f'{side} row')} of no tenant "
            f"{'is' if counts[side] == 1 else 'are'} declared: {reason}"
        )
        for side, reason in pair.settings.unassigned.items()
    ]
    return Evidence(
        key,
        Outcome.REFUTED if drift.total else outcome,
        RowOwnership(RowCounts(**counts), drift, tuple(findings), tuple(accounts)),
        rules=(*declared, *filter_rules(run, pair)),
        reasons=tuple(reasons),
    )


def _belongs(opened: OpenPair, side: Side, tenants: Sequence[Tenant]) -> ColumnElement[bool]:
    """Return the condition that a row is attributed to one of ``tenants``."""
    stack = opened.run.stacks[side]
    catalog, values = stack.catalog(opened.places[side]), tenant_values(side, tenants)
    tenancy = opened.pair.tenancy(side)
    return owned_by(opened.tables[side], catalog, stack.dialect, tenancy, values)


def _scope(opened: OpenPair, side: Side) -> Scope:
    """Return the unassigned rows of ``side``.

    They lead to a value that no tenant has, to NULL, or to no value. If ``side`` has no
    discriminator column, no row is unassigned, and the scope is not read.
    """
    if opened.pair.tenancy(side).first_column is None:
        return opened.rows_of(side, None)
    owned = _belongs(opened, side, list(opened.run.tenants.values()))
    taking_part = rows_taking_part(opened.run, opened.pair, side)
    return Scope(source_of(opened.tables[side]), owned.is_not(true()) & taking_part)


def _findings(opened: OpenPair, side: Side, reader: SideReader, sink: Sink) -> tuple[Finding, ...]:
    """Pass every unassigned row to ``sink``, and return the first findings by key."""
    columns, raw = opened.plan.key, len(opened.plan.key) < len(opened.plan.columns)
    sample = FirstFindings(opened.run.settings.report.findings)
    for key in reader.each_key():
        finding = finding_of(_KINDS[side], columns, key, note="belongs to no tenant", raw=raw)
        finding = replace(finding, remarks=key_remarks(columns, key))
        sink(finding)
        sample.add(order_of(key), finding)
    return sample.findings


def _account(opened: OpenPair, side: Side, known: int | None) -> Account | None:
    """Return the counts of all rows, the tenants' rows and the unassigned rows of ``side``.

    ``known`` is the number of the tenants' rows, if scans have counted them. Returns None if the
    side has no discriminator column.
    """
    if opened.pair.tenancy(side).first_column is None:
        return None
    taking_part = rows_taking_part(opened.run, opened.pair, side)
    everything = opened.reader(side, Scope(source_of(opened.tables[side]), taking_part))
    tenants = list(opened.run.tenants.values())
    owned = _belongs(opened, side, tenants)
    unowned = owned.is_not(true())
    try:
        opened.all_of(side, tenants)
    except UnknownOwner:  # a row may be attributed to two tenants, and counts twice then
        batches = (tenants[n : n + _AT_ONCE] for n in range(0, len(tenants), _AT_ONCE))
        each_own = ([_belongs(opened, side, [each]) for each in batch] for batch in batches)
        known = sum(sum(everything.count_each(conditions)) for conditions in each_own)
    if known is None:
        return Account(side, *everything.count_each([true(), owned, unowned]))
    total, unassigned = everything.count_each([true(), unowned])
    return Account(side, total, known, unassigned)


def _reasons(opened: OpenPair, owed: Account) -> list[str]:
    """Return the reasons why rows of one side may be attributed to several tenants.

    Masked values are not named, but ambiguous ones still upset the counts.
    """
    reasons = [] if opened.pair.has_masks else _ambiguous_values(opened, owed.side)
    if owed.total != owed.tenants + owed.unassigned:
        reasons.append(
            f"the {owed.side} table has {owed.total:,} rows; the tenants' {owed.tenants:,} and "
            f"the {owed.unassigned:,} of no tenant do not add up to that: some row has two owners"
        )
    return reasons


def _ambiguous_values(opened: OpenPair, side: Side) -> list[str]:
    """Return a reason for each value that leads to several tenants.

    It is a discriminator value, or a value of a path's first column.
    """
    stack, facts = opened.run.stacks[side], opened.tables[side]
    catalog, tenancy = stack.catalog(opened.places[side]), opened.pair.tenancy(side)
    end = end_of(facts, catalog, tenancy)
    owners: dict[str, set[str]] = {}
    for tenant in opened.run.tenants.values():
        for value in tenant_values(side, [tenant]):
            owners.setdefault(as_kept(value, end), set()).add(tenant.id)
    reasons = [
        f"{value!r} marks the rows of {_names(tenants)} in the {side} column {end.name!r} "
        f"({end.declared}): one value must lead to one tenant"
        for value, tenants in owners.items()
        if len(tenants) > 1
    ]
    first = facts.column(tenancy.first_column or "")
    if first is None or not tenancy.hops:
        return reasons
    # Each row of this query is a start value of the path, with one of its several end values.
    path = hops_of(catalog, stack.dialect, tenancy)
    ways = select(path.start.label("start"), path.end.label("ending"))
    distinct = ways.select_from(path.joined).distinct().subquery("ways")
    start = distinct.c.start
    several = select(start).group_by(start).having(func.count() > literal_column("1"))
    ambiguous = select(start, distinct.c.ending).where(start.in_(several)).limit(_MOST)
    led: dict[str, set[str]] = {}
    with stack.guard(opened.places[side]):
        for value, ending in opened.connections[side].execute(ambiguous).all():
            led.setdefault(value, set()).update(owners.get(ending, ()))
    shared = {value: tenants for value, tenants in led.items() if len(tenants) > 1}
    if not shared:
        return reasons
    text = stack.dialect.canonical(column(first.name), first, first.family, ColumnRules())
    counts = select(text, func.count()).select_from(source_of(facts)).group_by(text)
    counts = counts.where(rows_taking_part(opened.run, opened.pair, side), text.in_(list(shared)))
    with stack.guard(opened.places[side]):
        rows = opened.connections[side].execute(counts).all()
    return reasons + [
        f"{count:,} {side} rows whose {first.name} is {value!r} lead to {_names(shared[value])}"
        for value, count in sorted(rows)
    ]


def _names(tenants: set[str]) -> str:
    return " and ".join(f"the tenant {name!r}" for name in sorted(tenants))
