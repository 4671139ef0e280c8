"""The tables in the docs that are worked out, and not written by hand.

``python -m benchmarks.tables`` writes them between their markers in ``docs/types.md``,
``docs/soundness.md`` and ``docs/performance.md``. ``--check`` writes nothing and ends with exit
code 1 where a table is not what it would be. ``--offline`` leaves out the tables that need servers.
"""

from __future__ import annotations

import argparse
import json
import re
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import duckdb
from sqlalchemy import Connection, column, select

from pytest_tenantparity.config import StackSettings
from pytest_tenantparity.inventory import place_of_shared
from pytest_tenantparity.parity.scope import source_of
from pytest_tenantparity.parity.structured import canonical_json
from pytest_tenantparity.parity.types import TYPES, Meeting, Refusal, meet
from pytest_tenantparity.stacks import (
    ColumnFacts,
    Dialect,
    Family,
    Stack,
    TableFacts,
    dialect_for,
    open_stack,
)
from pytest_tenantparity.stacks.catalog import DOCUMENTS
from pytest_tenantparity.stacks.dialects import ColumnRules
from tests.support.engine_pairs import (
    PLACES,
    ArchivePlace,
    MariaDBPlace,
    Place,
    PostgreSQLPlace,
    SQLitePlace,
)

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"

_MARKERS = re.compile(
    r"(?P<open><!-- generated: (?P<name>[a-z ]+) -->\n).*?(?P<close><!-- /generated -->)",
    re.DOTALL,
)

Cells = Sequence[str]


# ---- which families meet


_RULES = {
    "": ColumnRules(),
    'naive_zone = "UTC"': ColumnRules(naive_zone="UTC"),
    'json = "canonical"': ColumnRules(canonical_json=True),
}


def meetings() -> str:
    """Return which pairs of families are compared, and as what; the rest are refused."""
    known = [family for family in Family if family is not Family.UNKNOWN]
    pairs = list(combinations_with_replacement(known, 2))
    rows = [row for pair in pairs for row in _rows_of(*pair)]
    refused = len(pairs) - len({row[:2] for row in rows})
    return (
        _table(("one side", "other side", "compared as", "where"), rows)
        + f"\nThe other {refused} pairs are refused, and so is what is {Family.UNKNOWN.value}.\n"
    )


def _rows_of(one: Family, other: Family) -> Iterator[tuple[str, str, str, str]]:
    """Yield each way in which two families are compared, and where that is so."""
    before = ("", "")
    for rule, rules in _RULES.items():
        within, between = (_met(one, other, engine, rules) for engine in ("postgresql", "mysql"))
        where = "everywhere" if within == between else "within one engine"
        if between not in ("", within):
            raise ValueError(f"{one} and {other} meet otherwise between engines: {between}")
        if within and (within, between) != before:
            yield one.value, other.value, within, f"{where}, under `{rule}`" if rule else where
        if not rule:
            before = (within, between)


def _met(one: Family, other: Family, engine: str, rules: ColumnRules) -> str:
    """Return how two families meet, PostgreSQL being one side; nothing if they do not."""
    dialects = [dialect_for("postgresql"), dialect_for(engine)]
    found = {
        _ask(pair, sides, rules)
        for pair in ((one, other), (other, one))
        for sides in (dialects, dialects[::-1])
    }
    if len(found) != 1:
        raise ValueError(f"{one} and {other} do not meet alike both ways: {found}")
    (met,) = found
    return met


def _ask(pair: tuple[Family, Family], dialects: Sequence[Dialect], rules: ColumnRules) -> str:
    legacy, modern = (ColumnFacts("v", each.value, "v", each) for each in pair)
    met = meet(
        {"legacy": legacy, "modern": modern},
        {"legacy": dialects[0], "modern": dialects[1]},
        rules,
    )
    if isinstance(met, Refusal):
        return ""
    return f"{met.family.value}, by content" if met.by_content else met.family.value


