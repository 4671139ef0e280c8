"""The chapters of ``make bench``: each measures what it compares in turns, in one session."""

from __future__ import annotations

from collections.abc import Callable

from ..bench import Bench, Chapter
from . import cross, flood, growth, layouts, many, parallel, whole

CHAPTERS: dict[str, Callable[[Bench], Chapter]] = {
    "whole": whole.measure,
    "many": many.measure,
    "layouts": layouts.measure,
    "rows": growth.by_rows,
    "tenants": growth.by_tenants,
    "drifts": growth.by_drifts,
    "parallel": parallel.measure,
    "cross": cross.measure,
    "flood": flood.measure,
}
"""By the name that ``--only`` takes."""
