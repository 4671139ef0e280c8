"""One side of a check: the rows in scope, and the few questions asked of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Subquery,
    case,
    func,
    literal_column,
    select,
)

from ..errors import NotProven
from ..stacks import PORTABLE, Dialect
from .scope import Scope

Row = tuple[str | None, ...]
T = TypeVar("T")

_FETCH = 5_000  # rows asked of the server at a time
_PATIENCE = 10.0  # seconds to wait for a cancelled query


@dataclass(frozen=True, slots=True)
class Digest:
    """How many rows, and the exact sum of their hashes: equal if and only if the rows are."""

    rows: int
    total: int


@dataclass(frozen=True)
class Source:
    """The compared columns of one side as canonical texts; the key is found among them.

    ``placed_by`` are the key's texts that rows are put into buckets by: those that are equal on
    both sides wherever the keys are.
    """

    connection: Connection
    dialect: Dialect
    scope: Scope
    texts: Sequence[ColumnElement[str]]
    key: Sequence[ColumnElement[str]]
    placed_by: Sequence[ColumnElement[str]]
    salt: int
    digest_name: str
    guard: Callable[[], AbstractContextManager[None]]

    def digest(self) -> Digest:
        """Digest all rows."""
        hashed = self._hashed()
        statement = select(*self._aggregates(hashed)).select_from(hashed)
        return _digest(*self.connection.execute(statement).one())

    def digest_by_bucket(self, buckets: int) -> dict[int, Digest]:
        """Digest the rows of each bucket; a row's bucket comes of the hash of its key."""
        hashed = self._hashed(self._bucket(buckets).label("bucket"))
        statement = (
            select(hashed.c.bucket, *self._aggregates(hashed))
            .select_from(hashed)
            .group_by(hashed.c.bucket)
        )
        rows = self.connection.execute(statement)
        return {int(bucket): _digest(*counted) for bucket, *counted in rows}

    def rows(self, buckets: int, wanted: Sequence[int]) -> Iterator[Row]:
        """Yield the canonical texts of the rows in some buckets, in no order."""
        statement = self._select(self.texts)
        if buckets > 1:
            statement = statement.where(self._bucket(buckets).in_(wanted))
        result = self.connection.execute(statement, execution_options={"yield_per": _FETCH})
        for row in result:
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

    def first_keys(self, most: int) -> list[Row]:
        """Return the first keys in byte order."""
        order = [self.dialect.byte_order(text) for text in self.key]
        statement = self._select(self.key).order_by(*order).limit(most)
        return [tuple(row) for row in self.connection.execute(statement)]

    def repeated_keys(self, most: int) -> list[tuple[Row, int]]:
        """Return keys that several rows have, and how many, the most frequent first."""
        copies = func.count()
        statement = self._select([*self.key, copies]).group_by(*self.key)
        statement = statement.having(copies > literal_column("1"))
        statement = statement.order_by(copies.desc(), *self.key).limit(most)
        return [(tuple(key), int(n)) for *key, n in self.connection.execute(statement)]

    def _select(self, columns: Sequence[ColumnElement[Any]]) -> Select[Any]:
        return select(*columns).select_from(self.scope.table).where(self.scope.condition)

    def _hashed(self, *more: ColumnElement[Any]) -> Subquery:
        row_hash = self._hash(self.texts, self.salt).label("row_hash")
        return self.dialect.once(self._select([row_hash, *more])).subquery("hashed")

    def _bucket(self, buckets: int) -> ColumnElement[int]:
        # Another salt than the rows': a bucket must not say anything of the digest in it.
        return self.dialect.bucket(self._hash(self.placed_by, ~self.salt), buckets)

    def _hash(self, texts: Sequence[ColumnElement[str]], salt: int) -> ColumnElement[int]:
        if self.digest_name == PORTABLE:
            return self.dialect.portable_hash(texts, salt)
        return self.dialect.native_hash(texts, salt)

    def _aggregates(self, hashed: Subquery) -> list[ColumnElement[Any]]:
        row_hash = hashed.c.row_hash
        return [func.count(), func.count(row_hash), self.dialect.exact_sum(row_hash)]


def _digest(rows: int, hashed: int, total: Any) -> Digest:
    # A value too long for the server's limits can make its hash NULL, which a sum passes over.
    if rows != hashed:
        raise NotProven(f"{rows - hashed} of {rows} rows could not be hashed by the server")
    return Digest(rows, int(total or 0))


@dataclass(frozen=True)
class Sides:
    """Both sides of a check, asked at once."""

    legacy: Source
    modern: Source
    pool: Executor
    cancel: Callable[[], None]

    def ask(self, question: Callable[[Source], T]) -> tuple[T, T]:
        """Return both answers. If one side fails, or the user stops, the other is cancelled."""

        def guarded(source: Source) -> T:
            with source.guard():
                return question(source)

        futures = [self.pool.submit(guarded, source) for source in (self.legacy, self.modern)]
        try:
            return futures[0].result(), futures[1].result()
        except BaseException:
            self.cancel()
            wait(futures, timeout=_PATIENCE)
            raise
