"""A stack during a run: opened once, and then joined by every process that reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from threading import Event, Lock, RLock, Timer
from time import time

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ..config import StackSettings
from ..errors import (
    ConnectionLost,
    NotProven,
    StackUnavailable,
    TenantParityError,
    Unreadable,
    Unsuitable,
    settings_sql,
)
from ..inventory import Place, place_of_shared
from ..limits import Limits
from ..model import ServerFacts, Side
from ..redaction import Secret
from .catalog import Catalog, TableFacts
from .dialects import Dialect, Session, dialect_for
from .retry import ATTEMPTS
from .sources import SettingsSql, with_settings_sql
from .switching import SwitchingEngine
from .throttle import Throttle, is_too_busy
from .urls import address_of, stack_url, without_secrets

_LOOKED_AT = "looked at"
NO_DATABASE = "no database"
"""What the error is about if a server does not have the database of a URL."""


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """One database of a stack at the moment of the run's snapshot.

    - ``snapshot``: the name of the snapshot that the run holds; empty if each check takes its own.
    - ``catalogs``: by the schema's name in the settings. The empty name is the default schema.
    - ``digests``: the digests that passed the self-test, the fastest first.
    - ``refused``: by digest, why each other one did not pass.
    """

    snapshot: str
    server: ServerFacts
    catalogs: dict[str, Catalog]
    digests: tuple[str, ...] = ()
    refused: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OpeningFault:
    """Why a database could not be opened: see :class:`.TenantParityError`."""

    cause: str = ""
    about: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class StackState:
    """The data that a worker needs to join the run's snapshots of a stack.

    - ``databases``: by name. The empty name is the database of the URL.
    - ``unavailable``: by database, why it could not be opened. The empty name stands for all.
      ``faults`` has the same as data.
    - ``expires``: when the snapshots are released, in seconds of the epoch; None if the run's end
      releases them.
    - ``sql``: the SQL of the settings for this stack's own schema.
    """

    side: Side
    url: str = field(repr=False)
    databases: dict[str, DatabaseState] = field(default_factory=dict)
    unavailable: dict[str, str] = field(default_factory=dict)
    faults: dict[str, OpeningFault] = field(default_factory=dict)
    expires: float | None = None
    sql: SettingsSql = field(default_factory=SettingsSql)

    def __post_init__(self) -> None:
        object.__setattr__(self, "url", Secret(self.url))


class Stack:
    """The connections of one process to one stack, all of which read the run's snapshot."""

    def __init__(
        self,
        state: StackState,
        settings: StackSettings,
        application: str,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        throttle: Throttle | None = None,
    ) -> None:
        self.side = state.side
        self.settings = settings
        self._state = state
        self._application = application
        self._limits = limits
        self._session = Session(application, settings)
        self._kept: dict[str, Engine] = {}
        self._switching: SwitchingEngine | None = None
        self._open: dict[str, Connection] = {}
        self._begun: set[str] = set()
        self._busy: list[Connection] = []
        self._busy_lock = Lock()
        self._woken: list[Connection] = []
        self._lock = RLock()
        self._alarm: Timer | None = None
        self._throttle = throttle or Throttle(
            self._is_too_busy, self._refuse_over_age, limits.load_interval
        )
        self._helpers: list[Stack] = []
        self._monitor: Engine | None = None
        self._failures = 0
        self._given_up = ""

    @cached_property
    def dialect(self) -> Dialect:
        """The SQL of this stack's engine."""
        return dialect_for(stack_url(self._state.url).get_backend_name())

    def database(self, place: Place) -> DatabaseState:
        """Return the state of the place's database; raises :class:`StackUnavailable`."""
        self._refuse_over_age()
        if self._given_up:
            raise StackUnavailable(self._given_up)
        for name in ("", place.database):
            if name in self._state.unavailable:
                raise StackUnavailable(self._state.unavailable[name])
        return self._state.databases[place.database]

    @property
    def unavailable(self) -> list[str]:
        """Why databases of the stack could not be opened."""
        return list(self._state.unavailable.values())

    def catalog(self, place: Place) -> Catalog:
        """Return the tables of ``place``."""
        return self.database(place).catalogs[place.schema]

    @contextmanager
    def transaction(self, place: Place) -> Iterator[Connection]:
        """Open a transaction on the run's snapshot of ``place``. Query it within :meth:`guard`."""
        connection = self._connected(place, self.database(place).snapshot)
        try:
            yield connection
        finally:
            with self._lock:
                self._leave(connection)
                kept = self._open.get(place.database) is connection
                while self._woken:
                    hang_up(self._woken.pop())
                if kept and (connection.invalidated or self._is_over_age or not self._keeps):
                    self._end(place.database)

    @contextmanager
    def present(self, place: Place) -> Iterator[Connection]:
        """Open a new session that reads the current data. Run queries within :meth:`explained`."""
        url = stack_url(self._state.url, place.database)
        engine = self.dialect.create_engine(url, self._session.at(place.database))
        with self._beside(engine, place) as connection:
            try:
                with self.explained(place):
                    self.dialect.export_snapshot(connection)  # begins a new snapshot
                yield connection
            finally:
                hang_up(connection)
                engine.dispose()

    def require_unaltered(
        self, place: Place, connection: Connection, tables: Sequence[TableFacts]
    ) -> None:
        """Raise :class:`NotProven` if a table that was read is not defined as in the snapshot."""
        with self.explained(place):
            self.dialect.require_unaltered(connection, tables, lambda: self.present(place))

    @contextmanager
    def _beside(self, engine: Engine, place: Place) -> Iterator[Connection]:
        """Open another session. Until it is closed, :meth:`cancel` cancels its queries."""
        with self._netted(place.database), self.explained(place):
            connection = engine.connect()
        try:
            self._busy.append(connection)
            yield connection
        finally:
            self._leave(connection)
            with suppress(SQLAlchemyError):  # the server may be gone
                connection.close()

    @contextmanager
    def explained(self, place: Place, *, discreet: bool = False) -> Iterator[None]:
        """Turn errors of the database into :class:`NotProven`, as :meth:`guard` does.

        The session on the run's snapshot stays open after any of these errors.
        """
        url = stack_url(self._state.url, place.database)
        with explained(self.side, url, self.dialect, discreet=discreet):
            yield

    def _netted(self, database: str) -> AbstractContextManager[None]:
        return netted(self.side, stack_url(self._state.url, database))

    def _connected(self, place: Place, snapshot: str) -> Connection:
        """Begin to read ``place``. After :data:`ATTEMPTS` failures in a row, give the stack up."""
        try:
            with self._lock, self._netted(place.database), self._answered(place):
                connection = self._begin(place.database, snapshot)
                self._busy.append(connection)
        except ConnectionLost as error:
            self._failures += 1
            if self._failures >= ATTEMPTS:
                self._given_up = f"{error}; after {ATTEMPTS} times it was asked no more: run again"
            raise
        self._failures = 0
        return connection

    @property
    def _keeps(self) -> bool:
        """Whether each process keeps a snapshot of its own, because sessions cannot share one."""
        return not self.dialect.shares_snapshots

    def _begin(self, database: str, snapshot: str) -> Connection:
        if database in self._open:
            return self._open[database]
        if self._keeps and database in self._begun and self.settings.frozen is None:
            raise StackUnavailable(
                f"{self.side}: the connection was lost, and with it the snapshot of what was read "
                f"before; run again, or say why nothing is written meanwhile: [{self.side}] frozen"
            )
        connection = self._open[database] = self._engine(database).connect()
        self._watch_age()
        try:
            self.dialect.join_snapshot(connection, snapshot)
            self._require_same(connection, database)
        except BaseException:
            self._abandon(database)
            raise
        self._begun.add(database)
        return connection

    def _end(self, database: str) -> None:
        """End the open transaction, and return its connection to the pool."""
        connection = self._open.pop(database, None)
        if connection is not None:
            with suppress(SQLAlchemyError):  # a dead connection cannot be ended any further
                connection.close()

    def _abandon(self, database: str) -> None:
        connection = self._open.pop(database, None)
        if connection is not None:
            hang_up(connection)

    @contextmanager
    def guard(
        self, place: Place, *, discreet: bool = False, stop: Event | None = None
    ) -> Iterator[None]:
        """Turn errors of the database into :class:`NotProven`, with the server's message.

        ``discreet`` leaves the message out, because it may quote a value that must not be shown.
        Raises :class:`ConnectionLost` if another connection may succeed. While the server is too
        busy, the queries are delayed. If ``stop`` is set during this wait, :class:`NotProven` is
        raised.
        """
        self._throttle.wait(stop or Event())
        with self._answered(place, discreet=discreet):
            yield

    @property
    def waited(self) -> float:
        """How many seconds this process has waited for a busy server."""
        return self._throttle.waited

    def _is_too_busy(self) -> bool:
        """Measure the load in a separate session, which reads current data and is kept open."""
        limits, place = self.settings.throttle, place_of_shared(self.settings)
        own = [each for stack in (self, *self._helpers) for each in stack._busy]  # noqa: SLF001
        if limits is None:
            return False
        if self._monitor is None:
            self._monitor = self.dialect.create_engine(stack_url(self._state.url), self._session)
        with (
            settings_sql(f"[{self.side}.throttle]{'' if limits.probe is None else ' probe'}"),
            self._beside(self._monitor, place) as connection,
            self.explained(place),
        ):
            return is_too_busy(limits, self.dialect, connection, own)

    @contextmanager
    def _answered(self, place: Place, *, discreet: bool = False) -> Iterator[None]:
        self._refuse_over_age()
        try:
            with self.explained(place, discreet=discreet):
                yield
        except NotProven as error:
            if isinstance(error, ConnectionLost):
                self._abandon(place.database)
            self._refuse_over_age()  # the query may have been cancelled for this reason
            raise

    def cancel(self) -> None:
        """Cancel the queries that other threads are running on this stack."""
        for helper in self._helpers:
            helper.cancel()
        for connection in list(self._busy):
            if connection.closed or connection.invalidated:
                continue
            with suppress(SQLAlchemyError):  # it was just lost: no thread waits any longer
                self.dialect.cancel(connection)

    def give_up(self) -> None:
        """Abandon the sessions of queries that could not be cancelled.

        If a session has a network connection, it is closed, and the waiting thread gets an error.
        A thread that computes within this process keeps the session until it ends.
        """
        for helper in self._helpers:
            helper.give_up()
        with self._busy_lock:
            all_busy = list(self._busy)
            self._busy.clear()
        for busy in all_busy:
            if busy.closed or busy.invalidated:
                continue
            for database, connection in list(self._open.items()):
                if connection is busy:
                    del self._open[database]
            with suppress(SQLAlchemyError):  # the connection was just lost
                busy.engine.dispose()  # or the pool waits until this session is returned
                if self.dialect.hang_up(busy):
                    self._woken.append(busy)

    def helpers(self) -> Sequence[Stack]:
        """Return the further sessions that ``parallel`` allows this process, not yet connected.

        They join the run's snapshots, and share the throttle of this stack. Whatever cancels or
        closes this stack does the same to them.
        """
        while len(self._helpers) < self.settings.parallel - 1:
            self._helpers.append(
                Stack(self._state, self.settings, self._application, self._limits, self._throttle)
            )
        return self._helpers

    def _leave(self, connection: Connection) -> None:
        with self._busy_lock:
            at = next((n for n, each in enumerate(self._busy) if each is connection), None)
            if at is not None:
                del self._busy[at]

    def close(self) -> None:
        """Close every connection."""
        for helper in self._helpers:
            helper.close()
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        with self._lock:
            self._close_all()
        if self._monitor is not None:
            self._monitor.dispose()

    def _close_all(self) -> None:
        for database in list(self._open):
            self._abandon(database)
        for engine in self._kept.values():
            engine.dispose()
        self._kept.clear()
        if self._switching is not None:
            self._switching.close()

    @property
    def _is_over_age(self) -> bool:
        return self._state.expires is not None and time() >= self._state.expires

    def _refuse_over_age(self) -> None:
        if self._is_over_age:
            raise StackUnavailable(
                f"{self.side}: the run's snapshot was let go of after "
                f"{self.settings.snapshot_timeout:g} seconds, for a server cannot clean up behind "
                f"one that is held; raise [{self.side}] snapshot_timeout, share the audit out "
                "(--parity-shard), or go on where it ended (--parity-resume)"
            )

    def _watch_age(self) -> None:
        """Set a timer that closes this process's connections when the snapshots expire."""
        if self._alarm is None and self._state.expires is not None:
            self._alarm = alarm_at(self._state.expires, self._let_go)

    def _let_go(self) -> None:
        with self._lock:
            if not self._busy:
                self._close_all()
            else:  # the cancelled query ends its transaction
                self.cancel()

    def _engine(self, database: str) -> Engine:
        if self._keeps:
            if database not in self._kept:
                url = stack_url(self._state.url, database)
                self._kept[database] = self.dialect.create_engine(url, self._session)
            return self._kept[database]
        # A process has one connection to a stack: a new database replaces the one before.
        for other in list(self._open):
            self._abandon(other)
        if self._switching is None:
            self._switching = SwitchingEngine(self.dialect, self._session, self._state.url)
        return self._switching.engine(database, self._state.databases[database].server)

    def _require_same(self, connection: Connection, database: str) -> None:
        """Require that a session's own snapshot is of the database that the run opened first.

        A session that imports a held snapshot needs no test. Otherwise a changed route could lead
        to the other stack, and the audit would compare that stack with itself.
        """
        known, url = self._state.databases[database], stack_url(self._state.url, database)
        if known.snapshot and self.dialect.shares_snapshots:
            return
        server = self.dialect.server(connection, address_of(url))
        if not server.is_as_before(known.server):
            raise StackUnavailable(
                f"{self.side}: {server.database} at {server.address} is not what the run began "
                "with: another server answers, or it was restarted; run again"
            )
        # If the process keeps its own snapshot, a table may have been altered before it, as in any
        # snapshot.
        if self.dialect.shares_snapshots and _LOOKED_AT not in connection.info:
            sql = {} if database else {self.settings.schema_name: self._state.sql}
            found = catalogs_by_name(connection, self.dialect, url, known.catalogs, sql)
            if any(each.shapes != known.catalogs[name].shapes for name, each in found.items()):
                raise StackUnavailable(
                    f"{self.side}: tables of {server.database} were altered after the run began; "
                    "run again"
                )
            connection.info[_LOOKED_AT] = True


