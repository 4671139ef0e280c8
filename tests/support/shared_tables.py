"""Traps and trials among several tenants, which share a table or have separate schemas."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from pytest_tenantparity.config import load_settings
from pytest_tenantparity.model import SIDES, Evidence

from ..soundness import traps
from ..soundness.judging import RIGHT, judge
from ..soundness.traps import Engine, Row, Side, Trap, TrapColumn
from ..soundness.trials import make_trial
from ..soundness.ways import AS_IT_IS, Way
from .engine_driver import opened
from .engine_pairs import MariaDBPlace, Place, PostgreSQLPlace

_OWNERS = (TrapColumn("legacy_owner", "bigint"), TrapColumn("modern_owner", "varchar(20)"))
_BATCH = 60
TENANTS: dict[str, tuple[tuple[int, ...], str]] = {
    "acme": ((7,), "it's: 7"),
    "blue": ((-8,), "Blue"),
    "cora": ((9, 10), "cora:1"),
    "dune": ((2**62, 12), "dune \N{SNOWMAN}"),
}
"""Each tenant's accounts on the legacy stack and its id on the modern stack."""


@dataclass(frozen=True)
class Verdict:
    """The evidence of one tenant's rows, and whether it is right."""

    name: str
    tenant: str
    verdict: str
    evidence: Evidence


def shared(given: Mapping[str, Trap]) -> Trap:
    """Return one table with each tenant's trap. The traps have the same columns."""
    first = next(iter(given.values()))
    legacy, modern = _OWNERS
    return replace(
        first,
        columns=(legacy, *first.columns),
        modern_columns=(modern, *first.columns_of("modern")),
        legacy=tuple(row for tenant, trap in given.items() for row in _owned(tenant, trap.legacy)),
        modern=tuple(
            (TENANTS[tenant][1], *row) for tenant, trap in given.items() for row in trap.modern
        ),
        key=(legacy.name, modern.name, *first.key) if first.key else (),
    )


def _owned(tenant: str, rows: Sequence[Row]) -> list[Row]:
    accounts = TENANTS[tenant][0]
    return [(accounts[n % len(accounts)], *row) for n, row in enumerate(rows)]


def for_each_tenant(trap: Trap) -> dict[str, Trap]:
    """Return the same trap for each tenant. Each tenant's check must find it in its own rows."""
    return dict.fromkeys(TENANTS, trap)


def among_others(trial: Trap, same: Trap) -> dict[str, Trap]:
    """Return a trial for two tenants, and equal rows for the two others."""
    return {"acme": trial, "blue": same, "cora": trial, "dune": same}


def trials_among_others(
    name: str, legacy: Engine, modern: Engine, number: int
) -> list[dict[str, Trap]]:
    """Return random tables, each with its unchanged version. ``name`` is the seed."""
    given = []
    for n in range(number):
        trial, same = (
            make_trial(Random(f"{name}/{n}"), legacy, modern, mutated=mutated)  # noqa: S311
            for mutated in (True, False)
        )
        given.append(among_others(trial, same))
    return given


def audit_shared(
    legacy: Place,
    modern: Place,
    given: Sequence[Mapping[str, Trap]],
    own_schemas: Collection[Side] = (),
    way: Way = AS_IT_IS,
) -> list[Verdict]:
    """Put each tenant's traps into one table, audit it, and judge the evidence of each tenant.

    On sides in ``own_schemas``, of PostgreSQL or MariaDB, tenants have separate schemas instead.
    """
    found: list[Verdict] = []
    for start in range(0, len(given), _BATCH):
        owned = {f"t{n}": traps for n, traps in enumerate(given[start : start + _BATCH])}
        for side, place in zip(SIDES, (legacy, modern), strict=True):
            if side in own_schemas:
                _build_schemas(place, side, owned)
            else:
                place.build({table: shared(each) for table, each in owned.items()}, side)
        found += _judged(legacy, modern, owned, own_schemas, way)
    return found


def _build_schemas(place: Place, side: Side, owned: Mapping[str, Mapping[str, Trap]]) -> None:
    assert isinstance(place, PostgreSQLPlace | MariaDBPlace)
    for tenant in TENANTS:
        own = {table: each[tenant] for table, each in owned.items() if tenant in each}
        place.build_in(f"s_{tenant}", own, side)


def _judged(
    legacy: Place,
    modern: Place,
    owned: Mapping[str, Mapping[str, Trap]],
    own_schemas: Collection[Side],
    way: Way,
) -> list[Verdict]:
    lines = _settings(
        legacy, modern, {table: each["acme"] for table, each in owned.items()}, own_schemas
    )
    with tempfile.TemporaryDirectory(prefix="tp-") as folder:
        path = Path(folder) / "tenantparity.toml"
        path.write_text("\n".join(lines), encoding="utf-8")
        with opened(load_settings(path), limits=way.limits, digest=way.digest) as run:
            checks = [
                (f"{table} {trap.name}", tenant, trap, run.audit(tenant, table))
                for tenant in TENANTS  # in the order of the plugin's tests
                for table, each in owned.items()
                if (trap := each.get(tenant)) is not None
            ]
    return [Verdict(name, tenant, judge(trap, said), said) for name, tenant, trap, said in checks]


def _settings(
    legacy: Place, modern: Place, batch: Mapping[str, Trap], own_schemas: Collection[Side]
) -> list[str]:
    here, there = (
        'schema = "s_{tenant}"' if side in own_schemas else f'column = "{each.name}"'
        for side, each in zip(SIDES, _OWNERS, strict=True)
    )
    return [
        f'[legacy]\nurl = "{legacy.url}"\ntenancy = {{{here}}}',
        f'[modern]\nurl = "{modern.url}"\ntenancy = {{{there}}}',
        f"[pairing]\ntables = {list(batch)}",
        *(
            f"[tenants.{name}]\nlegacy_accounts = {[str(each) for each in accounts]}\n"
            f'modern_id = "{modern_id}"'
            for name, (accounts, modern_id) in TENANTS.items()
        ),
        *(_without_owner(trap, legacy.engine, modern.engine, t) for t, trap in batch.items()),
    ]


def _without_owner(trap: Trap, legacy: Engine, modern: Engine, table: str) -> str:
    """Return a trap's settings. The owners' columns are ignored.

    A tenant may have several accounts, so the owners' values differ between the sides.
    """
    keyed = trap.key if trap.enforced else ()
    own = replace(trap, settings=traps.with_key(trap.settings, keyed)) if keyed else trap
    text = traps.settings(own, legacy, modern, table)
    reason = "says whose the row is"
    names = "\n".join(f'"{each.name}" = "{reason}"' for each in _OWNERS)
    header = f"[tables.{table}.ignore]"
    if header in text:
        return text.replace(header, f"{header}\n{names}")
    return f"{text}\n{header}\n{names}"


def wrong(verdicts: Sequence[Verdict]) -> list[tuple[str, str, str, tuple[str, ...]]]:
    """Return name, tenant, verdict and reasons of everything that is not right."""
    return [
        (each.name, each.tenant, each.verdict, each.evidence.reasons)
        for each in verdicts
        if each.verdict != RIGHT
    ]
