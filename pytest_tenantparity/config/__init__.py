"""Settings from ``tenantparity.toml`` and the environment, validated once."""

from .as_of import AsOf
from .loading import load_settings, load_tenants_query
from .settings import (
    Filter,
    KeyMap,
    Settings,
    StackSettings,
    TableSettings,
    Tenancy,
    TenantsQuery,
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
    "TenantsQuery",
    "ThrottleSettings",
    "load_settings",
    "load_tenants_query",
]
