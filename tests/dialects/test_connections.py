"""Connecting: what URLs may say, what is refused, and the advice that goes with it."""

from __future__ import annotations

import datetime
import ipaddress
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import text

from pytest_tenantparity.config import StackSettings
from pytest_tenantparity.errors import NotProven, StackUnavailable
from pytest_tenantparity.inventory import place_of_shared
from pytest_tenantparity.stacks import Stack, StackState, open_stack
from pytest_tenantparity.stacks.url import address_of, resolve_url, stack_url, written

from ..support.mariadb import MariaServer, running_mariadb
from ..support.postgresql import Cluster, Database, new_database, running_cluster
from ..support.project import Project, assert_usage_error

pytest_plugins = ["tests.support.project"]

PASSWORD = "pässwörd €𝄞"  # noqa: S105 - of users that the tests make


def parsed(url: str) -> Any:
    """Return the URL as the stacks have it."""
    return resolve_url("legacy", "${URL}", {"URL": url})


def opened(url: str, **settings: Any) -> StackState:
    """Open a stack by a URL of the environment, and let go of it."""
    state, anchor = open_stack(
        "legacy", StackSettings(url="${URL}", **settings), "tests", environment={"URL": url}
    )
    anchor.release()
    return state


def refusal(url: str, **settings: Any) -> str:
    """Return why a stack cannot be opened; empty where it can."""
    said = opened(url, **settings).unavailable.get("", "")
    assert "\n" not in said
    return said


# ---- what a URL may say

ROUTES = [
    ("postgres://u@h:1/d", "h:1/d"),
    ("postgresql://u@h:1/d", "h:1/d"),
    ("postgresql+psycopg2://u@h:1/d", "h:1/d"),
    ("POSTGRESQL://u@h/d", "h/d"),
    (" postgresql://u@h/d\n", "h/d"),
    ("postgresql://u@a:1,b:2/d", "a:1,b:2/d"),
    ("postgresql://u@a,b/d", "a,b/d"),
    ("postgresql://u@/d?host=a:1&host=b:2", "a:1,b:2/d"),
    ("postgresql://u@/d?host=a,b&port=1,2", "a:1,b:2/d"),
    ("postgresql://u@/d?host=a,b&port=7", "a:7,b:7/d"),
    ("postgresql://u@/d?host=a&port=7", "a:7/d"),
    ("postgresql://u@/d?host=[::1]:1&host=[::2]:2", "::1:1,::2:2/d"),
    ("postgresql://u@[::1]:1/d", "::1:1/d"),
    ("postgresql://u@/d?host=/srv/x&port=7", "/srv/x:7/d"),
    ("postgresql://u@%2Fsrv%2Fx:7/d", "/srv/x:7/d"),
    ("postgresql://h/?user=u&dbname=d", "h/d"),
    ("mysql://u@h:1/d", "h:1/d"),
    ("mysql+pymysql://u@h/d?db=e", "h/e"),
    ("mariadb://u@h/d?charset=utf8mb4", "h/d"),
    ("mysql://u@/d?unix_socket=/srv/x", "/srv/x/d"),
    ("sqlite:///a%20b.db?mode=ro", "localhost/a b.db"),
    ("sqlite:///file:/tmp/a.db?mode=ro&uri=true", "localhost//tmp/a.db"),
    (r"archive:////tmp/x?null=\N", "localhost//tmp/x"),
    ("snapshot:///a@b:c.json", "localhost/a@b:c.json"),
]


@pytest.mark.parametrize(("url", "address"), ROUTES)
def test_a_url_leads_where_its_driver_would_take_it(url: str, address: str) -> None:
    """All forms of SQLAlchemy and libpq are understood, and survive the way to a worker."""
    found = parsed(url)
    assert address_of(found) == address
    assert stack_url(written(found)) == found


