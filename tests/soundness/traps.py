"""The traps: data on which comparison tools go wrong, independent of any engine's SQL.

A trap is two tables that are equal or have known differences. The same list is tried on every pair
of engines, and with the peers in ``benchmarks/peers``. The traps come from design notes on false
matches and false alarms in other tools.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Literal, TypeAlias
from uuid import UUID

Engine = Literal["postgresql", "mariadb", "sqlite", "duckdb"]
Side = Literal["legacy", "modern"]
SIDES: tuple[Side, Side] = ("legacy", "modern")
Value: TypeAlias = bool | int | float | Decimal | str | bytes | UUID | date | time | None
Row: TypeAlias = tuple[Value, ...]
Found: TypeAlias = tuple[str, tuple[str | None, ...], tuple[str, ...]]

ENGINES: frozenset[Engine] = frozenset({"postgresql", "mariadb", "sqlite", "duckdb"})
TABLE = "t"
IN_SQL = "the_table"  # stands for the table in the SQL of settings

DDL: dict[Engine, dict[str, str]] = {
    "postgresql": {
        "bigint": "bigint",
        "bit": "bit({})",
        "boolean": "boolean",
        "bytes": "bytea",
        "char": "char({})",
        "date": "date",
        "decimal": "numeric({})",
        "enum": "{}",
        "float": "double precision",
        "inet": "inet",
        "integer": "integer",
        "integer[]": "integer[]",
        "interval": "interval",
        "json": "json",
        "jsonb": "jsonb",
        "numrange": "numrange",
        "real": "real",
        "text": "text",
        "text[]": "text[]",
        "time": "time",
        "timestamp": "timestamp({})",
        "timestamptz": "timestamp with time zone",
        "timetz": "time with time zone",
        "tinyint": "smallint",
        "uuid": "uuid",
        "varchar": "varchar({})",
    },
    "mariadb": {
        "bigint": "bigint",
        "boolean": "boolean",
        "bytes": "longblob",
        "char": "char({})",
        "date": "date",
        "decimal": "decimal({})",
        "enum": "enum({})",
        "float": "double",
        "integer": "int",
        "json": "json",
        "real": "float",
        "text": "longtext",
        "time": "time(6)",
        "timestamp": "datetime({})",
        "timestamptz": "timestamp(6) NULL",
        "tinyint": "tinyint(1)",
        "uuid": "uuid",
        "varchar": "varchar({})",
    },
    "sqlite": {
        "bigint": "BIGINT",
        "boolean": "BOOLEAN",
        "bytes": "BLOB",
        "char": "CHAR({})",
        "date": "DATE",
        "decimal": "DECIMAL({})",
        "float": "DOUBLE",
        "integer": "INTEGER",
        "json": "JSON",
        "text": "TEXT",
        "time": "TIME",
        "timestamp": "DATETIME",
        "tinyint": "TINYINT",
        "uuid": "CHAR(36)",
        "varchar": "VARCHAR({})",
    },
    "duckdb": {
        "bigint": "BIGINT",
        "boolean": "BOOLEAN",
        "bytes": "BLOB",
        "char": "CHAR({})",
        "date": "DATE",
        "decimal": "DECIMAL({})",
        "enum": "ENUM({})",
        "float": "DOUBLE",
        "integer": "INTEGER",
        "json": "JSON",
        "real": "FLOAT",
        "text": "VARCHAR",
        "time": "TIME",
        "timestamp": "TIMESTAMP",
        "timestamp(0)": "TIMESTAMP_S",
        "timestamp(3)": "TIMESTAMP_MS",
        "timestamp_ns": "TIMESTAMP_NS",
        "timestamptz": "TIMESTAMP WITH TIME ZONE",
        "tinyint": "TINYINT",
        "uuid": "UUID",
        "varchar": "VARCHAR({})",
    },
}
"""How each engine declares a neutral type. ``{}`` stands for the arguments in parentheses."""

STAND_INS: dict[Engine, frozenset[str]] = {
    "postgresql": frozenset(),
    "mariadb": frozenset({"boolean"}),
    "sqlite": frozenset({"boolean", "date", "decimal", "json", "time", "timestamp", "uuid"}),
    "duckdb": frozenset(),
}
"""Types that an engine stores as another type, so that ``type = ...`` may be needed."""

FORGIVING = frozenset(
    {"trim", "ignore_case", "unicode", "empty_is_null", "scale", "second_digits"}
    | {"json", "naive_zone"}
)
"""Rules that make different values equal. A tool without the rule rightly reports them."""


@dataclass(frozen=True)
class TrapColumn:
    """A column by its name and neutral type, such as ``decimal(10,2)``."""

    name: str
    type: str


@dataclass(frozen=True)
class Trap:
    """Two tables called ``t`` and the right result of their comparison.

    If ``equal``, the right result is a match. If not ``equal`` and nothing is ``found``, the
    comparison must be refused (NOT PROVEN), because it would leave something out. ``found`` has
    (kind, canonical texts of the key, columns).

    ``key`` identifies a row. If ``enforced``, it is the table's primary key. With an empty key the
    table has none, and a row is identified by all its columns.

    ``settings`` are lines of ``tenantparity.toml``. ``modern_columns`` are the legacy ones if
    empty. ``subject`` is the check that the trap is about: ``global`` or a tenant.
    """

    name: str
    columns: tuple[TrapColumn, ...]
    legacy: tuple[Row, ...]
    modern: tuple[Row, ...]
    equal: bool
    found: tuple[Found, ...] = ()
    engines: frozenset[Engine] = ENGINES
    settings: str = ""
    modern_columns: tuple[TrapColumn, ...] = ()
    key: tuple[str, ...] = ("id",)
    enforced: bool = True
    subject: str = "global"

    def columns_of(self, side: Side) -> tuple[TrapColumn, ...]:
        """Return the columns of one side."""
        return self.modern_columns if side == "modern" and self.modern_columns else self.columns

    def rows_of(self, side: Side) -> tuple[Row, ...]:
        """Return the rows of one side."""
        return self.legacy if side == "legacy" else self.modern

    @property
    def forgives(self) -> bool:
        """Whether the settings have a rule that makes different values equal."""
        return any(re.search(rf"^{word} =", self.settings, re.MULTILINE) for word in FORGIVING)


def exists(trap: Trap, side: Side, engine: Engine) -> bool:
    """Return whether the engine can hold that side of the trap."""
    types = (column.type for column in trap.columns_of(side))
    if side == "legacy" and _IN_BERLIN in trap.settings and engine != "postgresql":
        return False  # only PostgreSQL converts zones soundly; see the refusal in tests of types
    return engine in trap.engines and all(_word(each) in DDL[engine] for each in types)


def settings(trap: Trap, legacy: Engine, modern: Engine, table: str = TABLE) -> str:
    """Return the trap's settings, with ``type = ...`` if only one side stores the type as another.

    A type in the trap's own settings is kept. Files have no keys, so their key is added.
    """
    text = trap.settings
    if trap.key and trap.enforced and "duckdb" in (legacy, modern):
        text = with_key(text, trap.key)
    for one, other in zip(trap.columns, trap.columns_of("modern"), strict=False):
        kinds = [(_word(one.type), legacy), (_word(other.type), modern)]
        stand_ins = [kind for kind, engine in kinds if kind in STAND_INS[engine]]
        if len(stand_ins) == 1:
            text = with_type(text, one.name, stand_ins[0])
    return text.replace(f"[tables.{TABLE}", f"[tables.{table}").replace(IN_SQL, table)


def with_key(text: str, key: tuple[str, ...]) -> str:
    """Return a trap's settings with its key added."""
    header = f"[tables.{TABLE}]"
    keyed = f"{header}\nkey = {json.dumps(key)}"
    return text.replace(header, keyed) if header in text else f"{keyed}\n{text}"


