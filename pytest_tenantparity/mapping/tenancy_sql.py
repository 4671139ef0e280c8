"""SQL that attributes rows to tenants, and selects the rows that a check reads on one side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
    true,
    tuple_,
)

from ..config import Tenancy
from ..errors import NotProven
from ..model import Side, Tenant
from ..stacks import Catalog, ColumnFacts, Dialect, Family, TableFacts
from ..stacks.dialects import ColumnRules, spelled_as
from ..stacks.sources import source_of

_START, _END = "parity_start", "parity_end"


@dataclass(frozen=True)
class Owners:
    """The attribution of rows to tenants.

    - ``mark`` is the SQL of the discriminator.
    - ``tenants``: the ids of tenants, by the canonical text of the discriminator.
    - ``ambiguous`` is a query that finds something if a start value of a path leads to several
      discriminator values. The rows with that value would then be read once for each of these.
    """

    mark: ColumnElement[Any]
    tenants: Mapping[str, str]
    ambiguous: Select[Any] | None = None


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
    wide = tenancy.first_column is None
    belongs = true() if wide else owned_by(facts, catalog, dialect, tenancy, values)
    return Scope(source_of(facts), belongs & taking_part, wide=wide)


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
    for value, _ in marks:
        if _spelling(value, end) is None:
            raise UnknownOwner(
                f"only the server knows how {end.name!r} ({end.declared}) spells {value!r}"
            )
    values = [value for value, _ in marks]
    tenants = {as_kept(value, end): tenant for value, tenant in marks}
    if len(tenants) != len(marks):
        raise UnknownOwner("several tenants' values are one in the column that holds them")
    if not tenancy.hops:
        owned = scope_of(facts, catalog, dialect, tenancy, values, taking_part)
        text = dialect.canonical(column(end.name), end, end.family, ColumnRules())
        mark = column(end.name) if dialect.groups_by(end) else text
        return replace(owned, owners=Owners(mark, tenants))

    # The rows are joined with the discriminator values that their first column leads to.
    first = _column_of(facts, tenancy.first_column or "")
    path = hops_of(catalog, dialect, tenancy)
    if first.family is not path.key.family:
        # One float can equal two whole numbers, and its row would then occur twice.
        raise UnknownOwner(f"{first.name!r} and what it leads to are not of one kind")
    starts = dialect.match_forms(path.first, path.key, first)
    labels = [f"{_START}_{number}" for number in range(len(starts))]
    labelled = (start.label(label) for start, label in zip(starts, labels, strict=True))
    led = select(*labelled, path.end.label(_END)).select_from(path.joined)
    ways = led.where(dialect.any_of(path.value, end, values)).distinct().subquery("parity_ways")
    rows = source_of(facts)
    own = dialect.match_forms(rows.c[first.name], first, path.key)
    joined = rows.join(ways, _all_equal(own, [ways.c[label] for label in labels]))
    exact = ways.c[labels[-1]]
    # The result is a constant: a start value can be '' or 0. No row is joined by NULL.
    several: Select[Any] = select(literal_column("1").label("found")).group_by(exact)
    several = several.having(func.count() > literal_column("1"))
    several = several.select_from(ways).where(exact.is_not(None)).limit(literal_column("1"))
    ambiguous = select(several.subquery("several"))
    return Scope(joined, taking_part, Owners(column(_END, Text), tenants, ambiguous))


@dataclass(frozen=True)
class Path:
    """The joined tables that a tenancy leads through, with its first and last values.

    - The first value is ``first``, its text is ``start``, and its column is ``key``.
    - The last value is ``value``, and its text is ``end``.
    """

    joined: FromClause
    key: ColumnFacts
    first: ColumnElement[Any]
    start: ColumnElement[str]
    value: ColumnElement[Any]
    end: ColumnElement[str]


def hops_of(catalog: Catalog, dialect: Dialect, tenancy: Tenancy) -> Path:
    """Return the path from the first column's values to the discriminator values."""
    start, *others = tenancy.hops
    facts, first_key = _hop(catalog, start.table, start.key)
    joined: FromClause = source_of(facts).alias("parity_hop_0")
    first = joined.c[first_key.name]
    value, taken = joined.c[start.take], _column_of(facts, start.take)
    for number, hop in enumerate(others, start=1):
        facts, key = _hop(catalog, hop.table, hop.key)
        alias = source_of(facts).alias(f"parity_hop_{number}")
        mine = dialect.match_forms(alias.c[key.name], key, taken)
        joined = joined.join(alias, _all_equal(mine, dialect.match_forms(value, taken, key)))
        value, taken = alias.c[hop.take], _column_of(facts, hop.take)
    return Path(
        joined,
        first_key,
        first,
        start=dialect.canonical(first, first_key, first_key.family, ColumnRules()),
        value=value,
        end=dialect.canonical(value, taken, taken.family, ColumnRules()),
    )


