"""SQLite stores decimals as doubles: they are read as SQLite shows them, and stay different."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from math import inf, nextafter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from pytest_tenantparity.model import Outcome

from ..support.changed_tables import checks
from ..support.engine_driver import Engine, seen
from ..support.files import Elsewhere
from ..support.postgresql import Database

FLOAT = '[tables.t.columns.v]\ntype = "float"'


def _misread() -> list[str]:
    """Return decimals that this SQLite stores as another double than the nearest one, if any."""
    rng = Random(1)  # noqa: S311 - a seed is the point
    places = [rng.choice([6, 7, 8]) for _ in range(40_000)]
    texts = [f"{rng.randrange(10**6)}.{rng.randrange(10**d):0{d}d}" for d in places]
    with closing(sqlite3.connect(":memory:")) as connection:
        read = [connection.execute("SELECT CAST(? AS REAL)", [t]).fetchone()[0] for t in texts]
    return [t for t, number in zip(texts, read, strict=True) if number != float(t)]


MISREAD = _misread()
DECIMALS = ["637873.130588", "0.1", "-0.000001", "123456789012.5", *MISREAD]


def _sqlite(folder: Path, kind: str, values: Sequence[object], name: str = "old") -> Any:
    path = folder / f"{name}.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TABLE IF EXISTS t")
        connection.execute(f"CREATE TABLE t (id INTEGER PRIMARY KEY, v {kind})")
        connection.executemany("INSERT INTO t VALUES (?, ?)", list(enumerate(values)))
    return Elsewhere(f"sqlite:///{path}")


def _postgresql(database: Database, values: Sequence[str], kind: str = "numeric(30, 12)") -> None:
    database.run(f"DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY, v {kind})")
    for n, value in enumerate(values):
        database.run("INSERT INTO t VALUES (%s, %s)", n, value)


COLUMNS = {
    "plain": ("DECIMAL(18,6)", ""),
    "as_float": ("NUMERIC", 'type = "float"'),
    "double": ("DOUBLE", 'type = "float"'),
    "given": ("DECIMAL(18,6)", 'legacy_sql = "given + 0"'),
}


def test_a_decimal_is_what_sqlite_shows_of_it(modern_db: Database, tmp_path: Path) -> None:
    """A decimal matches, whether SQLite was given it as a text or as the nearest double."""
    both = [*DECIMALS, *map(float, DECIMALS)]
    path = tmp_path / "old.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        kinds = ", ".join(f"{name} {kind}" for name, (kind, _) in COLUMNS.items())
        connection.execute(f"CREATE TABLE t (id INTEGER PRIMARY KEY, {kinds})")
        marks = ", ".join("?" * len(COLUMNS))
        rows = [[n, *[value] * len(COLUMNS)] for n, value in enumerate(both)]
        connection.executemany(f"INSERT INTO t VALUES (?, {marks})", rows)
    columns = ", ".join(f"{name} numeric(30, 12)" for name in COLUMNS)
    modern_db.run(f"CREATE TABLE t (id int PRIMARY KEY, {columns})")
    for n, text in enumerate(DECIMALS * 2):
        modern_db.run(f"INSERT INTO t VALUES ({n}, {', '.join([text] * len(COLUMNS))})")
    more = "".join(f"[tables.t.columns.{name}]\n{line}\n" for name, (_, line) in COLUMNS.items())
    engine = Engine(Elsewhere(f"sqlite:///{path}"), modern_db, tmp_path)  # type: ignore[arg-type]
    evidence = engine.audit(more=more)
    assert (seen(evidence), evidence.outcome) == ([], Outcome.PROVEN)
    files = Engine(_csv(tmp_path, DECIMALS * 2), engine.legacy, tmp_path)
    ignored = dict.fromkeys(("as_float", "double", "given"), "another test")
    evidence = files.audit(more=f'[tables.t]\nkey = ["id"]\n{_ignored(ignored)}')
    assert (seen(evidence), evidence.outcome) == ([], Outcome.PROVEN)


def _ignored(columns: dict[str, str]) -> str:
    return f"ignore = {{{', '.join(f'{name} = {why!r}' for name, why in columns.items())}}}"


def _csv(folder: Path, values: Sequence[str]) -> Any:
    home = folder / "csv"
    home.mkdir()
    lines = "".join(f"{n},{value}\n" for n, value in enumerate(values))
    (home / "t.csv").write_text(f"id,plain\n{lines}")
    return Elsewhere(f"archive:///{home}")


def test_a_sum_of_floats_is_no_decimal(modern_db: Database, tmp_path: Path) -> None:
    """If SQLite's own 15 digits do not give the same double back, all digits count."""
    stored = [0.1 + 0.2, "637873.130589", 2.0**53, 1e300, "9007199254740993", 0.30000000000000004]
    decimals = ["0.3", "637873.130588", "9007199254740993", "1", "9007199254740993"]
    decimals += ["0.30000000000000004"]
    _postgresql(modern_db, decimals, "numeric")
    engine = Engine(_sqlite(tmp_path, "DECIMAL(18,6)", stored), modern_db, tmp_path)
    assert [key for _, (key,), _ in seen(engine.audit())] == ["0", "1", "2", "3"]


