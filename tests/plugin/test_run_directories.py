"""No run overwrites a report, and ``latest`` links to the last run that read both stacks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_tenantparity.reporting.merge import MergeRefused, merge_directories

from ..support.project import (
    DRIFT_OF_FILES,
    LATEST,
    Project,
    assert_usage_error,
    change,
    report_files,
    run_directories,
)

pytest_plugins = ["tests.support.project"]


def contents(folder: Path) -> dict[str, bytes]:
    """Return the contents of a folder's files by their names."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def latest(project: Project) -> str:
    """Return the name of the run that ``latest`` links to. The link is relative."""
    return str((project.path / LATEST).readlink())


# ---- each run has its own directory


def test_every_run_has_a_directory_of_its_own(files: Project) -> None:
    """A later run does not change an earlier report, and ``latest`` links to the later one.

    ``latest`` stays as it is if a run selects nothing, only collects, or does not reach a database.
    Tests without an audit create neither a run directory nor the folder above it.
    """
    files.write("test_other.py", "def test_it():\n    pass\n")
    assert files.run("test_other.py").code == 0
    assert not (files.path / "reports").exists()
    first = files.run()
    assert (first.code, first.verdict) == (0, "GO")
    name = first.report["run"]["id"]
    assert latest(files) == name
    before = contents(files.path / "reports" / name)
    change(files, DRIFT_OF_FILES)
    second = files.run()
    assert second.verdict == "NO-GO"
    last = latest(files)
    assert last == second.report["run"]["id"] != name
    assert last.partition("-")[0] >= name.partition("-")[0]  # both may be of the same second
    assert report_files(files.path / LATEST) == second.files
    assert contents(files.path / "reports" / name) == before
    for args, code, left in (
        (["--collect-only"], 0, 0),
        (["--tenants=acme,!acme"], 4, 0),
        (["--parity-tables=nowhere"], 4, 0),
        (["-k", "nothing"], 5, 1),
    ):
        earlier = run_directories(files.path)
        assert files.run(*args).code == code, args
        assert len(run_directories(files.path) - earlier) == left, args
        assert latest(files) == last, args
    (files.path / "modern.db").rename(files.path / "away.db")
    lost = files.run()
    assert (lost.code, lost.verdict, latest(files)) == (1, "NOT PROVEN", last)
    assert "latest still leads to an earlier run" in lost.stdout


# ---- --parity-report


CONNECT = "from pathlib import Path\ndef pytest_parity_connect():\n    Path('opened').touch()\n"


def test_named_directory_is_exactly_that_and_is_not_overwritten(files: Project) -> None:
    """A second run into one directory ends before any database is opened, with ways out."""
    files.write("conftest.py", CONNECT)
    first = files.run("--parity-report=out/here", report="out/here")
    assert (first.verdict, (files.path / LATEST).exists()) == ("GO", False)
    before = contents(files.path / "out/here")
    (files.path / "opened").unlink()
    assert_usage_error(
        files.run("--parity-report=out/here"),
        *("out/here holds the report of an earlier run", "name another", "remove this one"),
    )
    assert contents(files.path / "out/here") == before
    assert not (files.path / "opened").exists()


def test_resumed_run_has_its_own_directory_or_the_one_that_is_named(files: Project) -> None:
    """The resumed run keeps its report, unless ``--parity-report`` names its directory."""
    first = files.run("-k", "acme")
    name = first.report["run"]["id"]
    before = contents(files.path / "reports" / name)
    second = files.run("--parity-resume")
    assert (second.code, second.verdict) == (0, "GO")
    assert [each["run"] for each in second.report["run"]["resumed"]] == [name]
    assert contents(files.path / "reports" / name) == before
    journal = (files.path / LATEST / "journal.jsonl").read_text()
    assert journal.count('"evidence"') == len(second.report["checks"])
    there = f"reports/{name}"
    third = files.run("--parity-resume", f"--parity-report={there}")
    assert (third.code, json.loads(report_files(files.path / there)[".json"])["verdict"]) == (
        0,
        "GO",
    )


# ---- directories that cannot be written


LIMITED = """
import resource

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
"""


def test_disk_without_room_is_refused_before_anything_is_opened(files: Project) -> None:
    """If a report would not fit on the disk, the run ends with exit code 4 and leaves nothing."""
    files.write("conftest.py", f"{CONNECT}{LIMITED}limit(1 << 12)\n")
    outcome = files.run("-p", "no:cacheprovider")
    assert_usage_error(outcome, "the report cannot be written to", "File too large", "make room")
    assert not (files.path / "reports").exists()
    assert not (files.path / "opened").exists()


def test_disk_that_fills_up_leaves_no_half_files(files: Project) -> None:
    """If the disk fills up, the report of the unfinished run stays whole, without partial files."""
    hook = "def pytest_parity_evidence():\n    limit(1 << 12)\n"
    files.write("conftest.py", LIMITED + hook)
    outcome = files.run("-p", "no:cacheprovider")
    assert outcome.code == 1
    assert "the report could not be written to" in outcome.stdout
    assert outcome.report["run"]["state"] == "INCOMPLETE"
    assert all("NOT PROVEN" in text for text in outcome.files.values())
    names = {*contents(files.path / LATEST)}
    assert names == {
        *("cab-report.json", "cab-report.html", "cab-report.md"),
        *("evidence.json", "run.json", "drift.jsonl.gz", "journal.jsonl"),
    }


def test_merge_overwrites_no_other_report(files: Project) -> None:
    """A merge replaces its own earlier report of the same shards, and no other report."""
    reports = [files.path / name for name in ("one", "other")]
    for report in reports:
        files.run("--parity-shard=1/1", f"--parity-report={report.name}")
    out = files.path / "out"
    first = merge_directories(reports[:1], out)
    assert merge_directories(reports[:1], out).run.id == first.run.id
    before = contents(out)
    for target in (out, reports[0]):
        with pytest.raises(MergeRefused, match="would be overwritten; choose another --out"):
            merge_directories(reports[1:], target)
    assert contents(out) == before
