"""The report states how tables were read, and which index would make that cheaper."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_tenantparity.limits import Limits
from pytest_tenantparity.model import Evidence, Outcome, Reading

from ..support.engine_driver import Engine, Run
from ..support.mariadb import MariaDatabase
from ..support.postgresql import Database
from ..support.project import DRIFT, Migration
from ..support.shards import but_run
from .test_chunks import EVEN_SMALL, SMALL, asked
from .test_chunks import ROWS as WIDE

pytest_plugins = ["tests.support.project"]
__all__ = ["asked"]

TENANTS = "\n".join(f"[tenants.t{n}]" for n in range(12))
OWNED = 'tenancy = {column = "tenant"}'
TABLE = "CREATE TABLE t (id int PRIMARY KEY, tenant varchar(9), v int)"
ROWS = "INSERT INTO t SELECT g, 't' || g % 12, g FROM generate_series(1, 2400) g"
SPOIL = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i'::regclass"
SIDES = ("legacy", "modern")


LARGE = Limits(large_table_rows=100)


@pytest.fixture
def table(engine: Engine) -> Engine:
    """A table of twelve tenants, with statistics of its size on both servers."""
    engine.both(f"{TABLE}; {ROWS}")
    engine.both("ANALYZE t")
    return engine


@pytest.fixture
def large(table: Engine) -> Engine:
    """The same, but tables of a hundred rows count as large."""
    return replace(table, limits=LARGE)


def few(engine: Engine) -> Evidence:
    """Audit one of two selected tenants."""
    with engine.opened(TENANTS, legacy=OWNED, modern=OWNED) as run:
        return Run(replace(run.context, audited_ids={"t": {"t0", "t1"}})).audit("t0", "t")


def ways(evidence: Evidence) -> set[str]:
    """Return how both sides of the table were read."""
    assert evidence.outcome in (Outcome.PROVEN, Outcome.REFUTED), evidence
    return {each.how for each in evidence.work.readings}


def statement_of(hint: str) -> str:
    """Return the SQL at the end of a hint."""
    return hint.partition("this would help: ")[2]


def test_a_hint_s_statement_makes_the_hint_go_away(large: Engine) -> None:
    """A scan for few tenants of a large table gives a hint, and the hinted index removes it."""
    evidence = few(large)
    assert ways(evidence) == {"one scan for 2 of 12 tenants, without an index on tenant"}
    hints = evidence.work.hints
    assert [
        "no index of the legacy table public.t begins with tenant" in each for each in hints
    ] == [True, False]
    large.legacy.run(statement_of(hints[0]))
    evidence = few(large)
    assert set(evidence.work.readings) == {
        Reading("t", "legacy", "one scan for 2 of 12 tenants, by the index on tenant"),
        Reading("t", "modern", "one scan for 2 of 12 tenants, without an index on tenant"),
    }
    assert ["modern table" in each for each in evidence.work.hints] == [True]


def test_an_index_that_cannot_be_used(engine: Engine) -> None:
    """An index that begins with another column, is partial or is not valid does not count."""
    indexes = {
        "second": "CREATE INDEX ON {} (v, tenant)",
        "partial": "CREATE INDEX ON {} (tenant) WHERE v > 0",
        "expression": "CREATE INDEX ON {} (lower(tenant), tenant)",
        "spoiled": f"CREATE INDEX i ON {{}} (tenant); {SPOIL}",
        "fitting": "CREATE INDEX ON {} (tenant)",
    }
    for name, index in indexes.items():
        for statement in (TABLE, ROWS):
            engine.both(statement.replace(" t ", f" {name} "))
        engine.both(f"ANALYZE {name}; {index.format(name)}")
    large = replace(engine, limits=LARGE)
    with large.opened(TENANTS, legacy=OWNED, modern=OWNED) as run:
        of_two = Run(replace(run.context, audited_ids={name: {"t0", "t1"} for name in indexes}))
        hints = {name: len(of_two.audit("t0", name).work.hints) for name in indexes}
    expected = {name: 0 if name == "fitting" else len(SIDES) for name in indexes}
    assert hints == expected


def test_small_tables_want_no_index(table: Engine) -> None:
    """No index is recommended for a table that is read within a second."""
    evidence = few(table)
    assert ways(evidence) == {"one scan for 2 of 12 tenants, without an index on tenant"}
    assert evidence.work.hints == ()


def test_who_asks_for_all_is_not_told_to_index(large: Engine) -> None:
    """No index is recommended for a scan of all tenants, which reads the whole table."""
    with large.opened(TENANTS, legacy=OWNED, modern=OWNED) as run:
        first, second = run.audit("t0", "t"), run.audit("t1", "t")
    assert ways(first) == {"one scan for 12 tenants"}
    assert first.work.hints == ()
    assert second.work.readings == ()


def test_chunks_are_counted(engine: Engine, asked: list[str]) -> None:
    """The report gives the number of chunks of a table."""
    engine.both(WIDE)
    with replace(engine, limits=EVEN_SMALL).opened(legacy=SMALL, modern=SMALL) as run:
        evidence = run.audit("global", "t")
    hows = [each.how for each in evidence.work.readings]
    counts = [re.fullmatch(r"one scan of all rows, in (\d+) chunks", how) for how in hows]
    assert len(asked) == sum(int(each[1]) for each in counts if each) > 4


def test_one_tenant_asked_alone(large: Engine) -> None:
    """A tenant that is read alone is read by the index, or the reading names its absence."""
    large.legacy.run("CREATE INDEX ON t (tenant, id)")
    with large.opened(TENANTS, legacy=OWNED, modern=OWNED) as run:
        evidence = Run(replace(run.context, audited_ids={"t": {"t0"}})).audit("t0", "t")
    by, without = "each tenant by the index on tenant", "each tenant without an index on tenant"
    assert ways(evidence) == {by, without}


def test_rows_that_are_looked_up_again(large: Engine) -> None:
    """With settle, differing rows give a hint if no index begins with their key."""
    large.both("ALTER TABLE t DROP CONSTRAINT t_pkey")
    large.modern.run("UPDATE t SET v = -1 WHERE id = 12")
    with large.opened("[tables.t]\nkey = ['id']") as run:
        evidence = Run(replace(run.context, settle=0.2)).audit("global", "t")
    assert evidence.drift.changed == 1
    assert ["begins with id, by which differing rows" in each for each in evidence.work.hints] == [
        True,
        True,
    ]


# ---- other engines


def test_mariadb(mysql_db: MariaDatabase, modern_db: Database, tmp_path: Path) -> None:
    """MariaDB's indexes and sizes are read, and its hint is a statement that MariaDB accepts."""
    mysql_db.run(TABLE.replace("varchar(9)", "text"))
    mysql_db.run("INSERT INTO t SELECT seq, CONCAT('t', seq % 12), seq FROM seq_1_to_2400")
    mysql_db.run("CREATE INDEX other ON t (v, tenant(9))")
    mysql_db.run("ANALYZE TABLE t")
    modern_db.run(f"{TABLE}; {ROWS}")
    old: Any = mysql_db
    engine = Engine(old, modern_db, tmp_path, LARGE)
    (hint,) = (each for each in few(engine).work.hints if "legacy" in each)
    mysql_db.run(statement_of(hint))
    evidence = few(engine)
    assert [each for each in evidence.work.hints if "legacy" in each] == []
    assert "one scan for 2 of 12 tenants, by the index on tenant" in ways(evidence)


