"""Adds the ids of both stacks to findings, for columns with a key map."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlalchemy import Text, literal, select

from ...characters import is_writable
from ...errors import NotProven
from ...mapping.columns import UNMAPPED, ColumnPair, own_id
from ...mapping.key_maps import Lookup
from ...model import Evidence, Finding, MappedId, Side
from ..compare.row_diff import Row
from ..compare.shown_values import shown
from ..read.open_pair import OpenPair


def with_mapped_ids(evidence: Evidence, keys: Sequence[Row], opened: OpenPair) -> Evidence:
    """Add the ids of both stacks to findings. ``keys`` are the findings' own keys."""
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
            _named(finding, column, lookup.settings.stack, known, mine)
            for finding, mine in zip(evidence.findings, texts, strict=True)
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
    side = lookup.settings.stack
    dialect = opened.run.stacks[side].dialect
    own, other = lookup.columns()
    led = dialect.canonical(other, lookup.other, column.family, column.rules)
    wanted = sorted(own_id(text) for text in texts if is_writable(text) and not _is_lost(text))
    if not wanted:
        return {}
    named = dialect.canonical(own, lookup.own, lookup.own.family, column.rules)
    statement = select(led, named).select_from(lookup.rows())
    statement = statement.where(led.in_([literal(text, Text) for text in wanted]))
    guard = opened.run.stacks[side].guard(opened.places[side], discreet=opened.pair.has_masks)
    connection = opened.connections[side]
    with guard, dialect.apart(connection):
        rows = connection.execute(statement).all()
    return {str(theirs): str(mine) for theirs, mine in rows}


def _is_lost(text: str) -> bool:
    return text.startswith(UNMAPPED)


def _named(
    finding: Finding, column: ColumnPair, side: Side, known: dict[str, str], texts: Sequence[str]
) -> Finding:
    name = column.name
    if name in finding.columns:
        lines = tuple(_lines(column, side, known, texts))
        pair = finding.columns[name]
        pair = replace(pair, explanation=(*pair.explanation, *lines))
        return replace(finding, columns=finding.columns | {name: pair})
    if not texts:
        return finding
    return replace(finding, ids=finding.ids | {name: _both(column, side, known, texts[0])})


def _both(column: ColumnPair, side: Side, known: dict[str, str], text: str) -> MappedId:
    """Return the ids of both stacks for ``text``.

    ``text`` is an id of the stack that does not hold the map, or an unmapped id of the stack that
    does.
    """
    if _is_lost(text):
        mine: str | None = shown(text.removeprefix(UNMAPPED), column.family)
        theirs = None
    else:
        found = known.get(own_id(text))
        mine = None if found is None else shown(found, column.family)
        theirs = shown(own_id(text), column.family)
    return MappedId(mine, theirs) if side == "legacy" else MappedId(theirs, mine)


def _lines(
    column: ColumnPair, side: Side, known: dict[str, str], texts: Sequence[str]
) -> Iterator[str]:
    for text in texts:
        both = _both(column, side, known, text)
        if both.legacy is not None and both.modern is not None:
            yield f"{both.legacy} on the legacy stack is {both.modern} on the modern stack"
