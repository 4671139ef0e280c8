"""Verdicts on an audit's evidence about a trap or trial, whose right result is known."""

from __future__ import annotations

from collections import Counter

from pytest_tenantparity.model import Evidence, Outcome

from ..support.engine_driver import seen
from .traps import Trap

FALSE_MATCH, FALSE_ALARM, WRONG, NOT_PROVEN, RIGHT = (
    "FALSE MATCH",
    "FALSE ALARM",
    "WRONG FINDINGS",
    "NOT PROVEN",
    "right",
)
_GREEN = (Outcome.PROVEN, Outcome.TOLERATED)


def judge(trap: Trap, evidence: Evidence) -> str:
    """Return RIGHT, or how the audit was wrong.

    A comparison that must be refused must be NOT PROVEN. For any other comparison, NOT PROVEN is
    the mildest error, but not RIGHT.
    """
    refusal = not trap.equal and not trap.found
    if evidence.outcome in _GREEN:
        return RIGHT if trap.equal else FALSE_MATCH
    if evidence.outcome is Outcome.NOT_PROVEN:
        return RIGHT if refusal else NOT_PROVEN
    if trap.equal or refusal:
        return FALSE_ALARM if trap.equal else WRONG
    return RIGHT if Counter(seen(evidence)) == Counter(trap.found) else WRONG
