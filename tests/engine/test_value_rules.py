"""Named rules forgive exactly what they name, and are counted, in values and in keys."""

from __future__ import annotations

import pytest

from pytest_tenantparity.model import AppliedTolerance, Outcome

from ..support.engine_driver import Engine, Seen
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
COLUMN = "[tables.t.columns.v]"

# ---- differences that each rule forgives, and those that it does not

TRIM, BOTH = 'trim = "trailing"', 'trim = "both"'
CASE, NULLS = "ignore_case = true", "empty_is_null = true"
NFC, NFKC = 'unicode = "NFC"', 'unicode = "NFKC"'

RULES = [
    ("trailing spaces", "text", "'a  '", "'a'", TRIM, TOLERATED),
    ("leading space under trailing", "text", "' a'", "'a'", TRIM, DRIFT),
    ("leading space under both", "text", "' a'", "'a '", BOTH, TOLERATED),
    ("inner space", "text", "'a b'", "'ab'", BOTH, DRIFT),
    ("tab is no space", "text", "E'a\\t'", "'a'", BOTH, DRIFT),
    ("no-break space is no space", "text", "U&'a\\00A0'", "'a'", BOTH, DRIFT),
    ("newline is no space", "text", "E'a\\n'", "'a'", BOTH, DRIFT),
    ("spaces and nothing", "text", "'  '", "''", TRIM, TOLERATED),
    ("spaces and NULL", "text", "'  '", "NULL", TRIM, DRIFT),
    ("padding", "char(5)", "'a'", "'a'::char(5)", TRIM, MATCH),
    ("case", "text", "'Ab'", "'aB'", CASE, TOLERATED),
    ("case beyond ASCII", "text", "'É'", "'é'", CASE, TOLERATED),
    ("case of Greek", "text", "'ΟΔΟΣ'", "'οδος'", CASE, TOLERATED),
    ("an accent is no case", "text", "'é'", "'e'", CASE, DRIFT),
    ("dotless i is no case of i", "text", "U&'\\0131'", "'i'", CASE, DRIFT),
    ("sharp s is no case of ss", "text", "'Straße'", "'Strasse'", CASE, DRIFT),
    ("a ligature is no case of two letters", "text", "'ﬁ'", "'fi'", CASE, DRIFT),
    ("case of an enum", "mood", "'ok'", "'OK'", CASE, TOLERATED),
    ("NFC and NFD", "text", "U&'\\00E9'", "U&'e\\0301'", NFC, TOLERATED),
    ("ligature under NFC", "text", "'ﬁ'", "'fi'", NFC, DRIFT),
    ("ligature under NFKC", "text", "'ﬁ'", "'fi'", NFKC, TOLERATED),
    ("case under NFKC", "text", "'A'", "'a'", NFKC, DRIFT),
    ("empty and NULL", "text", "''", "NULL", NULLS, TOLERATED),
    ("NULL and empty", "text", "NULL", "''", NULLS, TOLERATED),
    ("space and NULL", "text", "' '", "NULL", NULLS, DRIFT),
    ("empty and sentinel", "text", "''", "'NULL'", NULLS, DRIFT),
    ("0 and NULL", "numeric", "0", "NULL", NULLS, DRIFT),
    ("empty bytes and NULL", "bytea", "''", "NULL", NULLS, DRIFT),
    ("spaces and NULL, two rules", "text", "'  '", "NULL", f"{TRIM}\n{NULLS}", TOLERATED),
    ("case and spaces", "text", "'A '", "'a'", f"{TRIM}\n{CASE}", TOLERATED),
    ("all of it", "text", "U&' E\\0301 '", "'é'", f"{BOTH}\n{CASE}\n{NFC}", TOLERATED),
    ("all of it, and one letter", "text", "U&' E\\0301 '", "'éa'", f"{BOTH}\n{CASE}\n{NFC}",
     DRIFT),
    ("scale", "numeric", "1.2345", "1.23", "scale = 2", TOLERATED),
    ("scale rounds halves up", "numeric", "1.235", "1.24", "scale = 2", TOLERATED),
    ("scale rounds halves away", "numeric", "-1.235", "-1.24", "scale = 2", TOLERATED),
    ("scale does not cut off", "numeric", "1.239", "1.23", "scale = 2", DRIFT),
    ("scale 0", "numeric", "1.5", "2", "scale = 0", TOLERATED),
    ("scale and sign", "numeric", "-1.5", "1.5", "scale = 0", DRIFT),
    ("scale and nothing left", "numeric", "0.001", "-0.001", "scale = 2", TOLERATED),
    ("scale and NULL", "numeric", "0.001", "NULL", "scale = 2", DRIFT),
    ("scale and NaN", "numeric", "'NaN'", "0", "scale = 2", DRIFT),
    ("scale and infinities", "numeric", "'Infinity'", "'-Infinity'", "scale = 2", DRIFT),
    ("scale and infinity", "numeric", "'Infinity'", "1", "scale = 2", DRIFT),
    ("scale of a float", "float8", "0.1::float8 + 0.2::float8", "0.3", "scale = 12", TOLERATED),
    ("scale of a large number", "numeric", "1e60 + 0.001", "1e60", "scale = 2", TOLERATED),
    ("scale of a large number, last digit", "numeric", "1e60 + 1", "1e60", "scale = 2", DRIFT),
    ("scale of a number beyond all limits", "numeric", "10::numeric ^ 5000", "1", "scale = 2",
     DRIFT),
    ("scale is not for integers", "int", "10", "12", "scale = 0", DRIFT),
    ("digits of a second", "timestamp", "'2024-01-01 00:00:00.123456'",
     "'2024-01-01 00:00:00.123'", "second_digits = 3", TOLERATED),
    ("digits are cut off", "timestamp", "'2024-01-01 00:00:00.1239'",
     "'2024-01-01 00:00:00.124'", "second_digits = 3", DRIFT),
    ("no digits", "timestamp", "'2024-01-01 00:00:00.9'", "'2024-01-01 00:00:00'",
     "second_digits = 0", TOLERATED),
    ("a second", "timestamp", "'2024-01-01 00:00:01'", "'2024-01-01 00:00:00'",
     "second_digits = 0", DRIFT),
    ("a zone behind the digits", "timestamptz", "'2024-01-01 00:00:00.9+00'",
     "'2024-01-01 00:00:00.8+00'", "second_digits = 0", TOLERATED),
    ("an era behind the digits", "timestamp", "'0044-01-01 00:00:00.9 BC'",
     "'0044-01-01 00:00:00.9'", "second_digits = 0", DRIFT),
    ("offsets", "timetz", "'12:00:00.5+00'", "'12:00:00.5+02'", "second_digits = 0", DRIFT),
    ("infinity and NULL", "timestamp", "'infinity'", "NULL", "second_digits = 0", DRIFT),
    ("digits of an interval", "interval", "'1.5 s'", "'1 s'", "second_digits = 0", DRIFT),
]  # fmt: skip


