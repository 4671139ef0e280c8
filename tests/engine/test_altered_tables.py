"""A table that is altered between the snapshot and the read proves nothing.

A server reads tables by the names and columns that they have now, whatever the snapshot shows.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ..support.engine_driver import SHARED, Engine
from ..support.expectations import assert_drift, assert_match, assert_not_proven
from ..support.mariadb import MariaDatabase
from ..support.postgresql import Database

TENANTS = "[tenants.a]\n[tenants.b]\n"
BY_TENANT = 'tenancy = {column = "tenant"}'
BY_PATH = 'tenancy = {path = "usr -> users.id -> tenant"}'
TABLE = """
    CREATE TABLE t (id int PRIMARY KEY, tenant text, usr int, v text, w text);
    INSERT INTO t VALUES (1, 'a', 1, 'x', 'y'), (2, 'b', 2, 'x', 'y');
    CREATE TABLE users (id int PRIMARY KEY, tenant text, other text);
    INSERT INTO users VALUES (1, 'a', 'b'), (2, 'b', 'a')
"""
EXCHANGED = "UPDATE {0} SET {1} = {2}, {2} = {1}"
RENAMED = """
    ALTER TABLE {0} RENAME {1} TO z; ALTER TABLE {0} RENAME {2} TO {1};
    ALTER TABLE {0} RENAME z TO {2}
"""
SAID = "altered after the snapshot was taken"
LEADS = '[ignore.tables]\nusers = "leads to the tenant"\n'


@pytest.mark.parametrize(
    ("tenancy", "table", "columns"),
    [
        (SHARED, "t", ("v", "w")),
        (BY_TENANT, "t", ("v", "w")),
        (BY_PATH, "t", ("v", "w")),
        (BY_PATH, "users", ("tenant", "other")),
    ],
    ids=["one check", "shared scan", "path", "table of a path"],
)
def test_exchanged_columns_are_no_match(
    engine: Engine, tenancy: str, table: str, columns: tuple[str, str]
) -> None:
    """Values that differ in the snapshots are not equal because columns have exchanged names since.

    The same values, if nothing is altered, are drift.
    """
    subjects = ["global"] if tenancy == SHARED else ["a", "b"]
    engine.both(TABLE)
    engine.modern.run(EXCHANGED.format(table, *columns))
    more = LEADS + TENANTS
    with engine.opened(more, legacy=tenancy, modern=tenancy) as run:
        if table == "t":
            own = ["1", "2"] if tenancy == SHARED else ["1"]
            drift = [("changed", (each,), columns) for each in own]
            assert_drift(run.audit(subjects[0], "t"), *drift)
    with engine.opened(more, legacy=tenancy, modern=tenancy) as run:
        engine.legacy.run(RENAMED.format(table, *columns))
        for subject in subjects:
            assert_not_proven(run.audit(subject, "t"), SAID)
        if tenancy != SHARED:
            assert_not_proven(run.audit("unassigned", "t"), SAID)


def test_columns_of_mariadb_are_no_match(
    mysql_db: MariaDatabase, modern_db: Database, tmp_path: Path
) -> None:
    """MariaDB raises no error where columns have exchanged names in an open snapshot."""
    engine = Engine(mysql_db, modern_db, tmp_path)  # type: ignore[arg-type]
    mysql_db.run("CREATE TABLE t (id int PRIMARY KEY, v varchar(9), w varchar(9))")
    mysql_db.run("INSERT INTO t VALUES (1, 'x', 'y')")
    modern_db.run("CREATE TABLE t (id int PRIMARY KEY, v text, w text)")
    modern_db.run("INSERT INTO t VALUES (1, 'y', 'x')")
    with engine.opened() as run:
        assert_drift(run.audit("global", "t"), ("changed", ("1",), ("v", "w")))
    with engine.opened() as run:
        for one, other in (("v", "z"), ("w", "v"), ("z", "w")):
            mysql_db.run(f"ALTER TABLE t RENAME COLUMN {one} TO {other}")
        assert_not_proven(run.audit("global", "t"), SAID)
    with engine.opened() as run:
        assert_match(run.audit("global", "t"), rows=1)
