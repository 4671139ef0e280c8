"""Key maps: tables that lead from the ids of one stack to the new ids of the other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    and_,
    column,
    distinct,
    func,
    literal_column,
    select,
)

from ..config import KeyMap
from ..errors import NotProven, Wanted, did_you_mean, nearest
from ..stacks import Catalog, ColumnFacts, Dialect, Family, TableFacts
from ..stacks.dialects import ColumnRules
from ..stacks.sources import source_of

# Names that users' tables do not have, so that they hide no column of a row inside the look-up.
_OWN, _OTHER = "parity_map_own", "parity_map_other"


@dataclass(frozen=True)
class Lookup:
    """A key map on the stack that holds it, from the ids of this stack to those of the other.

    ``own`` and ``other`` are the two columns of ids. ``taking_part`` is the condition of the map's
    filter.
    """

    name: str
    settings: KeyMap
    table: TableFacts
    own: ColumnFacts
    other: ColumnFacts
    taking_part: ColumnElement[bool] = field(compare=False)

    def value(self, dialect: Dialect, own: ColumnElement[Any], facts: ColumnFacts) -> Any:
        """Return the SQL of the other stack's id for an id of this stack, or NULL without one."""
        mine = dialect.match_forms(column(_OWN), self.own, facts)
        yours = dialect.match_forms(own, facts, self.own)
        same = and_(*(one == other for one, other in zip(mine, yours, strict=True)))
        other: ColumnElement[Any] = column(_OTHER)
        found = select(other).select_from(self.rows()).where(same).limit(literal_column("1"))
        return found.scalar_subquery()

    def faults(
        self,
        connection: Connection,
        dialect: Dialect,
        compared: Iterable[tuple[Family, ColumnRules]],
    ) -> list[str]:
        """Return the reasons why the map is not a bijection; empty if it is one.

        ``compared`` are the families and rules by which columns compare the other stack's ids. Two
        different texts can be the same UUID.
        """
        plain = ColumnRules()
        read = [(self.other.family, plain), *compared]
        texts = [
            dialect.canonical(column(_OWN), self.own, self.own.family, plain),
            *(dialect.canonical(column(_OTHER), self.other, *each) for each in read),
        ]
        counts = (func.count(), *(func.count(distinct(each)) for each in texts))
        rows, owns, *different = connection.execute(select(*counts).select_from(self.rows())).one()
        others = min(different)
        if rows == owns == others:
            return []
        fault = (
            f"the key map {self.name!r} is no bijection: its {rows:,} rows hold {owns:,} different "
            f"{self.own.name} and {others:,} different {self.other.name}; each id has to lead to "
            f"one other, and none may be NULL ([maps.{self.name}])"
        )
        return [fault]

    def columns(self) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
        """Return this stack's ids and the other stack's ids, as columns of the map's rows."""
        return column(_OWN), column(_OTHER)

    def rows(self) -> FromClause:
        """Return the rows of the map."""
        own: ColumnElement[Any] = column(self.own.name).label(_OWN)
        other: ColumnElement[Any] = column(self.other.name).label(_OTHER)
        rows = select(own, other).select_from(source_of(self.table)).where(self.taking_part)
        return rows.subquery("parity_map")


def lookup_in(
    catalog: Catalog, name: str, settings: KeyMap, taking_part: ColumnElement[bool]
) -> Lookup:
    """Return a map's table and columns. Raises :class:`NotProven` if they do not exist."""
    side, table = settings.stack, catalog.tables.get(settings.table)
    if table is None:
        raise NotProven(
            f"the {side} stack has no table {settings.table!r}, which [maps.{name}] names."
            f"{did_you_mean(settings.table, catalog.tables)}",
            cause=f"[maps.{name}]",
            about=name,
            wanted=_instead(name, "table", nearest(settings.table, catalog.tables)),
        )
    if table.refused:
        raise NotProven(
            f"the {side} table {settings.table!r}, which [maps.{name}] names, {table.refused}",
            cause=f"[maps.{name}]",
            about=name,
        )
    names = settings.modern, settings.legacy
    ids = []
    for column_name in names if side == "modern" else names[::-1]:
        facts = table.column(column_name)
        if facts is None:
            known = [each.name for each in table.columns]
            raise NotProven(
                f"{table.schema}.{table.name} has no column {column_name!r}, which [maps.{name}] "
                f"names.{did_you_mean(column_name, known)}",
                cause=f"[maps.{name}] {column_name}",
                about=name,
                wanted=_instead(
                    name,
                    "modern" if column_name == settings.modern else "legacy",
                    nearest(column_name, known),
                ),
            )
        ids.append(facts)
    own, other = ids
    return Lookup(name, settings, table, own, other, taking_part)


def _instead(name: str, key: str, near: str) -> list[Wanted]:
    """Return the setting that names ``near``; empty if no name is near."""
    return [Wanted(("maps", name, key), near)] if near else []
