"""Opening a stack: take one snapshot of each of its databases, and read their schemas."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from threading import Timer
from time import time

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import URL

from ..config import StackSettings
from ..errors import NotProven, StackUnavailable
from ..inventory import Place
from ..model import ServerFacts, Side
from .dialects import Dialect, Session, dialect_for
from .digest_self_test import Digests, trusted_digests
from .retry import let_in
from .sources import SettingsSql
from .stack import (
    DatabaseState,
    OpeningFault,
    StackState,
    alarm_at,
    catalogs_by_name,
    explained,
    hang_up,
    netted,
)
from .urls import address_of, resolve_url, stack_url, written


class SnapshotHolder:
    """Holds a stack's snapshots open until the run ends or ``snapshot_timeout`` is over.

    ``permit`` is called with the total number of snapshots before each database is opened. An
    exception from ``permit`` aborts the opening.
    """

    def __init__(self, permit: Callable[[int], object] = int) -> None:
        self._permit = permit
        self._held: list[tuple[Connection, Engine]] = []
        self._alarm: Timer | None = None
        self._released = False

    def permit(self, snapshots: int) -> None:
        """Raise if no further database may be opened. ``snapshots`` is their total number."""
        if self._released:
            raise StackUnavailable("the run was ended before the stack was open")
        self._permit(snapshots)

    def hold(self, engine: Engine) -> Connection:
        """Open a connection of ``engine`` and keep it, with its transaction, until the release."""
        connection = engine.connect()
        self._held.append((connection, engine))
        if self._released:  # by another thread, while this one connected
            self._let_go()
        return connection

    @contextmanager
    def for_a_look(self) -> Iterator[None]:
        """Release the connections that are opened within this context as soon as it ends."""
        before = len(self._held)
        try:
            yield
        finally:
            self._let_go(before)

    def release_at(self, moment: float) -> None:
        """Release every snapshot at ``moment``, in seconds of the epoch, unless released before."""
        self._alarm = alarm_at(moment, self.release)

    def release(self) -> None:
        """Release every snapshot. A server that no longer responds raises no error."""
        self._released = True
        if self._alarm is not None:
            self._alarm.cancel()
        self._let_go()

    def _let_go(self, since: int = 0) -> None:
        held, self._held[since:] = self._held[since:], []
        for connection, engine in held:
            hang_up(connection)
            engine.dispose()


def open_stack(  # noqa: PLR0913, PLR0917 - all but the first three have defaults
    side: Side,
    settings: StackSettings,
    application: str,
    url: object = None,
    places: Iterable[Place] = (),
    environment: Mapping[str, str] | None = None,
    holder: SnapshotHolder | None = None,
    sql: SettingsSql | None = None,
) -> tuple[StackState, SnapshotHolder]:
    """Take one snapshot of each database of a stack, and read the schemas of these databases.

    ``url`` replaces the URL of the settings, and ``environment`` replaces the process environment.
    A database that cannot be opened raises no error. The returned state holds the reason, and every
    check that needs the database raises it. If an exception aborts the opening, the caller must
    release the ``holder``.
    """
    holder = SnapshotHolder() if holder is None else holder
    try:
        resolved = resolve_url(side, settings.url if url is None else url, environment)
        dialect = dialect_for(resolved.get_backend_name())
    except StackUnavailable as error:
        fault = OpeningFault(error.cause, error.about, error.remedy)
        said = f"{side}: {error}"
        return StackState(side, "", unavailable={"": said}, faults={"": fault}), holder
    expires = time() + settings.snapshot_timeout if settings.snapshot_timeout else None
    state = StackState(side, written(resolved), expires=expires, sql=sql or SettingsSql())
    schemas: dict[str, set[str]] = {"": {settings.schema_name}}
    for place in places:
        schemas.setdefault(place.database, set()).add(place.schema)
    looked_at = {name for name in schemas if _is_looked_at(dialect, settings, name)}
    trusted: dict[ServerFacts, Digests] = {}
    for database, wanted in schemas.items():
        own_sql = {} if database else {settings.schema_name: state.sql}
        holder.permit(len(schemas.keys() - looked_at))
        target = stack_url(state.url, database)
        held = database not in looked_at
        try:
            with nullcontext() if held else holder.for_a_look(), netted(side, target):
                engine = dialect.create_engine(target, Session(application, settings).at(database))
                opening = partial(
                    _database_state, holder, engine, dialect, target, wanted, trusted, own_sql
                )
                found = let_in(explained(side, target, dialect)(opening), settings.connect_timeout)
            state.databases[database] = found if held else replace(found, snapshot="")
        except NotProven as error:
            state.unavailable[database] = str(error)
            state.faults[database] = OpeningFault(error.cause, error.about, error.remedy)
    if expires is not None:
        holder.release_at(expires)
    return state, holder


def _is_looked_at(dialect: Dialect, settings: StackSettings, database: str) -> bool:
    """Whether each check of ``database`` takes a snapshot of its own, and none is held for the run.

    This is so if each tenant has a database of its own and the settings declare that no data is
    written (``frozen``). A server cannot hold a session for every tenant, and frozen data needs
    none.
    """
    return bool(database and dialect.switches_database) and settings.frozen is not None


def _database_state(
    holder: SnapshotHolder,
    engine: Engine,
    dialect: Dialect,
    url: URL,
    schemas: Iterable[str],
    trusted: dict[ServerFacts, Digests],
    sql: Mapping[str, SettingsSql],
) -> DatabaseState:
    """Read the schemas of a database. ``trusted`` caches the digests of each server."""
    connection = holder.hold(engine)
    server = dialect.server(connection, address_of(url))
    snapshot = dialect.export_snapshot(connection)
    catalogs = catalogs_by_name(connection, dialect, url, schemas, sql)
    if server.itself not in trusted:
        trusted[server.itself] = trusted_digests(connection, dialect, server.encoding)
    return DatabaseState(
        snapshot=snapshot,
        server=server,
        catalogs=catalogs,
        digests=trusted[server.itself].trusted,
        refused=trusted[server.itself].refused,
    )