def _all_equal(
    one: Sequence[ColumnElement[Any]], other: Sequence[ColumnElement[Any]]
) -> ColumnElement[bool]:
    return and_(*(mine == yours for mine, yours in zip(one, other, strict=True)))


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
        starts = dialect.match_forms(path.first, path.key, first)
        same = _all_equal(starts, dialect.match_forms(value, first, path.key))
        found = select(path.value).select_from(path.joined).where(same)
        value = found.limit(literal_column("1")).correlate(rows).scalar_subquery()
    return dialect.canonical(value, end, end.family, ColumnRules())


def end_of(facts: TableFacts, catalog: Catalog, tenancy: Tenancy) -> ColumnFacts:
    """Return the column that holds the discriminator values: the table's own, or a path's last."""
    if not tenancy.hops:
        return _column_of(facts, tenancy.first_column or "")
    last = tenancy.hops[-1]
    return _hop(catalog, last.table, last.take)[1]


def as_kept(value: str, facts: ColumnFacts) -> str:
    """Return ``value`` as its column keeps it: ``07`` is ``7`` in a column of numbers."""
    spelling = _spelling(value, facts)
    return value if spelling is None else spelling


def _spelling(value: str, facts: ColumnFacts) -> str | None:
    """Return the text that a column keeps for ``value``, or None if only the server knows it."""
    family = facts.family
    if family in (Family.TEXT, Family.WRITTEN):
        return value
    if family is Family.PADDED:
        return value.rstrip(" ")
    try:
        if family is Family.INTEGER:
            return str(int(value))
        own = family in (Family.UUID, Family.DECIMAL, Family.BOOLEAN)
        return spelled_as(family, value) if own else None
    except (LookupError, ValueError):
        return None


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
    end = end_of(facts, catalog, tenancy)
    condition = dialect.any_of(column(end.name), end, values)
    taken = [_hop(catalog, hop.table, hop.take)[1] for hop in tenancy.hops[:-1]]
    for start, hop in reversed(list(zip([first, *taken], tenancy.hops, strict=True))):
        other, key = _hop(catalog, hop.table, hop.key)
        forms = dialect.match_forms(column(key.name), key, start)
        found = select(*forms).select_from(source_of(other).alias(f"via_{hop.table}"))
        own = dialect.match_forms(column(start.name), start, key)
        led: ColumnElement[Any] = own[0] if len(own) == 1 else tuple_(*own)
        condition = led.in_(found.where(condition))
    return condition


def _hop(catalog: Catalog, name: str, column_name: str) -> tuple[TableFacts, ColumnFacts]:
    """Return a table that a tenancy leads through, and one of its columns."""
    facts = catalog.tables.get(name)
    refused = "is not there" if facts is None else facts.refused
    if facts is None or refused:
        raise NotProven(f"the table {name!r}, which a tenancy leads through, {refused}")
    return facts, _column_of(facts, column_name)


def _column_of(facts: TableFacts, name: str) -> ColumnFacts:
    found = facts.column(name)
    if found is None:
        raise NotProven(
            f"{facts.schema}.{facts.name} has no column {name!r}, which leads to the tenant"
        )
    return found
