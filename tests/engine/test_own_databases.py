"""Tenants with a database each: one statement and one connection read their small tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from sqlalchemy import text

from pytest_tenantparity.errors import ConnectionLost, SettingsError, StackUnavailable
from pytest_tenantparity.inventory import Place as Home
from pytest_tenantparity.limits import Limits
from pytest_tenantparity.model import SIDES, Evidence, Outcome, Side
from pytest_tenantparity.parity.scan import batch
from pytest_tenantparity.stacks import SnapshotHolder, Stack, open_stack
from pytest_tenantparity.stacks.dialects.mysql.dialect import MySQL
from pytest_tenantparity.stacks.dialects.postgresql.session import PatientConnection

from ..support.engine_driver import SHARED, Engine, Run
from ..support.eventually import WAITING, eventually
from ..support.expectations import assert_drift, assert_match, assert_not_proven
from ..support.mariadb import MariaDatabase
from ..support.postgresql import Database, new_database
from ..support.project import TEST, Migration, RunResult, assert_usage_error, own_backends
from ..support.shards import FROZEN, but_run, merge, run_shards

pytest_plugins = ["tests.support.project"]

NAMES = ["acme", "blue", "cora"]
TABLES = ["a", "b", "c"]
TENANTS = "\n".join(f"[tenants.{name}]" for name in NAMES)
ALONE = "each tenant where its own rows are"
LAST = "DELETE FROM c WHERE id = 3"
BATCHED = f"{ALONE}, {batch.BY_ONE_STATEMENT}"


@dataclass(frozen=True)
class Homes:
    """A database of each tenant on both sides, each with the same three tables."""

    engine: Engine
    databases: dict[tuple[Side, str], Database]
    changed: set[tuple[Side, str]]
    """The databases that have to be filled again for the next test."""

    def limited(self, limits: Limits) -> Homes:
        """Return the same databases under other limits."""
        return replace(self, engine=replace(self.engine, limits=limits))

    def tenancy(self, side: Side) -> str:
        """Return the tenancy line of a stack's settings."""
        of = self.engine.legacy if side == "legacy" else self.engine.modern
        return f'tenancy = {{database = "{of.name}_{{tenant}}"}}'

    def run(self, tenant: str, statement: str, *sides: Side) -> None:
        """Run SQL in a tenant's database on some sides, or on both."""
        for side in sides or SIDES:
            self.changed.add((side, tenant))
            self.databases[side, tenant].run(statement)

    def opened(self, more: str = "", line: str = "") -> Any:
        """Open both stacks; ``line`` is one more line of each stack's settings."""
        legacy, modern = (f"{self.tenancy(side)}\n{line}" for side in SIDES)
        return self.engine.opened(f"{more}\n{TENANTS}", legacy=legacy, modern=modern)

    def audit(self, more: str = "", line: str = "") -> dict[tuple[str, str], Evidence]:
        """Audit every table of every tenant, in the order of the plugin's tests."""
        with self.opened(more, line) as run:
            return self.audits(run)

    def audits(self, run: Run) -> dict[tuple[str, str], Evidence]:
        """Audit every table of every tenant on stacks that are open."""
        return {(n, t): run.audit(n, t) for n in NAMES for t in TABLES}


@pytest.fixture(scope="module")
def databases(
    _legacy_home: Database, _modern_home: Database
) -> Iterator[dict[tuple[Side, str], Database]]:
    """Three databases on each side."""
    with ExitStack() as cleanup:
        made: dict[tuple[Side, str], Database] = {}
        for side, of in zip(SIDES, (_legacy_home, _modern_home), strict=True):
            for name in NAMES:
                made[side, name] = new_database(of.cluster, name=f"{of.name}_{name}")
                cleanup.callback(made[side, name].drop)
                _fill(made[side, name], name)
        yield made


def _fill(database: Database, name: str) -> None:
    database.run(
        "".join(
            f"CREATE TABLE {table} (id int PRIMARY KEY, v text); INSERT INTO {table} "
            f"SELECT g, '{name} {table} ' || g FROM generate_series(1, 3) g;"
            for table in TABLES
        )
    )


@pytest.fixture
def homes(engine: Engine, databases: dict[tuple[Side, str], Database]) -> Iterator[Homes]:
    """Three tenants and nine tables, no two of which hold the same rows."""
    homes = Homes(engine, databases, set())
    yield homes
    for side, name in homes.changed:
        databases[side, name].wipe()
        _fill(databases[side, name], name)


