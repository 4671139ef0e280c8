"""tenantparity.toml and the environment, validated once."""

from .loading import find_settings, load_settings
from .settings import Settings, StackSettings, TableSettings, Tenancy

__all__ = [
    "Settings",
    "StackSettings",
    "TableSettings",
    "Tenancy",
    "find_settings",
    "load_settings",
]