def readings() -> str:
    """Return what each word of a column's ``type`` can be read from."""
    dialect = dialect_for("postgresql")
    rows = []
    for word, family in TYPES.items():
        readable = []
        for each in Family:
            name = "bit(1)" if each is Family.BIT and family is not each else each.value
            facts = ColumnFacts("v", name, "v", each)
            sides: dict[Any, ColumnFacts] = {"legacy": facts, "modern": facts}
            both: dict[Any, Dialect] = {"legacy": dialect, "modern": dialect}
            if isinstance(meet(sides, both, ColumnRules(), family), Meeting):
                readable.append(name)
        rows.append((f"`{word}`", ", ".join(readable)))
    return _table(("`type =`", "may be stored as"), rows)


# ---- what real engines say of types and values


@dataclass(frozen=True)
class _Sample:
    """One value as several engines keep it, each with a type and as SQL; what it is compared as.

    A CSV file and a JSON file know no types, and hold the value as it is written there.
    """

    family: Family
    stored: Mapping[str, tuple[str, str]]
    naive_zone: str | None = None


ENGINES = ("PostgreSQL", "MariaDB", "SQLite", "Parquet", "CSV", "JSON snapshot")
# Files without types: what there is in them, each with an example.
_UNTYPED = {
    "CSV": {"every column": "x"},
    "JSON snapshot": {"numbers": "1", "booleans": "true", "strings": '"x"', "documents": "[]"},
}


def _sample(family: Family, /, naive_zone: str | None = None, **stored: str) -> _Sample:
    """Each engine's type and literal, with a bar between the two."""
    names = dict(zip(("pg", "maria", "sqlite", "parquet", "csv", "json"), ENGINES, strict=True))
    parted = {}
    for short, text in stored.items():
        kind, bar, literal = text.partition(" | ")
        parted[names[short]] = (kind, literal) if bar else ("", text)
    return _Sample(family, parted, naive_zone)


