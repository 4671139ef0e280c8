"""What an audit says of a trap or trial, weighed by what is known of it."""

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
    """Return RIGHT, or how the audit went wrong.

    A comparison that has to be refused must be NOT PROVEN. To call it that is the worst that may
    happen to any other, and is not right either.
    """
    refusal = not trap.equal and not trap.found
    if evidence.outcome in _GREEN:
        return RIGHT if trap.equal else FALSE_MATCH
    if evidence.outcome is Outcome.NOT_PROVEN:
        return RIGHT if refusal else NOT_PROVEN
    if trap.equal or refusal:
        return FALSE_ALARM if trap.equal else WRONG
    return RIGHT if Counter(seen(evidence)) == Counter(trap.found) else WRONG
