"""Finds the column and row to blame if a server refuses a value, or cannot hash it.

A scan fails as a whole, and the server's message names neither column nor row. Therefore the
columns are read again in ever smaller groups. For a column that fails, the rows are read in ever
smaller parts. Each part is half of the range of the key's numbers, or of its hashes. This takes
some dozen queries. Each of them waits for the throttle and is subject to the statement timeout.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from math import log2
from typing import Any

from sqlalchemy import ColumnElement, func, literal_column, or_, select

from ...errors import NotProven, Unreadable
from ...inventory import TablePair
from ...mapping.columns import ColumnPair, Problem
from ...mapping.filters import rows_taking_part
from ...mapping.tenancy_sql import Scope
from ...model import SIDES, Side, Tenant
from ...stacks.dialects import Nulls
from ...stacks.sources import source_of
from ..compare.findings import shown_value
from ..read.open_pair import OpenPair, open_pair
from ..read.reader import SideReader
from ..run import Run

_MOST_SCANNED = 1_000_000  # rows that may be hashed some twenty times to find one row
_MOST_HALVES = 48
_MOST_ROWS = 3  # rows that are named, and columns for which a row is searched
_MOST_SHOWN = 60  # characters of a key's value

Blame = tuple[Collection[str], Sequence[str]]
"""The names of the columns that cannot be compared, and the reasons.

