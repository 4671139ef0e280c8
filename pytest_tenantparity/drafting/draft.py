"""The draft of the settings, from what corresponds in both databases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from ..config.names import toml_key
from ..errors import counted
from ..model import SIDES, Side
from .found import Found
from .names import bare_words
from .reflect import Table
from .rows import in_sql
from .table_draft import plain_name, table_draft
from .write import FILL_IN, Draft, Line, Section, TableDraft

_BOOKKEEPING = frozenset(
    {"alembic_version", "flyway_schema_history", "schema_migrations", "ar_internal_metadata",
     "django_migrations", "_prisma_migrations", "databasechangelog", "databasechangeloglock",
     "knex_migrations", "knex_migrations_lock", "migrations", "phinxlog", "goose_db_version",
     "__efmigrationshistory"}
)  # fmt: skip
_DELETED = frozenset({"deleted", "removed", "trashed", "archived", "void", "voided", "cancelled"})
_COLUMNS_ALIKE = 0.4  # columns of similar names, from which on tables are paired by their rows
_ROWS_ALIKE = 0.9  # values that agree in such rows
_COLUMNS = 2  # columns of one zone, from which on it is a rule for all
_TABLES = 3  # tables, from which on a column of one side alone is written once
_MANY = 5  # tenants, from which on they are counted and not named


_HEAD = (
    "Written by tenantparity init. A line without a # in front is what all sampled rows show. What "
    "is not sure is commented out, with the reason: decide about it, and take the # away. Where "
    f"{FILL_IN} stands, a reason is needed that a reader of the report understands. "
    "docs/settings.md explains every key."
)


def draft_of(found: Found, urls: Mapping[Side, Mapping[str, str]]) -> Draft:
    """Return the draft. ``urls`` are the keys of ``[legacy]`` and ``[modern]``."""
    stacks: dict[Side, Section] = {}
    usual: dict[Side, dict[str, str] | None] = {}
    for side in SIDES:
        lines = [Line(key, value) for key, value in urls[side].items()]
        usual[side] = _usual_way(found, side)
        if found.both is None:
            lines.append(Line("tenancy", "global", "no tenant was found"))
        elif usual[side] is not None:
            count = sum(way.value == usual[side] for way in found.ways[side].values())
            why = f"{count} of {len(found.tables(side))} tables have this column"
            lines.append(Line("tenancy", usual[side], why))
        stacks[side] = Section(side, [], lines)
    rule, pairing = _pairing(found)
    rules = [*_zone_rule(found), *_json_rule(found)]
    tables = [table_draft(found, pair, usual, rule) for pair in found.pairs]
    general = [Section("pairing", [], pairing), Section("rules", [], rules), _ignored(found)]
    general += [_ignored_columns(tables), *_map_sections(found, tables)]
    names = {side: _usual_words(found, side) for side in SIDES}
    head = [_HEAD, *(f"{side}: {said}." for side, said in names.items())]
    return Draft(head, stacks, general, tables, found.tenants)


def _usual_words(found: Found, side: Side) -> str:
    database = found.databases.on(side)
    rows = sum(table.rows for table in database.tables.values())
    return f"{database.dialect.name}, {counted(len(database.tables), 'table')}, about {rows:,} rows"


def _usual_way(found: Found, side: Side) -> dict[str, str] | None:
    """Return the tenancy that most tables of a side have, if it is a column of one name."""
    columns = Counter(way.column for way in found.ways[side].values() if not way.steps)
    if not columns:
        return None
    return {"column": columns.most_common(1)[0][0]}


def _pairing(found: Found) -> tuple[str, list[Line]]:
    """Return the rule for modern names that fits most pairs, and the line for it."""
    rules = Counter(
        pair.modern.name.replace(pair.legacy.name, "{table}")
        for pair in found.pairs
        if not pair.split_from and pair.modern.name.count(pair.legacy.name) == 1
    )
    whole = [(rule, count) for rule, count in rules.most_common() if set(rule) - set("{table}")]
    same = rules["{table}"]
    if whole and whole[0][1] >= 2 and whole[0][1] > same:
        rule, count = whole[0]
        if not set("{}") & set(rule.replace("{table}", "")):
            why = f"{count} of {len(found.pairs)} pairs are called so"
            return rule, [Line("modern", rule, why)]
    return "{table}", []


def _zone_rule(found: Found) -> list[Line]:
    """Return the time zone of most columns, and take it out of the columns.

    All columns have then one zone that was found, or one of their own.
    """
    drafts = [
        draft
        for columns in found.columns.values()
        for draft in columns.drafts
        if draft.settings.get("naive_zone")
    ]
    zones = Counter(draft.settings["naive_zone"] for draft in drafts if draft.sure)
    known = {fit.zone: fit for fit in found.zones}
    zone, count = zones.most_common(1)[0] if zones else ("", 0)
    if count < _COLUMNS or zone not in known:
        return []
    for draft in drafts:
        if draft.sure and draft.settings["naive_zone"] == zone:
            del draft.settings["naive_zone"]
    fit = known[zone]
    others = ""
    if zone != "UTC" and fit.others:
        others = f"; {fit.others} other zones have the same offsets in these rows"
    why = (
        f"naive times beside moments in {fit.rows:,} sampled values of {count} columns: "
        f"{fit.offsets}{others}"
    )
    return [Line("naive_zone", zone, why)]


def _json_rule(found: Found) -> list[Line]:
    """Return the rule for documents of all columns, and take it out of the columns."""
    drafts = [
        draft
        for columns in found.columns.values()
        for draft in columns.drafts
        if draft.settings.get("json")
    ]
    if len(drafts) < _TABLES or not all(draft.sure for draft in drafts):
        return []
    for draft in drafts:
        del draft.settings["json"]
    why = f"{len(drafts)} columns hold the same documents in all sampled rows, spelled otherwise"
    return [Line("json", "canonical", why)]


def _ignored(found: Found) -> Section:
    """Return the tables that one side has alone."""
    section = Section("ignore.tables")
    used = {(each.side, each.table) for each in found.map_tables.values()}
    for side in SIDES:
        for name in found.alone[side]:
            table = found.tables(side)[name]
            if (side, name) in used:
                continue
            known = name.lower() in _BOOKKEEPING
            reason = "bookkeeping of the schema tool" if known else f"{FILL_IN}: why it is left out"
            why = f"{table.rows:,} rows{_nearest(found, side, table)}"
            section.lines.append(Line(f"{side}.{plain_name(name)}", reason, why, sure=known))
    read: dict[str, list[str]] = {}
    for pair in found.pairs:
        part = found.parts.get(pair.name)
        if part is not None and part.source:
            read[pair.legacy.name] = [part.source]
    paired = {pair.legacy.name for pair in found.pairs}
    for source, (origin, _) in found.unpivoted.items():
        if origin not in paired:
            read.setdefault(origin, []).append(source)
    for name, sources in read.items():
        reason = f"read by {counted(len(sources), 'source')}: {', '.join(sources)}"
        section.lines.append(Line(f"legacy.{plain_name(name)}", reason))
    return section


def _ignored_columns(tables: Sequence[TableDraft]) -> Section:
    """Return the columns that many tables have on one side alone, and take them out of these."""
    section = Section("ignore.columns")
    counts = Counter(line.key for each in tables for line in each.ignore if not line.sure)
    for key, count in counts.items():
        if count < _TABLES:
            continue
        side, _, name = key.partition(".")
        why = f"only on the {side} side, in {count} tables"
        section.lines.append(Line(key, f"{FILL_IN}: why {name} is left out", why, sure=False))
        for each in tables:
            each.ignore = [line for line in each.ignore if line.sure or line.key != key]
    return section


def _nearest(found: Found, side: Side, table: Table) -> str:
    """Return a hint at the tables of the other side that could have its rows."""
    words = bare_words(table.name)
    other: Side = "modern" if side == "legacy" else "legacy"
    near = [
        name
        for name in found.tables(other)
        if set(words) & set(bare_words(name)) - {"tenant", "id"}
    ][:3]
    if not near:
        return f"; no table of the {other} side is called like it"
    return (
        f"; did its rows come from or go to {' or '.join(near)}? Then pair them, or write a source "
        f"([sources.{side}.<name>])"
    )


def _map_sections(found: Found, tables: Iterable[TableDraft]) -> list[Section]:
    """Return the key maps that a column uses. Of a map that only proposals use, all is one."""
    used: dict[str, bool] = {}
    for table in tables:
        for line in table.columns:
            if isinstance(line.value, dict) and "key_map" in line.value:
                name = line.value["key_map"]
                used[name] = used.get(name, False) or line.sure
    sections = []
    for table_name, id_map in found.map_tables.items():
        if table_name not in used:
            continue
        sure = used[table_name]
        lines = [Line("stack", "legacy", sure=sure)] if id_map.side == "legacy" else []
        lines += [
            Line(key, value, sure=sure)
            for key, value in (
                ("table", id_map.table), ("legacy", id_map.legacy), ("modern", id_map.modern)
            )
        ]  # fmt: skip
        if id_map.kind is not None:
            column, value = id_map.kind
            database = found.databases.on(id_map.side)
            text = value.replace("'", "''")
            lines.append(Line("filter", f"{in_sql(database, column)} = '{text}'", sure=sure))
        known = len(found.id_maps.get(table_name, {}))
        notes = [f"New ids of {table_name}, as {known} sampled rows show."]
        sections.append(Section(f"maps.{toml_key(table_name)}", notes, lines))
    return sections
