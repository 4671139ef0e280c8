"""Goals and charts from given measurements of the benchmarks."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from benchmarks.docs.charts import draw
from benchmarks.speed import __main__ as speed
from benchmarks.speed.chapters.whole import middle_of, sample_of
from benchmarks.speed.goals import GOALS, weigh
from benchmarks.speed.process import Failed
from benchmarks.speed.rounds import in_rounds


def test_unknown_chapters_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """``--only`` with an unknown name is refused, and the message lists the chapters."""
    with pytest.raises(SystemExit):
        speed.main(["--only", "whole,floods"])
    assert "'floods' is none of whole, many, layouts" in capsys.readouterr().err


def test_ratios_come_from_one_session() -> None:
    """A ratio divides two medians of the same chapter. With one median alone there is none."""
    works = {
        "audit, a test a tenant": {"median": 14.0},
        "pytest alone, a test a tenant": {"median": 2.0},
        "cheapest digest": {"median": 10.0},
    }
    name = "all tenants of one table, identical: against the cheapest sound digest"
    (found,) = [each for each in weigh({"whole": {"works": works}}) if each["name"] == name]
    assert (found["goal"], found["reached"], found["met"]) == (1.25, 1.2, True)
    elsewhere = {"whole": {"works": works | {"cheapest digest": {"median": None}}}}
    elsewhere["rows"] = {"works": {"cheapest digest": {"median": 10.0}}}
    (found,) = [each for each in weigh(elsewhere) if each["name"] == name]
    assert (found["reached"], found["met"]) == (None, False)


def test_nothing_measured_is_nothing_met() -> None:
    """If no chapter was run, every goal is listed and not met."""
    assert [(each["reached"], each["met"]) for each in weigh({})] == [(None, False)] * len(GOALS)


@pytest.mark.parametrize("points", [[0], [0, 10], [0, 10, 100]])
def test_a_short_curve_is_not_measured(points: list[int]) -> None:
    """Growth needs at least three points, and none may have failed."""
    name = "growth with the drifts: exponent of the extra time over the last tenfold"
    series = {"audit": [1.0 + point for point in points], "pytest alone": [0.5] * len(points)}
    curve = {"axis": "drifts", "log": True, "points": points, "series": series}
    (found,) = [g for g in weigh({"drifts": {"works": {}, "curves": {"drifts": curve}}})
                if g["name"] == name]  # fmt: skip
    assert (found["reached"], found["met"]) == ((1.0, True) if len(points) == 3 else (None, False))


def test_rounds_interleave_and_keep_errors() -> None:
    """Each round does every work once, in another order. A work that fails is not repeated."""
    done: list[str] = []

    def work(name: str) -> float:
        done.append(name)
        if name == "c":
            raise Failed("no")
        return float(len(done))

    works = {name: (lambda name=name: work(name)) for name in "abc"}
    found = in_rounds(works, 2, lambda _: None)
    assert done == ["a", "b", "c", "b", "a"]
    assert (found["a"].seconds, found["a"].median) == ([1.0, 5.0], 3.0)
    assert found["c"].to_json() == {"median": None, "seconds": [], "error": "no"}


def test_the_middle_and_the_sample() -> None:
    """The mid-size tenant owns the median row, and the sample is spread over all sizes."""
    owned = {tenant: 1000 // tenant for tenant in range(1, 101)}
    middle = middle_of(owned)
    before = sum(rows for tenant, rows in owned.items() if tenant < middle)
    assert before < sum(owned.values()) / 2 <= before + owned[middle]
    assert sample_of(owned) == list(range(3, 101, 5))
    assert sample_of({1: 5, 2: 3}) == [1, 2]


@pytest.mark.parametrize("log", [True, False])
def test_a_chart_has_axes_and_leaves_out_what_failed(log: bool) -> None:
    """A line has a marker for each measured point, a label with the last one, and named axes."""
    series = {"audit": [1.0, None, 3.0], "limit": [0.5, 0.7, None]}
    chart = draw({"axis": "rows & more", "log": log, "points": [0, 10, 100], "series": series}, 2)
    parts = list(ET.fromstring(chart).iter())  # noqa: S314 - our own
    texts = {part.text for part in parts}
    assert {"seconds, median of 2 rounds", "rows & more", "0", "10", "100"} <= texts
    assert {"audit, 3 s", "limit, 0.7 s"} <= texts
    for name in series:
        (line,) = [part for part in parts if part.get("id") == name]
        assert sum(part.tag.endswith("}use") for part in line.iter()) == 2
    assert "prefers-color-scheme: dark" in chart


def test_a_steep_curve_has_a_logarithmic_axis() -> None:
    """If the seconds grow more than tenfold, the axis is logarithmic and named so."""
    curve = {"axis": "drifts", "log": True, "points": [0, 10]}
    for last, title in ((9.0, "seconds, "), (11.0, "seconds on a logarithmic scale, ")):
        chart = draw({**curve, "series": {"audit": [1.0, last]}}, 3)
        assert f">{title}median of 3 rounds<" in chart
