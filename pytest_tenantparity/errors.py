"""What can go wrong with the tool itself. A finding is never one of these."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class TenantParityError(Exception):
    """Base of all errors of the tool. The message says what was found and what to do."""


class SettingsError(TenantParityError):
    """The settings, the tenants file or an option is wrong; pytest ends with exit code 4."""


class NotProven(TenantParityError):
    """A check could not be carried out; the message is the reason in the report."""


class StackUnavailable(NotProven):
    """A stack cannot be reached, or refused the session."""


class ConnectionLost(NotProven):
    """The connection went away, or none could be made: asking again may help."""


class NoSession(ConnectionLost):
    """The server is there, and takes no session now: it is starting, or its slots are used up."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the nearest known name, or nothing."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""
