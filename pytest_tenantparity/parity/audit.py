"""An audit: from the key of a check to its evidence. It does not depend on pytest."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from time import perf_counter

from ..errors import NotProven, Unreadable
from ..inventory import TablePair, place_of, place_of_shared
from ..mapping.table_lookup import first_located
from ..model import PARITY_KINDS, SIDES, CheckKey, CheckKind, Evidence, Outcome, Side, Tenant, Work
from ..stacks import retried
from .checks.canary import check_canary
from .checks.coverage import check_coverage
from .checks.rows import check_rows, equal_rows
from .checks.unassigned import check_unassigned
from .checks.unreadable import blame_for
from .compare.tolerance import Layer, ToleranceRules, layers_for
from .live.in_flight import under_settle
from .run import Run
from .scan.batch import batch_result
from .scan.plan import Batches
from .scan.shared import SharedResult, shared_result


@dataclass
class Audit:
    """The checks of one run in one process, and the scans that several of them use.

    ``shared_results`` are those of shared scans, by table and tenant. The tenants of one scan share
    one object: its result or its failure. It is None if a tenant can only be scanned alone.
    """

    run: Run
    batches: Batches = field(default_factory=Batches)
    shared_results: dict[str, dict[str, SharedResult | NotProven | None]] = field(
        default_factory=dict
    )

    def check(self, key: CheckKey, layers: Sequence[Layer] = ()) -> Evidence:
        """Run one check, and return its evidence.

        A check that cannot be proven has evidence, too: NOT PROVEN with the reason. ``layers`` are
        tolerances of the test itself, which take precedence over those of the settings.
        """
        run = self.run
        started, waited = perf_counter(), run.waited
        try:
            self._require_known(key)
            shared = self._shared_result(key)
            if shared is not None and shared.needs_no_query:
                evidence = equal_rows(run, key, shared)
            else:
                evidence = retried(lambda: self._check(key, layers, shared))
        except NotProven as error:
            evidence = Evidence(key, Outcome.NOT_PROVEN, reasons=(str(error),))
        waits = {side: now - waited[side] for side, now in run.waited.items() if now > waited[side]}
        readings, hints, pairs = run.notes.give()
        work = Work(perf_counter() - started, waits, readings, hints, pairs)
        return replace(evidence, work=work)

    def counted(self, table: str, side: Side) -> int | None:
        """Return the number of rows of all tenants.

        Returns None unless scans have counted the rows of each tenant.
        """
        rows = self.batches.counted(table, side)
        for tenant, found in self.shared_results.get(table, {}).items():
            if isinstance(found, SharedResult):
                counts = found.results[tenant].rows
                rows[tenant] = counts.legacy if side == "legacy" else counts.modern
        return sum(rows.values()) if self.run.tenants.keys() <= rows.keys() else None

    def _require_known(self, key: CheckKey) -> None:
        """Raise :class:`NotProven` for a check that an audit does not make."""
        if key.kind not in PARITY_KINDS:
            raise NotProven(f"an audit makes no checks of the kind {key.kind.value!r}")
        if key.tenant is not None and key.tenant not in self.run.tenants:
            raise NotProven(f"the settings have no tenant {key.tenant!r}")

    def _shared_result(self, key: CheckKey) -> SharedResult | None:
        """Return the result of a shared scan or a batch for one check, or None if there is none."""
        run, pair = self.run, self.run.pairs.get(key.what)
        if key.tenant is None or pair is None:
            return None
        tenant = run.tenants[key.tenant]
        of_scan = shared_result(run, self.shared_results, pair, tenant)
        return of_scan or batch_result(run, self.batches, pair, tenant)

    def _check(
        self, key: CheckKey, layers: Sequence[Layer], shared: SharedResult | None
    ) -> Evidence:
        run = self.run
        if key.kind is CheckKind.COVERAGE:
            return check_coverage(run, key)
        tenant = None if key.tenant is None else run.tenants[key.tenant]
        pair = _pair(run, key, tenant)
        try:
            if key.kind is CheckKind.CANARY:
                return check_canary(run, key, pair)
            if key.kind is CheckKind.UNASSIGNED:
                audited = run.audited(pair.name)
                # If this check is the first one of the table, it makes the shared scans. So
                # ``known`` depends on the process only for tables in batches.
                if len(audited) == len(run.tenants):
                    with suppress(NotProven):  # each tenant's check reports the reason
                        for each in audited:
                            shared_result(run, self.shared_results, pair, each)
                known = {side: self.counted(pair.name, side) for side in SIDES}
                return check_unassigned(run, key, pair, known)
        except Unreadable as error:
            anyone = first_located(run, pair, run.selected)
            _, reasons = blame_for(run, pair, anyone, error, whole=True)
            raise NotProven("; ".join(reasons)) from None
        written = layers_for(run.settings, pair, tenant)
        tolerance = ToleranceRules([run.environment, *written, *layers])
        evidence = check_rows(run, key, tolerance, shared)
        return under_settle(evidence, run.settle)


def _pair(run: Run, key: CheckKey, tenant: Tenant | None) -> TablePair:
    if key.what in run.pairs:
        return run.pairs[key.what]
    for side in SIDES:  # raises NotProven if the tables could not be discovered
        stack = run.settings.stack(side)
        run.stacks[side].database(place_of_shared(stack))
        if tenant is not None and stack.tenancy is not None:
            run.stacks[side].database(place_of(stack, stack.tenancy, tenant))
    raise NotProven(f"the table {key.what!r} was not planned")
