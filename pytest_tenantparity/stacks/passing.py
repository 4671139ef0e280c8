"""The databases of a stack that a process reads one after the other, by one connection."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Engine
from sqlalchemy.engine import URL

from .catalog import ServerFacts
from .dialects import Dialect, Session
from .url import stack_url


class Passing:
    """Engines of which one is connected at a time, and to one of the stack's databases.

    Those of one server share an engine where it can connect to any of them: to compile a statement
    takes longer than to read a small table, and is so done once for all.
    """

    def __init__(self, dialect: Dialect, session: Session, url: str) -> None:
        self._dialect = dialect
        self._session = replace(session, database=lambda: self._database)
        self._url = url
        self._engines: dict[ServerFacts, Engine] = {}
        self._database = ""

    def engine(self, database: str, server: ServerFacts) -> Engine:
        """Return an engine for a database of a server; what any had connected to before is left.

        An empty name is the database of the stack's URL.
        """
        if database != self._database:
            self.close()
            self._database = database
        if server.itself not in self._engines:
            url: URL = stack_url(self._url, "" if self._dialect.roams else database)
            self._engines[server.itself] = self._dialect.create_engine(url, self._session)
        return self._engines[server.itself]

    def close(self) -> None:
        """Close the connection, whichever there is."""
        for engine in self._engines.values():
            engine.dispose()
        if not self._dialect.roams:  # an engine is then for one database, of which it has the URL
            self._engines.clear()
