"""What can go wrong with the tool itself. A finding is never one of these."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class TenantParityError(Exception):
    """Base of all errors of the tool. The message says what was found and what to do."""


class SettingsError(TenantParityError):
    """The settings, the tenants file or an option is wrong; pytest ends with exit code 4."""


class NotProven(TenantParityError):
    """A check could not be carried out; the message is the reason in the report."""


class Unreadable(NotProven):
    """A query was refused for a value that it met, or for its own SQL, or a row has no hash."""


class StackUnavailable(NotProven):
    """A stack cannot be reached, or refused the session."""


class Unsuitable(StackUnavailable):
    """A URL or a server that the audit does not use; the message does not yet name the stack."""


class ConnectionLost(NotProven):
    """The connection went away, or none could be made: asking again may help."""


class NoSession(ConnectionLost):
    """The server is there, and takes no session now: it is starting, or its slots are used up."""


@contextmanager
def settings_sql(key: str) -> Iterator[None]:
    """Name the key of the settings whose SQL is run, where the server refuses that."""
    try:
        yield
    except Unreadable as error:
        raise NotProven(f"{key}: {error}") from None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the nearest known name, or nothing."""
    near = nearest(name, known)
    return f" Did you mean {near!r}?" if near else ""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that is most like a name, whatever its case; empty if none is."""
    folded: dict[str, str] = {}
    for each in sorted(known):
        folded.setdefault(each.casefold(), each)
    near = difflib.get_close_matches(name.casefold(), list(folded), n=1)
    return folded[near[0]] if near else ""


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number of things, such as ``1 check`` or ``2,000 checks``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
