"""The canary sees what the audit sees, and says so of every column; a blind dialect is caught."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
from sqlalchemy import BigInteger, ColumnElement, Text, cast, func, literal

from pytest_tenantparity.model import ColumnCounts, Evidence, Status
from pytest_tenantparity.stacks import dialect_for
from pytest_tenantparity.stacks.catalog import ColumnFacts, Family
from pytest_tenantparity.stacks.dialects import ColumnRules, Dialect, Item
from pytest_tenantparity.stacks.handshake import Digests

from ..support.engine_driver import Engine
from ..support.expectations import assert_match, assert_not_proven
from ..support.postgresql import Database
from ..support.project import DRIFT, Migration

pytest_plugins = ["tests.support.project"]

TABLE = """
    CREATE TABLE t (
        id int PRIMARY KEY, words text, amount numeric(24,12), maybe boolean, at timestamp,
        many float8, few bigint, raw bytea, document jsonb, which uuid, padded char(5)
    );
    INSERT INTO t SELECT g, 'w' || g, g / 7.0, g % 2 = 0,
        '2024-01-01'::timestamp + g * interval '1 h', g / 3.0, g * 1000, '\\x00ff', '{"a": 1}',
        gen_random_uuid(), 'p' || g
    FROM generate_series(1, 12) g
