"""A diagnosis as one page of text, or as data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from textwrap import wrap
from typing import Any

from ..characters import on_one_line
from ..errors import counted
from ..model import SIDES
from .estimate import CHECK_SECONDS, SCAN_RATIO, SCAN_SECONDS, START_SECONDS
from .obstacles import Cure, Diagnosis, Estimate, Means, Obstacle, Severity, listed

_LONG = 40  # characters of a name from which on each one has a line of its own
_MOST_LINES = 12  # names or lines of a cure, which --json has all of
_MARKS = {Severity.STOPS: "x", Severity.NOT_PROVEN: "!", Severity.HINT: "-"}


def lines_of(diagnosis: Diagnosis, width: int = 100, *, whole: bool = False) -> Iterator[str]:
    """Yield the lines of the page. Text is wrapped at ``width``, and what can be pasted is not.

    ``whole``: no list is cut.
    """
    most = 10**9 if whole else _MOST_LINES
    for stack in diagnosis.stacks:
        yield from _wrapped(f"{stack.side:<8} {stack.said}", width, "         ")
    if diagnosis.estimate is not None:
        yield from _estimate(diagnosis.estimate, width)
    headers: set[tuple[str, str]] = set()
    for severity in Severity:
        obstacles = diagnosis.of(severity)
        if obstacles:
            yield ""
            yield severity.value.upper()
        for each in obstacles:
            yield from _obstacle(each, width, most, headers)
    if diagnosis.skipped:
        yield ""
        skipped = list(dict.fromkeys(diagnosis.skipped))
        yield from _wrapped(f"not looked at: {listed(skipped, 4)}", width, "    ")
    yield ""
    yield _conclusion(diagnosis)


def as_data(diagnosis: Diagnosis) -> dict[str, Any]:
    """Return a diagnosis as a dict of primitives, with all names and cures."""
    data = asdict(diagnosis)
    data["clear"] = diagnosis.is_clear
    return data


def _estimate(estimate: Estimate, width: int) -> Iterator[str]:
    said = (
        f"audit    {counted(estimate.checks, 'check')} of {counted(estimate.tenants, 'tenant')} "
        f"and {counted(estimate.tables, 'table')}, about {counted(estimate.rows, 'row')} of both "
        f"sides, {counted(estimate.scans, 'scan')}"
    )
    if estimate.seconds is not None:
        said += f", about {_duration(estimate.seconds)}"
    yield from _wrapped(said, width, "         ")
    if estimate.seconds is not None:
        rates = ", ".join(f"{estimate.rates[side]:,.0f} {side}" for side in SIDES)
        formula = (
            f"         ({START_SECONDS:g} s + {CHECK_SECONDS * 1000:g} ms x checks + "
            f"{SCAN_SECONDS * 1000:g} ms x scans + {SCAN_RATIO:g} x rows / speed of hashing, as "
            f"measured: {rates} rows a second)"
        )
        yield from _wrapped(formula, width, "         ")


def _duration(seconds: float) -> str:
    if seconds < 120:
        return counted(max(1, round(seconds)), "second")
    if seconds < 7_200:
        return counted(round(seconds / 60), "minute")
    return counted(round(seconds / 3_600), "hour")


def _obstacle(
    obstacle: Obstacle, width: int, most: int, headers: set[tuple[str, str]]
) -> Iterator[str]:
    """Yield the lines of one cause. ``headers`` are those that cures above have added."""
    mark = _MARKS[obstacle.severity]
    names = list(obstacle.affected)
    head = f"{mark} {obstacle.said}"
    long = any(len(name) > _LONG for name in names)
    if names and not long:
        head += f": {listed(names, most)}"
    yield from _wrapped(head, width, "  ")
    if long:
        for name in names[:most]:
            yield from _wrapped(f"    {name}", width, "      ")
        if len(names) > most:
            yield f"    and {len(names) - most:,} more (--all)"
    yield from _cures(obstacle.cures, width, most, headers)


def _cures(
    cures: Iterable[Cure], width: int, most: int, headers: set[tuple[str, str]]
) -> Iterator[str]:
    left = most
    for cure in joined(cures):
        if cure.means is Means.WORDS:
            yield from _wrapped(f"    {cure.text}", width, "    ")
            continue
        lines, where = cure.text.splitlines(), cure.where
        header = where, lines[0]
        if header in headers:  # a second table of the same name would be an error
            where, lines = f"{where.partition(', ')[0]}, in {lines[0]}, added above", lines[1:]
        elif cure.means is Means.SETTINGS and lines[0].startswith("["):
            headers.add(header)
        if where:
            yield f"    {where}:"
        for line in lines[:left]:
            yield f"      {on_one_line(line)}"
        if len(lines) > left:
            yield f"      # and {len(lines) - left:,} more lines (--all)"
        left = max(left - len(lines), 1)


def joined(cures: Iterable[Cure]) -> list[Cure]:
    """Return the cures, with those for one place as one text, under one header."""
    found: dict[tuple[Means, str, str], list[str]] = {}
    for cure in cures:
        head, newline, rest = cure.text.partition("\n")
        if cure.means is Means.SETTINGS and newline and head.startswith("["):
            found.setdefault((cure.means, cure.where, head), []).append(rest)
        elif cure.means is Means.SETTINGS:
            found.setdefault((cure.means, cure.where, ""), []).append(cure.text)
        elif cure.means is Means.WORDS:
            found.setdefault((cure.means, cure.where, cure.text), []).append("")
        else:
            found.setdefault((cure.means, cure.where, ""), []).append(cure.text)
    joined_cures = []
    for (means, where, head), texts in found.items():
        lines = [head, *texts] if head else texts
        joined_cures.append(Cure(means, "\n".join(filter(None, lines)), where))
    return joined_cures


def _conclusion(diagnosis: Diagnosis) -> str:
    ways = sum(each.severity.stands_in_the_way for each in diagnosis.obstacles)
    if ways:
        return f"{counted(ways, 'cause')} in the way of an audit"
    return "nothing is in the way of an audit"


def _wrapped(text: str, width: int, indent: str) -> Iterator[str]:
    start = text[: len(text) - len(text.lstrip())]
    lines = wrap(
        on_one_line(text.strip()),
        width,
        initial_indent=start,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    yield from lines or [""]
