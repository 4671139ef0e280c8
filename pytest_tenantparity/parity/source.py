"""One side of a check: the rows in scope, and the few questions asked of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Executor, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import Event
from typing import Any, TypeVar

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Executable,
    Integer,
    Result,
    Select,
    Text,
    and_,
    case,
    cast,
    func,
    literal,
    literal_column,
    select,
    true,
)

from ..errors import NotProven, Unreadable
from ..limits import Limits
from ..model import SIDES, Side
from ..stacks import Dialect, Portable
from ..stacks.dialects import Item
from .cells import NOTHING, Bucket, Cell, Digest, Grid, Part, PlacedRow, Row, Sketch
from .scope import Scope

T = TypeVar("T")
U = TypeVar("U")

_FETCH = 5_000  # rows asked of the server at a time
# A statement of thousands of numbers is not made again: nothing is gained by its compiled form.
_ONCE: dict[str, Any] = {"compiled_cache": None}
_STREAMED = _ONCE | {"yield_per": _FETCH}


@dataclass(frozen=True)
class Source:
    """The compared columns of one side, as canonical texts; the key is found among them.

    ``placed_by`` are the items of the key that say where a row is placed: those that are equal on
    both sides wherever the keys are. ``number`` is the key itself where it is one whole number on
    both sides, which is cheaper. ``rows_about`` is about how many rows the table has; 0 is
    unknown. ``pieces`` are the conditions under which a scan reads the table, one after the other,
    until ``stop`` is set; ``note`` hears how many there were.
    """

    connection: Connection
    dialect: Dialect
    scope: Scope
    items: Sequence[Item]
    key: Sequence[ColumnElement[str]]
    placed_by: Sequence[Item]
    number: ColumnElement[Any] | None
    salt: int
    digest_name: str
    guard: Callable[[], AbstractContextManager[None]]
    rows_about: int = 0
    pieces: Iterable[ColumnElement[bool]] = (true(),)
    stop: Event = field(default_factory=Event)
    note: Callable[[int], object] = int

    @property
    def texts(self) -> list[ColumnElement[str]]:
        """The canonical texts."""
        return [item.text for item in self.items]

    def cells(self, buckets: int, part: Part | None = None) -> dict[Cell, Digest]:
        """Digest the rows of each cell, in one scan; a cell without rows is not there."""
        cells: dict[Cell, Digest] = {}
        within = [] if part is None else self._within(part)

        def ask(piece: ColumnElement[bool]) -> Select[Any]:
            return self._digests(self._bucket(buckets), [piece, *within])

        for mark, bucket, *counted in self._scan(ask, once=bool(within)):
            cell = self.scope.owner_of(mark), int(bucket)
            cells[cell] = cells.get(cell, NOTHING) + _digest(*counted)
        return cells

    def sketch(self, grid: Grid) -> Sketch:
        """Digest the rows of each owner, and those of each cell of a grid, in one scan."""
        return self._by_owner_and_hash(grid) if grid.by_owner else self._by_owner_or_hash(grid)

    def _by_owner_and_hash(self, grid: Grid) -> Sketch:
        def ask(piece: ColumnElement[bool]) -> Select[Any]:
            hashed = self._placed_hashes(piece)
            by = [hashed.c.parity_owner, _cell(hashed, grid)]
            sums = [*self._aggregates(hashed), self._places(hashed)]
            return select(*by, *sums).select_from(hashed).group_by(*by)

        sketch = Sketch()
        for mark, number, *counted, places in self._scan(ask):
            owner, rows = self.scope.owner_of(mark), Bucket(_digest(*counted), _signed(places))
            sketch.add_owner(owner, rows)
            sketch.add_cell((owner, int(number)), rows)
        return sketch

    def _by_owner_or_hash(self, grid: Grid) -> Sketch:
        def ask(piece: ColumnElement[bool]) -> Select[Any]:
            hashed = self._placed_hashes(piece)
            by = [hashed.c.parity_owner, _cell(hashed, grid)]
            of_cell = func.grouping(hashed.c.parity_owner)
            total = self.dialect.exact_sum(hashed.c.parity_row_hash)
            asked = select(*by, of_cell, func.count(), total, self._places(hashed))
            return asked.select_from(hashed).group_by(func.grouping_sets(*by))

        sketch = Sketch()
        for mark, number, of_cell, rows, total, places in self._scan(ask):
            # A row without a hash is in no bucket, which spares the server to count the hashes.
            hashed = 0 if of_cell and number is None else rows
            bucket = Bucket(_digest(rows, hashed, total), _signed(places))
            if of_cell:
                sketch.add_cell(("", int(number)), bucket)
            else:
                sketch.add_owner(self.scope.owner_of(mark), bucket)
        return sketch

    @property
    def row_hash(self) -> ColumnElement[int]:
        """The hash of a row, which is NULL where the server cannot make it."""
        return self._hash(self.items, self.salt)

    @property
    def place(self) -> ColumnElement[int]:
        """Where a row's key is, in 64 bits."""
        return self._place

    @property
    def can_sketch(self) -> bool:
        """Whether rows have places, and the server an XOR of them."""
        placed = self.number is not None or bool(self.placed_by)
        return placed and self.dialect.can_xor(self.connection)

    def rows_at(self, places: Collection[int]) -> Iterator[PlacedRow]:
        """Yield the rows whose keys are at some places, in no order."""
        wanted = [_number(place) for place in sorted(places)]
        if self.number is not None:  # with an index, if there is one
            yield from self.placed_rows(self.number.in_(wanted))
            return
        for piece in self.pieces:  # of other keys all are hashed
            yield from self.placed_rows(and_(piece, self._place.in_(wanted)))

    def placed_rows(self, condition: ColumnElement[bool]) -> Iterator[PlacedRow]:
        """Yield the rows that meet a condition, each with its place and hash, in no order."""
        columns = [self._mark, self._place, self._hash(self.items, self.salt), *self.texts]
        statement = self._select(columns).where(condition)
        for mark, place, hashed, *row in self.answers(statement, _STREAMED):
            yield PlacedRow(self.scope.owner_of(mark), int(place), int(hashed), tuple(row))

    def _scan(
        self, statement: Callable[[ColumnElement[bool]], Select[Any]], *, once: bool = False
    ) -> Iterator[Any]:
        """Yield the answers of each piece, and note how many there were.

        ``once``: the statement is not made a second time. Nor is that of any of several pieces, or
        one for several tenants, which is that of a survey.
        """
        count, once = 0, once or self.scope.wide or self.scope.owners is not None
        for piece in self.pieces:
            yield from self.answers(statement(piece), _ONCE if once else {})
            count += 1
        self.note(count)

    def answers(self, statement: Executable, options: Mapping[str, Any]) -> Iterator[Any]:
        """Yield the answers of one statement."""
        with self.guard():  # each piece anew: the snapshot may have grown too old meanwhile
            if self.stop.is_set():  # it may have been while the throttle waited
                raise NotProven("the scan was broken off, since the other side's had failed")
            yield from self.connection.execute(statement, execution_options=options)

    def _digests(
        self, bucket: ColumnElement[int], conditions: Sequence[ColumnElement[bool]]
    ) -> Select[Any]:
        hashed = self._hashed(bucket.label("parity_bucket"), conditions)
        by = [hashed.c.parity_owner, hashed.c.parity_bucket]
        return select(*by, *self._aggregates(hashed)).select_from(hashed).group_by(*by)

    def _placed_hashes(self, piece: ColumnElement[bool]) -> Any:
        return self._hashed(self._place.label("parity_place"), [piece])

    def _places(self, hashed: Any) -> ColumnElement[Any]:
        return self.dialect.xor(hashed.c.parity_place)

    def rows(self, part: Part) -> Iterator[tuple[Cell, Row]]:
        """Yield the canonical texts of some cells' rows, in the order of their buckets."""
        bucket = self._bucket(part.buckets).label("parity_bucket")
        statement = self._select([self._mark, bucket, *self.texts]).where(*self._within(part))
        if part.buckets > 1:
            statement = statement.order_by(bucket)
        for mark, number, *row in self._stream(statement):
            yield (self.scope.owner_of(mark), int(number)), tuple(row)

    def rows_where(self, condition: ColumnElement[bool]) -> Iterator[Row]:
        """Yield the canonical texts of the rows that meet a condition, in no order."""
        for row in self._stream(self._select(self.texts).where(condition)):
            yield tuple(row)

    def count(self) -> int:
        """Count the rows."""
        return int(self.connection.execute(self._select([func.count()])).scalar_one())

    def count_each(self, conditions: Sequence[ColumnElement[bool]]) -> list[int]:
        """Count the rows that meet each of some conditions, in one scan."""
        one: ColumnElement[int] = literal_column("1")
        none: ColumnElement[int] = literal_column("0")
        counts = [func.sum(case((each, one), else_=none)) for each in conditions]
        return [int(count or 0) for count in self.connection.execute(self._select(counts)).one()]

    def each_key(self) -> Iterator[Row]:
        """Yield the keys of all rows, in no order."""
        for row in self._stream(self._select(self.key)):
            yield tuple(row)

    def repeated_keys(self) -> Iterator[tuple[Row, int]]:
        """Yield the keys that several rows have, and how many, in no order."""
        copies = func.count()
        statement = self._select([*self.key, copies]).group_by(*self.key)
        for row in self._stream(statement.having(copies > literal_column("1"))):
            yield tuple(row[:-1]), int(row[-1])

    def _stream(self, statement: Select[Any]) -> Result[*tuple[Any, ...]]:
        """Ask for rows that come in batches, however many they are."""
        return self.connection.execute(statement, execution_options=_STREAMED)

    def _select(self, columns: Sequence[ColumnElement[Any]]) -> Select[Any]:
        return select(*columns).select_from(self.scope.table).where(self.scope.condition)

    @property
    def _mark(self) -> ColumnElement[Any]:
        owners = self.scope.owners
        return (literal_column("''") if owners is None else owners.mark).label("parity_owner")

    def _hashed(self, beside: ColumnElement[int], conditions: Sequence[ColumnElement[bool]]) -> Any:
        """Return each row's owner and hash, and something beside them."""
        row_hash = self._hash(self.items, self.salt).label("parity_row_hash")
        rows = self._select([self._mark, beside, row_hash]).where(*conditions)
        return self.dialect.once(rows).subquery("hashed")

    def _within(self, part: Part) -> list[ColumnElement[bool]]:
        """Whether a row is in one of a part's cells."""
        if part.cells is None:
            return []
        bucket, owners = self._bucket(part.buckets), self.scope.owners
        if owners is None:
            return [bucket.in_([_number(number) for _, number in sorted(part.cells)])]
        label = owners.text + literal(":", Text) + cast(bucket, Text)
        marks = ((mark, number) for owner, number in part.cells for mark in owners.marks_of(owner))
        return [label.in_([f"{mark}:{number}" for mark, number in sorted(marks)])]

    def _bucket(self, buckets: int) -> ColumnElement[int]:
        if buckets == 1:
            return _number(0)
        # Rows that cannot be placed, since a key is NULL or has no hash, are placed together.
        return func.coalesce(self._placed(buckets), _number(0), type_=Integer)

    def _placed(self, buckets: int) -> ColumnElement[int]:
        return (self._place if self.number is None else self.number) % _number(buckets)

    @property
    def _place(self) -> ColumnElement[int]:
        """Where a row's key is, in 64 bits: the same on both sides wherever the keys are."""
        if self.number is not None:
            return cast(self.number, BigInteger)
        # Another salt than the rows': a place must not say anything of the digest.
        return self._hash(self.placed_by, ~self.salt)

    def _hash(self, items: Sequence[Item], salt: int) -> ColumnElement[int]:
        if self.digest_name == self.dialect.native_digest:
            return self.dialect.native_hash(items, salt)
        texts = [item.text for item in items]
        return self.dialect.portable_hash(texts, salt, Portable(self.digest_name))

    def _aggregates(self, hashed: Any) -> list[ColumnElement[Any]]:
        row_hash = hashed.c.parity_row_hash
        return [func.count(), func.count(row_hash), self.dialect.exact_sum(row_hash)]


