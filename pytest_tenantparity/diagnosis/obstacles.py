"""Obstacles: what stands between the settings and an audit, each with its cures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from ..model import Side


class Severity(StrEnum):
    """What an obstacle does to an audit. Each value is the head of a part of the page."""

    STOPS = "stops the audit"
    NOT_PROVEN = "will be NOT PROVEN or DRIFT"
    HINT = "worth knowing"

    @property
    def stands_in_the_way(self) -> bool:
        """Whether an audit cannot be GO while the obstacle is there."""
        return self is not Severity.HINT


class Means(StrEnum):
    """What a cure's text is. All but words can be pasted."""

    SQL = "SQL"
    SETTINGS = "settings"
    SHELL = "shell"
    WORDS = "words"


@dataclass(frozen=True, slots=True)
class Cure:
    """What removes an obstacle.

    - ``text`` can be pasted, unless ``means`` is :attr:`Means.WORDS`.
    - ``where``: where it is pasted, such as ``tenantparity.toml, in [legacy], line 3``.
    """

    means: Means
    text: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One cause, with everything that it affects.

    ``cause`` identifies it: two obstacles with one cause are one. ``affected`` are names, such as
    tables, that are listed with the cause. All ``cures`` are needed.
    """

    severity: Severity
    cause: str
    said: str
    cures: tuple[Cure, ...] = ()
    affected: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StackSummary:
    """What was found of one stack, in words for the head of the page."""

    side: Side
    said: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """About what an audit costs. ``seconds`` is None if no row could be hashed.

    - ``rows``: of both sides, by the servers' own estimates.
    - ``scans``: of both sides.
    - ``rates``: rows hashed in a second, by side, as ``sampled`` rows of each side showed.
    """

    checks: int
    tables: int
    tenants: int
    rows: int
    scans: int
    seconds: float | None = None
    rates: dict[Side, float] = field(default_factory=dict)
    sampled: dict[Side, int] = field(default_factory=dict)


@dataclass
class Diagnosis:
    """Everything that was found. ``skipped``: what was not looked at, and why."""

    settings: str
    stacks: list[StackSummary] = field(default_factory=list)
    obstacles: list[Obstacle] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    estimate: Estimate | None = None

    def add(self, obstacle: Obstacle) -> None:
        """Add an obstacle. If its cause is known, its cures and names are added to the known one.

        The more severe of the two severities is kept.
        """
        for at, known in enumerate(self.obstacles):
            if known.cause == obstacle.cause:
                self.obstacles[at] = _joined(known, obstacle)
                return
        self.obstacles.append(obstacle)

    def of(self, severity: Severity) -> list[Obstacle]:
        """Return the obstacles of one severity, in the order in which they were found."""
        return [each for each in self.obstacles if each.severity is severity]

    @property
    def is_clear(self) -> bool:
        """Whether nothing stands in the way."""
        return not any(each.severity.stands_in_the_way for each in self.obstacles)


def _joined(one: Obstacle, other: Obstacle) -> Obstacle:
    order = list(Severity)
    return replace(
        one,
        severity=min(one.severity, other.severity, key=order.index),
        cures=tuple(dict.fromkeys((*one.cures, *other.cures))),
        affected=tuple(dict.fromkeys((*one.affected, *other.affected))),
    )


def listed(names: Iterable[str], most: int = 8) -> str:
    """Return names with commas between them, and the number of those beyond ``most``."""
    known: Sequence[str] = list(names)
    more = f" and {len(known) - most:,} more" if len(known) > most else ""
    return ", ".join(known[:most]) + more
