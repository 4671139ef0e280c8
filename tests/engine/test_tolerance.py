"""What a tolerance forgives, exactly; and what no tolerance forgives."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pytest_tenantparity.errors import SettingsError
from pytest_tenantparity.model import AppliedTolerance, DriftCounts, Evidence, Status
from pytest_tenantparity.parity import environment_layer

from ..support.engine_driver import Engine, seen

TOLERATED, DRIFT, MATCH = Status.TOLERATED, Status.DRIFT, Status.MATCH


def values(engine: Engine, kind: str, legacy: str, modern: str) -> None:
    """Make a table of one row with a value on each side, and one row that is the same."""
    engine.both(f"CREATE TABLE t (id int PRIMARY KEY, v {kind})")
    engine.legacy.run(f"INSERT INTO t VALUES (1, ({legacy})::{kind}), (2, NULL)")
    engine.modern.run(f"INSERT INTO t VALUES (1, ({modern})::{kind}), (2, NULL)")


def audit(engine: Engine, rule: str) -> Evidence:
    """Make the check under one line of the outermost tolerance."""
    return engine.audit(more=f"[tolerance]\n{rule}")


BOUNDARIES = [
    ("sum that no double holds", "numeric", "0.1 + 0.2", "0.3", "absolute = 0", MATCH),
    ("double against decimal sum", "float8", "0.1::float8 + 0.2::float8", "0.3", "absolute = 0",
     DRIFT),
    ("double, just wide enough", "float8", "0.1::float8 + 0.2::float8", "0.3",
     "absolute = 0.00000000000000004", TOLERATED),
    ("double, just too narrow", "float8", "0.1::float8 + 0.2::float8", "0.3",
     "absolute = 0.000000000000000039", DRIFT),
    ("cent at the limit", "numeric(18,2)", "0.30", "0.29", "absolute = 0.01", TOLERATED),
    ("cent beyond the limit", "numeric(18,8)", "0.30", "0.28999999", "absolute = 0.01", DRIFT),
    ("12th decimal at the limit", "numeric(38,12)", "12345678901234567890123456.123456789012",
     "12345678901234567890123456.123456789013", "absolute = 1e-12", TOLERATED),
    ("12th decimal beyond", "numeric(38,12)", "12345678901234567890123456.123456789012",
     "12345678901234567890123456.123456789014", "absolute = 1e-12", DRIFT),
    ("tiny beside huge", "numeric", "1e40", "1e40 + 1e-10", "absolute = 1e-11", DRIFT),
    ("integers at the limit", "bigint", "9007199254740993", "9007199254740992", "absolute = 1",
     TOLERATED),
    ("integers beyond the limit", "bigint", "9007199254740994", "9007199254740992",
     "absolute = 1", DRIFT),
    ("sign", "numeric", "0.01", "-0.01", "absolute = 0.01", DRIFT),
    ("relative at the limit", "numeric", "100", "99", "relative = 0.01", TOLERATED),
    ("relative at the limit, other way", "numeric", "99", "100", "relative = 0.01", TOLERATED),
    ("relative beyond", "numeric", "100", "98.99999999999", "relative = 0.01", DRIFT),
    ("relative of negatives", "numeric", "-100", "-99", "relative = 0.01", TOLERATED),
    ("relative to zero", "numeric", "0", "0.0000001", "relative = 0.99", DRIFT),
    ("relative across zero", "numeric", "1", "-1", "relative = 1", DRIFT),
    ("negative zero", "float8", "'-0'", "0", "absolute = 1e-300", TOLERATED),
    ("seconds at the limit", "timestamp", "'2024-01-01 00:00:00'", "'2024-01-01 00:00:01.5'",
     "seconds = 1.5", TOLERATED),
    ("seconds beyond", "timestamp", "'2024-01-01 00:00:00'", "'2024-01-01 00:00:01.500001'",
     "seconds = 1.5", DRIFT),
    ("seconds of instants", "timestamptz", "'2024-01-01 01:00+01'", "'2023-12-31 23:59:59Z'",
     "seconds = 1", TOLERATED),
    ("seconds over a century", "timestamptz", "'1924-01-01Z'", "'2024-01-01Z'",
     "seconds = 3155760000", TOLERATED),
    ("seconds of dates", "date", "'2024-02-28'", "'2024-03-01'", "seconds = 172800", TOLERATED),
    ("seconds of dates, beyond", "date", "'2024-02-28'", "'2024-03-01'", "seconds = 172799",
     DRIFT),
    ("seconds of times", "time", "'12:00:00'", "'12:00:00.000001'", "seconds = 0.000001",
     TOLERATED),
    ("zero seconds", "timestamp", "'2024-01-01'", "'2024-01-01 00:00:00.000001'", "seconds = 0",
     DRIFT),
    ("zero", "numeric", "1", "1.000000000001", "absolute = 0", DRIFT),
    ("rows: one differs", "text", "'a'", "'b'", "rows = 1", TOLERATED),
    ("rows: none may", "text", "'a'", "'b'", "rows = 0", DRIFT),
    ("ratio: one of two", "text", "'a'", "'b'", "ratio = 0.5", TOLERATED),
    ("ratio: less than one of two", "text", "'a'", "'b'", "ratio = 0.499999", DRIFT),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "legacy", "modern", "rule", "status"),
    [pytest.param(*case[1:], id=case[0]) for case in BOUNDARIES],
)
def test_limits_are_exact(
    engine: Engine, kind: str, legacy: str, modern: str, rule: str, status: Status
) -> None:
    """A difference at the limit is forgiven and named; the least beyond it is drift."""
    values(engine, kind, legacy, modern)
    evidence = audit(engine, rule)
    assert evidence.status is status, evidence
    assert [each.rows for each in evidence.tolerance] == ([1] if status is TOLERATED else [])
    if status is DRIFT:
        assert seen(evidence) == [("changed", ("1",), ("v",))]


UNFORGIVABLE = [
    ("NULL and 0", "numeric", "NULL", "0"),
    ("0 and NULL", "numeric", "0", "NULL"),
    ("NaN and 0", "float8", "'NaN'", "0"),
    ("infinity and a number", "float8", "'Infinity'", "1e308"),
    ("infinities", "numeric", "'Infinity'", "'-Infinity'"),
    ("NaN and infinity", "numeric", "'NaN'", "'Infinity'"),
    ("NULL and a time", "timestamp", "NULL", "'2024-01-01'"),
    ("infinite time", "timestamp", "'infinity'", "'2024-01-01'"),
    ("BC and AD", "date", "'0001-12-31 BC'", "'0001-01-01'"),
    ("past year 9999", "date", "'10000-01-01'", "'9999-12-31'"),
    ("numbers in text", "text", "'1.0'", "'1.1'"),
    ("times in text", "text", "'2024-01-01'", "'2024-01-02'"),
    ("interval", "interval", "'1 s'", "'2 s'"),
    ("time with a zone", "timetz", "'12:00+00'", "'12:00:01+00'"),
    ("array of numbers", "numeric[]", "'{1}'", "'{1.001}'"),
    ("number in json", "jsonb", "'1'", "'1.001'"),
    ("boolean", "boolean", "true", "false"),
]


@pytest.mark.parametrize(
    ("kind", "legacy", "modern"), [pytest.param(*case[1:], id=case[0]) for case in UNFORGIVABLE]
)
def test_some_differences_are_never_forgiven(
    engine: Engine, kind: str, legacy: str, modern: str
) -> None:
    """NULL, NaN, infinity and what is no number or time is not near to anything."""
    values(engine, kind, legacy, modern)
    evidence = audit(engine, "absolute = 1e400\nrelative = 1\nseconds = 1e15")
    assert evidence.status is DRIFT
    assert seen(evidence) == [("changed", ("1",), ("v",))]
    assert evidence.tolerance == ()


@pytest.mark.parametrize("declared", ["PRIMARY KEY", ""])
def test_keys_are_never_forgiven(engine: Engine, declared: str) -> None:
    """A key that is nearly another is another; without a key every column is the key."""
    engine.both(f"CREATE TABLE t (k numeric {declared})")
    engine.legacy.run("INSERT INTO t VALUES (1.000)")
    engine.modern.run("INSERT INTO t VALUES (1.001)")
    evidence = audit(engine, "absolute = 1")
    assert seen(evidence) == [("missing", ("1",), ()), ("extra", ("1.001",), ())]


def test_lost_rows_are_forgiven_by_budgets_alone(engine: Engine) -> None:
    """No tolerance of values forgives a row that is not there."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, v numeric)")
    engine.legacy.run("INSERT INTO t VALUES (1, 0), (2, 0), (3, 0)")
    engine.modern.run("INSERT INTO t VALUES (1, 0), (4, 0)")
    assert audit(engine, "absolute = 1000").status is DRIFT
    assert audit(engine, "rows = 2").status is DRIFT
    evidence = audit(engine, "rows = 3")
    assert evidence.status is TOLERATED
    assert evidence.drift == DriftCounts(missing=2, extra=1)
    assert len(evidence.findings) == 3  # forgiven, but not forgotten
    assert evidence.tolerance == (AppliedTolerance("rows", "3", "[tolerance]", 3),)
    assert audit(engine, "ratio = 1").tolerance == (
        AppliedTolerance("ratio", "1", "[tolerance]", 3),
    )


