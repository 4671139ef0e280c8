"""Columns of a legacy table that became rows of a modern one: ``phone`` and ``fax`` of customers.

The rows are a source of the settings, which is paired like a table. It is proposed only if every
value of the sample has its row, and every row its value.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ..config.names import toml_key
from ..stacks import ColumnFacts, Family
from ..stacks.catalog import TEXTS, TableFacts
from .context import HANDFUL
from .found import Found, link_pair
from .keys import IdMap, loosely
from .names import alike, bare_words, tenant_rank
from .reflect import Reference, Row, Table
from .rows import in_sql, legacy_filter, text_in_sql
from .tables import Likeness, PairedTables
from .write import Line, Section

_KINDS = 12  # the most columns that become rows
_NAMED = 0.9


@dataclass(frozen=True)
class _Shape:
    """How columns become rows: ``columns`` by the value of ``kind`` that their rows have.

    ``key`` is the column of the modern table that refers to the legacy row, and ``value`` holds the
    values. ``where`` is the condition of the legacy rows that were moved; empty for all.
    """

    table: Table
    columns: Mapping[str, str]
    key: str
    kind: str
    value: str
    where: str = ""
    empty: bool = False  # '' has no row, as NULL has none


def find_unpivoted(found: Found, maps: Sequence[IdMap]) -> None:
    """Pair modern tables of one side alone with sources of columns that became their rows."""
    for name in list(found.alone["modern"]):
        modern = found.tables("modern")[name]
        for shape in _shapes(found, modern):
            rows = _rows(found, shape, modern)
            if rows is None:
                continue
            _pair(found, shape, modern, rows, maps)
            break


def _shapes(found: Found, modern: Table) -> Iterator[_Shape]:
    """Yield the ways in which columns of a legacy table could be the rows of a modern one."""
    database = found.databases.modern
    for facts in modern.facts.columns:
        kinds = database.distinct(modern, facts.name) if facts.family in TEXTS else set()
        if facts.name not in modern.key or not 2 <= len(kinds) <= _KINDS:
            continue
        keys = [name for name in modern.key if name != facts.name]
        if len(keys) != 1:
            continue
        values = [
            name
            for name in modern.columns
            if name not in modern.key
            and tenant_rank(name) is None
            and modern.reference_of(name) is None
        ]
        for table in found.tables("legacy").values():
            columns = {kind: name for kind in sorted(kinds) if (name := _called(table, kind))}
            if len(table.key) == 1 and len(set(columns.values())) == len(kinds):
                for value in values:
                    where, empty = _moved(found, table), _has_empty(table, columns.values())
                    yield _Shape(table, columns, keys[0], facts.name, value, where, empty)


def _called(table: Table, kind: str) -> str | None:
    return next(
        (n for n in table.columns if alike(bare_words(n), bare_words(kind)) >= _NAMED), None
    )


def _has_empty(table: Table, columns: Collection[str]) -> bool:
    return any(row.get(name) == "" for row in table.sample for name in columns)


def _moved(found: Found, table: Table) -> str:
    """Return the condition of the rows that were moved, by the pair of the table; else empty."""
    for pair in found.pairs:
        link = found.links[pair.name]
        if pair.legacy is table and link is not None and link.missing and not pair.split_from:
            lines = legacy_filter(found, pair, link)
            return str(lines[0].value["sql"]) if lines[0].sure else ""
    return ""


def _rows(found: Found, shape: _Shape, modern: Table) -> tuple[Row, ...] | None:
    """Return the rows that the columns become; None if they are not those of the modern table."""
    own = shape.table.key[0]
    moved = shape.table.sample
    if shape.where:
        pair = next(p for p in found.pairs if p.legacy is shape.table and not p.split_from)
        link = found.links[pair.name]
        moved = () if link is None else tuple(row for row, _ in link.pairs)
    reference = shape.table.reference_of(own)
    table = (
        shape.table.name if shape.table.name in found.id_maps or not reference else reference.table
    )
    lead = found.id_maps.get(table, {})
    rows: list[Row] = []
    expected: set[tuple[str, str]] = set()
    for row in moved:
        for kind, name in shape.columns.items():
            value = row.get(name)
            if value is None or (shape.empty and not value):
                continue
            key = str(row.get(own))
            expected.add((loosely(lead.get(key, key)), kind))
            rows.append({**row, shape.key: key, shape.kind: kind, shape.value: value})
    if len(rows) < 2 * HANDFUL or not shape.table.whole or not modern.whole:
        return None
    there = {(loosely(row.get(shape.key)), str(row.get(shape.kind))) for row in modern.sample}
    return tuple(rows) if there == expected else None


def _pair(
    found: Found, shape: _Shape, modern: Table, rows: tuple[Row, ...], maps: Sequence[IdMap]
) -> None:
    """Add the source, and pair it with the modern table if the rows find each other."""
    table, legacy = shape.table, found.databases.legacy
    own = table.key[0]
    paired = any(pair.legacy is table for pair in found.pairs)
    name = f"{table.name}_{modern.name}" if paired or modern.name in legacy.tables else modern.name
    value = table.facts.column(next(iter(shape.columns.values())))
    key = table.facts.column(own)
    if value is None or key is None:
        return
    text = ColumnFacts(shape.kind, "varchar", "varchar", Family.TEXT)
    facts = TableFacts(
        table.facts.schema,
        name,
        (replace(key, name=shape.key), text, replace(value, name=shape.value)),
        (shape.key, shape.kind),
    )
    known = found.id_maps.get(table.name)
    to = table.reference_of(own)
    if known is not None or to is None:
        to = Reference((own,), table.name, (own,), declared=False)
    reference = replace(to, columns=(shape.key,))
    source = Table("legacy", facts, len(rows), (reference,), (), rows, whole=True)
    pair = PairedTables(source, modern, Likeness(1.0, 1.0, None))
    link_pair(found, pair, maps)
    if found.links[name] is None:
        del found.links[name]
        return
    legacy.tables[name] = source
    found.pairs.append(pair)
    found.alone["modern"].remove(modern.name)
    if table.name in found.alone["legacy"]:
        found.alone["legacy"].remove(table.name)
    found.unpivoted[name] = table.name, tuple(shape.columns.values())
    found.sources[name] = _section(found, shape, name)


def _section(found: Found, shape: _Shape, name: str) -> Section:
    def sql(each: str) -> str:
        return in_sql(found.databases.legacy, each)

    parts = []
    for kind, column in shape.columns.items():
        facts = shape.table.facts.column(column)
        has = f"{sql(column)} IS NOT NULL"
        if shape.empty and facts is not None:
            has = f"{text_in_sql(found.databases.legacy, facts)} <> ''"
        own = shape.table.key[0]
        chosen = [sql(own) if own == shape.key else f"{sql(own)} AS {sql(shape.key)}"]
        chosen += [f"'{kind}' AS {sql(shape.kind)}", f"{sql(column)} AS {sql(shape.value)}"]
        where = " AND ".join(filter(None, (shape.where, has)))
        parts.append(f"SELECT {', '.join(chosen)} FROM {sql(shape.table.name)} WHERE {where}")  # noqa: S608
    columns = ", ".join(shape.columns.values())
    note = f"{columns} of {shape.table.name} became rows: each sampled value has one, and no other."
    return Section(
        f"sources.legacy.{toml_key(name)}", [note], [Line("sql", "\nUNION ALL\n".join(parts))]
    )
