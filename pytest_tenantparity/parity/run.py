"""One run of an audit in one process: what its checks share."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from time import monotonic

from ..mapping.migration import Migration
from ..model import PairFacts, Reading, Side, Tenant
from .cache import SharedCache
from .compare.comparison import Normaliser
from .compare.findings import SinkOf, sink_to_nowhere
from .compare.tolerance import Layer
from .progress import Watch, unwatched

Note = Reading | PairFacts | str
"""A way in which a table was read, a description of a pair, or a hint at a cheaper way."""


@dataclass
class Notes:
    """Collects notes, and returns the notes that it has not returned before."""

    _known: set[Note] = field(default_factory=set)
    _new: list[Note] = field(default_factory=list)

    def take(self, note: Note) -> None:
        """Add ``note``, unless it is known."""
        if note not in self._known:
            self._known.add(note)
            self._new.append(note)

    def give(self) -> tuple[tuple[Reading, ...], tuple[str, ...], tuple[PairFacts, ...]]:
        """Return the new readings, hints and pairs, in an order that does not depend on threads."""
        new, self._new = self._new, []
        hints = sorted(each for each in new if isinstance(each, str))
        readings = [each for each in new if isinstance(each, Reading)]
        readings.sort(key=lambda each: (each.table, each.side, each.how))
        pairs = sorted((e for e in new if isinstance(e, PairFacts)), key=lambda each: each.table)
        return tuple(readings), tuple(hints), tuple(pairs)


@dataclass(frozen=True, kw_only=True)
class Run(Migration):
    """A migration that is audited, and what all checks of the audit share.

    - ``salt`` is mixed into all hashes.
    - ``environment`` are the tolerances of environment variables.
    - ``open_sink`` opens the sink for all findings of a check, also for those that the report
      omits.
    - ``settle`` is the number of seconds that a write may take from one stack to the other. It is
      None if rows that differ are not read again.
    - ``since`` is a time of the monotonic clock at which the run's snapshots existed already.
    - ``audited_ids`` are the ids of the tenants whose rows this run checks, by table. None stands
      for all selected tenants.
    - ``shared_cache`` shares results with the other processes of the run.
    - ``watch`` is called with the progress of scans.
    """

    salt: int
    environment: Layer
    normalisers: Mapping[str, Normaliser] = field(default_factory=dict)
    # One thread runs for each side, and one more for each query that could not be stopped.
    pool: Executor = field(
        default_factory=lambda: ThreadPoolExecutor(64, thread_name_prefix="tenantparity")
    )
    open_sink: SinkOf = sink_to_nowhere
    settle: float | None = None
    since: float = field(default_factory=monotonic)
    audited_ids: Mapping[str, Collection[str]] | None = None
    shared_cache: SharedCache = field(default_factory=SharedCache)
    watch: Watch = unwatched
    notes: Notes = field(default_factory=Notes)

    def audited(self, table: str) -> list[Tenant]:
        """Return the tenants whose rows of ``table`` this run checks."""
        return [each for each in self.selected if self.is_audited(table, each)]

    def is_audited(self, table: str, tenant: Tenant) -> bool:
        """Return whether this run checks the rows of ``table`` of ``tenant``, which is selected."""
        return self.audited_ids is None or tenant.id in self.audited_ids.get(table, ())

    @property
    def waited(self) -> dict[Side, float]:
        """The number of seconds that this process has waited for the throttle of each side."""
        return {side: stack.waited for side, stack in self.stacks.items()}

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