def test_a_budget_covers_all_or_nothing(engine: Engine) -> None:
    """Rows that a value's tolerance forgave take nothing from the budget, and others do."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, v numeric, w text)")
    engine.both("INSERT INTO t SELECT g, g, 'x' FROM generate_series(1, 100) g")
    engine.modern.run("UPDATE t SET v = v + 0.001 WHERE id <= 50")
    engine.modern.run("UPDATE t SET w = 'y' WHERE id > 97")
    rules = "absolute = 0.001\nratio = {}"
    evidence = audit(engine, rules.format("0.03"))
    assert evidence.status is TOLERATED
    assert evidence.tolerance == (
        AppliedTolerance("absolute", "0.001", "[tolerance]", 50, "v"),
        AppliedTolerance("ratio", "0.03", "[tolerance]", 3),
    )
    assert audit(engine, rules.format("0.0299")).status is DRIFT


def test_a_row_is_forgiven_as_a_whole(engine: Engine) -> None:
    """One column within its tolerance does not hide another that is not."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, v numeric, w numeric)")
    engine.legacy.run("INSERT INTO t VALUES (1, 1, 1), (2, 1, 1)")
    engine.modern.run("INSERT INTO t VALUES (1, 1.01, 1.02), (2, 1.01, 1)")
    evidence = audit(engine, "absolute = 0.01")
    assert seen(evidence) == [("changed", ("1",), ("w",))]
    assert evidence.tolerance == (AppliedTolerance("absolute", "0.01", "[tolerance]", 1, "v"),)


