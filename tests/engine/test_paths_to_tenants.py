"""Paths through other tables to the tenant: of any type, exact, and in linear time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlalchemy import Connection, func, select

from pytest_tenantparity.config import load_settings
from pytest_tenantparity.mapping.tenancy_sql import Scope, owner_of
from pytest_tenantparity.model import Outcome, Side
from pytest_tenantparity.parity.checks.unassigned import _scope
from pytest_tenantparity.parity.read.open_pair import OpenPair, open_pair
from pytest_tenantparity.stacks.sources import source_of

from ..soundness.traps import Engine
from ..support.engine_driver import Run, opened
from ..support.engine_pairs import (
    ArchivePlace,
    MariaDBPlace,
    Place,
    PostgreSQLPlace,
    SQLitePlace,
    places,
)
from ..support.mariadb import MariaDatabase
from .test_accounting import notes

__all__ = ["places"]

# ---- the present tenant of a row that moved

PATHS = {
    "one": "user_id -> users.id -> tenant",
    "two": "account_id -> accounts.id -> user_id -> users.id -> tenant",
    "three": "trade_id -> trades.id -> account_id -> accounts.id -> user_id -> users.id -> tenant",
    "boss": "user_id -> users.id -> boss -> users.id -> tenant",
    "users": "boss -> users.id -> tenant",
}
FIRST = {"one": "user_id", "two": "account_id", "three": "trade_id", "boss": "user_id"}


def _statements(rows: str, boss: int) -> list[str]:
    """Return SQL for users of the tenants a, b and c, their accounts and trades, and their rows."""
    users = f"(1, 'a', 1), (2, 'b', 2), (3, 'c', 3), (4, 'a', {boss}), (5, 'b', 1)"
    made = [
        "CREATE TABLE users (id int PRIMARY KEY, tenant varchar(9), boss int)",
        "CREATE TABLE accounts (id int PRIMARY KEY, user_id int)",
        "CREATE TABLE trades (id int PRIMARY KEY, account_id int)",
        f"INSERT INTO users VALUES {users}",
        "INSERT INTO accounts VALUES (11, 1), (12, 2), (13, 3)",
        "INSERT INTO trades VALUES (21, 11), (22, 12), (23, 13)",
    ]
    for table, first in FIRST.items():
        made.append(f"CREATE TABLE {table} (id int PRIMARY KEY, {first} int, v int)")
        plus = {"two": 10, "three": 20}.get(table, 0)
        values = ", ".join(f"({n}, {plus + int(user)}, 0)" for n, user in enumerate(rows.split()))
        made.append(f"INSERT INTO {table} VALUES {values}")
    return made


def _lay_out(place: Place, statements: Sequence[str]) -> None:
    match place:
        case PostgreSQLPlace():
            place.build({}, "legacy")
            place.database.run("; ".join(statements))
        case MariaDBPlace():
            place.build({}, "legacy")
            place.database.script("; ".join(statements))
        case SQLitePlace():
            place.build({}, "legacy")
            with closing(sqlite3.connect(place.path)) as file:
                file.executescript("; ".join(statements))
        case ArchivePlace():
            place.build({}, "legacy")
            with closing(duckdb.connect()) as memory:
                for statement in statements:
                    memory.execute(statement)
                for (name,) in memory.execute("SELECT table_name FROM duckdb_tables()").fetchall():
                    file_name = place.folder / f"{name}.parquet"
                    memory.execute(f"COPY {name} TO '{file_name}' (FORMAT parquet)")


def _settings(folder: Path, legacy: str, modern: str, lines: Sequence[str]) -> Path:
    path = folder / "tenantparity.toml"
    path.write_text(
        "\n".join([f'[legacy]\nurl = "{legacy}"', f'[modern]\nurl = "{modern}"', *lines]),
        encoding="utf-8",
    )
    return path


@pytest.mark.parametrize("engine", ["postgresql", "mariadb", "sqlite", "duckdb"])
def test_a_row_that_moved_is_named_with_its_tenants(
    engine: Engine, places: Callable[[Engine, Side], Place], tmp_path: Path
) -> None:
    """A path of one, two or three hops names both tenants of a row that moved.

    So does a path that visits a table twice. Row 1 moves from b to c. Row 0 belongs to a, and is
    the first of every table.
    """
    here, there = places(engine, "legacy"), places(engine, "modern")
    _lay_out(here, _statements("1 2 3", boss=2))
    _lay_out(there, _statements("1 3 3", boss=3))
    lines = [
        f"[pairing]\ntables = {list(PATHS)}",
        *(f'[tables.{name}]\nkey = ["id"]\ntenancy = {{path = "{path}"}}'
          for name, path in PATHS.items()),
        "[tenants.a]\n[tenants.b]\n[tenants.c]",
    ]  # fmt: skip
    with opened(load_settings(_settings(tmp_path, here.url, there.url, lines))) as run:
        for table in PATHS:
            row = "4" if table == "users" else "1"
            lost, found = run.audit("b", table), run.audit("c", table)
            assert notes(lost) == {row: "the modern table has it under the tenant 'c'"}, table
            assert notes(found) == {row: "the legacy table has it under the tenant 'b'"}, table
            assert run.audit("a", table).outcome is Outcome.PROVEN
            assert run.audit("unassigned", table).outcome is Outcome.PROVEN


# ---- linear time

NUMBERED = "CONCAT(LPAD(HEX(seq), 8, '0'), '-0000-0000-0000-000000000000')"
TEXT = "varchar(40) CHARACTER SET {} COLLATE {}"
GENERAL = TEXT.format("utf8mb4", "utf8mb4_general_ci")
KINDS = {
    "uuid": ("uuid", "uuid", NUMBERED),
    "char36": (GENERAL.replace("varchar(40)", "char(36)"),) * 2 + (NUMBERED,),
    "binary16": ("binary(16)", "varbinary(16)", "UNHEX(LPAD(HEX(seq), 32, '0'))"),
    "collations": (GENERAL, TEXT.format("utf8mb4", "utf8mb4_unicode_ci"), NUMBERED),
    "charsets": (TEXT.format("latin1", "latin1_swedish_ci"), GENERAL, NUMBERED),
    "moments": ("datetime(6)", "datetime(6)", "'2024-01-01' + INTERVAL seq SECOND"),
}
"""The types of a hop's key and of the column that leads to it, and the value of a number."""


