"""The scan that proves equal rows also finds the rows that differ, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import ColumnElement, event, func, literal_column
from sqlalchemy.engine import Engine as SqlEngine

from pytest_tenantparity.limits import Limits
from pytest_tenantparity.mapping.columns import ColumnPair
from pytest_tenantparity.model import Evidence
from pytest_tenantparity.parity.checks import misplaced
from pytest_tenantparity.parity.read.digest import Bucket, Buckets, Digest, HashedRow, Sketch
from pytest_tenantparity.parity.read.reader import SideReader
from pytest_tenantparity.stacks.dialects import Nulls, dialect_for

from ..support.engine_driver import Engine, Seen, seen
from ..support.expectations import assert_drift, assert_match, assert_not_proven
from ..support.mariadb import MariaDatabase, MariaServer, new_mariadb_database

ROWS = 5_000
OWNED = 'tenancy = {column = "tenant"}'
TENANTS = "\n".join(f"[tenants.t{n}]" for n in range(5))
TABLE = """
    CREATE TABLE t (id bigint, code text, tenant text, v text, PRIMARY KEY ({key}))
    WITH (autovacuum_enabled = false); -- the number of buckets depends on the server's estimate
    INSERT INTO t SELECT g * 7919, 'c' || g, 't' || g % 5, 'v' || g
    FROM generate_series(1, {rows}) g
"""
# The kinds of keys.
KEYS = {"whole number": "id", "text": "code", "composite": "code, id"}


@pytest.fixture
def scans() -> Iterator[list[str]]:
    """Collect the statements that hash all rows of a table."""
    made: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        if "parity_row_hash" in statement:
            made.append(statement)

    event.listen(SqlEngine, "before_cursor_execute", note)
    yield made
    event.remove(SqlEngine, "before_cursor_execute", note)


def plant(engine: Engine, numbers: list[int]) -> dict[int, str]:
    """Change, delete, add or move modern rows; return the kind of change of each number."""
    ways = ("changed", "missing", "extra", "moved")
    planted = {number: ways[place % 4] for place, number in enumerate(numbers)}
    statements = {
        "changed": "UPDATE t SET v = v || '!' WHERE code = 'c{n}'",
        "missing": "DELETE FROM t WHERE code = 'c{n}'",
        "extra": "DELETE FROM t WHERE code = 'c{n}'",
        "moved": "UPDATE t SET tenant = 't' || ({n} + 1) % 5 WHERE code = 'c{n}'",
    }
    for number, way in planted.items():
        side = engine.legacy if way == "extra" else engine.modern
        side.run(statements[way].format(n=number))
    return planted


def key_of(number: int, kind: str) -> tuple[str, ...]:
    """Return a row's key."""
    key = {"id": str(number * 7919), "code": f"c{number}"}
    return tuple(key[name] for name in KEYS[kind].split(", "))


def expected(planted: dict[int, str], kind: str) -> dict[str, list[Seen]]:
    """Return the expected findings of each tenant."""
    found: dict[str, list[Seen]] = {f"t{n}": [] for n in range(5)}
    for number, way in planted.items():
        own, next_one = f"t{number % 5}", f"t{(number + 1) % 5}"
        if way == "moved":
            found[own].append(("missing", key_of(number, kind), ()))
            found[next_one].append(("extra", key_of(number, kind), ()))
        else:
            found[own].append((way, key_of(number, kind), ("v",) if way == "changed" else ()))
    return found


@pytest.mark.parametrize("kind", KEYS)
def test_scattered_drifts_are_named_by_one_scan(
    engine: Engine, scans: list[str], kind: str
) -> None:
    """A few differing rows are each found in their tenant, without a second scan.

    If keys are not whole numbers, only the keys are hashed again, to look the rows up.
    """
    engine.both(TABLE.format(key=KEYS[kind], rows=ROWS))
    planted = plant(engine, Random(kind).sample(range(1, ROWS + 1), 40))  # noqa: S311
    with engine.opened(TENANTS, legacy=OWNED, modern=OWNED) as run:
        for tenant, found in expected(planted, kind).items():
            assert_drift(run.audit(tenant, "t"), *found)
    assert len(scans) == 2


