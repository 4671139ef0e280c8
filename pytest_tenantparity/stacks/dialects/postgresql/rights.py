"""The privileges that the audit's role lacks in PostgreSQL, and SQL that grants them."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from sqlalchemy import Connection, text
from sqlalchemy.engine import URL

from ...catalog import MissingRight
from ..quoting import STANDARD

_ROLE = text("SELECT current_user::text")
_USAGE = text("""
    SELECT pg_catalog.has_schema_privilege(n.oid, 'USAGE')
    FROM pg_catalog.pg_namespace n WHERE n.nspname = :schema
""")
# A role may also read all columns by privileges on each of them.
_TABLES = text("""
    SELECT c.relname::text,
           pg_catalog.has_table_privilege(c.oid, 'SELECT') OR NOT EXISTS (
               SELECT FROM pg_catalog.pg_attribute a
               WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
               AND NOT pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT')),
           pg_catalog.row_security_active(c.oid)
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = :schema AND c.relkind IN ('r', 'p', 'f', 'v', 'm') ORDER BY c.relname
""")
_SCHEMAS = text("""
    SELECT n.nspname::text, count(*)
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'f') AND NOT c.relispartition
    AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    GROUP BY n.nspname
""")
_DATABASES = text("""
    SELECT datname::text FROM pg_catalog.pg_database WHERE datallowconn AND NOT datistemplate
    ORDER BY datname
""")


def missing_rights(
    connection: Connection, schema: str, tables: Collection[str]
) -> list[MissingRight]:
    """Return what the session's role may not read of ``tables`` in ``schema``."""
    role, own = _quoted(str(connection.scalar(_ROLE))), _quoted(schema)
    found: list[MissingRight] = []
    if connection.scalar(_USAGE, {"schema": schema}) is False:
        grant = f"GRANT USAGE ON SCHEMA {own} TO {role};"
        found.append(MissingRight(f"USAGE on the schema {schema}", grant))
    rows = connection.execute(_TABLES, {"schema": schema}).all()
    refused = [name for name, may_read, _ in rows if not may_read]
    if lacking := [name for name in refused if name in tables]:
        everything = f"ALL TABLES IN SCHEMA {own}"
        named = ", ".join(f"{own}.{_quoted(name)}" for name in lacking)
        what = everything if len(lacking) > 1 and len(refused) == len(rows) else named
        grant = f"GRANT SELECT ON {what} TO {role};"
        found.append(MissingRight("SELECT", grant, tuple(lacking)))
    if filtered := [name for name, _, active in rows if active and name in tables]:
        grant = f"ALTER ROLE {role} BYPASSRLS;"
        found.append(MissingRight("BYPASSRLS, as row security applies", grant, tuple(filtered)))
    return found


def tables_by_schema(connection: Connection) -> dict[str, int]:
    """Return how many tables each schema of the database has."""
    return {schema: int(tables) for schema, tables in connection.execute(_SCHEMAS)}


def databases(connection: Connection) -> list[str]:
    """Return the names of the server's databases that accept sessions."""
    return list(connection.scalars(_DATABASES))


def remedy(said: str, url: URL) -> str:
    """Return SQL for an administrator that removes an error of connecting; empty if none does."""
    for words, sql in _REMEDIES:
        if found := re.search(words, said):
            names = {"name": _quoted(found[1]), "user": _quoted(url.username or "")}
            return sql.format(**names)
    return ""


_REMEDIES: Sequence[tuple[str, str]] = (
    (r'role "(.*?)" does not exist', "CREATE ROLE {name} LOGIN;"),
    (r'role "(.*?)" is not permitted to log in', "ALTER ROLE {name} LOGIN;"),
    (r'permission denied for database "(.*?)"', "GRANT CONNECT ON DATABASE {name} TO {user};"),
    (
        r'database "(.*?)" is not currently accepting connections',
        "ALTER DATABASE {name} ALLOW_CONNECTIONS true;",
    ),
    (r'too many connections for role "(.*?)"', "ALTER ROLE {name} CONNECTION LIMIT -1;"),
    (r'too many connections for database "(.*?)"', "ALTER DATABASE {name} CONNECTION LIMIT -1;"),
)


def _quoted(name: str) -> str:
    return STANDARD.quote(name)
