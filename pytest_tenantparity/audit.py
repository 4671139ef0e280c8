"""An audit as a library, without pytest: :func:`open_run`, and the stacks that it opens.

::

    with open_run(load_settings(Path("tenantparity.toml"))) as run:
        for key in run.checks:
            evidence = run.check(key)
            print(key, evidence.status, *evidence.reasons)
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial

from .config import AsOf, Settings
from .config.as_of import require_as_of
from .errors import NotProven, SettingsError, StackUnavailable, Wanted
from .inventory import (
    Place,
    Selection,
    TablePair,
    audit_targets,
    discover_pairs,
    place_of,
    planned_pairs,
    sampled_tenants,
    select_tenants,
    tenancies_by_sql,
)
from .limits import Limits
from .model import CANARY, SIDES, CheckKey, Evidence, ServerFacts, Side
from .parity import Audit, Layer, Run, environment_layer
from .stacks import (
    Dialect,
    Secret,
    SettingsSql,
    SnapshotHolder,
    Stack,
    StackState,
    open_stack,
)

_MOST_PLACES = 3  # places that a message lists


@dataclass(frozen=True)
class OpenRun:
    """A run whose stacks are open. ``checks`` are the keys of all checks of its selection."""

    audit: Audit
    checks: tuple[CheckKey, ...]

    def check(self, key: CheckKey, layers: Sequence[Layer] = ()) -> Evidence:
        """Run one check, and return its evidence.

        A check that cannot be proven has evidence, too: NOT PROVEN with the reason. ``layers`` are
        tolerances that take precedence over those of the settings.
        """
        return self.audit.check(key, layers)


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Options of one run, beside its settings and its selection.

    - ``settle``: the number of seconds that a write may take from one stack to the other. Rows that
      differ are then read again.
    - ``as_of``: the value of ``:as_of`` in filters.
    - ``environment``: the variables that URLs of the settings name.
    - ``application``: the name of the run's sessions on the servers.
    - ``salt``: a number that is mixed into all hashes; by default a random one.
    """

    settle: float | None = None
    as_of: AsOf | None = None
    limits: Limits = field(default_factory=Limits)
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    application: str = "tenantparity"
    salt: int = field(default_factory=lambda: secrets.randbits(62))


@contextmanager
def open_run(
    settings: Settings, selection: Selection | None = None, options: RunOptions | None = None
) -> Iterator[OpenRun]:
    """Open both stacks, each database in one read-only snapshot, and close them at the end.

    ``selection`` is from :func:`.inventory.select_tenants`; by default it is everything. Raises
    :class:`.SettingsError` if the settings do not fit the stacks, and :class:`.NotProven` if the
    selection has no checks. If a stack cannot be reached, the evidence of each check says why.
    """
    own = RunOptions() if options is None else options
    require_as_of(settings.filters, own.as_of)
    chosen = selection or select_tenants(settings, [], canary=settings.canary)
    stacks = OpenStacks(
        settings,
        chosen,
        own.application,
        settles=own.settle is not None,
        environment=own.environment,
    )
    with closing(stacks):
        stacks.open()
        known = planned_pairs(settings)
        pairs = stacks.discovered() if known is None else known
        run = run_on(stacks, pairs or (), own)
        targets = audit_targets(chosen, pairs)
        keys = tuple(CheckKey(each.kind, "audit", each.tenant, each.table) for each in targets)
        if not keys:  # otherwise a loop over the checks would pass without any
            lost = [why for state in stacks.states.values() for why in state.unavailable.values()]
            raise NotProven("; ".join(["the selection has no checks", *lost]))
        with closing(run):
            yield OpenRun(Audit(run), keys)


def run_on(stacks: OpenStacks, pairs: Iterable[TablePair], options: RunOptions) -> Run:
    """Return a run of ``pairs`` on open stacks. Close it before the stacks."""
    settings = stacks.settings
    return Run(
        settings=settings,
        pairs={pair.name: pair for pair in pairs},
        stacks=stacks.connected(options.limits),
        tenants={tenant.id: tenant for tenant in settings.tenant_models()},
        selected=stacks.selection.tenants,
        salt=options.salt,
        environment=environment_layer(options.environment),
        settle=options.settle,
        as_of=options.as_of,
        limits=options.limits,
    )


