"""The checks that a command line selects, and selections that are refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ..support.project import ALL, NAMED, NOWHERE, SHARED, Migration, Project, assert_usage_error

pytest_plugins = ["tests.support.project"]

ACME = ALL[0:2]

BY_TESTS = {"__pycache__", "runpytest", "stdout", "stderr"}


def test_selection_plans_exactly(offline: Project) -> None:
    """The plan has the named tenants and tables, and all checks that belong to no tenant.

    The words of a selection are tested in tests/unit/test_selection.py.
    """
    offline.write("picked.txt", "# the first to move\nacme, cohort-2 # two\n!eu-south\n")
    items = offline.collect("--tenants=beta", "--tenants=@picked.txt")
    assert sorted(items) == sorted([*ALL[:6], *SHARED])
    tables = ["--parity-tables=tra*", "--parity-tables=prices"]
    expected = ["acme-trades", "global-prices", "unassigned-trades", "coverage"]
    assert sorted(offline.collect("--tenants=acme", *tables)) == sorted(expected)


def test_selection_runs_what_it_planned(project: Migration) -> None:
    """The report has exactly the selected checks, and all were made."""
    outcome = project.run("--tenants=cohort-2,!eu-north", "--parity-tables=trades")
    assert outcome.code == 0
    assert sorted(outcome.statuses) == ["coverage", "eu-south-trades", "unassigned-trades"]
    population = outcome.report["population"]
    assert [population[name] for name in ("planned", "executed", "proven")] == [3, 3, 3]
    assert "cohort-2 without eu-north" in outcome.report["headline"]


REFUSED = [
    ("--tenants=acmee", ["--tenants", "'acmee'", "Did you mean 'acme'?"]),
    ("--tenants=", ["--tenants"]),
    ("--parity-tables=trades,!trades", ["selects nothing"]),
    ("--parity-config=other.toml", ["--parity-config=other.toml", "no such file"]),
]


def test_selection_of_nothing_known_is_refused(offline: Project) -> None:
    """An unknown name and an empty selection end with exit code 4 and a helpful message.

    More refused selections are in tests/unit/test_selection.py.
    """
    for option, words in REFUSED:
        outcome = offline.run(option)
        assert_usage_error(outcome, *words)
        assert not outcome.files


def test_unknown_table_is_refused_once_discovered(project: Migration) -> None:
    """If the tables are discovered, an unknown table is refused after the discovery."""
    project.settings(tables="")
    outcome = project.run("--parity-tables=trade")
    assert_usage_error(outcome, "--parity-tables", "'trade'", "Did you mean 'trades'?")
    outcome = project.run("--tenants=beta", "--parity-tables=trades")
    assert outcome.code == 0
    assert sorted(outcome.statuses) == ["beta-trades", "coverage", "unassigned-trades"]


def test_audit_without_settings_is_refused(offline: Project) -> None:
    """An audit without settings is a usage error."""
    (offline.path / "tenantparity.toml").unlink()
    for option in ("--tenants=acme", "--fail-on-drift", "--parity-tables=trades"):
        outcome = offline.run(option)
        assert_usage_error(outcome, option.partition("=")[0], "no tenantparity.toml")


def test_wrong_key_is_refused(offline: Project) -> None:
    """A wrong key in the settings ends with exit code 4, its line and the nearest valid key."""
    path = offline.settings("[tables.trades]\nignor = { note = 'free text' }")
    line = path.read_text().splitlines().index("ignor = { note = 'free text' }") + 1
    assert_usage_error(offline.run(), f"tenantparity.toml:{line}", "'ignore'", "[tables.trades]")


def test_two_settings_in_reach_are_refused(offline: Project) -> None:
    """Tests with two different settings files are refused, unless ``--parity-config`` names one."""
    for name in ("east", "west"):
        offline.write(f"{name}/test_{name}.py", (offline.path / "test_audit.py").read_text())
        text = (offline.path / "tenantparity.toml").read_text()
        offline.write(f"{name}/tenantparity.toml", text)
    assert_usage_error(offline.run("east", "west"), "east", "west", "--parity-config")
    assert offline.collect("east", "west", "--parity-config=east/tenantparity.toml", "-k", "cove")


def test_settings_are_found_beside_and_above(offline: Project) -> None:
    """The nearest settings above a test are used, including those in a pyproject.toml."""
    text = (offline.path / "tenantparity.toml").read_text()
    (offline.path / "tenantparity.toml").unlink()
    inside = "\n".join(
        line.replace("[", "[tool.tenantparity.", 1) if line.startswith("[") else line
        for line in text.splitlines()
    )
    offline.write("sub/pyproject.toml", inside)
    offline.write("sub/deep/test_audit.py", (offline.path / "test_audit.py").read_text())
    assert "acme-trades" in offline.collect("sub/deep")


def test_collect_only_touches_nothing(offline: Project) -> None:
    """``--collect-only`` needs no database and no password, and writes nothing to the disk."""
    url = NOWHERE.replace("audit@", "audit:${NOT_SET_ANYWHERE}@")
    for tables, expected in ((NAMED, [*ACME, *SHARED]), ("", ["acme-*", "coverage"])):
        offline.settings(tables=tables, legacy=f'url = "{url}"')
        before = {path.name for path in offline.path.iterdir()} - BY_TESTS
        items = offline.collect("--tenants=acme", "-p", "no:cacheprovider")
        assert sorted(items) == sorted(expected)
        after = {path.name for path in offline.path.iterdir()} - BY_TESTS
        assert after == before


UNRELATED = """
import sys

def test_unrelated():
    heavy = {"sqlalchemy", "pydantic", "jinja2", "deepdiff", "psycopg"}
    assert heavy.isdisjoint(sys.modules)
"""


def test_without_settings_the_plugin_is_inert(offline: Project) -> None:
    """Without settings the plugin prints nothing, writes nothing and imports nothing heavy."""
    (offline.path / "tenantparity.toml").unlink()
    (offline.path / "test_audit.py").unlink()
    offline.write("test_unrelated.py", UNRELATED)
    result = offline.pytester.runpytest_subprocess()  # no fork: forks have imported everything
    assert result.ret == 0, result.outlines
    said = [line for line in result.outlines if not line.startswith("plugins:")]
    assert "parity" not in "\n".join(said)
    assert not (offline.path / "reports").exists()


def test_settings_in_reach_of_unrelated_tests_do_no_harm(offline: Project) -> None:
    """Tests without an audit pass although there are settings, and leave no report."""
    (offline.path / "test_audit.py").unlink()
    offline.write("test_unrelated.py", "def test_unrelated():\n    pass\n")
    outcome = offline.run()
    assert outcome.code == 0, outcome.output
    assert not outcome.files


def test_import_of_the_plugin_is_light() -> None:
    """The import of the plugin loads none of the libraries that an audit needs."""
    script = (
        "import sys, pytest; before = set(sys.modules); import pytest_tenantparity.plugin.hooks; "
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    own = set(done.stdout.split()) - sys.stdlib_module_names
    assert own == {"pytest_tenantparity"}


def test_parity_fixture_without_settings_says_so(offline: Project) -> None:
    """A parity test in a project without settings fails with a message about them."""
    (offline.path / "tenantparity.toml").unlink()
    outcome = offline.run()
    assert outcome.code == 1
    assert "no tenantparity.toml" in outcome.stdout
    assert not outcome.files
