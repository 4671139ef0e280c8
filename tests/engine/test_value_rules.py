"""Named rules forgive what they say and are counted; types are read soundly, garbage is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_tenantparity.model import AppliedTolerance, Evidence, Status

from ..support.engine_driver import Engine, seen
from ..support.expectations import assert_drift, assert_match, assert_not_proven
from ..support.postgresql import CASELESS, Cluster, Database, new_database

TOLERATED, DRIFT, MATCH = Status.TOLERATED, Status.DRIFT, Status.MATCH
COLUMN = "[tables.t.columns.v]"


def values(engine: Engine, kind: str, legacy: str, modern: str, modern_kind: str = "") -> None:
    """Make a table of one row with a value on each side, and one row that is the same."""
    engine.legacy.run(f"CREATE TABLE t (id int PRIMARY KEY, v {kind})")
    engine.modern.run(f"CREATE TABLE t (id int PRIMARY KEY, v {modern_kind or kind})")
    engine.legacy.run(f"INSERT INTO t VALUES (1, {legacy}), (2, NULL)")
    engine.modern.run(f"INSERT INTO t VALUES (1, {modern}), (2, NULL)")


def audit(engine: Engine, rules: str, more: str = "") -> Evidence:
    """Check the table under some rules of its column."""
    return engine.audit(more=f"{COLUMN}\n{rules}\n{more}")


# ---- what each rule forgives, and what it does not

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


@pytest.mark.parametrize(
    ("kind", "legacy", "modern", "rules", "status"),
    [pytest.param(*case[1:], id=case[0]) for case in RULES],
)
def test_rules_forgive_what_they_say(
    engine: Engine, kind: str, legacy: str, modern: str, rules: str, status: Status
) -> None:
    """A rule forgives the difference it names, for a count; what lies beyond it is drift."""
    engine.both("CREATE TYPE mood AS ENUM ('ok', 'OK')")
    values(engine, kind, legacy, modern)
    evidence = audit(engine, rules)
    assert evidence.status is status, evidence
    assert {each.rows for each in evidence.tolerance} == ({1} if status is TOLERATED else set())
    if status is DRIFT:
        assert seen(evidence) == [("changed", ("1",), ("v",))]
    if legacy != modern and status is TOLERATED:  # off unless written
        assert_drift(engine.audit(), ("changed", ("1",), ("v",)))


def test_the_report_names_the_rules_that_it_took(engine: Engine) -> None:
    """Each rule that was needed is named with its place and its count, and no other."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, v text, w text)")
    engine.legacy.run("INSERT INTO t VALUES (1, 'A', 'x '), (2, 'b ', 'y'), (3, 'C ', 'z')")
    engine.modern.run("INSERT INTO t VALUES (1, 'a', 'x'), (2, 'b', 'y'), (3, 'c', 'z')")
    evidence = engine.audit(more=f"[rules]\n{TRIM}\n{NFC}\n{COLUMN}\n{CASE}")
    assert evidence.status is TOLERATED
    assert evidence.tolerance == (
        AppliedTolerance("ignore_case", "0", "[tables.t.columns.v]", 2, "v"),
        AppliedTolerance("trim = trailing", "0", "[rules]", 2, "v"),
        AppliedTolerance("trim = trailing", "0", "[rules]", 1, "w"),
    )


def test_a_column_can_refuse_a_rule_for_all(engine: Engine) -> None:
    """A column's own ``false`` goes before the rule of all columns."""
    values(engine, "text", "'A'", "'a'")
    everywhere = f"[rules]\n{CASE}"
    assert engine.audit(more=everywhere).status is TOLERATED
    assert audit(engine, "ignore_case = false", everywhere).status is DRIFT


