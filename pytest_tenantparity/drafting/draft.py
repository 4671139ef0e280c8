"""From two databases to a draft of the settings: each step of this package in its order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..config.names import quoted, toml_key
from ..errors import counted
from ..model import SIDES, Side
from ..stacks import Family
from .columns import HANDFUL, ColumnDraft, Columns, Context, naive_times, pair_columns
from .keys import IdMap, Link, find_link, known_maps, new_ids
from .names import bare_words, column_likeness, words_of
from .reflect import Database, Databases, Table, with_inferred
from .tables import NAMED, Likeness, PairedTables, pair_tables, table_likeness
from .tenancy import BothTenants, Tenants, Way, both_tenants, require_guess, tenants_of
from .write import FILL_IN, Draft, Line, Section, TableDraft
from .zones import ZoneFit, zones_of

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


@dataclass
class Found:
    """What was found in both databases, before it is written."""

    databases: Databases
    pairs: list[PairedTables] = field(default_factory=list)
    alone: dict[Side, list[str]] = field(default_factory=dict)
    links: dict[str, Link | None] = field(default_factory=dict)
    id_maps: dict[str, dict[str, str]] = field(default_factory=dict)
    map_tables: dict[str, IdMap] = field(default_factory=dict)
    both: BothTenants | None = None
    tenants: Tenants = field(default_factory=Tenants)
    ways: dict[Side, dict[str, Way]] = field(default_factory=dict)
    columns: dict[str, Columns] = field(default_factory=dict)
    zones: tuple[ZoneFit, ...] = ()

    def tables(self, side: Side) -> dict[str, Table]:
        """Return the tables of one side."""
        return self.databases.on(side).tables

    @property
    def same(self) -> dict[str, str]:
        """The modern tables by their legacy tables."""
        return {p.legacy.name: p.modern.name for p in self.pairs if not p.split_from}

    @property
    def natural_keys(self) -> dict[str, tuple[str, str]]:
        """The two columns by which rows of a legacy table are found, if ids were issued anew."""
        return {
            pair.legacy.name: link.columns[0]
            for pair in self.pairs
            if (link := self.links[pair.name]) is not None
            and link.how == "natural key"
            and len(link.columns) == 1
        }

    @property
    def map_names(self) -> dict[str, str]:
        """The names of key maps in the settings, by legacy table."""
        return {table: table for table in self.map_tables}


def drafted(
    databases: Databases, urls: Mapping[Side, Mapping[str, str]], guess: str
) -> tuple[Draft, Found]:
    """Return a draft of the settings, and what it was made of.

    ``urls`` are the keys of ``[legacy]`` and ``[modern]``. ``guess`` is the value of ``--tenant``.
    Raises :class:`SettingsError` if neither side knows that name.
    """
    found = Found(_with_references(databases))
    require_guess([found.tables(side) for side in SIDES], guess)
    legacy, modern = (found.tables(side) for side in SIDES)
    found.pairs, *alone = pair_tables(legacy, modern)
    found.alone = dict(zip(SIDES, alone, strict=True))
    _find_links(found)
    _find_splits(found)
    _find_tenancy(found, guess)
    _find_columns(found)
    return _draft(found, urls), found


def _with_references(databases: Databases) -> Databases:
    def on(database: Database) -> Database:
        return replace(database, tables=with_inferred(database.tables, database))

    return Databases(on(databases.legacy), on(databases.modern))


# ---- rows


def _find_links(found: Found) -> None:
    """Find how the rows of each pair find each other, tables before those that refer to them.

    Ids of a referenced table are known by then, so that a key that holds such ids can be tried.
    Then tables that are not called alike are paired by their rows, which can make further keys
    known.
    """
    maps = known_maps(found.databases)
    for pair in _referenced_first(found.pairs):
        _link(found, pair, maps)
    while _pair_by_rows(found, maps):
        for pair in _referenced_first(found.pairs):
            if found.links[pair.name] is None:
                _link(found, pair, maps)


def _pair_by_rows(found: Found, maps: Sequence[IdMap]) -> bool:
    """Pair tables of one side alone whose rows find each other. Return whether there are any."""
    best: tuple[float, PairedTables] | None = None
    for legacy in found.alone["legacy"]:
        table = found.tables("legacy")[legacy]
        _load_ids(found, table)
        for modern in found.alone["modern"]:
            likeness = table_likeness(table, found.tables("modern")[modern])
            if likeness.columns < _COLUMNS_ALIKE:
                continue
            pair = PairedTables(table, found.tables("modern")[modern], likeness)
            link = find_link(found.databases, pair, found.id_maps, maps, found.same)
            if link is None or len(link.pairs) < HANDFUL or link.agree < _ROWS_ALIKE:
                continue
            score = link.agree * link.found * likeness.columns
            if best is None or score > best[0]:
                best = score, pair
    if best is None:
        return False
    pair = best[1]
    found.pairs.append(pair)
    found.pairs.sort(key=lambda each: each.legacy.name)
    found.alone["legacy"].remove(pair.legacy.name)
    found.alone["modern"].remove(pair.modern.name)
    _link(found, pair, maps)
    return True


def _link(found: Found, pair: PairedTables, maps: Sequence[IdMap]) -> None:
    _load_ids(found, pair.legacy)
    link = found.links[pair.name] = find_link(
        found.databases, pair, found.id_maps, maps, found.same
    )
    if link is None or len(pair.legacy.key) != 1 or pair.split_from:
        return
    own, modern_key = pair.legacy.key[0], pair.modern.key
    if link.id_map is not None:
        found.map_tables[pair.legacy.name] = link.id_map
    elif link.how == "kept id" and len(modern_key) == 1 and modern_key[0] != link.columns[0][1]:
        found.map_tables[pair.legacy.name] = IdMap(
            "modern", pair.modern.name, link.columns[0][1], modern_key[0]
        )
    if link.how != "primary key" and len(modern_key) == 1:
        found.id_maps[pair.legacy.name] = {
            str(one[own]): str(other[modern_key[0]])
            for one, other in link.pairs
            if one.get(own) is not None and other.get(modern_key[0]) is not None
        }


def _load_ids(found: Found, table: Table) -> None:
    """Read the new ids that a table's sampled rows refer to, of tables that were not read whole."""
    for reference in table.references:
        id_map = found.map_tables.get(reference.table)
        if id_map is None or len(reference.columns) != 1:
            continue
        known = found.id_maps.setdefault(reference.table, {})
        wanted = table.values(reference.columns[0]) - known.keys()
        if wanted:
            known |= new_ids(found.databases, id_map, wanted)


