"""A run is partial if a test of the audit was left out, by whatever means, and only then."""

from __future__ import annotations

import pytest

from ..support.project import DRIFT_OF_FILES, TEST, Outcome, Project, change

pytest_plugins = ["tests.support.project"]

IGNORING = """
def pytest_ignore_collect(collection_path):
    return collection_path.name == 'docs' or None
"""
OWN = "def test_own(legacy, modern):\n    assert legacy and modern\n"


def assert_go(outcome: Outcome) -> None:
    """Require the whole proof."""
    assert (outcome.code, outcome.verdict) == (0, "GO"), outcome.output


def assert_partial(outcome: Outcome, *words: str) -> None:
    """Require a run that is red and not proven although its checks are, and says why."""
    assert (outcome.code, outcome.verdict) == (1, "NOT PROVEN"), outcome.output
    assert not outcome.with_status("NOT PROVEN")
    (reason,) = outcome.report["reasons"]
    assert [word for word in ("partial: ", *words) if word not in reason] == [], reason


def test_what_holds_no_tests_may_be_ignored(files: Project) -> None:
    """Folders of documents, sources, environments and of no pytest are no part of an audit."""
    for name in ("docs/index.rst", "docs/conf.py", "docs/.venv/pyvenv.cfg", "src/app.py"):
        files.write(name, "")
    for name in ("docs/.venv/test_a.py", "docs/build/test_b.py", "docs/__pycache__/test_c.py"):
        files.write(name, OWN)
    files.write("pytest.ini", "[pytest]\naddopts = --ignore=docs --ignore-glob=*/src\n")
    assert_go(files.run())
    # Nor does it matter what lies where no tests are looked for.
    files.write("docs/test_docs.py", OWN)
    assert_go(files.run("test_audit.py"))


@pytest.mark.parametrize(
    ("args", "conftest"),
    [
        (["--ignore=docs"], ""),
        (["--ignore=docs", "-n", "1"], ""),
        (["--ignore-glob=*/test_docs.py"], ""),
        ([], "collect_ignore = ['docs']\n"),
        (
            [],
            IGNORING,
        ),
    ],
    ids=["--ignore", "in a worker", "--ignore-glob", "collect_ignore", "a plugin"],
)
def test_ignored_files_that_may_hold_tests(files: Project, args: list[str], conftest: str) -> None:
    """A file of tests that is not collected could hold a test of the audit."""
    if "-n" in args:
        settings = (files.path / "tenantparity.toml").read_text()
        files.write("tenantparity.toml", settings.replace("tenancy", "frozen = 'a copy'\ntenancy"))
    files.write("docs/deep/test_docs.py", OWN)
    files.write("conftest.py", conftest)
    assert_partial(files.run(*args), "docs", "ignore")


def test_options_that_decide_which_tests_there_are(files: Project) -> None:
    """What the ini file says is the project's choice; ``-o`` for one run leaves tests out."""
    files.write("extra/test_extra.py", OWN)
    outcome = files.run("-o", "norecursedirs=extra")
    assert_partial(outcome, "-o norecursedirs")
    files.write("pytest.ini", "[pytest]\nnorecursedirs = extra\n")
    assert_go(files.run())


def test_last_failed_is_partial_only_if_it_leaves_files_out(files: Project) -> None:
    """``--lf`` runs all where nothing failed before; after a failure it skips other files."""
    files.write("test_b.py", OWN)
    assert_go(files.run())
    assert_go(files.run("--lf"))
    change(files, DRIFT_OF_FILES)
    assert files.run("--fail-on-drift", "-k", "acme-trades").code == 1
    change(files, "UPDATE trades SET v = 'x' WHERE id = 1")
    outcome = files.run("--lf")
    assert (outcome.code, outcome.verdict) == (1, "NOT PROVEN")
    (reason,) = [each for each in outcome.report["reasons"] if "--lf" in each]
    assert "partial: files that may hold tests were left out: test_b.py" in reason
    # All of a file's checks had failed: nothing is deselected, and the other file is not seen.
    assert files.run("--tenants=acme,!unassigned,!coverage").code == 0
    change(files, DRIFT_OF_FILES)
    files.write("test_b.py", TEST)
    only = ["--tenants=acme,!unassigned,!coverage", "-p", "no:randomly"]
    assert files.run("--fail-on-drift", *only, "test_audit.py").code == 1
    change(files, "UPDATE trades SET v = 'x' WHERE id = 1")
    assert_partial(files.run("--lf", *only), "test_b.py", "skipped as a whole by --lf")


@pytest.mark.parametrize(
    "args",
    [["-k", "acme"], ["--deselect=test_audit.py::test_parity[beta-trades]"], ["-m", "not parity"]],
    ids=["-k", "--deselect", "-m"],
)
def test_checks_that_are_deselected(files: Project, args: list[str]) -> None:
    """What is planned and not made is never GO, and never exits with 0."""
    outcome = files.run(*args)
    assert outcome.code != 0
    assert outcome.verdict == "NOT PROVEN"
    assert any(each.startswith("partial: ") for each in outcome.report["reasons"])


def test_order_and_limits_leave_nothing_out(files: Project) -> None:
    """``--ff``, ``--nf``, ``--sw``, ``-x`` and ``--maxfail`` alone make nothing partial."""
    assert_go(files.run("--ff", "--nf", "--sw", "-x", "--maxfail=3"))
