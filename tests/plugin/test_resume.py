"""``--parity-resume``: an interrupted run is continued, and its proofs are taken over."""

from __future__ import annotations

import json
import random
import re
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from pytest_tenantparity.plugin.run import resume_journal as journal

from ..support.postgresql import new_database
from ..support.project import (
    ALL,
    DRIFT,
    NOWHERE,
    REPORT,
    SHARED,
    TEST,
    Migration,
    Project,
    Running,
    RunResult,
    assert_usage_error,
    own_backends,
    slow,
)

pytest_plugins = ["tests.support.project"]

MODES = [pytest.param(["-n", "0"], id="-n 0"), pytest.param(["-n", "2"], id="-n 2")]
ACME = ["acme-trades", "acme-positions"]
EVERYTHING = [*ALL, *SHARED]


def go_on(project: Migration, *args: str) -> RunResult:
    """Run pytest without removing earlier reports."""
    return project.start(*args).wait(300)


def resume(project: Migration, *args: str) -> RunResult:
    """Resume the last run."""
    return go_on(project, "--parity-resume", *args)


def journal_of(project: Project) -> Path:
    """Return the path of the journal."""
    return project.path / REPORT / "journal.jsonl"


def taken_over(outcome: RunResult) -> list[int]:
    """Return the number of checks taken over from each earlier run."""
    return [each["checks"] for each in outcome.report["run"]["resumed"]]


def beyond_the_run(outcome: RunResult) -> tuple[str, str, str]:
    """Return all three files without the parts about the run itself."""
    report = json.loads(outcome.files[".json"])
    del report["run"]
    page, text = outcome.files[".html"], outcome.files[".md"]
    of_the_run = r"(?m)^\| (run|window .*|proven earlier|legacy|modern) \|.*\n"
    page = page[page.index("<h2>Population") :]
    return json.dumps(report, ensure_ascii=False), page, re.sub(of_the_run, "", text)


# ---- proofs that are taken over


def test_what_is_proven_is_not_asked_again(project: Migration) -> None:
    """A check in the journal keeps its proof. All others are made with today's data.

    Report and terminal state how many checks each earlier run proved, and when it began. Without
    the option every check is made again, and the run has a journal of its own.
    """
    first = go_on(project, "-k", "acme")
    assert first.with_status("MATCH") == sorted(ACME)
    project.modern.run(DRIFT)  # acme, which is proven
    project.modern.run(DRIFT.replace("id = 4", "id = 1"))  # beta, which is not
    outcome = resume(project, "-n", "2")
    assert outcome.with_status("DRIFT") == ["beta-trades"]
    assert sorted(outcome.with_status("MATCH")) == sorted({*EVERYTHING} - {"beta-trades"})
    people = outcome.report["population"]
    assert (people["planned"], people["executed"]) == (12, 12)
    run, before = outcome.report["run"], first.report["run"]
    assert run["state"] == "COMPLETE"
    assert run["resumed"] == [{"run": before["id"], "started": before["started"], "checks": 2}]
    said = f"2 checks were proven by the run {before['id']}, begun {before['started']}"
    for text in (outcome.stdout, outcome.files[".html"], outcome.files[".md"].replace("\\", "")):
        assert said in text
    anew = go_on(project)
    assert anew.with_status("DRIFT") == ["acme-trades", "beta-trades"]
    assert anew.report["run"]["resumed"] == []
    for earlier in (first, outcome):
        assert earlier.report["run"]["id"] not in journal_of(project).read_text()


