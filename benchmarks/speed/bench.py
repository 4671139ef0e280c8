"""What a chapter of the suite is given: sizes, servers, and a folder for projects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .data import SIDES, DataSet, Side
from .project import Layout
from .rounds import Measured, Tell, Work, in_rounds
from .stacks import Stacks


@dataclass(frozen=True)
class Sizes:
    """How much is measured; every number can be given on the command line."""

    rows: int = 100_000
    tenants: int = 20
    rounds: int = 3
    item_tenants: int = 50
    tables: int = 4
    limit: float = 900.0

    @property
    def drifts(self) -> int:
        """The scattered drifts of a table: a hundred, or a hundredth of it."""
        return min(100, self.rows // 100)

    @property
    def flood(self) -> int:
        """The drifts of a table that is full of them."""
        return self.rows // 5


@dataclass(frozen=True)
class Chapter:
    """What one part of the suite measured, all in one session, in turns."""

    works: Mapping[str, Measured]
    facts: Mapping[str, Any] = field(default_factory=dict)
    curves: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return it as bench.json holds it."""
        works = {name: work.to_json() for name, work in self.works.items()}
        return {"works": works, "facts": dict(self.facts), "curves": dict(self.curves)}


@dataclass(frozen=True)
class Bench:
    """The servers, the sizes, an empty folder, whether peers are asked, and who hears of it."""

    stacks: Stacks
    sizes: Sizes
    folder: Path
    with_peers: bool
    tell: Tell

    def layout(self, data: DataSet, ports: Mapping[Side, int] | None = None) -> Layout:
        """Return where a data set is; ``ports`` are those of proxies."""
        urls = [self.stacks.url(side, None if ports is None else ports[side]) for side in SIDES]
        return Layout((urls[0], urls[1]), (data.schema_on("legacy"), data.schema_on("modern")))

    def rounds(self, works: Mapping[str, Work]) -> dict[str, Measured]:
        """Do the works in turns."""
        return in_rounds(works, self.sizes.rounds, self.tell)

    def to_json(self) -> dict[str, Any]:
        """Return the sizes."""
        return {**asdict(self.sizes), "with_peers": self.with_peers}
