"""The privileges that the audit's user lacks in MySQL and MariaDB, and SQL that grants them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlalchemy import Connection, text
from sqlalchemy.engine import URL

from ...catalog import MissingRight
from .catalog import BACKTICKS, hidden

_USER = text("SELECT CURRENT_USER()")
_SCHEMAS = text("""
    SELECT table_schema, COUNT(*) FROM information_schema.tables
    WHERE table_type = 'BASE TABLE'
    AND table_schema NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')
    GROUP BY table_schema
""")
_DATABASES = text("""
    SELECT schema_name FROM information_schema.schemata
    WHERE schema_name NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')
    ORDER BY schema_name
""")


def missing_rights(connection: Connection, schema: str) -> list[MissingRight]:
    """Return the right to read all tables of ``schema``, if the session's user lacks it.

    The server does not list tables on which a user has no right, so the right is on the whole
    database.
    """
    if not hidden(connection, schema):
        return []
    user, _, host = str(connection.scalar(_USER)).rpartition("@")
    grant = f"GRANT SELECT ON {_pattern(schema)}.* TO {_account(user, host)};"
    return [MissingRight(f"SELECT on the whole database {schema}", grant)]


def tables_by_schema(connection: Connection) -> dict[str, int]:
    """Return how many tables each database has that the user may see."""
    return {schema: int(tables) for schema, tables in connection.execute(_SCHEMAS)}


def databases(connection: Connection) -> list[str]:
    """Return the names of the databases that the user may see."""
    return list(connection.scalars(_DATABASES))


def remedy(said: str, url: URL) -> str:
    """Return SQL for an administrator that removes an error of connecting; empty if none does."""
    for words, sql in _REMEDIES:
        if found := re.search(words, said):
            account = _account(found[1], found[2])
            return sql.format(account=account, database=_pattern(url.database or ""))
    return ""


# An error 1045 does not tell a wrong password from a user that does not exist.
_ACCOUNT = "user '(.*?)'@'(.*?)'"
_REMEDIES: Sequence[tuple[str, str]] = (
    (f"{_ACCOUNT} to database", "GRANT SELECT ON {database}.* TO {account};"),
    (f"{_ACCOUNT}.* account is locked", "ALTER USER {account} ACCOUNT UNLOCK;"),
)


def _pattern(database: str) -> str:
    """Return a database for GRANT, where ``_`` and ``%`` stand for other characters."""
    return BACKTICKS.quote_identifier(re.sub(r"([\\_%])", r"\\\1", database))


def _account(user: str, host: str) -> str:
    return "@".join("'" + part.replace("'", "''") + "'" for part in (user, host))
