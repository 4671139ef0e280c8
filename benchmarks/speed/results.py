"""What a run leaves: bench.json and the growth curves."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from .bench import Bench, Sizes
from .chart import draw
from .goals import weigh


def now() -> str:
    """Return the time, as bench.json has it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def kept(out: Path, sizes: Sizes, *, with_peers: bool) -> dict[str, Any]:
    """Return the chapters that an earlier run of the same sizes has measured."""
    if not out.exists():
        return {}
    before = json.loads(out.read_text(encoding="utf-8"))
    return (
        dict(before["measured"])
        if before["sizes"] == {**asdict(sizes), "with_peers": with_peers}
        else {}
    )


def write(out: Path, charts: Path, bench: Bench, chapters: Mapping[str, Any]) -> dict[str, Any]:
    """Write all that is known so far; return what is in bench.json."""
    found = {
        "at": now(),
        "machine": _machine(bench),
        "sizes": bench.to_json(),
        "goals": weigh(chapters),
        "measured": dict(chapters),
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    charts.mkdir(parents=True, exist_ok=True)
    for chapter in chapters.values():
        for name, curve in chapter["curves"].items():
            (charts / f"{name}.svg").write_text(draw(curve), encoding="utf-8")
    return found


def _machine(bench: Bench) -> dict[str, Any]:
    with bench.stacks.connect("legacy") as connection:
        version = connection.info.parameter_status("server_version")
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "postgresql": version,
    }
