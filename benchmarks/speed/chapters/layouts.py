"""Tenants that share their tables, and tenants with a schema or a database each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from tests.support.postgresql import new_database

from ..audits import clean, run_empty_tests
from ..bench import Bench, Chapter
from ..data_sets import DataSet, Side, create
from ..projects import BY_COLUMN, WITHOUT_TENANT, Layout, write_audit, write_empty_tests
from ..rounds import Work
from ..stacks import Stacks, at_once

_ROWS_OF_A_TENANT = 50
_TENANTS = 20  # a twentieth of the tenants of "many": a database each is also a session each
_HOME = "home"  # the schema in the database of a tenant


def measure(bench: Bench) -> Chapter:
    """Measure the same number of tests in each layout."""
    tenants, tables = max(2, bench.sizes.item_tenants // _TENANTS), bench.sizes.tables
    shared = DataSet("shared", tenants * _ROWS_OF_A_TENANT, tenants, tables=tables)
    own = [DataSet(f"own_{n}", _ROWS_OF_A_TENANT, 1, tables=tables) for n in range(1, tenants + 1)]
    home = DataSet(_HOME, _ROWS_OF_A_TENANT, 1, tables=tables)
    with bench.stacks.holding(shared, *own), _a_database_each(bench.stacks, tenants, home):
        places = {
            "a table of all": BY_COLUMN,
            "a schema each": ('{ schema = "own_{modern_id}" }',) * 2,
            "a database each": (
                f'{{ database = "own_{{modern_id}}" }}\nmax_connections = {tenants + 10}',
            )
            * 2,
        }
        works: dict[str, Work] = {
            f"audit, {name}": partial(
                clean, _project(bench, name, tenancy, shared), bench.sizes.limit
            )
            for name, tenancy in places.items()
        }
        idle = write_empty_tests(bench.folder / "bare", tenants * tables)
        works["pytest alone"] = partial(run_empty_tests, idle, bench.sizes.limit)
        measured = bench.rounds(works)
    return Chapter(measured, {"tenants": tenants, "tests": tenants * tables})


def _project(bench: Bench, name: str, tenancy: tuple[str, str], shared: DataSet) -> Path:
    urls = (bench.stacks.url("legacy"), bench.stacks.url("modern"))
    schemas = (shared.schema,) * 2 if tenancy is BY_COLUMN else (_HOME,) * 2
    more = "" if tenancy is BY_COLUMN else WITHOUT_TENANT
    folder = bench.folder / name.replace(" ", "-")
    return write_audit(folder, Layout(urls, schemas, more), shared, tenancy)


@contextmanager
def _a_database_each(stacks: Stacks, tenants: int, data: DataSet) -> Iterator[None]:
    """Make a database for each tenant on both servers, and remove them at the end."""
    with ExitStack() as cleanup:

        def make(side: Side) -> None:
            for number in range(1, tenants + 1):
                database = new_database(stacks.databases[side].cluster, name=f"own_{number}")
                cleanup.callback(database.drop)
                with database.cluster.connect(database.name) as connection:
                    create(connection, side, data)

        at_once(make)
        yield