"""

Broken = Callable[[pytest.MonkeyPatch, Dialect], None]


@pytest.fixture
def watched(engine: Engine) -> Engine:
    """A table with a column of each ordinary kind, the same on both sides."""
    engine.legacy.run(TABLE)
    engine.modern.run(TABLE)
    rows = engine.legacy.run("SELECT id, which FROM t")
    for key, which in rows:
        engine.modern.run("UPDATE t SET which = %s WHERE id = %s", which, key)
    return engine


def canary(engine: Engine, more: str = "", table: str = "t") -> Evidence:
    """Ask the canary of a table."""
    return engine.audit(table, "canary", more)


def test_every_column_is_watched(watched: Engine) -> None:
    """A sound audit notices a change in each column of each type."""
    evidence = canary(watched)
    assert evidence.reasons == ()
    assert (evidence.status, evidence.columns) == (Status.MATCH, ColumnCounts(11, 11, 11))


# ---- dialects that were broken on purpose


def _drops_a_column(monkeypatch: pytest.MonkeyPatch, dialect: Dialect) -> None:
    """The digest leaves its second column out."""
    whole = dialect.native_hash

    def partial(items: Sequence[Item], salt: int) -> ColumnElement[int]:
        return whole([*items[:1], *items[2:]], salt)

    monkeypatch.setattr(dialect, "native_hash", partial)


def _xors(monkeypatch: pytest.MonkeyPatch, dialect: Dialect) -> None:
    """The aggregate cancels equal rows."""

    def bit_xor(numbers: ColumnElement[int]) -> ColumnElement[Any]:
        return func.bit_xor(numbers)

    monkeypatch.setattr(dialect, "exact_sum", bit_xor)


def _forgets_null(monkeypatch: pytest.MonkeyPatch, dialect: Dialect) -> None:
    """NULL has the text of an empty string."""
    text = dialect.text

    def forgetful(
        value: ColumnElement[Any], column: ColumnFacts, rules: ColumnRules
    ) -> ColumnElement[str]:
        return func.coalesce(text(value, column, rules), literal("", Text), type_=Text)

    monkeypatch.setattr(dialect, "text", forgetful)


def _null_is_false(monkeypatch: pytest.MonkeyPatch, dialect: Dialect) -> None:
    """NULL in a boolean is false, and in a number 0."""
    text = dialect.text
    words = {Family.BOOLEAN: "false", Family.INTEGER: "0", Family.DECIMAL: "0"}

    def forgetful(
        value: ColumnElement[Any], column: ColumnFacts, rules: ColumnRules
    ) -> ColumnElement[str]:
        word = words.get(column.family)
        own = text(value, column, rules)
        return own if word is None else func.coalesce(own, literal(word, Text), type_=Text)

    monkeypatch.setattr(dialect, "text", forgetful)


def _rounds(monkeypatch: pytest.MonkeyPatch, dialect: Dialect) -> None:
    """Decimals are compared to two digits."""
    text = dialect.text

    def rounded(
        value: ColumnElement[Any], column: ColumnFacts, rules: ColumnRules
    ) -> ColumnElement[str]:
        if column.family is Family.DECIMAL:
            return cast(func.round(value, 2), Text)
        return text(value, column, rules)

    monkeypatch.setattr(dialect, "text", rounded)


def _cuts_seconds(monkeypatch: pytest.MonkeyPatch, dialect: Dialect) -> None:
    """Times are compared to the second."""
    text = dialect.text

    def cut(
        value: ColumnElement[Any], column: ColumnFacts, rules: ColumnRules
    ) -> ColumnElement[str]:
        own = text(value, column, rules)
        return func.left(own, 19, type_=Text) if column.family is Family.TIMESTAMP else own

    monkeypatch.setattr(dialect, "text", cut)


def _trims(monkeypatch: pytest.MonkeyPatch, dialect: Dialect) -> None:
    """Texts lose their trailing spaces."""
    text = dialect.text

    def trimmed(
        value: ColumnElement[Any], column: ColumnFacts, rules: ColumnRules
    ) -> ColumnElement[str]:
        own = text(value, column, rules)
        return func.rtrim(own, type_=Text) if column.family is Family.TEXT else own

    monkeypatch.setattr(dialect, "text", trimmed)


def _adds_columns(monkeypatch: pytest.MonkeyPatch, dialect: Dialect) -> None:
    """The row's hash is the sum of its columns' hashes: linear, so that swaps are not seen."""
    whole = dialect.native_hash

    def linear(items: Sequence[Item], salt: int) -> ColumnElement[int]:
        small = [whole([each], salt + n).op("%")(1_000_003) for n, each in enumerate(items)]
        total: ColumnElement[Any] = sum(small[1:], start=small[0])
        return cast(total, BigInteger)

    monkeypatch.setattr(dialect, "native_hash", linear)


def _hashes_alike(monkeypatch: pytest.MonkeyPatch, dialect: Dialect) -> None:
    """Every row has the same hash."""

    def alike(items: Sequence[Item], salt: int) -> ColumnElement[int]:
        return cast(literal(len(items) + salt, BigInteger), BigInteger)

    monkeypatch.setattr(dialect, "native_hash", alike)


BROKEN = [
    pytest.param(_drops_a_column, ("words",), id="drops a column"),
    pytest.param(_xors, ("equal rows were altered",), id="XORs"),
    pytest.param(_forgets_null, ("words", "became NULL"), id="NULL is empty"),
    pytest.param(_null_is_false, ("maybe", "few", "amount"), id="NULL is false"),
    pytest.param(_rounds, ("amount", "altered"), id="rounds decimals"),
    pytest.param(_cuts_seconds, ("at", "altered"), id="cuts seconds"),
    pytest.param(_trims, ("words", "altered"), id="trims texts"),
    pytest.param(_adds_columns, ("two values were swapped",), id="adds columns up"),
    pytest.param(_hashes_alike, ("altered",), id="hashes all alike"),
]


@pytest.fixture
def dialect(monkeypatch: pytest.MonkeyPatch) -> Dialect:
    """The dialect of both stacks, mended after the test; its handshake is taken for given."""
    found = dialect_for("postgresql")
    name = "pytest_tenantparity.stacks.opening.trusted_digests"
    monkeypatch.setattr(name, lambda *_: Digests((found.native_digest,)))
    return found


@pytest.mark.parametrize(("broken", "words"), BROKEN)
def test_a_broken_dialect_is_caught(
    watched: Engine,
    dialect: Dialect,
    monkeypatch: pytest.MonkeyPatch,
    broken: Broken,
    words: tuple[str, ...],
) -> None:
    """A dialect that cannot see some change is NOT PROVEN, with the column and what was missed."""
    broken(monkeypatch, dialect)
    assert_match(watched.audit(), rows=12)  # as every false match, it looks well
    evidence = canary(watched)
    assert_not_proven(evidence, *words)
    assert evidence.columns is not None
    assert evidence.columns.watched < evidence.columns.compared


# ---- tables of every kind


def assert_watched(evidence: Evidence, columns: int, total: int | None = None) -> None:
    """Require that every compared column of a sound audit was watched."""
    assert evidence.reasons == ()
    expected = ColumnCounts(columns, columns, columns if total is None else total)
    assert (evidence.status, evidence.columns) == (Status.MATCH, expected)


def rows(engine: Engine, table: str, values: str) -> None:
    """Make the same table with the same rows on both sides."""
    engine.both(f"CREATE TABLE t ({table})")
    engine.both(f"INSERT INTO t VALUES {values}")


KINDS = [
    "smallint", "bigint", "numeric", "numeric(9,2)", "numeric(5,-2)", "money", "float4", "float8",
    "boolean", "text", "varchar(3)", "char(3)", '"char"', "name", "bytea", "uuid", "date", "time",
    "time(0)", "timetz", "timestamp", "timestamp(0)", "timestamptz", "interval", "json", "jsonb",
    "bit(3)", "varbit", "inet", "cidr", "macaddr", "int[]", "text[]", "numrange", "tstzrange",
    "int4multirange", "tsvector", "point", "oid", "mood", "positive",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_column_that_is_all_null_is_watched(engine: Engine, kind: str) -> None:
    """A column that holds nothing but NULL is watched, whatever its type."""
    engine.both("CREATE TYPE mood AS ENUM ('ok'); CREATE DOMAIN positive AS int CHECK (VALUE > 0)")
    rows(engine, f"id int PRIMARY KEY, v {kind}", "(1, NULL), (2, NULL)")
    assert_watched(canary(engine), 2)


VALUES = [
    ("smallint", "-32768", "32767"), ("bigint", "-9223372036854775808", "9223372036854775807"),
    ("numeric", "'NaN'", "'Infinity'"), ("numeric", "1e-100", "1e1000"),
    ("numeric(9,2)", "9999999.99", "-0.01"), ("numeric(3,5)", "0.00123", "0"),
    ("numeric(5,-2)", "12300", "0"), ("money", "'1.23'", "'-92233720368547758.08'"),
    ("float4", "3.4e38", "'-0'"), ("float8", "'NaN'", "'Infinity'"),
    ("float8", "1.7976931348623157e308", "'-0'"), ("float8", "5e-324", "1e-310"),
    ("boolean", "true", "false"), ("text", "''", "' '"), ("varchar(3)", "'abc'", "''"),
    ("char(3)", "'abc'", "''"), ('"char"', "'a'", "'b'"), ("name", "repeat('x', 63)", "'a'"),
    ("bytea", "''", r"'\x00'"), ("date", "'infinity'", "'0044-03-15 BC'"),
    ("time", "'24:00'", "'00:00'"), ("time(0)", "'23:59:59'", "'00:00'"),
    ("timetz", "'24:00-15:59'", "'00:00+00'"),
    ("timestamp", "'infinity'", "'294276-12-31 23:59:59.999999'"),
    ("timestamptz", "'-infinity'", "'4713-01-01 00:00 BC'"), ("timestamp(0)", "'epoch'", "'now'"),
    ("interval", "'0'", "'1 mon -1 day'"), ("json", "'null'", "'{\"b\":1,\"aa\":2.50}'"),
    ("jsonb", "'null'", "'{\"b\":1,\"aa\":2.50}'"), ("bit(3)", "B'101'", "B'000'"),
    ("varbit", "B''", "B'0'"), ("inet", "'::1/0'", "'10.0.0.1'"), ("int[]", "'{}'", "'{NULL}'"),
    ("numrange", "'empty'", "'(,)'"), ("mood", "'ok'", "'ok'"), ("positive", "1", "2"),
    ("oid", "0", "4294967295"), ("point", "'(1,2)'", "'(NaN,0)'"),
]  # fmt: skip


@pytest.mark.parametrize("case", VALUES, ids=" ".join)
def test_the_ends_of_a_type_are_watched(engine: Engine, case: tuple[str, str, str]) -> None:
    """The least, the largest and the strangest values of a type are altered and noticed."""
    kind, one, other = case
    engine.both("CREATE TYPE mood AS ENUM ('ok'); CREATE DOMAIN positive AS int CHECK (VALUE > 0)")
    for first, second in ((one, other), (other, one)):
        engine.both("DROP TABLE IF EXISTS t")
        rows(engine, f"id int PRIMARY KEY, v {kind}", f"(1, {first}), (2, {second})")
        assert_watched(canary(engine), 2)


def test_an_empty_table_is_not_watched(engine: Engine) -> None:
    """Without rows there is nothing to watch: not proven, unless no rows are declared."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY)")
    assert_not_proven(canary(engine), "no rows on either side")
    declared = canary(engine, '[tables.t]\nempty = "never used"')
    assert declared.status is Status.MATCH
    said = [each.rule for each in declared.rules]
    assert said == ["declared empty, so that there is no row to watch"]


