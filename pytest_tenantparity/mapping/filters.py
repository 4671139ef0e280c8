"""Filters of the settings as SQL conditions, with the value of ``:as_of`` as a bound parameter.

Only this module makes SQL from filters, so that no query can omit the parameter.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, literal_column, true
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType

from ..config import KeyMap
from ..config.as_of import PARAMETER, WITHOUT_VALUE, around_as_of, in_words, uses_as_of
from ..errors import NotProven
from ..inventory import TablePair
from ..model import SIDES, NamedRule, Side
from ..stacks import TableFacts
from .migration import Migration


class _Bound(FunctionElement[Any]):
    """SQL of the settings, in pieces with bound parameters between them.

    Its type is not Boolean. For a Boolean, MySQL and SQLite would get ``(...) = 1``, which cannot
    use an index.
    """

    inherit_cache = True
    type = NullType()


@compiles(_Bound)
def _in_parentheses(element: _Bound, compiler: Any, **options: Any) -> str:
    return f"({' '.join(compiler.process(each, **options) for each in element.clauses)})"


def rows_taking_part(migration: Migration, pair: TablePair, side: Side) -> ColumnElement[bool]:
    """Return the condition of one side's filter, or true without a filter."""
    found = pair.settings.row_filter(side)
    return true() if found is None else _condition(migration, side, found.sql)


def rows_of_map(migration: Migration, settings: KeyMap) -> ColumnElement[bool]:
    """Return the condition of a key map's filter, or true without a filter."""
    sql = settings.filter
    return true() if sql is None else _condition(migration, settings.stack, sql)


def filter_rules(migration: Migration, pair: TablePair) -> list[NamedRule]:
    """Return rules for the report: a pair's filters, and key map filters that use ``:as_of``."""
    filters = ((side, pair.settings.row_filter(side)) for side in SIDES)
    names = dict.fromkeys(each.key_map for each in pair.settings.columns.values())
    maps = ((name, migration.settings.maps[name].filter) for name in names if name is not None)
    return [
        *(
            NamedRule(f"{side} rows only where {in_words(own.sql, migration.as_of)}: {own.reason}")
            for side, own in filters
            if own is not None
        ),
        *(
            NamedRule(f"rows of [maps.{name}] only where {in_words(sql, migration.as_of)}")
            for name, sql in maps
            if sql is not None and uses_as_of(sql)
        ),
    ]


def columns_in_utc(
    migration: Migration, pair: TablePair, side: Side, table: TableFacts
) -> set[str]:
    """Return the columns whose times without a zone are in UTC according to the settings."""
    zones = {each.name: migration.settings.rules.naive_zone for each in table.columns}
    for name, own in pair.settings.columns.items():
        if own.naive_zone is not None:
            zones[own.modern or name if side == "modern" else name] = own.naive_zone
    return {name for name, zone in zones.items() if zone == "UTC"}


def _condition(migration: Migration, side: Side, sql: str) -> ColumnElement[bool]:
    first, *others = around_as_of(sql)
    if not others:
        return literal_column(f"({sql})")
    if migration.as_of is None:
        said = f"a filter uses {PARAMETER}, which has no value: {sql}"
        raise NotProven(said, cause=WITHOUT_VALUE)
    value = migration.stacks[side].dialect.bound(migration.as_of.value)
    pieces: list[ColumnElement[Any]] = [literal_column(first)]
    for each in others:
        pieces += [value, literal_column(each)]
    return _Bound(*pieces)