def _referenced_first(pairs: Sequence[PairedTables]) -> list[PairedTables]:
    """Return the pairs in an order in which referenced tables come first.

    Of tables that refer to each other, the first by name comes first.
    """
    left = {pair.legacy.name: pair for pair in pairs}
    ordered: list[PairedTables] = []
    while left:
        free = [
            name
            for name, pair in left.items()
            if not any(each.table in left and each.table != name for each in pair.legacy.references)
        ]
        ordered += [left.pop(name) for name in free or list(left)[:1]]
    return ordered


def _find_splits(found: Found) -> None:
    """Pair modern tables without a counterpart with legacy tables whose columns they took.

    A part is taken for one only if its rows are found, and hold values of the legacy table.
    """
    maps = list(found.map_tables.values())
    for name in list(found.alone["modern"]):
        table = found.tables("modern")[name]
        for pair in list(found.pairs):
            if pair.split_from or not any(r.table == pair.modern.name for r in table.references):
                continue
            taken = {n for n in pair.legacy.columns if _has_namesake(n, pair.legacy, pair.modern)}
            parts = [
                n
                for n in pair.legacy.columns
                if n not in taken and _has_namesake(n, pair.legacy, table)
            ]
            if len(parts) < 2:
                continue
            split = PairedTables(pair.legacy, table, Likeness(0, 0, None), pair.modern.name)
            own = found.map_tables.get(pair.legacy.name)
            _link(found, split, [own] if own is not None else maps)
            if found.links[split.name] is None:
                del found.links[split.name]
                continue
            found.pairs.append(split)
            found.alone["modern"].remove(name)
            break


