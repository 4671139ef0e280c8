"""Every table and view of both stacks is compared, refused, or left out under its own name."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

from pytest_tenantparity.model import Evidence, Outcome

from ..support.engine_driver import Engine
from ..support.mariadb import MariaDatabase
from ..support.project import NOWHERE, Migration, Project, assert_usage_error

pytest_plugins = ["tests.support.project"]

GLOBAL_STACKS = {"legacy": 'tenancy = "global"', "modern": 'tenancy = "global"'}


def _by_table(evidence: Evidence, name: str) -> list[str]:
    return [reason for reason in evidence.reasons if name in reason]


def test_every_kind_of_table_is_accounted_for(engine: Engine) -> None:
    """A table without columns or partitions, or whose parent is in another schema, is reported."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    engine.both("CREATE TABLE bare ()")
    engine.legacy.run("INSERT INTO bare DEFAULT VALUES; CREATE TABLE bare_here ()")
    engine.modern.run("CREATE TABLE bare_there ()")
    engine.legacy.run("CREATE UNLOGGED TABLE unlogged (id int)")
    engine.legacy.run("CREATE TABLE parted (id int) PARTITION BY RANGE (id)")
    engine.legacy.run(
        "CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.parent (id int) PARTITION BY RANGE (id);"
        "CREATE TABLE a_part PARTITION OF elsewhere.parent FOR VALUES FROM (1) TO (9)"
    )
    engine.legacy.run("CREATE TABLE dropped (a int); ALTER TABLE dropped DROP COLUMN a")
    engine.legacy.run("CREATE SEQUENCE counter; CREATE TEMP TABLE passing (id int)")
    with engine.opened("[pairing]\ntables = ['t']") as run:
        gaps = run.audit("coverage", "*").reasons
    named = sorted(gap.partition(" is neither")[0].rpartition(".")[2] for gap in gaps)
    assert named == [
        *("a_part", "bare", "bare", "bare_here", "bare_there", "dropped", "parted", "unlogged")
    ]
    with engine.opened() as run:
        assert sorted(run.context.pairs) == sorted({*named, "t"})
        assert run.audit("global", "t").outcome is Outcome.PROVEN
        bare = [run.audit("global", name) for name in ("bare", "bare_here", "bare_there")]
    assert {each.outcome for each in bare} == {Outcome.NOT_PROVEN}
    assert ["has no columns" in each.reasons[0] for each in bare[:2]] == [True, True]
    assert "no table public.bare_there" in bare[2].reasons[0]


def test_a_table_on_one_side_alone_comes_with_settings_that_pair_it(engine: Engine) -> None:
    """The advice for a table on one side only names the settings that pair it.

    For a modern table the advice names the legacy key and ``modern``. For a legacy table it names
    ``modern``.
    """
    engine.legacy.run("CREATE TABLE trades (id int); CREATE TABLE quotes (id int)")
    engine.modern.run("CREATE TABLE trade (id int); CREATE TABLE quotes (id int)")
    with engine.opened("[pairing]\ntables = ['quotes']") as run:
        (legacy, modern) = run.audit("coverage", "*").reasons
    assert '[tables.trades] modern = "..."' in legacy
    assert '[tables.<legacy name>] modern = "trade"' in modern
    assert '[ignore.tables] "modern.trade" = "..."' in modern
    with engine.opened() as run:
        (only_modern,) = run.audit("global", "trade").reasons
        (only_legacy,) = run.audit("global", "trades").reasons
    assert '[tables.trades] modern = "trade"' in only_modern
    assert '[ignore.tables] "modern.trade" = "..."' in only_modern
    assert "name it in" not in only_modern
    assert "Did you mean 'trade'?" in only_legacy
    assert '[tables.trades] modern = "..."' in only_legacy


def test_views_that_nothing_compares_are_left_out_by_name(project: Migration) -> None:
    """Both sides' views and materialized views are listed, with the setting that compares each."""
    project.legacy.run(
        "CREATE VIEW active AS SELECT * FROM trades;"
        "CREATE MATERIALIZED VIEW totals AS SELECT count(*) AS n FROM trades;"
        "CREATE VIEW named AS SELECT symbol FROM prices; CREATE VIEW known AS SELECT 1 AS one"
    )
    project.modern.run(
        "CREATE VIEW zone AS SELECT 1 AS id; CREATE VIEW named AS SELECT symbol FROM prices"
    )
    project.settings(
        '[tables.named]\nmodern = "named"\ntenancy = "global"\nkey = ["symbol"]\n'
        '[ignore.tables]\nknown = "a helper of the old reports"'
    )
    outcome = project.run("--tenants=acme")
    left_out = {e["what"]: e["reason"] for e in outcome.report["population"]["exclusions"]}
    assert left_out == {
        "table known": "a helper of the old reports",
        "legacy view active": "a view holds no rows of its own; [tables.active] compares it",
        "legacy materialized view totals": "its rows are copies that can be made anew; "
        "[tables.totals] compares it",
        "modern view zone": "a view holds no rows of its own; "
        '[tables.<legacy name>] modern = "zone" compares it',
    }
    assert outcome.verdict == "GO"
    for suffix in (".html", ".md"):
        assert "materialized view totals" in outcome.files[suffix]


