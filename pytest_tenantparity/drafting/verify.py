"""A draft is tried by the audit's own SQL, and lines that a sampled row contradicts are taken back.

The written settings are opened as an audit opens them. Then the sampled rows of each pair are read
by the column plan that these settings make, and compared text by text.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import ColumnElement, column, select

from ..audit import OpenRun, RunOptions, open_run
from ..config import load_settings
from ..config.names import toml_key
from ..errors import NotProven, TenantParityError
from ..mapping.columns import ColumnPair
from ..mapping.filters import rows_taking_part
from ..model import SIDES, Side
from ..parity.read.open_pair import OpenPair, open_pair
from ..stacks.sources import source_of
from .found import Found
from .keys import Link
from .readers import json_form
from .reflect import text_of
from .write import Draft, Line, TableDraft

_ROUNDS = 4  # a line that is taken back can make another one wrong


@dataclass
class Verified:
    """What is left to decide, after the draft was tried.

    - ``checks``: the number of checks that an audit of all tenants has.
    - ``doubts``: by pair, what the audit would say about columns that the settings do not settle.
    - ``differing``: by pair, columns in which sampled rows differ under the settings.
    - ``taken_back``: how many lines were commented out because a row contradicted them.
    """

    checks: int = 0
    doubts: dict[str, list[str]] = field(default_factory=dict)
    differing: dict[str, list[str]] = field(default_factory=dict)
    taken_back: int = 0


def verify(draft: Draft, found: Found, path: Path, environment: Mapping[str, str]) -> Verified:
    """Write the settings to ``path``, try them, and write what is left of them.

    Raises :class:`TenantParityError` if the settings cannot be loaded or opened.
    """
    verified = Verified()
    for _ in range(_ROUNDS):
        path.write_text(draft.settings(), encoding="utf-8")
        before = verified.taken_back
        verified.doubts, verified.differing = {}, {}
        settings = load_settings(path)
        with open_run(settings, options=RunOptions(environment=environment)) as run:
            verified.checks = len(run.checks)
            for table in draft.tables:
                _try_table(run, table, found, verified)
        if verified.taken_back == before:
            break
    return verified


def _try_table(run: OpenRun, table: TableDraft, found: Found, verified: Verified) -> None:
    pair = run.audit.run.pairs.get(table.name)
    link = found.links.get(table.name)
    if pair is None:
        return
    try:
        with open_pair(run.audit.run, pair, None) as opened:
            if opened.plan.problems:
                verified.doubts[table.name] = list(map(str, opened.plan.problems))
            wrong, rows = _differing(opened, link) if link is not None else ({}, 0)
    except TenantParityError as error:
        verified.doubts[table.name] = [str(error)]
        for line in table.columns:
            # SQL that the server refuses, or a type that does not meet, is one of these lines.
            if line.sure and f".columns.{toml_key(line.key)}]" in str(error):
                _take_back(line, "the server refused it", verified)
        return
    for name, count in wrong.items():
        claimed = [line for line in table.all_lines() if line.sure and _claims(line, name)]
        for line in claimed:
            _take_back(line, f"{count} of {rows} sampled rows differ under it", verified)
        if not claimed:
            verified.differing.setdefault(table.name, []).append(
                f"{name}: {count} of {rows} sampled rows differ"
            )


def _claims(line: Line, name: str) -> bool:
    """Whether a line says that a column's values are equal under it. A rename alone does not."""
    if name not in line.about:
        return False
    return not (isinstance(line.value, dict) and set(line.value) <= {"modern", "mask"})


def _take_back(line: Line, why: str, verified: Verified) -> None:
    line.sure = False
    line.why = f"{why}; {line.why}" if line.why else why
    verified.taken_back += 1


def _differing(opened: OpenPair, link: Link) -> tuple[dict[str, int], int]:
    """Return by column how many of the linked rows differ, and how many rows were compared."""
    texts = {side: _texts(opened, link, side) for side in SIDES}
    names = [each.name for each in opened.plan.columns]
    wrong: dict[str, int] = dict.fromkeys(names, 0)
    rows = 0
    for one, other in link.pairs:
        keys = [
            tuple(row.get(both[at]) for both in link.columns) for at, row in enumerate((one, other))
        ]
        legacy, modern = texts["legacy"].get(keys[0]), texts["modern"].get(keys[1])
        if legacy is None or modern is None:
            continue
        rows += 1
        for each, left, right in zip(opened.plan.columns, legacy, modern, strict=True):
            wrong[each.name] += not _is_same(each, left, right)
    return {name: count for name, count in wrong.items() if count}, rows


def _is_same(each: ColumnPair, legacy: str | None, modern: str | None) -> bool:
    """Whether two texts are one value. Documents and floats have several texts for one value."""
    if legacy == modern or legacy is None or modern is None or each.has_one_text:
        return legacy == modern
    try:
        if each.by_content:
            return json_form(legacy) == json_form(modern)
        return float(legacy) == float(modern)
    except ValueError:
        return False


Key = tuple[str | None, ...]


def _texts(opened: OpenPair, link: Link, side: Side) -> dict[Key, tuple[str | None, ...]]:
    """Return the compared texts of a side's linked rows, by the texts of the link's columns."""
    run, at = opened.migration, SIDES.index(side)
    stack, facts = run.stacks[side], opened.tables[side]
    keys: list[ColumnElement[str]] = []
    for both in link.columns:
        own = facts.column(both[at])
        if own is None:
            return {}
        keys.append(_plain(opened, side, own.name))
    texts = [each.canonical(side, stack.dialect) for each in opened.plan.columns]
    query = select(*keys, *texts).select_from(source_of(facts))
    query = query.where(rows_taking_part(run, opened.pair, side))
    if len(link.pairs) and facts.rows > 10 * len(link.pairs):
        first = facts.column(link.columns[0][at])
        wanted: Collection[str] = {
            value for rows in link.pairs if (value := rows[at].get(link.columns[0][at])) is not None
        }
        if first is not None:
            query = query.where(stack.dialect.any_of(column(first.name), first, sorted(wanted)))
    with stack.guard(opened.places[side]):
        found = opened.connections[side].execute(query.limit(20_000)).all()
    return {tuple(row[: len(keys)]): tuple(row[len(keys) :]) for row in found}


def _plain(opened: OpenPair, side: Side, name: str) -> ColumnElement[str]:
    facts = opened.tables[side].column(name)
    if facts is None:
        raise NotProven(f"there is no column {name!r}")
    return text_of(opened.migration.stacks[side].dialect, facts)