def with_type(text: str, column: str, word: str) -> str:
    """Return a trap's settings with ``type = ...`` for a column that they do not give a type."""
    header = f'[tables.{TABLE}.columns."{column}"]'
    if f"{header}\ntype =" in text or f"{header}\nnaive_zone =" in text:
        return text
    typed = f'{header}\ntype = "{word}"'
    return text.replace(header, typed) if header in text else f"{text}\n{typed}".lstrip()


def ddl(trap: Trap, side: Side, engine: Engine, table: str = TABLE) -> list[str]:
    """Return the statements that create the empty table, if no table has that name."""
    columns = trap.columns_of(side)
    enums = [column for column in columns if _word(column.type) == "enum"]
    types = [_create_enum(column, table) for column in enums if engine == "postgresql"]
    parts = [f"{_quoted(each.name, engine)} {_declared(each, engine, table)}" for each in columns]
    if trap.key and trap.enforced:
        own = {each.name for each in columns}
        names = ", ".join(_quoted(name, engine) for name in trap.key if name in own)
        parts.append(f"PRIMARY KEY ({names})")
    text = " CHARACTER SET utf8mb4" if engine == "mariadb" else ""
    return [*types, f"CREATE TABLE {table} ({', '.join(parts)}){text}"]


def insert(trap: Trap, side: Side, engine: Engine, table: str = TABLE) -> tuple[str, list[Row]]:
    """Return the statement that inserts one row, and each row's parameters for the driver.

    MariaDB's ``timestamptz`` is given in UTC, so the session needs ``time_zone = '+00:00'``.
    """
    marker = "%s" if engine in ("postgresql", "mariadb") else "?"
    # SQLite stores bytes that are not UTF-8 as text only with a cast.
    cast = "CAST(? AS TEXT)" if engine == "sqlite" else marker
    markers = ", ".join(cast if c.type == "text" else marker for c in trap.columns_of(side))
    statement = f"INSERT INTO {table} VALUES ({markers})"
    convert = _CONVERT[engine]
    return statement, [tuple(convert(value) for value in row) for row in trap.rows_of(side)]


def _word(kind: str) -> str:
    return kind.partition("(")[0]


def _declared(column: TrapColumn, engine: Engine, table: str) -> str:
    own = DDL[engine]
    if column.type in own:
        return own[column.type]
    word, _, arguments = column.type.removesuffix(")").partition("(")
    if word == "enum" and engine == "postgresql":
        return _enum_name(column, table)
    if word == "enum":
        arguments = _labels(column)
    return own[word].format(arguments)


def _create_enum(column: TrapColumn, table: str) -> str:
    return f"CREATE TYPE {_enum_name(column, table)} AS ENUM ({_labels(column)})"


def _enum_name(column: TrapColumn, table: str) -> str:
    return f"{table}_{column.name}_kind"


def _labels(column: TrapColumn) -> str:
    labels = column.type.removesuffix(")").partition("(")[2].split(",")
    return ", ".join(f"'{label}'" for label in labels)


def _quoted(name: str, engine: Engine) -> str:
    return f"`{name}`" if engine == "mariadb" else f'"{name}"'


def _as_is(value: Value) -> Value:
    return value


def _for_mariadb(value: Value) -> Value:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    return value


def _for_sqlite(value: Value) -> Value:
    match value:
        case UUID() | Decimal():
            return str(value)
        case bool():
            return int(value)
        case datetime():
            return value.isoformat(" ")
        case date() | time():
            return value.isoformat()
    return value


_CONVERT: dict[Engine, Callable[[Value], Value]] = {
    "postgresql": _as_is,
    "mariadb": _for_mariadb,
    "sqlite": _for_sqlite,
    "duckdb": _as_is,
}


# ---- functions that create traps

_POSTGRESQL: frozenset[Engine] = frozenset({"postgresql"})
_EXACT = ENGINES - {"sqlite"}  # SQLite makes a decimal of more than 15 digits a float
_SPECIAL: frozenset[Engine] = frozenset({"postgresql", "duckdb"})  # engines with NaN and infinity
_ID = TrapColumn("id", "integer")
_COMPOSED, _DECOMPOSED = "caf\N{LATIN SMALL LETTER E WITH ACUTE}", "cafe\N{COMBINING ACUTE ACCENT}"
_RESERVED = (
    *("lateral", "collation", "concurrently", "tablesample", "portion", "sql_cache", "returning"),
    *("nothing", "at", "by", "anti", "asof", "show", "describe", "lambda", "pivot", "qualify"),
    *("summarize", "unpack", "master_demote_to_slave", "true", "false"),
)
_GRIN, _GRIN_WIDER = "\N{GRINNING FACE}", "\N{GRINNING FACE WITH SMILING EYES}"


def _columns(**types: str) -> tuple[TrapColumn, ...]:
    return tuple(TrapColumn(name, kind) for name, kind in types.items())


def _rule(line: str) -> str:
    return f'[tables.{TABLE}.columns."v"]\n{line}'


def _texts(name: str, legacy: Row, modern: Row, *columns: str) -> Trap:
    """One row of three texts: a weak encoding of rows confuses the two sides."""
    return Trap(
        name=name,
        columns=_columns(id="integer", x="text", y="text", z="text"),
        legacy=((1, *legacy), (2, "a", "b", "c")),
        modern=((1, *modern), (2, "a", "b", "c")),
        equal=False,
        found=(("changed", ("1",), columns),),
    )


def _unlike(
    name: str,
    kinds: str | tuple[str, str],
    legacy: Value,
    modern: Value,
    *,
    engines: frozenset[Engine] = ENGINES,
    rule: str = "",
) -> Trap:
    """Two different values, of one type or two, and a second row of NULL."""
    return _pair(name, kinds, (legacy, modern), False, engines, rule)


