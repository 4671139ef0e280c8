"""``tenantparity report``: what is done with reports after pytest has ended."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..model import Verdict
from ..reporting.merge import MergeRefused, merge_directories
from .groups import CommandGroup
from .terminal import refused, say

report = CommandGroup(help="Reports that pytest has written.")


@report.callback()
def main() -> None:
    """Do nothing. With this callback, typer keeps the name of a group's only command."""


@report.command()
def merge(
    reports: Annotated[
        list[Path],
        typer.Argument(
            metavar="REPORT...", help="cab-report.json files, or directories that hold some"
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="where the whole report goes")] = Path(
        "reports/merged"
    ),
) -> None:
    """Join the reports of all shards (pytest --parity-shard=i/n) into that of the whole audit.

    Ends with 0 if the verdict is GO, with 1 if it is not, with 2 if the reports cannot be joined.
    """
    try:
        merged = merge_directories(reports, out)
    except MergeRefused as error:
        raise refused(str(error)) from None
    except OSError as error:
        raise refused(f"the report could not be written to {out}: {error}") from None
    window = f"read between {merged.run.started} and {merged.run.ended}"
    for line in (merged.headline, *merged.reasons, window, f"report: {out / 'cab-report.html'}"):
        say(line)
    raise typer.Exit(0 if merged.verdict is Verdict.GO else 1)
