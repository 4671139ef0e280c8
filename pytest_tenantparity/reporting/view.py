"""The content of the templates, computed from a report once for all formats."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from ..characters import oddities
from ..errors import counted
from ..mapping.sql_warnings import WARNING
from ..model import (
    FAILING,
    GRAVITY,
    PARITY_KINDS,
    ROW_WORDS,
    SLOW,
    AuditReport,
    Cause,
    CheckKind,
    Evidence,
    Invocation,
    Outcome,
    PairColumn,
    PairFacts,
    Violations,
)
from .listing import cut_evenly
from .measured import measured_in_words
from .rerun import rerun_command

# An outcome is shown as a word and a symbol, never as a colour alone.
SYMBOLS = {
    Outcome.PROVEN: "✓",
    Outcome.TOLERATED: "≈",
    Outcome.REFUTED: "✗",
    Outcome.NOT_PROVEN: "?",
}
FEW = 20
"""How many failing checks a terminal and a summary show one by one."""

_FEW_LINES = 8  # of each list about the settings, in a summary with more failing checks
_MOST_EXAMPLES = 5  # checks that a summary shows if there are more
_FEW_FINDINGS = 3  # of each of them
_MOST_CAUSES = 50
_MOST_PLACES = 4  # columns that a cause names, with the rows of each
_MOST_DETAILED = 1_000  # checks; the matrix and cab-report.json contain all of them
_MOST_HINTS = 3  # in the terminal
_MOST_WARNINGS = 20  # warnings about SQL in the settings
_MOST_SHOWN = 4_000  # findings of all detailed checks together


def counts_of(checks: Iterable[Evidence]) -> list[tuple[Outcome, str, int]]:
    """Return the number of checks by status, the best outcomes first.

    The statuses of row checks are always included, other statuses only if a check has them.
    """
    found = Counter((check.outcome, check.status) for check in checks)
    shown = found.keys() | {*ROW_WORDS.items()}
    own = ROW_WORDS.items()
    order = sorted(shown, key=lambda each: (-GRAVITY.index(each[0]), each not in own, each[1]))
    return [(outcome, status, found[outcome, status]) for outcome, status in order]


def oddities_of(tenant: str, table: str) -> list[str]:
    """Return the hidden characters and similar oddities in the names ``tenant`` and ``table``."""
    names = {"tenant": tenant, "table": table}
    return [
        f"the name of the {what}: {each}" for what, name in names.items() for each in oddities(name)
    ]


def in_flight_in_words(rows: int) -> str:
    """Return how many rows were in flight: they agreed only when they were read again."""
    return (
        f"{rows:,} {'row was' if rows == 1 else 'rows were'} in flight and agreed at a later look"
    )


def earlier_in_words(report: AuditReport) -> list[str]:
    """Return, for each earlier run, how many of its proofs this report uses, and the run's date."""
    return [
        f"{counted(each.checks, 'check')} {'was' if each.checks == 1 else 'were'} proven by "
        f"the run {each.run}, begun {each.started}, and not made again: what has changed "
        "since was not looked at"
        for each in report.run.resumed
    ]


def warnings_in_words(report: AuditReport) -> list[str]:
    """Return the first distinct warnings among the checks' rules, and the number of others."""
    rules = {each.rule for check in report.checks for each in check.rules}
    found = sorted(each for each in rules if _is_warning(each))
    more = len(found) - _MOST_WARNINGS
    rest = [f"and {counted(more, 'more warning')}: rules in cab-report.json"] if more > 0 else []
    return found[:_MOST_WARNINGS] + rest


def _is_warning(rule: str) -> bool:
    """Whether ``rule`` warns that SQL of the settings may treat different values as equal."""
    return rule.startswith(WARNING)


def hints_in_words(report: AuditReport) -> list[str]:
    """Return the first hints for a cheaper next run, and the number of others.

    Reasons for slow reads come first.
    """
    hints = sorted(report.run.hints, key=lambda hint: not hint.startswith(SLOW))
    more = len(hints) - _MOST_HINTS
    rest = [f"and {counted(more, 'more hint')}: run.hints in cab-report.json"] if more > 0 else []
    return [f"hint: {each}" for each in hints[:_MOST_HINTS]] + rest