def hows(found: dict[tuple[str, str], Evidence]) -> dict[str, set[str]]:
    """Return the ways in which each table was read."""
    read: dict[str, set[str]] = {}
    for evidence in found.values():
        for each in evidence.work.readings:
            read.setdefault(each.table, set()).add(each.how)
    return read


def statuses(found: dict[tuple[str, str], Evidence]) -> dict[str, list[str]]:
    """Return the tenants and tables that did not match, by status."""
    other: dict[str, list[str]] = {}
    for (tenant, table), evidence in found.items():
        if evidence.outcome is not Outcome.PROVEN:
            other.setdefault(evidence.status, []).append(f"{tenant}-{table}")
    return other


# ---- tables that are read by one statement


def test_a_tenant_s_tables_are_proven_by_one_statement(homes: Homes) -> None:
    """One statement proves all tables of a tenant.

    Each check has its own row counts, and its reading names the batch.
    """
    found = homes.audit()
    assert statuses(found) == {}
    assert {(each.rows.legacy, each.rows.modern) for each in found.values()} == {(3, 3)}
    assert {each.digest for each in found.values()} == {"hashtextextended"}
    assert hows(found) == {table: {BATCHED} for table in TABLES}


def test_what_differs_is_found_in_its_own_table(homes: Homes) -> None:
    """One changed row in one tenant's table is drift there, and nowhere else."""
    changes = {
        ("acme", "a"): "UPDATE a SET v = 'other' WHERE id = 2",
        ("blue", "b"): "DELETE FROM b WHERE id = 2",
        ("cora", "c"): "INSERT INTO c VALUES (4, 'more')",
    }
    for (tenant, _), change in changes.items():
        homes.run(tenant, change, "modern")
    found = homes.audit()
    assert statuses(found) == {"DRIFT": ["acme-a", "blue-b", "cora-c"]}
    assert_drift(found["acme", "a"], ("changed", ("2",), ("v",)))
    assert_drift(found["blue", "b"], ("missing", ("2",), ()))
    assert_drift(found["cora", "c"], ("extra", ("4",), ()))
    assert hows(found) == {table: {ALONE, BATCHED} for table in TABLES}


def test_rows_that_change_places_are_seen(homes: Homes) -> None:
    """Rows exchanged between tables or tenants are found, since each table has its own digest."""
    homes.run("acme", "ALTER TABLE a RENAME TO x; ALTER TABLE b RENAME TO a", "modern")
    homes.run("acme", "ALTER TABLE x RENAME TO b", "modern")
    for name, other in (("blue", "cora"), ("cora", "blue")):
        homes.run(name, f"UPDATE c SET v = replace(v, '{name}', '{other}')", "modern")
    assert statuses(homes.audit()) == {"DRIFT": ["acme-a", "acme-b", "blue-c", "cora-c"]}


def test_empty_tables_prove_nothing(homes: Homes) -> None:
    """An empty table is NOT PROVEN, since nothing was compared."""
    homes.run("cora", "DELETE FROM a")
    found = homes.audit()
    assert statuses(found) == {"NOT PROVEN": ["cora-a"]}


def test_tables_that_are_not_selected_are_not_read(homes: Homes) -> None:
    """A batch reads no table that is not selected, since the role may not be allowed to."""
    with homes.opened() as run:
        few = Run(replace(run.context, audited_ids={"a": set(NAMES), "b": {"acme"}}))
        found = {(name, "a"): few.audit(name, "a") for name in NAMES}
    assert statuses(found) == {}
    assert hows(found) == {"a": {ALONE, BATCHED}, "b": {BATCHED}}


