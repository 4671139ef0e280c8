"""A column that every write raises bounds the comparison: what is later may still be under way."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from ..errors import NotProven
from ..model import SIDES
from ..stacks.catalog import TIMES, Family
from .columns import ColumnPair
from .locate.digest import Row
from .opened import OpenPair
from .tolerance import instant

_WHOLE = re.compile("-?[0-9]+")
_SKEW = timedelta(minutes=5)  # of clocks; a row cannot have been written later than that from now


@dataclass(frozen=True, slots=True)
class Bound:
    """Up to where rows are compared: a number, a moment, or so long before the snapshots.

    ``text`` is what the user wrote.
    """

    text: str
    value: int | datetime | timedelta


@dataclass(frozen=True)
class Watermark:
    """Tells which versions of a row are later than the bound.

    ``zone`` is what times without one are meant in.
    """

    column: str
    index: int
    family: Family
    bound: Bound
    value: int | datetime
    zone: tzinfo

    def is_beyond(self, row: Row) -> bool:
        """Whether a version is later; NULL, the future, and what cannot be read are not."""
        text = row[self.index]
        if text is None:
            return False
        if isinstance(self.value, int):
            return bool(_WHOLE.fullmatch(text)) and int(text) > self.value
        moment = instant(self.family, text)
        if moment is None:
            return False
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=self.zone)
        return self.value < moment <= datetime.now(UTC) + _SKEW

    @property
    def rule(self) -> str:
        """What is compared, in words for the report."""
        to = self.bound.text
        if isinstance(self.bound.value, timedelta):
            to += " before the older snapshot"
        return f"rows may differ where a side has a version later than {to}"


def watermark_of(opened: OpenPair) -> Watermark | None:
    """Return the watermark of a table, if it has one and the run a bound.

    Raises :class:`NotProven` where the column cannot be read as that.
    """
    name, bound = opened.pair.settings.watermark, opened.context.watermark
    if name is None or bound is None:
        return None
    if len(opened.plan.key) == len(opened.plan.columns):
        raise _useless(opened, name, "needs a key: without one, no version of a row is another's")
    at = next((n for n, each in enumerate(opened.plan.columns) if each.name == name), None)
    if at is None:
        raise _useless(opened, name, "is not compared, so that nobody sees it")
    column = opened.plan.columns[at]
    wanted = {Family.INTEGER} if isinstance(bound.value, int) else TIMES - {Family.TIME}
    if column.family not in wanted:
        kinds = " or ".join(sorted(family.value for family in wanted))
        raise _useless(opened, name, f"is a {column.family.value}; {bound.text!r} needs a {kinds}")
    return Watermark(name, at, column.family, bound, _value(opened, bound), _zone(opened, column))


_WITHOUT_ZONE = {Family.DATE, Family.TIMESTAMP}


def _useless(opened: OpenPair, name: str, why: str) -> NotProven:
    return NotProven(f"[tables.{opened.pair.name}] watermark = {name!r} {why}")


def _value(opened: OpenPair, bound: Bound) -> int | datetime:
    if not isinstance(bound.value, timedelta):
        return bound.value
    stacks, places = opened.context.stacks, opened.places
    taken = [stacks[side].database(places[side]).server.snapshot_at for side in SIDES]
    return min(map(datetime.fromisoformat, taken)) - bound.value


def _zone(opened: OpenPair, column: ColumnPair) -> tzinfo:
    own = opened.pair.settings.columns.get(column.name)
    zone = own.naive_zone if own is not None else None
    zone = opened.context.settings.rules.naive_zone if zone is None else zone
    if zone is not None:
        return ZoneInfo(zone)
    if column.family in _WITHOUT_ZONE:
        raise _useless(
            opened, column.name, f"is a {column.family.value}: say in which naive_zone it is meant"
        )
    return UTC
