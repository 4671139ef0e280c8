"""Small tables cost more to ask for than to read: so some of them are asked for at once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ..stacks import TableFacts

_MOST = 64  # tables in one statement
_MOST_COLUMNS = 2_000  # that it names on a side: each is an expression to compile, and to plan
_MOST_LOCKS = 256  # that it takes on a side; a server has some thousands for all its sessions
_SMALL = 20_000  # rows

T = TypeVar("T")


def is_small(table: TableFacts) -> bool:
    """Whether a table is one to ask for with others."""
    return table.plain and table.rows <= _SMALL and table.locks <= _MOST_LOCKS


@dataclass
class Company(Generic[T]):
    """What one statement asks for, and what that costs on a side."""

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
            full = len(self.members) == _MOST or locks > _MOST_LOCKS or columns > _MOST_COLUMNS
            if self.members and full:
                return False
            self.locks, self.columns = locks, columns
        self.members.append(member)
        return True
