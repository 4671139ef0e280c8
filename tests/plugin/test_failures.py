"""Runs that cannot prove a check: a clear reason, no traceback, no password, never GO."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from ..support.postgresql import Database
from ..support.project import (
    ALL,
    NOWHERE,
    SHARED,
    Migration,
    RunResult,
    slow,
)

pytest_plugins = ["tests.support.project"]


def assert_clean(outcome: RunResult) -> None:
    """Require output for users: no traceback and no path of the plugin's source."""
    assert "Traceback" not in outcome.everything
    assert "INTERNALERROR" not in outcome.output
    assert "pytest_tenantparity/" not in outcome.output


def assert_not_proven(
    outcome: RunResult,
    expected: Mapping[str, Sequence[str]],
    checks: Sequence[str] = (*ALL, *SHARED),
) -> None:
    """Require a failed run whose NOT PROVEN checks are exactly ``expected``, with these words.

    All other ``checks`` match. The first line of each reason is also printed.
    """
    assert outcome.code == 1, outcome.output
    assert outcome.verdict == "NOT PROVEN"
    assert_clean(outcome)
    assert sorted(outcome.with_status("NOT PROVEN")) == sorted(expected)
    assert sorted(outcome.with_status("MATCH")) == sorted({*checks} - {*expected})
    for check in outcome.report["checks"]:
        if check["status"] == "NOT PROVEN":
            name = _name(check)
            reasons = "\n".join(check["reasons"])
            assert [word for word in expected[name] if word not in reasons] == [], (name, reasons)
            assert reasons.splitlines()[0] in outcome.stdout, name


def _name(check: Mapping[str, str]) -> str:
    tenant, table = check["tenant"], check["table"]
    return tenant if table == "*" else f"{tenant}-{table}"


# ---- a stack that does not answer

OWN = "def test_own(legacy):\n    assert legacy.count('trades') > 0\n"


def test_stack_that_is_down(project: Migration) -> None:
    """Every check names the stack that does not answer, its address and what to do.

    That holds for either stack, for the coverage check and for hand-written tests. A hand-written
    test shows no source of the plugin.
    """
    for side in ("legacy", "modern"):
        project.settings(**{side: f'url = "{NOWHERE}"'})
        outcome = project.run()
        words = (f"{side} (127.0.0.1:1/nowhere)", "refused", "check that the server is up")
        assert_not_proven(outcome, dict.fromkeys((*ALL, *SHARED), words))
        assert outcome.report["run"]["servers"][side] == []
    project.write("test_audit.py", OWN)
    project.settings(legacy=f'url = "{NOWHERE}"')
    outcome = project.run("--tenants=acme")
    assert (outcome.code, outcome.verdict) == (1, "NOT PROVEN")
    assert "legacy (127.0.0.1:1/nowhere)" in outcome.reasons("acme", "*")
    assert_clean(outcome)


def test_stack_that_is_down_cannot_be_discovered(project: Migration) -> None:
    """If the tables cannot be discovered, every tenant is NOT PROVEN for that reason.

    That also holds in workers and for the coverage check.
    """
    for side, workers in (("legacy", "2"), ("modern", "0")):
        project.settings(tables="", **{side: f'url = "{NOWHERE}"'})
        outcome = project.run("--fail-on-drift", "--tenants=cohort-1", "-n", workers)
        assert (outcome.code, outcome.verdict) == (1, "NOT PROVEN")
        assert_clean(outcome)
        assert sorted(outcome.with_status("NOT PROVEN")) == ["acme", "beta", "coverage"]
        for check in outcome.report["checks"]:
            assert f"{side} (127.0.0.1:1/nowhere)" in check["reasons"][0]


