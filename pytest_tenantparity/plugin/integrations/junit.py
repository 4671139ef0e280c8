"""The status of each check, and the verdict, in the JUnit file of ``--junitxml``.

A test passes if a tolerance forgives its differences. Without ``--fail-on-drift`` it also passes if
its check finds drift. Only these properties distinguish both from a match.
"""

from __future__ import annotations

from typing import Any

import pytest

from ...model import AuditReport, Evidence
from ...reporting import measured_in_words

STATUS, DETAIL, VERDICT = "parity", "parity.detail", "parity.outcome"


def note_status(item: pytest.Item, evidence: Evidence) -> None:
    """Store the status of the check in the test's properties, which xdist carries from workers."""
    others = [each for each in item.user_properties if each[0] not in (STATUS, DETAIL)]
    found: list[tuple[str, object]] = [(STATUS, evidence.status)]
    if detail := detail_of(evidence):
        found.append((DETAIL, detail))
    item.user_properties[:] = [*others, *found]


def detail_of(evidence: Evidence) -> str:
    """Return a sentence on why a check is not a plain match. Empty if it is a match."""
    if evidence.drift.total:
        return measured_in_words(evidence)
    if evidence.tolerance:
        return "; ".join(
            f"{each.rows:,} forgiven by {each.rule} {each.allowed}, {each.source}"
            for each in evidence.tolerance
        )
    return "; ".join(evidence.reasons)


def note_verdict(config: pytest.Config, report: AuditReport) -> None:
    """Add the verdict to the JUnit file. Call this before pytest writes the file."""
    for plugin in config.pluginmanager.get_plugins():
        note: Any = getattr(plugin, "add_global_property", None)  # only pytest's LogXML has it
        if callable(note):
            note(VERDICT, report.verdict.value)
            note(DETAIL, " ".join([report.headline, *report.reasons]))
