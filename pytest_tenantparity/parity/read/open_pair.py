"""A table pair that is open for reading: its digest, and the readers of both sides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from threading import Event

from sqlalchemy import ColumnElement, Connection

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
from ..progress import Scan, Teller
from ..run import Run
from .access_path import noted
from .both_sides import BothSides
from .chunks import Chunks
from .reader import Session, SideReader

ScopeMaker = Callable[[Side], Scope]


@dataclass(frozen=True)
class OpenPair(ConnectedPair):
    """A connected pair that can be read."""

    run: Run

    def sides(self, scope_on: ScopeMaker) -> BothSides:
        """Return both sides, each limited to the rows of its scope."""
        legacy, modern = (
            noted(self.run, self, side, self.reader(side, scope_on(side))) for side in SIDES
        )
        run = self.run
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
                "does not; nobody knows which characters the bytes are"
            )
        both = [name for name in legacy.digests if name in modern.digests]
        if legacy.server.encoding != modern.server.encoding:
            # A native hash is computed from bytes, which differ in another encoding.
            both = [name for name in both if name in set(Portable)]
        if both:
            return both[0]
        raise NotProven(
            "both servers have no digest in common that can be trusted; is their connection UTF-8? "
            + "; ".join(self._refusals)
        )

    @property
    def digest_rules(self) -> list[NamedRule]:
        """The rule for the report if rows are hashed by SHA-256, since MD5 cannot be used."""
        with suppress(NotProven):
            if self.digest_name == Portable.SHA256:
                why = "; ".join(each for each in self._refusals if Portable.MD5 in each)
                return [NamedRule(f"rows are hashed by SHA-256, since MD5 cannot be used: {why}")]
        return []

    @property
    def _refusals(self) -> list[str]:
        found = {side: self.run.stacks[side].database(self.places[side]) for side in SIDES}
        return [
            f"{side}, {digest}: {why}"
            for side, database in found.items()
            for digest, why in database.refused.items()
        ]

    def portable_digest(self, side: Side) -> Portable:
        """Return the fastest digest that a server computes as Python does.

        Raises :class:`NotProven` if there is none.
        """
        known = self.run.stacks[side].database(self.places[side]).digests
        digest = next((each for each in Portable if each in known), None)
        if digest is None:
            raise NotProven(
                f"the {side} server has no portable digest: {'; '.join(self._refusals)}"
            )
        return digest

    def reader(self, side: Side, scope: Scope) -> SideReader:
        """Return the reader of ``side``, limited to the rows of ``scope``."""
        stop = Event()
        stack = self.run.stacks[side]

        def items(columns: Iterable[ColumnPair]) -> list[Item]:
            return [each.item(side, stack.dialect, each.on(side).value) for each in columns]

        return SideReader(
            connection=self.connections[side],
            dialect=stack.dialect,
            scope=scope,
            items=items(self.plan.columns),
            key=[each.canonical(side, stack.dialect) for each in self.plan.key],
            placed_by=items(each for each in self.plan.key if each.has_one_text),
            number=self._number(side),
            salt=self.run.salt,
            digest_name=self.digest_name,
            rows_about=self.tables[side].rows,
            guard=lambda: self._guard(side, stack, stop),
            chunks=self._chunks(side, stop) if scope.wide else None,
            helpers=[partial(self._helped, side, each, stop) for each in stack.helpers()],
            cancel=stack.cancel,
            stop=stop,
        )

    def _guard(self, side: Side, stack: Stack, stop: Event) -> AbstractContextManager[None]:
        return stack.guard(self.places[side], discreet=self.pair.has_masks, stop=stop)

    @contextmanager
    def _helped(self, side: Side, helper: Stack, stop: Event) -> Iterator[Session]:
        with helper.transaction(self.places[side]) as connection:
            yield connection, lambda: self._guard(side, helper, stop)

    def _chunks(self, side: Side, stop: Event) -> Chunks | None:
        """Return the chunks in which a table is read, or None for a small table."""
        stack, limits = self.run.stacks[side], self.run.limits
        with stack.guard(self.places[side], discreet=self.pair.has_masks):
            extent = stack.dialect.extent(self.connections[side], self.tables[side], limits)
        if extent is None:
            return None
        tell = Teller(self.run.watch, Scan(self.pair.name, side, str(self.places[side])))
        return Chunks(extent, stack.settings, stop.wait, tell, limits)

    def _number(self, side: Side) -> ColumnElement[object] | None:
        """Return the key itself if it is one whole number of 64 bits on both sides, or None."""
        if len(self.plan.key) != 1 or not self.plan.key[0].is_whole_number:
            return None
        (key,) = self.plan.key
        stacks = self.run.stacks
        fits = all(stacks[each].dialect.holds_in_64_bits(key.on(each).facts) for each in SIDES)
        return key.on(side).value if fits else None


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
    opened.plan.rules += [*opened.digest_rules, *filter_rules(run, pair)]
    run.notes.take(described(opened))
    return opened
