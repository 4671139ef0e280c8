"""Errors of PostgreSQL and libpq in one line, with what to do about them."""

from __future__ import annotations

import re
from collections.abc import Iterable

import psycopg
from sqlalchemy.exc import DBAPIError

from .session import GONE, is_gone

_PASSWORD = "check the password in the environment variable that the URL names"  # noqa: S105
_USED_UP = "the server's connections are used up; lower max_connections or the workers"
_ROLE = "check the user's name in the URL, or create the role with LOGIN"
_RULES = "check the user and the server's pg_hba.conf"
_DATABASE = "check the database's name in the URL"
_GRANT = "grant the audit's role USAGE on the schema and SELECT on it"
_BYPASS = "grant the audit's role BYPASSRLS, so that no row is hidden from it"
_TIMEOUT = "raise statement_timeout, or give the query an index to use"

_BY_STATE = {
    "28P01": _PASSWORD,
    "28000": _RULES,
    "3D000": _DATABASE,
    "3F000": "check the schema's name in the settings",
    "42501": f"{_GRANT} ({_BYPASS.replace('grant', 'and')} where row security applies)",
    "53300": _USED_UP,
    "55P03": "someone holds a lock; raise lock_timeout or try again",
}

_REFUSED = (
    (r"row-level security policy", _BYPASS),
    (r"permission denied for schema", "grant the audit's role USAGE on the schema"),
    (
        r"permission denied for (table|view|relation|sequence|materialized view|foreign table)",
        "grant the audit's role SELECT on it",
    ),
    (r"permission denied for function", "grant the audit's role EXECUTE on it, or do without it"),
    (r"permission denied for database", "grant the audit's role CONNECT on it"),
)
"""Advice for 42501. For messages that are not in English, the state's advice is given."""

_WHILE_CONNECTING = (
    (r"password authentication failed|no password supplied", _PASSWORD),
    (r'role ".*" does not exist|is not permitted to log in', _ROLE),
    (r'role ".*" is not permitted', _ROLE),
    (r'database ".*" does not exist', _DATABASE),
    (r"not currently accepting connections", f"{_DATABASE}; this one takes no sessions"),
    (r"permission denied for database", "grant the audit's role CONNECT on it"),
    (r"authentication failed", _RULES),
    (r"no encryption", f"{_RULES}; where it asks for TLS, write sslmode=require in the URL"),
    (r"pg_hba\.conf", _RULES),
    (
        r"does not support SSL",
        "turn TLS on at the server, or leave sslmode out of the URL where the way to it is safe",
    ),
    (
        r"certificate|SSL error|root\.crt",
        "check sslrootcert, sslcert and sslkey in the URL against the server's certificate",
    ),
    (r"GSSAPI", "check gssencmode in the URL and the Kerberos tickets of this machine"),
    (
        r"resolve host|translate host name|parse network address",
        "check the host's name in the URL",
    ),
    (
        r"standby mode|read-only|read only|not in recovery|session is not",
        "no host of the URL is what its target_session_attrs asks for",
    ),
    (r"definition of service", "check service in the URL, and the file pg_service.conf"),
    (r"remaining connection slots|too many", _USED_UP),
    (
        r"on socket",
        "check the folder of the server's socket (host in the URL), and that the server is up",
    ),
    (
        r"channel binding|require_auth|authentication method|auth method",
        "check channel_binding and require_auth in the URL against the server's pg_hba.conf",
    ),
)
_UNREACHABLE = "check that the server is up and can be reached"


def explain(error: DBAPIError) -> str:
    """Return the server's error message in one line, with what to do about it."""
    original = error.orig
    first_line = str(original).strip().partition("\n")[0]
    state = getattr(original, "sqlstate", None)
    if is_gone(error):
        return f"{first_line}; {GONE}"
    if state == "57014" and "statement timeout" in first_line:
        return f"{first_line}; {_TIMEOUT}"
    if isinstance(original, psycopg.OperationalError) and state is None:
        # libpq gives no SQLSTATE for errors while connecting.
        said = " ".join(str(original).split())
        return f"{said}; {_advice(said, _WHILE_CONNECTING) or _UNREACHABLE}"
    refused = _advice(first_line, _REFUSED) if state == "42501" else ""
    remedy = refused or _BY_STATE.get(state or "")
    return f"{first_line}; {remedy}" if remedy else first_line


def _advice(said: str, known: Iterable[tuple[str, str]]) -> str:
    return next((advice for words, advice in known if re.search(words, said)), "")
