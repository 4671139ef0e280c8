"""Archives: folders of files that are read as one snapshot. Ambiguous files are refused."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import ColumnElement, literal_column, select, table
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from pytest_tenantparity.config.settings import StackSettings
from pytest_tenantparity.errors import NotProven
from pytest_tenantparity.parity.read.digest import Buckets, Sketch
from pytest_tenantparity.parity.read.reader import SideReader
from pytest_tenantparity.stacks import Portable
from pytest_tenantparity.stacks.catalog import ColumnFacts, Family
from pytest_tenantparity.stacks.dialects import ColumnRules, Session, dialect_for

from ..support.archives import keyed
from ..support.each_value import check_each, each_value
from ..support.expectations import assert_drift, assert_match, assert_not_proven
from ..support.files import Files, engine_over
from ..support.postgresql import Database

pytest_plugins = ["tests.support.archives"]

KEYED = keyed("t")


# ---- the folder


def test_several_files_are_one_table(old: Files, new: Files, tmp_path: Path) -> None:
    """The files of a sub-folder are one table, in either format."""
    old.parquet("SELECT 1 AS id, 'a' AS x", "t/1.parquet")
    old.parquet("SELECT 2 AS id, 'b' AS x", "t/2.parquet")
    new.csv("id,x\n2,b\n", "t/a.csv")
    new.csv("id,x\r\n1,a\r\n", "t/b.csv.gz")
    assert_match(engine_over(old, new, tmp_path).audit(more=KEYED), rows=2)


REFUSED: list[tuple[Callable[[Files, str], None], str]] = [
    (lambda a, t: a.csv("id,y\n1,a\n", f"{t}/2.csv"), "other columns"),
    (lambda a, t: a.csv("x,id\na,1\n", f"{t}/2.csv"), "other columns"),
    (lambda a, t: a.parquet("SELECT 1 AS id, 'a' AS x", f"{t}/2.parquet"), "partly"),
    (lambda a, t: a.csv("id,x\n2,b\n", f"{t}.csv"), "one of several"),
    (lambda a, t: a.csv("id,x\n2,b\n", f"{t.upper()}.csv"), "one of several"),
    (lambda a, t: a.csv("id,x\n2,b\n", f"{t}/notes.txt"), "notes.txt"),
    (lambda a, t: a.csv("id\n2\n", f"{t}/y=1/2.csv"), "partitioned"),
    (lambda a, t: a.csv("id,x\n2,b\n", f"{t}/2[1].csv"), "pattern"),
]  # fmt: skip


def test_a_table_that_could_be_read_in_several_ways(old: Files, new: Files, tmp_path: Path) -> None:
    """A table that could be read in several ways is NOT PROVEN, with the reason.

    The audit chooses none of the ways.
    """
    tables = {f"t{n}": f"{n} {words}" for n, (_, words) in enumerate(REFUSED)}
    for archive in (old, new):
        for name in tables:
            archive.csv("id,x\n1,a\n", f"{name}/1.csv")
    engine = engine_over(old, new, tmp_path)
    more = f"[pairing]\ntables = {list(tables)}\n{keyed(*tables)}"
    check_each(engine, tables, partial(assert_match, rows=1), more)
    for name, (spoil, _) in zip(tables, REFUSED, strict=True):
        spoil(old, name)
    with engine.opened(more) as run, each_value() as case:
        for (name, label), (_, words) in zip(tables.items(), REFUSED, strict=True):
            with case(label):
                assert_not_proven(run.audit("global", name), words)


def test_parquet_files_of_other_types(old: Files, new: Files, tmp_path: Path) -> None:
    """Parquet files of other types are NOT PROVEN as one table.

    DuckDB would cast the second file's values to the first one's type.
    """
    old.parquet("SELECT 1 AS id", "t/1.parquet")
    old.parquet("SELECT 1.5 AS id", "t/2.parquet")
    new.parquet("SELECT 1 AS id")
    assert_not_proven(engine_over(old, new, tmp_path).audit(), "other columns", "2.parquet")


def test_broken_parquet(old: Files, new: Files, tmp_path: Path) -> None:
    """A broken Parquet or CSV file is NOT PROVEN, with a clear reason."""
    for archive in (old, new):
        archive.csv("no parquet", "t.parquet")
        archive.csv("id\n1\n", "u.csv.gz")
        packed = archive.folder / "u.csv.gz"
        packed.write_bytes(packed.read_bytes()[:-5])
    assert_not_proven(engine_over(old, new, tmp_path).audit(), "'t' cannot be read")
    assert_not_proven(engine_over(old, new, tmp_path).audit("u"), "u.csv.gz cannot be read")


def test_files_that_were_not_read_are_told(old: Files) -> None:
    """A file of another format is reported, since it could be a table; a README is not."""
    old.csv("id\n1\n")
    for name in ("README.md", "._t.csv", ".t.csv.crc", "_SUCCESS"):
        (old.folder / name).write_text("x")
    old.csv("id\n1\n", "README.csv")
    (catalog,) = old.opened().databases[""].catalogs.values()
    assert (catalog.hidden, sorted(catalog.tables)) == ("", ["README", "t"])
    (old.folder / "u.tsv").write_text("id\n1\n")
    (catalog,) = old.opened().databases[""].catalogs.values()
    assert "u.tsv" in catalog.hidden


def test_no_folder_and_no_files(old: Files, new: Files, tmp_path: Path) -> None:
    """A folder that does not exist or holds no file is NOT PROVEN, with a clear reason."""
    new.csv("id\n1\n")
    assert_not_proven(engine_over(old, new, tmp_path).audit(), "holds no .parquet or .csv file")
    gone = engine_over(Files(tmp_path / "nowhere"), new, tmp_path)
    assert_not_proven(gone.audit(), "does not exist", "nowhere")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_unreadable_file(old: Files, new: Files, tmp_path: Path) -> None:
    """A file that may not be read is NOT PROVEN."""
    for archive in (old, new):
        archive.csv("id\n1\n")
    (old.folder / "t.csv").chmod(0)
    assert_not_proven(engine_over(old, new, tmp_path).audit(), "t.csv")


def test_one_folder_twice(old: Files, tmp_path: Path) -> None:
    """A folder compared with itself proves nothing, even through a link."""
    old.csv("id\n1\n")
    (tmp_path / "link").symlink_to(old.folder)
    evidence = engine_over(old, Files(tmp_path / "link"), tmp_path).audit()
    assert_not_proven(evidence, "same database")


# ---- tenants


def test_tenants_of_an_archive(old: Files, modern_db: Database, tmp_path: Path) -> None:
    """A tenant's rows are found by the exact value, and through other tables."""
    old.csv("id,owner\n1,007\n2,7\n3,A\n4,a\n", "t.csv")
    modern_db.run("CREATE TABLE t (id int PRIMARY KEY, owner text)")
    modern_db.run("INSERT INTO t VALUES (1, '007'), (2, '7'), (3, 'A'), (4, 'a')")
    tenancy = 'tenancy = {column = "owner"}'
    tenants = "".join(f'[tenants.{n}]\nlegacy_accounts = ["{v}"]\nmodern_id = "{v}"\n'
                      for n, v in {"p": "007", "q": "7", "r": "A"}.items())  # fmt: skip
    engine = engine_over(old, modern_db, tmp_path)
    with engine.opened(tenants, legacy=tenancy, modern=tenancy) as run:
        for tenant in ("p", "q", "r"):
            assert_match(run.audit(tenant, "t"), rows=1)
    old.csv("owner,who\nA,1\n", "o.csv")
    old.parquet("SELECT 1 AS o, 3 AS id", "l.parquet")
    path = 'tenancy = {path = "id -> l.id -> o -> o.who -> owner"}'
    old.csv("id,owner\n3,A\n", "t.csv")
    with engine.opened(tenants, legacy=path, modern=tenancy) as run:
        assert_match(run.audit("r", "t"), rows=1)


