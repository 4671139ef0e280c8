"""What the columns of a pair are found with, and what is found of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..mapping.comparable_types import TYPES, CommonType, meet
from ..model import Side
from ..stacks import ColumnFacts
from ..stacks.dialects import ColumnRules
from .keys import IdMaps, Link
from .reflect import Databases
from .tables import PairedTables
from .zones import ZoneFit

HANDFUL = 5
"""Sampled rows that an equivalence has to be seen in, before it is more than a proposal."""

EFFECT = 3
"""Sampled rows that a transformation has to change."""

Text = str | None
"""A canonical text, or None for NULL."""


@dataclass(frozen=True)
class ColumnDraft:
    """One column of a pair, by its legacy name.

    - ``modern``: its modern name; None for a value that the settings make of several columns.
    - ``settings``: what has to be written; empty if nothing has to be.
    - ``why``: the evidence, as a comment. ``sure``: whether all sampled rows show it.
    - ``equal`` of ``rows`` sampled rows agree under the plainest settings.
    """

    name: str
    modern: str
    settings: dict[str, Any] = field(default_factory=dict)
    why: str = ""
    sure: bool = True
    equal: int = 0
    rows: int = 0


@dataclass(frozen=True)
class Context:
    """What the columns of a pair are found with.

    - ``id_maps``: modern ids by legacy ids, by legacy table. ``maps``: names of key maps in the
      settings, by legacy table. ``natural``: the columns by which rows of a legacy table are found,
      if it is one and not an id.
    - ``same``: modern tables by their legacy tables.
    - ``spared``: by side, columns that select the tenant and need no counterpart.
    - ``zones``: those of the naive times of all tables.
    """

    databases: Databases
    pair: PairedTables
    link: Link
    id_maps: IdMaps
    maps: Mapping[str, str]
    natural: Mapping[str, tuple[str, str]]
    same: Mapping[str, str]
    spared: Mapping[Side, frozenset[str]]
    zones: tuple[ZoneFit, ...] = ()

    @property
    def selecting(self) -> set[tuple[str, str]]:
        """The columns that select the tenant on both sides, unless rows are found by them alone."""
        if len(self.link.columns) == 1:
            return set()
        return {(one, other) for one in self.spared["legacy"] for other in self.spared["modern"]}

    def facts(self, legacy: str, modern: str) -> dict[Side, ColumnFacts]:
        """Return the types of two columns."""
        one, other = self.pair.legacy.facts.column(legacy), self.pair.modern.facts.column(modern)
        if one is None or other is None:
            raise KeyError(legacy, modern)
        return {"legacy": one, "modern": other}

    def values(self, legacy: str, modern: str) -> list[tuple[Text, Text]]:
        """Return the two values of each row that was found on both sides."""
        return [(one.get(legacy), other.get(modern)) for one, other in self.link.pairs]

    def rules(self, facts: Mapping[Side, ColumnFacts], **more: Any) -> ColumnRules:
        """Return the rules that two columns are compared by."""
        dialects = self.databases.dialects
        engines = {each.name for each in dialects.values()}
        families = {each.family for each in facts.values()}
        return ColumnRules(common=len(engines) > 1 or len(families) > 1, **more)

    def meeting(
        self, facts: Mapping[Side, ColumnFacts], read_as: str | None = None, **more: Any
    ) -> CommonType | None:
        """Return the family that two columns are compared as under some rules, or None."""
        rules = self.rules(facts, read_as=read_as is not None, **more)
        family = None if read_as is None else TYPES[read_as]
        met = meet(facts, self.databases.dialects, rules, family)
        return met if isinstance(met, CommonType) else None
