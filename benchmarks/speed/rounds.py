"""Several kinds of work, taken in turns, so that a busy minute is everybody's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from .process import Failed, Ran

Work = Callable[[], "float | Ran"]
"""Does something once; returns its seconds, or the process that did it. May raise Failed."""
Tell = Callable[[str], None]


@dataclass
class Measured:
    """What one kind of work took in each round; an error says why there are no more rounds."""

    seconds: list[float] = field(default_factory=list)
    peak_mb: list[float] = field(default_factory=list)
    error: str = ""

    @property
    def median(self) -> float | None:
        """The median of the seconds, unless something went wrong."""
        return None if self.error or not self.seconds else median(self.seconds)

    def add(self, taken: float | Ran) -> None:
        """Add a round."""
        if isinstance(taken, Ran):
            self.peak_mb.append(round(taken.peak_mb, 1))
            taken = taken.seconds
        self.seconds.append(round(taken, 4))

    def to_json(self) -> dict[str, Any]:
        """Return it with the median, and without what is empty."""
        found: dict[str, Any] = {"median": self.median, "seconds": self.seconds}
        if self.peak_mb:
            found["peak_mb"] = max(self.peak_mb)
        if self.error:
            found["error"] = self.error
        return found


def in_rounds(works: Mapping[str, Work], rounds: int, tell: Tell) -> dict[str, Measured]:
    """Do every work once in each round, each round beginning with another one.

    What fails is not done again, and its error is kept.
    """
    found = {name: Measured() for name in works}
    for turn in range(rounds):
        for name in _rotated(list(works), turn * len(works) // rounds):
            if not found[name].error:
                _do(works[name], found[name])
                tell(f"{name}: {_said(found[name])}")
    return found


def _do(work: Work, measured: Measured) -> None:
    try:
        measured.add(work())
    except Failed as failure:
        measured.error = str(failure)


def _said(measured: Measured) -> str:
    return measured.error or f"{measured.seconds[-1]:.2f} s"


def _rotated(names: Sequence[str], by: int) -> list[str]:
    return [*names[by:], *names[:by]]
