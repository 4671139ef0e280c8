"""What an audit talks about: tenants, checks, findings, evidence, the report.

Everything here is frozen and holds nothing but primitives and other models, so that
:mod:`pytest_tenantparity.wire` can turn any of it into a plain dict and back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

Side = Literal["legacy", "modern"]
SIDES: tuple[Side, Side] = ("legacy", "modern")

# The words that select checks beyond single tenants. No tenant may take one of these ids.
GLOBAL = "global"  # the rows of tables that all tenants share
UNASSIGNED = "unassigned"
COVERAGE = "coverage"
CANARY = "canary"
BEYOND_TENANTS = (GLOBAL, UNASSIGNED, COVERAGE, CANARY)

ANY_TABLE = "*"
"""How a table is shown that a check does not name, or that is not yet discovered."""


SLOW = "slow: "
"""How a hint begins that gives the reason why rows were read by a slower way than planned."""


UNTOLD = "the reason could quote a masked value and is left out"


class Status(StrEnum):
    """What one check came to."""

    MATCH = "MATCH"
    TOLERATED = "TOLERATED"
    DRIFT = "DRIFT"
    NOT_PROVEN = "NOT PROVEN"


class Verdict(StrEnum):
    """What a whole run came to."""

    GO = "GO"
    NO_GO = "NO-GO"
    NOT_PROVEN = "NOT PROVEN"


class FindingKind(StrEnum):
    """How a row differs, seen from the legacy stack."""

    MISSING = "missing"  # in legacy, not in modern
    EXTRA = "extra"  # in modern, not in legacy
    CHANGED = "changed"
    DUPLICATE = "duplicate"  # one of several rows of a side that share a key, or are the same


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How much two stacks may differ; ``None`` leaves it to the next outer layer.

    ``absolute`` and ``relative`` are for numbers, ``seconds`` for times; ``rows`` and
    ``ratio`` (0 to 1) are budgets of differing rows for one tenant's rows of one table.
    """

    absolute: Decimal | None = None
    relative: Decimal | None = None
    seconds: Decimal | None = None
    rows: int | None = None
    ratio: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Tenant:
    """A customer: where its rows are on each stack."""

    id: str
    name: str
    cohort: str
    legacy_accounts: tuple[str, ...]
    modern_id: str
    tolerance: Tolerance = field(default_factory=Tolerance)


class CheckKind(StrEnum):
    """What a check is about. The kind decides what is measured, and in which words."""

    ROWS = "rows"  # a tenant's rows of a table; without a tenant, those of a table that all share
    UNASSIGNED = "unassigned"  # the rows of a table that belong to no tenant
    COVERAGE = "coverage"  # the tables that belong to no pair
    CANARY = "canary"  # whether the audit itself would notice a change of a table
    TEST = "test"  # whatever a hand-written test asserts
    VALIDATOR = "validator"  # a rule that holds on the new platform
    GATE = "gate"  # a criterion for the next phase
    LATENCY = "latency"  # how long requests take


@dataclass(frozen=True, slots=True)
class Target:
    """What one item of a test is about. ``table`` is None if it is about no single table."""

    kind: CheckKind
    tenant: str | None = None
    table: str | None = None

    @property
    def whose(self) -> str:
        """The tenant, or the word that selects checks like this one."""
        if self.tenant is not None:
            return self.tenant
        return GLOBAL if self.kind is CheckKind.ROWS else self.kind.value

    @property
    def id(self) -> str:
        """The text between the brackets of the item's id, such as ``acme-trades``.

        ``acme-*`` stands for the tables that are not yet discovered.
        """
        if self.table is None and (self.tenant is None or self.kind is not CheckKind.ROWS):
            return self.whose
        return f"{self.whose}-{self.table or ANY_TABLE}"


@dataclass(frozen=True, slots=True)
class CheckKey:
    """What a check is known by, in every run: its kind, its name, and what it is about.

    ``name`` is that of the test with its module, without a folder. ``subject`` is a table, or what
    else a kind of check is about. None stands for no single tenant, or for no single subject.
    """

    kind: CheckKind
    name: str
    tenant: str | None = None
    subject: str | None = None

    @property
    def whose(self) -> str:
        """The tenant, or the word that selects checks like this one."""
        return Target(self.kind, self.tenant).whose

    @property
    def what(self) -> str:
        """The subject, as reports show it."""
        return ANY_TABLE if self.subject is None else self.subject

    @property
    def order(self) -> tuple[str, str, str, str]:
        """By what checks are sorted."""
        return self.name, self.whose, self.what, self.kind.value

    def __str__(self) -> str:
        """The check in words."""
        return f"{self.name} of {self.whose} / {self.what}"


