"""The parameter ``:as_of`` of filters, and its value from ``--parity-as-of``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import pairwise

from ..errors import SettingsError
from .sql_tokens import tokens

PARAMETER = ":as_of"
OPTION = "--parity-as-of"
WITHOUT_VALUE = f"{PARAMETER} without a value"

_CHOICES = (
    "give a moment with its zone (2026-11-30T12:00:00Z or 2026-11-30T13:00:00+01:00), a date "
    "(2026-11-30), or a whole number of 64 bits (1796040000)"
)
_WHOLE = re.compile("-?[0-9]+")
_LONGEST = len(str(-(2**63)))
_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = r"[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
_ZONE = "Z|[+-][0-9]{2}(:?[0-9]{2})?"
_DATE = re.compile(_DAY)
_MOMENT = re.compile(f"{_DAY}[T ]{_TIME}(?P<zone>{_ZONE})?")


@dataclass(frozen=True, slots=True)
class AsOf:
    """The value of ``:as_of``: a 64-bit integer, a date, or a moment in UTC."""

    value: int | date | datetime

    @property
    def text(self) -> str:
        """The value as reports show it. Equal values have equal texts."""
        if isinstance(self.value, datetime):
            return f"{self.value.replace(tzinfo=None).isoformat()}Z"
        return str(self.value)

    @classmethod
    def read(cls, text: str) -> AsOf:
        """Return the value of ``--parity-as-of``. Raises :class:`SettingsError`."""
        why = "is neither a moment, a date nor a whole number"
        try:
            if _WHOLE.fullmatch(text):
                if len(text) <= _LONGEST and -(2**63) <= int(text) < 2**63:
                    return cls(int(text))
                why = "has more than 64 bits"
            elif _DATE.fullmatch(text):
                return cls(date.fromisoformat(text))
            elif moment := _MOMENT.fullmatch(text):
                if moment["zone"] is not None:
                    return cls(datetime.fromisoformat(text).astimezone(UTC))
                why = "has no zone, and would be another moment in each"
        except (ValueError, OverflowError) as error:
            why = f"is not in the calendar ({error})"
        raise SettingsError(f"{OPTION}={text}: {text!r} {why}; {_CHOICES}")


def around_as_of(sql: str) -> list[str]:
    """Return the parts of ``sql`` before, between and after its parameters ``:as_of``.

    ``:as_of`` is not a parameter within a string literal or a comment, as a cast ``::as_of``, or as
    a part of another name. Raises :class:`ValueError` if engines disagree on where string literals
    and comments are.
    """
    if PARAMETER not in sql:
        return [sql]
    places, others = ([*_places(sql, mysql=mysql)] for mysql in (False, True))
    if places != others:
        raise ValueError(
            f"{sql!r}: it depends on the engine whether {PARAMETER} is in a text or a comment; "
            "write texts in single quotes without a backslash, and leave comments out"
        )
    ends = [0, *(end for start in places for end in (start, start + len(PARAMETER))), len(sql)]
    return [sql[start:end] for start, end in list(pairwise(ends))[::2]]


def _places(sql: str, *, mysql: bool) -> Iterator[int]:
    for token in tokens(sql, mysql=mysql):
        if token.kind == "parameter" and token.text == PARAMETER:
            yield token.start
        # PostgreSQL nests comments. Other engines end a comment at the first closing sign.
        elif not mysql and token.kind == "comment" and token.text.rfind("/*") > 0:
            yield -1


def uses_as_of(sql: str) -> bool:
    """Whether ``sql`` contains the parameter ``:as_of``."""
    return len(around_as_of(sql)) > 1


def clear_as_of(sql: str) -> str:
    """Return ``sql`` unchanged. Raises :class:`ValueError` as :func:`around_as_of` does."""
    around_as_of(sql)
    return sql


def in_words(sql: str, as_of: AsOf | None) -> str:
    """Return a filter's SQL for reports, with the value after each parameter."""
    value = "" if as_of is None else f" ({as_of.text})"
    return f"{PARAMETER}{value}".join(around_as_of(sql))


def require_as_of(filters: Iterable[tuple[str, str]], as_of: AsOf | None) -> None:
    """Check that a value is given if a filter uses ``:as_of``, and only then.

    ``filters`` are the settings' filters, each with its place in the settings. Raises
    :class:`SettingsError`.
    """
    places = [place for place, sql in filters if uses_as_of(sql)]
    if places and as_of is None:
        raise SettingsError(
            f"{places[0]} uses {PARAMETER}, which has no value; add {OPTION}=VALUE: {_CHOICES}",
            cause=WITHOUT_VALUE,
        )
    if as_of is not None and not places:
        raise SettingsError(
            f"{OPTION}={as_of.text}: no filter uses {PARAMETER}; write [tables.<name>] "
            f'legacy_filter and modern_filter = {{ sql = "updated_at <= {PARAMETER}", reason = '
            '"..." }, or leave the option out'
        )
