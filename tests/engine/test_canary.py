"""The canary watches every column that the audit compares, and catches a blind dialect.

A canary's check takes some statements for each column and side, so tables are small here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from typing import Any

import pytest
from sqlalchemy import BigInteger, ColumnClause, ColumnElement, Text, cast, func, literal

from pytest_tenantparity.model import ColumnCounts, Evidence, Outcome
from pytest_tenantparity.stacks import dialect_for
from pytest_tenantparity.stacks.catalog import ColumnFacts, Family
from pytest_tenantparity.stacks.dialects import ColumnRules, Dialect, Item
from pytest_tenantparity.stacks.digest_self_test import Digests

from ..support.each_value import each_value
from ..support.engine_driver import Engine
from ..support.expectations import assert_match, assert_not_proven
from ..support.postgresql import Database
from ..support.schemas import PLACES, TWO, make_schemas

COLUMNS = {
    "words": ("text", "'w' || g"),
    "amount": ("numeric(24,12)", "g / 7.0"),
    "maybe": ("boolean", "g % 2 = 0"),
    "at": ("timestamp", "'2024-01-01'::timestamp + g * interval '1 h'"),
    "many": ("float8", "g / 3.0"),
    "few": ("bigint", "g * 1000"),
    "raw": ("bytea", "'\\x00ff'"),
    "document": ("jsonb", """'{"a": 1}'"""),
    "which": ("uuid", "md5(g::text)::uuid"),
    "padded": ("char(5)", "'p' || g"),
}

Broken = Callable[[pytest.MonkeyPatch, Dialect], None]


def fill(engine: Engine, *names: str) -> None:
    """Make a table of the named columns and 12 rows, the same on both sides."""
    declared = ", ".join(f"{name} {COLUMNS[name][0]}" for name in names)
    values = ", ".join(COLUMNS[name][1] for name in names)
    engine.both(f"CREATE TABLE t (id int PRIMARY KEY, {declared})")
    engine.both(f"INSERT INTO t SELECT g, {values} FROM generate_series(1, 12) g")


def canary(engine: Engine, more: str = "", table: str = "t") -> Evidence:
    """Run the canary of a table."""
    return engine.audit(table, "canary", more)


def assert_watched(evidence: Evidence, columns: int, total: int | None = None) -> None:
    """Require that the canary watched every compared column of a sound audit."""
    assert evidence.reasons == ()
    expected = ColumnCounts(columns, columns, columns if total is None else total)
    assert (evidence.outcome, evidence.columns) == (Outcome.PROVEN, expected)


def test_every_column_is_watched(engine: Engine) -> None:
    """The canary of a sound audit finds a change in each column of each ordinary type."""
    fill(engine, *COLUMNS)
    assert_watched(canary(engine), 11)


# ---- dialects that were broken on purpose


def _drops_a_column(monkeypatch: pytest.MonkeyPatch, dialect: Dialect) -> None:
    """Leave the second column out of the row hash."""
    whole = dialect.native_hash

    def partial(items: Sequence[Item], salt: int) -> ColumnElement[int]:
        return whole([*items[:1], *items[2:]], salt)

    monkeypatch.setattr(dialect, "native_hash", partial)


def _xors(monkeypatch: pytest.MonkeyPatch, dialect: Dialect) -> None:
    """Replace the sum by XOR, which cancels equal rows."""

    def bit_xor(numbers: ColumnElement[int]) -> ColumnElement[Any]:
        return func.bit_xor(numbers)

    monkeypatch.setattr(dialect, "exact_sum", bit_xor)


def _forgets_null(monkeypatch: pytest.MonkeyPatch, dialect: Dialect) -> None:
    """Give NULL the text of an empty string."""
    text = dialect.text

    def forgetful(
        value: ColumnElement[Any], column: ColumnFacts, rules: ColumnRules
    ) -> ColumnElement[str]:
        return func.coalesce(text(value, column, rules), literal("", Text), type_=Text)

    monkeypatch.setattr(dialect, "text", forgetful)


def _null_is_false(monkeypatch: pytest.MonkeyPatch, dialect: Dialect) -> None:
    """Read NULL as false in a boolean, and as 0 in a number."""
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
    """Compare decimals to two digits."""
    text = dialect.text

    def rounded(
        value: ColumnElement[Any], column: ColumnFacts, rules: ColumnRules
    ) -> ColumnElement[str]:
        if column.family is Family.DECIMAL:
            return cast(func.round(value, 2), Text)
        return text(value, column, rules)

    monkeypatch.setattr(dialect, "text", rounded)


def _cuts_seconds(monkeypatch: pytest.MonkeyPatch, dialect: Dialect) -> None:
    """Compare times to the second."""
    text = dialect.text

    def cut(
        value: ColumnElement[Any], column: ColumnFacts, rules: ColumnRules
    ) -> ColumnElement[str]:
        own = text(value, column, rules)
        return func.left(own, 19, type_=Text) if column.family is Family.TIMESTAMP else own

    monkeypatch.setattr(dialect, "text", cut)


def _trims(monkeypatch: pytest.MonkeyPatch, dialect: Dialect) -> None:
    """Remove the trailing spaces of texts."""
    text = dialect.text

    def trimmed(
        value: ColumnElement[Any], column: ColumnFacts, rules: ColumnRules
    ) -> ColumnElement[str]:
        own = text(value, column, rules)
        return func.rtrim(own, type_=Text) if column.family is Family.TEXT else own

    monkeypatch.setattr(dialect, "text", trimmed)


def _adds_columns(monkeypatch: pytest.MonkeyPatch, dialect: Dialect) -> None:
    """Make the row's hash the sum of its columns' hashes.

    The sum is linear, so that swapped values are not found.
    """
    whole = dialect.native_hash

    def linear(items: Sequence[Item], salt: int) -> ColumnElement[int]:
        small = [whole([each], salt + n).op("%")(1_000_003) for n, each in enumerate(items)]
        total: ColumnElement[Any] = sum(small[1:], start=small[0])
        return cast(total, BigInteger)

    monkeypatch.setattr(dialect, "native_hash", linear)


def _hashes_alike(monkeypatch: pytest.MonkeyPatch, dialect: Dialect) -> None:
    """Give every row the same hash."""

    def alike(items: Sequence[Item], salt: int) -> ColumnElement[int]:
        return cast(literal(len(items) + salt, BigInteger), BigInteger)

    monkeypatch.setattr(dialect, "native_hash", alike)


def _hashes_expressions_alone(monkeypatch: pytest.MonkeyPatch, dialect: Dialect) -> None:
    """Leave a column out of the row hash, except in a statement that has an expression for it.

    The statement that changes many columns at once has such expressions, and an audit has none.
    """
    whole = dialect.native_hash

    def partial(items: Sequence[Item], salt: int) -> ColumnElement[int]:
        made = [each for each in items[1:] if not isinstance(each.value, ColumnClause)]
        return whole([*items[:1], *made], salt)

    monkeypatch.setattr(dialect, "native_hash", partial)


BROKEN = [
    pytest.param(_drops_a_column, ("words",), ("words",), id="drops a column"),
    pytest.param(_xors, ("words",), ("equal rows were altered",), id="XORs"),
    pytest.param(_forgets_null, ("words",), ("words", "became NULL"), id="NULL is empty"),
    pytest.param(
        _null_is_false, ("maybe", "few", "amount"), ("maybe", "few", "amount"), id="NULL is false"
    ),
    pytest.param(_rounds, ("amount",), ("amount", "altered"), id="rounds decimals"),
    pytest.param(_cuts_seconds, ("at",), ("at", "altered"), id="cuts seconds"),
    pytest.param(_trims, ("words",), ("words", "altered"), id="trims texts"),
    pytest.param(
        _adds_columns, ("words", "amount"), ("two values were swapped",), id="adds columns up"
    ),
    pytest.param(_hashes_alike, ("words",), ("altered",), id="hashes all alike"),
    pytest.param(_hashes_expressions_alone, ("words",), ("words",), id="hashes expressions alone"),
]


@pytest.fixture
def dialect(monkeypatch: pytest.MonkeyPatch) -> Dialect:
    """Return the dialect of both stacks, whose digest self-test is skipped.

    Changes of the dialect are undone after the test.
    """
    found = dialect_for("postgresql")
    name = "pytest_tenantparity.stacks.snapshots.trusted_digests"
    monkeypatch.setattr(name, lambda *_: Digests((found.native_digest,)))
    return found


@pytest.mark.parametrize(("broken", "columns", "words"), BROKEN)
def test_a_broken_dialect_is_caught(
    engine: Engine,
    dialect: Dialect,
    monkeypatch: pytest.MonkeyPatch,
    broken: Broken,
    columns: tuple[str, ...],
    words: tuple[str, ...],
) -> None:
    """A dialect that misses a change is NOT PROVEN, with the column and the missed change."""
    fill(engine, *columns)
    broken(monkeypatch, dialect)
    with engine.opened() as run:
        assert_match(run.audit("global", "t"), rows=12)  # like every false match, it looks sound
        evidence = run.audit("canary", "t")
    assert_not_proven(evidence, *words)
    assert evidence.columns is not None
    assert evidence.columns.watched < evidence.columns.compared


def rows(engine: Engine, table: str, values: str) -> None:
    """Make the same table with the same rows on both sides."""
    engine.both(f"CREATE TABLE t ({table})")
    engine.both(f"INSERT INTO t VALUES {values}")


def test_a_missed_change_of_a_masked_column_shows_nothing(
    engine: Engine, dialect: Dialect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason for a missed change of a masked column names the column alone."""
    rows(engine, "id int PRIMARY KEY, v text", "(1, 'secret one'), (2, 'secret two')")
    _trims(monkeypatch, dialect)
    evidence = canary(engine, "[tables.t.columns.v]\nmask = true")
    assert_not_proven(evidence, "column 'v'")
    assert "secret" not in repr(evidence)


