"""Scans of all tenants of a table. The first check that needs a result runs the scan."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from ...errors import ConnectionLost, InconsistentReads, NotProven, counted
from ...inventory import TablePair
from ...mapping.columns import ColumnPlan, implied_column
from ...model import SIDES, SLOW, UNTOLD, RowCounts, Side, Tenant
from ...stacks import retried
from ..cache import SharedCache
from ..compare.row_diff import Row
from ..live.in_flight import Settled, settle
from ..locate.peeling import TenantResult, locate
from ..read.both_sides import BothSides
from ..read.digest import EMPTY, Digest
from ..read.open_pair import OpenPair, open_pair
from ..run import Run


@dataclass(frozen=True)
class SharedResult:
    """The results of a shared scan or a batch for one tenant's rows of one table.

    ``shared`` is the shared scan, or None for a batch.
    """

    plan: ColumnPlan
    digest: str
    result: TenantResult
    keys_enforced: bool
    shared: SharedScan | None = None

    @property
    def rows(self) -> RowCounts:
        """The number of rows on each side."""
        return self.result.rows

    @property
    def needs_no_query(self) -> bool:
        """Whether the check is done: the rows are equal, and their keys are enforced."""
        return self.result.legacy == self.result.modern and self.keys_enforced


@dataclass(frozen=True)
class _Answer:
    """The results of a shared scan by tenant.

    ``failure`` is the reason why each tenant is scanned alone. ``inconsistent`` is the reason why
    the scan proves nothing for any tenant.
    """

    results: Mapping[str, TenantResult] = field(default_factory=dict)
    inconsistent: str = ""
    failure: str = ""


@dataclass(frozen=True)
class SharedScan:
    """The results of a shared scan, and how its columns were compared.

    ``owners`` holds the discriminator values of keys that some tenant lost or gained, by the side
    on which they were looked up. It is empty until then. ``settled`` holds the outcome for each
    tenant's rows that differed. It is empty until the rows were read again.
    """

    plan: ColumnPlan
    digest: str
    keys_enforced: bool
    answer: _Answer
    owners: dict[Side, dict[Row, str | None]] = field(default_factory=dict)
    settled: dict[str, Settled] = field(default_factory=dict)

    def of(self, tenant: str) -> SharedResult | None:
        """Return the results for ``tenant``, or None if it was not scanned. Raises NotProven."""
        if self.answer.inconsistent:
            raise InconsistentReads(self.answer.inconsistent)
        if tenant not in self.answer.results:
            return None
        result = self.answer.results[tenant]
        return SharedResult(self.plan, self.digest, result, self.keys_enforced, self)


@dataclass
class SharedScans:
    """The shared scans of a run. The first check that needs a result runs the scan.

    ``done`` are the results by table and first tenant.
    """

    run: Run
    done: dict[tuple[str, str], SharedScan] = field(default_factory=dict)
    _together: dict[str, Mapping[str, Sequence[Tenant]]] = field(default_factory=dict)

    def of(self, pair: TablePair, tenant: Tenant) -> SharedResult | None:
        """Return the results for ``tenant``, or None if it is scanned alone.

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
        if failure := self.done[name].answer.failure:
            failure = UNTOLD if pair.has_masks else failure
            self.run.notes.take(
                f"{SLOW}{pair.name} was scanned once for each tenant, since one scan for "
                f"{counted(len(together), 'tenant')} failed: {failure}"
            )
        return self.done[name].of(tenant.id)

    def counted(self, table: str, side: Side) -> dict[str, int]:
        """Return the number of each tenant's rows of ``table``, as far as scans have counted it."""
        return {
            tenant: each.legacy.rows if side == "legacy" else each.modern.rows
            for (name, _), scan in self.done.items()
            if name == table
            for tenant, each in scan.answer.results.items()
        }


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


def _scan_together(run: Run, pair: TablePair, tenants: Sequence[Tenant]) -> SharedScan:
    with open_pair(run, pair, tenants[0]) as opened:
        question = f"shared scan of {pair.name} for {[each.id for each in tenants]}"
        # Masked values must not be written to a file, so each process runs the scan itself.
        cache = SharedCache() if pair.has_masks else run.shared_cache
        found = cache.ask(question, _Answer, lambda: _answer(opened, tenants))
        return SharedScan(opened.plan, opened.digest_name, opened.keys_enforced, found)