def test_a_whole_table_takes_one_scan_too(engine: Engine, scans: list[str]) -> None:
    """One scan of each side finds the differing rows and copies of a table without tenants."""
    engine.both("CREATE TABLE t (v text)")
    engine.both("INSERT INTO t SELECT 'v' || g % 900 FROM generate_series(1, 3000) g")
    assert_match(engine.audit(), 3000)
    engine.modern.run("INSERT INTO t VALUES ('new'), ('v5')")
    engine.legacy.run("INSERT INTO t VALUES (NULL)")
    found = engine.audit()
    assert_drift(
        found, ("extra", ("new",), ()), ("duplicate", ("v5",), ()), ("missing", (None,), ())
    )
    assert len(scans) == 4


def _both_ways(engine: Engine) -> list[Evidence]:
    """Audit five tenants by one scan."""
    with engine.opened(TENANTS, legacy=OWNED, modern=OWNED) as run:
        return [run.audit(f"t{n}", "t") for n in range(5)]


def _wrong_key_hashes(monkeypatch: pytest.MonkeyPatch) -> Limits:
    """Make the XOR of a constant instead of the key hashes."""

    def constant(_: object) -> ColumnElement[int]:
        return func.max(literal_column("12345"))

    monkeypatch.setattr(dialect_for("postgresql"), "xor", constant)
    return Limits()


def _no_xor(monkeypatch: pytest.MonkeyPatch) -> Limits:
    """Remove the XOR, as in PostgreSQL 13."""
    monkeypatch.setattr(dialect_for("postgresql"), "can_xor", lambda _: False)
    return Limits()


def _nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> Limits:
    """Return no rows for any key hash."""
    monkeypatch.setattr(SideReader, "rows_at", lambda *_: iter(()))
    return Limits()


def _too_many(_: pytest.MonkeyPatch) -> Limits:
    """Allow fewer rows to be decoded than differ."""
    return Limits(rows_decoded=3)


def test_a_key_with_too_many_rows_is_merged(engine: Engine, scans: list[str]) -> None:
    """A key with too many rows to decode is merged, and no finding is lost.

    The rows that were read before the merge are dropped.
    """
    engine.both("CREATE TABLE t (id int, v text)")
    engine.both("INSERT INTO t SELECT g % 2, 'v' || g FROM generate_series(1, 300) g")
    engine.modern.run("DELETE FROM t WHERE v = 'v7'")
    evidence = replace(engine, limits=Limits(rows_decoded=100)).audit(
        more="[tables.t]\nkey = ['id']"
    )
    assert_drift(evidence, ("missing", ("1",), ()))
    assert len(scans) == 8


@pytest.mark.parametrize("broken", [_wrong_key_hashes, _no_xor, _nothing_is_read, _too_many])
def test_what_no_sketch_decodes_is_merged(
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    broken: Callable[[pytest.MonkeyPatch], Limits],
) -> None:
    """A sketch that cannot be decoded costs a merge, and no finding is lost or made up."""
    engine.both(TABLE.format(key="id", rows=ROWS))
    planted = plant(engine, Random(1).sample(range(1, ROWS + 1), 40))  # noqa: S311
    engine = replace(engine, limits=broken(monkeypatch))
    merged: list[SideReader] = []
    own = SideReader.rows_in_order

    def counted(source: SideReader, part: int, parts: int) -> Iterator[HashedRow]:
        merged.append(source)
        return own(source, part, parts)

    monkeypatch.setattr(SideReader, "rows_in_order", counted)
    for evidence, found in zip(
        _both_ways(engine), expected(planted, "whole number").values(), strict=True
    ):
        assert_drift(evidence, *found)
    assert merged


