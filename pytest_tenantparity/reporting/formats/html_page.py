"""The report as one HTML page that loads no other resource and runs no script."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from ...characters import is_clear, is_escaped, is_visible, on_one_line
from ...errors import counted
from ...model import AuditReport
from ..view import SYMBOLS, ReportView

_PIECES = 1000
"""How many of the template's pieces are joined before they are written."""

_MARKS = {"\n": "↵", "\t": "⇥"}


def marked(text: object, *, breaks: bool = False) -> object:
    """Return ``text`` with a visible mark and the code point for each hidden character.

    The character itself stays in the page, so that a copied value is correct. The character is
    isolated, so that it cannot change the direction of the text around it. With ``breaks``, line
    breaks are marked as well.
    """
    if not isinstance(text, str) or isinstance(text, Markup) or is_clear(text):
        return text
    return Markup("").join(
        escape(each) if is_visible(each) or (each == "\n" and not breaks) else _mark(each)
        for each in text
    )


def _mark(character: str) -> Markup:
    title = _MARKS.get(character, f"U+{ord(character):04X}")
    kept = "" if character == "\0" or "\ud800" <= character <= "\udfff" else character
    return Markup('<span class="point" title="{}">{}</span>').format(title, kept)


@cache
def template() -> Template:
    """Return the page's template, which is compiled once for each process."""
    environment = Environment(
        loader=PackageLoader("pytest_tenantparity.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=marked,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["marked"] = lambda text: marked(text, breaks=True)
    environment.filters["is_escaped"] = is_escaped
    environment.filters["on_one_line"] = on_one_line
    return environment.get_template("cab-report.html.j2")


def render(report: AuditReport) -> Iterator[str]:
    """Yield the page in pieces. All data of tenants are escaped, because they may be hostile."""
    style = (files("pytest_tenantparity.reporting") / "templates" / "cab-report.css").read_text(
        encoding="utf-8"
    )
    page = template().stream(
        view=ReportView(report),
        report=report,
        symbols=SYMBOLS,
        counted=counted,
        style=style,
        style_hash=b64encode(sha256(style.encode()).digest()).decode(),
    )
    page.enable_buffering(_PIECES)
    return page
