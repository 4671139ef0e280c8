"""``python -m benchmarks.peers`` writes ``benchmarks/results/peers.json``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

from tabulate import tabulate

from .environments import PEERS
from .run import ENGINES, PAIRS, Pair, run_peers, summarise


def main() -> None:
    """Run every peer on every trap of the pairs; write all answers, and print the counts."""
    options = _parser().parse_args()
    results = run_peers(
        pairs=options.pair or PAIRS,
        peers=options.peer or list(PEERS),
        log=lambda line: print(line, file=sys.stderr),
    )
    summary = summarise(results)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(_as_json(summary, results), encoding="utf-8")
    print(tabulate(summary, headers="keys", tablefmt="github"))


def _as_json(*lists: Sequence[dict[str, Any]]) -> str:
    """Return the summary and the results as JSON, an answer a line."""
    parts = [",\n".join(json.dumps(each) for each in rows) for rows in lists]
    return '{{"summary": [\n{}\n],\n"results": [\n{}\n]}}\n'.format(*parts)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=main.__doc__)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/peers.json"))
    parser.add_argument(
        "--pair", type=_pair, action="append", help="such as postgresql,mariadb; repeatable"
    )
    parser.add_argument("--peer", action="append", choices=sorted(PEERS), help="repeatable")
    return parser


def _pair(text: str) -> Pair:
    known = {
        f"{legacy},{modern}": (legacy, modern) for legacy, modern in product(ENGINES, repeat=2)
    }
    if text not in known:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {' '.join(known)}")
    return known[text]


if __name__ == "__main__":
    main()
