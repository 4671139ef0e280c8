"""Scans of all tenants of a table. The first check that needs a result runs the scan."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ...errors import InconsistentReads, NotProven, counted
from ...inventory import TablePair
from ...mapping.columns import ColumnPlan
from ...mapping.connected_pair import implied_column
from ...model import SIDES, SLOW, UNTOLD, RowCounts, Side, Tenant
from ...stacks import retried
from ..cache import SharedCache
from ..compare.row_diff import Row
from ..live.in_flight import Settled, settle
from ..locate.peeling import TenantResult, locate
from ..read.both_sides import BothSides
from ..read.open_pair import OpenPair, open_pair
from ..run import Run


@dataclass(frozen=True)
class SharedResult:
    """The result of a shared scan or a batch for the rows of one ``tenant`` of a table.

    - ``results`` are those of all tenants of the scan. A batch has that of ``tenant`` alone.
    - ``owners`` holds the discriminator values of keys that some tenant of the scan lost or gained,
      by the side on which they were looked up. It is empty until then.
    - ``settled`` holds the outcome for the rows of each tenant of the scan that differed. It is
      empty until the rows were read again.
    """

    plan: ColumnPlan
    digest: str
    keys_enforced: bool
    tenant: str
    results: Mapping[str, TenantResult]
    owners: dict[Side, dict[Row, str | None]] = field(default_factory=dict)
    settled: dict[str, Settled] = field(default_factory=dict)

    @property
    def result(self) -> TenantResult:
        """The digests of the tenant's rows, and the rows that differ."""
        return self.results[self.tenant]

    @property
    def rows(self) -> RowCounts:
        """The number of the tenant's rows on each side."""
        return self.result.rows

    @property
    def needs_no_query(self) -> bool:
        """Whether the check is done: the rows are equal, and their keys are enforced."""
        return self.result.legacy == self.result.modern and self.keys_enforced


@dataclass
class SharedScans:
    """The shared scans of a run.

    ``done`` are the results by table and first tenant, each as that of the first tenant.
    """

    run: Run
    done: dict[tuple[str, str], SharedResult | NotProven] = field(default_factory=dict)
    _together: dict[str, Mapping[str, Sequence[Tenant]]] = field(default_factory=dict)

    def of(self, pair: TablePair, tenant: Tenant) -> SharedResult | None:
        """Return the result for ``tenant``, or None if it is scanned alone.

        A tenant is scanned alone if no tenant can be scanned with it, if the rows cannot be
        attributed for certain, or if the shared scan failed. Raises :class:`NotProven`.
        """
        if pair.name not in self._together:
            self._together[pair.name] = _groups(self.run, pair)
        together = self._together[pair.name].get(tenant.id, ())
        if not together:
            return None
        name = pair.name, together[0].id
        if name not in self.done:
            self.done[name] = retried(lambda: _scan_together(self.run, pair, together))
        found = self.done[name]
        if isinstance(found, InconsistentReads):  # scans of single tenants might not find it
            raise InconsistentReads(str(found))
        if isinstance(found, NotProven):  # scans of single tenants find it again
            note_failure(self.run, pair, together, found)
            return None
        return replace(found, tenant=tenant.id)

    def counted(self, table: str, side: Side) -> dict[str, int]:
        """Return the number of each tenant's rows of ``table``, as far as scans have counted it."""
        return {
            tenant: each.legacy.rows if side == "legacy" else each.modern.rows
            for (name, _), scan in self.done.items()
            if name == table and not isinstance(scan, NotProven)
            for tenant, each in scan.results.items()
        }


def note_failure(run: Run, pair: TablePair, tenants: Sequence[Tenant], failure: NotProven) -> None:
    """Add a hint that one scan for ``tenants`` failed."""
    run.notes.take(
        f"{SLOW}{pair.name} was scanned once for each tenant, since one scan for "
        f"{counted(len(tenants), 'tenant')} failed: {UNTOLD if pair.has_masks else failure}"
    )


def _groups(run: Run, pair: TablePair) -> dict[str, Sequence[Tenant]]:
    """Return the tenants that are scanned together with each tenant, including it.

    Tenants must share the tables on both sides, and their columns must be planned alike. Tables of
    their own are digested in batches.
    """
    if any(pair.tenancy(side).is_global or pair.tenancy(side).per_place for side in SIDES):
        return {}
    groups: dict[Hashable, list[Tenant]] = {}
    for tenant in run.audited(pair.name):
        implied = tuple(implied_column(pair, side, tenant) for side in SIDES)
        groups.setdefault(implied, []).append(tenant)
    return {each.id: group for group in groups.values() if len(group) > 1 for each in group}


def _scan_together(
    run: Run, pair: TablePair, tenants: Sequence[Tenant]
) -> SharedResult | NotProven:
    """Scan the rows of ``tenants``, and return the result as that of the first tenant."""
    with open_pair(run, pair, tenants[0]) as opened:

        def sides_of(owners: Collection[str]) -> BothSides:
            some = [each for each in tenants if each.id in owners]
            return opened.sides(lambda side: opened.all_of(side, some))

        def results() -> dict[str, TenantResult]:
            found = locate(sides_of, [each.id for each in tenants])
            opened.require_unaltered()
            return found

        question = f"shared scan of {pair.name} for {[each.id for each in tenants]}"
        found = _cache(run, pair).ask(question, dict, results)
        if isinstance(found, NotProven):
            return found
        enforced = opened.keys_enforced
        return SharedResult(opened.plan, opened.digest_name, enforced, tenants[0].id, found)


def settled_together(opened: OpenPair, shared: SharedResult, seconds: float) -> Settled:
    """Return the outcome for a tenant's rows that differed.

    The first call reads the differing rows of all tenants of the shared scan again.
    """
    run, pair = opened.run, opened.pair
    if not shared.settled:
        suspects = {tenant: each.diff for tenant, each in shared.results.items() if each.diff}
        tenants = [run.tenants[each] for each in suspects]

        def settled() -> dict[str, Settled]:
            sides = opened.sides(lambda side: opened.all_of(side, tenants))
            return settle(opened, sides, suspects, seconds)

        question = f"rows in flight of {pair.name} for {sorted(suspects)}"
        found = _cache(run, pair).ask(question, dict, settled)
        if isinstance(found, NotProven):
            found = {each: Settled(failure=str(found)) for each in suspects}
        shared.settled.update(found)
    return shared.settled[shared.tenant]


def _cache(run: Run, pair: TablePair) -> SharedCache:
    # Masked values must not be written to a file, so each process reads the rows itself.
    return SharedCache() if pair.has_masks else run.shared_cache
