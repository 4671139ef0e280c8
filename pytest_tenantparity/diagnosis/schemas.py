"""Examine one side: its schema, and what its role may read."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field

from ..errors import NotProven, counted, nearest
from ..inventory import Place, is_ignored, place_of, place_of_shared
from ..mapping.table_lookup import no_tables
from ..model import ServerFacts, Side
from ..parity import Run
from ..stacks import Catalog, Dialect, MissingRight
from .obstacles import Cure, Diagnosis, Means, Obstacle, Severity, StackSummary, listed
from .settings_file import SettingsFile


@dataclass
class SideState:
    """What was found of one side.

    - ``unreadable``: the tables that the role may not read.
    - ``hidden``: whether tables could be hidden from the role.
    - ``is_empty``: whether there are no tables at all. ``empty`` are the schemas without tables.
    - ``catalogs``: those that could be read, by place.
    """

    unreadable: set[str] = field(default_factory=set)
    hidden: bool = False
    is_empty: bool = False
    empty: set[str] = field(default_factory=set)
    catalogs: dict[Place, Catalog] = field(default_factory=dict)


def examine_side(found: Diagnosis, file: SettingsFile, run: Run, side: Side) -> SideState:
    """Note what is wrong with the schema of a side, and with the rights of its role."""
    state = SideState()
    stack, settings = run.stacks[side], run.settings.stack(side)
    places = _places(run, side)
    shared = place_of_shared(settings)
    server = stack.database(shared).server
    catalogs = state.catalogs
    for place in places:
        try:
            catalogs[place] = stack.catalog(place)
        except NotProven:  # the database could not be opened, which is noted
            continue
    sources = run.settings.sources.get(side, {})
    tables = sum(len(set(each.stored_tables) - sources.keys()) for each in catalogs.values())
    names = listed(sorted({each.schema for each in catalogs.values()}), 2)
    said = f"{server.product} {re.split('[ -]', server.version)[0]}"
    said += f", {server.user}" if server.user else ""
    said += f", schema {names}" if names else ""
    found.stacks.append(StackSummary(side, f"{said}: {counted(tables, 'table')}"))
    _note_version(found, stack.dialect, side, server)
    state.is_empty = not tables
    empty = [place for place, each in catalogs.items() if not each.tables]
    for place, catalog in catalogs.items():
        if place in empty and len(places) > 1 and place == shared:
            continue  # tenants have their own places, and nothing is shared
        if place in empty:
            _note_empty(found, file, run, side, place, catalog)
            state.empty.add(catalog.schema)
            continue
        wanted = _tables_read(run, side, catalog)
        for right in _missing(found, run, side, place, catalog, wanted):
            _note_right(found, side, right, catalog)
            state.unreadable |= set(right.tables or catalog.tables)
            state.hidden |= bool(catalog.hidden)
    return state


def _places(run: Run, side: Side) -> list[Place]:
    """Return the places of the tables of one side."""
    stack = run.settings.stack(side)
    places = {place_of_shared(stack): None}
    for pair in run.pairs.values():
        tenancy = pair.tenancy(side)
        if tenancy.per_place:
            places |= dict.fromkeys(place_of(stack, tenancy, each) for each in run.selected)
    return list(places)


def _tables_read(run: Run, side: Side, catalog: Catalog) -> set[str]:
    """Return the tables of one side that an audit reads, as far as both sides have them."""
    other: Side = "modern" if side == "legacy" else "legacy"
    theirs: set[str] = set()
    for place in _places(run, other):
        with suppress(NotProven):
            theirs |= run.stacks[other].catalog(place).tables.keys()
    read: set[str] = set()
    for pair in run.pairs.values():
        if theirs and not pair.tables_of(run.settings, other, theirs):
            continue  # it is compared with nothing
        read |= {*pair.tables_of(run.settings, side, catalog.tables)}
        read |= {hop.table for hop in pair.tenancy(side).hops}
    read |= {table for stack, table in run.settings.used_maps if stack == side}
    if not run.pairs:
        read |= {n for n in catalog.stored_tables if not is_ignored(run.settings, side, n)}
    return read | {
        each.name for name in read & catalog.tables.keys() for each in catalog.tables[name].reads
    }


def _note_version(found: Diagnosis, dialect: Dialect, side: Side, server: ServerFacts) -> None:
    if too_old(dialect, server):
        least = ".".join(map(str, dialect.oldest[server.product]))
        said = f"the {side} server is {server.product} {server.version}, and {least} is the oldest"
        cause = f"{side} version"
        found.add(Obstacle(Severity.STOPS, cause, f"{said} that can be compared soundly"))


def too_old(dialect: Dialect, server: ServerFacts) -> bool:
    """Whether a server is older than the oldest version that can be compared soundly."""
    oldest = dialect.oldest.get(server.product, ())
    version = re.findall("[0-9]+", server.version)[: len(oldest)]
    return tuple(map(int, version)) < oldest


def _missing(
    found: Diagnosis, run: Run, side: Side, place: Place, catalog: Catalog, wanted: set[str]
) -> list[MissingRight]:
    """Return the rights that a role lacks to read tables of a place."""
    stack = run.stacks[side]
    try:
        with stack.transaction(place) as connection, stack.guard(place):
            return stack.dialect.missing_rights(connection, catalog.schema, wanted)
    except NotProven as error:
        found.skipped.append(f"rights of the {side} role: {error}")
        return []


def _note_right(found: Diagnosis, side: Side, right: MissingRight, catalog: Catalog) -> None:
    severity = Severity.NOT_PROVEN if right.tables or catalog.hidden else Severity.STOPS
    cure = Cure(Means.SQL, right.grant, f"on the {side} server, as an administrator")
    said = f"the {side} role lacks {right.what}"
    found.add(Obstacle(severity, said, said, (cure,), right.tables))


def _note_empty(
    found: Diagnosis, file: SettingsFile, run: Run, side: Side, place: Place, catalog: Catalog
) -> None:
    stack = run.stacks[side]
    others: dict[str, int] = {}
    try:
        with stack.transaction(place) as connection, stack.guard(place):
            others = stack.dialect.tables_by_schema(connection)
    except NotProven:
        pass
    others.pop(catalog.schema, None)
    said = f"the {side} schema {catalog.schema} has no tables, or does not exist"
    if place != place_of_shared(run.settings.stack(side)):  # of one tenant
        said = f"{side} schemas of tenants that have no tables, or do not exist"
        affected = (place.database or catalog.schema,)
        found.add(Obstacle(Severity.NOT_PROVEN, said, said, affected=affected))
        return
    if not others:
        found.add(Obstacle(Severity.STOPS, no_tables(side), said))
        return
    tables = sorted(others.items(), key=lambda each: (-each[1], each[0]))
    best = nearest(catalog.schema, others) or tables[0][0]
    shown = listed(f"{name} has {counted(number, 'table')}" for name, number in tables)
    cure = file.cure((side, "schema"), best)
    found.add(Obstacle(Severity.STOPS, no_tables(side), f"{said}; {shown}", (cure,)))
