"""The canary on every engine: archives, snapshots, and keys that several rows share."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from pytest_tenantparity.config import load_settings
from pytest_tenantparity.model import Evidence, Outcome

from ..soundness import traps
from ..soundness.traps import Engine as EngineName
from ..soundness.traps import Side, Trap, TrapColumn
from ..support.engine_driver import SHARED, opened
from ..support.engine_pairs import PAIRS, Place, places

__all__ = ["places"]

_ROWS = tuple(
    (n, 1 + n % 2, f"note {n}", Decimal(n) / 4, datetime(2024, 2, 29, n))  # noqa: DTZ001 - naive on purpose
    for n in range(1, 7)
)
_KINDS = {
    "id": "integer",
    "grp": "integer",
    "note": "text",
    "amount": "decimal(12,2)",
    "at": "timestamp(6)",
}


def _table(names: str, key: tuple[str, ...] = (), *, enforced: bool = False) -> Trap:
    columns = names.split()
    picked = [list(_KINDS).index(name) for name in columns]
    rows = tuple(tuple(row[n] for n in picked) for row in _ROWS)
    said = f"[tables.t]\nkey = {json.dumps(key)}" if key and not enforced else ""
    return Trap(
        name=names,
        columns=tuple(TrapColumn(name, _KINDS[name]) for name in columns),
        legacy=rows,
        modern=tuple(reversed(rows)),
        equal=True,
        settings=said,
        key=key,
        enforced=enforced,
    )


TABLES = {
    "t0": _table("id note amount at", ("id",), enforced=True),
    "t1": _table("grp note", ("grp",)),  # several rows share the key of the settings
    "t2": _table("note amount"),  # no key: a row is identified by all its values
}


def _canaries(legacy: Place, modern: Place) -> list[Evidence]:
    legacy.build(TABLES, "legacy")
    modern.build(TABLES, "modern")
    parts = [
        f'[legacy]\nurl = "{legacy.url}"\n{SHARED}',
        f'[modern]\nurl = "{modern.url}"\n{SHARED}',
        f"[pairing]\ntables = {list(TABLES)}\n[tenants.acme]",
        *(traps.settings(trap, legacy.engine, modern.engine, t) for t, trap in TABLES.items()),
    ]
    with tempfile.TemporaryDirectory(prefix="tp-") as folder:
        path = Path(folder) / "tenantparity.toml"
        path.write_text("\n".join(parts), encoding="utf-8")
        with opened(load_settings(path)) as run:
            return [run.audit("canary", name) for name in TABLES]


RING: list[tuple[EngineName, EngineName]] = [
    ("postgresql", "mariadb"),
    ("mariadb", "duckdb"),
    ("duckdb", "sqlite"),
    ("sqlite", "postgresql"),
    ("mariadb", "sqlite"),
]
"""The canary watches each side separately. Each engine is the legacy once, and the modern once."""

ALL_PAIRS = [
    pytest.param(*pair, id="-".join(pair), marks=[] if pair in RING else [pytest.mark.slow])
    for pair in PAIRS
]


@pytest.mark.parametrize(("legacy", "modern"), ALL_PAIRS)
def test_the_canary_watches_every_column_on_every_engine(
    places: Callable[[EngineName, Side], Place], legacy: EngineName, modern: EngineName
) -> None:
    """On every engine, each column is watched, with and without a key."""
    evidence = _canaries(places(legacy, "legacy"), places(modern, "modern"))
    assert [each.reasons for each in evidence] == [()] * len(TABLES)
    assert {each.outcome for each in evidence} == {Outcome.PROVEN}


def _files(folder: Path, kind: str) -> str:
    """Write three rows, two of which share a key, as one kind of file; return its URL."""
    folder.mkdir()
    if kind == "csv":
        (folder / "t.csv").write_text("tenant,grp,note\nacme,1,a\nacme,1,b\nacme,2,a\n")
        return f"archive:///{folder}"
    rows = [{"grp": "1", "note": "b"}, {"grp": "2", "note": "a"}, {"grp": "1", "note": "a"}]
    (folder / "t.json").write_text(json.dumps({"tenants": {"acme": {"t": rows}}}))
    return f"snapshot:///{folder}/t.json"


@pytest.mark.parametrize(("legacy", "modern"), [("csv", "json"), ("json", "csv")])
def test_files_of_text_and_of_documents_are_watched(
    tmp_path: Path, legacy: str, modern: str
) -> None:
    """CSV and JSON snapshots are watched on either side. Their rows share the settings' key."""
    path = tmp_path / "tenantparity.toml"
    path.write_text(
        f'[legacy]\nurl = "{_files(tmp_path / "legacy", legacy)}"\n{SHARED}\n'
        f'[modern]\nurl = "{_files(tmp_path / "modern", modern)}"\n{SHARED}\n'
        '[pairing]\ntables = ["t"]\n[tables.t]\nkey = ["grp"]\n[tenants.acme]\n'
    )
    with opened(load_settings(path)) as run:
        evidence = run.audit("canary", "t")
        assert run.audit("global", "t").outcome is Outcome.PROVEN
    assert (evidence.outcome, evidence.reasons) == (Outcome.PROVEN, ())