CREDENTIALS = [
    ("postgresql://u:p@h/d", ("u", "p")),
    ("postgresql://h/d?user=u&password=p", ("u", "p")),
    ("postgresql://x:y@h/d?user=u&password=p%26q", ("u", "p&q")),
    ("postgresql://h/d?password=p", ("", "p")),
    ("postgresql://:p@h/d", ("", "p")),
    ("mysql://h/d?user=u&passwd=p", ("u", "p")),
    ("mysql://u:a/b:c?d#e@h/d", ("u", "a/b:c?d#e")),
    ("postgresql://u%40x:%F0%9D%84%9E@h/d", ("u@x", "𝄞")),
]


@pytest.mark.parametrize(("url", "who"), CREDENTIALS)
def test_credentials_are_found_in_each_place(url: str, who: tuple[str, str]) -> None:
    """User and password may be parameters; then they are hidden like the others."""
    found = parsed(url)
    assert (found.username, found.password) == who
    assert "p" not in repr(found).replace("postgresql", "")
    assert stack_url(written(found)) == found


REFUSED = [
    (" ", "no database URL"),
    ("host=h dbname=d password=Zq7", "no database URL"),
    ("oracle://u:Zq7@h/d", "no dialect for oracle://"),
    ("postgressql://u:Zq7@h/d", "Did you mean 'postgresql://'?"),
    ("postgresql+psycop://u:Zq7@h/d", "write postgresql+psycopg://"),
    ("mysql+odbc://u:Zq7@h/d", "write mysql+pymysql://"),
    ("archive+x:///d", "write archive://"),
    ("postgresql://u:Z@q7@h/d", "%40"),
    ("postgresql://u/x:Zq7@h/d", "%40"),
    ("postgresql://u:Z@q:7@h/d", "%40"),
    ("postgresql://u@h:Zq7/d", "port"),
    ("postgresql://u@h:0/d", "port"),
    ("postgresql://u@h:99999/d", "port"),
    ("postgresql://u@/d?host=a,b,c&port=1,2", "2 ports for 3 hosts"),
    ("postgresql://u@h h/d", "host"),
    ("postgresql://u@a..b/d", "host"),
    (f"postgresql://u@{'a' * 64}/d", "host"),
    ("postgresql://u:%FF@h/d", "not UTF-8"),
    ("postgresql://u:Zq7%00@h/d", "zero byte"),
    ("postgresql://u@h/d\nx", "control character"),
    ("postgresql://u:Z\udcffq7@h/d", "not UTF-8"),
    ("postgresql://u@h/d?sslmode=Zq7", "sslmode takes disable, allow, prefer, require"),
    ("postgresql://u@h/d?sslmode=disable&sslmode=require", "gives sslmode 2 times"),
    ("postgresql://u@h/d?row_factory=Zq7", "no parameter 'row_factory'"),
    ("postgresql://u@h/d?autocommit=1", "no parameter 'autocommit'"),
    ("postgresql://u@h/d?prepare_threshold=1", "no parameter 'prepare_threshold'"),
    ("postgresql://u@h/d?ssl_mode=require", "Did you mean 'sslmode'?"),
    ("postgresql://u@h/d?sslrootcert=/missing.pem", "'/missing.pem', which is not there"),
    ("postgresql://u@h/d?passfile=/missing", "'/missing', which is not there"),
    ("postgresql://u@h/d?connect_timeout=abc", "connect_timeout takes a whole number"),
    ("postgresql://u@h/d?keepalives=2", "keepalives takes 0, 1"),
    ("postgresql://u@h/d?client_encoding=latin1", "client_encoding takes UTF8"),
    ("postgresql://u@h/d?replication=database", "replication is not taken"),
    ("postgresql://u@h/d?load_balance_hosts=random", "no two servers have one snapshot"),
    ("postgresql://u@h/d?sslkeylogfile=/tmp/x", "sslkeylogfile is not taken"),
    ("postgresql://u@h/d?options=-c%20search_path=x", "schema"),
    ("postgresql://u@h/d?options=-cDateStyle=German", "sets datestyle"),
    ("postgresql://u@h/d?options=--row-security=on", "sets row_security"),
    ("postgresql://u@h/d?password=a&Zq7", "without a value"),
    ("postgresql://u@h/d?password=a&Zq7=b", "a parameter is unknown"),
    ("postgresql://u:p@ss?Zq7=word@h/d", "a parameter is unknown"),
    ("mysql://u@h/d?foo=bar", "no parameter 'foo'"),
    ("mysql://u@h/d?ssl_mode=Zq7", "takes DISABLED, PREFERRED, REQUIRED"),
    ("mysql://u@h/d?ssl-mode=Zq7", "takes DISABLED, PREFERRED, REQUIRED"),
    ("mysql://u@h/d?ssl=Zq7", "ssl takes true or false"),
    ("mysql://u@h/d?ssl_ca=/missing.pem", "'/missing.pem', which is not there"),
    ("mysql://u@h/d?read_timeout=abc", "read_timeout takes a whole number"),
    ("mysql://u@h/d?read_timeout=0", "read_timeout takes a whole number"),
    ("mysql://u@h/d?charset=latin1", "charset takes utf8mb4"),
    ("mysql://u@h/d?init_command=DROP", "init_command is not taken"),
    ("mysql://u@h/d?autocommit=1", "autocommit is not taken"),
    ("mysql://u@h/d?sql_mode=ANSI", "sql_mode is not taken"),
    ("mysql://u@h/d?local_infile=1", "local_infile is not taken"),
    ("mysql://u@h/d?read_default_file=/x", "read_default_file is not taken"),
    ("mysql://u@h/d?cursorclass=x", "cursorclass is not taken"),
    ("mysql://u@a,b/d", "name one host"),
    ("mysql://u@h/d?ssl=true&ssl_mode=DISABLED", "for TLS and against it"),
    ("mysql://u@h/d?ssl_mode=DISABLED&ssl_cipher=x", "against TLS"),
    ("sqlite://x.db", "three slashes"),
    ("sqlite:///x.db?mode=rwc", "mode takes ro"),
    ("sqlite:///x.db?timeout=5", "lock_timeout"),
    ("sqlite:///x.db?immutable=1", "no parameter 'immutable'"),
    ("archive:///x?nul=1", "Did you mean 'null'?"),
    ("snapshot:///x?null=1", "no parameter 'null'"),
]


