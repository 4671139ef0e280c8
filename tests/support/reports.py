"""Reports without a run."""

from __future__ import annotations

from pytest_tenantparity.model import RunFacts, SettingsFacts


def run_facts() -> RunFacts:
    """Return the facts of a run that read nothing."""
    return RunFacts(
        id="r-1",
        state="COMPLETE",
        started="2026-11-30T12:00:00Z",
        ended="2026-11-30T12:00:01Z",
        command="pytest",
        again=None,
        workers=1,
        fail_on_drift=True,
        salt=1,
        settings=SettingsFacts("tenantparity.toml", "0" * 64),
        versions={"pytest-tenantparity": "0"},
        servers={"legacy": (), "modern": ()},
        skew_seconds=None,
    )
