"""The batches of small tables, and the tables that they have proven equal."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect

from ...errors import ConnectionLost, NotProven, counted
from ...inventory import TablePair
from ...limits import Limits
from ...mapping.columns import ColumnPlan
from ...model import SLOW, UNTOLD, Reading, Side, Tenant
from ...stacks import TableFacts
from ..read.digest import EMPTY, Digest
from ..read.open_pair import open_pair
from ..read.reader import SideReader
from ..run import Run
from .shared import SharedResult

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

    ``tables``, ``locks`` and ``columns`` count those of one side. ``shown`` holds the tables that
    were proven equal. It is None until the statements have run.
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
    sources: Mapping[Side, SideReader]
    tables: Mapping[Side, str]
    hashes: Mapping[Side, ColumnElement[int]]
    readings: Sequence[Reading]


@dataclass(frozen=True)
class Statement:
    """The statement of a side for all batches of one structure, and its compiled forms."""

    sql: CompoundSelect[Any]
    compiled: dict[Any, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SharedDigests:
    """The digest of each tenant's rows of a shared table, or the reason why there are none."""

    digests: Mapping[str, Digest] = field(default_factory=dict)
    failure: str = ""


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


def shared_digest(
    run: Run, batches: Batches, pair: TablePair, tenant: Tenant, side: Side, structure: Hashable
) -> Digest | None:
    """Return the digest of a tenant's rows of a table that other tenants share.

    One scan digests the rows of all tenants whose tables have the same structure. Returns None if
    the scan failed.
    """
    known = pair.name, side, structure
    tenants = [run.tenants[each] for each in batches.sharing[structure]]
    if known not in batches.shared:
        question = f"{side} rows of {pair.name} for {[each.id for each in tenants]}"
        batches.shared[known] = run.once.ask(
            question, SharedDigests, lambda: _scan(run, pair, tenant, side, tenants)
        )
    found = batches.shared[known]
    if found.failure:
        run.notes.take(
            f"{SLOW}{pair.name} was scanned once for each tenant, since one scan for "
            f"{counted(len(tenants), 'tenant')} failed: "
            f"{UNTOLD if pair.has_masks else found.failure}"
        )
        return None
    return found.digests[tenant.id]


def _scan(
    run: Run, pair: TablePair, tenant: Tenant, side: Side, tenants: Sequence[Tenant]
) -> SharedDigests:
    """Return the digest of each tenant's rows on ``side``.

    The other side is opened in the place of ``tenant``.
    """
    try:
        with open_pair(run, pair, tenant) as opened:
            sides = opened.sides(
                lambda each: (
                    opened.all_of(each, tenants) if each == side else opened.rows_of(each, tenant)
                )
            )
            none: Callable[[], dict[str, Digest]] = dict
            legacy, modern = sides.both(
                sides.legacy.digests if side == "legacy" else none,
                sides.modern.digests if side == "modern" else none,
            )
            opened.require_unaltered()
    except ConnectionLost:
        raise
    except NotProven as error:
        return SharedDigests(failure=str(error))
    found = legacy | modern
    return SharedDigests({each.id: found.get(each.id, EMPTY) for each in tenants})
