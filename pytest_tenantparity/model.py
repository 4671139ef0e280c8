"""The data model of an audit: tenants, checks, findings, evidence and the report.

All models are frozen, and contain only primitives and other models. Therefore
:mod:`pytest_tenantparity.wire` can convert each model to a plain dict and back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

Side = Literal["legacy", "modern"]
SIDES: tuple[Side, Side] = ("legacy", "modern")

# The words that select checks beyond single tenants. No tenant may have one of these ids.
GLOBAL = "global"  # the rows of tables that all tenants share
UNASSIGNED = "unassigned"
COVERAGE = "coverage"
CANARY = "canary"
BEYOND_TENANTS = (GLOBAL, UNASSIGNED, COVERAGE, CANARY)

ANY_TABLE = "*"
"""The name that is shown if a check has no table, or its tables are not yet discovered."""


SLOW = "slow: "
"""The prefix of a hint with the reason why rows were read more slowly than planned."""


UNTOLD = "the reason could quote a masked value and is left out"


class Status(StrEnum):
    """The status of one check."""

    MATCH = "MATCH"
    TOLERATED = "TOLERATED"
    DRIFT = "DRIFT"
    NOT_PROVEN = "NOT PROVEN"


class Verdict(StrEnum):
    """The verdict of a whole run."""

    GO = "GO"
    NO_GO = "NO-GO"
    NOT_PROVEN = "NOT PROVEN"


class FindingKind(StrEnum):
    """How a row differs, from the point of view of the legacy stack."""

    MISSING = "missing"  # in legacy, not in modern
    EXTRA = "extra"  # in modern, not in legacy
    CHANGED = "changed"
    DUPLICATE = "duplicate"  # one of several rows of a side that have the same key, or are equal


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How much two stacks may differ. ``None`` uses the value of the next outer layer.

    ``absolute`` and ``relative`` apply to numbers, and ``seconds`` to times. ``rows`` and ``ratio``
    (0 to 1) are budgets of differing rows for one tenant's rows of one table.
    """

    absolute: Decimal | None = None
    relative: Decimal | None = None
    seconds: Decimal | None = None
    rows: int | None = None
    ratio: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Tenant:
    """A customer, and the values that identify its rows on each stack."""

    id: str
    name: str
    cohort: str
    legacy_accounts: tuple[str, ...]
    modern_id: str
    tolerance: Tolerance = field(default_factory=Tolerance)


class CheckKind(StrEnum):
    """The subject of a check. It determines what is measured, and the words in the report."""

    ROWS = "rows"  # a tenant's rows of a table; without a tenant, the rows of a shared table
    UNASSIGNED = "unassigned"  # the unassigned rows of a table
    COVERAGE = "coverage"  # the tables that belong to no pair
    CANARY = "canary"  # whether the audit itself would notice a change of a table
    TEST = "test"  # the assertions of a hand-written test
    VALIDATOR = "validator"  # a rule that holds on the new platform
    GATE = "gate"  # a criterion for the next phase
    LATENCY = "latency"  # how long requests take


@dataclass(frozen=True, slots=True)
class Target:
    """The subject of one test item. ``table`` is None if the item is about no single table."""

    kind: CheckKind
    tenant: str | None = None
    table: str | None = None

    @property
    def whose(self) -> str:
        """The tenant, or the word that selects checks of this kind."""
        if self.tenant is not None:
            return self.tenant
        return GLOBAL if self.kind is CheckKind.ROWS else self.kind.value

    @property
    def id(self) -> str:
        """The text between the brackets of the item's id, such as ``acme-trades``.

        ``acme-*`` stands for tables that are not yet discovered.
        """
        if self.table is None and (self.tenant is None or self.kind is not CheckKind.ROWS):
            return self.whose
        return f"{self.whose}-{self.table or ANY_TABLE}"


@dataclass(frozen=True, slots=True)
class CheckKey:
    """The identity of a check in every run: its kind, its name, and its subject.

    ``name`` is the name of the test with its module, without a folder. ``subject`` is usually a
    table. ``tenant`` or ``subject`` is None if the check is about no single one.
    """

    kind: CheckKind
    name: str
    tenant: str | None = None
    subject: str | None = None

    @property
    def whose(self) -> str:
        """The tenant, or the word that selects checks of this kind."""
        return Target(self.kind, self.tenant).whose

    @property
    def what(self) -> str:
        """The subject, as reports show it."""
        return ANY_TABLE if self.subject is None else self.subject

    @property
    def order(self) -> tuple[str, str, str, str]:
        """The sort key of checks."""
        return self.name, self.whose, self.what, self.kind.value

    def __str__(self) -> str:
        """The check in words."""
        return f"{self.name} of {self.whose} / {self.what}"


@dataclass(frozen=True, slots=True)
class ValuePair:
    """One column's values in one row, as texts. ``None`` is SQL NULL.

    ``explanation`` describes what is not visible: where JSON or long values differ, and which
    characters only look alike.
    """

    legacy: str | None
    modern: str | None
    explanation: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MappedId:
    """One id of a key map in both stacks. ``None`` means that the map has no id for the stack."""

    legacy: str | None
    modern: str | None


@dataclass(frozen=True, slots=True)
class Finding:
    """One differing row.

    - ``columns``: the changed values.
    - ``row``: the first other values of a row that only one side has.
    - ``ids``: both ids of each column that a key map translates.
    - ``remarks``: what is not visible in the key and the row, such as hidden characters, another
      type, or an escaped text.
    """

    kind: FindingKind
    key: dict[str, str | None]
    columns: dict[str, ValuePair] = field(default_factory=dict)
    copies: int = 1
    note: str = ""
    row: dict[str, str | None] = field(default_factory=dict)
    ids: dict[str, MappedId] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RowCounts:
    """The number of rows in the scope of a check, on each side."""

    legacy: int = 0
    modern: int = 0