@pytest.mark.parametrize(("url", "words"), REFUSED)
def test_a_wrong_url_is_refused_with_what_is_right(url: str, words: str) -> None:
    """Before any driver sees it, in one line, without the password or any value of it."""
    with pytest.raises(StackUnavailable) as caught:
        parsed(url)
    said = str(caught.value)
    assert words in said
    assert "\n" not in said
    assert "Zq7" not in said
    assert "q7" not in said


@pytest.mark.parametrize("given", [7, b"postgresql://u:Zq7@h/d", None, ["Zq7"]])
def test_a_hook_that_returns_no_text_is_told_so(given: object) -> None:
    """Only its kind is named; a URL object of SQLAlchemy's is fine."""
    with pytest.raises(StackUnavailable, match="url is no text") as caught:
        resolve_url("legacy", given, {})
    assert "Zq7" not in str(caught.value)
    assert resolve_url("legacy", stack_url("postgresql://u:p@h/d"), {}).password == "p"  # noqa: S105


def test_bytes_of_the_environment_that_are_no_text_are_named() -> None:
    """By the variable's name, and never by a value."""
    with pytest.raises(StackUnavailable, match="PASSWORD holds bytes that are not UTF-8"):
        resolve_url("legacy", "mysql://u:${PASSWORD}@h/d", {"PASSWORD": "Zq7\udcff"})


