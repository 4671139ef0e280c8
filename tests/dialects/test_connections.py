"""Connections: refusals, and the advice that each of them gives.

The syntax of URLs is tested in tests/unit/test_urls.py.
"""

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
from pytest_tenantparity.errors import NotProven
from pytest_tenantparity.inventory import place_of_shared
from pytest_tenantparity.stacks import Stack, StackState, open_stack

from ..support.mariadb import MariaServer, running_mariadb
from ..support.postgresql import Cluster, Database, new_database, running_cluster
from ..support.project import Project, assert_usage_error

pytest_plugins = ["tests.support.project"]

PASSWORD = "pässwörd €𝄞"  # noqa: S105 - of users that the tests make


def opened(url: str, **settings: Any) -> StackState:
    """Open a stack by a URL of the environment, and close it."""
    state, holder = open_stack(
        "legacy", StackSettings(url="${URL}", **settings), "tests", environment={"URL": url}
    )
    holder.release()
    return state


def refusal(url: str, **settings: Any) -> str:
    """Return the reason why a stack cannot be opened, or an empty text."""
    said = opened(url, **settings).unavailable.get("", "")
    assert "\n" not in said
    return said


@pytest.fixture(scope="module")
def certificates() -> Iterator[Path]:
    """A folder with a server's certificate for 127.0.0.1, and an unrelated certificate.

    The server runs as another user, who may not read pytest's own folders.
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
    """A MariaDB server with TLS, and users who may log in under conditions."""
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
    """A password beyond Latin-1 is sent as UTF-8, as today's clients set it."""
    url = f"mysql://named:{quote(PASSWORD)}@127.0.0.1:{guarded_maria.port}/d"
    assert refusal(url) == ""
    state, holder = open_stack(
        "legacy",
        StackSettings(url=f"mysql://named:${{PW}}@127.0.0.1:{guarded_maria.port}/d"),
        "tests",
        environment={"PW": PASSWORD},
    )
    holder.release()
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


def test_what_the_url_says_of_tls_is_what_is_done(
    guarded_maria: MariaServer, certificates: Path
) -> None:
    """The URL's TLS options are applied, in the words of MySQL, SQLAlchemy and PyMySQL."""
    wrong = []
    for query, encrypted in TLS:
        url = f"mysql://plain@127.0.0.1:{guarded_maria.port}/d{query.format(folder=certificates)}"
        settings = StackSettings(url=url)
        state, holder = open_stack("legacy", settings, "tests")
        assert state.unavailable == {}, query
        stack = Stack(state, settings, "tests")
        try:
            with stack.transaction(place_of_shared(settings)) as connection:
                cipher = connection.execute(text("SHOW STATUS LIKE 'Ssl_cipher'")).one()[1]
            if encrypted is not None and bool(cipher) is not encrypted:
                wrong.append((query, cipher))
        finally:
            stack.close()
            holder.release()
    assert wrong == []


UNFIT = {
    "?ssl_mode=VERIFY_CA&ssl_ca={folder}/other.pem": "check the server's certificate",
    "?ssl_mode=VERIFY_CA": "check the server's certificate",
    "?ssl_mode=VERIFY_IDENTITY": "check the server's certificate",
    "?ssl_ca={folder}/server.key": "SSLError",
    "?ssl_cert={folder}/server.pem&ssl_key={folder}/other.key": "SSLError",
    "?ssl_cipher=none-such": "cipher",
}


def test_a_certificate_that_does_not_fit_is_said(
    guarded_maria: MariaServer, certificates: Path
) -> None:
    """No connection is made with less security than the URL requires."""
    where = f"mysql://plain@127.0.0.1:{guarded_maria.port}/d"
    said = {query: refusal(f"{where}{query.format(folder=certificates)}") for query in UNFIT}
    assert [
        (query, said[query]) for query, words in UNFIT.items() if words not in said[query]
    ] == []


ADVICE_OF_MARIADB = [
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
]


def test_advice_of_mariadb(guarded_maria: MariaServer) -> None:
    """Each refusal comes with the advice that helps, and MariaDB is not called MySQL."""
    wrong = []
    for where, words in ADVICE_OF_MARIADB:
        said = refusal(f"mysql://{where.format(port=guarded_maria.port)}")
        if words not in said or "MySQL" in said:
            wrong.append((where, said))
    assert wrong == []