@dataclass(frozen=True, slots=True)
class ValuePair:
    """One column's values in one row, as texts; ``None`` is SQL NULL.

    ``explanation`` says what a reader cannot see: what differs within JSON, where long values
    differ, which characters only look alike.
    """

    legacy: str | None
    modern: str | None
    explanation: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MappedId:
    """One id of a key map: what each stack calls it. ``None``: the map has none for that stack."""

    legacy: str | None
    modern: str | None


@dataclass(frozen=True, slots=True)
class Finding:
    """One row that differs.

    ``columns`` are the values that changed, ``row`` the first other values of a row that only one
    side has. ``ids`` are both ids of columns that are led through a key map. ``remarks`` say what
    cannot be seen of the key and the row: hidden characters, another type, an escaped spelling.
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
    """Rows in the scope of a check, on each side."""

    legacy: int = 0
    modern: int = 0


@dataclass(frozen=True, slots=True)
class DriftCounts:
    """Exact totals of differing rows, however few of them are listed as findings."""

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
    """All rows of one side of a table: those of some tenant, and those of none."""

    side: Side
    total: int
    tenants: int
    unassigned: int


@dataclass(frozen=True, slots=True)
class ColumnCounts:
    """Columns of the legacy table: how many are compared, and of those, watched by the canary."""

    watched: int
    compared: int
    total: int


@dataclass(frozen=True, slots=True)
class AppliedTolerance:
    """A rule that forgave something: which, where it was written, how many rows."""

    rule: str
    allowed: str
    source: str
    rows: int
    column: str | None = None


@dataclass(frozen=True, slots=True)
class NamedRule:
    """A rule of the settings that decides what counts as equal, or which rows take part."""

    rule: str
    column: str | None = None


@dataclass(frozen=True, slots=True)
class PairColumn:
    """A column of a table pair of which there is something to say, and that."""

    name: str
    how: str


@dataclass(frozen=True, slots=True)
class PairFacts:
    """A table pair as it was compared: the table of each side, the key, whose the rows are.

    ``legacy`` and ``modern`` are empty where no check could open the pair. ``key_is`` says where
    the key comes from; ``columns`` are those that are not simply compared under their own name.
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
    """How a check was made, which the data do not decide: the report's ``run`` block has it.

    ``waited`` are the seconds that it was held up by a throttle, by stack. Of ``readings`` and
    ``hints`` each process says each once, with the first check that it is about.
    """

    waited: dict[Side, float] = field(default_factory=dict)
    readings: tuple[Reading, ...] = ()
    hints: tuple[str, ...] = ()


# Thousands of checks may have no drift, and nothing to say of their work; they share these.
NO_DRIFT, NO_WORK = DriftCounts(), Work()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one check saw. ``reasons`` say why a check is not proven.

    ``digest`` names the hash that equality rests on; ``columns`` is what a canary watched,
    ``accounts`` are whose the rows of the whole table are. ``in_flight`` are rows that differed in
    the snapshots and agreed when they were looked at again. ``left_out`` are the rows that filters
    keep out, by the words of the exclusion. ``pairs`` say what was compared with what: each process
    says that once, with the first check that it is about.
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
    """Something that is kept out of the comparison, and why.

    ``rows`` are how many rows of the whole table a filter leaves out; None where that is not
    about rows, or where no coverage check counted them.
    """

    what: str
    reason: str
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class CohortFacts:
    """Tenants of this run that move together. ``names`` are those tenants' names, by their ids."""

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

    ``seconds`` is an upper bound out of a coarse scale, so that the same data give the
    same bytes; the measured time is in the report's ``run.seconds``.
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
    """The whole of a run. All that varies between two runs on the same data is in ``run``."""

    schema: str
    verdict: Verdict
    headline: str
    reasons: tuple[str, ...]
    population: Population
    cohorts: tuple[CohortFacts, ...] = field(default=(), kw_only=True)  # not in older reports
    pairs: tuple[PairFacts, ...] = field(default=(), kw_only=True)
    checks: tuple[Check, ...]
    run: dict[str, Any]
