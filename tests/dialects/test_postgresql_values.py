"""A match means equal, and a difference is named exactly: values in PostgreSQL."""

from __future__ import annotations

from ..support.changed_tables import Change, check_changes, checks
from ..support.engine_driver import Engine
from ..support.expectations import assert_drift, assert_match, assert_not_proven

# ---- row encoding

# Two rows, and the columns in which they differ.
ROWS = [
    ("no separator", "'ab', 'c', ''", "'a', 'bc', ''", ("x", "y")),
    ("pipe in values", "'x|q', 'r', ''", "'x', 'q|r', ''", ("x", "y")),
    ("comma in values", "'x,q', 'r', ''", "'x', 'q,r', ''", ("x", "y")),
    ("tab in values", "E'x\\tq', 'r', ''", "'x', E'q\\tr', ''", ("x", "y")),
    ("value tag in values", "'av', 'b', ''", "'a', 'vb', ''", ("x", "y")),
    ("null tag in values", "'an', NULL, ''", "'a', 'n', ''", ("x", "y")),
    ("length prefix in values", "'1:a', 'b', ''", "'1:', 'ab', ''", ("x", "y")),
    ("NULL moved right", "NULL, 'a', 'b'", "'a', NULL, 'b'", ("x", "y")),
    ("NULL moved left", "NULL, NULL, 'a'", "NULL, 'a', NULL", ("y", "z")),
    ("NULL skipped by concat_ws", "'a', NULL, 'b'", "'a', 'b', NULL", ("y", "z")),
    ("all NULL or all empty", "NULL, NULL, NULL", "'', '', ''", ("x", "y", "z")),
    ("two columns swapped", "'a', 'b', 'c'", "'b', 'a', 'c'", ("x", "y")),
    ("pair that XOR cancels", "'a', 'a', ''", "'b', 'b', ''", ("x", "y")),
    ("tag as value beside NULL", "'n', NULL, 'v'", "NULL, 'n', 'v'", ("x", "y")),
]


def test_row_encoding_is_injective(engine: Engine) -> None:
    """No combination of values or NULLs gives two different rows the same encoding."""
    made = "CREATE TABLE {t} (id int PRIMARY KEY, x text, y text, z text); "
    check_changes(
        engine,
        [
            Change(
                label,
                f"{made}INSERT INTO {{t}} VALUES (1, {one}), (2, {other})",
                f"UPDATE {{t}} SET (x, y, z) = ({other}) WHERE id = 1",
                (("changed", ("1",), columns),),
                rows=2,
            )
            for label, one, other, columns in ROWS
        ],
    )


HEIR = """
    CREATE TABLE {t} (id int PRIMARY KEY, x int, y int NOT NULL[more]);
    CREATE TABLE {t}_heir () INHERITS ({t});
    DO $$ BEGIN
        IF current_setting('server_version_num')::int >= 180000 THEN
            EXECUTE 'ALTER TABLE {t} ADD CONSTRAINT own NOT NULL x NO INHERIT';
        ELSE
            ALTER TABLE ONLY {t} ALTER x SET NOT NULL;
        END IF;
    END $$;
    INSERT INTO {t} VALUES (1, 1, 1);
    INSERT INTO {t}_heir VALUES (7, NULL, 1)
"""


def test_rows_with_nulls_and_domains_are_compared(engine: Engine) -> None:
    """A row of only NULLs is counted, and it is missing when it is lost.

    A NOT NULL of a table does not bind its children. A child's row with a NULL there stays
    different from other rows, also in a wide table. The numbers 1.50 and 1.5000 are equal, also if
    both sides call their type by the same name.
    """
    price = "CREATE DOMAIN price AS numeric(9, {})"
    heirs = [
        Change(
            f"an heir's NULL among {3 + more} columns",
            HEIR.replace("[more]", "".join(f", c{n} int NOT NULL DEFAULT 0" for n in range(more))),
            "UPDATE {t} SET y = 2 WHERE id = 7",
            (("changed", ("7",), ("y",)),),
            rows=2,
        )
        for more in (0, 40)
    ]
    nulls = Change(
        "a lost row of NULLs",
        "CREATE TABLE {t} (x text, y int); INSERT INTO {t} VALUES (NULL, NULL), ('a', 1)",
        "DELETE FROM {t} WHERE x IS NULL",
        (("missing", (None, None), ()),),
        rows=2,
    )
    domains = Change(
        "domains of one name and two scales",
        "CREATE TABLE {t} (id int PRIMARY KEY, v price NOT NULL); "
        "INSERT INTO {t} VALUES (1, 1.50), (2, 2)",
        "UPDATE {t} SET v = 1.5001 WHERE id = 1",
        (("changed", ("1",), ("v",)),),
        rows=2,
        legacy=price.format(2),
        modern=price.format(4),
    )
    check_changes(engine, [*heirs, nulls, domains])


