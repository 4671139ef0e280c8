"""Runs peers on the same data; each run is a process of its own, as an audit is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..peers import runner
from ..peers.environments import python_of
from .data_sets import COLUMNS, SIDES, DataSet, account_of
from .process import Failed, Ran, run
from .stacks import Stacks

_RUNNER = Path(runner.__file__)
_ANYWHERE = ((None, None),)

Where = Sequence[tuple[str | None, str | None]]
"""Conditions for the legacy side and the modern side; the peer compares once for each pair."""


@dataclass(frozen=True)
class Way:
    """A peer, and how it is tuned; options that are None are the peer's own defaults."""

    peer: str
    factor: int | None = None
    threshold: int | None = None
    threads: int | None = None

    @property
    def options(self) -> dict[str, int]:
        """The options of ``diff_tables``; its pool is twice its threads, as its docs recommend."""
        given = {
            "bisection_factor": self.factor,
            "bisection_threshold": self.threshold,
            "max_threadpool_size": None if self.threads is None else 2 * self.threads,
        }
        return {name: value for name, value in given.items() if value is not None}

    def __str__(self) -> str:
        options = ", ".join(f"{name}={value}" for name, value in self.options.items())
        return f"{self.peer} ({options or 'default'})"


RELADIFF, DATA_DIFF, DATACOMPY = (Way(peer) for peer in ("reladiff", "data-diff", "datacompy"))
TRIED = tuple(
    replace(RELADIFF, factor=factor, threshold=threshold, threads=threads)
    for factor, threshold, threads in (
        (2, 1 << 20, 1), (8, 1 << 17, 2), (32, 16384, 2), (128, 16384, 2), (32, 16384, 4),
    )
)  # fmt: skip
"""Of these and the default, the fastest in a short trial is the tuned one."""


@dataclass(frozen=True)
class Peers:
    """Runs peers on both stacks; ``limit`` is the seconds that each may take."""

    stacks: Stacks
    limit: float

    def run(self, way: Way, data: DataSet, where: Where = _ANYWHERE) -> Ran:
        """Compare a data set's first table; raises Failed if a wrong number of rows is found.

        A peer may count a changed row as one or as two.
        """
        job = self._job(way, data, where)
        command: list[str | Path] = [python_of(way.peer), _RUNNER, way.peer, json.dumps(job)]
        ran = run(command, _RUNNER.parent, self.limit)
        if ran.code != 0:
            raise Failed(f"exit code {ran.code}: {ran.end_of_output[-300:]}")
        found = int(ran.output.splitlines()[-1])
        if not data.drifts <= found <= 2 * data.drifts:
            raise Failed(f"{data.drifts} rows differ, and {found} were found")
        return ran

    def best(self, data: DataSet, where: Where = _ANYWHERE) -> Way:
        """Return the way of reladiff that is fastest here."""
        return min((RELADIFF, *TRIED), key=lambda way: self._seconds(way, data, where))

    def _seconds(self, way: Way, data: DataSet, where: Where) -> float:
        try:
            return self.run(way, data, where).seconds
        except Failed:
            return self.limit

    def _job(self, way: Way, data: DataSet, where: Where) -> dict[str, Any]:
        driver = "postgresql+psycopg" if way.peer == "datacompy" else "postgresql"
        # data-diff requires a password, and the server does not.
        urls = [
            self.stacks.url(side).replace("postgresql:", f"{driver}:").replace("@", ":any@")
            for side in SIDES
        ]
        return {
            "urls": urls,
            "tables": [[data.schema_on(side), data.table_names[0]] for side in SIDES],
            "key": COLUMNS[:1],
            "columns": COLUMNS[1:],
            "select": COLUMNS,
            "count": True,
            "threads": way.threads or 1,
            "options": way.options,
            "where": where,
        }


def of_tenants(*tenants: int) -> Where:
    """Return the conditions that find tenants' rows by each side's index."""
    return [(f"account_id = '{account_of(each)}'", f"tenant_id = {each}") for each in tenants]


def up_to(last: int) -> Where:
    """Return the condition for the rows up to an id."""
    return [(f"id <= {last}", f"id <= {last}")]
