"""Fill two empty PostgreSQL databases with LegacyCoinTrader and its migration.

`python -m suites.legacycointrader.load` is what the service `loader` of docker-compose.yml runs.
LEGACY_OWNER_URL and MODERN_OWNER_URL name the databases, as libpq spells URLs. A database with a
table is left as it is.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import psycopg
from psycopg import Connection, sql

from .inventory import Tenant, read_tenants
from .migrate import migrate
from .seed import seed_legacy

HERE: Final = Path(__file__).parent
VARIABLES: Final = ("LEGACY_OWNER_URL", "MODERN_OWNER_URL")

_TABLES: Final = """
    SELECT count(*) FROM pg_tables
    WHERE schemaname <> 'information_schema' AND schemaname !~ '^pg_'
"""
_UNFINISHED: Final = "LegacyCoinTrader's data are being loaded"  # a comment on the database


def fill(legacy: Connection, modern: Connection, tenants: Sequence[Tenant]) -> None:
    """Make the tables of both stacks, seed the legacy one, and migrate it.

    Both connections must commit each statement. psycopg.Error if the data cannot be written.
    """
    legacy.execute((HERE / "legacy.sql").read_bytes())
    modern.execute((HERE / "modern.sql").read_bytes())
    seed_legacy(legacy, tenants)
    migrate(legacy, modern, tenants)


def load(legacy: Connection, modern: Connection) -> str:
    """Fill both databases if neither has a table, and return a sentence on what was done.

    RuntimeError if an earlier load was cut off. Nothing is ever removed.
    """
    sides = (legacy, modern)
    if any(_comment(side) == _UNFINISHED for side in sides):
        raise RuntimeError("an earlier load was cut off; start afresh: docker compose down -v")
    found = [int(side.execute(_TABLES).fetchall()[0][0]) for side in sides]
    names = [side.info.dbname for side in sides]
    if any(found):
        counts = ", ".join(f"{n} tables in {name}" for n, name in zip(found, names, strict=True))
        return f"nothing was loaded: there are already {counts}"
    for side in sides:
        _comment_on(side, _UNFINISHED)
    tenants = read_tenants()
    fill(legacy, modern, tenants)
    for side in reversed(sides):
        _comment_on(side, None)
    return f"{len(tenants)} tenants were loaded into {names[0]}, and migrated to {names[1]}"


def _comment(side: Connection) -> str | None:
    query = "SELECT shobj_description(oid, 'pg_database') FROM pg_database"
    ((found,),) = side.execute(f"{query} WHERE datname = current_database()").fetchall()
    return None if found is None else str(found)


def _comment_on(side: Connection, text: str | None) -> None:
    name = sql.Identifier(side.info.dbname)
    side.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(name, sql.Literal(text)))


def main() -> int:
    """Load both databases. The exit code is 1 if one of them cannot be used."""
    missing = [name for name in VARIABLES if not os.environ.get(name)]
    if missing:
        sys.stderr.write(f"ERROR: {' and '.join(missing)}: the URL of a database is missing\n")
        return 1
    urls = [os.environ[name] for name in VARIABLES]
    try:
        with (
            psycopg.connect(urls[0], autocommit=True) as legacy,
            psycopg.connect(urls[1], autocommit=True) as modern,
        ):
            sys.stdout.write(f"{load(legacy, modern)}\n")
    except (psycopg.Error, RuntimeError) as error:
        sys.stderr.write(f"ERROR: the demo was not loaded: {' '.join(str(error).split())}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
