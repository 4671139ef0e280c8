"""What an engine's servers do: connections, snapshots, catalogs, faults."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
)
from sqlalchemy.engine import URL
from sqlalchemy.exc import DataError, DBAPIError, NotSupportedError, ProgrammingError

from ...config import StackSettings
from ...errors import ConnectionLost, NotProven
from ...limits import Limits
from ...model import ServerFacts
from ..catalog import Catalog, MissingRight, TableFacts
from ..parameters import checked, texts

POOLED = (
    "a connection pooler or proxy answers ({}), not the server itself. The audit keeps one session "
    "with one snapshot, and what it sets there could reach the sessions of others, so nothing was "
    "set or read. Connect to the server itself: let host and port in the URL name it (port {}, as "
    "a rule)"
)


@dataclass(frozen=True, slots=True)
class Session:
    """How a session must behave, and its name on the server.

    ``database`` returns the name of the next database to connect to. An empty name is the database
    of the URL.
    """

    application: str
    settings: StackSettings
    database: Callable[[], str] = str

    def at(self, database: str) -> Session:
        """Return the same session for ``database``."""
        return replace(self, database=lambda: database)

    @property
    def patience(self) -> float:
        """Seconds without any response after which a server is considered unreachable."""
        settings = self.settings
        return settings.statement_timeout + settings.lock_timeout + settings.connect_timeout


@dataclass(frozen=True, slots=True)
class Extent:
    """The range of positions of a table's rows, by which the table can be read in chunks.

    Each row has a whole number as its position. Most positions are at least ``low`` and less than
    ``high``. ``between`` returns the condition that a position is at least its first argument and
    less than its second. An argument of None leaves this end open.
    """

    low: int
    high: int
    between: Callable[[int | None, int | None], ColumnElement[bool]]


class ServerRules(ABC):
    """Connections, snapshots, catalogs and faults of one database engine."""

    name: ClassVar[str]
    """The engine's name in reports."""

    shares_snapshots: ClassVar[bool] = False
    """Whether several sessions can read one snapshot."""

    parallel_sessions: ClassVar[bool] = False
    """Whether several sessions of a process can read chunks of a table at the same time."""

    switches_database: ClassVar[bool] = False
    """Whether one engine can connect to several databases, by :attr:`Session.database`."""

    reports_load: ClassVar[bool] = False
    """Whether a session can measure how busy the server is."""

    oldest: ClassVar[dict[str, tuple[int, ...]]] = {}
    """The oldest version of each product that can be compared soundly."""

    def normalised(self, url: URL, *, shows_names: bool = True) -> URL:
        """Return ``url`` in the form for :meth:`create_engine`; raises :class:`Unsuitable`.

        An error shows the name of an unknown parameter only if ``shows_names``, because the name
        may be a piece of a password.
        """
        return url.set(query=checked(texts(url), {}, {}, engine=self.name, shows_names=shows_names))

    @abstractmethod
    def create_engine(self, url: URL, session: Session) -> Engine:
        """Return an engine with one connection. Its sessions are read-only, with fixed settings."""

    @abstractmethod
    def default_schema(self, url: URL) -> str:
        """Return the schema that is read if the settings name none."""

    @abstractmethod
    def export_snapshot(self, connection: Connection) -> str:
        """Return a name with which other sessions can import this transaction's snapshot."""

    @abstractmethod
    def join_snapshot(self, connection: Connection, snapshot: str) -> None:
        """Import a snapshot into a transaction that has just begun.

        With an empty name, nothing is imported, and the transaction reads the current data.
        """

    @abstractmethod
    def server(self, connection: Connection, address: str) -> ServerFacts:
        """Return the facts of the connected server. ``address`` is included in them."""

    @abstractmethod
    def catalog(self, connection: Connection, schema: str) -> Catalog:
        """Return the tables of a schema; an unknown schema has none."""

    def catalogs(self, connection: Connection, schemas: Collection[str]) -> dict[str, Catalog]:
        """Return the tables of several schemas, by the schemas' names."""
        return {schema: self.catalog(connection, schema) for schema in schemas}

    def extent(self, connection: Connection, table: TableFacts, limits: Limits) -> Extent | None:
        """Return how to read a table in chunks at no extra cost; None if that is not possible."""
        del connection, table, limits
        return None

    def hold_small(
        self, connection: Connection, tables: Sequence[TableFacts], limits: Limits
    ) -> None:
        """Lock tables against alteration, before one statement reads many of them.

        Raises :class:`NotProven` if another session alters a table, or if the tables are larger
        than in the catalog.
        """
        del connection, tables, limits

    def require_unaltered(
        self,
        connection: Connection,
        tables: Sequence[TableFacts],
        present: Callable[[], AbstractContextManager[Connection]],
    ) -> None:
        """Raise :class:`NotProven` if a table that was read is not defined as in the snapshot.

        ``present`` opens a session that reads the current data.
        """
        del connection, tables, present

    def replication_lag(self, connection: Connection) -> float:
        """Return how many seconds replication is behind; raises :class:`NotProven`."""
        raise NotImplementedError(f"{self.name} has no replication")

    unsteady: ClassVar[frozenset[str]] = frozenset()
    """Functions, in lower case, whose result the tables of a query do not determine."""

    def tables_meant(self, name: str, known: Collection[str], *, quoted: bool) -> list[str]:
        """Return the tables that SQL may mean by ``name``, which is ``quoted`` or not."""
        del quoted
        return [name] if name in known else [e for e in known if e.lower() == name.lower()]

    def unsteady_functions(self, connection: Connection, names: Iterable[str]) -> list[str]:
        """Return those of the functions whose result can change while all tables stay the same.

        They may read what is in no snapshot, or change something outside of tables.
        """
        del connection
        return sorted(self.unsteady.intersection(names))

    def running_queries(self, connection: Connection, own: Sequence[Connection]) -> int:
        """Return how many queries run that are not the audit's; raises :class:`NotProven`.

        ``own`` are the audit's sessions in this process. MySQL cannot leave out those of its
        other processes.
        """
        raise NotImplementedError(f"{self.name} has no sessions")

    def classify_error(self, error: DBAPIError) -> type[NotProven]:
        """Return the class of an error: a lost connection, no session available now, or final."""
        return ConnectionLost if error.connection_invalidated else NotProven

    def is_of_query(self, error: DBAPIError) -> bool:
        """Whether an error comes from a query's SQL or from a value, not from server or session."""
        return isinstance(error, DataError | ProgrammingError | NotSupportedError)

    def apart(self, connection: Connection) -> AbstractContextManager[Any]:
        """Run a query so that an error does not end or damage the transaction."""
        del connection
        return nullcontext()

    def missing_rights(
        self, connection: Connection, schema: str, tables: Collection[str]
    ) -> list[MissingRight]:
        """Return the rights that the session's role lacks to read ``tables`` of ``schema``."""
        del connection, schema, tables
        return []

    def tables_by_schema(self, connection: Connection) -> dict[str, int]:
        """Return how many tables each schema has; empty if the engine has no schemas."""
        del connection
        return {}

    def databases(self, connection: Connection) -> list[str]:
        """Return the databases of the server that a URL may name; empty if there is no server."""
        del connection
        return []

    maintenance_database: ClassVar[str | None] = None
    """A database that each server has, or an empty text if a session needs none."""

    def lacks_database(self, error: DBAPIError) -> bool:
        """Whether the server does not have the database of the URL, or hides it."""
        del error
        return False

    def remedy(self, error: DBAPIError, url: URL) -> str:
        """Return SQL for an administrator that removes an error of connecting, or an empty text."""
        del error, url
        return ""

    @abstractmethod
    def explain(self, error: DBAPIError) -> str:
        """Return the server's error message in one line, with what to do about it."""

    @abstractmethod
    def cancel(self, connection: Connection) -> None:
        """Cancel the connection's query on the server; called from another thread."""

    def hang_up(self, connection: Connection) -> bool:
        """Close the network connection, which wakes a waiting thread; False if there is none."""
        del connection  # Engines within this process have no network connection.
        return False
