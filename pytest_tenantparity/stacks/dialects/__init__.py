"""One folder for each database engine. ``engines`` lists them."""

from .base import ColumnRules, Dialect, Item, Nulls
from .engines import ENGINES, dialect_for
from .portable import Portable, portable_hash
from .server_rules import Extent, Session
from .sqlite.values import spelled_as

__all__ = [
    "ENGINES",
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
