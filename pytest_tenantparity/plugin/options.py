"""The command-line options. All but ``--tenants`` and ``--fail-on-drift`` begin ``--parity-``."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ..errors import SettingsError

if TYPE_CHECKING:
    from ..config import AsOf

_LONGEST_SETTLE = 3_600
_DRY_RUNS = ("collectonly", "showfixtures", "show_fixtures_per_test", "cacheshow")


def add_options(parser: pytest.Parser) -> None:
    """Declare the command-line options."""
    group = parser.getgroup("tenantparity", "tenant parity")
    group.addoption(
        "--tenants",
        action="append",
        default=[],
        metavar="WHICH",
        help="tenants to audit: ids, cohorts, patterns, @file, all; ! takes away (repeatable)",
    )
    group.addoption(
        "--fail-on-drift",
        action="store_true",
        help="a test whose data differ fails; without it, it passes as DRIFT (verdict NO-GO)",
    )
    group.addoption(
        "--parity-tables",
        action="append",
        default=[],
        metavar="WHICH",
        help="tables to audit, by legacy name or pattern; ! takes away (repeatable)",
    )
    group.addoption(
        "--parity-canary",
        action="store_true",
        help="show for each table that the audit would notice a change of each of its columns",
    )
    group.addoption(
        "--parity-settle",
        metavar="SECONDS",
        help="for stacks that are written to: a row that differs is read again after the SECONDS "
        "that a write takes at most from one to the other, until it agrees or rests",
    )
    group.addoption(
        "--parity-as-of",
        metavar="VALUE",
        help="the value of :as_of in filters: a moment with its zone (2026-11-30T12:00:00Z), a "
        "date, or a whole number",
    )
    group.addoption(
        "--parity-shard",
        metavar="i/n",
        help="make the i-th of n parts of the audit; `tenantparity report merge` joins them",
    )
    group.addoption(
        "--parity-sizes",
        metavar="FILE",
        help="an earlier cab-report.json, whose rows say how large each tenant is to the shards",
    )
    group.addoption(
        "--parity-resume",
        action="store_true",
        help="take over what an interrupted run has proven, by the journal of reports/latest, or "
        "of the directory that --parity-report names",
    )
    group.addoption(
        "--parity-report",
        metavar="DIR",
        help="where the report goes, instead of a new directory for each run in [report] "
        "directory (default: reports); the report of an earlier run is not overwritten",
    )
    group.addoption(
        "--parity-config",
        metavar="FILE",
        help="the settings (default: tenantparity.toml beside the tests, or above them)",
    )


def is_dry_run(config: pytest.Config) -> bool:
    """Whether pytest only lists things, so that no database may be used."""
    return any(config.getoption(name, default=False) for name in _DRY_RUNS)


def asked_for_audit(config: pytest.Config) -> str | None:
    """Return the first given option that requires settings, or None if none is given."""
    options = {
        "--tenants": "tenants",
        "--fail-on-drift": "fail_on_drift",
        "--parity-tables": "parity_tables",
        "--parity-canary": "parity_canary",
        "--parity-config": "parity_config",
        "--parity-resume": "parity_resume",
        "--parity-settle": "parity_settle",
        "--parity-as-of": "parity_as_of",
        "--parity-shard": "parity_shard",
        "--parity-sizes": "parity_sizes",
    }
    return next((name for name, key in options.items() if config.getoption(key)), None)


@dataclass(frozen=True, slots=True)
class CommandLine:
    """The options of one run, read from the command line once.

    - ``tenants``, ``tables``: the values of ``--tenants`` and ``--parity-tables``.
    - ``settle``: the number of seconds that a write may take from one stack to the other.
    - ``as_of``: the value of ``:as_of`` in filters.
    - ``shard``: ``i/n`` for a part of the audit, and ``sizes``, the file with the tenants' sizes.
    - ``resume``: whether proofs of an interrupted run are taken over.
    - ``report``: the directory of the report, instead of a new one.
    """

    tenants: tuple[str, ...]
    tables: tuple[str, ...]
    canary: bool
    settle: float | None
    as_of: AsOf | None
    shard: str | None
    sizes: str | None
    resume: bool
    report: str | None


def command_line(config: pytest.Config) -> CommandLine:
    """Read the options of a run. Raises :class:`SettingsError` for a wrong value."""
    from ..config import AsOf

    as_of: str | None = config.getoption("parity_as_of")
    return CommandLine(
        tenants=tuple(config.getoption("tenants")),
        tables=tuple(config.getoption("parity_tables")),
        canary=bool(config.getoption("parity_canary")),
        settle=read_settle(config.getoption("parity_settle")),
        as_of=None if as_of is None else AsOf.read(as_of),
        shard=config.getoption("parity_shard"),
        sizes=config.getoption("parity_sizes"),
        resume=bool(config.getoption("parity_resume")),
        report=config.getoption("parity_report") or None,
    )


def read_settle(given: str | None) -> float | None:
    """Return the seconds of ``--parity-settle``, or None. Raises :class:`SettingsError`."""
    if given is None:
        return None
    try:
        seconds = float(given)
    except ValueError:
        seconds = nan
    if not 0 < seconds <= _LONGEST_SETTLE:
        raise SettingsError(
            f"--parity-settle={given}: give the seconds that a write takes at most from one stack "
            f"to the other, more than 0 and no more than {_LONGEST_SETTLE:,}, such as 2 or 0.5"
        )
    return seconds


def starting_places(config: pytest.Config) -> list[Path]:
    """Return the folders of the tests on the command line."""
    folder = config.invocation_params.dir
    paths = [folder / argument.partition("::")[0] for argument in config.args]
    return [path if path.is_dir() else path.parent for path in map(Path.resolve, paths)]


def worker_count(config: pytest.Config) -> int:
    """Return how many processes will run tests, including this one if it does."""
    return len(config.getoption("tx", default=None) or ()) or 1
