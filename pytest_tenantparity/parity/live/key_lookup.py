"""Queries for the rows of one side by their keys."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from sqlalchemy import ColumnElement, literal_column

from ...model import Side
from ...stacks.dialects import portable_hash
from ..compare.row_diff import Row
from ..read.access_path import note_want
from ..read.open_pair import OpenPair
from ..read.reader import SideReader

_WHOLE = re.compile(r"-?[0-9]+")


def among(
    opened: OpenPair, side: Side, reader: SideReader, keys: Collection[Row]
) -> ColumnElement[bool]:
    """Return the condition that a row may have one of ``keys``.

    If the first column of the key holds whole numbers, the condition can use an index on it. Rows
    with a few other keys can meet the condition, so the caller must compare the keys of the rows
    that it reads.
    """
    indexed = _by_index(opened, side, keys)
    if indexed is not None and len(opened.plan.key) == 1:
        return indexed
    salt, digest = opened.run.salt, opened.portable_digest(side)
    wanted: list[ColumnElement[int]] = [
        literal_column(str(portable_hash(key, salt, digest))) for key in keys
    ]
    hashed = reader.dialect.portable_hash(reader.key, salt, digest).in_(wanted)
    return hashed if indexed is None else indexed & hashed


def _by_index(opened: OpenPair, side: Side, keys: Collection[Row]) -> ColumnElement[bool] | None:
    """Return the condition that the first column of the key has a value of ``keys``.

    Returns None if the values are not all whole numbers.
    """
    first = opened.plan.key[0]
    values = {key[0] for key in keys}
    note_want(
        opened.run, opened, side, first.on(side).facts.name, "by which differing rows are looked up"
    )
    numbers = sorted(value for value in values if value is not None and _WHOLE.fullmatch(value))
    if not first.is_whole_number or len(numbers) < len(values):
        return None
    dialect = opened.run.stacks[side].dialect
    return dialect.any_of(first.on(side).value, first.on(side).facts, numbers)


def rows_of(
    opened: OpenPair, side: Side, reader: SideReader, keys: Collection[Row]
) -> Iterator[tuple[str, Row]]:
    """Yield the rows of ``side`` that have one of ``keys``, each with its tenant.

    Equal keys must have one text on both sides.
    """
    for tenant, row in reader.rows_where(among(opened, side, reader, keys)):
        if key_of(opened, row) in keys:
            yield tenant, row


def key_of(opened: OpenPair, row: Row) -> Row:
    """Return the key of ``row``: the texts of its key columns."""
    columns = list(opened.plan.columns)
    return tuple(row[columns.index(column)] for column in opened.plan.key)
