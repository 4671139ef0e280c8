"""``tenantparity plan``: the checks of a selection, with the tables that both stacks have."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from ..audit import RunOptions, open_run
from ..config import AsOf, load_settings
from ..errors import TenantParityError
from ..inventory import read_terms, select_tenants
from ..model import CheckKey, CheckKind
from .terminal import refused, say

_KINDS = {
    CheckKind.ROWS: "rows",
    CheckKind.UNASSIGNED: "rows of no tenant",
    CheckKind.COVERAGE: "tables in no pair",
    CheckKind.CANARY: "canary",
}


def plan(
    tenants: Annotated[
        list[str] | None,
        typer.Option(metavar="WHICH", help="cohorts and tenants, as for pytest --tenants"),
    ] = None,
    settings: Annotated[Path, typer.Option(metavar="FILE", help="the settings")] = Path(
        "tenantparity.toml"
    ),
    as_of: Annotated[
        str | None,
        typer.Option(metavar="VALUE", help="the value of :as_of in filters, as for --parity-as-of"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON document")] = False,
) -> None:
    """Print the checks of a selection. The stacks are opened, and no row is compared.

    Ends with 0, or with 2 if the settings or a stack cannot be used.
    """
    try:
        known = load_settings(settings)
        terms = read_terms("--tenants", tenants or [], Path.cwd())
        chosen = select_tenants(known, terms, canary=known.canary)
        options = RunOptions(as_of=None if as_of is None else AsOf.read(as_of))
        with open_run(known, chosen, options) as run:
            checks = run.checks
            lost = [why for each in run.audit.run.stacks.values() for why in each.unavailable]
    except (TenantParityError, OSError) as error:
        raise refused(str(error)) from None
    if lost:
        raise refused("; ".join(lost))
    if as_json:
        rows = [{"kind": k.kind.value, "tenant": k.tenant, "table": k.subject} for k in checks]
        typer.echo(json.dumps({"checks": rows}, indent=2))
        return
    for line in _lines(checks):
        say(line)


def _lines(checks: Sequence[CheckKey]) -> Iterator[str]:
    """Yield a table of the checks, and their number."""
    head = ("CHECK", "TENANT", "TABLE")
    rows = [(_KINDS[each.kind], each.tenant or "-", each.subject or "-") for each in checks]
    widths = [max(len(row[n]) for row in (head, *rows)) for n in range(len(head))]
    for row in (head, *rows):
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
    yield f"{len(rows):,} checks"
