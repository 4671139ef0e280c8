"""The tenants' rows and the unassigned rows add up to all rows; each number is counted itself."""

from __future__ import annotations

import pytest

from pytest_tenantparity.model import Account, Side
from pytest_tenantparity.parity import Audit

from ..support.engine_driver import Engine, Run
from ..support.expectations import assert_not_proven

TENANTS = "[tenants.a]\n[tenants.b]\n"
BY_TENANT = 'tenancy = {column = "tenant"}'


def audit_all(run: Run) -> None:
    """Compare the rows of all tenants, which also counts them."""
    for tenant in ("a", "b"):
        run.audit(tenant, "t")


@pytest.mark.parametrize("lost", [1, -1])
def test_rows_that_a_scan_lost_are_not_of_no_tenant(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, lost: int
) -> None:
    """If the tenants' scans counted too few rows, or too many, the check is NOT PROVEN."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, tenant text)")
    engine.both("INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'b')")
    with engine.opened(TENANTS, legacy=BY_TENANT, modern=BY_TENANT) as run:
        audit_all(run)
        evidence = run.audit("unassigned", "t")
        assert evidence.accounts == (Account("legacy", 3, 3, 0), Account("modern", 3, 3, 0))
        counted = Audit.counted

        def other(self: Audit, table: str, side: Side) -> int | None:
            found = counted(self, table, side)
            return None if found is None else found - lost

        monkeypatch.setattr(Audit, "counted", other)
        assert_not_proven(run.audit("unassigned", "t"), "do not add up")


def test_rows_of_no_tenant_are_counted_beside_the_scans(engine: Engine) -> None:
    """Rows of an unknown tenant and of none are counted by a condition, not by subtraction."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, tenant text)")
    engine.both("INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, NULL), (4, 'x')")
    with engine.opened(TENANTS, legacy=BY_TENANT, modern=BY_TENANT) as run:
        audit_all(run)
        evidence = run.audit("unassigned", "t")
    assert evidence.accounts == (Account("legacy", 4, 2, 2), Account("modern", 4, 2, 2))
    assert evidence.drift.total == 4


def test_the_counts_of_scans_do_not_depend_on_the_order_of_checks(engine: Engine) -> None:
    """A process that checks the unassigned rows first counts the tenants' rows by their scans, too.

    Under xdist, the tenants' checks can be those of another process.
    """
    engine.both("CREATE TABLE t (id int PRIMARY KEY, tenant text)")
    engine.both("INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'b'), (4, 'x')")
    with engine.opened(TENANTS, legacy=BY_TENANT, modern=BY_TENANT) as run:
        first = run.audit("unassigned", "t")
        assert run.audited.counted("t", "legacy") == 3
        audit_all(run)
        assert run.audit("unassigned", "t").accounts == first.accounts
    assert first.accounts == (Account("legacy", 4, 3, 1), Account("modern", 4, 3, 1))