def test_many_rows_are_counted_exactly(engine: Engine) -> None:
    """The report says how many rows each rule forgave, column by column."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, v numeric, ts timestamp)")
    engine.both("INSERT INTO t SELECT g, g, '2024-01-01' FROM generate_series(1, 3000) g")
    engine.modern.run("UPDATE t SET v = v * 1.0001 WHERE id % 3 = 0")
    engine.modern.run("UPDATE t SET ts = ts + interval '1 ms' WHERE id % 5 = 0")
    evidence = audit(engine, "relative = 0.001\nseconds = 0.001")
    assert evidence.status is TOLERATED
    assert evidence.tolerance == (
        AppliedTolerance("seconds", "0.001", "[tolerance]", 600, "ts"),
        AppliedTolerance("relative", "0.001", "[tolerance]", 1000, "v"),
    )


# From the outermost to the innermost.
LAYERS = {
    "MIGRATION_DRIFT_TOLERANCE": "",
    "[tolerance]": "[tolerance]",
    "[cohorts.first.tolerance]": "[cohorts.first.tolerance]",
    "[tenants.acme.tolerance]": "[tenants.acme.tolerance]",
    "[tables.t.tolerance]": "[tables.t.tolerance]",
    "[tables.t.columns.v.tolerance]": "[tables.t.columns.v.tolerance]",
}


def _layered(limits: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    environment = "MIGRATION_DRIFT_TOLERANCE"
    lines = [f"{name}\nabsolute = {limit}" for name, limit in limits.items() if name != environment]
    more = "\n".join(['[tenants.acme]\ncohort = "first"', *lines])
    return more, {environment: limits[environment]} if environment in limits else {}


@pytest.mark.parametrize("innermost", range(len(LAYERS)), ids=list(LAYERS))
def test_the_innermost_tolerance_wins(engine: Engine, innermost: int) -> None:
    """Of all that say something the innermost decides, be it wider or narrower or nothing."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, tenant text, v numeric, w numeric)")
    engine.legacy.run("INSERT INTO t VALUES (1, 'acme', 10, 10)")
    engine.modern.run("INSERT INTO t VALUES (1, 'acme', 11, 10)")
    names = list(LAYERS)[: innermost + 1]
    tenancy = 'tenancy = {column = "tenant"}'
    for inner, outer, status in (("2", "0.5", TOLERATED), ("0.5", "2", DRIFT), ("0", "2", DRIFT)):
        more, environment = _layered(dict.fromkeys(names, outer) | {names[-1]: inner})
        evidence = engine.audit(
            subject="acme", more=more, legacy=tenancy, modern=tenancy, environment=environment
        )
        assert evidence.status is status, evidence
        if status is TOLERATED:
            applied = AppliedTolerance("absolute", "2", names[-1], 1, "v")
            assert evidence.tolerance == (applied,)


