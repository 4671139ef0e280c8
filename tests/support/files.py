"""Stacks that are files: SQLite, archives of Parquet and CSV, snapshots of the old toolkit."""

from __future__ import annotations

import gzip
import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from sqlalchemy import literal_column, select, table
from sqlalchemy.engine import make_url

from pytest_tenantparity.config.settings import StackSettings
from pytest_tenantparity.stacks import StackState, open_stack
from pytest_tenantparity.stacks.dialects import Session, dialect_for

from .engine_driver import Engine


@dataclass(frozen=True)
class Elsewhere:
    """A stack of which only the URL is known."""

    url: str


@dataclass(frozen=True)
class File:
    """A SQLite file, with a method to run SQL."""

    path: Path

    @property
    def url(self) -> str:
        """The SQLAlchemy URL."""
        return f"sqlite:///{self.path}"

    def run(self, script: str) -> None:
        """Run statements and commit them."""
        with closing(sqlite3.connect(self.path)) as connection:
            connection.executescript(script)


def engine_over(legacy: Any, modern: Any, folder: Path) -> Engine:
    """Return checks on two stacks that have a URL and run SQL."""
    return Engine(legacy, modern, folder)


@dataclass(frozen=True)
class Files:
    """A test's archive."""

    folder: Path
    query: str = ""

    @property
    def url(self) -> str:
        """The URL in the settings."""
        return f"archive:///{self.folder}{self.query}"

    def csv(self, content: str | bytes, name: str = "t.csv") -> None:
        """Write a CSV file, compressed if ``name`` ends with .gz."""
        data = content if isinstance(content, bytes) else content.encode()
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)

    def parquet(self, query: str, name: str = "t.parquet") -> None:
        """Write the rows of a query to a Parquet file."""
        self.parquets({name: query})

    def parquets(self, queries: Mapping[str, str]) -> None:
        """Write the rows of each query to the Parquet file of its name."""
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            for name, query in queries.items():
                path = self.folder / name
                path.parent.mkdir(exist_ok=True)
                connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")

    def opened(self) -> StackState:
        """Open the archive like a run."""
        settings = StackSettings.model_validate({"url": self.url, "tenancy": "global"})
        state, holder = open_stack("legacy", settings, "tests")
        holder.release()
        return state

    def ask(self, sql: str) -> Any:
        """Return the value of an SQL expression, evaluated like SQL of the settings."""
        dialect = dialect_for("archive")
        settings = StackSettings.model_validate({"url": self.url, "tenancy": "global"})
        engine = dialect.create_engine(make_url(self.url), Session("tests", settings))
        with engine.connect() as connection:
            value = connection.execute(select(literal_column(sql)).select_from(table("t"))).scalar()
        engine.dispose()
        return value


@dataclass(frozen=True)
class Snapshot:
    """A snapshot file."""

    path: Path

    @property
    def url(self) -> str:
        """The URL."""
        return f"snapshot:///{self.path}"

    def write(self, text: str) -> None:
        """Write a text to the file."""
        self.path.write_text(text, encoding="utf-8")

    def tenants(self, **tenants: Any) -> None:
        """Write tenants with their resources."""
        self.write(json.dumps({"tenants": tenants}))
