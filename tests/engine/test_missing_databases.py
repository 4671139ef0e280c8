"""If a tenant's own database does not exist, its checks name it, and the others are proven."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from pytest_tenantparity.errors import ConnectionLost
from pytest_tenantparity.model import Outcome
from pytest_tenantparity.parity.checks import coverage

from ..support.engine_driver import Engine
from ..support.mariadb import MariaDatabase
from ..support.postgresql import Database, new_database
from ..support.project import TEST, Migration, RunResult

pytest_plugins = ["tests.support.project"]

NAMES = ["acme", "blue", "cora"]
FROZEN = 'frozen = "for tests"'


@pytest.fixture
def cleanup() -> Iterator[ExitStack]:
    """Drop the databases at the end."""
    with ExitStack() as stack:
        yield stack


def _databases(of: Database, names: list[str], cleanup: ExitStack) -> None:
    for name in names:
        own = new_database(of.cluster, name=f"{of.name}_{name}")
        cleanup.callback(own.drop)
        own.run("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'v')")


def _run(
    project: Migration,
    modern: str,
    template: str,
    *args: str,
    line: str = "",
    tables: str = "",
    prefix: str = "",
) -> RunResult:
    project.legacy.wipe()
    project.write("test_audit.py", TEST)
    own = f'tenancy = {{database = "{prefix or project.legacy.name}_{{tenant}}"}}'
    project.write(
        "tenantparity.toml",
        f'[legacy]\nurl = "{project.legacy.url}"\n{own}\n{line}\n'
        f'[modern]\nurl = "{modern}"\ntenancy = {{database = "{template}"}}\n{line}\n'
        f"[pairing]\n{tables}\n" + "\n".join(f"[tenants.{name}]" for name in NAMES),
    )
    return project.run(*args)


def _assert_named(outcome: RunResult, missing: str, side: str, database: str) -> None:
    """Require that one tenant's check names its database, and that all other tenants match."""
    tables = {name: f"{name}-t" for name in NAMES}
    expected = {tables[name]: "MATCH" for name in NAMES if name != missing}
    assert outcome.statuses == expected | {tables[missing]: "NOT PROVEN", "coverage": "NOT PROVEN"}
    for tenant, table in ((missing, "t"), ("coverage", "*")):
        (reason,) = outcome.check(tenant, table)["reasons"]
        assert reason.startswith(f"{side} ("), reason
        assert database in reason
    assert outcome.verdict != "GO"


def test_a_missing_database_is_named(project: Migration, cleanup: ExitStack) -> None:
    """A missing database is named, and tables are discovered in the databases that exist.

    That holds on either side, for discovered and for named tables, for several processes, and for
    frozen stacks. If no tenant has a modern database, every tenant's check names its own.
    """
    legacy, modern = project.legacy, project.modern
    _databases(legacy, ["blue", "cora"], cleanup)
    _databases(modern, ["acme", "cora"], cleanup)
    modern.wipe()
    template = f"{modern.name}_{{tenant}}"
    with ExitStack() as first:
        _databases(legacy, ["acme"], first)
        outcome = _run(project, modern.url, template, tables='tables = ["t"]')
        _assert_named(outcome, "blue", "modern", f"{modern.name}_blue")
    _databases(modern, ["blue"], cleanup)
    outcome = _run(project, modern.url, template, "-n", "2", line=FROZEN)
    _assert_named(outcome, "acme", "legacy", f"{legacy.name}_acme")
    nowhere = _run(project, modern.url, "nowhere_{tenant}")
    assert set(nowhere.statuses) == {*(f"{name}-t" for name in NAMES), "coverage"}
    assert "nowhere_cora" in nowhere.reasons("cora", "t")


def test_a_missing_database_of_mariadb_is_named(
    project: Migration, mysql_db: MariaDatabase, cleanup: ExitStack
) -> None:
    """A missing database of MariaDB is named as well, even if no database exists at all."""
    _databases(project.legacy, NAMES, cleanup)
    for name in ("acme", "cora"):
        own = f"{mysql_db.name}_{name}"
        mysql_db.run(f"CREATE DATABASE {own} CHARACTER SET utf8mb4")
        cleanup.callback(mysql_db.run, f"DROP DATABASE {own}")
        mysql_db.script(f"CREATE TABLE {own}.t (id int PRIMARY KEY, v text)")
        mysql_db.script(f"INSERT INTO {own}.t VALUES (1, 'v')")
    outcome = _run(project, mysql_db.url, f"{mysql_db.name}_{{tenant}}")
    _assert_named(outcome, "blue", "modern", f"{mysql_db.name}_blue")
    missing = _run(project, mysql_db.url, "nowhere_{tenant}", "--tenants=acme", prefix="gone")
    assert missing.statuses == {"acme": "NOT PROVEN", "coverage": "NOT PROVEN"}
    assert "gone_acme" in missing.reasons("acme", "*")


FILTERED = """
[tables.t]
legacy_filter = { sql = "id < 5", reason = "for tests" }
modern_filter = { sql = "id < 5", reason = "for tests" }
[tenants.acme]
[tenants.blue]
"""


def test_rows_left_out_are_not_counted_in_some_databases_alone(
    engine: Engine, cleanup: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If one tenant's database is missing, the number of its side's left-out rows is unknown."""
    _databases(engine.legacy, ["acme", "blue"], cleanup)
    _databases(engine.modern, ["acme"], cleanup)
    legacy, modern = (
        f'tenancy = {{database = "{of.name}_{{tenant}}"}}' for of in (engine.legacy, engine.modern)
    )
    with engine.opened(FILTERED, legacy=legacy, modern=modern) as run:
        found = run.audit("coverage", "*")
        assert found.outcome is Outcome.NOT_PROVEN
        assert found.left_out == {"legacy rows of t but those with id < 5": 0}
        # A connection that is lost during the count is made again.
        left = [ConnectionLost("gone")]
        count = coverage._count_left_out

        def lose(*args: object) -> int | None:
            if left:
                raise left.pop()
            return count(*args)  # type: ignore[arg-type]

        monkeypatch.setattr(coverage, "_count_left_out", lose)
        assert run.audit("coverage", "*").reasons == found.reasons
