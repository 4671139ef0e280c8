"""What the engine needs of a database. Each engine's differences are one subclass."""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import Enum
from functools import reduce
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Date,
    DateTime,
    Engine,
    Integer,
    Select,
    Text,
    and_,
    cast,
    func,
    literal,
    literal_column,
)
from sqlalchemy.engine import URL
from sqlalchemy.exc import DataError, DBAPIError, NotSupportedError, ProgrammingError

from ...config import StackSettings
from ...errors import ConnectionLost, NotProven
from ...limits import Limits
from ..catalog import TEXTS, Catalog, ColumnFacts, Family, ServerFacts, TableFacts
from ..parameters import checked, texts
from .altering import least_change, neutral
from .portable import Portable
from .spelling import spell

POOLED = (
    "a connection pooler or proxy answers ({}), not the server itself. The audit keeps one session "
    "with one snapshot, and what it sets there could reach the sessions of others, so nothing was "
    "set or read. Connect to the server itself: let host and port in the URL name it (port {}, as "
    "a rule)"
)


@dataclass(frozen=True, slots=True)
class ColumnRules:
    """The named rules under which one column becomes text.

    ``common``: the other side is another engine, so the text has to be one that both can make.
    ``strict``: it is the same engine, so that a value that is stored as another kind is another.
    ``float_bits``: texts are read as floats of so many bits; 0: floats meet no texts.
    ``lone_double``: one side alone may hold doubles, and the other holds exact decimals.
    ``read_as``: the settings say what the values are, however each of them is stored.
    """

    naive_zone: str | None = None
    canonical_json: bool = False
    common: bool = False
    strict: bool = False
    float_bits: int = 0
    lone_double: bool = False
    read_as: bool = False


class Nulls(Enum):
    """How a row's hash tells NULL from every value of a column."""

    NEVER = "the databases keep NULL out"
    EMPTY = "NULL is hashed as '', which no value's text is"
    MARKED = "a mark stands before each value, and another one for NULL"


@dataclass(frozen=True, slots=True)
class Item:
    """A value as a row's hash takes it in: by its canonical text.

    ``value`` is the value itself, of the family ``native``, where both sides hold it in one type
    and without any rule, so that a hash of its own says as much as one of its text.
    """

    text: ColumnElement[str]
    nulls: Nulls = Nulls.MARKED
    value: ColumnElement[Any] | None = None
    native: Family | None = None


