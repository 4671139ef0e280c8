"""Lines of the settings about the rows of a pair: which are compared, and whose they are."""

from __future__ import annotations

from ..config.names import toml_key
from ..mapping.sql_warnings import exact_text
from ..stacks import ColumnFacts, Family
from .columns import Columns
from .context import HANDFUL
from .found import Found
from .keys import Link
from .names import words_of
from .reflect import Database
from .tables import PairedTables
from .write import FILL_IN, Line, Section

_DELETED = frozenset({"deleted", "removed", "trashed", "archived", "void", "voided", "cancelled"})
_MANY = 5  # tenants, from which on they are counted and not named


def left_behind(found: Found, pair: PairedTables, link: Link) -> str | None:
    """Return the condition of the rows that were moved; None if no column tells which."""
    lines = legacy_filter(found, pair, link)
    return str(lines[0].value["sql"]) if lines and lines[0].sure else None


def part_lines(found: Found, pair: PairedTables) -> list[Line]:
    """Return the filter of a pair whose table holds rows of several pairs."""
    part = found.parts.get(pair.name)
    if part is None:
        return []
    value = {"sql": part.sql, "reason": f"the other rows are those of {part.others}"}
    why = f"{part.column} tells the parts apart in all sampled rows"
    return [Line(f"{part.side}_filter", value, why)]


def row_lines(found: Found, pair: PairedTables, link: Link | None) -> list[Line]:
    """Return lines about rows that one side has alone, or that have no tenant."""
    part = found.parts.get(pair.name)
    lines = part_lines(found, pair)
    if part is None and link is not None and link.missing:
        lines += legacy_filter(found, pair, link)
    if part is None and link is not None and link.extra:
        why = (
            f"{len(link.extra)} sampled modern rows have no legacy row; if that is right, say "
            "which rows are compared"
        )
        value = {"sql": FILL_IN, "reason": f"{FILL_IN}: why the others are left out"}
        lines.append(Line("modern_filter", value, why, sure=False))
    for side, table in pair.sides():
        way = found.ways[side].get(table.name) if found.ways else None
        if way is not None and way.lost:
            why = f"{way.lost} sampled rows of the {side} side lead to no tenant"
            value = {side: f"{FILL_IN}: why that is right"}
            lines.append(Line("unassigned", value, why, sure=False))
    lines += _empty(found, pair)
    return lines


def legacy_filter(found: Found, pair: PairedTables, link: Link) -> list[Line]:
    """Return the filter that leaves out the rows that were not migrated.

    Either a column marks all of them and no other row, or they refer to rows that were left out.
    """
    count = (
        f"all {len(link.missing)} sampled rows that are missing, and none of the {len(link.pairs)}"
    )
    enough = len(link.missing) >= 3 and len(link.pairs) >= HANDFUL
    for facts in pair.legacy.facts.columns:
        marked = _marks(facts.name, facts.family, link)
        if marked is None:
            continue
        reason = "soft-deleted rows were not migrated"
        named = bool(_DELETED & set(words_of(facts.name)))
        sql = marked.format(in_sql(found.databases.legacy, facts.name))
        value = {"sql": sql, "reason": reason if named else f"{FILL_IN}: why they are left out"}
        why = f"{facts.name} marks {count} others"
        return [Line("legacy_filter", value, why, sure=named and enough, about=frozenset({"*"}))]
    for reference in pair.legacy.references:
        parent = next((p for p in found.pairs if p.legacy.name == reference.table), None)
        above = found.links.get(parent.name) if parent is not None else None
        if parent is None or above is None or not above.missing or len(reference.columns) != 1:
            continue
        lost = {row.get(reference.keys[0]) for row in above.missing}
        own = reference.columns[0]
        if all(row.get(own) in lost for row in link.missing) and not any(
            row.get(own) in lost for row, _ in link.pairs
        ):
            filters = legacy_filter(found, parent, above)
            if not filters or not filters[0].sure:
                break
            inner, database = filters[0].value["sql"], found.databases.legacy
            names = [in_sql(database, n) for n in (own, reference.keys[0], reference.table)]
            sql = f"{names[0]} IN (SELECT {names[1]} FROM {names[2]} WHERE {inner})"  # noqa: S608
            value = {"sql": sql, "reason": f"rows of {reference.table} that were not migrated"}
            why = f"they refer to {reference.table} that are missing: {count} others"
            return [Line("legacy_filter", value, why, sure=enough, about=frozenset({"*"}))]
    why = f"{len(link.missing)} sampled legacy rows have no modern row, and no column tells which"
    value = {"sql": FILL_IN, "reason": f"{FILL_IN}: why the others are left out"}
    return [Line("legacy_filter", value, why, sure=False)]


