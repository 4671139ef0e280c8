"""Whether an audit with settling cries wolf, or misses a loss.

``python -m benchmarks.settle [RUNS [LAG]]``: a writer keeps both stacks changing, and each write
reaches the modern one after up to LAG seconds (20 runs, 2 seconds). Each run, one write is lost.
Prints what each run found; the exit code is 1 unless every run found that, and nothing else.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.support.dual_write import DualWrite
from tests.support.postgresql import Database, new_database, running_cluster
from tests.support.project import _MODERN as MODERN
from tests.support.project import LEGACY, TENANTS, TEST

_SETTINGS = """
[legacy]
url = "{legacy}"
tenancy = {{ column = "account" }}
[modern]
url = "{modern}"
tenancy = {{ column = "tenant" }}
[pairing]
modern = "tenant_{{table}}"
[tables.prices]
modern = "prices"
tenancy = "global"
"""

_FIRST = 500  # the rows of lost writes begin after it: nobody else writes these

_DELETE = "DELETE FROM {table} WHERE id = {id}"
_LOST = [
    ("changed", "UPDATE {table} SET amount = -1 WHERE id = {id}"),
    ("extra", _DELETE),
    ("missing", "INSERT INTO {table} VALUES ({id}, '{owner}', 1, 'new')"),
]


@dataclass
class Tally:
    """What the runs found."""

    found: int = 0
    false_drifts: int = 0
    not_proven: int = 0
    in_flight: int = 0

    def take(self, checks: list[dict[str, Any]], lost: tuple[str, str]) -> list[tuple[str, str]]:
        """Add one run's checks; return the kinds and keys of what they found."""
        found = [(f["kind"], f["key"].get("id", "?")) for c in checks for f in c["findings"]]
        self.found += lost in found
        self.false_drifts += sum(each != lost for each in found)
        self.not_proven += sum(check["status"] == "NOT PROVEN" for check in checks)
        self.in_flight += sum(check["in_flight"] for check in checks)
        return found


def main(runs: int = 20, lag: float = 2.0) -> int:
    """Make the runs; return the exit code."""
    tally = Tally()
    with running_cluster() as one, running_cluster() as other, TemporaryDirectory() as folder:
        legacy, modern = new_database(one), new_database(other)
        legacy.run(LEGACY)
        modern.run(MODERN)
        _furnish(Path(folder), legacy.url, modern.url)
        with DualWrite(legacy, modern, lag, rows=1_000, pause=0.02):
            for number in range(1, runs + 1):
                began = time.monotonic()
                kind = _lose(legacy, modern, number)
                checks = _audit(Path(folder), settle=lag + 0.25)
                found = tally.take(checks, (kind, str(_FIRST + number)))
                print(f"run {number}: {found}, {time.monotonic() - began:.1f} s", flush=True)
                legacy.run(_DELETE.format(table="trades", id=_FIRST + number))
                modern.run(_DELETE.format(table="tenant_trades", id=_FIRST + number))
    print(
        f"{runs} runs, lag up to {lag:g} s: {tally.found} lost writes found, {tally.false_drifts} "
        f"false drifts, {tally.not_proven} checks not proven, {tally.in_flight} rows were in flight"
    )
    return int(tally.found != runs or bool(tally.false_drifts))


def _furnish(folder: Path, legacy: str, modern: str) -> None:
    settings = _SETTINGS.format(legacy=legacy, modern=modern) + TENANTS
    (folder / "tenantparity.toml").write_text(settings, encoding="utf-8")
    (folder / "test_audit.py").write_text(TEST, encoding="utf-8")


def _lose(legacy: Database, modern: Database, number: int) -> str:
    """Have one write reach the legacy stack alone; return how the row differs then."""
    kind, write = _LOST[number % len(_LOST)]
    insert = _LOST[-1][1]
    if kind != "missing":
        legacy.run(insert.format(table="trades", id=_FIRST + number, owner="A1"))
        modern.run(insert.format(table="tenant_trades", id=_FIRST + number, owner="acme"))
    legacy.run(write.format(table="trades", id=_FIRST + number, owner="A1"))
    return kind


def _audit(folder: Path, settle: float) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tenants=cohort-1"]
    subprocess.run(
        [*command, f"--parity-settle={settle:g}"], cwd=folder, capture_output=True, check=False
    )
    report = folder / "reports" / "latest" / "cab-report.json"
    checks: list[dict[str, Any]] = json.loads(report.read_text(encoding="utf-8"))["checks"]
    report.unlink()
    return checks


if __name__ == "__main__":
    given = sys.argv[1:]
    sys.exit(main(*(int(each) for each in given[:1]), *(float(each) for each in given[1:2])))