SAMPLES = (
    _sample(
        Family.BOOLEAN,
        pg="boolean | true",
        maria="tinyint(1) | 1",
        sqlite="BOOLEAN | 1",
        parquet="BOOLEAN | true",
        csv="t",
        json="true",
    ),
    _sample(Family.BOOLEAN, pg="bit(1) | B'0'", maria="bit(1) | b'0'", csv="N", json='"off"'),
    _sample(
        Family.INTEGER,
        pg="bigint | -7",
        maria="int | -7",
        sqlite="INTEGER | -7",
        parquet="TINYINT | -7",
        csv="-07",
    ),
    _sample(
        Family.DECIMAL,
        pg="numeric(10,4) | 1.5000",
        maria="decimal(10,2) | 1.50",
        sqlite="DECIMAL(10,2) | 1.50",
        parquet="DECIMAL(12,3) | 1.500",
        csv="+01.50",
        json="1.50",
    ),
    _sample(
        Family.DECIMAL,
        pg="numeric(10,2) | 0.00",
        maria="decimal(10,2) | 0.00",
        sqlite="DECIMAL(10,2) | 0",
        parquet="DECIMAL(3,3) | 0.000",
        csv="-0.0",
        json="-0",
    ),
    _sample(
        Family.DECIMAL,
        pg="numeric(10,4) | 0.0015",
        maria="decimal(10,4) | 0.0015",
        parquet="DECIMAL(12,4) | 0.0015",
        csv="1.5E-3",
        json="1.5E-3",
    ),
    _sample(
        Family.FLOAT,
        pg="double precision | 0.1::float8 + 0.2",
        maria="double | 0.1e0 + 0.2e0",
        sqlite="DOUBLE | 0.1 + 0.2",
        parquet="DOUBLE | 0.1::DOUBLE + 0.2::DOUBLE",
        csv="0.30000000000000004",
        json="0.30000000000000004",
    ),
    _sample(
        Family.FLOAT,
        pg="real | 0.1",
        maria="float | 0.1",
        sqlite="REAL | 0.10000000149011612",
        parquet="FLOAT | 0.1",
        csv="1.0000000149011612E-1",
    ),
    _sample(Family.FLOAT, pg="real | 'NaN'", parquet="DOUBLE | 'NaN'", csv="nan"),
    _sample(
        Family.TEXT,
        pg="varchar(9) | 'a '",
        maria="varchar(9) | 'a '",
        sqlite="TEXT | 'a '",
        parquet="VARCHAR | 'a '",
        csv="a ",
        json='"a "',
    ),
    _sample(Family.PADDED, pg="char(3) | 'ab'"),
    _sample(
        Family.BYTES,
        pg=r"bytea | '\x00ff'",
        maria="varbinary(9) | X'00FF'",
        sqlite="BLOB | X'00FF'",
        parquet=r"BLOB | '\x00\xFF'::BLOB",
        csv=r"\x00FF",
        json=r'"\\x00FF"',
    ),
    _sample(
        Family.UUID,
        pg="uuid | 'abcdef00-1234-4000-8000-00000000000a'",
        maria="char(36) | 'ABCDEF00-1234-4000-8000-00000000000A'",
        sqlite="CHAR(32) | 'abcdef0012344000800000000000000a'",
        parquet="UUID | 'abcdef00-1234-4000-8000-00000000000a'",
        csv="{ABCDEF00-1234-4000-8000-00000000000A}",
        json='"urn:uuid:abcdef00-1234-4000-8000-00000000000a"',
    ),
    _sample(
        Family.UUID,
        pg=r"bytea | '\xabcdef0012344000800000000000000a'",
        maria="binary(16) | X'ABCDEF0012344000800000000000000A'",
        sqlite="BLOB | X'ABCDEF0012344000800000000000000A'",
    ),
    _sample(
        Family.DATE,
        pg="date | '2024-02-29'",
        maria="date | '2024-02-29'",
        sqlite="DATE | '2024-02-29'",
        parquet="DATE | '2024-02-29'",
        csv="2024-02-29",
        json='"2024-02-29"',
    ),
    _sample(
        Family.TIME,
        pg="time(3) | '10:00:00.500'",
        maria="time(6) | '10:00:00.5'",
        sqlite="TIME | '10:00:00.500'",
        parquet="TIME | '10:00:00.5'",
        csv="10:00:00.50",
        json='"10:00:00.50"',
    ),
    _sample(
        Family.TIMESTAMP,
        pg="timestamp(0) | '2024-07-01 12:00:00'",
        maria="datetime(6) | '2024-07-01 12:00:00'",
        sqlite="DATETIME | '2024-07-01T12:00'",
        parquet="TIMESTAMP_MS | '2024-07-01 12:00:00'",
        csv="2024-07-01T12:00:00.000",
        json='"2024-07-01 12:00:00"',
    ),
    _sample(
        Family.TIMESTAMPTZ,
        pg="timestamptz | '2024-07-01 12:00:00+02'",
        maria="timestamp(6) | '2024-07-01 10:00:00'",
        sqlite="TIMESTAMPTZ | '2024-07-01T12:00:00+02:00'",
        parquet="TIMESTAMPTZ | '2024-07-01 12:00:00+02'",
        csv="2024-07-01 12:00:00+02",
        json='"2024-07-01T05:00:00-05:00"',
    ),
    _sample(
        Family.TIMESTAMPTZ,
        naive_zone="UTC",
        pg="timestamp | '2024-07-01 10:00:00'",
        maria="datetime | '2024-07-01 10:00:00'",
        sqlite="DATETIME | '2024-07-01 10:00:00'",
        parquet="TIMESTAMP | '2024-07-01 10:00:00'",
    ),
    _sample(
        Family.JSON,
        pg="""json | '{"b": [1.50, true], "a": null}'""",
        maria="""json | '{"b": [1.50, true], "a": null}'""",
        sqlite="""JSON | '{"b":[1.50,true],"a":null}'""",
        parquet="""JSON | '{"b": [1.50, true], "a": null}'""",
        csv="""{"b": [1.50, true], "a": null}""",
        json="""{"b": [1.50, true], "a": null}""",
    ),
    _sample(Family.JSONB, pg="""jsonb | '{"b": 1.50, "a": 1e2}'"""),
    _sample(Family.BIT, pg="bit(3) | B'101'", maria="bit(3) | b'101'"),
    _sample(Family.INTERVAL, pg="interval | '1 month 2 days 3 hours'"),
    _sample(Family.INTERVAL, parquet="INTERVAL | '1 month 2 days 3 hours'"),
    _sample(Family.TIMETZ, pg="timetz | '10:00:00.50+02'"),
    _sample(Family.SAME_TYPE, pg="inet | '10.0.0.1/8'"),
    _sample(Family.SAME_TYPE, pg="integer[] | '{1,NULL}'"),
    _sample(Family.SAME_TYPE, maria="inet6 | '2001:DB8::1'"),
)

