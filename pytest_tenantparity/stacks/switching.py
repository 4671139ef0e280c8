"""One connection of a process, with which it reads the databases of a stack one after the other."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Engine
from sqlalchemy.engine import URL

from ..model import ServerFacts
from .dialects import Dialect, Session
from .urls import stack_url


class SwitchingEngine:
    """The engines for a stack's databases, of which only one is connected at a time.

    The databases of one server share an engine if it can connect to any of them. Compiling a
    statement takes longer than reading a small table, and a shared engine compiles each statement
    once.
    """

    def __init__(self, dialect: Dialect, session: Session, url: str) -> None:
        self._dialect = dialect
        self._session = replace(session, database=lambda: self._database)
        self._url = url
        self._engines: dict[ServerFacts, Engine] = {}
        self._database = ""

    def engine(self, database: str, server: ServerFacts) -> Engine:
        """Return an engine for ``database`` on ``server``; close the connection to any other.

        An empty name is the database of the stack's URL.
        """
        if database != self._database:
            self.close()
            self._database = database
        if server.itself not in self._engines:
            url: URL = stack_url(self._url, "" if self._dialect.switches_database else database)
            self._engines[server.itself] = self._dialect.create_engine(url, self._session)
        return self._engines[server.itself]

    def close(self) -> None:
        """Close the connection, if one is open."""
        for engine in self._engines.values():
            engine.dispose()
        if not self._dialect.switches_database:  # each engine then has the URL of a single database
            self._engines.clear()