def test_a_lost_connection_spoils_no_check(homes: Homes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A statement that is too much for the server is given up, and its tables are read alone."""

    def too_much(*_: object, **__: object) -> None:
        raise ConnectionLost("the statement is too long")

    monkeypatch.setattr(batch, "_read", too_much)
    found = homes.audit()
    assert statuses(found) == {}
    assert hows(found) == {table: {ALONE} for table in TABLES}


def test_what_nobody_knows_the_size_of_goes_alone(homes: Homes) -> None:
    """Views, parents and partitioned tables are read alone, since their size is unknown."""
    kinds = {
        ("acme", "a"): "DROP TABLE a; CREATE VIEW a AS SELECT id, v FROM b",
        ("blue", "b"): "CREATE TABLE heirs () INHERITS (b)",
        ("cora", "c"): (
            "DROP TABLE c; CREATE TABLE c (id int PRIMARY KEY, v text) PARTITION BY RANGE (id)"
        ),
    }
    found = {}
    for (tenant, _), kind in kinds.items():
        homes.run(tenant, kind)
        with homes.opened("[ignore.tables]\nheirs = 'of b'") as run:
            found[tenant] = hows({(tenant, each): run.audit(tenant, each) for each in TABLES})
    assert found == {
        tenant: {each: {ALONE if each == table else BATCHED} for each in TABLES}
        for tenant, table in kinds
    }


def test_what_sql_reads_nobody_knows(homes: Homes) -> None:
    """A table under SQL of the settings is read alone.

    The SQL may read other tables, which may be large, or locked by another session.
    """
    rules = {
        "a filter": (
            "[tables.b.modern_filter]\n"
            'sql = "id IN (SELECT 1 + g FROM generate_series(0, 2) g)"\nreason = "as it is"'
        ),
        "a column": "[tables.b.columns.v]\nmodern_sql = \"v || ''\"",
    }
    found = {name: homes.audit(rule) for name, rule in rules.items()}
    assert {name: statuses(each) for name, each in found.items()} == {name: {} for name in rules}
    b_alone = {"a": {BATCHED}, "b": {ALONE}, "c": {BATCHED}}
    assert {name: hows(each) for name, each in found.items()} == dict.fromkeys(rules, b_alone)


@pytest.mark.parametrize(
    ("few", "more"),
    [
        (Limits(small_table_rows=2), Limits(small_table_rows=6)),
        (Limits(statement_tables=1), Limits(statement_tables=4)),
        (Limits(statement_locks=3), Limits(statement_locks=8)),
    ],
    ids=["rows", "tables", "locks"],
)
def test_only_so_many_small_tables_are_asked_for_together(
    homes: Homes, few: Limits, more: Limits
) -> None:
    """A batch takes no table with too many rows, and has limits for tables and for locks.

    Each table has an index, which is locked as well.
    """
    for tenant in NAMES:
        homes.run(tenant, "ANALYZE")
    assert hows(homes.limited(few).audit()) == {table: {ALONE} for table in TABLES}
    assert {BATCHED} in hows(homes.limited(more).audit()).values()


def test_tables_larger_than_known_go_alone(homes: Homes) -> None:
    """If no statistics give a table's size, its file's size decides whether it is read alone.

    The size is checked before the table is read.
    """
    found = homes.limited(Limits(statement_blocks=2)).audit()
    assert statuses(found) == {}
    assert hows(found) == {table: {ALONE} for table in TABLES}


def test_a_mask_s_values_are_in_no_output(homes: Homes) -> None:
    """A server's message about a masked value appears in no evidence.

    The value makes the read of several tables in one statement fail.
    """
    for side in SIDES:
        homes.run("acme", "UPDATE b SET v = 'top secret' WHERE id = 1", side)
    rule = "[tables.b.columns.v]\nmask = true\n"
    sql = 'legacy_sql = "v::int::text"\nmodern_sql = "v::int::text"\n'
    found = homes.audit(rule + sql)
    assert found["acme", "b"].outcome is Outcome.NOT_PROVEN
    assert statuses(found)["NOT PROVEN"] == [f"{name}-b" for name in NAMES]
    assert "top secret" not in repr(found)


# ---- concurrent sessions


def test_a_locked_table_stops_its_own_check_alone(homes: Homes) -> None:
    """If one table cannot be locked, each table is read alone, and only its check is NOT PROVEN."""
    with homes.opened(line="lock_timeout = 0.2") as run, ExitStack() as cleanup:
        home = homes.databases["modern", "acme"]
        other = cleanup.enter_context(home.cluster.connect(home.name))
        other.autocommit = False
        other.execute("LOCK TABLE b IN ACCESS EXCLUSIVE MODE")
        found = homes.audits(run)
    assert statuses(found) == {"NOT PROVEN": ["acme-b"]}
    assert_not_proven(found["acme", "b"], "lock")


def test_a_migration_under_way_meets_no_deadlock(homes: Homes) -> None:
    """A migration that alters tables one after the other waits for the audit, but not for long.

    The migration is not aborted.
    """
    home, said = homes.databases["modern", "acme"], []
    begun = Event()

    def migrate() -> None:
        with home.cluster.connect(home.name) as other:
            other.autocommit = False
            try:
                other.execute("LOCK TABLE c IN ACCESS EXCLUSIVE MODE")
                begun.set()
                eventually(lambda: home.run(WAITING) == [(True,)])
                other.execute("ALTER TABLE a ADD COLUMN w int")
                other.commit()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is to be none
                said.append(error)

    with homes.opened() as run:
        migration = Thread(target=migrate)
        migration.start()
        assert begun.wait(10)
        found = homes.audits(run)
        migration.join()
    assert said == []
    assert hows({key: each for key, each in found.items() if key[0] == "acme"}).keys() >= {"a", "b"}
    assert "DRIFT" not in statuses(found)


def test_a_table_made_anew_after_the_snapshot_proves_nothing(homes: Homes) -> None:
    """A table that is made anew after the snapshot is NOT PROVEN.

    The snapshot sees none of its rows, and the run's catalog describes the old table.
    """
    anew = dict(zip(NAMES, TABLES, strict=True))
    with homes.opened() as run:
        for name, table in anew.items():
            homes.run(
                name, f"DROP TABLE {table}; CREATE TABLE {table} (id int PRIMARY KEY, v text)"
            )
            homes.run(name, f"INSERT INTO {table} VALUES (1, 'new')")
        found = homes.audits(run)
    assert statuses(found) == {"NOT PROVEN": [f"{name}-{table}" for name, table in anew.items()]}


# ---- by one connection


def test_a_statement_is_compiled_once_for_all_databases(homes: Homes) -> None:
    """All databases of a server have one engine, and one statement for their tables."""
    with homes.opened() as run:
        for name in NAMES:
            for table in TABLES:
                assert_match(run.audit(name, table), 3)
        statements = list(run.audited.batches.statements.values())
        assert [len(compiled) for _, compiled in statements] == [1, 1]
        for stack in run.context.stacks.values():
            assert stack._switching is not None
            (engine,) = stack._switching._engines.values()
            kept = [str(each) for each in (engine._compiled_cache or {}).values()]
            assert [sql for sql in kept if "parity_row_hash" in sql] == []


def test_a_connection_is_to_the_database_that_is_asked_for(homes: Homes) -> None:
    """A connection leads to the requested database.

    That holds whatever was read before, and also after a lost connection.
    """
    with homes.opened() as run:
        stack: Stack = run.context.stacks["legacy"]
        for number, tenant in enumerate([*NAMES, *reversed(NAMES), *NAMES]):
            name = homes.databases["legacy", tenant].name
            with stack.transaction(Home(name, "")) as connection:
                assert connection.scalar(text("SELECT current_database()")) == name
                if number % 4 == 3:
                    own = connection.scalar(text("SELECT pg_backend_pid()"))
                    homes.engine.legacy.run("SELECT pg_terminate_backend(%s)", own)
                    connection.invalidate()
        with stack.transaction(Home("", "")) as connection:
            assert connection.scalar(text("SELECT current_database()")) == homes.engine.legacy.name


def test_a_database_that_is_not_held_has_to_be_as_it_was(homes: Homes) -> None:
    """A frozen database that was altered after the planning is NOT PROVEN.

    A plan from an outdated catalog proves nothing.
    """
    with homes.opened(line=FROZEN) as run:
        homes.run("acme", "ALTER TABLE a ALTER v TYPE varchar(99)", "modern")
        homes.run("blue", "DROP TABLE b; CREATE TABLE b (id int PRIMARY KEY)", "modern")
        homes.run("cora", "CREATE INDEX ON a (v); ANALYZE", "modern")
        found = {name: run.audit(name, "c").outcome for name in NAMES}
    proven, not_proven = Outcome.PROVEN, Outcome.NOT_PROVEN
    assert found == {"acme": not_proven, "blue": not_proven, "cora": proven}


def test_a_route_that_leads_elsewhere_meanwhile_proves_nothing(
    homes: Homes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the modern host name leads to the legacy server during the run, nothing is proven.

    Otherwise the audit would compare the legacy stack with itself.
    """
    homes.run("acme", LAST, "modern")
    here, there = homes.engine.legacy.cluster, homes.engine.modern.cluster
    connect, name = PatientConnection.connect, homes.databases["legacy", "acme"].name

    def elsewhere(*args: Any, **settings: Any) -> Any:
        if settings["port"] == str(there.port):
            settings |= {"host": str(here.directory), "port": str(here.port), "dbname": name}
        return connect(*args, **settings)

    assert here != there
    with homes.opened(line=FROZEN) as run:
        monkeypatch.setattr(PatientConnection, "connect", elsewhere)
        assert_not_proven(run.audit("acme", "c"), "another server answers")


def test_a_process_of_mariadb_asks_whose_its_own_snapshot_is(
    homes: Homes, mysql_db: MariaDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A MariaDB process verifies the server's identity before it reads from its own snapshot.

    MariaDB cannot import a snapshot. An import would show that another server answers.
    """
    mysql_db.run("CREATE TABLE t (id int PRIMARY KEY)")
    mysql_db.run("INSERT INTO t VALUES (1)")
    homes.engine.legacy.run("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    moved: Any = Engine(homes.engine.legacy, mysql_db, tmp_path)  # type: ignore[arg-type]
    answered = MySQL.server
    with moved.opened("[tenants.acme]") as run:
        assert_match(run.audit("global", "t"), 1)
    with moved.opened("[tenants.acme]") as run:
        monkeypatch.setattr(
            MySQL, "server", lambda *given: replace(answered(*given), instance="elsewhere")
        )
        for _ in range(2):
            assert_not_proven(run.audit("global", "t"), "another server answers")


def test_a_url_may_name_its_database_where_libpq_lets_it(homes: Homes) -> None:
    """If a URL's path names no database, its other parts do, even after a tenant's database."""
    lines = []
    for side, of in zip(SIDES, (homes.engine.legacy, homes.engine.modern), strict=True):
        of.run("CREATE TABLE prices (id int PRIMARY KEY); INSERT INTO prices VALUES (1)")
        url = of.url.replace(f"/{of.name}?", "/?") + f"&dbname={of.name}"
        lines.append(f'url = "{url}"\n{homes.tenancy(side)}')
    more = f'[tables.prices]\ntenancy = "global"\n{TENANTS}'
    with homes.engine.opened(more, legacy=lines[0], modern=lines[1]) as run:
        assert_match(run.audit("acme", "a"), 3)
        assert_match(run.audit("global", "prices"), 1)
        assert_match(run.audit("blue", "a"), 3)


def test_what_ends_an_opening_leaves_no_session(homes: Homes) -> None:
    """An opening that is ended early leaves no session.

    It is ended by a refusal before the third database, or by another thread.
    """
    settings = homes.engine.settings("", legacy=homes.tenancy("legacy"), modern=SHARED)
    homes_of = [Home(homes.databases["legacy", name].name, "") for name in NAMES]
    mine = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'opening'"
    held: list[int] = []

    def refuse(snapshots: int) -> None:
        held.append(snapshots)
        if len(held) == 3:
            assert homes.engine.legacy.run(mine) == [(2,)]
            raise SettingsError("too many")

    def end(_: int) -> None:
        if homes.engine.legacy.run(mine) == [(2,)]:
            ended.release()

    refused, ended = SnapshotHolder(refuse), SnapshotHolder(end)
    for holder, error in ((refused, SettingsError), (ended, StackUnavailable)):
        with pytest.raises(error):
            open_stack("legacy", settings.legacy, "opening", places=homes_of, holder=holder)
        holder.release()
        eventually(lambda: homes.engine.legacy.run(mine) == [(0,)])
    assert held == [4] * 3


# ---- whole runs

SESSIONS = """
from pathlib import Path

def test_sessions(tenant, legacy):
    asked = "SELECT datname FROM pg_stat_activity WHERE application_name LIKE 'tenantparity/%'"
    names = [each["datname"] for each in legacy.query(asked)]
    Path(f"{tenant.id}.txt").write_text("\\n".join(names))
"""


@pytest.fixture
def project_of(homes: Homes, project: Migration) -> Callable[..., RunResult]:
    """Return an audit of the tenants' databases; ``line`` is one line of each stack's settings."""
    legacy, modern = homes.engine.legacy, homes.engine.modern
    assert (project.legacy.name, project.modern.name) == (legacy.name, modern.name)
    for database in (legacy, modern):
        database.wipe()
        database.run("CREATE TABLE nobody_s (id int)")
    project.write("test_audit.py", TEST)

    def run(*args: str, line: str = "", head: str = "") -> RunResult:
        project.write(
            "tenantparity.toml",
            f"{head}\n"
            f'[legacy]\nurl = "{legacy.url}"\n{homes.tenancy("legacy")}\n{line}\n'
            f'[modern]\nurl = "{modern.url}"\n{homes.tenancy("modern")}\n{line}\n'
            f'[ignore.tables]\nnobody_s = "of the test"\n{TENANTS}\n',
        )
        return project.run(*args)

    return run


def test_a_frozen_stack_holds_no_session_for_a_tenant(
    homes: Homes, project_of: Callable[..., RunResult], project: Migration
) -> None:
    """A frozen stack takes as few connections as one database, for any number of tenants."""
    refused = project_of("-p", "no:xdist", line="max_connections = 3")
    assert_usage_error(refused, "max_connections = 3", "4 snapshots", "] frozen = ")
    project.write("test_sessions.py", SESSIONS)
    outcome = project_of("-p", "no:xdist", line=f"max_connections = 2\n{FROZEN}")
    assert (outcome.code, outcome.verdict) == (0, "GO"), outcome.output
    own = {homes.databases["legacy", name].name: name for name in NAMES}
    for name in NAMES:
        named = (project.path / f"{name}.txt").read_text().splitlines()
        others = [own[each] for each in named if each in own and own[each] != name]
        assert len(others) <= 1, named  # a session that is just ending
        assert homes.databases["legacy", name].name in named
    assert len(outcome.with_status("MATCH")) == 10 + len(NAMES)  # with the coverage
    assert {each["database"].split()[0] for each in outcome.report["run"]["servers"]["legacy"]} == {
        homes.engine.legacy.name,
        *(homes.databases["legacy", name].name for name in NAMES),
    }
    homes.run("cora", LAST, "modern")
    found = project_of("-n", "2", line=f"max_connections = 3\n{FROZEN}")
    assert found.with_status("DRIFT") == ["cora-c"]
    assert len(found.with_status("MATCH")) == 9 + len(NAMES)
    assert own_backends(project.legacy.cluster, project.modern.cluster) == []


def test_several_processes_say_what_one_says(
    homes: Homes, project_of: Callable[..., RunResult]
) -> None:
    """Two processes give the same report as one.

    The workers import the snapshots that the run holds.
    """
    homes.run("cora", LAST, "modern")
    one, two = project_of("-n", "0"), project_of("-n", "2")
    assert one.with_status("DRIFT") == ["cora-c"]
    assert but_run(one) == but_run(two)


def test_shards_of_databases_merge_to_one_run(
    homes: Homes, project_of: Callable[..., RunResult], project: Migration
) -> None:
    """Shards merge to the report of one run.

    Each shard reads only its own tenants, but has the list of the others' tables.
    """
    homes.run("cora", LAST, "modern")
    homes.run("blue", "CREATE TABLE more (id int)", "legacy")
    whole = project_of(line=FROZEN)
    run_shards(project, 2)
    merged = merge(project, "shards")
    assert but_run(merged) == but_run(whole)
    assert whole.with_status("DRIFT") == ["cora-c"]
    assert whole.with_status("NOT PROVEN") == ["acme-more", "blue-more", "cora-more"]


# ---- MariaDB


def test_databases_of_mariadb_are_asked_for_tenant_by_tenant(
    homes: Homes, mysql_db: MariaDatabase, tmp_path: Path
) -> None:
    """Beside databases of PostgreSQL, a batch of MariaDB holds the tables of one tenant."""
    moved: Any = Engine(homes.engine.legacy, mysql_db, tmp_path)  # type: ignore[arg-type]
    with ExitStack() as cleanup:
        for name in NAMES:
            own = f"{mysql_db.name}_{name}"
            mysql_db.run(f"CREATE DATABASE {own} COLLATE utf8mb4_general_ci")
            cleanup.callback(mysql_db.run, f"DROP DATABASE {own}")
            for table in TABLES:
                mysql_db.run(f"CREATE TABLE {own}.{table} (id int PRIMARY KEY, v text)")
                for row in range(1, 4):
                    value = f"{name} {table} {row}"
                    mysql_db.run(f"INSERT INTO {own}.{table} VALUES ({row}, '{value}')")
        with closing(mysql_db.server.connect(f"{mysql_db.name}_blue")) as connection:
            connection.cursor().execute("UPDATE b SET v = upper(v) WHERE id = 2")
            connection.commit()
        there = f'tenancy = {{schema = "{mysql_db.name}_{{tenant}}"}}'
        with moved.opened(TENANTS, legacy=homes.tenancy("legacy"), modern=there) as run:
            found = {(n, t): run.audit(n, t) for n in NAMES for t in TABLES}
    assert statuses(found) == {"DRIFT": ["blue-b"]}
    assert_drift(found["blue", "b"], ("changed", ("2",), ("v",)))
    assert hows(found) == {"a": {BATCHED}, "b": {ALONE, BATCHED}, "c": {BATCHED}}
