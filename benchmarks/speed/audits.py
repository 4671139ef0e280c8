"""Runs audits as a user does: pytest in a folder, and the report that it leaves."""

from __future__ import annotations

import gzip
import json
import shutil
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from .process import Failed, Ran, run

_REPORT = "report"
_PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
_KINDS = ("changed", "missing", "extra")


@dataclass(frozen=True)
class Audit:
    """A run that has ended, and its report."""

    ran: Ran
    report: Mapping[str, Any]
    lines: int
    """Lines of drift.jsonl.gz."""

    @cached_property
    def drift(self) -> dict[str, int]:
        """The totals of drifted rows, by kind."""
        counts = Counter[str]()
        for check in self.report["checks"]:
            counts.update(_measured(check).get("drift", {}))
        return {kind: counts[kind] for kind in _KINDS}

    @property
    def named(self) -> int:
        """How many drifted rows the report names."""
        return sum(
            len((check["measurement"] or {}).get("findings", ())) for check in self.report["checks"]
        )


def _measured(check: Mapping[str, Any]) -> Mapping[str, Any]:
    return check["measurement"] or {}


def audit(folder: Path, limit: float, *options: str) -> Audit:
    """Run the audit of a folder; raises Failed if it proves less than it planned.

    ``limit`` is in seconds.
    """
    report = folder / _REPORT
    shutil.rmtree(report, ignore_errors=True)
    ran = run(
        [*_PYTEST, f"--parity-report={report}", *(options or ("--tenants=all",))], folder, limit
    )
    written = report / "cab-report.json"
    if ran.code != 0 or not written.exists():
        raise Failed(f"exit code {ran.code}: {ran.end_of_output}")
    contents = json.loads(written.read_text(encoding="utf-8"))
    if contents["population"]["proven"] != contents["population"]["planned"]:
        raise Failed(f"not all is proven: {contents['headline']}")
    return Audit(ran, contents, _lines(report / "drift.jsonl.gz"))


def clean(folder: Path, limit: float, *options: str) -> Ran:
    """Run an audit of equal stacks; raises Failed unless its verdict is GO."""
    found = audit(folder, limit, *options)
    if found.report["verdict"] != "GO":
        raise Failed(f"no drift was planted, and the report has: {found.report['headline']}")
    return found.ran


def drifted(folder: Path, limit: float, planted: Mapping[str, int]) -> Audit:
    """Run an audit; raises Failed unless it finds as many rows of each kind as were planted."""
    found = audit(folder, limit)
    if found.drift != dict(planted):
        raise Failed(f"planted were {dict(planted)}, and the report has {found.drift}")
    return found


def collect(folder: Path, limit: float) -> Ran:
    """Collect the tests of a folder's audit, without running them; raises Failed on an error."""
    return _succeeded(run([*_PYTEST, "--collect-only", "-q", "--tenants=all"], folder, limit))


def run_empty_tests(folder: Path, limit: float) -> Ran:
    """Run tests that do nothing, without the plugin; raises Failed on an error."""
    return _succeeded(run([*_PYTEST, "-p", "no:tenantparity"], folder, limit))


def _succeeded(ran: Ran) -> Ran:
    if ran.code != 0:
        raise Failed(f"exit code {ran.code}: {ran.end_of_output}")
    return ran


def _lines(path: Path) -> int:
    if not path.exists():
        return 0
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return sum(1 for _ in lines)
