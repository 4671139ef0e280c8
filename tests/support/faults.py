"""Faults during a check, and limits on its duration."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def during(condition: Callable[[], int], fault: Callable[[], None]) -> Iterator[None]:
    """Run ``fault`` once, as soon as ``condition`` is true. AssertionError if it never is."""
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
    """Require that the block ends within ``seconds``."""
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < seconds
