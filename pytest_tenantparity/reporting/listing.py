"""The number of findings in a report. A run has a limit, even if many checks find drift."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..model import Evidence

MOST_LISTED = 10_000


def cut_evenly(found: Iterable[Evidence], most: int = MOST_LISTED) -> list[Evidence]:
    """Return the checks, each with the same limit of findings and at most ``most`` in total.

    The limit is at least one, so that each check with drift keeps a finding. The limit depends only
    on the drift totals. Therefore checks can also be cut as they arrive, or within each shard: only
    the last cut determines the result.
    """
    checks = list(found)
    share = _share([each.drift.total for each in checks], most)
    return [
        each.measured(findings=each.findings[:share]) if len(each.findings) > share else each
        for each in checks
    ]


def _share(totals: Sequence[int], most: int) -> int:
    """Return the highest limit for each of the totals with which their sum is at most ``most``."""
    left = most
    for rank, total in enumerate(sorted(totals)):
        level = left // (len(totals) - rank)
        if total > level:
            return max(level, 1)
        left -= total
    return max(totals, default=0)
