"""What pytest holds of each test to the end of a run, less what nobody asks it for."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest


def keep_calls_only(config: pytest.Config) -> None:
    """Let the terminal forget set-ups and tear-downs that passed, which only ``--durations`` reads.

    It keeps each report, and those are two of a test's three.
    """
    terminal: Any = config.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None and config.getoption("durations") is None:
        terminal.stats.setdefault("", deque(maxlen=0))