def test_every_error_of_a_driver_becomes_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever kind it is of; a character of a password is not named."""
    file = tmp_path / "a.db"
    with closing(sqlite3.connect(file)):
        pass
    errors: list[tuple[Exception, str]] = [
        (TypeError("got an unexpected keyword argument 'x'"), "TypeError: got an unexpected"),
        (ValueError("no such value\nmore"), "ValueError: no such value"),
        (OSError(13, "Permission denied", "/etc/x"), "PermissionError: Permission denied: /etc/x"),
        (UnicodeEncodeError("latin-1", "Zq7€", 3, 4, "no such character"), "UnicodeEncodeError"),
        (RuntimeError("password=Zq7 at postgresql://u:Zq7@h/d"), "password=*** at postgresql"),
        (MemoryError(), "MemoryError"),
    ]
    for error, words in errors:
        monkeypatch.setattr(sqlite3, "connect", lambda *_, e=error, **__: (_ for _ in ()).throw(e))
        said = refusal(f"sqlite:///{file}")
        assert words in said
        assert "Zq7" not in said
        assert "€" not in said


# ---- real servers


@pytest.fixture(scope="module")
def certificates() -> Iterator[Path]:
    """A folder with a server's certificate for 127.0.0.1, and another one of nobody's.

    The server runs as another user, for whom pytest's own folders are closed.
    """
    folder = Path(tempfile.mkdtemp(prefix="tp-", dir="/tmp"))
    folder.chmod(0o755)
    for name in ("server", "other"):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.UTC)
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(names, critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        (folder / f"{name}.pem").write_bytes(certificate.public_bytes(pem))
        private = serialization.PrivateFormat.TraditionalOpenSSL
        plain = serialization.NoEncryption()
        (folder / f"{name}.key").write_bytes(key.private_bytes(pem, private, plain))
        (folder / f"{name}.key").chmod(0o644)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def guarded_maria(certificates: Path) -> Iterator[MariaServer]:
    """A MariaDB server with TLS, and users that are let in under conditions."""
    options = [f"--ssl-{part}={certificates / f'server.{kind}'}" for part, kind in TLS_FILES]
    with running_mariadb(*options) as server, server.connect() as admin, admin.cursor() as cursor:
        cursor.execute("CREATE DATABASE d")
        cursor.execute("CREATE TABLE d.t (id int PRIMARY KEY)")
        for user, how in USERS.items():
            cursor.execute(f"CREATE USER {user}@'127.0.0.1' {how}")
        for user in ("named", "plain", "encrypted"):
            cursor.execute(f"GRANT SELECT ON d.* TO {user}@'127.0.0.1'")
        yield server


TLS_FILES = (("cert", "pem"), ("key", "key"), ("ca", "pem"))
USERS = {
    "named": f"IDENTIFIED BY '{PASSWORD}'",
    "plain": "",
    "encrypted": "REQUIRE SSL",
    "poor": "",
    "locked": "ACCOUNT LOCK",
    "sock": "IDENTIFIED VIA unix_socket",
}


def test_a_password_beyond_latin_1_opens_mariadb(guarded_maria: MariaServer) -> None:
    """As UTF-8, which is how a user's password is set by any client of today."""
    url = f"mysql://named:{quote(PASSWORD)}@127.0.0.1:{guarded_maria.port}/d"
    assert refusal(url) == ""
    state, anchor = open_stack(
        "legacy",
        StackSettings(url=f"mysql://named:${{PW}}@127.0.0.1:{guarded_maria.port}/d"),
        "tests",
        environment={"PW": PASSWORD},
    )
    anchor.release()
    assert state.unavailable == {}
    said = refusal(url.replace(quote("€"), quote("£")))
    assert "Access denied for user 'named'" in said
    assert "check the user, the password" in said