def test_rows_that_hide_each_other_show_in_another_sketch(engine: Engine, scans: list[str]) -> None:
    """Two rows in one bucket hide each other; one more scan of their tenant decodes both."""
    engine.both(TABLE.format(key="id", rows=ROWS))
    engine.modern.run("DELETE FROM t WHERE code IN ('c5', 'c10')")
    evidence = _both_ways(replace(engine, limits=Limits(buckets=1)))
    assert_drift(evidence[0], ("missing", ("39595",), ()), ("missing", ("79190",), ()))
    assert [each.status for each in evidence[1:]] == ["MATCH"] * 4
    assert len(scans) == 4
    assert '"tenant" = any' in scans[-1]


def test_thousands_of_drifts_are_decoded_by_a_second_sketch(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, scans: list[str]
) -> None:
    """A second sketch has as many buckets as the first one shows to be needed; no row is merged."""
    engine.both(TABLE.format(key="id", rows=40_000))
    engine.modern.run("UPDATE t SET v = v || '!' WHERE id % 16 = 3")
    monkeypatch.setattr(SideReader, "rows_in_order", pytest.fail)
    with engine.opened(TENANTS, legacy=OWNED, modern=OWNED) as run:
        found = [run.audit(f"t{n}", "t") for n in range(5)]
    assert [each.drift.changed for each in found] == [500] * 5
    assert len(scans) <= 6


def test_a_row_that_only_moved_is_decoded_in_both_tenants(engine: Engine, scans: list[str]) -> None:
    """A row that only changed its tenant is decoded in both tenants.

    The tenant is not compared, so that the row has one hash on both sides.
    """
    engine.both("CREATE TABLE t (id bigint PRIMARY KEY, v text, tenant text, new_tenant text)")
    engine.both(
        "INSERT INTO t SELECT g, 'v' || g, 't' || g % 5, 't' || g % 5 "
        "FROM generate_series(1, 900) g"
    )
    engine.legacy.run("ALTER TABLE t DROP COLUMN new_tenant")
    engine.modern.run("ALTER TABLE t DROP COLUMN tenant")
    engine.modern.run("UPDATE t SET new_tenant = 't1' WHERE id IN (5, 15)")
    with engine.opened(TENANTS, legacy=OWNED, modern='tenancy = {column = "new_tenant"}') as run:
        assert_drift(run.audit("t0", "t"), ("missing", ("5",), ()), ("missing", ("15",), ()))
        assert_drift(run.audit("t1", "t"), ("extra", ("5",), ()), ("extra", ("15",), ()))
        assert_match(run.audit("t2", "t"), 180)
    assert len(scans) == 2


def _reads_alike(monkeypatch: pytest.MonkeyPatch, where: int) -> None:
    """Give the row at a key hash the same text on both sides, whatever its row hash is."""

    def read(owner: str, at: int, row_hash: int, row: tuple[str | None, ...]) -> HashedRow:
        return HashedRow(owner, at, row_hash, (*row[:3], "same") if at == where else row)

    monkeypatch.setattr("pytest_tenantparity.parity.read.reader.HashedRow", read)


@pytest.mark.parametrize("more", [0, 40])
def test_a_row_without_a_hash_is_not_proven(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, more: int
) -> None:
    """A NULL where none is expected leaves its row without a hash, which is NOT PROVEN.

    That holds for tables of any width.
    """
    columns = "".join(f", c{n} int NOT NULL DEFAULT 0" for n in range(more))
    engine.both(f"CREATE TABLE t (id int PRIMARY KEY, x int, y int NOT NULL{columns})")
    engine.both("INSERT INTO t SELECT g, g, g FROM generate_series(1, 50) g")
    monkeypatch.setattr(ColumnPair, "nulls", Nulls.NEVER)
    assert_match(engine.audit(), 50)
    engine.both("UPDATE t SET x = NULL WHERE id = 7")
    named = "1 of 1 rows could not be hashed by the server: column 'x' of the legacy side"
    assert_not_proven(engine.audit(), named, "row id = '7'")
    engine.modern.run("UPDATE t SET y = 8 WHERE id = 7")
    assert_drift(engine.audit(), ("changed", ("7",), ("y",)))


