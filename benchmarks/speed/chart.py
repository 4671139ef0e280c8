"""Growth curves as SVG, legible on light and on dark pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10
from typing import Any

_WIDTH, _HEIGHT = 640, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 616, 56, 304
_STYLE = """
  svg { --ink: #1f2328; --faint: #d1d9e0; --one: #0969da; --two: #bc4c00; --three: #656d76 }
  @media (prefers-color-scheme: dark) {
    svg { --ink: #e6edf3; --faint: #3d444d; --one: #58a6ff; --two: #f0883e; --three: #9198a1 }
  }
  text { font: 13px system-ui, sans-serif; fill: var(--ink) }
  .grid { stroke: var(--faint) }
  .line { fill: none; stroke-width: 2 }
  .s0 { stroke: var(--one) } .s1 { stroke: var(--two); stroke-dasharray: 7 4 }
  .s2 { stroke: var(--three); stroke-dasharray: 2 4 }
  .d0 { fill: var(--one) } .d1 { fill: var(--two) } .d2 { fill: var(--three) }
"""


@dataclass(frozen=True)
class Scale:
    """Where values lie along an axis; a logarithmic one has 0 a tenth below its first tick."""

    values: Sequence[float]
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """Return the place of a value, in pixels."""
        low, high = self._of(min(self.values)), self._of(max(self.values))
        share = (self._of(value) - low) / (high - low) if high > low else 0.0
        return round(self.start + share * (self.end - self.start), 1)

    def _of(self, value: float) -> float:
        if not self.log:
            return value
        least = min(each for each in self.values if each > 0)
        return log10(value if value > 0 else least / 10)


def draw(curve: Mapping[str, Any]) -> str:
    """Return the chart of one curve of bench.json; points that failed are left out."""
    points, series = curve["points"], curve["series"]
    known = [value for values in series.values() for value in values if value is not None]
    ticks = _ticks(max(known, default=1.0))
    across = Scale(points, _LEFT, _RIGHT, curve["log"])
    up = Scale(ticks, _BOTTOM, _TOP)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}">',
        f"<title>Seconds by {escape(curve['axis'])}</title>",
        f"<style>{_STYLE}</style>",
        *_axes(points, ticks, across, up),
        *(part for n in range(len(series)) for part in _line(n, series, points, across, up)),
        _text((_LEFT + _RIGHT) / 2, _HEIGHT - 12, curve["axis"], "middle"),
        _text(8, 20, "seconds", "start"),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _axes(points: Sequence[int], ticks: Sequence[float], across: Scale, up: Scale) -> Iterator[str]:
    for tick in ticks:
        y = up.at(tick)
        yield f'<line class="grid" x1="{_LEFT}" y1="{y}" x2="{_RIGHT}" y2="{y}"/>'
        yield _text(_LEFT - 8, y + 4, f"{tick:g}", "end")
    for point in points:
        yield _text(across.at(point), _BOTTOM + 20, f"{point:,}", "middle")


def _line(
    number: int,
    series: Mapping[str, Sequence[float | None]],
    points: Sequence[int],
    across: Scale,
    up: Scale,
) -> Iterator[str]:
    """Yield a series: its place in the legend, its line and its dots."""
    name, values = list(series.items())[number]
    places = [
        (across.at(at), up.at(value))
        for at, value in zip(points, values, strict=True)
        if value is not None
    ]
    left = _LEFT + 32 + 180 * number
    yield f'<line class="line s{number}" x1="{left}" y1="30" x2="{left + 28}" y2="30"/>'
    yield _text(left + 36, 34, name, "start")
    yield f'<polyline class="line s{number}" points="{" ".join(f"{x},{y}" for x, y in places)}"/>'
    for x, y in places:
        yield f'<circle class="d{number}" cx="{x}" cy="{y}" r="3"/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'


def _ticks(highest: float) -> list[float]:
    """Return four to ten round numbers, from 0 to one that is not below the highest."""
    rough = highest / 5
    unit = 10.0 ** floor(log10(rough))
    step = next(unit * times for times in (1, 2, 5, 10) if unit * times >= rough)
    return [round(step * n, 10) for n in range(ceil(highest / step) + 1)]
