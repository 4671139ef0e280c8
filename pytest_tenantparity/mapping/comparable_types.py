"""Types that can be compared soundly, and as which family: the table of docs/types.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..model import SIDES, Side
from ..stacks import ColumnFacts, Dialect, Family
from ..stacks.catalog import DOCUMENTS, TEXTS
from ..stacks.dialects import ColumnRules

TYPES: dict[str, Family] = {
    "boolean": Family.BOOLEAN,
    "bytes": Family.BYTES,
    "date": Family.DATE,
    "decimal": Family.DECIMAL,
    "float": Family.FLOAT,
    "json": Family.JSON,
    "text": Family.TEXT,
    "time": Family.TIME,
    "timestamp": Family.TIMESTAMP,
    "timestamptz": Family.TIMESTAMPTZ,
    "uuid": Family.UUID,
}
"""The values of a column's setting ``type = "..."``, and the family of each."""

_EXACT_NUMBERS = frozenset({Family.INTEGER, Family.DECIMAL})

# The families, besides itself, that a family can be read from.
_READ_FROM: dict[Family, frozenset[Family]] = {
    Family.BOOLEAN: TEXTS | {Family.INTEGER, Family.DECIMAL, Family.BIT},
    Family.BYTES: TEXTS,
    Family.DATE: TEXTS,
    Family.DECIMAL: TEXTS | {Family.INTEGER},
    Family.FLOAT: TEXTS | _EXACT_NUMBERS,
    Family.INTEGER: TEXTS,
    Family.JSON: frozenset({Family.JSONB, Family.TEXT, Family.WRITTEN}),
    Family.JSONB: frozenset({Family.JSON, Family.TEXT, Family.WRITTEN}),
    Family.TEXT: TEXTS,
    Family.TIME: TEXTS,
    Family.TIMESTAMP: TEXTS,
    Family.TIMESTAMPTZ: TEXTS,
    Family.UUID: TEXTS | {Family.BYTES},
}

_ONE_BIT = "bit(1)"  # longer bit strings are not flags
_NOTHING = "NULL"  # the type of a file's column that holds only NULL

# Each engine has its own texts for these families, which no other engine has.
_ENGINE_OWN = frozenset({Family.INTERVAL, Family.TIMETZ, Family.SAME_TYPE})


@dataclass(frozen=True, slots=True)
class CommonType:
    """The family that two columns are compared as.

    ``spoken`` is the assumption that this makes, in words. ``by_content``: documents are compared
    by content, regardless of their spelling.
    """

    family: Family
    spoken: str = ""
    by_content: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """The reason why two columns cannot be compared soundly.

    ``own`` are settings of the column, which together make it comparable. ``everywhere`` are
    settings in ``[rules]``, of which one does. ``note`` is when they are right. ``types`` is the
    reason without what to do about it, in short.
    """

    why: str
    own: Mapping[str, str] = field(default_factory=dict)
    everywhere: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    types: str = ""


def meet(
    columns: Mapping[Side, ColumnFacts],
    dialects: Mapping[Side, Dialect],
    rules: ColumnRules,
    read_as: Family | None = None,
) -> CommonType | Refusal:
    """Return the family that two columns are compared as, or why they cannot be compared.

    ``read_as`` is the family of the values according to the settings.
    """
    legacy, modern = columns["legacy"], columns["modern"]
    for side in SIDES:
        facts = columns[side]
        if facts.family is Family.UNKNOWN:
            why = facts.refused or "whose values nobody has shown how to compare"
            own = {
                f"{each}_sql": columns[each].text_sql
                for each in SIDES
                if columns[each].family is Family.UNKNOWN and columns[each].text_sql
            }
            types = f"has the type {facts.declared} on the {side} stack"
            return Refusal(f"{types}, {why}", own, note=_INJECTIVE, types=types)
    if read_as is not None:
        read = _read(legacy, modern, read_as, rules)
        return read if isinstance(read, Refusal) else _unless_zone(read, columns, dialects, rules)
    same_engine = dialects["legacy"].name == dialects["modern"].name
    met = _met(legacy, modern, rules, same_engine)
    if met is None:
        hint = _hint(legacy, modern)
        return Refusal(
            f"is {legacy.declared} on the legacy stack and {modern.declared} on the modern one, "
            f"which have no text in common{hint.said}",
            hint.own,
            hint.everywhere,
            hint.note,
            f"is {legacy.declared} on the legacy stack and {modern.declared} on the modern one",
        )
    return _unless_zone(met, columns, dialects, rules)


