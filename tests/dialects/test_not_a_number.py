"""NaN equals NaN, whatever its sign bit and notation, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pytest_tenantparity.model import Outcome

from ..support.engine_driver import Engine, seen
from ..support.files import Elsewhere
from ..support.mariadb import MariaDatabase
from ..support.postgresql import Database

TENANCY = 'tenancy = { column = "tenant" }'
COLUMNS = ("wide", "narrow", "exact")
# The text in all three columns of a row, by its id. All are NaN but the last ones.
TEXTS = ["NaN", "nan", "-nan", "-NaN", "+nan", "NAN", "Infinity", "nan(1)", "", "NULL", "n"]
NANS = 6
MORE = """
[tables.t]
key = ["id"]
[tenants.a]
"""
TYPED = "\n".join(
    f'[tables.t.columns.{name}]\ntype = "{kind}"'
    for name, kind in zip(COLUMNS, ("float", "float", "decimal"), strict=True)
)


def _csv(folder: Path) -> Any:
    home = folder / "csv"
    home.mkdir()
    lines = [f'a,{n},"{x}","{x}","{x}"\n' for n, x in enumerate(TEXTS)]
    (home / "t.csv").write_text(f"tenant,id,{','.join(COLUMNS)}\n{''.join(lines)}")
    return Elsewhere(f"archive:///{home}")


def _json(folder: Path) -> Any:
    rows = [{"id": str(n)} | dict.fromkeys(COLUMNS, x) for n, x in enumerate(TEXTS)]
    path = folder / "texts.json"
    path.write_text(json.dumps({"tenants": {"a": {"t": rows}}}))
    return Elsewhere(f"snapshot:///{path}")


def _postgresql(database: Database, kinds: tuple[str, str, str]) -> Any:
    columns = ", ".join(f"{name} {kind}" for name, kind in zip(COLUMNS, kinds, strict=True))
    database.run(f"CREATE TABLE t (tenant text, id int PRIMARY KEY, {columns})")
    values = ", ".join(f"('a', {n}, 'NaN', '-NaN', 'NaN')" for n in range(len(TEXTS)))
    database.run(f"INSERT INTO t VALUES {values}")
    return database


@pytest.mark.parametrize("texts", [_csv, _json], ids=["csv", "json"])
def test_every_spelling_of_nan_in_a_file(texts: Any, modern_db: Database, tmp_path: Path) -> None:
    """A NaN of float8, real and numeric equals NaN in a file with any sign and case.

    It equals no other text.
    """
    _postgresql(modern_db, ("float8", "real", "numeric"))
    engine = Engine(texts(tmp_path), modern_db, tmp_path)
    evidence = engine.audit(subject="a", more=MORE, legacy=TENANCY, modern=TENANCY)
    assert seen(evidence) == [("changed", (str(n),), COLUMNS) for n in range(NANS, len(TEXTS))]


def test_every_spelling_of_nan_in_texts(
    modern_db: Database, mysql_db: MariaDatabase, tmp_path: Path
) -> None:
    """The same holds for text columns in MariaDB that are read as numbers."""
    _postgresql(modern_db, ("float8", "real", "numeric"))
    columns = ", ".join(f"{name} varchar(20)" for name in COLUMNS)
    mysql_db.run(f"CREATE TABLE t (tenant varchar(9), id int PRIMARY KEY, {columns})")
    for n, text in enumerate(TEXTS):
        mysql_db.run("INSERT INTO t VALUES ('a', %s, %s, %s, %s)", n, text, text, text)
    maria: Any = mysql_db
    engine = Engine(maria, modern_db, tmp_path)
    evidence = engine.audit(subject="a", more=f"{MORE}{TYPED}", legacy=TENANCY, modern=TENANCY)
    assert seen(evidence) == [("changed", (str(n),), COLUMNS) for n in range(NANS, len(TEXTS))]


SIGNED = """
    SELECT 'a' AS tenant, g AS id,
           CASE g WHEN 4 THEN 0 WHEN 5 THEN 'inf' ELSE {sign}'nan'::DOUBLE END AS wide,
           CASE g WHEN 4 THEN 0 WHEN 5 THEN 'inf' ELSE {sign}'nan'::FLOAT END AS narrow
    FROM range(6) r(g)
"""


def _parquet(folder: Path, name: str, sign: str) -> Any:
    home = folder / name
    home.mkdir()
    with duckdb.connect() as connection:
        query = SIGNED.format(sign=sign)
        connection.execute(f"COPY ({query}) TO '{home / 't.parquet'}' (FORMAT parquet)")
    return Elsewhere(f"archive:///{home}")


def test_a_sign_bit_in_parquet(modern_db: Database, tmp_path: Path) -> None:
    """A NaN with the sign bit equals one without, in another archive and in PostgreSQL."""
    modern_db.run("CREATE TABLE t (tenant text, id int PRIMARY KEY, wide float8, narrow real)")
    modern_db.run("INSERT INTO t SELECT 'a', g, 'NaN', 'NaN' FROM generate_series(0, 5) g")
    negative = _parquet(tmp_path, "negative", "-")
    engine = Engine(negative, modern_db, tmp_path)
    found = seen(engine.audit(subject="a", more=MORE, legacy=TENANCY, modern=TENANCY))
    assert found == [("changed", (key,), ("wide", "narrow")) for key in ("4", "5")]
    engine = Engine(negative, _parquet(tmp_path, "positive", ""), tmp_path)
    evidence = engine.audit(subject="a", more=MORE, legacy=TENANCY, modern=TENANCY)
    assert (evidence.outcome, seen(evidence)) == (Outcome.PROVEN, [])


def test_a_sign_bit_in_postgresql(engine: Engine) -> None:
    """The native hash has one value for every NaN of a type, and the canary finds its change."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, a float8, b real, c numeric, d float8[])")
    engine.legacy.run("INSERT INTO t VALUES (1, 'NaN', 'NaN', 'NaN', '{NaN}')")
    engine.modern.run("INSERT INTO t VALUES (1, '-NaN', '-nan', 'nan', '{-NaN}')")
    with engine.opened() as run:
        evidence = run.audit("global", "t")
        assert (evidence.outcome, evidence.digest) == (Outcome.PROVEN, "hashtextextended")
        assert run.audit("canary", "t").reasons == ()
    engine.modern.run("UPDATE t SET a = 'Infinity', b = '-Infinity', c = 0")
    assert seen(engine.audit()) == [("changed", ("1",), ("a", "b", "c"))]


def test_zero_has_a_sign_in_floats_alone(modern_db: Database, tmp_path: Path) -> None:
    """-0.0 is not 0.0 if the engine stores the sign, also as a text; as a decimal it is 0."""
    modern_db.run("CREATE TABLE t (tenant text, id int PRIMARY KEY, wide float8, exact numeric)")
    modern_db.run("INSERT INTO t VALUES ('a', 1, '-0', 0), ('a', 2, '0', 0), ('a', 3, '-0', 0)")
    home = tmp_path / "csv"
    home.mkdir()
    (home / "t.csv").write_text("tenant,id,wide,exact\na,1,-0.0,-0.0\na,2,-0e0,-0\na,3,0,0\n")
    files: Any = Elsewhere(f"archive:///{home}")
    evidence = Engine(files, modern_db, tmp_path).audit(
        subject="a", more=MORE, legacy=TENANCY, modern=TENANCY
    )
    assert seen(evidence) == [("changed", (key,), ("wide",)) for key in ("2", "3")]
