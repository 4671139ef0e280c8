"""Describes how tables are read, and which index would make that cheaper."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Index, MetaData, Table
from sqlalchemy.schema import CreateIndex

from ...errors import counted
from ...mapping.connected_pair import ConnectedPair
from ...mapping.tenancy_sql import Scope
from ...model import Reading, Side
from ..run import Run

_LONGEST_NAME = 60  # of an index; PostgreSQL takes 63 bytes, MySQL 64 characters
_PREFIX = 64  # indexed characters of a text without a length; MySQL requires a number


def note_scan(run: Run, opened: ConnectedPair, side: Side, scope: Scope, chunks: int) -> None:
    """Note how a scan of ``side`` has read the rows of ``scope``, in a number of chunks."""
    tenancy, sessions = opened.pair.tenancy(side), run.settings.stack(side).parallel
    by_several = f" by {sessions} sessions" if sessions > 1 else ""
    parts = f", in {chunks} chunks{by_several}" if chunks > 1 else ""
    if tenancy.is_global:
        how = f"one scan of all rows{parts}"
    elif scope.owners is None:
        how = f"each tenant {way_of(opened, side)}"
    else:
        asked, among = len(set(scope.owners.tenants.values())), len(run.tenants)
        tenants = counted(asked, "tenant") if asked == among else f"{asked} of {among} tenants"
        by = "" if scope.wide else f", {way_of(opened, side)}"
        how = f"one scan for {tenants}{by}{parts}"
    run.notes.take(Reading(opened.pair.name, side, how))
    if tenancy.first_column is not None and tenancy.sql is None and not scope.wide:
        note_want(run, opened, side, tenancy.first_column, "by which tenants are looked up")


def note_want(run: Run, opened: ConnectedPair, side: Side, column: str, why: str) -> None:
    """Add a hint at an index on ``column``, if rows of a large table are looked up without one."""
    facts = opened.tables[side]
    kind = facts.column(column)
    large = facts.rows >= run.limits.large_table_rows
    can_use_index = run.stacks[side].dialect.can_use_index
    if kind is None or not large or column in facts.indexed or not can_use_index(kind):
        return
    options: dict[str, Any] = {"postgresql_concurrently": True}
    if kind.type.endswith("text"):
        options["mysql_length"] = {column: _PREFIX}
    table = Table(facts.name, MetaData(), Column(column), schema=facts.schema)
    name = f"{facts.name}_{column}_idx"[-_LONGEST_NAME:]
    create_index = CreateIndex(Index(name, table.c[column], **options))
    quoting = type(opened.connections[side].dialect)()  # it quotes names where needed
    run.notes.take(
        f"no index of the {side} table {facts.schema}.{facts.name} begins with {column}, {why}; "
        f"this would help: {create_index.compile(dialect=quoting)}"
    )


def way_of(opened: ConnectedPair, side: Side) -> str:
    """Return how a tenant's rows are found, in words."""
    facts, column = opened.tables[side], opened.pair.tenancy(side).first_column
    if column is None:
        return "where its own rows are"
    kind = facts.column(column)
    found = kind is not None and opened.migration.stacks[side].dialect.can_use_index(kind)
    by = found and column in facts.indexed
    return f"by the index on {column}" if by else f"without an index on {column}"
