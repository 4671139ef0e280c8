"""Archives in CSV: texts are read as the other side's type, and no type or NULL is guessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from pytest_tenantparity.model import Evidence

from ..support.archives import CHANGED, keyed
from ..support.each_value import check_each, each_value
from ..support.engine_driver import Seen
from ..support.expectations import assert_drift, assert_match, assert_not_proven
from ..support.files import Files, engine_over
from ..support.postgresql import Database

pytest_plugins = ["tests.support.archives"]

KEYED = keyed("t")


def is_changed(evidence: Evidence) -> None:
    """Require that x of the row with id 1 has another value, and nothing else."""
    assert_drift(evidence, CHANGED)


CSV = [
    # PostgreSQL's type; a value there and in the file; the file with another value
    ("text", "'007'", "007", "7"),
    ("text", "''", '""', ""),
    ("text", "NULL", "", '""'),
    ("text", "'NULL'", "NULL", ""),
    ("text", r"'\N'", r"\N", ""),
    ("text", "'a\"b'", '"a""b"', '"a""""b"'),
    ("text", "'a;b'", "a;b", "a,b"),
    ("text", "'a,b'", '"a,b"', '"a, b"'),
    ("text", "E'a\\nb'", '"a\nb"', '"a\r\nb"'),
    ("text", "E'a\\r\\nb'", '"a\r\nb"', '"a\nb"'),
    ("text", "' a '", " a ", "a"),
    ("text", "'#a'", "#a", "a"),
    ("text", "'😀'", "😀", "?"),
    ("varchar(9)", "'1e5'", "1e5", "100000"),
    ("char(3)", "'a'", '"a  "', "a"),
    ("int", "7", "007", "8"),
    ("bigint", "9007199254740993", "9007199254740993", "9007199254740992"),
    ("numeric", "1.5", "+01.500", "1.501"),
    ("numeric", "0", "-0.0", "0.1"),
    ("float8", "1.5", "15e-1", "1.5000000000000002"),
    ("float8", "'NaN'", "nan", "İnf"),
    ("float8", "'Infinity'", "inf", "İnf"),
    ("boolean", "true", "t", "f"),
    ("boolean", "false", "no", "nope"),
    ("date", "'2024-01-02'", "2024-01-02", "02.01.2024"),
    ("time", "'10:00'", "10:00:00.000", "10:00:00.001"),
    ("timestamp", "'2024-01-02 03:04:05'", "2024-01-02T03:04:05.000", "2024-01-02T03:04:06"),
    ("timestamptz", "'2024-01-02 03:04:05Z'", "2024-01-02T03:04:05Z", "2024-01-02T03:04:05"),
    ("uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "A0EEBC999C0B4EF8BB6D6BB9BD380A11",
     "A0EEBC999C0B4EF8BB6D6BB9BD380A12"),
    ("bytea", r"'\xff'", r"\xFF", r"\xFE"),
]  # fmt: skip


def _quoted_if_divided(value: str) -> str:
    return f'"{value}"' if "," in value and not value.startswith('"') else value


def _lines(values: Mapping[int, str]) -> str:
    rows = "".join(f"{n},{_quoted_if_divided(value)}\n" for n, value in values.items())
    return f"id,x\n0,\n{rows}"


@pytest.mark.slow
def test_csv_and_postgresql(old: Files, modern_db: Database, tmp_path: Path) -> None:
    """A text is read as the other side's type; no type is guessed, and NULL is not ''.

    Each value matches its text in the file, and another text is named, in either direction.
    """
    tables: dict[str, str] = {}
    others: dict[str, dict[int, str]] = {}
    drift: dict[str, list[Seen]] = {}
    for declared in dict.fromkeys(case[0] for case in CSV):
        name = f"t{len(tables)}"
        tables[name] = declared
        cases = [case[1:] for case in CSV if case[0] == declared]
        numbered = {n: case for first in (1, 101) for n, case in enumerate(cases, first)}
        modern_db.run(f"CREATE TABLE {name} (id int PRIMARY KEY, x {declared})")
        values = ", ".join(f"({n}, {value})" for n, (value, _, _) in numbered.items())
        modern_db.run(f"INSERT INTO {name} VALUES (0, NULL), {values}")
        same = {n: written for n, (_, written, _) in numbered.items()}
        old.csv(_lines(same), f"{name}.csv")
        others[name] = same | {n: numbered[n][2] for n in range(1, len(cases) + 1)}
        drift[name] = [("changed", (str(n),), ("x",)) for n in range(1, len(cases) + 1)]
    there, back = engine_over(old, modern_db, tmp_path), engine_over(modern_db, old, tmp_path)
    check_each(there, tables, assert_match)
    for name, lines in others.items():
        old.csv(_lines(lines), f"{name}.csv")
    for engine in (there, back):
        with engine.opened() as run, each_value() as case:
            for name, declared in tables.items():
                with case(declared):
                    assert_drift(run.audit("global", name), *drift[name])


