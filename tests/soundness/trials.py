"""Random tables with random mutations, and the exact differences between them.

A trial is a random trap. It depends only on one random generator, which may be Hypothesis's own.
The right result is computed here in Python, independently of the product's code.
"""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from pytest_tenantparity.model import SIDES

from .traps import (
    DDL,
    ENGINES,
    IN_SQL,
    Engine,
    Found,
    Row,
    Side,
    Trap,
    TrapColumn,
    Value,
    with_type,
)
from .trial_kinds import KINDS, LOCAL_KINDS, SPELLED, TEXT_KEY, ZONED_KINDS, Kind

_MOST_ROWS = 12
_MOST_COLUMNS = 8
_KEYS = [kind for kind in KINDS if kind.type in ("integer", "bigint", "uuid", "date")]
_TENANT = "tenant_id"
_TENANTED = 0.2  # share of arranged trials that have tenants
_BY_SQL = 0.3  # share of sides with tenants that find them by SQL
_DIVIDED = 0.2  # share of the other arranged trials in which SQL leaves out rows of a table
_PART, _ROW = "parity_part", "parity_row"
_IN_PART = f"{_PART} = 'x'"
_QUERIES = {
    "part": f"SELECT {{names}} FROM {IN_SQL} WHERE {_IN_PART}",
    "union": f"SELECT {{names}} FROM {IN_SQL} WHERE {_IN_PART} AND {_ROW} < 5 "
    f"UNION ALL SELECT {{names}} FROM {IN_SQL} WHERE {_IN_PART} AND {_ROW} >= 5",
    "join": f"SELECT {{joined}} FROM {IN_SQL} a JOIN {IN_SQL} b ON a.{_ROW} = b.{_ROW} "
    f"WHERE a.{_IN_PART}",
}
"""Queries of a source that has the rows of one part. A join takes its columns from two places."""
_OWNERS = (("A1", "acme"), ("A2", "beta"))
"""The legacy and modern ids of two tenants. The column has one name on both sides."""


def holds(engine: Engine, kind: str) -> bool:
    """Return whether an engine stores the values of a type without loss."""
    if engine == "sqlite" and kind.startswith("decimal"):
        return kind in ("decimal(10,2)", "decimal(14,4)", "decimal(6,0)")
    return kind in DDL[engine] or kind.partition("(")[0] in DDL[engine]


@dataclass(frozen=True)
class _Transformation:
    """A change that the migration was meant to make: its setting, and the change itself."""

    setting: str
    change: Callable[[Any], Value]


_OF_TEXTS = [
    _Transformation('"empty_to_null"', lambda v: None if v == "" else v),
    _Transformation('"null_to_empty"', lambda v: "" if v is None else v),
    _Transformation('"trim"', lambda v: None if v is None else v.strip(" ")),
    _Transformation(
        '["trim", "empty_to_null"]', lambda v: None if v is None else v.strip(" ") or None
    ),
    _Transformation(
        '["empty_to_null", "null_to_empty", "trim"]', lambda v: "" if v is None else v.strip(" ")
    ),
    _Transformation(
        '{ map = { "a" = "A", "A" = "a", " " = "", "NULL" = "null" } }',
        lambda v: {"a": "A", "A": "a", " ": "", "NULL": "null"}.get(v, v),
    ),
]
_OF_DECIMALS = [
    _Transformation(
        "{ scale = 2 }",
        lambda v: None if v is None else Decimal(v).quantize(Decimal("0.01"), ROUND_HALF_UP),
    ),
]
_TRANSFORMED = 0.3  # share of the columns of texts and decimals that are transformed
_NEAR_TEXTS = ["", " ", "  ", "\t", "a", "A", "a ", " a", "NULL", "null", "\u00a0"]
_NEAR_DECIMALS = [
    Decimal(each) for each in ("0.005", "0.0049", "1.005", "-1.005", "2.675", "-0.005")
]
"""Values at which a transformation that is done inexactly gives another result."""


