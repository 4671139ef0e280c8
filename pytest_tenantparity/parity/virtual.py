"""A few rows of one side, and the same rows with something changed in the query."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    FromClause,
    case,
    column,
    func,
    literal_column,
    select,
    true,
    union_all,
)

from ..model import Side
from ..stacks import Dialect
from ..stacks.dialects import Item
from .cells import Cell, Digest, Grid, Part, PlacedRow, Row, Sketch
from .columns import ColumnPair
from .opened import OpenPair
from .scope import Scope, source_of
from .source import Source

ROWS = 8
_NAME = "parity_canary_row"
_NUMBER: ColumnElement[int] = column(_NAME)

# New values of a column, by the number of the row.
Values = Mapping[int, ColumnElement[Any]]


@dataclass(frozen=True)
class Version:
    """The sample's rows, but for what is said here."""

    column: str = ""
    values: Values = field(default_factory=dict)
    without: int | None = None
    doubled: int | None = None


@dataclass(frozen=True)
class Gathered(Source):
    """A few rows, of which each statement's are all fetched before the next statement is run.

    Both versions of a side are read through one connection, and DuckDB's has room for the rows of
    one statement.
    """

    def rows(self, part: Part) -> Iterator[tuple[Cell, Row]]:
        """Return the rows of some cells, all fetched."""
        return iter(list(super().rows(part)))

    def placed_rows(self, condition: ColumnElement[bool]) -> Iterator[PlacedRow]:
        """Return the rows that meet a condition, all fetched."""
        return iter(list(super().placed_rows(condition)))


@dataclass(frozen=True)
class Remembered(Gathered):
    """A side that is asked many times, and always holds the same."""

    remembered: dict[int, dict[Cell, Digest]] = field(default_factory=dict)
    sketches: dict[Grid, Sketch] = field(default_factory=dict)
    read: dict[int, list[tuple[Cell, Row]]] = field(default_factory=dict)
    placed: list[PlacedRow] = field(default_factory=list)

    def cells(self, buckets: int, part: Part | None = None) -> dict[Cell, Digest]:
        """Digest the rows of each cell, once."""
        if part is not None:
            return super().cells(buckets, part)
        if buckets not in self.remembered:
            self.remembered[buckets] = super().cells(buckets)
        return self.remembered[buckets]

    def sketch(self, grid: Grid) -> Sketch:
        """Digest the rows by their hashes, once."""
        if grid not in self.sketches:
            self.sketches[grid] = super().sketch(grid)
        return self.sketches[grid]

    def rows_at(self, places: Collection[int]) -> Iterator[PlacedRow]:
        """Yield the rows at some places, of which all have been read once."""
        if not self.placed:
            self.placed.extend(self.placed_rows(self._place.is_not(None)))
        return (each for each in self.placed if each.place in places)

    def rows(self, part: Part) -> Iterator[tuple[Cell, Row]]:
        """Yield the rows of some cells, of which all have been read once."""
        if part.buckets not in self.read:
            self.read[part.buckets] = list(super().rows(Part(part.buckets)))
        return (each for each in self.read[part.buckets] if each[0] in (part.cells or ()))


