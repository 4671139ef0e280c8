"""Adds the ids of both stacks to findings, for columns with a key map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Text, literal, select

from ...characters import is_writable
from ...errors import NotProven
from ...mapping.columns import UNMAPPED, ColumnPair, own_id
from ...mapping.key_maps import Lookup
from ...model import Evidence, Finding, MappedId
from ..compare.row_diff import Row
from ..compare.shown_values import shown
from ..read.open_pair import OpenPair


def with_mapped_ids(evidence: Evidence, keys: Sequence[Row], opened: OpenPair) -> Evidence:
    """Add the ids of both stacks to findings. ``keys`` are the findings' canonical keys."""
    for column in opened.plan.columns:
        lookup = column.legacy.lookup or column.modern.lookup
        if lookup is None or column.masked or not evidence.findings:
            continue
        texts = [
            _texts(column, opened, *each) for each in zip(evidence.findings, keys, strict=True)
        ]
        try:
            known = _looked_up(opened, column, lookup, {text for each in texts for text in each})
        except NotProven:  # the findings are valid without the other stack's ids
            continue
        findings = (
            _with_ids(finding, column, [_ids(column, lookup, known, text) for text in own])
            for finding, own in zip(evidence.findings, texts, strict=True)
        )
        evidence = evidence.measured(findings=tuple(findings))
    return evidence


def _texts(column: ColumnPair, opened: OpenPair, finding: Finding, key: Row) -> list[str]:
    """Return the ids of one column in a finding: the row's id, or both ids if it changed."""
    name = column.name
    if name in finding.key:
        found = [key[opened.plan.key.index(column)]]
    elif name in finding.columns:
        found = [finding.columns[name].legacy, finding.columns[name].modern]
    else:
        found = [finding.row.get(name)]
    return [text for text in found if text is not None]


def _looked_up(
    opened: OpenPair, column: ColumnPair, lookup: Lookup, texts: set[str]
) -> dict[str, str]:
    """Return the ids of the map's stack, by the canonical text of the other stack's id."""
    wanted = sorted(
        own_id(text) for text in texts if is_writable(text) and not text.startswith(UNMAPPED)
    )
    if not wanted:
        return {}
    side = lookup.settings.stack
    stack, connection = opened.run.stacks[side], opened.connections[side]
    own, other = lookup.columns()
    mine = stack.dialect.canonical(own, lookup.own, lookup.own.family, column.rules)
    theirs = stack.dialect.canonical(other, lookup.other, column.family, column.rules)
    statement = select(theirs, mine).select_from(lookup.rows())
    statement = statement.where(theirs.in_([literal(text, Text) for text in wanted]))
    guard = stack.guard(opened.places[side], discreet=opened.pair.has_masks)
    with guard, stack.dialect.apart(connection):
        return {str(key): str(value) for key, value in connection.execute(statement).all()}


def _ids(column: ColumnPair, lookup: Lookup, known: dict[str, str], text: str) -> MappedId:
    """Return the ids of both stacks for ``text``.

    ``text`` is an id of the stack that does not hold the map, or an unmapped id of the stack that
    does.
    """
    unmapped = text.startswith(UNMAPPED)
    own = text.removeprefix(UNMAPPED) if unmapped else known.get(own_id(text))
    mine = None if own is None else shown(own, column.family)
    theirs = None if unmapped else shown(own_id(text), column.family)
    of_legacy = lookup.settings.stack == "legacy"
    return MappedId(mine, theirs) if of_legacy else MappedId(theirs, mine)


def _with_ids(finding: Finding, column: ColumnPair, ids: Sequence[MappedId]) -> Finding:
    name = column.name
    if name in finding.columns:
        pair = finding.columns[name]
        lines = [
            f"{each.legacy} on the legacy stack is {each.modern} on the modern stack"
            for each in ids
            if each.legacy is not None and each.modern is not None
        ]
        pair = replace(pair, explanation=(*pair.explanation, *lines))
        return replace(finding, columns=finding.columns | {name: pair})
    return replace(finding, ids=finding.ids | {name: ids[0]}) if ids else finding
