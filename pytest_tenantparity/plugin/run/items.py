"""The items that an audit generates: one for each (tenant, table), and a few for other checks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import PurePath
from sys import intern
from typing import Any

import pytest

from ...errors import SettingsError
from ...inventory import (
    Selection,
    audit_targets,
    select_pairs,
    select_tenants,
    tenant_table_targets,
)
from ...model import CheckKey, CheckKind, Target
from ..markers import parity_terms, tolerance_layers
from .session import AuditSession, PlannedItem, without_parameters
from .shard import note_test

TARGET = "parity_target"


def parametrize(metafunc: pytest.Metafunc, session: AuditSession) -> None:
    """Generate the items of a test."""
    if TARGET not in metafunc.fixturenames:
        return
    try:
        tolerance_layers(metafunc.definition)
        targets = list(_targets(metafunc, session))
    except SettingsError as error:
        raise pytest.Collector.CollectError(f"{metafunc.definition.nodeid}: {error}") from None
    note_test(session, metafunc.definition, targets)
    ids = dict(zip(targets, _unique([each.id for each in targets]), strict=True))
    own = session.own_targets(targets)
    if session.share is not None and targets and not own:
        _leave_to_others(metafunc, session.share.name)
    else:
        metafunc.parametrize(TARGET, own, ids=[ids[each] for each in own], indirect=True)


def _leave_to_others(metafunc: pytest.Metafunc, shard: str) -> None:
    """Generate one skipped item, so that a shard with nothing to do does not fail."""
    skip = pytest.mark.skip(reason=f"{shard} has none of this test's checks")
    metafunc.parametrize(TARGET, [pytest.param(None, marks=skip, id=shard)], indirect=True)


def write_down(items: Iterable[object], session: AuditSession) -> None:
    """Add a test's items to the plan, before ``-k`` or ``--lf`` can remove any of them."""
    for item in items:
        if isinstance(item, pytest.Function) and (key := _item_key(item)) is not None:
            test = without_parameters(item.nodeid)
            known = session.named_tests.setdefault(key.name, test)
            if known != test:
                raise pytest.Collector.CollectError(
                    f"the checks of {known} and of {test} have the same name {key.name!r}: reports "
                    "know a test by its module and name, in whatever folder. Rename one, or give "
                    'it a name: @pytest.mark.parity(name="...")'
                )
            session.plan[key] = PlannedItem(item.nodeid, "parity" in item.fixturenames)
            session.keys[item.nodeid] = key


def item_key(item: pytest.Item, session: AuditSession) -> CheckKey | None:
    """Return the key of an item's check, or None if this plugin did not generate the item."""
    return session.keys.get(item.nodeid) or _item_key(item)


def _item_key(item: pytest.Item) -> CheckKey | None:
    callspec = getattr(item, "callspec", None)
    target = callspec.params.get(TARGET) if callspec is not None else None
    if callspec is None or not isinstance(target, Target) or item.parent is None:
        return None
    kind = target.kind if "parity" in getattr(item, "fixturenames", ()) else CheckKind.TEST
    # All items of a test share one text, which saves memory.
    return CheckKey(kind, intern(_name_of(item, callspec)), target.tenant, target.table)


def _name_of(item: pytest.Item, callspec: Any) -> str:
    """Return the name of a check: its test's name and module, without the folder.

    If a test has parameters of its own, each value is a check of its own.
    """
    marker = item.get_closest_marker("parity")
    if marker is not None and "name" in marker.kwargs:
        name = str(marker.kwargs["name"])
    else:
        path, *classes = (item.parent.nodeid if item.parent is not None else "").split("::")
        name = "::".join([PurePath(path).stem, *classes, getattr(item, "originalname", item.name)])
    return f"{name}[{callspec.id}]" if len(callspec.params) > 1 else name


def _targets(metafunc: pytest.Metafunc, session: AuditSession) -> Iterator[Target]:
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
        yield from audit_targets(selection, pairs)
    elif wanted & {"parity", "table"}:
        yield from tenant_table_targets(selection, pairs)
    else:
        yield from (Target(CheckKind.TEST, tenant.id) for tenant in selection.tenants)


def _unique(ids: list[str]) -> list[str]:
    """Return ``ids`` with a number added to each repeated one.

    Two targets can have the same id: tenant 'a-b' with table 'c', and tenant 'a' with table 'b-c'.
    """
    seen: Counter[str] = Counter()
    unique = []
    for name in ids:
        seen[name] += 1
        unique.append(name if seen[name] == 1 else f"{name}~{seen[name]}")
    return unique


def ask_together(items: Iterable[pytest.Item], session: AuditSession) -> None:
    """Record the tenants of each table that have tests, except for checks already proven."""
    asked: dict[str, set[str]] = {}
    for item in items:
        key = item_key(item, session)
        if key is not None and key not in session.earlier.proofs:
            asked.setdefault(key.what, set()).add(key.whose)
    session.asked = asked
