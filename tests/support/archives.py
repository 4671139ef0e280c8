"""Two folders of files, as the stacks of a test. PYTEST_DONT_REWRITE: it is imported, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from .files import Files

CHANGED = ("changed", ("1",), ("x",))
"""What is found where the row of id 1 holds another x, and nothing else differs."""


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
    """Return settings by which the rows of tables are known by their id."""
    return "".join(f'[tables."{table}"]\nkey = ["id"]\n' for table in tables)
