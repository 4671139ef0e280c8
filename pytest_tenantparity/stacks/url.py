"""Database URLs: filled in from the environment, never shown with a password."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from ..errors import StackUnavailable

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_SECRET_PARAMETERS = ("password", "passwd", "sslpassword", "passfile")


def resolve_url(side: str, template: str, environment: Mapping[str, str]) -> URL:
    """Fill ``${NAME}`` parts in and parse the URL.

    A template that is one variable is taken as it stands; inside a longer one each value is
    quoted, so that a password may hold any character. Raises :class:`StackUnavailable` when a
    variable is not set or the outcome is no URL; the message never shows a value.
    """

    def value(found: re.Match[str]) -> str:
        name = found.group(1)
        if not environment.get(name):
            raise StackUnavailable(
                f"the environment variable {name} is not set; [{side}] url needs it"
            )
        raw = environment[name]
        return raw if found.group(0) == template else quote(raw, safe=":/,[]")

    text = _VARIABLE.sub(value, template)
    try:
        return make_url(text)
    except (ArgumentError, ValueError):
        raise StackUnavailable(
            f"[{side}] url is no database URL; "
            "write postgresql://user:${PASSWORD}@host:port/database"
        ) from None


def address_of(url: URL) -> str:
    """Return host, port and database of a URL, and nothing else of it."""
    host = url.host or url.query.get("host") or "localhost"
    port = f":{url.port}" if url.port else ""
    return f"{host}{port}/{url.database or ''}"


def without_secrets(text: str, url: URL) -> str:
    """Return the text with each secret of the URL blotted out, however it is spelled."""
    secrets = [url.password, *(url.query.get(name) for name in _SECRET_PARAMETERS)]
    for secret in (str(secret) for secret in secrets if secret):
        for spelling in {secret, quote(secret, safe=""), quote(secret)}:
            text = text.replace(spelling, "***")
    return text
