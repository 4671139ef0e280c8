"""The plan of batches: which small tables one statement reads, and what a process keeps of them."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect

from ...errors import NotProven
from ...inventory import Place, TablePair
from ...limits import Limits
from ...mapping.columns import ColumnPlan
from ...mapping.table_lookup import located
from ...model import SIDES, Reading, Side, Tenant
from ...stacks import TableFacts
from ..read.reader import SideReader
from ..run import Run
from .shared import SharedDigests, SharedResult

_PLACEHOLDER = "__[SCHEMA_"  # SQLAlchemy replaces this text wherever it occurs in SQL

Key = tuple[str, str]
"""The name of a table pair and the id of a tenant."""

_HELD = 512
"""Batches whose results a process holds: up to 32,768 tables."""
_STRUCTURES = 1_024
_STATEMENTS = 16
"""Statements that a process holds, of both sides, each in its compiled form."""


def is_small(table: TableFacts, limits: Limits) -> bool:
    """Return whether a table is known to be small enough for a batch."""
    few = table.rows <= limits.small_table_rows and table.locks <= limits.statement_locks
    return table.plain and few


@dataclass(eq=False)
class Batch:
    """Tables of one legacy and one modern database that one statement per side digests.

    ``tables``, ``locks`` and ``columns`` count those of one side. ``results`` holds the results
    of the tables that were proven equal. It is None until the statements have run.
    """

    keys: list[Key] = field(default_factory=list)
    tables: int = 0
    locks: int = 0
    columns: int = 0
    results: dict[Key, SharedResult] | None = None

    def has_room(self, more: Batch, limits: Limits) -> bool:
        """Return whether the tables of ``more`` fit into this batch as well."""
        return (
            self.tables + more.tables <= limits.statement_tables
            and self.locks + more.locks <= limits.statement_locks
            and self.columns + more.columns <= limits.statement_columns
        )

    def add(self, more: Batch) -> None:
        """Add the tables of ``more``."""
        self.keys += more.keys
        self.tables += more.tables
        self.locks += more.locks
        self.columns += more.columns


def batch_of(key: Key, tables: Sequence[TableFacts]) -> Batch:
    """Return a batch of one table. ``tables`` are the sides' tables that only one tenant has."""
    columns = max(len(each.columns) for each in tables)
    return Batch([key], 1, max(each.locks for each in tables), columns)


@dataclass(frozen=True, eq=False)
class Structure:
    """The way in which a pair's tables are compared, for all tenants whose tables are alike.

    ``hashes`` are the SQL of a row's hash on each side.
    """

    key: Hashable
    plan: ColumnPlan
    digest: str
    keys_enforced: bool
    readers: Mapping[Side, SideReader]
    tables: Mapping[Side, str]
    hashes: Mapping[Side, ColumnElement[int]]
    readings: Sequence[Reading]


@dataclass(frozen=True)
class Statement:
    """The statement of a side for all batches of one structure, and its compiled forms."""

    sql: CompoundSelect[Any]
    compiled: dict[Any, Any] = field(default_factory=dict)


@dataclass
class Batches:
    """All batches of a run, and the results that this process keeps.

    ``structures`` and ``statements`` are used for all tenants whose tables are alike. ``sharing``
    holds the tenants that share a table on one side. ``shared`` holds the digests of their rows in
    it.
    """

    planned: bool = False
    of: dict[Key, Batch] = field(default_factory=dict)
    structures: dict[Hashable, Structure] = field(default_factory=dict)
    statements: dict[Hashable, Statement] = field(default_factory=dict)
    sharing: dict[Hashable, list[str]] = field(default_factory=dict)
    shared: dict[tuple[str, Side, Hashable], SharedDigests] = field(default_factory=dict)
    _run: deque[Batch] = field(default_factory=deque)

    def add_tenant(self, tables: Sequence[Batch], limits: Limits, latest: Batch | None) -> Batch:
        """Add one tenant's tables of one pair of databases, and return the last batch.

        ``tables`` holds a batch for each table. A tenant that fits into one batch is not divided
        between two, so that all batches of tenants with the same tables have the same statement.
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

    def keep(self, batch: Batch, results: dict[Key, SharedResult]) -> None:
        """Keep the results of ``batch``.

        If too many batches are held, the results of the oldest one are dropped. Its checks then run
        alone.
        """
        batch.results = results
        self._run.append(batch)
        if len(self._run) > _HELD:
            self._run.popleft().results = {}

    def counted(self, table: str, side: Side) -> dict[str, int]:
        """Return the number of each tenant's rows of a shared table, as far as it is known."""
        found = [each.digests for key, each in self.shared.items() if key[:2] == (table, side)]
        return {tenant: digest.rows for each in found for tenant, digest in each.items()}

    def keep_structure(self, key: Hashable, structure: Structure) -> None:
        """Keep ``structure``. If too many structures are held, the oldest one is dropped."""
        self.structures[key] = structure
        if len(self.structures) > _STRUCTURES:
            del self.structures[next(iter(self.structures))]

    def keep_statement(self, layout: Hashable, statement: Statement) -> None:
        """Keep ``statement``. If too many statements are held, the oldest one is dropped."""
        self.statements[layout] = statement
        if len(self.statements) > _STATEMENTS:
            del self.statements[next(iter(self.statements))]


