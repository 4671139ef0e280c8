"""How the rows of two tables find each other.

It is by the primary key, an old id that was kept, a key map, or a natural key. Ids that the
migration issued anew lead to other rows, or to none. So each way to find rows is tried with the
sample, and is judged by whether the found rows are alike in their other columns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

from ..model import Side
from ..stacks.catalog import TEXTS
from .names import alike, bare_words, column_likeness, is_new_id, is_old_id
from .reflect import Databases, Row, Table
from .tables import PairedTables, columns_alike

_FOUND = 0.5  # the least share of rows that a way has to find
_AGREE = 0.75  # the least share of values that has to agree in found rows
_NAMED = 0.7  # from here on, a map is called like a table
_KINDS = 100  # tables whose ids one table holds
_RIGHT = 0.97  # from here on, a way is taken without a look at further ones

IdMaps = Mapping[str, Mapping[str, str]]
"""The modern id for each legacy id of a legacy table, by table."""


@dataclass(frozen=True)
class IdMap:
    """A table with both ids of each row: a key map of the settings."""

    side: Side
    table: str
    legacy: str
    modern: str
    kind: tuple[str, str] | None = None  # a column, and its value in the rows of one table

    def holds(self, row: Row) -> bool:
        """Whether a row of the table is one of this map."""
        return self.kind is None or row.get(self.kind[0]) == self.kind[1]

    @property
    def called(self) -> tuple[str, ...]:
        """The words that name the table whose ids these are."""
        return bare_words(self.kind[1] if self.kind else self.table, ("id", "map", "mapping"))


@dataclass(frozen=True)
class Link:
    """A way to find a legacy row's modern row, and the rows of the sample that it found.

    - ``how``: ``primary key``, ``kept id``, ``key map`` or ``natural key``.
    - ``columns``: the legacy and modern columns that are equal in both rows.
    - ``agree``: the share of values that agree in the found rows, 0 to 1.
    - ``missing``: legacy rows that have no modern row. ``extra``: modern rows without a legacy one;
      only known if both tables were read whole.
    """

    how: str
    columns: tuple[tuple[str, str], ...]
    agree: float
    pairs: tuple[tuple[Row, Row], ...] = field(repr=False)
    missing: tuple[Row, ...] = field(repr=False)
    extra: tuple[Row, ...] = field(repr=False)
    id_map: IdMap | None = None

    @property
    def found(self) -> float:
        """The share of sampled legacy rows that were found."""
        tried = len(self.pairs) + len(self.missing)
        return len(self.pairs) / tried if tried else 0.0

    @property
    def is_right(self) -> bool:
        """Whether the found rows are really one row each."""
        return self.agree >= _AGREE and self.found >= _FOUND and bool(self.pairs)

    def __str__(self) -> str:
        """Return the way in words, with the counts of the sample."""
        names = ", ".join(o if o == m else f"{o} -> {m}" for o, m in self.columns)
        tried = len(self.pairs) + len(self.missing)
        by = ""
        if self.id_map is not None:
            kind = f" ({self.id_map.kind[1]})" if self.id_map.kind else ""
            by = f" of {self.id_map.table}{kind}"
        return f"{len(self.pairs)} of {tried} sampled rows found by {self.how}{by} ({names})"


def find_link(
    databases: Databases,
    pair: PairedTables,
    id_maps: IdMaps,
    maps: Sequence[IdMap],
    same: Mapping[str, str],
    least: float = _FOUND,
) -> Link | None:
    """Return the best way to find the rows of a pair; None if no way finds equal rows.

    ``same`` are the modern tables by their legacy tables, as far as they are known. ``least`` is
    the share of the legacy rows that has to be found.
    """
    best: Link | None = None
    for how, columns, id_map in _ways(pair, maps, same):
        link = _tried(databases, pair, how, columns, id_map, id_maps)
        if link is None:
            continue
        if link.is_right and link.agree * link.found >= _RIGHT:
            return link
        if best is None or _worth(link) > _worth(best) + 0.02:
            best = link
    right = best is not None and best.agree >= _AGREE and best.found >= least
    return best if right else None


def _worth(link: Link) -> float:
    return link.agree * (0.5 + 0.5 * link.found)


Way = tuple[str, tuple[tuple[str, str], ...], IdMap | None]


def _ways(pair: PairedTables, maps: Sequence[IdMap], same: Mapping[str, str]) -> Iterator[Way]:
    """Yield the ways to try, the plainest first."""
    legacy, modern = pair.legacy, pair.modern
    by_names = list(_namesakes(pair, legacy.key, same)) if legacy.key else []
    for columns in by_names:
        if set(modern.key) & {other for _, other in columns}:
            yield "primary key", columns, None
    if len(legacy.key) == 1:
        yield from _ways_of_an_id(pair, maps)
    for columns in by_names:
        yield "natural key", columns, None
    for unique in sorted((*legacy.uniques, *modern.uniques), key=len):
        there = unique not in legacy.uniques
        for columns in _namesakes(pair, unique, same, reverse=there):
            yield "natural key", columns, None
    for name in legacy.columns:
        values = legacy.values(name)
        if len(values) == len(legacy.sample) > 4 and (name,) != legacy.key:
            for columns in _namesakes(pair, (name,), same):
                yield "natural key", columns, None


def _ways_of_an_id(pair: PairedTables, maps: Sequence[IdMap]) -> Iterator[Way]:
    """Yield the ways that lead from a primary key of one column to a row with another id."""
    own, modern = pair.legacy.key[0], pair.modern
    for name in modern.columns:
        if is_old_id(name) and not _refers_elsewhere(modern, name):
            yield "kept id", ((own, name),), None
    for id_map in maps:
        named = [alike(id_map.called, bare_words(each.name)) for _, each in pair.sides()]
        if max(named) >= _NAMED or (id_map.kind is None and max(named) > 0):
            for name in dict.fromkeys((*modern.key, *_referring(modern, id_map.table))):
                yield "key map", ((own, name),), id_map
    for name in _referring(modern, pair.split_from):
        yield "primary key", ((own, name),), None


def _referring(table: Table, other: str) -> list[str]:
    """Return the columns of a table that refer to another one."""
    return [each.columns[0] for each in table.references if each.table == other]


def _refers_elsewhere(table: Table, name: str) -> bool:
    """Whether an old id is that of another table: ``legacy_order_id`` in a table of lines."""
    named = set(bare_words(name, ("legacy", "old", "external", "source", "original", "import")))
    named -= {"id", "number", "key", "uuid", "code"}
    return bool(named) and not named & set(bare_words(table.name))


def _namesakes(
    pair: PairedTables, names: Sequence[str], same: Mapping[str, str], *, reverse: bool = False
) -> Iterator[tuple[tuple[str, str], ...]]:
    """Yield the ways to give each column a counterpart of a similar name, the likeliest first.

    ``names`` are legacy columns; modern ones if ``reverse``.
    """
    others = pair.legacy.columns if reverse else pair.modern.columns
    options = []
    for name in names:
        ranked = []
        for other in others:
            one, two = (other, name) if reverse else (name, other)
            likeness = columns_alike(pair, one, two, same)
            if likeness >= _NAMED:
                ranked.append((-likeness, other))
        options.append([other for _, other in sorted(ranked)[:3]])
    for found in list(product(*options))[:6]:
        if len(set(found)) == len(names):
            both = zip(names, found, strict=True)
            yield tuple((other, name) if reverse else (name, other) for name, other in both)


def _tried(
    databases: Databases,
    pair: PairedTables,
    how: str,
    columns: tuple[tuple[str, str], ...],
    id_map: IdMap | None,
    id_maps: IdMaps,
) -> Link | None:
    """Return the rows that a way finds: by equal values, else by loosely equal ones.

    None if the columns are no key, or find nothing.
    """
    exact = _found(databases, pair, how, columns, id_map, id_maps, str)
    if exact is not None and exact.is_right:
        return exact
    return _found(databases, pair, how, columns, id_map, id_maps, loosely) or exact


def _found(
    databases: Databases,
    pair: PairedTables,
    how: str,
    columns: tuple[tuple[str, str], ...],
    id_map: IdMap | None,
    id_maps: IdMaps,
    form: Callable[[str], str],
) -> Link | None:
    leads = [_lead(databases, pair, name, id_map, id_maps) for name, _ in columns]
    keyed: dict[tuple[str, ...], Row] = {}
    wanted: set[str] = set()
    lost: list[Row] = []
    for row in pair.legacy.sample:
        values = [lead(row.get(name)) for lead, (name, _) in zip(leads, columns, strict=True)]
        key = tuple(form(value) for value in values if value is not None)
        if len(key) < len(columns):
            lost.append(row)
        elif key in keyed:
            return None  # it is no key
        else:
            keyed[key] = row
            wanted.add(str(values[0]))
    there: dict[tuple[str, ...], Row] = {}
    for row in _modern_rows(databases, pair, columns[0][1], wanted):
        key = tuple(form(value) for _, name in columns if (value := row.get(name)) is not None)
        if key in there and key in keyed:
            return None  # it is no key
        there[key] = row
    pairs = [(row, there[key]) for key, row in keyed.items() if key in there]
    if not pairs:
        return None
    lost += [row for key, row in keyed.items() if key not in there]
    whole = pair.legacy.whole and pair.modern.whole
    extra = [row for key, row in there.items() if key not in keyed] if whole else []
    agree = _agreement(pair, pairs, columns, id_maps)
    return Link(how, columns, agree, tuple(pairs), tuple(lost), tuple(extra), id_map)


def _lead(
    databases: Databases, pair: PairedTables, name: str, id_map: IdMap | None, id_maps: IdMaps
) -> Callable[[str | None], str | None]:
    """Return a function that leads a legacy key's value to the modern one."""
    if id_map is not None:
        led = new_ids(databases, id_map, pair.legacy.values(name))
        return lambda value: None if value is None else led.get(value)
    reference = pair.legacy.reference_of(name)
    known = {} if reference is None else id_maps.get(reference.table, {})
    return lambda value: None if value is None else known.get(value, value)


