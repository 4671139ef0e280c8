"""Growth curves as SVG: ``python -m benchmarks.docs.charts`` draws those of results/bench.json.

The same results give the same bytes. Colours are distinct without red and green, and
change with the browser's setting for light and dark pages.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FuncFormatter

from .result_tables import RESULTS

CHARTS = Path(__file__).parents[2] / "docs" / "performance"
_INK, _GRID = "#1f2328", "#d1d9e0"
_LINES = (("#0969da", "-", "o"), ("#bc4c00", "--", "s"), ("#656d76", ":", "^"))
_ON_DARK = {
    _INK: "#e6edf3",
    _GRID: "#3d444d",
    "#0969da": "#58a6ff",
    "#bc4c00": "#f0883e",
    "#656d76": "#9198a1",
}
_STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib, so that any machine has it
    "font.size": 10,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _GRID,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "grid.color": _GRID,
    "xtick.color": _GRID,
    "xtick.labelcolor": _INK,
    "ytick.color": _GRID,
    "ytick.labelcolor": _INK,
    "ytick.left": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "tenantparity",
}
_STEEP = 10  # times: an audit that grows by more gets a logarithmic axis of seconds
_LINE_HEIGHT = 0.06  # of a label, as a share of the axis


def draw(curve: Mapping[str, Any], rounds: int) -> str:
    """Return the SVG of one curve of bench.json; there is a gap where a measurement failed."""
    points: list[int] = curve["points"]
    series: dict[str, list[float | None]] = curve["series"]
    # A logarithmic curve has powers of ten, and may begin with 0.
    places = list(range(len(points))) if curve["log"] else points
    audit = [value for value in next(iter(series.values())) if value]
    steep = curve["log"] and max(audit, default=0) > _STEEP * min(audit, default=0)
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(7.2, 3.8), layout="constrained")
        axes = figure.subplots()
        ends = []
        for (name, values), (colour, dashes, marker) in zip(series.items(), _LINES, strict=False):
            numbers = [math.nan if value is None else value for value in values]
            axes.plot(
                places, numbers, dashes, color=colour, marker=marker, ms=5, gid=name, clip_on=False
            )
            ends += [(value, name, colour) for value in values if value is not None][-1:]
        axes.set_xticks(places, [EngFormatter().format_eng(point) for point in points])
        axes.set_xlabel(curve["axis"])
        if steep:
            axes.set_yscale("log")
        else:
            axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        scale = "seconds on a logarithmic scale" if steep else "seconds"
        axes.set_title(f"{scale}, median of {rounds} rounds", loc="left", fontsize="medium")
        _label(axes, sorted(ends))
        file = io.StringIO()
        about = {"Title": f"Seconds by {curve['axis']}", "Date": None, "Creator": None}
        figure.savefig(file, format="svg", transparent=True, metadata=about)
    return _with_dark_colours(file.getvalue())


def _label(axes: Axes, ends: Sequence[tuple[float, str, str]]) -> None:
    """Write each line's name and last value to the right of it, from the lowest line upwards.

    Labels are moved up where they would overlap.
    """
    axes.get_ylim()  # scales the axis
    free = 0.0
    for seconds, name, colour in ends:
        _, height = (axes.transScale + axes.transLimits).transform((1, seconds))
        height = max(height, free)
        free = height + _LINE_HEIGHT
        axes.annotate(
            f"{name}, {seconds:.3g} s",
            (1.03, height),
            xycoords="axes fraction",
            color=colour,
            verticalalignment="center",
        )


def _with_dark_colours(svg: str) -> str:
    """Add the rules of a dark page to the style sheet of an SVG."""
    rules = "".join(
        f'[style*="{kind}: {light}"] {{ {kind}: {dark} !important }}\n'
        for light, dark in _ON_DARK.items()
        for kind in ("fill", "stroke")
    )
    sheet = f"<style>@media (prefers-color-scheme: dark) {{\n{rules}}}</style>\n"
    before, svg_end, _ = svg.rpartition("</svg>")
    return f"{before}{sheet}{svg_end}\n"


def main() -> None:
    """Draw every curve of bench.json."""
    found = json.loads((RESULTS / "bench.json").read_text(encoding="utf-8"))
    for chapter in found["measured"].values():
        for name, curve in chapter["curves"].items():
            path = CHARTS / f"{name}.svg"
            path.write_text(draw(curve, found["sizes"]["rounds"]), encoding="utf-8")


if __name__ == "__main__":
    main()
