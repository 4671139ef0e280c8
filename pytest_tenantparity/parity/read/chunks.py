"""Reads a large table in chunks of about a second each, by one or several sessions.

The time of a chunk decides the size of the next one. Several sessions take their chunks from one
list, each when its previous one is read. Toward the end of the table the chunks become smaller, so
that all sessions end at about the same time: a chunk is at most about an equal share of the range
that is left (C. D. Polychronopoulos and D. J. Kuck, "Guided self-scheduling", IEEE Transactions on
Computers, 1987).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice, takewhile
from queue import Queue
from threading import Event, Lock, Thread
from time import perf_counter
from typing import TypeVar

from sqlalchemy import ColumnElement

from ...config import StackSettings
from ...limits import Limits
from ...stacks import Extent

T = TypeVar("T")

_BATCH = 1_000  # rows that a session hands over at a time


@dataclass(frozen=True)
class Chunks:
    """The chunks of a table, as the conditions of their rows.

    The chunks leave no row out: the first has no lower end, and the last no upper one. ``wait`` is
    called with the seconds of each pause, and ``tell`` with the share of the extent that has been
    given to sessions.
    """

    extent: Extent
    settings: StackSettings
    wait: Callable[[float], object]
    tell: Callable[[float], object]
    limits: Limits

    def shared_out(self) -> Callable[[], Iterator[ColumnElement[bool]]]:
        """Return a function that makes an iterator for each session.

        The iterators can be used in several threads. Together they yield each chunk once.
        """
        lock, chunks = Lock(), self._chunks()

        def share() -> Iterator[ColumnElement[bool]]:
            read: tuple[int, float] | None = None
            while True:
                with lock:  # also during a pause, so that no session begins a chunk in it
                    try:
                        size, condition = chunks.send(read)
                    except StopIteration:
                        return
                started = perf_counter()
                yield condition
                read = size, max(perf_counter() - started, 0.001)

        return share

    def _chunks(
        self,
    ) -> Generator[tuple[int, ColumnElement[bool]], tuple[int, float] | None, None]:
        """Yield each chunk with its size, and receive the size and the seconds of a read chunk."""
        settings, limits, sessions = self.settings, self.limits, self.settings.parallel
        low, at, end = None, self.extent.low, self.extent.high
        size, smallest = (end - at) // limits.first_chunk, max(1, (end - at) // limits.chunks)
        self.tell(0.0)
        while size and at + size < end:
            read = yield size, self.extent.between(low, at + size)
            low = at = at + size
            self.tell((at - self.extent.low) / (end - self.extent.low))
            if read is None:  # the first chunk of another session
                continue
            last_size, seconds = read
            rest = (end - at) * seconds / last_size
            if sessions == 1 and rest <= limits.last_chunk_seconds and not settings.pause_ratio:
                break
            size = max(smallest, int(last_size * settings.chunk_seconds / seconds))
            if sessions > 1:
                least = max(smallest, int(last_size * limits.least_chunk_seconds / seconds))
                size = min(size, max(least, (end - at) // sessions))
            self.wait(seconds * settings.pause_ratio)
        yield end - at, self.extent.between(low, None)
        self.tell(1.0)


def together(
    sessions: Sequence[Callable[[Event], Generator[T, None, None]]], cancel: Callable[[], object]
) -> Iterator[T]:
    """Yield the rows that all ``sessions`` read at the same time, each in a thread of its own.

    A session is given an event that is set when no further row is wanted. If one session fails,
    ``cancel`` is called to stop the queries of the others, and the error is raised. When the last
    row has been yielded, or the iterator is closed, every session has been left.
    """
    rows: Queue[list[T]] = Queue(maxsize=2 * len(sessions))
    errors: list[BaseException] = []
    ended = Event()

    def read(session: Callable[[Event], Generator[T, None, None]]) -> None:
        try:
            with closing(session(ended)) as found:
                wanted = takewhile(lambda _: not ended.is_set(), found)
                while batch := list(islice(wanted, _BATCH)):
                    rows.put(batch)
        except BaseException as error:  # noqa: BLE001 raised again by the thread that waits
            errors.append(error)
            ended.set()
            cancel()
        finally:
            rows.put([])

    running = 0
    try:
        for session in sessions:
            Thread(target=read, args=[session], daemon=True).start()
            running += 1
        while running:
            batch = rows.get()
            running -= not batch
            if errors:
                raise errors[0]
            yield from batch
    finally:
        ended.set()
        while running:  # a session that waits to hand over rows would never end
            running -= not rows.get()
