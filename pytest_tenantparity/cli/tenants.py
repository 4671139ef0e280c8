"""``tenantparity tenants``: the tenants that a query of the settings returns."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from ..config import load_tenants_query
from ..errors import TenantParityError, counted
from ..mapping.tenants_query import COLUMNS, tenants_from
from ..reporting import replacing
from .groups import CommandGroup
from .terminal import refused, say

tenants = CommandGroup(help="The tenants that [tenants_query] returns.")


@tenants.callback()
def main() -> None:
    """Do nothing. With this callback, typer keeps the name of a group's only command."""


@tenants.command()
def export(
    out: Annotated[Path, typer.Option(metavar="FILE", help="the file, .csv or .json")] = Path(
        "tenants.csv"
    ),
    settings: Annotated[Path, typer.Option(metavar="FILE", help="the settings")] = Path(
        "tenantparity.toml"
    ),
    replace: Annotated[bool, typer.Option("--replace", help="replace a file that exists")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="write nothing; say whether the file is still right")
    ] = False,
) -> None:
    """Write the tenants that [tenants_query] returns to the file that tenants_file names.

    The audits of a migration then have the same tenants until the file is exported again. Ends with
    0, with 1 if --check finds another file, with 2 if the query or the file cannot be used.
    """
    try:
        found = tenants_from(load_tenants_query(settings), "tenantparity")
        content = _written(found, out.suffix.lower()).encode()
        if check:
            if out.read_bytes() != content:
                say(f"{out} is not what [tenants_query] returns now; export it again (--replace)")
                raise typer.Exit(1)
            say(f"{out} is what [tenants_query] returns: {counted(len(found), 'tenant')}")
            return
        if out.exists() and not replace:
            raise refused(f"{out} exists; name another file (--out), or replace it (--replace)")
        with replacing(out) as (file,):
            file.write(content)
    except (TenantParityError, OSError) as error:
        raise refused(str(error)) from None
    place = os.path.relpath(out, settings.parent)
    say(f"{counted(len(found), 'tenant')} written; the settings need tenants_file = {place!r}")


def _written(found: list[dict[str, Any]], suffix: str) -> str:
    """Return the content of the file. Raises :class:`typer.Exit` if the format cannot hold it."""
    if suffix == ".json":
        return json.dumps({"tenants": found}, ensure_ascii=False, indent=2) + "\n"
    if suffix != ".csv":
        raise refused(
            f"--out: tenants are written to .csv or .json, not to {suffix or 'no suffix'!r}"
        )
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    for each in found:
        for name, value in each.items():
            for part in value if isinstance(value, list) else [value]:
                if part.strip() != part or ";" in part or not part.isprintable():
                    raise refused(
                        f"--out: the {name} {part!r} of {each['id']!r} cannot stand in a CSV file; "
                        "write a .json file"
                    )
        cells = {**each, "legacy_accounts": ";".join(each["legacy_accounts"])}
        rows.writerow([cells.get(name, "") for name in COLUMNS])
    return text.getvalue()
