"""An audit in several shards, each in its own process, and their merge."""

from __future__ import annotations

import json
import shutil

from .forkserver import Forked
from .project import Project, RunResult, report_files

FROZEN = 'frozen = "a copy that is restored for the test"'


def run_shards(project: Project, of: int, *args: str) -> list[int]:
    """Run all shards, two at a time, each into ``shards/i``, and return their exit codes."""
    codes = []
    for first in range(1, of + 1, 2):
        running = [start_shard(project, i, of, *args) for i in (first, first + 1) if i <= of]
        codes += [process.wait(120) for process in running]
    return codes


def start_shard(project: Project, shard: int, of: int, *args: str) -> Forked:
    """Start one shard, whose report goes to ``shards/<shard>``."""
    options = [f"--parity-shard={shard}/{of}", f"--parity-report=shards/{shard}", *args]
    if "--parity-resume" not in args:  # a run refuses to overwrite an earlier report
        shutil.rmtree(project.path / "shards" / str(shard), ignore_errors=True)
    output = project.path / f"{shard}.txt"
    return project.forks.start(
        ["-q", "-p", "no:cacheprovider", *options], project.path, output, output
    )


def merge(project: Project, *places: str) -> RunResult:
    """Run the merge command in the folder. The report is in ``merged``."""
    outputs = project.path / "merge.out", project.path / "merge.err"
    args = ["report", "merge", *places, "--out=merged"]
    code = project.forks.run(args, project.path, *outputs, program="tenantparity")
    stdout, stderr = (path.read_text(encoding="utf-8") for path in outputs)
    return RunResult(code, stdout, stderr, report_files(project.path / "merged"))


def assert_refused(outcome: RunResult, *words: str) -> None:
    """Require exit code 2, and one line on stderr that contains all the words."""
    assert outcome.code == 2, outcome.output
    assert outcome.stderr.startswith("ERROR: ")
    assert outcome.stderr.count("\n") == 1, outcome.stderr
    assert [word for word in words if word not in outcome.stderr] == []


def but_run(outcome: RunResult) -> str:
    """Return a report's JSON without its run block."""
    return json.dumps({key: value for key, value in outcome.report.items() if key != "run"})