def test_a_forgiven_column_does_not_hide_another(engine: Engine) -> None:
    """A row is forgiven only if all its columns are."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, v text, w int)")
    engine.legacy.run("INSERT INTO t VALUES (1, 'A', 1)")
    engine.modern.run("INSERT INTO t VALUES (1, 'a', 2)")
    evidence = audit(engine, CASE)
    assert_drift(evidence, ("changed", ("1",), ("w",)))
    assert evidence.tolerance == ()


def test_rules_and_tolerances_stand_side_by_side(engine: Engine) -> None:
    """A number is forgiven by its scale or by its tolerance, and never by both of them added up."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, v numeric)")
    engine.legacy.run("INSERT INTO t VALUES (1, 1.001), (2, 1.03), (3, 1.004)")
    engine.modern.run("INSERT INTO t VALUES (1, 1.002), (2, 1.04), (3, 1.016)")
    evidence = audit(engine, "scale = 2\ntolerance = {absolute = 0.01}")
    assert_drift(evidence, ("changed", ("3",), ("v",)))
    assert [(each.rule, each.rows) for each in evidence.tolerance] == [
        ("absolute", 1), ("scale = 2", 1),
    ]  # fmt: skip


# ---- rules on keys


def keyed(engine: Engine, legacy: str, modern: str, key: str = "k text PRIMARY KEY") -> None:
    """Make a table of a key and a value."""
    engine.both(f"CREATE TABLE t ({key}, v int)")
    engine.legacy.run(f"INSERT INTO t VALUES {legacy}")
    engine.modern.run(f"INSERT INTO t VALUES {modern}")


def by_key(engine: Engine, rules: str, more: str = "") -> Evidence:
    """Check the table under rules of its key."""
    return engine.audit(more=f"[tables.t.columns.k]\n{rules}\n{more}")


def test_a_key_is_found_under_its_rule(engine: Engine) -> None:
    """A key in another case is forgiven and counted, and a change in its row is found."""
    keyed(engine, "('A', 1), ('b', 2)", "('a', 1), ('b', 2)")
    evidence = by_key(engine, CASE)
    assert evidence.status is TOLERATED
    assert evidence.tolerance == (
        AppliedTolerance("ignore_case", "0", "[tables.t.columns.k]", 1, "k"),
    )
    engine.modern.run("UPDATE t SET v = 9 WHERE k = 'a'")
    assert_drift(by_key(engine, CASE), ("changed", ("A",), ("v",)))


SHARED_KEYS = [
    ("one row lost", "('A', 1), ('a', 1)", "('a', 1)", [("missing", ("A",), ())]),
    ("one row gained", "('a', 1)", "('A', 1), ('a', 1)", [("extra", ("A",), ())]),
    ("values swapped", "('A', 1), ('a', 2)", "('A', 2), ('a', 1)",
     [("missing", ("A",), ()), ("missing", ("a",), ()),
      ("extra", ("A",), ()), ("extra", ("a",), ())]),
    ("two became one", "('A', 1), ('a', 2)", "(' a', 1)",
     [("missing", ("A",), ()), ("missing", ("a",), ()), ("extra", (" a",), ())]),
    ("two became another two", "('A', 1), ('a', 2)", "('A ', 1), ('a ', 3)",
     [("missing", ("A",), ()), ("missing", ("a",), ()),
      ("extra", ("A ",), ()), ("extra", ("a ",), ())]),
]  # fmt: skip


@pytest.mark.parametrize("case", SHARED_KEYS, ids=lambda case: case[0])
def test_rows_that_share_a_forgiven_key_are_all_accounted_for(
    engine: Engine, case: tuple[str, str, str, list[tuple[str, tuple[str, ...], tuple[str, ...]]]]
) -> None:
    """Where two keys become one under the rules, no row is lost, and none is matched by guess."""
    _, legacy, modern, expected = case
    keyed(engine, legacy, modern)
    assert_drift(by_key(engine, f"{CASE}\n{BOTH}"), *expected)


def test_a_multiset_is_compared_under_its_rules(engine: Engine) -> None:
    """Without a key, rows that the rules make equal are counted under what they become."""
    engine.both("CREATE TABLE t (v text)")
    engine.legacy.run("INSERT INTO t VALUES ('a '), ('a  '), ('b')")
    engine.modern.run("INSERT INTO t VALUES ('a'), ('a'), ('b')")
    evidence = audit(engine, TRIM)
    assert evidence.status is TOLERATED, evidence
    assert evidence.tolerance[0].rows == 2


def test_a_multiset_under_rules_keeps_its_counts(engine: Engine) -> None:
    """Without a key, a rule forgives no row that is not there."""
    engine.both("CREATE TABLE t (v text)")
    engine.legacy.run("INSERT INTO t VALUES ('a '), ('a  '), ('b')")
    engine.modern.run("INSERT INTO t VALUES ('a'), ('b'), ('b ')")
    evidence = audit(engine, TRIM)
    assert evidence.status is DRIFT
    assert evidence.drift.missing - evidence.drift.extra == 0
    assert evidence.drift.missing > 0


