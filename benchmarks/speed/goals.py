"""The goals of ``make bench``: each number to reach, and its formula from one run's medians."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import log
from typing import Any, Literal

Bound = Literal["at most", "at least", "exactly"]
_NOISE = 0.05  # of a run's seconds: less is not distinguishable from nothing
_MEASURABLE = 5.0  # MB: a program's own memory differs by less from run to run


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
        """Return a number that is not a time."""
        return float(self._of(chapter, "facts", name))

    def net(self, chapter: str, audit: str, idle: str) -> float:
        """Return the seconds of an audit less those of pytest with as many empty tests."""
        return self.seconds(chapter, audit) - self.seconds(chapter, idle)

    def highest_peak(self) -> float:
        """Return the most memory of any audit, in MB; raises NotMeasured if one is missing."""
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

        Raises NotMeasured if there are fewer than ``least``, or if one failed.
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
    """A number to reach; ``reached`` raises NotMeasured if a measurement is missing."""

    name: str
    bound: Bound
    goal: float
    unit: str
    reached: Callable[[Measures], float]

    def to_json(self, measures: Measures) -> dict[str, Any]:
        """Return the goal as bench.json holds it; what was not measured is not met."""
        about = {"name": self.name, "bound": self.bound, "goal": self.goal}
        try:
            found = self.reached(measures)
        except NotMeasured:
            return {**about, "reached": None, "unit": self.unit, "met": False}
        return {**about, "reached": round(found, 3), "unit": self.unit, "met": self._met(found)}

    def _met(self, found: float) -> bool:
        if self.bound == "exactly":
            return found == self.goal
        return found <= self.goal if self.bound == "at most" else found >= self.goal


def weigh(chapters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return every goal, and what was reached of it."""
    measures = Measures(chapters)
    return [goal.to_json(measures) for goal in GOALS]


def _clean(m: Measures) -> float:
    """Return the seconds of an audit of all tenants without drift, less pytest's own cost."""
    return m.net("whole", "audit, a test a tenant", "pytest alone, a test a tenant")


def _audit(m: Measures) -> float:
    return m.seconds("whole", "audit, a test a tenant")


def _best_drifted(m: Measures) -> float:
    return min(m.seconds("whole", f"{way}, drifted") for way in ("reladiff", "reladiff tuned"))


def _all_tenants(m: Measures, way: str) -> float:
    """Return the seconds of a peer's few tenants, multiplied to all tenants."""
    share = m.fact("whole", "tenants given to peers") / m.fact("whole", "tenants")
    return m.seconds("whole", f"{way}, some tenants one by one") / share


def _memory_of_one_tenant(m: Measures) -> float:
    """Only what the rows take: the smallest tenant shows what the programs take anyhow."""
    ours, theirs = (
        m.peak("whole", f"{who}, mid-size tenant") - m.peak("whole", f"{who}, smallest tenant")
        for who in ("audit", "reladiff tuned")
    )
    if theirs < _MEASURABLE:  # there were too few rows
        raise NotMeasured
    return max(ours, 0) / theirs


def _cost_of_tests(m: Measures) -> float:
    """Return the audit's seconds less the bare scans', as a multiple of as many empty tests'."""
    tables = f"{m.fact('many', 'tables'):,.0f}"
    audit, scans, idle = (
        m.seconds("many", f"{tables}: {series}") for series in ("audit", "scans", "pytest alone")
    )
    return (audit - scans) / idle


def _rows_exponent(m: Measures) -> float:
    *_, (half, before), (all_rows, after) = m.net_curve("rows", 2)
    return _exponent(after / before, all_rows / half)


def _tenants_ratio(m: Measures) -> float:
    first, *_, last = m.net_curve("tenants", 2)
    return last[1] / first[1]


def _drifts_exponent(m: Measures) -> float:
    """Return how the extra time grows over the last tenfold; extra time below the noise is it."""
    (_, none), *_, (fewer, before), (more, after) = m.net_curve("drifts", 3)
    least = _NOISE * none
    return _exponent(max(after - none, least) / max(before - none, least), more / fewer)


