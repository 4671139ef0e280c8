"""Random tables with random mutations, and what an exact comparison has to find in them.

A trial is a trap that nobody thought of. All of it comes out of one random generator, which may
be Hypothesis's own; the truth is worked out here in Python, by other means than the product's.
"""

from __future__ import annotations

import json
import string
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from uuid import UUID

from .traps import DDL, Engine, Found, Row, Trap, TrapColumn, Value

_MOST_ROWS = 12
_MOST_COLUMNS = 8

_NASTY_TEXTS = [
    *("", " ", "a", "A", "a ", " a", "NULL", "null", "<null>", "0", "1", "-", ":", "1:a", "n", "v"),
    *("\\N", "\\", "'", "''", '"', "|", ",", "a,b", "\t", "\n", "a\nb", "%", "_", "%s", ":x", "?"),
    *("ß", "ss", "é", "e\u0301", "İ", "\u0131", "Σ", "ς", "😀", "😁", "\u200b", "\u00a0", "ﬁ", "Ⅳ"),
    *("true", "t", "1.0", "1e3", "2024-01-01", "x" * 300, "{}", "[]", "$1", "{0}", "--", "/*"),
]
_NASTY_INTEGERS = [0, 1, -1, 2, 7, 10, -10, 255, 256, 65536, 2**31 - 1, -(2**31)]
_NASTY_BIGINTS = [*_NASTY_INTEGERS, 2**32, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 10**18]
_NASTY_FLOATS = [
    *(0.0, 1.0, -1.0, 0.1, 0.2, 0.3, 0.1 + 0.2, 1e-20, 1e20, 1e15, 1e16, 123456789.123),
    *(5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -1e-7, 1e-5, 0.0001, 100000.0),
    *(1 / 3, 2 / 3, 1e22, 1e23, 4.35, 2.675, 9007199254740993.0, -123.456e-78),
]
_START = datetime(2024, 2, 28, 23, 59, 59)  # noqa: DTZ001 - naive on purpose


@dataclass(frozen=True)
class Kind:
    """A neutral type, other types that hold the same values, and how a value is made of chance."""

    type: str
    wider: tuple[str, ...]
    make: Callable[[Random], Value]
    canonical: Callable[[Value], str]


def _text(rng: Random) -> str:
    if rng.random() < 0.6:
        return rng.choice(_NASTY_TEXTS)
    letters = string.printable[:95] + "éßñ😀中\u0301"
    return "".join(rng.choice(letters) for _ in range(rng.randrange(1, 12)))


def _decimal(digits: int, scale: int) -> Callable[[Random], Decimal]:
    def make(rng: Random) -> Decimal:
        unit = rng.choice([0, 1, 10, 100, rng.randrange(10**digits), 10**digits - 1])
        return Decimal(unit * rng.choice([1, 1, -1])).scaleb(-scale)

    return make


def _integer(nasty: Sequence[int]) -> Callable[[Random], int]:
    def make(rng: Random) -> int:
        return rng.choice(nasty) if rng.random() < 0.5 else rng.randrange(-999, 10_000)

    return make


def _float(rng: Random) -> float:
    return rng.choice(_NASTY_FLOATS) if rng.random() < 0.7 else rng.uniform(-1e6, 1e6)


def _timestamp(digits: int) -> Callable[[Random], datetime]:
    def make(rng: Random) -> datetime:
        step = timedelta(microseconds=10 ** (6 - digits))
        odd = rng.choice([0, 1, 10, rng.randrange(10**digits) if digits else 0])
        return _START + timedelta(seconds=rng.randrange(-(10**6), 10**6)) + odd * step

    return make


def _uuid(rng: Random) -> UUID:
    # MariaDB takes no others than the RFC's.
    return UUID(int=0) if rng.random() < 0.1 else UUID(int=rng.getrandbits(128), version=4)


def _document(rng: Random) -> str:
    leaf: object = rng.choice([None, True, False, 0, 1, 1.5, "", "a", "😀", [], {}])
    return json.dumps(rng.choice([leaf, {"a": leaf}, [leaf, 1], {"b": {"c": leaf}, "a": 2}]))


def _number(value: Value) -> str:
    number = Decimal(str(value))
    text = f"{number:f}" if number else "0"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _moment(value: Value) -> str:
    if not isinstance(value, datetime | date | time):
        raise TypeError(value)
    text = value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()
    return text.rstrip("0") if "." in text else text


def _bytes(value: Value) -> str:
    if not isinstance(value, bytes):
        raise TypeError(value)
    return "\\x" + value.hex()