def test_resumed_run_can_be_resumed(project: Migration) -> None:
    """The journal grows from run to run, and the report lists each earlier run.

    A check that a run leaves out is NOT PROVEN in its report, even with a proof in the journal.
    """
    runs = [go_on(project, "-k", "acme"), resume(project, "-k", "beta"), resume(project)]
    project.modern.run(DRIFT)
    runs += [resume(project, "-n", "1"), resume(project, "-k", "acme")]
    assert [taken_over(run) for run in runs] == [[], [], [2, 2], [2, 2, 8], [2]]
    ids = [run.report["run"]["id"] for run in runs]
    assert [each["run"] for each in runs[3].report["run"]["resumed"]] == ids[:3]
    assert (runs[3].code, runs[3].verdict) == (0, "GO")
    assert beyond_the_run(runs[3]) == beyond_the_run(runs[2])
    for run, tenant in ((runs[1], "beta"), (runs[4], "acme")):
        assert (run.code, run.verdict) == (1, "NOT PROVEN"), tenant
        assert any("partial" in reason for reason in run.report["reasons"]), tenant
        proven = sorted(f"{tenant}-{table}" for table in ("trades", "positions"))
        assert run.with_status("MATCH") == proven


# ---- checks that are made again


HOOK = """
def pytest_parity_normalisers(config):
    return {"lower": %s}
"""
MARKED = TEST.replace("@pytest", "@pytest.mark.drift_tolerance(absolute={})\n@pytest")
OWN = """
def test_own(modern):
    assert modern.query("SELECT count(*) AS n FROM aside.flags") == [{"n": 1}]
"""


def by_test(outcome: RunResult) -> dict[str, dict[str, str]]:
    """Return the status of each check that is not a MATCH, by its module and its name."""
    found: dict[str, dict[str, str]] = {}
    for check in outcome.report["checks"]:
        module = check["check"].partition("::")[0]
        name = check["tenant"] + ("" if check["table"] == "*" else f"-{check['table']}")
        found.setdefault(module, {})
        if check["status"] != "MATCH":
            found[module][name] = check["status"]
    return found


def test_what_depends_on_more_than_settings_is_asked_again(project: Migration) -> None:
    """A check is made again if more than settings and data decides it.

    That is the case for a project's normaliser, a marker of a test, and the code of a hand-written
    test. Rows within a budget are listed again. A proof from the journal does not replace the other
    assertions of a test.
    """
    project.settings(
        '[tables.trades.columns]\nnote = { normalise = "lower" }\n'
        "[tables.positions.tolerance]\nrows = 1"
    )
    project.write("conftest.py", HOOK % "str.lower")
    project.write("test_marked.py", MARKED.format("'0.01'"))
    beyond = TEST.replace("parity.check()", "assert not parity.check().rows")
    project.write("test_beyond.py", beyond)
    project.write("test_own.py", OWN)
    project.modern.run("CREATE SCHEMA aside; CREATE TABLE aside.flags AS SELECT 1")
    project.modern.run("UPDATE tenant_trades SET note = upper(note) WHERE id = 4")
    project.modern.run("UPDATE tenant_trades SET amount = amount + 0.01 WHERE id = 3")
    project.modern.run("UPDATE tenant_positions SET quantity = 0 WHERE id = 'p1'")
    first = go_on(project)
    tolerated = {"acme-trades": "TOLERATED", "beta-positions": "TOLERATED"}
    checks = dict.fromkeys(EVERYTHING, "NOT PROVEN")
    assert by_test(first) == {
        "test_audit": {**tolerated, "eu-south-trades": "DRIFT"},
        "test_beyond": {**checks, "eu-south-trades": "DRIFT"},
        "test_marked": {**tolerated, "eu-south-trades": "TOLERATED"},
        "test_own": {},
    }
    project.write("conftest.py", HOOK % "str.strip")
    project.write("test_marked.py", MARKED.format("'0.001'"))
    project.modern.run("DELETE FROM aside.flags")
    outcome = resume(project, "-n", "1")
    drift = {"acme-trades": "DRIFT", "eu-south-trades": "DRIFT"}
    again = {**drift, "beta-positions": "TOLERATED"}
    own = dict.fromkeys(("acme", "beta", "eu-north", "eu-south"), "DRIFT")
    assert by_test(outcome) == {
        "test_audit": again,
        "test_beyond": {**checks, **drift},
        "test_marked": again,
        "test_own": own,
    }
    assert taken_over(outcome) == [9 + 9]  # test_audit and test_beyond