CSV_AND_PARQUET = [
    # A value of the Parquet file; in the CSV file the same value, and another one
    ("1.50::DECIMAL(5,2)", "1.5", "1.51"),
    ("1.5::DOUBLE", "1.50", "1.51"),
    ("true", "1", "0"),
    (r"'\xff'::BLOB", r"\xFF", r"\xFE"),
    ("TIMESTAMP '2024-01-02 03:04:05'", "2024-01-02T03:04:05", "2024-01-02T03:04:06"),
    ("''", '""', ""),
]


def test_csv_and_parquet(old: Files, new: Files, tmp_path: Path) -> None:
    """CSV and Parquet have one text for one value, in either direction."""
    tables = {f"t{n}": " ".join(case) for n, case in enumerate(CSV_AND_PARQUET)}
    row = "SELECT {} AS id, {} AS x"
    for n, (value, same, _) in enumerate(CSV_AND_PARQUET):
        rows = f"{row.format(1, value)} UNION ALL {row.format(2, value)}"
        old.parquet(rows, f"t{n}.parquet")
        new.csv(f"id,x\n1,{same}\n2,{same}\n", f"t{n}.csv")
    there, back = engine_over(old, new, tmp_path), engine_over(new, old, tmp_path)
    check_each(there, tables, partial(assert_match, rows=2), keyed(*tables))
    for n, (_, same, other) in enumerate(CSV_AND_PARQUET):
        new.csv(f"id,x\n1,{other}\n2,{same}\n", f"t{n}.csv")
    check_each(back, tables, is_changed, keyed(*tables))


def test_csv_and_csv(old: Files, new: Files, tmp_path: Path) -> None:
    """Between two CSV files a text is a text: '1.0' is not '1', and order does not count."""
    old.csv('id,x,y\n1,1.0,""\n2,,b\n')
    new.csv('\ufeffid,x,y\r\n2,"",b\r\n1,"1",\r\n')
    evidence = engine_over(old, new, tmp_path).audit(more=KEYED)
    assert_drift(evidence, ("changed", ("1",), ("x", "y")), ("changed", ("2",), ("x",)))
    new.csv('\ufeffid,y,x\r\n2,"b",\r\n1,"","1.0"', "t.csv")
    assert_match(engine_over(old, new, tmp_path).audit(more=KEYED), rows=2)


MALFORMED = [
    (b"a,b\n1\n", "line 2"),
    (b"a,b\n1,2,3\n", "line 2"),
    (b"a,b\n1,2,\n", "line 2"),
    (b"a,b\n1,2\n\n3,4\n", "line 3"),
    (b"a,b\n1,2\n\n", "line 3"),
    (b'a,b\n1,"2\n', "line 2"),
    (b'a,b\n1,"2"x\n', "line 2"),
    (b'a,b\n1,x"2\n', "line 2"),
    (b'a,b\n1, "2"\n', "line 2"),
    (b"a,b\r\n1,2\n", "line 2"),
    (b"a,b\n1,2\r\n", "line 2"),
    (b"a,b\n1,2\r3,4\n", "line 2"),
    (b"a,b\n1,\xff\n", "UTF-8"),
    (b"\xff\xfea\x00\n", "UTF-8"),
    (b"a,\n1,2\n", "column 2 no name"),
    (b"a,b,\n1,2,\n", "column 3 no name"),
    (b"a,A\n1,2\n", "'a' twice"),
    (b"", "column names"),
    (b"\n1\n", "column names"),
]


