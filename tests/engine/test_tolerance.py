"""The exact limits of tolerances, and the differences that no tolerance forgives."""

from __future__ import annotations

import pytest

from pytest_tenantparity.model import AppliedTolerance, DriftCounts, Evidence, Outcome
from pytest_tenantparity.parity import environment_layer

from ..support.engine_driver import Engine, Run, seen
from ..support.expectations import assert_drift, assert_match
from ..support.many_tables import (
    Case,
    Value,
    each_changed,
    each_is,
    in_groups,
    laid_out,
    outcomes,
    values_case,
)

TOLERATED, DRIFT, MATCH = Outcome.TOLERATED, Outcome.REFUTED, Outcome.PROVEN


def audit(engine: Engine, rule: str) -> Evidence:
    """Make the check with one line in the outermost tolerance."""
    return engine.audit(more=f"[tolerance]\n{rule}")


def _value(label: str, kind: str, legacy: str, modern: str, rule: str = "") -> Value:
    settings = f"tolerance = {{{rule}}}" if rule else ""
    return Value(label, kind, f"({legacy})::{kind}", f"({modern})::{kind}", settings)


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
]  # fmt: skip


def test_limits_are_exact(engine: Engine, subtests: pytest.Subtests) -> None:
    """A difference at the limit is forgiven and named; the least one beyond it is drift."""
    forgiven, drift, match = (
        in_groups(status.value, [_value(*case[:5]) for case in BOUNDARIES if case[5] is status])
        for status in (TOLERATED, DRIFT, MATCH)
    )
    groups = {**forgiven, **drift, **match}
    tables = laid_out(engine, [values_case(label, values) for label, values in groups.items()])
    with tables.opened() as check:
        for label, values in groups.items():
            with subtests.test(label):
                evidence = check(label)
                if label in match:
                    assert outcomes(evidence) == {}
                    assert_match(evidence, rows=len(values) + 1)
                elif label in drift:
                    assert outcomes(evidence) == each_is("changed", values)
                    assert_drift(evidence, *each_changed(values))
                    assert evidence.tolerance == ()
                else:
                    assert outcomes(evidence) == each_is("forgiven", values)
                    assert evidence.outcome is TOLERATED, evidence
                    counts = sorted((each.column, each.rows) for each in evidence.tolerance)
                    assert counts == sorted((each.label, 1) for each in values)


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


KEY = "CREATE TABLE {t} (k numeric KEY); INSERT INTO {t} VALUES "
KEYS = {"key": KEY.replace("KEY", "PRIMARY KEY"), "no key": KEY.replace("KEY", "")}


def test_some_differences_are_never_forgiven(engine: Engine) -> None:
    """NULL, NaN, infinity, and a text that is not a number or time are near to nothing.

    A key that is nearly equal is another key. Without a key every column is part of the key.
    """
    values = [_value(*case) for case in UNFORGIVABLE]
    cases = [Case(name, f"{made}(1.000)", f"{made}(1.001)") for name, made in KEYS.items()]
    tables = laid_out(engine, [values_case("values", values), *cases])
    with tables.opened("[tolerance]\nabsolute = 1e400\nrelative = 1\nseconds = 1e15") as check:
        evidence = check("values")
        assert outcomes(evidence) == each_is("changed", values)
        assert_drift(evidence, *each_changed(values))
        assert evidence.tolerance == ()
        for name in KEYS:
            assert seen(check(name)) == [("missing", ("1",), ()), ("extra", ("1.001",), ())], name


BUDGETS = [
    ("rows: one differs", "text", "'a'", "'b'", "rows = 1", TOLERATED),
    ("rows: none may", "text", "'a'", "'b'", "rows = 0", DRIFT),
    ("ratio: one of two", "text", "'a'", "'b'", "ratio = 0.5", TOLERATED),
    ("ratio: less than one of two", "text", "'a'", "'b'", "ratio = 0.499999", DRIFT),
]


