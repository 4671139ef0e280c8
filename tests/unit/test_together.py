"""Sessions that read the chunks of one table at the same time."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from threading import Barrier, Event, Thread, active_count
from time import sleep

import pytest
from sqlalchemy import ColumnElement, literal

from pytest_tenantparity.config import StackSettings
from pytest_tenantparity.limits import Limits
from pytest_tenantparity.parity.read.chunks import Chunks, together
from pytest_tenantparity.stacks import Extent

from ..support.eventually import eventually


def chunks_of(rows: int, sessions: int, seconds: float) -> Chunks:
    """Return the chunks of a table with ``rows`` positions, shown as ``from:to``."""

    def between(low: int | None, high: int | None) -> ColumnElement[bool]:
        return literal(f"{0 if low is None else low}:{rows if high is None else high}")

    settings = StackSettings(url="sqlite://", parallel=sessions, chunk_seconds=seconds)
    return Chunks(Extent(0, rows, between), settings, sleep, lambda _: None, Limits())


@pytest.mark.parametrize("sessions", [1, 2, 7])
def test_every_position_is_in_one_chunk(sessions: int) -> None:
    """However many sessions share the chunks out, each position is read exactly once."""
    rows = 10_007
    share = chunks_of(rows, sessions, 0.002).shared_out()
    both = Barrier(sessions)

    def read(_: Event) -> Generator[tuple[int, int], None, None]:
        both.wait()
        for chunk in share():
            low, high = map(int, chunk.value.split(":"))
            sleep((high - low) * 1e-6)
            yield low, high

    found = sorted(together([read] * sessions, Event().set))
    assert [low for low, _ in found] == [0, *(high for _, high in found[:-1])]
    assert found[-1][1] == rows
    assert len(found) > sessions


def test_sessions_end_at_about_the_same_time() -> None:
    """A session that gets the last chunk does not leave the others idle for long.

    A chunk of ``chunk_seconds`` would be the whole table here: one session would read it alone.
    """
    share = chunks_of(1_000_000, 2, seconds=3_600).shared_out()
    sizes: dict[int, int] = {0: 0, 1: 0}
    both = Barrier(2)

    def read(session: int, _: Event) -> Generator[int, None, None]:
        both.wait()
        for chunk in share():
            low, high = map(int, chunk.value.split(":"))
            sleep((high - low) * 1e-6)
            sizes[session] += high - low
            yield low

    list(together([partial(read, each) for each in sizes], Event().set))
    assert sum(sizes.values()) == 1_000_000
    assert min(sizes.values()) > 300_000


def test_an_error_of_one_session_is_raised_and_stops_the_others() -> None:
    """No rows are returned as if they were all: the error is raised, and the others cancelled."""
    cancelled = Event()

    def endless(_: Event) -> Generator[int, None, None]:
        while not cancelled.wait(0.001):
            yield 1
        raise RuntimeError("cancelled")

    def broken(_: Event) -> Generator[int, None, None]:
        yield 2
        raise ValueError("the session was lost")

    before = active_count()
    with pytest.raises(ValueError, match="the session was lost"):
        list(together([endless, broken, endless], cancelled.set))
    assert cancelled.is_set()
    eventually(lambda: active_count() == before)


def test_rows_that_nobody_wants_any_more() -> None:
    """A reader that ends early cancels nothing, and has left every session when it is closed.

    The next scan uses the same sessions.
    """
    cancelled = Event()
    left: list[int] = []

    def many(number: int, _: Event) -> Generator[int, None, None]:
        try:
            yield from range(100_000)
        finally:
            sleep(0.1)
            left.append(number)

    rows = together([partial(many, each) for each in range(2)], cancelled.set)
    assert next(rows) == 0
    closing = Thread(target=rows.close)  # type: ignore[attr-defined]
    closing.start()
    closing.join(10)
    assert sorted(left) == [0, 1]
    assert not cancelled.is_set()


def test_no_chunk_is_begun_after_an_error() -> None:
    """A session that connects late, or gets chunks without a row, stops when another one fails."""
    failed = Event()
    begun: list[int] = []

    def late(ended: Event) -> Generator[int, None, None]:
        failed.wait(10)
        eventually(ended.is_set)
        for chunk in range(1_000):
            if ended.is_set():
                return
            begun.append(chunk)
        yield from ()

    def broken(_: Event) -> Generator[int, None, None]:
        yield 1
        raise ValueError("lost")

    with pytest.raises(ValueError, match="lost"):
        list(together([late, broken], failed.set))
    assert begun == []


def test_an_error_stops_the_others_while_no_row_is_asked_for() -> None:
    """The other sessions stop at once, even while the reader is busy with a row."""
    reading, stopped = Event(), Event()

    def full(_: Event) -> Generator[int, None, None]:
        yield from range(1_000)  # handed over together

    def broken(_: Event) -> Generator[int, None, None]:
        if reading.wait(10):
            raise ValueError("lost")
        yield 0

    def other(ended: Event) -> Generator[int, None, None]:
        if ended.wait(10):
            stopped.set()
        yield from ()

    rows = together([full, broken, other], Event().set)
    assert next(rows) == 0
    reading.set()
    eventually(stopped.is_set, 5)
    with pytest.raises(ValueError, match="lost"):
        list(rows)