def test_rows_whose_texts_do_not_differ_prove_nothing(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that differs by its hash but has one text on both sides is NOT PROVEN, not a match."""
    engine.both(TABLE.format(key="id", rows=50))
    engine.modern.run("UPDATE t SET v = 'other' WHERE id = 7919")

    _reads_alike(monkeypatch, 7919)
    assert_not_proven(engine.audit(), "what the servers hash is not what they send")


def test_a_key_that_is_not_unique_is_told_whole(engine: Engine, scans: list[str]) -> None:
    """All rows of a key are read, and only those of which one side has more are findings."""
    engine.both("CREATE TABLE t (id int, n int, v text)")
    engine.both("INSERT INTO t SELECT g / 3, g, 'v' FROM generate_series(1, 3000) g")
    engine.modern.run("UPDATE t SET v = 'w' WHERE n IN (9, 300); DELETE FROM t WHERE n = 600")
    evidence = engine.audit(more="[tables.t]\nkey = ['id']")
    kinds = sorted((kind, key) for kind, key, _ in seen(evidence))
    changed = [("changed", ("100",)), ("changed", ("3",))]
    assert kinds == [*changed, ("missing", ("200",))], evidence
    assert len(scans) == 2


def test_sketches_that_contradict_each_other_prove_nothing(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If one sketch shows a difference and the next one does not, no check is a match."""
    engine.both(TABLE.format(key="id", rows=ROWS))
    engine.modern.run("DELETE FROM t WHERE code IN ('c5', 'c10')")
    engine = replace(engine, limits=Limits(buckets=1))
    own = SideReader.sketch

    def equal(source: SideReader, buckets: Buckets) -> Sketch:
        if not buckets.shift:
            return own(source, buckets)
        return {(f"t{n}", 0): Bucket(Digest(1000, 7)) for n in range(5)}

    monkeypatch.setattr(SideReader, "sketch", equal)
    assert_not_proven(engine.audit(), "do not agree")
    for evidence in _both_ways(engine):
        assert_not_proven(evidence, "do not agree")


def test_one_row_that_reads_alike_is_not_passed_over_for_others(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One row that differs only by its hash makes the check NOT PROVEN, whatever else differs."""
    engine.both(TABLE.format(key="id", rows=50))
    engine.modern.run("UPDATE t SET v = 'other' WHERE id IN (7919, 15838)")

    _reads_alike(monkeypatch, 7919)
    assert_not_proven(engine.audit(), "what the servers hash is not what they send")


def test_misplaced_rows_of_all_tenants_are_looked_up_at_once(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One lookup a side serves every tenant of a scan, and the notes name the other tenant."""
    engine.both(TABLE.format(key="code", rows=100))
    engine.modern.run("UPDATE t SET tenant = 't0' WHERE code IN ('c6', 'c7', 'c8', 'c9')")
    sides: list[str] = []
    own = misplaced._owners

    def counted(opened: Any, side: Any, keys: Any) -> Any:
        sides.append(side)
        return own(opened, side, keys)

    monkeypatch.setattr(misplaced, "_owners", counted)
    with engine.opened(TENANTS, legacy=OWNED, modern=OWNED) as run:
        found = [run.audit(f"t{n}", "t") for n in range(5)]
    assert sorted(sides) == ["legacy", "modern"]
    notes = [finding.note for evidence in found[1:] for finding in evidence.findings]
    assert notes == ["the modern table has it under the tenant 't0'"] * 4


def test_unsigned_keys_beyond_64_bits_are_decoded(
    maria: MariaServer, mysql_db: MariaDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A BIGINT UNSIGNED key beyond 64 signed bits is found by its hash, without a merge."""
    modern = new_mariadb_database(maria)
    for database, value in ((mysql_db, 2), (modern, 3)):
        database.run("CREATE TABLE t (id bigint unsigned PRIMARY KEY, v int)")
        database.run(f"INSERT INTO t VALUES (1, 1), (18446744073709551615, {value})")
    monkeypatch.setattr(SideReader, "rows_in_order", pytest.fail)
    evidence = Engine(mysql_db, modern, tmp_path).audit()  # type: ignore[arg-type]
    assert_drift(evidence, ("changed", ("18446744073709551615",), ("v",)))
