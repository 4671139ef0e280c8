"""The report as Markdown, for minutes and mails."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from ...characters import escaped as escaped_text
from ...characters import is_clear, is_escaped, on_one_line, quoted
from ...errors import counted
from ...model import AuditReport
from ..view import SYMBOLS, ReportView, cause_in_words

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#~&])")
_MOST_SPACED = 500  # characters


def escaped(value: object) -> str:
    """Return ``value`` as one line that Markdown shows unchanged. Hidden characters are visible."""
    return _SPECIAL.sub(r"\\\1", on_one_line(" ".join(str(value).splitlines())))


def shown(value: str | None) -> str:
    """Return ``value`` in quotes, and NULL without. Spaces that Markdown would drop are escaped."""
    if value is None:
        return "NULL"
    if "  " in value and len(value) <= _MOST_SPACED and is_clear(value) and not is_escaped(value):
        return escaped_text(value, str.isspace)
    return quoted(value)


@cache
def template() -> Template:
    """Return the template of the text, which is compiled once for each process."""
    environment = Environment(  # noqa: S701 - Markdown: escaped by the filter below
        loader=PackageLoader("pytest_tenantparity.reporting"),
        undefined=StrictUndefined,
        finalize=escaped,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shown"] = shown
    return environment.get_template("cab-report.md.j2")


def render(report: AuditReport) -> Iterator[str]:
    """Yield the text in pieces."""
    return template().generate(
        view=ReportView(report),
        report=report,
        symbols=SYMBOLS,
        counted=counted,
        cause_in_words=cause_in_words,
    )
