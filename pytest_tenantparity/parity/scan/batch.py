"""Digests of up to 64 small tables by one statement per side.

Running a statement takes longer than reading a small table. If tenants have schemas or databases of
their own, one UNION ALL therefore digests many small tables. Each branch returns the number of its
table, the count of rows, the count of hashes, and the exact sum of the hashes. Values of different
tables are not combined. Tables with equal digests are proven equal. Any other table is left to its
own check.

The statement is built and compiled once for all batches of the same structure. Its tables have
numbers instead of schemas. SQLAlchemy replaces the numbers by the schemas of each batch
(``schema_translate_map``).

If tenants share the table on one side, one scan of that side digests each tenant's rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Event

from sqlalchemy import (
    Connection,
    MetaData,
    Table,
    func,
    literal_column,
    select,
    union_all,
)

from ...errors import ConnectionLost, NotProven
from ...inventory import Place, TablePair
from ...mapping.connected_pair import connected
from ...model import SIDES, SLOW, UNTOLD, Reading, Side, Tenant
from ...stacks import TableFacts
from ..compare.row_diff import RowDiff
from ..locate.peeling import TenantResult
from ..read.access_path import way_of
from ..read.both_sides import BothSides
from ..read.digest import Digest
from ..read.open_pair import opened_in
from ..read.reader import SideReader
from ..run import Run
from .plan import (
    Batch,
    Batches,
    Key,
    Member,
    Statement,
    Structure,
    member_of,
    plan,
    structure_key,
)
from .shared import SharedResult, shared_digest

# Sessions that hold locks do not wait for the throttle. If the server is too busy, the batch fails.
_NO_WAIT = Event()
_NO_WAIT.set()
BY_ONE_STATEMENT = "small tables by one statement"


@dataclass(frozen=True)
class _Result:
    """The digests of the tables that are equal, or the reason why no table was read."""

    equal: Mapping[Key, Digest] = field(default_factory=dict)
    failure: str = ""


def batch_result(
    run: Run, batches: Batches, pair: TablePair, tenant: Tenant
) -> SharedResult | None:
    """Return the batch's result for a tenant's table, or None if its check has to run alone."""
    if not any(pair.tenancy(side).per_place for side in SIDES):
        return None
    if not batches.planned:
        plan(run, batches)
    batch = batches.of.get((pair.name, tenant.id))
    if batch is None or len(batch.keys) == 1:
        return None
    if batch.results is None:
        try:
            batches.keep(batch, _run(run, batches, batch))
        except ConnectionLost:  # each check waits and tries again by itself
            batches.keep(batch, {})
    return (batch.results or {}).get((pair.name, tenant.id))


# ---- run


def _run(run: Run, batches: Batches, batch: Batch) -> dict[Key, SharedResult]:
    """Run a batch, or read its result if another process has run it."""
    given = (member_of(run, run.pairs[n], run.tenants[t]) for n, t in batch.keys)
    members = [member for member in given if member is not None]
    masked = any(member.pair.has_masks for member in members)
    found: list[tuple[Member, Structure]] = []
    try:
        found = _with_structures(run, batches, members)
        question = f"batch of {batch.keys}"
        result = run.shared_cache.ask(
            question, _Result, lambda: _result(run, batches, found, masked=masked)
        )
    except ConnectionLost:
        raise
    except NotProven as error:
        result = _Result(failure=str(error))
    if result.failure:
        names = ", ".join(dict.fromkeys(name for name, _ in batch.keys))
        run.notes.take(
            f"{SLOW}the small tables {names} were read one by one, since one statement for all of "
            f"them failed: {UNTOLD if masked else result.failure}"
        )
    results: dict[Key, SharedResult] = {}
    for member, structure in found:
        for reading in () if result.failure else structure.readings:
            run.notes.take(reading)
        if (digest := result.equal.get(member.key)) is not None:
            equal = TenantResult(digest, digest, RowDiff())
            enforced = structure.keys_enforced
            results[member.key] = SharedResult(structure.plan, structure.digest, equal, enforced)
    return results


def _with_structures(
    run: Run, batches: Batches, members: Sequence[Member]
) -> list[tuple[Member, Structure]]:
    """Return the members whose columns can be planned, each with its structure.

    The checks of the other members find the reasons.
    """
    known = batches.structures
    keys = [structure_key(run, member) for member in members]
    found = []
    with ExitStack() as cleanup:
        connections: Mapping[Side, Connection] = {}
        for member, key in zip(members, keys, strict=True):
            if key not in known:
                connections = connections or cleanup.enter_context(connected(run, member.places))
                try:
                    batches.keep_structure(key, _structure(run, member, connections))
                except ConnectionLost:
                    raise
                except NotProven:
                    continue
            found.append((member, known[key]))
    return found


def _structure(run: Run, member: Member, connections: Mapping[Side, Connection]) -> Structure:
    pair, tenant = member.pair, member.tenant
    opened = opened_in(connections, run, pair, tenant, member.places, member.tables)
    scopes = {side: replace(opened.rows_of(side, tenant), wide=False) for side in SIDES}
    readers = {side: opened.reader(side, scopes[side]) for side in SIDES}
    hows = {side: f"each tenant {way_of(opened, side)}, {BY_ONE_STATEMENT}" for side in member.own}
    return Structure(
        structure_key(run, member),
        opened.plan,
        opened.digest_name,
        opened.keys_enforced,
        readers,
        {side: table.name for side, table in member.tables.items()},
        {side: reader.row_hash for side, reader in readers.items()},
        [Reading(pair.name, side, how) for side, how in hows.items()],
    )


def _result(
    run: Run, batches: Batches, found: Sequence[tuple[Member, Structure]], *, masked: bool
) -> _Result:
    """Digest the tables, and return the digests of those that are equal.

    If the statement fails, the checks of the tables find the reason again.
    """
    try:
        legacy, modern = _digests(run, batches, found, masked=masked)
    except ConnectionLost:
        raise
    except NotProven as error:
        return _Result(failure=str(error))
    sides = zip(found, legacy, modern, strict=True)
    return _Result(
        {
            member.key: here
            for (member, _), here, there in sides
            if here is not None and there is not None and here == there
        }
    )


def _digests(
    run: Run, batches: Batches, found: Sequence[tuple[Member, Structure]], *, masked: bool
) -> tuple[list[Digest | None], list[Digest | None]]:
    """Return each side's digests, with None for a table in which some rows could not be hashed."""
    if not found:
        return [], []
    digests: dict[Side, list[Digest | None]] = {
        side: [
            None if side in m.own else _shared_digest(run, batches, m, s, side) for m, s in found
        ]
        for side in SIDES
    }
    places = found[0][0].places
    for side in SIDES:
        with run.stacks[side].guard(places[side]):
            pass  # the guard waits for the throttle before any lock is held
    with connected(run, places) as connections:

        def reader(side: Side) -> SideReader:
            stack, own = run.stacks[side], found[0][1].readers[side]
            guard = partial(stack.guard, places[side], discreet=masked, stop=_NO_WAIT)
            return replace(own.by((connections[side], guard)), stop=Event())

        def read(side: Side) -> None:
            own = [n for n, (member, _) in enumerate(found) if side in member.own]
            tables = [found[n][0].tables[side] for n in own]
            if own:
                statement = _statement(batches, side, tuple(found[n][1] for n in own))
                answers = _read(run, side, places[side], connections[side], statement, tables)
                for n, digest in zip(own, answers, strict=True):
                    digests[side][n] = digest

        legacy, modern = map(reader, SIDES)
        limits = run.limits
        sides = BothSides(legacy, modern, run.pool, run.cancel, run.give_up, limits)
        sides.both(lambda: read("legacy"), lambda: read("modern"))
    return digests["legacy"], digests["modern"]


