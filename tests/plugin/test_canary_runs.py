"""The canary in whole runs: which runs include it, and its part of the report."""

from __future__ import annotations

from ..support.project import DRIFT, Migration
from ..support.schemas import PLACES, TWO, make_schemas

pytest_plugins = ["tests.support.project"]

TABLES = ("trades", "positions", "prices")
COUNTS = {
    "trades": {"watched": 3, "compared": 3, "total": 4},
    "positions": {"watched": 2, "compared": 2, "total": 3},
    "prices": {"watched": 2, "compared": 2, "total": 2},
}


def test_the_report_counts_columns_with_workers(project: Migration) -> None:
    """The report counts each table's compared and watched columns, and a sound run is GO.

    The run uses workers. A table that is declared empty is a MATCH and does not prevent GO.
    """
    for database, name in ((project.legacy, "quotes"), (project.modern, "tenant_quotes")):
        database.run(f"CREATE TABLE {name} (id int PRIMARY KEY, price numeric)")
    project.settings(
        "[tables.quotes]\ntenancy = 'global'\nempty = {global = 'no quotes yet'}",
        tables='tables = ["trades", "positions", "prices", "quotes"]',
    )
    outcome = project.run("--parity-canary", "-n", "2")
    assert outcome.code == 0, outcome.output
    assert outcome.verdict == "GO"
    assert {table: outcome.check("canary", table)["columns"] for table in TABLES} == COUNTS
    assert outcome.statuses["canary-quotes"] == outcome.statuses["global-quotes"] == "MATCH"


def test_drift_does_not_silence_the_canary(project: Migration) -> None:
    """With the option each table has a canary, even in a run of one tenant. Without it none has.

    A table that differs is also watched, and is still a drift.
    """
    assert not [name for name in project.collect("--tenants=acme") if "canary" in name]
    project.modern.run(DRIFT)
    outcome = project.run("--tenants=acme", "--parity-canary")
    assert {table: outcome.check("canary", table)["columns"] for table in TABLES} == COUNTS
    assert {outcome.statuses[f"canary-{table}"] for table in TABLES} == {"MATCH"}
    assert (outcome.with_status("DRIFT"), outcome.verdict) == (["acme-trades"], "NO-GO")


def test_the_canary_alone_looks_into_schemas(project: Migration) -> None:
    """Selected alone, the canary finds rows in tenants' schemas, and in a table declared empty."""
    rows = {"a": "(1, 'x'), (2, NULL)", "b": "(3, 'y')"}
    for database in (project.legacy, project.modern):
        make_schemas(database, rows)
        for tenant in rows:
            database.run(f"CREATE TABLE s_{tenant}.u AS SELECT * FROM s_{tenant}.t")
    project.write(
        "tenantparity.toml",
        f'[legacy]\nurl = "{project.legacy_url}"\n{PLACES}\n'
        f'[modern]\nurl = "{project.modern_url}"\n{PLACES}\n'
        f'[pairing]\ntables = ["t", "u"]\n[tables.u]\nempty = "none yet"\n{TWO}',
    )
    outcome = project.run("--tenants=canary")
    assert outcome.with_status("MATCH") == list(outcome.statuses)
    for table in ("t", "u"):
        counts = outcome.check("canary", table)["columns"]
        assert counts == {"watched": 2, "compared": 2, "total": 2}, table


def test_a_missed_column_fails_the_run(project: Migration) -> None:
    """A table without rows to watch makes pytest fail, with the canary alone or in a whole run."""
    project.legacy.run("TRUNCATE prices")
    project.modern.run("TRUNCATE prices")
    outcome = project.run("--tenants=canary")
    assert outcome.code != 0
    assert outcome.with_status("NOT PROVEN") == ["canary-prices"]
    assert sorted(outcome.with_status("MATCH")) == ["canary-positions", "canary-trades"]
    beside = project.run("--parity-canary")
    assert beside.code != 0
    assert beside.statuses["canary-prices"] == "NOT PROVEN"
