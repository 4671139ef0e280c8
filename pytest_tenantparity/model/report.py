"""The report of a whole run."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from .check import CheckKey
from .evidence import Evidence, PairFacts
from .finding import RowCounts
from .run import RunFacts


class Verdict(StrEnum):
    """The verdict of a whole run."""

    GO = "GO"
    NO_GO = "NO-GO"
    NOT_PROVEN = "NOT PROVEN"


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
    """The tenants of this run that are moved together, by their ids.

    ``names`` are the names of those tenants whose name differs from their id.
    """

    name: str
    order: int | None
    rollback_window: str | None
    names: dict[str, str]
    tenants: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Population:
    """How much of the plan was carried out."""

    planned: int
    executed: int
    proven: int
    rows: RowCounts
    exclusions: tuple[Exclusion, ...] = ()


@dataclass(frozen=True, slots=True)
class ColumnCause:
    """The rows of one column, as ``table.column``, to which a cause happened."""

    place: str
    rows: int


@dataclass(frozen=True, slots=True)
class Cause:
    """What some failing checks have in common.

    - ``place``: the table, or ``table.column``; empty if several share it.
    - ``said``: what happened. ``cure``: what to do about it, or empty.
    - ``rows``: the number of rows that it explains; 0 if it is not about rows.
    - ``columns``: the rows of each column, if the same happened to several.
    - ``checks``: the checks. The first of them serves as an example.
    """

    place: str
    said: str
    cure: str
    rows: int
    columns: tuple[ColumnCause, ...]
    checks: tuple[CheckKey, ...]


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
    causes: tuple[Cause, ...] = field(default=(), kw_only=True)
    checks: tuple[Evidence, ...]
    run: RunFacts
