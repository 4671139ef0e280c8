"""The first rows of one side, and versions of them with changes made in the query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from sqlalchemy import (
    ColumnClause,
    ColumnElement,
    FromClause,
    Integer,
    and_,
    case,
    column,
    func,
    literal_column,
    select,
    true,
    union_all,
)

from ...mapping.columns import ColumnPair
from ...mapping.filters import rows_taking_part
from ...mapping.tenancy_sql import Owners, Scope
from ...model import Side
from ...stacks.dialects import Item
from ...stacks.sources import source_of
from ..compare.row_diff import Row
from ..read.digest import Buckets, Digest
from ..read.open_pair import OpenPair
from ..read.reader import SideReader

ROWS = 8
MOST_VERSIONS = 1_000  # in one statement; their numbers have at most three digits
_NAME = "parity_canary_row"
_NUMBER: ColumnClause[int] = column(_NAME, Integer)
_VERSION: ColumnClause[int] = column("parity_canary_version", Integer)

Values = Mapping[int, ColumnElement[Any]]
"""New values of a column, by the number of the row."""


@dataclass(frozen=True)
class Version:
    """A version of the sample's rows: unchanged, except for the fields that are set.

    ``values`` are new values of ``column``, by row number. ``without`` is the number of a row that
    is left out. ``doubled`` is the number of a row that occurs twice.
    """

    column: str = ""
    values: Values = field(default_factory=dict)
    without: int | None = None
    doubled: int | None = None


class WatchedRows:
    """At most 8 rows of one side, the first by primary key if there is one, numbered from 1.

    ``columns`` are the compared columns, and ``key`` are those that identify a row. They are
    without the rules that would forgive a difference.
    """

    def __init__(self, opened: OpenPair, side: Side) -> None:
        run, facts = opened.run, opened.tables[side]
        self.opened, self.side = opened, side
        self.dialect = dialect = run.stacks[side].dialect
        self.columns, self.key = (
            [replace(each, forgiving=(), normalise=None, masked=False) for each in columns]
            for columns in (opened.plan.columns, opened.plan.key)
        )
        # A CTE, so that each statement numbers the rows only once.
        names: list[ColumnElement[Any]] = [column(each.name) for each in facts.columns]
        taking_part = rows_taking_part(run, opened.pair, side)
        first = select(*names).select_from(source_of(facts)).where(taking_part)
        first = first.order_by(*map(column, facts.primary_key)).limit(ROWS)
        # An SQL expression of the settings may name its table.
        rows = first.subquery(facts.name)
        # Rows that share a key need an order, too: each statement numbers the rows again.
        by = [*self.key, *(each for each in self.columns if each not in self.key)]
        order = [dialect.byte_order(pair.canonical(side, dialect)) for pair in by]
        number = func.row_number().over(order_by=order).label(_NAME)
        self._sample = select(*names, number).select_from(rows).cte("parity_canary_sample")
        # Both versions of a side are read through one connection, and a connection to DuckDB has
        # room for the rows of only one statement.
        reader = opened.reader(side, Scope(self._numbered(), true()))
        self._plain = replace(reader, fetches_all=True)

    def _numbered(self) -> FromClause:
        return select(self._sample).subquery(self.opened.tables[self.side].name)

    @cached_property
    def rows(self) -> list[Row]:
        """The canonical texts of the rows, in the order of their numbers."""
        reader = self._plain
        statement = select(*reader.texts).select_from(reader.scope.table).order_by(_NUMBER)
        with reader.guard():
            return [tuple(row) for row in reader.connection.execute(statement)]

    @cached_property
    def digest(self) -> Digest:
        """The digest of the rows, computed by the statement that every audit uses."""
        with self._plain.guard():
            return self._plain.sketch(Buckets(1))["", 0].digest

    def values(self, pair: ColumnPair) -> dict[int, str | None]:
        """Return a column's texts by row number."""
        index = [each.name for each in self.columns].index(pair.name)
        return {number: row[index] for number, row in enumerate(self.rows, start=1)}

    def key_of(self, number: int) -> Row:
        """Return a row's key."""
        return tuple(self.values(pair)[number] for pair in self.key)

    def value_in(self, pair: ColumnPair, number: int) -> ColumnElement[Any]:
        """Return the SQL of a column's value in the row ``number``.

        It is a NULL of the column's type if no row has the number.
        """
        chosen = select(pair.on(self.side).value).select_from(self._numbered())
        return chosen.where(_literal(number) == _NUMBER).scalar_subquery()

    def reader(self, version: Version) -> SideReader:
        """Return a reader of the rows of ``version``, like a side's reader in an audit."""
        if version == Version():
            return self._plain
        rows = self._numbered()
        if version.doubled is not None:
            again = select(self._sample).subquery("again")
            doubled = select(again).where(again.c[_NAME] == _literal(version.doubled))
            rows = union_all(select(rows), doubled).subquery(self.opened.tables[self.side].name)
        kept = true() if version.without is None else _literal(version.without) != _NUMBER
        new = [(_literal(row) == _NUMBER, value) for row, value in sorted(version.values.items())]
        items = {
            each.name: self._item(each, new if each.name == version.column else [])
            for each in self.columns
        }
        number = self._plain.number
        if number is not None and new and version.column == self.key[0].name:
            number = case(*new, else_=number)
        return replace(
            self._plain,
            scope=Scope(rows, kept),
            items=list(items.values()),
            key=[items[each.name].text for each in self.key],
            placed_by=[items[each.name] for each in self.opened.plan.key if each.has_one_text],
            number=number,
        )

    def read(self, versions: Sequence[Version]) -> list[tuple[Digest, list[Row]]]:
        """Return each version's digest, from one statement, and its rows, from another one.

        A version may change values of its column, and nothing else. The versions' numbers take the
        place of tenants.
        """
        items: list[Item] = []
        for pair in self.columns:
            new = [
                (and_(_literal(number) == _VERSION, _literal(row) == _NUMBER), value)
                for number, version in enumerate(versions)
                if version.column == pair.name
                for row, value in sorted(version.values.items())
            ]
            items.append(self._item(pair, new))
        sample, numbers = self._numbered(), _numbers_below(len(versions))
        table = sample.join(numbers, _always(sample.c[_NAME], numbers.c[_VERSION.name]))
        owners = {str(number): str(number) for number in range(len(versions))}
        scope = Scope(table, true(), Owners(_VERSION, owners))
        reader = replace(self._plain, scope=scope, items=items)
        rows: list[list[Row]] = [[] for _ in versions]
        with reader.guard():
            digests = reader.digests()
            statement = select(_VERSION, *reader.texts).select_from(table)
            for number, *texts in reader.connection.execute(statement).all():
                rows[int(number)].append(tuple(texts))
        return [(digests[str(number)], each) for number, each in enumerate(rows)]

    def _item(
        self, pair: ColumnPair, new: Sequence[tuple[ColumnElement[bool], ColumnElement[Any]]]
    ) -> Item:
        """Return a column's item, with new values in the rows that meet their conditions."""
        item = pair.item(self.side, self.dialect, pair.on(self.side).value)
        if not new:
            return item
        texts = [(when, pair.item(self.side, self.dialect, value).text) for when, value in new]
        text = case(*texts, else_=item.text)
        if item.native is None or item.value is None:
            return replace(item, text=text, value=None)
        return replace(item, text=text, value=case(*new, else_=item.value))


def _numbers_below(count: int) -> FromClause:
    """Return the numbers from 0 to ``count`` - 1, without using a table."""
    digit = union_all(*(select(_literal(number).label("digit")) for number in range(10)))
    ones, tens, hundreds = (digit.subquery(f"parity_{name}") for name in ("1", "10", "100"))
    number = ones.c.digit + _literal(10) * tens.c.digit + _literal(100) * hundreds.c.digit
    digits = ones.join(tens, _always(ones.c.digit, tens.c.digit))
    digits = digits.join(hundreds, _always(ones.c.digit, hundreds.c.digit))
    numbers = select(number.label(_VERSION.name)).select_from(digits)
    return numbers.where(number < _literal(count)).subquery("parity_canary_versions")


def _always(one: ColumnElement[int], other: ColumnElement[int]) -> ColumnElement[bool]:
    """Return a join condition that is always true.

    SQLAlchemy warns of a join whose condition has no columns.
    """
    return one + _literal(MOST_VERSIONS) > other


def _literal(number: int) -> ColumnElement[int]:
    return literal_column(str(number), Integer)
