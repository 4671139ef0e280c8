"""The sessions of MySQL and MariaDB: fixed settings, read-only, in one snapshot."""

from __future__ import annotations

import math
import re
import socket
import ssl
from collections.abc import Callable
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import pymysql
from pymysql.constants import CLIENT
from sqlalchemy import (
    Connection,
    text,
)
from sqlalchemy.engine import URL, ExceptionContext
from sqlalchemy.exc import DataError, DBAPIError

from ....errors import ConnectionLost, NoSession, NotProven, Unsuitable
from ....redaction import Hidden, without_frames
from ..server_rules import POOLED, Session
from .url import encryption

# The text of a value, the length of a result, or the life of the snapshot depends on these.
_PINNED: dict[str, str | float] = {
    "sql_mode": "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION",
    "time_zone": "+00:00",
    "lc_time_names": "en_US",
    "div_precision_increment": 4,
    "group_concat_max_len": 1_073_741_824,
    "sql_select_limit": 18_446_744_073_709_551_615,
    "sql_big_selects": 1,
    "sql_auto_is_null": 0,
    "completion_type": 0,
    "wait_timeout": 2_592_000,
    "net_read_timeout": 3_600,
    "net_write_timeout": 3_600,
}
_PINNED_ON_MARIADB: dict[str, str | float] = {
    "default_regex_flags": "",
    "query_cache_type": 0,
    "idle_transaction_timeout": 0,
    "idle_readonly_transaction_timeout": 0,
}
# The driver's own settings, which the URL cannot change. A string with several statements is
# refused, because CLIENT.MULTI_STATEMENTS is not among the flags.
DRIVER: dict[str, Any] = {
    "charset": "utf8mb4",
    "use_unicode": True,
    "autocommit": False,
    "local_infile": False,
    "client_flag": CLIENT.FOUND_ROWS,
    "init_command": None,
    "sql_mode": None,
}
# Any other statement may end the snapshot, some without an error, such as ANALYZE TABLE.
_ASKS = re.compile(
    r"(?:\s|--\s[^\n]*(?:\n|$)|\#[^\n]*(?:\n|$)|/\*(?!M?!).*?\*/|\()*"
    r"(?:SELECT|WITH|SHOW|EXPLAIN|VALUES|TABLE)\b",
    re.IGNORECASE | re.DOTALL,
)
# Errors of a value or of SQL that the driver reports as errors of the server: out of range, a
# subquery with several rows, an unknown column or function, collations, patterns, geometry, JSON,
# invalid text.
OF_QUERIES = frozenset({0, 1054, 1139, 1242, 1267, 1305, 1416, 1582, 1690, 3037, 3140, 3141, 3143})
BEGIN_SNAPSHOT = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
_WHERE = "SELECT VERSION(), CONCAT_WS('/', @@hostname, @@port, @@datadir)"
SERVER_VARIABLES = text("""
    SHOW GLOBAL VARIABLES WHERE variable_name IN ('hostname', 'port', 'datadir', 'server_uuid',
        'server_uid', 'group_replication_group_name', 'lower_case_table_names')
""")
_OWN_SESSION = "SELECT CONNECTION_ID() + 0"
_GALERA = text("SHOW GLOBAL STATUS LIKE 'wsrep_cluster_state_uuid'")
SERVER = text("SELECT VERSION(), CURRENT_USER(), UTC_TIMESTAMP(6)")
LOST = frozenset({1053, 1152, 1158, 1159, 1160, 1161, 1927, 2003, 2006, 2013, 2055, 4031})
NOT_NOW = frozenset({1040, 1203})


def binary_collation(*, mariadb: bool) -> str:
    """Return the collation in which only equal texts are equal; MySQL and MariaDB differ."""
    return "utf8mb4_nopad_bin" if mariadb else "utf8mb4_0900_bin"


if TYPE_CHECKING:
    _Connection = pymysql.connections.Connection[Any]
else:
    _Connection = pymysql.connections.Connection


class DirectConnection(_Connection):
    """A connection that changes nothing in its session until it has verified the server."""

    must_encrypt = False
    _known = False

    def connect(self, sock: Any = None) -> None:
        """Connect. If no server listens on the Unix socket, close it, which PyMySQL does not do."""
        if sock is None and self.unix_socket:
            sock = socket.socket(socket.AF_UNIX)
            try:
                sock.settimeout(self.connect_timeout)
                sock.connect(self.unix_socket)
            except OSError as error:
                sock.close()
                said = f"Can't connect to the server by {self.unix_socket!r} ({error})"
                raise pymysql.OperationalError(2003, said) from None
            self._secure = True
        super().connect(sock)

    def set_character_set(self, charset: Any, collation: Any = None) -> None:
        """Verify the server before the first call, which the driver makes right after the login."""
        if not self._known:
            self._known = True
            self._require_encryption()
            self._require_no_proxy()
        super().set_character_set(charset, collation)

    def _require_encryption(self) -> None:
        # If the server has no TLS, PyMySQL 1.1 connects without it, whatever the URL requires.
        if self.must_encrypt and not isinstance(self._sock, ssl.SSLSocket):  # type: ignore[attr-defined]
            raise Unsuitable("the server has no TLS, and the URL asks for it (ssl_mode)")

    def _require_no_proxy(self) -> None:
        """Compare the session's number in the server's greeting with the server's own.

        A proxy numbers its own sessions. ProxySQL itself answers a bare SELECT CONNECTION_ID(), but
        sends any other query to the server.
        """
        with self.cursor() as cursor:
            cursor.execute(_OWN_SESSION)
            row: Any = cursor.fetchone()
        if row is None or int(row[0]) % 2**32 != self._greeted_as():
            raise Unsuitable(POOLED.format("ProxySQL, MaxScale and their like", "3306"))

    def _greeted_as(self) -> int:
        number: int = self.thread_id()  # type: ignore[no-untyped-call]
        return number % 2**32


