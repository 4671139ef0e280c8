"""What is to be reached, each goal with how it follows from the medians of one session."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import log
from typing import Any, Literal

Bound = Literal["at most", "at least", "exactly"]
_NOISE = 0.05  # of a run: what lies below it is not told from nothing
_SEEN = 5.0  # MB: what a program takes differs by less from run to run


class NotMeasured(Exception):
    """Something that a goal needs was left out or failed."""


@dataclass(frozen=True)
class Measures:
    """All chapters as bench.json holds them."""

    chapters: Mapping[str, Any]

    def seconds(self, chapter: str, work: str) -> float:
        """Return a median."""
        return float(self._of(chapter, "works", work, "median"))

    def peak(self, chapter: str, work: str) -> float:
        """Return the most memory of any round, in MB."""
        return float(self._of(chapter, "works", work, "peak_mb"))

    def fact(self, chapter: str, name: str) -> float:
        """Return a number that is no time."""
        return float(self._of(chapter, "facts", name))

    def net(self, chapter: str, audit: str, idle: str) -> float:
        """Return the seconds of an audit less those of pytest with as many empty tests."""
        return self.seconds(chapter, audit) - self.seconds(chapter, idle)

    def highest_peak(self) -> float:
        """Return the most memory of any audit, in MB; raises NotMeasured if one is wanting."""
        return max(
            self.peak("flood", "audit"),
            *(
                self.peak(chapter, work)
                for chapter, found in self.chapters.items()
                for work in found["works"]
                if "audit" in work
            ),
        )

    def net_curve(self, name: str, least: int) -> list[tuple[int, float]]:
        """Return the points of a growth curve, each with its audit's seconds less pytest's own.

        Raises NotMeasured where there are not at least so many, or one failed.
        """
        curve = self._of(name, "curves", name)
        series = curve["series"]
        points = list(zip(curve["points"], series["audit"], series["pytest alone"], strict=True))
        if len(points) < least or any(None in point for point in points):
            raise NotMeasured
        return [(at, audit - idle) for at, audit, idle in points]

    def _of(self, *path: str) -> Any:
        found: Any = self.chapters
        for name in path:
            found = found.get(name)
            if found is None:
                raise NotMeasured
        return found


@dataclass(frozen=True)
class Goal:
    """A number to reach; ``reached`` raises NotMeasured where it cannot be told."""

    name: str
    bound: Bound
    goal: float
    unit: str
    reached: Callable[[Measures], float]

    def weighed(self, measures: Measures) -> dict[str, Any]:
        """Return the goal as bench.json holds it; what was not measured is not met."""
        said = {"name": self.name, "bound": self.bound, "goal": self.goal}
        try:
            found = self.reached(measures)
        except NotMeasured:
            return {**said, "reached": None, "unit": self.unit, "met": False}
        return {**said, "reached": round(found, 3), "unit": self.unit, "met": self._met(found)}

    def _met(self, found: float) -> bool:
        if self.bound == "exactly":
            return found == self.goal
        return found <= self.goal if self.bound == "at most" else found >= self.goal


def weigh(chapters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return every goal, and what was reached of it."""
    measures = Measures(chapters)
    return [goal.weighed(measures) for goal in GOALS]


def _digest_ratio(m: Measures) -> float:
    return _clean(m) / m.seconds("whole", "cheapest digest")


def _clean(m: Measures) -> float:
    return m.net("whole", "audit, a test a tenant", "pytest alone, a test a tenant")


def _whole_against_reladiff(m: Measures) -> float:
    peer = m.seconds("whole", "reladiff tuned, whole table")
    return peer / m.seconds("whole", "audit, a test a tenant")


def _drift_ratio(m: Measures) -> float:
    return m.net("whole", "audit, drifted", "pytest alone, a test a tenant") / _clean(m)


def _drift_against_reladiff(m: Measures) -> float:
    best = min(m.seconds("whole", f"{way}, drifted") for way in ("reladiff", "reladiff tuned"))
    return best / m.seconds("whole", "audit, drifted")


def _tests_ratio(m: Measures) -> float:
    return _clean(m) / m.net("whole", "audit, one test", "pytest alone, one test")


def _tenants_against(way: str) -> Callable[[Measures], float]:
    def ratio(m: Measures) -> float:
        some = m.seconds("whole", f"{way}, some tenants one by one")
        share = m.fact("whole", "tenants given to peers") / m.fact("whole", "tenants")
        return some / share / m.seconds("whole", "audit, a test a tenant")

    return ratio


def _one_tenant_against_reladiff(m: Measures) -> float:
    peer = m.seconds("whole", "reladiff tuned, mid-size tenant")
    return peer / m.net("whole", "audit, mid-size tenant", "pytest alone, one test")


