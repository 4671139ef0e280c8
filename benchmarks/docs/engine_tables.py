"""The tables of docs/types.md that real engines fill: each starts servers of its own."""

from __future__ import annotations

import csv
import re
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import duckdb
from sqlalchemy import column, select

from pytest_tenantparity.config import StackSettings
from pytest_tenantparity.inventory import place_of_shared
from pytest_tenantparity.parity.compare.json_diff import canonical_json
from pytest_tenantparity.stacks import ColumnFacts, Family, Stack, TableFacts, open_stack
from pytest_tenantparity.stacks.catalog import DOCUMENTS
from pytest_tenantparity.stacks.dialects import ColumnRules
from pytest_tenantparity.stacks.sources import source_of
from tests.soundness.traps import Engine
from tests.support.engine_pairs import (
    PLACES,
    ArchivePlace,
    MariaDBPlace,
    Place,
    PostgreSQLPlace,
    SQLitePlace,
)

from .markdown import code, table
from .samples import ENGINES, TYPES, UNTYPED, Sample, read_samples

Values = Sequence[tuple[str, str]]
"""A type and an SQL literal for each column of a table of one row."""

_PLACES: dict[str, Engine] = {
    "PostgreSQL": "postgresql",
    "MariaDB": "mariadb",
    "SQLite": "sqlite",
    "Parquet": "duckdb",
}
_SETUP = {
    "PostgreSQL": ("CREATE TYPE mood AS ENUM ('a')", "CREATE TYPE pair AS (a int, b int)"),
    "MariaDB": ("SET time_zone = '+00:00'",),
    "Parquet": ("SET TimeZone = 'UTC'",),
}


def type_families() -> str:
    """Return the family of each type, as each engine's catalog and its dialect have it."""
    found: dict[tuple[Family, str], list[str]] = {}
    for engine in ENGINES:
        if engine in UNTYPED:
            names = list(UNTYPED[engine])
            values = [("", value) for value in UNTYPED[engine].values()]
        else:
            types = TYPES[engine].split("|")
            names = [code(each) if each else "(no type)" for each in types]
            values = [(each, "NULL") for each in types]
        with _opened(engine, values) as (_, facts):
            for name, each in zip(names, _columns(facts), strict=True):
                found.setdefault((each.family, engine), []).append(name)
    rows = [
        (family.value, *(", ".join(found.get((family, engine), ())) for engine in ENGINES))
        for family in Family
    ]
    return table(("family", *ENGINES), rows)


def canonical_texts() -> str:
    """Return the one text that every engine makes of a sample, however it is stored there.

    Raises ValueError if two engines make different texts of it.
    """
    samples = read_samples()
    texts = {engine: _texts(engine, samples) for engine in ENGINES}
    rows = []
    for number, sample in enumerate(samples):
        made = {found[number] for found in texts.values() if number in found}
        if len(made) != 1:
            raise ValueError(f"{sample.family} has several texts: {made}")
        rule = f", `naive_zone = {sample.naive_zone}`" if sample.naive_zone else ""
        rows.append((sample.family.value + rule, code(made.pop()), *sample.cells.values()))
    return table(("compared as", "text", *ENGINES), rows)


def _texts(engine: str, samples: Sequence[Sample]) -> dict[int, str]:
    """Return the canonical text of each sample that an engine stores, by the sample's number."""
    stored = {n: value for n, each in enumerate(samples) if (value := each.stored(engine))}
    held = [samples[number] for number in stored]
    with _opened(engine, list(stored.values())) as (stack, facts):
        expressions = [
            stack.dialect.canonical(
                column(each.name),
                each,
                sample.family,
                ColumnRules(sample.naive_zone, sample.family in DOCUMENTS, common=True),
            )
            for each, sample in zip(_columns(facts), held, strict=True)
        ]
        place = place_of_shared(stack.settings)
        with stack.transaction(place) as connection, stack.guard(place):
            row = connection.execute(select(*expressions).select_from(source_of(facts))).one()
    return {
        number: canonical_json(text) if samples[number].family in DOCUMENTS else text
        for number, text in zip(stored, row, strict=True)
    }


def _columns(facts: TableFacts) -> list[ColumnFacts]:
    """Return the columns v0, v1, ...; a snapshot file has others as well."""
    return [each for each in facts.columns if re.fullmatch("v[0-9]+", each.name)]


@contextmanager
def _opened(engine: str, values: Values) -> Iterator[tuple[Stack, TableFacts]]:
    """Make a table of one row in a new database or file, and open it as an audit does."""
    with ExitStack() as cleanup:
        if engine in UNTYPED:
            folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="tp-")))
            url = _write_file(folder, engine, [literal for _, literal in values])
        else:
            place = cleanup.enter_context(PLACES[_PLACES[engine]]())
            _fill(place, _SETUP.get(engine, ()), values)
            url = place.url
        settings = StackSettings(url=url)
        state, anchor = open_stack("legacy", settings, "docs")
        cleanup.callback(anchor.release)
        stack = Stack(state, settings, "docs")
        cleanup.callback(stack.close)
        facts = stack.catalog(place_of_shared(settings)).tables["t"]
        if facts.refused:
            raise ValueError(f"{engine}: {facts.refused}")
        yield stack, facts


def _fill(place: Place, setup: Sequence[str], values: Values) -> None:
    # Without NULL, MariaDB stores the current time where a timestamp is given as NULL.
    columns = ", ".join(
        f"v{n} {kind}{' NULL' if kind.startswith('timestamp') else ''}"
        for n, (kind, _) in enumerate(values)
    )
    row = ", ".join(literal for _, literal in values)
    statements = [*setup, f"CREATE TABLE t ({columns})", f"INSERT INTO t VALUES ({row})"]  # noqa: S608
    match place:
        case PostgreSQLPlace() | MariaDBPlace():
            for statement in statements:
                place.database.run(statement)
        case SQLitePlace():
            with closing(sqlite3.connect(place.path)) as file, file:
                for statement in statements:
                    file.execute(statement)
        case ArchivePlace():
            place.folder.mkdir()
            with closing(duckdb.connect()) as memory:
                for statement in statements:
                    memory.execute(statement)
                memory.execute(f"COPY t TO '{place.folder / 't.parquet'}' (FORMAT parquet)")
        case _:
            raise TypeError(place)


def _write_file(folder: Path, engine: str, values: Sequence[str]) -> str:
    """Write a CSV file, or a snapshot file whose values are JSON already; return its URL."""
    names = [f"v{n}" for n in range(len(values))]
    if engine == "CSV":
        with (folder / "t.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([names, values])
        return f"archive:///{folder}"
    fields = ", ".join(f'"{name}": {each}' for name, each in zip(names, values, strict=True))
    path = folder / "snapshot.json"
    path.write_text(f'{{"tenants": {{"acme": {{"t": [{{{fields}}}]}}}}}}', encoding="utf-8")
    return f"snapshot:///{path}"
