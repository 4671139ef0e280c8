"""Rows that a tenant lost or gained, and under which tenant the other stack has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import select, true

from ..errors import NotProven
from ..model import Evidence, FindingKind, Side
from .by_key import among
from .cells import Row
from .opened import OpenPair
from .scope import Scope, as_kept, end_of, owner_of, source_of, tenant_values

_MOST = 200  # findings of a kind that are looked up: the first ones say what happened

_OTHER: dict[FindingKind, Side] = {FindingKind.MISSING: "modern", FindingKind.EXTRA: "legacy"}


def with_owners(evidence: Evidence, found: Sequence[Row], opened: OpenPair) -> Evidence:
    """Say of missing and extra rows under which tenant the other side has the same key.

    ``found`` are the keys of the findings as the databases spell them.

    That tenant need not be selected. Nothing is said where a row has no key but itself, or one
    that is only unique within a tenant.
    """
    plan = opened.plan
    if len(plan.key) == len(plan.columns) or plan.key_within_tenant or opened.pair.has_masks:
        return evidence
    notes: dict[tuple[FindingKind, Row], str] = {}
    for kind, side in _OTHER.items():
        pairs = zip(evidence.findings, found, strict=True)
        keys = [key for finding, key in pairs if finding.kind is kind][:_MOST]
        if not keys or opened.pair.tenancy(side).first_column is None:
            continue
        try:
            owners = _owners(opened, side, keys)
        except NotProven:  # the rows differ all the same, whoever has them now
            continue
        notes |= {
            (kind, row): _said(opened, side, owner, evidence.key.tenant)
            for row, owner in owners.items()
        }
    findings = tuple(
        replace(each, note=notes.get((each.kind, key), each.note))
        for each, key in zip(evidence.findings, found, strict=True)
    )
    return replace(evidence, findings=findings)


def _owners(opened: OpenPair, side: Side, keys: Sequence[Row]) -> dict[Row, str | None]:
    """Return whom the keys that a side has belong to there, by the value that marks the row."""
    stack = opened.context.stacks[side]
    facts, catalog = opened.tables[side], stack.catalog(opened.places[side])
    source = opened.source(side, Scope(source_of(facts), true()))
    rows_there = source.scope.table
    owner = owner_of(rows_there, facts, catalog, stack.dialect, opened.pair.tenancy(side))
    statement = select(owner, *source.key).select_from(rows_there)
    with source.guard(), stack.dialect.apart(source.connection):
        rows = source.connection.execute(statement.where(among(opened, side, source, keys))).all()
    # Of several owners, the first is said.
    ordered = sorted(rows, key=repr, reverse=True)
    return {tuple(key): value for value, *key in ordered if tuple(key) in keys}


def _said(opened: OpenPair, side: Side, value: str | None, own: str) -> str:
    facts, catalog = opened.tables[side], opened.context.stacks[side].catalog(opened.places[side])
    end = end_of(facts, catalog, opened.pair.tenancy(side))
    owners = {
        as_kept(each, end): tenant.id
        for tenant in opened.context.tenants.values()
        for each in tenant_values(side, [tenant])
    }
    if value is None:
        return f"the {side} table has it under no tenant"
    owner = owners.get(as_kept(value, end))
    if owner == own:
        why = (
            f", where {side}_filter may leave it out"
            if opened.pair.settings.row_filter(side)
            else ""
        )
        return f"the {side} table has other rows of this key under the same tenant{why}"
    if owner is not None:
        return f"the {side} table has it under the tenant {owner!r}"
    return f"the {side} table has it under {value!r}, which no tenant of the settings has"