@dataclass(frozen=True)
class Sample:
    """The first rows of one side by primary key, numbered from 1."""

    opened: OpenPair
    side: Side

    @property
    def dialect(self) -> Dialect:
        """The SQL of the side's engine."""
        return self.opened.context.stacks[self.side].dialect

    @cached_property
    def columns(self) -> list[ColumnPair]:
        """The compared columns, less the rules that would forgive a difference."""
        return [_strict(each) for each in self.opened.plan.columns]

    @cached_property
    def key(self) -> list[ColumnPair]:
        """The columns that know a row."""
        return [_strict(each) for each in self.opened.plan.key]

    @cached_property
    def rows(self) -> list[Row]:
        """The canonical texts of the rows, in the order of their numbers."""
        source = self.source(Version())
        statement = select(*source.texts).select_from(source.scope.table).order_by(_NUMBER)
        with source.guard():
            return [tuple(row) for row in source.connection.execute(statement)]

    def values(self, pair: ColumnPair) -> dict[int, str | None]:
        """Return a column's texts by row number."""
        index = [each.name for each in self.columns].index(pair.name)
        return {number: row[index] for number, row in enumerate(self.rows, start=1)}

    def key_of(self, number: int) -> Row:
        """Return a row's key."""
        return tuple(self.values(pair)[number] for pair in self.key)

    def value_in(self, pair: ColumnPair, number: int) -> ColumnElement[Any]:
        """Return a column's value in another row; NULL of its type where no row has the number."""
        again = self._named(self.opened.tables[self.side].name)
        chosen = select(pair.on(self.side).value).select_from(again)
        return chosen.where(literal_column(str(number)) == _NUMBER).scalar_subquery()

    def source(self, version: Version) -> Source:
        """Return the rows of a version, to be asked like any side of an audit."""
        if version == Version():
            return self._unchanged
        items = {each.name: self._item(each, version) for each in self.columns}
        return replace(
            self._plain,
            scope=Scope(self._table(version), _kept(version)),
            items=list(items.values()),
            key=[items[each.name].text for each in self.key],
            placed_by=[items[each.name] for each in self.opened.plan.key if each.has_one_text],
            number=self._number(version),
        )

    def _number(self, version: Version) -> ColumnElement[Any] | None:
        """Return what the key has become, where it is one whole number."""
        number = self._plain.number
        if number is None or not version.values or version.column != self.key[0].name:
            return number
        return _chosen(version.values, number)

    def _item(self, pair: ColumnPair, version: Version) -> Item:
        item = pair.item(self.side, self.dialect, pair.on(self.side).value)
        if pair.name != version.column or not version.values:
            return item
        new = {n: pair.item(self.side, self.dialect, v) for n, v in sorted(version.values.items())}
        text = _chosen({n: each.text for n, each in new.items()}, item.text)
        if item.native is None or item.value is None:
            return replace(item, text=text, value=None)
        return replace(item, text=text, value=_chosen(version.values, item.value))

    @cached_property
    def _plain(self) -> Source:
        # How large the table is does not matter: nearly each row shall have a bucket of its own.
        source = self.opened.source(self.side, Scope(self._numbered, true()))
        return Gathered(**vars(replace(source, rows_about=0)))

    @cached_property
    def _unchanged(self) -> Source:
        return Remembered(**vars(self._plain))

    @cached_property
    def _numbered(self) -> FromClause:
        return self._named(self.opened.tables[self.side].name)

    def _named(self, name: str) -> FromClause:
        return select(self._sample).subquery(name)

    @cached_property
    def _sample(self) -> CTE:
        """Number the rows once for each statement, however often it names one of them."""
        facts = self.opened.tables[self.side]
        row_filter = self.opened.pair.settings.row_filter(self.side)
        names: list[ColumnElement[Any]] = [column(each.name) for each in facts.columns]
        first = select(*names)
        first = first.select_from(source_of(facts))
        if row_filter is not None:
            first = first.where(literal_column(f"({row_filter.sql})"))
        first = first.order_by(*map(column, facts.primary_key)).limit(ROWS)
        # An SQL expression of the settings may name its table.
        rows = first.subquery(facts.name)
        # Rows that share a key need an order, too: each statement numbers the rows again.
        by = [*self.key, *(each for each in self.columns if each not in self.key)]
        order = [self.dialect.byte_order(pair.canonical(self.side, self.dialect)) for pair in by]
        number = func.row_number().over(order_by=order).label(_NAME)
        return select(*names, number).select_from(rows).cte("parity_canary_sample")

    def _table(self, version: Version) -> FromClause:
        if version.doubled is None:
            return self._numbered
        name = self.opened.tables[self.side].name
        again = self._named("again")
        twice = union_all(
            select(self._numbered),
            select(again).where(again.c[_NAME] == literal_column(str(version.doubled))),
        )
        return twice.subquery(name)


def _chosen(new: Values, old: ColumnElement[Any]) -> ColumnElement[Any]:
    return case(*((literal_column(str(n)) == _NUMBER, each) for n, each in new.items()), else_=old)


def _kept(version: Version) -> ColumnElement[bool]:
    if version.without is None:
        return true()
    return literal_column(str(version.without)) != _NUMBER


def _strict(pair: ColumnPair) -> ColumnPair:
    return replace(pair, forgiving=(), normalise=None, masked=False)
