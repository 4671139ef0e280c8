"""Chunks of very large tables: the rows of each chunk, and the pauses between chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import ColumnElement, literal

from pytest_tenantparity.config import StackSettings
from pytest_tenantparity.limits import Limits
from pytest_tenantparity.model import SLOW
from pytest_tenantparity.parity.read.chunks import Chunks
from pytest_tenantparity.stacks import Extent

from ..support.engine_driver import Engine, Run
from ..support.expectations import assert_drift, assert_match
from ..support.mariadb import MariaDatabase
from ..support.postgresql import Database

SMALL = "tenancy = 'global'\nchunk_seconds = 0.02"
OWNED = "tenancy = {column = 'tenant'}\nchunk_seconds = 0.02"
ROWS = (
    "CREATE TABLE t (id int PRIMARY KEY, tenant text, v text); INSERT INTO t "
    "SELECT g, 't' || g % 3, repeat('x', 400) || g FROM generate_series(1, 6000) g"
)


EVEN_SMALL = Limits(large_table_blocks=1, large_table_rows=1, last_chunk_seconds=0)


@pytest.fixture
def engine(engine: Engine) -> Engine:
    """Return an engine whose limits divide even small tables into chunks."""
    return replace(engine, limits=EVEN_SMALL)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect the chunks that are read."""
    seen: list[str] = []
    shared_out = Chunks.shared_out

    def noted(self: Chunks) -> Callable[[], Iterator[ColumnElement[bool]]]:
        share = shared_out(self)

        def each() -> Iterator[ColumnElement[bool]]:
            for chunk in share():
                seen.append(str(chunk))
                yield chunk

        return each

    monkeypatch.setattr(Chunks, "shared_out", noted)
    return seen


def test_chunks_make_up_the_table(engine: Engine, asked: list[str]) -> None:
    """Every row is in exactly one chunk: in the first and the last block, and in each version."""
    engine.both(ROWS)
    assert_match(engine.audit(legacy=SMALL, modern=SMALL), rows=6000)
    assert len(asked) > 6
    engine.modern.run("UPDATE t SET v = 'new' WHERE id IN (1, 3000, 6000)")
    changed = [("changed", (str(each),), ("v",)) for each in (1, 3000, 6000)]
    assert_drift(engine.audit(legacy=SMALL, modern=SMALL), *changed)


def test_chunks_tell_tenants_apart(engine: Engine, asked: list[str]) -> None:
    """The rows of one tenant lie in many chunks, and their results are added up."""
    engine.both(ROWS)
    engine.modern.run("DELETE FROM t WHERE id IN (4, 5999)")
    tenants = "\n".join(f"[tenants.t{n}]" for n in range(3))
    with engine.opened(tenants, legacy=OWNED, modern=OWNED) as run:
        assert_match(run.audit("t0", "t"), rows=2000)
        assert_drift(run.audit("t1", "t"), ("missing", ("4",), ()))
        assert_drift(run.audit("t2", "t"), ("missing", ("5999",), ()))
    assert len(asked) > 6


def test_chunks_of_a_path_are_one_scan_for_all_tenants(engine: Engine, asked: list[str]) -> None:
    """A large table whose path joins others is read in chunks, not once for each tenant."""
    for name in ("t", 'o"d %s'):
        quoted = '"{}"'.format(name.replace('"', '""'))
        engine.both(f"CREATE TABLE {quoted} (id int PRIMARY KEY, owner int, v text)")
        engine.both(
            f"INSERT INTO {quoted} SELECT g, g % 3, repeat('x', 400) || g "
            "FROM generate_series(1, 3000) g"
        )
    engine.both("CREATE TABLE owners (id int PRIMARY KEY, tenant text)")
    engine.both("INSERT INTO owners SELECT g, 't' || g FROM generate_series(0, 2) g")
    path = "owner -> owners.id -> tenant"
    more = "".join(f"[tenants.t{n}]\n" for n in range(3))
    more += "".join(
        f"[tables.'{name}']\ntenancy = {{path = '{path}'}}\n" for name in ("t", 'o"d %s')
    )
    seconds = "tenancy = 'global'\nchunk_seconds = 0.02"
    with engine.opened(more, legacy=seconds, modern=seconds) as run:
        found = [run.audit(f"t{n}", name) for name in ("t", 'o"d %s') for n in range(3)]
    assert [each.status for each in found] == ["MATCH"] * 6
    assert [each.rows.legacy for each in found] == [1000] * 6
    assert [hint for each in found for hint in each.work.hints if hint.startswith(SLOW)] == []
    assert len(asked) > 12