def settled_together(
    opened: OpenPair, shared: SharedScan, tenant: Tenant, seconds: float
) -> Settled:
    """Return the outcome for a tenant's rows that differed.

    The first call reads the differing rows of all tenants of the shared scan again.
    """
    run = opened.run
    if not shared.settled:
        suspects = {t: each.diff for t, each in shared.answer.results.items() if each.diff}
        tenants = [run.tenants[each] for each in suspects]

        def settled() -> dict[str, Settled]:
            sides = opened.sides(lambda side: opened.all_of(side, tenants))
            return settle(opened, sides, suspects, seconds)

        question = f"rows in flight of {opened.pair.name} for {sorted(suspects)}"
        cache = SharedCache() if opened.pair.has_masks else run.shared_cache
        try:
            shared.settled.update(cache.ask(question, dict, settled))
        except ConnectionLost:
            raise
        except NotProven as error:
            shared.settled.update({each: Settled(failure=str(error)) for each in suspects})
    return shared.settled[tenant.id]


def _answer(opened: OpenPair, tenants: Sequence[Tenant]) -> _Answer:
    """Scan the rows of ``tenants``, and return the results.

    A lost connection is not a result, since the next process may have a connection.
    """

    def sides_of(owners: Collection[str]) -> BothSides:
        some = [each for each in tenants if each.id in owners]
        return opened.sides(lambda side: opened.all_of(side, some))

    try:
        results = locate(sides_of, [each.id for each in tenants])
        opened.require_unaltered()
        return _Answer(results)
    except ConnectionLost:
        raise
    except InconsistentReads as error:  # scans of single tenants might not find it
        return _Answer(inconsistent=str(error))
    except NotProven as error:  # scans of single tenants find it again
        return _Answer(failure=str(error))


# ---- tables that tenants share on one side only


@dataclass(frozen=True)
class SharedDigests:
    """The digest of each tenant's rows of a shared table, or the reason why there are none."""

    digests: Mapping[str, Digest] = field(default_factory=dict)
    failure: str = ""


def shared_digest(
    run: Run,
    known: dict[tuple[str, Side, Hashable], SharedDigests],
    pair: TablePair,
    tenants: Sequence[Tenant],
    tenant: Tenant,
    side: Side,
    structure: Hashable,
) -> Digest | None:
    """Return the digest of a tenant's rows of a table that other tenants share.

    One scan digests the rows of all ``tenants`` whose tables have the same structure. ``known``
    keeps its result. Returns None if the scan failed.
    """
    key = pair.name, side, structure
    if key not in known:
        question = f"{side} rows of {pair.name} for {[each.id for each in tenants]}"
        known[key] = run.shared_cache.ask(
            question, SharedDigests, lambda: _digest_together(run, pair, tenant, side, tenants)
        )
    found = known[key]
    if found.failure:
        run.notes.take(
            f"{SLOW}{pair.name} was scanned once for each tenant, since one scan for "
            f"{counted(len(tenants), 'tenant')} failed: "
            f"{UNTOLD if pair.has_masks else found.failure}"
        )
        return None
    return found.digests[tenant.id]


def _digest_together(
    run: Run, pair: TablePair, tenant: Tenant, side: Side, tenants: Sequence[Tenant]
) -> SharedDigests:
    """Return the digest of each tenant's rows on ``side``.

    The other side is opened in the place of ``tenant``.
    """
    try:
        with open_pair(run, pair, tenant) as opened:
            sides = opened.sides(
                lambda each: (
                    opened.all_of(each, tenants) if each == side else opened.rows_of(each, tenant)
                )
            )
            none: Callable[[], dict[str, Digest]] = dict
            legacy, modern = sides.both(
                sides.legacy.digests if side == "legacy" else none,
                sides.modern.digests if side == "modern" else none,
            )
            opened.require_unaltered()
    except ConnectionLost:
        raise
    except NotProven as error:
        return SharedDigests(failure=str(error))
    found = legacy | modern
    return SharedDigests({each.id: found.get(each.id, EMPTY) for each in tenants})
