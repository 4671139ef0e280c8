"""A run is partial exactly if a test of the audit was left out, by whatever means.

Deselected tests are in test_modes.
"""

from __future__ import annotations

import shutil

from ..support.project import DRIFT_OF_FILES, TEST, Project, RunResult, change, freeze

pytest_plugins = ["tests.support.project"]

CONFTEST = """
collect_ignore = ['listed']

def pytest_ignore_collect(collection_path):
    return collection_path.name == 'hooked' or None
"""
OWN = "def test_own(legacy, modern):\n    assert legacy.count('trades') == modern.count('trades')\n"


def assert_go(outcome: RunResult) -> None:
    """Require exit code 0 and the verdict GO."""
    assert (outcome.code, outcome.verdict) == (0, "GO"), outcome.output


def assert_partial(outcome: RunResult, *reasons: str) -> None:
    """Require a run that fails for these reasons, although each of its checks is proven."""
    assert (outcome.code, outcome.verdict) == (1, "NOT PROVEN"), outcome.output
    assert not outcome.with_status("NOT PROVEN")
    assert sorted(outcome.report["reasons"]) == sorted(f"partial: {each}" for each in reasons)


def test_what_holds_no_tests_may_be_ignored(files: Project) -> None:
    """Ignored folders without pytest tests do not make an audit partial.

    These are folders of documents, sources, a virtual environment, build output or caches. The ini
    file's ``norecursedirs`` are the project's choice. ``--ff``, ``--nf``, ``--sw``, ``-x`` and
    ``--maxfail`` alone leave nothing out.
    """
    for name in ("docs/index.rst", "docs/conf.py", "docs/.venv/pyvenv.cfg", "src/app.py"):
        files.write(name, "")
    for name in ("docs/.venv/test_a.py", "docs/build/test_b.py", "docs/__pycache__/test_c.py"):
        files.write(name, OWN)
    files.write("pytest.ini", "[pytest]\naddopts = --ignore=docs --ignore-glob=*/src\n")
    assert_go(files.run())
    files.write("extra/test_extra.py", OWN)
    own = "[pytest]\naddopts = --ignore=docs --ignore-glob=*/src\nnorecursedirs = extra"
    files.write("pytest.ini", f"{own} build __pycache__\n")
    assert_go(files.run())
    # Files outside the folders given on the command line do not count either.
    files.write("docs/test_docs.py", OWN)
    assert_go(files.run("test_audit.py", "--ff", "--nf", "--sw", "-x", "--maxfail=3"))


def _left_out(named: str) -> str:
    return (
        f"files that may hold tests were left out: {named}: "
        "not collected (--ignore, collect_ignore or a plugin)"
    )


def test_ignored_files_that_may_hold_tests(files: Project) -> None:
    """A test file that is not collected makes the run partial, also in workers.

    ``--ignore``, ``--ignore-glob``, ``collect_ignore`` and a plugin leave files out. So does ``-o
    norecursedirs`` for one run.
    """
    freeze(files)
    files.write("docs/deep/test_docs.py", OWN)
    files.write("listed/test_listed.py", OWN)
    files.write("globbed/test_glob.py", OWN)
    files.write("extra/test_extra.py", OWN)
    files.write("conftest.py", CONFTEST)
    ignoring = ["--ignore=docs", "--ignore-glob=*/test_glob.py", "-o", "norecursedirs=extra"]
    named = "docs/deep/test_docs.py, globbed/test_glob.py, listed/test_listed.py"
    overridden = "-o norecursedirs=... decides which tests are collected in this run"
    assert_partial(files.run(*ignoring), _left_out(named), overridden)
    files.write("conftest.py", CONFTEST.replace("listed", "none"))
    for name in ("listed", "extra", "globbed"):
        shutil.rmtree(files.path / name)
    files.write("hooked/test_hooked.py", OWN)
    outcome = files.run("-n", "1", "--ignore=docs")
    assert_partial(outcome, _left_out("docs/deep/test_docs.py, hooked/test_hooked.py"))


def test_last_failed_is_partial_only_if_it_leaves_files_out(files: Project) -> None:
    """``--lf`` runs everything if nothing failed before. After a failure it skips other files.

    After a repair the failed test passes, and the other tests are still not proven.
    """
    files.write("test_b.py", OWN)
    assert_go(files.run("--lf"))
    change(files, DRIFT_OF_FILES)
    assert files.run("--fail-on-drift", "-k", "acme-trades").code == 1
    change(files, "UPDATE trades SET v = 'x' WHERE id = 1")
    outcome = files.run("--fail-on-drift", "--lf")
    assert (outcome.code, outcome.verdict) == (1, "NOT PROVEN")
    assert outcome.with_status("MATCH") == ["acme-trades"]
    (reason,) = [each for each in outcome.report["reasons"] if "--lf" in each]
    assert "partial: files that may hold tests were left out: test_b.py" in reason
    # All checks of one file had failed: nothing is deselected, and the other file is skipped.
    shutil.rmtree(files.path / ".pytest_cache")
    change(files, DRIFT_OF_FILES)
    files.write("test_b.py", TEST)
    only = ["--tenants=acme,!unassigned,!coverage", "-p", "no:randomly"]
    assert files.run("--fail-on-drift", *only, "test_audit.py").code == 1
    change(files, "UPDATE trades SET v = 'x' WHERE id = 1")
    named = "files that may hold tests were left out: test_b.py: skipped as a whole by --lf"
    assert_partial(files.run("--lf", *only), named)
