"""The findings are those of a plain comparison in Python, for any change of a table."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from decimal import Decimal
from typing import Any

import pytest

from pytest_tenantparity.model import Outcome

from ..support.engine_driver import Engine, Seen, seen
from ..support.postgresql import Database

Row = tuple[Any, ...]
ROWS = 2_000
TRIALS = 12
TEXTS = ["", "a", "A", "a ", "n", "v", "vn", "é", "e\u0301", "😀", "a|b", "NULL", "'", "\\", "\n"]

# The type of a column, and how its values are drawn. There are few values, so that they repeat.
KINDS: dict[str, Any] = {
    "text": lambda dice: dice.choice(TEXTS),
    "bigint": lambda dice: dice.choice(
        [0, 1, -1, 2**32, 2**53, 2**53 + 1, 2**62, dice.randrange(9)]
    ),
    "numeric": lambda dice: Decimal(dice.randrange(-30, 30)) / dice.choice([1, 10, 100]),
    "float8": lambda dice: dice.choice([0.1 + 0.2, 0.3, 1e-20, 0.5, float(dice.randrange(5))]),
    "boolean": lambda dice: dice.random() < 0.5,
}


def _value(dice: random.Random, kind: str) -> Any:
    return None if dice.random() < 0.15 else KINDS[kind](dice)


def _table(dice: random.Random, kinds: list[str], keyed: bool) -> list[Row]:
    keys = dice.sample(range(10 * ROWS), ROWS)
    return [(*([key] if keyed else []), *(_value(dice, kind) for kind in kinds)) for key in keys]


def _mutated(dice: random.Random, rows: list[Row], kinds: list[str], keyed: bool) -> list[Row]:
    """Change, swap, delete, insert and repeat some rows. Keys stay unique if there are any."""
    first = int(keyed)
    found = [list(row) for row in rows]
    for _ in range(dice.choice([0, 1, 3, 40])):
        column = dice.randrange(first, first + len(kinds))
        dice.choice(found)[column] = _value(dice, kinds[column - first])
    for _ in range(dice.choice([0, 1, 20])):
        column = dice.randrange(first, first + len(kinds))
        one, other = dice.sample(found, 2)
        one[column], other[column] = other[column], one[column]
    for _ in range(dice.choice([0, 1, 30, 1500])):
        del found[dice.randrange(len(found))]
    for number in range(dice.choice([0, 1, 30])):
        key = [10 * ROWS + number] if keyed else []
        found.append([*key, *(_value(dice, kind) for kind in kinds)])
    if not keyed:
        found += [list(dice.choice(found)) for _ in range(dice.choice([0, 2, 30]))]
    if dice.random() < 0.2:  # the same shift for all rows
        for row in found:
            row[first] = None if row[first] is None else _shifted(row[first])
    return [tuple(row) for row in found]


def _shifted(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    return value + "x" if isinstance(value, str) else value + 1


def _text(value: Any) -> str | None:
    """Return a value in the engine's notation."""
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
        case Decimal():
            return f"{value.normalize():f}" if value else "0"
        case float():
            return repr(value).removesuffix(".0")
        case _:
            return str(value)


def _expected(legacy: list[Row], modern: list[Row], keyed: bool) -> Counter[Seen]:
    """Return the differences of two lists of rows, found by a plain comparison."""
    if not keyed:
        here, there = (Counter(tuple(map(_text, row)) for row in rows) for rows in (legacy, modern))
        found: Counter[Seen] = Counter()
        for kind, own, other in (("missing", here, there), ("extra", there, here)):
            for row, copies in (own - other).items():
                found["duplicate" if other[row] else kind, row, ()] += copies
        return found
    sides: dict[Any, dict[str, Row]] = defaultdict(dict)
    for side, rows in (("legacy", legacy), ("modern", modern)):
        for row in rows:
            sides[row[0]][side] = tuple(map(_text, row))
    differing: Counter[Seen] = Counter()
    for key, found_on in sides.items():
        if len(found_on) == 1:
            kind = "missing" if "legacy" in found_on else "extra"
            differing[kind, (str(key),), ()] += 1
        elif found_on["legacy"] != found_on["modern"]:
            values = zip(found_on["legacy"][1:], found_on["modern"][1:], strict=True)
            columns = tuple(f"c{n}" for n, (one, other) in enumerate(values) if one != other)
            differing["changed", (str(key),), columns] += 1
    return differing


