"""The state of an audit in one process: the settings, the plan and the open stacks."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from pydantic import ValidationError

from ...audit import OpenStacks
from ...config import Settings, TableSettings, load_settings
from ...config.as_of import require_as_of
from ...errors import SettingsError, StackUnavailable
from ...inventory import (
    Selection,
    TablePair,
    audit_targets,
    make_pair,
    planned_pairs,
    read_terms,
    select_pairs,
    select_tenants,
    split_terms,
    unnamed_views,
)
from ...inventory.shards import Share
from ...model import SIDES, CheckKey, Invocation, Side, Target
from ...parity import Audit, Run, Scans, SharedCache, environment_layer
from ...reporting import DriftParts
from ...sealed import Seal
from ...stacks import (
    Secret,
    ServerFacts,
    StackState,
    redacted,
)
from ...wire import from_wire, to_wire
from ..options import CommandLine, command_line, is_dry_run, worker_count
from ..results.payload import Payload
from .ignored_files import IgnoredFiles
from .invocation import invocation_of, with_places
from .resume_journal import JOURNAL, Proof, Record
from .run_directory import RunDirectory


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
    options: CommandLine
    stacks: OpenStacks
    pairs: tuple[TablePair, ...] | None = None  # all pairs; None until they are discovered
    selected_pairs: tuple[TablePair, ...] | None = None
    plan: dict[CheckKey, PlannedItem] = field(default_factory=dict)
    named_tests: dict[str, str] = field(default_factory=dict)  # node ids, by check name
    keys: dict[str, CheckKey] = field(default_factory=dict)  # keys of the plan, by node id
    plan_sent: bool = False
    payloads: dict[CheckKey, Payload] = field(default_factory=dict)  # of tests that are running
    share: Share | None = None  # from --parity-shard; None for the whole audit
    tests: dict[str, str] = field(default_factory=dict)  # tests of all shards: digest by node id
    earlier: Record = field(default_factory=Record)  # proofs that --parity-resume takes over
    drift: DriftParts = field(default_factory=DriftParts)
    asked: dict[str, set[str]] | None = None  # tenants by table; None until collection ends
    ignored_files: IgnoredFiles = field(default_factory=IgnoredFiles)
    _rerun: Invocation | None = None
    _scratch: TemporaryDirectory[str] | None = None  # one folder for all processes of the run

    @classmethod
    def prepare(cls, config: pytest.Config, path: Path, run: RunIdentity) -> AuditSession:
        """Return a session with settings and selection. No database is used."""
        settings = _with_hooked_pairs(config, load_settings(path))
        options = command_line(config)
        canary = settings.canary or options.canary
        terms = read_terms("--tenants", options.tenants, config.invocation_params.dir)
        selection = select_tenants(settings, terms, canary=canary)
        stacks = OpenStacks(
            settings,
            selection,
            f"tenantparity/{run.id}",
            settles=options.settle is not None,
            connect=partial(_hooked_url, config),
        )
        session = cls(config, path, settings, selection, run, options, stacks)
        session.set_pairs(planned_pairs(settings))
        environment_layer(os.environ)
        if options.as_of is not None or not is_dry_run(config):  # a dry run reads no rows
            require_as_of(settings.filters, options.as_of)
        return session

    @classmethod
    def in_worker(cls, config: pytest.Config, wire: Mapping[str, Any]) -> AuditSession:
        """Return the session of a worker, from the data that the main process sent."""
        session = cls.prepare(config, Path(wire["path"]), from_wire(RunIdentity, wire["run"]))
        states = {side: from_wire(StackState, wire["states"][side]) for side in SIDES}
        session.stacks.states = states
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
        self.stacks.processes = worker_count(self.config)
        self.stacks.open()
        if self.pairs is None:
            self.set_pairs(self.stacks.discovered())
        self._scratch = TemporaryDirectory(prefix="tenantparity-")
        self.drift = DriftParts(Path(self._scratch.name))

    def close(self) -> None:
        """Close this process's connections, and release the snapshots."""
        with ExitStack() as cleanup:
            if self._scratch is not None:
                cleanup.callback(self._scratch.cleanup)
            cleanup.callback(self.stacks.close)
            if "audit" in self.__dict__:
                cleanup.callback(self.audit.run.close)

    @cached_property
    def audit(self) -> Audit:
        """The checks of this run in this process."""
        normalisers = self.config.hook.pytest_parity_normalisers(config=self.config)
        run = Run(
            settings=self.settings,
            pairs={pair.name: pair for pair in self.pairs or ()},
            stacks=self.stacks.connected(),
            tenants={tenant.id: tenant for tenant in self.settings.tenant_models()},
            selected=self.selection.tenants,
            salt=self.run.salt,
            environment=environment_layer(os.environ),
            normalisers={name: each for given in normalisers for name, each in given.items()},
            open_sink=self.drift.part,
            settle=self.options.settle,
            as_of=self.options.as_of,
            audited_ids=self.asked,
            shared_cache=SharedCache(
                self.drift.directory if self.is_worker else None, self.drift.seal
            ),
            watch=self.scans.tell,
        )
        return Audit(run)

    @property
    def states(self) -> dict[Side, StackState]:
        """What was opened on each side. Empty until the stacks are open."""
        return self.stacks.states

    @property
    def scans(self) -> Scans:
        """The progress of the scans in all processes on this machine."""
        return Scans(self.drift.directory)

    def servers(self, side: Side) -> list[ServerFacts]:
        """Return the servers that were read on one side."""
        return self.stacks.servers(side)

    @property
    def fails_on_drift(self) -> bool:
        """Whether drift fails a test. A conftest may set this option until the tests run."""
        return bool(self.config.getoption("fail_on_drift"))

    @property
    def is_worker(self) -> bool:
        """Whether this process is an xdist worker, so that another process writes the report."""
        return hasattr(self.config, "workerinput")

    @cached_property
    def reports(self) -> RunDirectory:
        """The directory of the report and the journal."""
        if self.options.report is not None:
            return RunDirectory(self.config.invocation_params.dir / self.options.report)
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
        tenants = _in_words(self.options.tenants, "all tenants")
        tables = self.options.tables
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

    def set_pairs(self, pairs: tuple[TablePair, ...] | None) -> None:
        """Set all table pairs, and select those that match ``--parity-tables``."""
        if pairs is None:
            return
        terms = read_terms(
            "--parity-tables", self.options.tables, self.config.invocation_params.dir
        )
        self.pairs, self.selected_pairs = pairs, select_pairs(pairs, terms)

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


