"""The load of a PostgreSQL server, as far as a role may read it."""

from __future__ import annotations

from sqlalchemy import Connection, text

from ....errors import NotProven

_MAY_KNOW = text("SELECT pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE')")
_IS_STANDBY = text("SELECT pg_catalog.pg_is_in_recovery()")
# A standby has no lag if it has replayed all WAL that it received, however old the last commit is.
# But a standby without a WAL receiver cannot detect that there is more WAL.
_OWN_LAG = text("""
    SELECT CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()
                     AND EXISTS (SELECT FROM pg_catalog.pg_stat_wal_receiver) THEN 0 ELSE
        extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END::float8
""")
# A standby with nothing to replay has no lag. A standby that is catching up has a known lag only
# after it has replayed some WAL written since it reconnected. A client that replays nothing is not
# a standby.
_LAG_OF_STANDBYS = text("""
    SELECT max(CASE WHEN replay_lag IS NOT NULL THEN extract(epoch FROM replay_lag)::float8
                    WHEN state = 'catchup' THEN 'Infinity' ELSE 0 END)
    FROM pg_catalog.pg_stat_replication WHERE replay_lsn IS NOT NULL
""")
_RUNNING = text("""
    SELECT count(*) FROM pg_catalog.pg_stat_activity
    WHERE state = 'active' AND backend_type = 'client backend'
    AND application_name IS DISTINCT FROM current_setting('application_name')
""")


def replication_lag(connection: Connection) -> float:
    """Return how many seconds this standby is behind, or the slowest standby of this server."""
    standby = bool(connection.scalar(_IS_STANDBY))
    if not standby:
        _require_sight(connection, "replication_lag")
    lag = connection.scalar(_OWN_LAG if standby else _LAG_OF_STANDBYS)
    if lag is None:
        raise NotProven(
            "the throttle's replication_lag cannot be seen: "
            + ("it has replayed no transaction yet" if standby else "no standby is connected")
        )
    return float(lag)


def running_queries(connection: Connection) -> int:
    """Return how many queries run in sessions that are not of this run."""
    _require_sight(connection, "running_queries")
    return int(connection.scalar(_RUNNING) or 0)


def _require_sight(connection: Connection, limit: str) -> None:
    """Raise :class:`NotProven` if the role is shown the activity of its own sessions only."""
    if not connection.scalar(_MAY_KNOW):
        raise NotProven(
            f"the throttle's {limit} cannot be seen: grant the audit's role pg_read_all_stats "
            "(or pg_monitor)"
        )
