"""Every name is quoted in every statement: no list of reserved words is complete.

SQLAlchemy quotes the words that it knows to be reserved. Columns called ``at`` in DuckDB,
``lateral`` in PostgreSQL, ``portion`` in MariaDB or ``returning`` in SQLite are not among them.
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine, event


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
