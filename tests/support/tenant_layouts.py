"""The layouts of several tenants, with the traps and random tables for each.

Each test run uses each trap once, and each way of reading in three layouts. ``make soundness`` uses
all traps and all ways in all layouts.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..soundness.traps import TRAPS, Engine, Side, Trap, exists

EVERY_LAYOUT = bool(os.environ.get("TENANTPARITY_EVERY_LAYOUT"))


@dataclass(frozen=True)
class Layout:
    """The engines of both stacks, and the sides on which tenants have separate schemas."""

    legacy: Engine
    modern: Engine
    own_schemas: tuple[Side, ...] = ()

    @property
    def name(self) -> str:
        """The layout's name in test ids."""
        schemas = [f"{side} schemas" for side in self.own_schemas]
        return ", ".join([f"{self.legacy}-{self.modern}", *schemas])

    def holds(self, trap: Trap) -> bool:
        """Return whether both engines have the trap's types."""
        return exists(trap, "legacy", self.legacy) and exists(trap, "modern", self.modern)


def traps_in(layouts: Sequence[Layout]) -> Mapping[Layout, Sequence[Trap]]:
    """Return the traps of each layout. Each trap that fits a layout is in exactly one."""
    given: dict[Layout, list[Trap]] = {layout: [] for layout in layouts}
    for trap in TRAPS:
        able = [layout for layout in layouts if layout.holds(trap)]
        able.sort(key=lambda layout: len(given[layout]))
        for layout in able if EVERY_LAYOUT else able[:1]:
            given[layout].append(trap)
    return given


def pairs_of(layouts: Sequence[Layout], ways: Sequence[str]) -> list[tuple[Layout, str]]:
    """Return pairs of layouts and ways of reading. Each layout and each way is in at least one."""
    if EVERY_LAYOUT:
        return [(layout, way) for layout in layouts for way in ways]
    number = 3 * len(ways)
    return [(layouts[n % len(layouts)], ways[n % len(ways)]) for n in range(number)]