def test_lost_rows_are_forgiven_by_budgets_alone(engine: Engine) -> None:
    """No tolerance of values forgives a missing row; only a budget does.

    A budget counts all rows that differ, except those that a value's tolerance forgave.
    """
    own = "[tables.{t}.tolerance]\n"
    made = "CREATE TABLE {t} (id int PRIMARY KEY, v numeric); INSERT INTO {t} VALUES "
    text = made.replace("numeric", "text")
    large = (
        "CREATE TABLE {t} (id int PRIMARY KEY, v numeric, w text);"
        "INSERT INTO {t} SELECT g, g, 'x' FROM generate_series(1, 100) g;"
    )
    changed = "UPDATE {t} SET v = v + 0.001 WHERE id <= 50; UPDATE {t} SET w = 'y' WHERE id > 97"
    cases = [
        Case(
            label, f"{text}(1, {legacy}), (2, NULL)", f"{text}(1, {modern}), (2, NULL)", own + rule
        )
        for label, _, legacy, modern, rule, _ in BUDGETS
    ]
    cases += [
        Case(rule, f"{made}(1, 0), (2, 0), (3, 0)", f"{made}(1, 0), (4, 0)", own + rule)
        for rule in ("absolute = 1000", "rows = 2", "rows = 3", "ratio = 1")
    ]
    cases += [
        Case(ratio, large, large + changed, f"{own}absolute = 0.001\nratio = {ratio}")
        for ratio in ("0.03", "0.0299")
    ]
    tables = laid_out(engine, cases)
    with tables.opened() as check:
        found = {case.label: check(case.label) for case in cases}
    expected = {label: status for label, *_, status in BUDGETS} | {
        "absolute = 1000": DRIFT, "rows = 2": DRIFT, "rows = 3": TOLERATED, "ratio = 1": TOLERATED,
        "0.03": TOLERATED, "0.0299": DRIFT,
    }  # fmt: skip
    assert {label: evidence.outcome for label, evidence in found.items()} == expected
    for label, *_, status in BUDGETS:
        counts = [each.rows for each in found[label].tolerance]
        assert counts == ([1] if status is TOLERATED else []), label
        assert seen(found[label]) == [("changed", ("1",), ("v",))], label
    forgiven = found["rows = 3"]
    assert forgiven.drift == DriftCounts(missing=2, extra=1)
    assert len(forgiven.findings) == 3  # forgiven, but still listed
    place = {label: f"[tables.{name}.tolerance]" for label, name in tables.names.items()}
    assert forgiven.tolerance == (AppliedTolerance("rows", "3", place["rows = 3"], 3),)
    assert found["ratio = 1"].tolerance == (AppliedTolerance("ratio", "1", place["ratio = 1"], 3),)
    assert found["0.03"].tolerance == (
        AppliedTolerance("absolute", "0.001", place["0.03"], 50, "v"),
        AppliedTolerance("ratio", "0.03", place["0.03"], 3),
    )


def test_a_row_is_forgiven_as_a_whole(engine: Engine) -> None:
    """A column within its tolerance does not hide another column that is beyond it."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, v numeric, w numeric)")
    engine.legacy.run("INSERT INTO t VALUES (1, 1, 1), (2, 1, 1)")
    engine.modern.run("INSERT INTO t VALUES (1, 1.01, 1.02), (2, 1.01, 1)")
    evidence = audit(engine, "absolute = 0.01")
    assert seen(evidence) == [("changed", ("1",), ("w",))]
    assert evidence.tolerance == (AppliedTolerance("absolute", "0.01", "[tolerance]", 1, "v"),)


def test_many_rows_are_counted_exactly(engine: Engine) -> None:
    """The report gives the number of rows that each rule forgave, column by column."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, v numeric, ts timestamp)")
    engine.both("INSERT INTO t SELECT g, g, '2024-01-01' FROM generate_series(1, 3000) g")
    engine.modern.run("UPDATE t SET v = v * 1.0001 WHERE id % 3 = 0")
    engine.modern.run("UPDATE t SET ts = ts + interval '1 ms' WHERE id % 5 = 0")
    evidence = audit(engine, "relative = 0.001\nseconds = 0.001")
    assert evidence.outcome is TOLERATED
    assert evidence.tolerance == (
        AppliedTolerance("seconds", "0.001", "[tolerance]", 600, "ts"),
        AppliedTolerance("relative", "0.001", "[tolerance]", 1000, "v"),
    )


# From the outermost to the innermost layer, with a check that each of them decides.
ENVIRONMENT = "MIGRATION_DRIFT_TOLERANCE"
LAYERS = {
    "[tolerance]": ("plain", "bare"),
    "[cohorts.first.tolerance]": ("mate", "bare"),
    "[tenants.own.tolerance]": ("own", "bare"),
    "[tables.tabled.tolerance]": ("own", "tabled"),
    "[tables.columned.columns.v.tolerance]": ("own", "columned"),
}
LIMITS = {
    "wider inwards": ("1", "2", "3", "4", "5", "6"),
    "narrower inwards": ("6", "5", "4", "3", "2", "1"),
    "none in every other": ("2", "0", "2", "0", "2", "0"),
    "none in the others": ("0", "2", "0", "2", "0", "2"),
}
BY_TENANT = 'tenancy = {column = "tenant"}'
DIFFERENCES = 13  # row n differs by n / 2


