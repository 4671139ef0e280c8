"""Every trap in which comparison tools are known to fail, on every engine of either side."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ..support.engine_pairs import PAIRS, PLACES, Place, audit_all, places
from .judging import RIGHT, judge
from .traps import TRAPS, Engine, Side, Trap, exists

__all__ = ["places"]

_ENGINES = list(PLACES)


def _pairs_of(number: int, trap: Trap) -> list[tuple[Engine, Engine]]:
    """Return the pairs for a trap: each engine once per side, as far as engines can hold it.

    ``make soundness`` tries every trap on every pair that can hold it.
    """
    held = [(one, other) for one, other in PAIRS
            if exists(trap, "legacy", one) and exists(trap, "modern", other)]  # fmt: skip
    square = [(one, other) for one, other in held
              if (_ENGINES.index(one) + _ENGINES.index(other)) % len(_ENGINES)
              == number % len(_ENGINES)]  # fmt: skip
    return square or held[:1]


_LAID_OUT = {
    pair: [trap for number, trap in enumerate(TRAPS) if pair in _pairs_of(number, trap)]
    for pair in PAIRS
}


@pytest.mark.parametrize(("legacy", "modern"), PAIRS, ids=["-".join(pair) for pair in PAIRS])
def test_no_trap_is_fallen_into(
    places: Callable[[Engine, Side], Place], legacy: Engine, modern: Engine
) -> None:
    """Equal rows match, differing rows are named exactly, undecidable rows are NOT PROVEN."""
    held = _LAID_OUT[legacy, modern]
    evidence = audit_all(places(legacy, "legacy"), places(modern, "modern"), held)
    judged = zip(held, evidence, strict=True)
    wrong = [(t.name, judge(t, e), e) for t, e in judged if judge(t, e) != RIGHT]
    assert [(name, verdict) for name, verdict, _ in wrong] == []


def test_each_trap_is_laid_out() -> None:
    """Every trap and every pair is used. Most traps are tried on every engine of either side."""
    assert {trap.name for held in _LAID_OUT.values() for trap in held} == {t.name for t in TRAPS}
    assert len(TRAPS) > 150
    assert min(map(len, _LAID_OUT.values())) > 35
    everywhere = [t for number, t in enumerate(TRAPS) if len(_pairs_of(number, t)) == len(PLACES)]
    assert len(everywhere) > 150
