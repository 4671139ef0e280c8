"""Texts that MariaDB hashes: one for each value, NULL for NULL, and no value cut short."""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import BigInteger, case, cast, column, event, func, literal_column, select, table
from sqlalchemy.engine import Engine as SqlEngine

from pytest_tenantparity.config import StackSettings
from pytest_tenantparity.model import Outcome
from pytest_tenantparity.stacks import Portable, open_stack
from pytest_tenantparity.stacks.dialects import ColumnRules
from pytest_tenantparity.stacks.dialects.canonical_text import as_float

from ..support.each_value import each_value
from ..support.engine_driver import Engine
from ..support.expectations import assert_match, assert_not_proven
from ..support.mariadb import MariaDatabase, MariaServer
from ..support.mysql_session import Reader, fill, reading

pytest_plugins = ["tests.support.mysql_session"]


def _written(number: float) -> str:
    """Return a number as digits and a power of ten, from Python's shortest text."""
    sign, digits, exponent = Decimal(repr(number)).as_tuple()
    assert isinstance(exponent, int)
    core = "".join(map(str, digits)).lstrip("0")
    bare = core.rstrip("0")
    if not bare:
        return "0"
    return f"{'-' if sign else ''}{bare}e{exponent + len(core) - len(bare)}"


def _random_doubles(many: int) -> list[float]:
    chance = random.Random(20_240_229)  # noqa: S311 - the same numbers each time
    bits = (struct.pack(">Q", chance.getrandbits(64)) for _ in range(many))
    wild = [struct.unpack(">d", each)[0] for each in bits]
    tame = [round(chance.uniform(-1e6, 1e6), chance.randrange(17)) for _ in range(many)]
    edges = [5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 0.1 + 0.2, 1e22, 1e23, 2**53]
    return [x for x in (*wild, *tame, *edges, *(-x for x in edges)) if math.isfinite(x)]


def test_doubles_have_the_shortest_text_that_gives_them_back(
    maria_old: MariaDatabase, reader: Reader
) -> None:
    """Thousands of doubles, of all sizes, have the same shortest text as in Python."""
    numbers = _random_doubles(4_000)
    fill(maria_old, "double")
    for at in range(0, len(numbers), 500):
        values = ",".join(f"({at + n},{x!r})" for n, x in enumerate(numbers[at : at + 500]))
        maria_old.run(f"INSERT INTO t VALUES {values}")
    spelled = as_float(reader.dialect.text(column("v"), reader.facts(), ColumnRules()))
    rows = [
        tuple(row) for row in reader.rows(column("id"), reader.canonical(reader.facts()), spelled)
    ]
    assert {n: own for n, own, _ in rows} == {n: _written(x) for n, x in enumerate(numbers)}
    assert [own for _, own, _ in rows] == [common for _, _, common in rows]


def test_floats_are_spelled_by_their_exact_value(maria_old: MariaDatabase, reader: Reader) -> None:
    """Thousands of FLOATs have the text of the double that each of them is exactly."""
    singles = [x for x in _random_doubles(3_000) if 1e-37 < abs(x) < 3e38]
    exact = [struct.unpack(">f", struct.pack(">f", x))[0] for x in singles]
    fill(maria_old, "float")
    for at in range(0, len(exact), 500):
        rows = ",".join(f"({at + n},{x!r})" for n, x in enumerate(exact[at : at + 500]))
        maria_old.run(f"INSERT INTO t VALUES {rows}")
    found = dict(tuple(row) for row in reader.rows(column("id"), reader.canonical(reader.facts())))
    assert [found[n] for n in range(len(exact))] == [_written(x) for x in exact]


CHARSETS = [
    *("armscii8", "ascii", "big5", "cp1250", "cp1251", "cp1256", "cp1257", "cp850", "cp852"),
    *("cp866", "cp932", "dec8", "eucjpms", "euckr", "gb2312", "gbk", "geostd8", "greek", "hebrew"),
    *("hp8", "keybcs2", "koi8r", "koi8u", "latin1", "latin2", "latin5", "latin7", "macce"),
    *("macroman", "sjis", "swe7", "tis620", "ucs2", "ujis", "utf16", "utf16le", "utf32"),
    *("utf8mb3", "utf8mb4"),
]


def _merged(reader: Reader) -> tuple[int, str | None]:
    """Return the number of hashes in column v, and pairs of values with the same hash."""
    text = reader.canonical(reader.facts())
    own = reader.dialect.portable_hash([text], 1, Portable.MD5)
    # Its bytes as a number, behind a 1 that keeps leading zeros.
    digits = func.concat(literal_column("'1'"), func.hex(column("v")))
    stored = cast(func.conv(digits, literal_column("16"), literal_column("10")), BigInteger)
    # The limit makes the server compute each hash once: without it the subquery would be merged.
    rows = (
        select(own.label("own"), stored.label("stored"))
        .select_from(table("t", column("v"), schema=reader.schema))
        .limit(65_536)
        .subquery()
    )
    least, most = func.min(rows.c.stored).label("a"), func.max(rows.c.stored).label("b")
    groups = select(least, most).where(rows.c.own.is_not(None)).group_by(rows.c.own).subquery()
    pair = func.concat_ws(" ", func.hex(groups.c.a), func.hex(groups.c.b))
    pairs = func.group_concat(case((groups.c.a != groups.c.b, pair)))
    many, merged = reader.connection.execute(select(func.count(groups.c.a), pairs)).one()
    return int(many), merged


