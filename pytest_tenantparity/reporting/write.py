"""Write all formats of a report into one directory, either all of them or none."""

from __future__ import annotations

from pathlib import Path

from ..model import AuditReport
from .drafts import replacing
from .formats import FORMATS, json_file

_JSON = ("evidence.json", "run.json", "cab-report.json")
REPORT_NAMES = (*_JSON, *FORMATS)


def write_report(report: AuditReport, directory: Path) -> None:
    """Write every format. Raises :class:`OSError` if the directory cannot be written."""
    directory.mkdir(parents=True, exist_ok=True)
    with replacing(*(directory / name for name in REPORT_NAMES)) as files:
        json_file.write(report, *files[: len(_JSON)])
        for render, file in zip(FORMATS.values(), files[len(_JSON) :], strict=True):
            # Values are already escaped. An overlooked character must not prevent the report.
            file.writelines(piece.encode("utf-8", "backslashreplace") for piece in render(report))
