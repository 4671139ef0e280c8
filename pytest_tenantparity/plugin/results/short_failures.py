"""Leaves out pytest's own account of each failing check if there are many."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from ...reporting import FEW


class ShortFailures:
    """Hides failing checks from pytest's sections of failures if there are more than :data:`FEW`.

    The causes, which the reporter writes, stand for them. Other failing tests are shown, and ``-v``
    shows all. The counts in pytest's last line stay complete.
    """

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter
    ) -> Generator[None, None, None]:
        """Take the failing checks away while pytest writes its summary."""
        failed = terminalreporter.stats.get("failed", [])
        checks = [each for each in failed if getattr(each, "parity_status", None) is not None]
        if len(checks) <= FEW or terminalreporter.verbosity > 0:
            return (yield)
        hidden = {id(each) for each in checks}
        terminalreporter.stats["failed"] = [each for each in failed if id(each) not in hidden]
        try:
            return (yield)
        finally:
            terminalreporter.stats["failed"] = failed
            terminalreporter.write_line(
                f"{len(checks):,} failing checks are not listed one by one (-v does that); the "
                "report has them all"
            )
