"""Resuming: a run that was cut off is gone on with, and what it proved is not asked again."""

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

from pytest_tenantparity.errors import SettingsError
from pytest_tenantparity.model import CheckKey, DriftCounts, Evidence, Status
from pytest_tenantparity.plugin import journal
from pytest_tenantparity.plugin.journal import Heading, Proof

from ..support.postgresql import new_database
from ..support.project import (
    ALL,
    DRIFT,
    NOWHERE,
    REPORT,
    SHARED,
    TEST,
    Migration,
    Outcome,
    Running,
    assert_usage_error,
    own_backends,
    slow,
)

pytest_plugins = ["tests.support.project"]

MODES = [pytest.param(["-n", "0"], id="-n 0"), pytest.param(["-n", "2"], id="-n 2")]
ACME = ["acme-trades", "acme-positions"]
EVERYTHING = [*ALL, *SHARED]


def go_on(project: Migration, *args: str) -> Outcome:
    """Run pytest and leave what is in the report's directory as it is."""
    return project.start(*args).wait(300)


def resume(project: Migration, *args: str) -> Outcome:
    """Go on with the run before."""
    return go_on(project, "--parity-resume", *args)


def journal_of(project: Migration) -> Path:
    """Return the journal's file."""
    return project.path / REPORT / "journal.jsonl"


def taken_over(outcome: Outcome) -> list[int]:
    """Return how many checks stand as each earlier run proved them."""
    return [each["checks"] for each in outcome.report["run"]["resumed"]]


def beyond_the_run(outcome: Outcome) -> tuple[str, str, str]:
    """Return all three files but for what is about the run."""
    report = json.loads(outcome.files[".json"])
    del report["run"]
    page, text = outcome.files[".html"], outcome.files[".md"]
    of_the_run = r"(?m)^\| (run|window .*|proven earlier|legacy|modern) \|.*\n"
    page = page[page.index("<h2>Population") :]
    return json.dumps(report, ensure_ascii=False), page, re.sub(of_the_run, "", text)


# ---- what is taken over


@pytest.mark.parametrize("mode", MODES)
def test_what_is_proven_is_not_asked_again(project: Migration, mode: list[str]) -> None:
    """A check in the journal stands as it was proven; all others are made on today's data.

    Report and terminal tell which earlier run proved how much, and when it began.
    """
    first = go_on(project, "-k", "acme", *mode)
    assert first.with_status("MATCH") == sorted(ACME)
    project.modern.run(DRIFT)  # of acme, which is proven
    project.modern.run(DRIFT.replace("id = 4", "id = 1"))  # of beta, which is not
    outcome = resume(project, *mode)
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


def test_run_that_was_not_resumed_takes_nothing_over(project: Migration) -> None:
    """Without the option all is asked anew, and the journal is one of its own."""
    first = go_on(project, "-k", "acme")
    project.modern.run(DRIFT)
    outcome = go_on(project)
    assert outcome.with_status("DRIFT") == ["acme-trades"]
    assert outcome.report["run"]["resumed"] == []
    assert first.report["run"]["id"] not in journal_of(project).read_text()


def test_resumed_run_can_be_resumed(project: Migration) -> None:
    """The journal grows from run to run, and the report tells them apart."""
    runs = [go_on(project, "-k", "acme"), resume(project, "-k", "beta"), resume(project)]
    project.modern.run(DRIFT)
    runs.append(resume(project, "-n", "2"))
    assert [taken_over(run) for run in runs] == [[], [], [2, 2], [2, 2, 8]]
    ids = [run.report["run"]["id"] for run in runs]
    assert [each["run"] for each in runs[-1].report["run"]["resumed"]] == ids[:3]
    assert (runs[-1].code, runs[-1].verdict) == (0, "GO")
    assert beyond_the_run(runs[-1]) == beyond_the_run(runs[-2])


def test_partial_run_stays_partial(project: Migration) -> None:
    """What a run leaves out is NOT PROVEN in its report, even if the journal has a proof of it."""
    assert go_on(project).verdict == "GO"
    for args, proven in ((["-k", "beta"], 2), (["-k", "acme"], 2)):
        outcome = resume(project, *args)
        assert (outcome.code, outcome.verdict) == (1, "NOT PROVEN"), args
        assert any("partial" in reason for reason in outcome.report["reasons"]), args
        assert (taken_over(outcome), len(outcome.with_status("MATCH"))) == ([proven], proven)


def test_test_that_fails_beyond_its_check_fails_again(project: Migration) -> None:
    """A proof from the journal does not make up for what else the test requires."""
    project.write("test_audit.py", TEST.replace("parity.check()", "assert not parity.check().rows"))
    outcomes = [go_on(project), resume(project)]
    assert taken_over(outcomes[1]) == [12]
    assert [outcome.code for outcome in outcomes] == [1, 1]
    assert outcomes[1].with_status("NOT PROVEN") == sorted(EVERYTHING)
    assert beyond_the_run(outcomes[0]) == beyond_the_run(outcomes[1])


# ---- what is asked again


