"""How names are quoted: by SQLAlchemy, and every name in every statement.

SQLAlchemy quotes the words in its list of reserved words, and no such list is complete. Columns
called ``at`` in DuckDB, ``lateral`` in PostgreSQL, ``portion`` in MariaDB or ``returning`` in
SQLite are not in it.
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.sql.compiler import IdentifierPreparer

STANDARD: IdentifierPreparer = DefaultDialect(paramstyle="named").identifier_preparer
"""Quotes names in standard SQL that SQLAlchemy does not run: hints, and statements of a driver.

The preparer of a connection doubles per cent signs if the driver's placeholders have them.
"""


class _AllWords(set[str]):
    """Holds every word."""

    def __contains__(self, word: object) -> bool:
        return True


def quoting(engine: Engine) -> Engine:
    """Return the engine, whose statements quote all names from now on."""
    event.listen(engine, "engine_connect", _quote_all)
    return engine


def _quote_all(connection: Connection) -> None:
    # A dialect may replace its preparer when it meets the server, so this is done each time.
    connection.dialect.identifier_preparer.reserved_words = _AllWords()