def _fill(database: MariaDatabase, kind: str, rows: int) -> None:
    key, leading, value = KINDS[kind]
    name = f"{kind}_{rows}"
    database.script(
        f"CREATE TABLE users_{name} (id {key} PRIMARY KEY, tenant varchar(9));"
        f"CREATE TABLE accounts_{name} (id {key} PRIMARY KEY, user_id {leading});"
        f"CREATE TABLE {name} (id int PRIMARY KEY, account_id {leading}, v int);"
        f"CREATE TABLE m_{name} LIKE {name};"
        f"CREATE TABLE mapped_{name} (id {leading} PRIMARY KEY, tenant varchar(9), v int);"
        f"CREATE TABLE map_{name} (old {key} PRIMARY KEY, new int);"
        f"INSERT INTO users_{name} SELECT {value}, IF(seq % 2, 'a', 'b') FROM seq_1_to_{rows};"
        f"INSERT INTO accounts_{name} SELECT {value}, {value} FROM seq_1_to_{rows};"
        f"INSERT INTO {name} SELECT seq, {value}, 0 FROM seq_1_to_{rows};"
        f"INSERT INTO mapped_{name} SELECT {value}, 'a', 0 FROM seq_1_to_{rows};"
        f"INSERT INTO map_{name} SELECT {value}, seq FROM seq_1_to_{rows};"
        f"ANALYZE TABLE users_{name}, accounts_{name}, {name}, map_{name}"
    )


def _path_of(name: str) -> str:
    users, accounts = f"users_{name}", f"accounts_{name}"
    return f"account_id -> {accounts}.id -> user_id -> {users}.id -> tenant"


def _reads(connection: Connection) -> int:
    """Return how many rows and index entries the session has read so far."""
    rows = connection.exec_driver_sql(
        "SELECT variable_value FROM information_schema.session_status "
        "WHERE variable_name LIKE 'Handler_read%%'"
    )
    return sum(int(value) for (value,) in rows)


def _count(connection: Connection, scope: Scope) -> int:
    rows = select(func.count()).select_from(scope.table).where(scope.condition)
    return int(connection.execute(rows).scalar_one())


