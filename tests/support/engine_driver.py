"""Drives the engine without pytest: settings in, evidence out, nothing left open."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from pytest_tenantparity.config import Settings, load_settings
from pytest_tenantparity.inventory import (
    Place,
    TablePair,
    discover_pairs,
    make_pair,
    place_of,
    planned_pairs,
)
from pytest_tenantparity.limits import Limits
from pytest_tenantparity.model import SIDES, Evidence, Side
from pytest_tenantparity.parity import Audit, Layer, environment_layer
from pytest_tenantparity.parity import Run as ParityRun
from pytest_tenantparity.stacks import Stack, StackState, open_stack

from .checks import key_of
from .postgresql import Database

SHARED = 'tenancy = "global"'
Seen = tuple[str, tuple[str | None, ...], tuple[str, ...]]


@dataclass(frozen=True)
class Run:
    """Both stacks, open, with their pairs."""

    context: ParityRun

    @cached_property
    def audited(self) -> Audit:
        """The checks, and the scans that several of them use."""
        return Audit(self.context)

    def audit(self, subject: str, table: str, layers: Sequence[Layer] = ()) -> Evidence:
        """Make one check, of a tenant or of what a word such as ``global`` selects."""
        return self.audited.check(key_of(subject, table), layers)


@dataclass(frozen=True)
class Engine:
    """Two databases, and the checks that a test makes of them."""

    legacy: Database
    modern: Database
    folder: Path
    limits: Limits = Limits()  # noqa: RUF009 - frozen
    digest: str | None = None

    def both(self, statement: str) -> None:
        """Run SQL in both databases."""
        self.legacy.run(statement)
        self.modern.run(statement)

    def audit(
        self,
        table: str = "t",
        subject: str = "global",
        more: str = "",
        *,
        legacy: str = SHARED,
        modern: str = SHARED,
        environment: Mapping[str, str] = os.environ,
    ) -> Evidence:
        """Make one check. ``legacy`` and ``modern`` are lines of those TOML tables."""
        with self.opened(more, legacy=legacy, modern=modern, environment=environment) as run:
            return run.audit(subject, table)

    @contextmanager
    def opened(
        self,
        more: str = "",
        *,
        legacy: str = SHARED,
        modern: str = SHARED,
        environment: Mapping[str, str] = os.environ,
    ) -> Iterator[Run]:
        """Open both stacks for several checks of one snapshot."""
        settings = self.settings(more, legacy=legacy, modern=modern)
        with opened(settings, environment, self.limits, self.digest) as run:
            yield run

    def settings(self, more: str = "", *, legacy: str = SHARED, modern: str = SHARED) -> Settings:
        """Write the settings to a file and read them; a tenant is added where there is none."""
        parts = [
            f"[legacy]\n{_with_url(legacy, self.legacy.url)}",
            f"[modern]\n{_with_url(modern, self.modern.url)}",
            more if "[tenants." in more else f"{more}\n[tenants.acme]",
        ]
        path = self.folder / "tenantparity.toml"
        path.write_text("\n".join(parts), encoding="utf-8")
        return load_settings(path)


def _with_url(lines: str, url: str) -> str:
    return lines if lines.lstrip().startswith("url") else f'url = "{url}"\n{lines}'


@contextmanager
def opened(
    settings: Settings,
    environment: Mapping[str, str] = os.environ,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    digest: str | None = None,
) -> Iterator[Run]:
    """Open both stacks as a run would, and close them at the end.

    ``digest`` is the only one that is used, if one is named.
    """
    with ExitStack() as cleanup:
        states: dict[Side, StackState] = {}
        for side in SIDES:
            places = _places(settings, side)
            states[side], anchor = open_stack(
                side, settings.stack(side), "tests", places=places, environment=environment
            )
            cleanup.callback(anchor.release)
            if digest is not None:
                states[side] = _with_digest(states[side], digest)
        pairs = planned_pairs(settings)
        if pairs is None:
            pairs = discover_pairs(settings, *(_tables(states[side]) for side in SIDES))
        context = ParityRun(
            settings=settings,
            pairs={pair.name: pair for pair in pairs},
            stacks={
                side: Stack(states[side], settings.stack(side), "tests", limits) for side in SIDES
            },
            tenants={tenant.id: tenant for tenant in settings.tenant_models()},
            selected=settings.tenant_models(),
            salt=20_240_229,
            environment=environment_layer(environment),
            limits=limits,
        )
        cleanup.callback(context.close)
        yield Run(context)


def _with_digest(state: StackState, digest: str) -> StackState:
    databases = {
        name: replace(database, digests=tuple({*database.digests} & {digest}))
        for name, database in state.databases.items()
    }
    return replace(state, databases=databases)


def _places(settings: Settings, side: Side) -> set[Place]:
    """Every place that a tenancy of the stack, or of a table of its own, can lead to."""
    names = ("?", *settings.tables) if settings.stack(side).tenancy else tuple(settings.tables)
    pairs: list[TablePair] = [make_pair(settings, name) for name in names]
    return {
        place_of(settings.stack(side), pair.tenancy(side), tenant)
        for pair in pairs
        for tenant in settings.tenant_models()
    }


def _tables(state: StackState) -> list[str]:
    catalogs = [each for db in state.databases.values() for each in db.catalogs.values()]
    return sorted({name for catalog in catalogs for name in catalog.stored_tables})


def seen(evidence: Evidence) -> list[Seen]:
    """Return what was found, each as (kind, values of the key, names of the columns)."""
    return [
        (finding.kind.value, tuple(finding.key.values()), tuple(finding.columns))
        for finding in evidence.findings
        for _ in range(finding.copies)
    ]