KINDS = [
    Kind("integer", ("bigint",), _integer(_NASTY_INTEGERS), str),
    Kind("bigint", ("decimal(20,0)",), _integer(_NASTY_BIGINTS), str),
    Kind("decimal(10,2)", ("decimal(14,4)",), _decimal(10, 2), _number),
    Kind("decimal(24,12)", ("decimal(30,15)",), _decimal(24, 12), _number),
    Kind("decimal(6,0)", ("integer",), _decimal(6, 0), _number),
    Kind("float", (), _float, repr),
    Kind("boolean", ("tinyint",), lambda rng: rng.random() < 0.5, lambda v: str(int(bool(v)))),
    Kind("text", ("varchar(400)",), _text, str),
    Kind("varchar(400)", ("text",), _text, str),
    Kind("bytes", (), lambda rng: rng.randbytes(rng.choice([0, 1, 2, 16])), _bytes),
    Kind("uuid", (), _uuid, str),
    Kind("date", (), lambda rng: date(2024, 1, 1) + timedelta(rng.randrange(-900, 900)), _moment),
    Kind(
        "time", (),
        lambda rng: time(rng.randrange(24), rng.randrange(60), 0, rng.choice([0, 1, 500_000])),
        _moment,
    ),
    Kind("timestamp(0)", ("timestamp(6)",), _timestamp(0), _moment),
    Kind("timestamp(6)", (), _timestamp(6), _moment),
    Kind("json", (), _document, lambda v: json.dumps(json.loads(str(v)), sort_keys=True)),
]  # fmt: skip
_KEYS = [kind for kind in KINDS if kind.type in ("integer", "bigint", "uuid", "date")]
# Engines show these in more ways than one, so that a row of no key is not known by its text.
_MANY_TEXTS = ("boolean", "float", "json")
_TEXT_KEY = Kind("varchar(100)", (), lambda rng: f"{_text(rng)[:60]}{rng.randrange(10**6)}", str)


def holds(engine: Engine, kind: str) -> bool:
    """Whether an engine keeps the values of a type without loss."""
    if engine == "sqlite" and kind.startswith("decimal"):
        return kind in ("decimal(10,2)", "decimal(14,4)", "decimal(6,0)")
    return kind in DDL[engine] or kind.partition("(")[0] in DDL[engine]


@dataclass(frozen=True)
class _Column:
    name: str
    kind: Kind
    modern: str

    def stored(self, value: Value) -> Value:
        """Return the value as the modern column takes it."""
        return int(value) if isinstance(value, bool) and self.modern == "tinyint" else value

    def shown(self, value: Value) -> str | None:
        """Return the canonical text."""
        return None if value is None else self.kind.canonical(value)


def make_trial(rng: Random, legacy: Engine, modern: Engine, *, mutated: bool) -> Trap:
    """Return a trial for a pair of engines; one that is not mutated holds the same twice."""
    key, columns = _columns(rng, legacy, modern)
    rows = _rows(rng, key, columns)
    there = list(rows)
    if mutated:
        for _ in range(rng.choice([1, 1, 1, 2, 3])):
            _mutate(rng, there, key, columns)
    found = tuple(_differences(key, columns, rows, there))
    rng.shuffle(there)
    names = tuple(each.name for each in key)
    return Trap(
        name=f"{legacy} x {modern}",
        columns=tuple(TrapColumn(each.name, each.kind.type) for each in columns),
        modern_columns=tuple(TrapColumn(each.name, each.modern) for each in columns),
        legacy=tuple(rows),
        modern=tuple(tuple(map(_Column.stored, columns, row)) for row in there),
        equal=not found,
        found=found,
        settings=_settings(columns),
        key=names,
        enforced=True,
    )


def _settings(columns: Sequence[_Column]) -> str:
    documents = [each.name for each in columns if each.kind.type == "json"]
    return "\n".join(f'[tables.t.columns."{name}"]\njson = "canonical"' for name in documents)


def _columns(rng: Random, legacy: Engine, modern: Engine) -> tuple[list[_Column], list[_Column]]:
    def usable(kind: Kind) -> bool:
        return holds(legacy, kind.type) and holds(modern, kind.type)

    keys = [_column(rng, f"k{n}", kind, modern, wider=False) for n, kind in enumerate(_key(rng))]
    if not all(usable(each.kind) for each in keys):
        keys = [_column(rng, "k0", KINDS[0], modern, wider=False)]
    usables = [kind for kind in KINDS if usable(kind) and (keys or kind.type not in _MANY_TEXTS)]
    others = [
        _column(rng, f"c{n}", rng.choice(usables), modern, wider=True)
        for n in range(rng.randrange(1, _MOST_COLUMNS))
    ]
    return keys, [*keys, *others]


def _key(rng: Random) -> list[Kind]:
    match rng.randrange(6):
        case 0:
            return []
        case 1:
            return [_TEXT_KEY]
        case 2:
            return [rng.choice(_KEYS), _TEXT_KEY]
        case _:
            return [rng.choice(_KEYS)]


def _column(rng: Random, name: str, kind: Kind, modern: Engine, *, wider: bool) -> _Column:
    types = [each for each in kind.wider if wider and holds(modern, each)]
    return _Column(name, kind, rng.choice([kind.type, *types]))


