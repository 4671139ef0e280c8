"""Works that are compared are done in turns, so that a busy minute slows all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from .process import Failed, Ran

Work = Callable[[], "float | Ran"]
"""Does something once; returns its seconds, or the process that did it. May raise Failed."""
Log = Callable[[str], None]


@dataclass
class Measured:
    """The seconds of one work in each round; an error ends them."""

    seconds: list[float] = field(default_factory=list)
    peak_mb: list[float] = field(default_factory=list)
    error: str = ""

    @property
    def median(self) -> float | None:
        """The median of the seconds; None after an error."""
        return None if self.error or not self.seconds else median(self.seconds)

    def add(self, taken: float | Ran) -> None:
        """Add a round."""
        if isinstance(taken, Ran):
            self.peak_mb.append(round(taken.peak_mb, 1))
            taken = taken.seconds
        self.seconds.append(round(taken, 4))

    def to_json(self) -> dict[str, Any]:
        """Return the median, the seconds, and the peak and the error if there are any."""
        found: dict[str, Any] = {"median": self.median, "seconds": self.seconds}
        if self.peak_mb:
            found["peak_mb"] = max(self.peak_mb)
        if self.error:
            found["error"] = self.error
        return found


def in_rounds(works: Mapping[str, Work], rounds: int, log: Log) -> dict[str, Measured]:
    """Do every work once in each round, each round beginning with another one.

    A work that fails is not repeated, and its error is kept.
    """
    names = list(works)
    found = {name: Measured() for name in names}
    for turn in range(rounds):
        first = turn * len(names) // rounds
        for name in (*names[first:], *names[:first]):
            measured = found[name]
            if measured.error:
                continue
            try:
                measured.add(works[name]())
            except Failed as failure:
                measured.error = str(failure)
            log(f"{name}: {measured.error or f'{measured.seconds[-1]:.2f} s'}")
    return found
