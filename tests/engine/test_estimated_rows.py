"""Estimates of a table's number of rows, which the server gives without reading the table."""

from __future__ import annotations

from pytest_tenantparity.model import Outcome

from ..support.engine_driver import Engine


def test_postgresql_estimates_rows(engine: Engine) -> None:
    """Estimates come from ANALYZE or from counts of writes, and include partitions and children."""
    engine.legacy.run(
        "CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a SELECT generate_series(1, 3000);"
        "CREATE TABLE child () INHERITS (a); INSERT INTO child SELECT generate_series(1, 1000);"
        "CREATE TABLE p (id int) PARTITION BY HASH (id);"
        "CREATE TABLE p0 PARTITION OF p FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
        "CREATE TABLE p1 PARTITION OF p FOR VALUES WITH (MODULUS 2, REMAINDER 1);"
        "INSERT INTO p SELECT generate_series(1, 500); CREATE VIEW v AS SELECT * FROM a"
    )
    engine.legacy.run("ANALYZE")
    engine.modern.run("CREATE TABLE a (id int PRIMARY KEY)")
    engine.modern.run("INSERT INTO a SELECT generate_series(1, 700)")
    engine.modern.run("SELECT pg_stat_force_next_flush()")
    with engine.opened() as run:
        stacks = run.context.stacks
        legacy, modern = (
            next(iter(stacks[side]._state.databases.values())).catalogs[""].tables
            for side in ("legacy", "modern")
        )
    assert {name: table.rows for name, table in legacy.items()} == {
        "a": 4_000,
        "child": 1_000,
        "p": 500,
        "v": 0,
    }
    assert modern["a"].rows == 700


def test_a_locked_table_is_estimated_all_the_same(engine: Engine) -> None:
    """An estimate opens no table, so that a lock on one table does not cost the whole stack."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 10)")
    engine.both("CREATE TABLE u (id int PRIMARY KEY); INSERT INTO u SELECT generate_series(1, 10)")
    engine.legacy.run("BEGIN; LOCK TABLE u IN ACCESS EXCLUSIVE MODE")
    try:
        assert engine.audit("t").outcome is Outcome.PROVEN
    finally:
        engine.legacy.run("ROLLBACK")