TLS = [
    ("", None),
    ("?ssl_mode=PREFERRED", None),
    ("?ssl_mode=DISABLED", False),
    ("?ssl=false", False),
    ("?ssl_mode=REQUIRED", True),
    ("?ssl-mode=required", True),
    ("?ssl=true", True),
    ("?ssl_mode=VERIFY_CA&ssl_ca={folder}/server.pem", True),
    ("?ssl_mode=VERIFY_IDENTITY&ssl_ca={folder}/server.pem", True),
    ("?ssl_ca={folder}/server.pem", True),
    ("?ssl_ca={folder}/server.pem&ssl_check_hostname=false", True),
    ("?ssl_ca={folder}/server.pem&ssl_cert={folder}/server.pem&ssl_key={folder}/server.key", True),
]


@pytest.mark.parametrize(("query", "encrypted"), TLS)
def test_what_the_url_says_of_tls_is_what_is_done(
    guarded_maria: MariaServer, certificates: Path, query: str, encrypted: bool | None
) -> None:
    """In the words of MySQL's own programs, of SQLAlchemy and of PyMySQL."""
    url = f"mysql://plain@127.0.0.1:{guarded_maria.port}/d{query.format(folder=certificates)}"
    settings = StackSettings(url=url)
    state, anchor = open_stack("legacy", settings, "tests")
    assert state.unavailable == {}
    stack = Stack(state, settings, "tests")
    try:
        with stack.transaction(place_of_shared(settings)) as connection:
            cipher = connection.execute(text("SHOW STATUS LIKE 'Ssl_cipher'")).one()[1]
        assert encrypted is None or bool(cipher) is encrypted
    finally:
        stack.close()
        anchor.release()


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("?ssl_mode=VERIFY_CA&ssl_ca={folder}/other.pem", "check the server's certificate"),
        ("?ssl_mode=VERIFY_CA", "check the server's certificate"),
        ("?ssl_mode=VERIFY_IDENTITY", "check the server's certificate"),
        ("?ssl_ca={folder}/server.key", "SSLError"),
        ("?ssl_cert={folder}/server.pem&ssl_key={folder}/other.key", "SSLError"),
        ("?ssl_cipher=none-such", "cipher"),
    ],
)
def test_a_certificate_that_does_not_fit_is_said(
    guarded_maria: MariaServer, certificates: Path, query: str, words: str
) -> None:
    """No connection is made with less than was asked for."""
    url = f"mysql://plain@127.0.0.1:{guarded_maria.port}/d{query.format(folder=certificates)}"
    assert words in refusal(url)


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("poor@127.0.0.1:{port}/d", "grant the audit's user SELECT on it"),
        ("poor@127.0.0.1:{port}/nowhere", "check the database's name"),
        ("audit@127.0.0.1:{port}/nowhere", "check the database's name"),
        ("nobody@127.0.0.1:{port}/d", "check the user"),
        ("encrypted@127.0.0.1:{port}/d?ssl_mode=DISABLED", "ssl_mode=REQUIRED"),
        ("locked@127.0.0.1:{port}/d", "ACCOUNT UNLOCK"),
        ("sock@127.0.0.1:{port}/d", "by another way than a password"),
        ("plain@127.0.0.1:1/d", "check that the server is up"),
        ("plain@no-such-host.invalid/d", "check the host's name"),
        ("plain@/d?unix_socket=/nowhere", "check unix_socket"),
        ("plain@127.0.0.1:{port}/d?bind_address=192.0.2.1", "check bind_address"),
    ],
)
def test_advice_of_mariadb(guarded_maria: MariaServer, where: str, words: str) -> None:
    """Each refusal comes with the advice that helps, and MariaDB is not called MySQL."""
    said = refusal(f"mysql://{where.format(port=guarded_maria.port)}")
    assert words in said
    assert "MySQL" not in said


def test_a_server_without_tls_is_said(maria: MariaServer) -> None:
    """Where TLS is asked for, nothing is sent without it."""
    said = refusal(f"{maria.url('information_schema')}&ssl_mode=REQUIRED")
    assert "turn TLS on at the server" in said


