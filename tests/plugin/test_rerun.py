"""The ``again:`` commands: run in the same shell, they find the same and fail."""

from __future__ import annotations

import html
import re
import sys

from ..support.project import DRIFT, DRIFT_OF_FILES, Migration, Project, assert_usage_error, change
from ..support.shell import assert_repeats, found, shell

pytest_plugins = ["tests.support.project"]


# ---- commands run in a shell


ODD_TABLES = ["a, b", "!x", "@y", "it's $HOME \\", " z", "x*", "-k"]
ODD_TENANTS = ["o'neil", "$HOME", "a;b", "-x", 'q"q', "b\\c"]


def test_odd_names_are_selected_exactly(files: Project) -> None:
    """The command of every check selects exactly it, with any characters in its names."""
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
    lines = found(files.run("--fail-on-drift", "-v", "--tenants=all,!coverage").stdout)
    drifting = [command for command, said in lines.items() if ": DRIFT" in said]
    assert len(drifting) == len(ODD_TABLES)
    for command in drifting:
        assert_pasted(files, command, lines[command])


def assert_pasted(project: Project, command: str, said: str) -> None:
    """Require that ``command`` repeats what the first run ``said`` of the check, and fails.

    A shell splits the command into words. The run is a fork with the variables of the first one.
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
    """The command repeats settings, ini file, directory, variables and the project's options.

    Settings and ini file are elsewhere, and the run starts in a folder below. addopts name a
    directory for the report, which the repetition must not need.
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
    """The page's commands exit with 1 although the run exited with 0, also with workers.

    The HTML page of one run and the terminal of another show the same commands.
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
    """If the tests' folder has its own ini file, the command names the root of the run.

    It also names settings that only another folder of tests has.
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


# ---- contents of the command


def test_a_variable_of_a_url_is_refused(files: Project) -> None:
    """The settings cannot put a variable of a URL into reports."""
    settings = (files.path / "tenantparity.toml").read_text()
    settings = settings.replace(files.modern_url, "${MODERN_URL}")
    files.write("tenantparity.toml", f"{settings}\n[report]\nenvironment = ['MODERN_URL']\n")
    assert_usage_error(files.run(), "[report] environment", "MODERN_URL")
