"""The places of tenants' rows in a stack."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..config import StackSettings, Tenancy
from ..errors import SettingsError
from ..model import (
    Tenant,
)


@dataclass(frozen=True)
class Place:
    """The location of a tenant's rows in a stack. An empty ``database`` is that of the URL."""

    database: str
    schema: str


def place_of_shared(stack: StackSettings) -> Place:
    """Return the place of the tables that all tenants share."""
    return Place("", stack.schema_name)


def place_of(stack: StackSettings, tenancy: Tenancy, tenant: Tenant | None) -> Place:
    """Return the place of a tenant's rows, or that of the global tables if ``tenant`` is None."""
    if tenant is None or not tenancy.per_place:
        return place_of_shared(stack)
    if tenancy.schema_template is not None:
        return Place("", _fill(tenancy.schema_template, tenant))
    return Place(_fill(tenancy.database or "", tenant), stack.schema_name)


def _fill(template: str, tenant: Tenant) -> str:
    if "{legacy_account}" in template and len(tenant.legacy_accounts) > 1:
        raise SettingsError(
            f"{template!r} needs one legacy account a tenant; {tenant.id!r} has "
            f"{len(tenant.legacy_accounts)}"
        )
    values = {
        "tenant": tenant.id,
        "modern_id": tenant.modern_id,
        "legacy_account": tenant.legacy_accounts[0],
    }
    return re.sub(r"\{(\w+)\}", lambda found: values[found.group(1)], template)