@dataclass(frozen=True)
class Member:
    """A tenant's table on both sides.

    ``own`` are the sides on which no other tenant shares the table.
    """

    pair: TablePair
    tenant: Tenant
    places: Mapping[Side, Place]
    tables: Mapping[Side, TableFacts]

    @property
    def key(self) -> Key:
        """The name of the table pair, and the tenant."""
        return self.pair.name, self.tenant.id

    @property
    def own(self) -> list[Side]:
        """The sides on which the tenant has a table of its own."""
        return [side for side in SIDES if self.pair.tenancy(side).per_place]


def plan(run: Run, batches: Batches) -> None:
    """Put each small table into a batch, tenant by tenant in the order of the run."""
    batches.planned = True
    latest: dict[tuple[str, ...], Batch] = {}
    pairs = [pair for pair in run.pairs.values() if _can_be_in_batch(run, pair)]
    for tenant in run.selected:
        tables: dict[tuple[str, ...], list[Batch]] = {}
        for pair in pairs:
            if run.is_audited(pair.name, tenant) and (member := member_of(run, pair, tenant)):
                databases = tuple(member.places[side].database for side in SIDES)
                own = [member.tables[side] for side in member.own]
                tables.setdefault(databases, []).append(batch_of(member.key, own))
                if len(own) == 1:
                    sharing = batches.sharing.setdefault(structure_key(run, member), [])
                    sharing.append(tenant.id)
        for databases, each in tables.items():
            last = batches.add_tenant(each, run.limits, latest.get(databases))
            latest[databases] = last


def _can_be_in_batch(run: Run, pair: TablePair) -> bool:
    """Return whether a tenant's own table of a pair is read alone, by SQL of this package.

    SQL of a column, a key map, and a filter with a SELECT may read other tables. The other tables
    could be large, or locked by other sessions.
    """
    own = [side for side in SIDES if pair.tenancy(side).per_place]
    if not own or any(pair.tenancy(side).is_global for side in SIDES):
        return False
    columns = pair.settings.columns.values()
    filters = [each.sql for side in own if (each := pair.settings.row_filter(side))]
    if any(re.search(r"\bselect\b", sql, re.IGNORECASE) or _PLACEHOLDER in sql for sql in filters):
        return False
    if any(column.sql(side) is not None for column in columns for side in own):
        return False
    maps = [run.settings.maps[each.key_map] for each in columns if each.key_map is not None]
    return not any(each.stack in own for each in maps)


def member_of(run: Run, pair: TablePair, tenant: Tenant) -> Member | None:
    """Return a tenant's table if it is small; None if its check has to run alone."""
    try:
        member = Member(pair, tenant, *located(run, pair, tenant))
    except NotProven:  # its own check finds the reason
        return None
    for side in member.own:
        table = member.tables[side]
        names = [table.name, *(column.name for column in table.columns)]
        if not is_small(table, run.limits) or any(_PLACEHOLDER in name for name in names):
            return None
    return member


def structure_key(run: Run, member: Member) -> Hashable:
    """Return all that a structure depends on, so that equal keys have equal structures."""
    databases = [run.stacks[side].database(member.places[side]) for side in SIDES]
    return (
        member.pair.name,
        len(member.tenant.legacy_accounts) > 1,
        *(replace(member.tables[side], schema="", rows=0, locks=1) for side in SIDES),
        *((each.server.itself, each.digests) for each in databases),
    )