def test_null_keys_are_no_partners_of_others(engine: Engine) -> None:
    """A NULL in the key is found by NULL alone; under empty_is_null by '' as well."""
    keyed(engine, "(NULL, 1), ('b', 2)", "('', 1), ('b', 2)", "k text UNIQUE")
    key = '[tables.t]\nkey = ["k"]\n'
    for rules in (CASE, BOTH, NFKC):
        assert_drift(by_key(engine, rules, key), ("missing", (None,), ()), ("extra", ("",), ()))
    assert by_key(engine, NULLS, key).status is TOLERATED
    engine.modern.run("UPDATE t SET v = 7 WHERE k = ''")
    assert_drift(by_key(engine, NULLS, key), ("changed", (None,), ("v",)))


def test_null_and_empty_keys_share_one_forgiven_key(engine: Engine) -> None:
    """Of a NULL and an empty key that become one, a lost row is missed."""
    keyed(engine, "(NULL, 1), ('', 1)", "('', 1)", "k text")
    assert_drift(
        by_key(engine, NULLS, '[tables.t]\nkey = ["k"]'), ("missing", (None,), ())
    )  # fmt: skip


def test_a_number_as_key_is_found_under_its_scale(engine: Engine) -> None:
    """A key beyond the rule's digits is found; two keys that round to one are not merged."""
    keyed(engine, "(1.004, 1), (2, 2)", "(1.0, 1), (2, 2)", "k numeric PRIMARY KEY")
    assert by_key(engine, "scale = 2").status is TOLERATED
    engine.legacy.run("INSERT INTO t VALUES (1.003, 1)")
    evidence = by_key(engine, "scale = 2")
    assert evidence.status is DRIFT
    assert (evidence.drift.missing, evidence.drift.extra) == (2, 1)


@pytest.mark.parametrize("composite", [True, False])
def test_forgiven_keys_among_thousands(engine: Engine, composite: bool) -> None:
    """Over many buckets a key under a rule finds its partner, alone or beside a plain key."""
    key = "PRIMARY KEY (n, k)" if composite else "PRIMARY KEY (k)"
    engine.both(f"CREATE TABLE t (n int, k text, v int, {key})")
    engine.legacy.run("INSERT INTO t SELECT g / 2, 'K' || g, g FROM generate_series(1, 3000) g")
    engine.modern.run("INSERT INTO t SELECT g / 2, 'k' || g, g FROM generate_series(1, 3000) g")
    evidence = by_key(engine, CASE)
    assert evidence.status is TOLERATED
    assert evidence.tolerance[0].rows == 3000
    engine.modern.run("UPDATE t SET v = 0 WHERE k = 'k77'; DELETE FROM t WHERE k = 'k99'")
    named = (("38", "K77"), ("49", "K99")) if composite else (("K77",), ("K99",))
    assert_drift(by_key(engine, CASE), ("changed", named[0], ("v",)), ("missing", named[1], ()))


# ---- types, however they are stored

