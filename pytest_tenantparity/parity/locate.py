"""Where do the two sides differ? In which buckets of keys, a readable number of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .source import Digest, Sides

_ROWS_PER_BUCKET = 64
_MOST_BUCKETS = 65_536
_ROWS_PER_BATCH = 20_000
_NOTHING = Digest(0, 0)


@dataclass(frozen=True, slots=True)
class Batch:
    """Differing buckets that are read together."""

    buckets: int
    wanted: tuple[int, ...]


def bucket_count(rows: int) -> int:
    """Return the power of two that gives some 64 rows a bucket, 65,536 at most."""
    buckets = 1
    while buckets < _MOST_BUCKETS and buckets * _ROWS_PER_BUCKET < rows:
        buckets *= 2
    return buckets


def differing_batches(sides: Sides, rows: int) -> Iterator[Batch]:
    """Yield the buckets that differ, gathered so that a batch can be held in memory."""
    buckets = bucket_count(rows)
    if buckets == 1:
        yield Batch(1, (0,))
        return
    legacy, modern = sides.ask(lambda source: source.digest_by_bucket(buckets))
    gathered: list[int] = []
    size = 0
    for bucket in sorted(legacy.keys() | modern.keys()):
        here, there = legacy.get(bucket, _NOTHING), modern.get(bucket, _NOTHING)
        if here == there:
            continue
        gathered.append(bucket)
        size += here.rows + there.rows
        if size >= _ROWS_PER_BATCH:
            yield Batch(buckets, tuple(gathered))
            gathered, size = [], 0
    if gathered:
        yield Batch(buckets, tuple(gathered))
