"""The settings of one pair of tables, line by line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..config.names import quoted
from ..errors import counted
from ..model import SIDES, Side
from .columns import Columns
from .context import ColumnDraft
from .found import Found, spared_of
from .keys import Link
from .reflect import Table
from .rows import legacy_filter, row_lines, source_section
from .tables import NAMED, PairedTables
from .write import FILL_IN, Line, TableDraft


def table_draft(
    found: Found, pair: PairedTables, usual: Mapping[Side, dict[str, str] | None], rule: str
) -> TableDraft:
    """Return the settings of one pair."""
    link, columns = found.links[pair.name], found.columns.get(pair.name)
    draft = TableDraft(pair.name, pair.legacy.name, pair.modern.name)
    rows = f"{pair.legacy.rows:,} -> {pair.modern.rows:,} rows"
    known = str(link) if link is not None else "no way was found from its rows to modern ones"
    draft.notes.append(f"{pair.legacy.name} -> {pair.modern.name}: {rows}; {known}.")
    if pair.split_from:
        draft.lines.append(Line("legacy", pair.legacy.name, f"the other part is {pair.split_from}"))
    part = found.parts.get(pair.name)
    if pair.section and part is not None:
        legacy = part.source or pair.legacy.name
        draft.lines.append(Line("legacy", legacy, f"other rows became {part.others}"))
    if rule.replace("{table}", pair.name) != pair.modern.name:
        why = "" if pair.split_from or pair.likeness.name >= NAMED else str(pair.likeness)
        draft.lines.append(Line("modern", pair.modern.name, why))
    if link is not None and link.how == "natural key":
        selecting = spared_of(found, pair)
        key = [one for one, _ in link.columns if one not in selecting["legacy"]]
        draft.lines.append(Line("key", key, "ids were issued anew"))
    draft.lines += _tenancy_lines(found, pair, usual)
    rows_lines = row_lines(found, pair, link)
    if columns is not None and (divided := _divided(pair, rows_lines)) is not None:
        draft.source = source_section(found, pair, columns, *divided)
        draft.lines = [line for line in draft.lines if line.key not in ("legacy", "key")]
        draft.lines.append(Line("key", list(pair.legacy.key), "a source has no primary key"))
        rows_lines = [line for line in rows_lines if line.key != "legacy_filter"]
    draft.source = found.sources.get(pair.name, draft.source)
    if pair.name in found.unpivoted or (part is not None and part.source):
        draft.lines.append(Line("key", list(pair.legacy.key), "a source has no primary key"))
    draft.lines += rows_lines
    if link is None or columns is None:
        draft.notes.append(
            "Its columns were not compared: give its key, its key map, or a source, and look at "
            "the audit."
        )
        return draft
    _column_lines(found, pair, link, columns, draft)
    if draft.source is not None and part is None:
        draft.ignore = [line for line in draft.ignore if not line.key.startswith("legacy.")]
    return draft


def _divided(pair: PairedTables, lines: Sequence[Line]) -> tuple[str, str] | None:
    """Return the condition of the rows of a source, and why it is one; None if none is needed.

    Two pairs of one table that both filter it would be two sets of its rows, with a gap between.
    """
    filters = [line for line in lines if line.key == "legacy_filter" and line.sure]
    if pair.split_from and filters:
        return filters[0].value["sql"], filters[0].why
    return None


def _tenancy_lines(
    found: Found, pair: PairedTables, usual: Mapping[Side, dict[str, str] | None]
) -> list[Line]:
    """Return how the tenants' rows of a pair are found, where it is not as in most tables."""
    if found.both is None:
        return []
    ways = {
        "legacy": found.ways["legacy"].get(pair.legacy.name),
        "modern": found.ways["modern"].get(pair.modern.name),
    }
    if not any(ways.values()):
        return [Line("tenancy", "global", "no foreign key leads to a tenant on either side")]
    lines = []
    for side in SIDES:
        if ways[side] is None:
            link = found.links[pair.name]
            alike = link is not None and not link.missing and not link.extra
            why = f"the {side} side has no way to a tenant, so all rows are compared at once"
            return [Line("tenancy", "global", why, sure=alike)]
    for side in SIDES:
        way = ways[side]
        if way is None:
            continue
        if way.value == usual[side]:
            continue
        why = "" if way.is_declared else "by names and sampled values: no foreign key is declared"
        lines.append(Line(f"{side}_tenancy", way.value, why))
    return lines


def _column_lines(
    found: Found, pair: PairedTables, link: Link, columns: Columns, draft: TableDraft
) -> None:
    for each in columns.drafts:
        draft.columns += _column(each)
    filters = {
        line.key: str(line.value["sql"])
        for line in draft.lines
        if line.sure and line.key in ("legacy_filter", "modern_filter")
    }
    alone: list[tuple[Side, Table, Sequence[str]]] = [
        ("modern", pair.modern, columns.modern_only),
        ("legacy", pair.legacy, columns.legacy_only),
    ]
    for side, table, names in alone:
        for name in names:
            reason = _left_out(found, pair, link, side, name, filters.get(f"{side}_filter", ""))
            if reason is not None:
                about = frozenset({name})
                draft.ignore.append(Line(f"{side}.{plain_name(name)}", reason, about=about))
            elif not _is_elsewhere(found, pair, side, name):
                draft.ignore.append(_alone(side, table, name))
    for name, reason in columns.ignored.items():
        if name.startswith("modern."):  # parts of a legacy concat need no counterparts
            about = frozenset({name.partition(".")[2], reason.rpartition(" ")[2]})
            draft.ignore.append(Line(name, reason, about=about))


