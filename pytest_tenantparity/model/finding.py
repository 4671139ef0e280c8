"""Rows that differ: one by one, and counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class FindingKind(StrEnum):
    """How a row differs, from the point of view of the legacy stack."""

    MISSING = "missing"  # in legacy, not in modern
    EXTRA = "extra"  # in modern, not in legacy
    CHANGED = "changed"
    DUPLICATE = "duplicate"  # one of several rows of a side that have the same key, or are equal


@dataclass(frozen=True, slots=True)
class ValuePair:
    """One column's values in one row, as texts. ``None`` is SQL NULL.

    ``explanation`` describes what is not visible: where JSON or long values differ, and which
    characters only look alike.
    """

    legacy: str | None
    modern: str | None
    explanation: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MappedId:
    """One id of a key map in both stacks. ``None`` means that the map has no id for the stack."""

    legacy: str | None
    modern: str | None


@dataclass(frozen=True, slots=True)
class Finding:
    """One differing row.

    - ``columns``: the changed values.
    - ``row``: the first other values of a row that only one side has.
    - ``ids``: both ids of each column that a key map translates.
    - ``remarks``: what is not visible in the key and the row, such as hidden characters, another
      type, or an escaped text.
    - ``raw_key``: the canonical text of each key value that ``key`` shows otherwise, such as an
      excerpt. Left out are masked values, values that are not UTF-8 (``key`` spells them) or are
      longer than 4,000 characters, and all values if the whole row is the key.
    """

    kind: FindingKind
    key: dict[str, str | None]
    columns: dict[str, ValuePair] = field(default_factory=dict)
    copies: int = 1
    note: str = ""
    row: dict[str, str | None] = field(default_factory=dict)
    ids: dict[str, MappedId] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    raw_key: dict[str, str] = field(default_factory=dict)


class ChangeKind(StrEnum):
    """A way in which many values of a column may have changed, from legacy to modern."""

    NULL_TO_EMPTY = "null to empty"
    EMPTY_TO_NULL = "empty to null"
    TO_NULL = "to null"
    TRIMMED = "trimmed"
    UPPER = "upper case"
    LOWER = "lower case"
    SHORTENED = "shortened"  # to a number of characters
    MISREAD = "misread"  # UTF-8 was read as Latin-1
    QUESTION_MARKS = "question marks"  # in the place of characters beyond ASCII
    ROUNDED = "rounded"  # to a number of digits behind the point
    CUT_OFF = "cut off"  # the same, without rounding
    SCALED = "scaled"  # by a power of ten
    SHIFTED = "shifted"  # by a number of minutes
    ONE_TO_ONE = "one to one"  # a number of values, each of which became another one
    OTHER_KEY = "other key"  # the same row, but for its key


@dataclass(frozen=True, slots=True)
class Way:
    """A way of changing, its measure if it has one, and the number of rows that it explains."""

    kind: ChangeKind
    by: int | None
    rows: int


@dataclass(frozen=True, slots=True)
class ColumnChanges:
    """In how many rows a column differs, and the ways that explain some of them.

    Two ways may explain the same row. Masked columns are left out. Without ``column``, the rows are
    missing under one key and extra under another one.
    """

    column: str | None
    rows: int
    ways: tuple[Way, ...] = ()


@dataclass(frozen=True, slots=True)
class RowCounts:
    """The number of rows in the scope of a check, on each side."""

    legacy: int = 0
    modern: int = 0


@dataclass(frozen=True, slots=True)
class DriftCounts:
    """Exact totals of differing rows, including rows that are not listed as findings."""

    missing: int = 0
    extra: int = 0
    changed: int = 0
    duplicate: int = 0

    @property
    def total(self) -> int:
        """All differing rows."""
        return self.missing + self.extra + self.changed + self.duplicate


NO_DRIFT = DriftCounts()
"""Thousands of checks may have no drift. They share this object."""

NO_ROWS = RowCounts()
