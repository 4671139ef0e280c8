"""Waiting for a condition."""

from __future__ import annotations

import time
from collections.abc import Callable

WAITING = "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted"
"""True if a session of a PostgreSQL server waits for a lock."""


def eventually(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until ``condition`` is true, for at most ``seconds``. AssertionError after that."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.02)
