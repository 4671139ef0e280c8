"""Which small tables one statement digests, and which of them were proven equal."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..limits import Limits
from ..model import Side
from ..stacks import TableFacts

if TYPE_CHECKING:
    from .batch import Statement, Structure
    from .shared_digests import SharedDigests
    from .surveyed import Shown

Key = tuple[str, str]
"""The name of a table pair, and the id of a tenant."""

_HELD = 512
"""Batches whose results a process holds: up to 32,768 tables."""
_STRUCTURES = 1_024
_STATEMENTS = 16
"""Of both sides, each in its compiled form."""


def is_small(table: TableFacts, limits: Limits) -> bool:
    """Return whether a table is known to be small enough for a batch."""
    few = table.rows <= limits.small_table_rows and table.locks <= limits.statement_locks
    return table.plain and few


@dataclass(eq=False)
class Batch:
    """Tables of one legacy and one modern database that one statement a side digests.

    ``tables``, ``locks`` and ``columns`` count those of one side. ``shown`` holds the tables that
    were proven equal. It is None until the statements have run.
    """

    keys: list[Key] = field(default_factory=list)
    tables: int = 0
    locks: int = 0
    columns: int = 0
    shown: dict[Key, Shown] | None = None

    def has_room(self, more: Batch, limits: Limits) -> bool:
        """Return whether the tables of another batch fit in as well."""
        return (
            self.tables + more.tables <= limits.statement_tables
            and self.locks + more.locks <= limits.statement_locks
            and self.columns + more.columns <= limits.statement_columns
        )

    def add(self, more: Batch) -> None:
        """Add the tables of another batch."""
        self.keys += more.keys
        self.tables += more.tables
        self.locks += more.locks
        self.columns += more.columns


def batch_of(key: Key, tables: Sequence[TableFacts]) -> Batch:
    """Return a batch of one table. ``tables`` are the sides' tables that only one tenant has."""
    columns = max(len(each.columns) for each in tables)
    return Batch([key], 1, max(each.locks for each in tables), columns)


@dataclass
class Batches:
    """All batches of a run, and what this process keeps of those that it has run.

    ``structures`` and ``statements`` serve all tenants whose tables are alike. ``sharing`` holds
    the tenants that share a table on one side, and ``shared`` the digests of their rows there.
    """

    planned: bool = False
    of: dict[Key, Batch] = field(default_factory=dict)
    structures: dict[Hashable, Structure] = field(default_factory=dict)
    statements: dict[Hashable, Statement] = field(default_factory=dict)
    sharing: dict[Hashable, list[str]] = field(default_factory=dict)
    shared: dict[tuple[str, Side, Hashable], SharedDigests] = field(default_factory=dict)
    _run: deque[Batch] = field(default_factory=deque)

    def add_tenant(self, tables: Sequence[Batch], limits: Limits, latest: Batch | None) -> Batch:
        """Add a tenant's tables of one pair of databases, each a batch; return the last batch.

        A tenant that fits into a batch is not divided between two, so that all batches of tenants
        with the same tables have the same statement.
        """
        whole = Batch()
        for table in tables:
            whole.add(table)
        if latest is None or not latest.has_room(whole, limits):
            latest = Batch()
        for table in tables:
            if latest.keys and not latest.has_room(table, limits):
                latest = Batch()
            latest.add(table)
            self.of[table.keys[0]] = latest
        return latest

    def keep(self, batch: Batch, shown: dict[Key, Shown]) -> None:
        """Keep what a batch has shown. The checks of the oldest batch run alone from now on."""
        batch.shown = shown
        self._run.append(batch)
        if len(self._run) > _HELD:
            self._run.popleft().shown = {}

    def counted(self, table: str, side: Side) -> dict[str, int]:
        """Return how many rows of a shared table each tenant has, as far as they were counted."""
        found = [each.digests for key, each in self.shared.items() if key[:2] == (table, side)]
        return {tenant: digest.rows for each in found for tenant, digest in each.items()}

    def keep_structure(self, key: Hashable, structure: Structure) -> None:
        """Keep how tables are compared in place of the oldest one."""
        self.structures[key] = structure
        if len(self.structures) > _STRUCTURES:
            del self.structures[next(iter(self.structures))]

    def keep_statement(self, layout: Hashable, statement: Statement) -> None:
        """Keep a compiled statement in place of the oldest one."""
        self.statements[layout] = statement
        if len(self.statements) > _STATEMENTS:
            del self.statements[next(iter(self.statements))]