@dataclass(frozen=True, slots=True)
class DriftCounts:
    """Exact totals of differing rows, including rows that are not listed as findings."""

    missing: int = 0
    extra: int = 0
    changed: int = 0
    duplicate: int = 0

    @property
    def total(self) -> int:
        """All differing rows."""
        return self.missing + self.extra + self.changed + self.duplicate


@dataclass(frozen=True, slots=True)
class Account:
    """The number of rows of one side of a table: of any tenant, and unassigned."""

    side: Side
    total: int
    tenants: int
    unassigned: int


@dataclass(frozen=True, slots=True)
class ColumnCounts:
    """Columns of a legacy table: all, the compared ones, and those the canary watched."""

    watched: int
    compared: int
    total: int


@dataclass(frozen=True, slots=True)
class AppliedTolerance:
    """A rule that forgave differences: the rule, where it is written, and the number of rows."""

    rule: str
    allowed: str
    source: str
    rows: int
    column: str | None = None


@dataclass(frozen=True, slots=True)
class NamedRule:
    """A rule of the settings that decides which values are equal, or which rows take part."""

    rule: str
    column: str | None = None


@dataclass(frozen=True, slots=True)
class PairColumn:
    """A column of a table pair with a special treatment, and its description."""

    name: str
    how: str


@dataclass(frozen=True, slots=True)
class PairFacts:
    """A table pair as it was compared: the table of each side, the key, and the tenancy.

    ``legacy`` and ``modern`` are empty if no check could open the pair. ``key_is`` is the origin of
    the key. ``columns`` lists only columns that are not simply compared under their own name.
    """

    table: str
    legacy: str
    modern: str
    legacy_tenancy: str
    modern_tenancy: str
    key: tuple[str, ...] = ()
    key_is: str = ""
    compared: int = 0
    columns: tuple[PairColumn, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """How the rows of one side of a table were read."""

    table: str
    side: Side
    how: str


@dataclass(frozen=True, slots=True)
class Work:
    """How a check was made. The data do not determine this, so it is in the report's ``run`` block.

    ``waited`` is the seconds for which a throttle delayed the check, by stack. Each process gives
    each of its ``readings`` and ``hints`` only once, with the first check they apply to.
    """

    waited: dict[Side, float] = field(default_factory=dict)
    readings: tuple[Reading, ...] = ()
    hints: tuple[str, ...] = ()


# Thousands of checks may have no drift and no work to report. They share these objects.
NO_DRIFT, NO_WORK = DriftCounts(), Work()


@dataclass(frozen=True, slots=True)
class Evidence:
    """The result of one check. ``reasons`` explain why a check is not proven.

    - ``digest``: the name of the hash on which equality is based.
    - ``columns``: the columns that a canary watched.
    - ``accounts``: the rows of the whole table by attribution, on each side.
    - ``in_flight``: the number of rows that differed in the snapshots and agreed when they were
      read again.
    - ``left_out``: the number of rows that filters leave out, by the text of the exclusion.
    - ``pairs``: the facts of the compared pairs. Each process gives each pair only once, with the
      first check that uses the pair.
    """

    key: CheckKey
    status: Status
    rows: RowCounts = field(default_factory=RowCounts)
    drift: DriftCounts = NO_DRIFT
    findings: tuple[Finding, ...] = ()
    tolerance: tuple[AppliedTolerance, ...] = ()
    rules: tuple[NamedRule, ...] = ()
    reasons: tuple[str, ...] = ()
    digest: str = ""
    columns: ColumnCounts | None = None
    accounts: tuple[Account, ...] = ()
    in_flight: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    pairs: tuple[PairFacts, ...] = ()
    seconds: float = 0.0
    work: Work = NO_WORK


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Something that is left out of the comparison, and the reason.

    ``rows`` is the number of rows of the whole table that a filter leaves out. It is None if the
    exclusion is not about rows, or if no coverage check counted them.
    """

    what: str
    reason: str
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class CohortFacts:
    """The tenants of this run that are moved together. ``names`` are their names by tenant id."""

    name: str
    order: int | None
    rollback_window: str | None
    names: dict[str, str]


@dataclass(frozen=True, slots=True)
class Population:
    """How much of the plan was carried out."""

    planned: int
    executed: int
    proven: int
    rows: RowCounts
    exclusions: tuple[Exclusion, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report.

    ``seconds`` is an upper bound from a coarse scale, so that equal data give equal bytes. The
    measured time is in the report's ``run.seconds_by_check``.
    """

    key: CheckKey
    cohort: str
    status: Status
    rows: RowCounts
    drift: DriftCounts
    findings: tuple[Finding, ...]
    tolerance: tuple[AppliedTolerance, ...]
    rules: tuple[NamedRule, ...]
    reasons: tuple[str, ...]
    digest: str
    columns: ColumnCounts | None
    accounts: tuple[Account, ...]
    in_flight: int
    seconds: int


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The report of a run. Everything that differs between two runs on equal data is in ``run``."""

    schema: str
    verdict: Verdict
    headline: str
    reasons: tuple[str, ...]
    population: Population
    cohorts: tuple[CohortFacts, ...] = field(default=(), kw_only=True)  # not in older reports
    pairs: tuple[PairFacts, ...] = field(default=(), kw_only=True)
    checks: tuple[Check, ...]
    run: dict[str, Any]
