"""One stack for hand-written tests: read-only, with methods for one tenant's rows."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Row, column, func, select, text

from ..errors import NotProven, did_you_mean
from ..inventory import Place, TablePair, place_of, place_of_shared
from ..model import Side, Tenant
from ..stacks import TableFacts
from .filters import rows_taking_part
from .migration import Migration
from .tenancy_sql import scope_of, tenant_values


class TenantView:
    """Queries of one side for one tenant. Tables have their legacy names."""

    def __init__(self, migration: Migration, side: Side, tenant: Tenant) -> None:
        self._migration = migration
        self.side = side
        self.tenant = tenant
        self.queries = 0
        """The number of queries that were run on this side."""

    @property
    def values(self) -> list[str]:
        """The tenant's discriminator values on this side: its accounts, or its modern id."""
        return tenant_values(self.side, [self.tenant])

    def count(self, table: str) -> int:
        """Return the number of the tenant's rows of ``table``."""
        ((count,),) = self._read(table, func.count())
        return int(count)

    def sum(self, table: str, name: str) -> Decimal:
        """Return the exact sum of a numeric column over the tenant's rows; 0 without rows."""
        ((total,),) = self._read(table, func.sum(self._column(table, name)))
        return Decimal(0) if total is None else Decimal(total)

    def rows(self, table: str, *names: str) -> list[dict[str, Any]]:
        """Return the tenant's rows with the given columns, or with all of them."""
        wanted = [self._column(table, name) for name in names]
        return [row._asdict() for row in self._read(table, *wanted)]

    def query(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        """Run a SELECT of your own with ``:name`` parameters, in this stack's schema.

        The SQL itself has to select the tenant's rows: bind :attr:`values` for that.
        """
        place = self._place(None)
        stack = self._migration.stacks[self.side]
        with stack.transaction(place) as connection, stack.guard(place):
            found = [dict(row) for row in connection.execute(text(sql), parameters).mappings()]
        self.queries += 1
        return found

    def _read(self, table: str, *columns: ColumnElement[Any]) -> Sequence[Row[Any]]:
        """Return ``columns`` of the tenant's rows of ``table``, or all columns if none is given."""
        pair = self._pair(table)
        place = self._place(pair)
        stack = self._migration.stacks[self.side]
        scope = scope_of(
            self._facts(pair),
            stack.catalog(place),
            stack.dialect,
            pair.tenancy(self.side),
            self.values,
            rows_taking_part(self._migration, pair, self.side),
        )
        statement = select(*(columns or scope.table.c)).select_from(scope.table)
        guard = stack.guard(place, discreet=pair.has_masks)
        with stack.transaction(place) as connection, guard:
            found = connection.execute(statement.where(scope.condition)).all()
        self.queries += 1
        return found

    def _pair(self, table: str) -> TablePair:
        pairs = self._migration.pairs
        if table not in pairs:
            raise NotProven(f"no table {table!r} is planned.{did_you_mean(table, pairs)}")
        return pairs[table]

    def _place(self, pair: TablePair | None) -> Place:
        stack = self._migration.settings.stack(self.side)
        tenancy = stack.tenancy if pair is None else pair.tenancy(self.side)
        return place_of_shared(stack) if tenancy is None else place_of(stack, tenancy, self.tenant)

    def _facts(self, pair: TablePair) -> TableFacts:
        tables = self._migration.stacks[self.side].catalog(self._place(pair)).tables
        found = pair.tables_of(self._migration.settings, self.side, tables)
        if len(found) != 1:
            raise NotProven(f"the {self.side} stack has no table {pair.table(self.side)!r}")
        return tables[found[0]]

    def _column(self, table: str, name: str) -> ColumnElement[Any]:
        pair = self._pair(table)
        facts = self._facts(pair)
        own = pair.settings.columns.get(name)
        if self.side == "modern" and own is not None and own.modern is not None:
            name = own.modern
        known = [each.name for each in facts.columns]
        found = self._migration.settings.pairing.matching(name, known)
        name = found[0] if self.side == "modern" and len(found) == 1 else name
        if name not in known:
            raise NotProven(
                f"the {self.side} table {pair.table(self.side)!r} has no column {name!r}."
                f"{did_you_mean(name, known)}"
            )
        return column(name)
