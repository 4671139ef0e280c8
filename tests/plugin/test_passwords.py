"""Any password opens a stack, and no output and no file repeats it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote

import pytest

from pytest_tenantparity.config import StackSettings
from pytest_tenantparity.stacks import open_stack

from ..support.postgresql import Cluster, new_database, running_cluster
from ..support.project import (
    ALL,
    DRIFT,
    LEGACY,
    SHARED,
    TEST,
    Migration,
    Project,
    RunResult,
    assert_usage_error,
)
from .test_failures import assert_clean, assert_not_proven, dsn

pytest_plugins = ["tests.support.project"]

# The first and the last letters are the same after any quoting and escaping.
PASSWORD = "Zq7Begin p@ss/w:rd?&%41#é'\"\\|{}<b>$Zq8End"  # noqa: S105 - planted to be looked for
PIECES = ("Zq7Begin", "Zq8End")


@pytest.fixture(scope="module")
def guarded_cluster() -> Iterator[Cluster]:
    """A server that requires a password on 127.0.0.1."""
    with running_cluster() as cluster:
        rules = cluster.directory / "pg_hba.conf"
        rules.write_text("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
        with cluster.connect() as admin:
            admin.execute("SELECT pg_reload_conf()")
        yield cluster


@pytest.fixture
def guarded(project: Migration, guarded_cluster: Cluster) -> Iterator[Migration]:
    """The migration with a password for its legacy stack, in ``$LEGACY_PASSWORD``."""
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


def assert_secret(project: Project, outcome: RunResult) -> None:
    """Require that no output and no file contains a part of the password, in any encoding."""
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
    outcome = guarded.run("--fail-on-drift", "-n", "1", *LOUD)
    assert (outcome.code, outcome.verdict) == (1, "NO-GO"), outcome.output
    assert outcome.with_status("DRIFT") == ["acme-trades"]
    assert outcome.with_status("NOT PROVEN") == []
    assert_secret(guarded, outcome)


def test_wrong_password_is_said_and_shown_nowhere(
    guarded: Migration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a wrong password all is NOT PROVEN. The reason gives the next step, not the password."""
    monkeypatch.setenv("LEGACY_PASSWORD", f"{PASSWORD} not")
    outcome = guarded.run(*LOUD)
    words = ("legacy (127.0.0.1:", "password authentication failed", "check the password")
    assert_not_proven(outcome, dict.fromkeys((*ALL, *SHARED), words))
    assert_secret(guarded, outcome)


ROTATE = """
import psycopg

def pytest_runtest_setup(item):
    with psycopg.connect({dsn!r}, autocommit=True) as admin:
        admin.execute("ALTER ROLE {role} PASSWORD 'another'")
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                      "WHERE application_name LIKE 'tenantparity/%' AND state = 'idle'")
"""

OWN = """
def test_own(legacy):
    assert legacy.count("trades") == 6
"""