# ---- values of one type

DIFFERENT = [
    # text, and the difference of NULL from any text
    ("NULL and empty", "text", "NULL", "''"),
    ("NULL and sentinel", "text", "NULL", "'<null>'"),
    ("NULL and word", "text", "NULL", "'NULL'"),
    ("NULL and null tag", "text", "NULL", "'n'"),
    ("NULL and value tag", "text", "NULL", "'v'"),
    ("NULL and copy escape", "text", "NULL", r"'\N'"),
    ("null tag and tagged null tag", "text", "'n'", "'vn'"),
    ("case", "text", "'a'", "'A'"),
    ("trailing space", "text", "'a'", "'a '"),
    ("leading space", "text", "'a'", "' a'"),
    ("no-break space", "text", "'a b'", "U&'a\\00A0b'"),
    ("sharp s", "text", "'ß'", "'ss'"),
    ("NFC and NFD", "text", "U&'\\00E9'", "U&'e\\0301'"),
    ("emoji and question mark", "text", "'😀'", "'?'"),
    ("emoji and emoji", "text", "'😀'", "'😁'"),
    ("zero-width joiner", "text", "'ab'", "U&'a\\200Db'"),
    ("doubled quote", "text", "''''", "''''''"),
    ("double quote", "text", "'a\"b'", "'a\"\"b'"),
    ("backslash", "text", r"'a\b'", r"'a\\b'"),
    ("newline and its escape", "text", "E'a\\nb'", r"'a\nb'"),
    ("CRLF and LF", "text", "E'a\\r\\nb'", "E'a\\nb'"),
    ("tab and space", "text", "E'a\\tb'", "'a b'"),
    ("end of a long text", "text", "repeat('x', 100000) || 'a'", "repeat('x', 100000) || 'b'"),
    ("varchar case", "varchar(9)", "'a'", "'A'"),
    ("char", "char(3)", "'a'", "'b'"),
    ("one-byte char", '"char"', "'a'", "'A'"),
    ("name", "name", "'a'", "'A'"),
    ("tsvector", "tsvector", "'a:1'", "'a:2'"),
    # numbers
    ("smaller scale", "numeric", "10.1234", "10.12"),
    ("sign of a numeric", "numeric", "1.5", "-1.5"),
    ("12th decimal", "numeric(38,12)", "12345678901234567890123456.123456789012",
     "12345678901234567890123456.123456789013"),
    ("38 digits", "numeric", "12345678901234567890123456789012345678",
     "12345678901234567890123456789012345679"),
    ("500th decimal", "numeric", "1 + 1e-500", "1"),
    ("numeric NaN and 0", "numeric", "'NaN'", "0"),
    ("numeric NaN and NULL", "numeric", "'NaN'", "NULL"),
    ("numeric infinities", "numeric", "'Infinity'", "'-Infinity'"),
    ("numeric infinity and NaN", "numeric", "'Infinity'", "'NaN'"),
    ("0.0 and NULL", "numeric", "0.0", "NULL"),
    ("money", "money", "1.23", "1.24"),
    ("2^53", "bigint", "9007199254740992", "9007199254740993"),
    ("halves that hashint8 folds", "bigint", "1", "4294967296"),
    ("high bit", "bigint", "5", "4611686018427387909"),
    ("sign of an integer", "int", "5", "-5"),
    ("float 1e-20 and 0", "float8", "1e-20", "0"),
    ("float last digit", "float8", "0.3", "0.1::float8 + 0.2::float8"),
    ("float negative zero", "float8", "'-0'", "0"),
    ("float NaN and NULL", "float8", "'NaN'", "NULL"),
    ("float NaN and infinity", "float8", "'NaN'", "'Infinity'"),
    ("float infinities", "float8", "'Infinity'", "'-Infinity'"),
    ("float smallest", "float8", "5e-324", "0"),
    ("float4 last digit", "float4", "16777216", "16777218"),
    # times
    ("sub-second", "timestamp", "'2024-01-01 00:00:00'", "'2024-01-01 00:00:00.5'"),
    ("microsecond", "timestamptz", "'2024-01-01 00:00:00.123456Z'",
     "'2024-01-01 00:00:00.123457Z'"),
    ("an hour", "timestamptz", "'2024-01-01 00:00Z'", "'2024-01-01 01:00Z'"),
    ("infinite times", "timestamp", "'infinity'", "'-infinity'"),
    ("infinite time and NULL", "timestamptz", "'infinity'", "NULL"),
    ("BC and AD", "timestamp", "'0044-03-15 BC'", "'0044-03-15'"),
    ("date BC and AD", "date", "'0044-03-15 BC'", "'0044-03-15'"),
    ("infinite dates", "date", "'infinity'", "'-infinity'"),
    ("day and month", "date", "'2024-03-02'", "'2024-02-03'"),
    ("microsecond of a day", "time", "'12:00:00.000001'", "'12:00:00'"),
    ("midnight and midnight", "time", "'24:00'", "'00:00'"),
    ("one instant, two offsets", "timetz", "'12:00+00'", "'14:00+02'"),
    ("month and 30 days", "interval", "'1 mon'", "'30 days'"),
    ("day and 24 hours", "interval", "'1 day'", "'24 hours'"),
    ("sign of an interval", "interval", "'-1 day +1 hour'", "'1 day -1 hour'"),
    # the rest
    ("NULL and false", "boolean", "NULL", "false"),
    ("bytes of zero", "bytea", r"'\x00'", r"'\x'"),
    ("bytes and NULL", "bytea", r"'\x'", "NULL"),
    ("bytes that no text holds", "bytea", r"'\xff00fe'", r"'\xff00ff'"),
    ("uuid", "uuid", "'00000000-0000-0000-0000-000000000001'",
     "'00000000-0000-0000-0000-000000000010'"),
    ("enum", "mood", "'ok'", "'OK'"),
    ("array NULL and word", "text[]", "'{NULL}'", """'{"NULL"}'"""),
    ("array none and NULL", "text[]", "'{}'", "NULL"),
    ("array none and one empty", "text[]", "'{}'", """'{""}'"""),
    ("array comma in element", "text[]", """'{"a,b"}'""", "'{a,b}'"),
    ("array quote in element", "text[]", r"""'{"a\"b"}'""", r"""'{"a\\b"}'"""),
    ("array shape", "int[]", "'{{1,2},{3,4}}'", "'{1,2,3,4}'"),
    ("array nesting", "int[]", "'{{1,2}}'", "'{{1},{2}}'"),
    ("array order", "int[]", "'{1,2}'", "'{2,1}'"),
    ("array bounds", "int[]", "'[0:1]={1,2}'", "'{1,2}'"),
    ("array of floats", "float8[]", "'{0.3}'", "ARRAY[0.1::float8 + 0.2::float8]"),
    ("array of padded", "char(3)[]", "'{a}'", "'{b}'"),
    ("range bounds", "numrange", "'[1,5)'", "'(1,5)'"),
    ("range infinite and infinity", "tstzrange", "'[2024-01-01,)'", "'[2024-01-01,infinity)'"),
    ("range empty and NULL", "int4range", "'empty'", "NULL"),
    ("multirange", "int4multirange", "'{[1,3),[5,7)}'", "'{[1,3),[5,8)}'"),
    ("bits", "bit(3)", "B'101'", "B'100'"),
    ("bits and length", "varbit", "B'0'", "B'00'"),
    ("host and mask", "inet", "'10.0.0.1/8'", "'10.0.0.1/16'"),
    ("v4 and mapped v6", "inet", "'10.0.0.1'", "'::ffff:10.0.0.1'"),
    ("network", "cidr", "'10.0.0.0/8'", "'10.0.0.0/9'"),
    ("macaddr", "macaddr", "'08:00:2b:01:02:03'", "'08:00:2b:01:02:04'"),
    ("point of floats", "point", "point(0.3, 0)", "point(0.1::float8 + 0.2::float8, 0)"),
    ("json key order, no rule", "json", """'{"a":1,"b":2}'""", """'{"b":2,"a":1}'"""),
    ("json number spelling, no rule", "json", "'1.0'", "'1.00'"),
    ("json repeated key, no rule", "json", """'{"a":1,"a":2}'""", """'{"a":2}'"""),
    ("json null and NULL", "json", "'null'", "NULL"),
    ("jsonb null and NULL", "jsonb", "'null'", "NULL"),
    ("jsonb empty list and object", "jsonb", "'[]'", "'{}'"),
    ("jsonb true and 1", "jsonb", "'true'", "'1'"),
    ("jsonb number and text", "jsonb", "'1'", """'"1"'"""),
    ("jsonb null and absent", "jsonb", """'{"a":null}'""", "'{}'"),
    ("jsonb sign of a number", "jsonb", "'1.5'", "'-1.5'"),
    ("jsonb order of a list", "jsonb", "'[1,2]'", "'[2,1]'"),
    ("jsonb digits beyond a double", "jsonb", "'1.00000000000000000001'", "'1'"),
    ("jsonb NFC and NFD", "jsonb", r"""'"\u00e9"'""", r"""'"e\u0301"'"""),
]  # fmt: skip


