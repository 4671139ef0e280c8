"""How busy a PostgreSQL server is, as far as a role may know."""

from __future__ import annotations

from sqlalchemy import Connection, text

from ...errors import NotProven

_MAY_KNOW = text("SELECT pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE')")
_IS_STANDBY = text("SELECT pg_catalog.pg_is_in_recovery()")
# Nothing is behind where all that came has been replayed, however long ago the last commit was; but
# who is no longer told what comes cannot know.
_OWN_LAG = text("""
    SELECT CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()
                     AND EXISTS (SELECT FROM pg_catalog.pg_stat_wal_receiver) THEN 0 ELSE
        extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END::float8
""")
# A standby that has nothing to replay has no lag. One that is catching up has one as soon as it
# has replayed what was written since it came back. What replays nothing is no standby.
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
    """Return how many seconds a standby is behind: this one, or the last of this server's own."""
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
    """Return how many queries run in other sessions than this run's."""
    _require_sight(connection, "running_queries")
    return int(connection.scalar(_RUNNING) or 0)


def _require_sight(connection: Connection, limit: str) -> None:
    """Refuse a role that is shown its own sessions only, and of the others nothing."""
    if not connection.scalar(_MAY_KNOW):
        raise NotProven(
            f"the throttle's {limit} cannot be seen: grant the audit's role pg_read_all_stats "
            "(or pg_monitor)"
        )
