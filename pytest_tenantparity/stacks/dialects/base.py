"""The SQL of a database engine. Each engine is one subclass of :class:`Dialect`."""

from __future__ import annotations

import operator
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from functools import reduce
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    ColumnClause,
    ColumnElement,
    Connection,
    Date,
    DateTime,
    Integer,
    Select,
    Text,
    and_,
    cast,
    func,
    literal,
    literal_column,
)

from ..catalog import TEXTS, ColumnFacts, Family
from .canonical_text import spell
from .least_change import least_change, null_lookalike
from .portable import Portable
from .server_rules import ServerRules


@dataclass(frozen=True, slots=True)
class ColumnRules:
    """The named rules by which the values of one column become text.

    - ``common``: the other side is another engine, so both must be able to make the text.
    - ``strict``: both sides are the same engine, so a value that is stored as another kind is
      different.
    - ``float_bits``: how many bits the floats have that texts are read as. 0: no texts are compared
      with floats.
    - ``lone_double``: only one side may hold doubles, and the other side holds exact decimals.
    - ``read_as``: the settings define the type of the values, however each value is stored.
    """

    naive_zone: str | None = None
    canonical_json: bool = False
    common: bool = False
    strict: bool = False
    float_bits: int = 0
    lone_double: bool = False
    read_as: bool = False


class Nulls(Enum):
    """How a row's hash distinguishes NULL from every value of a column."""

    NEVER = "the databases keep NULL out"
    EMPTY = "NULL is hashed as '', which no value's text is"
    MARKED = "a mark stands before each value, and another one for NULL"


@dataclass(frozen=True, slots=True)
class Item:
    """A value as an input of a row's hash: its canonical text.

    ``value`` is set only if both sides store it in one type and no rule applies to it. It then
    belongs to the family ``native``, and a hash of the value proves as much as a hash of its text.
    """

    text: ColumnElement[str]
    nulls: Nulls = Nulls.MARKED
    value: ColumnElement[Any] | None = None
    native: Family | None = None


