"""The words of the ``again:`` commands."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_tenantparity.config import Settings
from pytest_tenantparity.errors import SettingsError
from pytest_tenantparity.inventory import exact_term, make_pair, read_terms, select_pairs
from pytest_tenantparity.model import CheckKey, CheckKind, Invocation
from pytest_tenantparity.plugin.run.invocation import kept_options
from pytest_tenantparity.redaction import masked
from pytest_tenantparity.reporting import rerun_command

WORDS: Mapping[str, tuple[list[str], list[str]]] = {
    "selection": (["--tenants=a", "--tenants", "b", "-k", "x and y", "-mslow", "tests/t.py"], []),
    "parallel": (["-n", "4", "-n4", "--dist=load", "-p", "no:xdist", "--tx", "2*popen"], []),
    "shown": (["-xvvs", "-q", "-ra", "-r", "fE", "--tb=short", "--tb", "no", "--junitxml=j"], []),
    "of others": (["--cov", "src", "--cov-report=xml", "--alluredir", "a", "--log-level=INFO"], []),
    "kept": (["-c", "x.ini", "-oa=b", "-W", "error", "-p", "mine", "--parity-settle", "2"],) * 2,
    "value": (["--parity-as-of", "-7", "--parity-as-of=-7"],) * 2,
    "unknown": (
        ["--stage", "prod", "--reruns=2", "--flag", "tests"],
        ["--stage", "prod", "--reruns=2", "--flag"],
    ),
    "canary": (["--parity-canary", "tests", "--fail-on-drift"], ["--parity-canary"]),
    "after --": (["--", "--stage"], []),
}


@pytest.mark.parametrize(("words", "kept"), WORDS.values(), ids=WORDS)
def test_options_that_are_kept(words: list[str], kept: list[str]) -> None:
    """Options that affect the verdict are kept with their values. Others are left out."""
    assert kept_options(words, ["tests", "tests/t.py"]) == kept


def test_no_secret_is_in_it() -> None:
    """Values of options that may be secret are masked in every notation."""
    words = ["--db-password=hunter2", "--api-token", "hunter2", "--to=pg://me:hunter2@h/d", "-x"]
    assert masked(words) == ["--db-password=***", "--api-token", "***", "--to=***", "-x"]
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
    assert masked(words) == [
        *("-o", "db_password=***", "--override-ini=api_token=***", "-odb_password=***"),
        *("--to", "pg://h/d?user=me&password=***", "--to=***"),
        *("--db", "host=h password=***", "-o", "python_files=check_*.py", "-P", "a=b"),
    ]


@pytest.mark.parametrize("name", ["API_TOKEN", "DB_PASSWORD", "a b"])
def test_variables_that_may_be_secret_are_refused(name: str) -> None:
    """A variable whose name suggests a secret cannot be put into reports by the settings."""
    with pytest.raises(ValueError, match="environment"):
        Settings.model_validate({"report": {"environment": [name]}})


@given(st.lists(st.text(st.sampled_from("ab ,!@*?[]\\#\t'$"), min_size=1), min_size=1, unique=True))
def test_exact_terms_select_one_table(names: list[str]) -> None:
    """The exact term of a name selects only that name, among any other names."""
    settings = Settings.model_validate(
        {side: {"url": "sqlite://", "tenancy": {"column": "t"}} for side in ("legacy", "modern")}
        | {"tenants": {"a": {}}}
    )
    pairs = tuple(make_pair(settings, name) for name in names)
    for pair in pairs:
        terms = read_terms("--parity-tables", [exact_term(pair.name)], Path())
        assert select_pairs(pairs, terms) == (pair,)


def test_patterns_and_lists_are_as_before() -> None:
    """Commas, spaces, ``!`` and patterns keep their meaning unless a backslash escapes them."""
    terms = read_terms("--tenants", ["a, !b ,c*", r"d\,e", ""], Path())
    assert terms == ["a", "!b", "c*", r"d\,e"]
    with pytest.raises(SettingsError, match="selects nothing"):
        read_terms("--tenants", [" , "], Path())


def test_paths_and_parameters() -> None:
    """The command has no node id for a path with brackets, and no parameters of the test."""
    tests = {"A::test_x[1-[2]]": "t/a.py::A::test_x", "test_y": "t/[a].py::test_y"}
    invocation = Invocation(root="../up", tests=tests)
    command = rerun_command(invocation, CheckKey(CheckKind.ROWS, "A::test_x[1-[2]]", "acme"))
    assert command == "pytest --tenants=acme --fail-on-drift ../up/t/a.py::A::test_x"
    for name in ("test_y", "gone"):
        command = rerun_command(invocation, CheckKey(CheckKind.ROWS, name, "acme", "t"))
        assert command.endswith(" --fail-on-drift")
