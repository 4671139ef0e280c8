"""Resuming: take over the proofs in the journal of earlier runs, and add the proofs of this run."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from ...errors import SettingsError
from ...model import SIDES, CheckKey, Evidence, ResumedRun
from ...parity import environment_layer
from . import resume_journal as journal
from .resume_journal import Heading, Proof, Record
from .run_metadata import settings_digest, versions

if TYPE_CHECKING:
    from ...stacks import DatabaseState
    from .session import AuditSession

Part = str | list[str]

_MOST_NAMES = 5


def take_over(session: AuditSession) -> None:
    """Load the proofs of earlier runs into ``session`` if ``--parity-resume`` is given.

    Raises :class:`SettingsError` for a missing journal, and for the journal of another audit.
    """
    if session.options.resume:
        record = journal.read(session.earlier_journal)
        _refuse_another_audit(session, record)
        session.earlier = record


def _refuse_another_audit(session: AuditSession, record: Record) -> None:
    """Compare the basis of this run with that of each earlier run that has proven a check.

    Raises :class:`SettingsError` if they differ. Runs without proofs are not compared, because
    nothing is taken over from them.
    """
    proving = {proof.run for proof in record.proofs.values()}
    now = dict(_unreached(session)) | _basis(session)
    for heading in record.headings:
        if heading.run not in proving:
            continue
        if differing := [p for p, then in heading.basis.items() if now.get(p) != then]:
            changes = "; ".join(_change(p, heading.basis[p], now.get(p)) for p in differing)
            raise SettingsError(
                f"--parity-resume: {session.earlier_journal} is of another audit, for since the "
                f"run {heading.run} this has changed: {changes}. Change it back, name the "
                "directory of the run to go on with (--parity-report=DIR), or run without "
                "--parity-resume"
            )


def _change(part: str, then: Part, now: Part | None) -> str:
    if not isinstance(then, list) or not isinstance(now, list):
        return f"{part} ({then} then, {now} now)"
    lost, new = sorted({*then} - {*now}), sorted({*now} - {*then})
    return f"{part} ({_names(lost)} only then, {_names(new)} only now)"


def _names(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return (", ".join(names[:_MOST_NAMES]) or "none") + more


def _basis(session: AuditSession) -> dict[str, Part]:
    """Return the facts that a run's proofs depend on, except the data, by readable names."""
    selection, pairs, share = session.selection, session.selected_pairs, session.share
    settle, as_of = session.options.settle, session.options.as_of
    frozen = {side: session.settings.stack(side).frozen for side in SIDES}
    return {
        "version of pytest-tenantparity": versions()["pytest-tenantparity"],
        **{f"[{side}] frozen": str(reason) for side, reason in frozen.items()},
        "settings": f"sha256 {settings_digest(session.settings)}",
        "MIGRATION_DRIFT_TOLERANCE": str(environment_layer(os.environ).tolerance.absolute),
        "tenants": sorted(tenant.id for tenant in selection.tenants),
        "tables": sorted(pair.name for pair in pairs or ()),
        "checks beyond single tenants": sorted(selection.subjects),
        "--parity-settle": "none" if settle is None else f"{settle:g} s",
        "--parity-as-of": "none" if as_of is None else as_of.text,
        "--parity-shard": "none" if share is None else share.name,
        "tenants of the shard": [] if share is None else sorted(share.own_tenants),
        **dict(_databases(session)),
    }


def _databases(session: AuditSession) -> Iterator[tuple[str, str]]:
    for side in SIDES:
        for name, state in session.states[side].databases.items():
            yield f"{side} database {name}".strip(), _identity(state)


def _identity(state: DatabaseState) -> str:
    """Return a text that identifies a database itself, not its route (such as a tunnel's port)."""
    server = state.server
    schemas = ", ".join(sorted(catalog.schema for catalog in state.catalogs.values()))
    standby = ", a replica" if server.replica else ""
    return f"{server.database}, schema {schemas}, of {server.system or server.address}{standby}"


def _unreached(session: AuditSession) -> Iterator[tuple[str, str]]:
    for side in SIDES:
        for name, reason in session.states[side].unavailable.items():
            yield f"{side} database {name}".strip(), f"not reached: {reason}"


class JournalKeeper:
    """Writes proofs to the journal as they arrive, in the process that the user started."""

    def __init__(self, session: AuditSession) -> None:
        self.trouble: str | None = None
        self._session = session
        self._path = session.reports.path / journal.JOURNAL
        self._file: BinaryIO | None = None
        self._written: dict[CheckKey, None] = {}  # a set of 20,000 keys takes four times the memory
        self._taken_over: dict[CheckKey, str] = {}  # the earlier run that has proven each check

    def begin(self) -> None:
        """Begin the journal of this run with the lines of the journal that it resumes, if any."""
        heading = Heading(self._session.run.id, self._session.run.started, _basis(self._session))
        with self._noting_trouble():
            if self._session.earlier.headings:
                journal.go_on(self._path, self._session.earlier_journal, heading)
            else:
                journal.begin(self._path, heading)
            self._file = self._path.open("ab")

    def close(self) -> None:
        """End the journal of this run."""
        if self._file is not None:
            with self._noting_trouble():
                self._file.close()
            self._file = None

    def note(self, evidence: Evidence, tolerance_digest: str | None) -> None:
        """Write a proof to the journal, or a line that withdraws an earlier proof.

        ``tolerance_digest`` is None for a hand-written test, which every run executes again.
        """
        if tolerance_digest is None:
            return
        key, earlier = evidence.key, self._session.earlier
        if (proof := earlier.proof_of(key, tolerance_digest)) is not None:
            self._taken_over[key] = proof.run
        elif journal.may_stand(evidence) or key in self._written or key in earlier.proofs:
            self._written[key] = None
            if self._file is not None and self.trouble is None:
                with self._noting_trouble():
                    proof = Proof(self._session.run.id, tolerance_digest, evidence)
                    journal.append(self._file, proof)

    @property
    def resumed(self) -> list[ResumedRun]:
        """The earlier runs whose proofs this report uses, each with its number of checks."""
        counted = Counter(self._taken_over.values())
        return [
            ResumedRun(each.run, each.started, counted[each.run])
            for each in self._session.earlier.headings
            if counted[each.run]
        ]

    @contextmanager
    def _noting_trouble(self) -> Iterator[None]:
        """Note the first failure. The audit continues, and nothing more is written.

        The journal could otherwise continue after a broken line.
        """
        try:
            yield
        except OSError as error:
            self.trouble = self.trouble or (
                f"the journal could not be written, and a run that is cut off cannot go on "
                f"from here: {self._path}: {error}"
            )