def _has_namesake(name: str, table: Table, other: Table) -> bool:
    tables = bare_words(table.name), bare_words(other.name)
    return any(column_likeness(name, each, *tables) >= 0.8 for each in other.columns)


# ---- tenants


def _tenant_link(found: Found, both: BothTenants) -> Link | None:
    """Return how the rows of both tenants' tables find each other, by all of their rows."""
    for pair in found.pairs:
        if pair.split_from or (pair.legacy, pair.modern) != (both.legacy.table, both.modern.table):
            continue
        if pair.legacy.whole and pair.modern.whole:
            return found.links[pair.name]
        whole = replace(
            pair,
            legacy=found.databases.legacy.with_all_rows(pair.legacy),
            modern=found.databases.modern.with_all_rows(pair.modern),
        )
        maps = list(found.map_tables.values())
        return find_link(found.databases, whole, found.id_maps, maps, found.same)
    return None


def _find_tenancy(found: Found, guess: str) -> None:
    rows = {
        (pair.legacy.name, pair.modern.name): link.pairs
        for pair in found.pairs
        if (link := found.links[pair.name]) is not None
    }
    found.both = both = both_tenants(found.databases, guess, rows)
    for side in SIDES:
        found.ways[side] = {} if both is None else both.on(side)[1].ways
    if both is None:
        why = "none was found, so that all tables are global: name its table or column by --tenant"
        found.tenants = Tenants(notes=(why,))
        return
    link = _tenant_link(found, both)
    drafts = tenants_of(both, link)
    places = []
    for side in SIDES:
        at, _ = both.on(side)
        where = at.column if at.table is None else f"{at.table.name}.{at.column}"
        places.append(f"{side}: {where} ({at.why})")
    found.tenants = Tenants(drafts.found, (*places, *drafts.notes))


# ---- columns


def _find_columns(found: Found) -> None:
    contexts = []
    for pair in found.pairs:
        link = found.links[pair.name]
        if link is None:
            continue
        _load_ids(found, pair.legacy)
        contexts.append(
            Context(
                found.databases,
                pair,
                link,
                found.id_maps,
                found.map_names,
                found.natural_keys,
                found.same,
                _spared(found, pair),
            )
        )
    found.zones = tuple(zones_of([each for own in contexts for each in naive_times(own)]))
    for context in contexts:
        found.columns[context.pair.name] = pair_columns(replace(context, zones=found.zones))


def _spared(found: Found, pair: PairedTables) -> dict[Side, frozenset[str]]:
    """Return the columns that select the tenant, on each side."""
    spared = {}
    for side, table in pair.sides():
        way = found.ways[side].get(table.name)
        own = {way.column} if way is not None and not way.steps else set()
        spared[side] = frozenset(own)
    return spared


# ---- the draft


def _draft(found: Found, urls: Mapping[Side, Mapping[str, str]]) -> Draft:
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
    tables = [_table(found, pair, usual, rule) for pair in found.pairs]
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
            section.lines.append(Line(f"{side}.{_quoted(name)}", reason, why, sure=known))
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


def _quoted(name: str) -> str:
    return name if "." not in name and '"' not in name else quoted(name)


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
            lines.append(Line("filter", f"{_in_sql(database, column)} = '{text}'", sure=sure))
        known = len(found.id_maps.get(table_name, {}))
        notes = [f"New ids of {table_name}, as {known} sampled rows show."]
        sections.append(Section(f"maps.{toml_key(table_name)}", notes, lines))
    return sections


