"""The parameters of a PostgreSQL URL: those that libpq has and the audit accepts."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache
from typing import Any

from psycopg.pq import Conninfo
from sqlalchemy.engine import URL

from ....errors import Unsuitable
from ....redaction import SECRET_PARAMETERS
from ...parameters import Reader, anything, checked, file, folder, one_of, texts, whole_number

_TLS = one_of("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_LONG = whole_number(0, 2_147_483_647)
_SWITCH = one_of("0", "1")
_READERS: dict[str, Reader] = {
    "sslmode": one_of("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslnegotiation": one_of("postgres", "direct"),
    "sslcertmode": one_of("disable", "allow", "require"),
    "sslcompression": _SWITCH,
    "sslsni": _SWITCH,
    "sslrootcert": file("system"),
    "sslcert": file(),
    "sslkey": anything,  # a file, or engine:key
    "sslcrl": file(),
    "sslcrldir": folder,
    "passfile": file(),
    "ssl_min_protocol_version": _TLS,
    "ssl_max_protocol_version": _TLS,
    "min_protocol_version": one_of("3.0", "3.2", "latest"),
    "max_protocol_version": one_of("3.0", "3.2", "latest"),
    "channel_binding": one_of("disable", "prefer", "require"),
    "gssencmode": one_of("disable", "prefer", "require"),
    "gsslib": one_of("gssapi", "sspi"),
    "gssdelegation": _SWITCH,
    "target_session_attrs": one_of(
        "any", "read-write", "read-only", "primary", "standby", "prefer-standby"
    ),
    "load_balance_hosts": one_of("disable"),
    "client_encoding": one_of("UTF8", "UTF-8", "unicode", "auto"),
    "connect_timeout": whole_number(1, 31_536_000),
    "keepalives": _SWITCH,
    "keepalives_idle": _LONG,
    "keepalives_interval": _LONG,
    "keepalives_count": _LONG,
    "tcp_user_timeout": _LONG,
}
_REFUSED = {
    "replication": "such a connection cannot be asked for rows",
    "sslkeylogfile": "it writes the keys of the connection to a file",
}
_RANDOM = (
    "each session would go to another server, and no two servers have one snapshot; "
    "leave it out, or name one server"
)
_SETTING = re.compile(r"(?:-c\s*|--)([A-Za-z0-9_.-]+)")
_HINTS = {
    "search_path": "schema",
    "statement_timeout": "statement_timeout",
    "lock_timeout": "lock_timeout",
}


@cache
def _known() -> dict[str, Reader]:
    """Return a reader for each parameter that the installed libpq has."""
    names = (option.keyword.decode() for option in Conninfo.get_defaults())
    return {name: _READERS.get(name, anything) for name in names if name not in _REFUSED}


def normalised(url: URL, pinned: Collection[str], *, shows_names: bool) -> URL:
    """Return ``url`` in the form for psycopg; raises :class:`Unsuitable`.

    ``pinned`` are the session settings that only the audit may set.
    """
    given = texts(url)
    if given.get("load_balance_hosts", "disable") != "disable":
        raise Unsuitable(f"the parameter load_balance_hosts is not taken: {_RANDOM}")
    found = checked(given, _known(), _REFUSED, engine="PostgreSQL", shows_names=shows_names)
    for name in _SETTING.findall(found.get("options", "")):
        setting = name.replace("-", "_").lower()
        if setting in {each.lower() for each in pinned}:
            way = f"; write [legacy] or [modern] {_HINTS[setting]}" if setting in _HINTS else ""
            raise Unsuitable(
                f"the parameter options sets {setting}, which is the audit's own to set{way}"
            )
    for ours in ("client_encoding", "application_name"):  # the audit sets these in each session
        found.pop(ours, None)
    user, password = found.pop("user", url.username), found.pop("password", url.password)
    if password and user is None:
        user = ""
    database = found.pop("dbname", url.database)
    return url.set(username=user, password=password, database=database, query=found)


def arguments(url: URL) -> tuple[URL, dict[str, Any], dict[str, Any]]:
    """Return the URL without parameters and password, these parameters, and all secrets."""
    query = {name: value for name, value in url.query.items() if name not in SECRET_PARAMETERS}
    secrets = {name: value for name, value in url.query.items() if name in SECRET_PARAMETERS}
    if url.password:
        secrets["password"] = url.password
    return URL.create(
        "postgresql+psycopg", url.username or None, None, url.host, url.port, url.database
    ), query, secrets  # fmt: skip
