"""Flags and ids in every storage: as values, keys, ids of a map and tenants' values."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pytest_tenantparity.model import Outcome

from ..support.engine_driver import Engine, Run, seen
from ..support.expectations import assert_drift, assert_match, assert_not_proven
from ..support.mariadb import MariaDatabase
from ..support.postgresql import Database

_AS_BOOLEAN = 'type = "boolean"'
_ID = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
_OTHER = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12"

# The type in MariaDB or PostgreSQL; its true, its false, and another value.
_MARIADB = [
    ("bit(1)", "b'1'", "b'0'", ""),
    ("tinyint(1)", "1", "0", "2"),
    ("decimal(3,1)", "1.0", "0.0", "0.5"),
    ("char(1)", "'Y'", "'N'", "'J'"),
    ("varchar(5)", "'Y'", "'N'", "'Y '"),
    ("varchar(5) COLLATE utf8mb4_unicode_ci", "'yes'", "'no'", "'y\u00e9s'"),
    ("varchar(5) CHARACTER SET latin1", "'on'", "'off'", "'\u00e9'"),
    ("enum('Y','N','?')", "'Y'", "'N'", "'?'"),
    ("text", "'t'", "'f'", "''"),
]
_POSTGRESQL = [
    ("bit(1)", "B'1'", "B'0'", ""),
    ("char(3)", "'Y'", "'N'", "'ja'"),
    ("text", "'on'", "'off'", "'o'"),
    ("numeric(3,1)", "1.0", "0.0", "1.5"),
    ("smallint", "1", "0", "-1"),
]


def _flags(database: Any, kinds: Sequence[tuple[str, ...]]) -> None:
    for number, (kind, true, false, odd) in enumerate(kinds):
        rows = [f"(1, {true})", f"(2, {false})", "(3, NULL)", *([f"(4, {odd})"] if odd else [])]
        database.run(f"CREATE TABLE t{number} (id int PRIMARY KEY, v {kind})")
        database.run(f"INSERT INTO t{number} VALUES {', '.join(rows)}")


def _settings(tables: Sequence[str], rule: str, more: str = "") -> str:
    named = [f"[tables.{name}]\n{more}\n[tables.{name}.columns.v]\n{rule}\n" for name in tables]
    return f"[pairing]\ntables = {json.dumps(list(tables))}\n{''.join(named)}"


def _require_flags(run: Run, tables: Mapping[str, bool]) -> None:
    """Require that each table's only finding is its value that is not a flag, if it has one."""
    for name, odd in tables.items():
        found = [("changed", ("4",), ("v",))] if odd else []
        assert seen(run.audit("global", name)) == found, name


@pytest.mark.parametrize("legacy", ["MariaDB", "PostgreSQL"])
def test_flags_of_every_type(
    legacy: str, request: pytest.FixtureRequest, modern_db: Database, tmp_path: Path
) -> None:
    """Each flag equals one of PostgreSQL's booleans.

    A value that is not a flag, '' and NULL stay different from them.
    """
    kinds = _MARIADB if legacy == "MariaDB" else _POSTGRESQL
    database = request.getfixturevalue("mysql_db" if legacy == "MariaDB" else "legacy_db")
    _flags(database, kinds)
    for number, kind in enumerate(kinds):
        modern_db.run(f"CREATE TABLE t{number} (id int PRIMARY KEY, v boolean)")
        modern_db.run(f"INSERT INTO t{number} VALUES (1, true), (2, false), (3, NULL)")
        if kind[3]:
            modern_db.run(f"INSERT INTO t{number} VALUES (4, true)")
    tables = {f"t{number}": bool(kind[3]) for number, kind in enumerate(kinds)}
    engine = Engine(database, modern_db, tmp_path)
    with engine.opened(_settings(list(tables), _AS_BOOLEAN)) as run:
        _require_flags(run, tables)
    modern_db.run("".join(f"UPDATE {name} SET v = NOT v WHERE id < 3; " for name in tables))
    with engine.opened(_settings(list(tables), _AS_BOOLEAN)) as run:
        for name, odd in tables.items():
            changed = [("changed", (n,), ("v",)) for n in ("1", "2", *("4" if odd else ""))]
            assert seen(run.audit("global", name)) == changed, name
    assert_not_proven(
        engine.audit("t0", more="[pairing]\ntables = ['t0']"), "bit(1)", 'say type = "boolean"'
    )


