"""Throw-away databases that a trap is laid out in, on the servers that the tests use."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from tests.soundness.traps import Engine, Side, Trap, ddl, insert
from tests.support.mariadb import MariaDatabase, new_mariadb_database, running_mariadb
from tests.support.postgresql import Database, new_database, running_cluster

_IN_UTC = "SET time_zone = '+00:00'"


@dataclass(frozen=True)
class Place:
    """A database, by the URL of plain drivers and by that of SQLAlchemy."""

    engine: Engine
    database: Database | MariaDatabase
    plain_url: str
    sqlalchemy_url: str
    session: str = ""

    def lay_out(self, trap: Trap, side: Side) -> None:
        """Replace all that is there by one side of a trap."""
        self.database.wipe()
        if self.session:
            self.database.run(self.session)
        for statement in ddl(trap, side, self.engine):
            self.database.run(statement)
        statement, rows = insert(trap, side, self.engine)
        for row in rows:
            self.database.run(statement, *row)


def _plain(url: str) -> str:
    """Name no driver and no options."""
    return re.sub(r"\+\w+://([^?]*).*", r"://\1", url)


@contextmanager
def _postgresql() -> Iterator[Place]:
    with running_cluster() as cluster:
        database = new_database(cluster)
        url = cluster.tcp_url(database.name)
        # data-diff insists on a password, and the server on none.
        yield Place("postgresql", database, _plain(url).replace("@", ":any@"), url)


@contextmanager
def _mariadb() -> Iterator[Place]:
    with running_mariadb() as server:
        database = new_mariadb_database(server)
        yield Place("mariadb", database, _plain(database.url), database.url, _IN_UTC)


ENGINES: dict[str, Callable[[], AbstractContextManager[Place]]] = {
    "postgresql": _postgresql,
    "mariadb": _mariadb,
}
"""Engines that the peers are run on, each with what starts a server of its own."""
