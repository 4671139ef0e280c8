"""What cannot be proven: said clearly, without a traceback or a password, and never green."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from urllib.parse import quote

import pytest

from ..support.postgresql import Cluster, Database, new_database, running_cluster
from ..support.project import (
    ALL,
    DRIFT,
    LEGACY,
    NAMED,
    NOWHERE,
    SHARED,
    TEST,
    Migration,
    Outcome,
    Project,
    Running,
    assert_usage_error,
    own_backends,
    slow,
)

pytest_plugins = ["tests.support.project"]

# The first and the last letters survive any quoting and escaping.
PASSWORD = "Zq7Begin p@ss/w:rd?&%41#é'\"\\|{}<b>$Zq8End"  # noqa: S105 - planted to be looked for
PIECES = ("Zq7Begin", "Zq8End")
MODES = [pytest.param(["-n", "0"], id="-n 0"), pytest.param(["-n", "2"], id="-n 2")]


def assert_clean(outcome: Outcome) -> None:
    """Require output that a person can read: no traceback, nothing of the plugin's inside."""
    assert "Traceback" not in outcome.everything
    assert "INTERNALERROR" not in outcome.output
    assert "pytest_tenantparity/" not in outcome.output


def assert_not_proven(outcome: Outcome, checks: list[str], *words: str) -> None:
    """Require a failed run whose NOT PROVEN checks are exactly these, for a reason with words."""
    assert outcome.code == 1, outcome.output
    assert outcome.verdict == "NOT PROVEN"
    assert_clean(outcome)
    assert sorted(outcome.with_status("NOT PROVEN")) == sorted(checks)
    assert sorted(outcome.with_status("MATCH")) == sorted({*ALL, *SHARED} - {*checks})
    for check in outcome.report["checks"]:
        if check["status"] == "NOT PROVEN":
            reasons = "\n".join(check["reasons"])
            assert [word for word in words if word not in reasons] == [], reasons
            assert reasons.splitlines()[0] in outcome.stdout


# ---- a stack that does not answer


@pytest.mark.parametrize("side", ["legacy", "modern"])
def test_stack_that_is_down(project: Migration, side: str) -> None:
    """Every check says which stack does not answer, where it was looked for, and what to do."""
    project.settings(**{side: f'url = "{NOWHERE}"'})
    outcome = project.run()
    words = (f"{side} (127.0.0.1:1/nowhere)", "refused", "check that the server is up")
    assert_not_proven(outcome, [*ALL, *SHARED], *words)
    assert outcome.report["run"]["servers"][side] == []


@pytest.mark.parametrize("mode", MODES)
def test_stack_that_is_down_cannot_be_discovered(project: Migration, mode: list[str]) -> None:
    """Where the tables cannot be discovered, every tenant is NOT PROVEN for that reason."""
    project.settings(tables="", legacy=f'url = "{NOWHERE}"')
    outcome = project.run("--fail-on-drift", "--tenants=cohort-1", *mode)
    assert (outcome.code, outcome.verdict) == (1, "NOT PROVEN")
    assert_clean(outcome)
    assert sorted(outcome.with_status("NOT PROVEN")) == ["acme", "beta", "coverage"]
    for check in outcome.report["checks"]:
        assert "legacy (127.0.0.1:1/nowhere)" in check["reasons"][0]


@pytest.mark.parametrize("tables", [NAMED, ""], ids=["named", "discovered"])
def test_coverage_of_a_stack_that_is_down(project: Migration, tables: str) -> None:
    """Nobody can say that no table was forgotten on a stack that does not answer."""
    project.settings(tables=tables, modern=f'url = "{NOWHERE}"')
    outcome = project.run("--tenants=coverage")
    assert (outcome.code, outcome.verdict) == (1, "NOT PROVEN")
    assert "modern (127.0.0.1:1/nowhere)" in outcome.reasons("coverage", "*")


def test_hand_written_test_of_a_stack_that_is_down(project: Migration) -> None:
    """A hand-written test that cannot ask is NOT PROVEN, and shows no inside of the plugin."""
    project.settings(legacy=f'url = "{NOWHERE}"')
    project.write("test_audit.py", "def test_own(legacy):\n    assert legacy.count('trades') > 0\n")
    outcome = project.run("--tenants=acme")
    assert outcome.code == 1
    assert outcome.verdict == "NOT PROVEN"
    assert "legacy (127.0.0.1:1/nowhere)" in outcome.reasons("acme", "*")
    assert_clean(outcome)


