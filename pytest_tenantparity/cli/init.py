"""``tenantparity init``: a first draft of the settings, from two databases."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ..drafting import Proposal, Request, propose
from ..drafting.proposal import SETTINGS, files_of
from ..errors import TenantParityError
from ..model import SIDES, Side
from ..reporting import replacing
from .terminal import refused, say


class CI(StrEnum):
    """The services that a file can be written for."""

    GITHUB = "github"
    GITLAB = "gitlab"
    JENKINS = "jenkins"


def init(  # noqa: PLR0913, PLR0917 - the options of a command
    legacy: Annotated[
        str, typer.Option(metavar="URL", help="SQLAlchemy URL of the legacy database")
    ] = "",
    modern: Annotated[
        str, typer.Option(metavar="URL", help="SQLAlchemy URL of the modern database")
    ] = "",
    legacy_schema: Annotated[str, typer.Option(metavar="NAME", help="where its tables are")] = "",
    modern_schema: Annotated[str, typer.Option(metavar="NAME", help="where its tables are")] = "",
    tenant: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="table or column of the tenant, such as customers or account_id"
        ),
    ] = "",
    directory: Annotated[Path, typer.Option(metavar="DIR", help="where the files go")] = Path(),
    ci: Annotated[CI | None, typer.Option(help="also write a file for this service")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="ask nothing")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="replace files that exist")] = False,
) -> None:
    """Write tenantparity.toml, tenants.csv and test_parity.py for two databases.

    Both are read only, and only samples of their rows. What is not sure is commented out in the
    settings, with the reason. Ends with 0, or with 2 if a database cannot be read or a file exists.
    """
    asks = not yes and sys.stdin.isatty()
    urls: dict[Side, str] = {"legacy": legacy, "modern": modern}
    for side in SIDES:
        if not urls[side]:
            urls[side] = typer.prompt(f"URL of the {side} database") if asks else ""
        if not urls[side]:
            raise refused(f"--{side} is missing: the SQLAlchemy URL of a database")
    service = "" if ci is None else ci.value
    if not directory.is_dir():
        raise refused(f"--directory: {directory} is no directory")
    if not replace:
        _require_free(directory, files_of(service), asks=asks)
    request = Request(
        urls=urls,
        schemas={"legacy": legacy_schema, "modern": modern_schema},
        tenant=tenant,
        ci=service,
    )
    try:
        proposal = propose(request)
        if asks and not tenant:
            proposal = _asked(request, proposal)
        for name, text in proposal.files.items():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            with replacing(directory / name) as (file,):
                file.write(text.encode())
    except (TenantParityError, OSError) as error:
        raise refused(str(error)) from None
    for line in _summary(proposal, directory):
        say(line)


def _asked(request: Request, proposal: Proposal) -> Proposal:
    """Return the proposal for the tenant that a person means."""
    say(proposal.summary[0])
    other = typer.prompt("Another table or column for the tenant", default="no")
    return proposal if other == "no" else propose(dataclasses.replace(request, tenant=other))


def _require_free(directory: Path, names: Sequence[str], *, asks: bool) -> None:
    """Raise :class:`typer.Exit` if a file exists, unless a person allows to replace it."""
    there = [name for name in names if (directory / name).exists()]
    if not there or (asks and typer.confirm(f"Replace {', '.join(there)}?", default=False)):
        return
    raise refused(
        f"{', '.join(str(directory / name) for name in there)} would be overwritten; name another "
        "--directory, or replace what is there (--replace)"
    )


def _summary(proposal: Proposal, directory: Path) -> Iterator[str]:
    yield from proposal.summary
    yield ""
    yield f"written  {', '.join(str(directory / name) for name in proposal.files)}"
    if proposal.variables:
        yield f"set      {', '.join(proposal.variables)}"
    here = directory == Path()
    settings = "" if here else f" --settings={shlex.quote(str(directory / SETTINGS))}"
    folder = "" if here else f" {shlex.quote(str(directory))}"
    yield f"next     tenantparity plan --tenants=all{settings}"
    yield f"         pytest --tenants=cohort-1 --fail-on-drift{folder}"