def test_malformed_csv_is_not_proven(old: Files, new: Files, tmp_path: Path) -> None:
    """Content that DuckDB would skip, pad, trim or guess is NOT PROVEN, with its place.

    Other files are compared.
    """
    for archive in (old, new):
        archive.csv("id\n1\n", "u.csv")
        for n, (data, _) in enumerate(MALFORMED):
            archive.csv(data, f"t{n}.csv")
    with engine_over(old, new, tmp_path).opened() as run, each_value() as case:
        for n, (data, words) in enumerate(MALFORMED):
            with case(repr(data)):
                assert_not_proven(run.audit("global", f"t{n}"), f"t{n}.csv", words)
        assert_match(run.audit("global", "u"), rows=1)


def test_header_alone_is_an_empty_table(old: Files, modern_db: Database, tmp_path: Path) -> None:
    """A header without rows is not an error, and not a match unless no rows are declared."""
    headers = ("id,x\n", "id,x", "\ufeffid,x\r\n")
    tables = {f"t{n}": repr(data) for n, data in enumerate(headers)}
    for table, data in zip(tables, headers, strict=True):
        modern_db.run(f"CREATE TABLE {table} (id int PRIMARY KEY, x text)")
        old.csv(data, f"{table}.csv")
    engine = engine_over(old, modern_db, tmp_path)

    def is_empty(evidence: Evidence) -> None:
        assert_not_proven(evidence, "no rows")

    def is_longer(evidence: Evidence) -> None:
        assert_drift(evidence, ("extra", ("1",), ()))

    check_each(engine, tables, is_empty)
    for table in tables:
        modern_db.run(f"INSERT INTO {table} VALUES (1, 'a')")
    check_each(engine, tables, is_longer)


def test_one_column(old: Files, new: Files, tmp_path: Path) -> None:
    """In a file of one column an empty line is a NULL."""
    old.csv('x\na\n\n""\n')
    new.parquet("SELECT * FROM (VALUES (NULL), ('a'), ('')) v(x)")
    assert_match(engine_over(old, new, tmp_path).audit(), rows=3)


def test_null_by_a_word_of_its_own(old: Files, new: Files, tmp_path: Path) -> None:
    """With ?null= that word is NULL if it is not quoted, and an empty value is ''."""
    old.csv('id,x\n1,\\N\n2,"\\N"\n3,\n')
    new.csv('id,x\n1,\n2,\\N\n3,""\n')
    named = replace(old, query=r"?null=%5CN")
    assert_match(engine_over(named, new, tmp_path).audit(more=KEYED), rows=3)
    unknown = engine_over(replace(old, query="?nul=x"), new, tmp_path)
    assert_not_proven(unknown.audit(more=KEYED), "Did you mean 'null'?")


def test_odd_names(old: Files, new: Files, tmp_path: Path) -> None:
    """Names of columns and tables may contain special characters of SQL and of drivers."""
    name = "50%:x $1 ''?.select"
    for archive in (old, new):
        archive.csv(f'id,"{name}","a""b","x\ny"\n1,p,q,r\n', "o'k 5%.x.csv")
    engine = engine_over(old, new, tmp_path)
    assert_match(engine.audit(table="o'k 5%.x"), rows=1)
    new.csv(f'id,"{name}","a""b","x\ny"\n1,P,q,R\n', "o'k 5%.x.csv")
    changed = engine.audit(table="o'k 5%.x", more="[tables.\"o'k 5%.x\"]\nkey = ['id']\n")
    assert_drift(changed, ("changed", ("1",), (name, "x\ny")))


@pytest.mark.slow
def test_large_csv(old: Files, new: Files, tmp_path: Path) -> None:
    """Long values are complete, and so are more rows than one fetch returns."""
    part = "é,\n"
    rows = [f'{n},"{part * (n % 40)}",{n * 7}' for n in range(60_000)]
    rows.append(f"60000,{'x' * 3_000_000},1")
    old.csv("id,x,y\n" + "\n".join(rows))
    new.csv("id,x,y\r\n" + "\r\n".join(rows) + "\r\n", "t.csv.gz")
    engine = engine_over(old, new, tmp_path)
    assert_match(engine.audit(more=KEYED), rows=60_001)
    rows[30_000] = rows[30_000].replace("é", "è", 1) if "é" in rows[30_000] else "30000,e,1"
    new.csv("id,x,y\n" + "\n".join(rows), "t.csv.gz")
    assert engine.audit(more=KEYED).drift.changed == 1