@pytest.mark.parametrize("value", [None, ""], ids=["unset", "empty"])
def test_variable_that_is_not_set(
    project: Migration, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    """A URL whose variable is not set, or empty, names the variable and the stack."""
    if value is None:
        monkeypatch.delenv("MODERN_DATABASE_URL", raising=False)
    else:
        monkeypatch.setenv("MODERN_DATABASE_URL", value)
    project.settings(modern='url = "${MODERN_DATABASE_URL}"')
    words = ("modern", "MODERN_DATABASE_URL is not set", "[modern] url")
    assert_not_proven(project.run(), [*ALL, *SHARED], *words)


def test_both_urls_lead_to_the_same_database(project: Migration) -> None:
    """One database by two different routes is noticed: it would equal itself for ever."""
    route = project.legacy.cluster.tcp_url(project.legacy.name)
    project.settings(modern=f'url = "{route}"')
    outcome = project.run("--tenants=all,!coverage")
    assert (outcome.code, outcome.verdict) == (1, "NOT PROVEN")
    assert_clean(outcome)
    assert outcome.with_status("MATCH") == []
    for check in outcome.report["checks"]:
        assert "legacy and modern are the same database" in check["reasons"][0]


# ---- something that is not there


@pytest.mark.parametrize("tables", [NAMED, ""], ids=["named", "discovered"])
@pytest.mark.parametrize("side", ["legacy", "modern"])
def test_table_that_is_missing_on_one_side(project: Migration, side: str, tables: str) -> None:
    """A table that one stack lost is NOT PROVEN for every tenant; the others still match."""
    database, name = (
        (project.legacy, "positions") if side == "legacy" else (project.modern, "tenant_positions")
    )
    database.run(f"DROP TABLE {name}")
    project.settings(tables=tables)
    lost = [*(each for each in ALL if "positions" in each), "unassigned-positions"]
    way_out = 'modern = "tenant_positions"' if side == "legacy" else "[tables.positions]"
    words = (f"the {side} stack has no table public.{name}", way_out)
    assert_not_proven(project.run(), lost, *words)


@pytest.mark.parametrize("side", ["legacy", "modern"])
def test_column_that_is_missing_on_one_side(project: Migration, side: str) -> None:
    """A column that only one stack has is NOT PROVEN, by name, with both ways out."""
    database, name = (
        (project.legacy, "trades") if side == "legacy" else (project.modern, "tenant_trades")
    )
    database.run(f"ALTER TABLE {name} DROP COLUMN note")
    trades = [each for each in ALL if "trades" in each]
    words = ("'note'", "'trades'", "[tables.trades.ignore]", "modern")
    assert_not_proven(project.run(), trades, *words)


def test_tenant_without_rows(project: Migration) -> None:
    """Two empty sides prove nothing, until the settings give a reason for them."""
    project.legacy.run("DELETE FROM positions WHERE account = 'A2'")
    project.modern.run("DELETE FROM tenant_positions WHERE tenant = 'beta'")
    outcome = project.run()
    words = ("'beta' has no rows in 'positions'", "[tables.positions] empty")
    assert_not_proven(outcome, ["beta-positions"], *words)
    project.settings("[tables.positions.empty]\nbeta = 'holds cash only'")
    outcome = project.run()
    assert (outcome.code, outcome.verdict) == (0, "GO")
    assert "holds cash only" in outcome.files[".html"]


# ---- a server that says no


def test_statement_timeout(project: Migration) -> None:
    """A query that takes too long is NOT PROVEN, and says which setting it ran into."""
    project.settings(slow("A1"), legacy="statement_timeout = 0.3")
    words = ("legacy (", "statement timeout", "raise statement_timeout")
    assert_not_proven(project.run(), ["acme-trades"], *words)


def test_lock_timeout(project: Migration) -> None:
    """A table that somebody has locked is NOT PROVEN after the lock timeout, not waited for."""
    project.settings(modern="lock_timeout = 0.2")
    with project.modern.cluster.connect(project.modern.name) as other, other.transaction():
        other.execute("LOCK TABLE tenant_positions IN ACCESS EXCLUSIVE MODE")
        outcome = project.run()
    locked = [*(each for each in ALL if "positions" in each), "unassigned-positions"]
    assert_not_proven(outcome, locked, "modern (", "lock timeout", "raise lock_timeout")


def test_role_that_may_not_read(project: Migration) -> None:
    """A table that the audit's role may not read is NOT PROVEN, with the grant that is missing."""
    role = project.modern.new_role()
    project.modern.run(f"GRANT SELECT ON prices, tenant_trades TO {role}")
    project.settings(modern=f'url = "{project.modern.url_of(role)}"')
    denied = [*(each for each in ALL if "positions" in each), "unassigned-positions"]
    words = ("modern (", "permission denied for table tenant_positions", "grant the audit's role")
    assert_not_proven(project.run(), denied, *words)


def test_role_that_may_only_select_can_audit(project: Migration) -> None:
    """An audit needs SELECT and nothing else, on either side."""
    urls = {}
    for side, database in (("legacy", project.legacy), ("modern", project.modern)):
        role = database.new_role()
        database.run(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
        urls[side] = f'url = "{database.url_of(role)}"'
    project.settings(**urls)
    outcome = project.run("--fail-on-drift", "-n", "2")
    assert (outcome.code, outcome.verdict) == (0, "GO"), outcome.output


CUT_OFF = """
import psycopg

def pytest_runtest_setup(item):
    if "beta-trades" in item.nodeid:
        with psycopg.connect({dsn!r}, autocommit=True) as admin:
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                          "WHERE application_name LIKE 'tenantparity/%%'")
"""


def _dsn(database: Database) -> str:
    cluster = database.cluster
    return f"host={cluster.directory} port={cluster.port} user=postgres dbname={database.name}"


def test_sessions_cut_off_in_mid_run(project: Migration) -> None:
    """With its snapshot gone the rest of a run is NOT PROVEN: another one would prove less."""
    project.write("conftest.py", CUT_OFF.replace("%%", "%").format(dsn=_dsn(project.modern)))
    outcome = project.run()
    # The tenants' tables have been scanned by then, each for all tenants at once.
    rest = [each for each in SHARED if each != "coverage"]
    assert outcome.code == 1
    assert outcome.verdict == "NOT PROVEN"
    assert_clean(outcome)
    assert sorted(outcome.with_status("MATCH")) == sorted([*ALL, "coverage"])
    for name in rest:
        assert "modern (" in outcome.reasons(*name.rsplit("-", 1)), name


# ---- processes that die

KILL = """
import os, signal

def pytest_runtest_call(item):
    if "{}" in item.nodeid:
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(
    "args",
    [
        pytest.param([], id="replaced"),
        pytest.param(["--max-worker-restart=0"], id="not replaced"),
    ],
)
def test_killed_worker(project: Migration, args: list[str]) -> None:
    """What a killed worker was at is NOT PROVEN and fails the run; nothing is forgotten."""
    project.write("conftest.py", KILL.format("beta-trades"))
    outcome = project.run("-n", "2", *args)
    assert (outcome.code, outcome.verdict) == (1, "NOT PROVEN"), outcome.output
    assert_clean(outcome)
    assert sorted(outcome.statuses) == sorted([*ALL, *SHARED])
    assert "beta-trades" in outcome.with_status("NOT PROVEN")
    assert "the process that ran it died" in outcome.reasons("beta", "trades")
    if not args:
        assert outcome.with_status("NOT PROVEN") == ["beta-trades"]
    assert outcome.report["population"]["planned"] == 12


def test_all_workers_killed(project: Migration) -> None:
    """When no worker is left the whole plan is still accounted for."""
    project.write("conftest.py", KILL.format("test_parity"))
    outcome = project.run("-n", "2", "--max-worker-restart=0")
    assert outcome.code != 0
    assert outcome.verdict == "NOT PROVEN"
    assert outcome.with_status("MATCH") == []
    assert sorted(outcome.statuses) == sorted([*ALL, *SHARED])


@contextmanager
def started(project: Migration, *args: str) -> Iterator[Running]:
    """Start pytest and wait until a slow check is under way; leave no process behind."""
    running = project.start(*args)
    try:
        _wait_until(lambda: any("PgSleep" in each for each in _backends(project)), running)
        yield running
    finally:
        with suppress(ProcessLookupError):
            running.send(signal.SIGKILL)
        running.process.wait(10)


def _wait_until(condition: Callable[[], bool], running: Running) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        assert running.process.poll() is None, running.wait(0).output
        time.sleep(0.05)


def _backends(project: Migration) -> list[str]:
    return own_backends(project.legacy.cluster, project.modern.cluster)


@pytest.mark.parametrize("mode", MODES)
def test_interrupt(project: Migration, mode: list[str]) -> None:
    """Ctrl-C ends a run within seconds: exit code 2, INCOMPLETE, what is done is kept."""
    project.settings(slow("A4", "positions", "quantity"))
    with started(project, *mode) as running:
        _wait_a_moment_for_reports()
        begun = time.monotonic()
        running.send(signal.SIGINT)
        outcome = running.wait(30)
        assert time.monotonic() - begun < 10
    assert outcome.code == 2, outcome.output
    assert_clean(outcome)
    assert outcome.verdict == "NOT PROVEN"
    assert outcome.report["run"]["state"] == "INCOMPLETE"
    assert "interrupted" in "\n".join(outcome.report["reasons"])
    assert sorted(outcome.statuses) == sorted([*ALL, *SHARED])
    assert "eu-south-positions" in outcome.with_status("NOT PROVEN")
    assert outcome.with_status("MATCH") != []
    assert "cab-report.html" in outcome.stdout
    _wait_until_gone(project)


def _wait_until_gone(project: Migration) -> None:
    """Require that no session of the audit is left; the server takes a moment to notice."""
    deadline = time.monotonic() + 5
    while (left := _backends(project)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []


def test_interrupt_of_the_main_process_alone(project: Migration) -> None:
    """A signal that only reaches pytest itself (a container's stop) ends its workers, too."""
    project.settings(slow("A4"))
    with started(project, "-n", "2") as running:
        os.kill(running.process.pid, signal.SIGINT)
        outcome = running.wait(30)
    assert outcome.code == 2, outcome.output
    assert (outcome.verdict, outcome.report["run"]["state"]) == ("NOT PROVEN", "INCOMPLETE")
    _wait_until_gone(project)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("account", ["A1", "A4"], ids=["in the first check", "later"])
def test_killed_main_process(project: Migration, mode: list[str], account: str) -> None:
    """A pytest that is killed leaves a report of its own that says so."""
    project.settings(slow(account))
    with started(project, *mode) as running:
        _wait_a_moment_for_reports()
        running.send(signal.SIGKILL)
        outcome = running.wait(10)
    assert outcome.code == -signal.SIGKILL
    assert outcome.verdict == "NOT PROVEN"
    assert outcome.report["run"]["state"] == "INCOMPLETE"
    assert "the run has not ended" in outcome.report["reasons"]
    for suffix in (".md", ".html"):
        assert "NOT PROVEN" in outcome.files[suffix]


def _wait_a_moment_for_reports() -> None:
    """Let a worker's reports of what came before the slow check reach the main process."""
    time.sleep(0.5)


# ---- passwords


@pytest.fixture(scope="module")
def guarded_cluster() -> Iterator[Cluster]:
    """A server that asks for a password on 127.0.0.1."""
    with running_cluster() as cluster:
        rules = cluster.directory / "pg_hba.conf"
        rules.write_text("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
        with cluster.connect() as admin:
            admin.execute("SELECT pg_reload_conf()")
        yield cluster


@pytest.fixture
def guarded(project: Migration, guarded_cluster: Cluster) -> Iterator[Migration]:
    """The migration with its legacy stack behind a password, which is in ``$LEGACY_PASSWORD``."""
    database = new_database(guarded_cluster)
    database.run(LEGACY)
    role = database.new_role()
    quoted = PASSWORD.replace("'", "''")
    database.run(f"ALTER ROLE {role} PASSWORD '{quoted}'")
    database.run(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    url = guarded_cluster.tcp_url(database.name, f"{role}:${{LEGACY_PASSWORD}}")
    changed = replace(project, legacy=database, legacy_url=url)
    changed.settings()
    yield changed
    database.drop()


LOUD = ("--showlocals", "-vv", "--junitxml=junit.xml", "--alluredir=allure", "-rA")


def assert_secret(project: Project, outcome: Outcome) -> None:
    """Require that no output and no file holds a piece of the password, however it is spelled."""
    assert (project.path / "junit.xml").exists()
    assert list((project.path / "allure").iterdir())
    texts = {"output": outcome.output}
    for path in project.path.rglob("*"):
        if path.is_file():
            texts[str(path)] = path.read_bytes().decode(errors="replace")
    assert [name for name, text in texts.items() if any(piece in text for piece in PIECES)] == []


def test_right_password_is_shown_nowhere(
    guarded: Migration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A password of any characters opens the stack, and no output or file repeats it."""
    monkeypatch.setenv("LEGACY_PASSWORD", PASSWORD)
    guarded.modern.run(DRIFT)
    outcome = guarded.run("--fail-on-drift", "-n", "2", *LOUD)
    assert (outcome.code, outcome.verdict) == (1, "NO-GO"), outcome.output
    assert outcome.with_status("DRIFT") == ["acme-trades"]
    assert outcome.with_status("NOT PROVEN") == []
    assert_secret(guarded, outcome)


def test_wrong_password_is_said_and_shown_nowhere(
    guarded: Migration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refused password is NOT PROVEN, says what to check, and is not repeated."""
    monkeypatch.setenv("LEGACY_PASSWORD", f"{PASSWORD} not")
    outcome = guarded.run(*LOUD)
    words = ("legacy (127.0.0.1:", "password authentication failed", "check the password")
    assert_not_proven(outcome, [*ALL, *SHARED], *words)
    assert_secret(guarded, outcome)


ROTATE = """
import psycopg

def pytest_runtest_setup(item):
    with psycopg.connect({dsn!r}, autocommit=True) as admin:
        # Two workers that alter one role at once: "tuple concurrently updated".
        admin.execute("SELECT pg_advisory_lock(7)")
        admin.execute("ALTER ROLE {role} PASSWORD 'another'")
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                      "WHERE application_name LIKE 'tenantparity/%' AND state = 'idle'")
"""

OWN = """
def test_own(legacy):
    assert legacy.count("trades") == 6
"""


@pytest.mark.parametrize("mode", MODES)
def test_password_refused_in_mid_run_is_shown_nowhere(
    guarded: Migration, monkeypatch: pytest.MonkeyPatch, mode: list[str]
) -> None:
    """A connection that fails inside a test gives nothing away, not even with --showlocals."""
    monkeypatch.setenv("LEGACY_PASSWORD", PASSWORD)
    role = guarded.legacy_url.partition("://")[2].partition(":")[0]
    guarded.write("conftest.py", ROTATE.format(dsn=_dsn(guarded.legacy), role=role))
    guarded.write("test_audit.py", TEST + OWN)
    outcome = guarded.run("--tenants=acme", *LOUD, *mode)
    assert (outcome.code, outcome.verdict) == (1, "NOT PROVEN")
    assert sorted(outcome.with_status("MATCH")) == ["coverage"]
    assert_secret(guarded, outcome)
    assert_clean(outcome)


WRONG_URLS = [
    pytest.param(f"postgresql//audit:{PASSWORD}@127.0.0.1/x", "no database URL", id="no URL"),
    pytest.param(
        f"oracle://audit:{quote(PASSWORD, safe='')}@127.0.0.1/x", "no dialect", id="no dialect"
    ),
    pytest.param(
        f"postgresql://audit:{quote(PASSWORD, safe='')}@127.0.0.1:1/x?nonsense=1",
        "nonsense",
        id="wrong parameter",
    ),
    pytest.param(
        f"postgresql://audit:{quote(PASSWORD, safe='')}@127.0.0.1:port/x", "legacy", id="port"
    ),
    pytest.param(
        f"postgresql://audit@127.0.0.1:1/x?password={quote(PASSWORD, safe='')}",
        "refused",
        id="as a parameter",
    ),
    pytest.param(
        f"postgresql+asyncpg://audit:{quote(PASSWORD, safe='')}@127.0.0.1:1/x",
        "legacy",
        id="another driver",
    ),
]


@pytest.mark.parametrize(("url", "said"), WRONG_URLS)
def test_wrong_url_is_shown_nowhere(
    project: Migration, monkeypatch: pytest.MonkeyPatch, url: str, said: str
) -> None:
    """A URL that cannot be used is NOT PROVEN, names the stack, and keeps its password."""
    monkeypatch.setenv("LEGACY_URL", url)
    project.settings(legacy='url = "${LEGACY_URL}"')
    outcome = project.run("--tenants=acme", "--parity-tables=trades", *LOUD)
    assert (outcome.code, outcome.verdict) == (1, "NOT PROVEN"), outcome.output
    assert "legacy" in outcome.reasons("acme", "trades")
    assert said in outcome.reasons("acme", "trades")
    assert_clean(outcome)
    assert_secret(project, outcome)


def test_password_in_the_settings_is_refused_and_not_repeated(offline: Project) -> None:
    """A password in the file is refused before anything happens, without being printed."""
    offline.settings(legacy="url = 'postgresql://audit:Zq7Begin@127.0.0.1/x'")
    outcome = offline.run()
    assert_usage_error(outcome, "[legacy] url", "holds a password")
    assert "Zq7Begin" not in outcome.output
    assert outcome.files == {}
    assert not (offline.path / "reports").exists()
