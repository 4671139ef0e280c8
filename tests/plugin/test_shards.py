"""Merged shards give the same report as one run of the whole audit."""

from __future__ import annotations

import gzip
import json
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_tenantparity.model import AuditReport, Outcome, Verdict
from pytest_tenantparity.reporting import DRIFT_NAME, write_report
from pytest_tenantparity.reporting.formats import json_file
from pytest_tenantparity.reporting.merge import (
    MergeRefused,
    merge_directories,
    merge_reports,
)
from pytest_tenantparity.wire import from_wire

from ..support import project as projects
from ..support.project import (
    NOWHERE,
    TENANTS,
    TEST,
    Migration,
    Project,
    RunResult,
    assert_usage_error,
    freeze,
    report_files,
)
from ..support.shards import FROZEN, assert_refused, but_run, merge, run_shards, start_shard

pytest_plugins = ["tests.support.project"]

# ---- options


@pytest.fixture
def frozen(offline: Project) -> Project:
    """A project whose stacks are declared frozen and cannot be reached."""
    offline.settings(legacy=FROZEN, modern=FROZEN)
    return offline


def test_wrong_options_are_usage_errors(frozen: Project) -> None:
    """Each wrong option ends the run with exit code 4 and one line, before any connection."""
    assert_usage_error(frozen.run("--parity-shard=4/3"), "--parity-shard=4/3", "1/3")
    assert_usage_error(frozen.run("--parity-sizes=x.json"), "add --parity-shard")
    assert_usage_error(
        frozen.run("--parity-shard=1/3", "--parity-sizes=x.json"), "x.json", "No such file"
    )
    frozen.write("x.json", '{"schema": 1}')
    assert_usage_error(
        frozen.run("--parity-shard=1/3", "--parity-sizes=x.json"), "x.json", "no cab-report.json"
    )


def test_shards_need_frozen_stacks(offline: Project) -> None:
    """Several shards need frozen stacks, because they read at different moments.

    A single shard, 1/1, does not.
    """
    offline.settings(legacy=FROZEN)
    assert_usage_error(offline.run("--parity-shard=1/2"), "[modern]", "frozen", "--parity-shard")
    assert offline.run("--parity-shard=1/1").code == 1  # exit code 1: the stacks cannot be reached


def test_collecting_a_shard_asks_no_database(frozen: Project) -> None:
    """--collect-only prints a shard's plan without a database.

    The sizes in the settings or in an earlier report decide which tenants are in the shard.
    """
    assert frozen.collect("--parity-shard=2/2", "--parity-tables=trades") == [
        "beta-trades",
        "eu-south-trades",
        "coverage",
    ]
    tenants = TENANTS.replace("legacy_account", "size = 9\nlegacy_account")
    tenants = tenants.replace("size = 9", "size = 900", 1)
    frozen.settings(legacy=FROZEN, modern=FROZEN, tenants=tenants)
    shard = ["--parity-shard=1/2", "--parity-tables=trades", "--tenants=all,!coverage,!unassigned"]
    assert frozen.collect(*shard) == ["acme-trades"]
    rows = {"acme": 1, "beta": 1, "eu-north": 1, "eu-south": 50}
    frozen.write("sizes.json", json.dumps(_report_of(rows)))
    assert frozen.collect(*shard, "--parity-sizes=sizes.json") == ["eu-south-trades"]
    for wrong in ('{"checks": 5}', "[]", '{"checks": [1]}'):
        frozen.write("sizes.json", wrong)
        refused = frozen.run(*shard, "--parity-sizes=sizes.json")
        assert_usage_error(refused, "sizes.json", "no cab-report.json")


def _report_of(rows: dict[str, int]) -> dict[str, Any]:
    """Return a report in which each tenant has this number of rows."""
    checks: list[dict[str, Any]] = [
        {
            "key": {"kind": "rows", "name": "c", "tenant": tenant, "subject": "t"},
            "outcome": "proven",
            "measurement": {"type": "row parity", "rows": {"legacy": count, "modern": count}},
        }
        for tenant, count in rows.items()
    ]
    return {"schema": "tenantparity/cab-report/1", "checks": checks}


