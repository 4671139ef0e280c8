"""tenantparity.toml and the environment, validated once."""

from .loading import load_settings
from .settings import KeyMap, Settings, StackSettings, TableSettings, Tenancy

__all__ = [
    "KeyMap",
    "Settings",
    "StackSettings",
    "TableSettings",
    "Tenancy",
    "load_settings",
]
