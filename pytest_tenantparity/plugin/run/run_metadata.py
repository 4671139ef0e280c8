"""The report's ``run`` block: everything that differs between two runs on the same data."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from ...config import Settings
from ...model import SIDES, CheckKey, RunFacts, SettingsFacts
from ..options import worker_count
from .invocation import command_of
from .session import AuditSession, PlannedItem

_PACKAGES = ("pytest-tenantparity", "pytest", "pytest-xdist", "SQLAlchemy", "psycopg")


def describe_run(
    session: AuditSession, planned: Mapping[CheckKey, PlannedItem], *, complete: bool
) -> RunFacts:
    """Return the facts of the run, without those that its checks report."""
    config = session.config
    servers = {side: session.servers(side) for side in SIDES}
    return RunFacts(
        id=session.run.id,
        state="COMPLETE" if complete else "INCOMPLETE",
        started=session.run.started,
        ended=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command_of(config),
        again=session.rerun_of(planned),
        workers=worker_count(config),
        fail_on_drift=session.fails_on_drift,
        salt=session.run.salt,
        settings=SettingsFacts(
            str(session.path), settings_digest(session.settings), _assurances(session.settings)
        ),
        versions={"python": platform.python_version(), **versions()},
        servers={side: tuple(found) for side, found in servers.items()},
        skew_seconds=_skew([each[0].snapshot_at for each in servers.values() if each]),
    )


def _assurances(settings: Settings) -> dict[str, str]:
    """Return the reasons of settings that assure something of whole stacks, such as ``frozen``."""
    reasons = {f"[{side}] frozen": settings.stack(side).frozen for side in SIDES}
    reasons["same_database"] = settings.same_database
    return {name: reason for name, reason in reasons.items() if reason is not None}


def settings_digest(settings: Settings) -> str:
    """Return a digest of the settings in force, including the tenants file and pairs from hooks."""
    return hashlib.sha256(settings.model_dump_json().encode()).hexdigest()


def versions() -> dict[str, str]:
    """Return the versions of the packages in ``_PACKAGES``, by package name."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def _skew(moments: list[str]) -> float | None:
    """Return the seconds between both stacks' snapshots by their servers' clocks, or None.

    The result is None if a stack has no snapshot.
    """
    if len(moments) != len(SIDES):
        return None
    one, other = map(datetime.fromisoformat, moments)
    return round(abs((one - other).total_seconds()), 6)
