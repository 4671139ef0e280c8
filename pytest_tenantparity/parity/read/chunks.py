"""Reads a large table in chunks of about a second each, with rests between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter

from sqlalchemy import ColumnElement

from ...limits import Limits
from ...stacks import Extent


@dataclass(frozen=True)
class Chunks:
    """The chunks of a table, as the conditions of their rows.

    ``seconds`` is the time that a chunk should take. ``pause_ratio`` is the number of seconds to
    wait for each second of reading. The chunks leave no row out: the first has no lower end, and
    the last no upper one. ``tell`` is called with the share of the extent that has been read.
    """

    extent: Extent
    seconds: float
    pause_ratio: float
    wait: Callable[[float], object]
    tell: Callable[[float], object]
    limits: Limits

    def __iter__(self) -> Iterator[ColumnElement[bool]]:
        """Yield the condition of each chunk, and measure how long the caller takes to read it."""
        low, at, end = None, self.extent.low, self.extent.high
        size, smallest = (
            (end - at) // self.limits.first_chunk,
            max(1, (end - at) // self.limits.chunks),
        )
        self.tell(0.0)
        while size and at + size < end:
            started = perf_counter()
            yield self.extent.between(low, at + size)
            took = max(perf_counter() - started, 0.001)
            low = at = at + size
            self.tell((at - self.extent.low) / (end - self.extent.low))
            if (end - at) * took / size <= self.limits.last_chunk_seconds and not self.pause_ratio:
                break
            size = max(smallest, int(size * self.seconds / took))
            self.wait(took * self.pause_ratio)
        yield self.extent.between(low, None)
        self.tell(1.0)
