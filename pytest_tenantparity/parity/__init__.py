"""The audit engine: digest, locate, compare. It does not depend on pytest."""

from .context import Context
from .engine import audit
from .once import Once
from .progress import Scan, Scans
from .tolerance import Layer, environment_layer
from .view import TenantView

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
