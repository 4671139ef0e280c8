"""The report: one writer a format, all of them from the same model."""

from .build import build_report
from .view import again, drift_in_words
from .write import REPORT_NAMES, write_report

__all__ = ["REPORT_NAMES", "again", "build_report", "drift_in_words", "write_report"]