def test_rules_forgive_what_they_say(engine: Engine, subtests: pytest.Subtests) -> None:
    """A rule forgives the difference that it names, and counts it; any other is drift.

    No rule applies unless it is written in the settings.
    """
    engine.both("CREATE TYPE mood AS ENUM ('ok', 'OK')")
    forgiven, drift, match = (
        in_groups(status.value, [Value(*case[:5]) for case in RULES if case[5] is status])
        for status in (TOLERATED, DRIFT, MATCH)
    )
    groups = {**forgiven, **drift, **match}
    tables = laid_out(engine, [values_case(label, values) for label, values in groups.items()])
    with tables.opened() as audit, tables.opened(own=False) as without:
        for label, values in groups.items():
            with subtests.test(label):
                evidence = audit(label)
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
                    counts = {(each.column, each.rows) for each in evidence.tolerance}
                    assert counts == {(each.label, 1) for each in values}
                    assert_drift(without(label), *each_changed(values))


def test_the_report_names_the_rules_that_it_took(engine: Engine) -> None:
    """The report names each rule that was needed, with its place and its count, and no other."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, v text, w text)")
    engine.legacy.run("INSERT INTO t VALUES (1, 'A', 'x '), (2, 'b ', 'y'), (3, 'C ', 'z')")
    engine.modern.run("INSERT INTO t VALUES (1, 'a', 'x'), (2, 'b', 'y'), (3, 'c', 'z')")
    evidence = engine.audit(more=f"[rules]\n{TRIM}\n{NFC}\n{COLUMN}\n{CASE}")
    assert evidence.outcome is TOLERATED
    assert evidence.tolerance == (
        AppliedTolerance("ignore_case", "0", "[tables.t.columns.v]", 2, "v"),
        AppliedTolerance("trim = trailing", "0", "[rules]", 2, "v"),
        AppliedTolerance("trim = trailing", "0", "[rules]", 1, "w"),
    )


def test_a_column_can_refuse_a_rule_for_all(engine: Engine) -> None:
    """A column's own ``false`` takes precedence over the rule of all columns."""
    values = [
        Value("all", "text", "'A'", "'a'"),
        Value("own", "text", "'A'", "'a'", "ignore_case = false"),
    ]
    with laid_out(engine, [values_case("t", values)]).opened(f"[rules]\n{CASE}") as audit:
        evidence = audit("t")
    assert_drift(evidence, each_changed(values)[1])
    assert [(each.column, each.rows) for each in evidence.tolerance] == [("all", 1)]