# ---- merging, on real databases


@pytest.fixture
def still(project: Migration) -> Migration:
    """A migration with frozen databases, some drift, and the canary."""
    project.settings(legacy=FROZEN, modern=FROZEN, head="canary = true")
    project.modern.run(projects.DRIFT)
    project.modern.run("DELETE FROM tenant_positions WHERE id = 'p2'")
    project.modern.run("UPDATE prices SET price = price + 1 WHERE symbol = 'S1'")
    return project


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for two stacks' files and two shards' reports, which are made only once."""
    return tmp_path_factory.mktemp("kept")


@pytest.fixture
def shards(files: Project, kept: Path) -> Project:
    """A project of files without drift whose two shards have run, with two checks each."""
    freeze(files)
    settings = (files.path / "tenantparity.toml").read_text()
    files.write("tenantparity.toml", settings.replace(f"{files.path}/", f"{kept}/"))
    if (kept / "shards").exists():
        shutil.copytree(kept / "shards", files.path / "shards")
    else:
        for name in ("legacy.db", "modern.db"):
            shutil.copy(files.path / name, kept)
        assert run_shards(files, 2) == [0, 0]
        shutil.copytree(files.path / "shards", kept / "shards")
    return files


SHARED_OUT = [
    pytest.param(3, [], 3, id="three"),
    pytest.param(
        4,
        ["--tenants=cohort-1,!canary,!global,!unassigned"],
        1,
        id="four, one of them empty",
    ),
]


@pytest.mark.parametrize(("of", "args", "drifting"), SHARED_OUT)
def test_shards_merge_to_the_report_of_one_run(
    still: Migration, of: int, args: list[str], drifting: int
) -> None:
    """Apart from ``run`` the merged report equals that of one whole run, byte for byte."""
    whole = still.run(*args)
    assert whole.verdict == "NO-GO"
    assert len(whole.with_status("DRIFT")) == drifting
    assert run_shards(still, of, *args) == [0] * of
    merged = merge(still, "shards")
    assert merged.code == 1, merged.output
    assert but_run(merged) == but_run(whole)
    assert drift_of(still, "merged") == drift_of(still, "reports/latest") != b""
    assert merged.stdout.splitlines()[0] == whole.report["headline"]
    run = merged.report["run"]
    assert run["state"] == "COMPLETE"
    assert [each["shard"]["index"] for each in run["shards"]] == list(range(1, of + 1))
    shards = [outcome_of(still, i).report for i in range(1, of + 1)]
    assert run["shards"] == [each["run"] for each in shards]
    assert sorted(map(len, run["seconds_by_check"])) == [5] * len(whole.report["checks"])


def drift_of(project: Project, folder: str) -> bytes:
    """Return the list of all differing rows in a report's folder."""
    return (project.path / folder / DRIFT_NAME).read_bytes()


def outcome_of(project: Project, shard: int) -> RunResult:
    """Return a shard's report."""
    return RunResult(0, "", "", report_files(project.path / "shards" / str(shard)))


def test_shards_without_drift_merge_to_go(project: Migration) -> None:
    """Shards that prove their parts merge to GO and exit code 0. No single shard is GO."""
    project.settings(legacy=FROZEN, modern=FROZEN, tables="")
    whole = project.run()
    assert whole.verdict == "GO"
    assert run_shards(project, 2, "-n", "1") == [0, 0]
    for shard in (1, 2):
        report = outcome_of(project, shard).report
        assert report["verdict"] == "NOT PROVEN"
        assert f"all tenants, shard {shard} of 2." in report["headline"]
        assert "6 of its 6 checks are proven" in report["reasons"][0]
        assert report["run"]["state"] == "COMPLETE"
    merged = merge(project, "shards/1", "shards/2/cab-report.json")
    assert (merged.code, merged.verdict) == (0, "GO")
    assert but_run(merged) == but_run(whole)


