"""``--parity-as-of`` in whole runs: checks, report, resumed runs, shards and usage errors."""

from __future__ import annotations

import pytest

from ..support.project import DRIFT, Migration, Project, assert_usage_error, freeze
from ..support.shards import assert_refused, merge, start_shard

pytest_plugins = ["tests.support.project"]

BY_ID = """
[tables.trades]
legacy_filter = { sql = "id >= :as_of", reason = "older rows are archived" }
modern_filter = { sql = "id >= :as_of", reason = "older rows are archived" }
"""
BY_TIME = """
[tables.trades]
legacy_filter = { sql = "id > 4 AND timestamptz '2026-11-30 12:00Z' <= :as_of", reason = "a test" }
modern_filter = { sql = "id > 4 AND timestamptz '2026-11-30 12:00Z' <= :as_of", reason = "a test" }
"""


@pytest.mark.parametrize("workers", ["0", "2"])
def test_the_value_reaches_every_check_and_the_report(project: Migration, workers: str) -> None:
    """A value of ``--parity-as-of`` decides whether the differing row is compared.

    Each check of the table states the filter and its value. The report counts the excluded rows.
    """
    project.settings(BY_ID)
    project.modern.run(DRIFT)
    outcome = project.run("--parity-as-of=5", "--fail-on-drift", "-n", workers)
    assert (outcome.code, outcome.verdict) == (0, "GO"), outcome.output
    said = "legacy rows only where id >= :as_of (5): older rows are archived"
    for subject in ("acme", "beta", "eu-north", "eu-south", "unassigned"):
        assert said in [each["rule"] for each in outcome.check(subject, "trades")["rules"]]
    assert {e["what"]: e["rows"] for e in outcome.report["population"]["exclusions"]} == {
        "legacy rows of trades but those with id >= :as_of (5)": 4,
        "modern rows of trades but those with id >= :as_of (5)": 4,
    }
    for suffix in (".html", ".md"):
        assert ":as_of (5)" in outcome.files[suffix].replace("&gt;", ">").replace("\\", "")
    drifted = project.run("--parity-as-of=4", "--fail-on-drift", "-n", workers)
    assert drifted.with_status("DRIFT") == ["acme-trades"]
    again = [line for line in drifted.stdout.splitlines() if "again:" in line]
    assert again, drifted.stdout  # pytest repeats the line in its summary where CI is set
    assert all("--parity-as-of=4" in line for line in again)


def test_a_run_is_resumed_with_the_same_value_alone(project: Migration) -> None:
    """A resumed run needs the same moment, in any time zone. Another moment is refused.

    With the same moment, every proof is taken over and no row is read again.
    """
    project.settings(BY_TIME)
    first = project.run("--parity-as-of=2026-11-30T12:00:00Z")
    assert first.verdict == "GO"
    refused = project.run("--parity-as-of=2026-11-30T12:00:01Z", "--parity-resume")
    assert_usage_error(
        refused, "--parity-as-of (2026-11-30T12:00:00Z then, 2026-11-30T12:00:01Z now)"
    )
    project.modern.run(DRIFT.replace("id = 4", "id = 8"))  # only a new reading would find this
    same = project.run("--parity-as-of", "2026-11-30T13:00:00+01:00", "--parity-resume")
    (taken_over,) = same.report["run"]["resumed"]
    assert (same.verdict, taken_over["checks"]) == ("GO", len(first.report["checks"]))


def test_shards_of_several_values_are_not_one_audit(files: Project) -> None:
    """Shards with different values are refused, although each is right about its own rows.

    ``0`` and ``000`` are the same value.
    """
    freeze(files)
    settings = (files.path / "tenantparity.toml").read_text()
    files.write("tenantparity.toml", f"{settings}\n{BY_ID}")
    for shard, value in ((1, "0"), (2, "-1")):
        assert start_shard(files, shard, 2, f"--parity-as-of={value}").wait(120) == 0
    assert_refused(merge(files, "shards"), "shards/1", "shards/2", "plan")
    assert start_shard(files, 2, 2, "--parity-as-of=000").wait(120) == 0
    assert merge(files, "shards").verdict == "GO"


def test_a_value_and_its_use_are_required_of_each_other(offline: Project) -> None:
    """A value without a filter and a filter without a value end with exit code 4 and one line.

    The run ends before anything connects. ``--collect-only`` needs no value.
    """
    assert_usage_error(offline.run("--parity-as-of=5"), "--parity-as-of=5: no filter uses :as_of")
    offline.settings(BY_ID)
    said = "[tables.trades] legacy_filter uses :as_of, which has no value; add --parity-as-of=VALUE"
    assert_usage_error(offline.run(), said)
    naive = offline.run("--parity-as-of=2026-11-30T12:00:00")
    assert_usage_error(naive, "'2026-11-30T12:00:00' has no zone", "give a moment with its zone")
    assert "acme-trades" in offline.collect()
    no_settings = offline.path / "elsewhere"
    no_settings.mkdir()
    (no_settings / "pytest.ini").write_text("[pytest]\n")
    outcome = offline.run(
        "--parity-as-of=5", "--rootdir=elsewhere", "-c", "elsewhere/pytest.ini", "elsewhere"
    )
    assert_usage_error(outcome, "--parity-as-of needs settings")
