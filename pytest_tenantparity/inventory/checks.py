"""The targets of an audit: what its checks are about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..model import (
    CANARY,
    COVERAGE,
    GLOBAL,
    UNASSIGNED,
    CheckKind,
    Target,
)
from .selection import Selection
from .tables import TablePair


def audit_targets(selection: Selection, pairs: Sequence[TablePair] | None) -> Iterator[Target]:
    """Yield the targets of all checks of an audit.

    If the pairs are not yet discovered, there is one target for each tenant.
    """
    yield from tenant_table_targets(selection, pairs)
    for pair in pairs or ():
        if pair.is_global and GLOBAL in selection.subjects:
            yield Target(CheckKind.ROWS, table=pair.name)
    for pair in pairs or ():
        if pair.can_have_unassigned and UNASSIGNED in selection.subjects:
            yield Target(CheckKind.UNASSIGNED, table=pair.name)
    for pair in pairs or ():
        if CANARY in selection.subjects:
            yield Target(CheckKind.CANARY, table=pair.name)
    if COVERAGE in selection.subjects:
        yield Target(CheckKind.COVERAGE)


def tenant_table_targets(
    selection: Selection, pairs: Sequence[TablePair] | None
) -> Iterator[Target]:
    """Yield one target for each tenant and each table that has tenants."""
    names = [None] if pairs is None else [pair.name for pair in pairs if not pair.is_global]
    for tenant in selection.tenants:
        for name in names:
            yield Target(CheckKind.ROWS, tenant.id, name)