def test_variable_that_is_not_set(project: Migration, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a URL's variable is not set, or is empty, the reason names the variable and the stack."""
    monkeypatch.delenv("MODERN_DATABASE_URL", raising=False)
    project.settings(modern='url = "${MODERN_DATABASE_URL}"')
    words = ("modern", "MODERN_DATABASE_URL is not set", "[modern] url")
    for value in (None, ""):
        if value is not None:
            monkeypatch.setenv("MODERN_DATABASE_URL", value)
        assert_not_proven(project.run(), dict.fromkeys((*ALL, *SHARED), words))


def test_both_urls_lead_to_the_same_database(project: Migration) -> None:
    """Two URLs that lead to the same database are detected: it would always equal itself."""
    route = project.legacy.cluster.tcp_url(project.legacy.name)
    project.settings(modern=f'url = "{route}"')
    outcome = project.run("--tenants=all,!coverage")
    assert (outcome.code, outcome.verdict) == (1, "NOT PROVEN")
    assert_clean(outcome)
    assert outcome.with_status("MATCH") == []
    for check in outcome.report["checks"]:
        assert "legacy and modern are the same database" in check["reasons"][0]


# ---- what one table lacks

MORE = ("lots", "orders", "fills", "loans", "bonds", "cash")  # beside trades and positions
LACKING = ["positions", *MORE, "trades"]


@pytest.fixture
def lacking(project: Migration) -> Migration:
    """A migration of eight tables, most of which have a defect.

    Legacy has no table positions, and modern has no table lots. The column note is missing from
    orders in legacy and from fills in modern. The tenant beta has no cash rows on either side.
    """
    tenants = "(ARRAY['acme','beta','eu-north','eu-south'])[1 + i % 4]"
    for table in MORE:
        columns = "id int PRIMARY KEY, note text"
        for database, name, owner, whose in (
            (project.legacy, table, "account", "'A' || 1 + i % 4"),
            (project.modern, f"tenant_{table}", "tenant", tenants),
        ):
            database.run(f"CREATE TABLE {name} ({columns}, {owner} text)")
            series = "generate_series(1, 8) i"
            database.run(f"INSERT INTO {name} SELECT i, 'note ' || i, {whose} FROM {series}")
    project.legacy.run("DROP TABLE positions; ALTER TABLE orders DROP COLUMN note")
    project.modern.run("DROP TABLE tenant_lots; ALTER TABLE tenant_fills DROP COLUMN note")
    project.legacy.run("DELETE FROM cash WHERE account = 'A2'")
    project.modern.run("DELETE FROM tenant_cash WHERE tenant = 'beta'")
    return project


def _missing() -> dict[str, tuple[str, ...]]:
    """Return the checks of those tables that are not proven, with the words of each reason."""
    expected: dict[str, tuple[str, ...]] = {}
    legacy = ("the legacy stack has no table public.positions", 'modern = "tenant_positions"')
    modern = ("the modern stack has no table public.tenant_lots", "[tables.lots]")
    for tenant in ("acme", "beta", "eu-north", "eu-south"):
        expected[f"{tenant}-positions"] = legacy
        expected[f"{tenant}-lots"] = modern
        for table in ("orders", "fills"):
            words = ("'note'", f"'{table}'", f"[tables.{table}.ignore]", "modern")
            expected[f"{tenant}-{table}"] = words
    expected["unassigned-positions"], expected["unassigned-lots"] = legacy, modern
    expected["beta-cash"] = ("'beta' has no rows in 'cash'", "[tables.cash] empty")
    return expected


def _all_checks() -> list[str]:
    tenants = ("acme", "beta", "eu-north", "eu-south", "unassigned")
    return [
        *(f"{tenant}-{table}" for tenant in tenants for table in LACKING),
        *("global-prices", "coverage"),
    ]


def test_what_one_table_lacks_is_said_of_that_table(lacking: Migration) -> None:
    """A defect of one table makes only that table's checks NOT PROVEN, with a way out.

    The reason names a missing table or column and its stack. It also names a missing grant, and the
    lock timeout or statement timeout that a query exceeded. Two empty sides prove nothing. All
    other tables match.
    """
    role = lacking.modern.new_role()
    lacking.modern.run(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    lacking.modern.run(f"REVOKE ALL ON tenant_loans FROM {role}")
    lacking.settings(
        slow("A1"),
        tables=f"tables = {[*LACKING, 'prices']}",
        legacy="statement_timeout = 1",
        modern=f'url = "{lacking.modern.url_of(role)}"\nlock_timeout = 0.2',
    )
    with lacking.modern.cluster.connect(lacking.modern.name) as other, other.transaction():
        other.execute("LOCK TABLE tenant_bonds IN ACCESS EXCLUSIVE MODE")
        outcome = lacking.run()
    denied = ("modern (", "permission denied for table tenant_loans", "grant the audit's role")
    locked = ("modern (", "lock timeout", "raise lock_timeout")
    expected = _missing()
    for tenant in ("acme", "beta", "eu-north", "eu-south", "unassigned"):
        expected[f"{tenant}-loans"] = denied
        expected[f"{tenant}-bonds"] = locked
    expected["acme-trades"] = ("legacy (", "statement timeout", "raise statement_timeout")
    assert_not_proven(outcome, expected, _all_checks())


def test_what_a_discovered_table_lacks_is_said_of_that_table(lacking: Migration) -> None:
    """If the tables are discovered, a missing table and a missing column are found as well."""
    lacking.settings(tables="")
    assert_not_proven(lacking.run(), _missing(), _all_checks())


def test_role_that_may_only_select_can_audit(project: Migration) -> None:
    """An audit needs no privilege but SELECT, on either side.

    Two empty sides match if the settings give a reason for them. The report repeats that reason.
    """
    project.legacy.run("DELETE FROM positions WHERE account = 'A2'")
    project.modern.run("DELETE FROM tenant_positions WHERE tenant = 'beta'")
    urls = {}
    for side, database in (("legacy", project.legacy), ("modern", project.modern)):
        role = database.new_role()
        database.run(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
        urls[side] = f'url = "{database.url_of(role)}"'
    project.settings("[tables.positions.empty]\nbeta = 'holds cash only'", **urls)
    outcome = project.run("--fail-on-drift", "-n", "2")
    assert (outcome.code, outcome.verdict) == (0, "GO"), outcome.output
    assert "holds cash only" in outcome.files[".html"]


CUT_OFF = """
import psycopg

def pytest_runtest_setup(item):
    if "beta-trades" in item.nodeid:
        with psycopg.connect({dsn!r}, autocommit=True) as admin:
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                          "WHERE application_name LIKE 'tenantparity/%%'")
"""


def dsn(database: Database) -> str:
    """Return the psycopg connection string of a database."""
    cluster = database.cluster
    return f"host={cluster.directory} port={cluster.port} user=postgres dbname={database.name}"


def test_sessions_cut_off_in_mid_run(project: Migration) -> None:
    """If its snapshot is lost, the rest of a run is NOT PROVEN: a new snapshot would prove less."""
    project.write("conftest.py", CUT_OFF.replace("%%", "%").format(dsn=dsn(project.modern)))
    outcome = project.run()
    # The tenants' tables have been scanned by now, each for all tenants at once.
    rest = [each for each in SHARED if each != "coverage"]
    assert outcome.code == 1
    assert outcome.verdict == "NOT PROVEN"
    assert_clean(outcome)
    assert sorted(outcome.with_status("MATCH")) == sorted([*ALL, "coverage"])
    for name in rest:
        assert "modern (" in outcome.reasons(*name.rsplit("-", 1)), name
