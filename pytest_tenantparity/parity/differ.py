"""The straight line of one comparison: digest, locate, read, compare."""

from __future__ import annotations

from ..errors import NotProven
from ..model import RowCounts
from .compare import Comparison
from .digest import digests
from .locate import Batch, differing_batches
from .source import Row, Sides, Source


def find_differences(sides: Sides, comparison: Comparison) -> RowCounts:
    """Fill a comparison with all rows that differ; return how many rows there are.

    Equal digests prove a match; nothing else does. Raises :class:`NotProven` where digests differ,
    and the rows that were read show no difference.
    """
    legacy, modern = digests(sides)
    if legacy != modern:
        for batch in differing_batches(sides, legacy, modern):
            comparison.add(*_read(sides, batch))
        if not comparison.differing:
            raise NotProven(
                "the digests differ, and the rows do not as they were read; what the servers hash "
                "is not what they send"
            )
    return RowCounts(legacy.rows, modern.rows)


def _read(sides: Sides, batch: Batch) -> tuple[list[Row], list[Row]]:
    def rows(source: Source) -> list[Row]:
        return list(source.rows(batch.buckets, batch.wanted))

    legacy, modern = sides.ask(rows)
    if RowCounts(len(legacy), len(modern)) != batch.rows:
        raise NotProven(
            f"where the digests differ, {batch.rows.legacy} legacy and {batch.rows.modern} modern "
            f"rows were counted, and {len(legacy)} and {len(modern)} could be read"
        )
    return legacy, modern