def _alike(
    name: str,
    kinds: str | tuple[str, str],
    legacy: Value,
    modern: Value,
    *,
    engines: frozenset[Engine] = ENGINES,
    rule: str = "",
) -> Trap:
    """One value, stored in two ways or known to confuse tools, and a second row of NULL."""
    return _pair(name, kinds, (legacy, modern), True, engines, rule)


def _pair(
    name: str,
    kinds: str | tuple[str, str],
    values: tuple[Value, Value],
    equal: bool,
    engines: frozenset[Engine],
    rule: str,
) -> Trap:
    legacy_kind, modern_kind = (kinds, kinds) if isinstance(kinds, str) else kinds
    return Trap(
        name=name,
        columns=(_ID, TrapColumn("v", legacy_kind)),
        modern_columns=(_ID, TrapColumn("v", modern_kind)),
        legacy=((1, values[0]), (2, None)),
        modern=((1, values[1]), (2, None)),
        equal=equal,
        found=() if equal else (("changed", ("1",), ("v",)),),
        engines=engines,
        settings=_rule(rule) if rule else "",
    )


def _many(
    name: str,
    columns: tuple[TrapColumn, ...],
    legacy: Iterable[Row],
    modern: Iterable[Row],
    *found: Found,
    key: tuple[str, ...] = ("id",),
) -> Trap:
    """Tables with more rows than one. They are equal if nothing is ``found``."""
    return Trap(name, columns, tuple(legacy), tuple(modern), not found, found, key=key)


def _loose(name: str, columns: tuple[TrapColumn, ...], *sides: Iterable[Row]) -> Trap:
    """Tables without a key.

    Rows that only one side has are missing or extra. Surplus copies of a row that both sides have
    are duplicates.
    """
    legacy, modern = (tuple(side) for side in sides)
    found = [*_surplus("missing", legacy, modern), *_surplus("extra", modern, legacy)]
    return _many(name, columns, legacy, modern, *found, key=())


def _surplus(kind: str, here: tuple[Row, ...], there: tuple[Row, ...]) -> list[Found]:
    rest = list(there)
    found: list[Found] = []
    for row in here:
        if row in rest:
            rest.remove(row)
        else:
            shown = tuple(None if v is None else str(v) for v in row)
            found.append(("duplicate" if row in there else kind, shown, ()))
    return found


def _changed(ids: Iterable[int], *columns: str) -> list[Found]:
    return [("changed", (str(number),), columns) for number in ids]


# ---- row encoding

_ROWS = (
    _texts("no separator", ("ab", "c", ""), ("a", "bc", ""), "x", "y"),
    _texts("pipe in values", ("x|q", "r", ""), ("x", "q|r", ""), "x", "y"),
    _texts("comma in values", ("x,q", "r", ""), ("x", "q,r", ""), "x", "y"),
    _texts("tab in values", ("x\tq", "r", ""), ("x", "q\tr", ""), "x", "y"),
    _texts("unit separator in values", ("x\x1fq", "r", ""), ("x", "q\x1fr", ""), "x", "y"),
    _texts("quotes in values", ('x","q', "r", ""), ("x", 'q","r', ""), "x", "y"),
    _texts("value tag in values", ("av", "b", ""), ("a", "vb", ""), "x", "y"),
    _texts("null tag in values", ("an", None, ""), ("a", "n", ""), "x", "y"),
    _texts("length prefix in values", ("1:a", "b", ""), ("1:", "ab", ""), "x", "y"),
    _texts("NULL moved right", (None, "a", "b"), ("a", None, "b"), "x", "y"),
    _texts("NULL moved left", (None, None, "a"), (None, "a", None), "y", "z"),
    _texts("NULL skipped by concat_ws", ("a", None, "b"), ("a", "b", None), "y", "z"),
    _texts("change beside a NULL", (None, "a", ""), (None, "b", ""), "y"),
    _texts("all NULL or all empty", (None, None, None), ("", "", ""), "x", "y", "z"),
    _texts("two columns swapped", ("a", "b", "c"), ("b", "a", "c"), "x", "y"),
    _texts("pair that XOR cancels", ("a", "a", ""), ("b", "b", ""), "x", "y"),
    _unlike("NULL and empty", "text", None, ""),
    _unlike("NULL and sentinel", "text", None, "<null>"),
    _unlike("NULL and word", "text", None, "NULL"),
    _unlike("NULL and None", "text", None, "None"),
    _unlike("NULL and nan", "text", None, "nan"),
    _unlike("NULL and copy escape", "text", None, "\\N"),
    _many(
        "extra row that holds a NULL",
        _columns(id="integer", x="text", y="text"),
        [(1, "a", "b"), (2, "a", None)],
        [(1, "a", "b"), (2, "a", None), (3, None, "c")],
        ("extra", ("3",), ()),
    ),
    _loose(
        "lost row of NULLs", _columns(x="text", y="integer"), [(None, None), ("a", 1)], [("a", 1)]
    ),
)


# ---- aggregates

_START = datetime(2024, 1, 1)  # noqa: DTZ001 - naive on purpose
_HOUR = timedelta(hours=1)


def _times(shift: timedelta) -> list[Row]:
    return [(n, _START + n * timedelta(minutes=1) + shift) for n in range(1, 501)]


def _each(letters: str) -> list[Row]:
    return [(letter,) for letter in letters]


def _swapped(rows: list[Row], one: int, other: int) -> list[Row]:
    """Return the rows with the contents of two of them exchanged, except their ids."""
    content = {row[0]: row[1:] for row in rows}
    content[one], content[other] = content[other], content[one]
    return [(number, *rest) for number, rest in content.items()]


