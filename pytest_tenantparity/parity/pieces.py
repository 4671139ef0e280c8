"""A large table, read in pieces of about a second each, with rests between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter

from sqlalchemy import ColumnElement

from ..stacks import Extent

_FIRST = 64  # the first piece is one of so many; it shows how fast the server is
_MOST = 10_000  # pieces of one table, about
_LAST = 5.0  # seconds; what takes no longer is read as the last piece


@dataclass(frozen=True)
class Pieces:
    """How a table is taken apart. ``seconds`` a piece takes; ``rest`` seconds for each of them.

    The pieces leave no row out: the first has no lower end, and the last no upper one. ``tell``
    hears which share of the extent has been read.
    """

    extent: Extent
    seconds: float
    rest: float
    wait: Callable[[float], object]
    tell: Callable[[float], object]

    def __iter__(self) -> Iterator[ColumnElement[bool]]:
        """Yield the condition of each piece, and measure how long its user takes."""
        low, at, end = None, self.extent.low, self.extent.high
        size, smallest = (end - at) // _FIRST, max(1, (end - at) // _MOST)
        self.tell(0.0)
        while size and at + size < end:
            started = perf_counter()
            yield self.extent.between(low, at + size)
            took = max(perf_counter() - started, 0.001)
            low = at = at + size
            self.tell((at - self.extent.low) / (end - self.extent.low))
            if (end - at) * took / size <= _LAST and not self.rest:
                break
            size = max(smallest, int(size * self.seconds / took))
            self.wait(took * self.rest)
        yield self.extent.between(low, None)
        self.tell(1.0)
