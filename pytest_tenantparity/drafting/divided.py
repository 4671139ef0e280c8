"""Legacy tables that were merged into one modern table, or whose rows were divided among several.

A part is known by a column that has one value in its rows and another one in all others. Without
such a column nothing is proposed: the audit names the rows that have no counterpart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..config.names import toml_key
from ..stacks import Family
from ..stacks.catalog import TEXTS
from .context import HANDFUL
from .found import COLUMNS_ALIKE, ROWS_ALIKE, Found, Part, link_pair
from .keys import IdMap, Link, find_link
from .reflect import Row, Table
from .rows import in_sql, left_behind, text_in_sql
from .tables import PairedTables, table_likeness
from .write import Line, Section

_LEAST = 0.05  # the share of a table's rows that a part has at least


def find_merged(found: Found, maps: Sequence[IdMap]) -> None:
    """Pair legacy tables of one side alone with modern tables that hold rows of another one, too.

    Tables that refer to such tables follow in a further round.
    """
    while any(_merge(found, name, maps) for name in list(found.alone["legacy"])):
        pass


def _merge(found: Found, name: str, maps: Sequence[IdMap]) -> bool:
    table = found.tables("legacy")[name]
    for pair in found.pairs:
        link = found.links[pair.name]
        if link is None or pair.split_from or pair.modern.rows <= len(link.pairs):
            continue
        likeness = table_likeness(table, pair.modern)
        if likeness.columns < COLUMNS_ALIKE:
            continue
        other = PairedTables(table, pair.modern, likeness)
        moved = find_link(found.databases, other, found.id_maps, maps, found.same)
        if moved is None or moved.agree < ROWS_ALIKE:
            continue
        marks = _marks(
            found, pair.modern, [[row for _, row in each.pairs] for each in (link, moved)]
        )
        if marks is None:
            continue
        column, (mine, theirs) = marks
        found.parts.setdefault(pair.name, Part("modern", mine, column, name))
        found.parts[name] = Part("modern", theirs, column, pair.legacy.name)
        found.pairs.append(other)
        found.alone["legacy"].remove(name)
        link_pair(found, other, maps)
        return True
    return False


def find_divided(found: Found, maps: Sequence[IdMap]) -> None:
    """Pair legacy tables with each of several modern tables that have some of their rows."""
    for table in found.tables("legacy").values():
        pair = next((p for p in found.pairs if p.legacy is table and not p.split_from), None)
        link = None if pair is None else found.links[pair.name]
        if pair is not None and link is not None and not link.missing:
            continue
        own = [] if pair is None else [pair.modern]
        parts: list[tuple[PairedTables, Link]] = []
        for modern in [*own, *(found.tables("modern")[name] for name in found.alone["modern"])]:
            likeness = table_likeness(table, modern)
            if likeness.columns < COLUMNS_ALIKE:
                continue
            part = PairedTables(table, modern, likeness, section=modern.name)
            moved = find_link(found.databases, part, found.id_maps, maps, found.same, _LEAST)
            if moved is not None and moved.agree >= ROWS_ALIKE and len(moved.pairs) >= HANDFUL:
                parts.append((part, moved))
        _divide(found, table, pair, parts)


def _divide(
    found: Found,
    table: Table,
    pair: PairedTables | None,
    parts: Sequence[tuple[PairedTables, Link]],
) -> None:
    """Replace a pair by its parts, if a column tells these apart."""
    rows = [[row for row, _ in moved.pairs] for _, moved in parts]
    ids = [{id(row) for row in each} for each in rows]
    if len(parts) < 2 or len(set().union(*ids)) < sum(map(len, ids)):
        return
    marks = _marks(found, table, rows)
    if marks is None:
        return
    column, conditions = marks
    everything = [both for _, moved in parts for both in moved.pairs]
    moved_ids = set().union(*ids)
    rest = tuple(row for row in table.sample if id(row) not in moved_ids)
    whole = replace(parts[0][1], pairs=tuple(everything), missing=rest)
    moved_sql = left_behind(found, parts[0][0], whole) if rest else ""
    if moved_sql is None:
        return
    source = f"moved_{table.name}" if moved_sql else ""
    if moved_sql:
        found.sources[parts[0][0].name] = _moved(found, table, source, moved_sql)
    if pair is not None:
        found.pairs.remove(pair)
        del found.links[pair.name]
    for (part, moved), condition in zip(parts, conditions, strict=True):
        inside = tuple(row for row in moved.missing if id(row) not in moved_ids)
        found.pairs.append(part)
        found.links[part.name] = replace(moved, missing=() if source else inside)
        others = ", ".join(each.modern.name for each, _ in parts if each is not part)
        found.parts[part.name] = Part("legacy", condition, column, others, source)
        if part.modern.name in found.alone["modern"]:
            found.alone["modern"].remove(part.modern.name)
    if table.name in found.alone["legacy"]:
        found.alone["legacy"].remove(table.name)


def _moved(found: Found, table: Table, source: str, condition: str) -> Section:
    """Return the source of the rows that were moved. Pairs divide its rows among them."""
    name = in_sql(found.databases.on(table.side), table.name)
    note = f"Rows of {table.name} were left behind. So those that were moved are a source."
    sql = f"SELECT * FROM {name} WHERE {condition}"  # noqa: S608
    return Section(f"sources.legacy.{toml_key(source)}", [note], [Line("sql", sql)])


def _marks(
    found: Found, table: Table, parts: Sequence[Sequence[Row]]
) -> tuple[str, list[str]] | None:
    """Return a column that tells parts of a table apart, and the condition of each part."""
    if any(len(rows) < HANDFUL for rows in parts):
        return None
    database = found.databases.on(table.side)
    for facts in table.facts.columns:
        name = in_sql(database, facts.name)
        values = [{row.get(facts.name) for row in rows} for rows in parts]
        if len(parts) == 2 and {None} in values and not values[0] & values[1]:
            null, other = f"{name} IS NULL", f"{name} IS NOT NULL"
            return facts.name, [null, other] if values[0] == {None} else [other, null]
        single = [next(iter(each)) for each in values if len(each) == 1]
        if len(set(single)) < len(parts) or None in single:
            continue
        texts = [str(each) for each in single]
        if facts.family is Family.BOOLEAN and set(texts) <= {"true", "false"}:
            return facts.name, [name if each == "true" else f"NOT {name}" for each in texts]
        if facts.family is Family.INTEGER:
            return facts.name, [f"{name} = {int(each)}" for each in texts]
        if facts.family in TEXTS and not any(set(each) & {"'", "\\"} for each in texts):
            exact = text_in_sql(database, facts)
            return facts.name, [f"{exact} = '{each}'" for each in texts]
    return None
