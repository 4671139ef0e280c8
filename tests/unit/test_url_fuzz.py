"""Any URL or password: no traceback, and no secret in any message.

Whole runs are in tests/plugin/test_passwords.py. Each secret begins and ends with a marker whose
letters are the same after any quoting and escaping.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pytest_tenantparity.config import StackSettings
from pytest_tenantparity.errors import StackUnavailable, TenantParityError
from pytest_tenantparity.inventory import place_of_shared
from pytest_tenantparity.plugin.run.start import _worker_session
from pytest_tenantparity.stacks import Stack, StackState, open_stack, redacted
from pytest_tenantparity.stacks.dialects.mysql.session import DirectConnection
from pytest_tenantparity.stacks.dialects.postgresql.session import PatientConnection
from pytest_tenantparity.stacks.urls import resolve_url, stack_url, without_secrets, written

FIRST, LAST = "Zq7Begin", "Zq8End"
FEW = settings(
    max_examples=150,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
MANY = settings(FEW, max_examples=600)

ANY_TEXT = st.text(max_size=12)  # all of Unicode except surrogates
ANY_BYTES = st.text(st.characters(categories=None), max_size=12)
LITTLE = st.text("@:/?#[]&=%+ ;,'\"\\a1\n\0ü€𝄞", max_size=8)
SECRETS = st.one_of(ANY_TEXT, ANY_BYTES, LITTLE).map(lambda text: f"{FIRST}{text}{LAST}")
SCHEMES = st.one_of(
    st.sampled_from(
        [
            "postgresql",
            "postgres",
            "postgresql+psycopg",
            "postgresql+asyncpg",
            "mysql",
            "mysql+pymysql",
            "mariadb",
            "sqlite",
            "archive",
            "snapshot",
            "oracle",
            "duckdb",
            "MYSQL",
            "",
        ]
    ),
    st.text(max_size=8),
)
NAMES = st.one_of(
    st.sampled_from(
        [
            *("sslmode", "options", "sslrootcert", "sslcert", "sslkey", "sslpassword", "passfile"),
            *("connect_timeout", "application_name", "client_encoding", "service", "requirepeer"),
            *("target_session_attrs", "row_factory", "require_auth", "gssencmode", "replication"),
            *("channel_binding", "keepalives_idle", "krbsrvname", "oauth_client_secret", "port"),
            *("ssl_mode", "ssl", "ssl_ca", "ssl_cert", "ssl_key", "ssl_cipher", "read_timeout"),
            *("charset", "init_command", "autocommit", "unix_socket", "passwd", "password"),
            *("ssl_verify_identity", "mode", "uri", "null", "user", "dbname", "db", "database"),
        ]
    ),
    ANY_TEXT,
)
PLAIN = st.one_of(
    st.sampled_from(
        ["require", "REQUIRED", "true", "1", "0", "-1", "/missing", "disable", "utf8mb4", "ro"]
    ),
    ANY_TEXT,
)
# Files and names, which messages show. The values of all other parameters are never shown.
SHOWN = frozenset(
    {
        *("sslrootcert", "sslcert", "sslkey", "passfile", "service", "requirepeer", "krbsrvname"),
        *("require_auth", "options", "application_name", "unix_socket", "user", "dbname", "db"),
        *("database", "ssl_ca", "ssl_cert", "ssl_key", "ssl_cipher", "null"),
    }
)


def _with_value(name: str) -> st.SearchStrategy[tuple[str, str]]:
    values = PLAIN if name in SHOWN else st.one_of(PLAIN, SECRETS)
    return st.tuples(st.just(name), values)


PARAMETERS = NAMES.flatmap(_with_value)
HOSTS = st.sampled_from(["127.0.0.1:1", "[::1]:1", "127.0.0.1:1,127.0.0.1:1", "%2Fnowhere", ""])
QUOTINGS: list[Callable[[str], str]] = [
    lambda text: quote(text, safe="", errors="surrogatepass"),
    lambda text: quote(text, errors="surrogatepass"),
    str,
]


@st.composite
def urls(draw: Any, hosts: st.SearchStrategy[str] = HOSTS) -> str:
    """Return a URL of any scheme, with a password and parameters that may be quoted or not."""
    quoted = st.sampled_from(QUOTINGS)
    user = draw(st.one_of(st.just("audit"), ANY_TEXT))
    password = draw(quoted)(draw(SECRETS))
    host = draw(hosts)
    database = draw(st.one_of(st.just("d"), st.just(""), ANY_TEXT))
    parameters = draw(st.lists(PARAMETERS, max_size=3))
    separator = draw(st.sampled_from(["://", "://", "://", "://", "//", ":"]))
    query = "&".join(f"{draw(quoted)(n)}={draw(quoted)(v)}" for n, v in parameters)
    user = draw(quoted)(user)
    return f"{draw(SCHEMES)}{separator}{user}:{password}@{host}/{draw(quoted)(database)}" + (
        f"?port=1&{query}" if draw(st.booleans()) else f"?{query}" if query else ""
    )


def assert_secret(*shown: str) -> None:
    """Require that no text contains a marker."""
    for text in shown:
        assert FIRST not in text
        assert LAST not in text


@MANY
@given(url=urls(st.one_of(HOSTS, ANY_TEXT, LITTLE)))
@example(url=f"postgresql://u:{FIRST}@{LAST}@h/d")
@example(url=f"postgresql://u:{FIRST}?{LAST}=x@h/d")
@example(url=f"postgresql://h/d?user=u&password={FIRST}&{LAST}=x")
@example(url=f"postgresql://u/x:{FIRST}@{LAST}/d")
@example(url=f"{FIRST}://{LAST}@h/d")
def test_a_url_is_read_or_refused(url: str) -> None:
    """A URL is read, and arrives unchanged in a worker, or is refused in one line."""
    try:
        found = resolve_url("legacy", "${URL}", {"URL": url})
    except StackUnavailable as error:
        said = str(error)
        assert "\n" not in said
        assert_secret(said.replace(f"{FIRST.lower()}://", ""))  # a scheme is not secret
        return
    assert stack_url(written(found)) == found
    assert_secret(repr(found), str(found))


@FEW
@given(secret=SECRETS)
def test_a_password_of_a_variable_arrives_as_it_is(secret: str) -> None:
    """A password in a variable is used unchanged, unless no environment or server accepts it."""
    for scheme in ("postgresql", "mysql", "mariadb"):
        template = f"{scheme}://u:${{PW}}@h/d"
        try:
            found = resolve_url("legacy", template, {"PW": secret})
        except StackUnavailable as error:
            assert_secret(str(error))
            assert "\0" in secret or not _is_text(secret)
        else:
            assert found.password == secret
            assert stack_url(written(found)) == found


def _is_text(text: str) -> bool:
    try:
        return bool(text.encode()) or not text
    except UnicodeEncodeError:
        return False


@FEW
@given(url=urls())
def test_a_stack_is_opened_or_says_why_not(url: str) -> None:
    """Opening a stack raises nothing. The reason and the repr contain no secret.

    The reason is one line.
    """
    if "@/" in url or "host" in url:
        url = url.replace("@/", "@127.0.0.1:1/").replace("host", "h")
    state, holder = open_stack(
        "legacy",
        StackSettings(url="${URL}", connect_timeout=1),
        "tests",
        environment={"URL": url},
    )
    holder.release()
    (said,) = state.unavailable.values()
    assert "\n" not in said
    assert_secret(said, repr(state))


@FEW
@given(parameters=st.lists(PARAMETERS, max_size=2))
def test_a_file_is_opened_or_says_why_not(
    tmp_path_factory: pytest.TempPathFactory, parameters: list[tuple[str, str]]
) -> None:
    """Opening an existing file with any parameters raises nothing, and shows no secret.

    An unknown parameter with a value makes the file unavailable.
    """
    file = tmp_path_factory.getbasetemp() / "fuzz.db"
    if not file.exists():
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("CREATE TABLE t (id int PRIMARY KEY)")
    query = "&".join(f"{QUOTINGS[0](n)}={QUOTINGS[0](v)}" for n, v in parameters)
    url = f"sqlite:///{file}?{query}"
    ours = StackSettings(url="${URL}")
    state, holder = open_stack("legacy", ours, "tests", environment={"URL": url})
    holder.release()
    assert_secret(repr(state), *state.unavailable.values())
    assert state.unavailable or all(n in {"mode", "uri", ""} or not v for n, v in parameters)


# ---- messages


@FEW
@given(secret=SECRETS)
def test_every_spelling_of_a_secret_is_blotted_out(secret: str) -> None:
    """A secret is hidden in fields, in URLs and in prose, also quoted, as JSON and as repr."""
    spellings = [
        quote(secret, safe="", errors="replace"),
        repr(secret),
        json.dumps(secret),
        json.dumps(secret, ensure_ascii=False),
        secret.replace("'", "''"),
        secret,
    ]
    forms = ["invalid value {} given", "password={}", "{{'password': {}}}", "x://u:{}@h/d", "<{}>"]
    for form, spelling in product(forms, spellings):
        assert_secret(redacted(form.format(spelling), [secret]))


PROSE = [
    "permission denied for schema public",
    'FATAL: database "app" does not exist',
    "relation tenant_trades does not exist; check x",
    "connection to server at 127.0.0.1, port 5432 failed: authentication failed",
    "Access denied for user 'u'@'h' (using password: YES)",
]
PASSWORDS = [
    *("app", "x", "e", "schema", "public", "server", "permission", "does not exist", "YES"),
    *("tenant_trades", "authentication", "127.0.0.1", "5432", "password", "***", "*"),
]


def test_prose_is_not_eaten() -> None:
    """A short or common password is not hidden in prose, where the gap would reveal it.

    It is hidden in URLs and fields.
    """
    eaten, shown = [], []
    for password in PASSWORDS:
        url = resolve_url("legacy", "postgresql://u:${PW}@h/d", {"PW": password})
        # 127.0.0.1 is not a word, so it is hidden if it stands alone
        if password != "127.0.0.1" and [without_secrets(said, url) for said in PROSE] != PROSE:  # noqa: S105
            eaten.append(password)
        hidden = without_secrets(f"cannot open {written(url)} or password={password}x", url)
        if (f":{password}@" in hidden and password != "***") or "password=***" not in hidden:  # noqa: S105
            shown.append(password)
    assert (eaten, shown) == ([], [])


# ---- tracebacks


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment with secrets in URLs."""
    for name, scheme in (("PG_URL", "postgresql"), ("MY_URL", "mysql")):
        url = f"{scheme}://u:{FIRST}p{LAST}@127.0.0.1:1/d"
        monkeypatch.setenv(name, url)


