"""If both sides are MariaDB, equal values match, and any two different values are drift."""

from __future__ import annotations

from ..support.each_value import each_value
from ..support.engine_driver import Engine
from ..support.expectations import assert_drift, assert_match, assert_not_proven
from ..support.mysql_session import GENERAL

pytest_plugins = ["tests.support.mysql_session"]

# The difference, the type of its column, and two values.
DIFFERENT = [
    ("NULL and empty", GENERAL, "NULL", "''"),
    ("NULL and hyphen", GENERAL, "NULL", "'-'"),
    ("NULL and word", GENERAL, "NULL", "'NULL'"),
    ("case", GENERAL, "'a'", "'A'"),
    ("accent", GENERAL, "'a'", "'á'"),
    ("trailing space", GENERAL, "'a'", "'a '"),
    ("space and empty", GENERAL, "''", "' '"),
    ("trailing space, binary collation that pads", "varchar(9) collate utf8mb4_bin", "'a'", "'a '"),
    ("trailing space, nopad", "varchar(9) collate utf8mb4_nopad_bin", "'a'", "'a '"),
    ("trailing tab", GENERAL, "'a'", "'a\\t'"),
    ("trailing NUL", GENERAL, "'a'", "'a\\0'"),
    ("NUL and nothing", GENERAL, "'a\\0b'", "'ab'"),
    ("sharp s", "varchar(9) collate utf8mb4_unicode_ci", "'ß'", "'ss'"),
    ("NFC and NFD", "varchar(9) collate utf8mb4_unicode_ci", "'é'", "'e\u0301'"),
    ("emoji and question mark", GENERAL, "'😀'", "'?'"),
    ("emoji and emoji", GENERAL, "'😀'", "'😁'"),
    ("emoji and replacement", GENERAL, "'😀'", "'\ufffd'"),
    ("zero-width joiner", GENERAL, "'ab'", "'a\u200db'"),
    ("backslash", GENERAL, r"'a\\b'", r"'a\\\\b'"),
    ("quote", GENERAL, "''''", "''''''"),
    ("percent", GENERAL, "'%s'", "'%%s'"),
    ("newline and its escape", GENERAL, r"'a\nb'", r"'a\\nb'"),
    ("CRLF and LF", GENERAL, r"'a\r\nb'", r"'a\nb'"),
    ("end of a long text", "longtext", "concat(repeat('x',100000),'a')",
     "concat(repeat('x',100000),'b')"),
    ("char", "char(5)", "'a'", "'A'"),
    ("char and NULL", "char(5)", "''", "NULL"),
    ("latin1", "varchar(9) charset latin1", "'é'", "'e'"),
    ("latin1 of Windows", "varchar(9) charset latin1", "'€'", "'?'"),
    ("latin1 undefined bytes", "varchar(9) charset latin1", "X'81'", "X'8D'"),
    ("utf8mb3", "varchar(9) charset utf8mb3", "'é'", "'É'"),
    ("ucs2", "varchar(9) charset ucs2", "'é'", "'e'"),
    ("utf16", "varchar(9) charset utf16", "'😀'", "'😁'"),
    ("utf32", "varchar(9) charset utf32", "'😀'", "'?'"),
    ("gbk", "varchar(9) charset gbk", "'中'", "'国'"),
    ("sjis", "varchar(9) charset sjis", "'ア'", "'ァ'"),
    ("koi8r", "varchar(9) charset koi8r", "'ё'", "'я'"),
    ("enum", "enum('ok','no','OK2')", "'ok'", "'no'"),
    ("enum of latin1", "enum('é','x') charset latin1", "'é'", "'x'"),
    ("set", "set('a','b','c')", "'a,b'", "'a,c'"),
    ("set and empty", "set('a','b','c')", "''", "NULL"),
    ("set of the 64th", "set(" + ",".join(f"'m{n}'" for n in range(64)) + ")", "'m63'", "'m62'"),
    # the error value, and an empty member alone, are read as ''
    ("error value of an enum", "enum('a')", "0", "NULL"),
    ("error value and empty member of an enum", "enum('','a')", "0", "''"),
    ("empty member of a set and empty set", "set('','a')", "1", "0"),
    ("empty member of a set, and beside another", "set('','a')", "1", "3"),
    ("empty first member of a set", "set('','a')", "3", "2"),
    ("empty first member of three", "set('','a','b')", "7", "6"),
    ("empty member in the middle", "set('a','','b')", "7", "5"),
    ("empty member before the last", "set('a','','b')", "6", "4"),
    ("empty last member", "set('a','')", "3", "1"),
    (
        "empty first member before the 64th",
        "set(''," + ",".join(f"'m{n}'" for n in range(63)) + ")",
        "9223372036854775809",
        "9223372036854775808",
    ),
    # numbers
    ("unsigned and its half", "bigint unsigned", "18446744073709551615", "9223372036854775807"),
    ("unsigned high bit", "bigint unsigned", "9223372036854775808", "0"),
    ("2^53", "bigint", "9007199254740992", "9007199254740993"),
    ("sign", "int", "5", "-5"),
    ("0 and NULL", "int", "0", "NULL"),
    ("zerofill", "int(10) zerofill", "5", "50"),
    ("boolean of two", "tinyint(1)", "1", "2"),
    ("year 0 and 2000", "year", "0000", "2000"),
    ("last of 38 decimals", "decimal(65,38)", "0.00000000000000000000000000000000000001", "0"),
    ("65 digits", "decimal(65,0)", "9" * 65, "9" * 64 + "8"),
    ("hundreds", "decimal(9,2)", "100", "1"),
    ("tens without point", "decimal(9,0)", "100", "10"),
    ("sign of a decimal", "decimal(9,2)", "1.5", "-1.5"),
    ("decimal zerofill", "decimal(9,2) zerofill", "0.5", "50"),
    ("double last digit", "double", "0.3", "0.1e0+0.2e0"),
    ("double tiny", "double", "5e-324", "0"),
    ("double beyond 15 digits", "double", "9007199254740993e0", "9007199254740994e0"),
    ("double of two decimals", "double(10,2)", "0.01", "0.02"),
    ("float beyond 6 digits", "float", "16777216", "16777214"),
    ("float of two decimals", "float(9,2)", "131072.02", "131072.03"),
    ("bit", "bit(5)", "b'00101'", "b'00100'"),
    ("bit of 64", "bit(64)", "0xFFFFFFFFFFFFFFFF", "0x7FFFFFFFFFFFFFFF"),
    # times
    ("zero date and NULL", "date", "'0000-00-00'", "NULL"),
    ("zero date and first", "date", "'0000-00-00'", "'0001-01-01'"),
    ("month of zero", "date", "'2024-00-00'", "'2024-01-01'"),
    ("microsecond", "datetime(6)", "'2024-01-01 00:00:00.123456'", "'2024-01-01 00:00:00.123457'"),
    ("tenth", "datetime(3)", "'2024-01-01 00:00:00.1'", "'2024-01-01 00:00:00.01'"),
    ("seconds of ten", "datetime", "'2024-01-01 00:00:10'", "'2024-01-01 00:00:01'"),
    ("zero datetime", "datetime", "'0000-00-00 00:00:00'", "NULL"),
    ("zero timestamp and epoch", "timestamp NULL", "0", "'1970-01-01 00:00:01'"),
    ("an hour of a timestamp", "timestamp NULL", "'2024-07-01 00:00:00'", "'2024-07-01 01:00:00'"),
    ("sign of a time", "time(6)", "'-00:00:00.5'", "'00:00:00.5'"),
    ("hours of a time", "time", "'838:59:59'", "'-838:59:59'"),
    ("a day and none", "time", "'24:00:00'", "'00:00:00'"),
    ("last digit of a negative time", "time(6)", "'-838:59:58.000010'", "'-838:59:58.000001'"),
    ("fraction of a zero datetime", "datetime(6)", "'0000-00-00 00:00:00'",
     "'0000-00-00 00:00:00.000001'"),
    ("last of 65 digits", "decimal(65,38)", f"{'9' * 27}.{'9' * 38}", f"{'9' * 27}.{'9' * 37}8"),
    ("tens of a whole decimal", "decimal(9,2)", "-10.00", "-1.00"),
    # the rest
    ("bytes of zero", "varbinary(9)", "X'00'", "X''"),
    ("bytes that pad", "binary(3)", "X'61'", "X'6120'"),
    ("bytes that no text holds", "blob", "X'FF00FE'", "X'FF00FF'"),
    ("bytes and case", "blob", "'a'", "'A'"),
    ("json order", "json", """'{"a":1,"b":2}'""", """'{"b":2,"a":1}'"""),
    ("json null and NULL", "json", "'null'", "NULL"),
    ("uuid", "uuid", "'00000000-0000-0000-0000-000000000001'",
     "'00000000-0000-0000-0000-000000000010'"),
    ("inet4", "inet4", "'10.0.0.1'", "'10.0.0.2'"),
    ("inet6", "inet6", "'::ffff:10.0.0.1'", "'::10.0.0.1'"),
]  # fmt: skip