def test_hand_written_tests_run_again(project: Migration) -> None:
    """A test's own idea of parity is code, and the journal knows nothing of it."""
    project.write("test_own.py", "def test_own(modern):\n    assert modern.count('trades') == 6\n")
    assert go_on(project, "-n", "2").verdict == "GO"
    project.modern.run("DELETE FROM tenant_trades WHERE id = 4")
    outcome = resume(project, "-n", "2")
    assert outcome.with_status("DRIFT") == ["acme"]
    assert taken_over(outcome) == [12]


def test_changed_marker_is_asked_again(project: Migration) -> None:
    """What was tolerated under another marker is not taken over under this one."""
    marked = TEST.replace("@pytest", "@pytest.mark.drift_tolerance(absolute={})\n@pytest")
    project.modern.run(DRIFT)
    project.write("test_audit.py", marked.format("'0.01'"))
    assert go_on(project).with_status("TOLERATED") == ["acme-trades"]
    project.write("test_audit.py", marked.format("'0.001'"))
    outcome = resume(project)
    assert outcome.with_status("DRIFT") == ["acme-trades"]
    assert taken_over(outcome) == []


HOOK = """
def pytest_parity_normalisers(config):
    return {"lower": %s}
"""


def test_what_depends_on_more_than_settings_is_asked_again(project: Migration) -> None:
    """A project's normaliser may be another one by now; rows within a budget are listed anew."""
    project.settings(
        '[tables.trades.columns]\nnote = { normalise = "lower" }\n'
        "[tables.positions.tolerance]\nrows = 1"
    )
    project.write("conftest.py", HOOK % "str.lower")
    project.modern.run("UPDATE tenant_trades SET note = upper(note) WHERE id = 4")
    project.modern.run("UPDATE tenant_positions SET quantity = 0 WHERE id = 'p1'")
    assert go_on(project).with_status("TOLERATED") == ["acme-trades", "beta-positions"]
    project.write("conftest.py", HOOK % "str.strip")
    outcome = resume(project)
    assert outcome.with_status("DRIFT") == ["acme-trades"]
    assert outcome.with_status("TOLERATED") == ["beta-positions"]
    assert taken_over(outcome) == [10]


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
    """Of two outcomes of one check the journal keeps the one that proves less, as the report."""
    project.modern.run(DRIFT)
    project.write("conftest.py", TWICE)
    assert go_on(project, "-k", "acme").with_status("DRIFT") == ["acme-trades"]
    assert [key.table for key in journal.read(journal_of(project)).proofs] == ["positions"]


# ---- what is refused


OTHERS = [
    (["--tenants=cohort-1"], {}, "tenants (eu-north, eu-south only then, none only now)"),
    (["--parity-tables=trades"], {}, "tables (positions, prices only then, none only now)"),
    (["--parity-canary"], {}, "checks beyond single tenants (none only then, canary only now)"),
    ([], {"more": "[tolerance]\nrows = 1"}, "settings (sha256 "),
    ([], {"modern": "frozen = 'at rest'"}, "[modern] frozen (None then, at rest now)"),
]


