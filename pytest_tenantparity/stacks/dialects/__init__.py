"""One folder for each database engine. A new engine is a new folder and a line here."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from ...errors import StackUnavailable
from .base import ColumnRules, Dialect, Item, Nulls
from .portable import Portable, portable_hash
from .server_rules import Extent, Session
from .sqlite.values import spelled_as

# Backend of the URL: the folder and class for it, and the extra that installs its driver.
_DIALECTS = {
    "postgresql": ("postgresql", "PostgreSQL", ""),
    "mysql": ("mysql", "MySQL", "mysql"),
    "mariadb": ("mysql", "MySQL", "mysql"),
    "sqlite": ("sqlite", "SQLite", ""),
    "snapshot": ("snapshot", "SnapshotFile", "yaml"),
    "archive": ("archive", "Archive", "archives"),
}


@cache
def dialect_for(backend: str) -> Dialect:
    """Return the dialect of a SQLAlchemy backend name such as ``postgresql``."""
    if backend not in _DIALECTS:
        known = ", ".join(sorted(_DIALECTS))
        raise StackUnavailable(f"no dialect for {backend!r} databases; there are: {known}")
    module, name, extra = _DIALECTS[backend]
    try:
        dialect: Dialect = getattr(import_module(f".{module}.dialect", __package__), name)()
    except ModuleNotFoundError as error:
        raise StackUnavailable(
            f"{backend!r} databases need {error.name!r}; pip install 'pytest-tenantparity[{extra}]'"
        ) from None
    return dialect


__all__ = [
    "ColumnRules",
    "Dialect",
    "Extent",
    "Item",
    "Nulls",
    "Portable",
    "Session",
    "dialect_for",
    "portable_hash",
    "spelled_as",
]