def _left_out(
    found: Found, pair: PairedTables, link: Link, side: Side, name: str, condition: str
) -> str | None:
    """Return why a column of one side alone need not be compared, as the rows show; else None.

    ``condition`` is that of the rows that are compared.
    """
    at = SIDES.index(side)
    table = pair.legacy if side == "legacy" else pair.modern
    anew = ("natural key",) if side == "legacy" else ("kept id", "natural key")
    if (name,) == table.key and link.how in anew:
        return f"issued anew: rows are found by {', '.join(both[at] for both in link.columns)}"
    if side == "modern" and link.id_map is not None and name == link.id_map.legacy:
        return f"the old id, which [maps.{pair.legacy.name}] reads"
    # The condition begins with its column. In a subquery it could be one of another table.
    reads = re.match(rf"(NOT )?[`\"]?{re.escape(name)}[`\"]?( |$)", condition)
    if reads and len({rows[at].get(name) for rows in link.pairs}) == 1:
        return f"the same in all rows that are compared: {side}_filter selects by it"
    if side == "modern":
        return None
    if (source := _source_of(found, pair, name)) is not None:
        return f"compared in the source {source}"
    return _part_elsewhere(found, pair, name)


def _alone(side: Side, table: Table, name: str) -> Line:
    facts = table.facts.column(name)
    filled = [value for row in table.sample if (value := row.get(name)) is not None]
    what = f"{counted(len(set(filled)), 'different value')} in {len(table.sample)} sampled rows"
    if not filled:
        what = f"NULL in all {len(table.sample)} sampled rows"
    why = f"only on the {side} side ({facts.declared if facts else ''}): {what}"
    return Line(f"{side}.{plain_name(name)}", f"{FILL_IN}: why it is left out", why, sure=False)


def _is_elsewhere(found: Found, pair: PairedTables, side: Side, name: str) -> bool:
    """Whether another pair of the same table compares the column."""
    for other in found.pairs:
        table, same = (
            (other.legacy, pair.legacy) if side == "legacy" else (other.modern, pair.modern)
        )
        if other.name in found.parts or other.name not in found.columns:
            continue  # it has other rows
        if other is pair or table is not same:
            continue
        drafts = found.columns[other.name].drafts
        if any(name == (each.name if side == "legacy" else each.modern) for each in drafts):
            return True
    return False


def _source_of(found: Found, pair: PairedTables, name: str) -> str | None:
    """Return the source that compares a column of a pair's legacy table, or None."""
    for source, (table, became_rows) in found.unpivoted.items():
        if table == pair.legacy.name and name in became_rows:
            return source
    for other in found.pairs:
        if not other.split_from or other.legacy is not pair.legacy or other is pair:
            continue
        link = found.links[other.name]
        columns = found.columns.get(other.name)
        if link is None or columns is None or not link.missing:
            continue
        filters = [line for line in legacy_filter(found, other, link) if line.sure]
        if filters and any(each.name == name for each in columns.drafts):
            return other.name
    return None


def _part_elsewhere(found: Found, pair: PairedTables, name: str) -> str | None:
    """Return where another pair of the same legacy table compares a column as a part of one."""
    for other in found.pairs:
        if other is not pair and other.legacy is pair.legacy and other.name in found.columns:
            said = found.columns[other.name].ignored.get(f"legacy.{name}")
            if said is not None:
                return f"{said} in the pair {other.name}"
    return None


def _column(each: ColumnDraft) -> list[Line]:
    """Return the lines of one column: what is sure of it, and the rest as a proposal."""
    about = frozenset({each.name, each.modern})
    if each.sure:
        if not each.settings:
            return []
        plain = set(each.settings) <= {"modern", "mask"}  # a rule for all columns may do the rest
        return [Line(each.name, each.settings, "" if plain else each.why, about=about)]
    lines = []
    rename = {key: value for key, value in each.settings.items() if key in ("modern", "mask")}
    if rename and each.equal >= 0.5 * max(each.rows, 1):
        why = f"{each.equal} of {each.rows} sampled rows agree as they are"
        lines.append(Line(each.name, rename, why, about=about))
        if rename == each.settings:
            lines[0].why = each.why
            return lines
    value: dict[str, Any] = each.settings or {"legacy_sql": FILL_IN, "modern_sql": FILL_IN}
    if value == rename:
        lines.append(Line(each.name, rename, each.why, sure=False, about=about))
    elif each.why:
        lines.append(Line(each.name, value, each.why, sure=False, about=about))
    return lines


def plain_name(name: str) -> str:
    """Return a name as the keys of ``ignore`` take it."""
    return name if "." not in name and '"' not in name else quoted(name)
