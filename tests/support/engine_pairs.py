"""Places for traps and trials: a database of each engine, with many tables at a time."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from pytest_tenantparity.config import load_settings
from pytest_tenantparity.model import Evidence

from ..soundness import traps
from ..soundness.traps import Engine, Side, Trap
from ..soundness.ways import AS_IT_IS, Way
from .engine_driver import SHARED, opened
from .mariadb import MariaDatabase, new_mariadb_database, running_mariadb
from .postgresql import Cluster, Database, new_database, running_cluster

_BATCH = 100


class Place(ABC):
    """An empty database that can be filled and emptied again."""

    engine: Engine
    url: str

    @abstractmethod
    def build(self, tables: Mapping[str, Trap], side: Side) -> None:
        """Create one side of each trap as a separate table, and remove all other tables."""


@dataclass
class PostgreSQLPlace(Place):
    """A schema of a PostgreSQL database."""

    database: Database
    engine: Engine = "postgresql"

    @property
    def url(self) -> str:  # type: ignore[override]
        """The SQLAlchemy URL."""
        return self.database.url

    def build(self, tables: Mapping[str, Trap], side: Side) -> None:
        """Create the tables."""
        self.build_in("public", tables, side)

    def build_in(self, schema: str, tables: Mapping[str, Trap], side: Side) -> None:
        """Create the tables of one schema, and remove everything else in it."""
        self.database.run(f"DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}")
        with self.database._connection.cursor() as cursor:
            cursor.execute(f"SET search_path = {schema}")
            for name, trap in tables.items():
                cursor.execute("; ".join(traps.ddl(trap, side, self.engine, name)))
                statement, rows = traps.insert(trap, side, self.engine, name)
                cursor.executemany(statement, rows)
            cursor.execute("RESET search_path")


@dataclass
class MariaDBPlace(Place):
    """A MariaDB database."""

    database: MariaDatabase
    engine: Engine = "mariadb"

    @property
    def url(self) -> str:  # type: ignore[override]
        """The SQLAlchemy URL."""
        return self.database.url

    def build(self, tables: Mapping[str, Trap], side: Side) -> None:
        """Create the tables."""
        self.database.wipe()
        self._fill(self.database.name, tables, side)

    def build_in(self, schema: str, tables: Mapping[str, Trap], side: Side) -> None:
        """Create the tables of one schema (a database), and remove everything else in it."""
        self.database.run(f"DROP DATABASE IF EXISTS {schema}")
        self.database.run(f"CREATE DATABASE {schema}")
        self._fill(schema, tables, side)

    def _fill(self, database: str, tables: Mapping[str, Trap], side: Side) -> None:
        with closing(self.database.server.connect(database)) as connection:
            cursor = connection.cursor()
            cursor.execute("SET time_zone = '+00:00'")
            for name, trap in tables.items():
                for statement in traps.ddl(trap, side, self.engine, name):
                    cursor.execute(statement)
                statement, rows = traps.insert(trap, side, self.engine, name)
                cursor.executemany(statement, rows)


@dataclass
class SQLitePlace(Place):
    """A SQLite file."""

    path: Path
    engine: Engine = "sqlite"

    @property
    def url(self) -> str:  # type: ignore[override]
        """The SQLAlchemy URL."""
        return f"sqlite:///{self.path}"

    def build(self, tables: Mapping[str, Trap], side: Side) -> None:
        """Create the tables."""
        self.path.unlink(missing_ok=True)
        with closing(sqlite3.connect(self.path)) as connection, connection:
            for name, trap in tables.items():
                for statement in traps.ddl(trap, side, self.engine, name):
                    connection.execute(statement)
                connection.executemany(*traps.insert(trap, side, self.engine, name))


@dataclass
class ArchivePlace(Place):
    """A folder of Parquet files."""

    folder: Path
    engine: Engine = "duckdb"

    @property
    def url(self) -> str:  # type: ignore[override]
        """The archive's URL."""
        return f"archive:///{self.folder}"

    def build(self, tables: Mapping[str, Trap], side: Side) -> None:
        """Write the files."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        with closing(duckdb.connect()) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            for name, trap in tables.items():
                for statement in traps.ddl(trap, side, self.engine, name):
                    connection.execute(statement)
                statement, rows = traps.insert(trap, side, self.engine, name)
                if rows:
                    connection.executemany(statement, rows)
                target = self.folder / f"{name}.parquet"
                connection.execute(f"COPY {name} TO '{target}' (FORMAT parquet)")
                connection.execute(f"DROP TABLE {name}")


@contextmanager
def _postgresql() -> Iterator[Place]:
    with running_cluster() as cluster, _database(cluster) as place:
        yield place


@contextmanager
def _database(cluster: Cluster) -> Iterator[Place]:
    database = new_database(cluster)
    yield PostgreSQLPlace(database)
    database.drop()


@contextmanager
def _mariadb() -> Iterator[Place]:
    with running_mariadb() as server:
        database = new_mariadb_database(server)
        yield MariaDBPlace(database)
        database.drop()


@contextmanager
def _sqlite() -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="tp-") as folder:
        yield SQLitePlace(Path(folder) / "place.sqlite")


@contextmanager
def _duckdb() -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="tp-") as folder:
        yield ArchivePlace(Path(folder) / "archive")


PLACES: dict[Engine, Callable[[], AbstractContextManager[Place]]] = {
    "postgresql": _postgresql,
    "mariadb": _mariadb,
    "sqlite": _sqlite,
    "duckdb": _duckdb,
}
"""Functions that open a place of each engine, on a separate server if needed."""

PAIRS = [(legacy, modern) for legacy in PLACES for modern in PLACES]


def audit_all(
    legacy: Place, modern: Place, given: Sequence[Trap], way: Way = AS_IT_IS
) -> list[Evidence]:
    """Create the traps' tables on both sides, a batch at a time, and audit each."""
    found: list[Evidence] = []
    for start in range(0, len(given), _BATCH):
        batch = {f"t{n}": trap for n, trap in enumerate(given[start : start + _BATCH])}
        legacy.build(batch, "legacy")
        modern.build(batch, "modern")
        found += _audits(legacy, modern, batch, way)
    return found


