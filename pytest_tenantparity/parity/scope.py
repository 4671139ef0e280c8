"""Which rows of a table a check is about, on one side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

from sqlalchemy import ColumnElement, FromClause, column, literal_column, select, table, true

from ..config import Tenancy
from ..config.settings import Hop
from ..errors import NotProven
from ..model import Side, Tenant
from ..stacks import Catalog, ColumnFacts, Dialect, TableFacts


@dataclass(frozen=True)
class Scope:
    """A table, and the condition that its rows must meet."""

    table: FromClause
    condition: ColumnElement[bool]


def tenant_values(side: Side, tenants: Sequence[Tenant]) -> list[str]:
    """Return the values that mark the tenants' rows on one side."""
    if side == "legacy":
        return [account for tenant in tenants for account in tenant.legacy_accounts]
    return [tenant.modern_id for tenant in tenants]


def scope_of(
    facts: TableFacts,
    catalog: Catalog,
    dialect: Dialect,
    tenancy: Tenancy,
    values: Sequence[str],
    sql_filter: str | None = None,
) -> Scope:
    """Return the rows of a table that belong to the owners of some values."""
    belongs = (
        true()
        if tenancy.first_column is None
        else _led_to(facts, catalog, dialect, tenancy, values)
    )
    return Scope(source_of(facts), _filtered(belongs, sql_filter))


def strays_of(
    facts: TableFacts,
    catalog: Catalog,
    dialect: Dialect,
    tenancy: Tenancy,
    values: Sequence[str],
    sql_filter: str | None = None,
) -> Scope:
    """Return the rows that lead to none of the values: to another, to NULL, or nowhere."""
    stray = _led_to(facts, catalog, dialect, tenancy, values).is_not(true())
    return Scope(source_of(facts), _filtered(stray, sql_filter))


def source_of(facts: TableFacts) -> FromClause:
    """Return the table for a FROM clause."""
    return table(facts.name, *(column(c.name) for c in facts.columns), schema=facts.schema)


def _filtered(condition: ColumnElement[bool], sql_filter: str | None) -> ColumnElement[bool]:
    return condition if sql_filter is None else condition & literal_column(f"({sql_filter})")


def _led_to(
    facts: TableFacts,
    catalog: Catalog,
    dialect: Dialect,
    tenancy: Tenancy,
    values: Sequence[str],
) -> ColumnElement[bool]:
    """Whether a row's first column leads, hop by hop, to one of the values."""
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
        found = select(dialect.exact(column(key.name), key)).select_from(
            source_of(other).alias(f"via_{hop.table}")
        )
        return dialect.exact(column(start.name), start).in_(found.where(condition))

    starts = [first, *(_column_of(_table_of(catalog, hop.table), hop.take) for hop in earlier)]
    return reduce(through, reversed(list(zip(starts, tenancy.hops, strict=True))), reached)


def _table_of(catalog: Catalog, name: str) -> TableFacts:
    if name not in catalog.tables:
        raise NotProven(f"the table {name!r}, which a tenancy leads through, is not there")
    return catalog.tables[name]


def _column_of(facts: TableFacts, name: str) -> ColumnFacts:
    found = facts.column(name)
    if found is None:
        raise NotProven(
            f"{facts.schema}.{facts.name} has no column {name!r}, which leads to the tenant"
        )
    return found
