"""Sinks for all findings, and the sample of a check's first findings for the report."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from decimal import Decimal
from operator import itemgetter

from ...characters import is_writable
from ...mapping.columns import ColumnPair
from ...mapping.equivalence import is_number
from ...model import CheckKey, Finding, FindingKind, ValuePair
from .row_diff import Row
from .shown_values import MASK, MOST_TEXT, remarks, shown

Sink = Callable[[Finding], None]
"""Called once with each finding, as a report may show it, in no particular order."""

SinkOf = Callable[[CheckKey], AbstractContextManager[Sink]]
"""Opens the sink of one check. If the block ends with an exception, no finding counts."""

Order = tuple[object, ...]

_MOST_CHARACTERS = 4_000_000  # characters of all values in a sample
_MOST_RAW = 4_000  # characters of a raw key value; longer ones are left out
_FIRST = itemgetter(0)


def shown_value(column: ColumnPair, value: str | None, most: int = MOST_TEXT) -> str | None:
    """Return a value as a report may show it: masked, or its first ``most`` characters."""
    if value is None:
        return None
    return MASK if column.masked else shown(value, column.family, most)


def finding_of(
    kind: FindingKind,
    columns: Iterable[ColumnPair],
    key: Row,
    changed: dict[str, ValuePair] | None = None,
    copies: int = 1,
    note: str = "",
    *,
    raw: bool = True,
) -> Finding:
    """Return the finding of a row with ``key``, the canonical texts of the key's ``columns``.

    ``raw``: the finding keeps these texts where the shown ones differ.
    """
    key_shown: dict[str, str | None] = {}
    texts: dict[str, str] = {}
    for column, value in zip(columns, key, strict=True):
        text = key_shown[column.name] = shown_value(column, value)
        if not raw or value is None or value == text or column.masked:
            continue
        if len(value) <= _MOST_RAW and is_writable(value):
            texts[column.name] = value
    return Finding(kind, key_shown, changed or {}, copies, note, raw_key=texts)


def key_remarks(columns: Iterable[ColumnPair], key: Iterable[str | None]) -> tuple[str, ...]:
    """Return remarks that keep a reader from confusing the values of ``key`` with others."""
    return tuple(
        f"{column.name}: {each}"
        for column, value in zip(columns, key, strict=True)
        if not column.masked
        for each in remarks(value, column.family)
    )


def nowhere(_: Finding) -> None:
    """Discard a finding."""


def sink_to_nowhere(_: CheckKey) -> AbstractContextManager[Sink]:
    """Open a sink that discards all findings."""
    return nullcontext(nowhere)


def order_of(key: Iterable[str | None]) -> Order:
    """Return the sort key of ``key``, value by value.

    NULL comes first, then numbers by size, then texts by code point.
    """
    return tuple(_order_of_value(value) for value in key)


def _order_of_value(value: str | None) -> Order:
    if value is None:
        return (0,)
    return (1, Decimal(value), value) if is_number(value) else (2, value)


class FirstFindings:
    """The first findings in their order: at most ``most``, and at most 4,000,000 characters.

    All other findings are passed to ``rest``.
    """

    def __init__(self, most: int, rest: Sink = nowhere) -> None:
        self._most = most
        self._rest = rest
        self._kept: list[tuple[Order, Finding, Row]] = []
        self._characters = 0
        self._end: Order | None = None  # findings from here on are not among the first

    def takes(self, order: Order) -> bool:
        """Return whether a finding of this order may be among the first."""
        return self._end is None or order < self._end

    def add(self, order: Order, finding: Finding, key: Row = ()) -> None:
        """Add a finding and the key of its row. Both are kept while they are among the first."""
        if not self.takes(order):
            self._rest(finding)
            return
        self._kept.append((order, finding, key))
        self._characters += _characters(finding)
        if len(self._kept) >= 2 * self._most or self._characters >= 2 * _MOST_CHARACTERS:
            self._cut()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings in order. The first one is always included, even if it is very long."""
        self._cut()
        return tuple(finding for _, finding, _ in self._kept)

    @property
    def keys(self) -> tuple[Row, ...]:
        """The keys of these findings, as canonical texts."""
        self._cut()
        return tuple(key for _, _, key in self._kept)

    def _cut(self) -> None:
        self._kept.sort(key=_FIRST)
        self._characters = 0
        for number, (order, finding, _) in enumerate(self._kept):
            more = self._characters + _characters(finding)
            if number and (number >= self._most or more > _MOST_CHARACTERS):
                self._end = order
                for _, dropped, _ in self._kept[number:]:
                    self._rest(dropped)
                del self._kept[number:]
                return
            self._characters = more


def _characters(finding: Finding) -> int:
    texts = [*finding.key.values(), *finding.raw_key.values(), *finding.row.values()]
    texts += finding.remarks
    for pair in finding.columns.values():
        texts += [pair.legacy, pair.modern, *pair.explanation]
    return sum(len(text) for text in texts if text)