def _read(
    legacy: ColumnFacts, modern: ColumnFacts, family: Family, rules: ColumnRules
) -> CommonType | Refusal:
    for facts, other in ((legacy, modern), (modern, legacy)):
        if facts.family is not family and not _is_readable(facts, other, family, rules):
            hint = _needed(facts, other, family)
            said = f"is {facts.declared}, which cannot be read as {family.value}{hint.said}"
            return Refusal(said, hint.own, hint.everywhere, hint.note)
    spoken = f"is read as {family.value}, however it is stored"
    naive = Family.TIMESTAMP in (legacy.family, modern.family) or rules.naive_zone == "UTC"
    if naive and family is Family.TIMESTAMPTZ:
        zone = str(rules.naive_zone)
        spoken += f"; naive times are meant in {zone}{_which_of_two(zone)}"
    return CommonType(family, spoken, by_content=family in DOCUMENTS)


def _is_readable(
    facts: ColumnFacts, other: ColumnFacts, family: Family, rules: ColumnRules
) -> bool:
    if family is Family.TIMESTAMPTZ and facts.family is Family.TIMESTAMP:
        # Two different naive times can be one instant if clocks skip an hour.
        return rules.naive_zone is not None and other.family is not Family.TIMESTAMP
    if family is Family.BOOLEAN and facts.family is Family.BIT:
        return facts.declared == _ONE_BIT
    return facts.family in _READ_FROM.get(family, ())


def _needed(facts: ColumnFacts, other: ColumnFacts, family: Family) -> _Hint:
    """Return a hint at what would make the column readable; empty if nothing does."""
    if family is not Family.TIMESTAMPTZ or facts.family is not Family.TIMESTAMP:
        return _Hint("")
    if other.family is Family.TIMESTAMP:
        said = '; both sides hold naive times, which are compared as type = "timestamp"'
        return _Hint(said, {"type": "timestamp"})
    said = "; say with naive_zone which zone its times are meant in"
    return _Hint(said, everywhere={"naive_zone": "UTC"}, note=_ZONE)


def _met(
    legacy: ColumnFacts, modern: ColumnFacts, rules: ColumnRules, same_engine: bool
) -> CommonType | None:
    one, other = legacy.family, modern.family
    if _NOTHING in (legacy.type, modern.type):
        typed = other if legacy.type == _NOTHING else one
        typed = Family.TEXT if typed is Family.WRITTEN else typed
        return CommonType(typed, "holds NULL alone on one side", by_content=typed in DOCUMENTS)
    if one is other:
        return _alike(legacy, modern, rules, same_engine)
    if Family.WRITTEN in (one, other):
        return _written(other if one is Family.WRITTEN else one, rules)
    return _mixed(rules).get(frozenset({one, other}))


def _mixed(rules: ColumnRules) -> dict[frozenset[Family], CommonType]:
    """Return the pairs of families that have a text in common, some of them only under a rule."""
    found = {
        _EXACT_NUMBERS: CommonType(Family.DECIMAL),
        frozenset({Family.TEXT, Family.PADDED}): CommonType(Family.TEXT),
        frozenset({Family.BOOLEAN, Family.INTEGER}): CommonType(
            Family.INTEGER, "true is 1 and false is 0"
        ),
    }
    if rules.naive_zone:
        spoken = f"naive times are meant in {rules.naive_zone}{_which_of_two(rules.naive_zone)}"
        times = frozenset({Family.TIMESTAMP, Family.TIMESTAMPTZ})
        found[times] = CommonType(Family.TIMESTAMPTZ, spoken)
    if rules.canonical_json:
        found[DOCUMENTS] = CommonType(Family.JSON, _BY_CONTENT, by_content=True)
    return found


_BY_CONTENT = "JSON is compared by content, not by its spelling"


def _which_of_two(zone: str) -> str:
    """Return in words which instant a naive time means if the clocks show it twice."""
    return "" if zone == "UTC" else ", and in an hour that clocks repeat, its second time"


