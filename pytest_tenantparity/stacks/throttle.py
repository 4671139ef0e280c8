"""Load control: pauses every query while the server is busy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from threading import Event, Lock
from time import monotonic

from sqlalchemy import ColumnElement, Connection, literal_column, select

from ..config import ThrottleSettings
from ..errors import NotProven
from .dialects import Dialect

_FIRST_WAIT = 0.25  # seconds; each wait is twice as long as the one before
_LONGEST_WAIT = 4.0


class Throttle:
    """Pauses a process while ``is_too_busy`` is true. ``refuse`` raises if the wait is too long.

    ``interval``: seconds until a server that was not too busy is measured again. Of several threads
    that wait, one measures.
    """

    def __init__(
        self, is_too_busy: Callable[[], bool], refuse: Callable[[], None], interval: float
    ) -> None:
        self.waited = 0.0
        self._is_too_busy = is_too_busy
        self._refuse = refuse
        self._interval = interval
        self._fine_until = 0.0
        self._measuring = Lock()

    def wait(self, stop: Event) -> None:
        """Wait while the server is too busy. Raises :class:`NotProven` if ``stop`` is set."""
        while not self._measuring.acquire(timeout=_FIRST_WAIT):
            _refuse_stopped(stop)
        try:
            if monotonic() < self._fine_until:
                return
            pause = _FIRST_WAIT
            while self._is_too_busy():
                stop.wait(pause)
                _refuse_stopped(stop)
                self.waited += pause
                self._refuse()
                pause = min(2 * pause, _LONGEST_WAIT)
            self._fine_until = monotonic() + self._interval
        finally:
            self._measuring.release()


def _refuse_stopped(stop: Event) -> None:
    if stop.is_set():
        raise NotProven("the wait for the server was broken off: the other side had failed")


def is_too_busy(
    limits: ThrottleSettings, dialect: Dialect, connection: Connection, own: Sequence[Connection]
) -> bool:
    """Whether a server exceeds one of ``limits``; raises :class:`NotProven` if this is unknown.

    ``own`` are the audit's sessions in this process. They are not counted as load.
    """
    behind, running = limits.replication_lag, limits.running_queries
    if behind is not None and dialect.replication_lag(connection) > behind:
        return True
    if running is not None and dialect.running_queries(connection, own) > running:
        return True
    return limits.probe is not None and _says_yes(limits.probe, connection)


def _says_yes(probe: str, connection: Connection) -> bool:
    """Whether the SQL expression ``probe`` gives a value other than 0 and false."""
    value: ColumnElement[object] = literal_column(f"({probe})")
    found = connection.scalar(select(value))
    if not isinstance(found, bool | int | float | Decimal):
        raise NotProven(
            f"the throttle's probe gave {found!r}, which says neither yes nor no: it has to be a "
            "SELECT of one number or truth value"
        )
    return bool(found)