def _asked(opened_pair: OpenPair) -> dict[str, Callable[[], int]]:
    """Return each query that follows a path, as a function that counts its rows."""
    side: Side = "legacy"
    context, connection = opened_pair.run, opened_pair.connections[side]
    tenants = list(context.tenants.values())

    def count(scope: Scope) -> int:
        return _count(connection, scope)

    def owners() -> int:
        stack, facts = context.stacks[side], opened_pair.tables[side]
        rows = source_of(facts)
        tenancy = opened_pair.pair.tenancy(side)
        catalog = stack.catalog(opened_pair.places[side])
        owner = owner_of(rows, facts, catalog, stack.dialect, tenancy)
        texts = select(owner.label("owner")).select_from(rows).subquery("owners")
        known = select(func.count(texts.c.owner)).select_from(texts)
        return int(connection.execute(known).scalar_one())

    return {
        "one tenant": lambda: count(opened_pair.rows_of(side, tenants[0])),
        "all tenants": lambda: count(opened_pair.all_of(side, tenants)),
        "no tenant": lambda: count(_scope(opened_pair, side)),
        "owners": owners,
    }


def _mapped(opened_pair: OpenPair) -> int:
    """Count the ids to which a key map leads."""
    value = opened_pair.reader("legacy", opened_pair.rows_of("legacy", None)).texts[0]
    table = source_of(opened_pair.tables["legacy"])
    led = select(value.label("led")).select_from(table).subquery("led")
    known = select(func.count(func.distinct(led.c.led))).select_from(led)
    return int(opened_pair.connections["legacy"].execute(known).scalar_one())