LOW = "abcdef00-0000-0000-0000-000000000001"
READINGS = [
    ("uuid in upper case", "uuid", "text", f"'{LOW.upper()}'", "uuid", f"'{LOW}'", MATCH),
    ("uuid without hyphens", "uuid", "text", f"'{LOW.replace('-', '')}'", "uuid", f"'{LOW}'",
     MATCH),
    ("uuid in char(36)", "uuid", "char(36)", f"'{LOW}'", "uuid", f"'{LOW}'", MATCH),
    ("uuid in bytes", "uuid", "bytea", rf"'\x{LOW.replace('-', '')}'", "uuid", f"'{LOW}'", MATCH),
    ("uuid, another", "uuid", "text", f"'{LOW[:-1]}2'", "uuid", f"'{LOW}'", DRIFT),
    ("uuid and a space", "uuid", "text", f"'{LOW} '", "uuid", f"'{LOW}'", DRIFT),
    ("uuid and a newline", "uuid", "text", f"E'{LOW}\\n'", "uuid", f"'{LOW}'", DRIFT),
    ("uuid cut off", "uuid", "text", f"'{LOW[:-1]}'", "uuid", f"'{LOW}'", DRIFT),
    ("uuid of nothing", "uuid", "text", "''", "uuid", "NULL", DRIFT),
    ("uuid of other digits", "uuid", "text", f"U&'{LOW[:-1]}\\0661'", "uuid", f"'{LOW}'", DRIFT),
    ("no uuids, case", "uuid", "text", "'garbage'", "text", "'GARBAGE'", DRIFT),
    ("no uuids, hyphens", "uuid", "text", "'gar-bage'", "text", "'garbage'", DRIFT),
    ("uuid in short bytes", "uuid", "bytea", r"'\xabcd'", "text", "'abcd'",
     DRIFT),
    ("decimal spelling", "decimal", "text", "'+01.50'", "numeric", "1.5", MATCH),
    ("decimal without a zero", "decimal", "text", "'.5'", "numeric", "0.5", MATCH),
    ("decimal with a bare point", "decimal", "text", "'5.'", "numeric", "5", MATCH),
    ("decimal zeros", "decimal", "text", "'-0.00'", "numeric", "0", MATCH),
    ("decimal of many digits", "decimal", "text", "'900719925474099300000000000000000001'",
     "numeric", "900719925474099300000000000000000001", MATCH),
    ("decimal and int", "decimal", "text", "'0100'", "int", "100", MATCH),
    ("decimal, last digit", "decimal", "text", "'1.50000000000000000001'", "numeric", "1.5",
     DRIFT),
    ("decimal, sign", "decimal", "text", "'-1.5'", "numeric", "1.5", DRIFT),
    ("decimal of nothing", "decimal", "text", "''", "numeric", "0", DRIFT),
    ("decimal point alone", "decimal", "text", "'.'", "numeric", "0", DRIFT),
    ("decimal sign alone", "decimal", "text", "'-'", "numeric", "0", DRIFT),
    ("decimal with a space", "decimal", "text", "' 1'", "numeric", "1", DRIFT),
    ("decimal with a newline", "decimal", "text", "E'1\\n'", "numeric", "1", DRIFT),
    ("decimal with an underscore", "decimal", "text", "'1_000'", "numeric", "1000", DRIFT),
    ("decimal with a comma", "decimal", "text", "'1,5'", "numeric", "1.5", DRIFT),
    ("decimal of other digits", "decimal", "text", "U&'\\0661'", "numeric", "1", DRIFT),
    ("decimal in hexadecimal", "decimal", "text", "'0x10'", "numeric", "16", DRIFT),
    ("decimal fraction", "decimal", "text", "'1/2'", "numeric", "0.5", DRIFT),
    ("decimal NaN and NULL", "decimal", "text", "'NaN'", "numeric", "NULL", DRIFT),
    ("decimal NaN", "decimal", "text", "'NaN'", "numeric", "'NaN'", MATCH),
    ("no decimals, zeros", "decimal", "text", "'1.2.0'", "text", "'1.2.00'", DRIFT),
    ("boolean words", "boolean", "text", "'TRUE'", "boolean", "true", MATCH),
    ("boolean letters", "boolean", "char(1)", "'f'", "boolean", "false", MATCH),
    ("boolean digits", "boolean", "text", "'1'", "boolean", "true", MATCH),
    ("boolean of int", "boolean", "int", "0", "boolean", "false", MATCH),
    ("boolean of 2", "boolean", "int", "2", "boolean", "true", DRIFT),
    ("boolean of 01", "boolean", "text", "'01'", "boolean", "true", DRIFT),
    ("boolean of nothing", "boolean", "text", "''", "boolean", "false", DRIFT),
    ("boolean of NULL", "boolean", "int", "NULL", "boolean", "false", DRIFT),
    ("boolean of text and int", "boolean", "text", "'t'", "int", "1", MATCH),
    ("float against text", "float", "text", "'1.50e0'", "float8", "1.5", MATCH),
    ("float against numeric", "float", "numeric", "0.1", "float8", "0.1", MATCH),
    ("float against int", "float", "int", "100", "float8", "100", MATCH),
    ("float infinity", "float", "text", "'-INF'", "float8", "'-Infinity'", MATCH),
    ("float of two texts", "float", "text", "'1e3'", "text", "'1000'", MATCH),
    ("float, last digit", "float", "text", "'0.3'", "float8", "0.1::float8 + 0.2::float8", DRIFT),
    ("float zero and negative zero", "float", "text", "'-0'", "text", "'0'", DRIFT),
    ("float of a letter", "float", "text", "'e'", "text", "'E'", DRIFT),
    ("float beyond all limits", "float", "text", "'1e99999999999'", "text", "'1e99999999998'",
     DRIFT),
    ("float with a space", "float", "text", "' 1'", "float8", "1", DRIFT),
    ("float with an underscore", "float", "text", "'1_0'", "float8", "10", DRIFT),
    ("float of other digits", "float", "text", "U&'\\0661'", "float8", "1", DRIFT),
    ("float and a number too large", "float", "numeric", "1e400", "text", "'2e400'",
     DRIFT),
    ("float and a number too small", "float", "numeric", "1e-400", "float8", "0", DRIFT),
    ("float infinity and a number too large", "float", "numeric", "1e400", "float8",
     "'Infinity'", DRIFT),
    ("bytes in text", "bytes", "text", r"'\xAB'", "bytea", r"'\xab'", MATCH),
    ("bytes that are none, case", "bytes", "text", r"'\xHELLO'", "text", r"'\xhello'",
     DRIFT),
    ("bytes of half a byte", "bytes", "text", r"'\xA'", "text", r"'\xa'", DRIFT),
    ("time without seconds", "time", "text", "'10:00'", "time", "'10:00'", MATCH),
    ("time with zeros", "time", "text", "'10:00:00.500'", "time", "'10:00:00.5'", MATCH),
    ("timestamp with T", "timestamp", "text", "'2024-01-02T10:00'", "timestamp",
     "'2024-01-02 10:00'", MATCH),
    ("timestamp with zeros", "timestamp", "text", "'2024-01-02 10:00:00.120'", "timestamp",
     "'2024-01-02 10:00:00.12'", MATCH),
    ("timestamp, an hour", "timestamp", "text", "'2024-01-02 11:00'", "timestamp",
     "'2024-01-02 10:00'", DRIFT),
    ("timestamp with Z and with +02", "timestamptz", "text", "'2024-01-02T10:00:00Z'",
     "text", "'2024-01-02 10:00:00+02'", DRIFT),
    ("timestamptz with Z", "timestamptz", "text", "'2024-01-02T10:00:00Z'", "timestamptz",
     "'2024-01-02 12:00+02'", MATCH),
    ("timestamptz without zone", "timestamptz", "text", "'2024-01-02 10:00:00'", "timestamptz",
     "'2024-01-02 10:00Z'", DRIFT),
    ("date in text", "date", "text", "'2024-01-02'", "date", "'2024-01-02'", MATCH),
    ("date and month", "date", "text", "'2024-02-01'", "date", "'2024-01-02'", DRIFT),
    ("json in text", "json", "text", """'{"b":1,"a":2.0}'""", "jsonb", """'{"a":2,"b":1}'""",
     MATCH),
    ("json in two texts", "json", "text", "'[1, 2]'", "text", "'[1,2]'", MATCH),
    ("json order", "json", "text", "'[1,2]'", "jsonb", "'[2,1]'", DRIFT),
    ("json null and NULL", "json", "text", "'null'", "jsonb", "NULL", DRIFT),
    ("no json, spaces", "json", "text", "'{a'", "text", "'{ a'", DRIFT),
    ("json too large a number", "json", "text", "'1e9999999999999999999'", "text", "'1'",
     DRIFT),
    ("json too deep", "json", "text", "repeat('[', 5000) || repeat(']', 5000)", "text", "'1'",
     DRIFT),
    ("json large exponents", "json", "text", "'1e999999999'", "text", "'1e999999998'", DRIFT),
    ("padding and text", "text", "char(3)", "'a'", "text", "'a'", DRIFT),
    ("padded decimal", "decimal", "char(9)", "'1.50'", "numeric", "1.5", MATCH),
]  # fmt: skip


