"""Audits every trap on every pair of engines, and many thousand random tables.

``make soundness`` runs it and writes ``benchmarks/results/soundness.json``. A trial is
identified by seed, pair and number; ``--seed S --pair legacy,modern --number N`` repeats one.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from itertools import cycle
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any

from tabulate import tabulate

from tests.soundness.judging import FALSE_ALARM, FALSE_MATCH, NOT_PROVEN, RIGHT, WRONG, judge
from tests.soundness.traps import TRAPS, Engine, Trap, exists
from tests.soundness.trials import make_trial
from tests.soundness.ways import WAYS
from tests.support.engine_driver import seen
from tests.support.engine_pairs import PAIRS, PLACES, audit_all

from .peers.run import summarise

Pair = tuple[Engine, Engine]
RESULTS = Path(__file__).parent / "results" / "soundness.json"
PEERS = RESULTS.with_name("peers.json")
_VERDICTS = (RIGHT, FALSE_MATCH, FALSE_ALARM, WRONG, NOT_PROVEN)
_UNCHANGED = 8  # one trial of eight has equal tables
_QUICK: tuple[Pair, ...] = (("postgresql", "postgresql"), ("sqlite", "sqlite"))
_BATCH = 50  # trials that are audited in one way, before the next way
_SHOWN = 20  # failures that are printed in full


@dataclass
class PairResult:
    """The verdicts on the audits of one pair of engines."""

    legacy: Engine
    modern: Engine
    traps: Counter[str] = field(default_factory=Counter)
    mutated: Counter[str] = field(default_factory=Counter)
    unchanged: Counter[str] = field(default_factory=Counter)
    failures: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0

    def count(self, verdict: str) -> int:
        """Return how many traps and trials have a verdict."""
        return self.traps[verdict] + self.mutated[verdict] + self.unchanged[verdict]


def run_pair(legacy: Engine, modern: Engine, mutated: int, seed: int) -> PairResult:
    """Audit the traps that a pair of engines can hold, and a number of mutated random tables.

    Each trap is audited in each way of finding rows; the trials take turns.
    """
    result, began = PairResult(legacy, modern), perf_counter()
    with ExitStack() as stack:
        here, there = (stack.enter_context(PLACES[each]()) for each in (legacy, modern))
        held = [t for t in TRAPS if exists(t, "legacy", legacy) and exists(t, "modern", modern)]
        for name, way in WAYS.items():
            audited = audit_all(here, there, held, way)
            for trap, evidence in zip(held, audited, strict=True):
                _take(result, result.traps, trap, evidence, f"{trap.name}, {name}")
        numbers = range(mutated - (-mutated // (_UNCHANGED - 1)))
        for batch, way in zip(_batches(numbers, _BATCH), cycle(WAYS.values()), strict=False):
            trials = [trial(legacy, modern, seed, number) for number in batch]
            found = audit_all(here, there, trials, way)
            for number, each, evidence in zip(batch, trials, found, strict=True):
                counts = result.unchanged if number % _UNCHANGED == 0 else result.mutated
                _take(result, counts, each, evidence, number)
    result.seconds = perf_counter() - began
    return result


def trial(legacy: Engine, modern: Engine, seed: int, number: int) -> Trap:
    """Return one trial, the same each time."""
    rng = Random(f"{seed}/{legacy}/{modern}/{number}")  # noqa: S311 - a seed is the point
    return make_trial(rng, legacy, modern, mutated=number % _UNCHANGED != 0, arranged=True)


def _take(
    result: PairResult, counts: Counter[str], trap: Trap, evidence: Any, name: str | int
) -> None:
    verdict = judge(trap, evidence)
    counts[verdict] += 1
    if verdict != RIGHT:
        result.failures.append(
            {
                "pair": f"{result.legacy} x {result.modern}",
                "trial": name,
                "verdict": verdict,
                "expected": sorted(map(repr, trap.found)),
                "seen": sorted(map(repr, seen(evidence))),
                "reasons": list(evidence.reasons),
            }
        )


def _batches(numbers: range, size: int) -> Iterator[range]:
    for start in range(0, len(numbers), size):
        yield numbers[start : start + size]


def summary(results: Iterable[PairResult], seed: int) -> dict[str, Any]:
    """Return the contents of soundness.json."""
    given = list(results)
    pairs = [
        {
            "pair": f"{each.legacy} x {each.modern}",
            "traps": sum(each.traps.values()),
            "trials": sum(each.mutated.values()),
            "unchanged": sum(each.unchanged.values()),
            **{verdict.lower().replace(" ", "_"): each.count(verdict) for verdict in _VERDICTS},
            "seconds": round(each.seconds, 1),
        }
        for each in given
    ]
    return {
        "seed": seed,
        "trials": sum(sum(each.mutated.values()) for each in given),
        "unchanged": sum(sum(each.unchanged.values()) for each in given),
        "traps": sum(sum(each.traps.values()) for each in given),
        "false_matches": sum(each.count(FALSE_MATCH) for each in given),
        "false_alarms": sum(each.count(FALSE_ALARM) for each in given),
        "wrong_findings": sum(each.count(WRONG) for each in given),
        "not_proven": sum(each.count(NOT_PROVEN) for each in given),
        "pairs": pairs,
        "failures": [failure for each in given for failure in each.failures],
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all traps and trials; the exit code is 0 only if each verdict is right."""
    options = _parser().parse_args(arguments)
    pairs = [options.pair] if options.pair else PAIRS
    if options.number is not None:
        return _repeat(pairs[0], options.seed, options.number)
    shares = _shares(options.trials, pairs)
    with ProcessPoolExecutor(max_workers=options.processes) as pool:
        jobs = [pool.submit(run_pair, *pair, share, options.seed) for pair, share in shares]
        results = []
        for job in as_completed(jobs):
            results.append(job.result())
            _print(results[-1])
    results.sort(key=lambda each: PAIRS.index((each.legacy, each.modern)))
    found = summary(results, options.seed)
    if PEERS.exists():
        answers = json.loads(PEERS.read_text(encoding="utf-8"))["results"]
        print(tabulate(summarise(answers), headers="keys", tablefmt="github"))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(
        f"{found['trials']:,} mutated tables, {found['unchanged']:,} unchanged, "
        f"{found['traps']:,} traps: {found['false_matches']} false matches, "
        f"{found['false_alarms']} false alarms, {found['wrong_findings']} wrong findings, "
        f"{found['not_proven']} not proven"
    )
    return 1 if found["failures"] else 0


