"""The ways in which values of a column changed, counted over all changed rows of a check.

A mistake of a migration is seldom made in one row: NULL became an empty text, times moved by an
hour, prices lost a digit. Each way is a test of one pair of values. A pair of values is counted
under all ways of the first group that fits it: so a price that 2 and 3 digits explain counts for
both, and the report takes the one that explains more rows. What no way explains may still be
one-to-one, as ids are that were issued anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

from ...mapping.columns import ColumnPair
from ...mapping.equivalence import is_number
from ...model import ChangeKind, ColumnChanges, FindingKind, Way
from ...stacks.catalog import NUMBERS, TEXTS, Family
from .row_diff import Row

_MOST_DIGITS = 6  # behind the point, to which a number may have been rounded
_MOST_POWER = 6  # of ten, by which a number may have been multiplied
_LONGEST_NUMBER = 60  # characters
_LONGEST_SHIFT = 14 * 60  # minutes: no zone is further from UTC
_QUARTER = 15  # minutes: the offsets of all zones are multiples of it
_DAY = 24 * 60
_SHORTEST_CUT = 10  # characters: a shorter text may be the start of another one by chance
_MOST_PAIRS = 10_000  # values of a column that are remembered
_MOST_ROWS = 100_000  # rows of one side that are remembered


@dataclass
class _Pairs:
    """Whether values lead one-to-one from one stack to the other."""

    there: dict[str, str] = field(default_factory=dict)
    back: dict[str, str] = field(default_factory=dict)
    rows: int = 0
    holds: bool = True

    def add(self, legacy: str | None, modern: str | None, rows: int) -> None:
        self.rows += rows
        if legacy is None or modern is None or len(self.there) > _MOST_PAIRS:
            self.holds = False
        elif self.holds:
            one, other = self.there.setdefault(legacy, modern), self.back.setdefault(modern, legacy)
            self.holds = (one, other) == (modern, legacy)


class ChangeCounts:
    """Counts the ways in which rows changed."""

    def __init__(self) -> None:
        self._rows: Counter[str] = Counter()
        self._ways: Counter[tuple[str, ChangeKind, int | None]] = Counter()
        self._others: dict[str, _Pairs] = {}
        self._lone: dict[FindingKind, Counter[int]] = {
            FindingKind.MISSING: Counter(),
            FindingKind.EXTRA: Counter(),
        }

    def add(self, column: ColumnPair, legacy: str | None, modern: str | None, rows: int) -> None:
        """Count the change of one column in equal ``rows``. The values differ."""
        if column.masked:
            return
        self._rows[column.name] += rows
        ways = list(ways_of(column.family, legacy, modern))
        for kind, by in ways:
            self._ways[column.name, kind, by] += rows
        if not ways:
            self._others.setdefault(column.name, _Pairs()).add(legacy, modern, rows)

    def add_lone(self, kind: FindingKind, values: Row, rows: int) -> None:
        """Count equal ``rows`` that only one side has, by their ``values`` without the key."""
        known = self._lone[kind]
        if any(value is not None for value in values) and len(known) < _MOST_ROWS:
            known[hash(values)] += rows

    def result(self) -> tuple[ColumnChanges, ...]:
        """Return the counts by column. The last, without a column, are of rows of other keys."""
        found = []
        for column, rows in sorted(self._rows.items()):
            ways = [
                Way(kind, by, count)
                for (name, kind, by), count in self._ways.items()
                if name == column
            ]
            others = self._others.get(column)
            if others is not None and others.holds and len(others.there) > 1:
                ways.append(Way(ChangeKind.ONE_TO_ONE, len(others.there), others.rows))
            ways.sort(key=lambda way: (way.kind, way.by or 0))
            found.append(ColumnChanges(column, rows, tuple(ways)))
        missing, extra = self._lone.values()
        if moved := (missing & extra).total():
            other_key = Way(ChangeKind.OTHER_KEY, None, moved)
            found.append(ColumnChanges(None, moved, (other_key,)))
        return tuple(found)


def ways_of(
    family: Family, legacy: str | None, modern: str | None
) -> Iterator[tuple[ChangeKind, int | None]]:
    """Yield the ways in which one value became another one, each with its measure.

    The measure is a number of digits, minutes, characters, or a power of ten, by the kind.
    """
    if legacy is None or modern is None:
        if legacy is None and modern == "":
            yield ChangeKind.NULL_TO_EMPTY, None
        elif modern is None:
            yield (ChangeKind.EMPTY_TO_NULL if legacy == "" else ChangeKind.TO_NULL), None
    elif family in NUMBERS and is_number(legacy) and is_number(modern):
        yield from _of_numbers(legacy, modern)
    elif family in (Family.DATE, Family.TIMESTAMP, Family.TIMESTAMPTZ):
        yield from _of_times(legacy, modern)
    elif family in TEXTS:
        yield from _of_texts(legacy, modern)


def _of_numbers(legacy: str, modern: str) -> Iterator[tuple[ChangeKind, int | None]]:
    if max(len(legacy), len(modern)) > _LONGEST_NUMBER:
        return
    one, other = Decimal(legacy), Decimal(modern)
    if one == other:  # 0 and -0
        return
    if max(abs(one.adjusted()), abs(other.adjusted())) > _LONGEST_NUMBER:
        return
    powers = [n for n in range(-_MOST_POWER, _MOST_POWER + 1) if n and one.scaleb(n) == other]
    if powers:
        yield ChangeKind.SCALED, powers[0]
        return
    if abs(one.adjusted()) + _MOST_DIGITS >= _LONGEST_NUMBER // 3:  # beyond Decimal's precision
        return
    for digits in range(_MOST_DIGITS + 1):
        step = Decimal(1).scaleb(-digits)
        if one.quantize(step, ROUND_HALF_UP) == other:
            yield ChangeKind.ROUNDED, digits
        elif one.quantize(step, ROUND_DOWN) == other:
            yield ChangeKind.CUT_OFF, digits


def _of_times(legacy: str, modern: str) -> Iterator[tuple[ChangeKind, int | None]]:
    try:
        one, other = (datetime.fromisoformat(each.removesuffix("+00")) for each in (legacy, modern))
    except ValueError:  # a year that Python does not have
        return
    if (one.tzinfo is None) != (other.tzinfo is None):  # a text that names its zone
        return
    minutes, rest = divmod((other - one).total_seconds(), 60)
    by = int(minutes)
    if rest or by % _QUARTER or not (abs(by) <= _LONGEST_SHIFT or abs(by) == _DAY):
        return
    yield ChangeKind.SHIFTED, by


def _of_texts(legacy: str, modern: str) -> Iterator[tuple[ChangeKind, int | None]]:
    if modern == legacy.strip(" "):
        yield ChangeKind.TRIMMED, None
    elif modern == legacy.upper():
        yield ChangeKind.UPPER, None
    elif modern == legacy.lower():
        yield ChangeKind.LOWER, None
    elif len(modern) >= _SHORTEST_CUT and legacy.startswith(modern):
        yield ChangeKind.SHORTENED, len(modern)
    elif not legacy.isascii():
        encoded = legacy.encode("utf-8", "replace")
        if modern in (encoded.decode("latin-1"), encoded.decode("cp1252", "replace")):
            yield ChangeKind.MISREAD, None
        elif modern == legacy.encode("ascii", "replace").decode("ascii"):
            yield ChangeKind.QUESTION_MARKS, None
