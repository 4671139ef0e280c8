"""Many tables in one opening of both stacks, before and after a change of the modern side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from pytest_tenantparity.model import Evidence

from .each_value import each_value
from .engine_driver import SHARED, Engine, Seen
from .expectations import assert_drift, assert_match

Check = Callable[..., AbstractContextManager[Evidence]]
"""Takes a label, a table and a subject. A failed assertion is reported under the label."""


@contextmanager
def checks(
    engine: Engine, more: str = "", *, legacy: str = SHARED, modern: str = SHARED
) -> Iterator[Check]:
    """Open both stacks once. At the end, fail with the errors of all labels."""
    with engine.opened(more, legacy=legacy, modern=modern) as run, each_value() as case:

        @contextmanager
        def check(label: str, table: str, subject: str = "global") -> Iterator[Evidence]:
            with case(label):
                yield run.audit(subject, table)

        yield check


@dataclass(frozen=True)
class Change:
    """A table of both sides, a change of the modern side, and the findings after it.

    ``{t}`` is the table's name in all SQL and settings. ``made`` is run on both sides. ``legacy``
    and ``modern`` are run before it, each on its own side.
    """

    label: str
    made: str
    change: str
    found: tuple[Seen, ...]
    rows: int | None = None
    legacy: str = ""
    modern: str = ""


def check_changes(
    engine: Engine, cases: Sequence[Change], more: str = "", subject: str = "global"
) -> None:
    """Require that every table matches, and that after its change it has exactly its findings."""
    tables = {f"t{number}": case for number, case in enumerate(cases)}

    def sql(part: Callable[[Change], str]) -> str:
        return "".join(f"{part(case).replace('{t}', t)};\n" for t, case in tables.items())

    engine.legacy.run(sql(lambda case: f"{case.legacy};{case.made}"))
    engine.modern.run(sql(lambda case: f"{case.modern};{case.made}"))
    with checks(engine, more) as check:
        for table, case in tables.items():
            with check(case.label, table, subject) as evidence:
                assert_match(evidence, case.rows)
    engine.modern.run(sql(lambda case: case.change))
    with checks(engine, more) as check:
        for table, case in tables.items():
            with check(f"{case.label}, changed", table, subject) as evidence:
                assert_drift(evidence, *case.found)
