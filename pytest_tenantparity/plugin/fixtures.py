"""Fixtures that a test can request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from ..model import ANY_TABLE, CheckKey, Evidence, Outcome, Side, Target
from .markers import tolerance_layers
from .stash import SESSION, VIEWS

if TYPE_CHECKING:
    from ..inventory import TablePair
    from ..model import Tenant
    from ..parity import Layer, TenantView
    from .run.session import AuditSession


class Parity:
    """The check of one test."""

    def __init__(self, item: pytest.Item, session: AuditSession, key: CheckKey) -> None:
        self._item = item
        self._session = session
        self.key = key

    def check(self) -> Evidence:
        """Compare the two stacks, and return the evidence.

        The test fails if the status is NOT PROVEN. With ``--fail-on-drift`` it also fails if the
        status is DRIFT. With ``--parity-resume`` a check that an earlier run has proven is not run
        again. The report includes the returned evidence.
        """
        from .integrations import allure, junit
        from .results.failure_message import failure_message
        from .results.payload import Payload
        from .run.resume_journal import digest_of

        __tracebackhide__ = True
        layers: Sequence[Layer] = tolerance_layers(self._item)
        tolerance_digest = digest_of(layers)
        earlier = self._session.earlier.proof_of(self.key, tolerance_digest)
        evidence = earlier.evidence if earlier else self._session.audit.check(self.key, layers)
        self._session.payloads[self.key] = Payload(self.key, evidence, tolerance_digest)
        junit.note_status(self._item, evidence)
        allure.attach(self._item.config, evidence, self._session.cohort_of(self.key.tenant))
        failing = {Outcome.NOT_PROVEN}
        if self._session.fails_on_drift:
            failing.add(Outcome.REFUTED)
        if evidence.outcome in failing:
            from ..reporting import rerun_command

            rerun = rerun_command(self._session.rerun, self.key)
            pytest.fail(failure_message(evidence, rerun), pytrace=False)
        return evidence


@dataclass(frozen=True)
class PlannedTest:
    """A test that the plugin generated, and its target."""

    item: pytest.Item
    target: Target

    @property
    def session(self) -> AuditSession:
        """The audit session of this process."""
        return self.item.config.stash[SESSION]


# Only this fixture requests ``request``. For each other one that did, pytest would take 50
# microseconds more for each test.
@pytest.fixture
def parity_target(request: pytest.FixtureRequest) -> PlannedTest:
    """The target of this test. The plugin sets it; tests do not request it themselves."""
    target = getattr(request, "param", None)
    if not isinstance(target, Target):
        pytest.fail(
            "this test needs an audit, and no tenantparity.toml was found beside it or above it; "
            "write one, or name it with --parity-config",
            pytrace=False,
        )
    return PlannedTest(request.node, target)


@pytest.fixture
def parity(parity_target: PlannedTest) -> Parity:
    """The check of this test. Call ``parity.check()`` to run it."""
    from .run.items import item_key

    session = parity_target.session
    key = item_key(parity_target.item, session)
    if key is None:
        pytest.fail(f"{parity_target.target.id} was not planned by the plugin", pytrace=False)
    return Parity(parity_target.item, session, key)


@pytest.fixture
def tenant(parity_target: PlannedTest) -> Tenant:
    """The tenant of this test."""
    tenants = {each.id: each for each in parity_target.session.selection.tenants}
    target = parity_target.target
    if target.tenant not in tenants:
        pytest.fail(f"{target.whose!r} is about no single tenant", pytrace=False)
    return tenants[target.tenant]


@pytest.fixture
def table(parity_target: PlannedTest) -> TablePair:
    """The table pair of this test."""
    pairs = {pair.name: pair for pair in parity_target.session.pairs or ()}
    name = parity_target.target.table
    if name not in pairs:
        pytest.fail(f"no table {name or ANY_TABLE!r} could be discovered", pytrace=False)
    return pairs[name]


@pytest.fixture
def legacy(parity_target: PlannedTest, tenant: Tenant) -> TenantView:
    """The legacy stack, read-only, restricted to the tenant of this test."""
    return _view(parity_target, "legacy", tenant)


@pytest.fixture
def modern(parity_target: PlannedTest, tenant: Tenant) -> TenantView:
    """The modern stack, read-only, restricted to the tenant of this test."""
    return _view(parity_target, "modern", tenant)


def _view(test: PlannedTest, side: Side, tenant: Tenant) -> TenantView:
    from ..parity import TenantView

    view = TenantView(test.session.audit.run, side, tenant)
    test.item.stash.setdefault(VIEWS, []).append(view)
    return view
