"""What pytest holds of each test to the end of a run, less what nobody asks it for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


class _WithOutput(list[pytest.TestReport]):
    """Reports, of which those without any output are forgotten."""

    def extend(self, reports: Iterable[pytest.TestReport]) -> None:
        super().extend(each for each in reports if each.sections)


def keep_what_is_shown(config: pytest.Config) -> None:
    """Let the terminal forget set-ups and tear-downs that passed and printed nothing.

    It keeps each report, and those are two of a test's three. ``--durations`` reads them all.
    """
    terminal: Any = config.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None and config.getoption("durations") is None:
        terminal.stats.setdefault("", _WithOutput())