def test_different_values_are_found(engine: Engine) -> None:
    """Two values that differ are drift of their row and column alone, in both directions."""
    engine.both("CREATE TYPE mood AS ENUM ('ok', 'OK')")
    check_changes(
        engine,
        [
            Change(
                label,
                f"CREATE TABLE {{t}} (id int PRIMARY KEY, v {kind}, w int); "
                f"INSERT INTO {{t}} VALUES (1, {one}, 1), (2, {other}, 1), (3, {one}, 1)",
                f"UPDATE {{t}} SET v = {other} WHERE id = 1; "
                f"UPDATE {{t}} SET v = {one} WHERE id = 2",
                (("changed", ("1",), ("v",)), ("changed", ("2",), ("v",))),
                rows=3,
            )
            for label, kind, one, other in DIFFERENT
        ],
    )


# ---- values of two types

DIFFERENT_TYPES = [
    ("padding and text", "char(3)", "'a'", "text", "'a'"),
    ("padding and varchar", "char(3)", "'a'", "varchar(3)", "'a'"),
    ("paddings of two lengths", "char(3)", "'a'", "char(5)", "'a'"),
    ("0.1 of four bytes and of eight", "float4", "0.1", "float8", "0.1"),
    ("scale cut off", "numeric(18,8)", "0.12345678", "numeric(18,4)", "0.12345678"),
    ("integer and decimal", "int", "2", "numeric", "1.5"),
    ("bigint and double-rounded numeric", "bigint", "9007199254740993", "numeric",
     "9007199254740992"),
    ("precision cut off", "timestamp", "'2024-01-01 00:00:00.123456'", "timestamp(3)",
     "'2024-01-01 00:00:00.123456'"),
    ("enum and text", "mood", "'ok'", "text", "'OK'"),
    ("text cut off", "text", "'abcd'", "varchar(3)", "'abcd'::varchar(3)"),
]  # fmt: skip


