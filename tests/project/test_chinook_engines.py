"""Chinook in PostgreSQL, MariaDB and SQLite: the same data, loaded by three scripts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from pytest_tenantparity.config import load_settings
from pytest_tenantparity.model import Evidence, Outcome

from ..support import chinook_engines as chinook
from ..support.chinook_engines import (
    MARIADB,
    PLANTED,
    POSTGRESQL,
    SQLITE,
    TABLES,
    Target,
    changed,
    rounds,
    rows_of,
)
from ..support.engine_driver import SHARED, Seen, opened, seen
from ..support.mariadb import MariaServer, new_mariadb_database
from ..support.postgresql import Cluster, new_database

PAIRS = [(POSTGRESQL, MARIADB), (POSTGRESQL, SQLITE), (SQLITE, MARIADB), (MARIADB, POSTGRESQL)]
IDS = ["-".join(pair) for pair in PAIRS]


Loaded = dict[str, Target]


@pytest.fixture(scope="module")
def loaded(
    legacy_cluster: Cluster, maria: MariaServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Loaded]:
    """Chinook by engine, loaded by the engine's own script. Each test undoes its changes."""
    postgresql, mariadb = new_database(legacy_cluster), new_mariadb_database(maria)
    file = tmp_path_factory.mktemp("chinook") / "chinook.sqlite"
    chinook.load_postgresql(postgresql)
    chinook.load_mariadb(mariadb)
    chinook.load_sqlite(file)
    yield {POSTGRESQL: postgresql, MARIADB: mariadb, SQLITE: file}
    postgresql.drop()
    mariadb.drop()


@contextmanager
def repaired(loaded: Loaded, legacy: str, modern: str) -> Iterator[tuple[Target, Target]]:
    """Restore the original values of the data set in two databases, until the block ends."""
    with ExitStack() as stack:
        targets = loaded[legacy], loaded[modern]
        for target in targets:
            stack.enter_context(changed(target, chinook.repairs(target)))
        yield targets


def audits(legacy: Target, modern: Target, folder: Path, *tables: str) -> dict[str, Evidence]:
    """Audit some tables, or all. The settings only declare the names that differ."""
    engines = chinook.engine_of(legacy), chinook.engine_of(modern)
    parts = [
        f'[legacy]\nurl = "{_url(legacy)}"\n{SHARED}',
        f'[modern]\nurl = "{_url(modern)}"\n{SHARED}',
        chinook.settings_between(*engines),
        "[tenants.acme]",
    ]
    path = folder / "tenantparity.toml"
    path.write_text("\n".join(parts), encoding="utf-8")
    names = chinook.NAMES[engines[0]]
    with opened(load_settings(path)) as run:
        return {table: run.audit("global", names[table]) for table in tables or TABLES}


def _url(target: Target) -> str:
    return f"sqlite:///{target}" if isinstance(target, Path) else target.url


@pytest.mark.parametrize(("legacy", "modern"), PAIRS, ids=IDS)
@pytest.mark.slow
def test_what_the_scripts_themselves_lose_is_found(
    loaded: Loaded, tmp_path: Path, legacy: str, modern: str
) -> None:
    """The audit finds what loading lost: a space in PostgreSQL, four backslashes in MariaDB.

    After a repair, all eleven tables are proven equal, in whatever types the engines store them.
    """
    found = audits(loaded[legacy], loaded[modern], tmp_path)
    expected = chinook.drift_of_loading(legacy, modern)
    assert {table: Counter(seen(each)) for table, each in found.items()} == expected

    with repaired(loaded, legacy, modern) as targets:
        found = audits(*targets, tmp_path)
    assert {table: (each.outcome, each.reasons) for table, each in found.items()} == dict.fromkeys(
        TABLES, (Outcome.PROVEN, ())
    )
    assert found["Track"].rows.legacy == found["Track"].rows.modern == 3_503
    assert sum(each.rows.legacy for each in found.values()) == 15_607


@pytest.mark.parametrize(("legacy", "modern"), PAIRS, ids=IDS)
@pytest.mark.slow
def test_a_planted_change_is_named_exactly(
    loaded: Loaded, tmp_path: Path, legacy: str, modern: str
) -> None:
    """The audit names every planted change of a row by key and columns, and nothing else.

    Each table has one change at a time. All values are as before at the end.
    """
    said: dict[str, tuple[Outcome, Counter[Seen]]] = {}
    with repaired(loaded, legacy, modern) as targets:
        before = {table: rows_of(targets[1], table) for table in TABLES}
        for group in rounds(PLANTED):
            with changed(targets[1], [change for each in group for change in each.changes]):
                found = audits(*targets, tmp_path, *(each.table for each in group))
            for each in group:
                said[each.name] = found[each.table].outcome, Counter(seen(found[each.table]))
        assert {table: rows_of(targets[1], table) for table in TABLES} == before
    assert said == {each.name: (Outcome.REFUTED, each.found(legacy)) for each in PLANTED}
