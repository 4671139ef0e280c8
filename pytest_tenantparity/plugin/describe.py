"""A check in words that fit a terminal."""

from __future__ import annotations

from ..model import Evidence, Finding, FindingKind, ValuePair
from ..reporting import again, drift_in_words

_MOST_FINDINGS = 10
_MOST_TEXT = 120


def describe(evidence: Evidence) -> str:
    """Return what a person needs: how many, the first rows, where the rest is."""
    key = evidence.key
    lines = [f"{key.tenant} / {key.table}: {evidence.status}"]
    lines += [f"  {reason}" for reason in evidence.reasons]
    if evidence.drift.total:
        lines.append(f"  {drift_in_words(evidence.drift, evidence.rows)}")
    for finding in evidence.findings[:_MOST_FINDINGS]:
        lines += _finding(finding)
    if evidence.drift.total > _MOST_FINDINGS:
        lines.append(f"  ... and {evidence.drift.total - _MOST_FINDINGS:,} more in drift.jsonl.gz")
    lines.append(f"  again: {again(key.tenant, key.table, key.check)}")
    return "\n".join(lines)


def _finding(finding: Finding) -> list[str]:
    key = ", ".join(f"{name}={_shown(value)}" for name, value in finding.key.items())
    copies = f" (x{finding.copies})" if finding.copies > 1 else ""
    note = f" - {finding.note}" if finding.note else ""
    lines = [f"  {finding.kind:<8} {key}{copies}{note}"]
    if finding.kind is FindingKind.CHANGED:
        for name, pair in finding.columns.items():
            lines += _values(name, pair)
    return lines


def _values(name: str, pair: ValuePair) -> list[str]:
    line = f"           {name}: legacy {_shown(pair.legacy)}, modern {_shown(pair.modern)}"
    return [line, *(f"             {each}" for each in pair.explanation)]


def _shown(value: str | None) -> str:
    """Quote a value so that padding, quotes and control characters can be seen."""
    if value is None:
        return "NULL"
    text = value if len(value) <= _MOST_TEXT else f"{value[:_MOST_TEXT]}..."
    return repr(text)
