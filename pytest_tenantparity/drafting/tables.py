"""Which legacy table became which modern table, by names, columns and sampled values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..model import Side
from ..stacks import Family
from ..stacks.catalog import NUMBERS, TEXTS, TIMES
from .names import alike, bare_words, column_likeness, common_prefix
from .reflect import Table

NAMED = 0.8
"""The likeness from which on two names mean one thing."""

_LIKELY = 0.55  # the least score of a pair
_DISTINCT = 5  # different values from which on a column tells something


@dataclass(frozen=True)
class Likeness:
    """How alike two tables are, each part from 0 to 1.

    ``columns``: the share of columns that have a counterpart of a similar name. ``values``: the
    share of the legacy table's sampled texts that the modern table has as well; None if there are
    too few.
    """

    name: float
    columns: float
    values: float | None

    @property
    def score(self) -> float:
        """The parts in one number."""
        if self.values is None:
            return 0.6 * self.name + 0.4 * self.columns
        return 0.5 * self.name + 0.25 * self.columns + 0.25 * self.values

    @property
    def is_pair(self) -> bool:
        """Whether the two tables are one, as far as this tells."""
        by_name = self.name >= NAMED and (self.columns >= 0.3 or (self.values or 0) >= 0.5)
        by_rows = (self.values or 0) >= 0.8 and self.columns >= 0.4 and self.name >= 0.3
        return self.score >= _LIKELY and (by_name or by_rows)

    def __str__(self) -> str:
        """Return the parts in words."""
        values = "" if self.values is None else f", {self.values:.0%} of sampled texts"
        return f"names {self.name:.0%}, columns {self.columns:.0%}{values} alike"


@dataclass(frozen=True)
class PairedTables:
    """A legacy table and its modern table, or one of several among which it was split.

    ``split_from``: the modern table that took the other columns; empty if there is no such table.
    """

    legacy: Table
    modern: Table
    likeness: Likeness
    split_from: str = ""
    section: str = ""  # its name in the settings, if it is not that of the legacy table

    @property
    def name(self) -> str:
        """The name of the pair in the settings."""
        if self.split_from:
            return f"{self.legacy.name}_{self.modern.name}"
        return self.section or self.legacy.name

    def sides(self) -> tuple[tuple[Side, Table], tuple[Side, Table]]:
        """Return both tables, each with its side."""
        return ("legacy", self.legacy), ("modern", self.modern)


def columns_alike(pair: PairedTables, legacy: str, modern: str, same: Mapping[str, str]) -> float:
    """Return how alike two columns are by their names, and by the tables that they refer to.

    ``same`` are the modern tables by their legacy tables, as far as they are known.
    """
    one, other = pair.legacy.reference_of(legacy), pair.modern.reference_of(modern)
    tables = bare_words(pair.legacy.name), bare_words(pair.modern.name)
    likeness = column_likeness(legacy, modern, *tables)
    if one is not None and other is not None and same.get(one.table) == other.table:
        return max(likeness, 0.9)
    return likeness


def pair_tables(
    legacy: Mapping[str, Table], modern: Mapping[str, Table]
) -> tuple[list[PairedTables], list[str], list[str]]:
    """Return the pairs, in the order of their legacy names, and the tables of one side alone.

    Each table is in one pair at most: the most alike tables are paired first.
    """
    drop = [[common_prefix(list(names)), "tenant"] for names in (legacy, modern)]
    candidates = []
    for one in legacy.values():
        for other in modern.values():
            words = bare_words(one.name, drop[0]), bare_words(other.name, drop[1])
            name = 1.0 if one.name == other.name else min(alike(*words), 0.99)
            columns = _columns_alike(one, other)
            if name < 0.3 and columns < 0.5:
                continue
            found = Likeness(name, columns, values_alike(one, other))
            if found.is_pair:
                candidates.append(PairedTables(one, other, found))
    candidates.sort(key=lambda each: (-each.likeness.score, each.legacy.name, each.modern.name))
    pairs: dict[str, PairedTables] = {}
    taken: set[str] = set()
    for each in candidates:
        if each.legacy.name not in pairs and each.modern.name not in taken:
            pairs[each.legacy.name] = each
            taken.add(each.modern.name)
    return (
        [pairs[name] for name in sorted(pairs)],
        sorted(legacy.keys() - pairs.keys()),
        sorted(modern.keys() - taken),
    )


def table_likeness(legacy: Table, modern: Table) -> Likeness:
    """Return how alike two tables are, whose names need no prefix taken away."""
    name = min(alike(bare_words(legacy.name), bare_words(modern.name)), 0.99)
    return Likeness(name, _columns_alike(legacy, modern), values_alike(legacy, modern))


def _columns_alike(legacy: Table, modern: Table) -> float:
    """Return the share of columns that have a counterpart of a similar name and kind of type."""
    tables = bare_words(legacy.name), bare_words(modern.name)
    scores = sorted(
        (
            (likeness * _kinds_alike(one.family, other.family), one.name, other.name)
            for one in legacy.facts.columns
            for other in modern.facts.columns
            if (likeness := column_likeness(one.name, other.name, *tables)) >= 0.7
        ),
        reverse=True,
    )
    taken: set[tuple[int, str]] = set()
    total = 0.0
    for score, one_name, other_name in scores:
        if (0, one_name) not in taken and (1, other_name) not in taken:
            taken |= {(0, one_name), (1, other_name)}
            total += score
    return 2 * total / (len(legacy.columns) + len(modern.columns))


def _kinds_alike(one: Family, other: Family) -> float:
    if one is other:
        return 1.0
    for kind in (NUMBERS | {Family.BOOLEAN, Family.BIT}, TEXTS, TIMES):
        if one in kind and other in kind:
            return 1.0
    return 0.8 if {one, other} & TEXTS else 0.5


def values_alike(legacy: Table, modern: Table) -> float | None:
    """Return the share of the legacy table's sampled texts that are in the modern table, too.

    The best counterpart of each column counts. Columns of few different values tell nothing, and
    so do numbers: ids of all tables begin with 1. None if no column tells something.
    """
    shares = []
    theirs = [values for each in _telling(modern) if (values := _loosely(modern, each))]
    for name in _telling(legacy):
        values = _loosely(legacy, name)
        if len(values) >= _DISTINCT:
            best = max((len(values & other) for other in theirs), default=0)
            shares.append(best / len(values))
    return sum(shares) / len(shares) if shares else None


def _telling(table: Table) -> Sequence[str]:
    kinds = TEXTS | {Family.UUID, Family.DECIMAL}
    return [each.name for each in table.facts.columns if each.family in kinds]


def _loosely(table: Table, name: str) -> frozenset[str]:
    return frozenset(value.strip().lower() for value in table.values(name))
