"""Duplicate keys in files, which do not enforce a primary key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ...errors import InconsistentReads
from ...model import SIDES, Evidence, Finding, FindingKind, Outcome, Side
from ..compare.findings import Order, Sample, Sink, finding_of, key_remarks, order_of
from ..read.both_sides import Sides
from ..read.open_pair import OpenPair
from ..read.reader import Source


def with_duplicates(
    evidence: Evidence, opened: OpenPair, sides: Sides, sink: Sink, owed: int
) -> Evidence:
    """Add a finding for each key that several rows of one side share.

    ``owed`` is the number of surplus copies that the comparison counted but did not report. Raises
    :class:`InconsistentReads` if fewer duplicates are found here.
    """
    sample, surplus = Sample(opened.run.settings.report.findings), 0
    for side, source in zip(SIDES, (sides.legacy, sides.modern), strict=True):
        if opened.promises_unique(side) is None:
            continue
        with source.guard():
            for order, finding in _repeated(opened, side, source):
                surplus += finding.copies
                sink(finding)
                sample.add((*order, side), finding)
    if surplus < owed:
        raise InconsistentReads(
            f"{owed} rows repeat a key, of which only {surplus} were found by it"
        )
    if not surplus:
        return evidence
    refuted = replace(evidence, outcome=Outcome.REFUTED)
    return refuted.measured(
        drift=replace(evidence.drift, duplicate=evidence.drift.duplicate + surplus),
        findings=(*evidence.findings, *sample.findings),
    )


def _repeated(opened: OpenPair, side: Side, source: Source) -> Iterator[tuple[Order, Finding]]:
    columns = opened.plan.key
    names = " and ".join(column.name for column in columns)
    for key, copies in source.repeated_keys():
        note = f"{copies} rows of the {side} side have this {names}"
        found = finding_of(FindingKind.DUPLICATE, columns, key, copies=copies - 1, note=note)
        yield order_of(key), replace(found, remarks=key_remarks(columns, key))
