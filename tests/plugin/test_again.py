"""The ``again:`` lines: pasted into the same shell, they find the same and do not end with 0."""

from __future__ import annotations

import html
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_tenantparity.config import Settings
from pytest_tenantparity.errors import SettingsError
from pytest_tenantparity.inventory import exact_term, make_pair, read_terms, select_pairs
from pytest_tenantparity.model import CheckKey
from pytest_tenantparity.plugin.again import _masked, kept_options
from pytest_tenantparity.reporting import Again

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
        assert_repeats(files.path, command, lines[command])


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
        assert_repeats(project.path, command, said)


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
    assert_repeats(files.path, again, said)


# ---- what stands in it


WORDS: Mapping[str, tuple[list[str], list[str]]] = {
    "selection": (["--tenants=a", "--tenants", "b", "-k", "x and y", "-mslow", "tests/t.py"], []),
    "parallel": (["-n", "4", "-n4", "--dist=load", "-p", "no:xdist", "--tx", "2*popen"], []),
    "shown": (["-xvvs", "-q", "-ra", "-r", "fE", "--tb=short", "--tb", "no", "--junitxml=j"], []),
    "of others": (["--cov", "src", "--cov-report=xml", "--alluredir", "a", "--log-level=INFO"], []),
    "kept": (["-c", "x.ini", "-oa=b", "-W", "error", "-p", "mine", "--parity-settle", "2"],) * 2,
    "unknown": (
        ["--stage", "prod", "--reruns=2", "--flag", "tests"],
        ["--stage", "prod", "--reruns=2", "--flag"],
    ),
    "canary": (["--parity-canary", "tests", "--fail-on-drift"], ["--parity-canary"]),
    "after --": (["--", "--stage"], []),
}


@pytest.mark.parametrize(("words", "kept"), WORDS.values(), ids=WORDS)
def test_options_that_are_kept(words: list[str], kept: list[str]) -> None:
    """Options that decide stay, with their values; what selects or shows goes, with its own."""
    assert kept_options(words, ["tests", "tests/t.py"]) == kept


def test_no_secret_is_in_it() -> None:
    """Values of options that may be secret are not shown, however they are spelled."""
    words = ["--db-password=hunter2", "--api-token", "hunter2", "--to=pg://me:hunter2@h/d", "-x"]
    assert _masked(words) == ["--db-password=***", "--api-token", "***", "--to=***", "-x"]
    words = [
        "-o",
        "db_password=hunter2",
        "--override-ini=api_token=hunter2",
        "-odb_password=hunter2",
    ]
    words += ["--to", "pg://h/d?user=me&password=hunter2", "--to=pg://me:hun/ter2@h/d"]
    words += [
        "--db",
        "host=h password=hunter2 user=me",
        "-o",
        "python_files=check_*.py",
        "-P",
        "a=b",
    ]
    assert _masked(words) == [
        *("-o", "db_password=***", "--override-ini=api_token=***", "-odb_password=***"),
        *("--to", "pg://h/d?user=me&password=***", "--to=***"),
        *("--db", "host=h password=***", "-o", "python_files=check_*.py", "-P", "a=b"),
    ]


@pytest.mark.parametrize("name", ["MODERN_URL", "API_TOKEN", "DB_PASSWORD", "a b"])
def test_variables_that_may_be_secret_are_refused(files: Project, name: str) -> None:
    """A variable of a URL, or one by such a name, cannot be put into reports by the settings."""
    settings = (files.path / "tenantparity.toml").read_text()
    url = re.search(r'url = "(sqlite.*modern.db)"', settings)
    assert url is not None
    settings = settings.replace(url[1], "${MODERN_URL}")
    files.write("tenantparity.toml", f"{settings}\n[report]\nenvironment = ['{name}']\n")
    if name == "MODERN_URL":
        assert_usage_error(files.run(), "[report] environment", name)
    else:
        with pytest.raises(ValueError, match="environment"):
            Settings.model_validate({"report": {"environment": [name]}})


@given(st.lists(st.text(st.sampled_from("ab ,!@*?[]\\#\t'$"), min_size=1), min_size=1, unique=True))
def test_exact_terms_select_one_table(names: list[str]) -> None:
    """The term of any name, among any others, selects that one alone."""
    settings = Settings.model_validate(
        {side: {"url": "sqlite://", "tenancy": {"column": "t"}} for side in ("legacy", "modern")}
        | {"tenants": {"a": {}}}
    )
    pairs = tuple(make_pair(settings, name) for name in names)
    for pair in pairs:
        terms = read_terms("--parity-tables", [exact_term(pair.name)], Path())
        assert select_pairs(pairs, terms) == (pair,)


def test_patterns_and_lists_are_as_before() -> None:
    """Commas, spaces, ``!`` and patterns keep their meaning where no backslash takes it."""
    terms = read_terms("--tenants", ["a, !b ,c*", r"d\,e", ""], Path())
    assert terms == ["a", "!b", "c*", r"d\,e"]
    with pytest.raises(SettingsError, match="selects nothing"):
        read_terms("--tenants", [" , "], Path())


def test_paths_and_parameters() -> None:
    """A path with brackets is no node id for pytest; a test's own parameters are left out."""
    again = Again(root="../up")
    command = again.command(CheckKey("t/a.py::A::test_x[1-[2]]", "acme", "*"))
    assert command == "pytest --tenants=acme --fail-on-drift ../up/t/a.py::A::test_x"
    assert again.command(CheckKey("t/[a].py::test_x", "acme", "t")).endswith(" --fail-on-drift")