def test_empty_for_one_tenant_is_not_empty_for_all(engine: Engine) -> None:
    """A table that may be empty for one tenant proves nothing where it is empty for all."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, tenant text)")
    more = '[tables.t]\nempty = {a = "never traded"}\n[tenants.a]\n[tenants.b]'
    own = 'tenancy = {column = "tenant"}'
    evidence = engine.audit(subject="canary", legacy=own, modern=own, more=more)
    assert evidence.status is Status.NOT_PROVEN


@pytest.mark.parametrize("side", ["legacy", "modern"])
def test_an_empty_side_is_not_watched(engine: Engine, side: str) -> None:
    """Where one side holds no rows, that side is named and no column counts as watched."""
    rows(engine, "id int PRIMARY KEY, v int", "(1, 1)")
    getattr(engine, side).run("DELETE FROM t")
    evidence = canary(engine)
    assert_not_proven(evidence, f"{side}: the table holds no rows")
    assert evidence.columns == ColumnCounts(0, 2, 2)


def test_one_row_is_enough(engine: Engine) -> None:
    """A table of a single row is watched like any other."""
    rows(engine, "id int PRIMARY KEY, v text, w int", "(1, 'a', NULL)")
    assert_watched(canary(engine), 3)


WITHOUT_KEY = [
    ("different rows", "(1, 'a'), (2, 'b')"),
    ("equal rows", "(1, 'a'), (1, 'a'), (1, 'a')"),
    ("equal and different rows", "(1, 'a'), (1, 'a'), (0, 'a'), (2, 'b'), (2, NULL)"),
    ("rows of NULL", "(NULL, NULL), (NULL, NULL), (1, 'a')"),
    ("nothing but NULL", "(NULL, NULL), (NULL, NULL)"),
    ("values that one step makes equal", "(0, ''), (1, ' '), (0, ' ')"),
]


@pytest.mark.parametrize("case", WITHOUT_KEY, ids=lambda case: case[0])
def test_a_table_without_a_key_is_watched(engine: Engine, case: tuple[str, str]) -> None:
    """Rows known by nothing but themselves are watched, however often each of them is there."""
    rows(engine, "x int, y text", case[1])
    assert_watched(canary(engine), 2)


@pytest.mark.parametrize("case", WITHOUT_KEY, ids=lambda case: case[0])
def test_a_key_that_is_not_unique_is_watched(engine: Engine, case: tuple[str, str]) -> None:
    """The same where a key is given that several rows share, or that is NULL."""
    rows(engine, "x int, y text, z int", case[1].replace(")", ", 1)").replace("'b', 1", "'b', 2"))
    assert_watched(canary(engine, '[tables.t]\nkey = ["x"]'), 3)


@pytest.mark.parametrize("key", ["", "PRIMARY KEY"])
def test_documents_in_a_key_are_watched(engine: Engine, key: str) -> None:
    """A row known by a document is watched, however its members are ordered and spelled."""
    rows(engine, f"v jsonb {key}, w int", """('{"b": 1, "aa": 2.50}', 1), ('[1.0]', 2)""")
    assert_watched(canary(engine), 2)


def test_a_long_key_is_watched(engine: Engine) -> None:
    """A row whose key is longer than a report shows is watched."""
    rows(engine, "id text, v int", "(repeat('x', 2500), 1), (repeat('y', 2500), 2)")
    assert_watched(canary(engine, '[tables.t]\nkey = ["id"]'), 2)


@pytest.mark.parametrize("key", ["(id)", "(v)", "(id, v)", None])
def test_masked_columns_are_watched_and_never_shown(engine: Engine, key: str | None) -> None:
    """A masked column is watched like any other, and no reason holds its values."""
    rows(engine, "id int, v text", "(1, 'secret one'), (2, 'secret two')")
    if key:
        engine.both(f"ALTER TABLE t ADD PRIMARY KEY {key}")
    evidence = canary(engine, "[tables.t.columns.v]\nmask = true")
    assert "secret" not in repr(evidence)
    assert_watched(evidence, 2)


def test_a_missed_change_of_a_masked_column_shows_nothing(
    engine: Engine, dialect: Dialect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a change of a masked column is missed, the reason names the column alone."""
    rows(engine, "id int PRIMARY KEY, v text", "(1, 'secret one'), (2, 'secret two')")
    _trims(monkeypatch, dialect)
    evidence = canary(engine, "[tables.t.columns.v]\nmask = true")
    assert_not_proven(evidence, "column 'v'")
    assert "secret" not in repr(evidence)


