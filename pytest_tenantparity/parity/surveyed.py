"""What a check can learn from one scan for several tenants, which the first one of them makes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ..errors import ConnectionLost, NotProven, counted
from ..inventory import TablePair
from ..model import SLOW, UNTOLD, RowCounts, Tenant
from ..stacks import retried
from .columns import ColumnPlan
from .context import Context
from .contradiction import Contradiction, Unseen
from .once import Once
from .opened import OpenPair, open_pair
from .source import Sides
from .surplus import Surplus
from .survey import Survey, survey
from .together import together_with


@dataclass(frozen=True)
class Shown:
    """What a survey shows of one tenant; ``surplus`` is None where its rows have to be asked."""

    plan: ColumnPlan
    digest: str
    rows: RowCounts
    surplus: Surplus | None
    settled: bool  # nothing else is to be asked: the rows are equal, and their keys unique


@dataclass(frozen=True)
class Surveyed:
    """A survey, if one could be made, and how its columns were compared."""

    plan: ColumnPlan
    digest: str
    keys_enforced: bool
    survey: Survey | None
    contradiction: str = ""
    failure: str = ""

    def of(self, tenant: str) -> Shown | None:
        """Return what it shows of a tenant; raises :class:`NotProven`."""
        if self.contradiction:
            raise Contradiction(self.contradiction)
        if self.survey is None or tenant not in self.survey.counts:
            return None
        rows = self.survey.counts[tenant]
        if tenant not in self.survey.differing:
            return Shown(self.plan, self.digest, rows, Surplus(), self.keys_enforced)
        surplus = self.survey.differing[tenant]
        if surplus is not None and not surplus:
            raise Unseen
        return Shown(self.plan, self.digest, rows, surplus, settled=False)


@dataclass(frozen=True)
class _Answer:
    """A survey; None where each tenant is to be asked apart, or where it contradicts itself.

    ``failure`` says why each tenant is to be asked apart.
    """

    survey: Survey | None = None
    contradiction: str = ""
    failure: str = ""


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
    if failure := context.surveys[name].failure:
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
        return Surveyed(
            opened.plan,
            opened.digest_name,
            opened.keys_enforced,
            found.survey,
            found.contradiction,
            found.failure,
        )


def _answer(opened: OpenPair, tenants: Sequence[Tenant]) -> _Answer:
    """Make the survey. A lost connection is no answer: whoever asks next may have better luck."""

    def sides_of(owners: Collection[str]) -> Sides:
        some = [each for each in tenants if each.id in owners]
        return opened.sides(lambda side: opened.all_of(side, some))

    try:
        return _Answer(survey(sides_of, {each.id: each for each in tenants}.keys()))
    except ConnectionLost:
        raise
    except Contradiction as error:  # who asks again, each tenant apart, might not meet with it
        return _Answer(contradiction=str(error))
    except NotProven as error:  # what stands in the way is found again by each of them
        return _Answer(failure=str(error))
