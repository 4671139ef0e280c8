"""The audit engine: digest, locate, compare. It does not depend on pytest."""

from ..mapping.tenant_queries import TenantView
from .audit import audit
from .cache import Once
from .compare.tolerance import Layer, environment_layer
from .progress import Scan, Scans
from .run import Context

__all__ = [
    "Context",
    "Layer",
    "Once",
    "Scan",
    "Scans",
    "TenantView",
    "audit",
    "environment_layer",
]