def test_password_refused_in_mid_run_is_shown_nowhere(
    guarded: Migration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that fails in a worker's test does not reveal the password to --showlocals."""
    monkeypatch.setenv("LEGACY_PASSWORD", PASSWORD)
    role = guarded.legacy_url.partition("://")[2].partition(":")[0]
    guarded.write("conftest.py", ROTATE.format(dsn=dsn(guarded.legacy), role=role))
    guarded.write("test_audit.py", TEST + OWN)
    outcome = guarded.run("--tenants=acme", *LOUD, "-n", "1")
    assert (outcome.code, outcome.verdict) == (1, "NOT PROVEN")
    assert sorted(outcome.with_status("MATCH")) == ["coverage"]
    assert_secret(guarded, outcome)
    assert_clean(outcome)


_QUOTED = quote(PASSWORD, safe="")
WRONG_URLS = {
    f"postgresql//audit:{PASSWORD}@127.0.0.1/x": "no database URL",
    f"oracle://audit:{_QUOTED}@127.0.0.1/x": "no dialect",
    f"postgresql://audit:{_QUOTED}@127.0.0.1:1/x?nonsense=1": "nonsense",
    f"postgresql://audit:{_QUOTED}@127.0.0.1:port/x": "legacy",
    f"postgresql://audit@127.0.0.1:1/x?password={_QUOTED}": "refused",
    f"postgresql+asyncpg://audit:{_QUOTED}@127.0.0.1:1/x": "legacy",
}


def test_wrong_url_is_shown_nowhere(offline: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A URL that cannot be used is NOT PROVEN, and its password is shown nowhere.

    Every such URL is opened alone, and its reason is examined. Two are also used in whole runs:
    there the reason names the stack, and all output and files are searched.
    """
    for url, words in WRONG_URLS.items():
        ours = StackSettings(url="${URL}")
        state, holder = open_stack("legacy", ours, "tests", environment={"URL": url})
        holder.release()
        (said,) = state.unavailable.values()
        assert words in said
        assert [piece for piece in PIECES if piece in said + repr(state)] == []
    offline.settings(legacy='url = "${LEGACY_URL}"')
    for url, words in [*WRONG_URLS.items()][:2]:
        monkeypatch.setenv("LEGACY_URL", url)
        outcome = offline.run("--tenants=acme", "--parity-tables=trades", *LOUD)
        assert (outcome.code, outcome.verdict) == (1, "NOT PROVEN"), outcome.output
        assert "legacy" in outcome.reasons("acme", "trades")
        assert words in outcome.reasons("acme", "trades")
        assert_clean(outcome)
        assert_secret(offline, outcome)


# For each run: two URL schemes, their password, their URL parameters, the number of workers.
FIRST, LAST = PIECES
RUNS = [
    (
        ("postgresql", "mysql"),
        f"{FIRST}\\'\"é𝄞€<&>{LAST}",
        ("?row_factory=x", "?ssl_mode=REQUIRED"),
        1,
    ),
    (("mariadb", "postgresql"), f"{FIRST} x{LAST}", ("?ssl_ca=/missing.pem&foo=bar", ""), 0),
]


def test_whole_runs_show_no_password(offline: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a stack is not opened, exit code and report show it, and the password appears nowhere.

    That also holds with --full-trace, in workers, and if a variable with the password is not a URL.
    """
    for schemes, secret, queries, workers in RUNS:
        monkeypatch.setenv("LEGACY_PW", secret)
        monkeypatch.setenv("MODERN_URL", f"{schemes[1]}//u:{secret}@h/d")
        urls = [
            f'url = "{scheme}://u:${{LEGACY_PW}}@127.0.0.1:1/d{query}"'
            for scheme, query in zip(schemes, queries, strict=True)
        ]
        offline.settings(legacy=urls[0], modern=urls[1] if workers else 'url = "${MODERN_URL}"')
        loud = [*LOUD, "--full-trace", "--tenants=acme", "--parity-tables=trades"]
        outcome = offline.run(*loud, "-n", str(workers))
        assert (outcome.code, outcome.verdict) == (1, "NOT PROVEN"), outcome.output
        assert outcome.reasons("acme", "trades")
        assert "Traceback" not in outcome.everything
        assert "INTERNALERROR" not in outcome.everything
        assert_secret(offline, outcome)


def test_password_in_the_settings_is_refused_and_not_repeated(offline: Project) -> None:
    """A password in the settings file is refused before anything else happens, and not printed."""
    for scheme in ("postgresql", "mysql"):
        offline.settings(legacy=f"url = '{scheme}://u:{FIRST}@127.0.0.1:1/d'")
        outcome = offline.run(*LOUD)
        assert_usage_error(outcome, "[legacy] url", "holds a password")
        assert FIRST not in outcome.output
        assert outcome.files == {}
        assert not (offline.path / "reports").exists()