def test_used_up_connections_of_mariadb(guarded_maria: MariaServer) -> None:
    """The server's own limit is named, after the time that a starting server is given."""
    with guarded_maria.connect() as admin, admin.cursor() as cursor:
        cursor.execute("GRANT USAGE ON *.* TO plain@'127.0.0.1' WITH MAX_USER_CONNECTIONS 1")
        try:
            state, anchor = open_stack(
                "legacy",
                StackSettings(url=f"mysql://plain@127.0.0.1:{guarded_maria.port}/d"),
                "tests",
            )
            assert state.unavailable == {}
            said = refusal(f"mysql://plain@127.0.0.1:{guarded_maria.port}/d", connect_timeout=1)
            anchor.release()
        finally:
            cursor.execute("GRANT USAGE ON *.* TO plain@'127.0.0.1' WITH MAX_USER_CONNECTIONS 0")
    assert "lower max_connections or the workers" in said


def test_mariadb_is_called_mariadb(maria: MariaServer, offline: Project) -> None:
    """Not MySQL, which is what the URL and the driver call it."""
    state = opened(maria.url("information_schema"))
    assert state.databases[""].server.product == "MariaDB"
    offline.settings(legacy=f'url = "{maria.url("information_schema")}"')
    outcome = offline.run("-n", "2")
    assert_usage_error(outcome, "[legacy] sessions of MariaDB cannot share a snapshot")


@pytest.fixture(scope="module")
def strict_cluster() -> Iterator[Cluster]:
    """A PostgreSQL server that lets some in by a password, some by TLS, and some not at all."""
    with running_cluster() as cluster:
        rules = cluster.directory / "pg_hba.conf"
        rules.write_text(
            "local all all trust\n"
            "hostssl all encrypted 127.0.0.1/32 trust\n"
            "host all named 127.0.0.1/32 scram-sha-256\n"
            "host all postgres,plain,nobody,nologin,full 127.0.0.1/32 trust\n"
        )
        with cluster.connect() as admin:
            admin.execute(f"CREATE ROLE named LOGIN PASSWORD '{PASSWORD}'")
            admin.execute(
                "CREATE ROLE plain LOGIN; CREATE ROLE nologin; CREATE ROLE encrypted LOGIN"
            )
            admin.execute("CREATE ROLE full LOGIN CONNECTION LIMIT 0; CREATE ROLE unruled LOGIN")
            admin.execute("SELECT pg_reload_conf()")
        yield cluster


@pytest.fixture(scope="module")
def strict(strict_cluster: Cluster) -> Iterator[Database]:
    """A database with tables that its role plain may not read, each for another reason."""
    database = new_database(strict_cluster)
    database.run("CREATE TABLE t (id int); CREATE SCHEMA s; CREATE TABLE s.t (id int)")
    database.run("CREATE TABLE hidden (id int); ALTER TABLE hidden ENABLE ROW LEVEL SECURITY")
    database.run("CREATE VIEW seen AS SELECT 1 AS id; GRANT SELECT ON hidden TO plain")
    yield database
    database.drop()


def test_a_password_of_any_characters_opens_postgresql(strict: Database) -> None:
    """By SCRAM, which prepares it by its own rules (SASLprep)."""
    port = strict.cluster.port
    url = f"postgresql://named:{quote(PASSWORD)}@127.0.0.1:{port}/{strict.name}"
    assert refusal(url) == ""
    assert "check the password" in refusal(url.replace(quote("€"), quote("£")))


