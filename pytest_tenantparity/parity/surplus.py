"""Rows that one side has more of than the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from .cells import Row


@dataclass(frozen=True)
class Surplus:
    """The rows that one side has more of than the other, each as often as it has.

    ``shared`` are keys of these rows, each with the number of rows that are equal on both sides.
    """

    legacy: tuple[Row, ...] = ()
    modern: tuple[Row, ...] = ()
    shared: tuple[tuple[Row, int], ...] = ()

    def __len__(self) -> int:
        """How many rows these are."""
        return len(self.legacy) + len(self.modern)

    @cached_property
    def shared_by_key(self) -> Mapping[Row, int]:
        """How many rows of each key are equal on both sides."""
        return dict(self.shared)

    def with_rows(
        self, legacy: Iterable[Row], modern: Iterable[Row], key_of: Callable[[Row], Row]
    ) -> Surplus:
        """Add all rows of some keys, and take out what both sides have."""
        new_here, new_there = Counter(legacy), Counter(modern)
        both = new_here & new_there
        here, there = Counter(self.legacy) + new_here, Counter(self.modern) + new_there
        here, there = here - there, there - here
        shared = Counter(self.shared_by_key) + shared_rows(both, (*here, *there), key_of)
        return Surplus(tuple(here.elements()), tuple(there.elements()), tuple(shared.items()))


def shared_rows(
    both: Mapping[Row, int], differing: Iterable[Row], key_of: Callable[[Row], Row]
) -> Counter[Row]:
    """Count the rows that both sides have, by key, for the keys of the rows that differ."""
    shared: Counter[Row] = Counter()
    keys = {key_of(row) for row in differing} if both else set()
    for row, copies in both.items() if keys else ():
        if (key := key_of(row)) in keys:
            shared[key] += copies
    return shared
