"""SQL that attributes rows to tenants, and selects the rows that a check reads on one side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    Text,
    and_,
    column,
    func,
    literal_column,
    select,
    table,
    true,
    tuple_,
)

from ..config import Tenancy
from ..config.settings import Hop
from ..errors import NotProven
from ..model import Side, Tenant
from ..stacks import Catalog, ColumnFacts, Dialect, Family, TableFacts
from ..stacks.dialects import ColumnRules, spelled_as

_START, _END = "parity_start", "parity_end"


@dataclass(frozen=True)
class Owners:
    """The attribution of rows to tenants.

    ``mark`` is the SQL of the discriminator, and ``text`` is its canonical text. ``tenants`` are
    the tenants by that text. ``ambiguous`` is a query for start values of a path that lead to
    several discriminator values, so that their rows occur twice.
    """

    mark: ColumnElement[Any]
    text: ColumnElement[str]
    tenants: Mapping[str, str]
    ambiguous: Select[Any] | None = None

    @cached_property
    def marks(self) -> Mapping[str, Sequence[str]]:
        """The discriminator's texts of each tenant."""
        marks: dict[str, list[str]] = {}
        for mark, tenant in self.tenants.items():
            marks.setdefault(tenant, []).append(mark)
        return marks

    def marks_of(self, tenant: str) -> Sequence[str]:
        """Return the discriminator's texts of ``tenant``."""
        return self.marks.get(tenant, ())


@dataclass(frozen=True)
class Scope:
    """A table, and the condition that its rows must meet.

    ``owners`` is set if the rows are attributed to tenants. ``wide``: the scope contains so many of
    the table's rows that an index is of no use.
    """

    table: FromClause
    condition: ColumnElement[bool]
    owners: Owners | None = None
    wide: bool = False

    def owner_of(self, mark: object) -> str:
        """Return the tenant of a discriminator value, or an empty text without owners.

        Raises :class:`UnknownOwner` if no tenant has the value.
        """
        if self.owners is None:
            return ""
        try:
            return self.owners.tenants[str(mark)]
        except KeyError:
            raise UnknownOwner(f"a row is marked by {mark!r}, which no tenant has") from None


class UnknownOwner(NotProven):
    """Rows cannot be attributed for certain, so that each tenant has to be read separately."""


def tenant_values(side: Side, tenants: Sequence[Tenant]) -> list[str]:
    """Return the discriminator values of ``tenants`` on one side."""
    if side == "legacy":
        return [account for tenant in tenants for account in tenant.legacy_accounts]
    return [tenant.modern_id for tenant in tenants]


def scope_of(
    facts: TableFacts,
    catalog: Catalog,
    dialect: Dialect,
    tenancy: Tenancy,
    values: Sequence[str],
    taking_part: ColumnElement[bool],
) -> Scope:
    """Return the rows that pass the filter and are attributed to one of ``values``.

    Without a discriminator column, these are all rows that pass the filter.
    """
    belongs = (
        true()
        if tenancy.first_column is None
        else owned_by(facts, catalog, dialect, tenancy, values)
    )
    everything = tenancy.first_column is None
    return Scope(source_of(facts), belongs & taking_part, wide=everything)


def owners_scope(
    facts: TableFacts,
    catalog: Catalog,
    dialect: Dialect,
    tenancy: Tenancy,
    marks: Sequence[tuple[str, str]],
    taking_part: ColumnElement[bool],
) -> Scope:
    """Return the rows of several tenants at once, each attributed to its tenant.

    ``marks`` are the tenants' discriminator values, each with its tenant. Raises
    :class:`UnknownOwner` if two of them are equal in the column, or may be equal. For example,
    ``2024-1-1`` equals ``2024-01-01`` in a column of dates.
    """
    end = end_of(facts, catalog, tenancy)
    values = [value for value, _ in marks]
    for value in values:
        _require_known_spelling(value, end)
    tenants = {as_kept(value, end): tenant for value, tenant in marks}
    if len(tenants) != len(marks):
        raise UnknownOwner("several tenants' values are one in the column that holds them")
    if tenancy.hops:
        return _led_scope(facts, catalog, dialect, tenancy, values, tenants, taking_part)
    owned = scope_of(facts, catalog, dialect, tenancy, values, taking_part)
    text = dialect.canonical(column(end.name), end, end.family, ColumnRules())
    mark = column(end.name) if dialect.groups_by(end) else text
    return replace(owned, owners=Owners(mark, text, tenants))


