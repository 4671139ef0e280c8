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

from collections.abc import Hashable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from threading import Event
from typing import Any

from sqlalchemy import Connection, MetaData, Table, func, literal_column, select, union_all

from ...errors import ConnectionLost, NotProven
from ...inventory import TablePair
from ...mapping.connected_pair import connected
from ...model import SIDES, SLOW, UNTOLD, Reading, Side, Tenant
from ..compare.row_diff import RowDiff
from ..locate.peeling import TenantResult
from ..read.access_path import way_of
from ..read.both_sides import BothSides
from ..read.digest import EMPTY, Digest
from ..read.open_pair import open_pair, opened_in
from ..read.reader import SideReader
from ..run import Run
from .plan import Batch, Batches, Key, Member, Structure, member_of, plan
from .shared import SharedResult, note_failure

# Sessions that hold locks do not wait for the throttle. If the server is too busy, the batch fails.
_NO_WAIT = Event()
_NO_WAIT.set()
BY_ONE_STATEMENT = "small tables by one statement"
_STRUCTURES = 1_024
_STATEMENTS = 16
"""Statements that a process holds, of both sides, each in its compiled form."""


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


def _run(run: Run, batches: Batches, batch: Batch) -> dict[Key, SharedResult]:
    """Run a batch, or read its result if another process has run it."""
    given = (member_of(run, run.pairs[n], run.tenants[t]) for n, t in batch.keys)
    members = [member for member in given if member is not None]
    masked = any(member.pair.has_masks for member in members)
    equal: dict[Key, Digest] | NotProven
    try:
        found = _with_structures(run, batches, members)
        question = f"batch of {batch.keys}"
        equal = run.shared_cache.ask(
            question, dict, lambda: _equal(run, batches, found, masked=masked)
        )
    except ConnectionLost:
        raise
    except NotProven as error:
        equal = error
    if isinstance(equal, NotProven):  # the checks of the tables find the reason again
        names = ", ".join(dict.fromkeys(name for name, _ in batch.keys))
        run.notes.take(
            f"{SLOW}the small tables {names} were read one by one, since one statement for all of "
            f"them failed: {UNTOLD if masked else equal}"
        )
        return {}
    results: dict[Key, SharedResult] = {}
    for member, (opened, readers) in found:
        for side in member.own:
            how = f"each tenant {way_of(opened, side)}, {BY_ONE_STATEMENT}"
            run.notes.take(Reading(member.pair.name, side, how))
        if (digest := equal.get(member.key)) is not None:
            tenant, result = member.tenant.id, TenantResult(digest, digest, RowDiff())
            results[member.key] = SharedResult(
                plan=opened.plan,
                digest=readers["legacy"].digest_name,
                keys_enforced=opened.keys_enforced,
                tenant=tenant,
                results={tenant: result},
            )
    return results


def _with_structures(
    run: Run, batches: Batches, members: Sequence[Member]
) -> list[tuple[Member, Structure]]:
    """Return the members whose columns can be planned, each with its structure.

    The checks of the other members find the reasons.
    """
    found = []
    with ExitStack() as cleanup:
        connections: Mapping[Side, Connection] = {}
        for member in members:
            tenant, places = member.tenant, member.places
            if member.structure not in batches.structures:
                connections = connections or cleanup.enter_context(connected(run, places))
                try:
                    opened = opened_in(connections, run, member.pair, tenant, places, member.tables)
                    readers = {
                        side: opened.reader(side, replace(opened.rows_of(side, tenant), wide=False))
                        for side in SIDES
                    }
                except ConnectionLost:
                    raise
                except NotProven:
                    continue
                _keep(batches.structures, member.structure, (opened, readers), _STRUCTURES)
            found.append((member, batches.structures[member.structure]))
    return found


def _keep(known: dict[Hashable, Any], key: Hashable, value: Any, most: int) -> None:
    """Keep ``value``. If more than ``most`` values are held, the oldest one is dropped."""
    known[key] = value
    if len(known) > most:
        del known[next(iter(known))]


