"""The report: one writer for each format, all from the same model."""

from .atomic_files import remove_drafts, replacing
from .drift.drift_file import DRIFT_NAME, DriftParts, write_drift
from .formats.write_report import REPORT_NAMES, write_report
from .listing import MOST_LISTED, cut_evenly
from .measured import drift_in_words, measured_in_words
from .rerun import rerun_command, shell_line
from .verdict import Plan, build_report
from .view import (
    FEW,
    cause_in_words,
    causes_to_tell,
    counts_of,
    earlier_in_words,
    hints_in_words,
    oddities_of,
    warnings_in_words,
)

__all__ = [
    "DRIFT_NAME",
    "FEW",
    "MOST_LISTED",
    "REPORT_NAMES",
    "DriftParts",
    "Plan",
    "build_report",
    "cause_in_words",
    "causes_to_tell",
    "counts_of",
    "cut_evenly",
    "drift_in_words",
    "earlier_in_words",
    "hints_in_words",
    "measured_in_words",
    "oddities_of",
    "remove_drafts",
    "replacing",
    "rerun_command",
    "shell_line",
    "warnings_in_words",
    "write_drift",
    "write_report",
]
