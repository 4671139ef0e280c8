"""Misplaced rows: the tenant under which the other side has a row that is missing or extra."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import select, true

from ...errors import NotProven
from ...mapping.tenancy_sql import Scope, as_kept, end_of, owner_of, tenant_values
from ...model import Evidence, FindingKind, Side
from ...stacks.sources import source_of
from ..compare.findings import order_of
from ..compare.row_diff import Row
from ..live.key_lookup import among, key_of
from ..read.open_pair import OpenPair
from ..scan.shared import SharedResult

_MOST = 200  # findings of a check that are looked up: the first ones suffice
_MOST_OF_ALL = 10_000  # keys of all tenants of a shared scan

_OTHER: dict[FindingKind, Side] = {FindingKind.MISSING: "modern", FindingKind.EXTRA: "legacy"}


def with_owners(
    evidence: Evidence, found: Sequence[Row], opened: OpenPair, shared_result: SharedResult | None
) -> Evidence:
    """Add to missing and extra rows the tenant under which the other side has the same key.

    ``found`` holds the keys of the findings as canonical texts. After a shared scan, one query for
    each side looks up the keys of all tenants of the scan.

    The other tenant need not be selected. No note is added if the whole row is the key, if keys are
    unique only within a tenant, or if a column is masked.
    """
    plan = opened.plan
    if len(plan.key) == len(plan.columns) or plan.key_within_tenant or opened.pair.has_masks:
        return evidence
    # A tenant whose rows were not decoded, or not in a shared scan, is looked up alone.
    shared = shared_result if shared_result is not None and shared_result.result.diff else None
    notes: dict[tuple[FindingKind, Row], str] = {}
    for kind, side in _OTHER.items():
        pairs = zip(evidence.findings, found, strict=True)
        keys = [key for finding, key in pairs if finding.kind is kind][:_MOST]
        if not keys or opened.pair.tenancy(side).first_column is None:
            continue
        try:
            if shared is None:
                owners = _owners(opened, side, keys)
            else:
                owners = _owners_of_all(opened, side, shared)
        except NotProven:  # the findings are valid without this note
            continue
        notes |= {
            (kind, key): _note(opened, side, owners[key], evidence.key.whose)
            for key in keys
            if key in owners
        }
    findings = tuple(
        replace(each, note=notes.get((each.kind, key), each.note))
        for each, key in zip(evidence.findings, found, strict=True)
    )
    return evidence.measured(findings=findings)


def _owners_of_all(opened: OpenPair, side: Side, shared: SharedResult) -> dict[Row, str | None]:
    """Return the discriminator values on ``side`` for the keys of all tenants of a shared scan.

    The keys are those of rows that the other side has under a tenant, and ``side`` has not.
    """
    if side not in shared.owners:
        diffs = [each.diff for each in shared.results.values() if each.diff]
        most = min(_MOST, max(1, _MOST_OF_ALL // len(diffs)))
        keys: list[Row] = []
        for diff in diffs:
            rows = diff.modern, diff.legacy
            here, there = rows if side == "modern" else rows[::-1]
            ours, theirs = (Counter(key_of(opened, row) for row in each) for each in (here, there))
            # A key with one row on each side is a changed row, whose tenant is known.
            lost = (key for key, rows in theirs.items() if not rows == ours[key] == 1)
            keys += sorted(lost, key=order_of)[:most]
        shared.owners[side] = _owners(opened, side, keys)
    return shared.owners[side]


def _owners(opened: OpenPair, side: Side, keys: Sequence[Row]) -> dict[Row, str | None]:
    """Return the discriminator values of those ``keys`` that ``side`` has, by key."""
    stack, facts = opened.run.stacks[side], opened.tables[side]
    catalog, tenancy = stack.catalog(opened.places[side]), opened.pair.tenancy(side)
    reader = opened.reader(side, Scope(source_of(facts), true()))
    owner = owner_of(reader.scope.table, facts, catalog, stack.dialect, tenancy)
    statement = select(owner, *reader.key).select_from(reader.scope.table)
    with reader.guard(), stack.dialect.apart(reader.connection):
        rows = reader.connection.execute(statement.where(among(opened, side, reader, keys))).all()
    # If a key has several values, the first one is returned.
    ordered = sorted(rows, key=repr, reverse=True)
    wanted = set(keys)
    return {tuple(key): value for value, *key in ordered if tuple(key) in wanted}


def _note(opened: OpenPair, side: Side, value: str | None, own: str) -> str:
    if value is None:
        return f"the {side} table has it under no tenant"
    catalog = opened.run.stacks[side].catalog(opened.places[side])
    end = end_of(opened.tables[side], catalog, opened.pair.tenancy(side))
    owners = {
        as_kept(each, end): tenant.id
        for tenant in opened.run.tenants.values()
        for each in tenant_values(side, [tenant])
    }
    owner = owners.get(as_kept(value, end))
    if owner is None:
        return f"the {side} table has it under {value!r}, which no tenant of the settings has"
    if owner != own:
        return f"the {side} table has it under the tenant {owner!r}"
    filtered = opened.pair.settings.row_filter(side) is not None
    why = f", where {side}_filter may leave it out" if filtered else ""
    return f"the {side} table has other rows of this key under the same tenant{why}"