def test_a_row_is_forgiven_as_a_whole_and_a_number_once(engine: Engine) -> None:
    """A row is forgiven only if all its columns are.

    A number is forgiven by its scale or by its tolerance, but never by the sum of both.
    """
    two = "CREATE TABLE {t} (id int PRIMARY KEY, v text, w int); INSERT INTO {t} VALUES "
    one = "CREATE TABLE {t} (id int PRIMARY KEY, v numeric); INSERT INTO {t} VALUES "
    column = "[tables.{t}.columns.v]\n"
    tables = laid_out(
        engine,
        [
            Case("columns", two + "(1, 'A', 1)", two + "(1, 'a', 2)", column + CASE),
            Case(
                "number",
                one + "(1, 1.001), (2, 1.03), (3, 1.004)",
                one + "(1, 1.002), (2, 1.04), (3, 1.016)",
                column + "scale = 2\ntolerance = {absolute = 0.01}",
            ),
        ],
    )
    with tables.opened() as audit:
        columns, number = audit("columns"), audit("number")
    assert_drift(columns, ("changed", ("1",), ("w",)))
    assert columns.tolerance == ()
    assert_drift(number, ("changed", ("3",), ("v",)))
    assert [(each.rule, each.rows) for each in number.tolerance] == [
        ("absolute", 1), ("scale = 2", 1),
    ]  # fmt: skip


# ---- rules on keys

TEXT_KEY, UNIQUE = "k text PRIMARY KEY", "k text UNIQUE"
NULL_CHANGED: tuple[Seen, ...] = (("missing", (None,), ()), ("extra", ("",), ()))
KEYS: list[tuple[str, str, str, str, str, tuple[Seen, ...]]] = [
    ("case", TEXT_KEY, CASE, "('A', 1), ('b', 2)", "('a', 1), ('b', 2)", ()),
    ("case, and a change", TEXT_KEY, CASE, "('A', 1), ('b', 2)", "('a', 9), ('b', 2)",
     (("changed", ("A",), ("v",)),)),
    # If two keys become equal under the rules, no row is lost, and none is matched by guess.
    ("one row lost", TEXT_KEY, f"{CASE}\n{BOTH}", "('A', 1), ('a', 1)", "('a', 1)",
     (("missing", ("A",), ()),)),
    ("one row gained", TEXT_KEY, f"{CASE}\n{BOTH}", "('a', 1)", "('A', 1), ('a', 1)",
     (("extra", ("A",), ()),)),
    ("values swapped", TEXT_KEY, f"{CASE}\n{BOTH}", "('A', 1), ('a', 2)", "('A', 2), ('a', 1)",
     (("missing", ("A",), ()), ("missing", ("a",), ()),
      ("extra", ("A",), ()), ("extra", ("a",), ()))),
    ("two became one", TEXT_KEY, f"{CASE}\n{BOTH}", "('A', 1), ('a', 2)", "(' a', 1)",
     (("missing", ("A",), ()), ("missing", ("a",), ()), ("extra", (" a",), ()))),
    ("two became another two", TEXT_KEY, f"{CASE}\n{BOTH}",
     "('A', 1), ('a', 2)", "('A ', 1), ('a ', 3)",
     (("missing", ("A",), ()), ("missing", ("a",), ()),
      ("extra", ("A ",), ()), ("extra", ("a ",), ()))),
    # A NULL in the key matches NULL alone; under empty_is_null it matches '' as well.
    ("NULL under case", UNIQUE, CASE, "(NULL, 1), ('b', 2)", "('', 1), ('b', 2)", NULL_CHANGED),
    ("NULL under trim", UNIQUE, BOTH, "(NULL, 1), ('b', 2)", "('', 1), ('b', 2)", NULL_CHANGED),
    ("NULL under NFKC", UNIQUE, NFKC, "(NULL, 1), ('b', 2)", "('', 1), ('b', 2)", NULL_CHANGED),
    ("NULL and empty", UNIQUE, NULLS, "(NULL, 1), ('b', 2)", "('', 1), ('b', 2)", ()),
    ("NULL and empty, and a change", UNIQUE, NULLS, "(NULL, 1), ('b', 2)", "('', 7), ('b', 2)",
     (("changed", (None,), ("v",)),)),
    ("NULL and empty became one", "k text", NULLS, "(NULL, 1), ('', 1)", "('', 1)",
     (("missing", (None,), ()),)),
    ("scale", "k numeric PRIMARY KEY", "scale = 2", "(1.004, 1), (2, 2)", "(1.0, 1), (2, 2)", ()),
]  # fmt: skip


