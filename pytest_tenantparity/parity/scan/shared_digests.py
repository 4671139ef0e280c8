"""Digests of a table that tenants share on one side, and not on the other side."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from ...errors import ConnectionLost, NotProven, counted
from ...inventory import TablePair
from ...model import SLOW, UNTOLD, Side, Tenant
from ..read.digest import EMPTY, Digest
from ..read.open_pair import open_pair
from ..run import Run
from .plan import Batches, SharedDigests


def shared_digest(
    run: Run, batches: Batches, pair: TablePair, tenant: Tenant, side: Side, structure: Hashable
) -> Digest | None:
    """Return the digest of a tenant's rows of a table that other tenants share.

    One scan digests the rows of all tenants whose tables have the same structure. Returns None if
    the scan failed.
    """
    known = pair.name, side, structure
    tenants = [run.tenants[each] for each in batches.sharing[structure]]
    if known not in batches.shared:
        question = f"{side} rows of {pair.name} for {[each.id for each in tenants]}"
        batches.shared[known] = run.once.ask(
            question, SharedDigests, lambda: _scan(run, pair, tenant, side, tenants)
        )
    found = batches.shared[known]
    if found.failure:
        run.notes.take(
            f"{SLOW}{pair.name} was scanned once for each tenant, since one scan for "
            f"{counted(len(tenants), 'tenant')} failed: "
            f"{UNTOLD if pair.has_masks else found.failure}"
        )
        return None
    return found.digests[tenant.id]


def _scan(
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
