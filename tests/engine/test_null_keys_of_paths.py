"""NULL keys in the tables of a path lead nowhere, and hide nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_tenantparity.model import Outcome

from ..support.engine_driver import Engine, Run
from ..support.files import File
from ..support.postgresql import Database

PATH = 'tenancy = { path = "ref -> h.ref -> account" }'
OWNED = 'tenancy = { column = "tenant" }'
SETTINGS = """
[pairing]
tables = ["t"]
[ignore.tables]
"legacy.h" = "the path"
[tables.t.ignore]
tenant = "the discriminator"
[tenants.a]
legacy_accounts = ["1", "2"]
modern_id = "a"
[tenants.b]
legacy_accounts = ["3"]
modern_id = "b"
"""
# x leads to both accounts of a, but its one row always counts once.
LEGACY = (
    "CREATE TABLE h (ref varchar(9), account varchar(9))",
    "INSERT INTO h VALUES (NULL, '1'), (NULL, '2'), ('x', '1'), ('x', '2'), ('y', '3')",
    "CREATE TABLE t (ref varchar(9), v varchar(9))",
    "INSERT INTO t VALUES ('x', 'one'), ('y', 'b')",
)
MODERN = (
    "CREATE TABLE t (ref varchar(9), v varchar(9), tenant varchar(9))",
    "INSERT INTO t VALUES ('x', 'one', 'a'), ('y', 'b', 'b')",
)
TWICE = "INSERT INTO t VALUES ('x', 'one', 'a')"


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def stacks(
    request: pytest.FixtureRequest, tmp_path: Path, modern_db: Database, legacy_db: Database
) -> Engine:
    """A legacy stack of each engine, and the same rows in PostgreSQL."""
    legacy: Any = legacy_db
    if request.param == "sqlite":
        legacy = File(tmp_path / "legacy.db")
    elif request.param == "mariadb":
        legacy = request.getfixturevalue("mysql_db")
    for statement in LEGACY:
        legacy.run(statement)
    for statement in MODERN:
        modern_db.run(statement)
    return Engine(legacy, modern_db, tmp_path)


def test_a_row_is_one_row_whatever_leads_to_its_tenant(stacks: Engine) -> None:
    """A row matches one row of the other stack, never two, whatever leads to its tenant.

    The table's counts do not depend on the process that makes the check, or on earlier reads.
    """
    with stacks.opened(SETTINGS, legacy=PATH, modern=OWNED) as run:
        first = Run(run.context).audit("unassigned", "t")
        found = {name: run.audit(name, "t") for name in ("a", "b")}
        later = run.audit("unassigned", "t")
    assert {name: each.outcome for name, each in found.items()} == {
        "a": Outcome.PROVEN,
        "b": Outcome.PROVEN,
    }
    assert found["a"].rows.legacy == 1
    assert first.accounts == later.accounts
    assert (first.outcome, later.outcome) == (Outcome.PROVEN, Outcome.PROVEN), later
    stacks.modern.run(TWICE)
    with stacks.opened(SETTINGS, legacy=PATH, modern=OWNED) as run:
        twice = run.audit("a", "t")
    assert twice.outcome is Outcome.REFUTED, twice
    assert (twice.rows.legacy, twice.rows.modern) == (1, 2)