def _equal(
    run: Run, batches: Batches, found: Sequence[tuple[Member, Structure]], *, masked: bool
) -> dict[Key, Digest]:
    """Digest the tables, and return the digests of those that are equal."""
    if not found:
        return {}
    digests: dict[Side, dict[Key, Digest | None]] = {
        side: {
            member.key: _shared_digest(run, batches, member, side)
            for member, _ in found
            if side not in member.own
        }
        for side in SIDES
    }
    first, (_, readers) = found[0]
    for side in SIDES:
        with run.stacks[side].guard(first.places[side]):
            pass  # the guard waits for the throttle before any lock is held
    with connected(run, first.places) as connections:

        def reader(side: Side) -> SideReader:
            place = first.places[side]
            guard = partial(run.stacks[side].guard, place, discreet=masked, stop=_NO_WAIT)
            return replace(readers[side].by((connections[side], guard)), stop=Event())

        def read(side: Side) -> None:
            own = [(member, structure) for member, structure in found if side in member.own]
            if own:
                digests[side] |= _read(run, batches, side, connections[side], own)

        legacy, modern = map(reader, SIDES)
        sides = BothSides(legacy, modern, run.pool, run.cancel, run.give_up, run.limits)
        sides.both(lambda: read("legacy"), lambda: read("modern"))
    return {
        key: digest
        for key, digest in digests["legacy"].items()
        if digest is not None and digest == digests["modern"].get(key)
    }


def _read(
    run: Run,
    batches: Batches,
    side: Side,
    connection: Connection,
    own: Sequence[tuple[Member, Structure]],
) -> dict[Key, Digest]:
    """Return the digests of one side's tables by one statement.

    A table in which some rows could not be hashed is left out. The statement reads tables in
    schemas named 0, 1, ...
    """
    stack, members = run.stacks[side], [member for member, _ in own]
    tables = [member.tables[side] for member in members]
    layout = side, tuple(member.structure for member in members)
    if layout not in batches.statements:
        branches = []
        for number, (_, (opened, readers)) in enumerate(own):
            reader = readers[side]
            table = Table(opened.tables[side].name, MetaData(), schema=str(number))
            rows = select(reader.row_hash.label("parity_row_hash")).select_from(table)
            hashed = reader.dialect.once(rows.where(reader.scope.condition)).subquery("hashed")
            one = hashed.c.parity_row_hash
            sums = func.count(), func.count(one), reader.dialect.exact_sum(one)
            branches.append(select(literal_column(str(number)), *sums).select_from(hashed))
        _keep(batches.statements, layout, (union_all(*branches), {}), _STATEMENTS)
    statement, compiled = batches.statements[layout]
    schemas = {str(number): table.schema for number, table in enumerate(tables)}
    options = {"schema_translate_map": schemas, "compiled_cache": compiled}
    stack.dialect.hold_small(connection, tables, run.limits)
    found = {}
    for number, rows_there, hashed_there, total in connection.execute(
        statement, execution_options=options
    ):
        if rows_there == hashed_there:
            found[members[int(number)].key] = Digest(rows_there, int(total or 0))
    stack.require_unaltered(members[0].places[side], connection, tables)
    return found


# ---- tables that tenants share on one side only


def _shared_digest(run: Run, batches: Batches, member: Member, side: Side) -> Digest | None:
    """Return the digest of a tenant's rows of a table that other tenants share.

    One scan digests the rows of all tenants whose tables have the same structure. Returns None if
    the scan failed.
    """
    pair, key = member.pair, (member.pair.name, side, member.structure)
    tenants = [run.tenants[each] for each in batches.sharing[member.structure]]
    if key not in batches.shared:
        question = f"{side} rows of {pair.name} for {[each.id for each in tenants]}"
        batches.shared[key] = run.shared_cache.ask(
            question, dict, lambda: _digest_together(run, member, side, tenants)
        )
    found = batches.shared[key]
    if isinstance(found, NotProven):
        note_failure(run, pair, tenants, found)
        return None
    return found[member.tenant.id]


def _digest_together(
    run: Run, member: Member, side: Side, tenants: Sequence[Tenant]
) -> dict[str, Digest]:
    """Return the digest of each tenant's rows on ``side``.

    The other side is opened where ``member`` is, and not read.
    """
    with open_pair(run, member.pair, member.tenant) as opened:
        sides = opened.sides(
            lambda each: (
                opened.all_of(each, tenants)
                if each == side
                else opened.rows_of(each, member.tenant)
            )
        )
        legacy, modern = sides.both(
            lambda: sides.legacy.digests() if side == "legacy" else {},
            lambda: sides.modern.digests() if side == "modern" else {},
        )
        opened.require_unaltered()
    found = legacy | modern
    return {each.id: found.get(each.id, EMPTY) for each in tenants}
