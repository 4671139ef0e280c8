"""Tenants without rows, and rows without a tenant."""

from __future__ import annotations

from ..errors import counted
from ..mapping.table_lookup import FILL_IN
from ..model import SIDES, Side
from ..parity import Run
from .obstacles import Diagnosis, Obstacle, Severity, listed
from .settings_file import SettingsFile

RowCounts = dict[tuple[str, Side], tuple[dict[str, int], int]]
"""By table pair and side: the rows of each tenant, and all rows."""


def note_tenants(found: Diagnosis, file: SettingsFile, run: Run, counts: RowCounts) -> None:
    """Note tenants without rows, tables without rows of a tenant, and rows of no tenant."""
    tables = [name for name in run.pairs if all((name, side) in counts for side in SIDES)]
    if not tables:
        return
    rows = {
        (tenant.id, side): sum(
            counts[name, side][0].get(tenant.id, 0) for name in tables if (name, side) in counts
        )
        for tenant in run.selected
        for side in SIDES
    }
    absent = [t.id for t in run.selected if not any(rows[t.id, side] for side in SIDES)]
    if absent:
        said = "tenants that have no row on either side: check legacy_accounts and modern_id"
        found.add(Obstacle(Severity.NOT_PROVEN, said, said, affected=tuple(absent)))
    for side in SIDES:
        other: Side = "modern" if side == "legacy" else "legacy"
        ids = {
            t.id: ", ".join(t.legacy_accounts) if side == "legacy" else t.modern_id
            for t in run.selected
        }
        lone = [
            f"{t.id} ({ids[t.id]!r})"
            for t in run.selected
            if rows[t.id, other] and not rows[t.id, side]
        ]
        if lone:
            key = "legacy_accounts" if side == "legacy" else "modern_id"
            said = f"tenants without a row on the {side} side: check {key}"
            found.add(Obstacle(Severity.NOT_PROVEN, said, said, affected=tuple(lone)))
    for name in tables:
        pair = run.pairs[name]
        own = [counts[name, side][0] for side in SIDES]
        empty = [
            t.id
            for t in run.selected
            if t.id not in absent
            and not any(each.get(t.id) for each in own)
            and pair.settings.declared_empty(t.id) is None
        ]
        if empty:
            said = "tables in which a tenant has no row on either side, which proves nothing"
            cure = (
                [file.cure(("tables", name, "empty"), FILL_IN)]
                if len(empty) == len(run.selected) - len(absent)
                else [file.cure(("tables", name, "empty", each), FILL_IN) for each in empty]
            )
            affected = f"{name}: {listed(empty)}"
            found.add(Obstacle(Severity.NOT_PROVEN, said, said, tuple(cure), (affected,)))
        for side in SIDES:
            by_tenant, total = counts[name, side]
            rest = total - sum(by_tenant.values())
            per_column = pair.tenancy(side).first_column is not None
            if per_column and rest > 0 and side not in pair.settings.unassigned:
                said = f"rows of no tenant on the {side} side"
                cures = (file.cure(("tables", name, "unassigned", side), FILL_IN),)
                found.add(
                    Obstacle(
                        Severity.NOT_PROVEN,
                        said,
                        f"{said}: give them a tenant, or a reason",
                        cures,
                        (f"{name}: {counted(rest, 'row')}",),
                    )
                )
