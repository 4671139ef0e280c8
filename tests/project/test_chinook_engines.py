"""Chinook in PostgreSQL, MariaDB and SQLite: three loads of the same data, by three scripts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pytest_tenantparity.config import load_settings
from pytest_tenantparity.model import SIDES, Evidence, Side, Status

from ..support import chinook_engines as chinook
from ..support.chinook_engines import MARIADB, PLANTED, POSTGRESQL, SQLITE, TABLES, Planted, Target
from ..support.engine_driver import SHARED, opened, seen
from ..support.mariadb import MariaDatabase, MariaServer, new_mariadb_database, running_mariadb
from ..support.postgresql import Cluster, Database, new_database

PAIRS = [(POSTGRESQL, MARIADB), (POSTGRESQL, SQLITE), (SQLITE, MARIADB), (MARIADB, POSTGRESQL)]
IDS = ["-".join(pair) for pair in PAIRS]


@pytest.fixture(scope="module")
def mariadb_server() -> Iterator[MariaServer]:
    """A server for both sides."""
    with running_mariadb() as server:
        yield server


@dataclass(frozen=True)
class Databases:
    """An empty database of each engine for each side."""

    targets: dict[tuple[str, Side], Target]
    legacies: dict[str, Target] = field(default_factory=dict)

    def load(self, engine: str, side: Side) -> Target:
        """Return Chinook as the engine's own script loads it, whatever was there before."""
        target = self.targets[engine, side]
        match target:
            case Database():
                target.wipe()
                chinook.load_postgresql(target)
            case MariaDatabase():
                target.wipe()
                chinook.load_mariadb(target)
            case path:
                chinook.load_sqlite(path)
        return target

    def repaired(self, legacy: str, modern: str) -> tuple[Target, Target]:
        """Return two that hold what the authors of the data set wrote. Do not change the first."""
        if legacy not in self.legacies:
            self.legacies[legacy] = self.load(legacy, "legacy")
            chinook.repair(self.legacies[legacy])
        target = self.load(modern, "modern")
        chinook.repair(target)
        return self.legacies[legacy], target


@pytest.fixture(scope="module")
def databases(
    legacy_cluster: Cluster, mariadb_server: MariaServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Databases]:
    """Make the databases, on one server an engine."""
    postgresql = [new_database(legacy_cluster) for _ in SIDES]
    mariadb = [new_mariadb_database(mariadb_server) for _ in SIDES]
    folder = tmp_path_factory.mktemp("chinook")
    targets: dict[tuple[str, Side], Target] = {}
    for number, side in enumerate(SIDES):
        targets[POSTGRESQL, side] = postgresql[number]
        targets[MARIADB, side] = mariadb[number]
        targets[SQLITE, side] = folder / f"{side}.sqlite"
    yield Databases(targets)
    for one, other in zip(postgresql, mariadb, strict=True):
        one.drop()
        other.drop()


def audits(legacy: Target, modern: Target, folder: Path, *tables: str) -> dict[str, Evidence]:
    """Audit some tables, or all, with nothing but declared names between them."""
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
def test_all_tables_match(databases: Databases, tmp_path: Path, legacy: str, modern: str) -> None:
    """All eleven tables are proven equal, whatever types the engines keep them in."""
    found = audits(*databases.repaired(legacy, modern), tmp_path)
    assert {table: (each.status, each.reasons) for table, each in found.items()} == dict.fromkeys(
        TABLES, (Status.MATCH, ())
    )
    assert found["Track"].rows.legacy == found["Track"].rows.modern == 3_503
    assert sum(each.rows.legacy for each in found.values()) == 15_607


@pytest.mark.parametrize(("legacy", "modern"), PAIRS, ids=IDS)
def test_what_the_scripts_themselves_lose_is_found(
    databases: Databases, tmp_path: Path, legacy: str, modern: str
) -> None:
    """Drift that nobody planted: PostgreSQL's script loses a space, MariaDB's four backslashes."""
    databases.legacies.pop(legacy, None)
    targets = databases.load(legacy, "legacy"), databases.load(modern, "modern")
    found = audits(*targets, tmp_path)
    expected = chinook.drift_of_loading(legacy, modern)
    assert {table: Counter(seen(each)) for table, each in found.items()} == expected


@pytest.mark.parametrize(("legacy", "modern"), PAIRS, ids=IDS)
@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)
def test_a_planted_change_is_named_exactly(
    databases: Databases,
    tmp_path: Path,
    planted: Planted,
    legacy: str,
    modern: str,
) -> None:
    """Whatever goes wrong with a row on the way is found, with its key and columns; no more."""
    targets = databases.repaired(legacy, modern)
    planted.plant(targets[1])
    found = audits(*targets, tmp_path, planted.table)[planted.table]
    assert found.status is Status.DRIFT
    assert Counter(seen(found)) == planted.found(legacy)