def without_parameters(nodeid: str) -> str:
    """Return ``nodeid`` without the parameters of the item."""
    path, _, names = nodeid.partition("::")
    return f"{path}::{names.partition('[')[0]}"


def _in_words(values: Sequence[str], everything: str) -> str:
    """Return a description of what an option selects.

    ``all,a`` selects everything. ``!b`` is shown as "without b".
    """
    terms = [term for value in values for term in split_terms(value) if term]
    wanted = [term for term in terms if not term.startswith("!")]
    without = ", ".join(term[1:] for term in terms if term.startswith("!"))
    scope = everything if not wanted or "all" in wanted else ", ".join(wanted)
    return f"{scope} without {without}" if without else scope


def _hooked_url(config: pytest.Config, side: Side) -> str | Secret | None:
    """Return the URL that the project's connect hook gives, or None.

    Raises :class:`StackUnavailable` if the hook raises an exception.
    """
    try:
        given = config.hook.pytest_parity_connect(config=config, stack=side)
        return Secret(given) if isinstance(given, str) else given
    except Exception as error:  # noqa: BLE001 - whatever a project's own hook may raise
        said = redacted(str(error))
        kind = type(error).__name__
        raise StackUnavailable(
            f"{side}: the pytest_parity_connect hook failed: {kind}: {said}"
        ) from None


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
