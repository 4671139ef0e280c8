"""Fixtures: two servers for the session, and an empty database on each for every test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import settings

from .support.engine_driver import Engine
from .support.forkserver import ForkServer, running_fork_server
from .support.mariadb import MariaDatabase, MariaServer, new_mariadb_database, running_mariadb
from .support.postgresql import DEBIAN, Cluster, Database, new_database, running_cluster

pytest_plugins = ["pytester"]

# No deadline, because a test may be slow only because its machine is busy.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

# pytester unloads modules first imported in its tests. These cannot be imported twice.
for dialect in ("postgresql.psycopg", "mysql.pymysql", "sqlite"):
    import_module(f"sqlalchemy.dialects.{dialect}")

# Hundreds of tests start programs, which should not compile all modules each time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture(scope="session")
def legacy_cluster() -> Iterator[Cluster]:
    """The legacy server."""
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def modern_cluster() -> Iterator[Cluster]:
    """The modern server."""
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def debian_cluster() -> Iterator[Cluster]:
    """PostgreSQL 15 as built by Debian, with ICU and contrib. Skips the test if it is absent."""
    with running_cluster(DEBIAN) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def _legacy_home(legacy_cluster: Cluster) -> Iterator[Database]:
    database = new_database(legacy_cluster)
    yield database
    database.drop()


@pytest.fixture(scope="session")
def _modern_home(modern_cluster: Cluster) -> Iterator[Database]:
    database = new_database(modern_cluster)
    yield database
    database.drop()


@pytest.fixture
def legacy_db(_legacy_home: Database) -> Iterator[Database]:
    """An empty database on the legacy server."""
    yield _legacy_home
    _legacy_home.wipe()


@pytest.fixture
def modern_db(_modern_home: Database) -> Iterator[Database]:
    """An empty database on the modern server."""
    yield _modern_home
    _modern_home.wipe()


@pytest.fixture(scope="session")
def maria() -> Iterator[MariaServer]:
    """A MariaDB server. Skips the test if it is absent."""
    with running_mariadb() as server:
        yield server


@pytest.fixture
def mysql_db(maria: MariaServer) -> Iterator[MariaDatabase]:
    """An empty database on the MariaDB server."""
    database = new_mariadb_database(maria)
    yield database
    database.drop()


@pytest.fixture(scope="session")
def fork_server() -> Iterator[ForkServer]:
    """The process that runs of pytest are forked from."""
    with running_fork_server() as server:
        yield server


@pytest.fixture
def engine(legacy_db: Database, modern_db: Database, tmp_path: Path) -> Engine:
    """Checks on both databases."""
    return Engine(legacy_db, modern_db, tmp_path)