def _memory_of_one_tenant(m: Measures) -> float:
    """Only what the rows take: the smallest tenant shows what the programs take anyhow."""
    ours, theirs = (
        m.peak("whole", f"{who}, mid-size tenant") - m.peak("whole", f"{who}, smallest tenant")
        for who in ("audit", "reladiff tuned")
    )
    if theirs < _SEEN:  # there were too few rows
        raise NotMeasured
    return max(ours, 0) / theirs


def _wire(m: Measures) -> float:
    return m.fact("whole", "bytes over the wire") / 1e6


def _collection(m: Measures) -> float:
    return m.seconds("many", "collection")


def _cost_of_items(m: Measures) -> float:
    """The audit less the bare scans, as a multiple of as many empty tests."""
    tables = f"{m.fact('many', 'tables'):,.0f}"
    audit, scans, idle = (
        m.seconds("many", f"{tables}: {series}") for series in ("audit", "scans", "pytest alone")
    )
    return (audit - scans) / idle


def _flood(name: str) -> Callable[[Measures], float]:
    return lambda m: m.fact("flood", name) / m.fact("flood", "planted")


def _rows_exponent(m: Measures) -> float:
    *_, (half, before), (all_rows, after) = m.net_curve("rows", 2)
    return _exponent(after / before, all_rows / half)


def _tenants_ratio(m: Measures) -> float:
    first, *_, last = m.net_curve("tenants", 2)
    return last[1] / first[1]


def _drifts_exponent(m: Measures) -> float:
    """How the extra time grows over the last tenfold; extra time within the noise counts as it."""
    (_, none), *_, (fewer, before), (more, after) = m.net_curve("drifts", 3)
    least = _NOISE * none
    return _exponent(max(after - none, least) / max(before - none, least), more / fewer)


def _exponent(times: float, size: float) -> float:
    if times <= 0:
        raise NotMeasured
    return log(times) / log(size)


def _md5_ratio(engine: str) -> Callable[[Measures], float]:
    return lambda m: (
        m.net("cross", f"audit, {engine}", "pytest alone") / m.seconds("cross", f"md5, {engine}")
    )


GOALS = (
    Goal("all tenants of one table, identical: against the cheapest sound digest",
         "at most", 1.25, "x its time", _digest_ratio),
    Goal("all tenants of one table, identical: against reladiff tuned, whole table",
         "at least", 2.5, "x faster", _whole_against_reladiff),
    Goal("100 scattered drifts, all named: against our own clean run",
         "at most", 1.15, "x its time", _drift_ratio),
    Goal("100 scattered drifts, all named: against reladiff at its best",
         "at least", 6, "x faster", _drift_against_reladiff),
    Goal("a test a tenant, less pytest's own cost: against the whole table as one test",
         "at most", 1.1, "x its time", _tests_ratio),
    Goal("a test a tenant: against reladiff by default, tenant by tenant",
         "at least", 10, "x faster", _tenants_against("reladiff")),
    Goal("a test a tenant: against reladiff tuned, tenant by tenant",
         "at least", 5, "x faster", _tenants_against("reladiff tuned")),
    Goal("one mid-size tenant, less pytest's own cost: against reladiff tuned",
         "at least", 1, "x faster", _one_tenant_against_reladiff),
    Goal("one mid-size tenant: memory for its rows against reladiff tuned",
         "at most", 0.1, "x its memory", _memory_of_one_tenant),
    Goal("memory of the client in any audit",
         "at most", 200, "MB", Measures.highest_peak),
    Goal("bytes over the wire, identical",
         "at most", 10, "MB", _wire),
    Goal("many tests: cost beyond the bare scans against as many empty tests",
         "at most", 2, "x its time", _cost_of_items),
    Goal("many tests: collection",
         "at most", 10, "s", _collection),
    Goal("a fifth of the rows drifted: share counted",
         "exactly", 1, "of those planted", _flood("counted")),
    Goal("a fifth of the rows drifted: share in drift.jsonl.gz",
         "exactly", 1, "of those planted", _flood("in drift.jsonl.gz")),
    Goal("growth with the rows: exponent between half and all",
         "at most", 1.1, "(1 is linear)", _rows_exponent),
    Goal("growth with the tenants, same rows: most tenants against one",
         "at most", 1.25, "x its time", _tenants_ratio),
    Goal("growth with the drifts: exponent of the extra time over the last tenfold",
         "at most", 1.1, "(1 is linear)", _drifts_exponent),
    Goal("MariaDB and PostgreSQL: against the slower engine's md5 scan",
         "at most", 1.5, "x its time", _md5_ratio("MariaDB")),
    Goal("SQLite and PostgreSQL: against the slower engine's md5 scan",
         "at most", 1.5, "x its time", _md5_ratio("SQLite")),
)  # fmt: skip
"""The last table of the design notes on speed, and what "done" says of floods and of many tests."""
