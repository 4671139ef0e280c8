"""What the templates show, worked out of a report once for all formats."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from ..model import RESERVED_SUBJECTS, AuditReport, Check, Status

# A status is a word and a symbol, never a colour alone.
SYMBOLS = {
    Status.MATCH: "✓",
    Status.TOLERATED: "≈",
    Status.DRIFT: "✗",
    Status.NOT_PROVEN: "?",
}
_GRAVITY = [Status.DRIFT, Status.NOT_PROVEN, Status.TOLERATED, Status.MATCH]


@dataclass(frozen=True)
class ReportView:
    """A report, arranged for reading."""

    report: AuditReport

    @cached_property
    def counts(self) -> dict[Status, int]:
        """How many checks came to each status."""
        counted = Counter(check.status for check in self.report.checks)
        return {status: counted[status] for status in Status}

    @cached_property
    def problems(self) -> list[Check]:
        """Checks that drift or are not proven, the worst first."""
        found = [c for c in self.report.checks if c.status in _GRAVITY[:2]]
        return sorted(found, key=lambda check: _GRAVITY.index(check.status))

    @cached_property
    def tolerated(self) -> list[Check]:
        """Checks that agree only under a tolerance."""
        return [check for check in self.report.checks if check.tolerance]

    @cached_property
    def rules(self) -> list[str]:
        """The named rules in force, each once, with its table."""
        return sorted({f"{c.table}.{rule}" for c in self.report.checks for rule in c.rules})

    @cached_property
    def tables(self) -> list[str]:
        """The matrix's columns."""
        return sorted({check.table for check in self.report.checks})

    @cached_property
    def subjects(self) -> list[str]:
        """The matrix's rows: tenants, then the reserved subjects."""
        names = sorted({check.tenant for check in self.report.checks})
        return sorted(names, key=lambda name: name in RESERVED_SUBJECTS)

    @cached_property
    def _cells(self) -> dict[tuple[str, str], Status]:
        cells: dict[tuple[str, str], Status] = {}
        for check in self.report.checks:
            place = (check.tenant, check.table)
            worst = min((cells.get(place, check.status), check.status), key=_GRAVITY.index)
            cells[place] = worst
        return cells

    def cell(self, subject: str, table: str) -> Status | None:
        """The worst status of a tenant's table, if it was planned."""
        return self._cells.get((subject, table))