def _make(engine: Engine, number: int, kinds: tuple[str, str], rows: tuple[str, str]) -> str:
    """Make a table with a column ``v`` of a type for each side; return its name."""
    for side, kind, values in zip((engine.legacy, engine.modern), kinds, rows, strict=True):
        side.run(f"CREATE TABLE t{number} (id int PRIMARY KEY, v {kind}, w int)")
        side.run(f"INSERT INTO t{number} VALUES {values}")
    return f"t{number}"


def test_different_values_of_related_types_are_found(engine: Engine) -> None:
    """Types with some equal texts do not hide a loss between them."""
    engine.both("CREATE TYPE mood AS ENUM ('ok', 'OK')")
    tables = {
        _make(
            engine,
            number,
            (kind, modern_kind),
            (f"(1, {one}), (2, NULL)", f"(1, {other}), (2, NULL)"),
        ): label
        for number, (label, kind, one, modern_kind, other) in enumerate(DIFFERENT_TYPES)
    }
    with checks(engine) as check:
        for table, label in tables.items():
            with check(label, table) as evidence:
                assert_drift(evidence, ("changed", ("1",), ("v",)))


EQUAL = [
    ("decimal spelling", "numeric", "1.50", "numeric", "1.5", ""),
    ("wider scale", "numeric(18,8)", "1.5", "numeric(24,12)", "1.5", ""),
    ("zero of two scales", "numeric(9,2)", "0", "numeric(9,4)", "0", ""),
    ("int and bigint", "int", "7", "bigint", "7", ""),
    ("int and numeric", "int", "100", "numeric(12,4)", "100", ""),
    ("bigint and numeric", "bigint", "9007199254740993", "numeric", "9007199254740993.000", ""),
    ("float4 and float8", "float4", "1.5", "float8", "1.5", ""),
    ("varchar and text", "varchar(9)", "'a '", "text", "'a '", ""),
    ("full char and text", "char(3)", "'abc'", "text", "'abc'", ""),
    ("declared padding", "char(3)", "'a'", "text", "'a'", 'legacy_sql = "rtrim(v)"'),
    ("enum and text", "mood", "'ok'", "text", "'ok'", ""),
    ("domain and its base", "positive", "7", "int", "7", ""),
    ("times of two precisions", "timestamp(0)", "'2024-01-01 12:00'", "timestamp",
     "'2024-01-01 12:00'", ""),
    ("one instant, two spellings", "timestamptz", "'2024-07-01 12:00+02'", "timestamptz",
     "'2024-07-01 10:00Z'", ""),
    ("jsonb key order", "jsonb", """'{"a":1,"b":2}'""", "jsonb", """'{"b":2,"a":1}'""", ""),
    ("jsonb number spelling", "jsonb", """'{"a":[1.50,1e2]}'""", "jsonb",
     """'{"a":[1.5,100]}'""", ""),
    ("json and jsonb, by rule", "json", """'{"b": 1.0, "a": null}'""", "jsonb",
     """'{"a":null,"b":1.00}'""", 'json = "canonical"'),
    ("json and json, by rule", "json", """'{"b":1,"a":"\\u00e9"}'""", "json",
     """'{"a":"é","b":1}'""", 'json = "canonical"'),
    ("naive and aware, by rule", "timestamp", "'2024-07-01 12:00'", "timestamptz",
     "'2024-07-01 10:00Z'", 'naive_zone = "Europe/Berlin"'),
    ("uuid in text, by expression", "text", "'ABCDEF00-0000-0000-0000-000000000001'", "uuid",
     "'abcdef00-0000-0000-0000-000000000001'", 'legacy_sql = "v::uuid"'),
    ("boolean of int, by expression", "int", "1", "boolean", "true", 'legacy_sql = "v <> 0"'),
]  # fmt: skip


