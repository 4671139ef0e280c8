"""Two folders of files as the stacks of a test.

PYTEST_DONT_REWRITE, because tests import this plugin as a module as well.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from .files import Files

CHANGED = ("changed", ("1",), ("x",))
"""The finding if only x of the row with id 1 differs."""


@pytest.fixture
def old(tmp_path: Path) -> Files:
    """The legacy archive."""
    (tmp_path / "old").mkdir()
    return Files(tmp_path / "old")


@pytest.fixture
def new(tmp_path: Path) -> Files:
    """The modern archive."""
    (tmp_path / "new").mkdir()
    return Files(tmp_path / "new")


def keyed(*tables: str) -> str:
    """Return settings that make id the key of some tables."""
    return "".join(f'[tables."{table}"]\nkey = ["id"]\n' for table in tables)
