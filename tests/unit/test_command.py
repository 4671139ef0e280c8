"""The command ``tenantparity``: its help and its refusals."""

from __future__ import annotations

import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pytest_tenantparity.cli.app import app

ROOT = Path(__file__).parents[2]


def test_script_is_declared() -> None:
    """The wheel declares the command and its extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"tenantparity": "pytest_tenantparity.cli.app:app"}
    assert any(each.startswith("typer") for each in project["optional-dependencies"]["cli"])


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--help"], "report"),
        (["--help"], "plan"),
        (["plan", "--help"], "--tenants"),
        (["report", "--help"], "merge"),
        (["report", "merge", "--help"], "--parity-shard"),
    ],
    ids=" ".join,
)
def test_help_names_every_command(args: list[str], words: str) -> None:
    """The help at every level exits with 0, names the commands, and prints nothing to stderr."""
    done = CliRunner().invoke(app, args)
    assert (done.exit_code, done.stderr) == (0, "")
    assert words in done.stdout


def test_version() -> None:
    """``--version`` prints the installed version."""
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.stdout) == (0, f"tenantparity {version('pytest-tenantparity')}\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "No such file"),
        ("{", "cannot be read as a report"),
        ("[]", "cannot be read as a report"),
        ('{"schema": "other"}', "cannot be read as a report"),
    ],
)
def test_what_is_no_report_is_refused(tmp_path: Path, text: str | None, words: str) -> None:
    """For a missing file, or one that is not a report, the command exits with 2 and one line."""
    file = tmp_path / "cab-report.json"
    if text is not None:
        file.write_text(text)
    done = CliRunner().invoke(app, ["report", "merge", str(file), f"--out={tmp_path / 'out'}"])
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert str(file) in done.stderr
    assert words in done.stderr
    assert not (tmp_path / "out").exists()
