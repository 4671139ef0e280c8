"""Reads and writes bench.json."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from .bench import Bench
from .goals import weigh


def now() -> str:
    """Return the time, as bench.json has it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def chapters_of(out: Path, sizes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the chapters that an earlier run of the same sizes has measured."""
    if not out.exists():
        return {}
    earlier = json.loads(out.read_text(encoding="utf-8"))
    return dict(earlier["measured"]) if earlier["sizes"] == sizes else {}


def write(out: Path, bench: Bench, chapters: Mapping[str, Any]) -> dict[str, Any]:
    """Write all chapters that are measured so far; return the contents of bench.json."""
    found = {
        "at": now(),
        "machine": _machine(bench),
        "sizes": bench.sizes.to_json(),
        "goals": weigh(chapters),
        "measured": dict(chapters),
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
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