def _exponent(times: float, size: float) -> float:
    if times <= 0:
        raise NotMeasured
    return log(times) / log(size)


def _md5_ratio(m: Measures, engine: str) -> float:
    audit = m.net("cross", f"audit, {engine}", "pytest alone")
    return audit / m.seconds("cross", f"md5, {engine}")


GOALS = (
    Goal("all tenants of one table, identical: against the cheapest sound digest",
         "at most", 1.25, "x its time",
         lambda m: _clean(m) / m.seconds("whole", "cheapest digest")),
    Goal("all tenants of one table, identical: against reladiff tuned, whole table",
         "at least", 2.5, "x faster",
         lambda m: m.seconds("whole", "reladiff tuned, whole table") / _audit(m)),
    Goal("100 scattered drifts, all named: against our own clean run",
         "at most", 1.15, "x its time",
         lambda m: m.net("whole", "audit, drifted", "pytest alone, a test a tenant") / _clean(m)),
    Goal("100 scattered drifts, all named: against reladiff at its best",
         "at least", 6, "x faster",
         lambda m: _best_drifted(m) / m.seconds("whole", "audit, drifted")),
    Goal("a test a tenant, less pytest's own cost: against the whole table as one test",
         "at most", 1.1, "x its time",
         lambda m: _clean(m) / m.net("whole", "audit, one test", "pytest alone, one test")),
    Goal("a test a tenant: against reladiff by default, tenant by tenant",
         "at least", 10, "x faster",
         lambda m: _all_tenants(m, "reladiff") / _audit(m)),
    Goal("a test a tenant: against reladiff tuned, tenant by tenant",
         "at least", 5, "x faster",
         lambda m: _all_tenants(m, "reladiff tuned") / _audit(m)),
    Goal("one mid-size tenant, less pytest's own cost: against reladiff tuned",
         "at least", 1, "x faster",
         lambda m: m.seconds("whole", "reladiff tuned, mid-size tenant")
         / m.net("whole", "audit, mid-size tenant", "pytest alone, one test")),
    Goal("one mid-size tenant: memory for its rows against reladiff tuned",
         "at most", 0.1, "x its memory", _memory_of_one_tenant),
    Goal("memory of the client in any audit",
         "at most", 200, "MB", Measures.highest_peak),
    Goal("bytes over the wire, identical",
         "at most", 10, "MB", lambda m: m.fact("whole", "bytes over the wire") / 1e6),
    Goal("many tests: cost beyond the bare scans against as many empty tests",
         "at most", 2, "x its time", _cost_of_tests),
    Goal("many tests: collection",
         "at most", 10, "s", lambda m: m.seconds("many", "collection")),
    Goal("a fifth of the rows drifted: share counted",
         "exactly", 1, "of those planted",
         lambda m: m.fact("flood", "counted") / m.fact("flood", "planted")),
    Goal("a fifth of the rows drifted: share in drift.jsonl.gz",
         "exactly", 1, "of those planted",
         lambda m: m.fact("flood", "in drift.jsonl.gz") / m.fact("flood", "planted")),
    Goal("growth with the rows: exponent between half and all",
         "at most", 1.1, "(1 is linear)", _rows_exponent),
    Goal("growth with the tenants, same rows: most tenants against one",
         "at most", 1.25, "x its time", _tenants_ratio),
    Goal("growth with the drifts: exponent of the extra time over the last tenfold",
         "at most", 1.1, "(1 is linear)", _drifts_exponent),
    Goal("one side read by two sessions: against one session, on two cores",
         "at least", 1.7, "x faster",
         lambda m: m.seconds("parallel", "1 sessions") / m.seconds("parallel", "2 sessions")),
    Goal("MariaDB and PostgreSQL: against the slower engine's md5 scan",
         "at most", 1.5, "x its time", lambda m: _md5_ratio(m, "MariaDB")),
    Goal("SQLite and PostgreSQL: against the slower engine's md5 scan",
         "at most", 1.5, "x its time", lambda m: _md5_ratio(m, "SQLite")),
)  # fmt: skip
