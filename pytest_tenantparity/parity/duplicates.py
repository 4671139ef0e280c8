"""Keys that are promised to be unique, in a place that does not see to it: files."""

from __future__ import annotations

from dataclasses import replace

from ..model import SIDES, Evidence, Finding, FindingKind, Status
from .opened import OpenPair
from .source import Sides


def with_duplicates(evidence: Evidence, opened: OpenPair, sides: Sides) -> Evidence:
    """Add a finding for each key that several rows of one side share."""
    findings: list[Finding] = []
    for side, source in zip(SIDES, (sides.legacy, sides.modern), strict=True):
        facts = opened.tables[side]
        if facts.enforced or not facts.primary_key or opened.pair.settings.key is not None:
            continue
        with source.guard():
            repeated = source.repeated_keys(opened.context.settings.report.findings)
        names = [pair.name for pair in opened.plan.key]
        for key, copies in repeated:
            shown = {
                pair.name: pair.shown(value)
                for pair, value in zip(opened.plan.key, key, strict=True)
            }
            note = f"{copies} rows of the {side} side have this {' and '.join(names)}"
            findings.append(Finding(FindingKind.DUPLICATE, shown, copies=copies - 1, note=note))
    if not findings:
        return evidence
    surplus = sum(finding.copies for finding in findings)
    return replace(
        evidence,
        status=Status.DRIFT,
        drift=replace(evidence.drift, duplicate=surplus),
        findings=(*evidence.findings, *findings),
    )
