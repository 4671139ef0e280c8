"""The two PostgreSQL servers that everything of one run is measured on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import psycopg

from tests.support.postgresql import (
    DEBIAN,
    EMBEDDED,
    Cluster,
    Database,
    new_database,
    running_cluster,
)

from .data_sets import SIDES, DataSet, Side, create, drop


@dataclass(frozen=True)
class Stacks:
    """A database on each of the two servers."""

    databases: dict[Side, Database]

    def connect(self, side: Side) -> psycopg.Connection:
        """Open a connection that commits each statement."""
        database = self.databases[side]
        return database.cluster.connect(database.name)

    def port(self, side: Side) -> int:
        """Return the port on 127.0.0.1."""
        return self.databases[side].cluster.port

    def url(self, side: Side, port: int | None = None) -> str:
        """Return the URL, without the name of a driver; ``port`` is that of a proxy."""
        host = f"127.0.0.1:{self.port(side) if port is None else port}"
        return f"postgresql://postgres@{host}/{self.databases[side].name}"

    @contextmanager
    def holding(self, *sets: DataSet) -> Iterator[None]:
        """Make data sets on both servers at once, and remove them at the end."""

        def make(side: Side) -> None:
            with self.connect(side) as connection:
                for data in sets:
                    create(connection, side, data)

        def remove(side: Side) -> None:
            with self.connect(side) as connection:
                for data in sets:
                    drop(connection, data)

        try:
            at_once(make)
            yield
        finally:
            at_once(remove)


def at_once(work: Callable[[Side], None]) -> float:
    """Do ``work`` on both sides at once; return the seconds until the slower side is done."""
    began = perf_counter()
    with ThreadPoolExecutor(len(SIDES)) as pool:
        list(pool.map(work, SIDES))
    return perf_counter() - began


@contextmanager
def running_stacks() -> Iterator[Stacks]:
    """Start two servers: Debian's PostgreSQL if it is installed, else the embedded one."""
    debian = Path(f"/usr/lib/postgresql/{DEBIAN}/bin").exists()
    with ExitStack() as stack:
        databases: dict[Side, Database] = {}
        for side in SIDES:
            cluster = stack.enter_context(running_cluster(DEBIAN if debian else EMBEDDED))
            _raise_wal_size(cluster)
            databases[side] = new_database(cluster, name="bench")
        yield Stacks(databases)


def _raise_wal_size(cluster: Cluster) -> None:
    """Let the server write millions of rows without a checkpoint every few seconds."""
    with cluster.connect() as admin:
        admin.execute("ALTER SYSTEM SET max_wal_size = '8GB'")
        admin.execute("SELECT pg_reload_conf()")