EXPRESSIONS = [
    ("v + 1", "v + 1"),
    ("t.v + 1", "t.v + 1"),
    ("(SELECT max(x.n) FROM names x WHERE x.id = t.id)", "v"),
    ("v::numeric / 3", "v::numeric / 3"),
    ("CASE WHEN v > 15 THEN 'much' ELSE 'little' END",
     "CASE WHEN v > 15 THEN 'much' ELSE 'little' END"),
    ("'the same'", "'the same'"),
    ("NULL::int", "NULL::int"),
]  # fmt: skip


@pytest.mark.parametrize("case", EXPRESSIONS, ids=lambda case: case[0])
def test_an_expression_is_watched(engine: Engine, case: tuple[str, str]) -> None:
    """A value that is made by SQL, which may name its table, is watched on both sides."""
    rows(engine, "id int PRIMARY KEY, v int", "(1, 10), (2, 20), (3, 30)")
    engine.both("CREATE TABLE names (id int, n int); INSERT INTO names SELECT id, v FROM t")
    more = f'[tables.t.columns.v]\nlegacy_sql = "{case[0]}"\nmodern_sql = "{case[1]}"'
    assert_watched(canary(engine, more), 2)


def test_a_renamed_column_is_watched(engine: Engine) -> None:
    """A column of another name and another type on the modern stack is watched there."""
    engine.legacy.run("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1)")
    engine.modern.run("CREATE TABLE t (id bigint PRIMARY KEY, w numeric(9,3))")
    engine.modern.run("INSERT INTO t VALUES (1, 1)")
    assert_watched(canary(engine, '[tables.t.columns.v]\nmodern = "w"'), 2)


