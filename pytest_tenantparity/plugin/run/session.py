"""The state of an audit in one process: the settings, the plan and the open stacks."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from pydantic import ValidationError

from ...config import Settings, TableSettings, load_settings
from ...config.as_of import require_as_of
from ...errors import SettingsError
from ...inventory import (
    Place,
    Selection,
    TablePair,
    audit_targets,
    discover_pairs,
    make_pair,
    place_of,
    planned_pairs,
    read_terms,
    sampled_tenants,
    select_pairs,
    select_tenants,
    split_terms,
    unnamed_views,
)
from ...inventory.shards import Share
from ...model import CANARY, SIDES, CheckKey, Invocation, Side, Target
from ...parity import Audit, Once, Run, Scans, environment_layer
from ...reporting import DriftParts
from ...sealed import Seal
from ...stacks import (
    Dialect,
    Secret,
    ServerFacts,
    SnapshotHolder,
    Stack,
    StackState,
    open_stack,
    redacted,
)
from ...wire import from_wire, to_wire
from ..options import as_of_of, is_dry_run, settle_of, worker_count
from ..results.payload import Payload
from .ignored_files import IgnoredFiles
from .invocation import invocation_of, with_places
from .journal import JOURNAL, Proof, Record
from .run_directory import RunDirectory

_MOST_PLACES = 3  # places that a message lists


@dataclass(frozen=True)
class RunIdentity:
    """The identity of a run. The main process creates it, and all processes share it."""

    id: str
    started: str
    salt: int


def new_run() -> RunIdentity:
    """Return a new run. Its random salt makes its hashes independent of those of other runs."""
    now = datetime.now(UTC)
    name = f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    return RunIdentity(name, now.isoformat(timespec="seconds"), secrets.randbits(62))


@dataclass(frozen=True, slots=True)
class PlannedItem:
    """An item of the plan. ``audits`` is false for a hand-written test with its own assertions."""

    nodeid: str
    audits: bool


@dataclass
class AuditSession:
    """The settings and the selection of a run, and its stacks once they are open."""

    config: pytest.Config
    path: Path
    settings: Settings
    selection: Selection
    run: RunIdentity
    pairs: tuple[TablePair, ...] | None = None  # all pairs; None until they are discovered
    selected_pairs: tuple[TablePair, ...] | None = None
    states: dict[Side, StackState] = field(default_factory=dict)
    plan: dict[CheckKey, PlannedItem] = field(default_factory=dict)
    named_tests: dict[str, str] = field(default_factory=dict)  # node ids, by check name
    keys: dict[str, CheckKey] = field(default_factory=dict)  # keys of the plan, by node id
    plan_sent: bool = False
    notices: dict[CheckKey, Payload] = field(default_factory=dict)  # of tests that are running
    share: Share | None = None  # from --parity-shard; None for the whole audit
    tests: dict[str, str] = field(default_factory=dict)  # tests of all shards: digest by node id
    earlier: Record = field(default_factory=Record)  # proofs that --parity-resume takes over
    drift: DriftParts = field(default_factory=DriftParts)
    asked: dict[str, set[str]] | None = None  # tenants by table; None until collection ends
    ignored_files: IgnoredFiles = field(default_factory=IgnoredFiles)
    _rerun: Invocation | None = None
    _anchors: list[SnapshotHolder] = field(default_factory=list)
    _scratch: TemporaryDirectory[str] | None = None  # one folder for all processes of the run

    @classmethod
    def prepare(cls, config: pytest.Config, path: Path, run: RunIdentity) -> AuditSession:
        """Return a session with settings and selection. No database is used."""
        settings = _with_hooked_pairs(config, load_settings(path))
        canary = settings.canary or bool(config.getoption("parity_canary"))
        selection = select_tenants(settings, _terms_of(config, "--tenants"), canary=canary)
        session = cls(config, path, settings, selection, run)
        session.set_pairs(planned_pairs(settings))
        environment_layer(os.environ)
        settle_of(config)
        as_of = as_of_of(config)
        if as_of is not None or not is_dry_run(config):  # a dry run reads no rows
            require_as_of(settings, as_of)
        return session

    @classmethod
    def in_worker(cls, config: pytest.Config, wire: Mapping[str, Any]) -> AuditSession:
        """Return the session of a worker, from the data that the main process sent."""
        session = cls.prepare(config, Path(wire["path"]), from_wire(RunIdentity, wire["run"]))
        session.states = {side: from_wire(StackState, wire["states"][side]) for side in SIDES}
        session.invocation = from_wire(Invocation, wire["invocation"])
        if wire["share"] is not None:
            session.share = from_wire(Share, wire["share"])
        if wire["drift"] is not None and Path(wire["drift"]).is_dir():  # missing on another host
            session.drift = DriftParts(Path(wire["drift"]), Seal(wire["seal"]))
        proofs = [from_wire(Proof, proof) for proof in wire["proofs"]]
        session.earlier = Record(proofs={proof.evidence.key: proof for proof in proofs})
        if wire["pairs"] is not None:
            session.set_pairs(tuple(make_pair(session.settings, n) for n in wire["pairs"]))
        return session

    def for_worker(self) -> dict[str, Any]:
        """Return the data that :meth:`in_worker` needs, as primitives."""
        return {
            "path": str(self.path),
            "run": to_wire(self.run),
            "invocation": to_wire(self.invocation),
            "states": {side: to_wire(state) for side, state in self.states.items()},
            "drift": None if self._scratch is None else self._scratch.name,
            "seal": self.drift.seal.key,
            "proofs": [to_wire(proof) for proof in self.earlier.proofs.values()],
            "pairs": None if self.pairs is None else [pair.name for pair in self.pairs],
            "share": None if self.share is None else to_wire(self.share),
        }

    def open(self) -> None:
        """Take the run's snapshots, and discover the table pairs if the settings name none."""
        self._open_sides()
        for side in SIDES:
            self._refuse_several_snapshots(side)
            self._refuse_blind_throttle(side)
        if self.pairs is None:
            self._discover()
        self._scratch = TemporaryDirectory(prefix="tenantparity-")
        self.drift = DriftParts(Path(self._scratch.name))

    def _discover(self) -> None:
        """Pair the tables of the databases that could be opened.

        If the database of a single tenant is missing, that tenant's checks report it. If no table
        was found, the plan has one check for each tenant, which reports the missing database.
        """
        states = self.states.values()
        if any("" in state.unavailable for state in states):
            return
        pairs = discover_pairs(self.settings, *map(self._tables, SIDES))
        if pairs:
            self.set_pairs(pairs)
        elif not any(state.unavailable for state in states):
            raise SettingsError(self._nothing_found())

    def close(self) -> None:
        """Close this process's connections, and release the snapshots."""
        with ExitStack() as cleanup:
            if self._scratch is not None:
                cleanup.callback(self._scratch.cleanup)
            for anchor in self._anchors:
                cleanup.callback(anchor.release)
            if "audit" in self.__dict__:
                cleanup.callback(self.audit.run.close)

    @cached_property
    def audit(self) -> Audit:
        """The checks of this run in this process."""
        normalisers = self.config.hook.pytest_parity_normalisers(config=self.config)
        run = Run(
            settings=self.settings,
            pairs={pair.name: pair for pair in self.pairs or ()},
            stacks={
                s: Stack(self.states[s], self.settings.stack(s), self._application) for s in SIDES
            },
            tenants={tenant.id: tenant for tenant in self.settings.tenant_models()},
            selected=self.selection.tenants,
            salt=self.run.salt,
            environment=environment_layer(os.environ),
            normalisers={name: each for given in normalisers for name, each in given.items()},
            drift=self.drift.part,
            settle=settle_of(self.config),
            as_of=as_of_of(self.config),
            asked=self.asked,
            once=Once(self.drift.directory if self.is_worker else None, self.drift.seal),
            watch=self.scans.tell,
        )
        return Audit(run)

    @property
    def scans(self) -> Scans:
        """The progress of the scans in all processes on this machine."""
        return Scans(self.drift.directory)

    def servers(self, side: Side) -> list[ServerFacts]:
        """Return the servers that were read on one side."""
        state = self.states.get(side)
        return [each.server for each in state.databases.values()] if state else []

    @property
    def is_worker(self) -> bool:
        """Whether this process is an xdist worker, so that another process writes the report."""
        return hasattr(self.config, "workerinput")

    @cached_property
    def reports(self) -> RunDirectory:
        """The directory of the report and the journal."""
        given: str | None = self.config.getoption("parity_report") or None
        if given is not None:
            return RunDirectory(self.config.invocation_params.dir / given)
        parent = self.config.rootpath / self.settings.report.directory
        return RunDirectory(parent / self.run.id, parent)

    @property
    def rerun(self) -> Invocation:
        """The invocation that repeats single checks. This process has collected all tests."""
        if self._rerun is None:
            self._rerun = self.rerun_of(self.plan)
        return self._rerun

    def rerun_of(self, planned: Mapping[CheckKey, PlannedItem]) -> Invocation:
        """Return the invocation that repeats single checks of the plan ``planned``."""
        tests = {key.name: without_parameters(item.nodeid) for key, item in planned.items()}
        files = {nodeid.partition("::")[0] for nodeid in tests.values()}
        return replace(with_places(self.invocation, self.config, self.path, files), tests=tests)

    @cached_property
    def invocation(self) -> Invocation:
        """The user's call of pytest."""
        return invocation_of(self.config, self.settings)

    @property
    def earlier_journal(self) -> Path:
        """The journal of the run that ``--parity-resume`` resumes."""
        return self.reports.latest / JOURNAL

    @property
    def scope(self) -> str:
        """The selection in words, and the shard if this run is one."""
        if self.share is None or self.share.of == 1:
            return self.whole_scope
        return f"{self.whole_scope}, {self.share.name}"

    @property
    def whole_scope(self) -> str:
        """The selection of all shards, in the user's own words."""
        tenants = _in_words(self.config.getoption("tenants"), "all tenants")
        tables = self.config.getoption("parity_tables")
        return f"{tenants} (tables {_in_words(tables, 'all')})" if tables else tenants

    def own_targets(self, targets: Iterable[Target]) -> list[Target]:
        """Return the ``targets`` that belong to this run and not to another shard."""
        if self.share is None:
            return list(targets)
        no_tenants = replace(self.selection, tenants=())
        return self.share.own(targets, audit_targets(no_tenants, self.selected_pairs))

    def cohort_of(self, tenant: str | None) -> str:
        """Return the cohort of ``tenant``. Empty if ``tenant`` is None."""
        return self._cohorts.get(tenant or "", "")

    @cached_property
    def _cohorts(self) -> dict[str, str]:
        return {tenant.id: tenant.cohort for tenant in self.selection.tenants}

    @property
    def _application(self) -> str:
        """The application name of this run's sessions on the servers."""
        return f"tenantparity/{self.run.id}"

    def set_pairs(self, pairs: tuple[TablePair, ...] | None) -> None:
        """Set all table pairs, and select those that match ``--parity-tables``."""
        if pairs is None:
            return
        terms = _terms_of(self.config, "--parity-tables")
        self.pairs, self.selected_pairs = pairs, select_pairs(pairs, terms)

    def _nothing_found(self) -> str:
        """Return the message for a run without tables, with the places that were searched."""
        if any(self._tables(side) for side in SIDES):
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

    @property
    def unnamed_views(self) -> dict[Side, dict[str, str]]:
        """The views that no check compares, by side, each with its kind, such as ``view``."""
        views: dict[Side, dict[str, str]] = {}
        for side in SIDES if self.pairs is not None and self.states else ():
            found: dict[str, str] = {}
            for database in self.states[side].databases.values():
                for catalog in database.catalogs.values():
                    found |= catalog.views
            views[side] = unnamed_views(self.settings, self.pairs or (), side, found)
        return views

    def _tables(self, side: Side) -> list[str]:
        tables: dict[str, None] = {}
        for database in self.states[side].databases.values():
            for catalog in database.catalogs.values():
                tables |= dict.fromkeys(catalog.stored_tables)
        return list(tables)

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

    def _open_sides(self) -> None:
        """Open both sides at the same time.

        This halves the time, and brings the snapshots of both sides closer together. If an error is
        raised, :meth:`close` stops the work of the other thread.
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

    def _opening(self, side: Side) -> Callable[[], StackState]:
        """Call the project's connect hook, and return a function that opens the stack.

        The hook is called before any connection is made. If the hook raises an exception, the
        returned function reports the stack as unavailable.
        """
        stack = self.settings.stack(side)
        try:
            given = self.config.hook.pytest_parity_connect(config=self.config, stack=side)
            url = Secret(given) if isinstance(given, str) else given
        except Exception as error:  # noqa: BLE001 - whatever a project's own hook may raise
            said = redacted(str(error))
            kind = type(error).__name__
            reason = f"{side}: the pytest_parity_connect hook failed: {kind}: {said}"
            return lambda: StackState(side, "", unavailable={"": reason})
        anchor = SnapshotHolder(partial(self._refuse_too_many_connections, side))
        self._anchors.append(anchor)
        places = self._places(side)
        opening = partial(open_stack, side, stack, self._application, url, places, anchor=anchor)
        return lambda: opening()[0]

    def _refuse_several_snapshots(self, side: Side) -> None:
        """Refuse several processes on a stack whose sessions cannot share a snapshot.

        If parts of a table are read at different times, a row that moves between them can be
        missed. Raises :class:`SettingsError`.
        """
        stack, state = self.settings.stack(side), self.states[side]
        if not state.url or stack.frozen is not None or worker_count(self.config) == 1:
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
                "MySQL and MariaDB can. Take the throttle away"
            )

    def _dialect(self, side: Side) -> Dialect:
        return Stack(self.states[side], self.settings.stack(side), self._application).dialect

    def _product(self, side: Side) -> str:
        """Return the server's product name. Before a connection, return the name of the dialect.

        The two can differ: the dialect of MariaDB is named ``MySQL``.
        """
        known = self.servers(side)
        return known[0].product if known else self._dialect(side).name

    def _refuse_too_many_connections(self, side: Side, snapshots: int) -> None:
        stack = self.settings.stack(side)
        most = stack.max_connections
        workers = worker_count(self.config)
        further = [
            *(["--parity-settle"] if settle_of(self.config) is not None else []),
            *(["the throttle"] if stack.throttle is not None else []),
        ]
        if snapshots + workers * (1 + len(further)) > most:
            more = "".join(f", one more each for {each}," for each in further)
            hint = (
                ". Where nothing is written to it, say why, and PostgreSQL's databases of single "
                f'tenants take none: [{side}] frozen = "..."'
            )
            raise SettingsError(
                f"[{side}] max_connections = {most} is too few for {workers} workers{more} and "
                f"{snapshots} snapshots; raise it, or run fewer workers (-n) or tenants"
                + (hint if snapshots > 1 and stack.frozen is None else "")
            )


def without_parameters(nodeid: str) -> str:
    """Return ``nodeid`` without the parameters of the item."""
    path, _, names = nodeid.partition("::")
    return f"{path}::{names.partition('[')[0]}"


def _terms_of(config: pytest.Config, option: str) -> list[str]:
    """Return the terms of ``--tenants`` or ``--parity-tables``."""
    values = config.getoption(option.removeprefix("--").replace("-", "_"))
    return read_terms(option, values, config.invocation_params.dir)


def _in_words(values: Sequence[str], everything: str) -> str:
    """Return a description of what an option selects.

    ``all,a`` selects everything. ``!b`` is shown as "without b".
    """
    terms = [term for value in values for term in split_terms(value) if term]
    wanted = [term for term in terms if not term.startswith("!")]
    without = ", ".join(term[1:] for term in terms if term.startswith("!"))
    scope = everything if not wanted or "all" in wanted else ", ".join(wanted)
    return f"{scope} without {without}" if without else scope


def _with_hooked_pairs(config: pytest.Config, settings: Settings) -> Settings:
    given = config.hook.pytest_parity_pairs(config=config, settings=settings)
    more = {name: table for pairs in given for name, table in pairs.items()}
    tables = {name: _hooked_table(name, table) for name, table in more.items()}
    return settings.model_copy(update={"tables": {**settings.tables, **tables}})


def _hooked_table(name: str, table: Mapping[str, Any]) -> TableSettings:
    try:
        return TableSettings.model_validate(table)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise SettingsError(
            f"a pytest_parity_pairs hook gave a wrong table {name!r}: {place}: {first['msg']}"
        ) from None