_TYPES: dict[str, str] = {
    "PostgreSQL": (
        "smallint|integer|bigint|numeric|numeric(10,2)|money|real|double precision|boolean|text|"
        "varchar(9)|char(9)|mood|bytea|uuid|date|time|timetz|timestamp|timestamptz|interval|json|"
        "jsonb|bit(3)|bit varying|inet|cidr|macaddr|xml|int4range|tsvector|point|integer[]|text[]|"
        "pair|jsonpath"
    ),
    "MariaDB": (
        "tinyint|smallint|mediumint|int|bigint|bigint unsigned|year|decimal(10,2)|float|double|"
        "char(9)|varchar(9)|text|longtext|enum('a','b')|set('a','b')|binary(9)|varbinary(9)|blob|"
        "bit(3)|date|time|datetime|timestamp|json|uuid|inet4|inet6|point"
    ),
    "SQLite": (
        "INTEGER|BIGINT|DECIMAL(10,2)|NUMERIC|REAL|DOUBLE|BOOLEAN|TEXT|VARCHAR(9)|CHAR(9)|CLOB|"
        "BLOB|UUID|DATE|TIME|DATETIME|TIMESTAMP|TIMESTAMPTZ|JSON|MONEY|"
    ),
    "Parquet": (
        "TINYINT|INTEGER|BIGINT|UBIGINT|DECIMAL(10,2)|FLOAT|DOUBLE|BOOLEAN|VARCHAR|BLOB|UUID|DATE|"
        "TIME|TIME WITH TIME ZONE|TIMESTAMP|TIMESTAMP_NS|TIMESTAMPTZ|INTERVAL|JSON|INTEGER[]|"
        "STRUCT(a INTEGER)"
    ),
}

_OWN_TYPES = ("CREATE TYPE mood AS ENUM ('a')", "CREATE TYPE pair AS (a int, b int)")


def type_families() -> str:
    """Return which types of each engine are in which family, as their catalogs say."""
    families: dict[Family, dict[str, list[str]]] = {family: {} for family in Family}
    for engine, kinds in _TYPES.items():
        with _filled(engine, [(kind, "NULL") for kind in kinds.split("|")]) as (_, table):
            for kind, facts in zip(kinds.split("|"), _values(table), strict=True):
                families[facts.family].setdefault(engine, []).append(_code(kind))
    for engine, values in _UNTYPED.items():
        with _filled(engine, [("", value) for value in values.values()]) as (_, table):
            for kind, facts in zip(values, _values(table), strict=True):
                families[facts.family].setdefault(engine, []).append(kind)
    rows = [
        (family.value, *(", ".join(found.get(name, ())) for name in ENGINES))
        for family, found in families.items()
    ]
    return _table(("family", *ENGINES), rows)