def test_equal_values_are_no_drift(engine: Engine) -> None:
    """One value in two notations or types is a match, under a rule in the report if needed."""
    engine.both("CREATE TYPE mood AS ENUM ('ok'); CREATE DOMAIN positive AS int CHECK (VALUE > 0)")
    settings = ""
    for number, (_, kind, value, modern_kind, modern_value, rule) in enumerate(EQUAL):
        rows = (f"(1, {value}), (2, NULL)", f"(1, {modern_value}), (2, NULL)")
        table = _make(engine, number, (kind, modern_kind), rows)
        settings += f"[tables.{table}.columns.v]\n{rule}\n" if rule else ""
    with checks(engine, settings) as check:
        for number, (label, kind, *_, rule) in enumerate(EQUAL):
            with check(label, f"t{number}") as evidence:
                assert_match(evidence, rows=2)
                padded = kind.startswith("char")  # which has a rule, as the other side does not pad
                named = {"v"} if rule or padded else set()
                assert {each.column for each in evidence.rules} == named


INCOMPARABLE = [
    ("int became text", "int", "1", "text", "'1'"),
    ("text became int", "text", "'1'", "int", "1"),
    ("numeric became float", "numeric", "1", "float8", "1"),
    ("boolean became numeric", "boolean", "true", "numeric", "1"),
    ("boolean became text", "boolean", "true", "text", "'true'"),
    ("uuid became text", "uuid", "'00000000-0000-0000-0000-000000000001'", "text",
     "'00000000-0000-0000-0000-000000000001'"),
    ("date became timestamp", "date", "'2024-01-01'", "timestamp", "'2024-01-01'"),
    ("timestamp became timestamptz", "timestamp", "'2024-01-01'", "timestamptz", "'2024-01-01'"),
    ("json became jsonb", "json", "'1'", "jsonb", "'1'"),
    ("json became text", "json", "'1'", "text", "'1'"),
    ("bytea became text", "bytea", "'a'", "text", r"'\x61'"),
    ("array of another type", "int[]", "'{1}'", "bigint[]", "'{1}'"),
    ("range of another type", "int4range", "'[1,2)'", "int8range", "'[1,2)'"),
    ("inet became cidr", "inet", "'10.0.0.0/8'", "cidr", "'10.0.0.0/8'"),
    ("composite", "pair", "ROW(1,2)", "pair", "ROW(1,2)"),
    ("array of composites", "pair[]", "'{}'", "pair[]", "'{}'"),
    ("composite called as a built-in type", '"path"', "ROW(1,2)", '"path"', "ROW(1,2)"),
    ("extension", "vector", "'[1,2]'", "vector", "'[1,2]'"),
]  # fmt: skip


