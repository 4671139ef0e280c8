"""How often the load of a server is queried."""

from __future__ import annotations

import time
from threading import Event

from pytest_tenantparity.limits import Limits
from pytest_tenantparity.stacks.throttle import Throttle


def test_many_small_checks_ask_once_a_second() -> None:
    """Twenty thousand small checks query the server's load at most once a second."""
    asked: list[float] = []

    def is_too_busy() -> bool:
        asked.append(time.monotonic())
        return False

    throttle, begun = Throttle(is_too_busy, lambda: None, Limits().load_interval), time.monotonic()
    for _ in range(20_000):
        throttle.wait(Event())
    assert len(asked) <= 1 + time.monotonic() - begun


def test_waits_grow_and_are_bounded() -> None:
    """While the server is busy, the pauses between queries grow, to less than 10 seconds."""
    pauses: list[float] = []

    class Patient(Event):
        def wait(self, timeout: float | None = None) -> bool:
            pauses.append(timeout or 0)
            return False

    Throttle(lambda: len(pauses) < 10, lambda: None, 1.0).wait(Patient())
    assert pauses == sorted(pauses)
    assert pauses[0] < 1 < pauses[-1] < 10