def canonical_texts() -> str:
    """Return the text that every engine makes of the same value, however it is stored there.

    Raises ValueError where two engines make another text of it.
    """
    texts: dict[tuple[int, str], str] = {}
    for engine in ENGINES:
        held = [(n, each) for n, each in enumerate(SAMPLES) if engine in each.stored]
        with _filled(engine, [each.stored[engine] for _, each in held]) as (stack, table):
            expressions = [
                stack.dialect.canonical(
                    column(facts.name),
                    facts,
                    each.family,
                    ColumnRules(each.naive_zone, each.family in DOCUMENTS, common=True),
                )
                for facts, (_, each) in zip(_values(table), held, strict=True)
            ]
            with _connected(stack) as connection:
                row = connection.execute(select(*expressions).select_from(source_of(table))).one()
        for (number, each), text in zip(held, row, strict=True):
            spelled = canonical_json(text) if each.family in DOCUMENTS else text
            texts[number, engine] = spelled
    rows = []
    for number, each in enumerate(SAMPLES):
        made = {texts[number, engine] for engine in each.stored}
        if len(made) != 1:
            raise ValueError(f"{each.family} has several texts: {made}")
        rule = f", `naive_zone = {each.naive_zone}`" if each.naive_zone else ""
        stored = (_as_stored(each.stored.get(engine), engine) for engine in ENGINES)
        rows.append((each.family.value + rule, _code(made.pop()), *stored))
    return _table(("compared as", "text", *ENGINES), rows)


def _as_stored(given: tuple[str, str] | None, engine: str) -> str:
    if given is None:
        return ""
    kind, literal = given
    return _code(literal) if engine in _UNTYPED else f"{kind}: {_code(literal)}"


def _values(table: TableFacts) -> list[ColumnFacts]:
    """Return the columns that were asked for, in order: a snapshot file has others of its own."""
    return [facts for facts in table.columns if re.fullmatch("v[0-9]+", facts.name)]


@contextmanager
def _filled(engine: str, given: Sequence[tuple[str, str]]) -> Iterator[tuple[Stack, TableFacts]]:
    """Make a table of one row in a throw-away place, and open it as an audit does."""
    with ExitStack() as cleanup:
        if engine in _UNTYPED:
            folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="tp-")))
            url = _write_file(folder, engine, [literal for _, literal in given])
        else:
            key = {"PostgreSQL": "postgresql", "MariaDB": "mariadb", "SQLite": "sqlite"}
            place = cleanup.enter_context(PLACES[key.get(engine, "duckdb")]())  # type: ignore[index]
            _fill(place, given)
            url = place.url
        settings = StackSettings(url=url)
        state, anchor = open_stack("legacy", settings, "tables")
        cleanup.callback(anchor.release)
        stack = Stack(state, settings, "tables")
        cleanup.callback(stack.close)
        table = stack.catalog(place_of_shared(settings)).tables["t"]
        if table.refused:
            raise ValueError(f"{engine}: {table.refused}")
        yield stack, table


@contextmanager
def _connected(stack: Stack) -> Iterator[Connection]:
    place = place_of_shared(stack.settings)
    with stack.transaction(place) as connection, stack.guard(place):
        yield connection


def _fill(place: Place, given: Sequence[tuple[str, str]]) -> None:
    columns = ", ".join(f"v{n} {kind}{_nullable(kind)}" for n, (kind, _) in enumerate(given))
    values = ", ".join(literal for _, literal in given)
    insert = f"INSERT INTO t VALUES ({values})"  # noqa: S608 - all of it is ours
    statements = [f"CREATE TABLE t ({columns})", insert]
    match place:
        case PostgreSQLPlace():
            for statement in (*_OWN_TYPES, *statements):
                place.database.run(statement)
        case MariaDBPlace():
            for statement in ("SET time_zone = '+00:00'", *statements):
                place.database.run(statement)
        case SQLitePlace():
            with closing(sqlite3.connect(place.path)) as file, file:
                for statement in statements:
                    file.execute(statement)
        case ArchivePlace():
            place.folder.mkdir()
            with closing(duckdb.connect()) as memory:
                for statement in ("SET TimeZone = 'UTC'", *statements):
                    memory.execute(statement)
                memory.execute(f"COPY t TO '{place.folder / 't.parquet'}' (FORMAT parquet)")
        case _:
            raise TypeError(place)


