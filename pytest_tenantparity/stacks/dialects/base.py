"""What the engine needs of a database. Each engine's differences are one subclass."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from ...config import StackSettings
from ..catalog import Catalog, ColumnFacts, ServerFacts


@dataclass(frozen=True, slots=True)
class ColumnRules:
    """The named rules under which one column becomes text."""

    naive_zone: str | None = None
    canonical_json: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """How a session is to behave, and what it is called on the server."""

    application: str
    settings: StackSettings


class Dialect(ABC):
    """SQL and session rules of one database engine."""

    @abstractmethod
    def create_engine(self, url: URL, session: Session) -> Engine:
        """Return an engine of one connection whose sessions are read-only and pinned."""

    @abstractmethod
    def export_snapshot(self, connection: Connection) -> str:
        """Return a name under which other sessions can see what this transaction sees."""

    @abstractmethod
    def join_snapshot(self, connection: Connection, snapshot: str) -> None:
        """Make a transaction that has just begun see what the snapshot's owner sees."""

    @abstractmethod
    def server(self, connection: Connection, address: str) -> ServerFacts:
        """Return which server this is."""

    @abstractmethod
    def catalog(self, connection: Connection, schema: str) -> Catalog:
        """Return the tables of a schema; an unknown schema has none."""

    @abstractmethod
    def expression_facts(
        self, connection: Connection, source: Any, expression: ColumnElement[Any]
    ) -> ColumnFacts:
        """Return the type of an expression over the rows of ``source``."""

    @abstractmethod
    def canonical(
        self, value: ColumnElement[Any], column: ColumnFacts, rules: ColumnRules
    ) -> ColumnElement[str]:
        """Return the one text of a value: equal text if and only if equal value."""

    @abstractmethod
    def row_hash(
        self, texts: Sequence[ColumnElement[str]], salt: int, portable: bool
    ) -> ColumnElement[int]:
        """Return a 64-bit hash of a row: injective in nulls, lengths and column order.

        A portable hash is the same whatever encoding a database keeps its text in.
        """

    @abstractmethod
    def bucket(self, row_hash: ColumnElement[int], buckets: int) -> ColumnElement[int]:
        """Return a number from 0 to ``buckets`` - 1 (a power of two) out of a hash."""

    @abstractmethod
    def any_of(
        self, value: ColumnElement[Any], column: ColumnFacts, allowed: Sequence[str]
    ) -> ColumnElement[bool]:
        """Whether a column is one of the given values, in the column's own type."""

    @abstractmethod
    def explain(self, error: DBAPIError) -> str:
        """Return what the server said, in one line, and what to do about it."""

    @abstractmethod
    def cancel(self, connection: Connection) -> None:
        """Stop on the server what the connection is waiting for; called from another thread."""
