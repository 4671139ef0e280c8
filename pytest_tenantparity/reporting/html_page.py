"""The report as one page of HTML that asks for nothing and runs nothing."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined

from ..model import AuditReport
from .view import SYMBOLS, ReportView


def render(report: AuditReport) -> Iterator[str]:
    """Yield the page, in pieces. Tenants' data are hostile text: all of it is escaped."""
    style = (files(__package__) / "templates" / "cab-report.css").read_text(encoding="utf-8")
    environment = Environment(
        loader=PackageLoader("pytest_tenantparity.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("cab-report.html.j2").generate(
        view=ReportView(report),
        report=report,
        symbols=SYMBOLS,
        style=style,
        style_hash=b64encode(sha256(style.encode()).digest()).decode(),
    )