@dataclass(frozen=True)
class _Column:
    """A column of a trial: its kind of values, and its neutral type on each side.

    The legacy values are compared after ``transformation``.
    """

    name: str
    kind: Kind
    legacy: str
    modern: str
    transformation: _Transformation | None = None

    def make(self, rng: Random) -> Value:
        """Return a random value. Half of those that are transformed are hard to transform."""
        if self.transformation is None or rng.random() < 0.5:
            return self.kind.make(rng)
        near: Sequence[Value] = _NEAR_TEXTS if self.kind.type != "decimal(14,4)" else _NEAR_DECIMALS
        return rng.choice(near)

    def migrated(self, value: Value) -> Value:
        """Return the value that a legacy value was meant to become."""
        return value if self.transformation is None else self.transformation.change(value)

    def stored(self, rng: Random, side: Side, value: Value) -> Value:
        """Return the value in the form that the column of a side stores."""
        kind, here = self.kind, self.legacy if side == "legacy" else self.modern
        if here == SPELLED and kind.spell is not None:
            return None if value is None else kind.spell(rng, value)
        if kind.zone and side == "legacy" and isinstance(value, datetime):
            return value.astimezone(ZoneInfo(kind.zone)).replace(tzinfo=None)
        return int(value) if isinstance(value, bool) and here == "tinyint" else value

    def shown(self, value: Value) -> str | None:
        """Return the canonical text of a value."""
        return None if value is None else self.kind.canonical(value)

    @property
    def settings(self) -> list[str]:
        """The settings' lines for the column."""
        lines = []
        if SPELLED in (self.legacy, self.modern) and self.kind.spell is not None:
            lines.append(f'type = "{self.kind.read_as}"')
        if self.kind.type == "json":
            lines.append('json = "canonical"')
        if self.kind.zone:
            lines.append(f'naive_zone = "{self.kind.zone}"')
        if self.transformation is not None:
            lines.append(f"transform = {self.transformation.setting}")
        return [f'[tables.t.columns."{self.name}"]', *lines] if lines else []


def make_trial(
    rng: Random, legacy: Engine, modern: Engine, *, mutated: bool, arranged: bool = False
) -> Trap:
    """Return a trial for a pair of engines. Without ``mutated`` both sides are equal.

    With ``arranged`` some tables also have rows of a second tenant. The tenants' modern ids differ
    from the legacy ids, in a column with the same name on both sides. The trial is then about the
    first tenant. Other tables have rows that a filter or a source leaves out, as after a table was
    divided or tables were merged.
    """
    key, columns = _columns(rng, legacy, modern)
    rows = _rows(rng, key, columns)
    meant = [
        tuple(column.migrated(value) for column, value in zip(columns, row, strict=True))
        for row in rows
    ]
    there = list(meant)
    if mutated:
        for _ in range(rng.choice([1, 1, 1, 2, 3])):
            _mutate(rng, there, key, columns)
    found = tuple(_differences(key, columns, meant, there))
    sides: dict[Side, list[Row]] = {"legacy": rows, "modern": there}
    names = tuple(each.name for each in key)
    trial = Trap(
        name=f"{legacy} x {modern}",
        columns=tuple(TrapColumn(each.name, each.legacy) for each in columns),
        modern_columns=tuple(TrapColumn(each.name, each.modern) for each in columns),
        legacy=(),
        modern=(),
        equal=not found,
        found=found,
        settings="\n".join(line for column in columns for line in column.settings),
        key=names,
        enforced=True,
    )
    if arranged and rng.random() < _TENANTED:
        return _with_tenants(rng, trial, key, columns, sides)
    if arranged and rng.random() < _DIVIDED:
        return _divided(rng, trial, key, columns, sides, {"legacy": legacy, "modern": modern})
    rng.shuffle(there)
    stored = {side: _stored(rng, side, columns, each) for side, each in sides.items()}
    return replace(trial, legacy=stored["legacy"], modern=stored["modern"])


