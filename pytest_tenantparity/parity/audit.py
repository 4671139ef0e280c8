"""Runs one check, from its key to its evidence: digest, locate, read, compare, conclude."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter

from ..errors import NotProven, Unreadable
from ..inventory import TablePair, place_of, place_of_shared
from ..mapping.connected_pair import open_pair
from ..mapping.table_lookup import first_located
from ..model import (
    SIDES,
    CheckKey,
    CheckKind,
    Evidence,
    Outcome,
    Tenant,
    Work,
)
from ..stacks import retried
from .checks.canary import check_canary
from .checks.coverage import check_coverage
from .checks.duplicates import with_duplicates
from .checks.mapped_ids import with_mapped_ids
from .checks.misplaced import with_owners
from .checks.unassigned import check_strays
from .checks.unreadable import Blame, blame_for, without
from .compare.comparison import NOTHING_FOUND, Comparison
from .compare.tolerance import Layer, ToleranceRules, layers_for
from .live.in_flight import HeldRows, settle, under_settle, with_settled, without_one_text
from .locate.merge import deliver
from .locate.peeling import locate
from .run import Context
from .scan.batch import shown_in_batch
from .scan.shared import Shown, settled_together, shown_by_survey
from .verdict import conclude


def audit(context: Context, key: CheckKey, layers: Sequence[Layer] = ()) -> Evidence:
    """Run one check, and return its evidence.

    A check that cannot be proven has evidence, too: NOT PROVEN with the reason. ``layers`` are
    tolerances of the test itself, which take precedence over those of the settings.
    """
    started, waited = perf_counter(), context.waited
    try:
        shown = _shown(context, key)
        if shown is not None and shown.settled:
            evidence = _equal(context, key, shown)
        else:
            evidence = retried(lambda: _check(context, key, layers, shown))
    except NotProven as error:
        evidence = Evidence(key, Outcome.NOT_PROVEN, reasons=(str(error),))
    waits = {side: now - waited[side] for side, now in context.waited.items() if now > waited[side]}
    readings, hints, pairs = context.notes.give()
    work = Work(perf_counter() - started, waits, readings, hints, pairs)
    return replace(evidence, work=work)


def _shown(context: Context, key: CheckKey) -> Shown | None:
    """Return the result of a shared scan or a batch for one check, or None if there is none."""
    tenant, pair = context.tenants.get(key.tenant or ""), context.pairs.get(key.what)
    if tenant is None or pair is None:
        return None
    shown = shown_by_survey(context, pair, tenant)
    return shown or shown_in_batch(context, pair, tenant)


def _equal(context: Context, key: CheckKey, shown: Shown) -> Evidence:
    """Return the evidence of equal rows. No query is run, and no tolerance is applied."""
    pair, tolerance = context.pairs[key.what], ToleranceRules()
    evidence = conclude(key, pair, shown.rows, shown.plan, NOTHING_FOUND, tolerance, shown.digest)
    return under_settle(evidence, context.settle)


def _check(
    context: Context, key: CheckKey, layers: Sequence[Layer], shown: Shown | None
) -> Evidence:
    if key.kind is CheckKind.COVERAGE:
        return check_coverage(context, key)
    pair = _pair(context, key)
    if key.kind in (CheckKind.CANARY, CheckKind.UNASSIGNED):
        check = check_canary if key.kind is CheckKind.CANARY else check_strays
        try:
            return check(context, key, pair)
        except Unreadable as error:
            anyone = first_located(context, pair, context.selected)
            blame = blame_for(context, pair, anyone, error, whole=True)
            raise NotProven("; ".join(blame.reasons)) from None
    tenant = None if key.tenant is None else context.tenants[key.tenant]
    written = layers_for(context.settings, pair, tenant)
    tolerance = ToleranceRules([context.environment, *written, *layers])
    evidence = check_rows(context, key, pair, tenant, tolerance, shown)
    return under_settle(evidence, context.settle)


def _pair(context: Context, key: CheckKey) -> TablePair:
    if key.what in context.pairs:
        return context.pairs[key.what]
    tenant = context.tenants.get(key.tenant or "")
    for side in SIDES:  # raises NotProven if the tables could not be discovered
        stack = context.settings.stack(side)
        context.stacks[side].database(place_of_shared(stack))
        if tenant is not None and stack.tenancy is not None:
            context.stacks[side].database(place_of(stack, stack.tenancy, tenant))
    raise NotProven(f"the table {key.what!r} was not planned")


def check_rows(
    context: Context,
    key: CheckKey,
    pair: TablePair,
    tenant: Tenant | None,
    tolerance: ToleranceRules,
    shown: Shown | None,
) -> Evidence:
    """Compare one tenant's rows of one table, or all rows of a shared table without a tenant.

    If the server cannot evaluate a value, its column is left out, and not the whole table.
    """
    try:
        return _compared(context, key, pair, tenant, tolerance, shown)
    except Unreadable as error:
        blame = blame_for(context, pair, tenant, error)
    return _compared(context, key, pair, tenant, tolerance, None, blame)


def _compared(
    context: Context,
    key: CheckKey,
    pair: TablePair,
    tenant: Tenant | None,
    tolerance: ToleranceRules,
    shown: Shown | None,
    blame: Blame | None = None,
) -> Evidence:
    with context.drift(key) as sink, open_pair(context, pair, tenant) as whole:
        opened = whole if blame is None else without(whole, blame)
        sides = opened.sides(lambda side: opened.rows_of(side, tenant))
        comparison = Comparison(
            opened.plan.columns,
            opened.plan.key,
            tolerance,
            context.normalisers,
            context.settings.report.findings,
            sink,
        )
        comparison.repeats_listed = [s for s in SIDES if opened.promises_unique(s) is not None]
        result = locate(lambda _: sides, [""])[""] if shown is None else shown.result
        settled, seconds, ambiguous = None, context.settle, without_one_text(opened)
        if seconds is None or ambiguous is not None:
            deliver(sides, result, comparison)
            if seconds is not None and comparison.drift.total:
                raise NotProven(
                    f"{comparison.drift.total:,} rows differ and may be in flight: they cannot be "
                    f"read again, for equal values of the key column {ambiguous!r} can have "
                    f"several texts; name another [tables.{pair.name}] key"
                )
        elif tenant is not None and shown is not None and shown.shared is not None and result.diff:
            settled = settled_together(opened, shown.shared, tenant, seconds)
        else:
            diff = result.diff
            if not diff:
                held = HeldRows(comparison, context.limits.rows_decoded)
                deliver(sides, result, held)
                diff = held.diff
            settled = None if diff is None else settle(opened, sides, {"": diff}, seconds)[""]
        opened.require_unaltered()
        if settled is not None:
            settled.add_to(comparison)
        evidence = conclude(
            key, pair, result.rows, opened.plan, comparison, tolerance, opened.digest_name
        )
        evidence = with_owners(evidence, comparison.keys, opened, shown)
        evidence = with_mapped_ids(evidence, comparison.keys, opened)
        for finding in evidence.findings:
            sink(finding)
        evidence = with_duplicates(evidence, opened, sides, sink, comparison.repeated)
        return evidence if seconds is None else with_settled(evidence, settled, seconds)
