"""Evidence: the outcome of one check, and what the check measured."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from .check import CheckKey
from .finding import NO_DRIFT, NO_ROWS, ColumnChanges, DriftCounts, Finding, RowCounts
from .outcome import WORDS, Outcome
from .tenant import Side

SLOW = "slow: "
"""The prefix of a hint with the reason why rows were read more slowly than planned."""


UNTOLD = "the reason could quote a masked value and is left out"


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


# ---- measurements, one type for each way of measuring


@dataclass(frozen=True, slots=True)
class RowParity:
    """How far the rows of both stacks are equal.

    ``digest`` is the name of the hash on which equality is based. ``in_flight`` is the number of
    rows that differed in the snapshots and agreed when they were read again. ``changes`` counts the
    ways in which values changed.
    """

    rows: RowCounts = field(default_factory=RowCounts)
    drift: DriftCounts = NO_DRIFT
    findings: tuple[Finding, ...] = ()
    tolerance: tuple[AppliedTolerance, ...] = ()
    digest: str = ""
    in_flight: int = 0
    changes: tuple[ColumnChanges, ...] = ()
    type: Literal["row parity"] = "row parity"


@dataclass(frozen=True, slots=True)
class Account:
    """The number of rows of one side of a table: of any tenant, and unassigned."""

    side: Side
    total: int
    tenants: int
    unassigned: int


@dataclass(frozen=True, slots=True)
class RowOwnership:
    """The unassigned rows of a table.

    ``rows`` counts all of them, and ``drift`` those that the settings do not declare. ``accounts``
    are the rows of the whole table by attribution, on each side.
    """

    rows: RowCounts = field(default_factory=RowCounts)
    drift: DriftCounts = NO_DRIFT
    findings: tuple[Finding, ...] = ()
    accounts: tuple[Account, ...] = ()
    type: Literal["row ownership"] = "row ownership"


@dataclass(frozen=True, slots=True)
class TableCoverage:
    """How many rows filters leave out of whole tables, by the text of the exclusion."""

    left_out: dict[str, int] = field(default_factory=dict)
    type: Literal["table coverage"] = "table coverage"


@dataclass(frozen=True, slots=True)
class ColumnCounts:
    """Columns of a legacy table: all, the compared ones, and those the canary watched."""

    watched: int
    compared: int
    total: int


@dataclass(frozen=True, slots=True)
class CanaryCoverage:
    """The columns in which the audit noticed each change, by the digest that it uses."""

    columns: ColumnCounts
    digest: str
    type: Literal["canary coverage"] = "canary coverage"


@dataclass(frozen=True, slots=True)
class Assertions:
    """The number of queries that a hand-written test ran on the two stacks."""

    queries: int
    type: Literal["assertions"] = "assertions"


@dataclass(frozen=True, slots=True)
class Violations:
    """The result of a validator.

    - ``rule``: what has to hold, in one sentence.
    - ``promise``: the sentence of the migration plan that the rule checks.
    - ``dimension``: the quality dimension (DAMA UK, 2013), such as ``completeness``.
    - ``count``: the number of rows or objects that break the rule.
    - ``sample``: the first of them, masked. ``queries`` show all of them, by stack.
    """

    rule: str
    promise: str
    dimension: str
    severity: Literal["error", "warn"]
    count: int
    sample: tuple[dict[str, str | None], ...] = ()
    queries: dict[Side, str] = field(default_factory=dict)
    type: Literal["violations"] = "violations"


@dataclass(frozen=True, slots=True)
class Threshold:
    """An observed number, and the bound for it.

    ``interval`` is the confidence interval of an estimate, with its ``confidence`` (0 to 1) and the
    number of ``samples``.
    """

    observed: float
    bound: float
    better: Literal["lower", "higher"]
    unit: str
    interval: tuple[float, float] | None = None
    confidence: float | None = None
    samples: int | None = None
    type: Literal["threshold"] = "threshold"


Measurement = (
    RowParity | RowOwnership | TableCoverage | CanaryCoverage | Assertions | Violations | Threshold
)
"""What a check measured. ``type`` tells the types apart, also in JSON."""


# ---- how a check was made


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
    """How a check was made. The data do not determine this, so it is not part of ``evidence.json``.

    - ``seconds``: the duration of the check.
    - ``waited``: the seconds for which a throttle delayed it, by stack.
    - ``readings``, ``hints``, ``pairs``: how rows were read, how they could be read faster, and
      what was compared with what. Each process gives each of these only once, with the first check
      that it applies to.
    """

    seconds: float = 0.0
    waited: dict[Side, float] = field(default_factory=dict)
    readings: tuple[Reading, ...] = ()
    hints: tuple[str, ...] = ()
    pairs: tuple[PairFacts, ...] = ()


NO_WORK = Work()


@dataclass(frozen=True, slots=True)
class Evidence:
    """The outcome of one check, and its measurement, or None if nothing could be measured.

    ``reasons`` explain why a check is not proven. ``rules`` are the rules of the settings that
    decide which values are equal, and which rows take part.
    """

    key: CheckKey
    outcome: Outcome
    measurement: Measurement | None = None
    rules: tuple[NamedRule, ...] = ()
    reasons: tuple[str, ...] = ()
    work: Work = NO_WORK

    @property
    def status(self) -> str:
        """The outcome in the words of the check's kind."""
        return WORDS[self.key.kind][self.outcome]

    def measured(self, **changes: Any) -> Evidence:
        """Return the evidence with other values of its measurement."""
        return replace(self, measurement=replace(self.measurement, **changes))  # type: ignore[type-var]

    @property
    def rows(self) -> RowCounts:
        """The rows that were compared, or that are unassigned. Other checks have none."""
        found = self.measurement
        return found.rows if isinstance(found, RowParity | RowOwnership) else NO_ROWS

    @property
    def drift(self) -> DriftCounts:
        """The rows that differ, or are unassigned and not declared. Other checks have none."""
        found = self.measurement
        return found.drift if isinstance(found, RowParity | RowOwnership) else NO_DRIFT

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The first rows that differ, or are unassigned and not declared."""
        found = self.measurement
        return found.findings if isinstance(found, RowParity | RowOwnership) else ()

    @property
    def tolerance(self) -> tuple[AppliedTolerance, ...]:
        """The rules that forgave differences of rows."""
        return self.measurement.tolerance if isinstance(self.measurement, RowParity) else ()

    @property
    def digest(self) -> str:
        """The name of the hash that the check is based on, or an empty text."""
        found = self.measurement
        return found.digest if isinstance(found, RowParity | CanaryCoverage) else ""

    @property
    def in_flight(self) -> int:
        """The number of rows that agreed only when they were read again."""
        return self.measurement.in_flight if isinstance(self.measurement, RowParity) else 0

    @property
    def columns(self) -> ColumnCounts | None:
        """The columns that a canary watched."""
        return self.measurement.columns if isinstance(self.measurement, CanaryCoverage) else None

    @property
    def changes(self) -> tuple[ColumnChanges, ...]:
        """The ways in which values changed, by column."""
        return self.measurement.changes if isinstance(self.measurement, RowParity) else ()

    @property
    def accounts(self) -> tuple[Account, ...]:
        """The rows of a whole table by attribution, on each side."""
        return self.measurement.accounts if isinstance(self.measurement, RowOwnership) else ()

    @property
    def left_out(self) -> dict[str, int]:
        """How many rows filters leave out of whole tables, by the text of the exclusion."""
        return self.measurement.left_out if isinstance(self.measurement, TableCoverage) else {}