_SUMS = (
    _many(
        "uniform shift of an even number of rows",
        _columns(id="integer", v="timestamp(0)"),
        _times(timedelta()),
        _times(_HOUR),
        *_changed(range(1, 501), "v"),
    ),
    _many(
        "texts of one length swapped between rows",
        _columns(id="integer", v="text"),
        [(n, f"x{n:03}") for n in range(1, 101)],
        _swapped([(n, f"x{n:03}") for n in range(1, 101)], 10, 20),
        *_changed((10, 20), "v"),
    ),
    _many(
        "numbers swapped between rows",
        _columns(id="integer", v="integer"),
        [(n, n * 7) for n in range(1, 101)],
        _swapped([(n, n * 7) for n in range(1, 101)], 30, 40),
        *_changed((30, 40), "v"),
    ),
    _many(
        "one of two columns swapped between rows",
        _columns(id="integer", x="integer", y="integer"),
        [(1, 5, 50), (2, 6, 60)],
        [(1, 5, 60), (2, 6, 50)],
        *_changed((1, 2), "y"),
    ),
    _many(
        "columns swapped in every row",
        _columns(id="integer", x="integer", y="integer"),
        [(1, 5, 6), (2, 7, 8)],
        [(1, 6, 5), (2, 8, 7)],
        *_changed((1, 2), "x", "y"),
    ),
    _many(
        "same sum of a column",
        _columns(id="integer", v="integer"),
        [(1, 10), (2, 20)],
        [(1, 15), (2, 15)],
        *_changed((1, 2), "v"),
    ),
    _many(
        "cent in a large sum",
        _columns(id="integer", v="decimal(15,2)"),
        [(n, Decimal("9999999999999.99")) for n in range(1, 501)],
        [(n, Decimal("9999999999999.98" if n == 250 else "9999999999999.99"))
         for n in range(1, 501)],
        *_changed((250,), "v"),
    ),
    _many(
        "last digits of one float of many",
        _columns(id="integer", v="float"),
        [(n, n / 7) for n in range(1, 2001)],
        [(n, n / 7 + (1e-9 if n == 1234 else 0)) for n in range(1, 2001)],
        *_changed((1234,), "v"),
    ),
    _loose("pairs that XOR cancels", _columns(x="text"), _each("aab"), _each("ccb")),
    _loose("three identical rows or one", _columns(x="text"), _each("aaa"), _each("a")),
    _loose("three copies against two", _columns(x="text"), _each("aaabb"), _each("aabbb")),
    _loose("copies beside a lost row", _columns(x="text"), _each("aab"), _each("ac")),
    _loose("copies of another row", _columns(x="text"), _each("aab"), _each("abb")),
    _loose("extra zero", _columns(v="integer"), [(1,)], [(1,), (0,)]),
    _many(
        "row before the first and row after the last",
        _columns(id="integer", v="text"),
        [(5, "a"), (6, "b")],
        [(-5, "x"), (5, "a"), (6, "b"), (900, "y")],
        ("extra", ("-5",), ()),
        ("extra", ("900",), ()),
    ),
    _many(
        "row under another id",
        _columns(id="integer", v="text"),
        [(1, "a"), (3, "b")],
        [(1, "a"), (4, "b")],
        ("missing", ("3",), ()),
        ("extra", ("4",), ()),
    ),
    _many(
        "all rows lost",
        _columns(id="integer", v="text"),
        [(1, "a"), (2, "b")],
        [],
        ("missing", ("1",), ()),
        ("missing", ("2",), ()),
    ),
)  # fmt: skip


# ---- numbers

_2_53 = 2**53
_WIDE = "12345678901234567890123456.12345678901"
_AS_FLOAT = 'type = "float"'

_NUMBERS = (
    _unlike("smaller scale", ("decimal(12,4)", "decimal(12,2)"), Decimal("10.1234"),
            Decimal("10.12")),
    _unlike("larger scale, rounded before", ("decimal(12,2)", "decimal(12,4)"), Decimal("10.12"),
            Decimal("10.1151")),
    _unlike("integer and decimal", ("integer", "decimal(10,2)"), 2, Decimal("1.5")),
    _unlike("decimal and integer", ("decimal(10,2)", "integer"), Decimal("10.40"), 10),
    _unlike("sign of a decimal", "decimal(10,2)", Decimal("1.50"), Decimal("-1.50")),
    _unlike("12th decimal", "decimal(38,12)", Decimal(f"{_WIDE}2"), Decimal(f"{_WIDE}3"),
            engines=_EXACT),
    _unlike("38 digits", "decimal(38,0)", Decimal(12345678901234567890123456789012345678),
            Decimal(12345678901234567890123456789012345679), engines=_EXACT),
    _unlike("cent beyond a float's digits", "decimal(18,2)", Decimal("9007199254740993.01"),
            Decimal("9007199254740993.02"), engines=_EXACT),
    _unlike("2^53 beside NULL", "bigint", _2_53, _2_53 + 1),
    _many("2^53", _columns(id="integer", v="bigint"), [(1, _2_53), (2, 7)],
          [(1, _2_53 + 1), (2, 7)], *_changed((1,), "v")),
    _unlike("2^53 in a decimal", ("bigint", "decimal(20,0)"), _2_53 + 1, Decimal(_2_53),
            engines=_EXACT),
    _unlike("halves that a hash folds", "bigint", 1, 4294967296),
    _unlike("high bit", "bigint", 5, 4611686018427387909),
    _unlike("sign of an integer", "integer", 5, -5),
    _unlike("0 and NULL", "integer", 0, None),
    _unlike("0.00 and NULL", "decimal(10,2)", Decimal("0.00"), None),
    _unlike("float 0 and NULL", "float", 0.0, None),
    _unlike("float 1e-20 and 0", "float", 1e-20, 0.0),
    _unlike("float 1e-20 and 2e-20", "float", 1e-20, 2e-20),
    _unlike("float smallest", "float", 5e-324, 0.0),
    _unlike("float last digit", "float", 0.3, 0.1 + 0.2),
    _unlike("float last digit of 1e300", "float", 1e300, 1.0000000000000002e300),
    _unlike("float negative zero", "float", -0.0, 0.0, engines=_SPECIAL),
    _unlike("float NaN and NULL", "float", float("nan"), None, engines=_SPECIAL),
    _unlike("float NaN and infinity", "float", float("nan"), float("inf"), engines=_SPECIAL),
    _unlike("float infinities", "float", float("inf"), float("-inf"), engines=_SPECIAL),
    _unlike("decimal NaN and NULL", "decimal(10,2)", Decimal("NaN"), None, engines=_POSTGRESQL),
    _unlike("0.1 of four bytes and of eight", ("real", "float"), 0.1, 0.1),
    _alike("decimal spelling", ("decimal(10,2)", "decimal(12,4)"), Decimal("1.50"),
           Decimal("1.5000")),
    _alike("decimal below one", ("decimal(10,2)", "decimal(12,4)"), Decimal("0.71"),
           Decimal("0.7100")),
    _alike("zero of two scales", ("decimal(10,2)", "decimal(12,4)"), Decimal("0.00"),
           Decimal("0.0000")),
    _alike("int and bigint", ("integer", "bigint"), 7, 7),
    _alike("int and decimal", ("integer", "decimal(12,2)"), 100, Decimal("100.00")),
    _alike("2^53 in a decimal, equal", ("bigint", "decimal(20,0)"), _2_53 + 1, Decimal(_2_53 + 1),
           engines=_EXACT),
    _alike("38 digits, equal", "decimal(38,0)", Decimal("9" * 38), Decimal("9" * 38),
           engines=_EXACT),
    _alike("real and float", ("real", "float"), 1.5, 1.5),
    _alike("float of 300 digits", "float", 1e300, 1e300),
    _alike("exponent in text", ("varchar(20)", "decimal(12,4)"), "1.5E-3", Decimal("0.0015"),
           rule='type = "decimal"'),
    _alike("zero with an exponent", ("varchar(20)", "decimal(12,4)"), "0E-8", Decimal(0),
           rule='type = "decimal"'),
    _unlike("exponent of another sign", ("varchar(20)", "decimal(12,4)"), "1.5E+3",
            Decimal("0.0015"), rule='type = "decimal"'),
    _unlike("exponent without bounds", ("varchar(20)", "decimal(12,4)"), "1e-999999", Decimal(0),
            rule='type = "decimal"'),
    _alike("float NaN, equal", "float", float("nan"), float("nan"), engines=_SPECIAL),
    _alike("float infinity, equal", "float", float("inf"), float("inf"), engines=_SPECIAL),
    _alike("float NaN with a sign bit", "float", -float("nan"), float("nan"), engines=_SPECIAL),
    _alike("float of two shortest spellings", "float", 1e23, 9.999999999999999e22),
    _alike("float of 17 digits in text", ("text", "float"), "0.10000000000000001", 0.1,
           rule=_AS_FLOAT),
    _alike("float of another shortest spelling", ("float", "text"), 1e23, "9.999999999999999e+22",
           rule=_AS_FLOAT),
    _alike("float beyond 2^53 in text", ("text", "float"), "123456789012345680",
           123456789012345680.0, rule=_AS_FLOAT),
    _alike("float of two texts", "text", "1e-1", "0.10000000000000001", rule=_AS_FLOAT),
    _alike("float NaN in text", ("text", "float"), "-nan", float("nan"), engines=_SPECIAL,
           rule=_AS_FLOAT),
    _alike("0.1 of four bytes and in text", ("real", "text"), 0.1, "0.1", rule=_AS_FLOAT),
    _alike("0.1 of four bytes and its double", ("text", "real"), "0.10000000149011612", 0.1,
           rule=_AS_FLOAT),
    _unlike("0.1 of four bytes and of 17 digits", ("real", "text"), 0.1, "0.10000000000000001",
            rule=_AS_FLOAT),
    _unlike("integer beyond four bytes", ("text", "real"), "16777217", 16777216.0, rule=_AS_FLOAT),
    _unlike("2^53 in text and float", ("text", "float"), str(_2_53 + 1), float(_2_53),
            rule=_AS_FLOAT),
    _unlike("2^53 in bigint and float", ("bigint", "float"), _2_53 + 1, float(_2_53),
            rule=_AS_FLOAT),
    _unlike("sum of floats and its text", ("float", "text"), 0.1 + 0.2, "0.3", rule=_AS_FLOAT),
    _unlike("float negative zero in text", ("text", "float"), "-0", 0.0, rule=_AS_FLOAT),
    _unlike("float underflow in text", ("text", "float"), "1e-400", 0.0, rule=_AS_FLOAT),
    _alike("decimal that SQLite misreads", "decimal(18,6)", Decimal("637873.130588"),
           Decimal("637873.130588")),
    _unlike("decimal beside one that SQLite misreads", "decimal(18,6)", Decimal("637873.130588"),
            Decimal("637873.130587")),
)  # fmt: skip


