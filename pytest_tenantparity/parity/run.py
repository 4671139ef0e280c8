"""State that the checks of one run share within a process."""

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
from .cache import Once
from .compare.comparison import Normaliser
from .compare.findings import SinkOf, sink_to_nowhere
from .compare.tolerance import Layer
from .notes import Notes
from .progress import Watch, unwatched
from .scan.plan import Batches

if TYPE_CHECKING:
    from .scan.shared import Surveyed


def _threads() -> Executor:
    # One thread runs for each side, and one more for each query that could not be stopped.
    return ThreadPoolExecutor(max_workers=64, thread_name_prefix="tenantparity")


@dataclass(frozen=True)
class Context:
    """Settings, stacks and table pairs of a run, and the state that its checks share.

    - ``tenants`` are all tenants of the settings. ``selected`` are the tenants of the run.
    - ``asked`` are the ids of the tenants whose rows this run checks, by table. It is None if
      they are not known.
    - ``surveys`` are the results of shared scans, by table and first tenant.
    - ``together`` are the tenants that one shared scan reads together, by table and tenant.
    - ``batches`` are the small tables of tenants that have places of their own.
    - ``drift`` opens the sink for every finding of a check, including those that the report omits.
    - ``watch`` is called with the progress of scans.
    - ``settle`` is the number of seconds that a write may take from one stack to the other. It is
      None if rows that differ are not read again.
    - ``since`` is a time of the monotonic clock at which the run's snapshots existed already.
    - ``as_of`` is the value of ``:as_of`` in filters.
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
        """Return the tenants whose rows of ``table`` this run checks."""
        return [each for each in self.selected if self.audits(table, each)]

    def audits(self, table: str, tenant: Tenant) -> bool:
        """Return whether this run checks the rows of ``table`` of ``tenant``, which is selected."""
        return self.asked is None or tenant.id in self.asked.get(table, ())

    @property
    def waited(self) -> dict[Side, float]:
        """The number of seconds that this process has waited for the throttle of each side."""
        return {side: stack.waited for side, stack in self.stacks.items()}

    def counted(self, table: str, side: Side) -> int | None:
        """Return the number of rows of all tenants.

        Returns None unless scans have counted the rows of each tenant.
        """
        rows = self.batches.counted(table, side)
        for (name, _), made in self.surveys.items():
            if name == table:
                rows |= {
                    tenant: each.legacy.rows if side == "legacy" else each.modern.rows
                    for tenant, each in made.answer.results.items()
                }
        return sum(rows.values()) if self.tenants.keys() <= rows.keys() else None

    def cancel(self) -> None:
        """Stop the running queries on both stacks."""
        for stack in self.stacks.values():
            stack.cancel()

    def give_up(self, side: Side) -> None:
        """Leave the session of ``side`` to a query that could not be stopped.

        The next check opens a new session.
        """
        self.stacks[side].give_up()

    def close(self) -> None:
        """Close the connections of this process."""
        self.pool.shutdown(wait=False, cancel_futures=True)
        for stack in self.stacks.values():
            stack.close()
