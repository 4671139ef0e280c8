"""Temporary MariaDB servers, with new databases."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias

import pymysql
import pytest
from pymysql.constants import CLIENT
from pymysql.cursors import Cursor

from .postgresql import _free_port, unavailable

AUDITOR = "audit"
SOCKET = "sock"
_ACCOUNT = "mysql"
_START_SECONDS = 60
_FAST = (
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-flush-method=nosync",
    "--innodb-doublewrite=0",
    "--innodb-buffer-pool-size=64M",
    "--innodb-log-file-size=8M",
    "--skip-log-bin",
)
# The character set of Debian's configuration. Without it new databases are latin1.
_TEXT = ("--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci")

Connection: TypeAlias = "pymysql.Connection[Cursor]"


@dataclass(frozen=True)
class MariaServer:
    """A running server without passwords, by its socket (in its directory) and on 127.0.0.1."""

    directory: Path
    port: int
    _names: Iterator[int] = field(default_factory=lambda: count(1), repr=False)

    def connect(self, database: str = "", *, client_flag: int = 0) -> Connection:
        """Open a connection of root by the socket, with autocommit."""
        return pymysql.connect(
            unix_socket=str(self.directory / SOCKET),
            user="root",
            database=database or None,
            charset="utf8mb4",
            autocommit=True,
            client_flag=client_flag,
        )

    def url(self, database: str, user: str = AUDITOR) -> str:
        """Return the SQLAlchemy URL of a database on 127.0.0.1. The auditor has all privileges."""
        return f"mysql+pymysql://{user}@127.0.0.1:{self.port}/{database}?charset=utf8mb4"

    def new_name(self) -> str:
        """Return a name that no database or user of this server has."""
        return f"tp_{next(self._names)}"


@dataclass(frozen=True)
class MariaDatabase:
    """A database of a server, and root's connection to it.

    Its collation deliberately ignores case, accents and trailing spaces, as many do.
    """

    server: MariaServer
    name: str

    @property
    def url(self) -> str:
        """The SQLAlchemy URL."""
        return self.server.url(self.name)

    def run(self, statement: str, *params: object) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows. Without params, ``%`` need not be doubled."""
        with self._connection.cursor() as cursor:
            cursor.execute(statement, params or None)
            return list(cursor.fetchall())

    def script(self, statements: str) -> None:
        """Run several statements, separated by semicolons, on a separate connection."""
        with (
            self.server.connect(self.name, client_flag=CLIENT.MULTI_STATEMENTS) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(statements)
            while cursor.nextset():  # raises the error of a later statement
                pass

    @cached_property
    def _connection(self) -> Connection:
        return self.server.connect(self.name)

    def create(self) -> None:
        """Create the database, empty."""
        with self.server.connect() as admin, admin.cursor() as cursor:
            cursor.execute(
                f"CREATE DATABASE `{self.name}` CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"
            )

    def wipe(self) -> None:
        """Drop and create the database, and end all its sessions."""
        self.drop()
        self.create()

    def drop(self) -> None:
        """Drop the database, after ending all its sessions, which might hold locks."""
        connection = vars(self).pop("_connection", None)
        if connection is not None:
            connection.close()
        with self.server.connect() as admin, admin.cursor() as cursor:
            cursor.execute(
                "SELECT id FROM information_schema.processlist WHERE db = %s", [self.name]
            )
            for (session,) in cursor.fetchall():
                with suppress(pymysql.MySQLError):  # the session may just have ended
                    cursor.execute("KILL %s", [session])
            cursor.execute(f"DROP DATABASE `{self.name}`")


def new_mariadb_database(server: MariaServer) -> MariaDatabase:
    """Create an empty database with a new name."""
    database = MariaDatabase(server, server.new_name())
    database.create()
    return database


@contextmanager
def running_mariadb(*more: str) -> Iterator[MariaServer]:
    """Start a server in its own directory, with ``more`` options. Kill and remove it at the end.

    The directory is in /tmp, not in TMPDIR, because a socket's path has at most 107 bytes. The test
    is skipped if MariaDB is not installed.
    """
    programs = [_program("mariadb-install-db"), _program("mariadbd")]
    directory = Path(tempfile.mkdtemp(prefix="tp-", dir="/tmp"))
    try:
        port, account = _free_port(), _account(directory)
        # Servers that start at the same time would conflict over temporary tables in /tmp.
        own = [f"--datadir={directory / 'data'}", f"--tmpdir={directory}"]
        options = ["--no-defaults", *own, *account, *_FAST, *_TEXT]
        _initialise([programs[0], *options], directory)
        where = [f"--socket={directory / SOCKET}", "--bind-address=127.0.0.1", f"--port={port}"]
        with _process(
            [programs[1], *options, *where, "--skip-name-resolve", *more], directory
        ) as server:
            yield _opened(MariaServer(directory, port), server)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _program(name: str) -> str:
    path = f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin"
    found = shutil.which(name, path=path)
    if found is None:
        unavailable(f"MariaDB's {name} is not in {path}")
    return found


def _account(directory: Path) -> list[str]:
    """Return the option for the server's user: mysql if run by root, which MariaDB refuses."""
    if os.geteuid() != 0:
        return []
    os.chown(directory, pwd.getpwnam(_ACCOUNT).pw_uid, -1)
    return [f"--user={_ACCOUNT}"]


def _initialise(command: Sequence[str], directory: Path) -> None:
    """Create the data directory, with a root account that needs no password."""
    more = ["--auth-root-authentication-method=normal", "--skip-test-db"]
    done = subprocess.run(
        [*command, *more], cwd=directory, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.fail(f"MariaDB made no data directory\n{done.stdout}{done.stderr}")


@contextmanager
def _process(command: Sequence[str], directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server that logs to its directory, and kill it at the end: its data is temporary."""
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=directory, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _opened(server: MariaServer, process: subprocess.Popen[bytes]) -> MariaServer:
    """Wait until the server accepts connections, and create the auditor."""
    deadline = time.monotonic() + _START_SECONDS
    while not _answers(server.directory / SOCKET):
        if process.poll() is not None or time.monotonic() > deadline:
            log = (server.directory / "log").read_text(encoding="utf-8", errors="replace")
            pytest.fail(f"MariaDB did not come up\n{log}")
        time.sleep(0.02)
    with server.connect() as admin, admin.cursor() as cursor:
        cursor.execute(f"CREATE USER {AUDITOR}@'127.0.0.1'")
        cursor.execute(f"GRANT ALL PRIVILEGES ON *.* TO {AUDITOR}@'127.0.0.1'")
    return server


def _answers(path: Path) -> bool:
    # Not with PyMySQL, which leaves a socket open if refused: that causes a warning.
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0