def _led_scope(
    facts: TableFacts,
    catalog: Catalog,
    dialect: Dialect,
    tenancy: Tenancy,
    values: Sequence[str],
    tenants: Mapping[str, str],
    taking_part: ColumnElement[bool],
) -> Scope:
    """Return rows joined with the discriminator values that their first column leads to."""
    first, end = _column_of(facts, tenancy.first_column or ""), end_of(facts, catalog, tenancy)
    hop = tenancy.hops[0]
    if first.family is not _hop(catalog, hop.table, hop.key)[1].family:
        # One float can equal two whole numbers, and its row would then occur twice.
        raise UnknownOwner(f"{first.name!r} and what it leads to are not of one kind")
    path = hops_of(catalog, dialect, tenancy)
    wanted = dialect.any_of(path.value, end, values)
    starts = path.forms(first)
    labels = [f"{_START}_{number}" for number in range(len(starts))]
    labelled = (start.label(label) for start, label in zip(starts, labels, strict=True))
    ways = select(*labelled, path.end.label(_END)).select_from(path.joined)
    ways_ = ways.where(wanted).distinct().subquery("parity_ways")
    table_ = source_of(facts)
    own = dialect.match_forms(table_.c[first.name], first, path.key)
    joined = table_.join(ways_, _all_equal(own, [ways_.c[label] for label in labels]))
    exact = ways_.c[labels[-1]]
    # The result is a constant: a start value can be '' or 0. No row is joined by NULL.
    several: Select[Any] = select(literal_column("1").label("found")).group_by(exact)
    several = several.having(func.count() > literal_column("1"))
    several = several.select_from(ways_).where(exact.is_not(None)).limit(literal_column("1"))
    ambiguous = select(several.subquery("several"))
    mark = column(_END, Text)
    return Scope(joined, taking_part, Owners(mark, mark, tenants, ambiguous))


@dataclass(frozen=True)
class Path:
    """The joined tables that a tenancy leads through, with its first and last values.

    ``first`` is the first value, ``start`` is its text, and ``key`` is its column. ``value`` is the
    last value, and ``end`` is its text.
    """

    dialect: Dialect
    joined: FromClause
    key: ColumnFacts
    first: ColumnElement[Any]
    start: ColumnElement[str]
    value: ColumnElement[Any]
    end: ColumnElement[str]

    def forms(self, other: ColumnFacts) -> tuple[ColumnElement[Any], ...]:
        """Return forms of the first value that match those of values of the column ``other``."""
        return self.dialect.match_forms(self.first, self.key, other)


def hops_of(catalog: Catalog, dialect: Dialect, tenancy: Tenancy) -> Path:
    """Return the path from the first column's values to the discriminator values."""
    hop = tenancy.hops[0]
    table_, first = _hop(catalog, hop.table, hop.key)
    joined: FromClause = source_of(table_).alias("parity_hop_0")
    start = joined.c[first.name]
    at, facts = joined.c[hop.take], _column_of(table_, hop.take)
    for number, hop_ in enumerate(tenancy.hops[1:], start=1):
        table_, key = _hop(catalog, hop_.table, hop_.key)
        alias = source_of(table_).alias(f"parity_hop_{number}")
        mine = dialect.match_forms(alias.c[key.name], key, facts)
        joined = joined.join(alias, _all_equal(mine, dialect.match_forms(at, facts, key)))
        at, facts = alias.c[hop_.take], _column_of(table_, hop_.take)
    end = dialect.canonical(at, facts, facts.family, ColumnRules())
    text_ = dialect.canonical(start, first, first.family, ColumnRules())
    return Path(dialect, joined, first, start, text_, at, end)


def _all_equal(
    one: Sequence[ColumnElement[Any]], other: Sequence[ColumnElement[Any]]
) -> ColumnElement[bool]:
    return and_(*(mine == yours for mine, yours in zip(one, other, strict=True)))


def _hop(catalog: Catalog, name: str, key: str) -> tuple[TableFacts, ColumnFacts]:
    facts = _table_of(catalog, name)
    return facts, _column_of(facts, key)