def test_keys_are_found_under_their_rules(engine: Engine, subtests: pytest.Subtests) -> None:
    """A key that its rules make equal is forgiven and counted; a change in its row is found.

    If two keys become equal under the rules, a missing or extra row is named all the same.
    """
    cases = []
    for label, key, rules, legacy, modern, _ in KEYS:
        made = f"CREATE TABLE {{t}} ({key}, v int); INSERT INTO {{t}} VALUES "
        own = f'[tables.{{t}}]\nkey = ["k"]\n[tables.{{t}}.columns.k]\n{rules}'
        cases.append(Case(label, made + legacy, made + modern, own))
    with laid_out(engine, cases).opened() as audit:
        for label, _, _, _, _, expected in KEYS:
            with subtests.test(label):
                evidence = audit(label)
                if expected:
                    assert_drift(evidence, *expected)
                else:
                    assert evidence.outcome is TOLERATED, evidence
                    assert [(each.rows, each.column) for each in evidence.tolerance] == [(1, "k")]
        assert audit("case").tolerance == (
            AppliedTolerance("ignore_case", "0", "[tables.t0.columns.k]", 1, "k"),
        )


def test_rows_that_share_a_number_or_have_no_key_keep_their_counts(engine: Engine) -> None:
    """Two keys that round to one are not merged; without a key, no missing row is forgiven.

    Rows without a key that the rules make equal are counted under their common value.
    """
    numbers = "CREATE TABLE {t} (k numeric PRIMARY KEY, v int); INSERT INTO {t} VALUES "
    texts = "CREATE TABLE {t} (v text); INSERT INTO {t} VALUES "
    trimmed = f"[tables.{{t}}.columns.v]\n{TRIM}"
    cases = [
        Case(
            "scale",
            numbers + "(1.004, 1), (1.003, 1), (2, 2)",
            numbers + "(1.0, 1), (2, 2)",
            "[tables.{t}.columns.k]\nscale = 2",
        ),
        Case("equal", texts + "('a '), ('a  '), ('b')", texts + "('a'), ('a'), ('b')", trimmed),
        Case("counts", texts + "('a '), ('a  '), ('b')", texts + "('a'), ('b'), ('b ')", trimmed),
    ]
    with laid_out(engine, cases).opened() as audit:
        scale, equal, counts = audit("scale"), audit("equal"), audit("counts")
    assert scale.outcome is DRIFT
    assert (scale.drift.missing, scale.drift.extra) == (2, 1)
    assert equal.outcome is TOLERATED, equal
    assert equal.tolerance[0].rows == 2
    assert counts.outcome is DRIFT
    assert counts.drift.missing - counts.drift.extra == 0
    assert counts.drift.missing > 0


def test_forgiven_keys_among_thousands(engine: Engine, subtests: pytest.Subtests) -> None:
    """Among many buckets a key under a rule finds its partner, alone or beside a plain key."""
    cases = []
    for key in ("k", "n, k"):
        made = (
            f"CREATE TABLE {{t}} (n int, k text, v int, PRIMARY KEY ({key}));"
            "INSERT INTO {t} SELECT g / 2, 'K' || g, g FROM generate_series(1, 3000) g"
        )
        changed = "; UPDATE {t} SET v = 0 WHERE k = 'k77'; DELETE FROM {t} WHERE k = 'k99'"
        lower = made.replace("K", "k")
        own = f"[tables.{{t}}.columns.k]\n{CASE}"
        cases += [Case(key, made, lower, own), Case(f"{key} changed", made, lower + changed, own)]
    with laid_out(engine, cases).opened() as audit:
        for key, named in (("k", (("K77",), ("K99",))), ("n, k", (("38", "K77"), ("49", "K99")))):
            with subtests.test(key):
                evidence = audit(key)
                assert evidence.outcome is TOLERATED
                assert evidence.tolerance[0].rows == 3000
                expected = ("changed", named[0], ("v",)), ("missing", named[1], ())
                assert_drift(audit(f"{key} changed"), *expected)