@dataclass(frozen=True, slots=True)
class Extent:
    """Where a table's rows lie, so that it can be read piece by piece.

    Each row lies at a whole number, most of them from ``low`` on and below ``high``. ``between``
    asks whether a row lies from one number on and below another; None is without an end.
    """

    low: int
    high: int
    between: Callable[[int | None, int | None], ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Session:
    """How a session is to behave, and what it is called on the server.

    ``database`` says to which one to connect next; an empty name is the one of the URL.
    """

    application: str
    settings: StackSettings
    database: Callable[[], str] = str

    def at(self, database: str) -> Session:
        """Return the same for one database."""
        return replace(self, database=lambda: database)

    @property
    def patience(self) -> float:
        """Seconds after which a server that should have answered, or said no, is taken for gone."""
        settings = self.settings
        return settings.statement_timeout + settings.lock_timeout + settings.connect_timeout


class Dialect(ABC):
    """SQL and session rules of one database engine."""

    name: ClassVar[str]
    """The engine, as reports call it."""

    native_digest: ClassVar[str] = ""
    """The name of a faster hash that servers of this engine have in common, if they have one."""

    native_vectors: ClassVar[Sequence[int]] = ()
    """What the native hash of each of :data:`VECTORS` is known to be."""

    native_samples: ClassVar[Sequence[tuple[Sequence[Item], int]]] = ()
    """Rows of values that the native hash does not take by their texts, and their hashes."""

    singles: ClassVar[frozenset[str]] = frozenset()
    """The types whose values are floats of four bytes."""

    shares_snapshots: ClassVar[bool] = False
    """Whether several sessions can read from one snapshot."""

    converts_zones: ClassVar[bool] = False
    """Whether naive times can be read soundly in zones other than UTC."""

    roams: ClassVar[bool] = False
    """Whether one engine can serve several databases, by :attr:`Session.database`."""

    tells_load: ClassVar[bool] = False
    """Whether a session can ask how busy the server is."""

    def normalised(self, url: URL, *, shows_names: bool = True) -> URL:
        """Return the URL as :meth:`create_engine` takes it; raises :class:`Unsuitable`.

        Names of unknown parameters are shown only if ``shows_names``: one may be a piece of a
        password.
        """
        return url.set(query=checked(texts(url), {}, {}, engine=self.name, shows_names=shows_names))

    @abstractmethod
    def create_engine(self, url: URL, session: Session) -> Engine:
        """Return an engine of one connection whose sessions are read-only and pinned."""

    @abstractmethod
    def default_schema(self, url: URL) -> str:
        """Return the schema whose tables are meant where the settings name none."""

    @abstractmethod
    def export_snapshot(self, connection: Connection) -> str:
        """Return a name under which other sessions can see what this transaction sees."""

    @abstractmethod
    def join_snapshot(self, connection: Connection, snapshot: str) -> None:
        """Make a transaction that has just begun see what the snapshot's owner sees.

        An empty name is nobody's: it sees what there is now.
        """

    @abstractmethod
    def server(self, connection: Connection, address: str) -> ServerFacts:
        """Return which server this is."""

    @abstractmethod
    def catalog(self, connection: Connection, schema: str) -> Catalog:
        """Return the tables of a schema; an unknown schema has none."""

    def catalogs(self, connection: Connection, schemas: Collection[str]) -> dict[str, Catalog]:
        """Return the same of several schemas, by name."""
        return {schema: self.catalog(connection, schema) for schema in schemas}

    def extent(self, connection: Connection, table: TableFacts, limits: Limits) -> Extent | None:
        """Return how a table can be read in pieces that cost no more than the whole; None: not."""
        del connection, table, limits
        return None

    def hold_small(
        self, connection: Connection, tables: Sequence[TableFacts], limits: Limits
    ) -> None:
        """Lock tables against being altered, where one statement for many of them could wait.

        Raises :class:`NotProven` if another session alters one, or if they are larger than known.
        """
        del connection, tables, limits

    def require_unaltered(
        self,
        connection: Connection,
        tables: Sequence[TableFacts],
        present: Callable[[], AbstractContextManager[Connection]],
    ) -> None:
        """Require that tables that were read are defined as in the snapshot; raises NotProven.

        ``present`` opens a session that sees what there is now.
        """
        del connection, tables, present

    def naive_sql(self, column: str, zone: str) -> str:
        """Return SQL that makes naive times of a zone of a column's moments; nothing if none."""
        del column, zone
        return ""

    def zone_fault(self, connection: Connection, zone: str) -> str:
        """Return why the server cannot read naive times of a zone soundly; nothing if it can."""
        del connection
        return "" if self.converts_zones else f"{self.name} does not convert {zone}"

    def replication_lag(self, connection: Connection) -> float:
        """Return how many seconds replication is behind; raises :class:`NotProven`."""
        raise NotImplementedError(f"{self.name} has no replication")

    def running_queries(self, connection: Connection, own: Connection | None) -> int:
        """Return how many queries run that are not the audit's; raises :class:`NotProven`."""
        raise NotImplementedError(f"{self.name} has no sessions")

    @abstractmethod
    def expression_facts(
        self, connection: Connection, source: Any, expression: ColumnElement[Any]
    ) -> ColumnFacts:
        """Return the type of an expression over the rows of ``source``."""

    @abstractmethod
    def text(
        self, value: ColumnElement[Any], column: ColumnFacts, rules: ColumnRules
    ) -> ColumnElement[str]:
        """Return the one text of a value in its own family, spelled as docs/types.md says."""

    def canonical(
        self, value: ColumnElement[Any], column: ColumnFacts, family: Family, rules: ColumnRules
    ) -> ColumnElement[str]:
        """Return the one text of a value, read as a family: equal texts for equal values only."""
        own = self.text(value, column, rules)
        return spell(
            own,
            column.family,
            family,
            common=rules.common,
            shifted=self.shifted,
            zone=rules.naive_zone,
        )

    def shifted(self, moment: ColumnElement[str], offset: ColumnElement[str]) -> ColumnElement[str]:
        """Return the text of a moment of a clock that is ahead of UTC by an offset, in UTC.

        ``moment`` is a text such as ``2024-07-01 12:00:00``, of a day that there is, in the years
        1 to 9999; the offset is one such as ``-05:30:00``. The outcome is not before the year 1,
        and may lie in the year 10000. The server raises no error. Dialects whose texts are made in
        Python do without.
        """
        raise NotImplementedError(f"{self.name} has no arithmetic of moments")

    def native_hash(self, items: Sequence[Item], salt: int) -> ColumnElement[int]:
        """Return a 64-bit hash of a row: injective in nulls, lengths and column order."""
        raise NotImplementedError(f"{self.name} has no hash of its own")

    def portable_hash(
        self, texts: Sequence[ColumnElement[str]], salt: int, digest: Portable
    ) -> ColumnElement[int]:
        """Return a 64-bit hash of a row that is the same in every engine.

        :func:`.portable.portable_hash` says the same in Python.
        """
        start: ColumnElement[str] = literal(f"{salt}:", Text)
        return self.hash_number(reduce(operator.add, map(_item, texts), start), digest.function)

    @abstractmethod
    def hash_number(self, text: ColumnElement[str], function: str) -> ColumnElement[int]:
        """Return the first 8 bytes of a hash of a text in UTF-8, as a signed 64-bit integer.

        ``function`` is :attr:`Portable.function`.
        """

    @abstractmethod
    def exact_sum(self, numbers: ColumnElement[int]) -> ColumnElement[Any]:
        """Return the sum of 64-bit integers, of any size and without rounding."""

    def holds_singles(self, column: ColumnFacts) -> bool:
        """Whether a column's values are floats of four bytes."""
        return column.family is Family.FLOAT and column.type in self.singles

    def holds_doubles(self, column: ColumnFacts) -> bool:
        """Whether a column's values may be stored as binary floats, whatever is declared."""
        return column.family is Family.FLOAT

    def holds_written_numbers(self, column: ColumnFacts) -> bool:
        """Whether a column's numbers are texts of a file, which may have been floats before."""
        return column.family in TEXTS

    def holds_in_64_bits(self, column: ColumnFacts) -> bool:
        """Whether each whole number of a column can be cast to a signed 64-bit integer."""
        del column
        return True

    def can_xor(self, connection: Connection) -> bool:
        """Whether the server has :meth:`xor`."""
        del connection
        return True

    def xor(self, numbers: ColumnElement[int]) -> ColumnElement[Any]:
        """Return the XOR of 64-bit integers, NULL left out."""
        return func.bit_xor(numbers)

    def groups_by(self, column: ColumnFacts) -> bool:
        """Whether GROUP BY tells all different values of a column apart, and Python spells them."""
        del column
        return False

    def seeks(self, column: ColumnFacts) -> bool:
        """Whether :meth:`any_of` can use an index on a column."""
        del column
        return False

    def once(self, rows: Select[Any]) -> Select[Any]:
        """Return the same rows, with each expression worked out once, however often it is used."""
        return rows

    def byte_order(self, text: ColumnElement[str]) -> ColumnElement[Any]:
        """Return what sorts texts by their bytes, whatever their collation."""
        return text

    def bound(self, value: int | date | datetime) -> ColumnElement[Any]:
        """Return a value as a bound parameter of the engine's own type for it.

        An integer has 64 bits at most, and a ``datetime`` is in UTC. A column of that type is
        compared exactly, and by an index if it has one.
        """
        if isinstance(value, datetime):
            moment = DateTime(timezone=True)
            return cast(literal(value, moment), moment)
        kind: BigInteger | Date = Date() if isinstance(value, date) else BigInteger()
        return cast(literal(value, kind), kind)

    @abstractmethod
    def any_of(
        self, value: ColumnElement[Any], column: ColumnFacts, allowed: Sequence[str]
    ) -> ColumnElement[bool]:
        """Whether a column is exactly one of the given values, in the column's own type."""

    def exact(self, value: ColumnElement[Any], column: ColumnFacts) -> ColumnElement[Any]:
        """Return the value in a form of which only equal ones are equal, for joins."""
        del column
        return value

    def match_forms(
        self, value: ColumnElement[Any], column: ColumnFacts, other: ColumnFacts
    ) -> tuple[ColumnElement[Any], ...]:
        """Return forms of a value, to be joined one by one with those of another column's value.

        All are equal if and only if the values are exactly equal. Where an engine joins by an
        index alone, the first form is the value itself. Both columns have as many forms.
        """
        del other
        return (self.exact(value, column),)

    def least_change(
        self, value: ColumnElement[Any], column: ColumnFacts
    ) -> ColumnElement[Any] | None:
        """Return another value of the same type, as near as the type allows; NULL stays NULL.

        For the canary, which puts it in the value's place. None: this engine can make none.
        """
        return least_change(value, column, single=self.holds_singles(column))

    def neutral(self, column: ColumnFacts) -> ColumnElement[Any] | None:
        """Return the value that NULL is most easily taken for: '', 0, false, the epoch."""
        return neutral(column)

    def fault(self, error: DBAPIError) -> type[NotProven]:
        """Return what an error is: a lost connection, no session to be had now, or final."""
        return ConnectionLost if error.connection_invalidated else NotProven

    def is_of_query(self, error: DBAPIError) -> bool:
        """Whether an error comes of a query's SQL or of a value, and not of server or session."""
        return isinstance(error, DataError | ProgrammingError | NotSupportedError)

    def apart(self, connection: Connection) -> AbstractContextManager[Any]:
        """Run a query whose error does not end the transaction, or is not felt by the next one."""
        del connection
        return nullcontext()

    def is_lost(self, value: ColumnElement[Any], text: ColumnElement[str]) -> ColumnElement[bool]:
        """Whether a value has no canonical text, which is not so of NULL."""
        return and_(value.is_not(None), text.is_(None))

    def size_of(self, value: ColumnElement[Any]) -> ColumnElement[Any]:
        """Return how many bytes a value has, where that can be a reason for having no text."""
        del value
        return literal_column("NULL")

    def why_lost(self, connection: Connection, column: ColumnFacts | None, size: int) -> str:
        """Return why a value of so many bytes has no text, or a whole row, and the way out."""
        del connection, column, size
        return "; is it NULL, in a column that is declared NOT NULL?"

    @abstractmethod
    def explain(self, error: DBAPIError) -> str:
        """Return what the server said, in one line, and what to do about it."""

    @abstractmethod
    def cancel(self, connection: Connection) -> None:
        """Stop on the server what the connection is waiting for; called from another thread."""

    def hang_up(self, connection: Connection) -> bool:
        """End the line to the server, which wakes a thread that waits for it; False without one."""
        del connection  # Engines within this process have none.
        return False


def _item(text: ColumnElement[str]) -> ColumnElement[str]:
    length = cast(func.char_length(text, type_=Integer), Text)
    return func.coalesce(length + literal(":", Text) + text, literal("-", Text), type_=Text)