def test_another_audit_is_refused(project: Migration, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that would ask something else takes nothing over, and says what is different."""
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
    """One URL can lead elsewhere, by a variable; a database is known by its server, not its route.

    A run that found a stack down has proven nothing that could be of another database. But where
    there is a proof, it needs the stack to answer: else nobody knows which one it is.
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


def test_no_journal(project: Migration) -> None:
    """Without a journal there is nothing to resume, and the message says where it was looked."""
    outcome = resume(project)
    assert_usage_error(outcome, str(journal_of(project)), "run without --parity-resume")
    assert not journal_of(project).parent.exists()


def test_resume_needs_settings(pytester: pytest.Pytester) -> None:
    """The option makes no sense where there is nothing to audit."""
    outcome = pytester.runpytest_subprocess("--parity-resume")
    assert outcome.ret == pytest.ExitCode.USAGE_ERROR
    outcome.stderr.fnmatch_lines("*--parity-resume needs settings*")


# ---- the journal


KEY = CheckKey("test_audit.py::test_it", "acme", "trades")
FIRST = Heading("run-1", "then", {"settings": "sha256 0"})
MATCH = Proof("run-1", "limits", Evidence(KEY, Status.MATCH))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal of one proof, in two lines."""
    path = tmp_path / "journal.jsonl"
    journal.begin(path, FIRST)
    journal.append(path, MATCH)
    return path


def test_journal_reads_back(path: Path) -> None:
    """A proof is found by its check, and by what the test itself allowed."""
    record = journal.read(path)
    assert record.headings == (FIRST,)
    assert record.proof_of(KEY, "limits") == MATCH
    assert record.proof_of(KEY, "others") is None


def test_line_that_a_kill_cut_off(path: Path) -> None:
    """Wherever a kill cuts a line off, it counts for nothing, and the resumed journal is whole."""
    whole = path.read_bytes()
    second = Heading("run-2", "now", {})
    for length in range(1, len(whole)):
        path.write_bytes(whole[:length])
        proofs = journal.read(path).proofs
        journal.go_on(path, path, second)
        record = journal.read(path)
        assert record.headings[-1] == second
        assert record.proofs == proofs == {}


@pytest.mark.parametrize("damage", ["{", '{"run": "x"}', '"evidence"', "1", "\0\0", ""])
def test_damaged_journal(path: Path, damage: str) -> None:
    """A journal that is broken anywhere else is not believed at all."""
    first, second = path.read_text().splitlines()
    path.write_text("\n".join([first, damage, second, ""]))
    with pytest.raises(SettingsError, match=r"is damaged: line 2 .*run without --parity-resume"):
        journal.read(path)


def test_proof_without_heading(path: Path) -> None:
    """A proof that rests on nobody knows what is not believed."""
    path.write_text(path.read_text().splitlines(keepends=True)[1])
    with pytest.raises(SettingsError, match="is damaged: the run run-1 has proofs and no heading"):
        journal.read(path)


def test_proof_that_is_taken_back(path: Path) -> None:
    """Where a check is made twice, by a rerun for one, a later line that proves less holds."""
    drift = Evidence(KEY, Status.DRIFT, drift=DriftCounts(missing=1))
    journal.append(path, Proof("run-1", "limits", drift))
    assert journal.read(path).proofs == {}


def test_cut_off_journal_is_resumed(project: Migration) -> None:
    """A whole run goes on behind a line that is no whole one."""
    go_on(project)
    path = journal_of(project)
    path.write_bytes(path.read_bytes()[:-1])
    outcome = resume(project)
    assert (outcome.code, outcome.verdict, taken_over(outcome)) == (0, "GO", [11])
    assert len(journal.read(path).proofs) == 12


def test_damaged_journal_is_refused(project: Migration) -> None:
    """What is wrong with a journal is said in one line, and no check is made."""
    journal_of(project).parent.mkdir(parents=True)
    journal_of(project).write_text("no journal\n")
    assert_usage_error(resume(project), str(journal_of(project)), "damaged: line 1")


def test_journal_that_cannot_be_written(project: Migration) -> None:
    """An audit without its journal is as good as any; it says that it cannot be resumed."""
    project.write("here/journal.jsonl/file", "in the way")
    outcome = project.run("--parity-report=here", report=None)
    assert outcome.code == 0
    assert "GO for all tenants" in outcome.stdout
    assert "the journal could not be written" in outcome.stdout
    assert "Traceback" not in outcome.output


def test_runs_without_an_audit_leave_the_journal_alone(project: Migration) -> None:
    """``--collect-only`` and a run that makes no check touch no journal."""
    project.write("test_other.py", "def test_it():\n    pass\n")
    path = project.write(f"{REPORT}/journal.jsonl", "as it was")
    assert go_on(project, "--collect-only").code == 0
    assert go_on(project, "test_other.py").code == 0
    assert path.read_text() == "as it was"


# ---- kill -9


TENANTS_OF_TEN = "".join(f'[tenants.t{n}]\nlegacy_account = "A{n}"\n' for n in range(10))
TABLES_OF_TEN = ("trades", "orders", "positions")
SLOW_ROWS = "".join(
    f"[tables.{name}.columns.note]\n"
    "legacy_sql = \"CASE WHEN pg_sleep(0.004) IS NULL THEN '' ELSE note END\"\n"
    for name in TABLES_OF_TEN
)


@pytest.fixture
def ten_tenants(project: Migration) -> Migration:
    """Ten tenants, three tables, 35 slow checks of every status."""
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
    """Start pytest; leave no process behind."""
    running = project.start(*args)
    try:
        yield running
    finally:
        with suppress(ProcessLookupError):
            running.send(signal.SIGKILL)
        running.process.wait(10)


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def backends(project: Migration) -> list[str]:
    """Return the sessions that audits have on the servers."""
    return own_backends(project.legacy.cluster, project.modern.cluster)


def killed_alone(running: Running) -> bool:
    """Kill pytest at once, and its workers not; return whether it was still running."""
    running.process.kill()
    return running.process.wait(10) == -signal.SIGKILL


@pytest.mark.parametrize("mode", MODES)
def test_ten_kills_and_a_resume(ten_tenants: Migration, mode: list[str]) -> None:
    """Killed at ten random moments, resumed each time, the report is that of a whole run."""
    seed = secrets.randbelow(1_000_000)
    print(f"seed {seed}")  # noqa: T201 - shown where the test fails
    moments, project = random.Random(seed), ten_tenants  # noqa: S311 - no secret
    begun = time.monotonic()
    whole = go_on(project, *mode)
    duration = time.monotonic() - begun
    assert {*whole.statuses.values()} == {"MATCH", "TOLERATED", "DRIFT", "NOT PROVEN"}
    journal_of(project).unlink()
    kills = 0
    while kills < 10:
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
    """A query that would run for minutes more is ended by the server within seconds."""
    project.settings(slow("A1"))
    with started(project, *mode) as running:
        wait_until(lambda: any("PgSleep" in each for each in backends(project)), "no query began")
        assert killed_alone(running)
        wait_until(lambda: not backends(project), "a query is left", 20)
