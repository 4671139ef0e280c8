"""MariaDB databases for a test, and one session of the audit's dialect.

Use the fixtures with ``pytest_plugins = ["tests.support.mysql_session"]``. PYTEST_DONT_REWRITE,
because tests import the class as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, column, select, table
from sqlalchemy.engine import make_url

from pytest_tenantparity.config import StackSettings
from pytest_tenantparity.stacks.catalog import Catalog, ColumnFacts
from pytest_tenantparity.stacks.dialects import ColumnRules, Dialect, Session, dialect_for

from .engine_driver import Engine
from .mariadb import MariaDatabase, MariaServer, new_mariadb_database
from .postgresql import Database

GENERAL = "varchar(40) collate utf8mb4_general_ci"


@pytest.fixture
def maria_old(mysql_db: MariaDatabase) -> MariaDatabase:
    """An empty database for the legacy side."""
    return mysql_db


@pytest.fixture
def maria_new(maria: MariaServer) -> Iterator[MariaDatabase]:
    """An empty database for the modern side."""
    database = new_mariadb_database(maria)
    yield database
    database.drop()


@pytest.fixture
def alike(maria_old: MariaDatabase, maria_new: MariaDatabase, tmp_path: Path) -> Engine:
    """Checks of MariaDB against MariaDB."""
    return engine_of(maria_old, maria_new, tmp_path)


@pytest.fixture
def moved(maria_old: MariaDatabase, modern_db: Database, tmp_path: Path) -> Engine:
    """Checks of MariaDB against PostgreSQL."""
    return engine_of(maria_old, modern_db, tmp_path)


def engine_of(legacy: Any, modern: Any, folder: Path) -> Engine:
    """Return checks on two databases of any engines."""
    return Engine(legacy, modern, folder)


@dataclass(frozen=True)
class Reader:
    """A session of the dialect. Its snapshot begins with its first read of a table."""

    dialect: Dialect
    connection: Connection
    schema: str

    @property
    def catalog(self) -> Catalog:
        """The current catalog of tables."""
        return self.dialect.catalog(self.connection, self.schema)

    @cached_property
    def first_catalog(self) -> Catalog:
        """The catalog at the first use of this property."""
        return self.catalog

    def facts(self, name: str = "v", of: str = "t") -> ColumnFacts:
        """Return one column of a table."""
        found = self.first_catalog.tables[of].column(name)
        assert found is not None
        return found

    def rows(self, *columns: Any, of: str = "t") -> list[Any]:
        """Return the values of expressions over the rows of a table."""
        source = table(of, column("id"), column("v"), schema=self.schema)
        return list(self.connection.execute(select(*columns).select_from(source)))

    def canonical(self, facts: ColumnFacts, value: Any = None) -> Any:
        """Return the canonical text of the column v, or of ``value``."""
        own = column("v") if value is None else value
        return self.dialect.canonical(own, facts, facts.family, ColumnRules(common=True))


@contextmanager
def reading(url: str) -> Iterator[Reader]:
    """Open one session on a database."""
    settings = StackSettings(url=url)
    dialect, target = dialect_for("mysql"), make_url(url)
    engine = dialect.create_engine(target, Session("tests", settings))
    with engine.connect() as connection:
        yield Reader(dialect, connection, target.database or "")
    engine.dispose()


@pytest.fixture
def reader(maria_old: MariaDatabase) -> Iterator[Reader]:
    """One open session on a database."""
    with reading(maria_old.url) as one:
        yield one


def fill(database: MariaDatabase, kind: str, *values: str, name: str = "t") -> None:
    """Create a table with a column of a type, and a row for each value."""
    database.run("SET sql_mode = '', time_zone = '+00:00'")
    database.run(f"CREATE TABLE {name} (id int PRIMARY KEY, v {kind})")
    if values:
        rows = ", ".join(f"({number}, {value})" for number, value in enumerate(values, 1))
        database.run(f"INSERT INTO {name} VALUES {rows}")
