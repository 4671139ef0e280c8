"""The parameters of a MySQL or MariaDB URL, and the arguments for PyMySQL made from them."""

from __future__ import annotations

import ssl
from typing import Any

from sqlalchemy.engine import URL

from ....errors import Unsuitable
from ...parameters import (
    Reader,
    anything,
    checked,
    file,
    folder,
    one_of,
    texts,
    whole_number,
    yes_or_no,
)

MODES = ("DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY")
_SECONDS = whole_number(1, 31_536_000)
_READERS: dict[str, Reader] = {
    "user": anything,
    "password": anything,
    "passwd": anything,
    "database": anything,
    "db": anything,
    "unix_socket": anything,
    "bind_address": anything,
    "charset": one_of("utf8mb4", "utf8", "utf8mb3"),
    "connect_timeout": _SECONDS,
    "read_timeout": _SECONDS,
    "write_timeout": _SECONDS,
    "program_name": anything,
    "ssl": yes_or_no,
    "ssl_disabled": yes_or_no,
    "ssl_mode": one_of(*MODES),
    "ssl_ca": file(),
    "ssl_capath": folder,
    "ssl_cert": file(),
    "ssl_key": file(),
    "ssl_key_password": anything,
    "ssl_cipher": anything,
    "ssl_check_hostname": yes_or_no,
    "ssl_verify_cert": yes_or_no,
    "ssl_verify_identity": yes_or_no,
}
_OWN = "the audit sets that itself"
_REFUSED = {
    "init_command": "it could change the session that the audit has set up",
    "sql_mode": _OWN,
    "autocommit": _OWN,
    "collation": _OWN,
    "use_unicode": _OWN,
    "client_flag": _OWN,
    "local_infile": "the server could read files of this machine",
    "cursorclass": _OWN,
    "conv": _OWN,
    "defer_connect": _OWN,
    "binary_prefix": _OWN,
    "auth_plugin_map": "it is no text",
    "read_default_file": "put its values into the URL, by ${NAME} of the environment",
    "read_default_group": "put its values into the URL, by ${NAME} of the environment",
    "compress": "PyMySQL cannot do it",
    "named_pipe": "PyMySQL cannot do it",
}
_DROPPED = ("charset", "program_name", "ssl", "ssl_disabled")
_KEPT = ("unix_socket", "bind_address")
_NUMBERS = ("connect_timeout", "read_timeout", "write_timeout")


def normalised(url: URL, *, shows_names: bool) -> URL:
    """Return ``url`` in the form for :func:`arguments`; raises :class:`Unsuitable`."""
    given = {_spelled(name): value for name, value in texts(url).items()}
    if "host" in given:
        raise Unsuitable("names several hosts, or a folder; name one host, or unix_socket=/path")
    found = checked(given, _READERS, _REFUSED, engine="PyMySQL", shows_names=shows_names)
    mode = _mode(found)
    for name in _DROPPED:
        found.pop(name, None)
    if mode:
        found["ssl_mode"] = mode
    _require_certificates(found)
    user = found.pop("user", url.username)
    password = found.pop("password", found.pop("passwd", url.password))
    if password and user is None:
        user = ""
    database = found.pop("database", found.pop("db", url.database))
    found.pop("passwd", None)
    found.pop("db", None)
    return url.set(username=user, password=password, database=database, query=found)


def _spelled(name: str) -> str:
    """Return the driver's name for a parameter that is named as in MySQL's own programs."""
    spelled = name.replace("-", "_")
    spelled = {"sslmode": "ssl_mode", "socket": "unix_socket"}.get(spelled.lower(), spelled)
    return spelled if spelled in _READERS or spelled in _REFUSED else name


def _mode(found: dict[str, str]) -> str:
    """Return the encryption mode of the connection; empty if no parameter sets it."""
    asked = {
        mode
        for name, value, mode in (
            ("ssl", "true", "REQUIRED"),
            ("ssl", "false", "DISABLED"),
            ("ssl_disabled", "true", "DISABLED"),
        )
        if found.get(name) == value
    }
    asked |= {found["ssl_mode"]} & {"DISABLED", "PREFERRED"} if "ssl_mode" in found else set()
    if "DISABLED" in asked and (len(asked) > 1 or found.get("ssl_mode", "DISABLED") != "DISABLED"):
        raise Unsuitable("asks for TLS and against it; leave ssl_mode and drop ssl, ssl_disabled")
    return found.get("ssl_mode") or next(iter(asked), "")


def _require_certificates(found: dict[str, str]) -> None:
    if found.get("ssl_mode") in {"VERIFY_CA", "VERIFY_IDENTITY"}:
        return
    if "ssl_key" in found and "ssl_cert" not in found:
        raise Unsuitable("the parameter ssl_key needs ssl_cert beside it")
    more = [name for name in found if name.startswith("ssl_") and name != "ssl_mode"]
    if found.get("ssl_mode") == "DISABLED" and more:
        raise Unsuitable(f"asks against TLS and gives {more[0]}; drop one of them")


def arguments(url: URL) -> tuple[URL, dict[str, Any], dict[str, Any]]:
    """Return the URL without parameters and password, the arguments for PyMySQL, and the secrets.

    A password is sent to the server as UTF-8. PyMySQL itself would encode it as Latin-1.
    """
    query = texts(url)
    told: dict[str, Any] = {name: query[name] for name in _KEPT if name in query}
    told |= {name: int(query[name]) for name in _NUMBERS if name in query}
    if query.get("ssl_mode") == "DISABLED":
        told["ssl_disabled"] = True
    secrets = {"password": url.password.encode()} if url.password else {}
    bare = URL.create("mysql+pymysql", url.username, None, url.host, url.port, url.database)
    return bare, told, secrets


def encryption(url: URL) -> ssl.SSLContext | None:
    """Return the TLS context of the connection; None if TLS is off or left to driver and server.

    If the URL names a certificate authority, the server's certificate is verified. Its host name is
    verified too, unless another parameter excludes that. Raises OSError for certificates that
    cannot be read.
    """
    query = texts(url)
    mode = query.get("ssl_mode", "")
    told = [name for name in query if name.startswith("ssl_") and name != "ssl_mode"]
    if mode == "DISABLED" or (mode in {"", "PREFERRED"} and not told):
        return None
    authority = "ssl_ca" in query or "ssl_capath" in query
    by_name = {"VERIFY_CA": False, "REQUIRED": False, "VERIFY_IDENTITY": True}.get(mode, authority)
    for name in ("ssl_check_hostname", "ssl_verify_identity"):
        by_name = query[name] == "true" if name in query else by_name
    verifies = by_name or authority or mode in {"VERIFY_CA", "VERIFY_IDENTITY"}
    if query.get("ssl_verify_cert") == "true":
        verifies = True
    context = ssl.create_default_context(cafile=query.get("ssl_ca"), capath=query.get("ssl_capath"))
    # MySQL's own certificates do not pass the additional checks of Python 3.13.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.check_hostname = by_name
    context.verify_mode = ssl.CERT_REQUIRED if verifies else ssl.CERT_NONE
    if "ssl_cert" in query:
        # An empty password, so that no password is requested at the terminal.
        password = query.get("ssl_key_password", "")
        context.load_cert_chain(query["ssl_cert"], query.get("ssl_key"), password)
    if "ssl_cipher" in query:
        context.set_ciphers(query["ssl_cipher"])
    return context