def alarm_at(moment: float, action: Callable[[], None]) -> Timer:
    """Start a timer that calls ``action`` at ``moment``, in seconds of the epoch.

    The process can end before the timer does.
    """
    alarm = Timer(max(0.0, moment - time()), action)
    alarm.daemon = True
    alarm.start()
    return alarm


def hang_up(connection: Connection) -> None:
    """Close the connection without a message to the server, which may not respond."""
    with suppress(SQLAlchemyError):
        connection.invalidate()
        connection.close()


def catalogs_by_name(
    connection: Connection,
    dialect: Dialect,
    url: URL,
    schemas: Iterable[str],
    sql: Mapping[str, SettingsSql],
) -> dict[str, Catalog]:
    """Return the catalogs of ``schemas``, by the schemas' names in the settings.

    ``sql`` is the SQL of the settings for some of these schemas.
    """
    names = {name: name or dialect.default_schema(url) for name in sorted(schemas)}
    catalogs = dialect.catalogs(connection, set(names.values()))
    return {
        name: with_settings_sql(connection, dialect, catalogs[schema], sql.get(name, SettingsSql()))
        for name, schema in names.items()
    }


@contextmanager
def explained(side: Side, url: URL, dialect: Dialect, *, discreet: bool = False) -> Iterator[None]:
    """Turn a driver's error into a one-line error that names the stack and holds no secret."""
    try:
        yield
    except Unsuitable as error:
        raise StackUnavailable(f"{side} ({address_of(url)}): {error}") from None
    except SQLAlchemyError as error:
        said = dialect.explain(error) if isinstance(error, DBAPIError) else str(error)
        if discreet:
            kind = type(error.orig if isinstance(error, DBAPIError) else error).__name__
            said = f"{kind}; the server's words could quote a masked value and are left out"
        fault = dialect.classify_error(error) if isinstance(error, DBAPIError) else NotProven
        if isinstance(error, DBAPIError) and fault is NotProven and dialect.is_of_query(error):
            fault = Unreadable
        # "from None", because the driver's own error would show the connection and its parameters.
        remedy = dialect.remedy(error, url) if isinstance(error, DBAPIError) else ""
        lacks = isinstance(error, DBAPIError) and dialect.lacks_database(error)
        raise fault(
            f"{side} ({address_of(url)}): {without_secrets(said, url)}",
            cause=f"{side} database {url.database}" if lacks else "",
            about=NO_DATABASE if lacks else "",
            remedy=remedy,
        ) from None


@contextmanager
def netted(side: Side, url: URL) -> Iterator[None]:
    """Turn any other error while a stack is opened into a one-line error without secrets."""
    try:
        yield
    except (TenantParityError, SQLAlchemyError):
        raise
    except Exception as error:  # noqa: BLE001 - drivers raise what they like while connecting
        said = without_secrets(_in_words(error), url)
        raise StackUnavailable(f"{side} ({address_of(url)}): cannot be opened: {said}") from None


def _in_words(error: Exception) -> str:
    """Return the type and the first line of ``error``, unless the line may quote a secret."""
    kind = type(error).__name__
    if isinstance(error, UnicodeError):  # its message quotes a character, maybe of a password
        return f"{kind}: a part of the URL cannot be encoded; write it in ASCII, %-escaped"
    if isinstance(error, OSError) and error.strerror:
        file = f": {error.filename}" if isinstance(error.filename, str) else ""
        return f"{kind}: {error.strerror}{file}"
    first_line = str(error).strip().partition("\n")[0]
    return f"{kind}: {first_line}" if first_line else kind