# ---- types


KINDS = [
    "smallint", "bigint", "numeric", "numeric(9,2)", "numeric(5,-2)", "money", "float4", "float8",
    "boolean", "text", "varchar(3)", "char(3)", '"char"', "name", "bytea", "uuid", "date", "time",
    "time(0)", "timetz", "timestamp", "timestamp(0)", "timestamptz", "interval", "json", "jsonb",
    "bit(3)", "varbit", "inet", "cidr", "macaddr", "int[]", "text[]", "numrange", "tstzrange",
    "int4multirange", "tsvector", "point", "oid", "mood", "positive",
]  # fmt: skip


TYPES = "CREATE TYPE mood AS ENUM ('ok'); CREATE DOMAIN positive AS int CHECK (VALUE > 0)"


AT_ONCE = 4  # columns of a table: each statement computes all of them


def _groups(given: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (given[start : start + AT_ONCE] for start in range(0, len(given), AT_ONCE))


def _make(database: Database, name: str, kinds: Sequence[str], values: Sequence[str]) -> None:
    """Make a table with an id and one column of each kind; each of ``values`` is a row."""
    declared = ", ".join(f"v{n} {kind}" for n, kind in enumerate(kinds))
    inserted = ", ".join(f"({n}, {row})" for n, row in enumerate(values, start=1))
    database.run(f"CREATE TABLE {name} (id int PRIMARY KEY, {declared})")
    database.run(f"INSERT INTO {name} VALUES {inserted}")


def _all_watched(engine: Engine, tables: Mapping[str, tuple[str, int]], more: str = "") -> None:
    """Require that each table's columns are watched.

    ``tables`` holds a label and a number of columns for each table.
    """
    with engine.opened(more) as run, each_value() as case:
        for name, (label, columns) in tables.items():
            with case(label):
                assert_watched(run.audit("canary", name), columns)


def test_columns_that_are_all_null_are_watched(engine: Engine) -> None:
    """A column that holds only NULL is watched, whatever its type."""
    engine.both(TYPES)
    tables: dict[str, tuple[str, int]] = {}
    for number, kinds in enumerate(_groups(KINDS)):
        nulls = ", ".join(["NULL"] * len(kinds))
        for database in (engine.legacy, engine.modern):
            _make(database, f"t{number}", kinds, [nulls, nulls])
        tables[f"t{number}"] = (", ".join(kinds), 1 + len(kinds))
    _all_watched(engine, tables)


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


def test_the_ends_of_a_type_are_watched(engine: Engine) -> None:
    """Changes of the least, the largest and the strangest values of a type are found.

    The canary changes the first row's value, and each value of a pair is first on one side.
    """
    engine.both(TYPES)
    tables: dict[str, tuple[str, int]] = {}
    for number, cases in enumerate(_groups(VALUES)):
        kinds, ones, others = zip(*cases, strict=True)
        two_rows = [", ".join(ones), ", ".join(others)]
        _make(engine.legacy, f"t{number}", kinds, two_rows)
        _make(engine.modern, f"t{number}", kinds, two_rows[::-1])
        tables[f"t{number}"] = (str(cases), 1 + len(kinds))
    _all_watched(engine, tables)


TYPED = [
    ("uuid", "text", "uuid", "'00000000-0000-0000-0000-00000000000a'"),
    ("json", "text", "jsonb", "'{\"a\": 1}'"),
    ("decimal", "text", "numeric", "1.5"), ("boolean", "int", "boolean", "1::int"),
    ("boolean", "text", "boolean", "'true'"), ("bytes", "text", "bytea", r"'\xab'"),
    ("timestamp", "text", "timestamp", "'2024-01-01 00:00:00'"),
    ("float", "text", "float8", "'1.5'"),
    ("float", "numeric", "float8", "1.5"),
]  # fmt: skip


def test_types_that_are_read_are_watched(engine: Engine) -> None:
    """A value read as another type is changed in its stored form, and the change is found."""
    more = ""
    for number, (word, kind, modern_kind, value) in enumerate(TYPED):
        for database, each in ((engine.legacy, kind), (engine.modern, modern_kind)):
            database.run(f"CREATE TABLE t{number} (id int PRIMARY KEY, v {each})")
            database.run(f"INSERT INTO t{number} VALUES (1, ({value})::{each}), (2, NULL)")
        more += f'[tables.t{number}.columns.v]\ntype = "{word}"\n'
    _all_watched(engine, {f"t{n}": (" ".join(case), 2) for n, case in enumerate(TYPED)}, more)


def test_a_wide_table_is_watched(engine: Engine) -> None:
    """All 16 columns of a wide table are watched."""
    kinds = ("int", "text", "numeric", "timestamp", "boolean", "float8")
    names = ", ".join(f"c{n} {kinds[n % len(kinds)]}" for n in range(15))
    engine.both(f"CREATE TABLE t (id int PRIMARY KEY, {names})")
    engine.both("INSERT INTO t (id) VALUES (1), (2)")
    assert_watched(canary(engine), 16)


# ---- tables of every kind


@dataclass(frozen=True)
class Kind:
    """A table of the same columns on both sides, and lines of its settings.

    The canary watches each side by itself, so that ``modern_values`` can hold another case for the
    modern side.
    """

    columns: str
    values: str
    settings: str = ""
    compared: int = 2
    total: int | None = None
    modern_values: str = ""


# Rows that only their values identify, with any number of copies.
WITHOUT_KEY = {
    "different_and_equal_rows": ("(1, 'a'), (2, 'b')", "(1, 'a'), (1, 'a'), (1, 'a')"),
    "both_and_rows_of_null": (
        "(1, 'a'), (1, 'a'), (0, 'a'), (2, 'b'), (2, NULL)",
        "(NULL, NULL), (NULL, NULL), (1, 'a')",
    ),
    "nothing_but_null_and_values_that_one_step_makes_equal": (
        "(NULL, NULL), (NULL, NULL)",
        "(0, ''), (1, ' '), (0, ' ')",
    ),
}


def _by_key(values: str) -> str:
    return values.replace(")", ", 1)").replace("'b', 1", "'b', 2")


SECRETS = "(1, 'secret one'), (2, 'secret two')"
DOCUMENTS = """('{"b": 1, "aa": 2.50}', 1), ('[1.0]', 2)"""
FORGIVING = 'ignore_case = true, trim = "both", empty_is_null = true, unicode = "NFKC"'
TEXTS = "('A', 'x'), ('a', ' x'), ('', NULL)"

TABLES = {
    "one_row": Kind("id int PRIMARY KEY, v text, w int", "(1, 'a', NULL)", compared=3),
    **{
        name: Kind("x int, y text", legacy, modern_values=modern)
        for name, (legacy, modern) in WITHOUT_KEY.items()
    },
    # The same with a key in the settings that several rows share, or that is NULL.
    **{
        f"{name}_by_key": Kind(
            "x int, y text, z int",
            _by_key(legacy),
            'key = ["x"]',
            compared=3,
            modern_values=_by_key(modern),
        )
        for name, (legacy, modern) in WITHOUT_KEY.items()
    },
    # Documents with any order of members, in any notation.
    "documents_without_a_key": Kind("v jsonb, w int", DOCUMENTS),
    "documents_in_a_key": Kind("v jsonb PRIMARY KEY, w int", DOCUMENTS),
    # A key that is longer than a report shows.
    "long_key": Kind(
        "id text, v int", "(repeat('x', 2500), 1), (repeat('y', 2500), 2)", 'key = ["id"]'
    ),
    # A masked column is watched like any other, and no reason contains its values.
    **{
        name: Kind(f"id int, v text{key}", SECRETS, "columns.v.mask = true")
        for name, key in {
            "masked": "",
            "masked_beside_a_key": ", PRIMARY KEY (id)",
            "masked_key": ", PRIMARY KEY (v)",
            "masked_in_a_key": ", PRIMARY KEY (id, v)",
        }.items()
    },
    "composite_key": Kind(
        "a int, b text, v int, PRIMARY KEY (b, a)",
        "(1, 'x', 0), (1, 'y', 0), (2, 'x', 5)",
        compared=3,
    ),
    # A column under rules, even a key, is watched without them; so are its neighbours.
    **{
        f"{name}_in_{column}": Kind(
            "k text PRIMARY KEY, v text", TEXTS, f"columns.{column} = {{ {rules} }}"
        )
        for column in ("k", "v")
        for name, rules in {
            "forgiven": FORGIVING,
            "normalised": 'normalise = "no_such_function"',
        }.items()
    },
    # Rows that a filter takes out are not watched.
    "filtered": Kind(
        "id int PRIMARY KEY, v text",
        "(1, 'a'), (2, 'b')",
        'legacy_filter = {sql = "filtered.id > 1", reason = "tests"}',
    ),
    # Columns that are left out are counted apart from those that are compared and watched.
    "ignored": Kind(
        "id int PRIMARY KEY, v int, w int", "(1, 1, 1)", 'ignore.w = "derived"', total=3
    ),
}


def test_tables_of_every_kind_are_watched(engine: Engine) -> None:
    """Each column is watched, whatever identifies the rows and whatever rules apply to them."""
    more = ""
    for name, kind in TABLES.items():
        engine.both(f"CREATE TABLE {name} ({kind.columns})")
        engine.legacy.run(f"INSERT INTO {name} VALUES {kind.values}")
        engine.modern.run(f"INSERT INTO {name} VALUES {kind.modern_values or kind.values}")
        more += f"[tables.{name}]\n{kind.settings}\n"
    with engine.opened(more) as run, each_value() as case:
        for name, kind in TABLES.items():
            with case(name):
                evidence = run.audit("canary", name)
                assert "secret" not in repr(evidence)
                assert_watched(evidence, kind.compared, kind.total)


EXPRESSIONS = {
    "v1": ("v1 + 1", "v1 + 1"),
    "v2": ("t.v2 + 1", "t.v2 + 1"),
    "v3": ("(SELECT max(x.n) FROM names x WHERE x.id = t.id)", "v3"),
    "v4": ("v4::numeric / 3", "v4::numeric / 3"),
    "v5": (
        "CASE WHEN v5 > 15 THEN 'much' ELSE 'little' END",
        "CASE WHEN v5 > 15 THEN 'much' ELSE 'little' END",
    ),
    "v6": ("'the same'", "'the same'"),
    "v7": ("NULL::int", "NULL::int"),
}


def test_expressions_are_watched(engine: Engine) -> None:
    """A value made by SQL is watched on both sides, even if the SQL names its table."""
    declared = ", ".join(f"{name} int" for name in EXPRESSIONS)
    values = ", ".join(f"({n}, {', '.join([str(10 * n)] * len(EXPRESSIONS))})" for n in (1, 2, 3))
    rows(engine, f"id int PRIMARY KEY, {declared}", values)
    engine.both("CREATE TABLE names (id int, n int); INSERT INTO names SELECT id, v1 FROM t")
    lines = "\n".join(
        f'{name} = {{legacy_sql = "{legacy}", modern_sql = "{modern}"}}'
        for name, (legacy, modern) in EXPRESSIONS.items()
    )
    assert_watched(canary(engine, f"[tables.t.columns]\n{lines}"), 1 + len(EXPRESSIONS))


KEY_MAPS = """
    [maps.by_legacy]
    stack = "legacy"
    table = "user_ids"
    legacy = "old"
    modern = "new"
    [maps.by_modern]
    stack = "modern"
    table = "user_ids"
    legacy = "old"
    modern = "new"
"""


def test_mapped_columns_are_watched(engine: Engine) -> None:
    """A changed id is found through its map, on either stack, in the key and outside of it.

    A column of ids that are all NULL is watched with an id that is not in the map.
    """
    engine.both("CREATE TABLE user_ids (old int, new int)")
    engine.both("INSERT INTO user_ids VALUES (1, 101), (2, 102), (3, 103)")
    beside = ("(1, 1), (2, 2), (3, NULL)", "(1, 101), (2, 102), (3, NULL)")
    key = ("(1, 1), (2, 2), (3, NULL)", "(101, 1), (102, 2), (103, NULL)")
    nulls = ("(1, NULL), (2, NULL)",) * 2
    more, tables = KEY_MAPS, {}
    for name, column, stack, both in (
        ("key_by_legacy", "id", "legacy", key),
        ("key_by_modern", "id", "modern", key),
        ("beside_by_legacy", "user_id", "legacy", beside),
        ("beside_by_modern", "user_id", "modern", beside),
        ("nulls", "user_id", "modern", nulls),
    ):
        engine.both(f"CREATE TABLE {name} (id int PRIMARY KEY, user_id int)")
        for database, values in zip((engine.legacy, engine.modern), both, strict=True):
            database.run(f"INSERT INTO {name} VALUES {values}")
        more += f'[tables.{name}.columns.{column}]\nkey_map = "by_{stack}"\n'
        tables[name] = (name, 2)
    _all_watched(engine, tables, more)


def test_views_and_renamed_columns_are_watched(engine: Engine) -> None:
    """A column of another name and type is watched; so is a view, which has no primary key."""
    for name in ("renamed", "viewed"):
        engine.legacy.run(f"CREATE TABLE {name} (id int PRIMARY KEY, v int)")
        engine.legacy.run(f"INSERT INTO {name} VALUES (1, 1)")
    engine.modern.run("CREATE TABLE renamed (id bigint PRIMARY KEY, w numeric(9,3))")
    engine.modern.run("INSERT INTO renamed VALUES (1, 1)")
    engine.modern.run("CREATE TABLE s (id int, v int); INSERT INTO s VALUES (1, 1)")
    engine.modern.run("CREATE VIEW viewed AS SELECT id, v FROM s")
    more = '[pairing]\ntables = ["renamed", "viewed"]\n[tables.renamed.columns.v]\nmodern = "w"\n'
    _all_watched(engine, {name: (name, 2) for name in ("renamed", "viewed")}, more)


def test_other_scans_do_not_disturb_the_canary(engine: Engine) -> None:
    """The canary watches a large table without a key while other sessions scan it.

    Concurrent scans must not change which rows of the table come first.
    """
    engine.both("CREATE TABLE t (a text, b text)")
    make = "SELECT repeat(md5(g::text), 60), 'x' || g FROM generate_series(1, 20000) g"
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


# ---- tables without rows


def test_empty_tables_are_not_watched(engine: Engine) -> None:
    """An empty table is NOT PROVEN, since nothing can be watched, unless it is declared empty.

    The same holds if a filter takes all rows, or if one side has none: the reason names that side.
    """
    for name in ("empty", "declared", "filtered", "empty_legacy", "empty_modern"):
        engine.both(f"CREATE TABLE {name} (id int PRIMARY KEY, v int)")
    for name in ("filtered", "empty_legacy", "empty_modern"):
        engine.both(f"INSERT INTO {name} VALUES (1, 1)")
    engine.legacy.run("DELETE FROM empty_legacy")
    engine.modern.run("DELETE FROM empty_modern")
    more = """
        [tables.declared]
        empty = "never used"
        [tables.filtered]
        legacy_filter = {sql = "filtered.id > 9", reason = "tests"}
    """
    with engine.opened(more) as run:
        assert_not_proven(run.audit("canary", "empty"), "no rows on either side")
        declared = run.audit("canary", "declared")
        assert declared.outcome is Outcome.PROVEN
        said = [each.rule for each in declared.rules]
        assert said == ["declared empty, so that there is no row to watch"]
        assert_not_proven(run.audit("canary", "filtered"), "legacy: the table holds no rows")
        for side in ("legacy", "modern"):
            evidence = run.audit("canary", f"empty_{side}")
            assert_not_proven(evidence, f"{side}: the table holds no rows")
            assert evidence.columns == ColumnCounts(0, 2, 2)


def test_empty_for_one_tenant_is_not_empty_for_all(engine: Engine) -> None:
    """A table declared empty for one tenant is NOT PROVEN if it is empty for all."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, tenant text)")
    more = '[tables.t]\nempty = {a = "never traded"}\n[tenants.a]\n[tenants.b]'
    own = 'tenancy = {column = "tenant"}'
    evidence = engine.audit(subject="canary", legacy=own, modern=own, more=more)
    assert evidence.outcome is Outcome.NOT_PROVEN


# ---- schemas of tenants


def test_a_schema_of_any_tenant_is_watched(engine: Engine) -> None:
    """If each tenant has a schema, one schema that holds rows is enough."""
    for database in (engine.legacy, engine.modern):
        make_schemas(database, {"a": "", "b": "(1, 'x'), (2, NULL)"})
    evidence = engine.audit(subject="canary", legacy=PLACES, modern=PLACES, more=TWO)
    assert_watched(evidence, 2)


def test_a_tenant_with_rows_on_both_sides_is_watched(engine: Engine) -> None:
    """If one side is shared and the other has schemas, an empty schema is skipped."""
    engine.legacy.run("CREATE TABLE t (id int PRIMARY KEY, v text, tenant text)")
    engine.legacy.run("INSERT INTO t VALUES (1, 'x', 'b'), (2, NULL, 'b')")
    make_schemas(engine.modern, {"a": "", "b": "(1, 'x'), (2, NULL)"})
    own = 'tenancy = {column = "tenant"}'
    evidence = engine.audit(subject="canary", legacy=own, modern=PLACES, more=TWO)
    assert_watched(evidence, 2, total=3)
