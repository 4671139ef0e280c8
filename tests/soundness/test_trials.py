"""Random schemas, rows, mutations and storage differences on every pair of engines."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ..support.engine_driver import seen
from ..support.engine_pairs import PAIRS, Place, audit_all, places
from .judging import RIGHT, judge
from .traps import Engine, Side
from .trials import make_trial

__all__ = ["places"]

_IDS = ["-".join(pair) for pair in PAIRS]


@pytest.mark.parametrize(("legacy", "modern"), PAIRS, ids=_IDS)
def test_what_was_planted_is_found_and_nothing_else(
    places: Callable[[Engine, Side], Place], legacy: Engine, modern: Engine
) -> None:
    """In random tables each difference is named exactly, and equal tables have no findings.

    ``make soundness`` runs thousands of such trials.
    """
    trials = [
        make_trial(
            Random(f"smoke/{legacy}/{modern}/{number}"),  # noqa: S311
            legacy,
            modern,
            mutated=number % 4 != 0,
            arranged=True,
        )
        for number in range(15)
    ]
    found = audit_all(places(legacy, "legacy"), places(modern, "modern"), trials)
    wrong = [
        (trial, seen(evidence), evidence.reasons)
        for trial, evidence in zip(trials, found, strict=True)
        if judge(trial, evidence) != RIGHT
    ]
    assert wrong == []
    assert sum(not trial.equal for trial in trials) > 6


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(chance=st.randoms(use_true_random=False), mutated=st.booleans())
@pytest.mark.parametrize(("legacy", "modern"), [("postgresql", "sqlite"), ("sqlite", "sqlite")])
def test_any_table_is_judged_right(
    places: Callable[[Engine, Side], Place],
    legacy: Engine,
    modern: Engine,
    chance: Random,
    mutated: bool,
) -> None:
    """Hypothesis finds no table that the audit judges wrongly."""
    trial = make_trial(chance, legacy, modern, mutated=mutated, arranged=True)
    (evidence,) = audit_all(places(legacy, "legacy"), places(modern, "modern"), [trial])
    assert judge(trial, evidence) == RIGHT, (trial, seen(evidence), evidence.reasons)