def test_a_column_s_tolerance_is_for_that_column(engine: Engine) -> None:
    """Another column is left to the outer layers; another rule is not switched off."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, v numeric, w numeric)")
    engine.legacy.run("INSERT INTO t VALUES (1, 1, 1), (2, 1, 1)")
    engine.modern.run("INSERT INTO t VALUES (1, 2, 1), (2, 1, 2)")
    column = "[tables.t.columns.v.tolerance]\nabsolute = 1"
    assert seen(engine.audit(more=column)) == [("changed", ("2",), ("w",))]
    both = f"{column}\n[tolerance]\nrelative = 0.5"
    assert engine.audit(more=both).status is TOLERATED


def test_a_tenant_s_tolerance_is_for_that_tenant(engine: Engine) -> None:
    """What is forgiven to one tenant, or cohort, is drift for another."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, tenant text, v numeric)")
    engine.legacy.run("INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 1), (3, 'c', 1)")
    engine.modern.run("INSERT INTO t VALUES (1, 'a', 2), (2, 'b', 2), (3, 'c', 2)")
    more = """
        [tenants.a]
        tolerance = {absolute = 1}
        [tenants.b]
        cohort = "first"
        [tenants.c]
        [cohorts.first.tolerance]
        absolute = 1
    """
    tenancy = 'tenancy = {column = "tenant"}'
    with engine.opened(more, legacy=tenancy, modern=tenancy) as run:
        statuses = [run.audit(tenant, "t").status for tenant in "abc"]
    assert statuses == [TOLERATED, TOLERATED, DRIFT]


@pytest.mark.parametrize("text", ["-1", "NaN", "Infinity", "1 cent", "0,01"])
def test_an_environment_tolerance_that_is_none_is_refused(text: str) -> None:
    """MIGRATION_DRIFT_TOLERANCE is a number from 0 up, or an error that quotes it."""
    with pytest.raises(SettingsError, match=f"MIGRATION_DRIFT_TOLERANCE='{text}'"):
        environment_layer({"MIGRATION_DRIFT_TOLERANCE": text})


@pytest.mark.parametrize("text", ["", "  ", "0"])
def test_an_empty_environment_tolerance_forgives_nothing(engine: Engine, text: str) -> None:
    """Neither an empty variable nor zero forgives anything."""
    values(engine, "numeric", "1", "1.0000000001")
    assert engine.audit(environment={"MIGRATION_DRIFT_TOLERANCE": text}).status is DRIFT