def _cost(run: Run, name: str, rows: int) -> dict[str, int]:
    """Return how many rows each query about a table reads."""
    costs: dict[str, int] = {}
    expected = {"one tenant": rows // 2, "all tenants": rows, "no tenant": 0, "owners": rows}
    with open_pair(run.context, run.context.pairs[name], None) as opened_pair:
        connection = opened_pair.connections["legacy"]
        for question, ask in _asked(opened_pair).items():
            before = _reads(connection)
            assert ask() == expected[question], (name, question)
            costs[question] = _reads(connection) - before
    with open_pair(run.context, run.context.pairs[f"mapped_{name}"], None) as opened_pair:
        before = _reads(opened_pair.connections["legacy"])
        assert _mapped(opened_pair) == rows
        costs["key map"] = _reads(opened_pair.connections["legacy"]) - before
    return costs


def test_a_path_is_followed_in_linear_time(mysql_db: MariaDatabase, tmp_path: Path) -> None:
    """Twice the rows take about twice the reads in MariaDB, whatever types are joined."""
    sizes, lines = (500, 1_000), []
    names = {f"{kind}_{rows}": (kind, rows) for kind in KINDS for rows in sizes}
    for name, (kind, rows) in names.items():
        _fill(mysql_db, kind, rows)
        lines.append(f'[tables.{name}]\nmodern = "m_{name}"\nkey = ["id"]')
        lines.append(f'tenancy = {{path = "{_path_of(name)}"}}')
        lines.append(f'[tables.mapped_{name}]\nmodern = "map_{name}"\ntenancy = "global"')
        lines.append(f'[tables.mapped_{name}.columns.id]\nkey_map = "{name}"\nmodern = "new"')
        lines.append(f'[maps.{name}]\nstack = "legacy"\ntable = "map_{name}"')
        lines.append('legacy = "old"\nmodern = "new"')
    tables = [*names, *(f"mapped_{name}" for name in names)]
    lines = ["[tenants.a]\n[tenants.b]", f"[pairing]\ntables = {tables}", *lines]
    lines.insert(0, 'same_database = "for tests"')
    settings = _settings(tmp_path, mysql_db.url, mysql_db.url, lines[1:])
    settings.write_text(f"{lines[0]}\n{settings.read_text()}")
    with opened(load_settings(settings)) as run:
        for kind in KINDS:
            less, more = (_cost(run, f"{kind}_{rows}", rows) for rows in sizes)
            for question, reads in more.items():
                assert reads < 3 * less[question], (kind, question, less, more)
                assert reads < 100 * sizes[1], (kind, question, reads)


def test_sqlite_follows_a_path_in_linear_time(tmp_path: Path) -> None:
    """Twice the rows take about twice the steps."""
    steps: dict[tuple[str, int], int] = {}
    for rows in (400, 800):
        file = tmp_path / f"{rows}.sqlite"
        numbers = (
            f"WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {rows})"
        )
        with closing(sqlite3.connect(file)) as connection:
            connection.executescript(
                "CREATE TABLE users (id TEXT PRIMARY KEY, tenant TEXT);"
                "CREATE TABLE accounts (id VARCHAR PRIMARY KEY, user_id TEXT);"
                "CREATE TABLE t (id INTEGER PRIMARY KEY, account_id TEXT, v INTEGER);"
                f"INSERT INTO users {numbers} SELECT 'u' || n, substr('ab', n % 2 + 1, 1) FROM s;"
                f"INSERT INTO accounts {numbers} SELECT 'k' || n, 'u' || n FROM s;"
                f"INSERT INTO t {numbers} SELECT n, 'k' || n, 0 FROM s;"
                "CREATE TABLE u AS SELECT * FROM t"
            )
        path = "account_id -> accounts.id -> user_id -> users.id -> tenant"
        lines = [
            '[pairing]\ntables = ["t"]\n[tables.t]\nmodern = "u"\nkey = ["id"]',
            f'tenancy = {{path = "{path}"}}\n[tenants.a]\n[tenants.b]',
        ]
        settings = _settings(tmp_path, f"sqlite:///{file}", f"sqlite:///{file}", lines)
        settings.write_text(f'same_database = "for tests"\n{settings.read_text()}')
        with (
            opened(load_settings(settings)) as run,
            open_pair(run.context, run.context.pairs["t"], None) as pair,
        ):
            driver: Any = pair.connections["legacy"].connection.dbapi_connection
            ticks: list[None] = []
            driver.set_progress_handler(partial(ticks.append, None), 10)
            expected = {"one tenant": rows // 2, "no tenant": 0}
            for question, ask in _asked(pair).items():
                before = len(ticks)
                assert ask() == expected.get(question, rows), question
                steps[question, rows] = len(ticks) - before
            driver.set_progress_handler(None, 0)
    for question in ("one tenant", "all tenants", "no tenant", "owners"):
        assert steps[question, 800] < 3 * steps[question, 400], steps


# ---- values that a join may take for equal

SPELLINGS = ["a", "A", "a ", "á", "ß", "ss", "", " ", "\u1e9e", "e\u0301", "é", "\U0001f600", "?"]


def test_a_path_joins_what_is_exactly_equal(mysql_db: MariaDatabase, tmp_path: Path) -> None:
    """No collation, charset or padding makes two keys equal, or loses a row of equal keys."""
    pairs = {
        "same": (GENERAL, GENERAL),
        "collations": (GENERAL, TEXT.format("utf8mb4", "utf8mb4_nopad_bin")),
        "charsets": (TEXT.format("latin1", "latin1_german2_ci"), GENERAL),
        "three": (TEXT.format("utf8mb3", "utf8mb3_unicode_ci"), "text CHARACTER SET latin1"),
        "codes": (TEXT.format("cp932", "cp932_japanese_ci"), GENERAL),
        "enum": (GENERAL, "enum('a', 'ß', '?')"),
        "bytes": ("varbinary(20)", "varbinary(20)"),
    }
    lines, expected = [], {}
    for name, (key, leading) in pairs.items():
        mysql_db.script(
            f"CREATE TABLE k_{name} (id {key}, tenant varchar(9));"
            f"CREATE TABLE {name} (id int PRIMARY KEY, k {leading}, v int);"
            f"CREATE TABLE m_{name} (id int PRIMARY KEY, k {leading}, v int)"
        )
        keys = [each for each in SPELLINGS if _can_be(mysql_db, f"k_{name}", each)]
        fits = [each for each in SPELLINGS if _can_be(mysql_db, f"m_{name}", each)]
        mysql_db.script(f"DELETE FROM k_{name}; DELETE FROM m_{name}")
        for number, each in enumerate(keys):
            owner = "a" if number % 2 else "b"
            mysql_db.run(f"INSERT INTO k_{name} VALUES (%s, %s)", each, owner)
        for number, each in enumerate(fits):
            mysql_db.run(f"INSERT INTO {name} VALUES (%s, %s, 0)", number, each)
        owned = [keys.index(each) % 2 for each in fits if each in keys]
        expected[name] = (sum(owned), len(owned), len(fits) - len(owned), len(owned))
        path = f"k -> k_{name}.id -> tenant"
        lines += [
            f'[tables.{name}]\nmodern = "m_{name}"\nkey = ["id"]',
            f'tenancy = {{path="{path}"}}',
        ]
    lines = [f"[pairing]\ntables = {list(pairs)}", "[tenants.a]\n[tenants.b]", *lines]
    settings = _settings(tmp_path, mysql_db.url, mysql_db.url, lines)
    settings.write_text(f'same_database = "for tests"\n{settings.read_text()}')
    with opened(load_settings(settings)) as run:
        for name in pairs:
            with open_pair(run.context, run.context.pairs[name], None) as pair:
                asked = _asked(pair)
                found = (
                    asked["one tenant"](), asked["all tenants"](),
                    asked["no tenant"](), asked["owners"](),
                )  # fmt: skip
                assert found == expected[name], name


def _can_be(database: MariaDatabase, table: str, text: str) -> bool:
    """Return whether a column stores a text unchanged."""
    try:
        if table.startswith("m_"):
            database.run(f"REPLACE INTO {table} VALUES (0, %s, 0)", text)
        else:
            database.run(f"INSERT INTO {table} VALUES (%s, 'x')", text)
    except Exception:  # noqa: BLE001 - not of its character set
        return False
    column = "k" if table.startswith("m_") else "id"
    kept = database.run(f"SELECT {column} FROM {table}")
    return any(each in (text, text.encode()) for (each,) in kept)


def test_values_of_any_type_select_tenants_by_index(
    mysql_db: MariaDatabase, tmp_path: Path
) -> None:
    """A tenant's rows are found exactly and by an index, also for uuids and bytes."""
    values = {
        "uuid": "00000000-0000-0000-0000-00000000000A",
        "binary(16)": rf"\\x{'0a' * 16}",
        "varbinary(16)": r"\\x0A",
        "char(36)": "a",
    }
    lines = []
    for number, (kind, value) in enumerate(values.items()):
        mysql_db.script(f"CREATE TABLE t{number} (id int PRIMARY KEY, k {kind}, KEY (k))")
        stored = value.lower().replace(r"\\x", "")
        as_stored = f"UNHEX('{stored}')" if "binary" in kind else f"'{stored}'"
        other = {"uuid": "UUID()", "char(36)": "seq"}.get(kind, "UNHEX(LPAD(HEX(seq), 32, '0'))")
        mysql_db.script(
            f"INSERT INTO t{number} SELECT seq, {other} FROM seq_1_to_2000;"
            f"INSERT INTO t{number} VALUES (0, {as_stored}); ANALYZE TABLE t{number}"
        )
        lines += [
            f'[tenants.a{number}]\nlegacy_account = "{value}"',
            f'[tables.t{number}]\nmodern = "t{(number + 1) % len(values)}"',
            'tenancy = {column = "k"}',
        ]
    lines.insert(0, f"[pairing]\ntables = {[f't{number}' for number in range(len(values))]}")
    settings = _settings(tmp_path, mysql_db.url, mysql_db.url, lines)
    settings.write_text(f'same_database = "for tests"\n{settings.read_text()}')
    with opened(load_settings(settings)) as run:
        for number, kind in enumerate(values):
            with open_pair(run.context, run.context.pairs[f"t{number}"], None) as pair:
                connection = pair.connections["legacy"]
                scope = pair.rows_of("legacy", run.context.tenants[f"a{number}"])
                before = _reads(connection)
                assert _count(connection, scope) == 1, kind
                assert _reads(connection) - before < 50, kind


def test_a_key_map_is_watched_by_whatever_type(mysql_db: MariaDatabase, tmp_path: Path) -> None:
    """The canary's changed ids are mapped for every type: uuids, bytes, and two charsets."""
    lines = ["[tenants.a]", f"[pairing]\ntables = {[f'l_{kind}' for kind in KINDS]}"]
    for kind, (key, leading, value) in KINDS.items():
        mysql_db.script(
            f"CREATE TABLE l_{kind} (id {leading} PRIMARY KEY);"
            f"CREATE TABLE n_{kind} (id int PRIMARY KEY);"
            f"CREATE TABLE map_{kind} (old {key} PRIMARY KEY, new int);"
            f"INSERT INTO l_{kind} SELECT {value} FROM seq_1_to_4;"
            f"INSERT INTO n_{kind} SELECT seq FROM seq_1_to_4;"
            f"INSERT INTO map_{kind} SELECT {value}, seq FROM seq_1_to_4"
        )
        lines.append(f'[tables.l_{kind}]\nmodern = "n_{kind}"\ntenancy = "global"')
        lines.append(f'[tables.l_{kind}.columns.id]\nkey_map = "{kind}"')
        lines.append(f'[maps.{kind}]\nstack = "legacy"\ntable = "map_{kind}"')
        lines.append('legacy = "old"\nmodern = "new"')
    settings = _settings(tmp_path, mysql_db.url, mysql_db.url, lines)
    settings.write_text(f'same_database = "for tests"\n{settings.read_text()}')
    with opened(load_settings(settings)) as run:
        for kind in KINDS:
            found, canary = (run.audit(subject, f"l_{kind}") for subject in ("global", "canary"))
            assert found.outcome is canary.outcome is Outcome.PROVEN, (kind, found, canary)
            assert canary.columns is not None
            assert canary.columns.watched == 1, kind
