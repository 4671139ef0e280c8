"""Values are read as the type in the settings; a text without a value of that type is drift."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_tenantparity.model import Outcome

from ..support.engine_driver import Engine
from ..support.expectations import assert_drift, assert_match, assert_not_proven
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
from ..support.postgresql import CASELESS, Cluster, Database, new_database

DRIFT, MATCH = Outcome.REFUTED, Outcome.PROVEN

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


def test_types_are_read_as_the_settings_say(engine: Engine, subtests: pytest.Subtests) -> None:
    """One value in two storages is a match.

    A text without a value of the type equals nothing but itself.
    """
    match, drift = (
        in_groups(
            status.value,
            [
                Value(label, kind, value, other, f'type = "{word}"', modern_kind)
                for label, word, kind, value, modern_kind, other, expected in READINGS
                if expected is status
            ],
        )
        for status in (MATCH, DRIFT)
    )
    groups = {**match, **drift}
    tables = laid_out(engine, [values_case(label, values) for label, values in groups.items()])
    with tables.opened() as audit:
        for label, values in groups.items():
            with subtests.test(label):
                evidence = audit(label)
                assert outcomes(evidence) == (each_is("changed", values) if label in drift else {})
                if label in drift:
                    assert_drift(evidence, *each_changed(values))
                else:
                    assert_match(evidence, rows=len(values) + 1)
                    assert [x.column for x in evidence.rules] == [x.label for x in values]


GARBAGE = [
    ("fraction", "'1/2'", "0.5"),
    ("space", "' 1'", "1"),
    ("underscore", "'1_000'", "1000"),
    ("other digits", "U&'\\0661'", "1"),
    ("newline", "E'1\\n'", "1"),
]
TIMES = [
    ("day of a German date", "timestamp", "'01.02.2024 10:00'", "'01.03.2024 10:00'"),
    ("parts of a version", "time", "'v1.2.3'", "'v1.7.3'"),
    ("address", "timestamptz", "'10.0.0.1'", "'10.9.0.1'"),
]


def test_what_is_no_value_is_forgiven_nothing(engine: Engine) -> None:
    """A text without a numeric value is forgiven by neither tolerance nor scale.

    If a text is not a time, the digits behind its first point are not part of a second. True is not
    nearly false, though it is compared with an integer.
    """
    wide = "tolerance = {absolute = 1}"
    values = [
        Value(f"{label} {rule}", "text", value, other, f'type = "decimal"\n{rule}', "numeric")
        for label, value, other in GARBAGE
        for rule in ("", "tolerance = {absolute = 0.001}", "scale = 3")
    ]
    values += [
        Value(label, "text", one, other, f'type = "{word}"\nsecond_digits = 0')
        for label, word, one, other in TIMES
    ]
    values += [
        Value("boolean and int", "boolean", "true", "0", wide, "int"),
        Value("int and boolean", "int", "1", "false", wide, "boolean"),
    ]
    with laid_out(engine, [values_case("t", values)]).opened() as audit:
        evidence = audit("t")
    assert outcomes(evidence) == each_is("changed", values)
    assert_drift(evidence, *each_changed(values))
    assert evidence.tolerance == ()


def test_booleans_against_integers(engine: Engine) -> None:
    """True is 1 and false is 0 by a rule in the report; 2 is neither, and NULL is not 0."""
    flags = "CREATE TABLE {t} (id int PRIMARY KEY, v boolean); INSERT INTO {t} VALUES "
    numbers = flags.replace("boolean", "smallint")
    equal = "(1, true), (2, false), (3, NULL)"
    cases = [
        Case("equal", numbers + "(1, 1), (2, 0), (3, NULL)", flags + equal),
        Case("not", numbers + "(1, 2), (2, 0), (3, 0)", flags + equal.replace("false", "NULL")),
    ]
    with laid_out(engine, cases).opened() as audit:
        evidence = audit("equal")
        assert_match(evidence, rows=3)
        assert [each.rule for each in evidence.rules] == ["true is 1 and false is 0"]
        assert_drift(audit("not"), *(("changed", (str(n),), ("v",)) for n in (1, 2, 3)))


UNREADABLE = [
    ("uuid", "int"), ("uuid", "json"), ("decimal", "float8"), ("decimal", "boolean"),
    ("boolean", "float8"), ("bytes", "uuid"), ("date", "timestamp"), ("timestamp", "date"),
    ("timestamptz", "timestamp"), ("time", "interval"), ("json", "bytea"), ("text", "int"),
    ("text", "jsonb"), ("float", "boolean"),
]  # fmt: skip


def test_a_type_that_cannot_be_read_so_is_not_proven(engine: Engine) -> None:
    """A type that cannot hold such values is refused by name, even if both sides have it."""
    values = [
        Value(f"{word} of {kind}", kind, "NULL", "NULL", f'type = "{word}"')
        for word, kind in UNREADABLE
    ]
    with laid_out(engine, [values_case("t", values)]).opened() as audit:
        evidence = audit("t")
    assert_not_proven(evidence)
    refused = [reason for reason in evidence.reasons if "cannot be read as" in reason]
    unnamed = [
        each.label for each in values if not any(f"column '{each.label}'" in x for x in refused)
    ]
    assert unnamed == [], refused


def test_uuid_text_as_key(engine: Engine) -> None:
    """Rows are found among many by uuid keys that are stored as text and as uuid.

    A legacy key in two notations is two rows, and one modern row is not the partner of both.
    """
    texts, uuids = (
        f"CREATE TABLE {{t}} (v {kind} PRIMARY KEY, w int); INSERT INTO {{t}} "
        for kind in ("text", "uuid")
    )
    many = "SELECT md5(g::text)::uuid, g FROM generate_series(1, 2000) g"
    spelled = many.replace("md5(g::text)::uuid", "upper(md5(g::text)::uuid::text)")
    changed = "; UPDATE {t} SET w = 0 WHERE v = md5('7')::uuid"
    own = '[tables.{t}.columns.v]\ntype = "uuid"'
    cases = [
        Case("many", texts + spelled, uuids + many, own),
        Case("changed", texts + spelled, uuids + many + changed, own),
        Case(
            "two spellings",
            f"{texts}VALUES ('{LOW}', 1), ('{LOW.upper()}', 1)",
            f"{uuids}VALUES ('{LOW}', 1)",
            own,
        ),
    ]
    with laid_out(engine, cases).opened() as audit:
        assert_match(audit("many"), rows=2000)
        (finding,) = audit("changed").findings
        assert finding.columns["w"].legacy == "7"
        assert_drift(audit("two spellings"), ("duplicate", (LOW,), ()))


def test_a_huge_exponent_does_not_stall(engine: Engine) -> None:
    """A short text that means a number of many digits is drift within a second."""
    values = [
        Value(f"exponent {rule}", "text", "'1e3000000'", "'2e3000000'", f'type = "float"\n{rule}')
        for rule in ("", "tolerance = {absolute = 1}")
    ]
    with laid_out(engine, [values_case("t", values)]).opened() as audit:
        evidence = audit("t")
    assert_drift(evidence, *each_changed(values))
    assert evidence.work.seconds < 1


# ---- collations that take different values for equal


@pytest.fixture
def debian_engine(debian_cluster: Cluster, tmp_path: Path) -> Iterator[Engine]:
    """PostgreSQL 15 on both sides."""
    databases: list[Database] = [new_database(debian_cluster) for _ in range(2)]
    yield Engine(databases[0], databases[1], tmp_path)
    for database in databases:
        database.drop()


def test_a_caseless_collation_changes_nothing(debian_engine: Engine) -> None:
    """A text under a collation that ignores case can be read as a type, like any other.

    A rule forgives the same differences under that collation as elsewhere.
    """
    debian_engine.both(CASELESS)
    spelled = {
        "uuid": LOW, "decimal": "1.5", "boolean": "true", "bytes": r"\xab",
        "timestamp": "2024-01-02 10:00:00",
    }  # fmt: skip
    kinds = {"bytes": "bytea", "decimal": "numeric"}
    text, trim = "text COLLATE caseless", 'trim = "trailing"'
    types = [
        Value(word, text, f"'{value}'", f"'{value}'", f'type = "{word}"', kinds.get(word, word))
        for word, value in spelled.items()
    ]
    rules = [
        Value("trim", text, "'A '", "'a'", trim),
        Value("trim and case", text, "'A '", "'a'", f"{trim}\nignore_case = true"),
    ]
    tables = laid_out(debian_engine, [values_case("types", types), values_case("rules", rules)])
    with tables.opened() as audit:
        assert outcomes(audit("types")) == {}
        assert_match(audit("types"), rows=len(types) + 1)
        found = audit("rules")
    assert_drift(found, each_changed(rules)[0])
    assert {(each.column, each.rows) for each in found.tolerance} == {("trim and case", 1)}
