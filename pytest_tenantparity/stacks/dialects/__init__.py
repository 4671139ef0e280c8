"""One file per database engine; a new engine is a new file and a line here."""

from ...errors import StackUnavailable
from .base import ColumnRules, Dialect, Session
from .postgresql import PostgreSQL

_DIALECTS: dict[str, Dialect] = {"postgresql": PostgreSQL()}


def dialect_for(backend: str) -> Dialect:
    """Return the dialect of a SQLAlchemy backend name such as ``postgresql``."""
    if backend not in _DIALECTS:
        known = ", ".join(sorted(_DIALECTS))
        raise StackUnavailable(f"no dialect for {backend!r} databases; there are: {known}")
    return _DIALECTS[backend]


__all__ = ["ColumnRules", "Dialect", "Session", "dialect_for"]