def _audits(legacy: Place, modern: Place, batch: Mapping[str, Trap], way: Way) -> list[Evidence]:
    parts = [
        f'[legacy]\nurl = "{legacy.url}"\n{SHARED}',
        f'[modern]\nurl = "{modern.url}"\n{SHARED}',
        f"[pairing]\ntables = {list(batch)}",
        '[tenants.acme]\nlegacy_account = "A1"\n[tenants.beta]\nlegacy_account = "A2"',
        *(traps.settings(trap, legacy.engine, modern.engine, t) for t, trap in batch.items()),
    ]
    with tempfile.TemporaryDirectory(prefix="tp-") as folder:
        path = Path(folder) / "tenantparity.toml"
        path.write_text("\n".join(parts), encoding="utf-8")
        with opened(load_settings(path), limits=way.limits, digest=way.digest) as run:
            return [run.audit(trap.subject, name) for name, trap in batch.items()]


@pytest.fixture(scope="session")
def places(
    legacy_cluster: Cluster, modern_cluster: Cluster
) -> Iterator[Callable[[Engine, Side], Place]]:
    """Return a function that opens an engine's place for a side, at most once, and returns it."""
    clusters: dict[Side, Cluster] = {"legacy": legacy_cluster, "modern": modern_cluster}
    made: dict[tuple[Engine, Side], Place] = {}
    with ExitStack() as open_places:

        def place(engine: Engine, side: Side) -> Place:
            if (engine, side) not in made:
                manager = PLACES[engine]()
                if engine == "postgresql":
                    manager = _database(clusters[side])
                made[engine, side] = open_places.enter_context(manager)
            return made[engine, side]

        yield place