# ---- times


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


_NOON = _at("2024-07-01 12:00:00")
_BERLIN = timezone(timedelta(hours=2))
_AS_MOMENT = 'type = "timestamptz"'
_IN_BERLIN = 'naive_zone = "Europe/Berlin"'

_TIMES = (
    _unlike("half a second", "timestamp(6)", _NOON, _at("2024-07-01 12:00:00.500")),
    _unlike("millisecond", "timestamp(3)", _NOON, _at("2024-07-01 12:00:00.001")),
    _unlike("microsecond", "timestamp(6)", _at("2024-07-01 12:00:00.123456"),
            _at("2024-07-01 12:00:00.123457")),
    _unlike("nanosecond", ("timestamp_ns", "timestamp(6)"), "2024-07-01 12:00:00.123456789",
            _at("2024-07-01 12:00:00.123456")),
    _unlike("digits of a second cut off", ("timestamp(6)", "timestamp(3)"),
            _at("2024-07-01 12:00:00.123456"), _at("2024-07-01 12:00:00.123")),
    _unlike("digits of a second rounded up", ("timestamp(6)", "timestamp(0)"),
            _at("2024-06-30 23:59:59.999999"), _at("2024-07-01 00:00:00")),
    _unlike("an hour", "timestamptz", _NOON.replace(tzinfo=UTC),
            _NOON.replace(tzinfo=UTC) + _HOUR),
    _unlike("same clock, other zone", "timestamptz", _NOON.replace(tzinfo=UTC),
            _NOON.replace(tzinfo=_BERLIN)),
    _unlike("naive time read in the wrong zone", ("timestamp(6)", "timestamptz"), _NOON,
            _NOON.replace(tzinfo=UTC), rule=_IN_BERLIN),
    _unlike("hour that a clock change skips", "timestamp(6)", _at("2024-03-31 02:30:00"),
            _at("2024-03-31 03:30:00")),
    _unlike("day and month", "date", date(2024, 3, 2), date(2024, 2, 3)),
    _unlike("day of the last year", "date", date(9999, 12, 31), date(9999, 12, 30)),
    _unlike("day before 1677", "timestamp(6)", _at("1500-01-01 00:00:00"),
            _at("1500-01-02 00:00:00")),
    _unlike("epoch and NULL", "timestamp(6)", _at("1970-01-01 00:00:00"), None),
    _unlike("first day and NULL", "date", date(1, 1, 1), None),
    _unlike("microsecond of a day", "time", time(12, 0, 0, 1), time(12)),
    _unlike("two midnights", "time", "24:00:00", "00:00:00", engines=_POSTGRESQL),
    _unlike("infinite time and NULL", "timestamptz", "infinity", None, engines=_SPECIAL),
    _unlike("infinite times", "timestamp(6)", "infinity", "-infinity", engines=_SPECIAL),
    _unlike("BC and AD", "date", "0044-03-15 BC", "0044-03-15", engines=_POSTGRESQL),
    _unlike("month and 30 days", "interval", "1 mon", "30 days"),
    _unlike("day and 24 hours", "interval", "1 day", "24 hours"),
    _unlike("one instant, two offsets", "timetz", "12:00+00", "14:00+02"),
    _alike("times of two precisions", ("timestamp(0)", "timestamp(6)"), _NOON, _NOON),
    _alike("milliseconds in microseconds", ("timestamp(3)", "timestamp(6)"),
           _at("2024-07-01 12:00:00.120"), _at("2024-07-01 12:00:00.120")),
    _alike("one instant, two spellings", "timestamptz", _NOON.replace(tzinfo=UTC),
           (_NOON + 2 * _HOUR).replace(tzinfo=_BERLIN)),
    _alike("naive time in its zone", ("timestamp(6)", "timestamptz"), _NOON,
           _NOON.replace(tzinfo=_BERLIN), rule=_IN_BERLIN),
    _alike("moment of an offset in text", ("varchar(40)", "timestamptz"),
           "2024-07-01T14:00:00.000+02:00", _NOON.replace(tzinfo=UTC), rule=_AS_MOMENT),
    _unlike("moment of another offset in text", ("varchar(40)", "timestamptz"),
            "2024-07-01 14:00:00+01", _NOON.replace(tzinfo=UTC), rule=_AS_MOMENT),
    _unlike("moment of no offset in text", ("varchar(40)", "timestamptz"),
            "2024-07-01 12:00:00", _NOON.replace(tzinfo=UTC), rule=_AS_MOMENT),
    _unlike("moment of no day in text", ("varchar(40)", "timestamptz"),
            "2024-06-31 14:00:00+02", _NOON.replace(tzinfo=UTC), rule=_AS_MOMENT),
    _alike("naive time in text, by rule", ("varchar(40)", "timestamptz"),
           "2024-07-01 12:00:00", _NOON.replace(tzinfo=UTC),
           rule=f'naive_zone = "UTC"\n{_AS_MOMENT}'),
    _alike("last day, equal", "date", date(9999, 12, 31), date(9999, 12, 31)),
    _alike("first day, equal", "date", date(1, 1, 1), date(1, 1, 1)),
    _alike("infinite time, equal", "timestamp(6)", "infinity", "infinity", engines=_SPECIAL),
    _alike("digits of a second, by rule", ("timestamp(6)", "timestamp(3)"),
           _at("2024-07-01 12:00:00.123456"), _at("2024-07-01 12:00:00.123"),
           rule="second_digits = 3"),
)  # fmt: skip


