"""Scans of all tenants of a table. The first check that needs a result runs the scan."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ...errors import InconsistentReads, NotProven, counted
from ...inventory import TablePair
from ...mapping.columns import ColumnPlan, implied_column
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
    - ``owners``: by side and key, the discriminator value of a row that some tenant lost or gained.
      It is empty until the rows of a side were looked up.
    - ``settled`` holds, by tenant of the scan, the outcome for its rows that differed. It is empty
      until the rows were read again.
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


def shared_result(
    run: Run,
    known: dict[str, dict[str, SharedResult | NotProven | None]],
    pair: TablePair,
    tenant: Tenant,
) -> SharedResult | None:
    """Return the result of a shared scan for ``tenant``, or None if it is scanned alone.

    A tenant is scanned alone if no tenant can be scanned with it, if the rows cannot be attributed
    for certain, or if the shared scan failed. ``known`` holds the results by table and tenant. The
    first call scans the rows of all tenants that can be scanned together, and adds their results.
    Raises :class:`NotProven`.
    """
    if any(pair.tenancy(side).is_global or pair.tenancy(side).per_place for side in SIDES):
        return None  # scanned for all, or in batches
    of_table = known.setdefault(pair.name, {})
    if tenant.id not in of_table:
        together = _tenants_with(run, pair, tenant)
        found: SharedResult | NotProven | None = None
        if len(together) > 1:
            found = retried(lambda: _scan_together(run, pair, together))
        if isinstance(found, NotProven) and not isinstance(found, InconsistentReads):
            note_failure(run, pair, together, found)
        of_table |= dict.fromkeys((each.id for each in together), found)
    result = of_table[tenant.id]
    if isinstance(result, InconsistentReads):  # scans of single tenants might not find it
        raise InconsistentReads(str(result))
    if isinstance(result, NotProven):  # scans of single tenants find it again
        return None
    return None if result is None else replace(result, tenant=tenant.id)


def note_failure(run: Run, pair: TablePair, tenants: Sequence[Tenant], failure: NotProven) -> None:
    """Add a hint that one scan for ``tenants`` failed."""
    run.notes.take(
        f"{SLOW}{pair.name} was scanned once for each tenant, since one scan for "
        f"{counted(len(tenants), 'tenant')} failed: {UNTOLD if pair.has_masks else failure}"
    )


def _tenants_with(run: Run, pair: TablePair, tenant: Tenant) -> list[Tenant]:
    """Return the tenants that are scanned together with ``tenant``, including it.

    Their columns must be planned alike.
    """

    def implied(tenant: Tenant) -> list[str | None]:
        return [implied_column(pair, side, tenant) for side in SIDES]

    alike = [each for each in run.audited(pair.name) if implied(each) == implied(tenant)]
    return alike if tenant in alike else [tenant]


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
        found = _cache(run, pair).ask(question, dict, settled, keeps_failure=False)
        if isinstance(found, NotProven):
            found = {each: Settled(failure=str(found)) for each in suspects}
        shared.settled.update(found)
    return shared.settled[shared.tenant]


def _cache(run: Run, pair: TablePair) -> SharedCache:
    # Masked values must not be written to a file, so each process reads the rows itself.
    return SharedCache() if pair.has_masks else run.shared_cache
