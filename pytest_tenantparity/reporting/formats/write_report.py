"""The formats of a report, and the function that writes all of them or none.

A new format is a new module in this folder, and a line in :data:`FORMATS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from ...model import AuditReport
from ..atomic_files import replacing
from . import html_page, json_file, markdown

_JSON = ("evidence.json", "run.json", "cab-report.json")
FORMATS: dict[str, Callable[[AuditReport], Iterable[str]]] = {
    "cab-report.html": html_page.render,
    "cab-report.md": markdown.render,
}
"""By the name of the file, the function that returns its text in pieces."""

REPORT_NAMES = (*_JSON, *FORMATS)


def write_report(report: AuditReport, directory: Path) -> None:
    """Write every format. Raises :class:`OSError` if the directory cannot be written."""
    directory.mkdir(parents=True, exist_ok=True)
    with replacing(*(directory / name for name in REPORT_NAMES)) as files:
        json_file.write(report, *files[: len(_JSON)])
        for render, file in zip(FORMATS.values(), files[len(_JSON) :], strict=True):
            # Values are already escaped. An overlooked character must not prevent the report.
            file.writelines(piece.encode("utf-8", "backslashreplace") for piece in render(report))