def _with_tenants(
    rng: Random,
    trial: Trap,
    key: Sequence[_Column],
    columns: Sequence[_Column],
    sides: Mapping[Side, list[Row]],
) -> Trap:
    """Add rows of another tenant, some of which the trial's tenant lost.

    A side finds the tenant by a column, or by SQL that cuts its value out of a column.
    """
    legacy, modern = sides["legacy"], sides["modern"]
    others, moved = _others(rng, key, columns, sides)
    owned: dict[Side, list[tuple[list[Row], str]]] = {
        "legacy": [(legacy, _OWNERS[0][0]), (others, _OWNERS[1][0])],
        "modern": [(modern, _OWNERS[0][1]), ([*others, *moved], _OWNERS[1][1])],
    }
    by_sql = [side for side in owned if rng.random() < _BY_SQL]
    stored: dict[Side, list[Row]] = {
        side: [
            (*row, f"{owner}:{rng.randrange(9)}" if side in by_sql else owner)
            for given, owner in parts
            for row in _stored(rng, side, columns, given)
        ]
        for side, parts in owned.items()
    }
    rng.shuffle(stored["modern"])
    column = TrapColumn(_TENANT, "varchar(20)")
    return replace(
        trial,
        columns=(*trial.columns, column),
        modern_columns=(*trial.modern_columns, column),
        legacy=tuple(stored["legacy"]),
        modern=tuple(stored["modern"]),
        settings="\n".join([*_tenancies(by_sql), trial.settings]),
        subject=_OWNERS[0][1],
    )


def _divided(
    rng: Random,
    trial: Trap,
    key: Sequence[_Column],
    columns: Sequence[_Column],
    sides: Mapping[Side, list[Row]],
    engines: Mapping[Side, Engine],
) -> Trap:
    """Add rows of another part to one side or both, which a filter or a source leaves out.

    A source of MariaDB has texts in place of UUIDs and documents, so the settings give the type. In
    a source of SQLite no value has a type: the other side's type decides, unless a zone is needed.
    """
    others, moved = _others(rng, key, columns, sides)
    names = [each.name for each in columns]
    own: list[str] = []
    ignored: list[str] = []
    before: list[str] = []
    untyped: dict[str, str] = {}
    divided: tuple[Side, ...] = rng.choice([SIDES, SIDES[:1], SIDES[1:]])
    changed: dict[Side, tuple[tuple[TrapColumn, ...], list[Row]]] = {}
    for side in divided:
        left_out = [*others, *moved] if side == "modern" else others
        rows: list[tuple[Row, str | None]] = [
            (row, "x") for row in _stored(rng, side, columns, sides[side])
        ]
        rows += [(row, rng.choice(["y", None])) for row in _stored(rng, side, columns, left_out)]
        rng.shuffle(rows)
        added = TrapColumn(_PART, "varchar(20)"), TrapColumn(_ROW, "integer")
        changed[side] = (
            (*trial.columns_of(side), *added),
            [(*row, part, number) for number, (row, part) in enumerate(rows)],
        )
        form = rng.choice(["filter", *_QUERIES])
        no_types = engines[side] == "sqlite" and (
            engines["legacy"] == engines["modern"] or any(each.kind.zone for each in columns)
        )
        if form == "filter" or no_types:
            own.append(f"{side}_filter = {{ sql = \"{_IN_PART}\", reason = 'the other part' }}")
            ignored += [f'"{side}.{each}" = "of the filter"' for each in (_PART, _ROW)]
        else:
            joined = ", ".join(f"{rng.choice('ab')}.{name}" for name in names)
            query = _QUERIES[form].format(names=", ".join(names), joined=joined)
            own.append(f'{side} = "{IN_SQL}_rows"')
            before += [f"[sources.{side}.{IN_SQL}_rows]", f'sql = "{query}"']
            if engines[side] == "mariadb":
                untyped |= {each.name: each.kind.type for each in columns}
    lines = [*before, "[tables.t]", *own, f"ignore = {{ {', '.join(ignored)} }}"]
    if key:
        lines.append(f"key = {list(trial.key)}")
    stored: dict[Side, tuple[tuple[TrapColumn, ...], list[Row]]] = {
        side: changed.get(
            side, (trial.columns_of(side), [*_stored(rng, side, columns, sides[side])])
        )
        for side in SIDES
    }
    settings = "\n".join([*lines, trial.settings])
    for name, kind in untyped.items():
        if kind in ("uuid", "json"):
            settings = with_type(settings, name, kind)
    return replace(
        trial,
        columns=stored["legacy"][0],
        modern_columns=stored["modern"][0],
        legacy=tuple(stored["legacy"][1]),
        modern=tuple(stored["modern"][1]),
        settings=settings,
        enforced=False,
    )


