"""Queries for the rows of one side by their keys."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from sqlalchemy import ColumnElement, literal_column, true

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
    """Return a condition that every row with one of ``keys`` meets.

    If the first column of the key holds whole numbers, the condition can use an index on it. A few
    other rows can meet it, too, so the caller must compare the keys of the rows that it reads.
    """
    run, first = opened.run, opened.plan.key[0]
    here = first.on(side)
    note_want(run, opened, side, here.facts.name, "by which differing rows are looked up")
    values = {key[0] for key in keys}
    numbers = sorted(value for value in values if value is not None and _WHOLE.fullmatch(value))
    condition: ColumnElement[bool] = true()
    if first.is_whole_number and len(numbers) == len(values):
        condition = reader.dialect.any_of(here.value, here.facts, numbers)
        if len(opened.plan.key) == 1:
            return condition
    digest = opened.portable_digest(side)
    wanted: list[ColumnElement[int]] = [
        literal_column(str(portable_hash(key, run.salt, digest))) for key in keys
    ]
    return condition & reader.dialect.portable_hash(reader.key, run.salt, digest).in_(wanted)


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