def test_views_of_other_engines_are_left_out_too(offline: Project, mysql_db: MariaDatabase) -> None:
    """Views of MariaDB and SQLite are listed as left out, and their common table is compared."""
    mysql_db.run("CREATE TABLE t (id int PRIMARY KEY)")
    mysql_db.run("INSERT INTO t VALUES (1)")
    mysql_db.run("CREATE VIEW mine AS SELECT id FROM t")
    path = offline.path / "m.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE t (id integer PRIMARY KEY)")
        connection.execute("INSERT INTO t VALUES (1)")
        connection.execute("CREATE VIEW yours AS SELECT id FROM t")
    offline.write(
        "tenantparity.toml",
        f'[legacy]\nurl = "{mysql_db.url}"\ntenancy = "global"\n'
        f'[modern]\nurl = "sqlite:///{path}"\ntenancy = "global"\n[tenants.acme]\n',
    )
    outcome = offline.run("-n", "0")
    whats = [each["what"] for each in outcome.report["population"]["exclusions"]]
    assert whats == ["legacy view mine", "modern view yours"]
    assert outcome.verdict == "GO", outcome.output


def test_stacks_without_tables_are_named(offline: Project, engine: Engine) -> None:
    """If no table is found, the error names the schemas that were searched, not an option."""
    offline.write("legacy.json", json.dumps({"tenants": {}}))
    sqlite3.connect(offline.path / "modern.sqlite").close()
    urls = [
        (f"snapshot:///{offline.path}/legacy.json", f"sqlite:///{offline.path}/modern.sqlite"),
        (engine.legacy.url, engine.modern.url),
    ]
    for legacy, modern in urls:
        offline.write(
            "tenantparity.toml",
            f'[legacy]\nurl = "{legacy}"\ntenancy = "global"\n'
            f'[modern]\nurl = "{modern}"\ntenancy = "global"\n[tenants.acme]\n',
        )
        outcome = offline.run("-n", "0")
        assert_usage_error(
            outcome, "no table was found in either stack", "legacy: schema", "modern: schema"
        )
        assert "--parity-tables" not in outcome.stderr
        assert NOWHERE not in outcome.stderr


def test_filters_say_how_many_rows_they_leave_out(engine: Engine) -> None:
    """The coverage check counts the rows that a filter leaves out on each side."""
    engine.both(
        "CREATE TABLE t (id int PRIMARY KEY, gone boolean);"
        "INSERT INTO t SELECT g, CASE WHEN g > 8 THEN NULL ELSE g % 4 = 0 END "
        "FROM generate_series(1, 10) g"
    )
    engine.modern.run("DELETE FROM t WHERE id = 4")
    more = """
[pairing]
tables = ["t"]
[tables.t]
legacy_filter = { sql = "NOT t.gone", reason = "deleted rows stay behind" }
modern_filter = { sql = "NOT gone", reason = "deleted rows stay behind" }
"""
    with engine.opened(more) as run:
        evidence = run.audit("coverage", "*")
        assert run.audit("global", "t").outcome is Outcome.PROVEN
    assert evidence.left_out == {
        "legacy rows of t but those with NOT t.gone": 4,
        "modern rows of t but those with NOT gone": 3,
    }


def test_what_is_left_out_is_of_this_run(project: Migration) -> None:
    """Exclusions of tenants and tables that were not selected are not listed."""
    project.settings(
        '[tables.trades]\nempty = { acme = "joined late", eu-north = "never traded" }\n'
        'legacy_filter = { sql = "id > 0", reason = "no test rows" }\n'
        '[tables.positions]\nignore = { quantity = "is made up" }'
    )
    outcome = project.run("--tenants=cohort-2", "--parity-tables=trades")
    left_out = {e["what"]: e["rows"] for e in outcome.report["population"]["exclusions"]}
    assert left_out == {
        "legacy rows of trades but those with id > 0": 0,
        "no rows in trades for eu-north": None,
    }