def test_sqlite(modern_db: Database, tmp_path: Path) -> None:
    """SQLite's indexes are read, and its sizes if ANALYZE has counted them."""
    path = tmp_path / "old.db"
    rows = [(n, f"t{n % 12}", n) for n in range(1, 2401)]

    with closing(sqlite3.connect(path)) as database:
        database.execute(TABLE)
        database.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
        database.execute("CREATE INDEX partial ON t (tenant) WHERE v > 0")
        database.execute("CREATE INDEX other ON t (v, tenant)")
        database.commit()
        database.execute("ANALYZE")
        database.commit()
    modern_db.run(f"{TABLE}; {ROWS}")
    old: Any = modern_db
    engine, legacy = Engine(old, modern_db, tmp_path, LARGE), f'url = "sqlite:///{path}"\n{OWNED}'

    def audited() -> Evidence:
        with engine.opened(TENANTS, legacy=legacy, modern=OWNED) as opened:
            return Run(replace(opened.context, audited_ids={"t": {"t0", "t1"}})).audit("t0", "t")

    (hint,) = (each for each in audited().work.hints if "legacy" in each)
    with closing(sqlite3.connect(path)) as database:
        database.execute(statement_of(hint))
        database.commit()
    evidence = audited()
    assert [each for each in evidence.work.hints if "legacy" in each] == []
    assert "one scan for 2 of 12 tenants, by the index on tenant" in ways(evidence)


# ---- in a run


def test_the_report_says_it_in_its_run_block(project: Migration) -> None:
    """Readings and hints are in ``run``, and the hints in the terminal.

    The rest of the report has the same bytes with the index and without it.
    """
    project.modern.run(DRIFT)
    rows = 2 * Limits().large_table_rows
    more = f"SELECT i, 'X', 1, 'of nobody' FROM generate_series(1000, {rows}) i"
    project.legacy.run(f"INSERT INTO trades {more}; ANALYZE")
    others = "\n".join(f"[tenants.other{n}]" for n in range(12))
    project.settings(others, legacy="chunk_seconds = 60")
    args = ["--tenants=acme,beta", "--parity-tables=trades"]
    project.settings(f"{others}\n[tables.trades.unassigned]\nlegacy = 'old ones'")
    before = project.run("-n", "2", *args)
    hint = "CREATE INDEX CONCURRENTLY trades_account_idx ON public.trades (account)"
    assert before.stdout.count("hint: ") == 1
    assert hint in before.stdout
    run = before.report["run"]
    assert [hint in each for each in run["hints"]] == [True]
    way = "one scan for 2 of 16 tenants, without an index on account"
    assert {"table": "trades", "side": "legacy", "how": way} in run["readings"]
    assert "readings" not in json.dumps(before.report["checks"])
    project.legacy.run(hint)
    after = project.run(*args)
    assert after.report["run"]["hints"] == []
    assert "hint: " not in after.stdout
    assert but_run(before) == but_run(after)
