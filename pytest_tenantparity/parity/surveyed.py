"""What a check can learn from one scan for several tenants, which the first one of them makes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from ..errors import ConnectionLost, NotProven, counted
from ..inventory import TablePair
from ..model import SLOW, UNTOLD, RowCounts, Side, Tenant
from ..stacks import retried
from .columns import ColumnPlan
from .context import Context
from .in_flight import Settled, settle
from .inconsistent import InconsistentReads
from .locate.digest import Row
from .locate.peeling import TenantResult, locate
from .once import Once
from .opened import OpenPair, open_pair
from .source import Sides
from .together import together_with


@dataclass(frozen=True)
class Shown:
    """What a scan for several checks shows of one tenant's rows of one table.

    ``shared`` is that scan, if it was one of all tenants' rows in one table.
    """

    plan: ColumnPlan
    digest: str
    result: TenantResult
    keys_enforced: bool
    shared: Surveyed | None = None

    @property
    def rows(self) -> RowCounts:
        """The number of rows on each side."""
        return self.result.rows

    @property
    def settled(self) -> bool:
        """Whether no query is left to be run: the rows are equal, and their keys unique."""
        return self.result.legacy == self.result.modern and self.keys_enforced


@dataclass(frozen=True)
class _Answer:
    """The results by tenant; or why each tenant is scanned alone, or what was inconsistent."""

    results: Mapping[str, TenantResult] = field(default_factory=dict)
    inconsistent: str = ""
    failure: str = ""


@dataclass(frozen=True)
class Surveyed:
    """The answer of a shared scan, and how its columns were compared.

    ``owners`` holds the discriminator values of keys that some tenant lost or gained, by the side
    on which they were looked up, once that was done. ``settled`` holds what became of each tenant's
    rows that differed, once they were read again.
    """

    plan: ColumnPlan
    digest: str
    keys_enforced: bool
    answer: _Answer
    owners: dict[Side, dict[Row, str | None]] = field(default_factory=dict)
    settled: dict[str, Settled] = field(default_factory=dict)

    def of(self, tenant: str) -> Shown | None:
        """Return what was found of a tenant; raises :class:`NotProven`."""
        if self.answer.inconsistent:
            raise InconsistentReads(self.answer.inconsistent)
        if tenant not in self.answer.results:
            return None
        result = self.answer.results[tenant]
        return Shown(self.plan, self.digest, result, self.keys_enforced, self)


def shown_by_survey(context: Context, pair: TablePair, tenant: Tenant) -> Shown | None:
    """Return what one scan shows of a tenant; None where each tenant is asked apart.

    That is where one goes alone (see :mod:`.together`), where their rows cannot be told apart for
    sure, and where the scan failed. Raises :class:`NotProven`.
    """
    together = together_with(context, pair, tenant)
    if not together:
        return None
    name = pair.name, together[0].id
    if name not in context.surveys:
        context.surveys[name] = retried(lambda: _survey(context, pair, together))
    if failure := context.surveys[name].answer.failure:
        failure = UNTOLD if pair.has_masks else failure
        context.notes.take(
            f"{SLOW}{pair.name} was scanned once for each tenant, since one scan for "
            f"{counted(len(together), 'tenant')} failed: {failure}"
        )
    return context.surveys[name].of(tenant.id)


def _survey(context: Context, pair: TablePair, tenants: Sequence[Tenant]) -> Surveyed:
    with open_pair(context, pair, tenants[0]) as opened:
        question = f"survey of {pair.name} for {[each.id for each in tenants]}"
        # What is not to be shown is not written down either: each process asks for itself.
        once = Once() if pair.has_masks else context.once
        found = once.ask(question, _Answer, lambda: _answer(opened, tenants))
        return Surveyed(opened.plan, opened.digest_name, opened.keys_enforced, found)


def settled_together(opened: OpenPair, shared: Surveyed, tenant: Tenant, seconds: float) -> Settled:
    """Return what became of a tenant's rows that differed; those of all tenants are read again."""
    context = opened.context
    if not shared.settled:
        suspects = {t: each.diff for t, each in shared.answer.results.items() if each.diff}
        tenants = [context.tenants[each] for each in suspects]

        def settled() -> dict[str, Settled]:
            sides = opened.sides(lambda side: opened.all_of(side, tenants))
            return settle(opened, sides, suspects, seconds)

        question = f"rows in flight of {opened.pair.name} for {sorted(suspects)}"
        once = Once() if opened.pair.has_masks else context.once
        try:
            shared.settled.update(once.ask(question, dict, settled))
        except ConnectionLost:
            raise
        except NotProven as error:
            shared.settled.update({each: Settled(failure=str(error)) for each in suspects})
    return shared.settled[tenant.id]


def _answer(opened: OpenPair, tenants: Sequence[Tenant]) -> _Answer:
    """Scan the tenants' rows. A lost connection is no answer: the next process may have one."""

    def sides_of(owners: Collection[str]) -> Sides:
        some = [each for each in tenants if each.id in owners]
        return opened.sides(lambda side: opened.all_of(side, some))

    try:
        results = locate(sides_of, [each.id for each in tenants])
        opened.require_unaltered()
        return _Answer(results)
    except ConnectionLost:
        raise
    except InconsistentReads as error:  # a scan of each tenant alone might not meet with it
        return _Answer(inconsistent=str(error))
    except NotProven as error:  # a scan of each tenant alone meets with it again
        return _Answer(failure=str(error))