def _others(
    rng: Random,
    key: Sequence[_Column],
    columns: Sequence[_Column],
    sides: Mapping[Side, list[Row]],
) -> tuple[list[Row], list[Row]]:
    """Return rows that are not the trial's: of keys that no side has, and some that modern lost."""
    legacy, modern = sides["legacy"], sides["modern"]
    others = [row for row in _rows(rng, key, columns) if not key or _is_new(row, legacy, key)]
    others = [row for row in others if not key or _is_new(row, modern, key)]
    known = [row[: len(key)] for row in modern]
    moved = [row for row in legacy if key and row[: len(key)] not in known and rng.random() < 0.5]
    return others, moved


def _tenancies(by_sql: Collection[Side]) -> list[str]:
    """Return the settings of a table, with the tenancy of each side."""
    lines = ["[tables.t]"]
    for side, value in zip(SIDES, _OWNERS[0], strict=True):
        sql = f"substr({_TENANT}, 1, {len(value)})"
        tenancy = f'sql = "{sql}"' if side in by_sql else f'column = "{_TENANT}"'
        lines.append(f"{side}_tenancy = {{ {tenancy} }}")
    if by_sql:
        lines.append(f'ignore = {{ {_TENANT} = "it leads to the tenant" }}')
    return lines


def _stored(
    rng: Random, side: Side, columns: Sequence[_Column], rows: Sequence[Row]
) -> tuple[Row, ...]:
    return tuple(
        tuple(column.stored(rng, side, value) for column, value in zip(columns, row, strict=True))
        for row in rows
    )


def _columns(rng: Random, legacy: Engine, modern: Engine) -> tuple[list[_Column], list[_Column]]:
    engines: dict[Side, Engine] = {"legacy": legacy, "modern": modern}

    def usable(kind: Kind) -> bool:
        held = all(holds(each, kind.type) for each in engines.values())
        return {legacy, modern} <= kind.engines and (held or kind.spell is not None)

    keys = [_column(rng, f"k{n}", kind, engines, key=True) for n, kind in enumerate(_key(rng))]
    usables = [kind for kind in KINDS if usable(kind) and (keys or not _has_many_texts(kind))]
    if legacy == "postgresql" and holds(modern, "timestamptz"):
        usables.append(rng.choice(ZONED_KINDS))
    elif modern == "postgresql":
        usables.append(rng.choice(LOCAL_KINDS))
    others = [
        _column(rng, f"c{n}", rng.choice(usables), engines, key=False)
        for n in range(rng.randrange(1, _MOST_COLUMNS))
    ]
    return keys, [*keys, *others]


def _has_many_texts(kind: Kind) -> bool:
    """Return whether reports show a value in several ways, so that it cannot identify a row."""
    return kind.type in ("boolean", "float", "json") or kind.engines == {"sqlite"}


def _key(rng: Random) -> list[Kind]:
    match rng.randrange(6):
        case 0:
            return []
        case 1:
            return [TEXT_KEY]
        case 2:
            return [rng.choice(_KEYS), TEXT_KEY]
        case _:
            return [rng.choice(_KEYS)]


