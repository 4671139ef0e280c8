"""All formats of a report into one directory: all of them whole, or none of them new."""

from __future__ import annotations

from pathlib import Path

from ..model import AuditReport
from . import html_page, json_file, markdown
from .drafts import replacing

_WRITERS = {
    "cab-report.json": json_file.render,
    "cab-report.html": html_page.render,
    "cab-report.md": markdown.render,
}
REPORT_NAMES = tuple(_WRITERS)


def write_report(report: AuditReport, directory: Path) -> None:
    """Write every format; raises :class:`OSError` where the directory cannot be written."""
    directory.mkdir(parents=True, exist_ok=True)
    with replacing(*(directory / name for name in _WRITERS)) as files:
        for render, file in zip(_WRITERS.values(), files, strict=True):
            # Values are escaped long before; nothing that was overlooked may cost the report.
            file.writelines(piece.encode("utf-8", "backslashreplace") for piece in render(report))