def test_few_tenants_are_not_scanned_for(engine: Engine, asked: list[str]) -> None:
    """If few of all tenants are selected, no chunks are read: the server may use its index."""
    engine.both(ROWS)
    tenants = "\n".join(f"[tenants.t{n}]" for n in range(12))
    with engine.opened(tenants, legacy=OWNED, modern=OWNED) as run:
        few = Run(replace(run.context, audited_ids={"t": {"t0", "t1"}}))
        assert_match(few.audit("t0", "t"), rows=2000)
    assert asked == []


def test_a_child_table_longer_than_its_parent(engine: Engine, asked: list[str]) -> None:
    """The last chunk has no upper bound, since a child may have more blocks than its parent."""
    engine.both(ROWS)
    engine.both("CREATE TABLE child () INHERITS (t)")
    engine.both(
        "INSERT INTO child SELECT g, 't0', repeat('y', 400) || g "
        "FROM generate_series(6001, 20000) g; DELETE FROM ONLY t WHERE id > 3000"
    )
    engine.both("VACUUM FULL t")
    engine.modern.run("UPDATE child SET v = 'new' WHERE id = 20000")
    more = '[ignore.tables]\nchild = "is read with its parent"'
    evidence = engine.audit(more=more, legacy=SMALL, modern=SMALL)
    assert_drift(evidence, ("changed", ("20000",), ("v",)))
    assert evidence.rows.legacy == 17_000
    assert len(asked) > 3


def test_keys_with_gaps_and_below_zero(
    mysql_db: MariaDatabase, modern_db: Database, tmp_path: Path, asked: list[str]
) -> None:
    """MariaDB's chunks are ranges of its key, even with gaps and numbers below zero."""
    keys = [*range(-3000, -2000), -1, *range(5_000, 6_000), 20_000]
    table = "CREATE TABLE t (id bigint PRIMARY KEY, v int)"
    values = ", ".join(f"({key}, {key % 100})" for key in keys)
    for database in (mysql_db, modern_db):
        database.run(table)
        database.run(f"INSERT INTO t VALUES {values}")
    modern_db.run("UPDATE t SET v = 999 WHERE id IN (-3000, -1, 20000)")
    engine = Engine(mysql_db, modern_db, tmp_path, EVEN_SMALL)  # type: ignore[arg-type]
    evidence = engine.audit(legacy=SMALL, modern=SMALL)
    changed = [("changed", (str(each),), ("v",)) for each in (-3000, -1, 20_000)]
    assert_drift(evidence, *changed)
    assert evidence.rows.legacy == len(keys)
    assert len(asked) > 3


def test_the_ends_of_chunks_are_open() -> None:
    """Each chunk begins where the last one ended; the first and the last chunk have open ends.

    An extent need not hold all positions.
    """
    ends: list[tuple[int | None, int | None]] = []

    def between(low: int | None, high: int | None) -> ColumnElement[bool]:
        ends.append((low, high))
        return literal(value=True)

    extent = Extent(100, 6_400, between)
    settings = StackSettings(url="sqlite://", chunk_seconds=0.000001, pause_ratio=1.0)
    chunks = Chunks(extent, settings, lambda _: None, lambda _: None, Limits())
    assert len(list(chunks.shared_out()())) == len(ends) > 10
    lows, highs = zip(*ends, strict=True)
    assert (lows[0], highs[-1]) == (None, None)
    assert lows[1:] == highs[:-1]


def test_rests_are_as_long_as_asked_for() -> None:
    """After each chunk but the last comes a pause, in proportion to the chunk's duration."""
    rests: list[float] = []
    extent = Extent(0, 6_400, lambda low, high: literal(low is None or high is None))
    settings = StackSettings(url="sqlite://", chunk_seconds=0.000001, pause_ratio=2.0)
    chunks = list(Chunks(extent, settings, rests.append, lambda _: None, Limits()).shared_out()())
    assert len(rests) == len(chunks) - 1 > 10
    assert min(rests) > 0
