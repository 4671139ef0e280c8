"""The message of a test that fails because its check does not prove equality."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ...characters import common_start, is_clear, is_escaped, on_one_line, quoted
from ...model import Evidence, Finding, FindingKind, ValuePair
from ...reporting import measured_in_words, oddities_of

_MOST_FINDINGS = 10
_MOST_TEXT = 120
_BEFORE = 40  # characters that are shown before the first difference of longer texts
_MOST_OTHERS = 8  # columns besides the key, of a row that only one side has
_MOST_OTHER_TEXT = 40
_FACTS = re.compile(r" \([0-9,]+ (?:characters|bytes),[^()]* sha256 [0-9a-f]{64}\)$")


def failure_message(evidence: Evidence, rerun: str) -> str:
    """Return the check's status, reasons, number of differing rows and first findings.

    ``rerun`` is the command that repeats the check.
    """
    key = evidence.key
    lines = [f"{key.whose} / {key.what}: {evidence.status}"]
    lines += [f"  {each}" for each in oddities_of(key.whose, key.what)]
    lines += [f"  {reason}" for reason in evidence.reasons]
    if measured := measured_in_words(evidence):
        lines.append(f"  {measured}")
    for finding in evidence.findings[:_MOST_FINDINGS]:
        lines += _finding(finding)
    if evidence.drift.total > _MOST_FINDINGS:
        lines.append(f"  ... and {evidence.drift.total - _MOST_FINDINGS:,} more in drift.jsonl.gz")
    lines.append(f"  again: {rerun}")
    return "\n".join(map(_line, lines))


def _line(line: str) -> str:
    """Return ``line`` with hidden characters as code points. Line breaks in a reason are kept."""
    return "\n".join(map(on_one_line, line.split("\n")))


def _finding(finding: Finding) -> list[str]:
    key = ", ".join(f"{name}={_shown(value)}" for name, value in finding.key.items())
    copies = f" (x{finding.copies})" if finding.copies > 1 else ""
    note = f" - {finding.note}" if finding.note else ""
    lines = [f"  {finding.kind:<8} {key}{_ids(finding)}{copies}{note}"]
    if finding.kind is FindingKind.CHANGED:
        for name, pair in finding.columns.items():
            lines += _values(name, pair)
    return [*lines, *_row(finding), *(f"           {each}" for each in finding.remarks)]


def _ids(finding: Finding) -> str:
    """Return the ids of both stacks for the columns that a key map translates."""
    ids = (
        f"{name}: legacy {_shown(each.legacy)}, modern {_shown(each.modern)}"
        for name, each in finding.ids.items()
    )
    found = "; ".join(ids)
    return f" ({found})" if found else ""


def _row(finding: Finding) -> Iterable[str]:
    if finding.row:
        values = list(finding.row.items())
        shown = [f"{name}={_shown(value, _MOST_OTHER_TEXT)}" for name, value in values]
        more = ", ..." if len(values) > _MOST_OTHERS else ""
        yield f"           {', '.join(shown[:_MOST_OTHERS])}{more}"


def _values(name: str, pair: ValuePair) -> list[str]:
    start = 0
    if pair.legacy is not None and pair.modern is not None:
        start = max(0, common_start(pair.legacy, pair.modern) - _BEFORE)
    if max(len(pair.legacy or ""), len(pair.modern or "")) <= _MOST_TEXT:
        start = 0
    shown = (_shown(each, start=start) for each in (pair.legacy, pair.modern))
    line = "           {}: legacy {}, modern {}".format(name, *shown)
    return [line, *(f"             {each}" for each in pair.explanation)]


def _shown(value: str | None, most: int = _MOST_TEXT, start: int = 0) -> str:
    """Return ``value`` in quotes, so that padding, quotes and control characters are visible."""
    if value is None:
        return "NULL"
    if len(value) <= most and not start:
        return _quoted(value)
    window = value[start : start + most]
    if is_escaped(value) and start:
        window = f"E'{window}"
    # An excerpt is followed by the length and the digest of the whole value.
    facts = _FACTS.search(value) if most == _MOST_TEXT else None
    before, after = "..." if start else "", "..." if start + most < len(value) else ""
    return f"{before}{_quoted(window)}{after}{facts.group() if facts else ''}"


def _quoted(text: str) -> str:
    """Return a plain text as a Python literal, and a text with hidden characters as an escape."""
    return repr(text) if is_clear(text) and not is_escaped(text) else quoted(text)
