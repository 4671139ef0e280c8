"""The arguments of a chapter (servers, sizes, a folder) and its result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .data_sets import SIDES, DataSet, Side
from .projects import Layout
from .rounds import Log, Measured, Work, in_rounds
from .stacks import Stacks


@dataclass(frozen=True)
class Sizes:
    """How much is measured; every one is an option of the command line."""

    rows: int = 100_000
    tenants: int = 20
    rounds: int = 3
    item_tenants: int = 50
    tables: int = 4
    limit: float = 900.0
    with_peers: bool = True

    @property
    def drifts(self) -> int:
        """The scattered drifts of a table: a hundred, or a hundredth of it."""
        return min(100, self.rows // 100)

    @property
    def flood(self) -> int:
        """The drifts of a table that is full of them."""
        return self.rows // 5

    def to_json(self) -> dict[str, Any]:
        """Return the sizes as bench.json holds them."""
        return asdict(self)


@dataclass(frozen=True)
class Chapter:
    """The measurements of one chapter, all of one session."""

    works: Mapping[str, Measured]
    facts: Mapping[str, Any] = field(default_factory=dict)
    curves: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the chapter as bench.json holds it."""
        works = {name: work.to_json() for name, work in self.works.items()}
        return {"works": works, "facts": dict(self.facts), "curves": dict(self.curves)}


@dataclass(frozen=True)
class Bench:
    """The servers, the sizes, and an empty folder; progress is passed to ``log``."""

    stacks: Stacks
    sizes: Sizes
    folder: Path
    log: Log

    def layout(self, data: DataSet, ports: Mapping[Side, int] | None = None) -> Layout:
        """Return where a data set is; ``ports`` are those of proxies."""
        urls = [self.stacks.url(side, None if ports is None else ports[side]) for side in SIDES]
        return Layout((urls[0], urls[1]), (data.schema_on("legacy"), data.schema_on("modern")))

    def rounds(self, works: Mapping[str, Work]) -> dict[str, Measured]:
        """Do the works in turns."""
        return in_rounds(works, self.sizes.rounds, self.log)