# ---- text

_QUOTES = "\\ ' '' \" ` %s :x ? $1"

_TEXT = (
    _unlike("case", "text", "a", "A"),
    _unlike("case of a varchar", "varchar(9)", "a", "A"),
    _unlike("accent", "text", "a", "\N{LATIN SMALL LETTER A WITH DIAERESIS}"),
    _unlike("trailing space", "text", "a", "a "),
    _unlike("trailing space of a varchar", "varchar(9)", "a", "a "),
    _unlike("leading space", "text", "a", " a"),
    _unlike("trailing newline", "text", "a", "a\n"),
    _unlike("empty and space", "text", "", " "),
    _unlike("no-break space", "text", "a b", "a\N{NO-BREAK SPACE}b"),
    _unlike("sharp s", "text", "\N{LATIN SMALL LETTER SHARP S}", "ss"),
    _unlike("NFC and NFD", "text", _COMPOSED, _DECOMPOSED),
    _unlike("emoji and question mark", "text", _GRIN, "?"),
    _unlike("emoji and emoji", "text", _GRIN, _GRIN_WIDER),
    _unlike("zero-width joiner", "text", "ab", "a\N{ZERO WIDTH JOINER}b"),
    _unlike("full width", "text", "A", "\N{FULLWIDTH LATIN CAPITAL LETTER A}"),
    _unlike("doubled quote", "text", "'", "''"),
    _unlike("doubled backslash", "text", "a\\b", "a\\\\b"),
    _unlike("newline and its escape", "text", "a\nb", "a\\nb"),
    _unlike("CRLF and LF", "text", "a\r\nb", "a\nb"),
    _unlike("text of a number", "text", "1.0", "1"),
    _unlike("leading zeros", "text", "007", "7"),
    _unlike("exponent", "text", "1e3", "1000"),
    _unlike("end of a long text", "text", "x" * 100_000 + "a", "x" * 100_000 + "b"),
    _unlike("text cut off", ("text", "varchar(3)"), "abcd", "abc"),
    _unlike("padding and text", ("char(3)", "text"), "a", "a", engines=_POSTGRESQL),
    _unlike("paddings of two lengths", ("char(3)", "char(5)"), "a", "a", engines=_POSTGRESQL),
    _alike("varchar and text", ("varchar(9)", "text"), "a ", "a "),
    _alike("full char and text", ("char(3)", "text"), "abc", "abc"),
    _alike("emoji, equal", "text", _GRIN, _GRIN),
    _alike("backslash and quotes, equal", "text", _QUOTES, _QUOTES),
    _alike("padding, by rule", ("char(3)", "text"), "a", "a", rule='trim = "trailing"'),
    _alike("spaces, by rule", "text", " a ", "a", rule='trim = "both"'),
    _alike("case, by rule", "text", "Abc", "aBC", rule="ignore_case = true"),
    _alike("NFC and NFD, by rule", "text", _COMPOSED, _DECOMPOSED, rule='unicode = "NFC"'),
    _alike("empty and NULL, by rule", "text", "", None, rule="empty_is_null = true"),
    _alike("scale, by rule", ("decimal(12,4)", "decimal(12,2)"), Decimal("10.1234"),
           Decimal("10.12"), rule="scale = 2"),
    _unlike("case, but spaces by rule", "text", "a", "A ", rule='trim = "trailing"'),
    _unlike("leading space, trailing by rule", "text", " a", "a", rule='trim = "trailing"'),
    _unlike("space and NULL, empty by rule", "text", " ", None, rule="empty_is_null = true"),
    _unlike("accent, case by rule", "text", _COMPOSED, "cafe", rule="ignore_case = true"),
    _unlike("scale 2, third digit by rule", "decimal(12,4)", Decimal("10.1234"),
            Decimal("10.1334"), rule="scale = 2"),
)  # fmt: skip


# ---- types

_UUID = UUID("abcdef00-1234-4000-8000-00000000000a")
_OTHER_UUID = UUID("abcdef00-1234-4000-8000-00000000000b")
_AS_UUID, _AS_BOOLEAN = 'type = "uuid"', 'type = "boolean"'
_BY_CONTENT = 'json = "canonical"'

