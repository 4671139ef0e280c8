"""Reads the settings."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..errors import SettingsError
from .explain import explain
from .settings import Settings
from .tenants_file import read_tenants

TABLE_IN_PYPROJECT = ("tool", "tenantparity")


def load_settings(path: Path) -> Settings:
    """Read and validate one file; raises :class:`SettingsError` naming the key and the place."""
    try:
        text = path.read_text(encoding="utf-8")
        content = tomllib.loads(text, parse_float=Decimal)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read as TOML: {error}") from error
    prefix = TABLE_IN_PYPROJECT if path.name == "pyproject.toml" else ()
    for name in prefix:
        content = content.get(name, {})
    content = _with_tenants_file(path, content)
    try:
        return Settings.model_validate(content)
    except ValidationError as error:
        raise SettingsError(explain(path, text, prefix, error)) from None


def _with_tenants_file(path: Path, content: dict[str, Any]) -> dict[str, Any]:
    name = content.get("tenants_file")
    if not isinstance(name, str):
        return content
    more = read_tenants(path.parent / name)
    own = content.get("tenants", {})
    if isinstance(own, dict) and (twice := sorted(own.keys() & more.keys())):
        raise SettingsError(f"{path}: the tenant {twice[0]!r} is also in {name}")
    return content | {"tenants": {**own, **more}}
