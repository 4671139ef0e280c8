"""What corresponds in both databases: each step of this package in its order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ..model import SIDES, Side
from .columns import Columns, naive_times, pair_columns
from .context import HANDFUL, Context
from .keys import IdMap, Link, find_link, known_maps, new_ids
from .names import bare_words, column_likeness
from .reflect import Database, Databases, Table, with_inferred
from .tables import Likeness, PairedTables, pair_tables, table_likeness
from .tenancy import BothTenants, Tenants, Way, both_tenants, require_guess, tenants_of
from .write import Section
from .zones import ZoneFit, zones_of

COLUMNS_ALIKE = 0.4
"""The share of columns of similar names from which on two tables are paired by their rows."""

ROWS_ALIKE = 0.9
"""The share of values that has to agree in such rows."""


@dataclass(frozen=True)
class Part:
    """The rows of a pair, where its table on ``side`` holds the rows of several pairs.

    - ``sql`` is the condition of the part's rows, and ``column`` the one that it reads. ``others``
      are the tables of the other parts.
    - ``source`` has the rows that were moved at all; empty if all were. The parts divide it and not
      the table, since filters that leave a gap between them would be rows that are lost.
    """

    side: Side
    sql: str
    column: str
    others: str
    source: str = ""


@dataclass
class Found:
    """What was found in both databases, before it is written.

    ``unpivoted`` are the legacy table and columns that became rows, by the source of these rows.
    """

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
    parts: dict[str, Part] = field(default_factory=dict)
    sources: dict[str, Section] = field(default_factory=dict)
    unpivoted: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
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


def find_pairs(databases: Databases, guess: str) -> Found:
    """Return the pairs of tables, and how their rows find each other.

    Raises :class:`SettingsError` if neither side knows ``guess``, the value of ``--tenant``.
    """
    found = Found(_with_references(databases))
    require_guess([found.tables(side) for side in SIDES], guess)
    legacy, modern = (found.tables(side) for side in SIDES)
    found.pairs, *alone = pair_tables(legacy, modern)
    found.alone = dict(zip(SIDES, alone, strict=True))
    _find_links(found)
    return found


def find_rest(found: Found, guess: str) -> None:
    """Find tables that were split by columns, the tenants, and the columns."""
    _find_splits(found)
    _find_tenancy(found, guess)
    _find_columns(found)


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
        link_pair(found, pair, maps)
    while _pair_by_rows(found, maps):
        for pair in _referenced_first(found.pairs):
            if found.links[pair.name] is None:
                link_pair(found, pair, maps)


def _pair_by_rows(found: Found, maps: Sequence[IdMap]) -> bool:
    """Pair tables of one side alone whose rows find each other. Return whether there are any."""
    best: tuple[float, PairedTables] | None = None
    for legacy in found.alone["legacy"]:
        table = found.tables("legacy")[legacy]
        _load_ids(found, table)
        for modern in found.alone["modern"]:
            likeness = table_likeness(table, found.tables("modern")[modern])
            if likeness.columns < COLUMNS_ALIKE:
                continue
            pair = PairedTables(table, found.tables("modern")[modern], likeness)
            link = find_link(found.databases, pair, found.id_maps, maps, found.same)
            if link is None or len(link.pairs) < HANDFUL or link.agree < ROWS_ALIKE:
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
    link_pair(found, pair, maps)
    return True


def link_pair(found: Found, pair: PairedTables, maps: Sequence[IdMap]) -> None:
    """Find how the rows of a pair find each other, and which new ids they show."""
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
            link_pair(found, split, [own] if own is not None else maps)
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
                spared_of(found, pair),
            )
        )
    found.zones = tuple(zones_of([each for own in contexts for each in naive_times(own)]))
    for context in contexts:
        found.columns[context.pair.name] = pair_columns(replace(context, zones=found.zones))


def spared_of(found: Found, pair: PairedTables) -> dict[Side, frozenset[str]]:
    """Return the columns that select the tenant, on each side."""
    spared = {}
    for side, table in pair.sides():
        way = found.ways[side].get(table.name)
        own = {way.column} if way is not None and not way.steps else set()
        spared[side] = frozenset(own)
    return spared
