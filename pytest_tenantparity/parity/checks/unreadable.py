"""Finds the column and row to blame if a server refuses a value, or cannot hash it.

A scan fails as a whole, and the server's message names neither column nor row. Therefore the
columns are read again in ever smaller groups. For a column that fails, the rows are read in ever
smaller parts. Each part is half of the range of whole numbers, or of the hashes. This takes some
dozen queries. Each of them waits for the throttle and is subject to the statement timeout.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from math import log2
from typing import Any

from sqlalchemy import ColumnElement, func, literal_column, or_, select

from ...errors import NotProven, Unreadable
from ...inventory import TablePair
from ...mapping.columns import ColumnPair
from ...mapping.filters import rows_taking_part
from ...mapping.tenancy_sql import Scope, source_of
from ...model import SIDES, Side, Tenant
from ...stacks.dialects import Nulls
from ..compare.findings import shown_value
from ..read.open_pair import OpenPair, open_pair
from ..read.reader import SideReader
from ..run import Run

_MOST_SCANNED = 1_000_000  # rows that may be hashed some twenty times to find one row
_MOST_HALVES = 48
_MOST_ROWS = 3  # rows that are named, and columns for which a row is searched
_MOST_SHOWN = 60  # characters of a key's value


@dataclass(frozen=True)
class Blame:
    """The names of the columns that cannot be compared, and the reasons.

    Without columns, these are the reasons why the table cannot be compared.
    """

    columns: frozenset[str]
    reasons: tuple[str, ...]


def blame_for(
    run: Run,
    pair: TablePair,
    tenant: Tenant | None,
    error: Unreadable,
    *,
    whole: bool = False,
) -> Blame:
    """Return the columns that made a scan fail.

    If they are not found, the server's message is the reason. ``whole``: the scan read all rows in
    the tenant's place, and not only those of the tenant.
    """
    columns: set[str] = set()
    reasons: list[str] = []
    with suppress(NotProven), open_pair(run, pair, tenant) as opened:
        for side in SIDES:
            rows = _all_rows(opened, side) if whole else opened.rows_of(side, tenant)
            probe = _Probe(opened, side, opened.reader(side, rows))
            if (found := probe.failing()) is None:
                found = probe.unhashed()
                reasons += [f"{error}: {each}" for each in found.reasons]
            else:
                reasons += found.reasons
            columns |= found.columns
    if not reasons:
        return Blame(frozenset(), (str(error),))
    return Blame(frozenset(columns), tuple(reasons))


def _all_rows(opened: OpenPair, side: Side) -> Scope:
    taking_part = rows_taking_part(opened.run, opened.pair, side)
    return Scope(source_of(opened.tables[side]), taking_part, wide=True)


def without(opened: OpenPair, blame: Blame) -> OpenPair:
    """Return a pair without the columns to blame, and with the reasons among its problems.

    Raises :class:`NotProven` if no column is to blame, or no column is left to identify rows.
    """
    plan = opened.plan
    columns = [each for each in plan.columns if each.name not in blame.columns]
    by_all = plan.key == plan.columns
    if not blame.columns or not columns or not (by_all or all(k in columns for k in plan.key)):
        raise NotProven("; ".join(blame.reasons))
    problems = [*plan.problems, *(f"{each}; all else was compared" for each in blame.reasons)]
    key = columns if by_all else plan.key
    return replace(opened, plan=replace(plan, columns=columns, key=key, problems=problems))


@dataclass(frozen=True)
class _Probe:
    """Queries one side again, for ever fewer columns and rows."""

    opened: OpenPair
    side: Side
    reader: SideReader

    def failing(self) -> Blame | None:
        """Return the columns that the server cannot evaluate, or None if it can evaluate all."""
        own = self.opened.pair.settings.row_filter(self.side)
        if own is not None and (error := self._error(func.count())) is not None:
            where = f"[tables.{self.opened.pair.name}] {self.side}_filter"
            return Blame(frozenset(), (f"{where} could not be worked out: {error}",))
        names: set[str] = set()
        reasons = []
        for number, column in enumerate(self._blamed(self.opened.plan.columns)):
            error = self._error(*self._made([column]))
            if error is None:
                continue
            row = ""
            if number < _MOST_ROWS:
                with suppress(NotProven):
                    row = self._row(column)
            names.add(column.name)
            reasons.append(f"{self._named(column)} could not be worked out{row}: {error}")
        return Blame(frozenset(names), tuple(reasons)) if reasons else None

    def unhashed(self) -> Blame:
        """Return the columns that have no text in some rows, and reasons that name the rows."""
        reader, columns = self.reader, self.opened.plan.columns
        hashed = reader.row_hash
        lost = [self._is_lost(each, text) for each, text in zip(columns, reader.texts, strict=True)]
        sizes = [reader.dialect.size_of(each.on(self.side).value) for each in columns]
        asked = select(*reader.key, *lost, *sizes).select_from(reader.scope.table)
        asked = asked.where(reader.scope.condition, hashed.is_(None))
        with self._guard():
            rows = self.reader.connection.execute(asked.limit(_MOST_ROWS)).all()
        names: set[str] = set()
        reasons = []
        for row in rows:
            keys, rest = row[: len(reader.key)], row[len(reader.key) :]
            blamed = [
                (column, size)
                for column, is_lost, size in zip(
                    columns, rest[: len(columns)], rest[len(columns) :], strict=True
                )
                if is_lost
            ]
            names |= {column.name for column, _ in blamed}
            reasons.append(self._lost(self._spelled(keys), blamed, rest[len(columns) :]))
        return Blame(frozenset(names), tuple(reasons))

    def _is_lost(self, column: ColumnPair, text: ColumnElement[str]) -> ColumnElement[bool]:
        value = column.on(self.side).value
        lost = self.reader.dialect.is_lost(value, text)
        return or_(lost, value.is_(None)) if column.nulls is Nulls.NEVER else lost

    def _lost(self, row: str, blamed: list[tuple[ColumnPair, Any]], sizes: Sequence[Any]) -> str:
        dialect, connection = self.reader.dialect, self.reader.connection
        if not blamed:
            total, largest = sum(int(size or 0) for size in sizes), self._largest(sizes)
            how = f" of {total:,} bytes, most of them in {largest}," if total else ""
            with self._guard():
                advice = dialect.why_lost(connection, None, total)
            return f"the {self.side} {row}{how} could not be hashed by the server{advice}"
        said = []
        for column, size in blamed:
            with self._guard():
                advice = dialect.why_lost(connection, column.on(self.side).facts, int(size or 0))
            bytes_ = f" ({int(size):,} bytes)" if size else ""
            said.append(f"{self._named(column)} has no text for the {row}{bytes_}{advice}")
        return "; ".join(said)

    def _largest(self, sizes: Sequence[Any]) -> str:
        """Return the names of the two columns with the largest values in a row."""
        by_size = zip(sizes, self.opened.plan.columns, strict=True)
        first = sorted(by_size, key=lambda each: -int(each[0] or 0))[:2]
        return " and ".join(column.name for _, column in first)

    def _blamed(self, columns: Sequence[ColumnPair]) -> list[ColumnPair]:
        """Return the columns that fail, each on its own. They are found by halving ``columns``."""
        if self._error(*self._made(columns)) is None:
            return []
        if len(columns) == 1:
            return list(columns)
        half = len(columns) // 2
        return self._blamed(columns[:half]) + self._blamed(columns[half:])

    def _row(self, column: ColumnPair) -> str:
        """Return the key of one row for which ``column`` fails, in words; empty if not found."""
        if column in self.opened.plan.key:
            return ""
        number = self.reader.number
        if number is not None:
            found = self._by_number(column, number)
        elif self.reader.placed_by:
            found = self._by_hash(column)
        else:
            found = None
        if found is None:
            return ""
        keys = self._one(found, *self.reader.key)
        return "" if keys is None else f" for the {self._spelled(keys)}, if for no other"

    def _by_number(
        self, column: ColumnPair, number: ColumnElement[Any]
    ) -> ColumnElement[bool] | None:
        ends = self._one(None, func.min(number), func.max(number))
        if ends is None or ends[0] is None:
            return None
        low, high = int(ends[0]), int(ends[1])
        while low < high:
            middle = (low + high) // 2
            within = number.between(_number(low), _number(middle))
            if self._error(*self._made([column]), where=within) is None:
                low = middle + 1
            else:
                high = middle
        return number == _number(low)

    def _by_hash(self, column: ColumnPair) -> ColumnElement[bool] | None:
        counted = self._one(None, func.count())
        rows = 0 if counted is None else int(counted[0])
        if not 0 < rows <= _MOST_SCANNED:
            return None
        place, residue = self.reader.key_hash, 0
        few = log2(rows)
        for power in range(1, _MOST_HALVES):
            masked = place.bitwise_and(_number(2**power - 1))
            if self._error(*self._made([column]), where=masked == _number(residue)) is None:
                residue += 2 ** (power - 1)
            found = masked == _number(residue)
            if power >= few and self._count(found) <= 1:
                return found
        return None

    def _made(self, columns: Sequence[ColumnPair]) -> list[ColumnElement[Any]]:
        """Return SQL by which the server computes the texts of ``columns`` without sending them."""
        dialect = self.reader.dialect
        return [func.max(func.char_length(each.canonical(self.side, dialect))) for each in columns]

    def _count(self, where: ColumnElement[bool]) -> int:
        counted = self._one(where, func.count())
        return 0 if counted is None else int(counted[0])

    def _error(
        self, *columns: ColumnElement[Any], where: ColumnElement[bool] | None = None
    ) -> Unreadable | None:
        """Return the server's error if it refuses a query for a value or for its SQL, or None."""
        try:
            self._one(where, *columns)
        except Unreadable as error:
            return error
        return None

    def _one(self, where: ColumnElement[bool] | None, *columns: ColumnElement[Any]) -> Any:
        """Return the first row of a query. A failure does not end the transaction."""
        reader = self.reader
        asked = select(*columns).select_from(reader.scope.table).where(reader.scope.condition)
        if where is not None:
            asked = asked.where(where)
        connection = reader.connection
        with self._guard(), reader.dialect.apart(connection):
            return connection.execute(asked.limit(1)).first()

    def _guard(self) -> Any:
        return self.reader.guard()

    def _named(self, column: ColumnPair) -> str:
        """Return the name of a column, and the setting that holds its SQL if there is one."""
        table, own = self.opened.pair.name, self.opened.pair.settings.columns.get(column.name)
        key = f" ([tables.{table}.columns.{column.name}] {self.side}_sql)"
        by_sql = own is not None and own.sql(self.side) is not None
        return f"column {column.name!r} of the {self.side} side{key if by_sql else ''}"

    def _spelled(self, values: Sequence[Any]) -> str:
        keys = zip(self.opened.plan.key, values, strict=True)
        shown = (f"{pair.name} = {_short(shown_value(pair, value))}" for pair, value in keys)
        return f"row {', '.join(shown)}"


def _short(value: str | None) -> str:
    if value is None:
        return "NULL"
    return repr(value if len(value) <= _MOST_SHOWN else f"{value[:_MOST_SHOWN]}...")


def _number(value: int) -> ColumnElement[int]:
    return literal_column(str(value))
