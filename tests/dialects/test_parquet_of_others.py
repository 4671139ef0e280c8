"""Parquet files by pandas and Spark: nanoseconds are kept or named, and NULL needs no type.

The files were written by PyArrow, which is not a requirement of the tests, and are stored here.
"""

from __future__ import annotations

import base64
import gzip
from pathlib import Path

import duckdb

from pytest_tenantparity.model import Evidence, Outcome

from ..support.engine_driver import Engine, seen
from ..support.files import Files
from ..support.postgresql import Database

SPARK = (
    "H4sIAAAAAAACAwtwDDIUZRCNEY3REeUCMthE2WQYGBiYgJiLkZEBApigNDOUZoHSrFAaqC9HNAfDAGZ+qDxDkIsUw4K9"
    "4leSgCas0FVmYEic6+elzsDg263KIPHHb+IUPwYGnX+BDKIskjamDBJsxckZqbmJoixAAVUmCabMFKC5QAZjGYMYl6SM"
    "pI4agwxQqSobgyRIUhQoKtbECERqHJ4yoiDnMDHYaLJJqjFwAS0HKWaDKGYsA6udxAhEal2MqIqZOICKxaYwiXGpcQAp"
    "Bg2FgsSiwtLUEt3kggLdxKKi/HKFstSi4sz8PAUjMz0DPUNJHaBXQb7dAcQBwJAEABG22axOAQAA"
)
"""INT96 of years 1 to 9999, in whole microseconds. The last one is NULL."""

SPARK_NANOS = (
    "H4sIAAAAAAACA2WQvQrCQAzHc+dx+AI5etChgz0VzqKCTi5uWhCko1vRgg7a2mpd3X0Fdx/AFzSnLmIg5E/yC/lYTpMB"
    "Alq0FgUJidIHAE4uGIOP8W+kegtbf2CDsetjFrcBFrcQUOjJCDxZrbfZPkVBiZB7fLehHhKsBiW0r60Bn9BQgnZFpKxK"
    "VGKacx/dIA6TrtQGBA1wqPygrH6TsYrN6pfkbhV1Z0qYJgXoBEVaHs/Zqbcuil5alvklqLOy2uWHYDiO+tFAW7rAHfEk"
    "X9IjXivXQJMNAQAA"
)
"""INT96 of 2024-07-01 12:00:00.000000001, and NULL."""

PANDAS = (
    "H4sIAAAAAAACAwtwDDIUZRC1EbXREWUDMthE2WQYGBiYgJiNkZEBApigNDOUBqrTEdXB0MDMzNBgNoNB9J44I5QGyvOI"
    "8mCazCDKIuljyiDBVpyckZqbKAoSUGWSYMpMgTAYy3J6BGVsIJYxgQTycvYA2WJskjKSNmoMMkD9qmwMkiAdokBRsSSx"
    "JDUOTxlRkNOYGGw02STVgLYwMCApZSwDqwwSC1LLQlXJxAJVyQRVmQdWaSRmpLaHEVUpyEwGsWeMYmxqHECKQUOhILGo"
    "sDS1RDe5oEA3sagov1yhLLWoODM/T8HITM9Az1DSBuhrCGL4BsQBwAAHAH/m0Eh1AQAA"
)
"""timestamp[ns, UTC] of 2024-07-01 12:00:00, a nanosecond later, and NULL; a column of NULLs."""

KEYED = '[tables.{0}]\nkey = ["id"]\n'
UTC = '[rules]\nnaive_zone = "UTC"\n'


def _archive(folder: Path, **files: str) -> Engine:
    folder.mkdir()
    for name, content in files.items():
        data = gzip.decompress(base64.b64decode(content))
        (folder / f"{name}.parquet").write_bytes(data)
    return Engine(Files(folder), Files(folder), folder.parent)  # type: ignore[arg-type]


def _audits(engine: Engine, *tables: str, more: str = "") -> list[Evidence]:
    settings = f"[pairing]\ntables = {list(tables)}\n{more}"
    with engine.opened(settings + "".join(KEYED.format(table) for table in tables)) as run:
        return [run.audit("global", table) for table in tables]


