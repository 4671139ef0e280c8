"""A filter with ``:as_of``, and runs with a value for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from pytest_tenantparity.config import AsOf

from .engine_driver import Run

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
STEP = timedelta(microseconds=1)


def filters(table: str, column: str) -> str:
    """Return settings that compare the rows of a table up to the value."""
    own = f'{{ sql = "{column} <= :as_of", reason = "later rows are under way" }}'
    return f"[tables.{table}]\nlegacy_filter = {own}\nmodern_filter = {own}\n"


def up_to(run: Run, value: int | date | datetime) -> Run:
    """Return a run of the same stacks with this value."""
    return Run(replace(run.context, as_of=AsOf(value)))
