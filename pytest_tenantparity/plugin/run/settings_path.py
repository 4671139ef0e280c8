"""Search for the settings file beside the tests and in the folders above them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ...errors import SettingsError

FILE_NAME = "tenantparity.toml"
_MARK = b"[tool.tenantparity"


def find_settings(starts: Iterable[Path], root: Path) -> Path | None:
    """Return the settings file nearest to ``starts``, searching upward as far as ``root``.

    Raises :class:`SettingsError` if different starting folders lead to different files.
    """
    found = {path for start in starts if (path := _nearest(start, root))}
    if len(found) > 1:
        listed = " and ".join(str(path) for path in sorted(found))
        raise SettingsError(f"several settings are in reach: {listed}; choose with --parity-config")
    return found.pop() if found else None


def _nearest(start: Path, root: Path) -> Path | None:
    for folder in (start, *start.parents):
        if (own := folder / FILE_NAME).is_file():
            return own
        pyproject = folder / "pyproject.toml"
        if pyproject.is_file() and _MARK in pyproject.read_bytes():
            return pyproject
        if folder == root:
            return None
    return None
