"""``tenantparity doctor``: what stands between the settings and an audit, and how to remove it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Annotated

import typer

from ..config import AsOf
from ..diagnosis import as_data, examine, lines_of
from ..errors import TenantParityError
from .terminal import refused, say

_NARROWEST, _WIDEST = 60, 120


def doctor(
    settings: Annotated[Path, typer.Option(help="the settings")] = Path("tenantparity.toml"),
    as_of: Annotated[
        str | None, typer.Option(help="the value of :as_of in filters, as for --parity-as-of")
    ] = None,
    whole: Annotated[bool, typer.Option("--all", help="cut no list")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON document")] = False,
) -> None:
    """Print what stands between the settings and an audit: every cause once, with its cure.

    Both stacks are read only. Ends with 0 if nothing is in the way, with 1 if something is, or with
    2 if there are no settings.
    """
    try:
        found = examine(settings, as_of=None if as_of is None else AsOf.read(as_of))
    except (TenantParityError, OSError) as error:
        raise refused(str(error)) from None
    if as_json:
        typer.echo(json.dumps(as_data(found), indent=2))
    else:
        width = min(max(shutil.get_terminal_size().columns, _NARROWEST), _WIDEST)
        for line in lines_of(found, width, whole=whole):
            say(line)
    raise typer.Exit(0 if found.is_clear else 1)
