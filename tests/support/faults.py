"""Faults that come while a check runs, and how long it may take then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def during(condition: Callable[[], int], fault: Callable[[], None]) -> Iterator[None]:
    """Do something once, as soon as a condition holds."""
    stopped, done = threading.Event(), threading.Event()

    def watch() -> None:
        while not stopped.wait(0.05):
            if condition():
                fault()
                done.set()
                return

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
    assert done.is_set(), "the fault never came"


def void(_: object) -> None:
    """Return nothing."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Require that something comes to its end, give or take a busy machine."""
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < seconds