class _Encrypted(DirectConnection):
    must_encrypt = True


def connecting(secrets: Hidden, url: URL) -> Callable[..., DirectConnection]:
    """Return the function that opens SQLAlchemy's connections.

    The engine and the frames of a traceback do not hold the secrets.
    """

    def connect(_: Any, __: Any, args: Any, settings: Any) -> DirectConnection:
        try:
            tls = encryption(url)
            if tls is None:
                return DirectConnection(*args, **secrets.beside(settings))
            return _Encrypted(*args, **secrets.beside(settings | {"ssl": tls}))
        except RuntimeError as error:  # MySQL 8's password methods need an optional library
            raise pymysql.OperationalError(2059, str(error)) from None
        except BaseException as error:  # noqa: BLE001 - raised again
            raise without_frames(error) from None

    return connect


def pin_session(connection: Any, session: Session) -> tuple[str, bool]:
    """Set the session's rules. Return a text that identifies the server, and if it is MariaDB."""
    with connection.cursor() as cursor:
        cursor.execute(_WHERE)
        version, where = cursor.fetchone()
        mariadb = "MariaDB" in version
        values = _PINNED | _timeouts(session, mariadb=mariadb)
        values |= _PINNED_ON_MARIADB if mariadb else {}
        assigned = ", ".join(f"{name} = %s" for name in values)
        cursor.execute(f"SET SESSION {assigned}", tuple(values.values()))
        if mariadb:  # the value is a time, not a string
            cursor.execute("SET SESSION system_versioning_asof = DEFAULT")
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    connection.rollback()
    return str(where), mariadb


def pin_collation(connection: Any, *, mariadb: bool) -> None:
    """Set the session's character set again, because SQLAlchemy resets its collation."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET NAMES utf8mb4 COLLATE {binary_collation(mariadb=mariadb)}")
    connection.rollback()


def _timeouts(session: Session, *, mariadb: bool) -> dict[str, str | float]:
    settings = session.settings
    wait = max(1, math.ceil(settings.lock_timeout))
    waits: dict[str, str | float] = {"lock_wait_timeout": wait, "innodb_lock_wait_timeout": wait}
    if mariadb:
        return waits | {"max_statement_time": settings.statement_timeout}
    return waits | {"max_execution_time": max(1, round(settings.statement_timeout * 1000))}


# SQLAlchemy's savepoints. A return to one keeps the snapshot, and releases the locks taken since.
_RETURNS = re.compile(r"((RELEASE|ROLLBACK TO) )?SAVEPOINT `sa_savepoint_[0-9]+`\Z")


def allow_questions_alone(_: Any, __: Any, statement: str, *___: Any) -> None:
    """Raise :class:`NotProven` for a statement that could write, or end the snapshot."""
    if statement != BEGIN_SNAPSHOT and not _ASKS.match(statement) and not _RETURNS.match(statement):
        raise NotProven(
            "a MySQL or MariaDB stack is asked by SELECT alone: the rest could end its snapshot"
        )


def refuse_undecodable(context: ExceptionContext) -> None:
    """Turn the error for a text that cannot be decoded into an error of the database."""
    if isinstance(context.original_exception, UnicodeDecodeError):
        said = "a text holds half of a surrogate pair, which is no character; mend the value"
        raise DataError(None, None, pymysql.DataError(0, said))


def cluster_of(connection: Connection, known: dict[str, str]) -> str:
    """Return the name that all nodes of the server's cluster share; empty without a cluster."""
    found = [str(value) for _, value in connection.execute(_GALERA)]
    names = [*found, known.get("group_replication_group_name", "")]
    return next((name for name in names if name.strip("0-")), "")


def source_of(connection: Connection) -> str | None:
    """Return the id of the server that this replica replicates from; empty if it has no id.

    The result is None if the server is not a replica, or if the user may not read the replica
    status.
    """
    with suppress(DBAPIError):  # the statement needs a privilege
        row = connection.exec_driver_sql("SHOW REPLICA STATUS").mappings().first()
        return None if row is None else str(row.get("Source_UUID") or "")
    return None


def code_and_words(error: BaseException | None) -> tuple[int, str]:
    """Return the server's number for an error, and its message."""
    arguments = () if error is None else error.args
    if len(arguments) > 1 and isinstance(arguments[0], int):
        return arguments[0], str(arguments[1]) or f"error {arguments[0]} of the connection"
    return 0, str(error)


def fault_of(error: DBAPIError) -> type[NotProven]:
    """Return the class of an error: a lost connection, no session available now, or final."""
    code, _ = code_and_words(error.orig)
    if code in NOT_NOW:
        return NoSession
    if code == 2003 and "[SSL" in str(error.orig):  # a retry gets the same certificate
        return NotProven
    return ConnectionLost if code in LOST or error.connection_invalidated else NotProven


def kill_query(connection: Connection, thread: int) -> None:
    """Cancel the query of the session ``thread``. Raises OSError if another server responds."""
    pool = connection.engine.pool.recreate()
    try:
        with closing(pool.connect()) as other, closing(other.cursor()) as cursor:
            if other.info["where"] != connection.info["where"]:
                raise OSError("another server answered")
            cursor.execute("KILL QUERY %s", (thread,))
    finally:
        pool.dispose()
