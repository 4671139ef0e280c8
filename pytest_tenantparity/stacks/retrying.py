"""Asking again: where a connection was lost, and where a server takes no session yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from stamina import RetryingCaller

from ..errors import ConnectionLost, NoSession, NotProven

T = TypeVar("T")

ATTEMPTS = 5
"""How often a question is asked at most. The waits between make up to ten seconds."""

_ask = RetryingCaller(
    attempts=ATTEMPTS, timeout=None, wait_initial=0.5, wait_max=4.0, wait_jitter=1.0
)


def retried(question: Callable[[], T]) -> T:
    """Return the answer; a question whose connection is lost is asked again, from its beginning.

    The question has to open its transactions anew, which join the run's snapshot again. Raises
    :class:`NotProven` with the last reason where it has been asked :data:`ATTEMPTS` times; that
    is no :class:`ConnectionLost`, so that a question within another is not asked 25 times.
    """
    try:
        return _ask(ConnectionLost, question)
    except ConnectionLost as error:
        raise NotProven(f"{error} (asked {ATTEMPTS} times)") from None


def let_in(question: Callable[[], T], seconds: float) -> T:
    """Return the answer of a server that may be starting, or have no slot free, for so long."""
    ask = RetryingCaller(attempts=None, timeout=seconds, wait_initial=0.2, wait_max=2.0)
    return ask(NoSession, question)