def test_a_type_that_cannot_be_compared_is_not_proven(engine: Engine) -> None:
    """A column whose type changed, or is unknown, is named, and the others are compared.

    A type that cannot be compared is accepted once the settings give a reason.
    """
    engine.both("CREATE EXTENSION vector")
    engine.both('CREATE TYPE pair AS (a int, b int); CREATE TYPE public."path" AS (a int, b int)')
    for number, (_, kind, value, modern_kind, modern_value) in enumerate(INCOMPARABLE):
        kinds = [each.replace('"path"', 'public."path"') for each in (kind, modern_kind)]
        _make(engine, number, (kinds[0], kinds[1]), (f"(1, {value}, 1)", f"(1, {modern_value}, 1)"))
    _make(engine, 99, ("pair", "pair"), ("(1, ROW(1,2), 1)", "(1, ROW(1,2), 1)"))
    with checks(engine, '[tables.t99.ignore]\nv = "derived from id"') as check:
        for number, (label, *_) in enumerate(INCOMPARABLE):
            with check(label, f"t{number}") as evidence:
                assert_not_proven(evidence, f"column 'v' of 't{number}'")
        with check("ignored for a reason", "t99") as evidence:
            assert_match(evidence, rows=1)
    for number in range(len(INCOMPARABLE)):
        engine.modern.run(f"UPDATE t{number} SET w = 2")
    with checks(engine) as check:
        for number, (label, *_) in enumerate(INCOMPARABLE):
            with check(f"{label}, beside a change", f"t{number}") as evidence:
                assert_drift(evidence, ("changed", ("1",), ("w",)))
                assert f"column 'v' of 't{number}'" in evidence.reasons[0]


# ---- JSON


def test_json_rule_keeps_what_json_holds(engine: Engine) -> None:
    """Under json = "canonical", null is not absent, true is not 1, and a list keeps its order.

    An object with a repeated key differs from one with the key once.
    """
    engine.legacy.run("CREATE TABLE t (id int PRIMARY KEY, v json)")
    engine.modern.run("CREATE TABLE t (id int PRIMARY KEY, v jsonb)")
    documents = ['{"a":null}', "true", "[1,2]", '{"a":{"b":1}}', "null", '"1"', "1"]
    changed = ["{}", "1", "[2,1]", '{"a":{"b":2}}', None, "1", "1.0"]
    for number, (document, other) in enumerate(zip(documents, changed, strict=True), 1):
        engine.legacy.run("INSERT INTO t VALUES (%s, %s)", number, document)
        engine.modern.run("INSERT INTO t VALUES (%s, %s)", number, other)
    engine.both("CREATE TABLE repeated (id int PRIMARY KEY, v json)")
    engine.legacy.run("""INSERT INTO repeated VALUES (1, '{"a":1,"a":2}')""")
    engine.modern.run("""INSERT INTO repeated VALUES (1, '{"a":2}')""")
    with checks(engine, '[rules]\njson = "canonical"') as check:
        with check("documents", "t") as evidence:
            assert_drift(evidence, *(("changed", (str(n),), ("v",)) for n in range(1, 7)))
            assert evidence.findings[3].columns["v"].explanation == ("root['a']['b']: 1 -> 2",)
        with check("repeated key", "repeated") as evidence:
            assert_drift(evidence, ("changed", ("1",), ("v",)))


def test_jsonb_without_a_key_and_deep_jsonb(engine: Engine) -> None:
    """Two notations of a jsonb number are equal in a table without a key as well.

    Differing documents that are nested deeper than Python's stack are drift, not a crash.
    """
    engine.both("CREATE TABLE loose (v jsonb)")
    engine.legacy.run("INSERT INTO loose VALUES ('1.0'), ('2')")
    engine.modern.run("INSERT INTO loose VALUES ('1.00'), ('2')")
    engine.both("CREATE TABLE deep (id int PRIMARY KEY, v jsonb)")
    engine.both(
        "INSERT INTO deep VALUES (1, (repeat('[', 3000) || '1' || repeat(']', 3000))::jsonb)"
    )
    engine.modern.run("UPDATE deep SET v = replace(v::text, '1', '2')::jsonb")
    with checks(engine) as check:
        with check("without a key", "loose") as evidence:
            assert_match(evidence, rows=2)
        with check("deep", "deep") as evidence:
            assert_drift(evidence, ("changed", ("1",), ("v",)))