def _marks(name: str, family: Family, link: Link) -> str | None:
    """Return the condition of the rows that were found, if a column marks exactly the others."""
    lost = {row.get(name) for row in link.missing}
    kept = {one.get(name) for one, _ in link.pairs}
    if None not in lost and kept == {None}:
        return "{} IS NULL"
    if family is Family.BOOLEAN and lost <= {"true", "1"} and kept <= {"false", "0"}:
        return "NOT {}"
    if family is Family.INTEGER and lost == {"1"} and kept == {"0"}:
        return "{} = 0"
    return None


def in_sql(database: Database, name: str) -> str:
    """Return a name for SQL: in the engine's quotes, unless it is plain."""
    mark = "`" if database.dialect.name == "MySQL" else '"'
    plain = name.isidentifier() and name.islower()
    return name if plain else f"{mark}{name.replace(mark, mark * 2)}{mark}"


def text_in_sql(database: Database, facts: ColumnFacts) -> str:
    """Return a column of texts for SQL, so that it equals only identical texts."""
    product = database.stack.database(database.place).server.product
    return exact_text(facts, in_sql(database, facts.name), product)


def _empty(found: Found, pair: PairedTables) -> list[Line]:
    """Return the tenants that have no rows on either side, if both tables were read whole."""
    if found.both is None:
        return []
    tenants = found.tenants.found
    owned = {side: found.both.on(side)[1].of_all(table.name) for side, table in pair.sides()}
    legacy, modern = owned["legacy"], owned["modern"]
    if legacy is None or modern is None:
        return []
    none = [
        each.id
        for each in tenants
        if legacy.isdisjoint(each.legacy_accounts) and each.modern_id not in modern
    ]
    if not none:
        return []
    reason = "no rows on either side when the settings were written"
    if len(none) == len(tenants) or len(none) > _MANY:
        some = "all" if len(none) == len(tenants) else f"{len(none)} of {len(tenants)}"
        return [Line("empty", f"{some} tenants had {reason}", "read whole on both sides")]
    return [Line("empty", dict.fromkeys(none, reason), "read whole on both sides")]


def source_section(
    found: Found, pair: PairedTables, columns: Columns, condition: str, why: str
) -> Section:
    """Return the query of a part of a legacy table, with the columns that its pair compares."""
    wanted = {*pair.legacy.key, *(each.name for each in columns.drafts)}
    way = found.ways["legacy"].get(pair.legacy.name)
    if way is not None:
        wanted.add(way.steps[0].columns[0] if way.steps else way.column)
    legacy = found.databases.legacy
    names = ", ".join(in_sql(legacy, each) for each in pair.legacy.columns if each in wanted)
    sql = f"SELECT {names} FROM {in_sql(legacy, pair.legacy.name)} WHERE {condition}"  # noqa: S608
    note = (
        f"{pair.legacy.name} was divided, and rows of it were left behind: {why}. So the part "
        f"that became {pair.modern.name} is a source."
    )
    return Section(f"sources.legacy.{toml_key(pair.name)}", [note], [Line("sql", sql)])
