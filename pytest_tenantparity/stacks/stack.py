"""A stack as a run sees it: opened once, joined by every process that works on it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ..config import StackSettings
from ..errors import NotProven, StackUnavailable
from ..inventory import Place
from ..model import Side
from .catalog import Catalog, ServerFacts
from .dialects import Dialect, Session, dialect_for
from .handshake import trusted_digests
from .url import address_of, resolve_url, without_secrets


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """One database of a stack at the moment of the run's snapshot.

    ``catalogs`` are by the schema's name in the settings, an empty name being the default one.
    ``digests`` are those that gave the known answers, the fastest first.
    """

    snapshot: str
    server: ServerFacts
    catalogs: dict[str, Catalog]
    digests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StackState:
    """What a worker needs to join the run's snapshot of a stack.

    ``databases`` is by name, an empty name being the URL's own; ``unavailable`` says why a
    database, or all of them under the empty name, could not be opened.
    """

    side: Side
    url: str = field(repr=False)
    databases: dict[str, DatabaseState] = field(default_factory=dict)
    unavailable: dict[str, str] = field(default_factory=dict)


class Stack:
    """Connections of one process to one stack, all within the run's snapshot."""

    def __init__(self, state: StackState, settings: StackSettings, application: str) -> None:
        self.side = state.side
        self.settings = settings
        self._state = state
        self._session = Session(application, settings)
        self._engines: dict[str, Engine] = {}
        self._open: dict[str, Connection] = {}
        self._begun: set[str] = set()
        self._busy: Connection | None = None

    @property
    def dialect(self) -> Dialect:
        """The SQL of this stack's engine."""
        return dialect_for(make_url(self._state.url).get_backend_name())

    def database(self, place: Place) -> DatabaseState:
        """Return what is known of a place's database; raises :class:`StackUnavailable`."""
        for name in ("", place.database):
            if name in self._state.unavailable:
                raise StackUnavailable(self._state.unavailable[name])
        return self._state.databases[place.database]

    def catalog(self, place: Place) -> Catalog:
        """Return the tables of a place."""
        return self.database(place).catalogs[place.schema]

    @contextmanager
    def transaction(self, place: Place) -> Iterator[Connection]:
        """Read from a place, inside the run's snapshot. Ask within :meth:`guard`."""
        state = self.database(place)
        with self.guard(place):
            connection = self._busy = self._begin(place.database, state.snapshot)
        try:
            yield connection
        finally:
            self._busy = None
            if connection.invalidated or not self._keeps:
                self._end(place.database)

    @property
    def _keeps(self) -> bool:
        """Whether the process keeps its snapshots: sessions of this engine cannot share one."""
        return not self.dialect.shares_snapshots

    def _begin(self, database: str, snapshot: str) -> Connection:
        if database in self._open:
            return self._open[database]
        if self._keeps and database in self._begun and self.settings.frozen is None:
            raise StackUnavailable(
                f"{self.side}: the connection was lost, and with it the snapshot of what was read "
                f"before; run again, or say why nothing is written meanwhile: [{self.side}] frozen"
            )
        self._begun.add(database)
        connection = self._open[database] = self._engine(database).connect()
        try:
            self.dialect.join_snapshot(connection, snapshot)
        except BaseException:
            self._end(database)
            raise
        return connection

    def _end(self, database: str) -> None:
        connection = self._open.pop(database, None)
        if connection is not None:
            with suppress(SQLAlchemyError):  # a dead connection cannot be ended any further
                connection.close()

    def guard(self, place: Place, *, discreet: bool = False) -> AbstractContextManager[None]:
        """Turn what the database refuses into :class:`NotProven`, in the server's own words.

        Discreetly: without those words, since they may quote a value that is not to be shown.
        """
        url = _url_of(self._state.url, place.database)
        return _explained(self.side, url, self.dialect, discreet=discreet)

    def cancel(self) -> None:
        """Stop what another thread is waiting for on this stack."""
        if (connection := self._busy) is not None:
            self.dialect.cancel(connection)

    def close(self) -> None:
        """Close every connection."""
        for database in list(self._open):
            self._end(database)
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()

    def _engine(self, database: str) -> Engine:
        if database not in self._engines:
            if not self._keeps:
                # One connection a process and stack: another tenant's database takes its place.
                self.close()
            url = _url_of(self._state.url, database)
            self._engines[database] = self.dialect.create_engine(url, self._session)
        return self._engines[database]


class Anchor:
    """Holds a stack's snapshots open for as long as the run lasts."""

    def __init__(self) -> None:
        self._held: list[tuple[Connection, Engine]] = []

    def hold(self, engine: Engine) -> Connection:
        """Open a transaction and keep it."""
        connection = engine.connect()
        self._held.append((connection, engine))
        return connection

    def release(self) -> None:
        """Let go of every snapshot; a server that is gone already is no error."""
        for connection, engine in self._held:
            with suppress(SQLAlchemyError):
                connection.close()
            engine.dispose()
        self._held.clear()


def open_stack(
    side: Side,
    settings: StackSettings,
    application: str,
    url: str | None = None,
    places: Iterable[Place] = (),
    environment: Mapping[str, str] = os.environ,
) -> tuple[StackState, Anchor]:
    """Take one snapshot of each database of a stack, and read what it holds.

    ``url`` takes the place of the settings' own. Nothing is raised for a database that cannot
    be opened: the state says why, and every check that needs it will.
    """
    anchor = Anchor()
    try:
        resolved = resolve_url(side, settings.url if url is None else url, environment)
        dialect = dialect_for(resolved.get_backend_name())
    except StackUnavailable as error:
        return StackState(side, "", unavailable={"": f"{side}: {error}"}), anchor
    state = StackState(side, resolved.render_as_string(hide_password=False))
    schemas: dict[str, set[str]] = {"": {settings.schema_name}}
    for place in places:
        schemas.setdefault(place.database, set()).add(place.schema)
    for database, wanted in schemas.items():
        target = _url_of(state.url, database)
        engine = dialect.create_engine(target, Session(application, settings))
        try:
            with _explained(side, target, dialect):
                connection = anchor.hold(engine)
                server = dialect.server(connection, address_of(target))
                state.databases[database] = DatabaseState(
                    snapshot=dialect.export_snapshot(connection),
                    server=server,
                    catalogs={
                        name: dialect.catalog(connection, name or dialect.default_schema(target))
                        for name in sorted(wanted)
                    },
                    digests=trusted_digests(connection, dialect, server.encoding),
                )
        except NotProven as error:
            state.unavailable[database] = str(error)
    return state, anchor


def _url_of(url: str, database: str) -> URL:
    parsed = make_url(url)
    return parsed.set(database=database) if database else parsed


@contextmanager
def _explained(side: Side, url: URL, dialect: Dialect, *, discreet: bool = False) -> Iterator[None]:
    """Turn a driver's error into one clean line that names the stack and holds no secret."""
    try:
        yield
    except SQLAlchemyError as error:
        said = dialect.explain(error) if isinstance(error, DBAPIError) else str(error)
        if discreet:
            kind = type(error.orig if isinstance(error, DBAPIError) else error).__name__
            said = f"{kind}; the server's words could quote a masked value and are left out"
        # "from None": the driver's own error would show the connection and its parameters.
        raise NotProven(f"{side} ({address_of(url)}): {without_secrets(said, url)}") from None