_TYPES = (
    _unlike("NULL and false", "boolean", None, False),
    _unlike("true and false", "boolean", True, False),
    _unlike("tinyint and boolean", ("tinyint", "boolean"), 0, True, rule=_AS_BOOLEAN),
    _unlike("tinyint NULL and false", ("tinyint", "boolean"), None, False, rule=_AS_BOOLEAN),
    _alike("tinyint boolean", ("tinyint", "boolean"), 1, True, rule=_AS_BOOLEAN),
    _alike("boolean in text", ("varchar(5)", "boolean"), "true", True, rule=_AS_BOOLEAN),
    _alike("flag of a letter", ("varchar(5)", "boolean"), "Y", True, rule=_AS_BOOLEAN),
    _alike("flag of a word", ("varchar(5)", "boolean"), "off", False, rule=_AS_BOOLEAN),
    _alike("flag of a bit", ("bit(1)", "boolean"), "1", True, rule=_AS_BOOLEAN),
    _unlike("flag of the other letter", ("varchar(5)", "boolean"), "N", True, rule=_AS_BOOLEAN),
    _unlike("flag with a space", ("varchar(5)", "boolean"), "Y ", True, rule=_AS_BOOLEAN),
    _unlike("flag of no word", ("varchar(5)", "boolean"), "", False, rule=_AS_BOOLEAN),
    _alike("uuid in braces", ("varchar(45)", "uuid"), f"{{{str(_UUID).upper()}}}", _UUID,
           rule=_AS_UUID),
    _unlike("uuid in a single brace", ("varchar(45)", "uuid"), f"{{{_UUID}", _UUID,
            rule=_AS_UUID),
    _unlike("uuid", "uuid", _UUID, _OTHER_UUID),
    _unlike("uuid in text and uuid", ("char(36)", "uuid"), str(_UUID), _OTHER_UUID, rule=_AS_UUID),
    _alike("uuid in text", ("char(36)", "uuid"), str(_UUID), _UUID, rule=_AS_UUID),
    _alike("uuid in upper case", ("char(36)", "uuid"), str(_UUID).upper(), _UUID, rule=_AS_UUID),
    _alike("uuid in bytes", ("bytes", "uuid"), _UUID.bytes, _UUID, rule=_AS_UUID),
    _unlike("bytes of zero", "bytes", b"\x00", b""),
    _unlike("bytes and NULL", "bytes", b"", None),
    _unlike("bytes that no text holds", "bytes", b"\xff\x00\xfe", b"\xff\x00\xff"),
    _unlike("bytes after a zero", "bytes", b"a\x00b", b"a\x00c"),
    _unlike("bytes padded with zeros", "bytes", b"a", b"a\x00"),
    _alike("bytes, equal", "bytes", bytes(range(256)), bytes(range(256))),
    _unlike("enum", "enum(ok,bad)", "ok", "bad"),
    _unlike("enum and text", ("enum(ok,bad)", "text"), "ok", "OK"),
    _alike("enum and text, equal", ("enum(ok,bad)", "text"), "ok", "ok"),
    _alike("enum with labels in another order", ("enum(ok,bad)", "enum(bad,ok)"), "ok", "ok"),
    _unlike("array order", "integer[]", "{1,2}", "{2,1}"),
    _unlike("array NULL and word", "text[]", "{NULL}", '{"NULL"}'),
    _unlike("array none and NULL", "text[]", "{}", None),
    _unlike("array comma in element", "text[]", '{"a,b"}', "{a,b}"),
    _unlike("array nesting", "integer[]", "{{1,2}}", "{{1},{2}}"),
    _unlike("range bounds", "numrange", "[1,5)", "(1,5)"),
    _unlike("bits", "bit(3)", "101", "100"),
    _unlike("host and mask", "inet", "10.0.0.1/8", "10.0.0.1/16"),
    _unlike("json null and NULL", "json", "null", None, rule=_BY_CONTENT),
    _unlike("json value", "json", '{"a": 1}', '{"a": 2}', rule=_BY_CONTENT),
    _unlike("json null and absent", "json", '{"a": null}', "{}", rule=_BY_CONTENT),
    _unlike("json true and 1", "json", '{"a": true}', '{"a": 1}', rule=_BY_CONTENT),
    _unlike("json number and text", "json", '{"a": 1}', '{"a": "1"}', rule=_BY_CONTENT),
    _unlike("json order of a list", "json", "[1, 2]", "[2, 1]", rule=_BY_CONTENT),
    _unlike("json list and object", "json", "[]", "{}", rule=_BY_CONTENT),
    _unlike("json repeated key", "json", '{"a": 1, "a": 2}', '{"a": 2}', rule=_BY_CONTENT),
    _unlike("json digits beyond a float", "json", '{"a": 9007199254740993}',
            '{"a": 9007199254740992}', rule=_BY_CONTENT),
    _alike("json key order", "json", '{"a": 1, "b": 2}', '{"b": 2, "a": 1}', rule=_BY_CONTENT),
    _alike("json number spelling", "json", '{"a": [1.50, 1e2]}', '{"a": [1.5, 100]}',
           rule=_BY_CONTENT),
    _unlike("jsonb null and NULL", "jsonb", "null", None),
    _unlike("jsonb empty list and object", "jsonb", "[]", "{}"),
    _unlike("jsonb true and 1", "jsonb", '{"a": true}', '{"a": 1}'),
    _unlike("jsonb number and text", "jsonb", "1", '"1"'),
    _unlike("jsonb sign of a number", "jsonb", "1.5", "-1.5"),
    _unlike("jsonb digits beyond a float", "jsonb", "1.00000000000000000001", "1"),
    _unlike("jsonb null and absent", "jsonb", '{"a": null}', "{}"),
    _alike("jsonb key order", "jsonb", '{"a": 1, "b": 2}', '{"b": 2, "a": 1}'),
    _alike("jsonb number spelling", "jsonb", '{"a": [1.50, 1e2]}', '{"a": [1.5, 100]}'),
)  # fmt: skip


# ---- keys

_ID_AS_FLOAT = f'[tables.{TABLE}.columns."id"]\ntype = "float"'
_KEY_OF_A = f'[tables.{TABLE}]\nkey = ["a"]'
_NULLS: tuple[Row, ...] = ((None, "x"), (None, "y"), (1, "z"))
_WORDS = ("\N{LATIN CAPITAL LETTER A WITH DIAERESIS}", "b", "Z", "z2", "_", "0", "-", "a b")
_STRANGE = ("%s :x '\"\\", "\n", "?", "$1", "{}", "a|b", "<null>")


def _lost(name: str, kind: str, rest: Iterable[Value], lost: Value, shown: str) -> Trap:
    """One row of many is missing, and its key is reported."""
    rows = [(value, 0) for value in rest]
    columns = _columns(id=kind, v="integer")
    return _many(name, columns, [*rows, (lost, 0)], rows, ("missing", (shown,), ()))