@pytest.mark.parametrize("kind", ["DECIMAL(18,6)", "DOUBLE"])
def test_two_doubles_of_sqlite_are_two_values(kind: str, tmp_path: Path) -> None:
    """Within SQLite, two neighbouring doubles are different, though SQLite shows them alike."""
    given = [float(text) for text in DECIMALS]
    beside = [nextafter(number, inf) for number in given]
    engine = Engine(
        _sqlite(tmp_path, kind, given), _sqlite(tmp_path, kind, beside, "new"), tmp_path
    )
    evidence = engine.audit()
    assert (evidence.drift.changed, evidence.drift.total) == (len(given), len(given))


def test_a_double_is_the_text_that_reads_back(modern_db: Database, tmp_path: Path) -> None:
    """Beside another engine's doubles, the 64 bits count, not the digits that SQLite shows."""
    stored = [float(text) for text in DECIMALS]
    _postgresql(modern_db, [repr(number) for number in stored], "float8")
    engine = Engine(_sqlite(tmp_path, "DECIMAL(18,6)", stored), modern_db, tmp_path)
    assert (seen(engine.audit(more=FLOAT)), engine.audit(more=FLOAT).outcome) == (
        [],
        Outcome.PROVEN,
    )
    beside = [nextafter(number, inf) for number in stored]
    _sqlite(tmp_path, "DECIMAL(18,6)", beside)
    assert engine.audit(more=FLOAT).drift.changed == len(beside)


def test_the_canary_moves_a_double_to_another_decimal(modern_db: Database, tmp_path: Path) -> None:
    """The double nearest to a decimal, and the double that SQLite reads it as, count as equal.

    If the canary only changed one to the other, it would report a blind audit. Each column begins
    with another of the decimals, since the canary changes the first value.
    """
    rotated = [[*DECIMALS[n:], *DECIMALS[:n]] for n in range(min(len(DECIMALS), 8))]
    columns: list[tuple[list[str], list[object]]] = [(texts, [*texts]) for texts in rotated]
    # The others are the same doubles, whether SQLite is given a text or a float.
    columns += [
        (texts, [*map(float, texts)]) for texts in rotated if texts[0] in (DECIMALS[0], *MISREAD)
    ]
    path = tmp_path / "old.sqlite"
    tables = [f"t{n}" for n in range(0, len(columns), 4)]
    for table in tables:
        few = columns[int(table[1:]) :][:4]
        names = [f"v{n}" for n in range(len(few))]
        with closing(sqlite3.connect(path)) as connection, connection:
            kinds = ", ".join(f"{name} DECIMAL(18,6)" for name in names)
            connection.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, {kinds})")
            marks = ", ".join("?" * len(few))
            rows = zip(*(stored for _, stored in few), strict=True)
            connection.executemany(
                f"INSERT INTO {table} VALUES (?, {marks})",
                [[n, *row] for n, row in enumerate(rows)],
            )
        kinds = ", ".join(f"{name} numeric(30, 12)" for name in names)
        modern_db.run(f"CREATE TABLE {table} (id int PRIMARY KEY, {kinds})")
        for n, row in enumerate(zip(*(texts for texts, _ in few), strict=True)):
            modern_db.run(f"INSERT INTO {table} VALUES ({n}, {', '.join(row)})")
    engine = Engine(Elsewhere(f"sqlite:///{path}"), modern_db, tmp_path)  # type: ignore[arg-type]
    with checks(engine) as check:
        for table in tables:
            with check(table, table, "canary") as evidence:
                assert (evidence.outcome, evidence.reasons) == (Outcome.PROVEN, ())


def test_sql_that_gives_doubles_gives_no_texts_of_shorter_floats(
    modern_db: Database, tmp_path: Path
) -> None:
    """0.1 in eight bytes is not 0.1 in four, whether it comes from a column or from SQL."""
    _postgresql(modern_db, ["0.1", "0.1", "0.5"], "real")
    stored = [0.1, 0.10000000149011612, 0.5]
    engine = Engine(_sqlite(tmp_path, "REAL", stored), modern_db, tmp_path)
    for more in ("", f'{FLOAT}\nlegacy_sql = "v"'):
        assert seen(engine.audit(more=more)) == [("changed", ("0",), ("v",))]