def test_a_filter_limits_what_is_watched(engine: Engine) -> None:
    """Rows that a filter takes out are not watched; a filter that takes all leaves nothing."""
    rows(engine, "id int PRIMARY KEY, v text", "(1, 'a'), (2, 'b')")
    line = '[tables.t.legacy_filter]\nsql = "t.id > {}"\nreason = "tests"'
    assert_watched(canary(engine, line.format(1)), 2)
    assert_not_proven(canary(engine, line.format(9)), "legacy: the table holds no rows")


KEY_MAP = """
    [maps.users]
    table = "user_ids"
    legacy = "old"
    modern = "new"
    [tables.t.columns.{}]
    map = "users"
"""


@pytest.mark.parametrize("column", ["id", "user_id"])
@pytest.mark.parametrize("stack", ["legacy", "modern"])
def test_a_mapped_column_is_watched(engine: Engine, column: str, stack: str) -> None:
    """A change of an id is noticed through its map, in the key and beside it."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, user_id int)")
    engine.legacy.run("INSERT INTO t VALUES (1, 1), (2, 2), (3, NULL)")
    engine.modern.run("INSERT INTO t VALUES (1, 101), (2, 102), (3, NULL)"
                      if column == "user_id" else
                      "INSERT INTO t VALUES (101, 1), (102, 2), (103, NULL)")  # fmt: skip
    home = getattr(engine, stack)
    home.run("CREATE TABLE user_ids (old int, new int)")
    home.run("INSERT INTO user_ids VALUES (1, 101), (2, 102), (3, 103)")
    more = KEY_MAP.format(column).replace("table =", f'stack = "{stack}"\n    table =')
    assert_watched(canary(engine, more), 2)


def test_a_column_that_is_null_throughout_is_watched_through_its_map(engine: Engine) -> None:
    """Ids that are all NULL are watched by one that the map lacks."""
    rows(engine, "id int PRIMARY KEY, user_id int", "(1, NULL), (2, NULL)")
    engine.modern.run("CREATE TABLE user_ids (old int, new int)")
    assert_watched(canary(engine, KEY_MAP.format("user_id")), 2)


def test_composite_keys_are_watched(engine: Engine) -> None:
    """Each column of a composite key is watched, and those beside it."""
    rows(
        engine, "a int, b text, v int, PRIMARY KEY (b, a)", "(1, 'x', 0), (1, 'y', 0), (2, 'x', 5)"
    )
    assert_watched(canary(engine), 3)


RULES = [
    'ignore_case = true\ntrim = "both"\nempty_is_null = true\nunicode = "NFKC"',
    'normalise = "no_such_function"',
]


@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize("column", ["k", "v"])
def test_rules_do_not_blind_the_canary(engine: Engine, rules: str, column: str) -> None:
    """A column under rules, be it the key, is watched without them; so are its neighbours."""
    rows(engine, "k text PRIMARY KEY, v text", "('A', 'x'), ('a', ' x'), ('', NULL)")
    assert_watched(canary(engine, f"[tables.t.columns.{column}]\n{rules}"), 2)


TYPED = [
    ("uuid", "text", "uuid", "'00000000-0000-0000-0000-00000000000a'"),
    ("json", "text", "jsonb", "'{\"a\": 1}'"),
    ("decimal", "text", "numeric", "1.5"), ("boolean", "int", "boolean", "1::int"),
    ("boolean", "text", "boolean", "'true'"), ("bytes", "text", "bytea", r"'\xab'"),
    ("timestamp", "text", "timestamp", "'2024-01-01 00:00:00'"),
    ("float", "text", "float8", "'1.5'"),
    ("float", "numeric", "float8", "1.5"),
]  # fmt: skip


@pytest.mark.parametrize("case", TYPED, ids=lambda case: f"{case[0]} of {case[1]}")
def test_types_that_are_read_are_watched(engine: Engine, case: tuple[str, str, str, str]) -> None:
    """A value that is stored otherwise than it is compared is altered in its storage, and seen."""
    word, kind, modern_kind, value = case
    for database, each in ((engine.legacy, kind), (engine.modern, modern_kind)):
        database.run(f"CREATE TABLE t (id int PRIMARY KEY, v {each})")
        database.run(f"INSERT INTO t VALUES (1, ({value})::{each}), (2, NULL)")
    assert_watched(canary(engine, f'[tables.t.columns.v]\ntype = "{word}"'), 2)


def test_a_view_is_watched(engine: Engine) -> None:
    """A view, which has no primary key, is watched."""
    engine.legacy.run("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 2)")
    engine.modern.run("CREATE TABLE s (id int, v int); INSERT INTO s VALUES (1, 2)")
    engine.modern.run("CREATE VIEW t AS SELECT id, v FROM s")
    assert_watched(canary(engine), 2)


def test_a_wide_table_is_watched(engine: Engine) -> None:
    """A table of 40 columns is watched to the last of them."""
    kinds = ("int", "text", "numeric", "timestamp", "boolean", "float8")
    names = ", ".join(f"c{n} {kinds[n % len(kinds)]}" for n in range(39))
    engine.both(f"CREATE TABLE t (id int PRIMARY KEY, {names})")
    engine.both("INSERT INTO t (id) VALUES (1), (2)")
    evidence = canary(engine)
    assert_watched(evidence, 40)


def test_other_scans_do_not_disturb_the_canary(engine: Engine) -> None:
    """The first rows of a large table without a key are the same ones, whoever else reads it."""
    engine.both("CREATE TABLE t (a text, b text)")
    make = "SELECT repeat(md5(g::text), 12), 'x' || g FROM generate_series(1, 100000) g"
    engine.both(f"INSERT INTO t {make}")
    done = Event()

    def scan(database: Database) -> None:
        with database.cluster.connect(database.name) as connection:
            while not done.is_set():
                connection.execute("SELECT sum(length(a)) FROM t")

    with ThreadPoolExecutor() as others:
        for database in (engine.legacy, engine.modern):
            others.submit(scan, database)
        try:
            evidence = canary(engine)
        finally:
            done.set()
    assert_watched(evidence, 2)


def test_a_column_that_is_not_compared_is_counted(engine: Engine) -> None:
    """What is left out is told apart from what is compared and watched."""
    rows(engine, "id int PRIMARY KEY, v int, w int", "(1, 1, 1)")
    assert_watched(canary(engine, '[tables.t.ignore]\nw = "derived"'), 2, total=3)


# ---- places


PLACES = 'tenancy = {schema = "s_{tenant}"}'
TWO = "[tenants.a]\n[tenants.b]\n"


def _schemas(database: Database, values: dict[str, str]) -> None:
    for tenant, inserted in values.items():
        database.run(f"CREATE SCHEMA s_{tenant}")
        database.run(f"CREATE TABLE s_{tenant}.t (id int PRIMARY KEY, v text)")
        if inserted:
            database.run(f"INSERT INTO s_{tenant}.t VALUES {inserted}")


def test_a_schema_of_any_tenant_is_watched(engine: Engine) -> None:
    """Where each tenant has a schema, one that holds rows is enough."""
    for database in (engine.legacy, engine.modern):
        _schemas(database, {"a": "", "b": "(1, 'x'), (2, NULL)"})
    evidence = engine.audit(subject="canary", legacy=PLACES, modern=PLACES, more=TWO)
    assert_watched(evidence, 2)


def test_a_tenant_with_rows_on_both_sides_is_watched(engine: Engine) -> None:
    """Where one side is shared and the other has schemas, an empty schema is passed over."""
    engine.legacy.run("CREATE TABLE t (id int PRIMARY KEY, v text, tenant text)")
    engine.legacy.run("INSERT INTO t VALUES (1, 'x', 'b'), (2, NULL, 'b')")
    _schemas(engine.modern, {"a": "", "b": "(1, 'x'), (2, NULL)"})
    own = 'tenancy = {column = "tenant"}'
    evidence = engine.audit(subject="canary", legacy=own, modern=PLACES, more=TWO)
    assert_watched(evidence, 2, total=3)


# ---- through pytest


def test_the_canary_is_off_unless_asked_for(project: Migration) -> None:
    """Without the option there are no canary's checks; with it, one for each table."""
    assert not [name for name in project.run("--tenants=acme").statuses if "canary" in name]
    found = project.run("--tenants=acme", "--parity-canary").with_status("MATCH")
    tables = ("trades", "positions", "prices")
    assert {f"canary-{table}" for table in tables} <= set(found)


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "two workers"])
def test_the_report_counts_columns(project: Migration, workers: tuple[str, ...]) -> None:
    """The report says of each table how many columns are compared and watched."""
    outcome = project.run("--parity-canary", *workers)
    assert outcome.code == 0, outcome.output
    assert outcome.verdict == "GO"
    counted = {t: outcome.check("canary", t)["columns"] for t in ("trades", "positions", "prices")}
    assert counted == {
        "trades": {"watched": 3, "compared": 3, "total": 4},
        "positions": {"watched": 2, "compared": 2, "total": 3},
        "prices": {"watched": 2, "compared": 2, "total": 2},
    }