TWICE = """
import pytest
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):
    item.own_markers.append(pytest.mark.drift_tolerance(absolute=1).mark)
    runtestprotocol(item, nextitem=nextitem)
    item.own_markers.pop()
    item._initrequest()
    runtestprotocol(item, nextitem=nextitem)
    return True
"""


def test_proof_that_a_rerun_refuted_is_no_proof(project: Migration) -> None:
    """Of two outcomes of one check, journal and report keep the one that proves less."""
    project.modern.run(DRIFT)
    project.write("conftest.py", TWICE)
    assert go_on(project, "-k", "acme").with_status("DRIFT") == ["acme-trades"]
    assert [key.subject for key in journal.read(journal_of(project)).proofs] == ["positions"]


TWICE_AND_THEN_FORGIVING = """
import pytest
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):
    runtestprotocol(item, nextitem=nextitem)
    item.own_markers.append(pytest.mark.drift_tolerance(absolute=1).mark)
    item._initrequest()
    runtestprotocol(item, nextitem=nextitem)
    item.own_markers.pop()
    return True
"""


def test_drift_that_a_rerun_does_not_find_is_still_drift(project: Migration) -> None:
    """A rerun that forgives a difference does not take back the drift that was found before it."""
    project.modern.run(DRIFT)
    project.write("conftest.py", TWICE_AND_THEN_FORGIVING)
    assert go_on(project, "-k", "acme").with_status("DRIFT") == ["acme-trades"]
    assert [key.subject for key in journal.read(journal_of(project)).proofs] == ["positions"]


def test_proof_that_a_resumed_run_refuted_is_no_proof(project: Migration) -> None:
    """A later run under another marker withdraws an earlier proof, also for the earlier marker."""
    project.modern.run(DRIFT)
    project.write("test_audit.py", MARKED.format("'0.01'"))
    assert go_on(project, "-k", "acme").with_status("TOLERATED") == ["acme-trades"]
    project.modern.run(DRIFT)
    project.write("test_audit.py", TEST)
    assert resume(project, "-k", "acme").with_status("DRIFT") == ["acme-trades"]
    project.write("test_audit.py", MARKED.format("'0.01'"))
    outcome = resume(project, "-k", "acme")
    assert outcome.with_status("DRIFT") == ["acme-trades"]
    assert taken_over(outcome) == []


# ---- runs that are refused


OTHERS = [
    (["--tenants=cohort-1"], {}, "tenants (eu-north, eu-south only then, none only now)"),
    (["--parity-tables=trades"], {}, "tables (positions, prices only then, none only now)"),
    (["--parity-canary"], {}, "checks beyond single tenants (none only then, canary only now)"),
    ([], {"more": "[tolerance]\nrows = 1"}, "settings (sha256 "),
    ([], {"modern": "frozen = 'at rest'"}, "[modern] frozen (None then, at rest now)"),
]


