"""Counts of the peers' verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from .run import CANNOT, FALSE_ALARM, MISSED, RIGHT

VERDICTS = (MISSED, FALSE_ALARM, CANNOT, RIGHT)


def summarise(results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Count the verdicts of each peer on each pair of engines."""
    counts: dict[tuple[str, str, str], Counter[str]] = {}
    for each in results:
        who = each["pair"], each["peer"], each["version"]
        counts.setdefault(who, Counter())[each["verdict"]] += 1
    return [
        {"pair": pair, "peer": peer, "version": version, "traps": verdicts.total()}
        | {verdict: verdicts[verdict] for verdict in VERDICTS}
        for (pair, peer, version), verdicts in counts.items()
    ]


def as_table(summary: Sequence[dict[str, Any]]) -> str:
    """Return the counts as a Markdown table."""
    names = ("pair", "peer", "version", "traps", *VERDICTS)
    rows = [names, tuple("---" for _ in names)]
    rows += [tuple(str(each[name]) for name in names) for each in summary]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
