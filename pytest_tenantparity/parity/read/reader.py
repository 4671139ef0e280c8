"""One side of a check: the rows in scope, and the queries that read them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Event
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Executable,
    Integer,
    Result,
    Select,
    case,
    cast,
    func,
    literal_column,
    select,
    true,
)

from ...errors import NotProven, Unreadable
from ...mapping.tenancy_sql import Scope
from ...stacks import Dialect, Portable
from ...stacks.dialects import Item
from ..compare.row_diff import Row
from .chunks import Chunks, together
from .digest import EMPTY, Bucket, Buckets, Digest, HashedRow, Sketch

_FETCH = 5_000  # rows fetched from the server at a time
# A statement with thousands of numbers is not run again, so its compiled form is not cached.
_ONCE: dict[str, Any] = {"compiled_cache": None}
_STREAMED = _ONCE | {"yield_per": _FETCH}

Session = tuple[Connection, Callable[[], AbstractContextManager[None]]]
"""A connection, and the guard of its queries."""


@dataclass(frozen=True)
class SideReader:
    """The compared columns of one side, as canonical texts, and its key.

    - ``placed_by`` are those items of the key whose texts are equal on both sides if their values
      are. They locate rows.
    - ``number`` is the key itself if it is one whole number of 64 bits on both sides. This is
      cheaper than a hash.
    - ``rows_about`` is the approximate number of the table's rows, or 0 if it is unknown.
    - ``chunks`` are the chunks in which a scan reads the table; None for a table that is read at
      once.
    - ``stop``, once set, ends a scan.
    - ``helpers`` open further sessions on the same snapshot, which read chunks at the same time.
      ``cancel`` stops the queries of all these sessions.
    - ``fetches_all``: all result rows of a statement are fetched before the first one is used.
    - ``note`` is called with the number of chunks after each scan.
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
    chunks: Chunks | None = None
    helpers: Sequence[Callable[[], AbstractContextManager[Session]]] = ()
    cancel: Callable[[], object] = int
    stop: Event = field(default_factory=Event)
    fetches_all: bool = False
    note: Callable[[int], object] = int

    def by(self, session: Session) -> SideReader:
        """Return a reader of the same rows by another session alone."""
        connection, guard = session
        return replace(self, connection=connection, guard=guard, helpers=())

    @property
    def texts(self) -> list[ColumnElement[str]]:
        """The canonical texts of the compared columns."""
        return [item.text for item in self.items]

    def sketch(self, buckets: Buckets) -> Sketch:
        """Return a sketch with the rows of each tenant, made in one scan."""

        def grouped(chunk: ColumnElement[bool]) -> Select[Any]:
            rows = self._hashed(chunk, keyed=self.can_sketch)
            number = rows.c.parity_row_hash  # NULL for a row without a hash
            if buckets.shift:
                number = number.bitwise_rshift(_number(buckets.shift))
            by = [rows.c.parity_owner, number.bitwise_and(_number(buckets.count - 1))]
            sums = [func.count(), self.dialect.exact_sum(rows.c.parity_row_hash)]
            sums += [self.dialect.xor(rows.c.parity_key_hash)] if self.can_sketch else []
            return select(*by, *sums).select_from(rows).group_by(*by)

        sums: dict[tuple[Any, int], tuple[int, int, int]] = {}
        for mark, number, rows, total, *key_hashes in self._scan(grouped):
            if number is None:
                raise _unhashed(rows)
            key = mark, number
            key_hash = _signed(key_hashes[0]) if key_hashes else 0
            if key in sums:  # of another chunk
                a, b, c = sums[key]
                sums[key] = a + rows, b + int(total), c ^ key_hash
            else:
                sums[key] = rows, int(total), key_hash
        sketch: Sketch = {}
        for (mark, number), (rows, total, key_hash) in sums.items():
            key = self.scope.owner_of(mark), int(number)
            bucket = Bucket(Digest(int(rows), total), key_hash)
            sketch[key] = sketch[key] + bucket if key in sketch else bucket
        return sketch

    def digests(self) -> dict[str, Digest]:
        """Return the digest of each tenant's rows, made in one scan without buckets."""

        def grouped(chunk: ColumnElement[bool]) -> Select[Any]:
            rows = self._hashed(chunk)
            owner, row_hash = rows.c.parity_owner, rows.c.parity_row_hash
            sums = func.count(), func.count(row_hash), self.dialect.exact_sum(row_hash)
            return select(owner, *sums).select_from(rows).group_by(owner)

        digests: dict[str, Digest] = {}
        for mark, rows, hashed, total in self._scan(grouped):
            if rows != hashed:
                raise _unhashed(rows - hashed, rows)
            tenant = self.scope.owner_of(mark)
            digests[tenant] = digests.get(tenant, EMPTY) + Digest(rows, int(total or 0))
        return digests

    @property
    def row_hash(self) -> ColumnElement[int]:
        """The hash of a row. It is NULL if the server cannot compute it."""
        return self._hash(self.items, self.salt)

    @property
    def key_hash(self) -> ColumnElement[int]:
        """The 64-bit hash of a row's key. It is equal on both sides if the keys are.

        A key of one whole number is its own hash.
        """
        if self.number is not None:
            return cast(self.number, BigInteger)
        # A different salt than for row hashes makes key hashes independent of the digest.
        return self._hash(self.placed_by, ~self.salt)

    @property
    def has_key_hash(self) -> bool:
        """Whether rows have key hashes: at least one key column has one text on both sides."""
        return self.number is not None or bool(self.placed_by)

    @property
    def can_sketch(self) -> bool:
        """Whether rows have key hashes, and the server can compute their XOR."""
        return self.has_key_hash and self.dialect.can_xor(self.connection)

    def rows_at(self, key_hashes: Collection[int]) -> Iterator[HashedRow]:
        """Yield the rows with the given key hashes, in no particular order."""
        wanted = [_number(each) for each in sorted(key_hashes)]
        statement = self._hashed_rows(self.key_hash)
        if self.number is not None:  # by an index, if there is one
            rows = self.answers(statement.where(self.number.in_(wanted)), _STREAMED)
        else:
            statement = statement.where(self.key_hash.in_(wanted))
            rows = self._over_chunks(statement.where, _STREAMED)
        yield from self._read(rows)

    def rows_in_order(self, part: int = 0, parts: int = 1) -> Iterator[HashedRow]:
        """Yield the rows of one of several parts in the order of key hash and row hash.

        ``part`` is the remainder of the key hash divided by ``parts``, without its sign.
        """
        by: ColumnElement[Any] = self.key_hash if self.has_key_hash else self.row_hash
        # Engines disagree on the hash of a NULL key, and on its place in the order.
        by = func.coalesce(by, _number(0), type_=BigInteger)
        statement = self._hashed_rows(by).order_by(by, self.row_hash)
        if parts > 1:
            statement = statement.where(func.abs(by % _number(parts)) == _number(part))
        yield from self._read(self.answers(statement, _STREAMED))

    def _hashed_rows(self, by: ColumnElement[int]) -> Select[Any]:
        return self._select([self._mark, by, self.row_hash, *self.texts])

    def _read(self, rows: Generator[Any, None, None]) -> Iterator[HashedRow]:
        with closing(rows):  # otherwise an error's traceback would keep sessions
            for mark, key_hash, row_hash, *row in rows:
                if row_hash is None:
                    raise _unhashed(1)
                owner = self.scope.owner_of(mark)
                yield HashedRow(owner, int(key_hash), int(row_hash), tuple(row))

    def _scan(self, statement: Callable[[ColumnElement[bool]], Select[Any]]) -> Iterator[Any]:
        """Yield the result rows of a statement for each chunk, and note the number of chunks."""
        # A statement for one of several chunks or tenants is not run a second time.
        once = self.scope.wide or self.scope.owners is not None
        chunks: list[ColumnElement[bool]] = []

        def noted(chunk: ColumnElement[bool]) -> Select[Any]:
            chunks.append(chunk)
            return statement(chunk)

        with closing(self._over_chunks(noted, _ONCE if once else {})) as rows:
            yield from rows
        self.note(len(chunks))

    def _over_chunks(
        self, statement: Callable[[ColumnElement[bool]], Select[Any]], options: Mapping[str, Any]
    ) -> Generator[Any, None, None]:
        """Yield the result rows of a statement for each chunk, in no particular order."""
        if self.chunks is None:
            yield from self.answers(statement(true()), options)
            return
        share = self.chunks.shared_out()

        def read(reader: SideReader, ended: Event) -> Generator[Any, None, None]:
            for chunk in share():
                if ended.is_set():
                    return
                yield from reader.answers(statement(chunk), options)

        def helped(
            helper: Callable[[], AbstractContextManager[Session]], ended: Event
        ) -> Generator[Any, None, None]:
            with helper() as session:
                yield from read(self.by(session), ended)

        if self.helpers:
            sessions = [partial(read, self), *(partial(helped, each) for each in self.helpers)]
            yield from together(sessions, self.cancel)
        else:
            yield from read(self, Event())

    def answers(
        self, statement: Executable, options: Mapping[str, Any]
    ) -> Generator[Any, None, None]:
        """Yield the result rows of one statement."""
        with self.guard():  # for each chunk: the snapshot may have become too old
            if self.stop.is_set():  # it may have been set while the throttle waited
                raise NotProven("the scan was broken off, since the other side's had failed")
            result = self.connection.execute(statement, execution_options=options)
            try:
                yield from result.all() if self.fetches_all else result
            finally:
                with suppress(Exception):  # closing fails if the connection is lost
                    result.close()

    def rows_where(self, condition: ColumnElement[bool]) -> Iterator[tuple[str, Row]]:
        """Yield the rows that meet ``condition``, each with its tenant, in no particular order."""
        statement = self._select([self._mark, *self.texts]).where(condition)
        for mark, *row in self._stream(statement):
            yield self.scope.owner_of(mark), tuple(row)

    def count_each(self, conditions: Sequence[ColumnElement[bool]]) -> list[int]:
        """Return the number of rows that meet each of ``conditions``, counted in one scan."""
        one: ColumnElement[int] = literal_column("1")
        none: ColumnElement[int] = literal_column("0")
        counts = [func.sum(case((each, one), else_=none)) for each in conditions]
        return [int(count or 0) for count in self.connection.execute(self._select(counts)).one()]

    def each_key(self) -> Iterator[Row]:
        """Yield the keys of all rows, in no particular order."""
        for row in self._stream(self._select(self.key)):
            yield tuple(row)

    def repeated_keys(self) -> Iterator[tuple[Row, int]]:
        """Yield each key that several rows have, and its number of rows, in no particular order."""
        copies = func.count()
        statement = self._select([*self.key, copies]).group_by(*self.key)
        for row in self._stream(statement.having(copies > literal_column("1"))):
            yield tuple(row[:-1]), int(row[-1])

    def _stream(self, statement: Select[Any]) -> Result[*tuple[Any, ...]]:
        """Run a statement and fetch its rows in batches, since there can be any number of them."""
        return self.connection.execute(statement, execution_options=_STREAMED)

    def _select(self, columns: Sequence[ColumnElement[Any]]) -> Select[Any]:
        return select(*columns).select_from(self.scope.table).where(self.scope.condition)

    @property
    def _mark(self) -> ColumnElement[Any]:
        owners = self.scope.owners
        return (literal_column("''") if owners is None else owners.mark).label("parity_owner")

    def _hashed(self, condition: ColumnElement[bool], *, keyed: bool = False) -> Any:
        """Return a subquery of each row's tenant and row hash, and of its key hash if ``keyed``."""
        columns: list[ColumnElement[Any]] = [self._mark, self.row_hash.label("parity_row_hash")]
        if keyed:
            columns.append(self.key_hash.label("parity_key_hash"))
        return self.dialect.once(self._select(columns).where(condition)).subquery("hashed")

    def _hash(self, items: Sequence[Item], salt: int) -> ColumnElement[int]:
        if self.digest_name == self.dialect.native_digest:
            return self.dialect.native_hash(items, salt)
        texts = [item.text for item in items]
        return self.dialect.portable_hash(texts, salt, Portable(self.digest_name))


def _number(value: int) -> ColumnElement[int]:
    return literal_column(str(value), Integer)


def _signed(number: Any) -> int:
    """Return 64 bits as a signed number, whether or not the server treats them as signed."""
    return (int(number or 0) + 2**63) % 2**64 - 2**63


def _unhashed(rows: int, among: int | None = None) -> Unreadable:
    """Return the error for rows without a hash.

    A value that is too long for the server's limits can make a hash NULL. A sum leaves NULL out.
    """
    return Unreadable(f"{rows} of {among or rows} rows could not be hashed by the server")
