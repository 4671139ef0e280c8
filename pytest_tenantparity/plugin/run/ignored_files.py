"""Files of tests that pytest did not collect, so that their checks are not in the plan.

Deselected tests (``-k``, ``-m``, ``--deselect``, ``--lf``) and tests that were not reached (``-x``)
are in the plan. Tests in two kinds of files are not:

- files ignored by ``--ignore``, ``--ignore-glob``, or ``collect_ignore`` of a conftest.py or a
  plugin
- files that ``--lf`` skips as a whole

A Python file may hold tests only if its name matches ``python_files``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

_MOST_LOOKED_AT = 20_000  # files and folders below an ignored folder
_MOST_NAMED = 3
_DECIDING = ("norecursedirs", "python_files", "python_classes", "python_functions", "testpaths")
_ENVIRONMENT = ("pyvenv.cfg", "conda-meta")


class IgnoredFiles:
    """The files that may hold tests, and that this process ignored or skipped during collection."""

    def __init__(self) -> None:
        self._ignored: dict[str, None] = {}
        self._skipped: dict[str, None] = {}

    def add_ignored(self, path: Path, config: pytest.Config) -> None:
        """Add a path that is not collected, if it contains a file of tests."""
        if _was_asked_for(path, config) and (found := _tests_in(path, config)) is not None:
            self._ignored[_named(found, config)] = None

    def add_skipped(self, path: Path, config: pytest.Config) -> None:
        """Add a file that ``--lf`` skips as a whole."""
        self._skipped[_named(path, config)] = None

    def reasons(self) -> list[str]:
        """Return the reasons why the run is partial. Empty if no file was left out."""
        return [
            *_reason(self._ignored, "not collected (--ignore, collect_ignore or a plugin)"),
            *_reason(self._skipped, "skipped as a whole by --lf"),
        ]


def overridden(config: pytest.Config) -> list[str]:
    """Return why ``-o`` makes the run partial: the option changes which tests this run collects."""
    given: list[str] = config.getoption("override_ini", default=None) or []
    names = [each.partition("=")[0].strip() for each in given]
    return [
        f"partial: -o {name}=... decides which tests are collected in this run"
        for name in dict.fromkeys(names)
        if name in _DECIDING
    ]


def was_skipped(collector: pytest.Collector, report: pytest.CollectReport) -> bool:
    """Whether ``--lf`` has skipped a module: its report has no result, and it was not imported."""
    config = collector.config
    return (
        isinstance(collector, pytest.Module)
        and bool(config.getoption("lf", default=False))
        and report.passed
        and not report.result
        and getattr(collector, "_obj", None) is None
    )


def _reason(paths: dict[str, None], how: str) -> Iterator[str]:
    if not paths:
        return
    named = ", ".join(sorted(paths)[:_MOST_NAMED])
    if (more := len(paths) - _MOST_NAMED) > 0:
        named += f" and {more} more"
    yield f"partial: files that may hold tests were left out: {named}: {how}"


def _named(path: Path, config: pytest.Config) -> str:
    return os.path.relpath(path, config.rootpath).replace(os.sep, "/")


def _was_asked_for(path: Path, config: pytest.Config) -> bool:
    """Whether ``path`` lies below an argument of the command line.

    pytest also visits the neighbours of a file that is an argument.
    """
    folder = config.invocation_params.dir
    arguments = [folder / each.partition("::")[0].partition("[")[0] for each in config.args]
    real = path.resolve()
    return any(not each.exists() or real.is_relative_to(each.resolve()) for each in arguments)


def _tests_in(path: Path, config: pytest.Config) -> Path | None:
    """Return a file of tests at or below ``path``, which pytest ignores, or None if there is none.

    If the folder is too large to search, ``path`` itself is returned.
    """
    if path.is_file():
        return path if _is_test(path, config) else None
    if not _is_searched(path, config):
        return None
    looked_at = 0
    for folder, folders, files in os.walk(path):
        here = Path(folder)
        folders[:] = [each for each in sorted(folders) if _is_searched(here / each, config)]
        for name in sorted(files):
            if _is_test(here / name, config):
                return here / name
        looked_at += len(folders) + len(files)
        if looked_at > _MOST_LOOKED_AT:
            return path
    return None


def _is_test(path: Path, config: pytest.Config) -> bool:
    if path.suffix != ".py":
        return False
    return any(_matches(path, pattern) for pattern in config.getini("python_files"))


def _is_searched(folder: Path, config: pytest.Config) -> bool:
    """Whether pytest would look for tests in ``folder`` if no option excluded it."""
    if folder.name == "__pycache__":
        return False
    if not config.getoption("collect_in_virtualenv", default=False) and any(
        (folder / name).exists() for name in _ENVIRONMENT
    ):
        return False
    return not any(_matches(folder, pattern) for pattern in config.getini("norecursedirs"))


def _matches(path: Path, pattern: str) -> bool:
    """Match as pytest does: a pattern with a separator is matched against the whole path."""
    if "/" not in pattern and os.sep not in pattern:
        return fnmatch(path.name, pattern)
    return fnmatch(str(path), pattern if Path(pattern).is_absolute() else f"*{os.sep}{pattern}")
