"""Errors of MySQL, MariaDB and PyMySQL in one line, with what to do about them."""

from __future__ import annotations

import re

from sqlalchemy.exc import DBAPIError

from .session import code_and_words

_USED_UP = "the user's connections are used up; lower max_connections or the workers"
_TIMEOUT = "raise statement_timeout, or give the query an index to use"
_LOST = "the connection was lost; is the server up, and does nothing end its sessions?"
_LOG_IN = (
    "check the user, the password in the environment variable that the URL names, "
    "the host that the user may come from, and whether the user has to use TLS (ssl_mode=REQUIRED)"
)
_EXPIRED = "set the user a new password, or let it not expire"
_TLS = "encrypt the connection: write ssl_mode=REQUIRED in the URL"
_REMEDIES = {
    1040: "the server's connections are used up; lower max_connections or the workers",
    1044: "check the database's name, or grant the audit's user SELECT on it",
    1045: _LOG_IN,
    1049: "check the database's name in the URL",
    1129: "the server has blocked this machine after failed attempts; FLUSH HOSTS lifts that",
    1130: "let the user come from this machine: 'user'@'host' names where from",
    1142: "grant the audit's user SELECT on it",
    1143: "grant the audit's user SELECT on the whole table",
    1153: "raise the server's max_allowed_packet",
    1203: _USED_UP,
    1205: "someone holds a lock; raise lock_timeout or try again",
    1226: _USED_UP,
    1273: "MySQL 8.0.17 or MariaDB 10.5 is the oldest server that can be compared soundly",
    1370: "grant the audit's user EXECUTE on it, or do without it",
    1412: "a table was altered during the run; run again",
    1698: "the user logs in by another way than a password, such as the server's own socket "
    "(unix_socket=/path in the URL); or make the audit a user of its own",
    1820: _EXPIRED,
    1862: _EXPIRED,
    1969: _TIMEOUT,
    2003: "check that the server is up and can be reached",
    2005: "check the host's name in the URL",
    2006: _LOST,
    2013: _LOST,
    2026: "turn TLS on at the server, or write ssl_mode=DISABLED where the way to it is safe",
    2059: "pip install 'PyMySQL[rsa]', or connect with TLS",
    3024: _TIMEOUT,
    3118: "unlock the user: ALTER USER ... ACCOUNT UNLOCK",
    3159: _TLS,
    4151: "unlock the user: ALTER USER ... ACCOUNT UNLOCK",
}
# The driver uses the number 2003 for several faults.
_UNREACHED = (
    (
        r"\[SSL|certificate|TLS",
        "check the server's certificate against ssl_ca in the URL (ssl_mode=REQUIRED does not)",
    ),
    (r"Errno -[2358]\]|getaddrinfo", "check the host's name in the URL"),
    (r"Errno 2\]", "check unix_socket in the URL, and that the server is up"),
    (r"Errno 99\]", "check bind_address in the URL: this machine has no such address"),
)


def explain(error: DBAPIError) -> str:
    """Return the server's error message in one line, with what to do about it."""
    code, said = code_and_words(error.orig)
    # PyMySQL calls each server MySQL, whether it is MySQL or MariaDB.
    line = re.sub(r"\b(the )?MySQL server", "the server", " ".join(said.split()))
    line = re.sub(r"^the server", "The server", line)
    remedy = _REMEDIES.get(code)
    if code == 2003:
        remedy = next((advice for words, advice in _UNREACHED if re.search(words, line)), remedy)
    if "insecure transport" in line:
        remedy = _TLS
    return f"{line}; {remedy}" if remedy else line
