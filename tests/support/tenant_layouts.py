"""Which traps and random tables are laid out among several tenants, and in which layouts.

Each test run takes each trap once, and each way of reading in three layouts. ``make soundness``
takes all traps and all ways in all layouts.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..soundness.traps import TRAPS, Engine, Side, Trap, exists

EVERY_LAYOUT = bool(os.environ.get("TENANTPARITY_EVERY_LAYOUT"))


@dataclass(frozen=True)
class Layout:
    """The engines of both stacks, and on which sides each tenant has a schema of its own."""

    legacy: Engine
    modern: Engine
    own_schemas: tuple[Side, ...] = ()

    @property
    def name(self) -> str:
        """Return what the layout is called in the name of a test."""
        schemas = [f"{side} schemas" for side in self.own_schemas]
        return ", ".join([f"{self.legacy}-{self.modern}", *schemas])

    def holds(self, trap: Trap) -> bool:
        """Whether both engines have the trap's types."""
        return exists(trap, "legacy", self.legacy) and exists(trap, "modern", self.modern)


def traps_in(layouts: Sequence[Layout]) -> Mapping[Layout, Sequence[Trap]]:
    """Return the traps of each layout: in all, each trap that a layout can hold, once."""
    given: dict[Layout, list[Trap]] = {layout: [] for layout in layouts}
    for trap in TRAPS:
        able = [layout for layout in layouts if layout.holds(trap)]
        able.sort(key=lambda layout: len(given[layout]))
        for layout in able if EVERY_LAYOUT else able[:1]:
            given[layout].append(trap)
    return given


def pairs_of(layouts: Sequence[Layout], ways: Sequence[str]) -> list[tuple[Layout, str]]:
    """Return layouts and ways of reading in pairs, so that each is in one at least."""
    if EVERY_LAYOUT:
        return [(layout, way) for layout in layouts for way in ways]
    number = 3 * len(ways)
    return [(layouts[n % len(layouts)], ways[n % len(ways)]) for n in range(number)]
