"""The load of a MySQL or MariaDB server, as far as a user may read it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, text

from ....errors import NotProven
from .catalog import rights_on_all

_BEHIND = ("Seconds_Behind_Source", "Seconds_Behind_Master")
_RUNNING = text("""
    SELECT COUNT(*) FROM information_schema.PROCESSLIST
    WHERE COMMAND IN ('Query', 'Execute') AND ID <> CONNECTION_ID() AND ID NOT IN :own
""").bindparams(bindparam("own", expanding=True))
_SPLIT = (8, 0, 22)  # the first MySQL with the keyword REPLICA


def replication_lag(connection: Connection) -> float:
    """Return how many seconds this replica is behind its sources, by the one furthest ahead."""
    sources = connection.exec_driver_sql(_status(connection)).mappings().all()
    if not sources:
        raise NotProven(
            "the throttle's replication_lag cannot be seen: this server is no replica, and does "
            "not know how far its replicas are behind"
        )
    lags = [next(row[name] for name in _BEHIND if name in row) for row in sources]
    if None in lags:
        raise NotProven("the throttle's replication_lag cannot be seen: replication has stopped")
    return float(max(lags))


def _status(connection: Connection) -> str:
    if connection.info["mariadb"]:
        return "SHOW ALL REPLICAS STATUS"
    version = connection.dialect.server_version_info or ()
    return "SHOW REPLICA STATUS" if version >= _SPLIT else "SHOW SLAVE STATUS"


def running_queries(connection: Connection, own: Sequence[Connection]) -> int:
    """Return how many queries run, without those of the current session and of ``own``."""
    if not {"PROCESS", "ALL PRIVILEGES"} & rights_on_all(connection):
        raise NotProven(
            "the throttle's running_queries cannot be seen: grant the audit's user PROCESS"
        )
    return int(connection.scalar(_RUNNING, {"own": [_thread_of(each) for each in own]}) or 0)


def _thread_of(own: Connection) -> int:
    if own.closed or own.invalidated:
        return 0
    driver: Any = own.connection.dbapi_connection
    return int(driver.thread_id())