def test_longer_bits_are_no_flags(engine: Engine) -> None:
    """bit(3) is refused as a boolean, and no reason proposes to read it as one."""
    engine.legacy.run("CREATE TABLE t (id int PRIMARY KEY, v bit(3))")
    engine.modern.run("CREATE TABLE t (id int PRIMARY KEY, v boolean)")
    refusal = engine.audit(more=_settings(["t"], _AS_BOOLEAN))
    assert_not_proven(refusal, "bit(3)", "cannot be read as boolean")
    assert "type =" not in " ".join(engine.audit().reasons)


def test_flags_of_sqlite_and_json(modern_db: Database, tmp_path: Path) -> None:
    """'t' in a BOOLEAN column of SQLite is a flag with type = "boolean", and drift without it."""
    rows = "INSERT INTO t VALUES (1, true), (2, false), (3, true), (4, true), (5, NULL), (6, true)"
    modern_db.run("CREATE TABLE t (id int PRIMARY KEY, v boolean)")
    modern_db.run(rows)
    path = tmp_path / "t.db"
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v BOOLEAN)")
        given = [(1, "t"), (2, "N"), (3, 1), (4, 2), (5, ""), (6, "t ")]
        file.executemany("INSERT INTO t VALUES (?, ?)", given)
    engine = Engine(modern_db, modern_db, tmp_path)
    url = f'url = "sqlite:///{path}"\ntenancy = "global"'
    changed = [("changed", (n,), ("v",)) for n in "456"]
    with engine.opened(_settings(["t"], _AS_BOOLEAN), legacy=url) as run:
        assert seen(run.audit("global", "t")) == changed
    with engine.opened(legacy=url) as run:  # stored as texts, which are other values
        assert seen(run.audit("global", "t")) == [
            ("changed", ("1",), ("v",)), ("changed", ("2",), ("v",)), *changed,
        ]  # fmt: skip


def test_flags_of_json(modern_db: Database, tmp_path: Path) -> None:
    """Numbers, strings and words of JSON are flags.

    In a field that holds true itself, 1 is another value.
    """
    fields: dict[str, list[Any]] = {
        "numbers": [1, 0, 2],
        "strings": ["1", "0", "2"],
        "mixed": ["Y", 0, 2],
        "words": [True, False, 1],
    }
    resources = {
        name: [{"id": n, "v": value} for n, value in enumerate(values, start=1)]
        for name, values in fields.items()
    }
    path = tmp_path / "old.json"
    path.write_text(json.dumps({"tenants": {"acme": resources}}), encoding="utf-8")
    for name in fields:
        modern_db.run(f"CREATE TABLE {name} (tenant text, id int PRIMARY KEY, v boolean)")
        modern_db.run(
            f"INSERT INTO {name} VALUES ('acme', 1, true), ('acme', 2, false), ('acme', 3, true)"
        )
    engine = Engine(modern_db, modern_db, tmp_path)
    tenancy = 'tenancy = { column = "tenant" }'
    settings = _settings(list(fields), _AS_BOOLEAN, 'key = ["id"]')
    url = f'url = "snapshot:///{path}"\n{tenancy}'
    with engine.opened(settings, legacy=url, modern=tenancy) as run:
        for name in fields:
            assert seen(run.audit("acme", name)) == [("changed", ("3",), ("v",))], name
    plain = _settings(list(fields), "", 'key = ["id"]')
    with engine.opened(plain, legacy=url, modern=tenancy) as run:
        assert_not_proven(run.audit("acme", "numbers"), "numbers", 'say type = "boolean"')
        assert seen(run.audit("acme", "mixed")) == [("changed", ("3",), ("v",))]


# ---- keys, maps and tenants


def test_ids_and_flags_as_keys(
    mysql_db: MariaDatabase, modern_db: Database, tmp_path: Path
) -> None:
    """A key in braces and upper case finds its row, and a lost key is named."""
    mysql_db.run("CREATE TABLE t (id varchar(45), v char(1), n int, PRIMARY KEY (id, v))")
    mysql_db.run(
        f"INSERT INTO t VALUES ('{{{_ID.upper()}}}', 'Y', 1), ('urn:uuid:{_ID}', 'N', 2), "
        f"('{_OTHER}', 'Y', 3)"
    )
    modern_db.run("CREATE TABLE t (id uuid, v boolean, n int, PRIMARY KEY (id, v))")
    modern_db.run(
        f"INSERT INTO t VALUES ('{_ID}', true, 1), ('{_ID}', false, 2), ('{_OTHER}', true, 3)"
    )
    engine = Engine(mysql_db, modern_db, tmp_path)  # type: ignore[arg-type]
    rules = f'[tables.t.columns.id]\ntype = "uuid"\n[tables.t.columns.v]\n{_AS_BOOLEAN}\n'
    assert_match(engine.audit(more=rules), rows=3)
    modern_db.run(f"UPDATE t SET v = NOT v WHERE id = '{_OTHER}'")
    assert_drift(
        engine.audit(more=rules),
        ("missing", (_OTHER, "true"), ()),
        ("extra", (_OTHER, "false"), ()),
    )