def _traceback(caught: pytest.ExceptionInfo[BaseException]) -> str:
    """Return everything that pytest could show: all frames but the test's, with their locals."""
    caught.traceback = caught.traceback[1:]
    shown = caught.getrepr(
        showlocals=True,
        funcargs=True,
        style="long",
        tbfilter=False,
        truncate_locals=False,
        truncate_args=False,
    )
    return str(shown)


def _interrupted(*_: Any, **__: Any) -> Any:
    raise KeyboardInterrupt


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("name", ["PG_URL", "MY_URL"])
def test_no_traceback_shows_a_secret_or_the_environment(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """After Ctrl-C while connecting, no frame of the full traceback contains a secret."""
    monkeypatch.setattr(PatientConnection, "connect", _interrupted)
    monkeypatch.setattr(DirectConnection, "__init__", _interrupted)
    ours = StackSettings(url=f"${{{name}}}")
    with pytest.raises(KeyboardInterrupt) as caught:
        open_stack("legacy", ours, "tests")
    assert_secret(_traceback(caught))
    state = StackState("legacy", written(resolve_url("legacy", ours.url)), {"": None})  # type: ignore[dict-item]
    stack, place = Stack(state, ours, "tests"), place_of_shared(ours)
    for ask in (stack.present, stack.explained):
        with pytest.raises(KeyboardInterrupt) as caught, ask(place):
            raise KeyboardInterrupt
        assert_secret(_traceback(caught))


def test_a_worker_that_cannot_begin_shows_no_secret(tmp_path: Path) -> None:
    """A worker's input is hidden before anything can fail."""
    states = {s: {"side": s, "url": f"postgresql://u:{FIRST}@h/d"} for s in ("legacy", "modern")}
    run = {"id": "1", "started": "", "salt": 0}
    wire = {"path": str(tmp_path / "none.toml"), "run": run, "states": states}
    config: Any = SimpleNamespace(workerinput={"tenantparity": wire})
    with pytest.raises((TenantParityError, OSError)) as caught:
        _worker_session(config)
    assert_secret(_traceback(caught), repr(config))
