"""The facts of a run: everything that differs between two runs on the same data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from .check import CheckKind
from .evidence import Reading
from .server import ServerFacts
from .tenant import Side

RunState = Literal["COMPLETE", "INCOMPLETE"]


@dataclass(frozen=True, slots=True)
class ShardFacts:
    """The entry of a shard in its report, which the merge reads.

    - ``plan``: a digest of the work of all shards together, or None if the run ended before the
      plan was known.
    - ``scope``: the selection of all shards, in words.
    - ``note``: the only reason in the report that is about this shard alone.
    """

    index: int
    of: int
    plan: str | None
    scope: str
    note: str


@dataclass(frozen=True, slots=True)
class Invocation:
    """The call of pytest, without options that select checks or only change the output.

    - ``environment``: variables that affect the verdict.
    - ``tests``: node ids of the tests without parameters, by check name.
    - ``program``: the command without options.
    - ``root``: folder of the node ids, relative to the folder where pytest was called.
    """

    environment: dict[str, str] = field(default_factory=dict)
    tests: dict[str, str] = field(default_factory=dict)
    program: tuple[str, ...] = ("pytest",)
    options: tuple[str, ...] = ("--fail-on-drift",)
    root: str = "."


@dataclass(frozen=True, slots=True)
class SettingsFacts:
    """The settings file, and a digest of all settings in force.

    ``assurances`` are reasons of settings that assure something of whole stacks, such as
    ``[legacy] frozen``.
    """

    path: str
    sha256: str
    assurances: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ResumedRun:
    """An earlier run whose proofs this run uses, for ``checks`` checks."""

    run: str
    started: str
    checks: int


@dataclass(frozen=True, slots=True)
class CheckTime:
    """The duration of one check in seconds."""

    kind: CheckKind
    name: str
    tenant: str | None
    subject: str | None
    seconds: float


@dataclass(frozen=True, slots=True)
class RunFacts:
    """The facts of one run. Times are UTC, in ISO 8601.

    - ``again``: the call of pytest, from which commands that repeat a check are made.
    - ``salt``: the number that was mixed into all hashes. Merged reports have several, and None.
    - ``servers``: the servers that were read, by stack.
    - ``skew_seconds``: the seconds between the snapshots of both stacks. None without a snapshot.
    - ``throttled_seconds``: the seconds for which throttles delayed the run, by stack.
    - ``evidence_sha256``: the SHA-256 of ``evidence.json``. It is empty until that is written.
    - ``shard``: the part of the audit that this run was. ``shards``: the runs of a merged report.
    """

    id: str
    state: RunState
    started: str
    ended: str
    command: str
    again: Invocation | None
    workers: int
    fail_on_drift: bool
    salt: int | None
    settings: SettingsFacts
    versions: dict[str, str]
    servers: dict[Side, tuple[ServerFacts, ...]]
    skew_seconds: float | None
    throttled_seconds: dict[Side, float] = field(default_factory=dict)
    readings: tuple[Reading, ...] = ()
    hints: tuple[str, ...] = ()
    resumed: tuple[ResumedRun, ...] = ()
    evidence_sha256: str = ""
    shard: ShardFacts | None = None
    shards: tuple[RunFacts, ...] = ()
    seconds_by_check: tuple[CheckTime, ...] = ()