@pytest.mark.parametrize(
    ("word", "kind", "value", "modern_kind", "modern_value", "status"),
    [pytest.param(*case[1:], id=case[0]) for case in READINGS],
)
def test_types_are_read_as_the_settings_say(
    engine: Engine,
    word: str,
    kind: str,
    value: str,
    modern_kind: str,
    modern_value: str,
    status: Status,
) -> None:
    """One value in two storages is a match; what spells no value equals nothing but itself."""
    values(engine, kind, value, modern_value, modern_kind)
    evidence = audit(engine, f'type = "{word}"')
    if status is MATCH:
        assert_match(evidence, rows=2)
        assert [each.column for each in evidence.rules] == ["v"]
    else:
        assert_drift(evidence, ("changed", ("1",), ("v",)))


GARBAGE = [
    ("fraction", "decimal", "'1/2'", "numeric", "0.5"),
    ("space", "decimal", "' 1'", "numeric", "1"),
    ("underscore", "decimal", "'1_000'", "numeric", "1000"),
    ("other digits", "decimal", "U&'\\0661'", "numeric", "1"),
    ("newline", "decimal", "E'1\\n'", "numeric", "1"),
]


@pytest.mark.parametrize("rule", ["tolerance = {absolute = 0.001}", "scale = 3"])
@pytest.mark.parametrize("case", GARBAGE, ids=lambda case: case[0])
def test_no_number_is_forgiven_nothing(
    engine: Engine, case: tuple[str, str, str, str, str], rule: str
) -> None:
    """A text that is no number is near to none: neither tolerance nor scale forgives it."""
    _, word, value, modern_kind, modern_value = case
    values(engine, "text", value, modern_value, modern_kind)
    assert_drift(audit(engine, f'type = "{word}"'), ("changed", ("1",), ("v",)))
    assert_drift(audit(engine, f'type = "{word}"\n{rule}'), ("changed", ("1",), ("v",)))


