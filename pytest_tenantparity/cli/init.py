"""``tenantparity init``: a first draft of the settings, from two databases."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ..drafting import Request, propose
from ..drafting.proposal import files_of
from ..errors import TenantParityError
from ..reporting import replacing
from .terminal import refused, say


class CI(StrEnum):
    """The services that a file can be written for."""

    GITHUB = "github"
    GITLAB = "gitlab"
    JENKINS = "jenkins"


def init(  # noqa: PLR0913, PLR0917 - the options of a command
    legacy: Annotated[str, typer.Option(help="SQLAlchemy URL of the legacy database")] = "",
    modern: Annotated[str, typer.Option(help="SQLAlchemy URL of the modern database")] = "",
    legacy_schema: Annotated[str, typer.Option(help="where its tables are")] = "",
    modern_schema: Annotated[str, typer.Option(help="where its tables are")] = "",
    tenant: Annotated[
        str, typer.Option(help="table or column of the tenant, such as customers or account_id")
    ] = "",
    directory: Annotated[Path, typer.Option(help="where the files go")] = Path(),
    ci: Annotated[CI | None, typer.Option(help="also write a file for this service")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="ask nothing")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="replace files that exist")] = False,
) -> None:
    """Write tenantparity.toml, tenants.csv and test_parity.py for two databases.

    Both are read only, and only samples of their rows. What is not sure is commented out in the
    settings, with the reason. Ends with 0, or with 2 if a database cannot be read or a file exists.
    """
    asks = not yes and sys.stdin.isatty()
    if asks:
        legacy = legacy or typer.prompt("URL of the legacy database")
        modern = modern or typer.prompt("URL of the modern database")
    for name, url in (("--legacy", legacy), ("--modern", modern)):
        if not url:
            raise refused(f"{name} is missing: the SQLAlchemy URL of a database")
    if not directory.is_dir():
        raise refused(f"--directory: {directory} is no directory")
    service = "" if ci is None else ci.value
    there = [name for name in files_of(service) if (directory / name).exists()]
    if there and not replace:
        question = f"Replace {', '.join(there)}?"
        if not asks or not typer.confirm(question, default=False):
            raise refused(
                f"{', '.join(str(directory / name) for name in there)} would be overwritten; name "
                "another --directory, or replace what is there (--replace)"
            )
    request = Request(
        urls={"legacy": legacy, "modern": modern},
        schemas={"legacy": legacy_schema, "modern": modern_schema},
        tenant=tenant,
        ci=service,
    )
    try:
        proposal = propose(request)
        if asks and not tenant:
            say(proposal.summary[0])
            other = typer.prompt("Another table or column for the tenant", default="no")
            if other != "no":
                proposal = propose(Request(**{**vars(request), "tenant": other}))
        for name, text in proposal.files.items():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            with replacing(directory / name) as (file,):
                file.write(text.encode())
    except (TenantParityError, OSError) as error:
        raise refused(str(error)) from None
    for line in proposal.summary:
        say(line)
    say("")
    say(f"Written: {', '.join(str(directory / name) for name in proposal.files)}")
    if proposal.variables:
        say(f"Set before an audit: {', '.join(proposal.variables)}")
    where = "" if directory == Path() else f" --settings={directory / 'tenantparity.toml'}"
    folder = "" if directory == Path() else f" {directory}"
    say("Next:")
    say(f"  tenantparity plan --tenants=all{where}")
    say(f"  pytest --tenants=cohort-1 --fail-on-drift{folder}")
