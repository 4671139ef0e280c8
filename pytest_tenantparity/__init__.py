"""Prove, for each tenant and table, that a migrated database equals its legacy database."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .audit import OpenRun, RunOptions, open_run
    from .config import AsOf, Settings, load_settings
    from .inventory import Selection, select_tenants
    from .mapping.tenant_view import TenantView
    from .model import AuditReport, CheckKey, CheckKind, Evidence, Outcome, Tolerance, Verdict
    from .plugin.fixtures import Parity

# pytest loads the package in every run of its environment, so each name is imported on first use.
_HOMES = {
    "AsOf": "config",
    "AuditReport": "model",
    "CheckKey": "model",
    "CheckKind": "model",
    "Evidence": "model",
    "OpenRun": "audit",
    "Outcome": "model",
    "Parity": "plugin.fixtures",
    "RunOptions": "audit",
    "Selection": "inventory",
    "Settings": "config",
    "TenantView": "mapping.tenant_view",
    "Tolerance": "model",
    "Verdict": "model",
    "load_settings": "config",
    "open_run": "audit",
    "select_tenants": "inventory",
}

__all__ = [
    "AsOf",
    "AuditReport",
    "CheckKey",
    "CheckKind",
    "Evidence",
    "OpenRun",
    "Outcome",
    "Parity",
    "RunOptions",
    "Selection",
    "Settings",
    "TenantView",
    "Tolerance",
    "Verdict",
    "load_settings",
    "open_run",
    "select_tenants",
]


def __dir__() -> list[str]:
    """Return the public names, also those that were not used yet."""
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> object:
    """Import a public name on its first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
