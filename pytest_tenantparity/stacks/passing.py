"""The databases of a stack that a process reads one after the other, by one connection."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Engine
from sqlalchemy.engine import URL

from .catalog import ServerFacts
from .dialects import Dialect, Session


class Passing:
    """Engines of which one is connected at a time, and to one database.

    Databases of one server share an engine where it can connect to any of them: to compile a
    statement takes longer than to read a small table, and is so done once for all.
    """

    def __init__(self, dialect: Dialect, session: Session) -> None:
        self._dialect = dialect
        self._session = replace(session, database=self._database)
        self._engines: dict[ServerFacts, Engine] = {}
        self._url: URL | None = None

    def engine(self, url: URL, server: ServerFacts) -> Engine:
        """Return an engine for a database of a server; what any had connected to before is left."""
        if url != self._url:
            self.close()
            self._url = url
        if server.itself not in self._engines:
            self._engines[server.itself] = self._dialect.create_engine(url, self._session)
        return self._engines[server.itself]

    def close(self) -> None:
        """Close the connection, whichever there is."""
        for engine in self._engines.values():
            engine.dispose()
        if not self._dialect.roams:
            self._engines.clear()

    def _database(self) -> str | None:
        return None if self._url is None else self._url.database