def _modern_rows(
    databases: Databases, pair: PairedTables, name: str, values: Collection[str]
) -> Sequence[Row]:
    if pair.modern.whole:
        return pair.modern.sample
    return databases.modern.rows_with(pair.modern, name, values)


def _agreement(
    pair: PairedTables,
    pairs: Sequence[tuple[Row, Row]],
    columns: Sequence[tuple[str, str]],
    id_maps: IdMaps,
) -> float:
    """Return the share of values that agree, in columns of similar names that are not the key.

    Columns that hold one value alone tell nothing. Without any other column it is 1: then the rows
    have nothing but the key.
    """
    tables = bare_words(pair.legacy.name), bare_words(pair.modern.name)
    used = {name for both in columns for name in both}
    shares = []
    for name in pair.legacy.columns:
        values = {row.get(name) for row, _ in pairs}
        if name in used or (len(values) < 2 and len(pairs) > 1):
            continue
        lead = (
            id_maps.get(reference.table, {})
            if (reference := pair.legacy.reference_of(name))
            else {}
        )
        if reference is not None and not lead:
            continue  # its ids may have been issued anew
        best = 0.0
        known = False
        for other in pair.modern.columns:
            if other in used or column_likeness(name, other, *tables) < 0.8:
                continue
            known = True
            same = sum(_agrees(row.get(name), there.get(other), lead) for row, there in pairs)
            best = max(best, same / len(pairs))
        if known:
            shares.append(best)
    if not shares:
        return 1.0
    # A column that the migration transformed agrees nowhere. Rows that are not one agree nowhere
    # but by chance, so that the better half of the columns decides.
    shares.sort(reverse=True)
    best_half = shares[: max(1, (len(shares) + 1) // 2)]
    return sum(best_half) / len(best_half)


def _agrees(legacy: str | None, modern: str | None, lead: Mapping[str, str]) -> bool:
    if legacy is not None and legacy in lead:
        return lead[legacy] == modern
    one, other = loosely(legacy), loosely(modern)
    if one == other or not (_NUMBER.fullmatch(one) and _NUMBER.fullmatch(other)):
        return one == other
    return abs(float(one) - float(other)) <= _ROUNDED


_NUMBER = re.compile(r"-?[0-9]+\.?[0-9]*")
_ROUNDED = 0.01  # a difference that rounding to cents makes
_SAME = {"true": "1", "false": "0", "t": "1", "f": "0"}


def loosely(value: str | None) -> str:
    """Return a value without case, outer spaces, and the spelling of flags and ids. NULL is ''."""
    text = "" if value is None else value.strip().lower()
    return _SAME.get(text, text)


def new_ids(databases: Databases, id_map: IdMap, ids: Collection[str]) -> dict[str, str]:
    """Return the modern ids of some legacy ids."""
    database = databases.on(id_map.side)
    rows = database.rows_with(database.tables[id_map.table], id_map.legacy, ids)
    return {
        str(row[id_map.legacy]): str(row[id_map.modern])
        for row in rows
        if id_map.holds(row) and row.get(id_map.modern) is not None
    }


def known_maps(databases: Databases) -> list[IdMap]:
    """Return the tables of either side that hold an old and a new id and little else.

    A table with the ids of several tables has a column that names them, and is one map for each.
    """
    found = []
    for database in (databases.modern, databases.legacy):
        for table in database.tables.values():
            old = [name for name in table.columns if is_old_id(name)]
            new = [name for name in table.columns if is_new_id(name) and name not in old]
            if not (len(old) == len(new) == 1 and len(table.columns) <= 5):
                continue
            own = IdMap(database.side, table.name, old[0], new[0])
            kinds = [
                (each.name, value)
                for each in table.facts.columns
                if each.family in TEXTS and each.name in table.key
                for value in sorted(database.distinct(table, each.name))[:_KINDS]
            ]
            found += [replace(own, kind=kind) for kind in kinds] or [own]
    return found