def test_drift_of_a_shard_fails_it(files: Project) -> None:
    """A shard that finds drift is NO-GO, and fails with --fail-on-drift."""
    freeze(files)
    projects.change(files, projects.DRIFT_OF_FILES)
    outcome = files.run("--parity-shard=1/4", "--fail-on-drift")
    assert (outcome.code, outcome.verdict) == (1, "NO-GO")
    assert outcome.with_status("DRIFT") == ["acme-trades"]


def test_empty_shard_is_right(files: Project) -> None:
    """A shard without checks passes and is reported as empty, with and without workers.

    If no test audits anything, an empty shard fails.
    """
    freeze(files)
    only = "--tenants=acme,beta,!global,!coverage,!unassigned"
    for workers in ("0", "1"):
        outcome = files.run("--parity-shard=3/3", only, "-n", workers)
        assert outcome.code == 0, outcome.output
        assert "shard 3 of 3 is a part of the audit: it is empty" in outcome.stdout
        assert "1 skipped" in outcome.stdout
        assert outcome.report["run"]["state"] == "COMPLETE"
    files.write("test_audit.py", "def test_it():\n    pass\n")
    outcome = files.run("--parity-shard=3/3", "--tenants=acme,!global,!coverage,!unassigned")
    assert outcome.code == 1
    assert "no test was collected that audits a tenant" in outcome.stdout


def test_missing_shard_is_not_proven(shards: Project) -> None:
    """Without one of its shards an audit is NOT PROVEN, and the report names the shard."""
    shutil.rmtree(shards.path / "shards/2")
    merged = merge(shards, "shards")
    assert (merged.code, merged.verdict) == (1, "NOT PROVEN")
    reason = "partial: without shard 2 of 2, what would have been checked there is unknown"
    assert merged.report["reasons"] == [reason]
    assert reason in merged.stdout
    assert merged.report["run"]["state"] == "INCOMPLETE"
    assert merged.report["headline"].endswith("INCOMPLETE.")


def test_shard_that_left_something_out_is_not_proven(shards: Project) -> None:
    """The reason why one shard is incomplete is in the merged report, with the shard's number."""
    assert start_shard(shards, 2, 2, "-k", "trades").wait(120) == 1
    merged = merge(shards, "shards")
    assert (merged.code, merged.verdict) == (1, "NOT PROVEN")
    (reason,) = merged.report["reasons"]
    assert reason.startswith("shard 2 of 2: partial: ")
    assert "not carried out" in reason


def test_doubled_shard_is_refused(shards: Project) -> None:
    """The same shard in two folders is refused, and the message names both."""
    shutil.copytree(shards.path / "shards/1", shards.path / "shards/copy")
    merged = merge(shards, "shards")
    assert_refused(merged, "shards/1", "shards/copy", "shard 1 of 2")
    assert merged.files == {}


def test_check_of_two_shards_is_refused(shards: Project) -> None:
    """Two shards that both hold a check are refused, whatever each of them says of it."""
    reports = edited(shards)
    one, two = reports["shard-1.json"], reports["shard-2.json"]
    twice = replace(one.checks[0], outcome=Outcome.NOT_PROVEN)
    reports["shard-2.json"] = replace(two, checks=(*two.checks, twice))
    with pytest.raises(MergeRefused, match="both hold the check") as refused:
        merge_reports(reports)
    assert "shard-1.json and shard-2.json" in str(refused.value)


def other_settings(project: Project) -> None:
    """Forgive more than the other shard does."""
    settings = (project.path / "tenantparity.toml").read_text()
    project.write("tenantparity.toml", f"{settings}\n[tolerance]\nabsolute = 1\n")


def other_test(project: Project) -> None:
    """Check more than the other shard does."""
    project.write(
        "test_own.py", "def test_own(legacy, modern):\n    assert legacy.count('trades') >= 0\n"
    )


def other_tolerance(project: Project) -> None:
    """Forgive more than the other shard does, by a marker."""
    marked = TEST.replace("@pytest", "@pytest.mark.drift_tolerance(absolute=1)\n@pytest", 1)
    project.write("test_audit.py", marked)


