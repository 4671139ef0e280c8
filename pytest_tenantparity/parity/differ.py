"""The straight line of one comparison: digest, locate, read, compare."""

from __future__ import annotations

from ..model import RowCounts
from .compare import Comparison
from .digest import digests
from .locate import Batch, differing_batches
from .source import Row, Sides, Source


def find_differences(sides: Sides, comparison: Comparison) -> RowCounts:
    """Fill a comparison with all rows that differ; return how many rows there are."""
    legacy, modern = digests(sides)
    if legacy != modern:
        for batch in differing_batches(sides, max(legacy.rows, modern.rows)):
            comparison.add(*_read(sides, batch))
    return RowCounts(legacy.rows, modern.rows)


def _read(sides: Sides, batch: Batch) -> tuple[list[Row], list[Row]]:
    def rows(source: Source) -> list[Row]:
        return list(source.rows(batch.buckets, batch.wanted))

    return sides.ask(rows)
