"""The rows of a tenant in MariaDB, and the least change that a canary makes to a value."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import case, column, literal_column, select, table

from pytest_tenantparity.errors import NotProven
from pytest_tenantparity.stacks import Portable

from ..support.each_value import each_value
from ..support.engine_driver import Engine
from ..support.mariadb import MariaDatabase
from ..support.mysql_session import GENERAL, Reader, fill

pytest_plugins = ["tests.support.mysql_session"]


TENANT_COLUMNS = [
    (GENERAL, "a", ["'A'", "'a '", "'á'", "'ab'"]),
    ("varchar(9) charset latin1", "é", ["'e'", "'É'", "'é '"]),
    ("varchar(9)", "😀", ["'?'", "'😁'", "''"]),
    ("enum('a','ab','')", "a", ["'ab'", "''", "3"]),
    ("int", "1", ["10", "-1", "0"]),
    ("varchar(9)", "1", ["'1a'", "'01'", "'1.0'", "' 1'"]),
    ("varchar(9)", "0", ["'abc'", "'-0'", "''"]),
    ("bigint", "9007199254740993", ["9007199254740992"]),
    ("varchar(20)", "9007199254740993", ["'9007199254740992'"]),
    ("decimal(20,4)", "9007199254740993", ["9007199254740993.0001"]),
    ("double", "0.1", ["0.10000000000000002"]),
    ("binary(2)", r"\x6100", ["'ab'", "'A'"]),
    ("uuid", "00000000-0000-0000-0000-00000000000a", ["'00000000-0000-0000-0000-00000000000b'"]),
    ("date", "2024-01-01", ["'2024-01-02'", "'0000-00-00'"]),
    ("year", "5", ["2005"]),
    ("datetime(3)", "2024-01-01 00:00:00", ["'2024-01-01 00:00:00.001'"]),
]


def test_only_the_tenants_own_rows_are_taken(maria_old: MariaDatabase, reader: Reader) -> None:
    """A value is the tenant's if it is exactly equal: no collation, padding or number decides."""
    for n, (kind, own, others) in enumerate(TENANT_COLUMNS):
        shown = "X'6100'" if own.startswith("\\x") else f"'{own}'"
        # The year of its column is 0000: the tenant 5 has neither that year nor 2005.
        fill(maria_old, kind, "0" if kind == "year" else shown, *others, "NULL", name=f"t{n}")
    with each_value() as check:
        for n, (kind, own, others) in enumerate(TENANT_COLUMNS):
            facts = reader.facts(of=f"t{n}")
            with check(f"{kind}: {own}"):
                taken = reader.dialect.any_of(column("v"), facts, [own, own])
                rows = dict(tuple(row) for row in reader.rows(column("id"), taken, of=f"t{n}"))
                first = 0 if kind == "year" else 1
                assert list(rows.values()) == [first, *([0] * len(others)), None]
                nobody = reader.dialect.any_of(column("v"), facts, [])
                found = [bool(row[0]) for row in reader.rows(nobody, of=f"t{n}")]
                assert found == [False] * len(rows)


def test_a_name_is_no_number(maria_old: MariaDatabase, reader: Reader) -> None:
    """A tenant called abc is an error in an integer column, and not the tenant 0."""
    fill(maria_old, "int", "0")
    with pytest.raises(NotProven, match="'abc' is no integer"):
        reader.dialect.any_of(column("v"), reader.facts(), ["abc"])


def test_an_index_is_used(maria_old: MariaDatabase, reader: Reader) -> None:
    """The rows of a tenant are found by an index."""
    maria_old.run("CREATE TABLE t (id int PRIMARY KEY, v varchar(9), KEY (v))")
    maria_old.run("INSERT INTO t SELECT seq, concat('t', seq % 500) FROM seq_1_to_5000")
    maria_old.run("ANALYZE TABLE t")
    taken = reader.dialect.any_of(column("v"), reader.facts(), ["t7"])
    source = table("t", column("id"), column("v"), schema=reader.schema)
    query: Any = select(column("id")).select_from(source).where(taken)
    plan = reader.connection.exec_driver_sql(
        "EXPLAIN " + str(query.compile(reader.connection, compile_kwargs={"literal_binds": True}))
    ).mappings()
    assert {row["key"] for row in plan} == {"v"}
    assert len(reader.rows(column("id"), taken)) == 5000