class Dialect(ServerRules):
    """SQL of one database engine: texts and hashes of values, and which values it can hold."""

    native_digest: ClassVar[str] = ""
    """The name of a faster hash that all servers of this engine share; empty without one."""

    native_vectors: ClassVar[Sequence[int]] = ()
    """The expected native hash of each of :data:`VECTORS`."""

    native_samples: ClassVar[Sequence[tuple[Sequence[Item], int]]] = ()
    """Rows of values that the native hash does not read by their texts, and their hashes."""

    singles: ClassVar[frozenset[str]] = frozenset()
    """The types whose values are four-byte floats."""

    converts_zones: ClassVar[bool] = False
    """Whether naive times can be read soundly in zones other than UTC."""

    def naive_sql(self, column: str, zone: str) -> str:
        """Return SQL that converts a column's timestamps to naive times of ``zone``; else empty."""
        del column, zone
        return ""

    def zone_fault(self, connection: Connection, zone: str) -> str:
        """Return why the server cannot read naive times of ``zone`` soundly; empty if it can."""
        del connection
        return "" if self.converts_zones else f"{self.name} does not convert {zone}"

    @abstractmethod
    def expression_facts(
        self, connection: Connection, source: Any, expression: ColumnElement[Any]
    ) -> ColumnFacts:
        """Return the type of ``expression`` over the rows of ``source``."""

    @abstractmethod
    def text(
        self, value: ColumnElement[Any], column: ColumnFacts, rules: ColumnRules
    ) -> ColumnElement[str]:
        """Return the canonical text of a value in its own family, as docs/types.md defines it."""

    def canonical(
        self, value: ColumnElement[Any], column: ColumnFacts, family: Family, rules: ColumnRules
    ) -> ColumnElement[str]:
        """Return the canonical text of a value that is read as ``family``.

        Equal texts mean equal values.
        """
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
        """Return the text in UTC of ``moment``, which is on a clock ahead of UTC by ``offset``.

        ``moment`` is a text such as ``2024-07-01 12:00:00`` of a valid day in the years 1 to 9999.
        ``offset`` is a text such as ``-05:30:00``. The result is not before the year 1, and may be
        in the year 10000. The server raises no error. Dialects that make their texts in Python do
        not implement this method.
        """
        raise NotImplementedError(f"{self.name} has no arithmetic of moments")

    def native_hash(self, items: Sequence[Item], salt: int) -> ColumnElement[int]:
        """Return a 64-bit hash of a row: injective in nulls, lengths and column order."""
        raise NotImplementedError(f"{self.name} has no hash of its own")

    def portable_hash(
        self, texts: Sequence[ColumnElement[str]], salt: int, digest: Portable
    ) -> ColumnElement[int]:
        """Return a 64-bit hash of a row that is the same in every engine.

        :func:`.portable.portable_hash` computes the same hash in Python.
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
        """Whether a column's values are four-byte floats."""
        return column.family is Family.FLOAT and column.type in self.singles

    def holds_doubles(self, column: ColumnFacts) -> bool:
        """Whether a column's values may be stored as binary floats, whatever its declared type."""
        return column.family is Family.FLOAT

    def holds_written_numbers(self, column: ColumnFacts) -> bool:
        """Whether a column's numbers are texts of a file, which may come from floats."""
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
        """Return the XOR of 64-bit integers, without the NULLs."""
        return func.bit_xor(numbers)

    def groups_by(self, column: ColumnFacts) -> bool:
        """Whether GROUP BY separates all different values, and Python can make their texts."""
        del column
        return False

    def can_use_index(self, column: ColumnFacts) -> bool:
        """Whether :meth:`any_of` can use an index on a column."""
        del column
        return False

    def once(self, rows: Select[Any]) -> Select[Any]:
        """Return the same rows from a subquery that evaluates each expression once."""
        return rows

    def byte_order(self, text: ColumnElement[str]) -> ColumnElement[Any]:
        """Return an expression that sorts texts by their bytes, whatever their collation."""
        return text

    def bound(self, value: int | date | datetime) -> ColumnElement[Any]:
        """Return a value as a bound parameter of the engine's own type for it.

        An integer has at most 64 bits, and a ``datetime`` is in UTC. A column of the parameter's
        type is compared exactly, and by an index if there is one.
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
        """Whether a column is exactly one of the ``allowed`` values, in the column's own type."""

    rounds_exactly: ClassVar[bool] = True
    """Whether ``round`` keeps exact numbers exact."""

    def as_text(
        self, value: ColumnElement[Any], column: ColumnFacts
    ) -> tuple[ColumnElement[Any], ColumnFacts]:
        """Return the value of a column of texts, and its facts, so that any text may replace it."""
        return value, column

    def if_text(self, value: ColumnElement[Any], then: ColumnElement[Any]) -> ColumnElement[Any]:
        """Return ``then`` if a value of a text column is a text, and the value itself if not."""
        del value
        return then

    def exactly_comparable(
        self, value: ColumnElement[Any], column: ColumnFacts
    ) -> ColumnElement[Any]:
        """Return the value in a form for joins, in which only equal values are equal."""
        del column
        return value

    def match_forms(
        self, value: ColumnElement[Any], column: ColumnFacts, other: ColumnFacts
    ) -> tuple[ColumnElement[Any], ...]:
        """Return forms of a value, to be joined one by one with the forms of ``other``'s value.

        All forms are equal if and only if the values are exactly equal. In an engine that can only
        join by an index, the first form is the value itself. Both columns have the same number of
        forms.
        """
        del other
        return (self.exactly_comparable(value, column),)

    def least_change(
        self, value: ColumnElement[Any], column: ColumnFacts
    ) -> ColumnElement[Any] | None:
        """Return the nearest other value that the type allows; NULL stays NULL.

        A canary compares it in place of the value. The result is None if this engine cannot make
        this value.
        """
        return least_change(value, column, single=self.holds_singles(column))

    def null_lookalike(self, column: ColumnFacts) -> ColumnElement[Any] | None:
        """Return the value that is most easily confused with NULL: '', 0, false, the epoch."""
        return null_lookalike(column)

    def is_lost(self, value: ColumnElement[Any], text: ColumnElement[str]) -> ColumnElement[bool]:
        """Whether a value other than NULL has no canonical text."""
        return and_(value.is_not(None), text.is_(None))

    def size_of(self, value: ColumnElement[Any]) -> ColumnElement[Any]:
        """Return how many bytes a value has, if its size can be why it has no text; else NULL."""
        del value
        return literal_column("NULL")

    def why_lost(self, connection: Connection, column: ColumnFacts | None, size: int) -> str:
        """Return why a value of ``size`` bytes, or a whole row, has no text, and a remedy."""
        del connection, column, size
        return "; is it NULL, in a column that is declared NOT NULL?"


def _item(text: ColumnElement[str]) -> ColumnElement[str]:
    length = cast(func.char_length(text, type_=Integer), Text)
    return func.coalesce(length + literal(":", Text) + text, literal("-", Text), type_=Text)


def name_of(expression: ColumnElement[Any]) -> str:
    """Return what messages call an expression: the SQL of the settings, or words for other SQL."""
    return str(expression) if isinstance(expression, ColumnClause) else "the transformed value"
