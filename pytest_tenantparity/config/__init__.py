"""Settings from ``tenantparity.toml`` and the environment, validated once."""

from .as_of import AsOf
from .loading import load_settings
from .settings import (
    Filter,
    KeyMap,
    Settings,
    StackSettings,
    TableSettings,
    Tenancy,
    ThrottleSettings,
)

__all__ = [
    "AsOf",
    "Filter",
    "KeyMap",
    "Settings",
    "StackSettings",
    "TableSettings",
    "Tenancy",
    "ThrottleSettings",
    "load_settings",
]