TIMES = [
    ("day of a German date", "timestamp", "'01.02.2024 10:00'", "'01.03.2024 10:00'"),
    ("parts of a version", "time", "'v1.2.3'", "'v1.7.3'"),
    ("address", "timestamptz", "'10.0.0.1'", "'10.9.0.1'"),
]


@pytest.mark.parametrize("case", TIMES, ids=lambda case: case[0])
def test_second_digits_are_those_of_a_second(
    engine: Engine, case: tuple[str, str, str, str]
) -> None:
    """Where a text is no time, what stands behind its first point is no part of a second."""
    _, word, one, other = case
    values(engine, "text", one, other)
    evidence = audit(engine, f'type = "{word}"\nsecond_digits = 0')
    assert_drift(evidence, ("changed", ("1",), ("v",)))


@pytest.mark.parametrize("kind", ["boolean", "int"])
def test_no_tolerance_forgives_a_flag(engine: Engine, kind: str) -> None:
    """True is not nearly false, though it is compared with an integer."""
    other = "int" if kind == "boolean" else "boolean"
    values(engine, kind, f"(1::int)::{kind}", f"(0::int)::{other}", other)
    evidence = engine.audit(more="[tolerance]\nabsolute = 1")
    assert_drift(evidence, ("changed", ("1",), ("v",)))


def test_booleans_against_integers(engine: Engine) -> None:
    """True is 1 and false is 0 by a printed rule; 2 is neither, and NULL is not 0."""
    engine.legacy.run("CREATE TABLE t (id int PRIMARY KEY, v smallint)")
    engine.modern.run("CREATE TABLE t (id int PRIMARY KEY, v boolean)")
    engine.legacy.run("INSERT INTO t VALUES (1, 1), (2, 0), (3, NULL)")
    engine.modern.run("INSERT INTO t VALUES (1, true), (2, false), (3, NULL)")
    evidence = engine.audit()
    assert_match(evidence, rows=3)
    assert [each.rule for each in evidence.rules] == ["true is 1 and false is 0"]
    engine.legacy.run("UPDATE t SET v = 2 WHERE id = 1; UPDATE t SET v = 0 WHERE id = 3")
    engine.modern.run("UPDATE t SET v = NULL WHERE id = 2")
    assert_drift(engine.audit(), *(("changed", (str(n),), ("v",)) for n in (1, 2, 3)))


UNREADABLE = [
    ("uuid", "int"), ("uuid", "json"), ("decimal", "float8"), ("decimal", "boolean"),
    ("boolean", "float8"), ("bytes", "uuid"), ("date", "timestamp"), ("timestamp", "date"),
    ("timestamptz", "timestamp"), ("time", "interval"), ("json", "bytea"), ("text", "int"),
    ("text", "jsonb"), ("float", "boolean"),
]  # fmt: skip


