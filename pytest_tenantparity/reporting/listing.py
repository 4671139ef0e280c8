"""How many findings a report lists: a run has a limit, too, however many checks drift."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from ..model import Check, Evidence

MOST_LISTED = 10_000

Found = TypeVar("Found", Check, Evidence)


def cut_evenly(found: Iterable[Found], most: int = MOST_LISTED) -> list[Found]:
    """Leave each check as many of its first findings as all can have; one at least.

    What is left depends on the totals of the drift alone. So checks can be cut as they come in,
    or in the parts that they are shared out in: the last cut of all decides.
    """
    checks = list(found)
    share = _share([each.drift.total for each in checks], most)
    return [
        replace(each, findings=each.findings[:share]) if len(each.findings) > share else each
        for each in checks
    ]


def _share(totals: Sequence[int], most: int) -> int:
    """Return the highest level at which the totals, each cut there, add up to ``most``."""
    left = most
    for rank, total in enumerate(sorted(totals)):
        level = left // (len(totals) - rank)
        if total > level:
            return max(level, 1)
        left -= total
    return max(totals, default=0)