@dataclass
class OpenStacks:
    """Both stacks of a run, opened in the process that the user started.

    - ``application``: the name of the run's sessions on the servers.
    - ``processes``: the number of processes that will read the stacks.
    - ``settles``: whether rows that differ are read again, by a further connection.
    - ``connect``: returns a URL that replaces that of the settings, or None. Raises
      :class:`StackUnavailable`.
    - ``states``: what other processes need to read from the same snapshots. Empty until the stacks
      are open.
    """

    settings: Settings
    selection: Selection
    application: str
    processes: int = 1
    settles: bool = False
    connect: Callable[[Side], str | Secret | None] = lambda _: None
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    states: dict[Side, StackState] = field(default_factory=dict)
    _holders: list[SnapshotHolder] = field(default_factory=list)

    def open(self) -> None:
        """Open both sides at the same time, each in a snapshot of its own.

        This halves the time, and brings the snapshots of both sides closer together. If an error is
        raised, :meth:`close` stops the work of the other thread. Raises :class:`SettingsError`.
        """
        openings = [self._opening(side) for side in SIDES]
        pool = ThreadPoolExecutor(len(SIDES), thread_name_prefix="tenantparity")
        try:
            opened = [pool.submit(opening) for opening in openings]
            wait(opened, return_when=FIRST_EXCEPTION)
            for each in filter(Future.done, opened):
                each.result()
            self.states = dict(zip(SIDES, (each.result() for each in opened), strict=True))
        finally:
            pool.shutdown(wait=False)
        for fault in self.faults():
            raise fault

    def faults(self) -> Iterator[SettingsError]:
        """Yield what in the settings does not fit the engines of the open stacks."""
        for side in SIDES:
            for refuse in (
                self._refuse_several_snapshots,
                self._refuse_blind_throttle,
                self._refuse_parallel,
            ):
                try:
                    refuse(side)
                except SettingsError as error:
                    yield error

    def close(self) -> None:
        """Release the snapshots."""
        with ExitStack() as cleanup:
            for holder in self._holders:
                cleanup.callback(holder.release)

    def connected(self, limits: Limits | None = None) -> dict[Side, Stack]:
        """Return both stacks for this process. They connect when a check needs them."""
        own = Limits() if limits is None else limits
        return {
            side: Stack(self.states[side], self.settings.stack(side), self.application, own)
            for side in SIDES
        }

    def servers(self, side: Side) -> list[ServerFacts]:
        """Return the servers that were read on one side."""
        state = self.states.get(side)
        return [each.server for each in state.databases.values()] if state else []

    def discovered(self) -> tuple[TablePair, ...] | None:
        """Pair the tables of the databases that could be opened.

        Returns None if no pair is known because a database could not be opened: each tenant's
        checks report it. Raises :class:`SettingsError` if all were opened and hold no pairs.
        """
        states = self.states.values()
        if any("" in state.unavailable for state in states):
            return None
        pairs = discover_pairs(self.settings, *map(self.tables, SIDES))
        if not pairs and not any(state.unavailable for state in states):
            raise SettingsError(self._nothing_found())
        return pairs or None

    def tables(self, side: Side) -> list[str]:
        """Return the names of all tables that were found on one side."""
        tables: dict[str, None] = {}
        for database in self.states[side].databases.values():
            for catalog in database.catalogs.values():
                tables |= dict.fromkeys(catalog.stored_tables)
        return list(tables)

    def _opening(self, side: Side) -> Callable[[], StackState]:
        """Return a function that opens a stack, or that reports why it has no URL.

        ``connect`` is called before any connection is made.
        """
        stack = self.settings.stack(side)
        try:
            url = self.connect(side)
        except StackUnavailable as error:
            reason = str(error)
            return lambda: StackState(side, "", unavailable={"": reason})
        holder = SnapshotHolder(partial(self._refuse_too_many_connections, side))
        self._holders.append(holder)
        places = self._places(side)
        opening = partial(
            open_stack,
            side,
            stack,
            self.application,
            url,
            places,
            holder=holder,
            environment=self.environment,
            sql=SettingsSql(self.settings.queries(side), tenancies_by_sql(self.settings, side)),
        )
        return lambda: opening()[0]

    def _places(self, side: Side) -> set[Place]:
        stack = self.settings.stack(side)
        own = [t.tenancy for t in self.settings.tables.values()]
        own += [
            t.legacy_tenancy if side == "legacy" else t.modern_tenancy
            for t in self.settings.tables.values()
        ]
        tenancies = [each for each in (*own, stack.tenancy) if each is not None]
        everyone = self.settings.tenant_models() if CANARY in self.selection.subjects else ()
        tenants = self.selection.tenants or sampled_tenants((), everyone)
        return {place_of(stack, tenancy, each) for tenancy in tenancies for each in tenants}

    def _nothing_found(self) -> str:
        """Return the message for a run without tables, with the places that were searched."""
        if any(self.tables(side) for side in SIDES):
            return (
                "every table of both stacks is ignored or a map, so that nothing is compared; "
                "take some table out of [ignore.tables]"
            )
        looked = "; ".join(f"{side}: {', '.join(self._looked_at(side))}" for side in SIDES)
        return (
            f"no table was found in either stack ({looked}); check both URLs and the schemas "
            "([legacy] schema, [modern] schema), or name the tables that must be there "
            "([pairing] tables)"
        )

    def _looked_at(self, side: Side) -> list[str]:
        """Return the schemas and databases that were searched for tables of one side."""
        found = [
            f"schema {catalog.schema!r} of {state.server.database} at {state.server.address}"
            for state in self.states[side].databases.values()
            for catalog in state.catalogs.values()
        ]
        more = len(found) - _MOST_PLACES
        return [*found[:_MOST_PLACES], *([f"and {more} more"] if more > 0 else [])]

    def _refuse_several_snapshots(self, side: Side) -> None:
        """Refuse several processes on a stack whose sessions cannot share a snapshot.

        If parts of a table are read at different times, a row that moves between them can be
        missed. Raises :class:`SettingsError`.
        """
        stack, state = self.settings.stack(side), self.states[side]
        if not state.url or stack.frozen is not None or self.processes == 1:
            return
        dialect = self._dialect(side)
        if not dialect.shares_snapshots:
            raise SettingsError(
                f"[{side}] sessions of {self._product(side)} cannot share a snapshot, so that "
                "several processes would read at different times; run with -n 0, or say why "
                f'nothing is written to it meanwhile: [{side}] frozen = "..."'
            )

    def _refuse_blind_throttle(self, side: Side) -> None:
        """Refuse a throttle for an engine without a load to measure, such as SQLite.

        Raises :class:`SettingsError`.
        """
        if self.settings.stack(side).throttle is None or not self.states[side].url:
            return
        dialect = self._dialect(side)
        if not dialect.reports_load:
            raise SettingsError(
                f"[{side}] throttle: {self._product(side)} cannot say how busy it is; PostgreSQL, "
                "MySQL and MariaDB can. Take the throttle away",
                wanted=[Wanted((side, "throttle"))],
            )

    def _refuse_parallel(self, side: Side) -> None:
        """Refuse several sessions that cannot read one state of a stack at the same time.

        Raises :class:`SettingsError`.
        """
        stack, state = self.settings.stack(side), self.states[side]
        if stack.parallel == 1 or not state.url:
            return
        dialect, setting = self._dialect(side), f"[{side}] parallel = {stack.parallel}"
        if not dialect.parallel_sessions:
            raise SettingsError(
                f"{setting}: only PostgreSQL, MySQL and MariaDB are read by several sessions of a "
                f"process, not {self._product(side)}. Take the setting away",
                wanted=[Wanted((side, "parallel"), 1)],
            )
        if not dialect.shares_snapshots and stack.frozen is None:
            raise SettingsError(
                f"{setting}: sessions of {self._product(side)} cannot share a snapshot. Take the "
                f'setting away, or say why nothing is written meanwhile: [{side}] frozen = "..."',
                wanted=[Wanted((side, "parallel"), 1)],
            )

    def _refuse_too_many_connections(self, side: Side, snapshots: int) -> None:
        stack = self.settings.stack(side)
        most = stack.max_connections
        workers = self.processes
        further = [
            *(["--parity-settle"] if self.settles else []),
            *(["the throttle"] if stack.throttle is not None else []),
        ]
        needed = snapshots + workers * (stack.parallel + len(further))
        if needed > most:
            more = "".join(f", one more each for {each}," for each in further)
            each = f" of {stack.parallel} sessions" if stack.parallel > 1 else ""
            hint = (
                ". Where nothing is written to it, say why, and PostgreSQL's databases of single "
                f'tenants need no snapshot session: [{side}] frozen = "..."'
            )
            raise SettingsError(
                f"[{side}] max_connections = {most} is too few for {workers} workers{each}{more} "
                f"and {snapshots} snapshots; raise it, or run fewer workers (-n) or tenants"
                + (hint if snapshots > 1 and stack.frozen is None else ""),
                cause=f"[{side}] max_connections",
                wanted=[Wanted((side, "max_connections"), needed)],
            )

    def _dialect(self, side: Side) -> Dialect:
        return Stack(self.states[side], self.settings.stack(side), self.application).dialect

    def _product(self, side: Side) -> str:
        """Return the server's product name. Before a connection, return the name of the dialect.

        The two can differ: the dialect of MariaDB is named ``MySQL``.
        """
        known = self.servers(side)
        return known[0].product if known else self._dialect(side).name
