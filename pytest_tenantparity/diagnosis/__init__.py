"""``tenantparity doctor``: what stands between the settings and an audit, and how to remove it."""

from .examine import examine
from .obstacles import Cure, Diagnosis, Estimate, Means, Obstacle, Severity
from .page import as_data, lines_of

__all__ = [
    "Cure",
    "Diagnosis",
    "Estimate",
    "Means",
    "Obstacle",
    "Severity",
    "as_data",
    "examine",
    "lines_of",
]
