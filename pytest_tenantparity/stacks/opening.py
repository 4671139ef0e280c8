"""Opening a stack: one snapshot of each of its databases, and what they hold."""

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
from ..model import Side
from .catalog import ServerFacts
from .dialects import Dialect, Session, dialect_for
from .handshake import Digests, trusted_digests
from .retrying import let_in
from .stack import DatabaseState, StackState, alarm_at, catalogs_by_name, explained, hang_up, netted
from .url import address_of, resolve_url, stack_url, written


class Anchor:
    """Holds a stack's snapshots open for as long as the run lasts, or they are allowed to be.

    ``permit`` hears, before each database is opened, how many snapshots there will be in all; what
    it raises ends the opening.
    """

    def __init__(self, permit: Callable[[int], object] = int) -> None:
        self._permit = permit
        self._held: list[tuple[Connection, Engine]] = []
        self._alarm: Timer | None = None
        self._released = False

    def permit(self, snapshots: int) -> None:
        """Raise what there is against opening one more database."""
        if self._released:
            raise StackUnavailable("the run was ended before the stack was open")
        self._permit(snapshots)

    def hold(self, engine: Engine) -> Connection:
        """Open a transaction and keep it."""
        connection = engine.connect()
        self._held.append((connection, engine))
        if self._released:  # meanwhile, by another thread
            self._let_go()
        return connection

    @contextmanager
    def for_a_look(self) -> Iterator[None]:
        """Let go at once of what is held from here on."""
        before = len(self._held)
        try:
            yield
        finally:
            self._let_go(before)

    def release_at(self, moment: float) -> None:
        """Let go of every snapshot at a time of the epoch, unless that is done before."""
        self._alarm = alarm_at(moment, self.release)

    def release(self) -> None:
        """Let go of every snapshot; a server that is gone already is no error."""
        self._released = True
        if self._alarm is not None:
            self._alarm.cancel()
        self._let_go()

    def _let_go(self, since: int = 0) -> None:
        held, self._held[since:] = self._held[since:], []
        for connection, engine in held:
            hang_up(connection)
            engine.dispose()


def open_stack(
    side: Side,
    settings: StackSettings,
    application: str,
    url: object = None,
    places: Iterable[Place] = (),
    environment: Mapping[str, str] | None = None,
    anchor: Anchor | None = None,
) -> tuple[StackState, Anchor]:
    """Take one snapshot of each database of a stack, and read what it holds.

    ``url`` takes the place of the settings' own, and ``environment`` that of the process. Nothing
    is raised for a database that cannot be opened: the state says why, and every check that needs
    it will. What ends the opening leaves the anchor to whoever made it.
    """
    anchor = Anchor() if anchor is None else anchor
    try:
        resolved = resolve_url(side, settings.url if url is None else url, environment)
        dialect = dialect_for(resolved.get_backend_name())
    except StackUnavailable as error:
        return StackState(side, "", unavailable={"": f"{side}: {error}"}), anchor
    expires = time() + settings.snapshot_timeout if settings.snapshot_timeout else None
    state = StackState(side, written(resolved), expires=expires)
    schemas: dict[str, set[str]] = {"": {settings.schema_name}}
    for place in places:
        schemas.setdefault(place.database, set()).add(place.schema)
    looked_at = {name for name in schemas if _is_looked_at(dialect, settings, name)}
    trusted: dict[ServerFacts, Digests] = {}
    for database, wanted in schemas.items():
        anchor.permit(len(schemas.keys() - looked_at))
        target = stack_url(state.url, database)
        held = database not in looked_at
        try:
            with nullcontext() if held else anchor.for_a_look(), netted(side, target):
                engine = dialect.create_engine(target, Session(application, settings).at(database))
                opening = partial(_database_state, anchor, engine, dialect, target, wanted, trusted)
                found = let_in(explained(side, target, dialect)(opening), settings.connect_timeout)
            state.databases[database] = found if held else replace(found, snapshot="")
        except NotProven as error:
            state.unavailable[database] = str(error)
    if expires is not None:
        anchor.release_at(expires)
    return state, anchor


def _is_looked_at(dialect: Dialect, settings: StackSettings, database: str) -> bool:
    """Whether nobody holds a database's snapshot, but each check takes one of its own.

    A server has not as many sessions as there are tenants. Where nothing is written, and there is
    a database of each of them, it need not have.
    """
    return bool(database and dialect.roams) and settings.frozen is not None


def _database_state(
    anchor: Anchor,
    engine: Engine,
    dialect: Dialect,
    url: URL,
    schemas: Iterable[str],
    trusted: dict[ServerFacts, Digests],
) -> DatabaseState:
    """Read what a database holds. ``trusted`` are the digests of each server that was asked."""
    connection = anchor.hold(engine)
    server = dialect.server(connection, address_of(url))
    snapshot = dialect.export_snapshot(connection)
    catalogs = catalogs_by_name(connection, dialect, url, schemas)
    if server.itself not in trusted:
        trusted[server.itself] = trusted_digests(connection, dialect, server.encoding)
    return DatabaseState(
        snapshot=snapshot,
        server=server,
        catalogs=catalogs,
        digests=trusted[server.itself].trusted,
        refused=trusted[server.itself].refused,
    )
