"""Runs checks without pytest: from settings to evidence, with all sessions closed at the end."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from pytest_tenantparity.audit import RunOptions, open_run
from pytest_tenantparity.config import AsOf, Settings, load_settings
from pytest_tenantparity.config.as_of import require_as_of
from pytest_tenantparity.errors import SettingsError
from pytest_tenantparity.limits import Limits
from pytest_tenantparity.model import Evidence
from pytest_tenantparity.parity import Audit, Layer
from pytest_tenantparity.parity import Run as ParityRun
from pytest_tenantparity.stacks import StackState

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
        """The checks, and the scans that several checks share."""
        return Audit(self.context)

    def audit(self, subject: str, table: str, layers: Sequence[Layer] = ()) -> Evidence:
        """Make one check, of a tenant or of a subject such as ``global``."""
        return self.audited.check(key_of(subject, table), layers)


@dataclass(frozen=True)
class Engine:
    """Two databases, and the checks of a test on them."""

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
        """Write the settings to a file and read them. A tenant is added if there is none."""
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
    """Open both stacks like a run, and close them at the end.

    If ``digest`` is given, no other digest is used.
    """
    options = RunOptions(
        as_of=_value_of_none(settings),
        limits=limits,
        environment=environment,
        application="tests",
        salt=20_240_229,
    )
    with open_run(settings, options=options) as found:
        run = Run(replace(found.audit.run, as_of=None))
        for stack in run.context.stacks.values() if digest is not None else ():
            stack._state = _with_digest(stack._state, digest or "")
        yield run


def _value_of_none(settings: Settings) -> AsOf | None:
    """Return some value if filters need one, so that stacks can be opened for several values."""
    try:
        require_as_of(settings.filters, None)
    except SettingsError:
        return AsOf(0)
    return None


def _with_digest(state: StackState, digest: str) -> StackState:
    databases = {
        name: replace(database, digests=tuple({*database.digests} & {digest}))
        for name, database in state.databases.items()
    }
    return replace(state, databases=databases)


def seen(evidence: Evidence) -> list[Seen]:
    """Return the findings, each as (kind, values of the key, names of the columns)."""
    return [
        (finding.kind.value, tuple(finding.key.values()), tuple(finding.columns))
        for finding in evidence.findings
        for _ in range(finding.copies)
    ]