def _shares(trials: int, pairs: Sequence[Pair]) -> list[tuple[Pair, int]]:
    """Give each pair a fiftieth of the trials, and the rest to the pairs whose audits are quick."""
    quick = [pair for pair in pairs if pair in _QUICK] or list(pairs)
    least = trials // 50 if len(quick) < len(pairs) else 0
    rest = -(-(trials - least * (len(pairs) - len(quick))) // len(quick))
    # The longest first, so that no process is left alone with it.
    ordered = sorted(pairs, key=lambda pair: pair not in quick)
    return [(pair, rest if pair in quick else least) for pair in ordered]


def _print(result: PairResult) -> None:
    counts = ", ".join(f"{result.count(v)} {v}" for v in _VERDICTS if result.count(v))
    print(f"{result.legacy} x {result.modern}: {counts} ({result.seconds:.0f} s)")
    for failure in result.failures[:_SHOWN]:
        print(f"  {failure}")


def _repeat(pair: tuple[Engine, Engine], seed: int, number: int) -> int:
    legacy, modern = pair
    given = trial(legacy, modern, seed, number)
    with ExitStack() as stack:
        here, there = (stack.enter_context(PLACES[each]()) for each in pair)
        (evidence,) = audit_all(here, there, [given])
    verdict = judge(given, evidence)
    print(json.dumps([asdict(given), verdict, seen(evidence)], indent=1, default=str))
    return 0 if verdict == RIGHT else 1


def _pair(text: str) -> tuple[str, ...]:
    pair = tuple(text.split(","))
    if pair not in PAIRS:
        known = ", ".join(PLACES)
        raise argparse.ArgumentTypeError(f"{text!r} is no pair; give two of {known}")
    return pair


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.soundness", description=__doc__)
    parser.add_argument("--trials", type=int, default=20_000, help="mutated tables in all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pair", type=_pair, help="legacy,modern (default: all pairs)")
    parser.add_argument("--number", type=int, help="repeat one trial of the pair, and show it")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