def test_ids_of_a_map(engine: Engine) -> None:
    """Ids in braces are looked up in a map of plain ids on the other stack."""
    engine.legacy.run("CREATE TABLE t (id int PRIMARY KEY, v text)")
    engine.legacy.run(f"INSERT INTO t VALUES (1, '{{{_ID.upper()}}}'), (2, '{_OTHER.upper()}')")
    engine.modern.run("CREATE TABLE t (id int PRIMARY KEY, v int)")
    engine.modern.run("INSERT INTO t VALUES (1, 10), (2, 20)")
    engine.modern.run("CREATE TABLE ids (old uuid, new int)")
    engine.modern.run(f"INSERT INTO ids VALUES ('{_ID}', 10), ('{_OTHER}', 20)")
    more = (
        "[pairing]\ntables = ['t']\n[maps.ids]\ntable = 'ids'\nlegacy = 'old'\nmodern = 'new'\n"
        "[tables.t.columns.v]\nkey_map = 'ids'\ntype = 'uuid'\n"
    )
    assert_match(engine.audit(more=more), rows=2)
    engine.modern.run("UPDATE t SET v = 20 WHERE id = 1")
    assert_drift(engine.audit(more=more), ("changed", ("1",), ("v",)))


_TENANTS = (
    f'[tenants.acme]\nlegacy_account = "{{{_ID.upper()}}}"\n'
    f'[tenants.bolt]\nlegacy_account = "urn:uuid:{_OTHER}"\n'
)
_FLAG_TENANTS = '[tenants.acme]\nlegacy_account = "Y"\n[tenants.bolt]\nlegacy_account = "off"\n'


@pytest.mark.parametrize(
    ("kind", "legacy"),
    [
        *(("uuid", engine) for engine in ("PostgreSQL", "MariaDB", "SQLite", "Parquet")),
        *(("boolean", engine) for engine in ("PostgreSQL", "SQLite", "Parquet")),
    ],
)
def test_ids_and_flags_as_tenants(
    kind: str, legacy: str, request: pytest.FixtureRequest, modern_db: Database, tmp_path: Path
) -> None:
    """A tenant's value in braces, or as a word for a flag, equals the value in the column."""
    one, other = (f"'{_ID}'", f"'{_OTHER}'") if kind == "uuid" else ("true", "false")
    rows = f"(1, {one}), (2, {other}), (3, {one})"
    url = _tenants_of(legacy, kind, rows, request, tmp_path)
    modern_db.run("CREATE TABLE t (id int PRIMARY KEY, tenant text)")
    modern_db.run("INSERT INTO t VALUES (1, 'acme'), (2, 'bolt'), (3, 'acme')")
    engine = Engine(modern_db, modern_db, tmp_path)
    tenancy = 'tenancy = { column = "tenant" }'
    legacy_tenancy = 'tenancy = { column = "owner" }'
    more = "[tables.t]\nkey = ['id']\n" + (_TENANTS if kind == "uuid" else _FLAG_TENANTS)
    lines = f'url = "{url}"\n{legacy_tenancy}'
    with engine.opened(more, legacy=lines, modern=tenancy) as run:
        found = [run.audit(each, "t") for each in ("acme", "bolt", "unassigned")]
    assert [(each.outcome, each.rows.legacy, each.rows.modern) for each in found[:2]] == [
        (Outcome.PROVEN, 2, 2),
        (Outcome.PROVEN, 1, 1),
    ], found
    assert found[2].outcome is Outcome.PROVEN, found[2]


def _tenants_of(
    engine: str, kind: str, rows: str, request: pytest.FixtureRequest, folder: Path
) -> str:
    create, insert = f"CREATE TABLE t (id int, owner {kind})", f"INSERT INTO t VALUES {rows}"
    if engine in ("PostgreSQL", "MariaDB"):
        database = request.getfixturevalue("legacy_db" if engine == "PostgreSQL" else "mysql_db")
        database.run(create)
        database.run(insert)
        return str(database.url)
    if engine == "SQLite":
        with closing(sqlite3.connect(folder / "t.db")) as file, file:
            file.execute(create)
            file.execute(insert)
        return f"sqlite:///{folder / 't.db'}"
    with closing(duckdb.connect()) as memory:
        memory.execute(create)
        memory.execute(insert)
        (folder / "archive").mkdir()
        memory.execute(f"COPY t TO '{folder / 'archive' / 't.parquet'}' (FORMAT parquet)")
    return f"archive:///{folder / 'archive'}"
