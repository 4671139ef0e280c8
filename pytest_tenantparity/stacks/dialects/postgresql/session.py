"""The sessions of PostgreSQL: detecting a lost server, and importing the run's snapshot."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable
from contextlib import suppress
from math import inf
from time import monotonic
from typing import Any

import psycopg
from psycopg.abc import RV, PQGen
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, InvalidRequestError

from ....errors import ConnectionLost, NoSession, NotProven, Unsuitable
from ....redaction import Hidden, without_frames
from ..server_rules import POOLED, Session

# Defaults for libpq, which the URL can override. A host that is down is detected within a minute.
ALIVE: dict[str, Any] = {
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
GONE = (
    "the run's snapshot is gone with the session that held it (a restart, a failover, an "
    "administrator?); run again"
)
_JOIN = "SET TRANSACTION SNAPSHOT"
_EXPORT = text("SELECT pg_catalog.pg_export_snapshot(), pg_catalog.pg_current_snapshot()::text")
_MOMENT = text("SELECT pg_catalog.pg_current_snapshot()::text")
_ENDED = frozenset({"57P01", "57P02", "57P03", "57P05"})
# libpq gives no SQLSTATE for errors while connecting.
_NOT_NOW = (
    "is starting up",
    "is shutting down",
    "not yet accepting connections",
    "in recovery mode",
    "too many",
    "remaining connection slots",
    "no more connections allowed",
)
_CANCEL_SECONDS = 5
_OWN_PROCESS = "SELECT pg_catalog.pg_backend_pid()"


class _Cursor(psycopg.ServerCursor[Any]):
    """A server-side cursor that ends with its transaction, even if it is not closed.

    SQLAlchemy leaves the cursors of a lost connection open, and psycopg would warn of them.
    """

    def __del__(self, *_: Any) -> None:
        """Do nothing: no warning is given."""


class PatientConnection(psycopg.Connection[Any]):
    """A connection that is closed if the server sends nothing for ``patience`` seconds."""

    patience = inf

    def wait(self, gen: PQGen[RV], *args: Any, **options: Any) -> RV:
        """Wait for a response. On a live server, the server's own timeouts end the wait earlier."""
        return super().wait(self._bounded(gen), *args, **options)

    def _bounded(self, answer: PQGen[RV]) -> PQGen[RV]:
        deadline = monotonic() + self.patience
        ready: Any = None
        try:
            while True:
                ready = yield answer.send(ready)
                if not ready and monotonic() > deadline:
                    self.close()
                    raise psycopg.OperationalError(
                        f"the server has not answered for {self.patience:g} seconds"
                    )
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]


def connecting(session: Session, secrets: Hidden) -> Callable[..., PatientConnection]:
    """Return the function that opens SQLAlchemy's connections, to the database of ``session``.

    The engine and the frames of a traceback do not hold the secrets.
    """

    def connect(_: Any, __: Any, args: Any, settings: Any) -> PatientConnection:
        name = session.database()
        to = {**settings, "dbname": name} if name else settings
        try:
            connection = PatientConnection.connect(*args, **secrets.beside(to))
        except BaseException as error:  # noqa: BLE001 - raised again
            raise without_frames(error) from None
        try:
            connection.patience = session.settings.connect_timeout
            _require_no_pooler(connection)
        except BaseException:
            connection.close()
            raise
        connection.patience = session.patience
        connection.server_cursor_factory = _Cursor
        return connection

    return connect


def _require_no_pooler(connection: PatientConnection) -> None:
    """Require that the session is with the server itself, before any setting is changed.

    When a session starts, a server sends the number of its process. A pooler invents a number,
    because its sessions have no process of their own. The query has no lasting effect: it is sent
    without a transaction and is not prepared.
    """
    connection.autocommit = True
    row = connection.execute(_OWN_PROCESS, prepare=False).fetchone()
    connection.autocommit = False
    if row is None or row[0] != connection.info.backend_pid:
        raise Unsuitable(POOLED.format("PgBouncer and its like", "5432"))


def fault_of(error: DBAPIError) -> type[NotProven]:
    """Return the class of an error: a lost connection, no session available now, or final."""
    state = getattr(error.orig, "sqlstate", None)
    said = str(error.orig)
    if state is None and isinstance(error.orig, psycopg.OperationalError):
        if any(words in said for words in _NOT_NOW):
            return NoSession
        # A refusal of the server contains FATAL. Any other error is one of the network.
        return NotProven if "FATAL" in said else ConnectionLost
    ended = state is not None and (state in _ENDED or state.startswith("08"))
    return ConnectionLost if ended or error.connection_invalidated else NotProven


def export(connection: Connection) -> str:
    """Export the transaction's snapshot. Return its name and the transactions that it sees."""
    name, moment = connection.execute(_EXPORT).one()
    return f"{name} {moment}"


def join(connection: Connection, snapshot: str) -> None:
    """Import the snapshot that :func:`export` returned; raise if its name means another one."""
    if not snapshot:
        return  # the transaction's first statement takes a snapshot
    name, _, moment = snapshot.partition(" ")
    if not re.fullmatch(r"[0-9A-F]+-[0-9A-F]+-[0-9]+", name):
        raise ValueError(f"{name!r} is no snapshot's name")
    # The statement takes no bound parameter. The name has just been checked.
    connection.exec_driver_sql(f"{_JOIN} '{name}'")
    # A restarted server gives the same names again. A session does not survive a restart, so one
    # test in each session is enough.
    if connection.info.get("moment") != moment:
        if connection.scalar(_MOMENT) != moment:
            raise InvalidRequestError(GONE)
        connection.info["moment"] = moment


def is_gone(error: DBAPIError) -> bool:
    """Whether ``error`` means that the server has no snapshot of this name."""
    return (error.statement or "").startswith(_JOIN) and fault_of(error) is NotProven


def stop(driver: psycopg.Connection[Any]) -> None:
    """Cancel the query on the server, or if that fails, wake the waiting thread."""
    try:
        driver.cancel_safe(timeout=_CANCEL_SECONDS)
    except psycopg.Error:
        hang_up(driver)


def hang_up(driver: psycopg.Connection[Any]) -> None:
    """Close the network connection, which wakes the thread that waits for the server."""
    with (
        suppress(psycopg.Error, OSError),
        socket.socket(fileno=os.dup(driver.pgconn.socket)) as line,
    ):
        line.shutdown(socket.SHUT_RDWR)
