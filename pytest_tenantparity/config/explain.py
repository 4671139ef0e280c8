"""Says what is wrong with the settings: where, what was found, what is allowed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ..errors import did_you_mean
from .settings import Settings
from .toml_lines import line_of


def explain(path: Path, text: str, prefix: Sequence[str], error: ValidationError) -> str:
    """Return one line for each error: the place, the key, what was found, what is allowed."""
    details = error.errors(include_url=False)
    return "\n".join(_explain_one(path, text, prefix, detail) for detail in details)


def _explain_one(path: Path, text: str, prefix: Sequence[str], detail: ErrorDetails) -> str:
    loc = [str(part) for part in detail["loc"] if part != "[key]"]
    line = line_of(text, [*prefix, *loc])
    place = f"{path}:{line}" if line else f"{path}"
    table = ".".join([*prefix, *loc[:-1]])
    key = f"[{table}] {loc[-1]}" if table and loc else (loc[-1] if loc else "the file")
    return f"{place}: {key}: {_message(detail, loc)}"


def _message(detail: ErrorDetails, loc: Sequence[str]) -> str:
    if detail["type"] == "extra_forbidden":
        allowed = allowed_keys(loc[:-1])
        return f"unknown key.{did_you_mean(loc[-1], allowed)} Allowed: {', '.join(allowed)}"
    if detail["type"] == "missing":
        return "is required"
    message = detail["msg"].removeprefix("Value error, ")
    found = detail["input"]
    if detail["type"] == "value_error" or isinstance(found, dict | list):
        return message
    return f"found {str(found)!r}; {message[0].lower()}{message[1:]}"


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
    """What a table of free names holds. Patterned names come as patternProperties."""
    patterned = next(iter(node.get("patternProperties", {}).values()), None)
    extra = node.get("additionalProperties")
    child = patterned if patterned is not None else extra
    return child if isinstance(child, dict) else {}


def _resolve(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """Follow references, and the one object among alternatives."""
    if "$ref" in node:
        found: dict[str, Any] = schema["$defs"][node["$ref"].rpartition("/")[2]]
        return found
    for option in node.get("anyOf", []):
        resolved = _resolve(schema, option)
        if "properties" in resolved:
            return resolved
    return node


def settings_schema(model: type[BaseModel] = Settings) -> dict[str, Any]:
    """Return the JSON Schema that editors use for ``tenantparity.toml``."""
    schema = model.model_json_schema(by_alias=True)
    tenancy = schema["$defs"]["Tenancy"]
    schema["$defs"]["Tenancy"] = {"anyOf": [{"const": "global"}, tenancy]}
    account = {"type": ["string", "integer"], "description": "one account, instead of a list"}
    schema["$defs"]["TenantSettings"]["properties"]["legacy_account"] = account
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
