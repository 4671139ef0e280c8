"""A temporary PgBouncer in front of a PostgreSQL server."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psycopg
import pytest

from .postgresql import Cluster, _free_port, unavailable

Mode = Literal["transaction", "session", "statement"]

_START_SECONDS = 20
_CONFIGURATION = """
[databases]
* = host={host} port={target} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = 5
min_pool_size = 0
max_client_conn = 100
logfile = {folder}/log
"""


@dataclass(frozen=True)
class Pooler:
    """A running PgBouncer on 127.0.0.1, without authentication."""

    port: int

    def url(self, database: str, user: str = "postgres") -> str:
        """Return the SQLAlchemy URL of a database behind the pooler."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str, user: str = "postgres") -> psycopg.Connection:
        """Connect like an application, with autocommit."""
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=user,
            dbname=database,
            autocommit=True,
            prepare_threshold=None,
        )


@contextmanager
def running_pgbouncer(cluster: Cluster, mode: Mode = "transaction") -> Iterator[Pooler]:
    """Start PgBouncer in front of a server, and terminate it at the end.

    The test is skipped if PgBouncer is not installed. PgBouncer refuses to run as root, so root
    runs it as the user postgres.
    """
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin")
    if program is None:
        unavailable("pgbouncer is not installed")
    folder = Path(tempfile.mkdtemp(prefix="tp-", dir="/tmp"))
    user = "postgres" if os.geteuid() == 0 else None
    if user is not None:
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    try:
        port = _free_port()
        file = folder / "pgbouncer.ini"
        text = _CONFIGURATION.format(
            host="127.0.0.1", target=cluster.port, port=port, mode=mode, folder=folder
        )
        file.write_text(text, encoding="utf-8")
        process = subprocess.Popen(
            [program, str(file)], user=user, cwd=folder, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            _wait_for(port, process, folder)
            yield Pooler(port)
        finally:
            process.terminate()
            process.wait(10)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None or time.monotonic() > deadline:
            log = folder / "log"
            said = log.read_text(encoding="utf-8") if log.exists() else ""
            pytest.fail(f"PgBouncer did not come up\n{said}")
        time.sleep(0.02)
