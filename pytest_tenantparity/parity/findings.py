"""Where findings go: each to a sink, and the first of a check into the report's sample."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from decimal import Decimal
from operator import itemgetter

from ..model import CheckKey, Finding
from .locate.digest import Row
from .tolerance import is_number

Sink = Callable[[Finding], None]
"""Takes each finding once, as a report may show it, in no order."""

SinkOf = Callable[[CheckKey], AbstractContextManager[Sink]]
"""Opens the sink of one check; one that ends with an exception has found nothing."""

Order = tuple[object, ...]

_MOST_CHARACTERS = 4_000_000  # of all values in a sample
_FIRST = itemgetter(0)


def nowhere(_: Finding) -> None:
    """Let a finding go."""


def sink_to_nowhere(_: CheckKey) -> AbstractContextManager[Sink]:
    """Open a sink that keeps nothing."""
    return nullcontext(nowhere)


def order_of(key: Iterable[str | None]) -> Order:
    """Order keys value by value: NULL first, then numbers by size, then texts by code point."""
    return tuple(_order_of_value(value) for value in key)


def _order_of_value(value: str | None) -> Order:
    if value is None:
        return (0,)
    return (1, Decimal(value), value) if is_number(value) else (2, value)


class Sample:
    """The first findings by their order: ``most`` of them, and no more text than a report bears.

    Those that turn out not to be among the first go to ``rest``.
    """

    def __init__(self, most: int, rest: Sink = nowhere) -> None:
        self._most = most
        self._rest = rest
        self._kept: list[tuple[Order, Finding, Row]] = []
        self._characters = 0
        self._end: Order | None = None  # from here on, nothing is among the first any more

    def takes(self, order: Order) -> bool:
        """Whether a finding of this order may be among the first."""
        return self._end is None or order < self._end

    def add(self, order: Order, finding: Finding, key: Row = ()) -> None:
        """Keep a finding, and its row's own key, for as long as it is among the first."""
        if not self.takes(order):
            self._rest(finding)
            return
        self._kept.append((order, finding, key))
        self._characters += _characters(finding)
        if len(self._kept) >= 2 * self._most or self._characters >= 2 * _MOST_CHARACTERS:
            self._cut()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings in order; the first one is among them, however long it is."""
        self._cut()
        return tuple(finding for _, finding, _ in self._kept)

    @property
    def keys(self) -> tuple[Row, ...]:
        """The keys of these findings, as the databases spell them."""
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
    pairs = ((pair.legacy, pair.modern, *pair.explanation) for pair in finding.columns.values())
    beside = (*finding.key.values(), *finding.row.values(), *finding.remarks)
    texts = (*beside, *(text for pair in pairs for text in pair))
    return sum(len(text) for text in texts if text)
