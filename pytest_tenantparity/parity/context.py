"""What the checks of one run share within a process."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

from ..config import AsOf, Settings
from ..inventory import TablePair
from ..limits import Limits
from ..model import Side, Tenant
from ..stacks import Stack
from .batches import Batches
from .compare import Normaliser
from .findings import SinkOf, sink_to_nowhere
from .notes import Notes
from .once import Once
from .progress import Watch, unwatched
from .tolerance import Layer

if TYPE_CHECKING:
    from .surveyed import Surveyed


def _threads() -> Executor:
    # Two are in use, one a side, and one more for each query that cannot be stopped.
    return ThreadPoolExecutor(max_workers=64, thread_name_prefix="tenantparity")


@dataclass(frozen=True)
class Context:
    """Settings, stacks and pairs; ``tenants`` are all of the settings, ``selected`` the run's.

    ``asked`` are the tenants of each table that some check of this run is about, where that is
    known; ``surveys`` are the scans that were made for several tenants of a table at once, and
    ``together`` are those that such a scan takes together with each tenant. ``batches`` are the
    small tables of tenants that have places of their own.

    ``drift`` opens what takes every finding of a check, however few the report lists; ``watch``
    hears how far scans have come.

    ``settle`` is how many seconds a write may be under way from one stack to the other, where rows
    that differ are to be looked at again; ``since`` is when, by the clock that only goes forward,
    the run's snapshots were there already. ``as_of`` is the value of ``:as_of`` in filters.
    """

    settings: Settings
    pairs: Mapping[str, TablePair]
    stacks: Mapping[Side, Stack]
    tenants: Mapping[str, Tenant]
    selected: Sequence[Tenant]
    salt: int
    environment: Layer
    limits: Limits = field(default_factory=Limits)
    normalisers: Mapping[str, Normaliser] = field(default_factory=dict)
    pool: Executor = field(default_factory=_threads)
    drift: SinkOf = sink_to_nowhere
    settle: float | None = None
    as_of: AsOf | None = None
    since: float = field(default_factory=monotonic)
    asked: Mapping[str, Collection[str]] | None = None
    once: Once = field(default_factory=Once)
    watch: Watch = unwatched
    notes: Notes = field(default_factory=Notes)
    surveys: dict[tuple[str, str], Surveyed] = field(default_factory=dict)
    together: dict[str, Mapping[str, Sequence[Tenant]]] = field(default_factory=dict)
    batches: Batches = field(default_factory=Batches)

    def audited(self, table: str) -> list[Tenant]:
        """Return the tenants whose rows of a table are asked for in this run."""
        return [each for each in self.selected if self.audits(table, each)]

    def audits(self, table: str, tenant: Tenant) -> bool:
        """Whether a selected tenant's rows of a table are asked for in this run."""
        return self.asked is None or tenant.id in self.asked.get(table, ())

    @property
    def waited(self) -> dict[Side, float]:
        """How many seconds this process was held up by a throttle so far."""
        return {side: stack.waited for side, stack in self.stacks.items()}

    def counted(self, table: str, side: Side) -> int | None:
        """Return how many rows all tenants have, where scans have counted those of each."""
        rows = self.batches.counted(table, side)
        for (name, _), made in self.surveys.items():
            if name == table:
                rows |= {
                    tenant: each.legacy.rows if side == "legacy" else each.modern.rows
                    for tenant, each in made.answer.results.items()
                }
        return sum(rows.values()) if self.tenants.keys() <= rows.keys() else None

    def cancel(self) -> None:
        """Stop what is being asked on either stack."""
        for stack in self.stacks.values():
            stack.cancel()

    def give_up(self, side: Side) -> None:
        """Leave a session to a query that could not be stopped; the next check opens a new one."""
        self.stacks[side].give_up()

    def close(self) -> None:
        """Close the connections of this process."""
        self.pool.shutdown(wait=False, cancel_futures=True)
        for stack in self.stacks.values():
            stack.close()