# How the second shard differs: a change, options, variables; and a word of the message.
DIFFERENT: dict[str, tuple[Callable[[Project], None] | None, list[str], dict[str, str], str]] = {
    "settings": (other_settings, [], {}, "settings"),
    "test": (other_test, [], {}, "plan"),
    "marker": (other_tolerance, [], {}, "plan"),
    "words": (None, ["--tenants=acme,beta"], {}, "plan"),
    "tenants": (None, ["--tenants=beta"], {}, "plan"),
    "canary": (None, ["--parity-canary"], {}, "plan"),
    "environment": (None, [], {"MIGRATION_DRIFT_TOLERANCE": "0.01"}, "plan"),
}


def test_shard_of_another_audit_is_refused(
    shards: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shards with different settings, plans or options are refused, with the kind of difference."""
    own = {
        name: (shards.path / name).read_text() for name in ("tenantparity.toml", "test_audit.py")
    }
    wrong = []
    for name, (change, args, variables, what) in DIFFERENT.items():
        for file, text in own.items():
            shards.write(file, text)
        (shards.path / "test_own.py").unlink(missing_ok=True)
        if change is not None:
            change(shards)
        with monkeypatch.context() as patched:
            for variable, value in variables.items():
                patched.setenv(variable, value)
            assert start_shard(shards, 2, 2, *args).wait(120) == 0, name
        with pytest.raises(MergeRefused) as refused:
            merge_directories([shards.path / "shards"], shards.path / "merged")
        said = str(refused.value)
        if not all(word in said for word in ("shards/1", "shards/2", what)):
            wrong.append((name, said))
    assert wrong == []
    assert_refused(merge(shards, "shards"), "shards/1", "shards/2", "plan")


def edited(project: Project, **run: Any) -> dict[str, AuditReport]:
    """Return both reports by name, the second with changes to its ``run`` block.

    The stacks get the databases of a server, because the paths of files are not compared.
    """
    one, two = (outcome_of(project, i).report for i in (1, 2))
    for report in (one, two):
        for servers in report["run"]["servers"].values():
            servers[0] |= SERVER
    two["run"] |= run
    return {f"shard-{i}.json": from_wire(AuditReport, wire) for i, wire in ((1, one), (2, two))}


SERVER = {"user": "audit", "database": "production"}


def test_shard_that_differs_in_any_way_is_refused(shards: Project) -> None:
    """A shard of another version, stack, plan or number of shards is refused."""
    report = outcome_of(shards, 2).report
    run, facts = report["run"], report["run"]["shard"]
    servers = {side: [each[0] | SERVER] for side, each in run["servers"].items()}
    other = {"modern": [servers["modern"][0] | {"database": "staging"}]}
    for what, change in {
        "version of pytest-tenantparity": {
            "versions": run["versions"] | {"pytest-tenantparity": "0.0.9"}
        },
        "modern stack": {"servers": servers | other},
        "number of shards": {"shard": facts | {"of": 3}},
        "plan of all shards": {"shard": facts | {"plan": "0" * 64}},
        "there can be no shard 3 of 2": {"shard": facts | {"index": 3}},
        "does not say what": {"shard": facts | {"plan": None}},
        "is no shard's report": {"shard": None},
    }.items():
        with pytest.raises(MergeRefused, match=what) as refused:
            merge_reports(edited(shards, **change))
        assert "shard-2.json" in str(refused.value)
    with pytest.raises(MergeRefused, match="no report"):
        merge_reports({})


def test_shard_that_was_killed_is_not_proven(shards: Project) -> None:
    """The report of a killed shard is merged as NOT PROVEN."""
    facts = outcome_of(shards, 2).report["run"]["shard"]
    for plan in (None, facts["plan"]):
        dead = {"state": "INCOMPLETE", "servers": {"legacy": [], "modern": []}}
        reports = edited(shards, shard=facts | {"plan": plan}, **dead)
        said = ("the run has not ended",)
        reports["shard-2.json"] = replace(reports["shard-2.json"], reasons=said)
        merged = merge_reports(reports)
        assert merged.verdict is Verdict.NOT_PROVEN
        assert merged.reasons == ("shard 2 of 2: the run has not ended",)


def test_stack_that_one_shard_could_not_reach_is_not_proven(shards: Project) -> None:
    """A shard that could not reach a stack is merged, and its two checks are NOT PROVEN."""
    shards.write("conftest.py", f"def pytest_parity_connect(stack):\n    return {NOWHERE!r}\n")
    assert start_shard(shards, 2, 2).wait(120) == 1
    merged = merge(shards, "shards")
    assert (merged.code, merged.verdict) == (1, "NOT PROVEN")
    assert len(merged.with_status("NOT PROVEN")) == 2
    assert len(merged.with_status("MATCH")) == 2


# ---- files beside the reports


def test_an_earlier_merge_is_written_anew(shards: Project) -> None:
    """A merge into a folder among the shards can be repeated, and overwrites no shard."""
    folder = shards.path / "shards"
    first = merge_directories([folder], folder / "whole")
    assert first.verdict is Verdict.GO
    assert merge_directories([folder], folder / "whole") == first
    with pytest.raises(MergeRefused, match="overwritten"):
        merge_directories([folder], folder / "1")


BROKEN = {
    "no gzip": b"no gzip",
    "cut off": gzip.compress(
        b'{"check": "c", "check_kind": "rows", "tenant": "t", "table": "t"}\n'
    )[:-9],
    "no line": gzip.compress(b"no line\n"),
    "no check": gzip.compress(b'{"tenant": "t"}\n'),
    "broken behind a whole one": gzip.compress(b"") + b"\x1f\x8b",
}


def test_broken_list_of_rows_is_refused(shards: Project) -> None:
    """The message names a list of differing rows that cannot be read. No report is written."""
    for name, content in BROKEN.items():
        (shards.path / "shards/2" / DRIFT_NAME).write_bytes(content)
        print(name)  # noqa: T201 - shown where the test fails
        with pytest.raises(MergeRefused, match=f"shards/2/{DRIFT_NAME}: "):
            merge_directories([shards.path / "shards"], shards.path / "merged")
        assert list((shards.path / "merged").iterdir()) == []


def test_long_lists_of_rows_are_joined(shards: Project) -> None:
    """Lists of any length are copied whole, in the order of the checks."""
    lines: dict[str, bytes] = {}
    for tenant, shard in (("acme", 1), ("beta", 2), ("eu-north", 1), ("eu-south", 2)):
        key = {"check": "c", "check_kind": "rows", "tenant": tenant, "table": "t"}
        line = json.dumps(key | {"x": tenant * 40_000})
        noise = random.Random(tenant).randbytes(90_000).hex()  # noqa: S311
        lines[tenant] = f'{line}\n{{"x": "{noise}"}}\n'.encode()
        with (shards.path / f"shards/{shard}" / DRIFT_NAME).open("ab") as file:
            file.write(gzip.compress(lines[tenant]))
    merge_directories([shards.path / "shards"], shards.path / "merged")
    assert gzip.decompress(drift_of(shards, "merged")) == b"".join(lines.values())


def test_list_of_rows_that_is_not_there_is_said(files: Project) -> None:
    """If the list of a shard with drift is missing, the merged report gives that as a reason."""
    projects.change(files, projects.DRIFT_OF_FILES)
    assert files.run("--parity-shard=1/1").verdict == "NO-GO"
    (files.path / "reports/latest" / DRIFT_NAME).unlink()
    merged = merge(files, "reports/latest")
    assert (merged.code, merged.verdict) == (1, "NO-GO")
    assert f"came without {DRIFT_NAME}" in merged.report["reasons"][0]


def test_reports_can_be_rendered_again(shards: Project) -> None:
    """A JSON report alone gives all formats again, byte for byte, of a shard and of the whole."""
    merge_directories([shards.path / "shards"], shards.path / "merged")
    for folder in ("shards/1", "merged"):
        files = report_files(shards.path / folder)
        write_report(json_file.read(files[".json"]), shards.path / "again")
        assert report_files(shards.path / "again") == files
