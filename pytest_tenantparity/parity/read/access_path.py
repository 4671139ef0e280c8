"""Describes how tables are read, and which index would make that cheaper."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import Column, Index, MetaData, Table
from sqlalchemy.schema import CreateIndex

from ...errors import counted
from ...mapping.connected_pair import ConnectedPair
from ...mapping.tenancy_sql import Scope
from ...model import Reading, Side
from ..run import Run
from .reader import SideReader

_LONGEST_NAME = 60  # of an index; PostgreSQL takes 63 bytes, MySQL 64 characters
_PREFIX = 64  # indexed characters of a text without a length; MySQL requires a number


def noted(run: Run, opened: ConnectedPair, side: Side, reader: SideReader) -> SideReader:
    """Return ``reader`` with a callback that notes how each scan of it was read."""

    def note(chunks: int) -> None:
        how = _how(opened, side, reader.scope, chunks)
        run.notes.take(Reading(opened.pair.name, side, how))
        column = opened.pair.tenancy(side).first_column
        if column is not None and not reader.scope.wide:
            note_want(run, opened, side, column, "by which tenants are looked up")

    return replace(reader, note=note)


def note_want(run: Run, opened: ConnectedPair, side: Side, column: str, why: str) -> None:
    """Add a hint at an index on ``column``, if rows of a large table are looked up without one."""
    facts = opened.tables[side]
    kind = facts.column(column)
    dialect = opened.migration.stacks[side].dialect
    large = facts.rows >= opened.migration.limits.large_table_rows
    if kind is None or not large or column in facts.indexed or not dialect.can_use_index(kind):
        return
    run.notes.take(
        f"no index of the {side} table {facts.schema}.{facts.name} begins with {column}, {why}; "
        f"this would help: {_create_index(opened, side, column)}"
    )


def _how(opened: ConnectedPair, side: Side, scope: Scope, chunks: int) -> str:
    """Return how ``scope`` was read, in words."""
    among = len(opened.migration.tenants)
    sessions = opened.migration.settings.stack(side).parallel
    by_several = f" by {sessions} sessions" if sessions > 1 else ""
    parts = f", in {chunks} chunks{by_several}" if chunks > 1 else ""
    if opened.pair.tenancy(side).is_global:
        return f"one scan of all rows{parts}"
    way = way_of(opened, side)
    if scope.owners is None:
        return f"each tenant {way}"
    asked = len(set(scope.owners.tenants.values()))
    tenants = counted(asked, "tenant") if asked == among else f"{asked} of {among} tenants"
    by = "" if scope.wide else f", {way}"
    return f"one scan for {tenants}{by}{parts}"


def way_of(opened: ConnectedPair, side: Side) -> str:
    """Return how a tenant's rows are found, in words."""
    facts, column = opened.tables[side], opened.pair.tenancy(side).first_column
    if column is None:
        return "where its own rows are"
    kind = facts.column(column)
    found = kind is not None and opened.migration.stacks[side].dialect.can_use_index(kind)
    by = found and column in facts.indexed
    return f"by the index on {column}" if by else f"without an index on {column}"


def _create_index(opened: ConnectedPair, side: Side, column: str) -> str:
    facts = opened.tables[side]
    dialect = type(opened.connections[side].dialect)()  # it quotes names where needed
    kind = facts.column(column)
    options: dict[str, Any] = {"postgresql_concurrently": True}
    if kind is not None and kind.type.endswith("text"):
        options["mysql_length"] = {column: _PREFIX}
    table = Table(facts.name, MetaData(), Column(column), schema=facts.schema)
    name = f"{facts.name}_{column}_idx"[-_LONGEST_NAME:]
    index = Index(name, table.c[column], **options)
    return str(CreateIndex(index).compile(dialect=dialect))
