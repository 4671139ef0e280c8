"""One side of a large table, read by one and by several sessions of one process."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from time import perf_counter

from pytest_tenantparity.audit import open_run
from pytest_tenantparity.config import Settings, load_settings
from pytest_tenantparity.parity.read.digest import Buckets
from pytest_tenantparity.parity.read.open_pair import open_pair

from ..bench import Bench, Chapter
from ..data_sets import DataSet
from ..projects import write_audit

SESSIONS = (1, 2, 4)
NAME = "{} sessions"
_BUCKETS = 32  # for each tenant


def measure(bench: Bench) -> Chapter:
    """Measure the scan of one side, while the server of the other side does nothing."""
    data = DataSet("parallel", bench.sizes.rows, bench.sizes.tenants)
    with bench.stacks.holding(data):
        folder = write_audit(bench.folder / "audit", bench.layout(data), data)
        works = {NAME.format(n): partial(_seconds, folder, n) for n in SESSIONS}
        measured = bench.rounds(works)
    return Chapter(measured, {"cores": os.cpu_count()})


def _seconds(folder: Path, sessions: int) -> float:
    """Return the seconds of the scan by which an audit of all tenants begins."""
    with open_run(_with_sessions(load_settings(folder / "tenantparity.toml"), sessions)) as opened:
        run = opened.audit.run
        (pair,), tenants = run.pairs.values(), list(run.tenants.values())
        with open_pair(run, pair, tenants[0]) as found:
            legacy = found.sides(lambda side: found.all_of(side, tenants)).legacy
            began = perf_counter()
            legacy.sketch(Buckets(_BUCKETS))
            return perf_counter() - began


def _with_sessions(settings: Settings, sessions: int) -> Settings:
    legacy = settings.legacy.model_copy(update={"parallel": sessions})
    return settings.model_copy(update={"legacy": legacy})