def causes_to_tell(report: AuditReport) -> list[Cause]:
    """Return the causes that tell more than the failing checks do.

    Few checks are shown one by one. Then a cause tells more if several checks share it, or if a
    setting can declare it.
    """
    failing = sum(1 for check in report.checks if check.outcome in FAILING)
    if failing > FEW:
        return [*report.causes]
    several = failing > 1
    return [each for each in report.causes if several and (each.cure or len(each.checks) > 1)]


def cause_in_words(cause: Cause) -> str:
    """Return a cause in one line: where, what, how many rows, of how many tenants."""
    where = f"{cause.place}: " if cause.place else ""
    if not cause.rows:
        return f"{where}{cause.said} ({counted(len(cause.checks), 'check')})"
    tenants = {key.tenant for key in cause.checks if key.tenant is not None}
    whose = f" of {counted(len(tenants), 'tenant')}" if tenants else ""
    if not cause.columns:
        return f"{where}{cause.said} in {counted(cause.rows, 'row')}{whose}"
    named = [f"{each.place} ({each.rows:,})" for each in cause.columns[:_MOST_PLACES]]
    more = len(cause.columns) - len(named)
    named += [f"and {more} more"] if more else []
    columns, values = counted(len(cause.columns), "column"), counted(cause.rows, "value")
    return f"{cause.said} in {values} of {columns}{whose}: {', '.join(named)}"