def _number(value: int) -> ColumnElement[int]:
    return literal_column(str(value), Integer)


def _cell(hashed: Any, grid: Grid) -> ColumnElement[int]:
    number: ColumnElement[int] = hashed.c.parity_row_hash
    if grid.shift:
        number = number.bitwise_rshift(_number(grid.shift))
    return number.bitwise_and(_number(grid.buckets - 1))


def _signed(number: Any) -> int:
    """Read 64 bits as a signed number, whatever the server takes them for."""
    return (int(number or 0) + 2**63) % 2**64 - 2**63


def _digest(rows: int, hashed: int, total: Any) -> Digest:
    # A value too long for the server's limits can make its hash NULL, which a sum passes over.
    if rows != hashed:
        raise Unreadable(f"{rows - hashed} of {rows} rows could not be hashed by the server")
    return Digest(rows, int(total or 0))


@dataclass(frozen=True)
class Sides:
    """Both sides of a check, asked at once.

    ``cancel`` stops the queries of both sides; ``give_up`` leaves a side's session to a query that
    did not stop.
    """

    legacy: Source
    modern: Source
    pool: Executor
    cancel: Callable[[], None]
    give_up: Callable[[Side], None]
    limits: Limits

    def ask(self, question: Callable[[Source], T]) -> tuple[T, T]:
        """Return both sides' answers to one question."""
        return self.both(lambda: question(self.legacy), lambda: question(self.modern))

    def both(self, legacy: Callable[[], T], modern: Callable[[], U]) -> tuple[T, U]:
        """Return both answers. If one side fails, or the user stops, the other is cancelled."""

        def guarded(source: Source, question: Callable[[], Any]) -> Any:
            with source.guard():
                return question()

        futures = [
            self.pool.submit(guarded, self.legacy, legacy),
            self.pool.submit(guarded, self.modern, modern),
        ]
        try:
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()  # the one that failed, not the one that is cancelled for it
            return futures[0].result(), futures[1].result()
        except BaseException:
            for source in (self.legacy, self.modern):
                source.stop.set()
            self.cancel()
            wait(futures, timeout=self.limits.cancel_seconds)
            for side, future in zip(SIDES, futures, strict=True):
                if not future.done():
                    self.give_up(side)
            wait(futures, timeout=1.0)
            raise
