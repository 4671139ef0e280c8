"""The status of each check and the verdict in the JUnit file of ``--junitxml``.

A check that drifts passes unless ``--fail-on-drift`` is given, and so does one that a tolerance
forgives: only these properties tell them from a match.
"""

from __future__ import annotations

from typing import Any

import pytest

from ..model import AuditReport, Evidence
from ..reporting import drift_in_words

STATUS, DETAIL, VERDICT = "parity", "parity.detail", "parity.verdict"


def note_status(item: pytest.Item, evidence: Evidence) -> None:
    """Let the test's properties say what its check came to; xdist's workers send them along."""
    others = [each for each in item.user_properties if each[0] not in (STATUS, DETAIL)]
    found: list[tuple[str, object]] = [(STATUS, evidence.status.value)]
    if detail := detail_of(evidence):
        found.append((DETAIL, detail))
    item.user_properties[:] = [*others, *found]


def detail_of(evidence: Evidence) -> str:
    """Return in a sentence what kept a check from being a plain match; empty if it is one."""
    if evidence.drift.total:
        return drift_in_words(evidence.drift, evidence.rows)
    if evidence.tolerance:
        return "; ".join(
            f"{each.rows:,} forgiven by {each.rule} {each.allowed}, {each.source}"
            for each in evidence.tolerance
        )
    return "; ".join(evidence.reasons)


def note_verdict(config: pytest.Config, report: AuditReport) -> None:
    """Write the verdict of the run beside its tests; before the file is written."""
    for plugin in config.pluginmanager.get_plugins():
        note: Any = getattr(plugin, "add_global_property", None)  # of pytest's LogXML alone
        if callable(note):
            note(VERDICT, report.verdict.value)
            note(DETAIL, " ".join([report.headline, *report.reasons]))
