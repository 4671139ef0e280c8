"""The tables of docs/soundness.md and docs/performance.md, from benchmarks/results/."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .markdown import table

RESULTS = Path(__file__).parents[1] / "results"


def soundness(results: Path = RESULTS / "soundness.json") -> str:
    """Return the verdicts of ``make soundness`` on each pair of engines, and their sums."""
    if not results.exists():
        return "\nThere are no results yet: `make soundness`.\n\n"
    found = _read(results)
    headers = (
        "legacy x modern", "traps", "mutated tables", "unchanged tables", "false matches",
        "false alarms", "wrong findings", "not proven",
    )  # fmt: skip
    verdicts = ("false_match", "false_alarm", "wrong_findings", "not_proven")
    keys = ("traps", "trials", "unchanged", *verdicts)
    pairs = found["pairs"]
    total = {"pair": "all", **{key: sum(pair[key] for pair in pairs) for key in keys}}
    rows = [(pair["pair"], *(f"{pair[key]:,}" for key in keys)) for pair in (*pairs, total)]
    return f"{table(headers, rows, numbers=len(keys))}Seed {found['seed']}.\n\n"


def peers(results: Path = RESULTS / "peers.json") -> str:
    """Return how often each peer missed a difference, reported a wrong one, or had no answer."""
    headers = ("legacy x modern", "peer", "traps", "missed", "false alarm", "cannot", "right")
    counts = ("traps", "MISSED", "FALSE ALARM", "CANNOT", "right")
    rows = [
        (each["pair"], f"{each['peer']} {each['version']}", *(str(each[c]) for c in counts))
        for each in _read(results)["summary"]
    ]
    return table(headers, rows, numbers=len(counts))


def missed_traps(results: Path = RESULTS / "peers.json") -> str:
    """Return the traps that any peer misses between two PostgreSQL databases."""
    verdicts: dict[str, dict[str, str]] = {}
    for each in _read(results)["results"]:
        if each["pair"] == "postgresql x postgresql":
            verdicts.setdefault(each["trap"], {})[each["peer"]] = each["verdict"].lower()
    missed = {trap: found for trap, found in verdicts.items() if "missed" in found.values()}
    names = list(dict.fromkeys(peer for found in missed.values() for peer in found))
    rows = [(trap, *(found.get(peer, "") for peer in names)) for trap, found in missed.items()]
    return table(("trap", *names), rows)


def goals(results: Path = RESULTS / "bench.json") -> str:
    """Return each goal of ``make bench``, and the number that was reached."""
    found = _read(results)
    sizes, machine = found["sizes"], found["machine"]
    rows = [
        (
            each["name"],
            f"{each['bound']} {each['goal']:g} {each['unit']}",
            "not measured" if each["reached"] is None else f"{each['reached']:.3g}",
            "yes" if each["met"] else "no",
        )
        for each in found["goals"]
    ]
    return (
        f"\n{sizes['rows']:,} rows a side of {sizes['tenants']:,} tenants; many tests are "
        f"{sizes['item_tenants']:,} tenants with {sizes['tables']:,} tables each. Medians of "
        f"{sizes['rounds']}. PostgreSQL {machine['postgresql']}, {machine['cores']} cores, "
        f"{machine['memory_gb']} GB, {found['at'][:10]}.\n"
    ) + table(("goal", "to reach", "reached", "met"), rows)


def medians(chapter: str, results: Path = RESULTS / "bench.json") -> str:
    """Return the median seconds and the peak memory of each work of a chapter of ``make bench``."""
    measured = _read(results)["measured"].get(chapter, {"works": {}})
    rows = [
        (
            name,
            each.get("error", "").partition("\n")[0] or f"{each['median']:.2f}",
            f"{each['peak_mb']:.0f}" if "peak_mb" in each else "",
        )
        for name, each in measured["works"].items()
    ]
    return table(("what", "seconds", "MB of the client"), rows, numbers=2)


def _read(results: Path) -> Any:
    return json.loads(results.read_text(encoding="utf-8"))