def test_paths_of_tables_lead_exactly(alike: Engine) -> None:
    """Joins on the way to the tenant take no two different values for equal.

    In MySQL '1abc' = 1, but a row with that text does not belong to the owner with the number 1.
    """
    alike.both(f"CREATE TABLE owners (code {GENERAL} PRIMARY KEY, tenant {GENERAL})")
    alike.both("CREATE TABLE coded (id int PRIMARY KEY, owner varchar(40) charset latin1)")
    alike.both("INSERT INTO owners VALUES ('x', 'a'), ('1', 'a'), ('y', 'A')")
    alike.both("INSERT INTO coded VALUES (1, 'x'), (2, 'X'), (3, 'x '), (4, 'y'), (5, '1a')")
    alike.both("CREATE TABLE numbers (id int PRIMARY KEY, tenant varchar(9))")
    alike.both("CREATE TABLE numbered (id int PRIMARY KEY, owner varchar(40))")
    alike.both("INSERT INTO numbers VALUES (1, 'a'), (0, 'a')")
    alike.both("INSERT INTO numbered VALUES (1, '1abc'), (2, 'x')")
    more = """
        [tables.coded]
        tenancy = {path = "owner -> owners.code -> tenant"}
        [tables.numbered]
        tenancy = {path = "owner -> numbers.id -> tenant"}
        [tenants.a]
        [tenants.b]
    """
    with alike.opened(more) as run:
        coded, numbered = (run.audit("a", name) for name in ("coded", "numbered"))
    assert coded.rows.legacy == coded.rows.modern == 1, coded
    assert numbered.rows.legacy == numbered.rows.modern == 0, numbered


CHANGEABLE = [
    ("int", "5", "0", "-5", "2147483647", "-2147483648"),
    ("bigint unsigned", "0", "18446744073709551615"),
    ("int zerofill", "0", "7"),
    ("year", "0000", "2024"),
    ("decimal(9,2)", "9999999.99", "-9999999.99", "0"),
    ("decimal(65,38)", "0", "9" * 27 + "." + "9" * 38),
    ("decimal(5,0)", "99999", "0"),
    ("decimal(9,2) zerofill", "0.5", "0"),
    ("double", "1.5", "0", "1.7976931348623157e308", "-1e-300"),
    ("float", "0.1", "16777216", "0"),
    (GENERAL, "'a'", "''", "'a '", "'é😀'"),
    ("varchar(9) charset latin1", "'é'", "''"),
    ("varchar(9) charset utf16", "'é'", "''"),
    ("enum('a','b')", "'a'", "''"),
    ("set('a','b')", "'a,b'", "''"),
    ("json", "'1'", """'{"a":1}'"""),
    ("varbinary(9)", "X'00'", "X''"),
    ("bit(1)", "b'0'", "b'1'"),
    ("bit(64)", "0", "0xFFFFFFFFFFFFFFFF"),
    ("uuid", "'00000000-0000-0000-0000-000000000000'", "'00000000-0000-0000-0000-00000000000a'"),
    ("inet6", "'::'", "'::2'"),
    ("date", "'2024-01-31'", "'9999-12-31'", "'0000-00-00'"),
    ("time", "'838:59:59'", "'-838:59:59'", "'00:00:00'"),
    ("time(6)", "'838:59:59.999999'", "'-00:00:00.5'"),
    ("datetime", "'9999-12-31 23:59:59'", "'2024-01-01 00:00:00'", "'0000-00-00 00:00:00'"),
    ("datetime(3)", "'9999-12-31 23:59:59.999'", "'2024-01-01 00:00:00'"),
    ("timestamp(6) NULL", "'2024-01-01 00:00:00'", "0"),
]


def test_the_least_change_changes_the_text(maria_old: MariaDatabase, reader: Reader) -> None:
    """The least change gives a value another text, and NULL stays NULL.

    The change is made in place of the value, and in a CASE beside other values.
    """
    for n, (kind, *values) in enumerate(CHANGEABLE):
        fill(maria_old, kind, *values, "NULL", name=f"t{n}")
    with each_value() as check:
        for n, (kind, *values) in enumerate(CHANGEABLE):
            with check(kind):
                rows = _changed(reader, f"t{n}")
                assert len(rows) == len(values) + 1
                for plain, changed, among, present, *numbers in rows:
                    assert None not in numbers
                    if plain is None:
                        assert (changed, among) == (None, None)
                        assert present is not None
                    else:
                        assert plain not in (changed, among)
                        assert present == plain


def _changed(reader: Reader, name: str) -> list[Any]:
    """Return texts of each value: unchanged, changed, changed among others, and changed if NULL."""
    facts = reader.facts(of=name)
    other, none = (
        reader.dialect.least_change(column("v"), facts),
        reader.dialect.null_lookalike(facts),
    )
    assert other is not None
    assert none is not None
    mixed = case((column("id") > literal_column("0"), other), else_=column("v"))
    filled = case((column("v").is_(None), none), else_=column("v"))
    texts = [reader.canonical(facts, each) for each in (None, other, mixed, filled)]
    hashes = [reader.dialect.portable_hash([each], 1, Portable.MD5) for each in texts]
    return reader.rows(*texts, *hashes, of=name)