def owner_of(
    rows: FromClause, facts: TableFacts, catalog: Catalog, dialect: Dialect, tenancy: Tenancy
) -> ColumnElement[str]:
    """Return the text of the discriminator value of a row, or NULL if there is none.

    If a path leads to several values, the result is one of them.
    """
    first, end = _column_of(facts, tenancy.first_column or ""), end_of(facts, catalog, tenancy)
    value: ColumnElement[Any] = rows.c[first.name]
    if tenancy.hops:
        path = hops_of(catalog, dialect, tenancy)
        same = _all_equal(path.forms(first), dialect.match_forms(value, first, path.key))
        found = select(path.value).select_from(path.joined).where(same)
        value = found.limit(literal_column("1")).correlate(rows).scalar_subquery()
    return dialect.canonical(value, end, end.family, ColumnRules())


def end_of(facts: TableFacts, catalog: Catalog, tenancy: Tenancy) -> ColumnFacts:
    """Return the column that holds the discriminator values: the table's own, or a path's last."""
    if not tenancy.hops:
        return _column_of(facts, tenancy.first_column or "")
    last = tenancy.hops[-1]
    return _column_of(_table_of(catalog, last.table), last.take)


def as_kept(value: str, facts: ColumnFacts) -> str:
    """Return ``value`` as its column keeps it: ``07`` is ``7`` in a column of numbers."""
    try:
        return _SPELLINGS.get(facts.family, str)(value)
    except (LookupError, ValueError):
        return value


def _require_known_spelling(value: str, facts: ColumnFacts) -> None:
    try:
        _SPELLINGS[facts.family](value)
    except (LookupError, ValueError):
        raise UnknownOwner(
            f"only the server knows how {facts.name!r} ({facts.declared}) spells {value!r}"
        ) from None


def _read_as(family: Family) -> Callable[[str], str]:
    def read(value: str) -> str:
        spelled = spelled_as(family, value)
        if spelled is None:
            raise ValueError(f"{value!r} is no {family.value}")
        return spelled

    return read


_SPELLINGS: dict[Family, Callable[[str], str]] = {
    Family.TEXT: str,
    Family.WRITTEN: str,
    Family.INTEGER: lambda value: str(int(value)),
    Family.UUID: _read_as(Family.UUID),
    Family.DECIMAL: _read_as(Family.DECIMAL),
    Family.BOOLEAN: _read_as(Family.BOOLEAN),
    Family.PADDED: lambda value: value.rstrip(" "),
}


def source_of(facts: TableFacts) -> FromClause:
    """Return the table for a FROM clause."""
    return table(facts.name, *(column(c.name) for c in facts.columns), schema=facts.schema)


def owned_by(
    facts: TableFacts,
    catalog: Catalog,
    dialect: Dialect,
    tenancy: Tenancy,
    values: Sequence[str],
) -> ColumnElement[bool]:
    """Return the condition that a row's first column leads, hop by hop, to one of ``values``."""
    first = _column_of(facts, tenancy.first_column or "")
    if not tenancy.hops:
        return dialect.any_of(column(first.name), first, values)
    *earlier, last = tenancy.hops
    end = _column_of(_table_of(catalog, last.table), last.take)
    reached = dialect.any_of(column(end.name), end, values)

    def through(
        condition: ColumnElement[bool], step: tuple[ColumnFacts, Hop]
    ) -> ColumnElement[bool]:
        start, hop = step
        other = _table_of(catalog, hop.table)
        key = _column_of(other, hop.key)
        forms = dialect.match_forms(column(key.name), key, start)
        found = select(*forms).select_from(source_of(other).alias(f"via_{hop.table}"))
        own = dialect.match_forms(column(start.name), start, key)
        led: ColumnElement[Any] = own[0] if len(own) == 1 else tuple_(*own)
        return led.in_(found.where(condition))

    starts = [first, *(_column_of(_table_of(catalog, hop.table), hop.take) for hop in earlier)]
    return reduce(through, reversed(list(zip(starts, tenancy.hops, strict=True))), reached)


def _table_of(catalog: Catalog, name: str) -> TableFacts:
    if name not in catalog.tables:
        raise NotProven(f"the table {name!r}, which a tenancy leads through, is not there")
    if catalog.tables[name].refused:
        why = catalog.tables[name].refused
        raise NotProven(f"the table {name!r}, which a tenancy leads through, {why}")
    return catalog.tables[name]


def _column_of(facts: TableFacts, name: str) -> ColumnFacts:
    found = facts.column(name)
    if found is None:
        raise NotProven(
            f"{facts.schema}.{facts.name} has no column {name!r}, which leads to the tenant"
        )
    return found
