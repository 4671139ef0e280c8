"""The JSON Schema of the settings, and the allowed keys of each table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .settings import Settings


def settings_schema() -> dict[str, Any]:
    """Return the JSON Schema that editors use for ``tenantparity.toml``."""
    schema = Settings.model_json_schema(by_alias=True)
    tenancy = schema["$defs"]["Tenancy"]
    schema["$defs"]["Tenancy"] = {"anyOf": [{"const": "global"}, tenancy]}
    account = {"type": ["string", "integer"], "description": "one account, instead of a list"}
    schema["$defs"]["TenantSettings"]["properties"]["legacy_account"] = account
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def allowed_keys(loc: Sequence[str]) -> list[str]:
    """Return the keys that the settings allow at a place such as ``("tables", "trades")``."""
    schema = Settings.model_json_schema(by_alias=True)
    node: dict[str, Any] = schema
    for part in loc:
        node = _descend(schema, node, part)
    return sorted(_resolve(schema, node).get("properties", {}))


def _descend(schema: dict[str, Any], node: dict[str, Any], part: str) -> dict[str, Any]:
    node = _resolve(schema, node)
    child = node.get("properties", {}).get(part)
    return child if child is not None else _any_key(node)


def _any_key(node: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of the values in a table with free names.

    pydantic writes it as ``patternProperties`` or as ``additionalProperties``.
    """
    patterned = next(iter(node.get("patternProperties", {}).values()), None)
    extra = node.get("additionalProperties")
    child = patterned if patterned is not None else extra
    return child if isinstance(child, dict) else {}


def _resolve(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """Follow references. Among alternatives, return the one that is an object with properties."""
    if "$ref" in node:
        found: dict[str, Any] = schema["$defs"][node["$ref"].rpartition("/")[2]]
        return found
    for option in node.get("anyOf", []):
        resolved = _resolve(schema, option)
        if "properties" in resolved:
            return resolved
    return node
