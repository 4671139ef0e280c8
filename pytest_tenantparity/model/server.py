"""Servers, and whether two stacks read the data of one database."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class SameData(StrEnum):
    """How two stacks read one database. Each value ends a sentence about both stacks."""

    ONE_SERVER = "are the same database"
    REPLICA = "are a database and its replica"
    UNKNOWN = (
        "may be a database and its replica: one is a replica, both have one name, and the "
        "identifier that a server and its replicas share cannot be read (PostgreSQL: GRANT EXECUTE "
        "ON FUNCTION pg_control_system() TO the role; MariaDB has none)"
    )


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """The server of a session, and when the session's snapshot was taken (UTC, ISO 8601)."""

    product: str
    version: str
    address: str
    database: str
    user: str
    encoding: str
    system: str  # identifies the cluster and its replicas; empty if the role may not read it
    instance: str
    replica: bool
    snapshot_at: str

    @property
    def itself(self) -> ServerFacts:
        """The facts that identify the server, without those of one of its databases.

        The address is left out: behind a proxy, one address can lead to several servers.
        """
        return replace(self, address="", database="", snapshot_at="")

    def is_as_before(self, other: ServerFacts) -> bool:
        """Whether both are one database of one server that was not restarted in between."""
        return self.itself == other.itself and self.database == other.database

    def same_data_as(self, other: ServerFacts) -> SameData | None:
        """Return how both read the data of one database; None if they do not.

        If a role may not read the identifier that a server shares with its replicas, each replica
        is taken for a possible replica of the other server.
        """
        if self.database != other.database:
            return None
        known = bool(self.system and other.system)
        if known and self.system != other.system:
            return None
        if self.instance == other.instance:
            return SameData.ONE_SERVER
        if not (self.replica or other.replica):
            return None
        return SameData.REPLICA if known else SameData.UNKNOWN