@pytest.mark.slow
def test_no_charset_merges_two_values(maria_old: MariaDatabase) -> None:
    """No two values of one or two bytes that a charset can store have the same text.

    They have different hashes as well, by which this test counts.
    """
    maria_old.run("SET sql_mode = ''")
    with each_value() as check:
        for charset in CHARSETS:
            maria_old.run(f"CREATE OR REPLACE TABLE t (v varchar(9) CHARACTER SET {charset})")
            maria_old.run("INSERT INTO t SELECT unhex(lpad(hex(seq), 2, '0')) FROM seq_0_to_255")
            maria_old.run(
                "INSERT INTO t SELECT unhex(lpad(hex(seq), 4, '0')) FROM seq_256_to_65535"
            )
            with check(charset), reading(maria_old.url) as reader:
                many, merged = _merged(reader)
                assert merged is None
                assert many > 90


# ---- what is too long for the server


@contextmanager
def _narrow(maria: MariaServer) -> Iterator[None]:
    """Limit new sessions of the server to texts of 64 KiB."""
    with maria.connect() as admin, admin.cursor() as cursor:
        cursor.execute("SELECT @@global.max_allowed_packet")
        (before,) = cursor.fetchone() or ()
        cursor.execute("SET GLOBAL max_allowed_packet = 65536")
        try:
            yield
        finally:
            cursor.execute("SET GLOBAL max_allowed_packet = %s", (before,))


LENGTHS = (65_520, 65_529, 65_530, 65_531, 65_536, 80_000)
LONG = [
    (kind, length)
    for kind in ("longtext", "longtext charset latin1", "longblob", "json")
    for length in LENGTHS
]
NOT_HASHED = "1 of 1 rows could not be hashed"


def test_a_value_too_long_to_hash_is_not_taken_for_null(alike: Engine, maria: MariaServer) -> None:
    """A value that is too long to hash is not taken for NULL, and never a match.

    Beyond max_allowed_packet CONCAT returns NULL, and the row is NOT PROVEN. A long value is beside
    a NULL, and then beside another value that differs at its end.
    """
    for n, (kind, length) in enumerate(LONG):
        word = "1" if kind == "json" else "x"
        alike.both(f"CREATE TABLE t{n} (id int PRIMARY KEY, v {kind})")
        alike.both(f"CREATE TABLE other{n} LIKE t{n}")
        for name in (f"t{n}", f"other{n}"):
            alike.legacy.run(f"INSERT INTO {name} VALUES (1, repeat('{word}', {length}))")
        alike.modern.run(f"INSERT INTO t{n} VALUES (1, NULL)")
        alike.modern.run(
            f"INSERT INTO other{n} VALUES (1, concat(repeat('{word}', {length - 1}), '2'))"
        )
    # A row may be too long even if none of its values is.
    alike.both("CREATE TABLE together (id int PRIMARY KEY, v longtext, w longtext)")
    alike.both("INSERT INTO together VALUES (1, repeat('x', 40000), repeat('x', 40000))")
    unequal = (Outcome.NOT_PROVEN, Outcome.REFUTED)
    with _narrow(maria), alike.opened() as run, each_value() as check:
        with check("two columns, too long together"):
            assert_not_proven(run.audit("global", "together"), NOT_HASHED)
        for n, (kind, length) in enumerate(LONG):
            with check(f"{kind} of {length}, beside NULL"):
                assert run.audit("global", f"t{n}").outcome in unequal
            with check(f"{kind} of {length}, beside another"):
                evidence = run.audit("global", f"other{n}")
                assert evidence.outcome in unequal
                if length > 65_530:
                    assert_not_proven(evidence, NOT_HASHED)


def test_a_row_is_hashed_once(alike: Engine) -> None:
    """Each row is hashed once for all sums of a scan.

    The subquery with the hashes is materialised: if it were merged, each sum would hash again.
    """
    for side in (alike.legacy, alike.modern):
        side.run("CREATE TABLE t (id int PRIMARY KEY, v text)")
        side.run("INSERT INTO t SELECT seq, concat('v', seq) FROM seq_1_to_500")
    plans: list[set[str]] = []

    def explain(connection: Any, _: Any, statement: str, parameters: Any, *__: Any) -> None:
        if "parity_row_hash" in statement and not statement.startswith("EXPLAIN"):
            rows = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).all()
            plans.append({row.select_type for row in rows})

    event.listen(SqlEngine, "before_cursor_execute", explain)
    try:
        assert_match(alike.audit(), 500)
    finally:
        event.remove(SqlEngine, "before_cursor_execute", explain)
    assert plans
    assert all("DERIVED" in kinds for kinds in plans)


def test_the_portable_digest_is_trusted(maria_old: MariaDatabase) -> None:
    """The server passes the self-test of the portable digests."""
    state, holder = open_stack("legacy", StackSettings(url=maria_old.url), "tests")
    holder.release()
    assert state.unavailable == {}
    assert state.databases[""].digests == tuple(Portable)
    server = state.databases[""].server
    assert (server.product, server.encoding, server.replica) == ("MariaDB", "UTF8", False)
