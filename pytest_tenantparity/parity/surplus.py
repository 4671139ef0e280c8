"""Rows that one side has more of than the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from .cells import Row


@dataclass(frozen=True)
class Surplus:
    """The rows that one side has more of than the other, each as often as it has."""

    legacy: tuple[Row, ...] = ()
    modern: tuple[Row, ...] = ()

    def __len__(self) -> int:
        """How many rows these are."""
        return len(self.legacy) + len(self.modern)

    def with_rows(self, legacy: Iterable[Row], modern: Iterable[Row]) -> Surplus:
        """Add two batches of rows, and take out what both sides have."""
        here, there = Counter((*self.legacy, *legacy)), Counter((*self.modern, *modern))
        return Surplus(tuple((here - there).elements()), tuple((there - here).elements()))
