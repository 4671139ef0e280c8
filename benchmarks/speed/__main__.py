"""``python -m benchmarks.speed`` measures everything, and writes ``results/bench.json``.

What is compared is measured in turns, on the same servers, in one run. The times say little; the
ratios are the point. Chapters that are not measured again are kept, if their sizes are the same.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from . import cross, flood, growth, layouts, many, whole
from .bench import Bench, Chapter, Sizes
from .results import kept, now, write
from .stacks import running_stacks

ROOT = Path(__file__).parents[2]
CHAPTERS: dict[str, Callable[[Bench], Chapter]] = {
    "whole": whole.measure,
    "many": many.measure,
    "layouts": layouts.measure,
    "rows": growth.by_rows,
    "tenants": growth.by_tenants,
    "drifts": growth.by_drifts,
    "cross": cross.measure,
    "flood": flood.measure,
}
"""What is measured together, by the name that ``--only`` takes."""

_HELP = {
    "rows": "of the large table, on each side",
    "tenants": "that share it",
    "rounds": "medians are of so many",
    "item_tenants": "tenants with many small tables",
    "tables": "of each of those",
    "limit": "seconds that one audit or one peer may take",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; the exit code says nothing about how fast anything was."""
    options = _parser().parse_args(arguments)
    sizes = Sizes(**{each.name: getattr(options, each.name) for each in fields(Sizes)})
    chapters = kept(options.out, sizes, with_peers=options.peers)
    with running_stacks() as stacks, tempfile.TemporaryDirectory(prefix="tp-bench-") as folder:
        for name in options.only or CHAPTERS:
            _tell(f"---- {name}")
            place = Path(folder) / name
            place.mkdir()
            bench = Bench(stacks, sizes, place, options.peers, _tell)
            chapters[name] = {"at": now(), **CHAPTERS[name](bench).to_json()}
            # After each chapter, so that a run that is broken off was not for nothing.
            found = write(options.out, options.charts, bench, chapters)
    for goal in found["goals"]:
        sys.stdout.write(_line(goal))
    return 0


def _line(goal: dict[str, Any]) -> str:
    reached = "not measured" if goal["reached"] is None else f"{goal['reached']:g}"
    mark = "met" if goal["met"] else "NOT MET"
    wanted = f"{goal['bound']} {goal['goal']:g} {goal['unit']}"
    return f"{mark:8}{goal['name']}: {reached} ({wanted})\n"


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    for each in fields(Sizes):
        kind = float if each.name == "limit" else int
        name = f"--{each.name.replace('_', '-')}"
        parser.add_argument(name, type=kind, default=each.default, help=_HELP[each.name])
    parser.add_argument("--only", type=_names, help=f"some of {','.join(CHAPTERS)}")
    parser.add_argument("--without-peers", dest="peers", action="store_false")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/bench.json")
    parser.add_argument("--charts", type=Path, default=ROOT / "docs/performance")
    return parser


def _names(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in CHAPTERS]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(CHAPTERS)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
