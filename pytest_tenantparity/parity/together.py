"""Groups of tenants that one shared scan reads, since their columns are planned alike."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from ..inventory import TablePair
from ..mapping.connected_pair import implied_column
from ..model import SIDES, Tenant
from .run import Context


def together_with(context: Context, pair: TablePair, tenant: Tenant) -> Sequence[Tenant]:
    """Return the tenants scanned together with ``tenant``, including it. Empty if there are none.

    Tenants must share the tables on both sides. Tables of their own are digested in batches.
    """
    if pair.name not in context.together:
        context.together[pair.name] = _groups(context, pair)
    return context.together[pair.name].get(tenant.id, ())


def _groups(context: Context, pair: TablePair) -> dict[str, Sequence[Tenant]]:
    if any(pair.tenancy(side).is_global or pair.tenancy(side).per_place for side in SIDES):
        return {}
    groups: dict[Hashable, list[Tenant]] = {}
    for tenant in context.audited(pair.name):
        implied = tuple(implied_column(pair, side, tenant) for side in SIDES)
        groups.setdefault(implied, []).append(tenant)
    return {each.id: group for group in groups.values() if len(group) > 1 for each in group}