def test_another_audit_is_refused(project: Migration, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run with another plan takes nothing over, and the message states each difference."""
    first = go_on(project, "-k", "acme")
    before, run = journal_of(project).read_bytes(), first.report["run"]["id"]
    for args, settings, words in OTHERS:
        project.settings(**settings)
        assert_usage_error(resume(project, *args), words, run, "run without --parity-resume")
    project.settings()
    monkeypatch.setenv("MIGRATION_DRIFT_TOLERANCE", "0.5")
    assert_usage_error(resume(project), "MIGRATION_DRIFT_TOLERANCE (None then, 0.5 now)")
    assert journal_of(project).read_bytes() == before


def test_another_database_is_refused(project: Migration, monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal of another database is refused, even if the URL in the settings is the same.

    A database is identified by its server, not by its route. A run that reached no stack has proven
    nothing, so a run with any database may resume it. If there are proofs, each stack must be
    reachable: otherwise its identity is unknown.
    """
    project.settings(modern='url = "${MODERN_URL}"', tables="")
    monkeypatch.setenv("MODERN_URL", NOWHERE)
    lost = go_on(project)
    assert {*lost.statuses.values()} == {"NOT PROVEN"}
    monkeypatch.setenv("MODERN_URL", project.modern_url)
    assert_usage_error(resume(project), "no journal to resume from", "reports/latest")
    there = f"reports/{lost.report['run']['id']}"
    assert resume(project, f"--parity-report={there}").code == 0
    assert go_on(project).verdict == "GO"
    monkeypatch.setenv("MODERN_URL", project.modern.cluster.tcp_url(project.modern.name))
    assert taken_over(resume(project)) == [12]
    monkeypatch.setenv("MODERN_URL", NOWHERE)
    assert_usage_error(resume(project), "modern database", "not reached", "127.0.0.1:1/nowhere")
    other = new_database(project.modern.cluster)
    monkeypatch.setenv("MODERN_URL", other.url)
    outcome = resume(project)
    other.drop()
    assert_usage_error(outcome, "modern database", f"{project.modern.name} (oid", other.name)


def test_no_journal(files: Project) -> None:
    """Without a journal there is nothing to resume, and the message names the missing file.

    A damaged journal is refused in one line as well, and no check is made.
    """
    journals = str(journal_of(files))
    outcome = files.run("--parity-resume")
    assert_usage_error(outcome, journals, "run without --parity-resume")
    assert not journal_of(files).parent.exists()
    files.write(f"{REPORT}/journal.jsonl", "no journal\n")
    assert_usage_error(files.run("--parity-resume"), journals, "damaged: line 1")


def test_resume_needs_settings(offline: Project) -> None:
    """The option is refused if there is nothing to audit."""
    (offline.path / "tenantparity.toml").unlink()
    assert_usage_error(offline.run("--parity-resume"), "--parity-resume needs settings")


# ---- the journal


def test_cut_off_journal_is_resumed(files: Project) -> None:
    """A run is resumed although the journal's last line is incomplete."""
    checks = len(files.run().report["checks"])
    path = journal_of(files)
    path.write_bytes(path.read_bytes()[:-1])
    outcome = files.run("--parity-resume")
    assert (outcome.code, outcome.verdict, taken_over(outcome)) == (0, "GO", [checks - 1])
    assert len(journal.read(journal_of(files)).proofs) == checks


def test_journal_that_cannot_be_written(files: Project) -> None:
    """An audit without a journal is as valid. The output states that the journal is missing."""
    files.write("here/journal.jsonl/file", "in the way")
    outcome = files.run("--parity-report=here")
    assert outcome.code == 0
    assert "GO for all tenants" in outcome.stdout
    assert "the journal could not be written" in outcome.stdout
    assert "Traceback" not in outcome.output


def test_runs_without_an_audit_leave_the_journal_alone(files: Project) -> None:
    """``--collect-only`` and a run without checks do not change the journal."""
    files.write("test_other.py", "def test_it():\n    pass\n")
    path = files.write(f"{REPORT}/journal.jsonl", "as it was")
    assert files.run("--collect-only").code == 0
    assert files.run("test_other.py").code == 0
    assert path.read_text() == "as it was"


# ---- kill -9


TENANTS_OF_TEN = "".join(f'[tenants.t{n}]\nlegacy_account = "A{n}"\n' for n in range(10))
TABLES_OF_TEN = ("trades", "orders", "positions")
SLOW_ROWS = "".join(
    f"[tables.{name}.columns.note]\n"
    "legacy_sql = \"CASE WHEN pg_sleep(0.002) IS NULL THEN '' ELSE note END\"\n"
    for name in TABLES_OF_TEN
)


@pytest.fixture
def ten_tenants(project: Migration) -> Migration:
    """Ten tenants, three tables and 35 slow checks, with every status among them."""
    for name in TABLES_OF_TEN:
        columns = "id int PRIMARY KEY, note text, amount numeric"
        rows = "SELECT i, 'note ' || i, i * 1.25, '{}' || i % 10 FROM generate_series(1, 80) i"
        for database, table, owner, prefix in (
            (project.legacy, name, "account", "A"),
            (project.modern, f"tenant_{name}", "tenant", "t"),
        ):
            database.run(f"DROP TABLE IF EXISTS {table}")
            database.run(f"CREATE TABLE {table} ({columns}, {owner} text)")
            database.run(f"INSERT INTO {table} {rows.format(prefix)}")
    project.modern.run("UPDATE tenant_trades SET amount = amount + 1 WHERE id IN (2, 12)")
    project.modern.run("UPDATE tenant_trades SET amount = amount + 0.001 WHERE id = 3")
    project.modern.run("UPDATE tenant_orders SET note = '?' WHERE id = 4")
    project.legacy.run("DELETE FROM positions WHERE account = 'A5'")
    project.modern.run("DELETE FROM tenant_positions WHERE tenant = 't5'")
    project.settings(
        f"[tolerance]\nabsolute = '0.01'\n[tables.orders.tolerance]\nrows = 1\n{SLOW_ROWS}",
        tenants=TENANTS_OF_TEN,
        tables=f"tables = {list(TABLES_OF_TEN)}",
    )
    return project


@contextmanager
def started(project: Migration, *args: str) -> Iterator[Running]:
    """Start pytest, and kill it at the end."""
    running = project.start(*args)
    try:
        yield running
    finally:
        with suppress(ProcessLookupError):
            running.send(signal.SIGKILL)
        running.process.wait(10)


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Wait until ``condition`` is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def backends(project: Migration) -> list[str]:
    """Return the sessions of audits on the servers."""
    return own_backends(project.legacy.cluster, project.modern.cluster)


def killed_alone(running: Running) -> bool:
    """Kill the main process of pytest only, and return whether it was still running."""
    running.process.kill()
    return running.process.wait(10) == -signal.SIGKILL


def has_proofs(project: Migration) -> bool:
    """Return whether the journal has any evidence."""
    path = journal_of(project)
    return path.exists() and '"evidence"' in path.read_text()


@pytest.mark.parametrize(
    "mode",
    [
        pytest.param(["-n", "0"], id="-n 0"),
        pytest.param(["-n", "2"], id="-n 2", marks=pytest.mark.slow),
    ],
)
@pytest.mark.slow
def test_ten_kills_and_a_resume(ten_tenants: Migration, mode: list[str]) -> None:
    """After ten kills at random moments, each resumed, the report equals that of a whole run."""
    seed = secrets.randbelow(1_000_000)
    print(f"seed {seed}")  # noqa: T201 - shown where the test fails
    moments, project = random.Random(seed), ten_tenants  # noqa: S311 - no secret
    begun = time.monotonic()
    whole = go_on(project, *mode)
    duration = time.monotonic() - begun
    assert {*whole.statuses.values()} == {"MATCH", "TOLERATED", "DRIFT", "NOT PROVEN"}
    journal_of(project).unlink()
    kills = 0
    while kills < 10 or not has_proofs(project):
        args = ["--parity-resume"] if journal_of(project).exists() else []
        with started(project, *args, *mode) as running:
            time.sleep(moments.uniform(0, duration))
            kills += killed_alone(running)
    args = ["--parity-resume"] if journal_of(project).exists() else []
    final = go_on(project, *args, *mode)
    assert beyond_the_run(final) == beyond_the_run(whole)
    assert (final.code, final.report["run"]["state"]) == (whole.code, whole.report["run"]["state"])
    assert sum(taken_over(final)) > 0
    assert backends(project) == []


@pytest.mark.parametrize("mode", MODES)
def test_no_query_outlives_a_killed_client(project: Migration, mode: list[str]) -> None:
    """The server ends a long query within seconds after its client was killed."""
    project.settings(slow("A1"))
    with started(project, *mode) as running:
        wait_until(lambda: any("PgSleep" in each for each in backends(project)), "no query began")
        assert killed_alone(running)
        wait_until(lambda: not backends(project), "a query is left", 20)
