"""Small tables cost more to ask for than to read: so some of them are asked for at once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ..limits import Limits
from ..stacks import TableFacts

T = TypeVar("T")


def is_small(table: TableFacts, limits: Limits) -> bool:
    """Whether a table is one to ask for with others."""
    few = table.rows <= limits.small_table_rows and table.locks <= limits.statement_locks
    return table.plain and few


@dataclass
class Company(Generic[T]):
    """What one statement asks for, and what that costs on a side."""

    limits: Limits
    members: list[T] = field(default_factory=list)
    locks: int = 0
    columns: int = 0

    def takes_in(self, member: T, tables: Collection[TableFacts]) -> bool:
        """Take one more in, if there is room for its tables; return whether there was.

        ``tables`` is one a side; none where all share their tables, and any number can come.
        """
        if tables:
            locks = self.locks + max(each.locks for each in tables)
            columns = self.columns + max(len(each.columns) for each in tables)
            full = (
                len(self.members) == self.limits.statement_tables
                or locks > self.limits.statement_locks
                or columns > self.limits.statement_columns
            )
            if self.members and full:
                return False
            self.locks, self.columns = locks, columns
        self.members.append(member)
        return True
