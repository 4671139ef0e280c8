"""The check for unassigned rows, which no tenant's check reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ...errors import counted
from ...inventory import TablePair
from ...mapping.filters import filter_rules, rows_taking_part
from ...mapping.table_lookup import first_located
from ...mapping.tenancy_sql import Scope, scope_of, tenant_values, unassigned_of
from ...model import (
    SIDES,
    CheckKey,
    DriftCounts,
    Evidence,
    Finding,
    FindingKind,
    NamedRule,
    Outcome,
    RowCounts,
    RowOwnership,
    Side,
)
from ..compare.findings import FirstFindings, Sink, finding_of, key_remarks, order_of
from ..read.open_pair import OpenPair, open_pair
from ..read.reader import SideReader
from ..run import Run
from .reconciliation import account, unaccounted

_KINDS: dict[Side, FindingKind] = {"legacy": FindingKind.MISSING, "modern": FindingKind.EXTRA}


def check_unassigned(
    run: Run, key: CheckKey, pair: TablePair, known: Mapping[Side, int | None]
) -> Evidence:
    """Return the evidence of a table's unassigned rows: their numbers and keys.

    A row is unassigned if it is attributed to no tenant of the settings, selected or not.
    ``known`` are the numbers of the tenants' rows, if scans have counted them.
    """
    # If tenants have their own places, any tenant's table shows the columns.
    anyone = first_located(run, pair, run.selected)
    with (
        run.open_sink(key) as sink,
        open_pair(run, pair, anyone, of_nobody=True) as opened,
    ):
        counts: dict[Side, int] = {"legacy": 0, "modern": 0}
        findings: list[Finding] = []
        sides = opened.sides(lambda side: _scope(opened, side))
        found = sides.both(
            lambda: account(opened, "legacy", known["legacy"]),
            lambda: account(opened, "modern", known["modern"]),
        )
        accounts = [each for each in found if each is not None]
        for each in accounts:
            counts[each.side] = each.unassigned
            if each.unassigned and each.side not in pair.settings.unassigned:
                reader = sides.legacy if each.side == "legacy" else sides.modern
                with reader.guard():
                    findings += _findings(opened, each.side, reader, sink)
        opened.require_unaltered()
        reasons = [why for each in accounts for why in unaccounted(opened, each)]
    undeclared = {side: counts[side] for side in SIDES if side not in pair.settings.unassigned}
    drift = DriftCounts(missing=undeclared.get("legacy", 0), extra=undeclared.get("modern", 0))
    return Evidence(
        key,
        _outcome(drift, reasons),
        RowOwnership(RowCounts(**counts), drift, tuple(findings), tuple(accounts)),
        rules=(
            *(
                NamedRule(
                    f"{counted(counts[side], f'{side} row')} of no tenant "
                    f"{'is' if counts[side] == 1 else 'are'} declared: {reason}"
                )
                for side, reason in pair.settings.unassigned.items()
            ),
            *filter_rules(run, pair),
        ),
        reasons=tuple(reasons),
    )


def _outcome(drift: DriftCounts, reasons: list[str]) -> Outcome:
    if drift.total:
        return Outcome.REFUTED
    return Outcome.NOT_PROVEN if reasons else Outcome.PROVEN


def _scope(opened: OpenPair, side: Side) -> Scope:
    """Return the unassigned rows of ``side``.

    If ``side`` has no discriminator column, no row is unassigned, and the scope is not read.
    """
    run, pair = opened.run, opened.pair
    which = scope_of if pair.tenancy(side).first_column is None else unassigned_of
    return which(
        opened.tables[side],
        run.stacks[side].catalog(opened.places[side]),
        run.stacks[side].dialect,
        pair.tenancy(side),
        tenant_values(side, list(run.tenants.values())),
        rows_taking_part(run, pair, side),
    )


def _findings(opened: OpenPair, side: Side, reader: SideReader, sink: Sink) -> tuple[Finding, ...]:
    """Pass every unassigned row to ``sink``, and return the first findings by key."""
    columns = opened.plan.key
    sample = FirstFindings(opened.run.settings.report.findings)
    for key in reader.each_key():
        finding = finding_of(
            _KINDS[side],
            columns,
            key,
            note="belongs to no tenant",
            raw=len(columns) < len(opened.plan.columns),
        )
        finding = replace(finding, remarks=key_remarks(columns, key))
        sink(finding)
        sample.add(order_of(key), finding)
    return sample.findings
