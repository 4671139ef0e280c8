"""``python -m benchmarks.peers --out benchmarks/results/peers.json``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .environments import PEERS
from .places import ENGINES
from .run import PAIRS, run_peers
from .summary import as_table, summarise


def main() -> None:
    """Run every peer over every trap of the pairs; write all answers, and print the counts."""
    arguments = _parser().parse_args()
    pairs = [_pair(text) for text in arguments.pair] or list(PAIRS)
    results = run_peers(pairs=pairs, peers=arguments.peer or list(PEERS), tell=_tell)
    summary = summarise(results)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(_as_json(summary, results), encoding="utf-8")
    sys.stdout.write(as_table(summary))


def _as_json(*lists: Sequence[dict[str, Any]]) -> str:
    """Return the summary and the results as JSON, an answer a line."""
    parts = [",\n".join(json.dumps(each) for each in rows) for rows in lists]
    return '{{"summary": [\n{}\n],\n"results": [\n{}\n]}}\n'.format(*parts)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=main.__doc__)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/peers.json"))
    parser.add_argument(
        "--pair", action="append", default=[], help="such as postgresql,mariadb; repeatable"
    )
    parser.add_argument("--peer", action="append", choices=sorted(PEERS), help="repeatable")
    return parser


def _pair(text: str) -> tuple[str, str]:
    legacy, _, modern = text.partition(",")
    if legacy not in ENGINES or modern not in ENGINES:
        known = ", ".join(sorted(ENGINES))
        raise SystemExit(f"--pair {text!r} must be two of {known}, parted by a comma")
    return legacy, modern


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    main()
