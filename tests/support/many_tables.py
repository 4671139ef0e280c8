"""Many cases in one opening of both stacks, each with its own table and settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import pytest

from pytest_tenantparity.model import Evidence, Outcome

from .engine_driver import SHARED, Engine, Run, Seen
from .expectations import assert_drift, assert_match, assert_not_proven

Check: TypeAlias = Callable[[Evidence], None]


@dataclass(frozen=True)
class Case:
    """A case's table: SQL for each side, and settings, with ``{t}`` as the table's name."""

    label: str
    legacy: str
    modern: str
    settings: str = ""


@dataclass(frozen=True)
class Value:
    """A value on each side, and the settings of its column. The label is the column's name."""

    label: str
    kind: str
    legacy: str
    modern: str
    settings: str = ""
    modern_kind: str = ""

    @property
    def name(self) -> str:
        """The column's name, in quotes."""
        return f'"{self.label}"'


def values_case(label: str, values: Sequence[Value]) -> Case:
    """Return a case: a table with a column for each value, and a row with only that column set.

    The rows' ids start at 1. Row 0 is empty.
    """
    statements: dict[str, list[str]] = {}
    for side in ("legacy", "modern"):
        kinds = [(each.modern_kind if side == "modern" else "") or each.kind for each in values]
        named = ", ".join(f"{each.name} {kind}" for each, kind in zip(values, kinds, strict=True))
        statements[side] = [
            f"CREATE TABLE {{t}} (id int PRIMARY KEY, {named})",
            "INSERT INTO {t} (id) VALUES (0)",
            *(
                f"INSERT INTO {{t}} (id, {each.name}) VALUES ({number}, {getattr(each, side)})"
                for number, each in enumerate(values, 1)
            ),
        ]
    settings = [f"[tables.{{t}}.columns.{each.name}]\n{each.settings}" for each in values]
    legacy, modern = (";\n".join(lines) for lines in statements.values())
    return Case(label, legacy, modern, "\n".join(settings))


def in_groups(label: str, values: Sequence[Value], size: int = 10) -> dict[str, Sequence[Value]]:
    """Return the values in groups with labels, so that no table has too many columns."""
    starts = range(0, len(values), size)
    return {f"{label} {start}": values[start : start + size] for start in starts}


def outcomes(evidence: Evidence) -> dict[str, str]:
    """Return the values of such a table that were found changed or forgiven.

    A test compares them first, so that its failure names each value.
    """
    forgiven = {str(each.column): "forgiven" for each in evidence.tolerance}
    found = {name: "changed" for finding in evidence.findings for name in finding.columns}
    return forgiven | (found if evidence.outcome is Outcome.REFUTED else {})


def each_is(outcome: str, values: Sequence[Value]) -> dict[str, str]:
    """Return the expected outcomes if all values have the same one."""
    return {each.label: outcome for each in values}


def each_changed(values: Sequence[Value]) -> list[Seen]:
    """Return the findings if every value of such a table has changed."""
    return [("changed", (str(number),), (each.label,)) for number, each in enumerate(values, 1)]


@dataclass(frozen=True)
class Audits:
    """Both stacks, open, with a table for each case."""

    run: Run
    names: dict[str, str]

    def __call__(self, label: str, subject: str = "global") -> Evidence:
        """Make a check of one case."""
        return self.run.audit(subject, self.names[label])


@dataclass(frozen=True)
class Tables:
    """The tables of many cases."""

    engine: Engine
    cases: Sequence[Case]

    @property
    def names(self) -> dict[str, str]:
        """The name of each case's table, by the case's label."""
        names = {case.label: f"t{number}" for number, case in enumerate(self.cases)}
        assert len(names) == len(self.cases), "two cases have one label"
        return names

    def lay_out(self) -> None:
        """Create the tables and their rows on both sides."""
        for side in ("legacy", "modern"):
            statements = (
                getattr(case, side).replace("{t}", self.names[case.label]) for case in self.cases
            )
            getattr(self.engine, side).run(";\n".join(statements))

    @contextmanager
    def opened(
        self,
        more: str = "",
        *,
        own: bool = True,
        legacy: str = SHARED,
        modern: str = SHARED,
    ) -> Iterator[Audits]:
        """Open both stacks once. Without ``own``, the cases' settings do not apply."""
        names = self.names
        lines = [each.settings.replace("{t}", names[each.label]) for each in self.cases if own]
        with self.engine.opened("\n".join([*lines, more]), legacy=legacy, modern=modern) as run:
            yield Audits(run, names)


def laid_out(engine: Engine, cases: Sequence[Case]) -> Tables:
    """Create the tables of some cases and return them."""
    tables = Tables(engine, cases)
    tables.lay_out()
    return tables


def matches(rows: int) -> Check:
    """Require a match of ``rows`` rows."""
    return partial(assert_match, rows=rows)


def drifts(*expected: Seen) -> Check:
    """Require exactly the given findings."""
    return lambda evidence: assert_drift(evidence, *expected)


def changed(key: str, *columns: str) -> Check:
    """Require that these columns of one row have changed, and nothing else."""
    return drifts(("changed", (key,), columns))


def not_proven(*words: str) -> Check:
    """Require NOT PROVEN, with reasons that contain all the words."""
    return lambda evidence: assert_not_proven(evidence, *words)


def check_each(
    audit: Audits,
    expected: Mapping[str, Check],
    subtests: pytest.Subtests,
    subject: str = "global",
) -> dict[str, Evidence]:
    """Audit the cases, and require the expected result of each."""
    found = {}
    for label, check in expected.items():
        with subtests.test(label):
            found[label] = audit(label, subject)
            check(found[label])
    return found
