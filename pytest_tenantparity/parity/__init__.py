"""Whether rows are equal: digest, locate, compare. It does not depend on pytest."""

from ..mapping.tenant_view import TenantView
from .audit import Audit
from .cache import SharedCache
from .compare.tolerance import Layer, environment_layer
from .progress import Scan, Scans
from .run import Run

__all__ = [
    "Audit",
    "Layer",
    "Run",
    "Scan",
    "Scans",
    "SharedCache",
    "TenantView",
    "environment_layer",
]
