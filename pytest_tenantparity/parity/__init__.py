"""The engine: digest, locate, compare. It knows nothing of pytest."""

from .context import Context
from .engine import audit
from .once import Once
from .tolerance import Layer, environment_layer
from .view import TenantView

__all__ = ["Context", "Layer", "Once", "TenantView", "audit", "environment_layer"]
