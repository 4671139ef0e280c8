"""Wiring: where the two stacks are. Without URLs in the environment, both are stood up here.

`LEGACY_DATABASE_URL` and `MODERN_DATABASE_URL` name real stacks. `DEMO_DRIFT=1` plants faults
in the embedded ones, for `make demo-drift`.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from suites.legacycointrader.embedded import EmbeddedStacks

STACKS: pytest.StashKey[EmbeddedStacks] = pytest.StashKey()
URLS = ("LEGACY_DATABASE_URL", "MODERN_DATABASE_URL")


def pytest_parity_connect(config: pytest.Config, stack: str) -> str | None:
    """Leave a stack that the environment names to the settings; stand up embedded ones else."""
    if any(os.environ.get(name) for name in URLS):
        return None
    stacks = _embedded(config)
    return stacks.legacy_url if stack == "legacy" else stacks.modern_url


def pytest_parity_report(config: pytest.Config, directory: Path) -> None:
    """Lay the planted faults beside the report, so that the two can be compared."""
    stacks = config.stash.get(STACKS, None)
    planted = directory / "planted-faults.json"
    if stacks is None or not stacks.faults:
        planted.unlink(missing_ok=True)
        return
    faults = [asdict(fault) for fault in stacks.faults]
    text = json.dumps(faults, indent=2, ensure_ascii=False)
    planted.write_text(text + "\n", encoding="utf-8")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what was stood up."""
    stacks = config.stash.get(STACKS, None)
    if stacks is not None:
        stacks.close()


def _embedded(config: pytest.Config) -> EmbeddedStacks:
    if STACKS not in config.stash:
        from suites.legacycointrader.embedded import EmbeddedStacks

        with_faults = os.environ.get("DEMO_DRIFT") == "1"
        _say(config, "standing up both stacks on embedded PostgreSQL (about ten seconds) ...")
        stacks = config.stash[STACKS] = EmbeddedStacks(with_faults=with_faults)
        for fault in stacks.faults:
            _say(config, f"planted: {fault.name} in {fault.tenant} / {fault.table}")
    return config.stash[STACKS]


def _say(config: pytest.Config, line: str) -> None:
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if isinstance(terminal, pytest.TerminalReporter):
        terminal.write_line(line)