def _column(
    rng: Random, name: str, kind: Kind, engines: Mapping[Side, Engine], *, key: bool
) -> _Column:
    """Return a column. Either side may store text, and modern may have a wider type."""
    if kind.zone:
        return _Column(name, kind, "timestamp(6)", kind.type)
    wider = [each for each in kind.wider if not key and holds(engines["modern"], each)]
    spelled = 0.0 if kind.spell is None else 0.1 if key else 0.25
    types: dict[Side, str] = {"legacy": kind.type, "modern": rng.choice([kind.type, *wider])}
    for side, engine in engines.items():
        if not holds(engine, types[side]) or rng.random() < spelled:
            types[side] = SPELLED
    transformation = None
    if not key and SPELLED not in types.values() and rng.random() < _TRANSFORMED:
        if kind.type in ("text", "varchar(400)") and kind.engines == ENGINES:
            transformation = rng.choice(_OF_TEXTS)
        elif kind.type == "decimal(14,4)" and engines["legacy"] in ("postgresql", "mariadb"):
            transformation = rng.choice(_OF_DECIMALS)
    return _Column(name, kind, types["legacy"], types["modern"], transformation)


def _value(rng: Random, column: _Column) -> Value:
    return None if rng.random() < 0.2 else column.make(rng)


def _row(rng: Random, key: Sequence[_Column], columns: Sequence[_Column]) -> Row:
    own = [column.make(rng) for column in key]
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
    """Return whether the row's key is unique in every engine, under any collation."""

    def folded(each: Row) -> list[str]:
        texts = [str(column.shown(value)) for column, value in zip(key, each, strict=False)]
        return [_fold(text) for text in texts]

    return folded(row) not in [folded(each) for each in rows]


def _fold(text: str) -> str:
    """Return the digits at the end of a text key, which differ under every collation."""
    return text[len(text.rstrip(string.digits)) :] or text


def _mutate(
    rng: Random, rows: list[Row], key: Sequence[_Column], columns: Sequence[_Column]
) -> None:
    """Change one thing. Changes that cancel or repeat each other show in the comparison."""
    kinds = ["value", "near", "near", "near", "null", "swap", "lost", "extra", "shift", "double"]
    at = rng.randrange(len(rows)) if rows else 0
    match rng.choice(kinds) if rows else "extra":
        case "value":
            _put(rng, rows, at, key, columns, lambda column, _: column.make(rng))
        case "near":
            _put(rng, rows, at, key, columns, lambda column, old: _near(rng, column, old))
        case "null":
            _put(rng, rows, at, key, columns, lambda column, old: None if old is not None
                 else column.make(rng))  # fmt: skip
        case "swap":
            _swap(rng, rows, key, columns)
        case "lost":
            rows.pop(at)
        case "shift":
            _shift(rng, rows, at, key, columns)
        case "double" if not key:
            rows.append(rows[at])
        case _:
            row = _row(rng, key, columns)
            if not key or _is_new(row, rows, key):
                rows.append(row)


def _near(rng: Random, column: _Column, old: Value) -> Value:
    if old is None or column.kind.near is None:
        return column.make(rng)
    return column.kind.near(rng, old)


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
    """Exchange the values of two adjacent columns of one kind, as a faulty migration script may."""
    alike = [n for n in range(len(key), len(columns) - 1) if columns[n].kind is columns[n + 1].kind]
    if alike:
        place, row = rng.choice(alike), list(rows[at])
        row[place], row[place + 1] = row[place + 1], row[place]
        rows[at] = tuple(row)


# ---- the right result


def _differences(
    key: Sequence[_Column], columns: Sequence[_Column], legacy: Sequence[Row], modern: Sequence[Row]
) -> Iterator[Found]:
    here = Counter(_shown(columns, row) for row in legacy)
    there = Counter(_shown(columns, row) for row in modern)
    if not key:
        for kind, own, other in (("missing", here, there), ("extra", there, here)):
            for row in (own - other).elements():  # a surplus copy of a row is not missing
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
