"""Sketches, peeling and merge find exactly the difference of two multisets of rows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from pytest_tenantparity.limits import Limits
from pytest_tenantparity.parity.compare.row_diff import NO_ROWS, Row
from pytest_tenantparity.parity.locate.merge import deliver
from pytest_tenantparity.parity.locate.peeling import locate
from pytest_tenantparity.parity.read.digest import Bucket, Buckets, Digest, HashedRow, Sketch

CASES = 600
TENANTS = ("a", "b", "c")


@dataclass(frozen=True)
class Side:
    """One side's rows in memory, with the methods of a server's reader."""

    rows: Sequence[HashedRow]
    can_sketch: bool
    has_key_hash: bool
    order: Random
    rows_about: int = 0

    def sketch(self, buckets: Buckets) -> Sketch:
        """Return a sketch with all rows inserted."""
        sketch: Sketch = {}
        for row in self.rows:
            key = row.tenant, buckets.number_of(row.row_hash)
            key_hash = row.key_hash if self.can_sketch else 0
            sketch[key] = sketch.get(key, Bucket()) + Bucket(Digest(1, row.row_hash), key_hash)
        return sketch

    def rows_at(self, key_hashes: Collection[int]) -> Iterator[HashedRow]:
        """Yield the rows with these key hashes. A NULL key has none."""
        found = (row for row in self.rows if row.key_hash in key_hashes)
        return (row for row in found if row.row[0] is not None)

    def rows_in_order(self, part: int = 0, parts: int = 1) -> Iterator[HashedRow]:
        """Yield the rows of a part in order. The order of equal rows is random."""
        rows = [r if self.has_key_hash else replace(r, key_hash=r.row_hash) for r in self.rows]
        if parts > 1:  # the remainder of a server has the sign of the dividend
            rows = [each for each in rows if abs(int(math.fmod(each.key_hash, parts))) == part]
        self.order.shuffle(rows)
        return iter(sorted(rows, key=lambda each: each.position))


@dataclass(frozen=True)
class Both:
    """Two sides that are read one after the other."""

    legacy: Side
    modern: Side
    limits: Limits

    def ask(self, question: Callable[[Side], Any]) -> tuple[Any, Any]:
        """Return the result of ``question`` for both sides."""
        return question(self.legacy), question(self.modern)

    def both(self, legacy: Callable[[], Any], modern: Callable[[], Any]) -> tuple[Any, Any]:
        """Return the results of both functions."""
        return legacy(), modern()


class Taken:
    """The rows that were passed on: the surplus of each side, and how often each key came."""

    def __init__(self) -> None:
        self.legacy: Counter[Row] = Counter()
        self.modern: Counter[Row] = Counter()
        self.shared: dict[Row, int] = {}
        self.keys: Counter[str | None] = Counter()

    @property
    def differing(self) -> bool:
        """Whether any differing row was passed on."""
        return bool(self.legacy or self.modern)

    def add(
        self, legacy: Iterable[Row], modern: Iterable[Row], shared: Mapping[Row, int] = NO_ROWS
    ) -> None:
        """Record one batch of rows."""
        self.shared |= shared
        here, there = Counter(legacy), Counter(modern)
        here, there = here - there, there - here
        self.keys.update({row[0] for row in (*here, *there)})
        self.legacy += here
        self.modern += there


Owned = tuple[str, Row]
"""A tenant and one of its rows."""


def _altered(dice: Random, before: Sequence[Owned], another: Callable[[], Owned]) -> list[Owned]:
    """Return the rows with some of them lost, moved to another tenant, repeated or added."""
    after = list(before)
    for _ in range(dice.choice([0, 1, 3, 50])):
        way = dice.choice(["lose", "move", "repeat", "add"])
        at = dice.randrange(len(after)) if after else 0
        if way == "add" or not after:
            after.append(another())
        elif way == "lose":
            after.pop(at)
        elif way == "move":
            after[at] = another()[0], after[at][1]
        else:
            after.append(after[at])
    return after


def _wrong(seed: int) -> str:
    """Return the error of one random case, or an empty text."""
    dice = Random(seed)  # noqa: S311 - a seed is the point
    tenants = TENANTS[: dice.choice([1, 3])]
    keys, few = dice.choice([3, 20, 200]), dice.choice([5, 2**62])

    def another() -> Owned:
        key = None if dice.random() < 0.05 else str(dice.randrange(keys))
        return dice.choice(tenants), (key, str(dice.randrange(4)))

    before = [another() for _ in range(dice.choice([0, 5, 60, 300]))]
    after = _altered(dice, before, another)

    def hashed(rows: Sequence[Owned]) -> list[HashedRow]:
        return [
            HashedRow(
                tenant,
                0 if row[0] is None else Random(f"{seed} {row[0]}").randrange(-few, few),  # noqa: S311
                Random(f"{seed} {row}").randrange(-(2**63), 2**63),  # noqa: S311
                row,
            )
            for tenant, row in rows
        ]

    legacy, modern = hashed(before), hashed(after)
    can_sketch, keyed = dice.random() < 0.9, dice.random() < 0.9
    limits = Limits(
        buckets=dice.choice([1, 2, 16, 4096]),
        buckets_again=dice.choice([2, 64, 65_536]),
        buckets_per_row=dice.choice([1, 4, 99]),
        rows_decoded=dice.choice([0, 3, 30, 20_000]),
        rows_merged=dice.choice([1, 2, 7, 5_000]),
        rows_per_part=dice.choice([1, 7, 60, 200_000]),
    )

    def sides_of(some: Collection[str]) -> Any:
        here, there = (
            Side([r for r in rows if r.tenant in some], can_sketch and keyed, keyed, dice)
            for rows in (legacy, modern)
        )
        return Both(here, there, limits)

    for tenant, result in locate(sides_of, tenants).items():
        here = Counter(each.row for each in legacy if each.tenant == tenant)
        there = Counter(each.row for each in modern if each.tenant == tenant)
        taken = Taken()
        deliver(sides_of([tenant]), result, taken)
        if (taken.legacy, taken.modern) != (here - there, there - here):
            return f"{seed}, {tenant}: {taken.legacy} and {taken.modern} were passed on"
        if (result.rows.legacy, result.rows.modern) != (here.total(), there.total()):
            return f"{seed}, {tenant}: {result.rows}"
        if keyed and any(times > 1 for times in taken.keys.values()):
            return f"{seed}, {tenant}: the rows of one key came in several batches"
        differing = {*(here - there), *(there - here)}
        shared = {row: count for row, count in (here & there).items() if row in differing}
        if taken.shared != shared:
            return f"{seed}, {tenant}: {taken.shared} are shared, not {shared}"
    return ""


def test_the_difference_is_exact() -> None:
    """Each surplus row of a side is passed on once, in its tenant, with the rows of its key.

    Rows repeat, have NULL keys, share key hashes and move between tenants. Buckets, budgets,
    batches and parts are of any size. Engines have an XOR or not, and keys have a hash or not.
    """
    assert [wrong for seed in range(CASES) if (wrong := _wrong(seed))] == []