def _fill(database: Database, name: str, columns: str, rows: list[Row]) -> None:
    database.run(f"CREATE TABLE {name} ({columns})")
    statement: Any = f"COPY {name} FROM STDIN"
    with (
        database.cluster.connect(database.name) as connection,
        connection.cursor() as cursor,
        cursor.copy(statement) as copy,
    ):
        for row in rows:
            copy.write_row(row)


@pytest.mark.slow
def test_findings_are_those_of_a_plain_comparison(engine: Engine) -> None:
    """The findings of random changes of random tables are exact: none is lost or added.

    Half of the tables have a key, and half have none.
    """
    tables: dict[str, tuple[list[Row], list[Row], bool]] = {}
    for keyed in (True, False):
        for trial in range(TRIALS):
            dice = random.Random(f"{keyed} {trial}")  # noqa: S311 - drawn for tests
            kinds = dice.choices(list(KINDS), k=dice.randrange(1, 6))
            legacy = _table(dice, kinds, keyed)
            modern = _mutated(dice, legacy, kinds, keyed)
            dice.shuffle(modern)
            names = [f"c{number} {kind}" for number, kind in enumerate(kinds)]
            columns = ", ".join([*(["id bigint PRIMARY KEY"] if keyed else []), *names])
            table = f"{'keyed' if keyed else 'no_key'}_{trial}"
            _fill(engine.legacy, table, columns, legacy)
            _fill(engine.modern, table, columns, modern)
            tables[table] = legacy, modern, keyed
    with engine.opened("[report]\nfindings = 100000") as run:
        found = {table: run.audit("global", table) for table in tables}
    wrong = []
    for table, (legacy, modern, keyed) in tables.items():
        evidence, expected = found[table], _expected(legacy, modern, keyed)
        rows = len(legacy), len(modern)
        status = Outcome.REFUTED if expected else Outcome.PROVEN
        if (
            Counter(seen(evidence)) != expected
            or evidence.drift.total != expected.total()
            or (evidence.rows.legacy, evidence.rows.modern) != rows
            or evidence.outcome is not status
        ):
            wrong.append((table, expected, evidence))
    assert wrong == []
    drifting = Counter(tables[table][2] for table in tables if found[table].drift.total)
    assert {*drifting} == {True, False}


def test_drift_larger_than_a_batch_is_exact(engine: Engine) -> None:
    """If most rows of a large table differ, each of them is found once."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, v int)")
    engine.both("INSERT INTO t SELECT g, g FROM generate_series(1, 30000) g")
    engine.modern.run("UPDATE t SET v = -v WHERE id > 5000")
    engine.modern.run("DELETE FROM t WHERE id % 1000 = 0")
    engine.modern.run("INSERT INTO t SELECT g, g FROM generate_series(30001, 30500) g")
    evidence = engine.audit(more="[report]\nfindings = 100000")
    found = Counter(kind for kind, _, _ in seen(evidence))
    assert found == Counter({"changed": 24_975, "missing": 30, "extra": 500})
    keys = [finding.key["id"] for finding in evidence.findings]
    assert len(keys) == len(set(keys)) == evidence.drift.total


def test_one_key_with_many_rows_is_one_batch(engine: Engine) -> None:
    """A key that many rows share is compared as a whole, however many rows have it."""
    engine.both("CREATE TABLE t (k int, v int)")
    engine.both("INSERT INTO t SELECT 1, g FROM generate_series(1, 25000) g")
    engine.modern.run("UPDATE t SET v = -1 WHERE v = 17")
    evidence = engine.audit(more='[tables.t]\nkey = ["k"]')
    assert evidence.drift.total == 1
    values = evidence.findings[0].columns["v"]
    assert (values.legacy, values.modern) == ("17", "-1")
