"""The database engines: a new one is a folder beside this file, and a line here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module

from ...errors import StackUnavailable
from .base import Dialect

_POSTGRESQL = ("psycopg", "psycopg2", "psycopg_async", "asyncpg", "pg8000", "psycopg2cffi")
_MYSQL = ("pymysql", "mysqldb", "mysqlconnector", "mariadbconnector", "asyncmy", "aiomysql")


@dataclass(frozen=True, slots=True)
class Engine:
    """Where the code of a database engine is, and what its URLs may name.

    - ``drivers``: those that a URL may name. The audit always connects with the first one.
    - ``extra``: the extra of this package that installs it; empty if it is always installed.
    - ``is_file``: the URL holds a path, and no host.
    """

    folder: str
    dialect: str
    drivers: tuple[str, ...] = ()
    extra: str = ""
    is_file: bool = False


ENGINES = {
    "postgresql": Engine("postgresql", "PostgreSQL", _POSTGRESQL),
    "mysql": Engine("mysql", "MySQL", _MYSQL, "mysql"),
    "mariadb": Engine("mysql", "MySQL", _MYSQL, "mysql"),
    "sqlite": Engine("sqlite", "SQLite", ("pysqlite", "aiosqlite"), is_file=True),
    "archive": Engine("archive", "Archive", (), "archives", is_file=True),
    "snapshot": Engine("snapshot", "SnapshotFile", (), "yaml", is_file=True),
}
"""By the scheme of a URL."""


@cache
def dialect_for(backend: str) -> Dialect:
    """Return the dialect of a SQLAlchemy backend name such as ``postgresql``."""
    if backend not in ENGINES:
        known = ", ".join(sorted(ENGINES))
        raise StackUnavailable(f"no dialect for {backend!r} databases; there are: {known}")
    engine = ENGINES[backend]
    try:
        module = import_module(f".{engine.folder}.dialect", __package__)
        dialect: Dialect = getattr(module, engine.dialect)()
    except ModuleNotFoundError as error:
        raise StackUnavailable(
            f"{backend!r} databases need {error.name!r}; "
            f"pip install 'pytest-tenantparity[{engine.extra}]'"
        ) from None
    return dialect
