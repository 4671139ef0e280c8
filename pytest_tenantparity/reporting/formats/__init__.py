"""One module for each report format. A new format is a new module and a line here."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ...model import AuditReport
from . import html_page, markdown

FORMATS: dict[str, Callable[[AuditReport], Iterable[str]]] = {
    "cab-report.html": html_page.render,
    "cab-report.md": markdown.render,
}
"""By the name of the file, the function that returns its text in pieces."""
