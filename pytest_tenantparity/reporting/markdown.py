"""The report as Markdown, for minutes and mails."""

from __future__ import annotations

import re
from collections.abc import Iterator

from jinja2 import Environment, PackageLoader, StrictUndefined

from ..model import AuditReport
from .view import SYMBOLS, ReportView

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#~&])")


def escaped(value: object) -> str:
    """Return text that Markdown shows as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(str(value).splitlines()))


def render(report: AuditReport) -> Iterator[str]:
    """Yield the text, in pieces."""
    environment = Environment(  # noqa: S701 - Markdown: escaped by the filter below
        loader=PackageLoader("pytest_tenantparity.reporting"),
        undefined=StrictUndefined,
        finalize=escaped,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("cab-report.md.j2")
    return template.generate(view=ReportView(report), report=report, symbols=SYMBOLS)
