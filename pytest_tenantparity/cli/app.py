"""The command ``tenantparity``, which works on reports after pytest has ended.

The commands only call functions of other modules.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from ..characters import on_one_line
from ..model import Verdict
from ..reporting.merge import MergeRefused, merge_directories

try:
    import typer
except ImportError:
    sys.stderr.write(
        "ERROR: the command tenantparity needs typer: pip install 'pytest-tenantparity[cli]'\n"
    )
    raise SystemExit(2) from None

app = typer.Typer(
    help="Tenant by tenant, table by table: what is done with the reports of an audit.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
report = typer.Typer(no_args_is_help=True, help="Reports that pytest has written.")
app.add_typer(report, name="report")


@app.callback()
def main() -> None:
    """Do nothing. With this callback, typer keeps a group's name even if it is the only group."""


@report.command()
def merge(
    reports: Annotated[
        list[Path], typer.Argument(help="cab-report.json files, or directories that hold some")
    ],
    out: Annotated[Path, typer.Option(help="where the whole report goes")] = Path("reports/merged"),
) -> None:
    """Join the reports of all shards (pytest --parity-shard=i/n) into that of the whole audit.

    Ends with 0 if the verdict is GO, with 1 if it is not, with 2 if the reports cannot be joined.
    """
    try:
        merged = merge_directories(reports, out)
    except MergeRefused as error:
        raise _refused(str(error)) from None
    except OSError as error:
        raise _refused(f"the report could not be written to {out}: {error}") from None
    window = f"read between {merged.run.started} and {merged.run.ended}"
    for line in (merged.headline, *merged.reasons, window, f"report: {out / 'cab-report.html'}"):
        _say(line)
    raise typer.Exit(0 if merged.verdict is Verdict.GO else 1)


def _say(line: str) -> None:
    """Print ``line`` to a terminal of any encoding, with hidden characters as code points."""
    encoding = sys.stdout.encoding or "utf-8"
    typer.echo(on_one_line(line).encode(encoding, "backslashreplace").decode(encoding))


def _refused(why: str) -> typer.Exit:
    typer.echo(f"ERROR: {on_one_line(why)}", err=True)
    return typer.Exit(2)
