"""The outcome of a check, and the words that each kind of check has for it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from .check import CheckKind


class Outcome(StrEnum):
    """The outcome of a check. Each kind of check has its own words for it: :data:`WORDS`."""

    REFUTED = "refuted"
    NOT_PROVEN = "not proven"
    TOLERATED = "tolerated"  # proven, except for what a rule of the settings forgives
    PROVEN = "proven"


GRAVITY = tuple(Outcome)
"""The outcomes, the worst first."""

FAILING = GRAVITY[:2]
"""The outcomes that are not proven."""

ROW_WORDS: Mapping[Outcome, str] = {
    Outcome.PROVEN: "MATCH",
    Outcome.TOLERATED: "TOLERATED",
    Outcome.REFUTED: "DRIFT",
    Outcome.NOT_PROVEN: "NOT PROVEN",
}
WORDS: Mapping[CheckKind, Mapping[Outcome, str]] = {
    CheckKind.ROWS: ROW_WORDS,
    CheckKind.UNASSIGNED: ROW_WORDS,
    CheckKind.COVERAGE: {**ROW_WORDS, Outcome.PROVEN: "COMPLETE"},
    CheckKind.CANARY: {**ROW_WORDS, Outcome.PROVEN: "NOTICED"},
    CheckKind.TEST: {**ROW_WORDS, Outcome.PROVEN: "PASSED", Outcome.REFUTED: "FAILED"},
    CheckKind.VALIDATOR: {
        **ROW_WORDS,
        Outcome.PROVEN: "HOLDS",
        Outcome.TOLERATED: "WARNED",
        Outcome.REFUTED: "VIOLATED",
    },
    CheckKind.GATE: {
        **ROW_WORDS,
        Outcome.PROVEN: "MET",
        Outcome.TOLERATED: "WAIVED",
        Outcome.REFUTED: "NOT MET",
    },
    CheckKind.LATENCY: {**ROW_WORDS, Outcome.PROVEN: "WITHIN", Outcome.REFUTED: "EXCEEDED"},
}
"""The word for each outcome of each kind of check, as reports show it."""
