"""The verdict as a sentence."""

from __future__ import annotations

import pytest

from pytest_tenantparity.model import Evidence, Outcome, Verdict
from pytest_tenantparity.reporting import Plan, build_report

from ..support.checks import key_of
from ..support.reports import run_facts

MATCH, DRIFT, NOT_PROVEN = Outcome.PROVEN, Outcome.REFUTED, Outcome.NOT_PROVEN
BEYOND = "beyond single tenants"


@pytest.mark.parametrize(
    ("said", "statuses"),
    [
        ("GO for x. The tenant is proven equal.", {"acme": MATCH}),
        ("GO for x. All 2 tenants are proven equal.", {"acme": MATCH, "beta": MATCH}),
        ("NO-GO for x. The tenant drifts.", {"acme": DRIFT}),
        ("NO-GO for x. 1 of 2 tenants drifts.", {"acme": DRIFT, "beta": MATCH}),
        ("NO-GO for x. 2 of 2 tenants drift.", {"acme": DRIFT, "beta": DRIFT}),
        (
            f"NO-GO for x. 1 of 2 tenants drifts. 1 check {BEYOND} could not be verified.",
            {"acme": DRIFT, "beta": MATCH, "global": NOT_PROVEN},
        ),
        (
            f"NO-GO for x. 2 checks {BEYOND} drift.",
            {"acme": MATCH, "global": DRIFT, "unassigned": DRIFT},
        ),
    ],
)
def test_one_is_not_several(said: str, statuses: dict[str, Outcome]) -> None:
    """The headline uses the singular for one."""
    evidence = [Evidence(key_of(each, "trades", "t"), of) for each, of in statuses.items()]
    report = build_report(Plan("x"), evidence, len(evidence), [], run_facts())
    assert report.headline == said


def test_no_check_is_no_go() -> None:
    """A report without checks is NOT PROVEN, even if nothing speaks against it."""
    assert build_report(Plan("x"), [], 0, [], run_facts()).verdict is Verdict.NOT_PROVEN
