"""Quoting of names: SQLAlchemy quotes every name in every statement.

By default, SQLAlchemy only quotes the words in its list of reserved words, which is incomplete. For
example, it lacks ``at`` of DuckDB, ``lateral`` of PostgreSQL, ``portion`` of MariaDB and
``returning`` of SQLite.
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.sql.compiler import IdentifierPreparer

STANDARD: IdentifierPreparer = DefaultDialect(paramstyle="named").identifier_preparer
"""Quotes names in standard SQL that SQLAlchemy does not run: hints, and statements of a driver.

A connection's own preparer doubles percent signs if the driver's placeholders contain them.
"""


class _AllWords(set[str]):
    """A set that contains every word."""

    def __contains__(self, word: object) -> bool:
        return True


def quoting(engine: Engine) -> Engine:
    """Return ``engine``, whose statements quote all names from now on."""
    event.listen(engine, "engine_connect", _quote_all)
    return engine


def _quote_all(connection: Connection) -> None:
    # A dialect may replace its preparer when it connects, so this is repeated for each connection.
    connection.dialect.identifier_preparer.reserved_words = _AllWords()