@pytest.mark.parametrize(("word", "kind"), UNREADABLE)
def test_a_type_that_cannot_be_read_so_is_not_proven(engine: Engine, word: str, kind: str) -> None:
    """A type that holds no such values is refused by name, though both sides have it."""
    values(engine, kind, "NULL", "NULL")
    assert_not_proven(audit(engine, f'type = "{word}"'), "column 'v'", "cannot be read as")


def test_uuid_text_as_key(engine: Engine) -> None:
    """Rows whose uuid keys are stored as text and as uuid are found among many."""
    engine.legacy.run("CREATE TABLE t (v text PRIMARY KEY, w int)")
    engine.modern.run("CREATE TABLE t (v uuid PRIMARY KEY, w int)")
    make = "SELECT md5(g::text)::uuid{}, g FROM generate_series(1, 2000) g"
    engine.legacy.run(f"INSERT INTO t SELECT upper(x.v::text), x.g FROM ({make.format(' AS v')}) x")
    engine.modern.run(f"INSERT INTO t {make.format('')}")
    assert_match(audit(engine, 'type = "uuid"'), rows=2000)
    engine.modern.run("UPDATE t SET w = 0 WHERE v = md5('7')::uuid")
    (finding,) = audit(engine, 'type = "uuid"').findings
    assert finding.columns["w"].legacy == "7"


def test_two_spellings_of_one_uuid_are_two_rows(engine: Engine) -> None:
    """A legacy key in two spellings is two rows; one modern row does not stand for both."""
    engine.legacy.run("CREATE TABLE t (v text PRIMARY KEY, w int)")
    engine.modern.run("CREATE TABLE t (v uuid PRIMARY KEY, w int)")
    engine.legacy.run(f"INSERT INTO t VALUES ('{LOW}', 1), ('{LOW.upper()}', 1)")
    engine.modern.run(f"INSERT INTO t VALUES ('{LOW}', 1)")
    assert_drift(audit(engine, 'type = "uuid"'), ("duplicate", (LOW,), ()))


@pytest.mark.parametrize("rule", ["", "tolerance = {absolute = 1}"])
def test_a_huge_exponent_does_not_stall(engine: Engine, rule: str) -> None:
    """A text of few characters that means a number of many digits is drift in no time."""
    values(engine, "text", "'1e3000000'", "'2e3000000'")
    evidence = audit(engine, f'type = "float"\n{rule}')
    assert_drift(evidence, ("changed", ("1",), ("v",)))
    assert evidence.seconds < 1


# ---- collations that take different values for equal


@pytest.fixture
def debian_engine(debian_cluster: Cluster, tmp_path: Path) -> Iterator[Engine]:
    """PostgreSQL 15 on both sides."""
    databases: list[Database] = [new_database(debian_cluster) for _ in range(2)]
    yield Engine(databases[0], databases[1], tmp_path)
    for database in databases:
        database.drop()


@pytest.mark.parametrize("word", ["uuid", "decimal", "boolean", "timestamp", "bytes"])
def test_a_caseless_text_can_be_read_as_a_type(debian_engine: Engine, word: str) -> None:
    """A text under a collation that ignores case is read like any other."""
    debian_engine.both(CASELESS)
    spelled = {
        "uuid": LOW, "decimal": "1.5", "boolean": "true", "bytes": r"\xab",
        "timestamp": "2024-01-02 10:00:00",
    }[word]  # fmt: skip
    kind = {"bytes": "bytea", "decimal": "numeric"}.get(word, word)
    values(debian_engine, "text COLLATE caseless", f"'{spelled}'", f"'{spelled}'", kind)
    assert_match(audit(debian_engine, f'type = "{word}"'), rows=2)


def test_rules_under_a_caseless_collation(debian_engine: Engine) -> None:
    """A rule forgives under a collation that ignores case what it forgives elsewhere."""
    debian_engine.both(CASELESS)
    values(debian_engine, "text COLLATE caseless", "'A '", "'a'")
    assert_drift(audit(debian_engine, TRIM), ("changed", ("1",), ("v",)))
    assert audit(debian_engine, f"{TRIM}\n{CASE}").status is TOLERATED
