"""What one statement shows of the small tables that one tenant has in places of its own.

Where tenants share no table, and no scan takes several of them together, it is the tables of each
tenant that are asked for together: one statement a side digests them, each on its own, so that no
value of one meets another's. Tables whose digests are equal are equal; any other is left to its
check.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from ..errors import ConnectionLost, NotProven
from ..inventory import Place, TablePair
from ..model import SIDES, SLOW, UNTOLD, Reading, Side, Tenant
from ..stacks import TableFacts
from .context import Context
from .locate.digest import Digest
from .locate.peeling import TenantResult
from .opened import OpenPair, connected, opened_in
from .places import located
from .reading import way_of
from .row_diff import RowDiff
from .small import Company, is_small
from .source import Sides, Source, digests
from .surveyed import Shown
from .together import has_sql, together_with


@dataclass(frozen=True)
class _Small:
    """A pair that can be asked for with others, and where a tenant's rows of it are."""

    pair: TablePair
    places: Mapping[Side, Place]
    tables: Mapping[Side, TableFacts]


def shown_in_bundle(context: Context, check: str, pair: TablePair, tenant: Tenant) -> Shown | None:
    """Return what a check is shown of a tenant's table, once; None where it has to ask alone."""
    if not any(pair.tenancy(side).per_place for side in SIDES):
        return None
    if (check, tenant.id) not in context.bundles:
        shown: dict[str, Shown] = {}
        for bundle in _bundles(context, tenant):
            try:
                shown |= _shown(context, bundle, tenant)
            except ConnectionLost:  # who asks alone waits, and tries again
                break
            except NotProven as error:  # or says what is wrong
                _note_failure(context, bundle, str(error))
        if context.bundles:  # the last tenant's, whose other checks are not for this process
            context.bundles[next(reversed(context.bundles))].clear()
        context.bundles[check, tenant.id] = shown
    return context.bundles[check, tenant.id].pop(pair.name, None)


def _bundles(context: Context, tenant: Tenant) -> list[list[_Small]]:
    """Choose which of a tenant's tables are asked for together, and with which others."""
    latest: dict[tuple[str, ...], Company[_Small]] = {}
    bundles: list[Company[_Small]] = []
    for pair in context.pairs.values():
        if not context.audits(pair.name, tenant) or together_with(context, pair, tenant):
            continue
        if (found := _small(context, pair, tenant)) is None:
            continue
        databases = tuple(found.places[side].database for side in SIDES)
        tables = list(found.tables.values())
        if databases not in latest or not latest[databases].takes_in(found, tables):
            latest[databases] = Company(context.limits)
            latest[databases].takes_in(found, tables)
            bundles.append(latest[databases])
    return [each.members for each in bundles if len(each.members) > 1]


def _small(context: Context, pair: TablePair, tenant: Tenant) -> _Small | None:
    """Return where a pair is, if it is the tenant's own on one side, small, and no other's matter.

    SQL, key maps and paths lead to other tables, which could be large, or locked by someone.
    """
    tenancies = [pair.tenancy(side) for side in SIDES]
    if any(each.is_global for each in tenancies) or not any(each.per_place for each in tenancies):
        return None
    if any(each.hops for each in tenancies) or has_sql(context, pair, SIDES):
        return None
    if not all(context.stacks[side].dialect.bundles for side in SIDES):
        return None
    try:
        found = _Small(pair, *located(context, pair, tenant))
    except NotProven:  # which its own check will say
        return None
    small = all(is_small(table, context.limits) for table in found.tables.values())
    return found if small else None


@dataclass(frozen=True)
class _Answer:
    """The digests of the tables that are equal, by their names; or why none was read."""

    equal: dict[str, Digest] = field(default_factory=dict)
    failure: str = ""


def _note_failure(context: Context, bundle: Sequence[_Small], why: str) -> None:
    tables = ", ".join(each.pair.name for each in bundle)
    why = UNTOLD if any(each.pair.has_masks for each in bundle) else why
    context.notes.take(
        f"{SLOW}the small tables {tables} were read one by one, since one statement for all of "
        f"them failed: {why}"
    )


def _shown(context: Context, bundle: Sequence[_Small], tenant: Tenant) -> dict[str, Shown]:
    places = bundle[0].places
    for side in SIDES:
        with context.stacks[side].guard(places[side]):
            pass  # once it is not too busy: from here on locks may be held
    with connected(context, places) as connections:
        opened = _opened(context, connections, bundle, tenant)
        question = f"bundle of {[each.pair.name for each in opened]} for {tenant.id!r}"
        found = context.once.ask(question, _Answer, lambda: _answer(opened, tenant))
    if found.failure:
        _note_failure(context, bundle, found.failure)
    shown = {}
    for each in opened:
        if (digest := found.equal.get(each.pair.name)) is not None:
            for side in SIDES:
                how = f"each tenant {way_of(each, side)}, its small tables by one statement"
                context.notes.take(Reading(each.pair.name, side, how))
            result = TenantResult(digest, digest, RowDiff())
            shown[each.pair.name] = Shown(each.plan, each.digest_name, result, each.keys_enforced)
    return shown


def _opened(
    context: Context,
    connections: Mapping[Side, Connection],
    bundle: Sequence[_Small],
    tenant: Tenant,
) -> list[OpenPair]:
    """Open the pairs that can be; what is wrong with another one is for its own check to say."""
    opened = []
    for each in bundle:
        with suppress(NotProven):
            opened.append(
                opened_in(connections, context, each.pair, tenant, each.places, each.tables)
            )
    return opened


def _answer(opened: Sequence[OpenPair], tenant: Tenant) -> _Answer:
    """Digest the tables. What stands in the way of that is found again by each of their checks."""
    try:
        legacy, modern = _digests(opened, tenant)
    except ConnectionLost:
        raise
    except NotProven as error:
        return _Answer(failure=str(error))
    names = [each.pair.name for each in opened]
    return _Answer(
        {
            name: here
            for name, here, there in zip(names, legacy, modern, strict=True)
            if here == there
        }
    )


def _digests(opened: Sequence[OpenPair], tenant: Tenant) -> tuple[list[Digest], list[Digest]]:
    if not opened:
        return [], []
    context = opened[0].context

    def sources(side: Side) -> list[Source]:
        scopes = [replace(each.rows_of(side, tenant), wide=False) for each in opened]
        return [
            each.source(side, scope, at_once=True)
            for each, scope in zip(opened, scopes, strict=True)
        ]

    def ask(side: Side, sources: Sequence[Source]) -> list[Digest]:
        dialect = context.stacks[side].dialect
        tables = [each.tables[side] for each in opened]
        dialect.hold_small(sources[0].connection, tables, context.limits)
        by_schema = any(each.pair.tenancy(side).schema_template for each in opened)
        return digests(sources, once=by_schema or not dialect.roams)

    legacy, modern = sources("legacy"), sources("modern")
    sides = Sides(
        legacy[0], modern[0], context.pool, context.cancel, context.give_up, context.limits
    )
    return sides.both(lambda: ask("legacy", legacy), lambda: ask("modern", modern))
