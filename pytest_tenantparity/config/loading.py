"""Load the settings file, and the tenants file beside it."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..errors import SettingsError
from .errors import Source, explain
from .settings import Settings
from .tenants_file import read_tenants
from .utf8 import read_utf8

TABLE_IN_PYPROJECT = ("tool", "tenantparity")


def load_settings(path: Path) -> Settings:
    """Return the validated settings in ``path``.

    Raises :class:`SettingsError` that names the key and its place.
    """
    try:
        text = read_utf8(path)
        content = tomllib.loads(text, parse_float=Decimal)
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: cannot be read as TOML: {error}") from error
    prefix = TABLE_IN_PYPROJECT if path.name == "pyproject.toml" else ()
    for name in prefix:
        content = content.get(name, {})
    own, more = content.get("tenants", {}), _from_tenants_file(path, content)
    if isinstance(own, dict) and more:
        if twice := sorted(own.keys() & more.keys()):
            raise SettingsError(
                f"{path}: the tenant {twice[0]!r} is also in {content['tenants_file']}"
            )
        content |= {"tenants": {**own, **more}}
    try:
        return Settings.model_validate(content)
    except ValidationError as error:
        source = Source(path, text, prefix, tuple(more), content.get("tenants_file", ""))
        raise SettingsError(explain(source, error)) from None


def _from_tenants_file(path: Path, content: dict[str, Any]) -> dict[str, Any]:
    name = content.get("tenants_file")
    return read_tenants(path.parent / name) if isinstance(name, str) else {}
