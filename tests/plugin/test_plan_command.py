"""``tenantparity plan``: the checks of a selection, with the tables of both stacks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pytest_tenantparity.cli.app import app

from ..support.project import Migration, Project

pytest_plugins = ["tests.support.project"]


def plan(project: Project, monkeypatch: pytest.MonkeyPatch, *args: str) -> Result:
    """Run the command in the folder of a project."""
    monkeypatch.chdir(project.path)
    return CliRunner().invoke(app, ["plan", *args])


def test_plan_lists_what_pytest_collects(
    project: Migration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command names each check of a run, no more and no fewer, and none of another tenant."""
    for selection in ("all", "acme", "cohort-1"):
        collected = project.collect(f"--tenants={selection}")
        done = plan(project, monkeypatch, f"--tenants={selection}", "--json")
        assert (done.exit_code, done.stderr) == (0, "")
        checks = json.loads(done.stdout)["checks"]
        named = [
            "-".join(filter(None, (each["tenant"] or ids[each["kind"]], each["table"])))
            if each["kind"] != "coverage"
            else "coverage"
            for each in checks
            for ids in [{"rows": "global", "unassigned": "unassigned", "canary": "canary"}]
        ]
        assert sorted(named) == sorted(collected)


def test_plan_is_a_table(project: Migration, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table has a head, one line for each check, and the number of checks at its end."""
    done = plan(project, monkeypatch, "--tenants=acme")
    head, *rows, total = done.stdout.splitlines()
    assert head.split() == ["CHECK", "TENANT", "TABLE"]
    assert total == f"{len(rows)} checks"
    assert ["rows", "acme", "trades"] in [row.split() for row in rows]


def test_plan_reads_no_row(project: Migration, monkeypatch: pytest.MonkeyPatch) -> None:
    """A role that may read the catalogs and no table can make a plan."""
    project.modern.run("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC")
    with project.modern.cluster.connect(project.modern.name) as connection:
        connection.execute("CREATE ROLE planner LOGIN")
    try:
        url = project.modern_url.replace("postgres@", "planner@")
        project.settings(modern=f'url = "{url}"')
        done = plan(project, monkeypatch, "--tenants=all", "--json")
        assert (done.exit_code, done.stderr) == (0, "")
        assert json.loads(done.stdout)["checks"]
    finally:
        project.modern.run("DROP ROLE planner")


def test_plan_of_stacks_that_cannot_be_read(
    offline: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stack that cannot be reached is named in one line, and the exit code is 2."""
    done = plan(offline, monkeypatch, "--tenants=all")
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("ERROR: legacy")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--tenants=acmee"], "Did you mean 'acme'?"),
        (["--settings=other.toml"], "other.toml"),
        (["--tenants=@none.txt"], "none.txt"),
    ],
)
def test_plan_refuses_mistakes(
    files: Project, monkeypatch: pytest.MonkeyPatch, args: list[str], words: str
) -> None:
    """An unknown tenant, settings that are not there, and a missing file are named."""
    done = plan(files, monkeypatch, *args)
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("ERROR: ")
    assert words in done.stderr


def test_tenants_of_a_file_are_of_the_working_directory(
    files: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """``@file`` is looked up where the command is run, as pytest does."""
    (tmp_path / "some.txt").write_text("acme\n")
    monkeypatch.chdir(tmp_path)
    settings = files.path / "tenantparity.toml"
    done = CliRunner().invoke(
        app, ["plan", "--tenants=@some.txt", f"--settings={settings}", "--json"]
    )
    assert done.exit_code == 0, done.output
    tenants = {each["tenant"] for each in json.loads(done.stdout)["checks"]}
    assert tenants == {"acme", None}