def _graded(engine: Engine) -> None:
    for number, table in enumerate(("bare", "tabled", "columned")):
        engine.both(
            f"CREATE TABLE {table} (id int PRIMARY KEY, tenant text, v numeric, w numeric);"
            f"INSERT INTO {table} SELECT t.n * 100 + g, t.name, 10, 10 "
            f"FROM generate_series(1, {DIFFERENCES}) g, "
            "unnest(ARRAY['plain', 'mate', 'own']) WITH ORDINALITY AS t(name, n)"
        )
        engine.modern.run(f"UPDATE {table} SET v = v + (id % 100) / 2.0")
        if number:  # its tolerance is for all tenants, and is checked with one of them
            engine.both(f"DELETE FROM {table} WHERE tenant <> 'own'")


def _assert_limit(run: Run, check: tuple[str, str], place: str, limit: str) -> None:
    """Require that differences up to a limit are forgiven, and none beyond it."""
    evidence = run.audit(*check)
    forgiven = int(float(limit) * 2)
    over = [("changed", n) for n in range(forgiven + 1, DIFFERENCES + 1)]
    assert [(kind, int(str(key[0])) % 100) for kind, key, _ in seen(evidence)] == over
    assert {columns for *_, columns in seen(evidence)} == {("v",)}
    applied = AppliedTolerance("absolute", limit, place, forgiven, "v")
    assert evidence.tolerance == ((applied,) if forgiven else ())


def test_the_innermost_tolerance_wins(engine: Engine, subtests: pytest.Subtests) -> None:
    """The innermost tolerance that is set decides, whether it is wider, narrower or zero."""
    _graded(engine)
    for name, (environment, *limits) in LIMITS.items():
        lines = [
            f"{place}\nabsolute = {limit}" for place, limit in zip(LAYERS, limits, strict=True)
        ]
        tenants = (
            '[tenants.plain]\n[tenants.mate]\ncohort = "first"\n[tenants.own]\ncohort = "first"'
        )
        with engine.opened(
            "\n".join([tenants, *lines]),
            legacy=BY_TENANT,
            modern=BY_TENANT,
            environment={ENVIRONMENT: environment},
        ) as run:
            for (place, check), limit in zip(LAYERS.items(), limits, strict=True):
                with subtests.test(f"{name}: {place}"):
                    _assert_limit(run, check, place, limit)


def test_the_environment_s_tolerance_is_the_outermost(
    engine: Engine, subtests: pytest.Subtests
) -> None:
    """The environment's tolerance decides if no other is set.

    An empty variable and zero forgive nothing.
    """
    _graded(engine)
    tenants = "[tenants.plain]\n[tenants.mate]\n[tenants.own]"
    with engine.opened(tenants, legacy=BY_TENANT, modern=BY_TENANT) as run:
        for text in ("2", "0.5", "0", "", "  "):
            with subtests.test(repr(text)):
                layer = environment_layer({ENVIRONMENT: text})
                object.__setattr__(run.context, "environment", layer)
                _assert_limit(run, ("plain", "bare"), ENVIRONMENT, text.strip() or "0")


def test_a_column_s_tolerance_is_for_that_column(engine: Engine) -> None:
    """A column's tolerance leaves other columns to the outer layers, and other rules in force."""
    made = "CREATE TABLE {t} (id int PRIMARY KEY, v numeric, w numeric); INSERT INTO {t} VALUES "
    rows = f"{made}(1, 1, 1), (2, 1, 1)", f"{made}(1, 2, 1), (2, 1, 2)"
    column = "[tables.{t}.columns.v.tolerance]\nabsolute = 1"
    outer = f"[tables.{{t}}.tolerance]\nrelative = 0.5\n{column}"
    cases = [Case("column", *rows, column), Case("column and table", *rows, outer)]
    with laid_out(engine, cases).opened() as check:
        assert seen(check("column")) == [("changed", ("2",), ("w",))]
        assert check("column and table").outcome is TOLERATED


def test_a_tenant_s_tolerance_is_for_that_tenant(engine: Engine) -> None:
    """A difference that is forgiven to one tenant, or cohort, is drift for another."""
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
        statuses = [run.audit(tenant, "t").outcome for tenant in "abc"]
    assert statuses == [TOLERATED, TOLERATED, DRIFT]
