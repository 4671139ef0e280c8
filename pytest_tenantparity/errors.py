"""Errors of the tool itself. A finding is never an error."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wanted:
    """A setting that removes a fault: its ``key``, such as ``("legacy", "schema")``, and value.

    A ``value`` of None means that the key has to be taken out. ``note`` says what a person has to
    know before: the value is likely, and not certain.
    """

    key: tuple[str, ...]
    value: object = None
    note: str = ""


class TenantParityError(Exception):
    """Base of all errors. The message gives the problem and what to do.

    - ``cause`` is equal for errors that one change removes; empty if only the message tells.
    - ``about`` is the table or column that the error is about; empty if there is none.
    - ``wanted`` are settings, each of which alone removes the fault. The likeliest one is first.
    - ``gist`` is the message without ``about``, for several errors of one cause; may be empty.
    - ``remedy`` is SQL for an administrator that removes the fault; empty if none does.
    """

    def __init__(
        self,
        message: object = "",
        *,
        cause: str = "",
        about: str = "",
        wanted: Iterable[Wanted] = (),
        gist: str = "",
        remedy: str = "",
    ) -> None:
        super().__init__(message)
        self.cause = cause
        self.about = about
        self.wanted = tuple(wanted)
        self.gist = gist
        self.remedy = remedy


class Mistake(ValueError):
    """A wrong value in the settings. ``instead`` is the likeliest right value, or None."""

    def __init__(self, message: str, *, instead: object = None) -> None:
        super().__init__(message)
        self.instead = instead


class SettingsError(TenantParityError):
    """The settings, the tenants file or an option is wrong. pytest ends with exit code 4."""


class NotProven(TenantParityError):
    """A check could not be carried out. The message is the reason in the report."""


class InconsistentReads(NotProven):
    """Two reads of one snapshot contradict each other."""


class UnexplainedMismatch(InconsistentReads):
    """Digests differ, although the rows that were read do not."""

    def __init__(self) -> None:
        super().__init__(
            "the digests differ, and the rows do not as they were read; what the servers hash is "
            "not what they send"
        )


class Unreadable(NotProven):
    """A query failed because of a value or of its own SQL, or a row cannot be hashed."""


class StackUnavailable(NotProven):
    """A stack cannot be reached, or it refused the session."""


class Unsuitable(StackUnavailable):
    """The audit does not support a URL or a server. The message does not yet name the stack."""


class ConnectionLost(NotProven):
    """A connection was lost or could not be made. A retry may succeed."""


class NoSession(ConnectionLost):
    """The server accepts no session now: it is starting, or all its connection slots are in use."""


@contextmanager
def settings_sql(key: str) -> Iterator[None]:
    """Add ``key``, the setting with the SQL, to the error if the server refuses the SQL."""
    try:
        yield
    except Unreadable as error:
        raise NotProven(f"{key}: {error}", cause=f"SQL of {key}", about=key) from None


def raised(error: NotProven) -> None:
    """Raise ``error``."""
    raise error


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the nearest known name, or an empty text."""
    near = nearest(name, known)
    return f" Did you mean {near!r}?" if near else ""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that is most similar to ``name``, ignoring case, or an empty text."""
    folded: dict[str, str] = {}
    for each in sorted(known):
        folded.setdefault(each.casefold(), each)
    near = difflib.get_close_matches(name.casefold(), list(folded), n=1)
    return folded[near[0]] if near else ""


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun, such as ``1 check`` or ``2,000 checks``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