# ---- soundness of the session


def test_digest_is_trusted(old: Files) -> None:
    """The archive passes the digest self-test."""
    old.csv("id\n1\n")
    state = old.opened().databases[""]
    assert state.digests == tuple(Portable)
    assert (state.server.product, state.server.database) == ("DuckDB archive", str(old.folder))


def test_a_file_that_changes_during_the_run(old: Files, new: Files, tmp_path: Path) -> None:
    """Rows of two states of a file are never compared as one, if it changes between checks."""
    for archive in (old, new):
        archive.csv("id,x\n1,a\n")
        archive.csv("id,x\n1,a\n", "u.csv")
    before = (new.folder / "u.csv").stat()
    with engine_over(old, new, tmp_path).opened() as run:
        assert_match(run.audit("global", "t"), rows=1)
        new.csv("id,x\n1,b\n", "u.csv")  # the same size, and below it the same time
        os.utime(new.folder / "u.csv", ns=(before.st_atime_ns, before.st_mtime_ns))
        assert_not_proven(run.audit("global", "u"), "u.csv", "changed during the run")
        assert_not_proven(run.audit("global", "t"), "changed during the run")


def test_a_file_that_changes_during_a_check(
    old: Files, new: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of two states of a file are never compared as one, if it changes during a check."""
    for archive in (old, new):
        archive.csv("id,x\n1,a\n")
    own = SideReader.sketch

    def digest_late(source: SideReader, buckets: Buckets) -> Sketch:
        own(source, buckets)
        new.csv("id,x\n1,b\n")
        return own(source, buckets)

    monkeypatch.setattr(SideReader, "sketch", digest_late)
    evidence = engine_over(old, new, tmp_path).audit(more=KEYED)
    assert_not_proven(evidence, "changed during the run")


def test_a_file_that_is_new_or_gone(old: Files, new: Files, tmp_path: Path) -> None:
    """The list of files is part of the snapshot."""
    for archive in (old, new):
        archive.csv("id,x\n1,a\n")
        archive.csv("id,x\n1,a\n", "u.csv")
    with engine_over(old, new, tmp_path).opened() as run:
        assert_match(run.audit("global", "t"), rows=1)
        new.csv("id\n1\n", "v.csv")
        assert_not_proven(run.audit("global", "t"), "changed during the run")
        (new.folder / "v.csv").unlink()
        (new.folder / "u.csv").unlink()
        assert_not_proven(run.audit("global", "t"), "changed during the run")


WRITING = [
    "1; COPY (SELECT 1) TO '{folder}/x.csv'",
    "1; COPY (SELECT 1) TO '{folder}/t.csv' (USE_TMP_FILE false)",
    "1; ATTACH '{folder}/x.db'",
    "1; CREATE TABLE x (a int)",
    "1; SET threads = 2",
    "1; COMMIT",
    "(SELECT count(*) FROM read_text('/etc/passwd'))",
    "(SELECT count(*) FROM glob('/*'))",
    "(SELECT count(*) FROM read_csv('https://example.org/x.csv'))",
    "(SELECT count(*) FROM frame)",
]


def test_hand_written_sql_reads_only(old: Files) -> None:
    """SQL of the settings can write no file, and read none but the archive's."""
    frame = [1]
    del frame
    old.csv("id\n1\n")
    with each_value() as case:
        for sql in WRITING:
            with case(sql):
                with pytest.raises((DBAPIError, NotProven)):
                    old.ask(sql.format(folder=old.folder))
                assert [path.name for path in old.folder.iterdir()] == ["t.csv"]
                assert (old.folder / "t.csv").read_bytes() == b"id\n1\n"


def test_sql_of_the_settings(old: Files, new: Files, tmp_path: Path) -> None:
    """An expression has a type of its own, and SQL that tries to write is NOT PROVEN."""
    old.csv("id,x\n1,a\n")
    new.parquet("SELECT 1 AS id, 'A' AS x")
    columns = KEYED + "[tables.t.columns]\n"
    engine = engine_over(old, new, tmp_path)
    sql = 'x = {legacy_sql = "upper(x)"}'
    assert_match(engine.audit(more=f"{columns}{sql}\n"), rows=1)
    sql = """id = {legacy_sql = "id::DECIMAL(4,2)", modern_sql = "id"}"""
    assert_drift(engine.audit(more=f"{columns}{sql}\n"), ("changed", ("1",), ("x",)))
    sql = """x = {legacy_sql = "1); COPY (SELECT 1) TO 'x.csv'; SELECT (1"}"""
    assert_not_proven(engine.audit(more=f"{columns}{sql}\n"), "one SELECT")


def test_statement_timeout(old: Files, new: Files, tmp_path: Path) -> None:
    """A query that takes too long is stopped, and the reason names the setting to raise."""
    for archive in (old, new):
        archive.csv("id\n1\n")
    slow = "(SELECT max(md5(a.range::VARCHAR || b.range)) FROM range(100000) a, range(100000) b)"
    more = f'{KEYED}[tables.t.columns]\nx = {{legacy_sql = "{slow}", modern_sql = "\'1\'"}}\n'
    lines = 'tenancy = "global"\nstatement_timeout = 0.3'
    started = time.monotonic()
    evidence = engine_over(old, new, tmp_path).audit(more=more, legacy=lines)
    assert_not_proven(evidence, "longer than 0.3 s", "raise statement_timeout")
    assert time.monotonic() - started < 20


CANARIES = [
    "1", "-5", "0::UBIGINT", "99.99::DECIMAL(4,2)", "0::DECIMAL(38,38)", "1.5::DOUBLE",
    "'nan'::DOUBLE", "'inf'::FLOAT", "0::DOUBLE", "1e308::DOUBLE", "true", "'a'", "''::BLOB",
    r"'\x00'::BLOB", "uuid()", "DATE '2024-01-01'", "DATE 'infinity'", "DATE '1970-01-01'",
    "TIME '00:00:00'", "TIME '10:00:00'", "'10:00:00+00'::TIMETZ", "TIMESTAMP '-infinity'",
    "TIMESTAMP '2024-01-01 00:00:00.5'", "TIMESTAMP '0044-01-01 (BC) 00:00:00'",
    "TIMESTAMP_NS '2024-01-01 00:00:00.123456789'", "'infinity'::TIMESTAMPTZ",
    "TIMESTAMPTZ '2024-01-01 00:00:00+00'", "INTERVAL '1 month'", "'{}'::JSON",
]  # fmt: skip


def test_canaries_are_other_values(old: Files) -> None:
    """The least change gives another text in each type.

    A lookalike of NULL is not NULL.
    """
    old.csv("id\n1\n")
    dialect = dialect_for("archive")
    settings = StackSettings.model_validate({"url": old.url, "tenancy": "global"})
    engine = dialect.create_engine(make_url(old.url), Session("tests", settings))
    rules = ColumnRules()
    with engine.connect() as connection:
        for sql in CANARIES:
            facts: ColumnFacts = dialect.expression_facts(
                connection, table("t"), literal_column(sql)
            )
            null: ColumnElement[Any] = literal_column(f"NULL::{facts.declared}")
            assert facts.family is not Family.UNKNOWN, sql
            changed = dialect.least_change(literal_column(sql), facts)
            unchanged = dialect.least_change(null, facts)
            null_lookalike = dialect.null_lookalike(facts)
            assert changed is not None, sql
            assert unchanged is not None, sql
            texts = [dialect.text(each, facts, rules)
                     for each in (literal_column(sql), changed, unchanged)]  # fmt: skip
            own, other, nothing = tuple(connection.execute(select(*texts)).one())
            assert (own != other, nothing) == (True, None), (sql, own, other, nothing)
            if null_lookalike is not None:
                text = connection.scalar(select(dialect.text(null_lookalike, facts, rules)))
                assert text is not None, sql
    engine.dispose()


def test_reasons_are_evidence(old: Files, new: Files, tmp_path: Path) -> None:
    """The reason for a table on one side only names the missing table."""
    old.csv("id\n1\n")
    new.csv("id\n1\n", "tt.csv")
    evidence = engine_over(old, new, tmp_path).audit()
    assert_not_proven(evidence, "no table main.t", "'tt'")


def test_cancel_stops_a_query(old: Files) -> None:
    """A query that another thread waits for is stopped at once."""
    old.csv("id\n1\n")
    dialect = dialect_for("archive")
    settings = StackSettings.model_validate({"url": old.url, "tenancy": "global"})
    engine = dialect.create_engine(make_url(old.url), Session("tests", settings))
    slow = "(SELECT max(md5(a.range::VARCHAR || b.range)) FROM range(100000) a, range(100000) b)"
    with engine.connect() as connection:
        timer = threading.Timer(0.2, dialect.cancel, [connection])
        timer.start()
        with pytest.raises(DBAPIError, match=r"[Ii]nterrupt"):
            connection.execute(select(literal_column(slow)))
        timer.join()
    engine.dispose()