def _shared_digest(
    run: Run, batches: Batches, member: Member, structure: Structure, side: Side
) -> Digest | None:
    """Return the digest of a tenant's rows of a table that other tenants share."""
    tenants = [run.tenants[each] for each in batches.sharing[structure.key]]
    return shared_digest(
        run, batches.shared, member.pair, tenants, member.tenant, side, structure.key
    )


def _statement(batches: Batches, side: Side, structures: tuple[Structure, ...]) -> Statement:
    """Return the statement that digests tables of some structures, in schemas named 0, 1, ..."""
    known, layout = batches.statements, (side, structures)
    if layout not in known:
        branches = []
        for number, structure in enumerate(structures):
            reader, row_hash = structure.readers[side], structure.hashes[side]
            table = Table(structure.tables[side], MetaData(), schema=str(number))
            rows = select(row_hash.label("parity_row_hash")).select_from(table)
            hashed = reader.dialect.once(rows.where(reader.scope.condition)).subquery("hashed")
            one = hashed.c.parity_row_hash
            sums = func.count(), func.count(one), reader.dialect.exact_sum(one)
            branches.append(select(literal_column(str(number)), *sums).select_from(hashed))
        batches.keep_statement(layout, Statement(union_all(*branches)))
    return known[layout]


def _read(
    run: Run,
    side: Side,
    place: Place,
    connection: Connection,
    statement: Statement,
    tables: Sequence[TableFacts],
) -> list[Digest | None]:
    dialect = run.stacks[side].dialect
    schemas = {str(number): table.schema for number, table in enumerate(tables)}
    options = {"schema_translate_map": schemas, "compiled_cache": statement.compiled}
    dialect.hold_small(connection, tables, run.limits)
    found: list[Digest | None] = [None] * len(tables)
    for number, rows, hashed, total in connection.execute(statement.sql, execution_options=options):
        if rows == hashed:
            found[int(number)] = Digest(rows, int(total or 0))
    run.stacks[side].require_unaltered(place, connection, tables)
    return found
