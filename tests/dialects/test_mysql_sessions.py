"""An audit's MariaDB sessions: one snapshot, only queries, and settings of their own."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from pytest_tenantparity.config import StackSettings
from pytest_tenantparity.errors import NotProven
from pytest_tenantparity.inventory import Place
from pytest_tenantparity.stacks import Stack, open_stack

from ..support.each_value import each_value
from ..support.engine_driver import SHARED, Engine
from ..support.expectations import assert_drift, assert_match, assert_not_proven
from ..support.mariadb import MariaDatabase, MariaServer
from ..support.mysql_session import Reader, fill, reading

pytest_plugins = ["tests.support.mysql_session"]


def test_rows_committed_after_opening_are_not_seen(alike: Engine) -> None:
    """Several checks read from one snapshot, whatever is committed in the meantime."""
    for side in (alike.legacy, alike.modern):
        for name in ("t", "u"):
            side.run(f"CREATE TABLE {name} (id int PRIMARY KEY, v int)")
            side.run(f"INSERT INTO {name} VALUES (1, 1), (2, 2)")
    with alike.opened() as run:
        assert_match(run.audit("global", "t"), rows=2)
        alike.modern.run("INSERT INTO t VALUES (3, 3)")
        alike.modern.run("UPDATE u SET v = 0")
        alike.legacy.run("DELETE FROM u")
        for _ in range(2):
            assert_match(run.audit("global", "t"), rows=2)
            assert_match(run.audit("global", "u"), rows=2)
    assert_drift(alike.audit(), ("extra", ("3",), ()))


def test_the_opening_itself_is_a_snapshot(maria_old: MariaDatabase) -> None:
    """A snapshot begins when a session opens it, not when it first reads a table."""
    maria_old.run("CREATE TABLE t (id int PRIMARY KEY)")
    settings = StackSettings(url=maria_old.url)
    state, holder = open_stack("legacy", settings, "tests")
    stack = Stack(state, settings, "tests")
    place = Place("", "")
    with stack.transaction(place) as connection:
        maria_old.run("INSERT INTO t VALUES (1)")
        assert connection.exec_driver_sql("SELECT count(*) FROM t").scalar() == 0
    held = holder._held[0][0]
    assert held.exec_driver_sql("SELECT count(*) FROM t").scalar() == 0
    stack.close()
    holder.release()


def test_a_table_altered_meanwhile_is_not_proven(alike: Engine) -> None:
    """A table altered after the snapshot is NOT PROVEN.

    InnoDB keeps no older rows of a table that was rebuilt.
    """
    for side in (alike.legacy, alike.modern):
        side.run("CREATE TABLE t (id int PRIMARY KEY, v int)")
        side.run("CREATE TABLE u (id int PRIMARY KEY)")
        side.run("INSERT INTO t VALUES (1, 1)")
        side.run("INSERT INTO u VALUES (1)")
    with alike.opened() as run:
        assert_match(run.audit("global", "u"), rows=1)
        alike.modern.run("ALTER TABLE t ADD COLUMN w int FIRST, ALGORITHM = COPY")
        assert_not_proven(run.audit("global", "t"), "altered during the run")


NO_QUESTIONS = (
    *("COMMIT", "DELETE FROM t", "/*!COMMIT*/", "/*M!100000 COMMIT*/", "SET autocommit = 1"),
    *("ANALYZE TABLE t", "CALL p()", "-- SELECT\nROLLBACK", "BEGIN", "DO 1"),
)


def test_only_select_is_run(reader: Reader) -> None:
    """A statement other than SELECT is refused before it is sent, since it could end a snapshot."""
    with each_value() as check:
        for statement in NO_QUESTIONS:
            with check(statement), pytest.raises(NotProven, match="SELECT alone"):
                reader.connection.exec_driver_sql(statement)
    assert reader.connection.exec_driver_sql("/* a */ (SELECT 1)").scalar() == 1


def test_nothing_is_written(maria_old: MariaDatabase) -> None:
    """Several statements in one string are an error, and so is a function that writes."""
    maria_old.run("CREATE TABLE t (id int PRIMARY KEY)")
    maria_old.run("INSERT INTO t VALUES (1)")
    maria_old.run("CREATE FUNCTION sly() RETURNS int BEGIN DELETE FROM t; RETURN 1; END")
    with each_value() as check:
        for statement in (
            "SELECT 1; COMMIT", "SELECT sly()", "SELECT 1 FROM t; DELETE FROM t",
        ):  # fmt: skip
            with check(statement):
                with (
                    reading(f"{maria_old.url}&client_flag=65536") as reader,
                    pytest.raises(DBAPIError),
                ):
                    reader.connection.exec_driver_sql(statement)
                assert maria_old.run("SELECT count(*) FROM t") == [(1,)]


def test_sessions_are_pinned_whatever_the_server_is_set_to(
    maria: MariaServer, maria_old: MariaDatabase
) -> None:
    """No global setting changes the text of a value, or the number of rows of a query."""
    hostile = {
        "sql_mode": "'ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,PAD_CHAR_TO_FULL_LENGTH'",
        "time_zone": "'+05:00'",
        "sql_select_limit": "1",
        "default_regex_flags": "'EXTENDED'",
        "collation_connection": "utf8mb4_general_ci",
        "idle_transaction_timeout": "1",
        "max_statement_time": "0.001",
        "tx_isolation": "'READ-COMMITTED'",
        "system_versioning_asof": "'2020-01-01'",
    }
    names = ("@@" + ", @@".join(hostile)) + ", @@tx_read_only, @@character_set_results"
    fill(maria_old, "char(5)", "'a'", r"'\\'")
    with maria.connect() as admin, admin.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(f"@@global.{name}" for name in hostile))
        before = dict(zip(hostile, cursor.fetchone() or (), strict=True))
        try:
            for name, value in hostile.items():
                cursor.execute(f"SET GLOBAL {name} = {value}")
            with reading(maria_old.url.replace("utf8mb4", "latin1")) as reader:
                session = reader.connection.exec_driver_sql(f"SELECT {names}").one()
                texts = [text for (text,) in reader.rows(reader.canonical(reader.facts()))]
        finally:
            for name, value in before.items():
                if name == "system_versioning_asof":
                    cursor.execute(f"SET GLOBAL {name} = DEFAULT")
                else:
                    cursor.execute(f"SET GLOBAL {name} = %s", (value,))
    assert session == (
        "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION",
        "+00:00", 18_446_744_073_709_551_615, "", "utf8mb4_nopad_bin", 0, 300.0,
        "REPEATABLE-READ", "DEFAULT", 1, "utf8mb4",
    )  # fmt: skip
    assert texts == ["a", "\\"]


def test_a_question_that_takes_too_long_is_stopped(alike: Engine) -> None:
    """The server stops a query that takes too long, and the reason gives the remedy."""
    for side in (alike.legacy, alike.modern):
        side.run("CREATE TABLE t (id int PRIMARY KEY, v int)")
        side.run("INSERT INTO t VALUES (1, 1)")
    more = "[tables.t.columns.v]\nlegacy_sql = 'v + sleep(5)'\nmodern_sql = 'v + 0'"
    evidence = alike.audit(more=more, legacy=f"statement_timeout = 0.5\n{SHARED}")
    assert_not_proven(evidence, "max_statement_time", "raise statement_timeout")


def test_a_question_can_be_cancelled(maria_old: MariaDatabase, reader: Reader) -> None:
    """Another thread can cancel a running query at once."""
    del maria_old
    begun = time.monotonic()
    timer = threading.Timer(0.3, reader.dialect.cancel, [reader.connection])
    timer.start()
    with pytest.raises(DBAPIError) as caught:
        reader.connection.exec_driver_sql(
            "SELECT count(*) FROM seq_1_to_1000000 a, seq_1_to_1000000 b"
        )
    timer.join()
    assert time.monotonic() - begun < 5
    assert "interrupted" in reader.dialect.explain(caught.value)


def test_a_cancellation_that_is_refused_closes_the_socket(maria: MariaServer) -> None:
    """If no second connection can be made, cancelling closes the socket, which ends the wait."""
    with maria.connect() as admin, admin.cursor() as cursor:
        cursor.execute("CREATE USER lone@'127.0.0.1' WITH MAX_USER_CONNECTIONS 1")
        with reading(maria.url("information_schema", "lone")) as reader:
            begun = time.monotonic()
            timer = threading.Timer(0.3, reader.dialect.cancel, [reader.connection])
            timer.start()
            with pytest.raises(DBAPIError, match="Lost connection"):
                reader.connection.exec_driver_sql("SELECT sleep(20)")
            timer.join()
            assert time.monotonic() - begun < 5
        cursor.execute("DROP USER lone@'127.0.0.1'")


REFUSED: dict[str, tuple[dict[str, object], list[str]]] = {
    "port": ({"port": 1}, ["Can't connect", "check that the server is up"]),
    "user": ({"username": "nobody"}, ["Access denied", "check the user, the password"]),
    "database": (
        {"database": "nowhere", "password": None},
        ["Unknown database", "check the database's name"],
    ),
}


def test_what_the_server_refuses_is_explained(maria_old: MariaDatabase) -> None:
    """The explanation is one line: the server's message and the remedy, without the password."""
    with each_value() as check:
        for label, (change, words) in REFUSED.items():
            changed: Any = {"password": "s3cret"} | change
            url = make_url(maria_old.url).set(**changed).render_as_string(hide_password=False)
            with check(label):
                state, holder = open_stack("legacy", StackSettings(url="${URL}"), "t", url)
                holder.release()
                said = state.unavailable[""]
                assert [word for word in words if word not in said] == [], said
                assert "\n" not in said
                assert "s3cret" not in said


def test_one_schema_of_one_server_is_the_same_data(alike: Engine) -> None:
    """One schema of one server is the same data, whatever address or database leads to it.

    Another schema is other data.
    """
    for side in (alike.legacy, alike.modern):
        side.run("CREATE TABLE t (id int PRIMARY KEY)")
        side.run("INSERT INTO t VALUES (1)")
    assert_match(alike.audit(), rows=1)
    name = make_url(alike.modern.url).database
    same = f'schema = "{name}"\n{SHARED}'
    assert_not_proven(alike.audit(legacy=same), "are the same database")