def _nullable(kind: str) -> str:
    """MariaDB puts the time of day in the place of NULL in its timestamps, unless told not to."""
    return " NULL" if kind.startswith("timestamp") else ""


def _write_file(folder: Path, engine: str, given: Sequence[str]) -> str:
    names = [f"v{n}" for n in range(len(given))]
    if engine == "CSV":
        quoted = ('"' + each.replace('"', '""') + '"' for each in given)
        text = f"{','.join(names)}\n{','.join(quoted)}\n"
        (folder / "t.csv").write_text(text, encoding="utf-8")
        return f"archive:///{folder}"
    fields = ", ".join(f'"{name}": {each}' for name, each in zip(names, given, strict=True))
    path = folder / "snapshot.json"
    path.write_text(f'{{"tenants": {{"acme": {{"t": [{{{fields}}}]}}}}}}', encoding="utf-8")
    return f"snapshot:///{path}"


# ---- what was measured


def trials(results: Path = RESULTS / "soundness.json") -> str:
    """Return what the large run came to on each pair of engines."""
    names = (
        "legacy x modern", "traps", "mutated tables", "unchanged tables", "false matches",
        "false alarms", "wrong findings", "not proven",
    )  # fmt: skip
    if not results.exists():
        return _table(names, []) + "\nThe large run has not been made yet: `make soundness`.\n"
    found = json.loads(results.read_text(encoding="utf-8"))
    counts = ("false_match", "false_alarm", "wrong_findings", "not_proven")
    keys = ("traps", "trials", "unchanged", *counts)
    rows = [(each["pair"], *(f"{each[key]:,}" for key in keys)) for each in found["pairs"]]
    sums = (sum(each[key] for each in found["pairs"]) for key in keys)
    rows.append(("all", *(f"{each:,}" for each in sums)))
    return _table(names, rows) + f"\nSeed {found['seed']}.\n"


def peers(results: Path = RESULTS / "peers.json") -> str:
    """Return how often each peer missed a difference, invented one, or gave no answer."""
    summary = json.loads(results.read_text(encoding="utf-8"))["summary"]
    names = ("legacy x modern", "peer", "traps", "missed", "false alarm", "cannot", "right")
    counts = ("traps", "MISSED", "FALSE ALARM", "CANNOT", "right")
    rows = [
        (each["pair"], f"{each['peer']} {each['version']}", *(str(each[c]) for c in counts))
        for each in summary
    ]
    return _table(names, rows)


def missed(results: Path = RESULTS / "peers.json") -> str:
    """Return which traps each peer misses between two PostgreSQL databases."""
    answers = json.loads(results.read_text(encoding="utf-8"))["results"]
    by_trap: dict[str, dict[str, str]] = {}
    for each in answers:
        if each["pair"] == "postgresql x postgresql":
            by_trap.setdefault(each["trap"], {})[each["peer"]] = each["verdict"].lower()
    found = {trap: said for trap, said in by_trap.items() if "missed" in said.values()}
    names = list(dict.fromkeys(name for said in found.values() for name in said))
    rows = [(trap, *(said.get(name, "") for name in names)) for trap, said in found.items()]
    return _table(("trap", *names), rows)