def _value(rng: Random, column: _Column) -> Value:
    return None if rng.random() < 0.2 else column.kind.make(rng)


def _row(rng: Random, key: Sequence[_Column], columns: Sequence[_Column]) -> Row:
    own = [column.kind.make(rng) for column in key]
    return (*own, *(_value(rng, column) for column in columns[len(key) :]))


def _rows(rng: Random, key: Sequence[_Column], columns: Sequence[_Column]) -> list[Row]:
    rows: list[Row] = []
    for _ in range(rng.randrange(1, _MOST_ROWS)):
        row = _row(rng, key, columns)
        if not key or _is_new(row, rows, key):
            rows.append(row)
    if not key and rng.random() < 0.5:
        rows += rng.choices(rows, k=rng.randrange(1, 4))
    return rows


def _is_new(row: Row, rows: Sequence[Row], key: Sequence[_Column]) -> bool:
    """Whether no engine, whatever its collation, takes the row's key for another's."""

    def folded(each: Row) -> list[str]:
        texts = [str(column.shown(value)) for column, value in zip(key, each, strict=False)]
        return [_fold(text) for text in texts]

    return folded(row) not in [folded(each) for each in rows]


def _fold(text: str) -> str:
    """Return the number that ends a text key, by which every collation tells it from others."""
    return text[len(text.rstrip(string.digits)) :] or text


def _mutate(
    rng: Random, rows: list[Row], key: Sequence[_Column], columns: Sequence[_Column]
) -> None:
    """Change one thing; what another change undoes or doubles is found out by comparing."""
    kinds = ["value", "value", "value", "null", "swap", "lost", "extra", "shift"]
    at = rng.randrange(len(rows)) if rows else 0
    match rng.choice(kinds) if rows else "extra":
        case "value":
            _put(rng, rows, at, key, columns, lambda column, _: column.kind.make(rng))
        case "null":
            _put(rng, rows, at, key, columns, lambda column, old: None if old is not None
                 else column.kind.make(rng))  # fmt: skip
        case "swap":
            _swap(rng, rows, key, columns)
        case "lost":
            rows.pop(at)
        case "shift":
            _shift(rng, rows, at, key, columns)
        case _:
            row = _row(rng, key, columns)
            if not key or _is_new(row, rows, key):
                rows.append(row)


def _put(
    rng: Random,
    rows: list[Row],
    at: int,
    key: Sequence[_Column],
    columns: Sequence[_Column],
    new: Callable[[_Column, Value], Value],
) -> None:
    place = rng.randrange(len(key), len(columns))
    row = list(rows[at])
    row[place] = new(columns[place], row[place])
    rows[at] = tuple(row)


def _swap(rng: Random, rows: list[Row], key: Sequence[_Column], columns: Sequence[_Column]) -> None:
    one, other = rng.randrange(len(rows)), rng.randrange(len(rows))
    place = rng.randrange(len(key), len(columns))
    first, second = list(rows[one]), list(rows[other])
    first[place], second[place] = second[place], first[place]
    rows[one], rows[other] = tuple(first), tuple(second)


def _shift(
    rng: Random, rows: list[Row], at: int, key: Sequence[_Column], columns: Sequence[_Column]
) -> None:
    """Swap the values of two neighbouring columns of one type, as a migration's script may."""
    alike = [
        n
        for n in range(len(key), len(columns) - 1)
        if columns[n].kind.type == columns[n + 1].kind.type
    ]
    if alike:
        place, row = rng.choice(alike), list(rows[at])
        row[place], row[place + 1] = row[place + 1], row[place]
        rows[at] = tuple(row)


# ---- the truth


def _differences(
    key: Sequence[_Column], columns: Sequence[_Column], legacy: Sequence[Row], modern: Sequence[Row]
) -> Iterator[Found]:
    here = Counter(_shown(columns, row) for row in legacy)
    there = Counter(_shown(columns, row) for row in modern)
    if not key:
        for kind, own, other in (("missing", here, there), ("extra", there, here)):
            for row in (own - other).elements():  # a copy of a row that is there is not missing
                yield "duplicate" if other[row] else kind, row, ()
        return
    size = len(key)
    mine, yours = ({row[:size]: row for row in rows} for rows in (here, there))
    for known in mine.keys() - yours.keys():
        yield "missing", known, ()
    for known in yours.keys() - mine.keys():
        yield "extra", known, ()
    for known in mine.keys() & yours.keys():
        pairs = zip(columns, mine[known], yours[known], strict=True)
        changed = tuple(column.name for column, one, other in pairs if one != other)
        if changed:
            yield "changed", known, changed


def _shown(columns: Sequence[_Column], row: Row) -> tuple[str | None, ...]:
    return tuple(column.shown(value) for column, value in zip(columns, row, strict=True))