Without columns, these are the reasons why the table cannot be compared.
"""


def blame_for(
    run: Run, pair: TablePair, tenant: Tenant | None, error: Unreadable, *, whole: bool = False
) -> Blame:
    """Return the columns that made a scan fail.

    If they are not found, the server's message is the reason. ``whole``: the scan read all rows in
    the tenant's place, and not only those of the tenant.
    """
    columns: set[str] = set()
    reasons: list[str] = []
    with suppress(NotProven), open_pair(run, pair, tenant) as opened:
        for side in SIDES:
            if whole:
                taking_part = rows_taking_part(run, pair, side)
                rows = Scope(source_of(opened.tables[side]), taking_part, wide=True)
            else:
                rows = opened.rows_of(side, tenant)
            probe = _Probe(opened, side, opened.reader(side, rows))
            found = list(probe.failing()) or [
                (names, f"{error}: {reason}") for names, reason in probe.unhashed()
            ]
            for names, reason in found:
                columns |= names
                reasons.append(reason)
    return (columns, reasons) if reasons else ((), [str(error)])


def without(opened: OpenPair, blame: Blame) -> OpenPair:
    """Return a pair without the columns to blame, and with the reasons among its problems.

    Raises :class:`NotProven` if no column is to blame, or a key column or every column is.
    """
    plan, (names, reasons) = opened.plan, blame
    columns = [each for each in plan.columns if each.name not in names]
    by_all = plan.key == plan.columns
    if not names or not columns or not (by_all or all(k in columns for k in plan.key)):
        raise NotProven("; ".join(reasons))
    more = [Problem(f"{each}; all else was compared") for each in reasons]
    problems = [*plan.problems, *more]
    key = columns if by_all else plan.key
    return replace(opened, plan=replace(plan, columns=columns, key=key, problems=problems))


@dataclass(frozen=True)
class _Probe:
    """Queries one side again, for ever fewer columns and rows."""

    opened: OpenPair
    side: Side
    reader: SideReader

    def failing(self) -> Iterator[tuple[set[str], str]]:
        """Yield each column that the server cannot evaluate, with the reason.

        If the server cannot evaluate the filter, only that reason is yielded, without a column.
        """
        pair = self.opened.pair
        if pair.settings.row_filter(self.side) is not None and (error := self._error([])):
            where = f"[tables.{pair.name}] {self.side}_filter"
            yield set(), f"{where} could not be worked out: {error}"
            return
        for number, column in enumerate(self._blamed(self.opened.plan.columns)):
            error = self._error([column])
            if error is None:
                continue
            row = ""
            if number < _MOST_ROWS:
                with suppress(NotProven):
                    row = self._row(column)
            yield {column.name}, f"{self._named(column)} could not be worked out{row}: {error}"

    def unhashed(self) -> Iterator[tuple[set[str], str]]:
        """Yield the columns that have no text in some row, with a reason that names the row.

        No column is named if each column has a text, and only the whole row has no hash.
        """
        reader, columns = self.reader, self.opened.plan.columns
        dialect, connection = reader.dialect, reader.connection
        lost: list[ColumnElement[bool]] = []
        for column, text in zip(columns, reader.texts, strict=True):
            value = column.on(self.side).value
            no_text = dialect.is_lost(value, text)
            never_null = column.nulls is Nulls.NEVER
            lost.append(or_(no_text, value.is_(None)) if never_null else no_text)
        sizes = [dialect.size_of(each.on(self.side).value) for each in columns]
        asked = select(*reader.key, *lost, *sizes).select_from(reader.scope.table)
        asked = asked.where(reader.scope.condition, reader.row_hash.is_(None))
        with reader.guard():
            rows = connection.execute(asked.limit(_MOST_ROWS)).all()
        for row in rows:
            spelled, rest = self._spelled(row[: len(reader.key)]), row[len(reader.key) :]
            sizes_in_row = [int(size or 0) for size in rest[len(columns) :]]
            values = list(zip(columns, sizes_in_row, rest[: len(columns)], strict=True))
            blamed = [(column, size) for column, size, is_lost in values if is_lost]
            said = []
            for column, size in blamed:
                with reader.guard():
                    advice = dialect.why_lost(connection, column.on(self.side).facts, size)
                how = f" ({size:,} bytes)" if size else ""
                said.append(f"{self._named(column)} has no text for the {spelled}{how}{advice}")
            if not blamed:
                total = sum(sizes_in_row)
                largest = sorted(values, key=lambda each: -each[1])[:2]
                names = " and ".join(column.name for column, *_ in largest)
                how = f" of {total:,} bytes, most of them in {names}," if total else ""
                with reader.guard():
                    advice = dialect.why_lost(connection, None, total)
                said = [f"the {self.side} {spelled}{how} could not be hashed by the server{advice}"]
            yield {column.name for column, _ in blamed}, "; ".join(said)

    def _blamed(self, columns: Sequence[ColumnPair]) -> Sequence[ColumnPair]:
        """Return the columns that fail, each on its own. They are found by halving ``columns``."""
        if self._error(columns) is None:
            return []
        if len(columns) == 1:
            return columns
        half = len(columns) // 2
        return [*self._blamed(columns[:half]), *self._blamed(columns[half:])]

    def _row(self, column: ColumnPair) -> str:
        """Return the key of one row for which ``column`` fails, in words; empty if not found."""
        if column in self.opened.plan.key:
            return ""
        found = None
        if self.reader.number is not None:
            found = self._by_number(column, self.reader.number)
        elif self.reader.placed_by:
            found = self._by_hash(column)
        key = None if found is None else self._one(found, *self.reader.key)
        return "" if key is None else f" for at least the {self._spelled(key)}"

    def _by_number(
        self, column: ColumnPair, number: ColumnElement[Any]
    ) -> ColumnElement[bool] | None:
        low, high = self._one(None, func.min(number), func.max(number))
        if low is None:
            return None
        low, high = int(low), int(high)
        while low < high:
            middle = (low + high) // 2
            if self._error([column], number.between(_number(low), _number(middle))) is None:
                low = middle + 1
            else:
                high = middle
        return number == _number(low)

    def _by_hash(self, column: ColumnPair) -> ColumnElement[bool] | None:
        (rows,) = self._one(None, func.count())
        if not 0 < rows <= _MOST_SCANNED:
            return None
        residue = 0
        for power in range(1, _MOST_HALVES):
            place = self.reader.key_hash.bitwise_and(_number(2**power - 1))
            if self._error([column], place == _number(residue)) is None:
                residue += 2 ** (power - 1)
            found = place == _number(residue)
            if power >= log2(rows) and self._one(found, func.count())[0] <= 1:
                return found
        return None

    def _error(
        self, columns: Sequence[ColumnPair], where: ColumnElement[bool] | None = None
    ) -> Unreadable | None:
        """Return the server's error if it refuses a value of ``columns`` or their SQL, or None.

        The server computes the texts without sending them. Without columns, it counts rows.
        """
        dialect = self.reader.dialect
        texts = (each.canonical(self.side, dialect) for each in columns)
        made: list[ColumnElement[Any]] = [func.max(func.char_length(text)) for text in texts]
        try:
            self._one(where, *(made or [func.count()]))
        except Unreadable as error:
            return error
        return None

    def _one(self, where: ColumnElement[bool] | None, *columns: ColumnElement[Any]) -> Any:
        """Return the first row of a query. A failure does not end the transaction."""
        reader = self.reader
        asked = select(*columns).select_from(reader.scope.table).where(reader.scope.condition)
        if where is not None:
            asked = asked.where(where)
        with reader.guard(), reader.dialect.apart(reader.connection):
            return reader.connection.execute(asked.limit(1)).first()

    def _named(self, column: ColumnPair) -> str:
        """Return the name of a column, and the setting that holds its SQL if there is one."""
        table, own = self.opened.pair.name, self.opened.pair.settings.columns.get(column.name)
        key = f" ([tables.{table}.columns.{column.name}] {self.side}_sql)"
        by_sql = own is not None and own.sql(self.side) is not None
        return f"column {column.name!r} of the {self.side} side{key if by_sql else ''}"

    def _spelled(self, values: Sequence[Any]) -> str:
        shown: list[str] = []
        for pair, value in zip(self.opened.plan.key, values, strict=True):
            text = shown_value(pair, value)
            if text is not None and len(text) > _MOST_SHOWN:
                text = f"{text[:_MOST_SHOWN]}..."
            shown.append(f"{pair.name} = {'NULL' if text is None else repr(text)}")
        return f"row {', '.join(shown)}"


def _number(value: int) -> ColumnElement[int]:
    return literal_column(str(value))
