"""The ``again:`` lines: pasted into the same shell, they find the same and do not end with 0."""

from __future__ import annotations

import html
import re
import sys

from ..support.project import DRIFT, DRIFT_OF_FILES, Migration, Project, assert_usage_error, change
from ..support.shell import assert_repeats, found, shell

pytest_plugins = ["tests.support.project"]


# ---- pasted


ODD_TABLES = ["a, b", "!x", "@y", "it's $HOME \\", " z", "x*", "-k"]
ODD_TENANTS = ["o'neil", "$HOME", "a;b", "-x", 'q"q', "b\\c"]


def test_odd_names_are_selected_exactly(files: Project) -> None:
    """Tables and tenants with whatever characters: every line repeats its own check."""
    names = "".join(f"[tables.{_toml(name)}]\nmodern = {_toml(name)}\n" for name in ODD_TABLES)
    listed = ", ".join(map(_toml, ODD_TABLES))
    tenants = "".join(f"[tenants.{_toml(name)}]\n" for name in ODD_TENANTS)
    settings = (files.path / "tenantparity.toml").read_text()
    settings = settings[: settings.index("[pairing]")]
    files.write("tenantparity.toml", f"{settings}[pairing]\ntables = [{listed}]\n{names}{tenants}")
    for side, column in (("legacy", "account"), ("modern", "tenant")):
        for number, name in enumerate(ODD_TABLES):
            table = '"' + name.replace('"', '""') + '"'
            owner = ODD_TENANTS[number % len(ODD_TENANTS)].replace("'", "''")
            change(files, f"CREATE TABLE {table} (id int PRIMARY KEY, {column} text, v text)", side)
            change(files, f"INSERT INTO {table} VALUES (1, '{owner}', '{side}')", side)
    lines = found(files.run("--fail-on-drift", "-q", "--tenants=all,!coverage").stdout)
    drifting = [command for command, said in lines.items() if ": DRIFT" in said]
    assert len(drifting) == len(ODD_TABLES)
    for command in drifting:
        assert_pasted(files, command, lines[command])


def assert_pasted(project: Project, command: str, said: str) -> None:
    """Require that a command says the same of the check, and does not end with 0.

    A shell splits it into words; the run is a fork, with the same variables as the first one.
    """
    python = f"{sys.executable} -m pytest "
    assert command.count(python) == 1, command
    printed = command.replace(python, "printed ")
    done = shell(project.path, f"printed() {{ printf '%s\\0' \"$@\"; }}; {printed}")
    outcome = project.run(*done.stdout.split("\0")[:-1])
    assert outcome.code == 1, outcome.output
    assert said in found(outcome.stdout).values(), outcome.output
    assert "ERROR" not in outcome.stderr


def _toml(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


HOOK = """
import os

def pytest_addoption(parser):
    parser.addoption("--spoilt")

def pytest_parity_connect(config, stack):
    if os.environ.get("SPOILT") == "by day" and config.getoption("--spoilt") == "yes, please":
        return f"sqlite:///{config.rootpath}/spoilt.db" if stack == "modern" else None
"""


def test_all_that_decided_the_verdict_is_in_the_line(files: Project) -> None:
    """Settings and ini file elsewhere, a folder below, variables, options of the project's own.

    addopts name a directory for the report, which the repetition must not need.
    """
    (files.path / "modern.db").rename(files.path / "spoilt.db")
    change(files, DRIFT_OF_FILES, "spoilt")
    (files.path / "spoilt.db").with_name("modern.db").write_bytes(
        (files.path / "legacy.db").read_bytes()
    )
    change(files, "ALTER TABLE trades RENAME COLUMN account TO tenant")
    settings = (files.path / "tenantparity.toml").read_text()
    (files.path / "tenantparity.toml").unlink()
    files.write("etc/audit.toml", f"{settings}\n[report]\nenvironment = ['SPOILT']\n")
    (files.path / "pytest.ini").unlink()
    files.write("etc/own.ini", "[pytest]\naddopts = --parity-report=out -n 0\n")
    files.write("pytest.ini", "[pytest]\naddopts = --tenants=nobody\n")
    files.write("conftest.py", HOOK)
    (files.path / "below").mkdir()
    command = (
        f"SPOILT='by day' MIGRATION_DRIFT_TOLERANCE=0 {sys.executable} -m pytest -vv --rootdir .. "
        "--confcutdir .. "
        "-c ../etc/own.ini -p no:cacheprovider --parity-config ../etc/audit.toml ../test_audit.py "
        "--fail-on-drift --spoilt 'yes, please' --tenants acme -k acme --maxfail 3"
    )
    first = shell(files.path / "below", command)
    assert first.returncode == 1, first.stdout + first.stderr
    ((again, said),) = found(first.stdout).items()
    for words in (
        *("SPOILT='by day' ", "MIGRATION_DRIFT_TOLERANCE=0 ", "--fail-on-drift", "--rootdir .."),
        *("-c ../etc/own.ini", "--spoilt 'yes, please'", "--parity-config ../etc/audit.toml"),
        *("--parity-report= ", "../test_audit.py::test_parity"),
    ):
        assert words in f"{again} ", words
    for words in ("-k ", "--maxfail", "-vv", "cacheprovider"):
        assert words not in again, words
    assert_repeats(files.path / "below", again, said)
    assert (
        not (files.path / "below/out").exists() or len(list((files.path / "below").iterdir())) == 1
    )


def test_lines_of_the_page_hold_without_fail_on_drift(project: Migration) -> None:
    """The page's commands end with 1, though the run ended with 0; from xdist's workers as well.

    The page, the terminal and the report's JSON know one and the same command.
    """
    project.modern.run(f"{DRIFT}; DELETE FROM prices WHERE symbol = 'S1'")
    green = project.run()
    assert (green.code, green.verdict) == (0, "NO-GO")
    page = {
        html.unescape(each)
        for each in re.findall(r"Again: <code>(.*?)</code>", green.files[".html"])
    }
    red = project.run("--fail-on-drift", "-n", "2")
    lines = found(red.stdout)
    assert page == {*lines}
    assert len(lines) == 2
    for command, said in lines.items():
        assert_pasted(project, command, said)


def test_nested_configuration_is_not_mistaken_for_the_run_s(files: Project) -> None:
    """A folder of tests with its own ini file: the line names the root that the run had.

    So it does for settings that only the other tests' folder has.
    """
    (files.path / "tenantparity.toml").rename(files.path / "audit.toml")
    files.write("one/tenantparity.toml", (files.path / "audit.toml").read_text())
    files.write("one/test_nothing.py", "def test_nothing():\n    pass\n")
    files.write("two/pytest.ini", "[pytest]\n")
    (files.path / "two/test_audit.py").write_text((files.path / "test_audit.py").read_text())
    (files.path / "test_audit.py").unlink()
    change(files, DRIFT_OF_FILES)
    first = files.run("--fail-on-drift", "one", "two")
    ((again, said),) = found(first.stdout).items()
    assert "--config-file=pytest.ini --rootdir=. --parity-config=one/tenantparity.toml" in again
    assert_pasted(files, again, said)


# ---- what stands in it


def test_a_variable_of_a_url_is_refused(files: Project) -> None:
    """A variable of a URL cannot be put into reports by the settings."""
    settings = (files.path / "tenantparity.toml").read_text()
    settings = settings.replace(files.modern_url, "${MODERN_URL}")
    files.write("tenantparity.toml", f"{settings}\n[report]\nenvironment = ['MODERN_URL']\n")
    assert_usage_error(files.run(), "[report] environment", "MODERN_URL")
