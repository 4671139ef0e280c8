"""Every trap in which comparison tools were seen to fall, on every pair of engines."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ..support.engine_pairs import PAIRS, Place, audit_all, places
from .judging import RIGHT, judge
from .traps import TRAPS, Engine, Side, exists

__all__ = ["places"]


@pytest.mark.parametrize(("legacy", "modern"), PAIRS, ids=["-".join(pair) for pair in PAIRS])
def test_no_trap_is_fallen_into(
    places: Callable[[Engine, Side], Place], legacy: Engine, modern: Engine
) -> None:
    """What is equal matches, what differs is named exactly, what cannot be told is NOT PROVEN."""
    held = [t for t in TRAPS if exists(t, "legacy", legacy) and exists(t, "modern", modern)]
    evidence = audit_all(places(legacy, "legacy"), places(modern, "modern"), held)
    judged = zip(held, evidence, strict=True)
    wrong = [(t.name, judge(t, e), e) for t, e in judged if judge(t, e) != RIGHT]
    assert [(name, verdict) for name, verdict, _ in wrong] == []
    assert len(held) > 150