def test_different_values_are_found(alike: Engine) -> None:
    """Equal values match; two values that differ are drift of their rows and column alone.

    Each pair has a table of its own, and differs in both directions.
    """
    for side in (alike.legacy, alike.modern):
        side.run("SET sql_mode = '', time_zone = '+00:00'")
        for n, (_, kind, one, other) in enumerate(DIFFERENT):
            side.run(f"CREATE TABLE t{n} (id int PRIMARY KEY, v {kind}, w int)")
            side.run(f"INSERT INTO t{n} VALUES (1, {one}, 1), (2, {other}, 1), (3, {one}, 1)")
    with alike.opened() as run, each_value() as check:
        for n, (label, *_) in enumerate(DIFFERENT):
            with check(label):
                assert_match(run.audit("global", f"t{n}"), rows=3)
    for n, (_, _, one, other) in enumerate(DIFFERENT):
        alike.modern.run(f"UPDATE t{n} SET v = {other} WHERE id = 1")
        alike.modern.run(f"UPDATE t{n} SET v = {one} WHERE id = 2")
    with alike.opened() as run, each_value() as check:
        for n, (label, *_) in enumerate(DIFFERENT):
            with check(label):
                evidence = run.audit("global", f"t{n}")
                assert_drift(evidence, ("changed", ("1",), ("v",)), ("changed", ("2",), ("v",)))


def test_bytes_that_are_no_text_are_not_proven(alike: Engine) -> None:
    """Bytes that are not text are NOT PROVEN, without a crash.

    MariaDB converts some stored bytes to '?', and no driver can read some others. An ASCII column
    holds bytes beyond ASCII; a UTF-8 column holds half of a surrogate pair.
    """
    for side, byte, half in ((alike.legacy, "E9", "EDA080"), (alike.modern, "E8", "EDA081")):
        side.run("CREATE TABLE ascii (id int PRIMARY KEY, v varchar(9) charset ascii)")
        side.run("INSERT INTO ascii VALUES (1, 'a')")
        side.run("CREATE TABLE beyond LIKE ascii")
        side.run(f"INSERT INTO beyond VALUES (1, 'a'), (2, X'{byte}')")
        side.run("CREATE TABLE half (id int PRIMARY KEY, v varchar(9) charset utf8mb3)")
        side.run(f"INSERT INTO half VALUES (1, X'{half}')")
    with alike.opened() as run:
        assert_match(run.audit("global", "ascii"), rows=1)
        assert_not_proven(run.audit("global", "beyond"), "1 of 1 rows could not be hashed")
        assert_not_proven(run.audit("global", "half"), "surrogate")
