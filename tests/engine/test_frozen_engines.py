"""Tables of engines without snapshots are compared if the settings declare them frozen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pymysql
import pytest

from pytest_tenantparity.model import Outcome

from ..support.engine_driver import SHARED, Engine, seen
from ..support.mariadb import MariaDatabase, MariaServer, new_mariadb_database
from ..support.postgresql import Database

FROZEN = 'frozen = "the application is stopped"'
ENGINES = ("MyISAM", "Aria", "MEMORY", "CSV", "ARCHIVE")


@pytest.fixture
def stopped(maria: MariaServer, modern_db: Database, tmp_path: Path) -> Iterator[Engine]:
    """Tables of MariaDB's engines and a view of them, and the same rows but one in PostgreSQL."""
    old = new_mariadb_database(maria)
    with suppress(pymysql.Error):  # it is already installed, or not available
        old.run("INSTALL SONAME 'ha_archive'")
    known = {str(name).upper() for name, support, *_ in old.run("SHOW ENGINES") if support != "NO"}
    for engine in (each for each in ENGINES if each.upper() in known):
        old.run(f"CREATE TABLE {engine} (id int NOT NULL, v varchar(9) NOT NULL) ENGINE = {engine}")
        old.run(f"INSERT INTO {engine} VALUES (1, 'a'), (2, 'b')")
        modern_db.run(f'CREATE TABLE "{engine}" (id int NOT NULL, v text NOT NULL)')
        modern_db.run(f"""INSERT INTO "{engine}" VALUES (1, 'a'), (2, 'c')""")
    old.run("CREATE VIEW seen AS SELECT a.id, a.v FROM MyISAM a JOIN Aria b USING (id)")
    modern_db.run('CREATE TABLE seen AS SELECT * FROM "MyISAM"')
    yield Engine(old, modern_db, tmp_path)  # type: ignore[arg-type]
    old.drop()


def _settings(names: list[str]) -> str:
    keys = (f'[tables.{name}]\nkey = ["id"]' for name in names)
    return "\n".join([f"[pairing]\ntables = {names}", *keys])


def test_they_are_compared_where_they_are_frozen(stopped: Engine) -> None:
    """With ``frozen`` the differing row is found; without it the reason names ``frozen``."""
    names = [str(name) for (name,) in stopped.legacy.run("SHOW TABLES")]
    assert {"MyISAM", "Aria", "MEMORY", "seen"} <= set(names)
    with stopped.opened(_settings(names)) as run:
        for name in names:
            evidence = run.audit("global", name)
            assert evidence.outcome is Outcome.NOT_PROVEN
            assert "stop all writes and say so (frozen" in evidence.reasons[0], name
    with stopped.opened(_settings(names), legacy=f"{SHARED}\n{FROZEN}") as run:
        for name in names:
            evidence = run.audit("global", name)
            assert evidence.outcome is Outcome.REFUTED, evidence
            assert seen(evidence) == [("changed", ("2",), ("v",))], name


def test_a_tenancy_or_a_map_leads_through_them_only_where_they_are_frozen(
    mysql_db: MariaDatabase, modern_db: Database, engine: Engine
) -> None:
    """A path or a key map through a table without snapshots is refused unless it is frozen."""
    mysql_db.run("CREATE TABLE users (id int PRIMARY KEY, tenant varchar(9)) ENGINE = MyISAM")
    mysql_db.run("CREATE TABLE ids (old int, new int) ENGINE = MyISAM")
    mysql_db.run("CREATE TABLE t (id int PRIMARY KEY, user_id int)")
    mysql_db.run("INSERT INTO users VALUES (7, 'acme')")
    mysql_db.run("INSERT INTO ids VALUES (7, 8)")
    mysql_db.run("INSERT INTO t VALUES (1, 7)")
    modern_db.run("CREATE TABLE t (id int PRIMARY KEY, user_id int, tenant text)")
    modern_db.run("INSERT INTO t VALUES (1, 8, 'acme')")
    own = replace(engine, legacy=mysql_db)  # type: ignore[arg-type]
    led = 'tenancy = { path = "user_id -> users.id -> users.tenant" }'
    by_column, plan = 'tenancy = { column = "tenant" }', '[pairing]\ntables = ["t"]'
    mapped = f"""
        {plan}
        [maps.users]
        stack = "legacy"
        table = "ids"
        legacy = "old"
        modern = "new"
        [tables.t.columns.user_id]
        key_map = "users"
    """
    refused = own.audit(more=plan, subject="acme", legacy=led, modern=by_column)
    assert "'users', which a tenancy leads through, is kept by the engine MyISAM" in str(refused)
    refused = own.audit(more=mapped)
    assert "which [maps.users] names, is kept by the engine MyISAM" in str(refused.reasons)
    frozen = f"{led}\n{FROZEN}"
    proven = own.audit(more=mapped, subject="acme", legacy=frozen, modern=by_column)
    assert proven.outcome is Outcome.PROVEN, proven
