"""The coverage check: a table that is not compared must be ignored with a reason."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from functools import reduce

from sqlalchemy import ColumnElement, Connection, case, column, func, literal_column, select

from ...config.names import toml_key
from ...errors import ConnectionLost, NotProven, nearest
from ...inventory import Place, TablePair, coverage_gaps, place_of, place_of_shared, rows_but
from ...mapping.filters import rows_taking_part
from ...model import SIDES, CheckKey, Evidence, Outcome, Side, TableCoverage
from ...stacks import TableFacts
from ...stacks.dialects import ColumnRules
from ...stacks.sources import source_of
from ..run import Run

_MOST_NAMED = 3  # rows in no pair, or in several, that a reason names


def check_coverage(run: Run, key: CheckKey) -> Evidence:
    """Return evidence that names each table of either side that is neither compared nor ignored."""
    for side in SIDES:  # raises NotProven if a stack is not available
        run.stacks[side].database(place_of_shared(run.settings.stack(side)))
    if not run.pairs:
        raise NotProven("no tables are paired, so none is compared")
    reasons: list[str] = []
    # None: the rows of some place could not be counted. The count of the others would mislead.
    left_out: dict[str, int | None] = {}
    for side in SIDES:
        for place, pairs in places_read(run, side).items():
            filters = ((pair, pair.settings.row_filter(side)) for pair in pairs)
            filtered = {
                rows_but(side, pair.name, own, run.as_of): pair
                for pair, own in filters
                if own is not None
            }
            try:
                reasons += _gaps(run, side, place, pairs)
                shared = _in_several_pairs(run, side, place, pairs)
                for name, several in shared.items():
                    reasons += _not_in_one_pair(run, side, place, name, several)
                for what, pair in filtered.items():
                    if any(pair in several for several in shared.values()):
                        continue  # rows that one filter leaves out are in another pair
                    before, rows = left_out.get(what, 0), _count_left_out(run, side, place, pair)
                    left_out[what] = None if before is None or rows is None else before + rows
            except ConnectionLost:  # the check is run again on a new connection
                raise
            except NotProven as error:  # one tenant's place must not hide the gaps of others
                reasons.append(str(error))
                left_out |= dict.fromkeys(filtered)
        reasons += unused_sources(run, side)
    outcome = Outcome.NOT_PROVEN if reasons else Outcome.PROVEN
    counted = {what: rows for what, rows in left_out.items() if rows is not None}
    return Evidence(key, outcome, TableCoverage(counted), reasons=tuple(dict.fromkeys(reasons)))


def _count_left_out(run: Run, side: Side, place: Place, pair: TablePair) -> int | None:
    """Return the number of rows of one place that a filter excludes.

    Returns None if the table cannot be read. Each check of the table reports the reason.
    """
    stack = run.stacks[side]
    tables = stack.catalog(place).tables
    found = [tables[name] for name in pair.tables_of(run.settings, side, tables)]
    if len(found) != 1 or found[0].refused:
        return None
    # A filter excludes a row if its condition is NULL, too.
    met = rows_taking_part(run, pair, side)
    kept = func.sum(case((met, literal_column("1")), else_=literal_column("0")))
    counted = select(func.count(), kept).select_from(source_of(found[0]))
    try:
        with stack.transaction(place) as connection, stack.guard(place, discreet=pair.has_masks):
            total, taken = connection.execute(counted).one()
            _require_unaltered(run, side, place, connection, found[0])
    except ConnectionLost:
        raise
    except NotProven:
        return None
    return int(total) - int(taken or 0)


def _in_several_pairs(
    run: Run, side: Side, place: Place, pairs: Sequence[TablePair]
) -> dict[str, list[TablePair]]:
    """Return the pairs of each table that filters divide among several pairs.

    If no pair of a table has a filter, its columns were divided, and every pair has all rows.
    """
    tables = run.stacks[side].catalog(place).tables
    found: dict[str, list[TablePair]] = {}
    for pair in pairs:
        for name in pair.tables_of(run.settings, side, tables):
            found.setdefault(name, []).append(pair)
    return {
        name: several
        for name, several in found.items()
        if len(several) > 1 and any(each.settings.row_filter(side) for each in several)
    }


def _not_in_one_pair(
    run: Run, side: Side, place: Place, name: str, pairs: Sequence[TablePair]
) -> Iterator[str]:
    """Yield the reasons why rows of one table are in none of its pairs, or in several of them."""
    stack = run.stacks[side]
    facts = stack.catalog(place).tables[name]
    one: ColumnElement[int] = literal_column("1")
    none: ColumnElement[int] = literal_column("0")
    # A filter leaves out a row if its condition is NULL, too.
    met = (case((rows_taking_part(run, each, side), one), else_=none) for each in pairs)
    times: ColumnElement[int] = reduce(operator.add, met)
    masked = any(each.has_masks for each in pairs)
    names_of_key = facts.primary_key or (pairs[0].settings.key if side == "legacy" else None) or ()
    key = [each for each in map(facts.column, names_of_key) if each is not None]
    texts = [
        stack.dialect.canonical(column(each.name), each, each.family, ColumnRules()) for each in key
    ]
    names = " and ".join(repr(each.name) for each in pairs)
    for condition, said in (
        (times == none, f"none of the pairs {names}: their filters leave a gap"),
        (times > one, f"several of the pairs {names}: their filters overlap"),
    ):
        rows = select(func.count()).select_from(source_of(facts)).where(condition)
        few = select(*texts).select_from(source_of(facts)).where(condition).limit(_MOST_NAMED)
        with stack.transaction(place) as connection, stack.guard(place, discreet=masked):
            count = connection.scalar(rows) or 0
            named = connection.execute(few).all() if count and texts and not masked else []
            _require_unaltered(run, side, place, connection, facts)
        if count:
            shown = [
                " ".join(f"{each.name} = {value!r}" for each, value in zip(key, row, strict=True))
                for row in sorted(named, key=repr)
            ]
            such_as = f" ({'; '.join(shown)}{', ...' if count > len(shown) else ''})"
            yield (
                f"{count:,} {side} rows of {facts.schema}.{name} are in {said}"
                f"{such_as if shown else ''}"
            )


def _require_unaltered(
    run: Run, side: Side, place: Place, connection: Connection, facts: TableFacts
) -> None:
    """Raise :class:`NotProven` if a table that was read was altered after the snapshot."""
    own = [each for each in (facts, *facts.reads) if not each.sql]
    run.stacks[side].require_unaltered(place, connection, own)


def places_read(run: Run, side: Side) -> dict[Place, list[TablePair]]:
    """Return the places that the run reads on ``side``, each with the pairs that are read there."""
    stack = run.settings.stack(side)
    places: dict[Place, list[TablePair]] = {}
    for pair in run.pairs.values():
        tenancy = pair.tenancy(side)
        owners = run.selected if tenancy.per_place else (None,)
        for place in {place_of(stack, tenancy, owner) for owner in owners}:
            places.setdefault(place, []).append(pair)
    return places


def unused_sources(run: Run, side: Side) -> Iterator[str]:
    """Yield a reason for each source that is not compared, not a key map, and not ignored."""
    for name in coverage_gaps(
        run.settings, [*run.pairs.values()], side, run.settings.sources.get(side, {})
    ):
        yield (
            f"the source {name} ([sources.{side}]) is neither compared nor ignored; pair it, "
            f'give a reason ([ignore.tables] "{side}.{name}" = "..."), or take it out'
        )


def _gaps(run: Run, side: Side, place: Place, pairs: list[TablePair]) -> list[str]:
    catalog = run.stacks[side].catalog(place)
    sources = run.settings.sources.get(side, {})
    tables = [name for name in catalog.stored_tables if name not in sources]
    if not tables:
        raise NotProven(f"the {side} schema {catalog.schema!r} has no tables, or does not exist")
    reasons = [f"{catalog.hidden} on the {side} stack"] if catalog.hidden else []
    for name in coverage_gaps(run.settings, pairs, side, tables):
        if side == "legacy":
            way = f'pair it ([tables.{toml_key(name)}] modern = "...")'
        else:
            near = toml_key(nearest(name, run.pairs))
            way = f'pair it with a legacy table ([tables.{near}] modern = "{name}")'
        reasons.append(
            f"the {side} table {catalog.schema}.{name} is neither compared nor ignored; {way}, "
            f'or give a reason ([ignore.tables] "{side}.{name}" = "...")'
        )
    return reasons