@dataclass(frozen=True)
class ReportView:
    """A report, arranged for readers."""

    report: AuditReport

    @cached_property
    def counts(self) -> list[tuple[Outcome, str, int]]:
        """The number of checks for each status, with its outcome."""
        return counts_of(self.report.checks)

    @cached_property
    def earlier(self) -> list[str]:
        """The proofs of earlier runs that this report uses, in words."""
        return earlier_in_words(self.report)

    @cached_property
    def problems(self) -> list[Evidence]:
        """The checks that are refuted or not proven, the worst first."""
        found = [c for c in self.report.checks if c.outcome in FAILING]
        return sorted(found, key=lambda check: GRAVITY.index(check.outcome))

    @cached_property
    def detailed(self) -> list[Evidence]:
        """The worst of the problems, with as many findings as a page can hold."""
        return cut_evenly(self.problems[:_MOST_DETAILED], _MOST_SHOWN)

    @property
    def undetailed(self) -> int:
        """The number of problems that ``detailed`` omits."""
        return len(self.problems) - len(self.detailed)

    @cached_property
    def causes(self) -> list[Cause]:
        """What the problems have in common."""
        return causes_to_tell(self.report)[:_MOST_CAUSES]

    @cached_property
    def examples(self) -> list[Evidence]:
        """The problems if they are few. Otherwise one for each cause, with few findings."""
        if len(self.problems) <= FEW:
            return self.detailed
        first = dict.fromkeys(cause.checks[0] for cause in self.causes)
        known = {check.key: check for check in self.problems}
        return [
            known[key].measured(findings=known[key].findings[:_FEW_FINDINGS])
            if known[key].findings
            else known[key]
            for key in [*first][:_MOST_EXAMPLES]
        ]

    @property
    def most_lines(self) -> int:
        """How many lines a summary gives to each list about the settings: all if few checks fail.

        With many failing checks nothing is signed, and what is wrong has to be seen first.
        """
        return sys.maxsize if len(self.problems) <= FEW else _FEW_LINES

    @cached_property
    def tolerated(self) -> list[Evidence]:
        """The checks that agree only under a tolerance."""
        return [check for check in self.report.checks if check.tolerance]

    @cached_property
    def in_flight(self) -> list[str]:
        """The checks with rows in flight, in words."""
        return [
            f"{check.key.whose} / {check.key.what}: {in_flight_in_words(check.in_flight)}"
            for check in self.report.checks
            if check.in_flight
        ]

    @cached_property
    def watched(self) -> list[Evidence]:
        """The checks in which the canary watched a table's columns."""
        return [check for check in self.report.checks if check.columns is not None]

    @cached_property
    def _uncompared(self) -> dict[str, list[PairColumn]]:
        """The columns of each table that are not compared."""
        found: dict[str, dict[PairColumn, None]] = {}
        for facts in self.report.pairs:
            for column in facts.columns:
                if column.how.startswith("not compared"):
                    found.setdefault(facts.table, {})[column] = None
        return {table: list(columns) for table, columns in found.items()}

    def uncompared(self, check: Evidence) -> list[PairColumn]:
        """The columns of a check's table that are not compared, each with the reason."""
        return self._uncompared.get(check.key.what, [])

    @staticmethod
    def key_in_words(pair: PairFacts) -> str:
        """The columns by which a pair's rows are matched, and the origin of this key."""
        whole = not pair.key or pair.key_is.startswith("no key")
        return pair.key_is if whole else f"key {', '.join(pair.key)}: {pair.key_is}"

    @cached_property
    def names(self) -> dict[str, str]:
        """The names of tenants whose name differs from their id, by id."""
        return {key: name for each in self.report.cohorts for key, name in each.names.items()}

    @cached_property
    def assured(self) -> list[tuple[str, str]]:
        """The assurances that the settings make about whole stacks, such as ``frozen``."""
        return [*self.report.run.settings.assurances.items()]

    @cached_property
    def left_out(self) -> list[tuple[str, str, str]]:
        """Each exclusion: the subject, its number of rows if they were counted, and the reason."""
        return [
            (each.what, "" if each.rows is None else f"{each.rows:,}", each.reason)
            for each in self.report.population.exclusions
        ]

    @cached_property
    def accounted(self) -> list[Evidence]:
        """The checks that count a table's rows by attribution: to a tenant, or unassigned."""
        return [check for check in self.report.checks if check.accounts]

    @cached_property
    def digests(self) -> list[str]:
        """The hash functions on which equality is based."""
        return sorted({check.digest for check in self.report.checks if check.digest})

    @cached_property
    def rules(self) -> dict[str, list[str]]:
        """The named rules in force, each with its tables or columns."""
        under: dict[str, set[str]] = {}
        for check in self.report.checks:
            for each in check.rules:
                table = check.key.what
                place = table if each.column is None else f"{table}.{each.column}"
                under.setdefault(each.rule, set()).add(place)
        rules = sorted(under, key=lambda rule: (not _is_warning(rule), rule))
        return {rule: sorted(under[rule]) for rule in rules}

    @cached_property
    def _of_tables(self) -> list[Evidence]:
        """The checks of the matrix: those of the audit, and hand-written tests of tables."""
        kinds = (*PARITY_KINDS, CheckKind.TEST)
        return [each for each in self.report.checks if each.key.kind in kinds]

    @cached_property
    def tables(self) -> list[str]:
        """The columns of the matrix."""
        return sorted({check.key.what for check in self._of_tables})

    @cached_property
    def subjects(self) -> list[str]:
        """The rows of the matrix: tenants, then the checks beyond single tenants."""
        keys = {(check.key.tenant is None, check.key.whose) for check in self._of_tables}
        return [name for _, name in sorted(keys)]

    @cached_property
    def _cells(self) -> dict[tuple[str, str], Evidence]:
        cells: dict[tuple[str, str], Evidence] = {}
        for check in self._of_tables:
            place = (check.key.whose, check.key.what)
            both = cells.get(place, check), check
            cells[place] = min(both, key=lambda each: GRAVITY.index(each.outcome))
        return cells

    def oddities(self, check: Evidence) -> list[str]:
        """The hidden characters and similar oddities in the names of a check's tenant and table."""
        return oddities_of(check.key.whose, check.key.what)

    def again(self, check: Evidence) -> str:
        """The command that repeats one check."""
        return rerun_command(self.report.run.again or Invocation(), check.key)

    def shows_all(self, check: Evidence, most: int) -> bool:
        """Whether the first ``most`` findings of a check are all its differing rows."""
        return sum(each.copies for each in check.findings[:most]) == check.drift.total

    def in_words(self, check: Evidence) -> str:
        """What a check measured, in words."""
        return measured_in_words(check)

    @cached_property
    def others(self) -> list[Evidence]:
        """The checks that are not about the parity of rows, the worst first."""
        found = [each for each in self.report.checks if each.key.kind not in PARITY_KINDS]
        return sorted(found, key=lambda check: GRAVITY.index(check.outcome))

    @cached_property
    def listed_others(self) -> list[Evidence]:
        """The first of these checks, as many as a page can hold."""
        return self.others[:_MOST_DETAILED]

    @staticmethod
    def violations(check: Evidence) -> Violations | None:
        """The result of a validator that found violations."""
        found = check.measurement
        return found if isinstance(found, Violations) and found.count else None

    @property
    def matrix(self) -> Iterator[tuple[str, list[Evidence | None]]]:
        """Each subject with its worst check for each table, or None if no check was planned."""
        for subject in self.subjects:
            yield subject, [self._cells.get((subject, table)) for table in self.tables]