def goals(results: Path = RESULTS / "bench.json") -> str:
    """Return what is to be reached, and what was."""
    found = json.loads(results.read_text(encoding="utf-8"))
    rows = [
        (
            each["name"],
            f"{each['bound']} {each['goal']:g} {each['unit']}",
            "not measured" if each["reached"] is None else f"{each['reached']:.3g}",
            "yes" if each["met"] else "no",
        )
        for each in found["goals"]
    ]
    sizes, machine = found["sizes"], found["machine"]
    return (
        f"{sizes['rows']:,} rows a side of {sizes['tenants']:,} tenants; many tests are "
        f"{sizes['item_tenants']:,} tenants with {sizes['tables']:,} tables each. Medians of "
        f"{sizes['rounds']}. PostgreSQL {machine['postgresql']}, {machine['cores']} cores, "
        f"{machine['memory_gb']} GB, {found['at'][:10]}.\n\n"
    ) + _table(("goal", "to reach", "reached", "met"), rows)


def medians(chapter: str = "whole", results: Path = RESULTS / "bench.json") -> str:
    """Return what everything in a chapter of the benchmark took."""
    measured = json.loads(results.read_text(encoding="utf-8"))["measured"]
    works = measured[chapter]["works"] if chapter in measured else {}
    rows = [
        (
            name,
            each.get("error", "").partition("\n")[0] or f"{each['median']:.2f}",
            f"{each['peak_mb']:.0f}" if "peak_mb" in each else "",
        )
        for name, each in works.items()
    ]
    return _table(("what", "seconds", "MB of the client"), rows)


# ---- Markdown


def _code(text: str) -> str:
    """Return text as Markdown code; a space at either end, or nothing, is to be seen."""
    if not text:
        return "(no type)"
    ticks = "``" if "`" in text else "`"
    inner = f" {text} " if "`" in text else text
    return f"{ticks}{inner}{ticks}"


def _table(names: Cells, rows: Iterable[Cells]) -> str:
    lines = [names, ["---"] * len(names), *rows]
    return "".join(f"| {' | '.join(_cell(cell) for cell in line)} |\n" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


@dataclass(frozen=True)
class _Block:
    """A table of a document, what makes it, and whether that takes servers."""

    document: str
    make: Callable[[], str]
    servers: bool = False


BLOCKS = {
    "meetings": _Block("docs/types.md", meetings),
    "readings": _Block("docs/types.md", readings),
    "types": _Block("docs/types.md", type_families, servers=True),
    "texts": _Block("docs/types.md", canonical_texts, servers=True),
    "trials": _Block("docs/soundness.md", trials),
    "peers": _Block("docs/soundness.md", peers),
    "missed": _Block("docs/soundness.md", missed),
    "goals": _Block("docs/performance.md", goals),
    "medians": _Block("docs/performance.md", medians),
    "layouts": _Block("docs/performance.md", partial(medians, "layouts")),
}
"""Every generated table, by the name in its markers."""


def generated(document: str, text: str, *, offline: bool) -> str:
    """Return a document with its tables made anew; raises ValueError if one has no place."""
    wanted = {name: block for name, block in BLOCKS.items() if block.document == document}
    places = [found["name"] for found in _MARKERS.finditer(text)]
    if sorted(places) != sorted(wanted):
        raise ValueError(f"{document} has places for {places}, and there are {sorted(wanted)}")

    def filled(found: re.Match[str]) -> str:
        block = wanted[found["name"]]
        if block.servers and offline:
            return found[0]
        return f"{found['open']}\n{block.make()}\n{found['close']}"

    return _MARKERS.sub(filled, text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the tables."""
    options = _parser().parse_args(arguments)
    stale = []
    for document in sorted({block.document for block in BLOCKS.values()}):
        path = ROOT / document
        text = path.read_text(encoding="utf-8")
        anew = generated(document, text, offline=options.offline)
        if anew == text:
            continue
        stale.append(document)
        if not options.check:
            path.write_text(anew, encoding="utf-8")
    for document in stale:
        said = "is not what python -m benchmarks.tables writes" if options.check else "was written"
        sys.stdout.write(f"{document} {said}\n")
    return 1 if stale and options.check else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tables", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if a table is stale")
    parser.add_argument("--offline", action="store_true", help="leave out what takes servers")
    return parser


if __name__ == "__main__":
    sys.exit(main())