def test_timestamps_of_pandas_and_spark_match_those_of_a_database(
    modern_db: Database, tmp_path: Path
) -> None:
    """Timestamps that are equal to the microsecond match; an extra nanosecond is drift."""
    engine = _archive(tmp_path / "old", spark=SPARK, nanos=SPARK_NANOS, pandas=PANDAS)
    own = Engine(engine.legacy, modern_db, tmp_path)
    modern_db.run("SET TimeZone = 'UTC'")
    modern_db.run("CREATE TABLE spark (id bigint PRIMARY KEY, v timestamptz)")
    modern_db.run(
        "INSERT INTO spark VALUES (1, '0001-01-01'), (2, '1600-01-01 01:02:03.000004'), "
        "(3, '2024-07-01 12:00:00.1'), (4, '9999-12-31 23:59:59.999999'), (5, NULL)"
    )
    modern_db.run("CREATE TABLE nanos AS SELECT 1::bigint AS id, timestamp '2024-07-01 12:00' AS v")
    modern_db.run("INSERT INTO nanos VALUES (2, NULL)")
    modern_db.run("CREATE TABLE pandas (id bigint PRIMARY KEY, v timestamptz, n jsonb)")
    modern_db.run(
        "INSERT INTO pandas VALUES (1, '2024-07-01 12:00:00', NULL), "
        "(2, '2024-07-01 12:00:00', NULL), (3, NULL, '1')"
    )
    spark, nanos, pandas = _audits(own, "spark", "nanos", "pandas", more=UTC)
    assert spark.outcome is Outcome.PROVEN, spark
    assert seen(nanos) == [("changed", ("1",), ("v",))]
    assert seen(pandas) == [("changed", ("2",), ("v",)), ("changed", ("3",), ("n",))]
    assert pandas.findings[0].columns["v"].legacy == "2024-07-01 12:00:00.000000001+00"
    modern_db.run("UPDATE spark SET v = v + interval '1 microsecond' WHERE id IN (1, 2)")
    (spark,) = _audits(own, "spark", more=UTC)
    assert seen(spark) == [("changed", ("1",), ("v",)), ("changed", ("2",), ("v",))]


def test_files_of_spark_match_themselves_and_no_others(tmp_path: Path) -> None:
    """Years beyond the range of nanoseconds stay apart, and are refused only beside nanoseconds."""
    old = _archive(tmp_path / "old", spark=SPARK, nanos=SPARK_NANOS, pandas=PANDAS)
    new = _archive(tmp_path / "new", spark=SPARK, nanos=SPARK_NANOS, pandas=PANDAS)
    own = Engine(old.legacy, new.legacy, tmp_path)
    for evidence in _audits(own, "spark", "nanos", "pandas"):
        assert evidence.outcome is Outcome.PROVEN, evidence
    folder = tmp_path / "mixed"
    (folder / "t").mkdir(parents=True)
    for name, content in (("a", SPARK), ("b", SPARK_NANOS)):
        data = gzip.decompress(base64.b64decode(content))
        (folder / "t" / f"{name}.parquet").write_bytes(data)
    (catalog,) = Files(folder).opened().databases[""].catalogs.values()
    assert "one INT96 holds nanoseconds" in catalog.tables["t"].refused


def test_a_column_of_nulls_meets_every_type(modern_db: Database, tmp_path: Path) -> None:
    """A column of NULLs equals a column of NULLs of any type, and nothing else."""
    types = ("int", "numeric", "text", "char(3)", "interval", "inet", "int[]", "json", "timestamp")
    columns = [f"c{number}" for number in range(len(types))]
    folder = tmp_path / "old"
    folder.mkdir()
    with duckdb.connect() as connection:
        nulls = ", ".join(f"NULL AS {name}" for name in columns)
        target = folder / "t.parquet"
        connection.execute(f"COPY (SELECT 1 AS id, {nulls}) TO '{target}' (FORMAT parquet)")
    declared = ", ".join(f"{name} {kind}" for name, kind in zip(columns, types, strict=True))
    modern_db.run(f"CREATE TABLE t (id int PRIMARY KEY, {declared})")
    modern_db.run("INSERT INTO t (id) VALUES (1)")
    own = Engine(Files(folder), modern_db, tmp_path)  # type: ignore[arg-type]
    (evidence,) = _audits(own, "t")
    assert evidence.outcome is Outcome.PROVEN, evidence
    modern_db.run("UPDATE t SET c2 = '', c6 = '{}', c3 = ''")
    assert seen(own.audit(more=KEYED.format("t"))) == [("changed", ("1",), ("c2", "c3", "c6"))]
