"""The start of an audit: read the command line and the settings, then open both stacks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ...errors import SettingsError
from .. import options
from ..stash import SESSION
from .settings_path import find_settings

if TYPE_CHECKING:
    from .session import AuditSession


def start(config: pytest.Config) -> None:
    """Put an audit session into the stash if there are settings, and register the reporter.

    Raises pytest.UsageError (exit code 4) for wrong settings, options and selections. Each wrong
    setting is an argument of it, and pytest prints each on a line of its own.
    """
    try:
        session = _worker_session(config) or _own_session(config)
    except SettingsError as error:
        raise pytest.UsageError(*str(error).split("\n")) from None
    if session is None:
        return
    config.stash[SESSION] = session
    if not session.is_worker and not options.is_dry_run(config):
        from ..results.progress import Progress
        from ..results.reporter import Reporter
        from ..results.short_failures import ShortFailures

        reporter = Reporter(session)
        config.pluginmanager.register(ShortFailures(), "tenantparity-short-failures")
        config.pluginmanager.register(reporter, "tenantparity-reporter")
        config.pluginmanager.register(Progress(session, reporter.planned), "tenantparity-progress")


def open_stacks(session: AuditSession) -> None:
    """Open the stacks, after a check that the report can be written.

    Raises pytest.UsageError for an unsuitable directory, selection or journal.
    """
    from .resume import take_over

    config = session.config
    config.add_cleanup(session.reports.discard)
    try:
        session.reports.prepare(resume=session.options.resume)
        session.open()
        take_over(session)
    except BaseException as error:  # pytest does not finish a session that failed to start
        session.close()
        if isinstance(error, SettingsError):
            raise pytest.UsageError(*str(error).split("\n")) from None
        raise


def _worker_session(config: pytest.Config) -> AuditSession | None:
    wire = getattr(config, "workerinput", {}).get("tenantparity")
    if wire is None:
        return None
    from ...stacks import Secret
    from .session import AuditSession

    for state in wire["states"].values():  # before a traceback could show the URLs
        state["url"] = Secret(state["url"])
    return AuditSession.in_worker(config, wire)


def _own_session(config: pytest.Config) -> AuditSession | None:
    if hasattr(config, "workerinput"):
        return None
    path = _settings_path(config)
    if path is None:
        return None
    from .session import AuditSession, new_run
    from .shard import share_of

    session = AuditSession.prepare(config, path, new_run())
    session.share = share_of(config, session)
    return session


def _settings_path(config: pytest.Config) -> Path | None:
    folder, given = config.invocation_params.dir, config.getoption("parity_config")
    if given is not None:
        path: Path = folder / given
        if not path.is_file():
            raise SettingsError(f"--parity-config={given}: there is no such file in {folder}")
        return path
    path_found = find_settings(options.starting_places(config), config.rootpath)
    option = options.asked_for_audit(config)
    if path_found is None and option is not None:
        raise SettingsError(
            f"{option} needs settings, and there is no tenantparity.toml beside the tests or "
            f"above them up to {config.rootpath}; write one, or name it with --parity-config"
        )
    return path_found
