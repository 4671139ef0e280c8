"""Retries: after a connection is lost, and while a server accepts no session yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from stamina import RetryingCaller

from ..errors import ConnectionLost, NoSession, NotProven

T = TypeVar("T")

ATTEMPTS = 5
"""How many times a question is tried at most. The waits between add up to ten seconds at most."""

_ask = RetryingCaller(
    attempts=ATTEMPTS, timeout=None, wait_initial=0.5, wait_max=4.0, wait_jitter=1.0
)


def retried(question: Callable[[], T]) -> T:
    """Return the answer of ``question``. If its connection is lost, call it again from the start.

    ``question`` has to open its own transactions, which then import the run's snapshot again.
    Raises :class:`NotProven` with the last error after :data:`ATTEMPTS` calls. This is not a
    :class:`ConnectionLost`, so that an outer ``retried`` does not repeat it up to 25 times.
    """
    try:
        return _ask(ConnectionLost, question)
    except ConnectionLost as error:
        raise NotProven(f"{error} (asked {ATTEMPTS} times)") from None


def let_in(question: Callable[[], T], seconds: float) -> T:
    """Return the answer of ``question``. While the server takes no session, retry for ``seconds``.

    The server may be starting, or may have no free connection.
    """
    ask = RetryingCaller(attempts=None, timeout=seconds, wait_initial=0.2, wait_max=2.0)
    return ask(NoSession, question)
