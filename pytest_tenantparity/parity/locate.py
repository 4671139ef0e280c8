"""Where do the two sides differ? In which buckets of keys, a readable number of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..errors import NotProven
from ..model import RowCounts
from .source import Digest, Sides

_ROWS_PER_BUCKET = 64
_MOST_BUCKETS = 65_536
_ROWS_PER_BATCH = 20_000
_NOTHING = Digest(0, 0)


@dataclass(frozen=True, slots=True)
class Batch:
    """Differing buckets that are read together, and how many rows they were counted to hold."""

    buckets: int
    wanted: tuple[int, ...]
    rows: RowCounts


def bucket_count(rows: int) -> int:
    """Return the power of two that gives some 64 rows a bucket, 65,536 at most."""
    buckets = 1
    while buckets < _MOST_BUCKETS and buckets * _ROWS_PER_BUCKET < rows:
        buckets *= 2
    return buckets


def differing_batches(sides: Sides, legacy: Digest, modern: Digest) -> Iterator[Batch]:
    """Yield the buckets that differ, gathered so that a batch can be held in memory."""
    buckets = bucket_count(max(legacy.rows, modern.rows))
    if buckets == 1:
        yield Batch(1, (0,), RowCounts(legacy.rows, modern.rows))
        return
    here, there = sides.ask(lambda source: source.digest_by_bucket(buckets))
    _require_whole(legacy, here)
    _require_whole(modern, there)
    gathered: list[int] = []
    rows = RowCounts()
    for bucket in sorted(here.keys() | there.keys()):
        one, other = here.get(bucket, _NOTHING), there.get(bucket, _NOTHING)
        if one == other:
            continue
        gathered.append(bucket)
        rows = RowCounts(rows.legacy + one.rows, rows.modern + other.rows)
        if rows.legacy + rows.modern >= _ROWS_PER_BATCH:
            yield Batch(buckets, tuple(gathered), rows)
            gathered, rows = [], RowCounts()
    if gathered:
        yield Batch(buckets, tuple(gathered), rows)


def _require_whole(whole: Digest, parts: Mapping[int, Digest]) -> None:
    """Refuse buckets that leave a row out, or hold one twice."""
    digests = parts.values()
    if whole != Digest(sum(each.rows for each in digests), sum(each.total for each in digests)):
        raise NotProven("the buckets of a table's rows do not add up to the table")
