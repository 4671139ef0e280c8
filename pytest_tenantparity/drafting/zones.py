"""The time zone that naive times were meant in, by rows that hold the same moment in UTC."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from .reflect import Row

# The first one that fits is proposed. All others are tried as well, in the order of their names.
_PREFERRED = (
    "Europe/Berlin", "Europe/London", "Europe/Athens", "Europe/Lisbon", "Europe/Moscow",
    "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles",
    "America/Phoenix", "America/Sao_Paulo", "Asia/Tokyo", "Asia/Shanghai", "Asia/Kolkata",
    "Asia/Singapore", "Asia/Dubai", "Australia/Sydney", "Pacific/Auckland",
)  # fmt: skip
_HANDFUL = 5


@dataclass(frozen=True)
class ZoneFit:
    """A zone by which all rows agree.

    - ``others``: how many further zones have the same offsets in these rows.
    - ``seasons``: whether there are rows of winter and of summer, so that a zone without summer
      time is told apart from one with it.
    - ``offsets``: how often each offset from UTC was seen, in words.
    """

    zone: str
    rows: int
    others: int
    seasons: bool
    offsets: str

    @property
    def is_sure(self) -> bool:
        """Whether there are enough rows, in both halves of the year."""
        return self.rows >= _HANDFUL and self.seasons


def moments(pairs: Iterable[tuple[Row, Row]], legacy: str, modern: str) -> list[tuple[str, str]]:
    """Return the two times of each row that has both, as canonical texts."""
    return [
        (one, other)
        for old, new in pairs
        if (one := old.get(legacy)) is not None and (other := new.get(modern)) is not None
    ]


def zones_of(columns: Sequence[Sequence[tuple[str, str]]]) -> list[ZoneFit]:
    """Return the zones of the naive times of several columns: one for all, or UTC and another."""
    times = [each for column in columns for each in column]
    if not times:
        return []
    if (whole := fitting_zone(times)) is not None:
        return [whole]
    in_utc = [column for column in columns if fits(column, "UTC")]
    others = [column for column in columns if column not in in_utc]
    found = [
        fitting_zone([each for column in part for each in column]) for part in (others, in_utc)
    ]
    return [fit for fit in found if fit is not None]


def fits(times: Sequence[tuple[str, str]], zone: str) -> bool:
    """Whether all naive times are in a zone."""
    both = _both(times)
    return both is not None and all(_fits(zone, *each) for each in both)


def fitting_zone(times: Sequence[tuple[str, str]]) -> ZoneFit | None:
    """Return the zone of naive times, each beside its moment; None if no zone fits all of them."""
    both = _both(times)
    if not both:
        return None
    differences = Counter(naive - moment.replace(tzinfo=None) for naive, moment in both)
    if any(abs(each) > timedelta(hours=15) for each in differences):
        return None
    ordered = sorted(set(both))
    sample = [*ordered[:1], *ordered[-1:], *ordered]
    fitting = [name for name in _zones() if all(_fits(name, *each) for each in sample)]
    if not fitting:
        return None
    months = {naive.month for naive, _ in both}
    seasons = bool(months & {12, 1, 2}) and bool(months & {6, 7, 8})
    offsets = ", ".join(
        f"{count} x {_in_hours(each)}" for each, count in sorted(differences.items())
    )
    return ZoneFit(fitting[0], len(both), len(fitting) - 1, seasons, offsets)


def _both(times: Sequence[tuple[str, str]]) -> list[tuple[datetime, datetime]] | None:
    """Return each naive time with its moment; None if there are other texts."""
    both = []
    for one, other in times:
        naive, moment = _parsed(one), _parsed(other)
        if naive is None or moment is None:
            return None
        if naive.tzinfo is not None and moment.tzinfo is None:
            naive, moment = moment, naive
        if naive.tzinfo is not None or moment.tzinfo is None:
            return None
        both.append((naive, moment))
    return both


def _in_hours(offset: timedelta) -> str:
    minutes = round(offset.total_seconds() / 60)
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


@cache
def _zones() -> tuple[str, ...]:
    left_out = ("posix/", "right/", "Etc/")
    known = sorted(n for n in available_timezones() if "/" in n and not n.startswith(left_out))
    ahead = [f"Etc/GMT{n:+d}" for n in range(-14, 13) if n]
    return ("UTC", *_PREFERRED, *(n for n in known if n not in _PREFERRED), *ahead)


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _fits(zone: str, naive: datetime, moment: datetime) -> bool:
    if zone == "UTC":
        return naive == moment.replace(tzinfo=None)
    return moment.astimezone(_zone(zone)).replace(tzinfo=None) == naive


def _parsed(text: str) -> datetime | None:
    spelled = text.removesuffix("+00")
    try:
        found = datetime.fromisoformat(spelled)
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if spelled != text else found


def in_utc(text: str, zone: str) -> str:
    """Return a naive time of ``zone`` as the canonical text of its moment; else unchanged."""
    found = _parsed(text)
    if found is None or found.tzinfo is not None:
        return text
    # An audit takes the second of the two moments of a time that clocks repeat.
    moment = found.replace(tzinfo=UTC if zone == "UTC" else _zone(zone), fold=1).astimezone(UTC)
    return canonical_time(moment.replace(tzinfo=None).isoformat(sep=" ")) + "+00"


def as_naive(text: str, zone: str) -> str:
    """Return a moment as the canonical text of its naive time in ``zone``; else unchanged."""
    found = _parsed(text)
    if found is None or found.tzinfo is None:
        return text
    there = found.astimezone(UTC if zone == "UTC" else _zone(zone))
    return canonical_time(there.replace(tzinfo=None).isoformat(sep=" "))


def canonical_time(text: str) -> str:
    """Return a time without zeros at the end of its fraction."""
    return text.rstrip("0").rstrip(".") if "." in text else text
