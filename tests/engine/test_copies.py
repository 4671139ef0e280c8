"""Rows that one side has more often than the other: copies are not reported as lost rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from pytest_tenantparity.model import CheckKey, CheckKind, DriftCounts, Finding, Outcome

from ..support.engine_driver import Engine, seen
from ..support.expectations import assert_drift

TENANTS = "[tenants.acme]\n[tenants.beta]\n"
BY_TENANT = 'tenancy = {column = "tenant"}'
TABLES = ("loose", "keyed", "unlike", "nulls", "odd", "moved")
SETTINGS = "\n".join(
    [
        f"[pairing]\ntables = {json.dumps(TABLES)}",
        *(f'[tables.{name}]\nkey = ["k"]' for name in TABLES if name != "loose"),
        TENANTS,
    ]
)


def _tables(engine: Engine) -> None:
    for name in TABLES:
        engine.both(f"CREATE TABLE {name} (k int, v text, tenant text)")
    # Copies on both sides: 2 and 1, 3 and 2, 1 and 2, 2 and 0. Tenant beta has one of each row.
    for name in ("loose", "keyed"):
        engine.both(
            f"INSERT INTO {name} VALUES (1, 'a', 'acme'), (2, 'b', 'acme'), (2, 'b', 'acme'), "
            "(3, 'c', 'acme'), (1, 'a', 'beta'), (2, 'b', 'beta'), (4, 'd', 'beta')"
        )
        engine.legacy.run(
            f"INSERT INTO {name} VALUES (1, 'a', 'acme'), (2, 'b', 'acme'), (5, 'e', 'acme'), "
            "(5, 'e', 'acme'), (4, 'd', 'beta')"
        )
        engine.modern.run(f"INSERT INTO {name} VALUES (3, 'c', 'acme')")
    engine.both("INSERT INTO unlike VALUES (1, 'a', 'acme')")
    engine.legacy.run("INSERT INTO unlike VALUES (1, 'b', 'acme')")
    engine.both("INSERT INTO nulls VALUES (NULL, 'a', 'acme')")
    engine.legacy.run("INSERT INTO nulls VALUES (NULL, 'a', 'acme'), (NULL, 'b', 'acme')")
    engine.legacy.run("INSERT INTO odd VALUES (1, 'a', 'acme'), (1, 'b', 'acme')")
    engine.modern.run("INSERT INTO odd VALUES (1, 'c', 'acme')")
    engine.both("INSERT INTO moved VALUES (1, 'a', 'acme')")
    engine.legacy.run("INSERT INTO moved VALUES (1, 'a', 'beta')")


def test_copies_are_duplicates_and_lost_rows_are_not(engine: Engine) -> None:
    """A row is a duplicate if the other side has the same row as well, but less often.

    That holds with a key of the settings and without one, for every tenant, and for every way to
    find rows. Another row of the same key is missing, and a row of another tenant is not a copy.
    """
    _tables(engine)
    findings: list[Finding] = []

    @contextmanager
    def sink(_: CheckKey) -> Iterator[Callable[[Finding], None]]:
        yield findings.append

    acme = [("1", "duplicate"), ("2", "duplicate"), ("3", "duplicate")] + [("5", "missing")] * 2
    with engine.opened(SETTINGS, legacy=BY_TENANT, modern=BY_TENANT) as run:
        object.__setattr__(run.context, "open_sink", sink)
        for table in ("loose", "keyed"):
            found = run.audit("acme", table)
            assert sorted((key[0], kind) for kind, key, _ in seen(found)) == acme
            assert found.drift == DriftCounts(missing=2, duplicate=3)
            found = run.audit("beta", table)
            assert [(key[0], kind) for kind, key, _ in seen(found)] == [("4", "duplicate")]
        first, second, third = (f for f in run.audit("acme", "keyed").findings[:3])
        assert first.note == "the legacy side has this row 2 times, the modern side 1"
        assert second.note == "the legacy side has this row 3 times, the modern side 2"
        assert third.note == "the modern side has this row 2 times, the legacy side 1"
        loose = run.audit("acme", "loose").findings[0]
        assert loose.note == "the legacy side has this row 2 times, the modern side 1"
        assert_drift(run.audit("acme", "unlike"), ("missing", ("1",), ()))
        assert_drift(
            run.audit("acme", "nulls"), ("duplicate", (None,), ()), ("missing", (None,), ())
        )
        odd = run.audit("acme", "odd")
        assert_drift(odd, *[("missing", ("1",), ())] * 2, ("extra", ("1",), ()))
        assert odd.findings[0].note == (
            "the legacy table has other rows of this key under the same tenant"
        )
        moved = run.audit("beta", "moved")
        assert_drift(moved, ("missing", ("1",), ()))
        assert moved.findings[0].note == "the modern table has it under the tenant 'acme'"
        assert {f.kind.value for f in findings} == {"duplicate", "missing", "extra"}
        for table in TABLES:
            canary = run.audit("canary", table)
            assert canary.outcome is Outcome.PROVEN, canary
        # A scan of one tenant alone, and rows that are decoded from a sketch of their keys.
        object.__setattr__(run.context, "selected", run.context.selected[:1])
        run.audited.shared_results.clear()
        key = CheckKey(CheckKind.ROWS, "test_parity", "acme", "keyed")
        assert sorted((k[0], kind) for kind, k, _ in seen(run.audited.check(key))) == acme


@pytest.mark.slow
def test_many_copies_are_counted_exactly(engine: Engine) -> None:
    """Each of thousands of copies is counted, both by a sketch and under a budget."""
    engine.both("CREATE TABLE t (k int, v text)")
    engine.both("INSERT INTO t SELECT g, 'v' FROM generate_series(1, 15000) g")
    engine.legacy.run("INSERT INTO t SELECT g, 'v' FROM generate_series(1, 12000) g")
    engine.modern.run("DELETE FROM t WHERE k = 14000")
    more = '[tables.t]\nkey = ["k"]\n'
    with engine.opened(more) as run:
        assert run.audit("global", "t").drift == DriftCounts(missing=1, duplicate=12000)
    with engine.opened(f"{more}tolerance = {{rows = 12001}}") as run:
        assert run.audit("global", "t").outcome is Outcome.TOLERATED


def test_copies_rest_under_settle(engine: Engine) -> None:
    """With settle, rows that are read again are still divided into copies and lost rows."""
    engine.both("CREATE TABLE t (id int, v text)")
    engine.both("INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    engine.legacy.run("INSERT INTO t VALUES (1, 'a'), (3, 'd'), (4, 'e')")
    with engine.opened('[tables.t]\nkey = ["id"]') as run:
        object.__setattr__(run.context, "settle", 0.1)
        found = run.audit("global", "t")
    assert_drift(found, ("duplicate", ("1",), ()), ("missing", ("3",), ()), ("missing", ("4",), ()))
    assert {each.note for each in found.findings if each.kind.value == "duplicate"} == {
        "the legacy side has this row 2 times, the modern side 1"
    }
