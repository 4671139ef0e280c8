"""Which columns are one, and by which settings they compare, as the sampled rows show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..model import Side
from ..stacks import Family
from ..stacks.catalog import TEXTS
from .candidates import Candidate, candidates, quoted_in
from .context import HANDFUL, ColumnDraft, Context, Text
from .keys import loosely
from .names import is_secret
from .reflect import Row, Table
from .tables import columns_alike
from .zones import fitting_zone, moments

_NAMED = 0.8


@dataclass(frozen=True)
class Columns:
    """The columns of a pair. ``legacy_only`` and ``modern_only`` have no counterpart.

    ``ignored``: names as ``ignore`` takes them, each with the reason, because another column holds
    their values.
    """

    drafts: tuple[ColumnDraft, ...]
    legacy_only: tuple[str, ...]
    modern_only: tuple[str, ...]
    ignored: dict[str, str] = field(default_factory=dict)


def naive_times(context: Context) -> list[list[tuple[str, str]]]:
    """Return the times of each column that is naive on one side and a moment on the other."""
    found = []
    for one, other in _matched(context):
        facts = context.facts(one, other)
        if {each.family for each in facts.values()} == {Family.TIMESTAMP, Family.TIMESTAMPTZ}:
            times = moments(context.link.pairs, one, other)
            found += [times] if times and fitting_zone(times) is not None else []
    return found


def pair_columns(context: Context) -> Columns:
    """Return the columns of a pair, with the settings that each needs."""
    matches = _matched(context)
    drafts = [explain(context, one, other) for one, other in matches]
    legacy = [n for n in context.pair.legacy.columns if n not in {one for one, _ in matches}]
    modern = [n for n in context.pair.modern.columns if n not in {other for _, other in matches}]
    legacy = [name for name in legacy if name not in context.spared["legacy"]]
    modern = [name for name in modern if name not in context.spared["modern"]]
    joined, ignored = _joined(context, legacy, modern, matches)
    drafts += joined
    used = {each.modern for each in joined} | {each.name for each in joined}
    names = {name.partition(".")[2] for name in ignored}
    # A column that was part of a joined name and was taken for its namesake is in the joined one.
    drafts = [each for each in drafts if each in joined or each.name not in names]
    return Columns(
        tuple(drafts),
        tuple(name for name in legacy if name not in used | names),
        tuple(name for name in modern if name not in used | names),
        ignored,
    )


def _matched(context: Context) -> list[tuple[str, str]]:
    """Return the columns that are one: those of the link, then the most alike ones.

    Names count as much as values. Values alone decide only if they are many, and agree in nearly
    every row.
    """
    pair, link = context.pair, context.link
    fixed = [each for each in context.link.columns if each not in context.selecting]
    legacy_taken, modern_taken = {one for one, _ in fixed}, {other for _, other in fixed}
    if context.link.how == "natural key":  # the primary keys were issued anew
        legacy_taken |= set(pair.legacy.key[:1]) if len(pair.legacy.key) == 1 else set()
        modern_taken |= set(pair.modern.key[:1]) if len(pair.modern.key) == 1 else set()
    looks = {
        side: {
            facts.name: [_look(rows[at].get(facts.name), facts.family) for rows in link.pairs]
            for facts in table.facts.columns
        }
        for at, (side, table) in enumerate(pair.sides())
    }
    candidates = []
    for one in pair.legacy.columns:
        if one in legacy_taken:
            continue
        reference = pair.legacy.reference_of(one)
        lead = context.id_maps.get(reference.table, {}) if reference is not None else {}
        theirs = [loosely(lead.get(value, value)) for value in looks["legacy"][one]]
        for other in pair.modern.columns:
            if other in modern_taken:
                continue
            selects = one in context.spared["legacy"], other in context.spared["modern"]
            if all(selects) or (any(selects) and one != other):
                continue
            likeness = columns_alike(pair, one, other, context.same)
            both = [(a, b) for a, b in zip(theirs, looks["modern"][other], strict=True) if a or b]
            agree = sum(a == b for a, b in both) / len(both) if both else 0.0
            if likeness == 1.0 or _is_match(likeness, agree, both):
                candidates.append((-(likeness + agree), likeness != 1.0, one, other))
    found = list(fixed)
    for _, _, one, other in sorted(candidates):
        if one not in legacy_taken and other not in modern_taken:
            legacy_taken.add(one)
            modern_taken.add(other)
            found.append((one, other))
    order = {name: at for at, name in enumerate(pair.legacy.columns)}
    return sorted(found, key=lambda each: order[each[0]])


def _look(value: Text, family: Family) -> str:
    """Return what two values have in common if they are one, whatever their spelling.

    Of a time these are the minutes and seconds: hours differ by the time zone.
    """
    if value is not None and family in (Family.TIMESTAMP, Family.TIMESTAMPTZ):
        return value[14:19]
    return loosely(value)


def _is_match(likeness: float, agree: float, both: Sequence[tuple[str, str]]) -> bool:
    """Whether two columns are one: by their names, by their values, or by both."""
    distinct = len({one for one, other in both if one == other})
    if likeness >= _NAMED:
        return True
    if likeness >= 0.4:
        return (agree == 1 and distinct >= 2 and len(both) >= HANDFUL) or (
            agree >= 0.9 and distinct >= 3
        )
    by_many = agree >= 0.98 and distinct >= 2 * HANDFUL and len(both) >= 2 * HANDFUL
    return by_many or (agree == 1 and distinct >= HANDFUL and len(both) >= 10 * HANDFUL)


def explain(context: Context, name: str, modern: str) -> ColumnDraft:
    """Return the plainest settings under which two columns agree in all sampled rows.

    If there are none, the best proposal is returned, or none at all: the audit then shows how the
    rows differ.
    """
    values = context.values(name, modern)
    facts = context.facts(name, modern)
    renamed: dict[str, Any] = {} if name == modern else {"modern": modern}
    if is_secret(name) and facts["legacy"].family in TEXTS | {Family.BYTES}:
        renamed["mask"] = True
    tried: list[tuple[int, Candidate]] = []
    for each in candidates(context, name, modern, values):
        equal = sum(each.legacy(one) == each.modern(other) for one, other in values)
        tried.append((equal, each))
        if equal == len(values):
            why, sure = each.judged(values) if each.settings or each.unsure else ("", True)
            settings, plainly = {**renamed, **each.settings}, tried[0][0]
            return ColumnDraft(name, modern, settings, why, sure, plainly, len(values))
    if not tried:
        why = f"{facts['legacy'].declared} and {facts['modern'].declared} have no text in common"
        return ColumnDraft(name, modern, renamed, why, sure=False, rows=len(values))
    equal, best = max(tried, key=lambda each: each[0])
    why = f"{len(values) - equal} of {len(values)} sampled rows differ"
    if best.settings:
        why += f" even if {best.why}" if best.why else " all the same"
    settings = {**renamed, **best.settings}
    return ColumnDraft(name, modern, settings, why, False, tried[0][0], len(values))


# ---- columns that were joined or divided


def _joined(
    context: Context,
    legacy: Sequence[str],
    modern: Sequence[str],
    matches: Sequence[tuple[str, str]],
) -> tuple[list[ColumnDraft], dict[str, str]]:
    """Return columns that one side joined from two texts, and the columns that these hold.

    A column that has a namesake can be part of it, too: ``name`` can hold the first name in one
    table and the whole name in the other.
    """
    drafts, ignored = [], {}
    sides: list[tuple[Side, Table, Table, Sequence[str], Sequence[str], int]] = [
        ("legacy", context.pair.legacy, context.pair.modern, legacy, modern, 0),
        ("modern", context.pair.modern, context.pair.legacy, modern, legacy, 1),
    ]
    paired = [{one for one, _ in matches}, {other for _, other in matches}]
    for side, table, other_table, parts, wholes, at in sides:
        texts = [
            each.name
            for each in table.facts.columns
            if each.family in TEXTS and (each.name in parts or each.name not in paired[at])
        ]
        for whole in wholes:
            facts = other_table.facts.column(whole)
            if facts is None or facts.family not in TEXTS:
                continue
            rows = [(both[at], both[1 - at].get(whole)) for both in context.link.pairs]
            found = _parts(rows, texts)
            if found is None:
                continue
            one, other, gap, changed = found
            why = (
                f"{one} and {other}, joined, in all {changed} sampled rows with a value. "
                "Two rows that divide one text otherwise are equal here"
            )
            settings: dict[str, Any] = {
                "transform": {"concat": [one, other], **({"separator": gap} if gap else {})}
            }
            if side == "modern":
                dialect = context.databases.modern.dialect
                names = ", ".join(quoted_in(dialect, each) for each in (one, other))
                settings = {"modern_sql": f"CONCAT_WS('{gap}', {names})"}
            sure = changed >= 2 * HANDFUL
            drafts.append(ColumnDraft(whole, whole, settings, why, sure, len(rows), len(rows)))
            if sure:
                for each in (one, other):
                    ignored[f"{side}.{each}"] = f"compared as a part of {whole}"
    return drafts, ignored


def _parts(
    rows: Sequence[tuple[Row, Text]], texts: Sequence[str]
) -> tuple[str, str, str, int] | None:
    """Return the two columns that make a text, what stands between them, and in how many rows."""
    filled = [(row, whole) for row, whole in rows if whole]
    if len(filled) < HANDFUL:
        return None
    for one in texts:
        for other in texts:
            if one == other or not any(row.get(one) and row.get(other) for row, _ in filled):
                continue
            for gap in (" ", ", ", "-", ""):
                if all(_is_joined(row, one, other, gap, whole) for row, whole in rows):
                    return one, other, gap, len(filled)
    return None


def _is_joined(row: Row, one: str, other: str, gap: str, whole: Text) -> bool:
    parts = [part for part in (row.get(one), row.get(other)) if part is not None]
    return (gap.join(parts) if parts else None) == whole
