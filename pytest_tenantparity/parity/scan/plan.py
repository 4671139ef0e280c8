"""The plan of batches: which small tables one statement reads, and what a process keeps of them."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import CompoundSelect

from ...errors import NotProven
from ...inventory import Place, TablePair
from ...limits import Limits
from ...mapping.table_lookup import located
from ...model import SIDES, Side, Tenant
from ...stacks import TableFacts
from ..read.digest import Digest
from ..read.open_pair import OpenPair
from ..read.reader import SideReader
from ..run import Run
from .shared import SharedResult

_PLACEHOLDER = "__[SCHEMA_"  # SQLAlchemy replaces this text wherever it occurs in SQL

Key = tuple[str, str]
"""The name of a table pair and the id of a tenant."""

Structure = tuple[OpenPair, Mapping[Side, SideReader]]
"""One tenant's open table and its readers, by which all tables that are alike are read."""

_HELD = 512
"""Batches whose results a process holds: up to 32,768 tables."""


@dataclass(eq=False)
class Batch:
    """Tables of one legacy and one modern database that one statement per side digests.

    ``locks`` and ``columns`` are at least those of either side. ``results`` holds the results of
    the tables that were proven equal. It is None until the statements have run.
    """

    keys: list[Key] = field(default_factory=list)
    locks: int = 0
    columns: int = 0
    results: dict[Key, SharedResult] | None = None

    def has_room(self, more: Batch, limits: Limits) -> bool:
        """Return whether the tables of ``more`` fit into this batch as well."""
        return (
            len(self.keys) + len(more.keys) <= limits.statement_tables
            and self.locks + more.locks <= limits.statement_locks
            and self.columns + more.columns <= limits.statement_columns
        )

    def add(self, more: Batch) -> None:
        """Add the tables of ``more``."""
        self.keys += more.keys
        self.locks += more.locks
        self.columns += more.columns


def batch_of(key: Key, tables: Sequence[TableFacts]) -> Batch:
    """Return a batch of one table. ``tables`` are the tenant's own, of one or both sides."""
    columns = max(len(each.columns) for each in tables)
    return Batch([key], max(each.locks for each in tables), columns)


@dataclass
class Batches:
    """All batches of a run, and the results that this process keeps.

    - ``of``: the planned batches, by table and tenant.
    - ``structures``: one for all tenants whose tables are alike.
    - ``statements``, by side and structures, each with its compiled forms.
    - ``sharing``: the tenants by structure, for tables that tenants share on one side only.
    - ``shared``: the digests of these tenants' rows, by table, side and structure.
    """

    planned: bool = False
    of: dict[Key, Batch] = field(default_factory=dict)
    structures: dict[Hashable, Structure] = field(default_factory=dict)
    statements: dict[Hashable, tuple[CompoundSelect[Any], dict[Any, Any]]] = field(
        default_factory=dict
    )
    sharing: dict[Hashable, list[str]] = field(default_factory=dict)
    shared: dict[tuple[str, Side, Hashable], dict[str, Digest] | NotProven] = field(
        default_factory=dict
    )
    _run: deque[Batch] = field(default_factory=deque)

    def add_tenant(self, tables: Sequence[Batch], limits: Limits, latest: Batch | None) -> Batch:
        """Add one tenant's tables of one pair of databases, and return the last batch.

        ``tables`` holds a batch for each table. A tenant that fits into one batch is not divided
        between two, so that most batches of tenants with the same tables have the same statement.
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
        return {
            tenant: digest.rows
            for key, found in self.shared.items()
            if key[:2] == (table, side) and not isinstance(found, NotProven)
            for tenant, digest in found.items()
        }


@dataclass(frozen=True)
class Member:
    """A tenant's table on both sides.

    ``structure`` decides how it is read: tables of equal structures are read by the same SQL, and
    compared alike.
    """

    pair: TablePair
    tenant: Tenant
    places: Mapping[Side, Place]
    tables: Mapping[Side, TableFacts]
    structure: Hashable

    @property
    def key(self) -> Key:
        """The name of the table pair, and the tenant."""
        return self.pair.name, self.tenant.id

    @property
    def own(self) -> list[Side]:
        """The sides on which no other tenant shares the table."""
        return _own_sides(self.pair)


def _own_sides(pair: TablePair) -> list[Side]:
    return [side for side in SIDES if pair.tenancy(side).per_place]


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
                    batches.sharing.setdefault(member.structure, []).append(tenant.id)
        for databases, each in tables.items():
            latest[databases] = batches.add_tenant(each, run.limits, latest.get(databases))


def _can_be_in_batch(run: Run, pair: TablePair) -> bool:
    """Return whether a tenant's own table can be read without any other table.

    SQL of a column, a key map, and a filter with a SELECT may read other tables. The other tables
    could be large, or locked by other sessions.
    """
    own = _own_sides(pair)
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
        places, tables = located(run, pair, tenant)
        databases = [run.stacks[side].database(places[side]) for side in SIDES]
    except NotProven:  # its own check finds the reason
        return None
    for side in _own_sides(pair):
        table = tables[side]
        names = [table.name, *(column.name for column in table.columns)]
        few = (
            table.rows <= run.limits.small_table_rows and table.locks <= run.limits.statement_locks
        )
        if not (table.plain and few) or any(_PLACEHOLDER in name for name in names):
            return None
    structure = (
        pair.name,
        len(tenant.legacy_accounts) > 1,
        *(replace(tables[side], schema="", rows=0, locks=1) for side in SIDES),
        *((each.server.itself, each.digests) for each in databases),
    )
    return Member(pair, tenant, places, tables, structure)