def test_drift_does_not_silence_the_canary(project: Migration) -> None:
    """A table that differs is watched all the same, and stays a drift."""
    project.modern.run(DRIFT)
    outcome = project.run("--parity-canary")
    assert outcome.statuses["canary-trades"] == "MATCH"
    assert outcome.verdict == "NO-GO"


def test_the_canary_alone(project: Migration) -> None:
    """The canary can be selected alone, and a run of it alone is not GO for the data."""
    outcome = project.run("--tenants=canary")
    assert sorted(outcome.statuses) == ["canary-positions", "canary-prices", "canary-trades"]
    assert outcome.with_status("MATCH") == list(outcome.statuses)


@pytest.mark.parametrize("empty", ["", '[tables.t]\nempty = "none yet"\n'])
def test_the_canary_alone_looks_into_schemas(project: Migration, empty: str) -> None:
    """Selected alone, the canary finds the rows of tenants that have schemas."""
    for database in (project.legacy, project.modern):
        _schemas(database, {"a": "(1, 'x'), (2, NULL)", "b": "(3, 'y')"})
    project.write(
        "tenantparity.toml",
        f'[legacy]\nurl = "{project.legacy_url}"\n{PLACES}\n'
        f'[modern]\nurl = "{project.modern_url}"\n{PLACES}\n'
        f'[pairing]\ntables = ["t"]\n{empty}{TWO}',
    )
    outcome = project.run("--tenants=canary")
    assert outcome.check("canary", "t")["columns"] == {"watched": 2, "compared": 2, "total": 2}


def test_a_missed_column_fails_the_run(project: Migration) -> None:
    """A table that cannot be watched makes the run not proven, and pytest fail."""
    project.legacy.run("TRUNCATE prices")
    project.modern.run("TRUNCATE prices")
    project.settings("empty = {global = 'no prices yet'}")
    outcome = project.run("--parity-canary")
    assert outcome.statuses["global-prices"] == "MATCH"
    assert (outcome.statuses["canary-prices"], outcome.verdict) == ("MATCH", "GO")
    project.settings()
    outcome = project.run("--parity-canary")
    assert outcome.code != 0
    assert outcome.statuses["canary-prices"] == "NOT PROVEN"