@pytest.mark.parametrize(
    ("where", "words", "never"),
    [
        ("nobody@127.0.0.1:{port}/{name}", "check the user's name", "database's name"),
        ("nologin@127.0.0.1:{port}/{name}", "create the role with LOGIN", "server is up"),
        ("plain@127.0.0.1:{port}/nowhere", "check the database's name", "user's name"),
        ("plain@127.0.0.1:{port}/template0", "takes no sessions", "server is up"),
        ("named@127.0.0.1:{port}/{name}", "check the password", "server is up"),
        ("unruled@127.0.0.1:{port}/{name}", "pg_hba.conf", "server is up"),
        ("encrypted@127.0.0.1:{port}/{name}", "sslmode=require", "server is up"),
        ("plain@127.0.0.1:{port}/{name}?sslmode=require", "turn TLS on", "server is up"),
        ("plain@127.0.0.1:{port}/{name}?target_session_attrs=standby", "target_session_attrs", ""),
        ("plain@127.0.0.1:{port}/{name}?gssencmode=require", "gssencmode", "server is up"),
        ("plain@127.0.0.1:1/{name}", "check that the server is up", "database's name"),
        ("plain@no-such-host.invalid/{name}", "check the host's name", "server is up"),
        ("plain@/{name}?host=/nowhere", "folder of the server's socket", "database's name"),
        ("plain@127.0.0.1:{port}/{name}?service=none", "pg_service.conf", "server is up"),
    ],
)
def test_advice_of_postgresql(strict: Database, where: str, words: str, never: str) -> None:
    """Each refusal comes with the advice that helps, and with no other."""
    said = refusal(f"postgresql://{where.format(port=strict.cluster.port, name=strict.name)}")
    assert words in said
    assert not never or never not in said


def test_used_up_connections_of_postgresql(strict: Database) -> None:
    """The server's limit is named, after the time that a starting server is given."""
    url = f"postgresql://full@127.0.0.1:{strict.cluster.port}/{strict.name}"
    assert "lower max_connections or the workers" in refusal(url, connect_timeout=1)


@pytest.mark.parametrize(
    ("sql", "words", "never"),
    [
        ("SELECT * FROM s.t", "USAGE on the schema", "SELECT"),
        ("SELECT * FROM t", "SELECT on it", "USAGE"),
        ("SELECT * FROM seen", "SELECT on it", "USAGE"),
        ("SELECT * FROM hidden", "BYPASSRLS", "SELECT"),
        ("SELECT pg_read_file('x')", "EXECUTE on it", "SELECT"),
    ],
)
def test_advice_on_what_may_not_be_read(strict: Database, sql: str, words: str, never: str) -> None:
    """A missing right is named as the right that is missing."""
    url = f"postgresql://plain@127.0.0.1:{strict.cluster.port}/{strict.name}"
    settings = StackSettings(url=url)
    state, anchor = open_stack("legacy", settings, "tests")
    stack, place = Stack(state, settings, "tests"), place_of_shared(settings)
    try:
        with (
            pytest.raises(NotProven) as caught,
            stack.transaction(place) as connection,
            stack.guard(place),
        ):
            connection.execute(text(sql))
    finally:
        stack.close()
        anchor.release()
    _, _, advice = str(caught.value).rpartition("; ")
    assert words in advice
    assert never not in advice


def test_several_hosts_and_sockets_lead_to_the_server(strict: Database) -> None:
    """The first host that answers is taken, in each way in which hosts can be written."""
    port, folder, name = strict.cluster.port, strict.cluster.directory, strict.name
    routes: Mapping[str, str] = {
        "SQLAlchemy's": f"postgres://plain@/{name}?host=127.0.0.1:1&host=127.0.0.1:{port}",
        "libpq's": f"postgresql://plain@127.0.0.1:1,127.0.0.1:{port}/{name}",
        "parameters": f"postgresql://plain@/{name}?host=127.0.0.1,127.0.0.1&port=1,{port}",
        "a socket": f"postgresql://plain@{quote(str(folder), safe='')}:{port}/{name}",
        "a socket's folder": f"postgresql:///{name}?user=plain&host={folder}&port={port}",
        "options": f"postgresql://plain@127.0.0.1:{port}/{name}?options=-c%20geqo%3Doff",
    }
    assert {way: refusal(url) for way, url in routes.items()} == dict.fromkeys(routes, "")
