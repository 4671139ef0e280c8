"""``python -m benchmarks.speed`` measures everything, and writes ``results/bench.json``.

Works that are compared are done in turns, on the same servers, in one run. Their ratios matter, not
the seconds. Chapters that are not measured again are kept if their sizes are the same.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from .bench import Bench, Sizes
from .chapters import CHAPTERS
from .results import chapters_of, now, write
from .stacks import running_stacks

OUT = Path(__file__).parents[1] / "results" / "bench.json"
_HELP = {
    "rows": "of the large table, on each side",
    "tenants": "that share it",
    "rounds": "of which the medians are taken",
    "item_tenants": "tenants with many small tables",
    "tables": "of each of those",
    "limit": "seconds that one audit or one peer may take",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; the exit code does not depend on how fast anything was."""
    options = _parser().parse_args(arguments)
    sizes = Sizes(**{each.name: getattr(options, each.name) for each in fields(Sizes)})
    chapters = chapters_of(options.out, sizes.to_json())
    with running_stacks() as stacks, tempfile.TemporaryDirectory(prefix="tp-bench-") as folder:
        for name in options.only or CHAPTERS:
            _log(f"---- {name}")
            place = Path(folder) / name
            place.mkdir()
            bench = Bench(stacks, sizes, place, _log)
            chapters[name] = {"at": now(), **CHAPTERS[name](bench).to_json()}
            # After each chapter, so that a run that is broken off was not for nothing.
            found = write(options.out, bench, chapters)
    for goal in found["goals"]:
        print(_line(goal))
    return 0


def _line(goal: dict[str, Any]) -> str:
    reached = "not measured" if goal["reached"] is None else f"{goal['reached']:g}"
    mark = "met" if goal["met"] else "NOT MET"
    wanted = f"{goal['bound']} {goal['goal']:g} {goal['unit']}"
    return f"{mark:8}{goal['name']}: {reached} ({wanted})"


def _log(line: str) -> None:
    print(line, file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    for name, text in _HELP.items():
        default = getattr(Sizes, name)
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(flag, type=type(default), default=default, help=text)
    parser.add_argument("--without-peers", dest="with_peers", action="store_false")
    parser.add_argument("--only", type=_names, help=f"some of {','.join(CHAPTERS)}")
    parser.add_argument("--out", type=Path, default=OUT)
    return parser


def _names(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in CHAPTERS]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(CHAPTERS)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