def test_a_server_without_tls_is_said(maria: MariaServer) -> None:
    """If TLS is required and the server has none, nothing is sent without it."""
    said = refusal(f"{maria.url('information_schema')}&ssl_mode=REQUIRED")
    assert "turn TLS on at the server" in said


def test_used_up_connections_of_mariadb(guarded_maria: MariaServer) -> None:
    """The server's own limit is named, once connect_timeout has passed."""
    with guarded_maria.connect() as admin, admin.cursor() as cursor:
        cursor.execute("GRANT USAGE ON *.* TO plain@'127.0.0.1' WITH MAX_USER_CONNECTIONS 1")
        try:
            state, holder = open_stack(
                "legacy",
                StackSettings(url=f"mysql://plain@127.0.0.1:{guarded_maria.port}/d"),
                "tests",
            )
            assert state.unavailable == {}
            said = refusal(f"mysql://plain@127.0.0.1:{guarded_maria.port}/d", connect_timeout=1)
            holder.release()
        finally:
            cursor.execute("GRANT USAGE ON *.* TO plain@'127.0.0.1' WITH MAX_USER_CONNECTIONS 0")
    assert "lower max_connections or the workers" in said


def test_mariadb_is_called_mariadb(maria: MariaServer, offline: Project) -> None:
    """MariaDB is not called MySQL, which is the name in the URL and in the driver."""
    state = opened(maria.url("information_schema"))
    assert state.databases[""].server.product == "MariaDB"
    offline.settings(legacy=f'url = "{maria.url("information_schema")}"')
    outcome = offline.run("-n", "2")
    assert_usage_error(outcome, "[legacy] sessions of MariaDB cannot share a snapshot")


@pytest.fixture(scope="module")
def strict_cluster() -> Iterator[Cluster]:
    """A PostgreSQL server that allows some roles a password, some TLS, and some no login."""
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
    """A password of any characters opens PostgreSQL by SCRAM, which prepares it with SASLprep."""
    port = strict.cluster.port
    url = f"postgresql://named:{quote(PASSWORD)}@127.0.0.1:{port}/{strict.name}"
    assert refusal(url) == ""
    assert "check the password" in refusal(url.replace(quote("€"), quote("£")))


ADVICE_OF_POSTGRESQL = [
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
]


def test_advice_of_postgresql(strict: Database) -> None:
    """Each refusal comes with the advice that helps, and with no other."""
    wrong = []
    for where, words, never in ADVICE_OF_POSTGRESQL:
        said = refusal(f"postgresql://{where.format(port=strict.cluster.port, name=strict.name)}")
        if words not in said or (never and never in said):
            wrong.append((where, said))
    assert wrong == []


def test_used_up_connections_of_postgresql(strict: Database) -> None:
    """The server's own limit is named, once connect_timeout has passed."""
    url = f"postgresql://full@127.0.0.1:{strict.cluster.port}/{strict.name}"
    assert "lower max_connections or the workers" in refusal(url, connect_timeout=1)


FORBIDDEN = [
    ("SELECT * FROM s.t", "USAGE on the schema", "SELECT"),
    ("SELECT * FROM t", "SELECT on it", "USAGE"),
    ("SELECT * FROM seen", "SELECT on it", "USAGE"),
    ("SELECT * FROM hidden", "BYPASSRLS", "SELECT"),
    ("SELECT pg_read_file('x')", "EXECUTE on it", "SELECT"),
]


def test_advice_on_what_may_not_be_read(strict: Database) -> None:
    """The advice names the right that is missing."""
    url = f"postgresql://plain@127.0.0.1:{strict.cluster.port}/{strict.name}"
    settings = StackSettings(url=url)
    wrong = []
    for sql, words, never in FORBIDDEN:
        state, holder = open_stack("legacy", settings, "tests")
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
            holder.release()
        _, _, advice = str(caught.value).rpartition("; ")
        if words not in advice or never in advice:
            wrong.append((sql, advice))
    assert wrong == []


def test_several_hosts_and_sockets_lead_to_the_server(strict: Database) -> None:
    """The first host that answers is used, for each way to write hosts and sockets in a URL."""
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


def test_every_error_of_a_driver_becomes_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every kind of driver error becomes one line, which names no character of a password."""
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