def _alike(
    legacy: ColumnFacts, modern: ColumnFacts, rules: ColumnRules, same_engine: bool
) -> CommonType | None:
    family = legacy.family
    if family is Family.WRITTEN:
        return CommonType(Family.TEXT)
    if family in _ENGINE_OWN:
        same_type = family is not Family.SAME_TYPE or legacy.type == modern.type
        return CommonType(family) if same_engine and same_type else None
    if family is Family.JSONB:
        return CommonType(family, by_content=True)
    if family is Family.JSON and rules.canonical_json:
        return CommonType(family, _BY_CONTENT, by_content=True)
    if family is Family.JSON and not same_engine:
        return None
    return CommonType(family)


def _written(typed: Family, rules: ColumnRules) -> CommonType | None:
    if typed not in _READ_FROM or Family.WRITTEN not in _READ_FROM[typed]:
        return CommonType(Family.TEXT) if typed is Family.PADDED else None
    spoken = "" if typed is Family.TEXT else f"is read as {typed.value} out of a file without types"
    if typed is Family.TIMESTAMPTZ and rules.naive_zone == "UTC":
        spoken += "; naive times are meant in UTC"
    return CommonType(typed, spoken, by_content=typed in DOCUMENTS)


def _unless_zone(
    met: CommonType,
    columns: Mapping[Side, ColumnFacts],
    dialects: Mapping[Side, Dialect],
    rules: ColumnRules,
) -> CommonType | Refusal:
    if met.family is not Family.TIMESTAMPTZ or rules.naive_zone in (None, "UTC"):
        return met
    for side in SIDES:
        other: Side = "modern" if side == "legacy" else "legacy"
        if columns[side].family is Family.TIMESTAMP and not dialects[side].converts_zones:
            if columns[other].family is Family.TIMESTAMPTZ and dialects[other].converts_zones:
                local = f"the {other} side's instants are compared as times of that zone"
                return CommonType(Family.TIMESTAMP, f"{met.spoken}; {local}")
            hint = _cure(columns, dialects, side, str(rules.naive_zone))
            return Refusal(
                f"holds naive times of {rules.naive_zone} on the {side} stack, and "
                f"{dialects[side].name} converts no zone but UTC without errors{hint.said}",
                hint.own,
            )
    return met


_ZONE = "if the naive times are in UTC; else their zone"
_SAME = "if both hold the same"
_INJECTIVE = "if this text tells all values apart"
_OWN_SQL = (
    "; write SQL that gives both one text (legacy_sql, modern_sql), such as "
    "\"array_to_string(tags, ',')\" for an array beside a SET"
)


def _cure(
    columns: Mapping[Side, ColumnFacts], dialects: Mapping[Side, Dialect], naive: Side, zone: str
) -> _Hint:
    """Return a hint at how to compare the other side's moments as naive times of ``zone``."""
    other: Side = "modern" if naive == "legacy" else "legacy"
    converted = dialects[other].naive_sql(columns[other].name, zone)
    if not converted:
        return _Hint('; store them in UTC, which naive_zone = "UTC" then says')
    said = (
        f"; have the other side converted to such times: {other}_sql = {json.dumps(converted)} "
        "(in the hour that clocks repeat, two moments are then one time)"
    )
    return _Hint(said, {f"{other}_sql": converted})


@dataclass(frozen=True, slots=True)
class _Hint:
    """What would make columns comparable, in words and as settings: see :class:`Refusal`."""

    said: str
    own: Mapping[str, str] = field(default_factory=dict)
    everywhere: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


def _hint(legacy: ColumnFacts, modern: ColumnFacts) -> _Hint:
    pair = frozenset({legacy.family, modern.family})
    declared = (legacy.declared, modern.declared)
    if pair == {Family.TIMESTAMP, Family.TIMESTAMPTZ}:
        said = "; say with naive_zone which zone the naive times are meant in"
        return _Hint(said, everywhere={"naive_zone": "UTC"}, note=_ZONE)
    if pair <= DOCUMENTS:
        return _Hint('; allow it with json = "canonical"', everywhere={"json": "canonical"})
    for word, family in TYPES.items():
        meant = pair & ({family, Family.INTEGER} if family is Family.DECIMAL else {family})
        if Family.BIT in pair and _ONE_BIT not in declared:
            continue
        if meant and all(each is family or each in _READ_FROM[family] for each in pair):
            return _Hint(
                f'; if both hold the same, say type = "{word}"', {"type": word}, note=_SAME
            )
    return _Hint(_OWN_SQL)
