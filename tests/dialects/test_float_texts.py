"""A text and a float are equal if the text means the same float, at the float's own width."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from struct import pack, unpack
from typing import Any

import duckdb
import pytest

from pytest_tenantparity.model import Evidence, Outcome

from ..support.engine_driver import Engine, seen
from ..support.files import Elsewhere
from ..support.mariadb import MariaDatabase
from ..support.postgresql import Database

TENANCY = 'tenancy = { column = "tenant" }'


def _wide(seed: int, many: int) -> list[float]:
    rng = Random(seed)  # noqa: S311 - a seed is the point
    return [float(rng.randrange(10**16, 10**18)) for _ in range(many)]


# Each float, as its digits, beside a text of that float.
DOUBLES = [
    ("1e23", "1e23"),
    ("1e23", "9999999999999999e7"),
    ("1e23", "9.999999999999999E+22"),
    ("0.1", "0.10000000000000001"),
    ("0.1", "0.1000000000000000055511151231257827"),
    ("-0.30000000000000004", "-0.30000000000000004"),
    ("0.3", "0.29999999999999999"),
    ("1.5", "+1.50e0"),
    ("0", "0.000"),
    *((repr(d), text) for d in _wide(1, 40) for text in (repr(d), f"{d:.17g}", str(int(d)))),
]
# Each float beside a text of another float, or of none.
NO_DOUBLES = [
    ("9007199254740992", "9007199254740993"),
    ("9007199254740992", "9007199254740993.0"),
    ("0.1", "0.10000000000000002"),
    ("0.1", "0.100000000000000004"),
    ("0.30000000000000004", "0.3"),
    ("1e23", "1.00000000000000001e23"),
    ("0", "1e-400"),
    ("1e308", "1e400"),
]
SINGLES = [
    ("0.1", "0.1"),
    ("0.1", "0.100000001"),
    ("0.1", "0.10000000149011612"),
    ("16777216", "16777216"),
    ("3.4e38", "3.4e+38"),
    ("123456.79", "123456.79"),
    ("-1.1754944e-38", "-1.1754944e-38"),
    ("0", "0.0"),
]
NO_SINGLES = [
    ("0.1", "0.10000000000000001"),
    ("0.1", "0.10000001"),
    ("0.1", "0.1000000014901162"),
    ("16777216", "16777217"),
    ("3.4e38", "3.4e39"),
    ("0", "1e-60"),
]
TABLES: Mapping[str, tuple[str, Sequence[tuple[str, str]]]] = {
    "doubles": ("double", [*NO_DOUBLES, *DOUBLES]),
    "singles": ("single", [*NO_SINGLES, *SINGLES]),
    "keyed": ("double", DOUBLES[1::3]),
    "loose": ("double", [*DOUBLES[:6], *DOUBLES[2:4]]),
}


Makes = Callable[["Stores"], Any]


@dataclass
class Stores:
    """The places where the tables can be made."""

    folder: Path
    postgresql: Database
    mariadb: MariaDatabase
    _made: list[Path] = field(default_factory=list)

    def in_postgresql(self) -> Any:
        """Floats in PostgreSQL."""
        self._run(self.postgresql.run, {"double": "float8", "single": "real"})
        return self.postgresql

    def in_mariadb(self) -> Any:
        """Floats in MariaDB."""
        self._run(self.mariadb.run, {"double": "double", "single": "float"})
        return self.mariadb

    def in_sqlite(self) -> Any:
        """Floats in SQLite, which has no floats of four bytes."""
        path = self.folder / "floats.sqlite"
        with closing(sqlite3.connect(path)) as connection, connection:
            for name, (width, rows) in TABLES.items():
                connection.execute(f"CREATE TABLE {name} (tenant TEXT, id INTEGER, v DOUBLE)")
                stored = [("a", n, _value(x, width)) for n, (x, _) in enumerate(rows)]
                connection.executemany(f"INSERT INTO {name} VALUES (?, ?, ?)", stored)
        return Elsewhere(f"sqlite:///{path}")

    def in_parquet(self) -> Any:
        """Floats in Parquet files."""
        folder = self.folder / "parquet"
        folder.mkdir()
        with duckdb.connect() as connection:
            for name, (width, rows) in TABLES.items():
                kind = "DOUBLE" if width == "double" else "FLOAT"
                connection.execute(f"CREATE TABLE {name} (tenant VARCHAR, id INTEGER, v {kind})")
                for n, (x, _) in enumerate(rows):
                    values = ["a", n, _value(x, width)]
                    connection.execute(f"INSERT INTO {name} VALUES (?, ?, ?)", values)
                target = folder / f"{name}.parquet"
                connection.execute(f"COPY {name} TO '{target}' (FORMAT parquet)")
        return Elsewhere(f"archive:///{folder}")

    def in_csv(self) -> Any:
        """Texts in CSV files."""
        folder = self.folder / "csv"
        folder.mkdir()
        for name, (_, rows) in TABLES.items():
            lines = [f"a,{n},{text}\n" for n, (_, text) in enumerate(rows)]
            (folder / f"{name}.csv").write_text(f"tenant,id,v\n{''.join(lines)}")
        return Elsewhere(f"archive:///{folder}")

    def in_json(self) -> Any:
        """Numbers in a JSON file."""
        tables = {}
        for name, (_, rows) in TABLES.items():
            records = [f'{{"id": {n}, "v": {t.lstrip("+")}}}' for n, (_, t) in enumerate(rows)]
            tables[name] = f"[{', '.join(records)}]"
        members = ", ".join(f'"{name}": {records}' for name, records in tables.items())
        path = self.folder / "texts.json"
        path.write_text(f'{{"tenants": {{"a": {{{members}}}}}}}')
        return Elsewhere(f"snapshot:///{path}")

    def in_json_strings(self) -> Any:
        """Strings in a JSON file."""
        tables = {
            name: [{"id": str(n), "v": text} for n, (_, text) in enumerate(rows)]
            for name, (_, rows) in TABLES.items()
        }
        path = self.folder / "strings.json"
        path.write_text(json.dumps({"tenants": {"a": tables}}))
        return Elsewhere(f"snapshot:///{path}")

    def in_text(self) -> Any:
        """Texts in columns of SQLite."""
        path = self.folder / "texts.sqlite"
        with closing(sqlite3.connect(path)) as connection, connection:
            for name, (_, rows) in TABLES.items():
                connection.execute(f"CREATE TABLE {name} (tenant TEXT, id INTEGER, v TEXT)")
                stored = [("a", n, text) for n, (_, text) in enumerate(rows)]
                connection.executemany(f"INSERT INTO {name} VALUES (?, ?, ?)", stored)
        return Elsewhere(f"sqlite:///{path}")

    def _run(self, run: Callable[[str], Any], kinds: Mapping[str, str]) -> None:
        for name, (width, rows) in TABLES.items():
            run(f"CREATE TABLE {name} (tenant varchar(9), id int, v {kinds[width]})")
            values = ", ".join(f"('a', {n}, {x})" for n, (x, _) in enumerate(rows))
            run(f"INSERT INTO {name} VALUES {values}")


def _value(digits: str, width: str) -> float:
    double = float(digits)
    return double if width == "double" else float(unpack("<f", pack("<f", double))[0])


@pytest.fixture
def stores(tmp_path: Path, modern_db: Database, mysql_db: MariaDatabase) -> Stores:
    """Two servers and a folder."""
    return Stores(tmp_path, modern_db, mysql_db)


SETTINGS = "\n".join(
    f'[tables.{name}]\n{key}\n[tables.{name}.columns.v]\ntype = "float"'
    for name, key in {
        **dict.fromkeys(("doubles", "singles"), 'key = ["id"]'),
        "keyed": 'key = ["v"]',
        "loose": 'ignore = { id = "numbered anew" }\nkey = ["v"]',
    }.items()
)


# Each engine of floats and each of texts is in one pair. Floats are the legacy side of two pairs.
PAIRS: list[tuple[Makes, Makes]] = [
    (Stores.in_postgresql, Stores.in_json),
    (Stores.in_mariadb, Stores.in_text),
    (Stores.in_sqlite, Stores.in_json_strings),
    (Stores.in_parquet, Stores.in_csv),
]
ALL_PAIRS: list[tuple[Makes, Makes]] = [
    (floats, texts)
    for floats in (Stores.in_postgresql, Stores.in_mariadb, Stores.in_sqlite, Stores.in_parquet)
    for texts in (Stores.in_json, Stores.in_text, Stores.in_json_strings, Stores.in_csv)
]
# The tables that the canary watches: singles and doubles, on the engines with a server.
WATCHED: Mapping[Makes, list[str]] = {
    Stores.in_postgresql: ["singles"],
    Stores.in_mariadb: ["loose", "singles"],
}


@pytest.mark.parametrize(
    ("floats", "texts"),
    [
        pytest.param(
            *pair,
            id=f"{pair[0].__name__}-{pair[1].__name__}",
            marks=[] if pair in PAIRS else [pytest.mark.slow],
        )
        for pair in ALL_PAIRS
    ],
)
def test_a_text_is_the_float_that_it_spells(floats: Makes, texts: Makes, stores: Stores) -> None:
    """Every text of a float matches it, in either direction, and every other text is drift.

    The canary finds the least change of a float of either width, and of a text of one.
    """
    stacks = [floats(stores), texts(stores)]
    if (floats, texts) in PAIRS[1::2]:
        stacks.reverse()
    engine = Engine(stacks[0], stacks[1], stores.folder)
    more = f"{SETTINGS}\n[pairing]\ntables = {list(TABLES)}\n[tenants.a]"
    with engine.opened(more, legacy=TENANCY, modern=TENANCY) as run:
        found = {name: run.audit("a", name) for name in TABLES}
        watched = {name: run.audit("canary", name) for name in WATCHED.get(floats, ())}
    for name in ("loose", "keyed"):
        assert (name, seen(found[name]), found[name].reasons) == (name, [], ())
        assert found[name].outcome is Outcome.PROVEN
    assert seen(found["doubles"]) == _first(len(NO_DOUBLES))
    assert not _narrow(found["doubles"])
    if floats is Stores.in_sqlite:  # without floats of four bytes: these are doubles
        assert not _narrow(found["singles"])
        assert _first(len(NO_SINGLES)) != seen(found["singles"])
    else:
        assert _narrow(found["singles"])
        assert seen(found["singles"]) == _first(len(NO_SINGLES))
    for name, evidence in watched.items():
        assert (name, evidence.outcome, evidence.reasons) == (name, Outcome.PROVEN, ())


def _first(many: int) -> list[Any]:
    return [("changed", (str(n),), ("v",)) for n in range(many)]


def _narrow(evidence: Evidence) -> bool:
    return any("four bytes" in rule.rule for rule in evidence.rules)
