"""A table pair that is open for reading: its digest, and the readers of both sides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from threading import Event

from sqlalchemy import Connection

from ...errors import NotProven
from ...inventory import Place, TablePair
from ...mapping.columns import ColumnPair
from ...mapping.connected_pair import ConnectedPair, connected, plan_pair
from ...mapping.description import described
from ...mapping.filters import filter_rules
from ...mapping.table_lookup import located
from ...mapping.tenancy_sql import Scope
from ...model import SIDES, NamedRule, Side, Tenant
from ...stacks import Portable, Stack, TableFacts
from ...stacks.dialects import Item
from ..progress import Scan, teller
from ..run import Run
from .access_path import note_scan
from .both_sides import BothSides
from .chunks import Chunks
from .reader import Session, SideReader


@dataclass(frozen=True)
class OpenPair(ConnectedPair):
    """A connected pair that can be read."""

    run: Run

    def sides(self, scope_on: Callable[[Side], Scope]) -> BothSides:
        """Return both sides, each limited to the rows of its scope."""
        run = self.run

        def noted(side: Side) -> SideReader:
            reader = self.reader(side, scope_on(side))
            return replace(reader, note=partial(note_scan, run, self, side, reader.scope))

        legacy, modern = map(noted, SIDES)
        return BothSides(legacy, modern, run.pool, run.cancel, run.give_up, run.limits)

    @property
    def digest_name(self) -> str:
        """The fastest digest that both servers compute alike.

        Raises :class:`NotProven` if there is none.
        """
        stacks = self.run.stacks
        legacy, modern = (stacks[side].database(self.places[side]) for side in SIDES)
        encodings = {legacy.server.encoding, modern.server.encoding}
        if len(encodings) > 1 and "SQL_ASCII" in encodings:
            bare = "legacy" if legacy.server.encoding == "SQL_ASCII" else "modern"
            raise NotProven(
                f"the {bare} database keeps bytes without an encoding (SQL_ASCII), which the other "
                "does not; nobody knows which characters the bytes are",
                cause="SQL_ASCII",
                about=bare,
            )
        both = [name for name in legacy.digests if name in modern.digests]
        if legacy.server.encoding != modern.server.encoding:
            # A native hash is computed from bytes, which differ in another encoding.
            both = [name for name in both if name in set(Portable)]
        if not both:
            raise NotProven(
                "both servers have no digest in common that can be trusted; is their connection "
                f"UTF-8? {'; '.join(self.refusals)}"
            )
        return both[0]

    @property
    def refusals(self) -> list[str]:
        """The digests that cannot be trusted, each with its side and the reason."""
        return [
            f"{side}, {digest}: {why}"
            for side in SIDES
            for digest, why in self.run.stacks[side].database(self.places[side]).refused.items()
        ]

    def portable_digest(self, side: Side) -> Portable:
        """Return the fastest digest that a server computes as Python does.

        Raises :class:`NotProven` if there is none.
        """
        known = self.run.stacks[side].database(self.places[side]).digests
        digest = next((each for each in Portable if each in known), None)
        if digest is None:
            raise NotProven(f"the {side} server has no portable digest: {'; '.join(self.refusals)}")
        return digest

    def reader(self, side: Side, scope: Scope) -> SideReader:
        """Return the reader of ``side``, limited to the rows of ``scope``."""
        run, place, connection = self.run, self.places[side], self.connections[side]
        stack, stop, keys = run.stacks[side], Event(), self.plan.key

        def guard(stack: Stack) -> AbstractContextManager[None]:
            return stack.guard(place, discreet=self.pair.has_masks, stop=stop)

        @contextmanager
        def helped(helper: Stack) -> Iterator[Session]:
            with helper.transaction(place) as connection:
                yield connection, partial(guard, helper)

        def items(columns: Iterable[ColumnPair]) -> list[Item]:
            return [each.item(side, stack.dialect, each.on(side).value) for each in columns]

        chunks = None
        if scope.wide:
            with guard(stack):
                extent = stack.dialect.extent(connection, self.tables[side], run.limits)
            if extent is not None:  # else the table is small, or cannot be divided
                tell = teller(run.watch, Scan(self.pair.name, side, str(place)))
                chunks = Chunks(extent, stack.settings, stop.wait, tell, run.limits)
        is_number = len(keys) == 1 and keys[0].is_whole_number
        fits_64_bits = is_number and all(
            run.stacks[each].dialect.holds_in_64_bits(keys[0].on(each).facts) for each in SIDES
        )
        return SideReader(
            connection=connection,
            dialect=stack.dialect,
            scope=scope,
            items=items(self.plan.columns),
            key=[each.canonical(side, stack.dialect) for each in keys],
            placed_by=items(each for each in keys if each.has_one_text),
            number=keys[0].on(side).value if fits_64_bits else None,
            salt=run.salt,
            digest_name=self.digest_name,
            rows_about=self.tables[side].rows,
            guard=partial(guard, stack),
            chunks=chunks,
            helpers=[partial(helped, each) for each in stack.helpers()],
            cancel=stack.cancel,
            stop=stop,
        )


@contextmanager
def open_pair(
    run: Run, pair: TablePair, tenant: Tenant | None, *, of_nobody: bool = False
) -> Iterator[OpenPair]:
    """Open both sides of a pair where the tenant's rows are. Raises :class:`NotProven`.

    ``of_nobody``: the unassigned rows are read, so their discriminator values are not known.
    """
    places, tables = located(run, pair, tenant)
    with connected(run, places) as connections:
        yield opened_in(connections, run, pair, tenant, places, tables, of_nobody=of_nobody)


def opened_in(
    connections: Mapping[Side, Connection],
    run: Run,
    pair: TablePair,
    tenant: Tenant | None,
    places: Mapping[Side, Place],
    tables: Mapping[Side, TableFacts],
    *,
    of_nobody: bool = False,
) -> OpenPair:
    """Return a pair, opened by connections to the tenant's places. Raises :class:`NotProven`."""
    plan = plan_pair(connections, run, pair, tenant, places, tables, of_nobody=of_nobody)
    opened = OpenPair(run, pair, places, tables, connections, plan, run)
    with suppress(NotProven):  # without a digest, each check reports the reason
        if opened.digest_name == Portable.SHA256:
            why = "; ".join(each for each in opened.refusals if Portable.MD5 in each)
            rule = f"rows are hashed by SHA-256, since MD5 cannot be used: {why}"
            opened.plan.rules.append(NamedRule(rule))
    opened.plan.rules += filter_rules(run, pair)
    run.notes.take(described(opened))
    return opened