def _table(
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
    if rule.replace("{table}", pair.name) != pair.modern.name:
        why = "" if pair.split_from or pair.likeness.name >= NAMED else str(pair.likeness)
        draft.lines.append(Line("modern", pair.modern.name, why))
    if link is not None and link.how == "natural key":
        selecting = _spared(found, pair)
        key = [one for one, _ in link.columns if one not in selecting["legacy"]]
        draft.lines.append(Line("key", key, "ids were issued anew"))
    draft.lines += _tenancy_lines(found, pair, usual)
    rows_lines = _row_lines(found, pair, link)
    filters = [line for line in rows_lines if line.key == "legacy_filter" and line.sure]
    if pair.split_from and filters and columns is not None:
        # Two pairs of one table that both filter it would be two sets of its rows.
        draft.source = _source(found, pair, columns, filters[0])
        draft.lines = [line for line in draft.lines if line.key not in ("legacy", "key")]
        draft.lines.append(Line("key", list(pair.legacy.key), "a source has no primary key"))
        rows_lines = [line for line in rows_lines if line is not filters[0]]
    draft.lines += rows_lines
    if link is None or columns is None:
        draft.notes.append(
            "Its columns were not compared: give its key, its key map, or a source, and look at "
            "the audit."
        )
        return draft
    _column_lines(found, pair, link, columns, draft)
    if draft.source is not None:
        draft.ignore = [line for line in draft.ignore if not line.key.startswith("legacy.")]
    return draft


def _source(found: Found, pair: PairedTables, columns: Columns, rows: Line) -> Section:
    """Return the query of the columns that a part took of a table, for the rows that were moved."""
    wanted = {*pair.legacy.key, *(each.name for each in columns.drafts)}
    way = found.ways["legacy"].get(pair.legacy.name)
    if way is not None:
        wanted.add(way.steps[0].columns[0] if way.steps else way.column)
    legacy = found.databases.legacy
    names = ", ".join(_in_sql(legacy, each) for each in pair.legacy.columns if each in wanted)
    sql = f"SELECT {names} FROM {_in_sql(legacy, pair.legacy.name)} WHERE {rows.value['sql']}"  # noqa: S608
    note = (
        f"{pair.legacy.name} was split, and rows of it were left behind: {rows.why}. So the part "
        f"that became {pair.modern.name} is a source."
    )
    return Section(f"sources.legacy.{toml_key(pair.name)}", [note], [Line("sql", sql)])


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


def _row_lines(found: Found, pair: PairedTables, link: Link | None) -> list[Line]:
    """Return lines about rows that one side has alone, or that have no tenant."""
    lines = []
    if link is not None and link.missing:
        lines += _legacy_filter(found, pair, link)
    if link is not None and link.extra:
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


def _legacy_filter(found: Found, pair: PairedTables, link: Link) -> list[Line]:
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
        sql = marked.format(_in_sql(found.databases.legacy, facts.name))
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
            filters = _legacy_filter(found, parent, above)
            if not filters or not filters[0].sure:
                break
            inner, database = filters[0].value["sql"], found.databases.legacy
            names = [_in_sql(database, n) for n in (own, reference.keys[0], reference.table)]
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


def _in_sql(database: Database, name: str) -> str:
    mark = "`" if database.dialect.name == "MySQL" else '"'
    plain = name.isidentifier() and name.islower()
    return name if plain else f"{mark}{name.replace(mark, mark * 2)}{mark}"


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


def _column_lines(
    found: Found, pair: PairedTables, link: Link, columns: Columns, draft: TableDraft
) -> None:
    linked = dict(link.columns)
    for each in columns.drafts:
        draft.columns += _column(each)
    own = pair.legacy.key[0] if len(pair.legacy.key) == 1 else None
    for name in columns.modern_only:
        facts = pair.modern.facts.column(name)
        if (name,) == pair.modern.key and link.how in ("kept id", "natural key"):
            reason = f"issued anew: rows are found by {', '.join(linked.values())}"
            draft.ignore.append(Line(f"modern.{_quoted(name)}", reason, about=frozenset({name})))
        elif link.id_map is not None and name == link.id_map.legacy and own is not None:
            reason = f"the old id, which [maps.{pair.legacy.name}] reads"
            draft.ignore.append(Line(f"modern.{_quoted(name)}", reason, about=frozenset({name})))
        elif not _is_elsewhere(found, pair, "modern", name):
            values = [row.get(name) for row in pair.modern.sample]
            kind = facts.declared if facts is not None else ""
            draft.ignore.append(_alone("modern", name, kind, values))
    filters = [line for line in draft.lines if line.key == "legacy_filter" and line.sure]
    for name in columns.legacy_only:
        facts = pair.legacy.facts.column(name)
        compared = [row.get(name) for row, _ in link.pairs]
        if filters and len(set(compared)) == 1 and name in filters[0].value["sql"]:
            reason = "the same in all rows that are compared: legacy_filter selects by it"
            draft.ignore.append(Line(f"legacy.{_quoted(name)}", reason, about=frozenset({name})))
        elif (name,) == pair.legacy.key and link.how == "natural key":
            reason = f"issued anew: rows are found by {', '.join(linked)}"
            draft.ignore.append(Line(f"legacy.{_quoted(name)}", reason, about=frozenset({name})))
        elif (split := _source_of(found, pair, name)) is not None:
            reason = f"compared in the source {split}"
            draft.ignore.append(Line(f"legacy.{_quoted(name)}", reason, about=frozenset({name})))
        elif (part := _part_elsewhere(found, pair, name)) is not None:
            draft.ignore.append(Line(f"legacy.{_quoted(name)}", part, about=frozenset({name})))
        elif not _is_elsewhere(found, pair, "legacy", name):
            values = [row.get(name) for row in pair.legacy.sample]
            kind = facts.declared if facts is not None else ""
            draft.ignore.append(_alone("legacy", name, kind, values))
    for name, reason in columns.ignored.items():
        if name.startswith("modern."):  # parts of a legacy concat need no counterparts
            about = frozenset({name.partition(".")[2], reason.rpartition(" ")[2]})
            draft.ignore.append(Line(name, reason, about=about))


def _alone(side: Side, name: str, declared: str, values: Sequence[str | None]) -> Line:
    filled = [value for value in values if value is not None]
    if not filled:
        what = f"NULL in all {len(values)} sampled rows"
    else:
        what = f"{counted(len(set(filled)), 'different value')} in {len(values)} sampled rows"
    why = f"only on the {side} side ({declared}): {what}"
    return Line(f"{side}.{_quoted(name)}", f"{FILL_IN}: why it is left out", why, sure=False)


def _is_elsewhere(found: Found, pair: PairedTables, side: Side, name: str) -> bool:
    """Whether another pair of the same table compares the column."""
    for other in found.pairs:
        table, same = (
            (other.legacy, pair.legacy) if side == "legacy" else (other.modern, pair.modern)
        )
        if other is pair or table is not same or other.name not in found.columns:
            continue
        drafts = found.columns[other.name].drafts
        if any(name == (each.name if side == "legacy" else each.modern) for each in drafts):
            return True
    return False


def _source_of(found: Found, pair: PairedTables, name: str) -> str | None:
    """Return the source that compares a column of a pair's legacy table, or None."""
    for other in found.pairs:
        if not other.split_from or other.legacy is not pair.legacy or other is pair:
            continue
        link = found.links[other.name]
        columns = found.columns.get(other.name)
        if link is None or columns is None or not link.missing:
            continue
        filters = [line for line in _legacy_filter(found, other, link) if line.sure]
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