_KEYS = (
    _many("composite key, equal", _columns(a="integer", b="varchar(9)", v="text"),
          [(1, "x", "p"), (1, "y", "q"), (2, "x", "r")],
          [(2, "x", "r"), (1, "y", "q"), (1, "x", "p")], key=("a", "b")),
    _many("composite key", _columns(a="integer", b="varchar(9)", v="text"),
          [(1, "x", "p"), (1, "y", "q"), (2, "x", "r")],
          [(1, "x", "p"), (1, "y", "Q"), (2, "x", "r")],
          ("changed", ("1", "y"), ("v",)), key=("a", "b")),
    _many("composite key that joins alike", _columns(a="varchar(9)", b="varchar(9)", v="integer"),
          [("1", "11", 0)], [("11", "1", 0)],
          ("missing", ("1", "11"), ()), ("extra", ("11", "1"), ()), key=("a", "b")),
    _many("text keys in any order, equal", _columns(id="varchar(20)", v="integer"),
          [(word, n) for n, word in enumerate(_WORDS)],
          [(word, n) for n, word in reversed(list(enumerate(_WORDS)))]),
    _many("text key with special characters, equal", _columns(id="varchar(20)", v="integer"),
          [(word, n) for n, word in enumerate(_STRANGE)],
          [(word, n) for n, word in enumerate(_STRANGE)]),
    _many("text key of another case", _columns(id="varchar(20)", v="integer"),
          [("a", 0), ("b", 1)], [("A", 0), ("b", 1)],
          ("missing", ("a",), ()), ("extra", ("A",), ())),
    _many("text key with a trailing space", _columns(id="varchar(20)", v="integer"),
          [("a", 0), ("b", 1)], [("a ", 0), ("b", 1)],
          ("missing", ("a",), ()), ("extra", ("a ",), ())),
    _lost("text key, emoji", "varchar(20)", ["a", _GRIN], _COMPOSED, _COMPOSED),
    _lost("text key, lost", "varchar(20)", _STRANGE[1:], _STRANGE[0], _STRANGE[0]),
    _lost("empty text as a key", "varchar(20)", ["a"], "", ""),
    _many("uuid key, equal", _columns(id="uuid", v="integer"), [(_UUID, 0), (_OTHER_UUID, 1)],
          [(_OTHER_UUID, 1), (_UUID, 0)]),
    _lost("uuid key", "uuid", [_UUID], _OTHER_UUID, str(_OTHER_UUID)),
    _lost("keys with gaps", "bigint", [-9_000_000_000, 1], 9 * 10**18, "9000000000000000000"),
    _many("keys with gaps, equal", _columns(id="bigint", v="integer"),
          [(-9_000_000_000, 0), (1, 0), (9 * 10**18, 0)],
          [(-9_000_000_000, 0), (1, 0), (9 * 10**18, 0)]),
    _lost("2^53 as a key", "bigint", [_2_53], _2_53 + 1, str(_2_53 + 1)),
    _lost("largest key", "bigint", [2**63 - 2], 2**63 - 1, str(2**63 - 1)),
    _many("key of 15 digits", _columns(id="bigint", v="integer"),
          [(123456789012345, 0)], [(123456789012346, 0)],
          ("missing", ("123456789012345",), ()), ("extra", ("123456789012346",), ())),
    _many("time as a key, equal", _columns(id="timestamp(6)", v="integer"),
          [(_NOON, 0), (_NOON + _HOUR, 1)], [(_NOON, 0), (_NOON + _HOUR, 1)]),
    Trap("decimal key of two scales, equal", _columns(id="decimal(10,2)", v="integer"),
         ((Decimal("1.50"), 0), (Decimal("2.00"), 1)),
         ((Decimal("1.5000"), 0), (Decimal("2.0000"), 1)),
         equal=True, modern_columns=_columns(id="decimal(12,4)", v="integer")),
    # SQLAlchemy does not treat all of these words as reserved in every engine.
    _many("names that are reserved", _columns(**dict.fromkeys(_RESERVED, "integer")),
          [tuple(range(len(_RESERVED)))], [(*range(len(_RESERVED) - 1), 99)],
          ("changed", ("0",), (_RESERVED[-1],)), key=(_RESERVED[0],)),
    Trap("float keys in other texts, equal", _columns(id="varchar(30)", v="integer"),
         (("0.10000000000000001", 0), ("9999999999999999e7", 1)), ((0.1, 0), (1e23, 1)),
         equal=True, modern_columns=_columns(id="float", v="integer"), settings=_ID_AS_FLOAT),
    Trap("float key in another text", _columns(id="varchar(30)", v="integer"),
         (("0.10000000000000001", 0), ("1e23", 1)), ((0.1, 0), (1e23, 2)),
         equal=False, found=(("changed", ("1e+23",), ("v",)),),
         modern_columns=_columns(id="float", v="integer"), settings=_ID_AS_FLOAT),
    Trap("no key, floats in other texts, equal", _columns(id="varchar(30)"),
         (("0.1",), ("0.10000000000000001",), ("1e23",)), ((0.1,), (0.1,), (1e23,)),
         equal=True, modern_columns=_columns(id="float"), settings=_ID_AS_FLOAT, key=()),
    _many("names that need quotes", _columns(**{"Order No": "integer", "group": "text"}),
          [(1, "a"), (2, "b")], [(1, "a"), (2, "c")],
          ("changed", ("2",), ("group",)), key=("Order No",)),
    _loose("no key, equal", _columns(a="integer", b="text"),
           [(1, None), (1, "x"), (1, "x")], [(1, "x"), (1, None), (1, "x")]),
    _loose("no key, NULL and empty", _columns(a="integer", b="text"),
           [(1, None), (1, "x"), (1, "x")], [(1, ""), (1, "x"), (1, "x")]),
    Trap("NULL in a key, equal", _columns(a="integer", v="text"), _NULLS, _NULLS[::-1],
         equal=True, settings=_KEY_OF_A, key=("a",), enforced=False),
    Trap("NULL in a key", _columns(a="integer", v="text"), _NULLS,
         ((None, "x"), (None, "Y"), (1, "z")), equal=False,
         found=(("changed", (None,), ("v",)),), settings=_KEY_OF_A, key=("a",), enforced=False),
    Trap("repeated key", _columns(a="integer", v="text"),
         ((1, "a"), (1, "a"), (1, "b"), (2, "c")), ((1, "a"), (1, "b"), (1, "b"), (2, "c")),
         equal=False, found=(("changed", ("1",), ("v",)),), settings=_KEY_OF_A, key=("a",),
         enforced=False),
    Trap("repeated key, equal", _columns(a="integer", v="text"),
         ((1, "a"), (1, "a"), (1, "b")), ((1, "b"), (1, "a"), (1, "a")),
         equal=True, settings=_KEY_OF_A, key=("a",), enforced=False),
)  # fmt: skip


# ---- scope

_WIDE_TABLE = (_ID, *(TrapColumn(f"c{n}", "text") for n in range(120)))

_SCOPE = (
    Trap("column whose type changed", _columns(id="integer", v="integer", w="text"),
         ((1, 1, "a"),), ((1, "2", "a"),), equal=False,
         modern_columns=_columns(id="integer", v="text", w="text")),
    Trap("column lost", _columns(id="integer", v="text", w="text"),
         ((1, "a", "b"),), ((1, "a"),), equal=False,
         modern_columns=_columns(id="integer", v="text")),
    Trap("column added", _columns(id="integer", v="text"), ((1, "a"),), ((1, "a", "b"),),
         equal=False, modern_columns=_columns(id="integer", v="text", w="text")),
    Trap("empty tables, declared", _columns(id="integer", v="text"), (), (), equal=True,
         settings=f'[tables.{TABLE}]\nempty = "nothing was ever sold"'),
    _many("wide table, equal", _WIDE_TABLE, [(1, *"a" * 120)], [(1, *"a" * 120)]),
    _many("wide table", _WIDE_TABLE, [(1, *"a" * 120)], [(1, *"a" * 119, "b")],
          *_changed((1,), "c119")),
)  # fmt: skip

TRAPS: tuple[Trap, ...] = (
    *_ROWS,
    *_SUMS,
    *_NUMBERS,
    *_TIMES,
    *_TEXT,
    *_TYPES,
    *_KEYS,
    *_SCOPE,
)
