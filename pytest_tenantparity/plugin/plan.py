"""Which tests an audit makes: one for each (tenant, table), and the few for the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from sys import intern

import pytest

from ..errors import SettingsError
from ..inventory import Selection, audit_cells, select_pairs, select_tenants, tenant_table_cells
from ..model import ANY_TABLE, Cell, CheckKey
from .markers import parity_terms, tolerance_layers
from .session import AuditSession, PlannedItem
from .share import note_test

CELL = "parity_cell"


def parametrize(metafunc: pytest.Metafunc, session: AuditSession) -> None:
    """Make a test's items."""
    if CELL not in metafunc.fixturenames:
        return
    try:
        tolerance_layers(metafunc.definition)
        cells = list(_cells(metafunc, session))
    except SettingsError as error:
        raise pytest.Collector.CollectError(f"{metafunc.definition.nodeid}: {error}") from None
    note_test(session, metafunc.definition, cells)
    ids = dict(zip(cells, _unique([cell.id for cell in cells]), strict=True))
    own = session.own_cells(cells)
    if session.share is not None and cells and not own:
        _leave_to_others(metafunc, session.share.name)
    else:
        metafunc.parametrize(CELL, own, ids=[ids[cell] for cell in own], indirect=True)


def _leave_to_others(metafunc: pytest.Metafunc, shard: str) -> None:
    """Make one skipped item, so that a shard with nothing to do is no failed run."""
    skip = pytest.mark.skip(reason=f"{shard} has none of this test's checks")
    metafunc.parametrize(CELL, [pytest.param(None, marks=skip, id=shard)], indirect=True)


def write_down(items: Iterable[object], session: AuditSession) -> None:
    """Put a test's items into the plan, before ``-k`` or ``--lf`` can take any of them out."""
    for item in items:
        if isinstance(item, pytest.Function) and (key := _item_key(item)) is not None:
            session.plan[key] = PlannedItem(item.nodeid, "parity" in item.fixturenames)
            session.keys[item.nodeid] = key


def item_key(item: pytest.Item, session: AuditSession) -> CheckKey | None:
    """Return what the ledger knows an item by, if this plugin made the item."""
    return session.keys.get(item.nodeid) or _item_key(item)


def _item_key(item: pytest.Item) -> CheckKey | None:
    callspec = getattr(item, "callspec", None)
    cell = callspec.params.get(CELL) if callspec is not None else None
    if callspec is None or not isinstance(cell, Cell) or item.parent is None:
        return None
    check = f"{item.parent.nodeid}::{getattr(item, 'originalname', item.name)}"
    if len(callspec.params) > 1:  # a test's own parameters make checks of their own
        check = f"{check}[{callspec.id}]"
    # One text for all the items of a test, however many there are.
    return CheckKey(intern(check), cell.subject, ANY_TABLE if cell.table is None else cell.table)


def _cells(metafunc: pytest.Metafunc, session: AuditSession) -> Iterator[Cell]:
    terms = parity_terms(metafunc.definition)
    selection, pairs = session.selection, session.selected_pairs
    if "tenants" in terms:
        narrowed = select_tenants(session.settings, terms["tenants"]).tenants
        kept = tuple(tenant for tenant in selection.tenants if tenant in narrowed)
        selection = Selection(kept, frozenset())
    if "tables" in terms:
        selection = Selection(selection.tenants, frozenset())
        pairs = None if pairs is None else select_pairs(pairs, terms["tables"])
    wanted = set(metafunc.fixturenames)
    if "parity" in wanted and not wanted & {"tenant", "table"}:
        yield from audit_cells(selection, pairs)
    elif wanted & {"parity", "table"}:
        yield from tenant_table_cells(selection, pairs)
    else:
        yield from (Cell(tenant.id) for tenant in selection.tenants)


def _unique(ids: list[str]) -> list[str]:
    """Number ids that two cells share: tenant 'a-b' with table 'c', and 'a' with 'b-c'."""
    seen: Counter[str] = Counter()
    unique = []
    for name in ids:
        seen[name] += 1
        unique.append(name if seen[name] == 1 else f"{name}~{seen[name]}")
    return unique


def ask_together(items: Iterable[pytest.Item], session: AuditSession) -> None:
    """Note which tenants of each table the tests are about, less those proven before."""
    asked: dict[str, set[str]] = {}
    for item in items:
        key = item_key(item, session)
        if key is not None and key not in session.earlier.proofs:
            asked.setdefault(key.table, set()).add(key.tenant)
    session.asked = asked
