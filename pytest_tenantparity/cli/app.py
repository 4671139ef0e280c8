"""The command ``tenantparity``: one file for each group of commands.

The commands only call functions of other modules.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Annotated

try:
    import typer
except ImportError:
    sys.stderr.write(
        "ERROR: the command tenantparity needs typer: pip install 'pytest-tenantparity[cli]'\n"
    )
    raise SystemExit(2) from None

from .doctor import doctor
from .groups import CommandGroup
from .init import init
from .plan import plan
from .report import report
from .tenants import tenants

app = CommandGroup(
    help="Tenant by tenant, table by table: before and after pytest has made an audit.",
    add_completion=True,
)
app.add_typer(report, name="report")
app.add_typer(tenants, name="tenants")
app.command()(doctor)
app.command()(init)
app.command()(plan)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tenantparity {version('pytest-tenantparity')}")
        raise typer.Exit


@app.callback()
def main(
    print_version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_print_version, help="print the version"),
    ] = False,
) -> None:
    """Print the version, or do nothing."""
    del print_version
