"""All formats of a report into one directory, each file whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..model import AuditReport
from . import html_page, json_file, markdown
from .whole_file import whole_file

_WRITERS = {
    "cab-report.json": json_file.render,
    "cab-report.html": html_page.render,
    "cab-report.md": markdown.render,
}
REPORT_NAMES = tuple(_WRITERS)


def write_report(report: AuditReport, directory: Path) -> None:
    """Write every format; raises :class:`OSError` where the directory cannot be written."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, render in _WRITERS.items():
        _replace(directory / name, render(report))


def _replace(path: Path, pieces: Iterable[str]) -> None:
    with whole_file(path) as file:
        # Values are escaped long before; nothing that was overlooked may cost the report.
        file.writelines(piece.encode("utf-8", "backslashreplace") for piece in pieces)
